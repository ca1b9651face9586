/* Packets whose next hop is not known yet: held, asked for, released in order, or dropped. And
 * the queues in front of the drivers. */
#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

static struct packet to_unresolved(struct rig *r, uint16_t from)
{
	return rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, from, 83, IPPROTO_TCP,
				     .tcp_flags = DP_TCP_SYN});
}

static void send_unresolved(struct rig *r, uint16_t from)
{
	struct packet p = to_unresolved(r, from);

	rig_send(r, RIG_CLIENT_SIDE, &p);
}

/* How often the worker has asked for the address since the last call; for no other. */
static unsigned count_wants(struct rig *r, const char *address)
{
	struct addr a = packet_addr(address);
	struct dp_want want;
	unsigned n = 0;

	while (rte_ring_dequeue_elem(r->wants, &want, sizeof(want)) == 0) {
		assert_true(addr_equal(&want.address, &a));
		assert_int_equal(want.port, RIG_SERVER_SIDE);
		n++;
	}
	return n;
}

static void expect_order(struct rig *r, const uint16_t *ports, unsigned n)
{
	struct rig_out out;

	for (unsigned i = 0; i < n; i++) {
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
		assert_true(packet_has_right_sums(out.bytes, out.len));
		assert_int_equal(packet_get16(out.bytes + PACKET_ETHER + 20), ports[i]);
		assert_memory_equal(out.bytes, "\x02\xaa\x01\x00\x64\x14", 6); // .20
	}
	rig_expect_nothing(r);
}

static void up_to_four_packets_wait_and_leave_in_order(void **state)
{
	static const uint16_t ports[] = {1000, 1001, 1002, 1003};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (uint16_t i = 0; i < 6; i++)
		send_unresolved(r, (uint16_t)(1000 + i));
	rig_expect_nothing(r);
	assert_int_equal(r->w->counters.held, DP_PENDING_PACKETS);
	assert_int_equal(rig_drops(r, DP_DROP_NO_NEIGHBOUR), 2);
	assert_int_equal(count_wants(r, "198.51.100.20"), 1);

	rig_publish(r); // something else has changed
	rig_pending(r, true);
	rig_expect_nothing(r);
	r->is_resolved = true;
	rig_publish(r);
	rig_pending(r, true);
	expect_order(r, ports, 4);
	assert_int_equal(r->w->n_pending, 0);
	send_unresolved(r, 1003);
	expect_order(r, ports + 3, 1);
	rig_free(r);
}

static void the_neighbour_is_asked_for_once_a_second_while_packets_wait(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	send_unresolved(r, 1000);
	send_unresolved(r, 1001);
	assert_int_equal(count_wants(r, "198.51.100.20"), 1);
	for (int i = 1; i < 300; i++) {
		rig_pass_time(r, 10);
		rig_pending(r, false);
		assert_int_equal(count_wants(r, "198.51.100.20"), i % 100 == 0);
	}
	assert_int_equal(r->w->counters.held, 2);
	rig_pass_time(r, 10);
	rig_pending(r, false);
	assert_int_equal(r->w->counters.held, 0);
	assert_int_equal(r->w->n_pending, 0);
	assert_int_equal(rig_drops(r, DP_DROP_NO_NEIGHBOUR), 2);
	assert_int_equal(count_wants(r, "198.51.100.20"), 0);
	rig_free(r);
}

/* A root may be published where an old one lay: then the change is seen a second later. */
static void packets_leave_even_if_the_change_of_tables_went_unnoticed(void **state)
{
	static const uint16_t ports[] = {1000};
	struct rig *r = rig_new(__func__);

	(void)state;
	send_unresolved(r, 1000);
	r->is_resolved = true;
	rig_publish(r);
	rig_pass_time(r, 1000);
	rig_pending(r, false);
	expect_order(r, ports, 1);
	rig_free(r);
}

static void both_families_wait_apart(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, (struct packet_spec){RIG_CLIENT6, RIG_VIP6, 1000, 83,
						IPPROTO_UDP, .payload_len = 3});
	struct rig_out out;

	(void)state;
	send_unresolved(r, 1000);
	rig_send(r, RIG_CLIENT_SIDE, &p);
	assert_int_equal(r->w->n_pending, 2);
	r->is_resolved = true;
	rig_publish(r);
	rig_pending(r, true);
	assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
	assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
	rig_expect_nothing(r);
	rig_free(r);
}

/* Answers to clients that the kernel has not resolved wait too: any number of neighbours, but
 * never more packets than there are places. */
static void many_unknown_neighbours_lose_packets_but_no_count(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, (struct packet_spec){"198.51.100.11", "192.0.2.1", 22, 1,
						IPPROTO_TCP, .tcp_flags = DP_TCP_ACK});

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		p.bytes[PACKET_ETHER + 19] = (uint8_t)(20 + i % 75);
		packet_fix_sums(&p);
		rig_send(r, RIG_SERVER_SIDE, &p);
	}
	assert_int_equal(r->w->n_pending, 75);
	assert_int_equal(r->w->counters.held, 75 * DP_PENDING_PACKETS);
	rig_pass_time(r, DP_PENDING_MS);
	rig_pending(r, false);
	assert_int_equal(r->w->counters.held, 0);
	assert_int_equal(rig_drops(r, DP_DROP_NO_NEIGHBOUR), 1500);

	// IPv6: more neighbours than places
	for (unsigned i = 0; i < 600; i++) {
		struct packet v6 =
			rig_packet(r, (struct packet_spec){"2001:db8:2::11", "2001:db8:1::1000", 22,
					      1, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK});

		packet_put16(v6.bytes + PACKET_ETHER + 38, (uint16_t)(0x1000 + i));
		packet_fix_sums(&v6);
		rig_send(r, RIG_SERVER_SIDE, &v6);
	}
	assert_true(r->w->n_pending > DP_PENDING * 3 / 4 && r->w->n_pending <= DP_PENDING);
	rig_pass_time(r, DP_PENDING_MS);
	rig_pending(r, false);
	assert_int_equal(r->w->n_pending, 0);
	rig_free(r);
}

static void waiting_packets_are_freed_at_the_end(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 1000, 53,
						IPPROTO_UDP, .payload_len = 3});

	(void)state;
	send_unresolved(r, 1000);
	rig_send(r, RIG_CLIENT_SIDE, &p);
	assert_int_equal(r->w->counters.held, 2);
	rig_free(r); // looks at the pool
}

static void a_full_queue_drops_and_counts(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 1000, 53,
						IPPROTO_UDP, .payload_len = 3});
	struct rig_out out;

	(void)state;
	// from an odd place, so that the ring wraps
	for (unsigned i = 0; i < 100; i++) {
		rig_send(r, RIG_CLIENT_SIDE, &p);
		rig_drop_output(r);
	}
	for (unsigned i = 0; i < DP_TX_QUEUE + 10; i++)
		rig_send(r, RIG_CLIENT_SIDE, &p);
	assert_int_equal(rig_drops(r, DP_DROP_TX_FULL), 10);
	assert_int_equal(r->w->counters.held, DP_TX_QUEUE);
	for (unsigned i = 0; i < DP_TX_QUEUE; i++)
		assert_true(rig_take(r, RIG_SERVER_SIDE, &out));
	assert_false(rig_take(r, RIG_SERVER_SIDE, &out));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_to_four_packets_wait_and_leave_in_order),
		cmocka_unit_test(the_neighbour_is_asked_for_once_a_second_while_packets_wait),
		cmocka_unit_test(packets_leave_even_if_the_change_of_tables_went_unnoticed),
		cmocka_unit_test(both_families_wait_apart),
		cmocka_unit_test(many_unknown_neighbours_lose_packets_but_no_count),
		cmocka_unit_test(waiting_packets_are_freed_at_the_end),
		cmocka_unit_test(a_full_queue_drops_and_counts),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
