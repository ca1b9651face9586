#pragma once

#include <stdint.h>

/* How long the turns of the control loop take: from the first thing that it does after it has
 * slept to the last before it sleeps again. Pure: the caller brings the clock. */

/* Upper bounds of the buckets; what takes longer is in the last one. */
#define CTL_TURNS_BOUNDS_US                                                                        \
	{                                                                                          \
		500, 1000, 2000, 5000, 10000, 20000, 50000, 100000                                 \
	}
enum { CTL_TURNS_N_BOUNDS = 8 };

/* All zero at first. */
struct ctl_turns {
	int64_t began_us; // 0: nothing done yet in this turn
	uint64_t n_by_bucket[CTL_TURNS_N_BOUNDS + 1];
	uint64_t n;
	uint64_t sum_us;
	uint64_t longest_us;
};

/* Something begins; the first call of a turn counts. `now_us`: any clock that does not jump. */
void ctl_turns_begin(struct ctl_turns *t, int64_t now_us);
/* The turn is over. One in which nothing began does not count. */
void ctl_turns_end(struct ctl_turns *t, int64_t now_us);
/* The upper bound of bucket i in microseconds. */
int64_t ctl_turns_bound_us(unsigned i);
