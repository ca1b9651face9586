#pragma once

#include "tests/bench/cases.h"
#include "tests/bench/drive.h"

/* The product against its baselines: segments take turns, so that all see the same machine. */

struct contest {
	struct world *w;
	struct measure_probe *probe;
	struct steady *base_traffic;
	struct lane work, base;
	struct samples real, mac, swap;
	/* The worker's time that one sample of the product takes; 0: one segment. */
	uint64_t period_ticks;
	unsigned depth; // packets under way
};

/* One worker's world with lanes; traffic NULL: nothing that comes out is expected. */
void contest_init(struct contest *c, struct bench *b, const struct bench_case *of,
	const struct world_options *options, struct traffic *traffic);
void contest_fini(struct contest *c);
/* Untimed: n segments of the product. */
void contest_warm_up(struct contest *c, unsigned n);
void contest_run(struct contest *c, const struct bench *b);
/* Percentiles into result, times packets_each. */
void contest_result(const struct contest *c, const struct bench *b, struct bench_result *result);
/* Exits unless every packet that went in came out, and the product says so too. */
void contest_check_all_forwarded(const struct contest *c);

/* Traffic of connections that need no table, for baselines. */
struct steady *contest_base_traffic(const struct bench_case *c, uint64_t seed);
