#pragma once

#include "base/addr.h"

#include <stdint.h>
#include <string.h>

/* Which worker owns a flow: the Toeplitz hash that NICs compute for receive-side scaling, over
 * the client endpoint (address, port) in that order, through an indirection table. Pure.
 *
 * Software computes it and is the rule. A NIC that is given the same key, and hashes the source
 * only on the clients' side and the destination only on the servers', puts packets straight
 * on the owner's queue and saves the handover (steer.c). Keyed apart from the connection
 * table's hash: Toeplitz is linear, so it must not place entries in buckets. */

enum { DP_OWNER_KEY_LEN = 52, DP_OWNER_POSITIONS = 18, DP_OWNER_RETA = 128 };

struct dp_owner {
	uint8_t key[DP_OWNER_KEY_LEN];           // as a NIC takes it
	uint32_t table[DP_OWNER_POSITIONS][256]; // hash of one byte at one position
	uint8_t worker[DP_OWNER_RETA];           // by the hash's low bits
};

/* Deals the indirection table round over n_workers. */
void dp_owner_init(struct dp_owner *o, const uint8_t *key, unsigned n_workers);

/* Toeplitz over address then port, as they lie in the packet. */
uint32_t dp_owner_hash(const struct dp_owner *o, const struct addr *client, be16 port);

/* The same of an IPv4 client, where there are so few bytes that no loop is worth it. */
static inline uint32_t dp_owner_hash_v4(const struct dp_owner *o, be32 client, be16 port)
{
	uint8_t a[4], p[2];

	memcpy(a, &client, sizeof(a));
	memcpy(p, &port, sizeof(p));
	return o->table[0][a[0]] ^ o->table[1][a[1]] ^ o->table[2][a[2]] ^ o->table[3][a[3]] ^
	       o->table[4][p[0]] ^ o->table[5][p[1]];
}

static inline unsigned dp_owner_of(const struct dp_owner *o, const struct addr *client, be16 port)
{
	uint32_t hash = addr_is_v4(client) ? dp_owner_hash_v4(o, addr_v4(client), port)
					   : dp_owner_hash(o, client, port);

	return o->worker[hash % DP_OWNER_RETA];
}
