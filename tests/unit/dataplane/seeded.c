/* Seeded random numbers for tests: splitmix64, as Vigna published it. */
#include "seeded.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_SEED = 20241 };

struct seeded seeded_new(const char *name)
{
	const char *text = getenv("POISE_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : DEFAULT_SEED;

	(void)fprintf(stderr, "%s: POISE_TEST_SEED=%" PRIu64 "\n", name, seed);
	return (struct seeded){.state = seed};
}

uint64_t seeded_u64(struct seeded *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t seeded_below(struct seeded *s, uint32_t n)
{
	return (uint32_t)(((seeded_u64(s) >> 32) * n) >> 32);
}

struct addr seeded_addr(struct seeded *s, bool is_v4)
{
	uint8_t bytes[16];

	if (is_v4)
		return addr_from_v4((be32)seeded_u64(s));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)seeded_u64(s);
	bytes[0] = 0x20; // never a mapped IPv4 address
	return addr_from_v6(bytes);
}
