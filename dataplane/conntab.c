/* The connection table: see conntab.h for its shape and rules.
 *
 * Invariants: a record in use stands in exactly one slot, in the first bucket from its home
 * on that had room when it was filed; each bucket between counts it in `overflow`. Records
 * are handed out from the free list first, then from the high-water mark, so a sweep needs
 * to look at those below the mark only. */
#include "dataplane/conntab.h"

#include "base/checksum.h"
#include "base/prefetch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { NO_RECORD = UINT32_MAX };

/* Slots for each 3 records: 4 where a table is hardly ever full, so that it is small; 6 where it is
 * full whenever it matters, so that buckets seldom overflow then. */
enum { SLOTS_DENSE = 4, SLOTS_SPARSE = 6, RECORDS = 3 };

static_assert(sizeof(struct dp_conn) == 64, "a connection is one cache line");
static_assert(sizeof(struct dp_bucket) == 64, "a bucket is one cache line");

const struct dp_conn dp_conntab_nobody;

static uint64_t buckets_for(uint32_t capacity, enum dp_conntab_kind kind)
{
	uint64_t slots = kind == DP_CONNTAB_SPARSE ? SLOTS_SPARSE : SLOTS_DENSE;

	return capacity * slots / RECORDS / DP_CONNTAB_SLOTS + 1;
}

size_t dp_conntab_bytes(uint32_t capacity, enum dp_conntab_kind kind)
{
	return buckets_for(capacity, kind) * sizeof(struct dp_bucket) +
	       (size_t)capacity * sizeof(struct dp_conn);
}

int dp_conntab_init(struct dp_conntab *t, uint32_t capacity, enum dp_conntab_kind kind,
	const struct dp_memory_policy *policy)
{
	uint64_t n_buckets = buckets_for(capacity, kind);
	struct dp_conntab new = {.capacity = capacity, .free_head = NO_RECORD};
	ssize_t got;
	int r;

	got = getrandom(&new.keys, sizeof(new.keys), 0);
	if (got != (ssize_t)sizeof(new.keys))
		return got < 0 ? -errno : -EIO;
	r = dp_memory_map(dp_conntab_bytes(capacity, kind), policy, &new.memory);
	if (r < 0)
		return r;
	new.n_buckets = (uint32_t)n_buckets;
	new.buckets = new.memory.start;
	new.records = (struct dp_conn *)(new.buckets + n_buckets);
	*t = new;
	return 0;
}

void dp_conntab_fini(struct dp_conntab *t)
{
	dp_memory_unmap(&t->memory);
	t->buckets = NULL;
	t->records = NULL;
}

struct dp_conn *dp_conntab_find(
	const struct dp_conntab *t, const struct dp_server *servers, const struct dp_conn_key *key)
{
	const struct dp_bucket *b = &t->buckets[dp_conntab_home(t, key->hash)];

	// at most one round: one record gone on from each bucket is enough for a full circle
	for (uint32_t left = t->n_buckets; left > 0; left--) {
		for (unsigned hits = dp_bucket_match(b, key->hash.tag); hits; hits &= hits - 1) {
			struct dp_conn *c = &t->records[b->record[__builtin_ctz(hits)]];

			if (dp_conn_is_match(c, servers, key))
				return c;
		}
		if (b->overflow == 0)
			return NULL;
		b = dp_bucket_after(t, b);
	}
	return NULL;
}

static bool is_same_server(const struct dp_conn *c, const struct dp_server *servers,
	const struct dp_flow_request *request)
{
	return c->server_port == request->server_port &&
	       addr_equal(&servers[c->server].address, &servers[request->server].address);
}

enum dp_conntab_result dp_conntab_check(const struct dp_conntab *t, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn)
{
	const struct dp_conn_key *key = request->key;
	const struct dp_bucket *b = &t->buckets[dp_conntab_home(t, key->hash)];
	unsigned n = 0;

	for (uint32_t left = t->n_buckets; left > 0; left--, b = dp_bucket_after(t, b)) {
		for (unsigned hits = dp_bucket_match(b, key->hash.tag); hits; hits &= hits - 1) {
			struct dp_conn *c = &t->records[b->record[__builtin_ctz(hits)]];

			if (!dp_conn_is_of_client(c, key))
				continue;
			n++;
			if (is_same_server(c, servers, request)) {
				*ret_conn = c;
				return DP_CONNTAB_TUPLE_IN_USE;
			}
		}
		if (b->overflow == 0)
			break;
	}
	return n < DP_CONNTAB_CLIENT_LIMIT ? DP_CONNTAB_OK : DP_CONNTAB_CLIENT_FULL;
}

static uint32_t take_record(struct dp_conntab *t)
{
	uint32_t record = t->free_head;

	if (record != NO_RECORD) {
		t->free_head = t->records[record].server;
		if (t->free_head != NO_RECORD)
			prefetch_to_write(&t->records[t->free_head]);
	} else {
		record = t->high_water++;
	}
	t->n_used++;
	return record;
}

static void file_record(struct dp_conntab *t, struct dp_hash hash, uint32_t record)
{
	struct dp_bucket *b = &t->buckets[dp_conntab_home(t, hash)];
	unsigned room;

	while ((room = dp_bucket_match(b, 0)) == 0) {
		b->overflow++;
		b = (struct dp_bucket *)dp_bucket_after(t, b);
	}
	b->tag[__builtin_ctz(room)] = hash.tag;
	b->record[__builtin_ctz(room)] = record;
}

static void write_record(
	struct dp_conn *c, const struct dp_server *servers, const struct dp_flow_request *request)
{
	const struct dp_conn_key *key = request->key;
	const struct dp_server *server = &servers[request->server];
	uint16_t delta = checksum_delta_addr(&key->remote, &server->address);

	*c = (struct dp_conn){
		.client = key->client,
		.vip = key->remote,
		.client_port = key->client_port,
		.vip_port = key->remote_port,
		.server_port = request->server_port,
		.protocol = key->protocol,
		.server = request->server,
		.address_delta = delta,
		.ends_delta = checksum_add(
			delta, checksum_delta16(key->remote_port, request->server_port)),
	};
}

struct dp_conn *dp_conntab_file(struct dp_conntab *t, const struct dp_server *servers,
	const struct dp_flow_request *request)
{
	uint32_t record = take_record(t);

	file_record(t, request->key->hash, record);
	write_record(&t->records[record], servers, request);
	return &t->records[record];
}

enum dp_conntab_result dp_conntab_open(struct dp_conntab *t, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn)
{
	enum dp_conntab_result result = dp_conntab_check(t, servers, request, ret_conn);

	if (result != DP_CONNTAB_OK)
		return result;
	if (t->n_used == t->capacity)
		return DP_CONNTAB_FULL;
	*ret_conn = dp_conntab_file(t, servers, request);
	return DP_CONNTAB_OK;
}

struct dp_conn *dp_conntab_copy(struct dp_conntab *t, const struct dp_conn *conn)
{
	uint32_t record;

	if (t->n_used == t->capacity)
		return NULL;
	record = take_record(t);
	file_record(t, dp_conntab_hash_of(t, conn), record);
	t->records[record] = *conn;
	return &t->records[record];
}

/* The slot that names the record, or -1. */
static int slot_of(const struct dp_bucket *b, uint16_t tag, uint32_t record)
{
	for (unsigned hits = dp_bucket_match(b, tag); hits; hits &= hits - 1)
		if (b->record[__builtin_ctz(hits)] == record)
			return __builtin_ctz(hits);
	return -1;
}

static void unfile_record(struct dp_conntab *t, struct dp_hash hash, uint32_t record)
{
	struct dp_bucket *b = &t->buckets[dp_conntab_home(t, hash)];
	int slot;

	while ((slot = slot_of(b, hash.tag, record)) < 0) {
		assert(b->overflow > 0);
		b->overflow--;
		b = (struct dp_bucket *)dp_bucket_after(t, b);
	}
	b->tag[slot] = 0;
}

struct dp_conn *dp_conntab_file_over(struct dp_conntab *t, struct dp_conn *conn, struct dp_hash was,
	const struct dp_server *servers, const struct dp_flow_request *request)
{
	uint32_t record = (uint32_t)(conn - t->records);

	assert(conn->state != DP_L4_FREE);
	unfile_record(t, was, record);
	file_record(t, request->key->hash, record);
	write_record(conn, servers, request);
	return conn;
}

void dp_conntab_close(struct dp_conntab *t, struct dp_conn *conn)
{
	dp_conntab_close_hashed(t, conn, dp_conntab_hash_of(t, conn));
}

void dp_conntab_close_hashed(struct dp_conntab *t, struct dp_conn *conn, struct dp_hash hash)
{
	uint32_t record = (uint32_t)(conn - t->records);

	assert(conn->state != DP_L4_FREE);
	unfile_record(t, hash, record);
	conn->state = DP_L4_FREE;
	conn->server = t->free_head;
	t->free_head = record;
	t->n_used--;
}

/* What a sweep has found, its buckets on their way. */
struct finds {
	struct dp_conn *conns[8];
	unsigned n;
};

static void hand_over(struct finds *f, dp_conntab_expired *expired, void *arg)
{
	for (unsigned i = 0; i < f->n; i++)
		expired(arg, f->conns[i]);
	f->n = 0;
}

void dp_conntab_sweep(struct dp_conntab *t, uint32_t n, struct dp_conntab_now now,
	dp_conntab_expired *expired, void *arg)
{
	enum { HALF_A_ROUND = 0x8000 };
	struct finds finds = {.n = 0};

	if (n > t->high_water)
		n = t->high_water;
	for (uint32_t i = 0; i < n; i++) {
		struct dp_conn *c;

		if (t->sweep_at >= t->high_water)
			t->sweep_at = 0;
		c = &t->records[t->sweep_at++];
		if (c->state == DP_L4_FREE)
			continue;
		if ((uint16_t)(now.hop_generation - c->hop_generation) >= HALF_A_ROUND)
			c->client_hop = DP_NO_NEXTHOP;
		if (!dp_conn_is_expired(c, now.ms))
			continue;
		dp_conntab_prefetch(t, dp_conntab_hash_of(t, c));
		finds.conns[finds.n++] = c;
		if (finds.n == sizeof(finds.conns) / sizeof(finds.conns[0]))
			hand_over(&finds, expired, arg);
	}
	hand_over(&finds, expired, arg);
}
