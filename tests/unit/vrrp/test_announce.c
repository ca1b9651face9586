/* The frames of announcements, byte by byte. */
#include "vrrp/announce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t mac[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void an_ipv4_address_is_announced_by_an_arp_request_and_reply_to_all(void **state)
{
	static const uint8_t begin[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33,
		0x44, 0x55, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00};
	static const uint8_t request[] = {0x01, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 192, 0, 2, 100,
		0, 0, 0, 0, 0, 0, 192, 0, 2, 100};
	static const uint8_t reply[] = {0x02, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 192, 0, 2, 100,
		0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 192, 0, 2, 100};
	const struct addr a = addr("192.0.2.100");
	uint8_t bytes[VRRP_ANNOUNCE_MAX_LEN];

	(void)state;
	assert_int_equal(vrrp_announce_frame(&a, mac, false, bytes), 42);
	assert_memory_equal(bytes, begin, sizeof(begin));
	assert_memory_equal(bytes + sizeof(begin), request, sizeof(request));
	assert_int_equal(vrrp_announce_frame(&a, mac, true, bytes), 42);
	assert_memory_equal(bytes, begin, sizeof(begin));
	assert_memory_equal(bytes + sizeof(begin), reply, sizeof(reply));
}

/* RFC 1071 as one reads it. */
static unsigned naive_sum(const uint8_t *bytes, size_t len, unsigned sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (unsigned)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void an_ipv6_address_is_announced_by_an_unsolicited_advertisement(void **state)
{
	static const uint8_t expected[VRRP_ANNOUNCE_MAX_LEN] = {0x33, 0x33, 0, 0, 0, 1, 0x02, 0x11,
		0x22, 0x33, 0x44, 0x55, 0x86, 0xdd,
		// IPv6: 32 bytes, ICMPv6, 255
		0x60, 0, 0, 0, 0, 32, 58, 255, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x01, 0x00, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		// R=1 S=0 O=1; the checksum is summed up below
		136, 0, 0, 0, 0xa0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x01, 0x00, 2, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
	const struct addr a = addr("2001:db8::100");
	uint8_t bytes[VRRP_ANNOUNCE_MAX_LEN];
	unsigned sum;

	(void)state;
	assert_int_equal(vrrp_announce_frame(&a, mac, false, bytes), 86);
	sum = naive_sum(bytes + 22, 32, 32 + 58); // addresses, length, next header
	assert_int_equal(naive_sum(bytes + 54, 32, sum), 0xffff);
	bytes[56] = bytes[57] = 0;
	assert_memory_equal(bytes, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_address_is_announced_by_an_arp_request_and_reply_to_all),
		cmocka_unit_test(an_ipv6_address_is_announced_by_an_unsolicited_advertisement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
