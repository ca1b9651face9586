#pragma once

#include "base/prefetch.h"
#include "base/thread.h"

#include <stdint.h>

/* Longest match for IPv4 in one or two reads: a value for each of the 2^24 networks of /24, or a
 * group of 256 values for one that has longer prefixes in it ("DIR-24-8" of Gupta, Lin and
 * McKeown, "Routing Lookups in Hardware at Memory Access Speeds", 1998). Written by one thread,
 * never changed once others read it.
 *
 * The one place that a look-up reads can be asked for beforehand: for a client never seen before it
 * is as far away as memory can be. 32 MB and 512 bytes a group. */

enum { DP_FIB4_MAX_VALUE = 32767, DP_FIB4_MAX_GROUPS = 32767 };

struct dp_fib4 {
	uint16_t *direct; // by network: value << 1, or group << 1 | 1
	uint16_t *groups; // 256 values << 1 each
	uint32_t n_groups, max_groups;
};

/* All addresses have the value 0. Memory is DPDK's. -ENOMEM. */
int dp_fib4_init(struct dp_fib4 *f, uint32_t max_groups) ANY_THREAD;
void dp_fib4_fini(struct dp_fib4 *f) ANY_THREAD;

/* Prefixes come shortest first: a later one overwrites. `v4` in host order, its host bits 0; value
 * at most DP_FIB4_MAX_VALUE. -ENOSPC: there is no group left for it. */
int dp_fib4_add(struct dp_fib4 *f, uint32_t v4, unsigned length, uint16_t value) ANY_THREAD;

static inline void dp_fib4_prefetch(const struct dp_fib4 *f, uint32_t v4)
{
	prefetch(&f->direct[v4 >> 8]);
}

static inline uint16_t dp_fib4_find(const struct dp_fib4 *f, uint32_t v4)
{
	uint32_t found = f->direct[v4 >> 8];

	if (found & 1)
		found = f->groups[(found >> 1) * 256 + (v4 & 0xff)];
	return (uint16_t)(found >> 1);
}
