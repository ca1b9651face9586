/* The parser on frames written by hand. Each frame is parsed from a block of exactly its size,
 * so that a sanitizer sees a read of one byte too many. */
#include "dataplane/parse.h"

#include "packet.h"
#include "seeded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t eight_extensions[9] = {0, 60, 43, 60, 60, 43, 60, 60, 60};

/* One of each kind that is to be accepted. */
static const struct packet_spec good[] = {
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x02},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x18, .payload_len = 99},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0xff, .option_words = 10,
		.tcp_option_words = 10, .payload_len = 1},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .payload_len = 31, .ttl = 1},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .has_no_udp_sum = true, .padding = 18},
	{"192.0.2.1", "192.0.2.100", 0, 0, IPPROTO_ICMP, .icmp_type = 8, .payload_len = 20},
	{"192.0.2.1", "192.0.2.100", 0, 0, 47, .payload_len = 20, .fragment = PACKET_DF},
	{"192.0.2.1", "192.0.2.100", 0, 0, 47, .ttl = 64},
	{"2001:db8::1", "2001:db8::100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x10, .ttl = 255},
	{"2001:db8::1", "2001:db8::100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x11,
		.extensions = eight_extensions, .n_extensions = 8, .padding = 3},
	{"2001:db8::1", "2001:db8::100", 40000, 53, IPPROTO_UDP, .payload_len = 500,
		.extensions = eight_extensions, .n_extensions = 1},
	{"2001:db8::1", "2001:db8::100", 40000, 53, IPPROTO_UDP, .has_fragment_header = true},
	{"2001:db8::1", "2001:db8::100", 0, 0, IPPROTO_ICMPV6, .icmp_type = 135},
	{"2001:db8::1", "2001:db8::100", 0, 0, 59, .payload_len = 4},
};

enum { N_GOOD = sizeof(good) / sizeof(good[0]) };

/* Parses a copy of exactly `len` bytes. */
static enum dp_drop parse_exact(const uint8_t *bytes, unsigned len, struct dp_parsed *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct dp_parsed quoted;
	enum dp_drop why;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	why = dp_parse_frame(len ? copy : copy + 1, len, ret);
	if (why == DP_KEEP)
		(void)dp_parse_quoted(copy, len, ret, &quoted);
	free(copy);
	return why;
}

static bool quoted_exact(const struct packet *p, struct dp_parsed *ret)
{
	uint8_t *copy = malloc(p->len);
	struct dp_parsed h;
	bool r;

	assert_non_null(copy);
	memcpy(copy, p->bytes, p->len);
	assert_int_equal(dp_parse_frame(copy, p->len, &h), DP_KEEP);
	r = dp_parse_quoted(copy, p->len, &h, ret);
	free(copy);
	return r;
}

static void good_packets_are_read_right(void **state)
{
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_GOOD * 50; i++) {
		const struct packet_spec *s = &good[i % N_GOOD];
		struct addr src = packet_addr(s->src), dst = packet_addr(s->dst);
		bool is_tcp = s->protocol == IPPROTO_TCP;
		struct packet p;
		struct dp_parsed h;

		packet_build(&p, s, &random);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_KEEP);
		assert_true(addr_equal(&h.src, &src) && addr_equal(&h.dst, &dst));
		assert_int_equal(ntohs(h.src_port), s->src_port);
		assert_int_equal(ntohs(h.dst_port), s->dst_port);
		assert_int_equal(h.family, addr_family(&src));
		assert_int_equal(h.protocol, s->protocol);
		assert_int_equal(h.tcp_flags, is_tcp ? s->tcp_flags : 0);
		assert_int_equal(h.ttl, s->ttl ? s->ttl : 64);
		assert_int_equal(h.l3_offset, PACKET_ETHER);
		assert_int_equal(h.l4_offset, p.l4_offset);
		assert_int_equal(h.ip_len, p.ip_len);
		assert_false(h.is_fragment || h.is_icmp_error);
	}
}

static void a_frame_cut_anywhere_is_refused(void **state)
{
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_GOOD; i++) {
		struct packet p;

		packet_build(&p, &good[i], &random);
		for (unsigned len = 0; len < PACKET_ETHER + p.ip_len; len++) {
			struct dp_parsed h = {.ip_len = 0xbeef};

			assert_int_equal(parse_exact(p.bytes, len, &h), DP_DROP_BAD_HEADER);
			assert_int_equal(h.ip_len, 0xbeef); // untouched
		}
	}
}

/* Sets the packet's own length, and redoes the IPv4 header's sum. */
static void set_ip_len(struct packet *p, unsigned ip_len)
{
	uint8_t *ip = p->bytes + PACKET_ETHER;
	uint32_t sum = 0;

	if (ip[0] >> 4 == 6) {
		packet_put16(ip + 4, (uint16_t)(ip_len - 40));
		return;
	}
	packet_put16(ip + 2, (uint16_t)ip_len);
	packet_put16(ip + 10, 0);
	for (unsigned i = 0; i < (ip[0] & 15u) * 4; i += 2)
		sum += packet_get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	packet_put16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
}

/* The IP length says less than the headers need: the frame is long enough, the packet not. */
static void a_packet_too_short_for_its_headers_is_refused(void **state)
{
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_GOOD; i++) {
		const struct packet_spec *s = &good[i];
		bool is_tcp = s->protocol == IPPROTO_TCP;
		unsigned least = is_tcp ? 20 + s->tcp_option_words * 4 : 8;
		unsigned start = strchr(s->src, ':') ? 40 : 0;
		struct packet p;
		struct dp_parsed h;

		if (s->protocol == 47 || s->protocol == 59)
			least = 0;
		packet_build(&p, s, &random);
		least += p.l4_offset - PACKET_ETHER;
		for (unsigned ip_len = start; ip_len < least; ip_len++) {
			set_ip_len(&p, ip_len);
			assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_BAD_HEADER);
		}
		set_ip_len(&p, p.ip_len);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_KEEP);
	}
}

/* Whatever single bit is wrong, the header's sum shows it, or its length does. */
static void a_wrong_bit_in_an_ipv4_header_is_noticed(void **state)
{
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	packet_build(&p, &good[2], &random);
	for (unsigned bit = 0; bit < 60 * 8; bit++) {
		enum dp_drop why;

		p.bytes[PACKET_ETHER + bit / 8] ^= (uint8_t)(1 << bit % 8);
		why = parse_exact(p.bytes, p.len, &h);
		p.bytes[PACKET_ETHER + bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (why == DP_DROP_BAD_HEADER) // version, header length, total length
			assert_true(bit / 8 == 0 || bit / 8 == 2 || bit / 8 == 3);
		else
			assert_int_equal(why, DP_DROP_BAD_CHECKSUM);
	}
}

static void a_ninth_extension_header_is_refused(void **state)
{
	const struct packet_spec s = {"2001:db8::1", "2001:db8::100", 1, 2, IPPROTO_UDP,
		.extensions = eight_extensions, .n_extensions = 9};
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	packet_build(&p, &s, &random);
	assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_BAD_HEADER);
}

static void an_extension_header_beyond_the_packet_is_refused(void **state)
{
	const struct packet_spec s = {"2001:db8::1", "2001:db8::100", 1, 2, IPPROTO_UDP,
		.extensions = eight_extensions, .n_extensions = 2, .payload_len = 64};
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	packet_build(&p, &s, &random);
	for (unsigned len = (p.ip_len - 40) / 8; len < 256; len++) {
		p.bytes[PACKET_ETHER + 41] = (uint8_t)len;
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_BAD_HEADER);
	}
}

static void fragments_are_told_and_their_ports_are_not_read(void **state)
{
	static const struct packet_spec parts[] = {
		{"192.0.2.1", "192.0.2.100", 1, 2, IPPROTO_UDP, .fragment = PACKET_MF},
		{"192.0.2.1", "192.0.2.100", 1, 2, IPPROTO_TCP, .fragment = 0x1fff},
		{"192.0.2.1", "192.0.2.100", 1, 2, IPPROTO_UDP, .fragment = PACKET_MF | 1},
		{"2001:db8::1", "2001:db8::100", 1, 2, IPPROTO_UDP, .fragment = PACKET_MF,
			.has_fragment_header = true},
		{"2001:db8::1", "2001:db8::100", 1, 2, IPPROTO_TCP, .fragment = 1,
			.has_fragment_header = true, .extensions = eight_extensions,
			.n_extensions = 3},
		// nothing behind the header, and what looks like one more header
		{"2001:db8::1", "2001:db8::100", 1, 2, 60, .fragment = 1,
			.has_fragment_header = true},
	};
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct packet p;
		struct dp_parsed h;

		packet_build(&p, &parts[i], &random);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_KEEP);
		assert_true(h.is_fragment);
		assert_int_equal(h.protocol, parts[i].protocol);
		assert_int_equal(h.src_port | h.dst_port | h.tcp_flags, 0);
	}
}

static void lengths_that_contradict_each_other_are_refused(void **state)
{
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	packet_build(&p, &good[1], &random); // TCP, 99 bytes
	for (unsigned words = 0; words < 16; words++) {
		p.bytes[p.l4_offset + 12] = (uint8_t)(words << 4);
		assert_int_equal(
			parse_exact(p.bytes, p.len, &h), words >= 5 ? DP_KEEP : DP_DROP_BAD_HEADER);
	}
	packet_build(&p, &good[0], &random); // TCP, no payload
	p.bytes[p.l4_offset + 12] = 0x60;
	assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_BAD_HEADER);
	packet_build(&p, &good[3], &random); // UDP, 31 bytes
	for (unsigned len = 0; len < 100; len++) {
		packet_put16(p.bytes + p.l4_offset + 4, (uint16_t)len);
		assert_int_equal(parse_exact(p.bytes, p.len, &h),
			len >= 8 && len <= 39 ? DP_KEEP : DP_DROP_BAD_HEADER);
	}
}

static void ipv4_mapped_addresses_on_the_wire_are_refused(void **state)
{
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	for (unsigned at = 8; at <= 24; at += 16) {
		packet_build(&p, &good[8], &random);
		memset(p.bytes + PACKET_ETHER + at, 0, 10);
		memset(p.bytes + PACKET_ETHER + at + 10, 0xff, 2);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_BAD_HEADER);
	}
}

static void what_is_not_ip_is_not_ours(void **state)
{
	static const uint16_t types[] = {0x0806, 0x8100, 0x88a8, 0x0000, 0x05dc, 0x86de};
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	packet_build(&p, &good[0], &random);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		packet_put16(p.bytes + 12, types[i]);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_NOT_OURS);
		assert_int_equal(parse_exact(p.bytes, 14, &h), DP_DROP_NOT_OURS);
	}
	packet_put16(p.bytes + 12, 0x86dd); // an IPv4 header under the wrong name
	assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_DROP_BAD_HEADER);
}

/* RFC 792 and RFC 1122 §3.2.2; RFC 4443 §2.1: types below 128. */
static void icmp_errors_are_told_from_the_rest(void **state)
{
	struct packet_spec v4 = {"192.0.2.1", "192.0.2.100", 0, 0, IPPROTO_ICMP, .ttl = 64};
	struct packet_spec v6 = {"2001:db8::1", "2001:db8::100", 0, 0, IPPROTO_ICMPV6, .ttl = 64};
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
		struct packet p;
		struct dp_parsed h;

		v4.icmp_type = v6.icmp_type = (uint8_t)type;
		packet_build(&p, &v4, &random);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_KEEP);
		assert_int_equal(h.is_icmp_error, is_error);
		packet_build(&p, &v6, &random);
		assert_int_equal(parse_exact(p.bytes, p.len, &h), DP_KEEP);
		assert_int_equal(h.is_icmp_error, type < 128);
	}
}

/* An error is enough with 8 bytes of the transport header; ports need 4. */
static void quoted_packets_are_read_if_their_ports_are_there(void **state)
{
	const struct packet_spec v4 = {
		"198.51.100.1", "192.0.2.1", 0, 0, IPPROTO_ICMP, .icmp_type = 3};
	const struct packet_spec v6 = {
		"2001:db8::9", "2001:db8::1", 0, 0, IPPROTO_ICMPV6, .icmp_type = 1};
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_GOOD; i++) {
		const struct packet_spec *s = &good[i];
		bool is_transport = s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP;
		struct packet inner, outer;

		packet_build(&inner, s, &random);
		packet_build(&outer, strchr(s->src, ':') ? &v6 : &v4, &random);
		for (unsigned len = 0; len <= inner.ip_len; len++) {
			bool want = is_transport && len + PACKET_ETHER >= inner.l4_offset + 4;
			struct dp_parsed q = {.ip_len = 0};

			packet_quote(&outer, inner.bytes + PACKET_ETHER, len);
			assert_int_equal(quoted_exact(&outer, &q), want);
			assert_int_equal(ntohs(q.src_port), want ? s->src_port : 0);
			assert_int_equal(ntohs(q.dst_port), want ? s->dst_port : 0);
			if (want)
				assert_int_equal(q.protocol, s->protocol);
		}
	}
}

static void what_is_no_error_quotes_nothing(void **state)
{
	const struct packet_spec echo = {
		"198.51.100.1", "192.0.2.1", 0, 0, IPPROTO_ICMP, .icmp_type = 8};
	struct seeded random = seeded_new(__func__);
	struct packet inner, outer;
	struct dp_parsed q;

	(void)state;
	packet_build(&inner, &good[0], &random);
	packet_build(&outer, &echo, &random);
	packet_quote(&outer, inner.bytes + PACKET_ETHER, inner.ip_len);
	assert_false(quoted_exact(&outer, &q));
	assert_false(quoted_exact(&inner, &q));
}

/* Every length field at its largest. */
static void the_longest_packets_are_accepted_and_longer_ones_refused(void **state)
{
	enum { LEN = 65535 };
	uint8_t *frame = calloc(1, PACKET_ETHER + LEN + 40);
	struct seeded random = seeded_new(__func__);
	struct packet p;
	struct dp_parsed h;

	(void)state;
	assert_non_null(frame);
	packet_build(&p, &good[6], &random);
	packet_put16(p.bytes + PACKET_ETHER + 2, LEN);
	packet_fix_sums(&p);
	memcpy(frame, p.bytes, p.len);
	assert_int_equal(parse_exact(frame, PACKET_ETHER + LEN, &h), DP_KEEP);
	assert_int_equal(h.ip_len, LEN);
	assert_int_equal(parse_exact(frame, PACKET_ETHER + LEN - 1, &h), DP_DROP_BAD_HEADER);

	packet_build(&p, &good[13], &random);
	memcpy(frame, p.bytes, p.len);
	packet_put16(frame + PACKET_ETHER + 4, LEN - 40);
	assert_int_equal(parse_exact(frame, PACKET_ETHER + LEN, &h), DP_KEEP);
	assert_int_equal(h.ip_len, LEN);
	packet_put16(frame + PACKET_ETHER + 4, LEN - 39);
	assert_int_equal(parse_exact(frame, PACKET_ETHER + LEN + 40, &h), DP_DROP_BAD_HEADER);
	free(frame);
}

/* Whatever is accepted keeps the promise that later stages rely on. */
static void check_promise(const struct dp_parsed *h, unsigned len)
{
	unsigned end = h->l3_offset + (unsigned)h->ip_len, least = 0;

	assert_true(h->family == 4 || h->family == 6);
	assert_true(end <= len);
	if (h->is_fragment)
		return;
	if (h->protocol == IPPROTO_TCP)
		least = 20;
	else if (h->protocol == IPPROTO_UDP || h->is_icmp_error)
		least = 8;
	assert_true(h->l4_offset + least <= end);
}

static void random_and_mutated_bytes_never_break_the_promise(void **state)
{
	struct seeded random = seeded_new(__func__);
	unsigned n_kept = 0;

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		struct packet p;
		struct dp_parsed h;

		packet_build(&p, &good[i % N_GOOD], &random);
		for (unsigned n = seeded_below(&random, 5); n > 0; n--)
			p.bytes[12 + seeded_below(&random, p.len - 12)] =
				(uint8_t)seeded_below(&random, 256);
		if (i % 3 == 0 && p.bytes[PACKET_ETHER] >> 4 == 4)
			set_ip_len(&p, packet_get16(p.bytes + PACKET_ETHER + 2));
		if (i % 5 == 0)
			p.len = seeded_below(&random, p.len + 1);
		if (parse_exact(p.bytes, p.len, &h) != DP_KEEP)
			continue;
		check_promise(&h, p.len);
		n_kept++;
	}
	assert_true(n_kept > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_packets_are_read_right),
		cmocka_unit_test(a_frame_cut_anywhere_is_refused),
		cmocka_unit_test(a_packet_too_short_for_its_headers_is_refused),
		cmocka_unit_test(a_wrong_bit_in_an_ipv4_header_is_noticed),
		cmocka_unit_test(a_ninth_extension_header_is_refused),
		cmocka_unit_test(an_extension_header_beyond_the_packet_is_refused),
		cmocka_unit_test(fragments_are_told_and_their_ports_are_not_read),
		cmocka_unit_test(lengths_that_contradict_each_other_are_refused),
		cmocka_unit_test(ipv4_mapped_addresses_on_the_wire_are_refused),
		cmocka_unit_test(what_is_not_ip_is_not_ours),
		cmocka_unit_test(icmp_errors_are_told_from_the_rest),
		cmocka_unit_test(quoted_packets_are_read_if_their_ports_are_there),
		cmocka_unit_test(what_is_no_error_quotes_nothing),
		cmocka_unit_test(the_longest_packets_are_accepted_and_longer_ones_refused),
		cmocka_unit_test(random_and_mutated_bytes_never_break_the_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
