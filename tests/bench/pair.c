/* Two workers on two CPUs. The first runs here, the second on the other lcore; both start a segment
 * at the same time. What counts on a CPU are the turns that found packets: waiting for the other
 * one is not work. */
#include "tests/bench/cases.h"
#include "tests/bench/drive.h"

#include "dataplane/owner.h"

#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_pause.h>

enum { WORKERS = WORLD_MAX_WORKERS, HEAD_START = 20000, SEGMENTS_A_TURN = 32, FLUSH_TURNS = 256 };

/* What one worker does in a segment. */
struct task {
	struct world *w;
	struct measure_probe *probe;
	unsigned index;
	unsigned n; // packets it sees; 0: nothing to do
	uint64_t start_tsc;
	uint64_t busy, elapsed;
	bool is_quiet;
};

/* The other lcore waits for orders: `order` counts them, `done` follows. */
struct crew {
	struct task tasks[WORKERS];
	uint32_t order; // atomic
	uint32_t done;  // atomic
	bool must_stop; // atomic
};

static void run_task(struct task *t)
{
	struct dp_worker *worker = t->w->dp.workers[t->index];
	uint64_t start, now;

	t->is_quiet = measure_before(t->probe);
	while (rte_rdtsc() < t->start_tsc)
		rte_pause();
	start = now = rte_rdtsc();
	t->busy = 0;
	for (unsigned done = 0; done < t->n;) {
		unsigned n = dp_worker_turn(worker, t->w->clock + (now - start));
		uint64_t then = now;

		now = rte_rdtsc();
		done += n;
		t->busy += n > 0 ? now - then : 0;
	}
	t->elapsed = now - start;
	t->is_quiet &= measure_after(t->probe);
}

static int serve(void *arg)
{
	struct crew *c = arg;
	uint32_t seen = 0;

	// both pair with the releases in run_both() and dismiss()
	while (!__atomic_load_n(&c->must_stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&c->order, __ATOMIC_ACQUIRE) == seen) {
			rte_pause();
			continue;
		}
		seen++;
		run_task(&c->tasks[1]);
		// pairs with the acquire in run_both()
		__atomic_store_n(&c->done, seen, __ATOMIC_RELEASE);
	}
	return 0;
}

static void run_both(struct crew *c)
{
	struct world *w = c->tasks[0].w;
	uint64_t start = rte_rdtsc() + HEAD_START;

	c->tasks[0].start_tsc = start;
	c->tasks[1].start_tsc = start;
	__atomic_store_n(&c->order, c->order + 1, __ATOMIC_RELEASE); // pairs with serve()
	run_task(&c->tasks[0]);
	while (__atomic_load_n(&c->done, __ATOMIC_ACQUIRE) != c->order) // pairs with serve()
		rte_pause();
	w->clock += RTE_MAX(c->tasks[0].elapsed, c->tasks[1].elapsed);
}

static void dismiss(struct crew *c)
{
	__atomic_store_n(&c->must_stop, true, __ATOMIC_RELEASE); // pairs with serve()
	(void)rte_eal_wait_lcore(1);
}

/* A world of two, its traffic divided by owner, a lane for each. */
struct pair {
	struct world *w;
	struct steady *all, part[WORKERS];
	struct lane lanes[WORKERS];
	struct crew crew;
};

static bool is_first(const struct pair *p, const struct traffic_conn *c)
{
	struct frame_flow f = traffic_flow(&p->all->t, c);

	return dp_owner_of(p->w->dp.owner, &f.client, f.client_port) == 0;
}

/* Connections of worker 0 to the front. */
static uint32_t divide(struct pair *p)
{
	struct traffic_conn *conns = p->all->conns, swap;
	uint32_t low = 0, high = p->all->n;

	while (low < high) {
		if (is_first(p, &conns[low])) {
			low++;
			continue;
		}
		swap = conns[low];
		conns[low] = conns[--high];
		conns[high] = swap;
	}
	return low;
}

static void pair_init(struct pair *p, struct bench *b, const struct bench_case *of)
{
	const struct world_options options = {
		.n_workers = WORKERS,
		.connections = of->flows * 2,
		.timeouts = world_default_timeouts,
		.has_hugepages = b->has_hugepages,
	};
	uint32_t n;

	*p = (struct pair){.w = world_new(&b->ports, &options)};
	p->all = steady_new(of->family, of->flows, b->seed);
	n = divide(p);
	for (unsigned i = 0; i < WORKERS; i++) {
		p->part[i] = *p->all;
		p->part[i].t.random = random_seeded(b->seed + 3 + i);
		p->part[i].conns = p->all->conns + (i == 0 ? 0 : n);
		p->part[i].n = i == 0 ? n : p->all->n - n;
		p->lanes[i] = (struct lane){.ports = &b->ports, .port = &b->ports.work, .queue = i};
		p->lanes[i].traffic = &p->part[i].t;
		p->lanes[i].source = &p->part[i].t;
		p->crew.tasks[i] = (struct task){.w = p->w, .probe = &b->probes[i], .index = i};
		drive_open(p->w, &p->lanes[i], &p->part[i]);
		steady_begin(&p->part[i], STEADY_BOTH, of->frame_len);
	}
	(void)rte_eal_remote_launch(serve, &p->crew, 1);
}

/* What is still between the workers comes out. */
static void flush(struct pair *p)
{
	for (unsigned turn = 0; turn < FLUSH_TURNS; turn++)
		for (unsigned i = 0; i < WORKERS; i++)
			(void)dp_worker_turn(p->w->dp.workers[i], p->w->clock);
	for (unsigned i = 0; i < WORKERS; i++)
		(void)drive_drain(&p->lanes[i]);
}

static void pair_fini(struct pair *p)
{
	struct dp_worker_stats stats;
	uint64_t in, out;

	dismiss(&p->crew);
	for (unsigned i = 0; i < WORKERS; i++)
		drive_clear(&p->lanes[i]);
	flush(p);
	stats = world_stats(p->w);
	in = p->lanes[0].counts.in + p->lanes[1].counts.in;
	out = p->lanes[0].counts.out + p->lanes[1].counts.out;
	// a CPU that stands still for long may let the ring to it run full
	if (in != out + stats.drops[DP_DROP_HANDOFF_FULL]) {
		(void)fprintf(stderr, "bench: %llu packets in, %llu out\n", (unsigned long long)in,
			(unsigned long long)out);
		exit(1);
	}
	world_check_account(p->w);
	world_free(p->w);
	steady_free(p->all);
}

static bool has_two(const struct bench *b, const struct bench_case *of)
{
	if (b->n_lcores >= WORKERS)
		return true;
	printf("%-22s needs two CPUs\n", of->name);
	return false;
}

/* One segment with the given numbers of packets for each worker to see. */
static void segment(struct pair *p, unsigned n0, unsigned n1)
{
	p->crew.tasks[0].n = n0;
	p->crew.tasks[1].n = n1;
	run_both(&p->crew);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* Each alone, then both at once: the speed of two over the mean of one. */
void case_workers(struct bench *b, const struct bench_case *of)
{
	struct bench_result result = {.c = of, .workers = WORKERS, .packets_each = 1};
	struct samples alone = {0}, both = {0};
	struct percentiles one;
	char note[96], extra[64];
	struct pair p;
	uint64_t end;

	if (!has_two(b, of))
		return;
	pair_init(&p, b, of);
	end = rte_rdtsc() + (uint64_t)(b->seconds * (double)b->ports.tsc_hz);
	for (unsigned turn = 0; rte_rdtsc() < end; turn = (turn + 1) % 4) {
		bool is_both = turn % 2;
		unsigned n0 = is_both || turn == 0 ? DRIVE_SEGMENT : 0;
		unsigned n1 = is_both || turn == 2 ? DRIVE_SEGMENT : 0;
		const struct task *t = p.crew.tasks;

		for (unsigned i = 0; i < WORKERS; i++)
			drive_fill_to(&p.lanes[i], DRIVE_DEPTH);
		segment(&p, n0, n1);
		samples_add(is_both ? &both : &alone, (double)(t[0].busy + t[1].busy) / (n0 + n1),
			t[0].is_quiet && t[1].is_quiet);
		for (unsigned i = 0; i < WORKERS; i++)
			(void)drive_drain(&p.lanes[i]);
	}
	one = samples_percentiles(&alone);
	result.cycles = samples_percentiles(&both);
	result.tsc_hz = (double)b->ports.tsc_hz;
	(void)snprintf(note, sizeof(note), "one alone %.1f; speed of two %.3f, unfiltered %.3f",
		one.p50, ratio(WORKERS * one.p50, result.cycles.p50),
		ratio(WORKERS * one.unfiltered_p50, result.cycles.unfiltered_p50));
	(void)snprintf(extra, sizeof(extra), ", \"alone_p50\": %.1f, \"speed\": %.3f", one.p50,
		ratio(WORKERS * one.p50, result.cycles.p50));
	result.note = note;
	result.extra = one.n_quiet > 0 && result.cycles.n_quiet > 0 ? extra : NULL;
	report_result(b, &result);
	pair_fini(&p);
	samples_free(&alone);
	samples_free(&both);
}

/* How packets reach their owners: each received by its own; each by the other one; all received by
 * the first worker and owned by the second. */
enum way { DIRECT, CROSSED, ONE_WAY, N_WAYS };

struct handoff {
	struct pair p;
	enum way way; // of what waits in the receive rings
	struct samples samples[N_WAYS][WORKERS];
};

/* Lane i brings the traffic of worker i, or that of the other one. Nothing of the way before is
 * left: one way, the second worker waits for exactly as many as the first receives. */
static void set_way(struct handoff *h, enum way way)
{
	struct pair *p = &h->p;

	for (unsigned i = 0; i < WORKERS; i++)
		drive_clear(&p->lanes[i]);
	flush(p);
	for (unsigned i = 0; i < WORKERS; i++)
		p->lanes[i].source = &p->part[way == DIRECT ? i : WORKERS - 1 - i].t;
	h->way = way;
}

/* A worker that hands all over sees every packet that it receives, and as many of the other's.
 * One way, the second sees what the first has received, and nothing else. */
static void handoff_segment(struct handoff *h, bool is_kept)
{
	unsigned n = h->way == CROSSED ? 2 * DRIVE_SEGMENT : DRIVE_SEGMENT;
	unsigned n_lanes = h->way == ONE_WAY ? 1 : WORKERS;
	const struct task *t = h->p.crew.tasks;

	for (unsigned i = 0; i < n_lanes; i++)
		drive_fill_to(&h->p.lanes[i], DRIVE_DEPTH);
	segment(&h->p, n, n);
	for (unsigned i = 0; i < WORKERS; i++) {
		(void)drive_drain(&h->p.lanes[i]);
		if (is_kept)
			samples_add(&h->samples[h->way][i], (double)t[i].busy / DRIVE_SEGMENT,
				t[0].is_quiet && t[1].is_quiet);
	}
}

/* Of the CPU that has more to do: by the quiet medians, or, if there are none, by all. */
static struct percentiles busier(const struct handoff *h, enum way way)
{
	struct percentiles first = samples_percentiles(&h->samples[way][0]);
	struct percentiles second = samples_percentiles(&h->samples[way][1]);

	if (first.n_quiet == 0)
		return first.unfiltered_p50 > second.unfiltered_p50 ? first : second;
	return first.p50 > second.p50 ? first : second;
}

/* What handing over adds on the busier CPU, for each packet that it owns. */
struct handoff_cost {
	double direct, one_way, crossed;
};

static struct handoff_cost cost(const struct handoff *h, bool is_quiet)
{
	struct percentiles p[N_WAYS];
	struct handoff_cost c;

	for (unsigned way = 0; way < N_WAYS; way++)
		p[way] = busier(h, (enum way)way);
	c.direct = is_quiet ? p[DIRECT].p50 : p[DIRECT].unfiltered_p50;
	c.one_way = (is_quiet ? p[ONE_WAY].p50 : p[ONE_WAY].unfiltered_p50) - c.direct;
	c.crossed = (is_quiet ? p[CROSSED].p50 : p[CROSSED].unfiltered_p50) - c.direct;
	return c;
}

/* Else nothing can be subtracted from anything. */
static bool is_ever_quiet(const struct handoff *h)
{
	for (unsigned way = 0; way < N_WAYS; way++)
		for (unsigned i = 0; i < WORKERS; i++)
			if (h->samples[way][i].n_quiet == 0)
				return false;
	return true;
}

static void report_handoff(struct bench *b, const struct bench_case *of, const struct handoff *h)
{
	struct bench_result result = {.c = of, .workers = WORKERS, .packets_each = 1};
	struct percentiles sender = samples_percentiles(&h->samples[ONE_WAY][0]);
	struct handoff_cost quiet = cost(h, true), all = cost(h, false);
	char note[192], extra[192];

	result.tsc_hz = (double)b->ports.tsc_hz;
	result.cycles = busier(h, of->mode == 0 ? DIRECT : CROSSED);
	(void)snprintf(note, sizeof(note),
		"extra %.1f, one way %.1f and sender %.1f; unfiltered %.1f, %.1f and %.1f",
		quiet.crossed, quiet.one_way, sender.p50, all.crossed, all.one_way,
		sender.unfiltered_p50);
	(void)snprintf(extra, sizeof(extra),
		", \"extra_busier\": %.1f, \"extra_one_way\": %.1f, \"sender\": %.1f",
		quiet.crossed, quiet.one_way, sender.p50);
	if (of->mode == 1) {
		result.note = note;
		result.extra = is_ever_quiet(h) ? extra : NULL;
	}
	report_result(b, &result);
}

/* The ways take turns, some segments each: what waits in the rings changes with them. */
void case_handoff(struct bench *b, const struct bench_case *of)
{
	struct handoff *h = calloc(1, sizeof(*h));
	uint64_t end;

	if (!h || !has_two(b, of)) {
		free(h);
		return;
	}
	pair_init(&h->p, b, of);
	end = rte_rdtsc() + (uint64_t)(b->seconds * (double)b->ports.tsc_hz);
	for (unsigned turn = 0; rte_rdtsc() < end; turn++) {
		set_way(h, (enum way)(turn % N_WAYS));
		for (unsigned i = 0; i < SEGMENTS_A_TURN; i++)
			handoff_segment(h, i > 0);
	}
	report_handoff(b, of, h);
	pair_fini(&h->p);
	for (unsigned way = 0; way < N_WAYS; way++)
		for (unsigned i = 0; i < WORKERS; i++)
			samples_free(&h->samples[way][i]);
	free(h);
}
