/* The table of cases, and those with one worker: packets of open connections in an order that
 * nobody can foresee; connections that come and go; floods. */
#include "tests/bench/cases.h"

#include "tests/bench/contest.h"
#include "tests/bench/exchange.h"

#include <stdlib.h>

#include <rte_common.h>

enum { MS_PER_S = 1000, WARM_UP_PIECE = 64, COUNTED_SLOTS = 4096 };

/* The worker sweeps its table in 2 s. */
enum { SWEEPS_MS = 2000, TIME_WAIT_MS = 100, CLOCK_SPEED = 4 };

static struct world_options options_for(const struct bench *b, uint32_t connections)
{
	return (struct world_options){
		.n_workers = 1,
		.connections = connections,
		.timeouts = world_default_timeouts,
		.has_hugepages = b->has_hugepages,
		.is_counting = b->is_counting,
	};
}

static void open_all(struct contest *c, struct steady *s)
{
	struct lane lane = c->work;

	lane.source = &s->t;
	lane.traffic = &s->t;
	drive_open(c->w, &lane, s);
}

void case_steady(struct bench *b, const struct bench_case *of)
{
	struct world_options options = options_for(b, of->flows + of->flows / 10);
	struct steady *s = steady_new(of->family, of->flows, b->seed);
	struct bench_result result = {.c = of, .packets_each = 1};
	struct contest c;

	options.has_xdp = of->has_xdp;
	contest_init(&c, b, of, &options, &s->t);
	open_all(&c, s);
	steady_begin(s, (enum steady_mode)of->mode, of->frame_len);
	contest_run(&c, b);
	contest_check_all_forwarded(&c);
	contest_result(&c, b, &result);
	report_result(b, &result);
	contest_fini(&c);
	steady_free(s);
}

/* Share of the connections opened in between that were also removed. */
static double removed_share(const struct dp_worker_stats *was, const struct dp_worker_stats *is)
{
	double opened = (double)(is->connections_opened - was->connections_opened);
	double grown = (double)is->connections - (double)was->connections;

	return opened > 0 ? 1 - grown / opened : 0;
}

/* flows are live and idle beside the exchanges. Finished connections stay for a short time wait
 * and are removed when the worker's sweep comes by, so a sample is a whole number of sweeps; and
 * the worker's clock runs faster than the TSC, or a sample would take seconds. That makes the
 * sweep dearer than it is, by the idle records it looks at more often. */
void case_exchange(struct bench *b, const struct bench_case *of)
{
	uint32_t n_slots = b->is_counting ? COUNTED_SLOTS : EXCHANGE_SLOTS;
	struct world_options options = options_for(b, of->flows + 96 * n_slots);
	struct steady *s = steady_new(of->family, of->flows, b->seed);
	struct bench_result result = {.c = of, .packets_each = EXCHANGE_PACKETS};
	uint64_t period = b->ports.tsc_hz / MS_PER_S * SWEEPS_MS;
	struct dp_worker_stats was, is;
	char note[64], extra[64];
	struct exchange *x;
	struct contest c;
	uint64_t end;

	options.timeouts.time_wait_ms = TIME_WAIT_MS;
	x = exchange_new(of->family, n_slots, s->t.next_client, b->seed + 2);
	contest_init(&c, b, of, &options, &x->t);
	open_all(&c, s);
	c.w->clock_speed = CLOCK_SPEED;
	for (end = c.w->clock + 3 * period; c.w->clock < end;)
		contest_warm_up(&c, WARM_UP_PIECE);
	c.period_ticks = period;
	was = world_stats(c.w);
	contest_run(&c, b);
	is = world_stats(c.w);
	contest_result(&c, b, &result);
	(void)snprintf(note, sizeof(note), "per exchange; %.0f %% removed",
		100 * removed_share(&was, &is));
	(void)snprintf(extra, sizeof(extra), ", \"removed_share\": %.3f", removed_share(&was, &is));
	result.note = note;
	result.extra = extra;
	report_result(b, &result);
	contest_fini(&c);
	exchange_free(x);
	steady_free(s);
}

static struct flood_counts difference(struct flood_counts was, struct flood_counts is)
{
	return (struct flood_counts){
		.packets = is.packets - was.packets,
		.syns = is.syns - was.syns,
		.completed = is.completed - was.completed,
		.failed = is.failed - was.failed,
	};
}

/* A table of a million, a tenth of it established; 15 of 16 packets are SYNs that nobody follows
 * up. Time out does not help: the flood fills any bound within a second. The figure is the time of
 * all packets over the number of SYNs: the rest of the honest handshakes comes on top. */
void case_flood(struct bench *b, const struct bench_case *of)
{
	const struct world_options options = options_for(b, 10 * of->flows);
	struct steady *s = steady_new(of->family, of->flows, b->seed);
	struct bench_result result = {.c = of};
	char note[96], extra[64];
	struct flood_counts n;
	struct flood *f;
	struct contest c;
	double share;

	f = flood_new(of->family, s->t.next_client, b->seed + 2);
	contest_init(&c, b, of, &options, &f->t);
	open_all(&c, s);
	contest_warm_up(&c, b->is_counting ? WARM_UP_PIECE : 12 * of->flows / DRIVE_SEGMENT);
	n = f->counts;
	contest_run(&c, b);
	n = difference(n, f->counts);
	share = (double)n.completed / (double)RTE_MAX(n.completed + n.failed, 1U);
	result.packets_each = (double)n.packets / (double)n.syns;
	world_check_account(c.w);
	contest_result(&c, b, &result);
	(void)snprintf(note, sizeof(note), "per SYN; %.2f %% of %llu honest handshakes done",
		100 * share, (unsigned long long)(n.completed + n.failed));
	(void)snprintf(extra, sizeof(extra), ", \"honest_share\": %.4f", share);
	result.note = note;
	result.extra = extra;
	report_result(b, &result);
	contest_fini(&c);
	flood_free(f);
	steady_free(s);
}

/* Segments without a connection: dropped, every one. */
void case_stranger(struct bench *b, const struct bench_case *of)
{
	const struct world_options options = options_for(b, 10 * of->flows);
	struct steady *s = steady_new(of->family, of->flows, b->seed);
	struct traffic *t = stranger_new(of->family, s->t.next_client, b->seed + 2);
	struct bench_result result = {.c = of, .packets_each = 1};
	struct contest c;

	contest_init(&c, b, of, &options, t);
	open_all(&c, s);
	contest_run(&c, b);
	world_check_account(c.w);
	contest_result(&c, b, &result);
	report_result(b, &result);
	contest_fini(&c);
	stranger_free(t);
	steady_free(s);
}
