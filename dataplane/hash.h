#pragma once

#include "base/addr.h"

#include <stdint.h>

/* The keyed hash of a client endpoint: which bucket, and which tag in it. Pure.
 *
 * A multilinear hash over 32-bit words ("multilinear-HM" of Lemire and Kaser, "Strongly
 * universal string hashing is fast", 2014): sum of (k + word)(k' + word') modulo 2^64, of
 * which the upper 32 bits are used. For keys chosen at random after an adversary chose his
 * inputs, any two different endpoints collide in those 32 bits with a probability of 2^-32:
 * a proof, not a hope, as long as keys and hash values stay unknown. Keys come from
 * getrandom() at every start; no hash value ever leaves the process. (A CRC with a secret
 * seed would not do: it is linear, so colliding pairs collide under every seed.)
 *
 * Bucket and tag come from the same 32 bits: the bucket from the upper ones, as many as the
 * table's size asks for, the tag from the lower 16. Up to 65,536 buckets they share none; in
 * a table of 10 million connections 11 bits of the tag still tell something new, so that one
 * lookup in several hundred compares a record in vain. */

enum { DP_HASH_N_KEYS = 7 };

struct dp_hash_keys {
	uint64_t k[DP_HASH_N_KEYS];
};

struct dp_hash {
	uint32_t bucket; // uniform over 32 bits
	uint16_t tag;    // never 0
};

/* A bijection (the finalizer of MurmurHash3), so collisions stay as rare as proven. It breaks up
 * the even steps that consecutive addresses and ports make under a multilinear hash, which
 * unlucky keys would heap on few buckets. */
static inline uint32_t dp_hash_scatter(uint32_t x)
{
	x = (x ^ (x >> 16)) * 0x85ebca6bu;
	x = (x ^ (x >> 13)) * 0xc2b2ae35u;
	return x ^ (x >> 16);
}

static inline struct dp_hash dp_hash_client(const struct dp_hash_keys *keys,
	const struct addr *client, be16 client_port, uint8_t protocol)
{
	const uint64_t *k = keys->k;
	const uint32_t *w = client->words;
	uint32_t ends = (uint32_t)client_port << 8 | protocol;
	uint64_t sum = k[0] + (k[1] + w[0]) * (k[2] + w[1]) + (k[3] + w[2]) * (k[4] + w[3]) +
		       (k[5] + ends) * k[6];
	uint32_t bucket = dp_hash_scatter((uint32_t)(sum >> 32));
	uint16_t tag = (uint16_t)bucket;

	return (struct dp_hash){.bucket = bucket, .tag = tag ? tag : 1};
}
