/* The parser for plain packets against the one for all: whatever it takes, the other one reads
 * alike; and it does take what there is most of. Each frame is parsed from a block of exactly its
 * size, so that a sanitizer sees a read of one byte too many. */
#include "dataplane/parse_plain.h"

#include "packet.h"
#include "seeded.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t extensions[2] = {0, 60};

static const struct packet_spec plain[] = {
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x02},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x10, .padding = 6},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0xff, .payload_len = 1,
		.tcp_option_words = 10, .ttl = 255},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x18,
		.payload_len = 1460, .fragment = PACKET_DF, .ttl = 2},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .padding = 18},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .payload_len = 31},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .has_no_udp_sum = true, .ttl = 2},
	{"2001:db8::1", "2001:db8::100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x02},
	{"2001:db8::1", "2001:db8::100", 40000, 443, IPPROTO_TCP, .tcp_flags = 0x11,
		.tcp_option_words = 3, .payload_len = 1400, .padding = 3},
	{"2001:db8::1", "2001:db8::100", 40000, 53, IPPROTO_UDP, .ttl = 2},
	{"2001:db8::1", "2001:db8::100", 40000, 53, IPPROTO_UDP, .payload_len = 500},
};

static const struct packet_spec not_plain[] = {
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .ttl = 1},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .option_words = 1},
	{"192.0.2.1", "192.0.2.100", 40000, 443, IPPROTO_TCP, .fragment = PACKET_MF},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .fragment = 100, .payload_len = 64},
	{"192.0.2.1", "192.0.2.100", 40000, 53, IPPROTO_UDP, .ttl = 1},
	{"192.0.2.1", "192.0.2.100", 0, 0, IPPROTO_ICMP, .icmp_type = 3, .payload_len = 60},
	{"192.0.2.1", "192.0.2.100", 0, 0, 47, .payload_len = 60},
	{"2001:db8::1", "2001:db8::100", 40000, 443, IPPROTO_TCP, .ttl = 1},
	{"2001:db8::1", "2001:db8::100", 40000, 443, IPPROTO_TCP, .extensions = extensions,
		.n_extensions = 2},
	{"2001:db8::1", "2001:db8::100", 40000, 53, IPPROTO_UDP, .has_fragment_header = true},
	{"2001:db8::1", "2001:db8::100", 0, 0, IPPROTO_ICMPV6, .icmp_type = 1, .payload_len = 60},
};

enum {
	N_PLAIN = sizeof(plain) / sizeof(plain[0]),
	N_NOT_PLAIN = sizeof(not_plain) / sizeof(not_plain[0])
};

static struct addr address_at(const uint8_t *at, unsigned family)
{
	be32 v4;

	memcpy(&v4, at, sizeof(v4));
	return family == 4 ? addr_from_v4(v4) : addr_from_v6(at);
}

static void check_alike(
	const struct dp_plain *h, const struct dp_parsed *want, const uint8_t *frame)
{
	unsigned len = want->family == 4 ? 4 : 16;
	struct addr src = address_at(h->ends, want->family);
	struct addr dst = address_at(h->ends + len, want->family);

	assert_int_equal(h->family, want->family);
	assert_int_equal(h->protocol, want->protocol);
	assert_int_equal(h->tcp_flags, want->tcp_flags);
	assert_int_equal(h->l4_offset, want->l4_offset);
	assert_int_equal(h->ip_len, want->ip_len);
	assert_true(addr_equal(&src, &want->src) && addr_equal(&dst, &want->dst));
	// where ports are read from
	assert_memory_equal(frame + h->l4_offset, &want->src_port, sizeof(want->src_port));
	assert_memory_equal(frame + h->l4_offset + 2, &want->dst_port, sizeof(want->dst_port));
	// what a plain packet promises beside
	assert_true(want->protocol == IPPROTO_TCP || want->protocol == IPPROTO_UDP);
	assert_true(want->ttl > 1);
	assert_false(want->is_fragment || want->is_icmp_error);
	assert_int_equal(want->l3_offset, DP_L3_OFFSET);
}

/* Both parsers on a copy of exactly `len` bytes. Whether it was plain. */
static bool compare(const uint8_t *bytes, unsigned len)
{
	uint8_t *block = malloc(len + 1);
	uint8_t *copy = block + 1; // also an odd address
	struct dp_parsed parsed;
	struct dp_plain h;
	bool is_plain;

	assert_non_null(block);
	memcpy(copy, bytes, len);
	is_plain = dp_parse_plain(copy, len, &h);
	if (is_plain) {
		assert_int_equal(dp_parse_frame(copy, len, &parsed), DP_KEEP);
		check_alike(&h, &parsed, copy);
	}
	free(block);
	return is_plain;
}

static void ordinary_packets_are_plain(void **state)
{
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_PLAIN * 50; i++) {
		struct packet p;

		packet_build(&p, &plain[i % N_PLAIN], &random);
		assert_true(compare(p.bytes, p.len));
	}
}

static void what_needs_a_closer_look_is_not_plain(void **state)
{
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_NOT_PLAIN * 20; i++) {
		struct dp_parsed parsed;
		struct packet p;

		packet_build(&p, &not_plain[i % N_NOT_PLAIN], &random);
		assert_int_equal(dp_parse_frame(p.bytes, p.len, &parsed), DP_KEEP);
		assert_false(compare(p.bytes, p.len));
	}
}

static void a_packet_cut_anywhere_is_not_plain(void **state)
{
	struct seeded random = seeded_new(__func__);

	(void)state;
	for (unsigned i = 0; i < N_PLAIN; i++) {
		struct packet p;

		packet_build(&p, &plain[i], &random);
		for (unsigned len = 0; len < PACKET_ETHER + p.ip_len; len++)
			assert_false(compare(p.bytes, len));
		for (unsigned len = PACKET_ETHER + p.ip_len; len <= p.len; len++)
			assert_true(compare(p.bytes, len));
	}
}

/* IPv4-mapped addresses are no IPv6 host's (RFC 4942 §2.2), and no key may look like IPv4's. */
static void mapped_addresses_are_never_plain(void **state)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct seeded random = seeded_new(__func__);
	struct packet p;

	(void)state;
	for (unsigned end = 0; end < 2; end++) {
		packet_build(&p, &plain[7], &random);
		assert_true(compare(p.bytes, p.len));
		memcpy(p.bytes + PACKET_ETHER + 8 + end * 16, mapped, sizeof(mapped));
		assert_false(compare(p.bytes, p.len));
	}
}

/* The IPv4 header's sum, so that it is not that alone which refuses a changed header. */
static void fix_header_sum(struct packet *p)
{
	uint8_t *ip = p->bytes + PACKET_ETHER;
	unsigned len = (ip[0] & 15u) * 4;
	uint32_t sum = 0;

	packet_put16(ip + 10, 0);
	for (unsigned i = 0; i < len; i += 2)
		sum += packet_get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	packet_put16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
}

/* Every value of one byte of the headers; how many were plain. */
static unsigned try_byte(const struct packet *p, unsigned at)
{
	unsigned n_plain = 0;

	for (unsigned value = 0; value < 256; value++) {
		struct packet changed = *p;

		changed.bytes[at] = (uint8_t)value;
		n_plain += compare(changed.bytes, changed.len);
		if (p->bytes[PACKET_ETHER] >> 4 != 4)
			continue;
		fix_header_sum(&changed);
		n_plain += compare(changed.bytes, changed.len);
	}
	return n_plain;
}

static void every_byte_of_the_headers_is_read_alike(void **state)
{
	struct seeded random = seeded_new(__func__);
	unsigned n_plain = 0;

	(void)state;
	for (unsigned i = 0; i < N_PLAIN; i++) {
		struct packet p;

		packet_build(&p, &plain[i], &random);
		for (unsigned at = 12; at < p.l4_offset + 20 && at < p.len; at++)
			n_plain += try_byte(&p, at);
	}
	assert_true(n_plain > 10000);
}

static void mutate(struct packet *p, struct seeded *random)
{
	static const uint16_t edges[] = {
		0, 1, 7, 8, 19, 20, 27, 28, 39, 40, 0x3fff, 0x4000, 0xffff};
	unsigned headers = p->l4_offset + 20;

	for (unsigned n = 1 + seeded_below(random, 3); n > 0; n--) {
		unsigned at = 12 + seeded_below(random, headers - 12);

		if (seeded_below(random, 4) == 0)
			packet_put16(p->bytes + at, edges[seeded_below(random, 13)]);
		else
			p->bytes[at] = (uint8_t)seeded_u64(random);
	}
	if (seeded_below(random, 4) == 0)
		p->len = seeded_below(random, p->len + 1);
}

static void mutated_packets_are_read_alike(void **state)
{
	struct seeded random = seeded_new(__func__);
	unsigned n_plain = 0;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		unsigned which = seeded_below(&random, N_PLAIN + N_NOT_PLAIN);
		struct packet p;

		memset(p.bytes, 0, 128);
		packet_build(
			&p, which < N_PLAIN ? &plain[which] : &not_plain[which - N_PLAIN], &random);
		mutate(&p, &random);
		if (p.len >= PACKET_ETHER + 20 && seeded_below(&random, 8) > 0 &&
			p.bytes[PACKET_ETHER] >> 4 == 4)
			fix_header_sum(&p);
		n_plain += compare(p.bytes, p.len);
	}
	assert_true(n_plain > 20000);
}

static void random_bytes_are_read_alike(void **state)
{
	struct seeded random = seeded_new(__func__);
	unsigned n_plain = 0;

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		bool is_v4 = seeded_below(&random, 2);
		struct packet p = {.len = seeded_below(&random, 120)};

		for (unsigned k = 0; k < sizeof(uint64_t) * 16; k += sizeof(uint64_t)) {
			uint64_t bytes = seeded_u64(&random);

			memcpy(p.bytes + k, &bytes, sizeof(bytes));
		}
		packet_put16(p.bytes + 12, is_v4 ? 0x0800 : 0x86dd);
		p.bytes[PACKET_ETHER] = is_v4 ? 0x45 : 0x60;
		p.bytes[PACKET_ETHER + (is_v4 ? 9 : 6)] = seeded_below(&random, 2) ? 6 : 17;
		packet_put16(p.bytes + PACKET_ETHER + (is_v4 ? 2 : 4),
			(uint16_t)seeded_below(&random, 120));
		if (is_v4) {
			p.bytes[PACKET_ETHER + 6] &= 0xc0;
			p.bytes[PACKET_ETHER + 7] = 0;
			fix_header_sum(&p);
		}
		n_plain += compare(p.bytes, p.len);
	}
	assert_true(n_plain > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_packets_are_plain),
		cmocka_unit_test(what_needs_a_closer_look_is_not_plain),
		cmocka_unit_test(a_packet_cut_anywhere_is_not_plain),
		cmocka_unit_test(mapped_addresses_are_never_plain),
		cmocka_unit_test(every_byte_of_the_headers_is_read_alike),
		cmocka_unit_test(mutated_packets_are_read_alike),
		cmocka_unit_test(random_bytes_are_read_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
