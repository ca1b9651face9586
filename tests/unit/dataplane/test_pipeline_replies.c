/* Answers that Poise makes itself: whom they go to, what they say, and when there is none. */
#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool is_v4(const char *address)
{
	return !strchr(address, ':');
}

/* The answer goes back where the packet came from: port, MAC addresses, IP addresses. */
static struct rig_out expect_answer(
	struct rig *r, unsigned port, const struct packet *to, const char *from, uint8_t protocol)
{
	const uint8_t *was = to->bytes, *ip;
	struct addr source = packet_addr(from);
	struct rig_out out;

	rig_expect_one(r, port, &out);
	assert_memory_equal(out.bytes, was + 6, 6);
	assert_memory_equal(out.bytes + 6, was, 6);
	assert_memory_equal(out.bytes + 12, was + 12, 2);
	ip = out.bytes + PACKET_ETHER;
	if (addr_is_v4(&source)) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[9], protocol);
		assert_true(ip[8] >= 64);
		assert_int_equal(packet_get16(ip + 2), out.len - PACKET_ETHER);
		assert_memory_equal(ip + 12, source.bytes + 12, 4);
		assert_memory_equal(ip + 16, was + PACKET_ETHER + 12, 4);
	} else {
		assert_int_equal(ip[0] >> 4, 6);
		assert_int_equal(ip[6], protocol);
		assert_true(ip[7] >= 64);
		assert_int_equal(packet_get16(ip + 4), out.len - PACKET_ETHER - 40);
		assert_memory_equal(ip + 8, source.bytes, 16);
		assert_memory_equal(ip + 24, was + PACKET_ETHER + 8, 16);
	}
	return out;
}

static unsigned header_len(const char *address)
{
	return is_v4(address) ? 20 : 40;
}

/* RFC 9293 §3.5.2: to a segment with ACK, a RST that starts at its acknowledgement number; to
 * one without, sequence 0 and an acknowledgement of all that it sent. */
static void check_reset(struct rig *r, const struct packet_spec *spec)
{
	struct packet p = rig_packet(r, *spec);
	struct rig_out out;
	const uint8_t *tcp;
	bool has_ack = spec->tcp_flags & DP_TCP_ACK;
	uint32_t sent = spec->payload_len + !!(spec->tcp_flags & DP_TCP_SYN) +
			!!(spec->tcp_flags & DP_TCP_FIN);

	rig_send(r, RIG_CLIENT_SIDE, &p);
	out = expect_answer(r, RIG_CLIENT_SIDE, &p, spec->dst, IPPROTO_TCP);
	assert_int_equal(out.len, PACKET_ETHER + header_len(spec->dst) + 20);
	tcp = out.bytes + PACKET_ETHER + header_len(spec->dst);
	assert_int_equal(packet_get16(tcp), spec->dst_port);
	assert_int_equal(packet_get16(tcp + 2), spec->src_port);
	assert_int_equal(packet_get32(tcp + 4), has_ack ? spec->ack : 0);
	assert_int_equal(packet_get32(tcp + 8), has_ack ? 0 : spec->seq + sent);
	assert_int_equal(tcp[12], 0x50);
	assert_int_equal(tcp[13], has_ack ? DP_TCP_RST : DP_TCP_RST | DP_TCP_ACK);
}

static void unknown_segments_are_answered_by_a_reset_that_their_sender_accepts(void **state)
{
	static const uint8_t flags[] = {0, DP_TCP_ACK, DP_TCP_FIN, DP_TCP_FIN | DP_TCP_ACK,
		DP_TCP_SYN | DP_TCP_ACK, 0x18, DP_TCP_SYN | DP_TCP_FIN, 0xea & ~DP_TCP_RST};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		bool v4 = i % 2;
		struct packet_spec spec = {v4 ? RIG_FAR4 : RIG_FAR6, v4 ? RIG_VIP4 : RIG_VIP6,
			(uint16_t)(1 + seeded_below(&r->random, 65535)), 80, IPPROTO_TCP,
			.tcp_flags = flags[i % sizeof(flags)],
			.seq = (uint32_t)seeded_u64(&r->random),
			.ack = (uint32_t)seeded_u64(&r->random),
			.payload_len = seeded_below(&r->random, 1400),
			.tcp_option_words = seeded_below(&r->random, 11),
			.option_words = v4 ? seeded_below(&r->random, 11) : 0};

		if (i % sizeof(flags) == 7)
			spec.tcp_flags = 0xe8; // CWR, ECE, URG, PSH: none that counts
		check_reset(r, &spec);
		rig_pass_time(r, 1);
	}
	assert_int_equal(rig_drops(r, DP_DROP_NO_CONNECTION), 400);
	assert_int_equal(r->w->counters.generated, 400);
	rig_free(r);
}

static void check_silence(struct rig *r, const struct packet_spec *spec, enum dp_drop why)
{
	struct packet p = rig_packet(r, *spec);
	uint64_t was = rig_drops(r, why), generated = r->w->counters.generated;

	rig_send(r, RIG_CLIENT_SIDE, &p);
	rig_expect_nothing(r);
	assert_int_equal(rig_drops(r, why), was + 1);
	assert_int_equal(r->w->counters.generated, generated);
}

static void resets_and_packets_of_no_single_host_are_never_answered(void **state)
{
	static const char *const nobody[] = {
		"0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"};
	static const struct packet_spec specs[] = {
		{RIG_FAR4, RIG_VIP4, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_RST},
		{RIG_FAR4, RIG_VIP4, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_RST | DP_TCP_ACK},
		{RIG_FAR6, RIG_VIP6, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_RST | DP_TCP_SYN},
		{"ff02::1", RIG_VIP6, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		{"::", RIG_VIP6, 1000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
		// a pool that says drop
		{RIG_FAR4, RIG_VIP4, 1000, 8000, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK},
	};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		check_silence(r, &specs[i], DP_DROP_NO_CONNECTION);
	for (unsigned i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
		check_silence(r,
			&(struct packet_spec){nobody[i], RIG_VIP4, 1000, 80, IPPROTO_TCP,
				.tcp_flags = DP_TCP_ACK},
			DP_DROP_NO_CONNECTION);
		check_silence(r,
			&(struct packet_spec){
				nobody[i], RIG_VIP4, 1000, 54, IPPROTO_UDP, .payload_len = 4},
			DP_DROP_NO_SERVER);
		check_silence(r,
			&(struct packet_spec){nobody[i], RIG_VIP4, 1000, 80, IPPROTO_TCP, .ttl = 1},
			DP_DROP_TTL_EXCEEDED);
	}
	rig_free(r);
}

static void without_a_server_tcp_gets_a_reset(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	check_reset(r, &(struct packet_spec){RIG_FAR4, RIG_VIP4, 1000, 81, IPPROTO_TCP,
			       .tcp_flags = DP_TCP_SYN, .seq = UINT32_MAX});
	check_reset(r, &(struct packet_spec){RIG_FAR6, RIG_VIP6, 1000, 81, IPPROTO_TCP,
			       .tcp_flags = DP_TCP_SYN, .seq = 5, .payload_len = 100});
	assert_int_equal(rig_drops(r, DP_DROP_NO_SERVER), 2);
	check_silence(r,
		&(struct packet_spec){
			RIG_FAR4, RIG_VIP4, 1000, 82, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN},
		DP_DROP_NO_SERVER);
	assert_int_equal(r->w->services[DP_NO_ID + 1].drops[DP_DROP_NO_SERVER], 0);
	assert_int_equal(rig_connections(r), 0);
	rig_free(r);
}

struct icmp_answer {
	uint8_t type, code;
	uint32_t word;
};

/* The error quotes the packet as it was sent, from its IP header on, as far as there is room
 * (RFC 1812 §4.3.2.3, RFC 4443 §2.4); where the TTL was lowered before, that shows. */
static void check_icmp(struct rig *r, unsigned port, const struct packet *p, const char *from,
	struct icmp_answer want)
{
	bool v4 = is_v4(from);
	struct rig_out out = expect_answer(r, port, p, from, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	const uint8_t *icmp = out.bytes + PACKET_ETHER + header_len(from);
	unsigned room = (v4 ? 576 : 1280) - header_len(from) - 8;
	unsigned quoted = p->ip_len < room ? p->ip_len : room;
	struct packet lowered = *p;

	assert_int_equal(out.len, PACKET_ETHER + header_len(from) + 8 + quoted);
	assert_int_equal(icmp[0], want.type);
	assert_int_equal(icmp[1], want.code);
	assert_int_equal(packet_get32(icmp + 4), want.word);
	lowered.bytes[PACKET_ETHER + (v4 ? 8 : 7)]--;
	packet_fix_sums(&lowered);
	if (memcmp(icmp + 8, p->bytes + PACKET_ETHER, quoted) != 0)
		assert_memory_equal(icmp + 8, lowered.bytes + PACKET_ETHER, quoted);
}

static void without_a_server_udp_gets_port_unreachable(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		bool v4 = i % 2;
		struct packet p = rig_packet(
			r, (struct packet_spec){v4 ? RIG_FAR4 : RIG_FAR6, v4 ? RIG_VIP4 : RIG_VIP6,
				   1000, 54, IPPROTO_UDP, .payload_len = i * 7,
				   .option_words = v4 ? i % 11 : 0, .padding = i % 5});

		rig_send(r, RIG_CLIENT_SIDE, &p);
		check_icmp(r, RIG_CLIENT_SIDE, &p, v4 ? RIG_VIP4 : RIG_VIP6,
			v4 ? (struct icmp_answer){3, 3, 0} : (struct icmp_answer){1, 4, 0});
	}
	assert_int_equal(rig_drops(r, DP_DROP_NO_SERVER), 200);
	rig_free(r);
}

static void a_ttl_that_runs_out_is_told_to_the_sender(void **state)
{
	static const struct {
		struct packet_spec spec;
		unsigned port;
		const char *from;
	} cases[] = {
		{{RIG_FAR4, RIG_VIP4, 1000, 80, IPPROTO_TCP, .ttl = 1}, 0, RIG_VIP4},
		{{RIG_FAR6, RIG_VIP6, 1000, 53, IPPROTO_UDP, .ttl = 1}, 0, RIG_VIP6},
		// not to a VIP: from the port's own address
		{{RIG_FAR4, "198.51.100.11", 1000, 22, IPPROTO_TCP, .ttl = 1}, 0, "192.0.2.1"},
		{{"198.51.100.11", RIG_FAR4, 8080, 1000, IPPROTO_TCP, .ttl = 1}, 1, "198.51.100.1"},
		{{"2001:db8:2::11", RIG_FAR6, 0, 0, IPPROTO_ICMPV6, .icmp_type = 128, .ttl = 1}, 1,
			"2001:db8:2::1"},
	};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = rig_packet(r, cases[i].spec);

		rig_send(r, cases[i].port, &p);
		check_icmp(r, cases[i].port, &p, cases[i].from,
			is_v4(cases[i].from) ? (struct icmp_answer){11, 0, 0}
					     : (struct icmp_answer){3, 0, 0});
	}
	assert_int_equal(rig_drops(r, DP_DROP_TTL_EXCEEDED), 5);
	rig_free(r);
}

/* A TTL of 0 should not arrive at all; it is treated like 1. */
static void no_error_is_sent_about_errors_and_fragments(void **state)
{
	static const struct packet_spec specs[] = {
		{RIG_FAR4, "198.51.100.11", 0, 0, IPPROTO_ICMP, .icmp_type = 3, .ttl = 1},
		{RIG_FAR6, "2001:db8:2::11", 0, 0, IPPROTO_ICMPV6, .icmp_type = 1, .ttl = 1},
		{RIG_FAR4, "198.51.100.11", 0, 0, IPPROTO_UDP, .fragment = 100, .ttl = 1},
	};
	struct rig *r = rig_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		check_silence(r, &specs[i], DP_DROP_TTL_EXCEEDED);
	rig_free(r);
}

/* Opens a connection by a small packet, then sends one of `payload_len` each way. */
static void check_too_big(struct rig *r, const char *client, const char *vip, uint16_t fragment)
{
	bool v4 = is_v4(vip);
	struct packet_spec spec = {client, vip, 1000, 53, IPPROTO_UDP, .fragment = fragment};
	struct packet p = rig_packet(r, spec);
	const struct icmp_answer to_server =
		v4 ? (struct icmp_answer){3, 4, 1300} : (struct icmp_answer){2, 0, 1300};
	const struct icmp_answer to_client =
		v4 ? (struct icmp_answer){3, 4, 1400} : (struct icmp_answer){2, 0, 1400};

	rig_send(r, RIG_CLIENT_SIDE, &p);
	rig_drop_output(r);
	spec.payload_len = 1400;
	p = rig_packet(r, spec);
	rig_send(r, RIG_CLIENT_SIDE, &p);
	check_icmp(r, RIG_CLIENT_SIDE, &p, vip, to_client);

	spec = (struct packet_spec){rig_server_text(r, 0), client, 5353, 1000, IPPROTO_UDP,
		.fragment = fragment, .payload_len = 1300};
	p = rig_packet(r, spec);
	rig_send(r, RIG_SERVER_SIDE, &p);
	check_icmp(r, RIG_SERVER_SIDE, &p, v4 ? "198.51.100.1" : "2001:db8:2::1", to_server);
	assert_int_equal(rig_drops(r, DP_DROP_TOO_BIG), 2);
}

static void too_big_is_told_with_the_packet_as_its_sender_knows_it(void **state)
{
	(void)state;
	for (int family = 0; family < 2; family++) {
		struct rig *r = rig_new(__func__);

		r->mtu[RIG_SERVER_SIDE] = 1400;
		r->mtu[RIG_CLIENT_SIDE] = 1300;
		rig_publish(r);
		check_too_big(r, family ? RIG_FAR6 : RIG_FAR4, family ? RIG_VIP6 : RIG_VIP4,
			family ? 0 : PACKET_DF);
		rig_free(r);
	}
}

/* A port whose interface was deleted, until its routes are gone too. */
static void no_mtu_is_told_of_a_port_that_has_none(void **state)
{
	(void)state;
	for (int family = 0; family < 2; family++) {
		struct rig *r = rig_new(__func__);
		struct packet p =
			rig_packet(r, (struct packet_spec){family ? RIG_FAR6 : RIG_FAR4,
					      family ? RIG_VIP6 : RIG_VIP4, 1000, 53, IPPROTO_UDP,
					      .fragment = family ? 0 : PACKET_DF});

		r->mtu[RIG_SERVER_SIDE] = 0;
		rig_publish(r);
		rig_send(r, RIG_CLIENT_SIDE, &p);
		rig_expect_nothing(r);
		assert_int_equal(rig_drops(r, DP_DROP_NO_ROUTE), 1);
		rig_free(r);
	}
}

static void exactly_the_mtu_passes(void **state)
{
	struct rig *r = rig_new(__func__);
	struct rig_out out;

	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct packet p = rig_packet(
			r, (struct packet_spec){RIG_FAR4, RIG_VIP4, 1000, 53, IPPROTO_UDP,
				   .payload_len = RIG_MTU - 28 + more, .padding = 4});

		rig_send(r, RIG_CLIENT_SIDE, &p);
		assert_int_equal(rig_take(r, RIG_SERVER_SIDE, &out), !more);
	}
	// without DF it could be fragmented by one who can: no error, only the count
	assert_int_equal(rig_drops(r, DP_DROP_TOO_BIG), 1);
	rig_expect_nothing(r);
	rig_free(r);
}

static void replies_are_limited_and_the_limit_refills(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet udp = rig_packet(r,
		(struct packet_spec){RIG_FAR4, RIG_VIP4, 1000, 54, IPPROTO_UDP, .payload_len = 4});
	uint64_t sent;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		rig_send(r, RIG_CLIENT_SIDE, &udp);
		rig_drop_output(r);
	}
	sent = r->w->counters.generated;
	assert_int_equal(sent, r->w->icmp_limit.per_second);
	assert_int_equal(rig_drops(r, DP_DROP_RATE_LIMITED), 5000 - sent);
	assert_int_equal(rig_drops(r, DP_DROP_NO_SERVER), sent);
	rig_pass_time(r, 10);
	for (unsigned i = 0; i < 100; i++) {
		rig_send(r, RIG_CLIENT_SIDE, &udp);
		rig_drop_output(r);
	}
	assert_int_equal(r->w->counters.generated - sent, r->w->icmp_limit.per_second / 100);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			unknown_segments_are_answered_by_a_reset_that_their_sender_accepts),
		cmocka_unit_test(resets_and_packets_of_no_single_host_are_never_answered),
		cmocka_unit_test(without_a_server_tcp_gets_a_reset),
		cmocka_unit_test(without_a_server_udp_gets_port_unreachable),
		cmocka_unit_test(a_ttl_that_runs_out_is_told_to_the_sender),
		cmocka_unit_test(no_error_is_sent_about_errors_and_fragments),
		cmocka_unit_test(too_big_is_told_with_the_packet_as_its_sender_knows_it),
		cmocka_unit_test(no_mtu_is_told_of_a_port_that_has_none),
		cmocka_unit_test(exactly_the_mtu_passes),
		cmocka_unit_test(replies_are_limited_and_the_limit_refills),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
