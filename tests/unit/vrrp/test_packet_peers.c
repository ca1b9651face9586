/* Adverts that other implementations sent, byte by byte: read rightly, and written the same by us.
 *
 * The bytes are those behind the IP header, captured with tcpdump at the other end of a veth pair,
 * whose sender was 192.0.2.2 and fe80::2. keepalived 2.2.7 (Debian 12) ran with one configuration
 * of seven instances and was ended with SIGTERM, for the adverts of priority 0: VRID 1 `version 2`;
 * 2 the same with `auth_type PASS`, `auth_pass secret`, `advert_int 2`; 3 `version 3`, `advert_int
 * 0.5`; 4 with `advert_int 40.95`; 5 and 6 with IPv6 addresses; 6 and 7 with `unicast_peer` (6 with
 * `advert_int 0.01`). FRR's vrrpd 8.4.4 (Debian 12) ran with `vrrp 10 version 3`, priority 200, two
 * addresses of each family, and `vrrp 11 version 2`, on macvlan interfaces as its manual says. */
#include "vrrp/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_ADDRESSES = 3, MAX_LEN = 64 };

struct captured {
	const char *what, *source, *destination;
	struct vrrp_advert advert; // without addresses
	const char *addresses[MAX_ADDRESSES];
	size_t len;
	uint8_t bytes[MAX_LEN];
};

static const struct captured captures[] = {
	{
		.what = "keepalived 2.2.7, version 2, IPv4, VRID 1, priority 100",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 2,
			.vrid = 1,
			.priority = 100,
			.n_addresses = 1,
			.interval_ms = 1000,
			.form = VRRP_SUM_MESSAGE},
		.addresses = {"192.0.2.100"},
		.len = 20,
		.bytes = {0x21, 0x01, 0x64, 0x01, 0x00, 0x01, 0xb8, 0x97, 0xc0, 0x00, 0x02, 0x64,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
	},
	{
		.what = "keepalived 2.2.7, version 2, IPv4, VRID 1, priority 0",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 2,
			.vrid = 1,
			.priority = 0,
			.n_addresses = 1,
			.interval_ms = 1000,
			.form = VRRP_SUM_MESSAGE},
		.addresses = {"192.0.2.100"},
		.len = 20,
		.bytes = {0x21, 0x01, 0x00, 0x01, 0x00, 0x01, 0x1c, 0x98, 0xc0, 0x00, 0x02, 0x64,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
	},
	{
		.what = "keepalived 2.2.7, version 2, IPv4, VRID 2, priority 254",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 2,
			.vrid = 2,
			.priority = 254,
			.n_addresses = 3,
			.interval_ms = 2000,
			.form = VRRP_SUM_MESSAGE,
			.auth_type = VRRP_AUTH_SIMPLE,
			.auth_data = "secret"},
		.addresses = {"192.0.2.101", "192.0.2.102", "192.0.2.103"},
		.len = 28,
		.bytes = {0x21, 0x02, 0xfe, 0x03, 0x01, 0x02, 0x5c, 0x77, 0xc0, 0x00, 0x02, 0x65,
			0xc0, 0x00, 0x02, 0x66, 0xc0, 0x00, 0x02, 0x67, 0x73, 0x65, 0x63, 0x72,
			0x65, 0x74, 0x00, 0x00},
	},
	{
		.what = "keepalived 2.2.7, version 2, IPv4, VRID 2, priority 0",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 2,
			.vrid = 2,
			.priority = 0,
			.n_addresses = 3,
			.interval_ms = 2000,
			.form = VRRP_SUM_MESSAGE,
			.auth_type = VRRP_AUTH_SIMPLE,
			.auth_data = "secret"},
		.addresses = {"192.0.2.101", "192.0.2.102", "192.0.2.103"},
		.len = 28,
		.bytes = {0x21, 0x02, 0x00, 0x03, 0x01, 0x02, 0x5a, 0x78, 0xc0, 0x00, 0x02, 0x65,
			0xc0, 0x00, 0x02, 0x66, 0xc0, 0x00, 0x02, 0x67, 0x73, 0x65, 0x63, 0x72,
			0x65, 0x74, 0x00, 0x00},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv4, VRID 3, priority 100",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 3,
			.vrid = 3,
			.priority = 100,
			.n_addresses = 2,
			.interval_ms = 500,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.104", "198.51.100.105"},
		.len = 16,
		.bytes = {0x31, 0x03, 0x64, 0x02, 0x00, 0x32, 0xdb, 0x2c, 0xc0, 0x00, 0x02, 0x68,
			0xc6, 0x33, 0x64, 0x69},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv4, VRID 3, priority 0",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 3,
			.vrid = 3,
			.priority = 0,
			.n_addresses = 2,
			.interval_ms = 500,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.104", "198.51.100.105"},
		.len = 16,
		.bytes = {0x31, 0x03, 0x00, 0x02, 0x00, 0x32, 0x3f, 0x2d, 0xc0, 0x00, 0x02, 0x68,
			0xc6, 0x33, 0x64, 0x69},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv4, VRID 4, priority 255",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 3,
			.vrid = 4,
			.priority = 255,
			.n_addresses = 1,
			.interval_ms = 40950,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.106"},
		.len = 12,
		.bytes = {0x31, 0x04, 0xff, 0x01, 0x0f, 0xff, 0x5a, 0xfe, 0xc0, 0x00, 0x02, 0x6a},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv4, VRID 4, priority 0",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 3,
			.vrid = 4,
			.priority = 0,
			.n_addresses = 1,
			.interval_ms = 40950,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.106"},
		.len = 12,
		.bytes = {0x31, 0x04, 0x00, 0x01, 0x0f, 0xff, 0x59, 0xff, 0xc0, 0x00, 0x02, 0x6a},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv6, VRID 5, priority 150",
		.source = "fe80::2",
		.destination = "ff02::12",
		.advert = {.version = 3,
			.vrid = 5,
			.priority = 150,
			.n_addresses = 3,
			.interval_ms = 1000,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"fe80::64", "2001:db8::64", "2001:db8::65"},
		.len = 56,
		.bytes = {0x31, 0x05, 0x96, 0x03, 0x00, 0x64, 0xdf, 0x32, 0xfe, 0x80, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x64,
			0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x64, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x65},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv6, VRID 5, priority 0",
		.source = "fe80::2",
		.destination = "ff02::12",
		.advert = {.version = 3,
			.vrid = 5,
			.priority = 0,
			.n_addresses = 3,
			.interval_ms = 1000,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"fe80::64", "2001:db8::64", "2001:db8::65"},
		.len = 56,
		.bytes = {0x31, 0x05, 0x00, 0x03, 0x00, 0x64, 0x75, 0x33, 0xfe, 0x80, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x64,
			0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x64, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x65},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv6, VRID 6, priority 200",
		.source = "fe80::2",
		.destination = "fe80::3",
		.advert = {.version = 3,
			.vrid = 6,
			.priority = 200,
			.n_addresses = 1,
			.interval_ms = 10,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"fe80::65"},
		.len = 24,
		.bytes = {0x31, 0x06, 0xc8, 0x01, 0x00, 0x01, 0x0a, 0x82, 0xfe, 0x80, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x65},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv6, VRID 6, priority 0",
		.source = "fe80::2",
		.destination = "fe80::3",
		.advert = {.version = 3,
			.vrid = 6,
			.priority = 0,
			.n_addresses = 1,
			.interval_ms = 10,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"fe80::65"},
		.len = 24,
		.bytes = {0x31, 0x06, 0x00, 0x01, 0x00, 0x01, 0xd2, 0x82, 0xfe, 0x80, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x65},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv4, VRID 7, priority 100",
		.source = "192.0.2.2",
		.destination = "192.0.2.3",
		.advert = {.version = 3,
			.vrid = 7,
			.priority = 100,
			.n_addresses = 1,
			.interval_ms = 1000,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.107"},
		.len = 12,
		.bytes = {0x31, 0x07, 0x64, 0x01, 0x00, 0x64, 0x23, 0xa5, 0xc0, 0x00, 0x02, 0x6b},
	},
	{
		.what = "keepalived 2.2.7, version 3, IPv4, VRID 7, priority 0",
		.source = "192.0.2.2",
		.destination = "192.0.2.3",
		.advert = {.version = 3,
			.vrid = 7,
			.priority = 0,
			.n_addresses = 1,
			.interval_ms = 1000,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.107"},
		.len = 12,
		.bytes = {0x31, 0x07, 0x00, 0x01, 0x00, 0x64, 0x87, 0xa5, 0xc0, 0x00, 0x02, 0x6b},
	},
	{
		.what = "FRR 8.4.4, version 3, IPv4, VRID 10, priority 200",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 3,
			.vrid = 10,
			.priority = 200,
			.n_addresses = 2,
			.interval_ms = 1000,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"192.0.2.110", "192.0.2.111"},
		.len = 16,
		.bytes = {0x31, 0x0a, 0xc8, 0x02, 0x00, 0x64, 0xdf, 0x1a, 0xc0, 0x00, 0x02, 0x6e,
			0xc0, 0x00, 0x02, 0x6f},
	},
	{
		.what = "FRR 8.4.4, version 3, IPv6, VRID 10, priority 200",
		.source = "fe80::200:5eff:fe00:20a",
		.destination = "ff02::12",
		.advert = {.version = 3,
			.vrid = 10,
			.priority = 200,
			.n_addresses = 2,
			.interval_ms = 1000,
			.form = VRRP_SUM_PSEUDO_HEADER},
		.addresses = {"fe80::110", "2001:db8::110"},
		.len = 40,
		.bytes = {0x31, 0x0a, 0xc8, 0x02, 0x00, 0x64, 0x78, 0xfc, 0xfe, 0x80, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x10,
			0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x01, 0x10},
	},
	{
		.what = "FRR 8.4.4, version 2, IPv4, VRID 11, priority 100",
		.source = "192.0.2.2",
		.destination = "224.0.0.18",
		.advert = {.version = 2,
			.vrid = 11,
			.priority = 100,
			.n_addresses = 1,
			.interval_ms = 1000,
			.form = VRRP_SUM_MESSAGE},
		.addresses = {"192.0.2.112"},
		.len = 20,
		.bytes = {0x21, 0x0b, 0x64, 0x01, 0x00, 0x01, 0xb8, 0x81, 0xc0, 0x00, 0x02, 0x70,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
	},
};

enum { N_CAPTURES = sizeof(captures) / sizeof(captures[0]) };

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct vrrp_envelope envelope_of(const struct captured *c)
{
	return (struct vrrp_envelope){address(c->source), address(c->destination), VRRP_TTL};
}

static struct vrrp_advert advert_of(const struct captured *c)
{
	struct vrrp_advert advert = c->advert;

	for (unsigned i = 0; i < advert.n_addresses; i++)
		advert.addresses[i] = address(c->addresses[i]);
	return advert;
}

static void what_others_sent_is_read_rightly(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CAPTURES; i++) {
		const struct captured *c = &captures[i];
		const struct vrrp_envelope envelope = envelope_of(c);
		const struct vrrp_advert want = advert_of(c);
		struct vrrp_advert is;

		print_message("%s\n", c->what);
		assert_int_equal(vrrp_packet_decode(c->bytes, c->len, &envelope, &is), VRRP_OK);
		assert_int_equal(is.version, want.version);
		assert_int_equal(is.vrid, want.vrid);
		assert_int_equal(is.priority, want.priority);
		assert_int_equal(is.interval_ms, want.interval_ms);
		assert_int_equal(is.form, want.form);
		assert_int_equal(is.auth_type, want.auth_type);
		assert_memory_equal(is.auth_data, want.auth_data, VRRP_AUTH_LEN);
		assert_int_equal(is.n_addresses, want.n_addresses);
		assert_memory_equal(
			is.addresses, want.addresses, want.n_addresses * sizeof(struct addr));
	}
}

static void we_write_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CAPTURES; i++) {
		const struct captured *c = &captures[i];
		const struct vrrp_envelope envelope = envelope_of(c);
		const struct vrrp_advert advert = advert_of(c);
		uint8_t bytes[VRRP_MAX_LEN];

		print_message("%s\n", c->what);
		assert_int_equal(
			vrrp_packet_encode(&advert, &envelope.source, &envelope.destination, bytes),
			c->len);
		assert_memory_equal(bytes, c->bytes, c->len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_sent_is_read_rightly),
		cmocka_unit_test(we_write_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
