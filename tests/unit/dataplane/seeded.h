#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* Random numbers of a test: the same each time unless POISE_TEST_SEED says otherwise. */
struct seeded {
	uint64_t state;
};

/* Prints the seed with the name, so that a failure can be repeated. */
struct seeded seeded_new(const char *name);

uint64_t seeded_u64(struct seeded *s);
/* 0 .. n-1 */
uint32_t seeded_below(struct seeded *s, uint32_t n);
/* Any address of that family; of IPv6, one in 2000::/8. */
struct addr seeded_addr(struct seeded *s, bool is_v4);
