#pragma once

#include "base/pick.h"
#include "dataplane/hash.h"
#include "dataplane/l4state.h"
#include "dataplane/memory.h"
#include "dataplane/tables.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

/* The connection table of one worker: open, find, close, sweep. No lock, no allocation.
 *
 * A connection is filed once, under its client endpoint (address, port, protocol), which is
 * the same on both sides of the translation; the other end tells the direction apart. So all
 * connections of one client endpoint share a chain of buckets, and their number in a table
 * is bounded (DP_CONNTAB_CLIENT_LIMIT).
 *
 * Bucket: one cache line, 8 tags and 8 record numbers. `overflow` counts the records that
 * found this bucket full on their way and went on: a search goes on while it is not 0, and a
 * removal takes back its counts, so there are no tombstones. */

enum { DP_CONNTAB_CLIENT_LIMIT = 512, DP_CONNTAB_SLOTS = 8 };

/* One connection, one cache line, both families. The last three fields are for later: the outside
 * port of a hairpin connection (its outside address is the VIP), flags (direct routing,
 * persistence), and the generation for connection sync. */
struct dp_conn {
	struct addr client;
	struct addr vip;
	be16 client_port;
	be16 vip_port;
	be16 server_port;
	uint8_t protocol;
	uint8_t state;          // enum dp_l4_state; DP_L4_FREE: not in use
	uint32_t server;        // id; in a free record: the next free one
	uint16_t address_delta; // checksum delta of VIP -> server, addresses only
	uint16_t ends_delta;    // the same with the ports
	uint32_t expires_ms;    // of the worker's clock, which wraps
	uint32_t opened_ms;
	uint16_t client_hop;     // id of the next hop to the client, if of this generation
	uint16_t hop_generation; // of the tables
	uint16_t outside_port;
	uint8_t flags;
	uint8_t sync_generation;
} __attribute__((aligned(64)));

struct dp_bucket {
	uint16_t tag[DP_CONNTAB_SLOTS]; // 0: the slot is free
	uint32_t record[DP_CONNTAB_SLOTS];
	uint16_t overflow;
	uint16_t unused[7];
} __attribute__((aligned(64)));

/* What a packet asks for. remote is the VIP inbound, the server outbound. */
struct dp_conn_key {
	struct addr client;
	struct addr remote;
	be16 client_port;
	be16 remote_port;
	uint8_t protocol;
	uint8_t dir; // enum dp_dir
	struct dp_hash hash;
};

struct dp_conntab {
	struct dp_bucket *buckets;
	struct dp_conn *records;
	uint32_t n_buckets;
	uint32_t capacity;
	uint32_t n_used;
	uint32_t high_water; // records from here on were never used
	uint32_t free_head;  // list of freed records through .server
	uint32_t sweep_at;
	struct dp_hash_keys keys;
	struct dp_memory memory;
};

/* What is asked for a new connection: inbound key, server by id and port. */
struct dp_flow_request {
	const struct dp_conn_key *key;
	uint32_t server;
	be16 server_port;
	bool is_stranger;  // the client endpoint surely has no other connection
	uint16_t begun_us; // when its SYN came, the lower bits of it (timing.h); flows.h only
};

enum dp_conntab_result {
	DP_CONNTAB_OK,
	DP_CONNTAB_FULL,
	DP_CONNTAB_CLIENT_FULL,
	DP_CONNTAB_HALF_OPEN_FULL, // flows.h only
	DP_CONNTAB_TUPLE_IN_USE,   // this client endpoint talks to that server's port already
};

/* Buckets three quarters full at capacity, or half. */
enum dp_conntab_kind { DP_CONNTAB_DENSE, DP_CONNTAB_SPARSE };

/* Memory of a table for `capacity` connections. */
size_t dp_conntab_bytes(uint32_t capacity, enum dp_conntab_kind kind);

/* -ENOMEM; or -errno of getrandom(). */
int dp_conntab_init(struct dp_conntab *t, uint32_t capacity, enum dp_conntab_kind kind,
	const struct dp_memory_policy *policy);
void dp_conntab_fini(struct dp_conntab *t);

static inline uint32_t dp_conntab_home(const struct dp_conntab *t, struct dp_hash hash)
{
	return (uint32_t)(((uint64_t)hash.bucket * t->n_buckets) >> 32);
}

/* The bucket on its way to the cache. A processor does not go past a prefetch before it knows the
 * physical page, and most pages of a large table are not in its TLB: so those of a burst are asked
 * for one right after the other, that it may look for several pages at once. */
static inline void dp_conntab_prefetch(const struct dp_conntab *t, struct dp_hash hash)
{
	__builtin_prefetch(&t->buckets[dp_conntab_home(t, hash)]);
}

/* One bit a slot, set where the tag is equal. */
#ifdef __SSE2__
static inline unsigned dp_bucket_match(const struct dp_bucket *b, uint16_t tag)
{
	__m128i tags = _mm_load_si128((const __m128i *)b->tag);
	__m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16((short)tag));

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128()));
}
#else
static inline unsigned dp_bucket_match(const struct dp_bucket *b, uint16_t tag)
{
	unsigned hits = 0;

	for (unsigned i = 0; i < DP_CONNTAB_SLOTS; i++)
		hits |= (unsigned)(b->tag[i] == tag) << i;
	return hits;
}
#endif

static inline const struct dp_bucket *dp_bucket_after(
	const struct dp_conntab *t, const struct dp_bucket *b)
{
	return b + 1 == t->buckets + t->n_buckets ? t->buckets : b + 1;
}

/* Which record a packet's is, nearly always, if it is in the table at all. */
struct dp_guess {
	struct dp_conn *conn;
	bool has_gone_on; // if it is there, then in a bucket behind its home
};

/* In use by nobody, and so no packet's: at hand for those that have no likely record, so that no
 * memory is asked for in vain. Never written. */
extern const struct dp_conn dp_conntab_nobody;

/* The first record of a bucket with this tag. A guess without a branch that depends on chance. */
static inline struct dp_conn *dp_bucket_likely(
	const struct dp_conntab *t, const struct dp_bucket *b, uint16_t tag)
{
	unsigned hits = dp_bucket_match(b, tag);
	const struct dp_conn *c = &t->records[b->record[__builtin_ctz(hits | 0x80)]];

	return (struct dp_conn *)pick_pointer(hits != 0, &dp_conntab_nobody, c);
}

/* By the home bucket. For one that has gone on, the next bucket is asked for. */
static inline struct dp_guess dp_conntab_likely(const struct dp_conntab *t, struct dp_hash hash)
{
	const struct dp_bucket *b = &t->buckets[dp_conntab_home(t, hash)];
	struct dp_guess guess = {.conn = dp_bucket_likely(t, b, hash.tag)};

	guess.has_gone_on = (guess.conn == &dp_conntab_nobody) & (b->overflow > 0);
	if (__builtin_expect(guess.has_gone_on, false))
		__builtin_prefetch(dp_bucket_after(t, b));
	return guess;
}

/* The second guess, for one that has gone on. */
static inline struct dp_conn *dp_conntab_likely_next(
	const struct dp_conntab *t, struct dp_hash hash)
{
	const struct dp_bucket *b = &t->buckets[dp_conntab_home(t, hash)];

	return dp_bucket_likely(t, dp_bucket_after(t, b), hash.tag);
}

/* Surely nothing of this client endpoint is in the table; cheap, and right for nearly all that are
 * not. */
static inline bool dp_conntab_is_strange(const struct dp_conntab *t, struct dp_hash hash)
{
	const struct dp_bucket *b = &t->buckets[dp_conntab_home(t, hash)];

	return (dp_bucket_match(b, hash.tag) | b->overflow) == 0;
}

static inline bool dp_conn_is_of_client(const struct dp_conn *c, const struct dp_conn_key *key)
{
	return addr_equal(&c->client, &key->client) & (c->client_port == key->client_port) &
	       (c->protocol == key->protocol);
}

/* False for a free record, too: its server number is another record's, so it is not looked at. */
static inline bool dp_conn_is_match(
	const struct dp_conn *c, const struct dp_server *servers, const struct dp_conn_key *key)
{
	bool is_out = key->dir == DP_DIR_OUT;
	const struct addr *end;
	be16 port;

	if (!dp_conn_is_of_client(c, key) || c->state == DP_L4_FREE)
		return false;
	end = pick_pointer(is_out, &c->vip, &servers[c->server].address);
	port = (be16)pick_u32(is_out, c->vip_port, c->server_port);
	return addr_equal(end, &key->remote) & (port == key->remote_port);
}

/* NULL if absent. An expired one is found too: its owner decides (dp_conn_is_expired). */
struct dp_conn *dp_conntab_find(
	const struct dp_conntab *t, const struct dp_server *servers, const struct dp_conn_key *key);

/* Whether the client endpoint may have it: DP_CONNTAB_OK, _CLIENT_FULL, or _TUPLE_IN_USE with
 * *ret_conn the connection that is in the way. */
enum dp_conntab_result dp_conntab_check(const struct dp_conntab *t, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn);

/* Checks, then files a new record; on DP_CONNTAB_OK *ret_conn has its client, VIP, ports,
 * protocol and server set, the deltas computed and the rest zeroed; state is the caller's,
 * and must not stay DP_L4_FREE. */
enum dp_conntab_result dp_conntab_open(struct dp_conntab *t, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn);

/* The second half of dp_conntab_open(), after a check that said DP_CONNTAB_OK, and with room. */
struct dp_conn *dp_conntab_file(struct dp_conntab *t, const struct dp_server *servers,
	const struct dp_flow_request *request);

/* The same over the record of another one, which is closed so; `was` is its hash. */
struct dp_conn *dp_conntab_file_over(struct dp_conntab *t, struct dp_conn *conn, struct dp_hash was,
	const struct dp_server *servers, const struct dp_flow_request *request);

/* Files a copy of a connection of another table with the same keys. NULL if this one is full. */
struct dp_conn *dp_conntab_copy(struct dp_conntab *t, const struct dp_conn *conn);

/* The hash under which it is filed. */
static inline struct dp_hash dp_conntab_hash_of(const struct dp_conntab *t, const struct dp_conn *c)
{
	return dp_hash_client(&t->keys, &c->client, c->client_port, c->protocol);
}

void dp_conntab_close(struct dp_conntab *t, struct dp_conn *conn);
/* The same for one whose hash is known. */
void dp_conntab_close_hashed(struct dp_conntab *t, struct dp_conn *conn, struct dp_hash hash);

static inline bool dp_conn_is_expired(const struct dp_conn *c, uint32_t now_ms)
{
	return (int32_t)(now_ms - c->expires_ms) >= 0;
}

/* The present for those that a sweep looks at. */
struct dp_conntab_now {
	uint32_t ms;
	uint16_t hop_generation;
};

/* Looks at the next `n` records and calls `expired` for those whose time is up; the callee
 * closes them. For the expiry of what no packet touches any more, and so that a remembered hop is
 * forgotten before the number of its generation comes again. */
typedef void dp_conntab_expired(void *arg, struct dp_conn *conn);
void dp_conntab_sweep(struct dp_conntab *t, uint32_t n, struct dp_conntab_now now,
	dp_conntab_expired *expired, void *arg);
