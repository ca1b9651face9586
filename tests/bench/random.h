#pragma once

#include <stdint.h>

/* Seeded numbers (xorshift64*, Vigna 2016) and a bijection that scatters. Pure. */
struct random_state {
	uint64_t x; // never 0
};

static inline struct random_state random_seeded(uint64_t seed)
{
	return (struct random_state){.x = seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du};
}

static inline uint64_t random_next(struct random_state *r)
{
	r->x ^= r->x >> 12;
	r->x ^= r->x << 25;
	r->x ^= r->x >> 27;
	return r->x * 0x2545f4914f6cdd1du;
}

/* 0 .. n-1, all equally likely (but for n / 2^32). */
static inline uint32_t random_below(struct random_state *r, uint32_t n)
{
	return (uint32_t)(((random_next(r) >> 32) * n) >> 32);
}

/* Different inputs give different results. */
static inline uint32_t random_scatter(uint32_t x)
{
	x = (x ^ (x >> 16)) * 0x7feb352du;
	x = (x ^ (x >> 15)) * 0x846ca68bu;
	return x ^ (x >> 16);
}
