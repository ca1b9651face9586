/* The two tables of a worker's connections and the chain of age between them, against a plain
 * list under random operations. Tables are tiny, so that every limit is reached again and again. */
#include "dataplane/flows.h"

#include "connlist.h"
#include "seeded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_SERVERS = 6, MAX_LIVE = 2048, LIFE_MS = 3000 };

static const struct dp_memory_policy small_pages = {.use_hugetlb = false};

struct bench {
	struct dp_flows flows;
	struct dp_server servers[N_SERVERS];
	struct listed live[MAX_LIVE]; // in the order of their opening
	unsigned n_live;
	struct seeded random;
	uint32_t now_ms;
	unsigned results[DP_CONNTAB_TUPLE_IN_USE + 1];
	unsigned n_settled, n_not_settled, n_expired, n_strange;
};

static struct bench *bench_new(uint32_t settled, uint32_t half_open, const char *name)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_true(settled + half_open <= MAX_LIVE);
	assert_int_equal(dp_flows_init(&b->flows, settled, half_open, &small_pages), 0);
	b->random = seeded_new(name);
	b->now_ms = UINT32_MAX - 5000; // the clock wraps on the way
	// two ids each share an address: another service on the same server
	for (unsigned i = 0; i < N_SERVERS; i++)
		b->servers[i].address = addr_from_v4(htonl(0xc6336400u + i / 2));
	return b;
}

static void bench_free(struct bench *b)
{
	dp_flows_fini(&b->flows);
	free(b);
}

/* ---- the list ------------------------------------------------------------------------------ */

static struct listed *model_find(struct bench *b, const struct dp_conn_key *key)
{
	return connlist_find(b->live, b->n_live, b->servers, key);
}

static struct listed *model_of(struct bench *b, const struct dp_conn *c)
{
	return connlist_of(b->live, b->n_live, c);
}

static unsigned model_count(const struct bench *b, bool is_half_open)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_live; i++)
		n += b->live[i].is_half_open == is_half_open;
	return n;
}

static struct listed *model_oldest(struct bench *b)
{
	for (unsigned i = 0; i < b->n_live; i++)
		if (b->live[i].is_half_open)
			return &b->live[i];
	return NULL;
}

static void model_remove(struct bench *b, struct listed *e)
{
	size_t behind = (size_t)(&b->live[--b->n_live] - e);

	memmove(e, e + 1, behind * sizeof(*e)); // keeps the order
}

/* The connection of this client endpoint with that server's port, in one of the tables. */
static struct listed *model_in_the_way(
	struct bench *b, const struct dp_flow_request *request, bool is_half_open, unsigned *ret_n)
{
	const struct addr *address = &b->servers[request->server].address;
	struct listed *found = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_live; i++) {
		struct listed *e = &b->live[i];

		if (!connlist_is_client(e, request->key) || e->is_half_open != is_half_open)
			continue;
		n++;
		if (e->server_port == request->server_port &&
			addr_equal(&b->servers[e->server].address, address))
			found = e;
	}
	*ret_n = n;
	return found;
}

/* Over its limit, or in the way of the request: *ret_entry. */
static enum dp_conntab_result model_check(struct bench *b, const struct dp_flow_request *request,
	bool is_half_open, struct listed **ret_entry)
{
	unsigned n;

	*ret_entry = model_in_the_way(b, request, is_half_open, &n);
	if (*ret_entry)
		return DP_CONNTAB_TUPLE_IN_USE;
	return n < DP_CONNTAB_CLIENT_LIMIT ? DP_CONNTAB_OK : DP_CONNTAB_CLIENT_FULL;
}

/* What opening must say; the entry that it names, if it names one. */
static enum dp_conntab_result model_open(
	struct bench *b, const struct dp_flow_request *request, struct listed **ret_entry)
{
	bool is_tcp = request->key->protocol == IPPROTO_TCP;
	enum dp_conntab_result r = model_check(b, request, false, ret_entry);
	unsigned room, n;

	if (r == DP_CONNTAB_OK && is_tcp)
		r = model_check(b, request, true, ret_entry);
	if (r != DP_CONNTAB_OK)
		return r;
	if (model_count(b, false) == b->flows.settled.capacity)
		return DP_CONNTAB_FULL;
	room = b->flows.settled.capacity - model_count(b, false);
	n = model_count(b, true);
	if (!is_tcp || (n < b->flows.half_open.capacity && n < room))
		return DP_CONNTAB_OK;
	*ret_entry = model_oldest(b);
	return DP_CONNTAB_HALF_OPEN_FULL;
}

/* Told by a glance at two buckets, as the lookup stage does; never of one that is known. */
static bool is_strange(struct bench *b, const struct dp_conn_key *key)
{
	bool is = dp_conntab_is_strange(&b->flows.settled, key->hash) &&
		  dp_conntab_is_strange(&b->flows.half_open, key->hash);

	for (unsigned i = 0; is && i < b->n_live; i++)
		assert_false(connlist_is_client(&b->live[i], key));
	b->n_strange += is;
	return is;
}

/* ---- what must always hold ------------------------------------------------------------------- */

/* From the oldest to the newest, and back by every link. */
static void check_ages(struct bench *b)
{
	const struct dp_flows *f = &b->flows;
	uint32_t at = f->oldest, before = DP_FLOWS_NONE;

	for (unsigned i = 0; i < b->n_live; i++) {
		if (!b->live[i].is_half_open)
			continue;
		assert_true(at < f->half_open.capacity);
		assert_ptr_equal(&f->half_open.records[at], b->live[i].conn);
		assert_int_equal(f->ages[at].older, before);
		before = at;
		at = f->ages[at].newer;
	}
	assert_int_equal(at, DP_FLOWS_NONE);
	assert_int_equal(f->newest, before);
}

static void check_all(struct bench *b)
{
	assert_int_equal(b->flows.settled.n_used, model_count(b, false));
	assert_int_equal(b->flows.half_open.n_used, model_count(b, true));
	for (unsigned i = 0; i < b->n_live; i++) {
		const struct listed *e = &b->live[i];
		const struct dp_conn_key out = connlist_outbound(e, b->servers);

		assert_ptr_equal(dp_flows_find(&b->flows, b->servers, &e->key), e->conn);
		assert_ptr_equal(dp_flows_find(&b->flows, b->servers, &out), e->conn);
		assert_int_equal(dp_flows_is_half_open(&b->flows, e->conn), e->is_half_open);
		assert_int_equal(e->conn->expires_ms, e->expires_ms);
		assert_int_equal(e->conn->server, e->server);
	}
	check_ages(b);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void close_one(struct bench *b, struct listed *e)
{
	dp_flows_close(&b->flows, e->conn);
	model_remove(b, e);
}

static void add(struct bench *b, const struct dp_flow_request *request, struct dp_conn *c)
{
	bool is_tcp = request->key->protocol == IPPROTO_TCP;
	struct listed *e = &b->live[b->n_live];

	assert_null(model_of(b, c));
	assert_true(b->n_live < MAX_LIVE);
	b->n_live++;
	*e = (struct listed){.key = *request->key,
		.server = request->server,
		.server_port = request->server_port,
		.expires_ms = b->now_ms + 1 + seeded_below(&b->random, LIFE_MS),
		.is_half_open = is_tcp,
		.conn = c};
	c->state = is_tcp ? DP_L4_SYN : DP_L4_UDP;
	c->expires_ms = e->expires_ms;
}

/* At the bound the oldest is closed first; or, as the schedule stage does, both in one. */
static void open_one(struct bench *b, const struct dp_flow_request *request)
{
	struct dp_conn *c = NULL;
	struct listed *named;
	enum dp_conntab_result want = model_open(b, request, &named);
	enum dp_conntab_result got = dp_flows_open(&b->flows, b->servers, request, &c);

	assert_int_equal(got, want);
	b->results[got]++;
	if (named)
		assert_ptr_equal(c, named->conn);
	if (got == DP_CONNTAB_HALF_OPEN_FULL && seeded_below(&b->random, 2)) {
		model_remove(b, named);
		c = dp_flows_file_over_oldest(&b->flows, b->servers, request);
		got = DP_CONNTAB_OK;
	} else if (got == DP_CONNTAB_HALF_OPEN_FULL) {
		close_one(b, named);
		c = dp_flows_file(&b->flows, b->servers, request);
		got = DP_CONNTAB_OK;
	}
	if (got == DP_CONNTAB_OK)
		add(b, request, c);
}

static void settle_one(struct bench *b, struct listed *e)
{
	bool has_room = model_count(b, false) < b->flows.settled.capacity;
	const struct dp_conn was = *e->conn;
	struct dp_conn *c = dp_flows_settle(&b->flows, e->conn);

	if (!has_room) {
		assert_null(c);
		assert_memory_equal(e->conn, &was, sizeof(was));
		b->n_not_settled++;
		return;
	}
	assert_non_null(c);
	assert_memory_equal(c, &was, sizeof(was));
	assert_false(dp_flows_is_half_open(&b->flows, c));
	c->state = DP_L4_ESTABLISHED;
	e->conn = c;
	e->is_half_open = false;
	b->n_settled++;
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

static void sweep(struct bench *b, uint32_t n)
{
	const struct dp_conntab_now now = {.ms = b->now_ms};

	dp_conntab_sweep(&b->flows.settled, n, now, on_expired, b);
	dp_conntab_sweep(&b->flows.half_open, n, now, on_expired, b);
	for (unsigned i = 0; n == UINT32_MAX && i < b->n_live; i++)
		assert_true((int32_t)(b->now_ms - b->live[i].expires_ms) < 0);
}

/* How many different ends there are; shares of the operations in percent, the rest closes. */
struct crowd {
	unsigned n_clients, n_ports, n_vip_ports, n_server_ports;
	unsigned udp, open, settle, sweep;
};

static struct dp_conn_key key_for(struct bench *b, const struct crowd *crowd)
{
	struct seeded *s = &b->random;
	struct dp_conn_key key = {
		.client = addr_from_v4(htonl(0xc0000200u + seeded_below(s, crowd->n_clients))),
		.client_port = htons((uint16_t)(1024 + seeded_below(s, crowd->n_ports))),
		.remote = addr_from_v4(htonl(0xcb007100u)),
		.remote_port = htons((uint16_t)(80 + seeded_below(s, crowd->n_vip_ports))),
		.protocol = seeded_below(s, 100) < crowd->udp ? IPPROTO_UDP : IPPROTO_TCP,
		.dir = DP_DIR_IN,
	};

	key.hash = dp_flows_hash(&b->flows, &key);
	return key;
}

static void step(struct bench *b, const struct crowd *crowd)
{
	struct dp_conn_key key = key_for(b, crowd);
	const struct dp_flow_request request = {.key = &key,
		.is_stranger = is_strange(b, &key),
		.server = seeded_below(&b->random, N_SERVERS),
		.server_port =
			htons((uint16_t)(8000 + seeded_below(&b->random, crowd->n_server_ports)))};
	struct listed *known = model_find(b, &key);
	struct listed *some = b->n_live ? &b->live[seeded_below(&b->random, b->n_live)] : NULL;
	unsigned dice = seeded_below(&b->random, 100);

	assert_ptr_equal(dp_flows_find(&b->flows, b->servers, &key), known ? known->conn : NULL);
	if (dice < crowd->open) {
		if (!known)
			open_one(b, &request);
	} else if (dice < crowd->open + crowd->settle) {
		if (some && some->is_half_open)
			settle_one(b, some);
	} else if (dice < crowd->open + crowd->settle + crowd->sweep) {
		b->now_ms += seeded_below(&b->random, 40);
		sweep(b, seeded_below(&b->random, 8));
	} else if (some) {
		close_one(b, some);
	}
}

static void run(struct bench *b, const struct crowd *crowd, unsigned n_steps)
{
	for (unsigned i = 0; i < n_steps; i++) {
		step(b, crowd);
		if (i % 37 == 0)
			check_all(b);
		if (i % 1009 == 0)
			sweep(b, UINT32_MAX);
	}
	check_all(b);
	while (b->n_live > 0)
		close_one(b, &b->live[seeded_below(&b->random, b->n_live)]);
	check_all(b);
	assert_int_equal(b->flows.oldest, DP_FLOWS_NONE);
	assert_int_equal(b->flows.newest, DP_FLOWS_NONE);
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void tiny_tables_agree_with_the_list(void **state)
{
	static const struct crowd crowd = {.n_clients = 6,
		.n_ports = 6,
		.n_vip_ports = 3,
		.n_server_ports = 2,
		.udp = 15,
		.open = 60,
		.settle = 25,
		.sweep = 4};
	static const struct {
		uint32_t settled, half_open;
	} sizes[] = {{1, 1}, {1, 8}, {8, 1}, {3, 2}, {16, 5}, {60, 20}};

	unsigned n_not_settled = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bench *b = bench_new(sizes[i].settled, sizes[i].half_open, __func__);

		run(b, &crowd, 40000);
		// every limit was reached
		assert_true(b->results[DP_CONNTAB_OK] > 0 && b->results[DP_CONNTAB_FULL] > 0);
		assert_true(b->results[DP_CONNTAB_HALF_OPEN_FULL] > 0);
		assert_true(b->results[DP_CONNTAB_TUPLE_IN_USE] > 0);
		assert_true(b->n_settled > 0 && b->n_expired > 0);
		n_not_settled += b->n_not_settled; // UDP took the room
		bench_free(b);
	}
	assert_true(n_not_settled > 0);
}

/* A flood: hardly anything settles, nearly every opening evicts. */
static void under_a_flood_the_oldest_goes_first(void **state)
{
	static const struct crowd crowd = {.n_clients = 200,
		.n_ports = 200,
		.n_vip_ports = 1,
		.n_server_ports = 1,
		.open = 94,
		.settle = 1,
		.sweep = 2};
	struct bench *b = bench_new(1000, 64, __func__);

	(void)state;
	run(b, &crowd, 40000);
	assert_true(b->results[DP_CONNTAB_HALF_OPEN_FULL] > 30000);
	assert_true(b->n_strange > 30000); // hardly any of the buckets overflows
	bench_free(b);
}

/* Few endpoints with many connections each: to their limit in either table. */
static void the_limit_of_a_client_endpoint_holds_in_both_tables(void **state)
{
	static const struct crowd crowd = {.n_clients = 1,
		.n_ports = 1,
		.n_vip_ports = 2000,
		.n_server_ports = 2000,
		.udp = 30,
		.open = 90,
		.settle = 4,
		.sweep = 1};
	struct bench *b = bench_new(1300, 700, __func__);

	(void)state;
	run(b, &crowd, 6000);
	assert_true(b->results[DP_CONNTAB_CLIENT_FULL] > 0);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_tables_agree_with_the_list),
		cmocka_unit_test(under_a_flood_the_oldest_goes_first),
		cmocka_unit_test(the_limit_of_a_client_endpoint_holds_in_both_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
