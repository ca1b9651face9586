#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

/* Internet checksum (RFC 1071) and its incremental update (RFC 1624). Pure.
 * Sums are 16-bit one's complement values as they lie in the packet (network order bytes). */

/* One's complement sum of len bytes (any alignment, odd lengths padded with a zero byte),
 * folded to 16 bits, not complemented, added onto `start`. */
uint16_t checksum_sum(const void *data, size_t len, uint16_t start);

/* One's complement addition of two folded sums. */
static inline uint16_t checksum_add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)(sum + (sum >> 16));
}

/* The delta for replacing `was` by `is`: ~was + is (RFC 1624 eqn. 3, the middle part).
 * Deltas of several replaced fields add up with checksum_add(). The delta of the way back
 * is its complement. */
static inline uint16_t checksum_delta16(uint16_t was, uint16_t is)
{
	return checksum_add((uint16_t)~was, is);
}

static inline uint16_t checksum_delta_addr(const struct addr *was, const struct addr *is)
{
	uint64_t sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (uint64_t)(uint32_t)~was->words[i] + is->words[i];
	// below 2^35: the first fold leaves less than 2^33, the second 2^18, the third 2^17
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* HC' = ~(~HC + delta). RFC 1624 eqn. 3.
 * A UDP/IPv4 sum of 0 means "none" (RFC 768): callers skip it, and store a result of 0
 * as 0xffff. */
static inline uint16_t checksum_apply(uint16_t sum, uint16_t delta)
{
	return (uint16_t)~checksum_add((uint16_t)~sum, delta);
}
