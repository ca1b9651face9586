/* TCP connections before their handshake is complete: in a table apart, with a bound of its own,
 * so that a flood of SYNs costs other half-open connections only. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct packet client_tcp(struct rig *r, uint16_t from, uint8_t flags)
{
	return rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, from, 80, IPPROTO_TCP,
				     .tcp_flags = flags});
}

static void send_in(struct rig *r, uint16_t from, uint8_t flags)
{
	struct packet p = client_tcp(r, from, flags);

	rig_send(r, RIG_CLIENT_SIDE, &p);
}

static struct dp_conn *find(const struct rig *r, uint16_t from)
{
	struct dp_conn *c;

	for (unsigned i = 0; (c = rig_conn(r, i)); i++)
		if (c->client_port == htons(from))
			return c;
	return NULL;
}

/* An answer of the server that the client's connection is with. */
static void send_out(struct rig *r, uint16_t to, uint8_t flags)
{
	const struct dp_conn *c = find(r, to);
	char server[ADDR_STR_LEN];
	struct packet p;

	assert_non_null(c);
	p = rig_packet(
		r, (struct packet_spec){addr_format(&r->tables->servers[c->server].address, server),
			   RIG_CLIENT4, 8080, to, IPPROTO_TCP, .tcp_flags = flags});
	rig_send(r, RIG_SERVER_SIDE, &p);
}

static void expect_forwarded(struct rig *r, unsigned port)
{
	struct rig_out out;

	rig_expect_one(r, port, &out);
}

static void establish(struct rig *r, uint16_t from)
{
	send_in(r, from, DP_TCP_SYN);
	expect_forwarded(r, RIG_SERVER_SIDE);
	send_out(r, from, DP_TCP_SYN | DP_TCP_ACK);
	expect_forwarded(r, RIG_CLIENT_SIDE);
	send_in(r, from, DP_TCP_ACK);
	expect_forwarded(r, RIG_SERVER_SIDE);
	assert_int_equal(find(r, from)->state, DP_L4_ESTABLISHED);
}

static void flood(struct rig *r, uint16_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		send_in(r, (uint16_t)(first + i), DP_TCP_SYN);
		expect_forwarded(r, RIG_SERVER_SIDE);
	}
}

static void expect_tables(const struct rig *r, unsigned settled, unsigned half_open)
{
	assert_int_equal(r->w->flows.settled.n_used, settled);
	assert_int_equal(r->w->flows.half_open.n_used, half_open);
}

static void the_oldest_half_open_makes_room_and_is_counted(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	rig_resize(r, 64, 8);
	flood(r, 1000, 8);
	expect_tables(r, 0, 8);
	assert_int_equal(r->w->counters.half_open_evicted, 0);
	for (uint16_t i = 0; i < 100; i++) {
		assert_non_null(find(r, (uint16_t)(1000 + i)));
		flood(r, (uint16_t)(1008 + i), 1);
		assert_null(find(r, (uint16_t)(1000 + i)));
		assert_non_null(find(r, (uint16_t)(1001 + i)));
		expect_tables(r, 0, 8);
		assert_int_equal(r->w->counters.half_open_evicted, i + 1);
	}
	assert_int_equal(rig_drops(r, DP_DROP_TABLE_FULL), 0);
	assert_int_equal(r->w->counters.opened, 108);
	rig_free(r);
}

static void a_flood_leaves_established_connections_alone(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	rig_resize(r, 64, 8);
	for (uint16_t i = 0; i < 20; i++)
		establish(r, (uint16_t)(100 + i));
	flood(r, 1000, 500);
	expect_tables(r, 20, 8);
	for (uint16_t i = 0; i < 20; i++) {
		assert_int_equal(find(r, (uint16_t)(100 + i))->state, DP_L4_ESTABLISHED);
		send_in(r, (uint16_t)(100 + i), DP_TCP_ACK);
		expect_forwarded(r, RIG_SERVER_SIDE);
		send_out(r, (uint16_t)(100 + i), DP_TCP_ACK);
		expect_forwarded(r, RIG_CLIENT_SIDE);
	}
	assert_int_equal(r->w->counters.half_open_evicted, 492);
	rig_free(r);
}

/* As long as fewer SYNs than the bound come between its own packets. */
static void a_handshake_completes_in_the_middle_of_a_flood(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	rig_resize(r, 64, 8);
	flood(r, 1000, 8);
	for (uint16_t i = 0; i < 50; i++) {
		uint16_t from = (uint16_t)(100 + i), other = (uint16_t)(2000 + i * 8);

		send_in(r, from, DP_TCP_SYN);
		expect_forwarded(r, RIG_SERVER_SIDE);
		flood(r, other, 4);
		send_out(r, from, DP_TCP_SYN | DP_TCP_ACK);
		expect_forwarded(r, RIG_CLIENT_SIDE);
		flood(r, (uint16_t)(other + 4), 3);
		send_in(r, from, DP_TCP_ACK);
		expect_forwarded(r, RIG_SERVER_SIDE);
		assert_int_equal(find(r, from)->state, DP_L4_ESTABLISHED);
	}
	expect_tables(r, 50, 7);
	rig_free(r);
}

/* An eviction takes with it what came before it in the same burst. */
static void a_burst_of_more_syns_than_the_bound_keeps_the_newest(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet burst[DP_BURST];
	struct rig_out out;

	(void)state;
	rig_resize(r, 64, 8);
	for (uint16_t i = 0; i < DP_BURST; i++)
		burst[i] = client_tcp(r, (uint16_t)(1000 + i), DP_TCP_SYN);
	rig_send_burst(r, RIG_CLIENT_SIDE, burst, DP_BURST);
	for (unsigned i = DP_BURST - 8; i < DP_BURST; i++) {
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
		assert_int_equal(packet_get16(out.bytes + PACKET_ETHER + 20), 1000 + i);
	}
	rig_expect_nothing(r);
	expect_tables(r, 0, 8);
	assert_int_equal(r->w->counters.half_open_evicted, DP_BURST - 8);
	assert_int_equal(rig_drops(r, DP_DROP_NO_CONNECTION), DP_BURST - 8);
	rig_free(r);
}

/* The connection moves to the other table in the middle of the burst. */
static void what_follows_the_last_ack_in_its_burst_goes_the_same_way(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet burst[5];
	struct rig_out out;
	unsigned server;

	(void)state;
	flood(r, 1000, 2);
	send_out(r, 1000, DP_TCP_SYN | DP_TCP_ACK);
	expect_forwarded(r, RIG_CLIENT_SIDE);
	server = r->tables->servers[find(r, 1000)->server].address.bytes[15];
	burst[0] = client_tcp(r, 1000, DP_TCP_ACK);
	burst[1] = client_tcp(r, 1001, DP_TCP_SYN);
	burst[2] = client_tcp(r, 1000, DP_TCP_ACK);
	burst[3] = client_tcp(r, 1002, DP_TCP_SYN);
	burst[4] = client_tcp(r, 1000, DP_TCP_FIN | DP_TCP_ACK);
	rig_send_burst(r, RIG_CLIENT_SIDE, burst, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
		assert_int_equal(packet_get16(out.bytes + PACKET_ETHER + 20),
			packet_get16(burst[i].bytes + PACKET_ETHER + 20));
		if (i % 2 == 0)
			assert_int_equal(out.bytes[PACKET_ETHER + 19], server);
	}
	expect_tables(r, 1, 2);
	assert_int_equal(find(r, 1000)->state, DP_L4_FIN_CLIENT);
	rig_free(r);
}

/* TCP never counts on room that it has not got, but UDP may take the last of it. */
static void a_handshake_that_finds_no_room_waits_for_it(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet udp = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 500, 53,
						  IPPROTO_UDP, .payload_len = 8});

	(void)state;
	rig_resize(r, 4, 8);
	for (uint16_t i = 0; i < 3; i++)
		establish(r, (uint16_t)(100 + i));
	flood(r, 1000, 1);
	send_out(r, 1000, DP_TCP_SYN | DP_TCP_ACK);
	expect_forwarded(r, RIG_CLIENT_SIDE);
	rig_send(r, RIG_CLIENT_SIDE, &udp);
	expect_forwarded(r, RIG_SERVER_SIDE);
	expect_tables(r, 4, 1);

	for (unsigned i = 1; i <= 3; i++) {
		send_in(r, 1000, DP_TCP_ACK);
		rig_expect_nothing(r);
		assert_int_equal(rig_drops(r, DP_DROP_TABLE_FULL), i);
	}
	assert_int_equal(find(r, 1000)->state, DP_L4_SYN_ACK);
	for (uint16_t i = 0; i < 3; i++) {
		send_in(r, (uint16_t)(100 + i), DP_TCP_ACK);
		expect_forwarded(r, RIG_SERVER_SIDE);
		assert_int_equal(find(r, (uint16_t)(100 + i))->state, DP_L4_ESTABLISHED);
	}

	send_in(r, 100, DP_TCP_RST);
	expect_forwarded(r, RIG_SERVER_SIDE);
	rig_pass_time(r, 10000);
	rig_sweep(r);
	send_in(r, 1000, DP_TCP_ACK);
	expect_forwarded(r, RIG_SERVER_SIDE);
	assert_int_equal(find(r, 1000)->state, DP_L4_ESTABLISHED);
	rig_free(r);
}

/* Near the end of the settled table a handshake has a second; then it makes room. */
static void a_handshake_needs_room_to_settle_from_its_start(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	rig_resize(r, 4, 8);
	for (uint16_t i = 0; i < 3; i++)
		establish(r, (uint16_t)(100 + i));
	flood(r, 1000, 1);
	rig_pass_time(r, 999);
	send_in(r, 2000, DP_TCP_SYN);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, DP_DROP_TABLE_FULL), 1);
	expect_tables(r, 3, 1);

	rig_pass_time(r, 1);
	establish(r, 2000);
	assert_int_equal(r->w->counters.half_open_evicted, 1);
	expect_tables(r, 4, 0);
	send_in(r, 3000, DP_TCP_SYN);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, DP_DROP_TABLE_FULL), 2);
	rig_free(r);
}

/* From either end, at either step: it takes no room among the settled, and a SYN starts anew. */
static void a_reset_in_the_handshake_ends_it_where_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rig *r = rig_new(__func__);
		bool is_answered = i & 1, is_from_server = i & 2;

		flood(r, 1000, 1);
		if (is_answered)
			send_out(r, 1000, DP_TCP_SYN | DP_TCP_ACK);
		if (is_from_server)
			send_out(r, 1000, DP_TCP_RST | DP_TCP_ACK);
		else
			send_in(r, 1000, DP_TCP_RST);
		rig_drop_output(r);
		expect_tables(r, 0, 1);
		assert_int_equal(find(r, 1000)->state, DP_L4_CLOSE);
		establish(r, 1000);
		expect_tables(r, 1, 0);

		flood(r, 1001, 1);
		send_in(r, 1001, DP_TCP_RST);
		rig_drop_output(r);
		rig_pass_time(r, 9999);
		rig_sweep(r);
		expect_tables(r, 1, 1);
		rig_pass_time(r, 1);
		rig_sweep(r);
		expect_tables(r, 1, 0);
		rig_free(r);
	}
}

static void a_fin_right_after_the_syn_ack_settles_the_connection(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	flood(r, 1000, 2);
	send_out(r, 1000, DP_TCP_SYN | DP_TCP_ACK);
	send_out(r, 1001, DP_TCP_SYN | DP_TCP_ACK);
	rig_drop_output(r);
	send_in(r, 1000, DP_TCP_FIN | DP_TCP_ACK);
	expect_forwarded(r, RIG_SERVER_SIDE);
	send_out(r, 1001, DP_TCP_FIN | DP_TCP_ACK);
	expect_forwarded(r, RIG_CLIENT_SIDE);
	expect_tables(r, 2, 0);
	assert_int_equal(find(r, 1000)->state, DP_L4_FIN_CLIENT);
	assert_int_equal(find(r, 1001)->state, DP_L4_FIN_SERVER);
	send_out(r, 1000, DP_TCP_FIN | DP_TCP_ACK);
	send_in(r, 1000, DP_TCP_ACK);
	rig_drop_output(r);
	assert_int_equal(find(r, 1000)->state, DP_L4_TIME_WAIT);
	rig_free(r);
}

/* A listener that closes before it answered: over, and never settled. */
static void a_fin_without_a_syn_ack_never_settles(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	flood(r, 1000, 1);
	send_out(r, 1000, DP_TCP_FIN | DP_TCP_ACK);
	expect_forwarded(r, RIG_CLIENT_SIDE);
	assert_int_equal(find(r, 1000)->state, DP_L4_CLOSE);
	expect_tables(r, 0, 1);
	rig_free(r);
}

static void an_ack_without_a_syn_ack_settles_nothing(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	flood(r, 1000, 1);
	send_in(r, 1000, DP_TCP_ACK);
	expect_forwarded(r, RIG_SERVER_SIDE);
	assert_int_equal(find(r, 1000)->state, DP_L4_SYN);
	expect_tables(r, 0, 1);
	rig_free(r);
}

static void udp_is_never_half_open(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	rig_resize(r, 64, 1);
	for (uint16_t i = 0; i < 20; i++) {
		struct packet p = rig_packet(
			r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, (uint16_t)(1000 + i), 53,
				   IPPROTO_UDP, .payload_len = 8});

		rig_send(r, RIG_CLIENT_SIDE, &p);
		expect_forwarded(r, RIG_SERVER_SIDE);
		expect_tables(r, i + 1, 0);
	}
	assert_int_equal(r->w->counters.half_open_evicted, 0);
	rig_free(r);
}

static void half_open_connections_expire(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	rig_resize(r, 2 * RIG_CONNECTIONS, RIG_CONNECTIONS);
	establish(r, 100);
	flood(r, 1000, 10);
	rig_pass_time(r, 10000);
	flood(r, 1000, 1); // its SYN again: that one lives on
	rig_pass_time(r, 19999);
	rig_sweep(r);
	expect_tables(r, 1, 10);
	rig_pass_time(r, 1);
	rig_sweep(r);
	expect_tables(r, 1, 1);
	assert_non_null(find(r, 1000));
	// the chain of age still holds together
	flood(r, 2000, RIG_CONNECTIONS);
	expect_tables(r, 1, RIG_CONNECTIONS);
	assert_null(find(r, 1000));
	assert_int_equal(r->w->counters.half_open_evicted, 1);
	rig_free(r);
}

static void an_answer_to_an_expired_half_open_connection_finds_none(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet late;

	(void)state;
	rig_set_weights(r, RIG_TCP4, 1, 0);
	flood(r, 1000, 1);
	rig_pass_time(r, 30000);
	late = rig_packet(r, (struct packet_spec){"198.51.100.11", RIG_CLIENT4, 8080, 1000,
				     IPPROTO_TCP, .tcp_flags = DP_TCP_SYN | DP_TCP_ACK});
	rig_send(r, RIG_SERVER_SIDE, &late);
	rig_expect_nothing(r);
	expect_tables(r, 0, 0);
	assert_int_equal(r->w->counters.expired, 1);
	assert_int_equal(rig_drops(r, DP_DROP_NO_CONNECTION), 1);
	rig_free(r);
}

/* ---- at random ---------------------------------------------------------------------------------
 */

enum { FIRST_PORT = 1000, N_PORTS = 150, N_BURSTS = 6000 };

static uint8_t some_flags(struct rig *r)
{
	static const uint8_t flags[] = {DP_TCP_SYN, DP_TCP_SYN, DP_TCP_SYN, DP_TCP_ACK, DP_TCP_ACK,
		DP_TCP_ACK, DP_TCP_SYN | DP_TCP_ACK, DP_TCP_SYN | DP_TCP_ACK, DP_TCP_RST,
		DP_TCP_FIN | DP_TCP_ACK};

	return flags[seeded_below(&r->random, sizeof(flags))];
}

static uint16_t some_port(struct rig *r)
{
	return (uint16_t)(FIRST_PORT + seeded_below(&r->random, N_PORTS));
}

static struct packet some_packet(struct rig *r, bool is_out, uint16_t port)
{
	const char *server = seeded_below(&r->random, 2) ? "198.51.100.11" : "198.51.100.12";

	if (!is_out)
		return client_tcp(r, port, some_flags(r));
	return rig_packet(r, (struct packet_spec){server, RIG_CLIENT4, 8080, port, IPPROTO_TCP,
				     .tcp_flags = some_flags(r)});
}

/* Whatever the burst opened, moved and closed: what left belongs to a connection that is there,
 * and to its server. */
static unsigned expect_connections_of_output(struct rig *r)
{
	unsigned n = 0;
	struct rig_out out;
	const struct dp_conn *c;

	for (unsigned side = 0; side < RIG_PORTS; side++)
		while (rig_take(r, side, &out)) {
			const uint8_t *ip = out.bytes + PACKET_ETHER;
			bool is_answer = side == RIG_CLIENT_SIDE;

			if (is_answer && (ip[33] & DP_TCP_RST))
				continue; // perhaps our own, to what has no connection
			c = find(r, packet_get16(ip + (is_answer ? 22 : 20)));
			assert_non_null(c);
			assert_true(packet_has_right_sums(out.bytes, out.len));
			if (!is_answer)
				assert_memory_equal(ip + 16,
					r->tables->servers[c->server].address.bytes + 12, 4);
			n++;
		}
	return n;
}

static void a_burst_leaves_no_packet_without_its_connection(void **state)
{
	static const uint32_t bounds[] = {1, 8, DP_BURST, DP_BURST + 1, 100};

	(void)state;
	for (unsigned i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct rig *r = rig_new(__func__);
		unsigned n = 0;

		rig_resize(r, 60, bounds[i]);
		for (unsigned k = 0; k < N_BURSTS; k++) {
			struct packet burst[DP_BURST];
			unsigned n_packets = 1 + seeded_below(&r->random, DP_BURST);
			bool is_out = seeded_below(&r->random, 3) == 0;
			uint16_t favourite = some_port(r);

			for (unsigned p = 0; p < n_packets; p++)
				burst[p] = some_packet(r, is_out,
					seeded_below(&r->random, 4) ? some_port(r) : favourite);
			rig_send_burst(
				r, is_out ? RIG_SERVER_SIDE : RIG_CLIENT_SIDE, burst, n_packets);
			n += expect_connections_of_output(r);
			rig_pass_time(r, seeded_below(&r->random, 200));
			if (k % 50 == 0)
				rig_sweep(r);
		}
		assert_true(n > N_BURSTS / 6);
		assert_true(r->w->counters.half_open_evicted > 0);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_half_open_makes_room_and_is_counted),
		cmocka_unit_test(a_flood_leaves_established_connections_alone),
		cmocka_unit_test(a_handshake_completes_in_the_middle_of_a_flood),
		cmocka_unit_test(a_burst_of_more_syns_than_the_bound_keeps_the_newest),
		cmocka_unit_test(what_follows_the_last_ack_in_its_burst_goes_the_same_way),
		cmocka_unit_test(a_handshake_that_finds_no_room_waits_for_it),
		cmocka_unit_test(a_handshake_needs_room_to_settle_from_its_start),
		cmocka_unit_test(a_reset_in_the_handshake_ends_it_where_it_is),
		cmocka_unit_test(a_fin_right_after_the_syn_ack_settles_the_connection),
		cmocka_unit_test(a_fin_without_a_syn_ack_never_settles),
		cmocka_unit_test(an_ack_without_a_syn_ack_settles_nothing),
		cmocka_unit_test(udp_is_never_half_open),
		cmocka_unit_test(half_open_connections_expire),
		cmocka_unit_test(an_answer_to_an_expired_half_open_connection_finds_none),
		cmocka_unit_test(a_burst_leaves_no_packet_without_its_connection),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
