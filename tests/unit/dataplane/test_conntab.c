/* The connection table against a plain list of the connections that should be in it, under
 * random operations; and its own bookkeeping, recounted from the buckets. */
#include "dataplane/conntab.h"

#include "base/checksum.h"

#include "connlist.h"
#include "seeded.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_SERVERS = 24, N_VIPS = 3, MAX_LIVE = 4096 };

static_assert(sizeof(struct dp_conn) == 64, "one cache line");
static_assert(sizeof(struct dp_bucket) == 64, "one cache line");

static const struct dp_memory_policy small_pages = {.use_hugetlb = false};

struct bench {
	struct dp_conntab table;
	struct dp_server servers[N_SERVERS];
	struct listed live[MAX_LIVE];
	unsigned n_live;
	struct seeded random;
	uint32_t now_ms;
	unsigned n_full, n_client_full, n_tuple_in_use, n_expired;
};

static struct addr test_address(bool is_v4, uint8_t kind, uint32_t n)
{
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, kind};

	if (is_v4)
		return addr_from_v4(htonl(0x0a000000u | (uint32_t)kind << 16 | n));
	v6[14] = (uint8_t)(n >> 8);
	v6[15] = (uint8_t)n;
	return addr_from_v6(v6);
}

static struct bench *bench_new(uint32_t capacity, const char *name)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(dp_conntab_init(&b->table, capacity, DP_CONNTAB_DENSE, &small_pages), 0);
	b->random = seeded_new(name);
	b->now_ms = UINT32_MAX - 5000; // the clock wraps on the way
	// two ids each share an address: another port, or another service on the same one
	for (unsigned i = 0; i < N_SERVERS; i++)
		b->servers[i].address = test_address(i % 4 < 2, 1, i / 8);
	return b;
}

static void bench_free(struct bench *b)
{
	dp_conntab_fini(&b->table);
	free(b);
}

static struct dp_conn_key key_for(struct bench *b, bool is_v4, unsigned client, unsigned port)
{
	struct dp_conn_key key = {
		.client = test_address(is_v4, 2, client),
		.client_port = htons((uint16_t)port),
		.remote = test_address(is_v4, 3, seeded_below(&b->random, N_VIPS)),
		.remote_port = htons((uint16_t)(80 + seeded_below(&b->random, 40))),
		.protocol = seeded_below(&b->random, 4) ? IPPROTO_TCP : IPPROTO_UDP,
		.dir = DP_DIR_IN,
	};

	key.hash = dp_hash_client(&b->table.keys, &key.client, key.client_port, key.protocol);
	return key;
}

static struct listed *model_find(struct bench *b, const struct dp_conn_key *key)
{
	return connlist_find(b->live, b->n_live, b->servers, key);
}

static struct listed *model_of(struct bench *b, const struct dp_conn *c)
{
	return connlist_of(b->live, b->n_live, c);
}

static void model_remove(struct bench *b, struct listed *e)
{
	*e = b->live[--b->n_live];
}

static enum dp_conntab_result model_open(
	struct bench *b, const struct dp_conn_key *key, uint32_t server, be16 port)
{
	const struct addr *address = &b->servers[server].address;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_live; i++) {
		const struct listed *e = &b->live[i];

		if (!connlist_is_client(e, key))
			continue;
		n++;
		if (e->server_port == port && addr_equal(&b->servers[e->server].address, address))
			return DP_CONNTAB_TUPLE_IN_USE;
	}
	if (n >= DP_CONNTAB_CLIENT_LIMIT)
		return DP_CONNTAB_CLIENT_FULL;
	return b->n_live == b->table.capacity ? DP_CONNTAB_FULL : DP_CONNTAB_OK;
}

static void check_opened(struct bench *b, const struct listed *e)
{
	const struct dp_conn *c = e->conn;
	const struct addr *server = &b->servers[e->server].address;
	uint16_t delta = checksum_delta_addr(&e->key.remote, server);

	assert_true(addr_equal(&c->client, &e->key.client));
	assert_true(addr_equal(&c->vip, &e->key.remote));
	assert_int_equal(c->client_port, e->key.client_port);
	assert_int_equal(c->vip_port, e->key.remote_port);
	assert_int_equal(c->server_port, e->server_port);
	assert_int_equal(c->protocol, e->key.protocol);
	assert_int_equal(c->server, e->server);
	assert_int_equal(c->address_delta, delta);
	assert_int_equal(c->ends_delta,
		checksum_add(delta, checksum_delta16(e->key.remote_port, e->server_port)));
	assert_int_equal(c->state, DP_L4_FREE);
	assert_int_equal(c->expires_ms | c->opened_ms | c->flags | c->outside_port, 0);
}

static void open_one(struct bench *b, const struct dp_conn_key *key, uint32_t server, be16 port)
{
	enum dp_conntab_result want = model_open(b, key, server, port);
	struct dp_conn *c = NULL;
	const struct dp_flow_request request = {key, server, port, false, 0};
	enum dp_conntab_result got = dp_conntab_open(&b->table, b->servers, &request, &c);
	struct listed *e;

	assert_int_equal(got, want);
	if (got == DP_CONNTAB_TUPLE_IN_USE) {
		e = model_of(b, c);
		assert_non_null(e);
		assert_true(connlist_is_client(e, key) && e->server_port == port);
		b->n_tuple_in_use++;
	}
	b->n_full += got == DP_CONNTAB_FULL;
	b->n_client_full += got == DP_CONNTAB_CLIENT_FULL;
	if (got != DP_CONNTAB_OK)
		return;
	assert_null(model_of(b, c));
	assert_true(b->n_live < MAX_LIVE);
	e = &b->live[b->n_live++];
	*e = (struct listed){.key = *key, .server = server, .server_port = port, .conn = c};
	check_opened(b, e);
	e->expires_ms = b->now_ms + 1 + seeded_below(&b->random, 3000);
	c->state = DP_L4_ESTABLISHED;
	c->expires_ms = e->expires_ms;
}

static void close_one(struct bench *b, struct listed *e)
{
	dp_conntab_close(&b->table, e->conn);
	assert_int_equal(e->conn->state, DP_L4_FREE);
	model_remove(b, e);
}

static void check_found(struct bench *b, const struct dp_conn_key *key)
{
	const struct listed *want = model_find(b, key);
	struct dp_conn *got = dp_conntab_find(&b->table, b->servers, key);

	dp_conntab_prefetch(&b->table, key->hash);
	__builtin_prefetch(dp_conntab_likely(&b->table, key->hash).conn);
	assert_ptr_equal(got, want ? want->conn : NULL);
}

/* Buckets and records recounted. */
static void check_invariants(const struct bench *b)
{
	const struct dp_conntab *t = &b->table;
	uint32_t n_slots = 0, n_records = 0, n_free = 0;
	uint64_t overflow = 0;

	for (uint32_t i = 0; i < t->n_buckets; i++) {
		overflow += t->buckets[i].overflow;
		for (int s = 0; s < DP_CONNTAB_SLOTS; s++) {
			const struct dp_conn *c = &t->records[t->buckets[i].record[s]];

			if (t->buckets[i].tag[s] == 0)
				continue;
			n_slots++;
			assert_int_not_equal(c->state, DP_L4_FREE);
		}
	}
	for (uint32_t i = 0; i < t->high_water; i++)
		n_records += t->records[i].state != DP_L4_FREE;
	for (uint32_t i = t->free_head; i != UINT32_MAX; i = t->records[i].server)
		n_free++;
	assert_int_equal(t->n_used, b->n_live);
	assert_int_equal(n_slots, b->n_live);
	assert_int_equal(n_records, b->n_live);
	assert_int_equal(n_free, t->high_water - b->n_live);
	assert_true(t->high_water <= t->capacity);
	if (b->n_live == 0)
		assert_int_equal(overflow, 0);
}

static void on_expired(void *arg, struct dp_conn *conn)
{
	struct bench *b = arg;
	struct listed *e = model_of(b, conn);

	assert_non_null(e);
	assert_true((int32_t)(b->now_ms - e->expires_ms) >= 0);
	b->n_expired++;
	close_one(b, e);
}

static void sweep_all(struct bench *b)
{
	dp_conntab_sweep(
		&b->table, UINT32_MAX, (struct dp_conntab_now){.ms = b->now_ms}, on_expired, b);
	for (unsigned i = 0; i < b->n_live; i++)
		assert_true((int32_t)(b->now_ms - b->live[i].expires_ms) < 0);
}

static void close_all(struct bench *b)
{
	while (b->n_live > 0)
		close_one(b, &b->live[seeded_below(&b->random, b->n_live)]);
	check_invariants(b);
}

/* Few clients and ports, so that endpoints have many connections each. */
struct crowd {
	unsigned n_clients, n_ports, n_server_ports;
	unsigned open_percent; // and 10 find, 10 sweep, the rest close
};

static void step(struct bench *b, const struct crowd *crowd)
{
	bool is_v4 = seeded_below(&b->random, 2);
	struct dp_conn_key key = key_for(b, is_v4, seeded_below(&b->random, crowd->n_clients),
		1024 + seeded_below(&b->random, crowd->n_ports));
	be16 port = htons((uint16_t)(8000 + seeded_below(&b->random, crowd->n_server_ports)));
	uint32_t server = seeded_below(&b->random, N_SERVERS / 4) * 4 + (is_v4 ? 0 : 2) +
			  seeded_below(&b->random, 2);
	unsigned dice = seeded_below(&b->random, 100);
	struct listed *some = b->n_live ? &b->live[seeded_below(&b->random, b->n_live)] : NULL;

	check_found(b, &key);
	if (dice < crowd->open_percent && !model_find(b, &key)) {
		open_one(b, &key, server, port);
	} else if (some && dice >= 90) {
		struct dp_conn_key out = connlist_outbound(some, b->servers);

		check_found(b, &some->key);
		check_found(b, &out);
		assert_ptr_equal(dp_conntab_find(&b->table, b->servers, &out), some->conn);
	} else if (some && dice < 80) {
		close_one(b, some);
	} else {
		b->now_ms += seeded_below(&b->random, 10);
		dp_conntab_sweep(&b->table, seeded_below(&b->random, 50),
			(struct dp_conntab_now){.ms = b->now_ms}, on_expired, b);
	}
}

static void run(struct bench *b, const struct crowd *crowd, unsigned n_steps)
{
	for (unsigned i = 0; i < n_steps; i++) {
		step(b, crowd);
		if (i % 997 == 0)
			check_invariants(b);
		if (i % 20011 == 0)
			sweep_all(b);
		if (i % 50021 == 0)
			close_all(b);
	}
	close_all(b);
}

static void fail_if_expired(void *arg, struct dp_conn *conn)
{
	(void)arg;
	(void)conn;
	fail_msg("nothing has expired");
}

/* ---- claims ---------------------------------------------------------------------------- */

/* The smallest tables: full most of the time, buckets full, overflow going round the circle. */
static void tiny_tables_behave_like_a_list(void **state)
{
	static const struct crowd few = {3, 2, 12, 60}, one = {1, 1, 40, 50};

	(void)state;
	for (uint32_t capacity = 1; capacity <= 64; capacity++) {
		struct bench *b = bench_new(capacity, __func__);

		b->random.state += capacity;
		run(b, &few, 8000);
		run(b, &one, 8000);
		assert_true(b->n_full > 0);
		bench_free(b);
	}
}

static void a_table_under_a_clustered_crowd_behaves_like_a_list(void **state)
{
	static const struct crowd crowd = {7, 5, 30, 65}, many = {200, 200, 9, 50};
	struct bench *b = bench_new(500, __func__);

	(void)state;
	run(b, &crowd, 400000);
	assert_true(b->n_full > 0);
	assert_true(b->n_tuple_in_use > 0);
	assert_true(b->n_expired > 0);
	run(b, &many, 100000);
	bench_free(b);
}

static void a_larger_table_behaves_like_a_list(void **state)
{
	static const struct crowd crowd = {40, 10, 5, 70};
	struct bench *b = bench_new(3000, __func__);

	(void)state;
	run(b, &crowd, 100000);
	bench_free(b);
}

/* Each bucket has sent one record on, and none is full: a search must end all the same. */
static void a_search_ends_when_every_bucket_has_overflown(void **state)
{
	struct bench *b = bench_new(12, __func__);
	struct dp_conn_key key;

	(void)state;
	assert_int_equal(b->table.n_buckets, 3);
	for (uint32_t i = 0; i < b->table.n_buckets; i++)
		b->table.buckets[i].overflow = 1;
	key = key_for(b, true, 1, 1);
	assert_null(dp_conntab_find(&b->table, b->servers, &key));
	open_one(b, &key, 0, htons(80));
	assert_int_equal(b->n_live, 1);
	assert_non_null(dp_conntab_find(&b->table, b->servers, &key));
	bench_free(b);
}

static void a_client_endpoint_has_at_most_512_connections(void **state)
{
	struct bench *b = bench_new(2000, __func__);
	struct dp_conn_key key = key_for(b, true, 1, 1), other = key_for(b, true, 1, 2);

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		key.remote_port = htons((uint16_t)(i + 1));
		open_one(b, &key, 0, htons((uint16_t)(i + 1)));
	}
	assert_int_equal(b->n_live, DP_CONNTAB_CLIENT_LIMIT);
	assert_int_equal(b->n_client_full, 600 - DP_CONNTAB_CLIENT_LIMIT);
	open_one(b, &other, 0, htons(1));
	assert_int_equal(b->n_live, DP_CONNTAB_CLIENT_LIMIT + 1);
	for (unsigned i = 0; i < b->n_live; i++) {
		struct dp_conn_key out = connlist_outbound(&b->live[i], b->servers);

		check_found(b, &out);
	}
	close_one(b, &b->live[300]);
	open_one(b, &key, 0, htons(1000));
	assert_int_equal(b->n_live, DP_CONNTAB_CLIENT_LIMIT + 1);
	close_all(b);
	bench_free(b);
}

static void a_full_table_refuses_and_keeps_what_it_has(void **state)
{
	struct bench *b = bench_new(1000, __func__);

	(void)state;
	for (unsigned i = 0; i < 1100; i++) {
		struct dp_conn_key key = key_for(b, i % 2, i, 1);

		open_one(b, &key, i % 2 ? 0 : 2, htons(80));
	}
	assert_int_equal(b->n_live, 1000);
	assert_int_equal(b->n_full, 100);
	for (unsigned i = 0; i < b->n_live; i++)
		check_found(b, &b->live[i].key);
	close_all(b);
	bench_free(b);
}

static void one_endpoint_may_not_have_two_ways_to_one_server_port(void **state)
{
	struct bench *b = bench_new(10, __func__);
	struct dp_conn_key key = key_for(b, true, 1, 1), second = key;

	(void)state;
	open_one(b, &key, 0, htons(80));
	second.remote = test_address(true, 3, 9);
	open_one(b, &second, 1, htons(80)); // another id, the same address
	assert_int_equal(b->n_tuple_in_use, 1);
	open_one(b, &second, 1, htons(81));
	second.remote = test_address(true, 3, 10);
	open_one(b, &second, 8, htons(80)); // another address
	assert_int_equal(b->n_live, 3);
	bench_free(b);
}

/* n at a time is enough to see all within high_water / n sweeps, whatever happens between. */
static void sweeping_in_pieces_reaches_every_record(void **state)
{
	struct bench *b = bench_new(1000, __func__);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct dp_conn_key key = key_for(b, true, i, 1);

		open_one(b, &key, 0, htons(80));
	}
	b->now_ms += 5000;
	for (unsigned i = 0; i < 10; i++)
		dp_conntab_sweep(
			&b->table, 100, (struct dp_conntab_now){.ms = b->now_ms}, on_expired, b);
	assert_int_equal(b->n_expired, 1000);
	check_invariants(b);
	dp_conntab_sweep(&b->table, 100, (struct dp_conntab_now){.ms = b->now_ms}, on_expired, b);
	bench_free(b);
}

/* Neighbouring addresses and ports, as real clients have, fill buckets as chance would, under
 * any keys: with records thrown at random, 22 to 23 % of the buckets send some on when the
 * table is full. */
static void clustered_clients_spread_over_the_buckets(void **state)
{
	enum { CAPACITY = 60000 };
	static const struct dp_server server = {.address = {.bytes = {0x20, 1, 0xd, 0xb8}}};
	struct dp_conntab t;
	uint32_t n_overflown = 0;

	(void)state;
	assert_int_equal(dp_conntab_init(&t, CAPACITY, DP_CONNTAB_DENSE, &small_pages), 0);
	for (unsigned i = 0; i < CAPACITY; i++) {
		struct dp_conn_key key = {
			.client = test_address(i % 2, 2, i / 200),
			.client_port = htons((uint16_t)(32768 + i % 200)),
			.protocol = IPPROTO_TCP,
		};
		const struct dp_flow_request request = {&key, 0, htons(80), false, 0};
		struct dp_conn *c;

		key.hash = dp_hash_client(&t.keys, &key.client, key.client_port, key.protocol);
		assert_int_equal(dp_conntab_open(&t, &server, &request, &c), DP_CONNTAB_OK);
		c->state = DP_L4_SYN;
	}
	for (uint32_t i = 0; i < t.n_buckets; i++)
		n_overflown += t.buckets[i].overflow > 0;
	assert_true(n_overflown < t.n_buckets * 27ull / 100);
	dp_conntab_fini(&t);
}

/* For all but a few of a full table: those two buckets behind their home, or behind another one's
 * tag. Who is not there is nobody, or somebody with the same tag. */
static void the_first_two_guesses_are_right_for_nearly_all(void **state)
{
	enum { CAPACITY = 20000 };
	static const struct dp_server server = {.address = {.bytes = {0x20, 1, 0xd, 0xb8}}};
	unsigned n_right = 0, n_gone_on = 0, n_nobody = 0;
	struct dp_conntab t;

	(void)state;
	assert_int_equal(dp_conntab_init(&t, CAPACITY, DP_CONNTAB_DENSE, &small_pages), 0);
	for (unsigned i = 0; i < 3 * CAPACITY; i++) {
		struct dp_conn_key key = {
			.client = test_address(true, 2, i % CAPACITY / 200),
			.client_port = htons((uint16_t)(32768 + i % 200)),
			.protocol = i < 2 * CAPACITY ? IPPROTO_TCP : IPPROTO_UDP,
		};
		const struct dp_flow_request request = {&key, 0, htons(80), false, 0};
		struct dp_guess guess;
		struct dp_conn *c;

		key.hash = dp_hash_client(&t.keys, &key.client, key.client_port, key.protocol);
		if (i < CAPACITY) {
			assert_int_equal(dp_conntab_open(&t, &server, &request, &c), DP_CONNTAB_OK);
			c->state = DP_L4_ESTABLISHED;
			continue;
		}
		guess = dp_conntab_likely(&t, key.hash);
		c = guess.has_gone_on ? dp_conntab_likely_next(&t, key.hash) : guess.conn;
		if (i >= 2 * CAPACITY) {
			assert_false(dp_conn_is_match(c, &server, &key));
			n_nobody += c == &dp_conntab_nobody;
			continue;
		}
		n_gone_on += guess.has_gone_on;
		n_right += dp_conn_is_of_client(c, &key);
	}
	assert_in_range(n_gone_on, CAPACITY / 50, CAPACITY / 5);
	assert_in_range(n_right, CAPACITY * 97 / 100, CAPACITY);
	assert_in_range(n_nobody, CAPACITY * 99 / 100, CAPACITY);
	dp_conntab_fini(&t);
}

/* Generations are numbers of 16 bits: before one comes again, nothing may remember it. */
static void a_remembered_hop_is_forgotten_half_a_round_later(void **state)
{
	enum { GENERATION = 0xfff0, HOP = 7, HALF_A_ROUND = 0x8000 };
	struct bench *b = bench_new(16, __func__);
	struct dp_conn_key key = key_for(b, true, 1, 1024);
	struct dp_conn *c;

	(void)state;
	open_one(b, &key, 0, htons(8000));
	c = b->live[0].conn;
	c->client_hop = HOP;
	c->hop_generation = GENERATION;
	for (unsigned later = 0; later < HALF_A_ROUND; later += 31) {
		const struct dp_conntab_now now = {b->now_ms, (uint16_t)(GENERATION + later)};

		dp_conntab_sweep(&b->table, UINT32_MAX, now, fail_if_expired, NULL);
		assert_int_equal(c->client_hop, HOP);
	}
	for (unsigned later = HALF_A_ROUND; later < 0x10000; later += 31) {
		const struct dp_conntab_now now = {b->now_ms, (uint16_t)(GENERATION + later)};

		c->client_hop = HOP;
		dp_conntab_sweep(&b->table, UINT32_MAX, now, fail_if_expired, NULL);
		assert_int_equal(c->client_hop, DP_NO_NEXTHOP);
	}
	close_all(b);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_tables_behave_like_a_list),
		cmocka_unit_test(a_table_under_a_clustered_crowd_behaves_like_a_list),
		cmocka_unit_test(a_larger_table_behaves_like_a_list),
		cmocka_unit_test(a_search_ends_when_every_bucket_has_overflown),
		cmocka_unit_test(a_client_endpoint_has_at_most_512_connections),
		cmocka_unit_test(a_full_table_refuses_and_keeps_what_it_has),
		cmocka_unit_test(one_endpoint_may_not_have_two_ways_to_one_server_port),
		cmocka_unit_test(sweeping_in_pieces_reaches_every_record),
		cmocka_unit_test(clustered_clients_spread_over_the_buckets),
		cmocka_unit_test(the_first_two_guesses_are_right_for_nearly_all),
		cmocka_unit_test(a_remembered_hop_is_forgotten_half_a_round_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
