/* UDP connections of a server that is found down: they move at their next packet, whole bursts of
 * them too, and nothing else does. */
#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct packet client_udp(struct rig *r, bool is_v4, uint16_t from)
{
	return rig_packet(
		r, (struct packet_spec){is_v4 ? RIG_CLIENT4 : RIG_CLIENT6,
			   is_v4 ? RIG_VIP4 : RIG_VIP6, from, 53, IPPROTO_UDP, .payload_len = 8});
}

static void send_udp(struct rig *r, bool is_v4, uint16_t from)
{
	struct packet p = client_udp(r, is_v4, from);

	rig_send(r, RIG_CLIENT_SIDE, &p);
}

/* The last decimal of the server that the one frame is for: 1 or 2. */
static unsigned expect_server(struct rig *r, bool is_v4)
{
	struct rig_out out;

	rig_expect_one(r, RIG_SERVER_SIDE, &out);
	return out.bytes[PACKET_ETHER + (is_v4 ? 19 : 39)] % (is_v4 ? 10 : 16);
}

/* dataplane.md §5: whether the server had answered or not. */
static void udp_of_a_server_that_is_down_moves_at_the_next_packet(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bool is_v4 = i == 0;
		struct rig *r = rig_new(__func__);
		struct packet late = rig_packet(
			r, (struct packet_spec){is_v4 ? "198.51.100.11" : "2001:db8:2::11",
				   is_v4 ? RIG_CLIENT4 : RIG_CLIENT6, 5353, 1000, IPPROTO_UDP,
				   .payload_len = 1});

		rig_set_weights(r, is_v4 ? RIG_UDP4 : RIG_UDP6, 1, 0);
		send_udp(r, is_v4, 1000);
		send_udp(r, is_v4, 1001);
		rig_send(r, RIG_SERVER_SIDE, &late);
		rig_drop_output(r);
		rig_set_down(r, is_v4 ? RIG_UDP4 : RIG_UDP6, 0);
		for (uint16_t k = 0; k < 4; k++) {
			send_udp(r, is_v4, (uint16_t)(1000 + k % 2));
			assert_int_equal(expect_server(r, is_v4), 2);
		}
		assert_int_equal(rig_connections(r), 2);
		assert_int_equal(r->w->counters.opened, 4); // moved once each
		// what the old one still says has no connection, and does not leak
		rig_send(r, RIG_SERVER_SIDE, &late);
		rig_expect_nothing(r);
		assert_int_equal(rig_drops(r, DP_DROP_NO_CONNECTION), 1);

		rig_set_down(r, is_v4 ? RIG_UDP4 : RIG_UDP6, -1);
		send_udp(r, is_v4, 1000);
		assert_int_equal(expect_server(r, is_v4), 2); // it has one that is up
		rig_free(r);
	}
}

/* What a burst does to the table is there for the next one, which is begun before. */
static void overlapping_bursts_see_what_those_before_did(void **state)
{
	enum { N = 40, FLOWS = 3 };
	struct rig *r = rig_new(__func__);
	struct packet bursts[N];

	(void)state;
	for (uint16_t i = 0; i < N; i++)
		bursts[i] = client_udp(r, true, (uint16_t)(1000 + i % FLOWS));
	for (unsigned only = 0; only < 2; only++) {
		unsigned servers[FLOWS] = {0};

		rig_set_down(r, RIG_UDP4, only == 0 ? -1 : 0);
		rig_send_overlapping(r, RIG_CLIENT_SIDE, bursts, N);
		for (unsigned i = 0; i < N; i++) {
			struct rig_out out;
			unsigned server;

			assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
			server = out.bytes[PACKET_ETHER + 19] % 10;
			assert_true(servers[i % FLOWS] == 0 || servers[i % FLOWS] == server);
			assert_true(only == 0 || server == 2);
			servers[i % FLOWS] = server;
		}
		assert_int_equal(rig_connections(r), FLOWS);
	}
	assert_in_range(r->w->counters.opened, FLOWS + 1, 2 * FLOWS);
	rig_free(r);
}

static void udp_that_moves_in_a_burst_loses_nothing(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet burst[6];
	struct rig_out out;

	(void)state;
	rig_set_weights(r, RIG_UDP4, 1, 0);
	for (uint16_t i = 0; i < 3; i++)
		send_udp(r, true, (uint16_t)(1000 + i));
	rig_drop_output(r);
	rig_set_down(r, RIG_UDP4, 0);
	for (uint16_t i = 0; i < 6; i++)
		burst[i] = client_udp(r, true, (uint16_t)(1000 + i % 3));
	rig_send_burst(r, RIG_CLIENT_SIDE, burst, 6);
	for (unsigned i = 0; i < 6; i++) {
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
		assert_int_equal(out.bytes[PACKET_ETHER + 19], 12);
		assert_int_equal(packet_get16(out.bytes + 34), 1000 + i % 3);
	}
	assert_int_equal(rig_connections(r), 3);
	rig_free(r);
}

static void udp_of_a_server_that_is_down_is_refused_when_there_is_no_other(void **state)
{
	struct rig *r = rig_new(__func__);
	struct rig_out out;

	(void)state;
	send_udp(r, true, 1000);
	rig_drop_output(r);
	rig_set_down(r, RIG_UDP4, 0);
	rig_set_down(r, RIG_UDP4, 1);
	r->is_down[r->services->services[RIG_UDP4].first_server] = true;
	rig_set_weights(r, RIG_UDP4, 0, 0);
	send_udp(r, true, 1000);
	rig_expect_one(r, RIG_CLIENT_SIDE, &out); // port unreachable
	assert_int_equal(out.bytes[PACKET_ETHER + 9], IPPROTO_ICMP);
	assert_int_equal(rig_drops(r, DP_DROP_NO_SERVER), 1);
	assert_int_equal(rig_connections(r), 0);
	rig_free(r);
}

static void drained_udp_and_tcp_of_a_server_that_is_down_stay(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet syn = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 1000, 80,
						  IPPROTO_TCP, .tcp_flags = DP_TCP_SYN});

	(void)state;
	rig_set_weights(r, RIG_TCP4, 1, 0);
	rig_set_weights(r, RIG_UDP4, 1, 0);
	rig_send(r, RIG_CLIENT_SIDE, &syn);
	send_udp(r, true, 1000);
	rig_drop_output(r);
	rig_set_down(r, RIG_TCP4, 0);
	rig_set_weights(r, RIG_UDP4, 0, 1);
	rig_send(r, RIG_CLIENT_SIDE, &syn); // once more
	assert_int_equal(expect_server(r, true), 1);
	send_udp(r, true, 1000);
	assert_int_equal(expect_server(r, true), 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_of_a_server_that_is_down_moves_at_the_next_packet),
		cmocka_unit_test(overlapping_bursts_see_what_those_before_did),
		cmocka_unit_test(udp_that_moves_in_a_burst_loses_nothing),
		cmocka_unit_test(udp_of_a_server_that_is_down_is_refused_when_there_is_no_other),
		cmocka_unit_test(drained_udp_and_tcp_of_a_server_that_is_down_stay),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
