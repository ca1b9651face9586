/* What the pipeline makes of packets, byte by byte: the expected frame is the packet sent with
 * its fields replaced and all sums computed anew. */
#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* One kind of flow, and what both directions look like on the wire. */
struct flow {
	const char *client, *vip, *gateway;
	uint16_t vip_port, server_port;
	uint8_t protocol;
};

static const struct flow flows[] = {
	{RIG_CLIENT4, RIG_VIP4, RIG_CLIENT4, 80, 8080, IPPROTO_TCP},
	{RIG_FAR4, RIG_VIP4, "192.0.2.254", 80, 8080, IPPROTO_TCP},
	{RIG_CLIENT4, RIG_VIP4, RIG_CLIENT4, 53, 5353, IPPROTO_UDP},
	{RIG_FAR4, RIG_VIP4, "192.0.2.254", 8042, 8042, IPPROTO_TCP},
	{RIG_CLIENT6, RIG_VIP6, RIG_CLIENT6, 80, 8080, IPPROTO_TCP},
	{RIG_FAR6, RIG_VIP6, "2001:db8:1::fe", 80, 8080, IPPROTO_TCP},
	{RIG_FAR6, RIG_VIP6, "2001:db8:1::fe", 53, 5353, IPPROTO_UDP},
};

enum { N_FLOWS = sizeof(flows) / sizeof(flows[0]) };

static const uint8_t extensions[8] = {0, 60, 43, 60, 60, 43, 60, 60};

static struct packet inbound(struct rig *r, const struct flow *f, uint16_t port, uint8_t flags)
{
	bool is_v4 = !strchr(f->client, ':');

	return rig_packet(
		r, (struct packet_spec){f->client, f->vip, port, f->vip_port, f->protocol,
			   .tcp_flags = flags, .ttl = (uint8_t)(2 + seeded_below(&r->random, 254)),
			   .payload_len = seeded_below(&r->random, 1200),
			   .option_words = is_v4 ? seeded_below(&r->random, 11) : 0,
			   .extensions = extensions,
			   .n_extensions = is_v4 ? 0 : seeded_below(&r->random, 9),
			   .padding = seeded_below(&r->random, 20)});
}

static struct packet outbound(
	struct rig *r, const struct flow *f, const char *server, uint16_t port, uint8_t flags)
{
	return rig_packet(
		r, (struct packet_spec){server, f->client, f->server_port, port, f->protocol,
			   .tcp_flags = flags, .payload_len = seeded_below(&r->random, 1400)});
}

/* One packet each way; its connection is the only one. */
static void exchange(struct rig *r, const struct flow *f, uint16_t port, uint8_t flags)
{
	struct packet in = inbound(r, f, port, flags), out;
	const char *server;

	rig_send(r, RIG_CLIENT_SIDE, &in);
	server = rig_server_text(r, 0);
	rig_expect_changed(r, RIG_SERVER_SIDE, &in,
		&(struct rig_change){.dst = server, .dst_port = f->server_port, .nexthop = server});
	out = outbound(r, f, server, port, flags | DP_TCP_ACK);
	rig_send(r, RIG_SERVER_SIDE, &out);
	rig_expect_changed(r, RIG_CLIENT_SIDE, &out,
		&(struct rig_change){
			.src = f->vip, .src_port = f->vip_port, .nexthop = f->gateway});
}

static void close_the_only_connection(struct rig *r)
{
	assert_int_equal(rig_connections(r), 1);
	dp_worker_close(r->w, rig_conn(r, 0));
}

static void both_directions_are_translated_and_sums_are_as_if_computed_anew(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned round = 0; round < 60; round++)
		for (unsigned i = 0; i < N_FLOWS; i++) {
			uint16_t port = (uint16_t)(1 + seeded_below(&r->random, 65535));

			exchange(r, &flows[i], port, DP_TCP_SYN);
			exchange(r, &flows[i], port, DP_TCP_ACK);
			exchange(r, &flows[i], port, DP_TCP_ACK | 0x08);
			close_the_only_connection(r);
		}
	rig_free(r);
}

static void a_udp_sum_of_zero_stays_zero(void **state)
{
	static const struct packet_spec spec = {RIG_CLIENT4, RIG_VIP4, 1000, 53, IPPROTO_UDP,
		.payload_len = 30, .has_no_udp_sum = true};
	struct rig *r = rig_new(__func__);
	struct packet p = rig_packet(r, spec);
	const char *server;

	(void)state;
	rig_send(r, RIG_CLIENT_SIDE, &p);
	server = rig_server_text(r, 0);
	rig_expect_changed(r, RIG_SERVER_SIDE, &p,
		&(struct rig_change){.dst = server, .dst_port = 5353, .nexthop = server});
	p = rig_packet(r, (struct packet_spec){server, RIG_CLIENT4, 5353, 1000, IPPROTO_UDP,
				  .has_no_udp_sum = true});
	rig_send(r, RIG_SERVER_SIDE, &p);
	rig_expect_changed(r, RIG_CLIENT_SIDE, &p,
		&(struct rig_change){.src = RIG_VIP4, .src_port = 53, .nexthop = RIG_CLIENT4});
	rig_free(r);
}

/* Every payload word once: one of them makes the translated packet's sum come out as 0. */
static void a_computed_udp_sum_of_zero_is_sent_as_all_ones(void **state)
{
	struct rig *r = rig_new(__func__);
	unsigned n_ones = 0;

	(void)state;
	for (unsigned family = 0; family < 2; family++) {
		struct packet p =
			rig_packet(r, (struct packet_spec){family ? RIG_CLIENT6 : RIG_CLIENT4,
					      family ? RIG_VIP6 : RIG_VIP4, 1000, 53, IPPROTO_UDP,
					      .payload_len = 2});

		for (unsigned word = 0; word < 65536; word++) {
			struct rig_out out;

			packet_put16(p.bytes + p.l4_offset + 8, (uint16_t)word);
			packet_fix_sums(&p);
			rig_send(r, RIG_CLIENT_SIDE, &p);
			rig_expect_one(r, RIG_SERVER_SIDE, &out);
			assert_int_not_equal(packet_get16(out.bytes + p.l4_offset + 6), 0);
			n_ones += packet_get16(out.bytes + p.l4_offset + 6) == 0xffff;
		}
	}
	assert_int_equal(n_ones, 2);
	rig_free(r);
}

static void other_traffic_of_servers_is_routed_untranslated(void **state)
{
	static const struct packet_spec to_server[] = {
		{RIG_CLIENT4, "198.51.100.11", 1000, 22, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{RIG_CLIENT4, "198.51.100.11", 1000, 8080, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{RIG_FAR4, "198.51.100.11", 0, 0, IPPROTO_ICMP, .icmp_type = 8, .payload_len = 56},
		{RIG_FAR4, "198.51.100.11", 0, 0, 47, .payload_len = 9},
		{RIG_CLIENT6, "2001:db8:2::11", 1000, 22, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{RIG_CLIENT6, "2001:db8:2::11", 0, 0, IPPROTO_ICMPV6, .icmp_type = 128},
		{RIG_FAR6, "2001:db8:2::11", 1, 2, IPPROTO_UDP, .has_fragment_header = true,
			.fragment = PACKET_MF},
	};
	static const struct packet_spec from_server[] = {
		{"198.51.100.11", RIG_CLIENT4, 22, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"198.51.100.11", RIG_CLIENT4, 8080, 1000, IPPROTO_UDP, .payload_len = 5},
		{"198.51.100.11", RIG_CLIENT4, 7999, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"198.51.100.11", RIG_CLIENT4, 9000, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"198.51.100.11", RIG_CLIENT4, 0, 0, IPPROTO_ICMP, .icmp_type = 0},
		{"198.51.100.11", RIG_CLIENT4, 0, 0, IPPROTO_ICMP, .fragment = PACKET_MF},
		{"2001:db8:2::11", RIG_CLIENT6, 22, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
	};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(to_server) / sizeof(to_server[0]); i++) {
		struct packet p = rig_packet(r, to_server[i]);

		rig_send(r, RIG_CLIENT_SIDE, &p);
		rig_expect_changed(
			r, RIG_SERVER_SIDE, &p, &(struct rig_change){.nexthop = to_server[i].dst});
	}
	for (unsigned i = 0; i < sizeof(from_server) / sizeof(from_server[0]); i++) {
		struct packet p = rig_packet(r, from_server[i]);

		rig_send(r, RIG_SERVER_SIDE, &p);
		rig_expect_changed(r, RIG_CLIENT_SIDE, &p,
			&(struct rig_change){.nexthop = from_server[i].dst});
	}
	assert_int_equal(rig_connections(r), 0);
	rig_free(r);
}

static void check_dropped(
	struct rig *r, unsigned port, const struct packet_spec *spec, enum dp_drop why)
{
	struct packet p = rig_packet(r, *spec);
	uint64_t was = rig_drops(r, why);

	rig_send(r, port, &p);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, why), was + 1);
}

/* Whatever the direction, an inside address never shows where a VIP is expected. */
static void answers_without_a_connection_never_leave(void **state)
{
	static const struct packet_spec specs[] = {
		{"198.51.100.11", RIG_CLIENT4, 8080, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"198.51.100.12", RIG_CLIENT4, 8080, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{"198.51.100.12", RIG_FAR4, 8080, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_RST},
		{"198.51.100.11", RIG_CLIENT4, 5353, 1000, IPPROTO_UDP, .payload_len = 1},
		{"198.51.100.11", RIG_CLIENT4, 8000, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"198.51.100.12", RIG_CLIENT4, 8999, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"2001:db8:2::11", RIG_CLIENT6, 8080, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"2001:db8:2::12", RIG_FAR6, 5353, 1000, IPPROTO_UDP, .payload_len = 1},
		{"2001:db8:2::12", RIG_FAR6, 5353, 1000, IPPROTO_UDP, .extensions = extensions,
			.n_extensions = 8},
	};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		check_dropped(r, RIG_SERVER_SIDE, &specs[i], DP_DROP_NO_CONNECTION);
	rig_free(r);
}

static void what_concerns_no_service_and_no_server_is_not_ours(void **state)
{
	static const struct packet_spec specs[] = {
		{RIG_CLIENT4, RIG_FAR4, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{RIG_CLIENT4, RIG_VIP4, 1000, 79, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{RIG_CLIENT4, RIG_VIP4, 1000, 9000, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{RIG_CLIENT4, RIG_VIP4, 1000, 80, IPPROTO_UDP, .payload_len = 1},
		{RIG_CLIENT4, RIG_VIP4, 0, 0, IPPROTO_ICMP, .icmp_type = 8},
		{RIG_CLIENT4, RIG_VIP4, 0, 0, 47, .payload_len = 8},
		{RIG_CLIENT6, RIG_VIP6, 1000, 54, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{RIG_CLIENT6, "::", 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		{"::", RIG_FAR6, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
	};
	struct rig *r = rig_new(__func__);
	struct packet arp = rig_packet(r, specs[0]);

	(void)state;
	for (unsigned i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		check_dropped(r, RIG_CLIENT_SIDE, &specs[i], DP_DROP_NOT_OURS);
	packet_put16(arp.bytes + 12, 0x0806);
	rig_send(r, RIG_CLIENT_SIDE, &arp);
	assert_int_equal(rig_drops(r, DP_DROP_NOT_OURS), sizeof(specs) / sizeof(specs[0]) + 1);
	rig_free(r);
}

static void a_packet_without_a_route_is_dropped_and_counted(void **state)
{
	static const struct packet_spec spec = {
		"2001:db8:2::11", "3fff::7", 22, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK};
	struct rig *r = rig_new(__func__);

	(void)state;
	check_dropped(r, RIG_SERVER_SIDE, &spec, DP_DROP_NO_ROUTE);
	rig_free(r);
}

static void fragments_of_services_are_dropped(void **state)
{
	static const struct packet_spec to_vip[] = {
		{RIG_CLIENT4, RIG_VIP4, 1000, 53, IPPROTO_UDP, .fragment = PACKET_MF},
		{RIG_CLIENT4, RIG_VIP4, 1000, 53, IPPROTO_UDP, .fragment = 185},
		{RIG_CLIENT6, RIG_VIP6, 1000, 53, IPPROTO_UDP, .has_fragment_header = true,
			.fragment = 185},
	};
	static const struct packet_spec from_server[] = {
		{"198.51.100.11", RIG_CLIENT4, 5353, 1000, IPPROTO_UDP, .fragment = PACKET_MF},
		{"198.51.100.11", RIG_CLIENT4, 8080, 1000, IPPROTO_TCP, .fragment = 1},
		{"2001:db8:2::11", RIG_CLIENT6, 5353, 1000, IPPROTO_UDP,
			.has_fragment_header = true, .fragment = PACKET_MF},
		// the UDP header stands behind more headers behind the fragment header
		{"2001:db8:2::11", RIG_CLIENT6, 0, 0, IPPROTO_DSTOPTS, .has_fragment_header = true,
			.fragment = PACKET_MF, .payload_len = 40},
		{"2001:db8:2::11", RIG_CLIENT6, 0, 0, IPPROTO_ROUTING, .has_fragment_header = true,
			.fragment = PACKET_MF, .payload_len = 40},
		{"2001:db8:2::11", RIG_CLIENT6, 0, 0, IPPROTO_ROUTING, .has_fragment_header = true,
			.fragment = 185, .payload_len = 40},
		{"2001:db8:2::11", RIG_CLIENT6, 0, 0, IPPROTO_HOPOPTS, .has_fragment_header = true,
			.fragment = PACKET_MF, .payload_len = 40},
		{"2001:db8:2::11", RIG_CLIENT6, 0, 0, IPPROTO_FRAGMENT, .has_fragment_header = true,
			.fragment = PACKET_MF, .payload_len = 40},
	};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(to_vip) / sizeof(to_vip[0]); i++)
		check_dropped(r, RIG_CLIENT_SIDE, &to_vip[i], DP_DROP_BAD_FRAGMENT);
	for (unsigned i = 0; i < sizeof(from_server) / sizeof(from_server[0]); i++)
		check_dropped(r, RIG_SERVER_SIDE, &from_server[i], DP_DROP_BAD_FRAGMENT);
	rig_free(r);
}

/* An error from `src` to `dst` about a packet `quoted`. */
static struct packet icmp_error(
	struct rig *r, const char *src, const char *dst, const struct packet_spec *quoted)
{
	bool is_v4 = !strchr(src, ':');
	struct packet inner = rig_packet(r, *quoted);
	struct packet p = rig_packet(
		r, (struct packet_spec){src, dst, 0, 0, is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			   .icmp_type = is_v4 ? 3 : 1});

	packet_quote(&p, inner.bytes + PACKET_ETHER, inner.l4_offset + 8 - PACKET_ETHER);
	return p;
}

static void icmp_errors_about_services_are_dropped_and_others_routed(void **state)
{
	static const struct packet_spec answer4 = {
		RIG_VIP4, RIG_CLIENT4, 80, 1000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK};
	static const struct packet_spec request4 = {
		RIG_CLIENT4, "198.51.100.11", 1000, 8080, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK};
	static const struct packet_spec ssh4 = {
		RIG_CLIENT4, "198.51.100.11", 1000, 22, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN};
	static const struct packet_spec request6 = {
		RIG_CLIENT6, "2001:db8:2::11", 1000, 5353, IPPROTO_UDP, .payload_len = 8};
	struct rig *r = rig_new(__func__);
	struct packet p = icmp_error(r, RIG_CLIENT4, RIG_VIP4, &answer4);

	(void)state;
	rig_send(r, RIG_CLIENT_SIDE, &p);
	p = icmp_error(r, "198.51.100.11", RIG_CLIENT4, &request4);
	rig_send(r, RIG_SERVER_SIDE, &p);
	p = icmp_error(r, "2001:db8:2::11", RIG_CLIENT6, &request6);
	rig_send(r, RIG_SERVER_SIDE, &p);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, DP_DROP_ICMP_ERROR), 3);
	p = icmp_error(r, "198.51.100.11", RIG_CLIENT4, &ssh4);
	rig_send(r, RIG_SERVER_SIDE, &p);
	rig_expect_changed(r, RIG_CLIENT_SIDE, &p, &(struct rig_change){.nexthop = RIG_CLIENT4});
	rig_free(r);
}

static void broken_packets_are_dropped_and_counted(void **state)
{
	static const struct packet_spec good = {
		RIG_CLIENT4, RIG_VIP4, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN};
	struct rig *r = rig_new(__func__);
	struct packet bad_sum = rig_packet(r, good), cut = bad_sum;

	(void)state;
	bad_sum.bytes[PACKET_ETHER + 11] ^= 1;
	cut.len -= 1;
	rig_send(r, RIG_CLIENT_SIDE, &bad_sum);
	rig_send(r, RIG_CLIENT_SIDE, &cut);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, DP_DROP_BAD_CHECKSUM), 1);
	assert_int_equal(rig_drops(r, DP_DROP_BAD_HEADER), 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_are_translated_and_sums_are_as_if_computed_anew),
		cmocka_unit_test(a_udp_sum_of_zero_stays_zero),
		cmocka_unit_test(a_computed_udp_sum_of_zero_is_sent_as_all_ones),
		cmocka_unit_test(other_traffic_of_servers_is_routed_untranslated),
		cmocka_unit_test(answers_without_a_connection_never_leave),
		cmocka_unit_test(what_concerns_no_service_and_no_server_is_not_ours),
		cmocka_unit_test(a_packet_without_a_route_is_dropped_and_counted),
		cmocka_unit_test(fragments_of_services_are_dropped),
		cmocka_unit_test(icmp_errors_about_services_are_dropped_and_others_routed),
		cmocka_unit_test(broken_packets_are_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
