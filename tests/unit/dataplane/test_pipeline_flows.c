/* Connections as packets make, keep and end them: choice of server, reuse, limits, expiry, and
 * the gauges, which rig.c recounts after every burst. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct packet client_tcp(struct rig *r, const char *vip, uint16_t from, uint8_t flags)
{
	return rig_packet(r,
		(struct packet_spec){RIG_CLIENT4, vip, from, 80, IPPROTO_TCP, .tcp_flags = flags});
}

static struct packet server_tcp(struct rig *r, const char *server, uint16_t to, uint8_t flags)
{
	return rig_packet(r, (struct packet_spec){server, RIG_CLIENT4, 8080, to, IPPROTO_TCP,
				     .tcp_flags = flags});
}

static void send_in(struct rig *r, uint16_t from, uint8_t flags)
{
	struct packet p = client_tcp(r, RIG_VIP4, from, flags);

	rig_send(r, RIG_CLIENT_SIDE, &p);
}

static void send_out(struct rig *r, const char *server, uint16_t to, uint8_t flags)
{
	struct packet p = server_tcp(r, server, to, flags);

	rig_send(r, RIG_SERVER_SIDE, &p);
}

/* The last byte of the IPv4 address that the one frame on its way to the servers is for. */
static unsigned expect_server(struct rig *r)
{
	struct rig_out out;

	rig_expect_one(r, RIG_SERVER_SIDE, &out);
	return out.bytes[PACKET_ETHER + 19];
}

static const char *server_text(unsigned last)
{
	return last == 11 ? "198.51.100.11" : "198.51.100.12";
}

static struct dp_conn *find(struct rig *r, const char *vip, uint16_t from)
{
	struct addr client = packet_addr(RIG_CLIENT4), address = packet_addr(vip);

	struct dp_conn *c;

	for (unsigned i = 0; (c = rig_conn(r, i)); i++)
		if (addr_equal(&c->client, &client) && addr_equal(&c->vip, &address) &&
			c->client_port == htons(from))
			return c;
	return NULL;
}

/* A whole handshake; returns the server. */
static const char *establish(struct rig *r, uint16_t from)
{
	const char *server;

	send_in(r, from, DP_TCP_SYN);
	server = server_text(expect_server(r));
	send_out(r, server, from, DP_TCP_SYN | DP_TCP_ACK);
	send_in(r, from, DP_TCP_ACK);
	rig_drop_output(r);
	assert_int_equal(find(r, RIG_VIP4, from)->state, DP_L4_ESTABLISHED);
	return server;
}

static void finish(struct rig *r, const char *server, uint16_t from)
{
	send_in(r, from, DP_TCP_FIN | DP_TCP_ACK);
	send_out(r, server, from, DP_TCP_FIN | DP_TCP_ACK);
	send_in(r, from, DP_TCP_ACK);
	rig_drop_output(r);
	assert_int_equal(find(r, RIG_VIP4, from)->state, DP_L4_TIME_WAIT);
}

static void new_connections_alternate_between_equal_servers(void **state)
{
	struct rig *r = rig_new(__func__);
	unsigned count[256] = {0};

	(void)state;
	for (uint16_t i = 0; i < 60; i++) {
		send_in(r, (uint16_t)(1000 + i), DP_TCP_SYN);
		count[expect_server(r)]++;
	}
	assert_int_equal(count[11], 30);
	assert_int_equal(count[12], 30);
	assert_int_equal(r->w->counters.opened, 60);
	rig_free(r);
}

static void two_packets_of_one_burst_that_open_a_flow_share_it(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet burst[4];
	struct rig_out out;
	unsigned server = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		burst[i] = client_tcp(r, RIG_VIP4, 1000, i == 3 ? DP_TCP_ACK : DP_TCP_SYN);
	rig_send_burst(r, RIG_CLIENT_SIDE, burst, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
		if (i > 0)
			assert_int_equal(out.bytes[PACKET_ETHER + 19], server);
		server = out.bytes[PACKET_ETHER + 19];
	}
	assert_int_equal(rig_connections(r), 1);
	assert_int_equal(r->w->counters.opened, 1);
	rig_free(r);
}

static void a_repeated_syn_keeps_its_server(void **state)
{
	struct rig *r = rig_new(__func__);
	unsigned server;

	(void)state;
	send_in(r, 1000, DP_TCP_SYN);
	server = expect_server(r);
	for (int i = 0; i < 5; i++) {
		rig_pass_time(r, 1000);
		send_in(r, 1000, DP_TCP_SYN);
		assert_int_equal(expect_server(r), server);
	}
	assert_int_equal(rig_connections(r), 1);
	rig_free(r);
}

static void a_syn_on_a_finished_connection_takes_a_fresh_server(void **state)
{
	struct rig *r = rig_new(__func__);
	const char *server = establish(r, 1000);
	unsigned again;

	(void)state;
	finish(r, server, 1000);
	send_in(r, 1000, DP_TCP_SYN);
	again = expect_server(r);
	assert_string_not_equal(server_text(again), server);
	assert_int_equal(rig_connections(r), 1);
	assert_int_equal(find(r, RIG_VIP4, 1000)->state, DP_L4_SYN);

	send_out(r, server_text(again), 1000, DP_TCP_RST | DP_TCP_ACK);
	rig_drop_output(r);
	assert_int_equal(find(r, RIG_VIP4, 1000)->state, DP_L4_CLOSE);
	send_in(r, 1000, DP_TCP_SYN);
	assert_string_equal(server_text(expect_server(r)), server);
	assert_int_equal(rig_connections(r), 1);
	rig_free(r);
}

/* Late segments before the SYN must not reach the new server; those after it must. */
static void a_burst_around_a_reused_connection_is_kept_apart(void **state)
{
	struct rig *r = rig_new(__func__);
	const char *server = establish(r, 1000);
	struct packet burst[5];
	struct rig_out out;
	bool is_first;

	(void)state;
	finish(r, server, 1000);
	burst[0] = client_tcp(r, RIG_VIP4, 1000, DP_TCP_ACK);
	burst[1] = client_tcp(r, RIG_VIP4, 1001, DP_TCP_SYN);
	burst[2] = client_tcp(r, RIG_VIP4, 1000, DP_TCP_SYN);
	burst[3] = client_tcp(r, RIG_VIP4, 1000, DP_TCP_ACK);
	burst[4] = client_tcp(r, RIG_VIP4, 1000, DP_TCP_SYN);
	is_first = strcmp(server, "198.51.100.11") == 0;
	rig_set_weights(r, RIG_TCP4, !is_first, is_first); // not the old one
	rig_send_burst(r, RIG_CLIENT_SIDE, burst, 5);
	assert_int_equal(rig_drops(r, DP_DROP_NO_CONNECTION), 1);
	for (unsigned i = 1; i < 5; i++) {
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
		assert_int_equal(packet_get16(out.bytes + 34), i == 1 ? 1001 : 1000);
		assert_string_not_equal(server_text(out.bytes[PACKET_ETHER + 19]), server);
	}
	rig_expect_nothing(r);
	assert_int_equal(rig_connections(r), 2);
	rig_free(r);
}

static void one_client_port_through_two_vips_goes_to_two_servers(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet other = client_tcp(r, RIG_OTHER_VIP4, 1000, DP_TCP_SYN), in, out;
	unsigned first, second;

	(void)state;
	for (int round = 0; round < 10; round++) {
		send_in(r, 1000, DP_TCP_SYN);
		first = expect_server(r);
		rig_send(r, RIG_CLIENT_SIDE, &other);
		second = expect_server(r);
		assert_int_not_equal(first, second);
		// and answers find their way back to the right VIP
		out = server_tcp(r, server_text(second), 1000, DP_TCP_SYN | DP_TCP_ACK);
		rig_send(r, RIG_SERVER_SIDE, &out);
		rig_expect_changed(r, RIG_CLIENT_SIDE, &out,
			&(struct rig_change){
				.src = RIG_OTHER_VIP4, .src_port = 80, .nexthop = RIG_CLIENT4});
		in = client_tcp(r, RIG_OTHER_VIP4, 1000, DP_TCP_ACK);
		rig_send(r, RIG_CLIENT_SIDE, &in);
		assert_int_equal(expect_server(r), second);
		dp_worker_close(r->w, find(r, RIG_VIP4, 1000));
		dp_worker_close(r->w, find(r, RIG_OTHER_VIP4, 1000));
		// another offset of one against the other
		send_in(r, (uint16_t)(2000 + round), DP_TCP_SYN);
		rig_drop_output(r);
	}
	rig_free(r);
}

static void a_client_port_that_uses_up_the_servers_is_refused(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet other = client_tcp(r, RIG_OTHER_VIP4, 1000, DP_TCP_SYN);
	const char *server;

	(void)state;
	rig_set_weights(r, RIG_TCP4, 1, 0);
	rig_set_weights(r, RIG_OTHER4, 1, 0);
	server = establish(r, 1000);
	rig_send(r, RIG_CLIENT_SIDE, &other);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, DP_DROP_TUPLE_IN_USE), 1);
	assert_int_equal(rig_connections(r), 1);

	finish(r, server, 1000); // over for both ends: it makes room
	rig_send(r, RIG_CLIENT_SIDE, &other);
	assert_int_equal(expect_server(r), 11);
	assert_int_equal(rig_connections(r), 1);
	assert_null(find(r, RIG_VIP4, 1000));
	rig_free(r);
}

/* The first of the two has a connection, though no packet of it was tracked yet. */
static void two_openings_in_one_burst_do_not_push_each_other_out(void **state)
{
	struct rig *r = rig_new(__func__);
	const struct packet burst[] = {client_tcp(r, RIG_VIP4, 1000, DP_TCP_SYN),
		client_tcp(r, RIG_OTHER_VIP4, 1000, DP_TCP_SYN)};

	(void)state;
	rig_set_weights(r, RIG_TCP4, 1, 0);
	rig_set_weights(r, RIG_OTHER4, 1, 0);
	rig_pass_time(r, 3000); // a clock that a time of 0 is behind
	rig_send_burst(r, RIG_CLIENT_SIDE, burst, 2);
	rig_expect_changed(r, RIG_SERVER_SIDE, &burst[0],
		&(struct rig_change){
			.dst = server_text(11), .dst_port = 8080, .nexthop = server_text(11)});
	assert_int_equal(rig_drops(r, DP_DROP_TUPLE_IN_USE), 1);
	assert_int_equal(rig_connections(r), 1);
	assert_non_null(find(r, RIG_VIP4, 1000));
	rig_free(r);
}

/* A server whose weight is far above the others' is not tried again and again. */
static void a_small_server_is_found_when_the_large_one_is_taken(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet other = client_tcp(r, RIG_OTHER_VIP4, 1000, DP_TCP_SYN);

	(void)state;
	rig_set_weights(r, RIG_TCP4, 1, 0);
	(void)establish(r, 1000); // with .11
	rig_set_weights(r, RIG_OTHER4, 640, 1);
	rig_send(r, RIG_CLIENT_SIDE, &other);
	assert_int_equal(expect_server(r), 12);
	rig_free(r);
}

static void a_full_table_drops_what_is_new_and_serves_what_it_has(void **state)
{
	struct rig *r = rig_new(__func__);
	const char *server = establish(r, 999);

	(void)state;
	for (uint16_t i = 1; i < RIG_CONNECTIONS; i++)
		(void)establish(r, (uint16_t)(1000 + i));
	assert_int_equal(rig_connections(r), RIG_CONNECTIONS);
	for (uint16_t i = 0; i < 10; i++) {
		send_in(r, (uint16_t)(3000 + i), DP_TCP_SYN);
		rig_expect_nothing(r);
	}
	assert_int_equal(rig_drops(r, DP_DROP_TABLE_FULL), 10);
	send_in(r, 999, DP_TCP_ACK);
	assert_string_equal(server_text(expect_server(r)), server);
	rig_drop_output(r);
	finish(r, server, 999);
	rig_pass_time(r, 60000);
	rig_sweep(r);
	assert_int_equal(rig_connections(r), RIG_CONNECTIONS - 1);
	send_in(r, 3000, DP_TCP_SYN);
	(void)expect_server(r);
	rig_free(r);
}

/* Ports of the range lead to themselves on the server: each is a connection of its own. */
static void a_client_endpoint_over_its_limit_is_refused_and_others_are_not(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p;

	(void)state;
	rig_resize(r, 1000, 1000);
	for (uint16_t i = 0; i < DP_CONNTAB_CLIENT_LIMIT + 20; i++) {
		p = rig_packet(
			r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 1000, (uint16_t)(8000 + i),
				   IPPROTO_TCP, .tcp_flags = DP_TCP_SYN});
		rig_send(r, RIG_CLIENT_SIDE, &p);
		rig_drop_output(r);
	}
	assert_int_equal(rig_connections(r), DP_CONNTAB_CLIENT_LIMIT);
	assert_int_equal(rig_drops(r, DP_DROP_CLIENT_LIMIT), 20);
	send_in(r, 1001, DP_TCP_SYN);
	(void)expect_server(r);
	rig_free(r);
}

static void weight_zero_gets_nothing_new_and_keeps_what_it_has(void **state)
{
	struct rig *r = rig_new(__func__);
	const char *server = establish(r, 999);
	bool is_first = strcmp(server, "198.51.100.11") == 0;

	(void)state;
	rig_set_weights(r, RIG_TCP4, !is_first, is_first);
	for (uint16_t i = 0; i < 20; i++) {
		send_in(r, (uint16_t)(1000 + i), DP_TCP_SYN);
		assert_int_equal(expect_server(r), is_first ? 12 : 11);
	}
	send_in(r, 999, DP_TCP_ACK);
	assert_string_equal(server_text(expect_server(r)), server);
	rig_free(r);
}

/* The first so many segments of a connection that the server closes last. */
static void live(struct rig *r, unsigned n_segments)
{
	static const struct {
		bool is_out;
		uint8_t flags;
	} life[] = {{false, DP_TCP_SYN}, {true, DP_TCP_SYN | DP_TCP_ACK}, {false, DP_TCP_ACK},
		{false, DP_TCP_FIN | DP_TCP_ACK}, {true, DP_TCP_FIN | DP_TCP_ACK},
		{false, DP_TCP_ACK}};

	for (unsigned i = 0; i < n_segments; i++)
		if (life[i].is_out)
			send_out(r, rig_server_text(r, 0), 1000, life[i].flags);
		else
			send_in(r, 1000, life[i].flags);
	rig_drop_output(r);
}

/* Each state's time to the millisecond. */
static void an_idle_connection_ends_when_its_time_is_up(void **state)
{
	static const uint32_t timeouts_ms[] = {30000, 30000, 900000, 120000, 30000, 60000};

	(void)state;
	for (unsigned i = 0; i < sizeof(timeouts_ms) / sizeof(timeouts_ms[0]); i++) {
		struct rig *r = rig_new(__func__);

		live(r, i + 1);
		rig_pass_time(r, timeouts_ms[i] - 1);
		rig_sweep(r);
		assert_int_equal(rig_connections(r), 1);
		rig_pass_time(r, 1);
		rig_sweep(r);
		assert_int_equal(rig_connections(r), 0);
		rig_free(r);
	}
}

static void a_packet_of_an_expired_connection_finds_none(void **state)
{
	struct rig *r = rig_new(__func__);
	const char *server = establish(r, 1000);
	struct packet burst[3];

	(void)state;
	rig_pass_time(r, 900000);
	for (unsigned i = 0; i < 3; i++)
		burst[i] = server_tcp(r, server, 1000, DP_TCP_ACK);
	rig_send_burst(r, RIG_SERVER_SIDE, burst, 3);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, DP_DROP_NO_CONNECTION), 3);
	assert_int_equal(r->w->counters.expired, 1);
	assert_int_equal(rig_connections(r), 0);
	rig_free(r);
}

static void udp_lives_longer_once_the_server_has_answered(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 1000, 53,
						IPPROTO_UDP, .payload_len = 8});

	(void)state;
	rig_send(r, RIG_CLIENT_SIDE, &p);
	rig_pass_time(r, 29999);
	rig_sweep(r);
	assert_int_equal(rig_connections(r), 1);
	p = rig_packet(r, (struct packet_spec){rig_server_text(r, 0), RIG_CLIENT4, 5353, 1000,
				  IPPROTO_UDP, .payload_len = 8});
	rig_send(r, RIG_SERVER_SIDE, &p);
	rig_pass_time(r, 299999);
	rig_sweep(r);
	assert_int_equal(rig_connections(r), 1);
	rig_pass_time(r, 1);
	rig_sweep(r);
	assert_int_equal(rig_connections(r), 0);
	rig_free(r);
}

static void one_client_port_may_talk_tcp_and_udp_apart(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 1000, 53,
						IPPROTO_UDP, .payload_len = 8});

	(void)state;
	(void)establish(r, 1000);
	rig_send(r, RIG_CLIENT_SIDE, &p);
	assert_int_equal(rig_connections(r), 2);
	rig_free(r);
}

static void counters_tell_what_each_server_got(void **state)
{
	struct rig *r = rig_new(__func__);
	const char *server = establish(r, 1000);
	unsigned id = r->services->services[RIG_TCP4].first_server +
		      (strcmp(server, "198.51.100.12") == 0);
	const struct dp_server_counters *c = &r->w->servers[id];

	(void)state;
	assert_int_equal(c->connections, 1);
	assert_int_equal(c->dir[DP_DIR_IN].packets, 2);
	assert_int_equal(c->dir[DP_DIR_IN].bytes, 80);
	assert_int_equal(c->dir[DP_DIR_OUT].packets, 1);
	assert_int_equal(c->dir[DP_DIR_OUT].bytes, 40);
	assert_int_equal(c->established, 1);
	assert_int_equal(c->closing, 0);
	finish(r, server, 1000);
	assert_int_equal(c->established, 0);
	assert_int_equal(c->closing, 1);
	rig_pass_time(r, 60000);
	rig_sweep(r);
	assert_int_equal(c->established | c->closing, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_connections_alternate_between_equal_servers),
		cmocka_unit_test(two_packets_of_one_burst_that_open_a_flow_share_it),
		cmocka_unit_test(a_repeated_syn_keeps_its_server),
		cmocka_unit_test(a_syn_on_a_finished_connection_takes_a_fresh_server),
		cmocka_unit_test(a_burst_around_a_reused_connection_is_kept_apart),
		cmocka_unit_test(one_client_port_through_two_vips_goes_to_two_servers),
		cmocka_unit_test(a_client_port_that_uses_up_the_servers_is_refused),
		cmocka_unit_test(two_openings_in_one_burst_do_not_push_each_other_out),
		cmocka_unit_test(a_small_server_is_found_when_the_large_one_is_taken),
		cmocka_unit_test(a_full_table_drops_what_is_new_and_serves_what_it_has),
		cmocka_unit_test(a_client_endpoint_over_its_limit_is_refused_and_others_are_not),
		cmocka_unit_test(weight_zero_gets_nothing_new_and_keeps_what_it_has),
		cmocka_unit_test(an_idle_connection_ends_when_its_time_is_up),
		cmocka_unit_test(a_packet_of_an_expired_connection_finds_none),
		cmocka_unit_test(udp_lives_longer_once_the_server_has_answered),
		cmocka_unit_test(one_client_port_may_talk_tcp_and_udp_apart),
		cmocka_unit_test(counters_tell_what_each_server_got),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
