/* ICMP echo as bytes: what is written, and what is taken for an answer to it. */
#include "healthcheck/icmp.h"

#include "base/checksum.h"
#include "loopback.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { V4_HEADER = 20, V6_HEADER = 40, ERROR_HEADER = 8, PACKET_BYTES = 256 };

static const struct hc_icmp_echo echo = {
	.identifier = 0x1234, .sequence = 0xabcd, .token = UINT64_C(0x0123456789abcdef)};

struct packet {
	uint8_t bytes[PACKET_BYTES];
	size_t n;
};

static void set_checksum(uint8_t *icmp, size_t n)
{
	uint16_t sum;

	icmp[2] = icmp[3] = 0;
	sum = (uint16_t)~checksum_sum(icmp, n, 0);
	memcpy(icmp + 2, &sum, sizeof(sum));
}

static void v4_header(uint8_t *at, const char *from, const char *to)
{
	const struct addr a = loopback_addr(from), b = loopback_addr(to);
	const be32 v4[2] = {addr_v4(&a), addr_v4(&b)};

	memset(at, 0, V4_HEADER);
	at[0] = 0x45;
	at[8] = 64;
	at[9] = 1;
	memcpy(at + 12, v4, sizeof(v4));
}

static struct packet v4_reply(void)
{
	struct packet p = {.n = V4_HEADER + HC_ICMP_REQUEST_BYTES};

	v4_header(p.bytes, "192.0.2.1", "192.0.2.9");
	hc_icmp_request(true, &echo, p.bytes + V4_HEADER);
	p.bytes[V4_HEADER] = 0;
	set_checksum(p.bytes + V4_HEADER, HC_ICMP_REQUEST_BYTES);
	return p;
}

/* A router's, about a request to 192.0.2.1, of which n_quoted bytes are quoted. */
static struct packet v4_error(uint8_t type, uint8_t code, size_t n_quoted)
{
	struct packet p = {.n = V4_HEADER + ERROR_HEADER + V4_HEADER + n_quoted};
	uint8_t *icmp = p.bytes + V4_HEADER;

	v4_header(p.bytes, "192.0.2.254", "192.0.2.9");
	icmp[0] = type;
	icmp[1] = code;
	v4_header(icmp + ERROR_HEADER, "192.0.2.9", "192.0.2.1");
	hc_icmp_request(true, &echo, icmp + ERROR_HEADER + V4_HEADER);
	set_checksum(icmp, p.n - V4_HEADER);
	return p;
}

static struct packet v6_error(uint8_t type, uint8_t code, size_t n_quoted)
{
	struct packet p = {.n = ERROR_HEADER + V6_HEADER + n_quoted, .bytes = {type, code}};
	const struct addr server = loopback_addr("2001:db8::1");
	uint8_t *quoted = p.bytes + ERROR_HEADER;

	quoted[0] = 0x60;
	quoted[6] = 58;
	memcpy(quoted + 24, server.bytes, sizeof(server.bytes));
	hc_icmp_request(false, &echo, quoted + V6_HEADER);
	return p;
}

/* From the heap and exactly as long, so that a read behind the end is found. */
static int parse(bool is_v4, const struct packet *p, struct hc_icmp_answer *ret)
{
	const struct addr from = loopback_addr("2001:db8::1");
	uint8_t *copy = malloc(p->n ? p->n : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, p->bytes, p->n);
	r = is_v4 ? hc_icmp_parse_v4(copy, p->n, ret) : hc_icmp_parse_v6(copy, p->n, &from, ret);
	free(copy);
	return r;
}

static void assert_ours(const struct hc_icmp_answer *a, const char *server)
{
	const struct addr want = loopback_addr(server);

	assert_true(addr_equal(&a->server, &want));
	assert_int_equal(a->echo.identifier, echo.identifier);
	assert_int_equal(a->echo.sequence, echo.sequence);
	if (a->has_token)
		assert_true(a->echo.token == echo.token);
}

static void request_is_an_echo_with_a_right_checksum(void **state)
{
	uint8_t bytes[HC_ICMP_REQUEST_BYTES];

	(void)state;
	hc_icmp_request(true, &echo, bytes);
	assert_int_equal(checksum_sum(bytes, sizeof(bytes), 0), 0xffff);
	assert_memory_equal(bytes, "\x08\0", 2);
	assert_memory_equal(bytes + 4, "\x12\x34\xab\xcd", 4);
	hc_icmp_request(false, &echo, bytes);
	assert_memory_equal(bytes, "\x80\0\0\0\x12\x34\xab\xcd", 8);
}

static void reply_brings_back_what_was_sent(void **state)
{
	struct packet v4 = v4_reply(), v6 = {.n = HC_ICMP_REQUEST_BYTES};
	struct hc_icmp_answer a;

	(void)state;
	assert_int_equal(parse(true, &v4, &a), 0);
	assert_int_equal(a.kind, HC_ICMP_REPLY);
	assert_true(a.has_token);
	assert_ours(&a, "192.0.2.1");
	hc_icmp_request(false, &echo, v6.bytes);
	v6.bytes[0] = 129;
	assert_int_equal(parse(false, &v6, &a), 0);
	assert_int_equal(a.kind, HC_ICMP_REPLY);
	assert_ours(&a, "2001:db8::1");
}

static void error_is_about_the_server_and_has_words(void **state)
{
	struct packet v4 = v4_error(3, 1, HC_ICMP_REQUEST_BYTES);
	struct packet v6 = v6_error(1, 0, HC_ICMP_REQUEST_BYTES);
	struct hc_icmp_answer a;

	(void)state;
	assert_int_equal(parse(true, &v4, &a), 0);
	assert_int_equal(a.kind, HC_ICMP_ERROR);
	assert_string_equal(a.words, "host unreachable");
	assert_true(a.has_token);
	assert_ours(&a, "192.0.2.1");
	assert_int_equal(parse(false, &v6, &a), 0);
	assert_string_equal(a.words, "no route to host");
	assert_ours(&a, "2001:db8::1");

	v4 = v4_error(11, 0, 8); // as little as RFC 792 wants
	assert_int_equal(parse(true, &v4, &a), 0);
	assert_string_equal(a.words, "time to live exceeded");
	assert_false(a.has_token);
	assert_ours(&a, "192.0.2.1");
	v4 = v4_error(3, 200, 8);
	assert_int_equal(parse(true, &v4, &a), 0);
	assert_string_equal(a.words, "unreachable");
}

static void every_beginning_is_no_answer(void **state)
{
	struct packet packets[] = {v4_reply(), v4_error(3, 1, 8), v6_error(1, 0, 8)};
	struct hc_icmp_answer a;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const size_t all = packets[i].n;

		assert_int_equal(parse(i < 2, &packets[i], &a), 0);
		for (packets[i].n = 0; packets[i].n < all; packets[i].n++) {
			// the checksum is right, so that lengths decide
			if (i < 2 && packets[i].n >= V4_HEADER + 4)
				set_checksum(
					packets[i].bytes + V4_HEADER, packets[i].n - V4_HEADER);
			assert_int_equal(parse(i < 2, &packets[i], &a), -EBADMSG);
		}
	}
}

static void other_packets_are_no_answer(void **state)
{
	struct packet p = v4_reply();
	struct hc_icmp_answer a;

	(void)state;
	p.bytes[V4_HEADER + 9] ^= 1; // checksum
	assert_int_equal(parse(true, &p, &a), -EBADMSG);
	p = v4_reply();
	p.bytes[V4_HEADER] = 8; // a request
	set_checksum(p.bytes + V4_HEADER, HC_ICMP_REQUEST_BYTES);
	assert_int_equal(parse(true, &p, &a), -EBADMSG);
	p = v4_reply();
	p.bytes[0] = 0x4f; // longer header than packet
	assert_int_equal(parse(true, &p, &a), -EBADMSG);
	p = v4_error(3, 1, 8);
	p.bytes[V4_HEADER + ERROR_HEADER + 9] = 17; // about a datagram
	set_checksum(p.bytes + V4_HEADER, p.n - V4_HEADER);
	assert_int_equal(parse(true, &p, &a), -EBADMSG);
	p = v6_error(1, 0, 8);
	p.bytes[0] = 2; // packet too big
	assert_int_equal(parse(false, &p, &a), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_an_echo_with_a_right_checksum),
		cmocka_unit_test(reply_brings_back_what_was_sent),
		cmocka_unit_test(error_is_about_the_server_and_has_words),
		cmocka_unit_test(every_beginning_is_no_answer),
		cmocka_unit_test(other_packets_are_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
