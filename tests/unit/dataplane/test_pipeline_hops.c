/* The way back to a client, which its connection remembers: used as long as nothing has changed,
 * and not once longer. */
#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rte_rcu_qsbr.h>

#define OLD_GATEWAY "192.0.2.254"
#define NEW_GATEWAY "192.0.2.253"

static void send_in(struct rig *r, uint8_t flags)
{
	struct packet p = rig_packet(r, (struct packet_spec){RIG_FAR4, RIG_VIP4, 1000, 80,
						IPPROTO_TCP, .tcp_flags = flags});
	struct rig_out out;

	rig_send(r, RIG_CLIENT_SIDE, &p);
	rig_expect_one(r, RIG_SERVER_SIDE, &out);
}

/* The server answers; the answer leaves by that gateway. */
static void expect_answer_by(struct rig *r, const char *gateway, uint8_t flags)
{
	struct packet p = rig_packet(r, (struct packet_spec){rig_server_text(r, 0), RIG_FAR4, 8080,
						1000, IPPROTO_TCP, .tcp_flags = flags});

	rig_send(r, RIG_SERVER_SIDE, &p);
	rig_expect_changed(r, RIG_CLIENT_SIDE, &p,
		&(struct rig_change){.src = RIG_VIP4, .src_port = 80, .nexthop = gateway});
}

/* One client behind the gateway; its connection remembers the way. */
static struct rig *rig_with_connection(const char *name)
{
	struct rig *r = rig_new(name);

	send_in(r, DP_TCP_SYN);
	expect_answer_by(r, OLD_GATEWAY, DP_TCP_SYN | DP_TCP_ACK);
	send_in(r, DP_TCP_ACK);
	expect_answer_by(r, OLD_GATEWAY, DP_TCP_ACK);
	return r;
}

static uint16_t id_of(const struct rig *r, const char *neighbour)
{
	struct addr a = packet_addr(neighbour);

	return dp_nexthops_find(r->nexthops, RIG_CLIENT_SIDE, &a);
}

static void the_way_to_a_client_is_remembered_and_used(void **state)
{
	struct rig *r = rig_with_connection(__func__);
	struct dp_conn *c = rig_conn(r, 0);

	(void)state;
	assert_int_equal(c->client_hop, id_of(r, OLD_GATEWAY));
	assert_int_equal(c->hop_generation, r->tables->hop_generation);
	c->client_hop = id_of(r, NEW_GATEWAY); // it is this that decides
	expect_answer_by(r, NEW_GATEWAY, DP_TCP_ACK);
	rig_free(r);
}

static void a_new_route_moves_the_next_answer(void **state)
{
	struct rig *r = rig_with_connection(__func__);

	(void)state;
	for (int i = 0; i < 3; i++) {
		rig_set_gateway(r, NEW_GATEWAY);
		expect_answer_by(r, NEW_GATEWAY, DP_TCP_ACK);
		expect_answer_by(r, NEW_GATEWAY, DP_TCP_ACK);
		rig_set_gateway(r, OLD_GATEWAY);
		expect_answer_by(r, OLD_GATEWAY, DP_TCP_ACK);
	}
	rig_free(r);
}

static void a_neighbours_new_mac_address_moves_the_next_answer(void **state)
{
	struct rig *r = rig_with_connection(__func__);

	(void)state;
	for (uint8_t mark = 1; mark < 5; mark++) {
		r->mac_mark = mark; // rig_expect_changed() looks for it
		rig_publish(r);
		expect_answer_by(r, OLD_GATEWAY, DP_TCP_ACK);
		expect_answer_by(r, OLD_GATEWAY, DP_TCP_ACK);
	}
	rig_free(r);
}

/* 65,536 changes during which the connection is silent, as far as a worker notices them. */
static void a_generation_that_comes_again_revives_no_old_way(void **state)
{
	struct rig *r = rig_with_connection(__func__);
	uint16_t generation = r->tables->hop_generation;

	(void)state;
	rig_set_gateway(r, NEW_GATEWAY);
	r->tables->hop_generation = (uint16_t)(generation + 0x8000);
	rig_sweep(r);
	r->tables->hop_generation = generation;
	expect_answer_by(r, NEW_GATEWAY, DP_TCP_ACK);
	rig_free(r);
}

static struct dp_tables *tables_like(const struct rig *r)
{
	struct dp_tables *t =
		dp_tables_new(r->services, r->schedules, r->routes, r->nexthops, r->locals);

	assert_non_null(t);
	return t;
}

static uint16_t publish(struct dp_tables_root *root, struct dp_tables *next)
{
	dp_tables_publish(root, next);
	return dp_tables_load(root)->hop_generation;
}

static void only_another_route_or_neighbour_makes_another_generation(void **state)
{
	struct rig *r = rig_new(__func__);
	struct rte_rcu_qsbr *rcu = aligned_alloc(64, rte_rcu_qsbr_get_memsize(1));
	struct dp_tables_root root = {.rcu = rcu};

	(void)state;
	assert_non_null(rcu);
	assert_int_equal(rte_rcu_qsbr_init(rcu, 1), 0);
	assert_int_equal(publish(&root, tables_like(r)), 0);
	assert_int_equal(publish(&root, tables_like(r)), 0);
	rig_set_weights(r, RIG_TCP4, 3, 1); // rig_publish() makes new neighbours
	assert_int_equal(publish(&root, tables_like(r)), 1);
	assert_int_equal(publish(&root, tables_like(r)), 1);
	rig_set_gateway(r, NEW_GATEWAY);
	assert_int_equal(publish(&root, tables_like(r)), 2);
	((struct dp_tables *)root.current)->hop_generation = UINT16_MAX;
	assert_int_equal(publish(&root, tables_like(r)), UINT16_MAX);
	rig_publish(r);
	assert_int_equal(publish(&root, tables_like(r)), 0);
	dp_tables_fini(&root);
	free(rcu);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_to_a_client_is_remembered_and_used),
		cmocka_unit_test(a_new_route_moves_the_next_answer),
		cmocka_unit_test(a_neighbours_new_mac_address_moves_the_next_answer),
		cmocka_unit_test(a_generation_that_comes_again_revives_no_old_way),
		cmocka_unit_test(only_another_route_or_neighbour_makes_another_generation),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
