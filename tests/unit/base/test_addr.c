/* Addresses and prefixes in both families, from text and back. */
#include "base/addr.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct prefix parse_prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void addresses_print_in_the_short_form(void **state)
{
	static const char *const cells[][2] = {{"192.0.2.1", "192.0.2.1"}, {"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"}, {"2001:DB8::0001", "2001:db8::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, {"::", "::"}, {"::1", "::1"},
		{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
			"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"2001:db8::192.0.2.1", "2001:db8::c000:201"}};
	char buf[ADDR_STR_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct addr a = parse(cells[i][0]);

		assert_string_equal(addr_format(&a, buf), cells[i][1]);
		assert_int_equal(addr_family(&a), strchr(cells[i][0], ':') ? 6 : 4);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {"", "192.0.2", "192.0.2.256", "192.0.2.1.1",
		"192.0.2.01x", " 192.0.2.1", "192.0.2.1 ", "192.0.2.1/32", "[2001:db8::1]",
		"2001:db8::1%eth0", "2001:db8:::1", "2001:db8::1::2", "12345::", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "::ffff:192.0.2.1", "::ffff:c000:201", "host", "0x7f000001",
		"3221225985"};
	struct addr a = {.halves = {7, 7}};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(addr_parse(bad[i], &a), -EINVAL);
	assert_true(a.halves[0] == 7 && a.halves[1] == 7);
}

static void v4_keeps_its_bytes_at_the_end(void **state)
{
	struct addr a = parse("192.0.2.1");
	struct addr b = addr_from_v4(htonl(0xc0000201));
	struct addr c = parse("2001:db8::1");
	struct addr d = addr_from_v6(c.bytes);

	(void)state;
	assert_true(addr_is_v4(&a));
	assert_true(addr_equal(&a, &b));
	assert_int_equal(addr_v4(&a), htonl(0xc0000201));
	assert_false(addr_is_v4(&c));
	assert_true(addr_equal(&c, &d));
	assert_false(addr_equal(&a, &c));
}

static void kinds_of_addresses_are_known(void **state)
{
	static const struct {
		const char *text;
		bool link_local, multicast, unspecified;
	} cells[] = {{"169.254.0.1", true, false, false}, {"169.253.255.255", false, false, false},
		{"169.255.0.0", false, false, false}, {"fe80::1", true, false, false},
		{"febf:ffff::1", true, false, false}, {"fec0::1", false, false, false},
		{"fe7f::1", false, false, false}, {"224.0.0.1", false, true, false},
		{"239.255.255.255", false, true, false}, {"240.0.0.0", false, false, false},
		{"223.255.255.255", false, false, false}, {"ff02::1", false, true, false},
		{"0.0.0.0", false, false, true}, {"::", false, false, true},
		{"::1", false, false, false}, {"0.0.0.1", false, false, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct addr a = parse(cells[i].text);

		assert_int_equal(addr_is_link_local(&a), cells[i].link_local);
		assert_int_equal(addr_is_multicast(&a), cells[i].multicast);
		assert_int_equal(addr_is_unspecified(&a), cells[i].unspecified);
	}
}

static void order_is_that_of_the_bytes(void **state)
{
	struct addr a = parse("192.0.2.1"), b = parse("192.0.2.2"), c = parse("2001:db8::");

	(void)state;
	assert_true(addr_compare(&a, &b) < 0);
	assert_true(addr_compare(&b, &a) > 0);
	assert_true(addr_compare(&a, &c) < 0);
	assert_int_equal(addr_compare(&a, &a), 0);
}

static void v6_stands_in_brackets_before_a_port(void **state)
{
	struct addr a = parse("192.0.2.1"), b = parse("2001:db8::1");
	struct addr longest = parse("2001:dead:beef:dead:beef:dead:beef:dead");
	char buf[ADDR_PORT_STR_LEN];

	(void)state;
	assert_string_equal(addr_port_format(&a, 80, buf), "192.0.2.1:80");
	assert_string_equal(addr_port_format(&b, 65535, buf), "[2001:db8::1]:65535");
	assert_string_equal(addr_port_format(&longest, 65535, buf),
		"[2001:dead:beef:dead:beef:dead:beef:dead]:65535");
}

static void text_and_back_is_the_same_address(void **state)
{
	char buf[ADDR_STR_LEN];

	(void)state;
	srand(2);
	print_message("seed 2\n");
	for (int i = 0; i < 20000; i++) {
		struct addr a, b;

		for (int j = 0; j < 16; j++)
			a.bytes[j] = rand() % 3 ? (uint8_t)rand() : 0;
		if (i % 2)
			a = addr_from_v4(a.words[3]);
		else
			a.bytes[0] = 0x20; // not IPv4-mapped
		assert_int_equal(addr_parse(addr_format(&a, buf), &b), 0);
		assert_true(addr_equal(&a, &b));
	}
}

static void prefixes_print_as_people_write_them(void **state)
{
	static const char *const cells[][2] = {{"192.0.2.0/24", "192.0.2.0/24"},
		{"192.0.2.1", "192.0.2.1/32"}, {"0.0.0.0/0", "0.0.0.0/0"}, {"::/0", "::/0"},
		{"2001:db8::/32", "2001:db8::/32"}, {"2001:db8::1", "2001:db8::1/128"},
		{"192.0.2.128/25", "192.0.2.128/25"}};
	static const unsigned lengths[] = {24, 32, 0, 0, 32, 128, 25};
	char buf[PREFIX_STR_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct prefix p = parse_prefix(cells[i][0]);

		assert_string_equal(prefix_format(&p, buf), cells[i][1]);
		assert_int_equal(prefix_length(&p), lengths[i]);
	}
}

static void what_is_no_prefix_is_refused(void **state)
{
	static const char *const bad[] = {"", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1",
		"192.0.2.0/+24", "192.0.2.0/24x", "192.0.2.0/ 24", "192.0.2.1/24", "2001:db8::/129",
		"2001:db8::1/32", "default", "192.0.2.0/24/24", "192.0.2.0/99999999999999999999",
		"::ffff:192.0.2.0/120",
		"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/32"};
	struct prefix p = {.length_bits = 77};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(prefix_parse(bad[i], &p), -EINVAL);
	assert_int_equal(p.length_bits, 77);
}

static void a_prefix_contains_its_own_and_no_other(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool contains;
	} cells[] = {{"192.0.2.0/24", "192.0.2.0", true}, {"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false}, {"192.0.2.0/23", "192.0.3.0", true},
		{"0.0.0.0/0", "203.0.113.1", true}, {"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true}, {"192.0.2.1/32", "192.0.2.1", true},
		{"192.0.2.1/32", "192.0.2.0", false}, {"2001:db8::/33", "2001:db8:7fff::", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::/127", "2001:db8::1", true}, {"2001:db8::/127", "2001:db8::2", false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct prefix p = parse_prefix(cells[i].prefix);
		struct addr a = parse(cells[i].addr);

		assert_int_equal(prefix_contains(&p, &a), cells[i].contains);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_in_the_short_form),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(v4_keeps_its_bytes_at_the_end),
		cmocka_unit_test(kinds_of_addresses_are_known),
		cmocka_unit_test(order_is_that_of_the_bytes),
		cmocka_unit_test(v6_stands_in_brackets_before_a_port),
		cmocka_unit_test(text_and_back_is_the_same_address),
		cmocka_unit_test(prefixes_print_as_people_write_them),
		cmocka_unit_test(what_is_no_prefix_is_refused),
		cmocka_unit_test(a_prefix_contains_its_own_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
