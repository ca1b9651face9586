#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Weighted round robin as a race of deadlines. Pure: no clock, no packet, no DPDK.
 *
 * A cycle lasts from 0 to 1. Server i of n with weight w owns the w moments
 * (k + (i + 1/2) / n) / w, k = 0 .. w-1; picking always takes the earliest moment not yet
 * used. So over every full cycle each server is picked exactly w times, each of them evenly
 * spaced, and the phase (i + 1/2) / n keeps servers of equal weight from falling together.
 * The position is the last moment used, a number between 0 and 1 that means the same under
 * other weights: it survives a change of the schedule, and frequent changes favour nobody.
 *
 * Every cycle is the same, so one of few picks is written down when the schedule is made: a pick
 * only reads on. Otherwise a heap runs the race: O(log n) a pick, and O(n) once a cycle and once
 * after a change. */

enum { DP_SCHEDULE_NONE = -1 };

/* A cycle is written down if it has no more picks than this for each server, and altogether:
 * writing one down is the control thread's time. */
enum { DP_SCHEDULE_TURNS_EACH = 16, DP_SCHEDULE_MAX_TURNS = 4096 };

/* Immutable after dp_schedule_init(): who takes part. */
struct dp_schedule {
	unsigned n_servers; // all of the service, with weight 0 too: their phases stay
	unsigned n_active;  // with a weight above 0
	struct dp_schedule_entry {
		uint32_t weight;
		uint32_t server; // 0 .. n_servers-1, rising
	} * entries;
	struct dp_schedule_turn *turns; // of one lap
	unsigned n_turns;               // 0: not written down
	unsigned n_laps;                // weights have a divisor: a cycle is so many equal laps
};

/* A pick of the first lap. */
struct dp_schedule_turn {
	uint64_t moment; // numerator; the denominator is 2 * n_servers * weight, of a lap
	uint32_t weight; // in a lap
	uint32_t server;
};

/* Where a race stands: the last moment used. One per (worker, service); survives schedules.
 * All zero is the beginning of a cycle. */
struct dp_schedule_position {
	uint64_t numerator;   // moment = numerator / denominator
	uint64_t denominator; // 0: nothing used yet
	int64_t server;       // who used it; ties go in the order of servers
};

/* The place in what is written down, or the heap of next moments; scratch of one worker. */
struct dp_schedule_race {
	bool is_built;
	unsigned at, lap; // the next turn
	struct dp_schedule_runner {
		uint64_t moment; // numerator; the denominator is 2 * n_servers * weight
		uint32_t weight;
		uint32_t server;
	} * runners; // n_active of them, earliest first (binary heap)
};

/* `entries` is storage for n_servers entries, owned by the caller. */
void dp_schedule_init(struct dp_schedule *s, struct dp_schedule_entry *entries,
	const uint16_t *weights, unsigned n_servers);

/* How many turns a cycle of these weights is written down in; 0: too many, or none. */
unsigned dp_schedule_count_turns(const uint16_t *weights, unsigned n_servers);
/* Writes the cycle down. `turns` is storage for as many as dp_schedule_count_turns() says, not 0,
 * owned by the caller; `scratch` for n_servers runners is not used any more afterwards. */
void dp_schedule_write_down(
	struct dp_schedule *s, struct dp_schedule_turn *turns, struct dp_schedule_runner *scratch);

/* Position for worker `i` of `n`: workers start at different offsets. */
struct dp_schedule_position dp_schedule_start(unsigned i, unsigned n);

/* The next server, or DP_SCHEDULE_NONE when no weight is above 0. Builds the race from the
 * position if it is new. */
int dp_schedule_pick(const struct dp_schedule *s, struct dp_schedule_race *race,
	struct dp_schedule_position *position);
