/* Toeplitz by tables: the hash is linear, so the hashes of single bytes at their positions add
 * up (exclusive or). */
#include "dataplane/owner.h"

#include <string.h>

/* The 32 bits of the key from bit `at` on. */
static uint32_t key_window(const uint8_t *key, unsigned at)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 5; i++)
		bits = bits << 8 | key[at / 8 + i];
	return (uint32_t)(bits >> (8 - at % 8));
}

static uint32_t hash_byte(const uint8_t *key, unsigned position, unsigned byte)
{
	uint32_t hash = 0;

	for (unsigned bit = 0; bit < 8; bit++)
		if (byte & (0x80u >> bit))
			hash ^= key_window(key, position * 8 + bit);
	return hash;
}

void dp_owner_init(struct dp_owner *o, const uint8_t *key, unsigned n_workers)
{
	memcpy(o->key, key, sizeof(o->key));
	for (unsigned position = 0; position < DP_OWNER_POSITIONS; position++)
		for (unsigned byte = 0; byte < 256; byte++)
			o->table[position][byte] = hash_byte(o->key, position, byte);
	for (unsigned i = 0; i < DP_OWNER_RETA; i++)
		o->worker[i] = (uint8_t)(i % n_workers);
}

uint32_t dp_owner_hash(const struct dp_owner *o, const struct addr *client, be16 port)
{
	unsigned n = addr_is_v4(client) ? 4 : 16;
	const uint8_t *bytes = client->bytes + 16 - n;
	const uint8_t *ends = (const uint8_t *)&port;
	uint32_t hash = o->table[n][ends[0]] ^ o->table[n + 1][ends[1]];

	for (unsigned i = 0; i < n; i++)
		hash ^= o->table[i][bytes[i]];
	return hash;
}
