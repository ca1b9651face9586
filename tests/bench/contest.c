/* The measuring loop of all cases with one worker. */
#include "tests/bench/contest.h"

#include "tests/bench/catalog.h"

#include <stdlib.h>

#include <rte_cycles.h>

enum { BASE_CONNS = 1000, WARM_UP_ROUNDS = 8, COUNTED_SEGMENTS = 40 };

/* A millisecond: whatever happens in time happens within few packets. */
enum { COUNTED_TICKS_PER_TURN = WORLD_COUNTING_HZ / 1000 };

enum contestant { REAL, MAC, SWAP };

struct steady *contest_base_traffic(const struct bench_case *c, uint64_t seed)
{
	struct steady *s = steady_new(c->family, BASE_CONNS, seed);

	for (uint32_t i = 0; i < s->n; i++)
		s->conns[i].server = (uint16_t)(s->conns[i].service * CATALOG_SERVERS_EACH);
	steady_begin(s, STEADY_BOTH, c->frame_len);
	return s;
}

void contest_init(struct contest *c, struct bench *b, const struct bench_case *of,
	const struct world_options *options, struct traffic *traffic)
{
	*c = (struct contest){
		.w = world_new(&b->ports, options),
		.probe = &b->probes[0],
		.base_traffic = contest_base_traffic(of, b->seed + 1),
		.depth = b->is_counting ? DRIVE_SEGMENT : DRIVE_DEPTH,
	};
	if (b->is_counting)
		c->w->ticks_per_turn = COUNTED_TICKS_PER_TURN;
	c->work = (struct lane){.ports = &b->ports, .port = &b->ports.work};
	c->work.source = traffic;
	c->work.traffic = traffic;
	c->base = (struct lane){.ports = &b->ports, .port = &b->ports.base};
	c->base.source = &c->base_traffic->t;
}

void contest_fini(struct contest *c)
{
	samples_free(&c->real);
	samples_free(&c->mac);
	samples_free(&c->swap);
	world_free(c->w);
	steady_free(c->base_traffic);
}

static uint64_t run(struct contest *c, enum contestant who)
{
	switch (who) {
	case REAL:
		return drive_worker(c->w, 0, DRIVE_SEGMENT);
	case MAC:
		return baseline_mac(c->base.port, DRIVE_SEGMENT);
	case SWAP:
		break;
	}
	return baseline_swap(c->base.port, DRIVE_SEGMENT);
}

/* Several segments as one sample: their mean, and that of the quiet ones if they are half. */
struct sum {
	uint64_t ticks, quiet_ticks;
	unsigned n, n_quiet;
};

static void run_segment(struct contest *c, enum contestant who, struct sum *sum)
{
	struct lane *lane = who == REAL ? &c->work : &c->base;
	uint64_t ticks;
	bool is_quiet;

	drive_fill_to(lane, c->depth);
	is_quiet = measure_before(c->probe);
	ticks = run(c, who);
	is_quiet &= measure_after(c->probe);
	(void)drive_drain(lane);
	sum->ticks += ticks;
	sum->n++;
	sum->quiet_ticks += is_quiet ? ticks : 0;
	sum->n_quiet += is_quiet;
}

static void run_sample(struct contest *c, enum contestant who, bool is_kept)
{
	struct samples *samples = who == REAL ? &c->real : who == MAC ? &c->mac : &c->swap;
	uint64_t start = c->w->clock;
	struct sum sum = {0};

	do {
		run_segment(c, who, &sum);
	} while (who == REAL && c->w->clock - start < c->period_ticks);
	if (is_kept)
		samples_add_mean(samples, (double)sum.ticks / (sum.n * DRIVE_SEGMENT),
			(double)sum.quiet_ticks / (RTE_MAX(sum.n_quiet, 1U) * DRIVE_SEGMENT),
			2 * sum.n_quiet >= sum.n && sum.n_quiet > 0);
}

void contest_warm_up(struct contest *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		run_sample(c, REAL, false);
}

/* Nothing but the product, no clock. The counts are callgrind's; the packets are told. */
static void count(struct contest *c)
{
	for (unsigned i = 0; i < COUNTED_SEGMENTS; i++) {
		drive_fill(&c->work, DRIVE_SEGMENT);
		(void)drive_worker_counted(c->w, 0, DRIVE_SEGMENT);
		(void)drive_drain(&c->work);
	}
	printf("packets counted: %u\n", COUNTED_SEGMENTS * DRIVE_SEGMENT);
}

void contest_run(struct contest *c, const struct bench *b)
{
	static const enum contestant turns[] = {REAL, MAC, REAL, SWAP};
	uint64_t end;

	if (b->is_counting) {
		count(c);
		return;
	}
	for (unsigned i = 0; c->period_ticks == 0 && i < WARM_UP_ROUNDS * 4; i++)
		run_sample(c, turns[i % 4], false);
	end = rte_rdtsc() + (uint64_t)(b->seconds * (double)b->ports.tsc_hz);
	while (rte_rdtsc() < end)
		for (unsigned i = 0; i < 4; i++)
			run_sample(c, turns[i], true);
	drive_clear(&c->work);
	drive_clear(&c->base);
}

static void scale(struct percentiles *p, double by)
{
	p->p10 *= by;
	p->p50 *= by;
	p->p90 *= by;
	p->unfiltered_p50 *= by;
}

void contest_result(const struct contest *c, const struct bench *b, struct bench_result *result)
{
	result->workers = 1;
	result->tsc_hz = (double)b->ports.tsc_hz;
	result->cycles = samples_percentiles(&c->real);
	result->mac = samples_percentiles(&c->mac);
	result->swap = samples_percentiles(&c->swap);
	scale(&result->cycles, result->packets_each);
}

void contest_check_all_forwarded(const struct contest *c)
{
	if (c->work.counts.in != c->work.counts.out) {
		(void)fprintf(stderr, "bench: %llu packets in, %llu out\n",
			(unsigned long long)c->work.counts.in,
			(unsigned long long)c->work.counts.out);
		exit(1);
	}
	world_check_account(c->w);
}
