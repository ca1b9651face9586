/* Captures and traces, the control thread's side: filters are compiled by a builder of their own
 * (a name in one is looked up, which may take seconds), workers get what they need by one store,
 * and what they may still see is freed after a grace period.
 *
 * A change of either makes a new set for all workers; a worker's state in it begins anew then. */
#include "dataplane/internal.h"
#include "dataplane/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>

/* Of memory for copies: for each worker, and for each of many. */
enum {
	FEW_WORKERS = 4,
	CAPTURE_SPACE = 4 << 20,
	CAPTURE_SPACE_OF_MANY = 1 << 20,
	TRACE_SPACE = 1 << 18,
	WHY_SIZE = 256,
	TRACES_EACH = 2, // one where a packet is handed over, one where its way ends
	COMPARE_CLOCKS_HZ = 100,
};

struct dp_watcher {
	struct builder_job job;
	struct dp *dp;
	unsigned refs; // its user's, the job's, and those of sets
	bool is_trace;
	char text[DP_MAX_FILTER + 1];
	unsigned count; // of a trace
	struct dp_capture_options options;
	enum dp_watch_state state;
	int error; // of the job
	char why[WHY_SIZE];
	struct dp_filter filter;
	struct dp_memory memory; // tapes, and their bytes
	struct dp_tape *tapes;   // by worker
	unsigned taken_from;     // whose oldest record is to be taken away; n_workers: none
	uint64_t clock_tsc;      // the same moment in two clocks, of late
	int64_t clock_ns;
};

struct dp_watch_set {
	struct dp_watcher *capture, *trace; // references
	struct dp_watch *each;              // by worker
	uint64_t token;                     // when retired
	struct dp_watch_set *next;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void put(struct dp_watcher *w) ON_CONTROL;
static void free_set(struct dp_watch_set *s) ON_CONTROL;
static int swap_set(struct dp *dp) ON_CONTROL;
static void compile(struct builder_job *job) ON_BUILDER;
static void on_compiled(struct builder_job *job) ON_CONTROL;
static int start(struct dp_watcher *w, struct dp_watcher **slot) ON_CONTROL;

/* ---- memory ---------------------------------------------------------------------------------- */

static void put(struct dp_watcher *w)
{
	if (!w || --w->refs > 0)
		return;
	dp_filter_fini(&w->filter);
	dp_memory_unmap(&w->memory);
	free(w);
}

static void free_set(struct dp_watch_set *s)
{
	if (!s)
		return;
	put(s->capture);
	put(s->trace);
	free(s->each);
	free(s);
}

static uint32_t space_of(const struct dp_watcher *w)
{
	if (w->is_trace)
		return TRACE_SPACE;
	return w->dp->n_workers <= FEW_WORKERS ? CAPTURE_SPACE : CAPTURE_SPACE_OF_MANY;
}

/* With every page there: a worker would wait for it. */
static int make_tapes(struct dp_watcher *w)
{
	const struct dp_memory_policy policy = {.use_hugetlb = false};
	unsigned n = w->dp->n_workers;
	size_t heads = n * sizeof(*w->tapes);
	char *bytes;

	if (dp_memory_map(heads + (size_t)n * space_of(w), &policy, &w->memory) < 0)
		return -ENOMEM;
	memset(w->memory.start, 0, w->memory.len_bytes);
	w->tapes = w->memory.start;
	bytes = (char *)w->memory.start + heads;
	for (unsigned i = 0; i < n; i++)
		dp_tape_init(&w->tapes[i], bytes + (size_t)i * space_of(w), space_of(w));
	return 0;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static struct dp_watcher *get_if_on(struct dp_watcher *w)
{
	if (!w || w->state != DP_WATCH_ON)
		return NULL;
	w->refs++;
	return w;
}

static void fill(struct dp_watch *each, const struct dp_watch_set *s, unsigned worker)
{
	*each = (struct dp_watch){.port = DP_NO_ID};
	if (s->capture) {
		each->capture_filter = &s->capture->filter;
		each->capture_tape = &s->capture->tapes[worker];
		each->port = s->capture->options.port;
		each->has_in = s->capture->options.has_in;
		each->has_out = s->capture->options.has_out;
		each->snaplen = s->capture->options.snaplen;
	}
	if (s->trace) {
		each->trace_filter = &s->trace->filter;
		each->trace_tape = &s->trace->tapes[worker];
		each->traces_left = TRACES_EACH * s->trace->count;
	}
}

/* For what is on; *ret is NULL if nothing is. */
static int new_set(struct dp *dp, struct dp_watch_set **ret) ON_CONTROL;
static int new_set(struct dp *dp, struct dp_watch_set **ret)
{
	struct dp_watch_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->each = calloc(dp->n_workers, sizeof(*s->each));
	if (!s->each) {
		free(s);
		return -ENOMEM;
	}
	s->capture = get_if_on(dp->capture);
	s->trace = get_if_on(dp->trace);
	for (unsigned i = 0; i < dp->n_workers; i++)
		fill(&s->each[i], s, i);
	if (!s->capture && !s->trace) {
		free_set(s);
		s = NULL;
	}
	*ret = s;
	return 0;
}

/* Gives the workers what is on now. -ENOMEM: they keep what they have. */
static int swap_set(struct dp *dp)
{
	struct dp_watch_set *old = dp->watching, *next = NULL, **tail = &dp->unwatched;
	int r = new_set(dp, &next);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < dp->n_workers; i++)
		// pairs with the acquire in dp_worker_turn()
		__atomic_store_n(&dp->workers[i]->next_watch, next ? &next->each[i] : NULL,
			__ATOMIC_RELEASE);
	dp->watching = next;
	if (!old)
		return 0;
	old->token = rte_rcu_qsbr_start(dp->rcu);
	while (*tail)
		tail = &(*tail)->next;
	*tail = old;
	return 0;
}

void dp_watch_reap(struct dp *dp)
{
	if (dp->filter_builder) // whoever asked may have gone
		builder_take(dp->filter_builder);
	while (dp->unwatched && rte_rcu_qsbr_check(dp->rcu, dp->unwatched->token, false)) {
		struct dp_watch_set *gone = dp->unwatched;

		dp->unwatched = gone->next;
		free_set(gone);
	}
}

void dp_watch_fini(struct dp *dp)
{
	if (dp->filter_builder)
		builder_free(dp->filter_builder);
	while (dp->unwatched) {
		struct dp_watch_set *gone = dp->unwatched;

		dp->unwatched = gone->next;
		free_set(gone);
	}
	free_set(dp->watching);
	dp->watching = NULL;
}

/* ---- starting -------------------------------------------------------------------------------- */

static void compile(struct builder_job *job)
{
	struct dp_watcher *w = (struct dp_watcher *)job;

	w->error = dp_filter_init(&w->filter, w->text, w->why, sizeof(w->why));
	if (w->error == 0)
		w->error = make_tapes(w);
	if (w->error == -ENOMEM)
		(void)strcpy(w->why, "out of memory");
}

static void set_clock(struct dp_watcher *w)
{
	struct timespec now;

	w->clock_tsc = rte_rdtsc();
	(void)clock_gettime(CLOCK_REALTIME, &now);
	w->clock_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool is_wanted(const struct dp_watcher *w)
{
	return w->dp->capture == w || w->dp->trace == w;
}

static void on_compiled(struct builder_job *job)
{
	struct dp_watcher *w = (struct dp_watcher *)job;

	w->state = w->error == 0 ? DP_WATCH_ON : DP_WATCH_REFUSED;
	set_clock(w);
	if (w->error == 0 && is_wanted(w) && swap_set(w->dp) < 0) {
		w->state = DP_WATCH_REFUSED;
		(void)strcpy(w->why, "out of memory");
	}
	put(w);
}

static int start(struct dp_watcher *w, struct dp_watcher **slot)
{
	struct dp *dp = w->dp;
	int r = 0;

	w->job = (struct builder_job){compile, on_compiled};
	w->taken_from = dp->n_workers;
	w->refs = 2;
	if (!dp->filter_builder)
		r = builder_new(&dp->filter_builder);
	if (r == 0)
		r = builder_give(dp->filter_builder, &w->job);
	if (r < 0) {
		free(w);
		return r;
	}
	*slot = w;
	return 0;
}

/* Without its options; -errno. */
static int new_watcher(struct dp *dp, const char *filter, bool is_busy, struct dp_watcher **ret)
{
	struct dp_watcher *w;

	if (dp->n_workers == 0)
		return -EOPNOTSUPP;
	if (is_busy)
		return -EBUSY;
	if (strlen(filter) > DP_MAX_FILTER)
		return -E2BIG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->dp = dp;
	(void)strcpy(w->text, filter);
	*ret = w;
	return 0;
}

int dp_watch_capture(
	struct dp *dp, const struct dp_capture_options *options, struct dp_watcher **ret_watcher)
{
	struct dp_watcher *w = NULL;
	int r = new_watcher(dp, options->filter, dp->capture != NULL, &w);

	if (r < 0)
		return r;
	w->options = *options;
	w->options.filter = w->text;
	r = start(w, &dp->capture);
	if (r == 0)
		*ret_watcher = w;
	return r;
}

int dp_watch_trace(
	struct dp *dp, const char *filter, unsigned count, struct dp_watcher **ret_watcher)
{
	struct dp_watcher *w = NULL;
	int r = new_watcher(dp, filter, dp->trace != NULL, &w);

	if (r < 0)
		return r;
	w->is_trace = true;
	w->count = count;
	r = start(w, &dp->trace);
	if (r == 0)
		*ret_watcher = w;
	return r;
}

void dp_watch_stop(struct dp_watcher *w)
{
	struct dp *dp;

	if (!w)
		return;
	dp = w->dp;
	if (dp->capture == w)
		dp->capture = NULL;
	if (dp->trace == w)
		dp->trace = NULL;
	// out of memory: workers go on with it until the next change
	if (w->state == DP_WATCH_ON)
		(void)swap_set(dp);
	put(w);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum dp_watch_state dp_watch_poll(struct dp_watcher *w, const char **ret_why)
{
	if (w->state == DP_WATCH_STARTING)
		builder_take(w->dp->filter_builder);
	if (w->state == DP_WATCH_REFUSED)
		*ret_why = w->why;
	return w->state;
}

/* The oldest record of all workers; every record begins with its TSC. */
static const void *oldest(struct dp_watcher *w)
{
	const void *found = NULL;
	uint64_t oldest_tsc = 0;
	uint32_t len;

	if (w->state != DP_WATCH_ON)
		return NULL;
	if (w->taken_from < w->dp->n_workers)
		dp_tape_take(&w->tapes[w->taken_from]);
	w->taken_from = w->dp->n_workers;
	for (unsigned i = 0; i < w->dp->n_workers; i++) {
		const void *r = dp_tape_peek(&w->tapes[i], &len);
		uint64_t tsc;

		if (!r)
			continue;
		memcpy(&tsc, r, sizeof(tsc));
		if (found && (int64_t)(tsc - oldest_tsc) >= 0)
			continue;
		found = r;
		oldest_tsc = tsc;
		w->taken_from = i;
	}
	return found;
}

/* The clocks are compared again and again: the frequency may be off by a thousandth, and the clock
 * of the day is set. */
static int64_t time_of(struct dp_watcher *w, uint64_t tsc)
{
	const uint64_t hz = rte_get_tsc_hz();
	__int128 passed;

	if (rte_rdtsc() - w->clock_tsc > hz / COMPARE_CLOCKS_HZ)
		set_clock(w);
	passed = (int64_t)(tsc - w->clock_tsc);
	return w->clock_ns + (int64_t)(passed * 1000000000 / (int64_t)hz);
}

bool dp_watch_next_packet(struct dp_watcher *w, struct dp_capture_packet *ret)
{
	const struct dp_copy *c = oldest(w);

	if (!c)
		return false;
	*ret = (struct dp_capture_packet){
		.at_ns = time_of(w, c->tsc),
		.worker = w->taken_from,
		.port = c->port,
		.point = c->point,
		.why = c->why,
		.service = c->service,
		.server = c->server,
		.frame_len = c->frame_len,
		.n_bytes = c->n_bytes,
		.bytes = (const uint8_t *)(c + 1),
	};
	return true;
}

bool dp_watch_next_trace(struct dp_watcher *w, struct dp_trace *ret)
{
	const struct dp_trace_record *r = oldest(w);

	if (!r)
		return false;
	*ret = r->t;
	ret->at_ns = time_of(w, r->tsc);
	return true;
}

uint64_t dp_watch_lost(const struct dp_watcher *w)
{
	uint64_t n = 0;

	for (unsigned i = 0; w->state == DP_WATCH_ON && i < w->dp->n_workers; i++)
		n += dp_tape_lost(&w->tapes[i]);
	return n;
}
