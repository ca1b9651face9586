/* The owner hash against Microsoft's RSS verification suite ("Verifying the RSS hash
 * calculation", learn.microsoft.com), against DPDK's own Toeplitz, and its deal of workers. */
#include "dataplane/owner.h"

#include "seeded.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_thash.h>

/* The suite's secret key, then zeros. */
static const uint8_t suite_key[DP_OWNER_KEY_LEN] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30,
	0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
	0x01, 0xfa};

/* IPv4 rows of the suite. The hash's input is source, destination, source port, destination
 * port; without ports for the second figure. */
static const struct {
	const char *destination, *source;
	uint16_t destination_port, source_port;
	uint32_t with_ports, without;
} suite[] = {
	{"161.142.100.80", "66.9.149.187", 1766, 2794, 0x51ccc178, 0x323e8fc2},
	{"65.69.140.83", "199.92.111.2", 4739, 14230, 0xc626b0ea, 0xd718262a},
	{"12.22.207.184", "24.19.198.95", 38024, 12898, 0x5c2b394a, 0xd2d0a5de},
	{"209.142.163.6", "38.27.205.30", 2217, 48228, 0xafc7327f, 0x82989176},
	{"202.188.127.2", "153.39.163.191", 1303, 44251, 0x10e828a2, 0x5d1809c5},
};

/* Our input is an address and a port: 18 bytes at most. The suite's 12 are put into the
 * address, since zeros behind an input do not change a Toeplitz hash. */
static void matches_the_verification_suite(void **state)
{
	static struct dp_owner o;

	(void)state;
	dp_owner_init(&o, suite_key, 1);
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
		be16 source_port = htons(suite[i].source_port);
		be16 destination_port = htons(suite[i].destination_port);
		uint8_t input[16] = {0};
		struct addr a;

		assert_int_equal(inet_pton(AF_INET, suite[i].source, input), 1);
		assert_int_equal(inet_pton(AF_INET, suite[i].destination, input + 4), 1);
		a = addr_from_v6(input);
		assert_int_equal(dp_owner_hash(&o, &a, 0), suite[i].without);
		memcpy(input + 8, &source_port, 2);
		memcpy(input + 10, &destination_port, 2);
		a = addr_from_v6(input);
		assert_int_equal(dp_owner_hash(&o, &a, 0), suite[i].with_ports);
	}
}

/* rte_softrss() takes 32-bit words in host order. */
static uint32_t softrss(const uint8_t *key, const struct addr *a, be16 port)
{
	unsigned n = addr_is_v4(a) ? 4 : 16;
	uint8_t bytes[20] = {0};
	uint32_t words[5];

	memcpy(bytes, a->bytes + 16 - n, n);
	memcpy(bytes + n, &port, 2);
	memcpy(words, bytes, sizeof(words));
	for (unsigned i = 0; i < 5; i++)
		words[i] = ntohl(words[i]);
	return rte_softrss(words, n / 4 + 1, key);
}

static void equals_rte_softrss_for_both_families(void **state)
{
	struct seeded random = seeded_new("owner: softrss");
	static struct dp_owner o;
	uint8_t key[DP_OWNER_KEY_LEN];

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)seeded_u64(&random);
		dp_owner_init(&o, key, 2);
		for (unsigned i = 0; i < 1000; i++) {
			struct addr a = seeded_addr(&random, i % 2);
			be16 port = (be16)seeded_u64(&random);

			assert_int_equal(dp_owner_hash(&o, &a, port), softrss(key, &a, port));
		}
	}
}

/* The indirection table has 128 places: n workers that do not divide it differ by one place. */
static void deals_clients_evenly(void **state)
{
	enum { CLIENTS = 120000 };
	struct seeded random = seeded_new("owner: deal");
	static struct dp_owner o;
	uint8_t key[DP_OWNER_KEY_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)seeded_u64(&random);
	for (unsigned n = 1; n <= 8; n++) {
		unsigned count[8] = {0}, share = CLIENTS / n;

		dp_owner_init(&o, key, n);
		for (unsigned i = 0; i < CLIENTS; i++) {
			struct addr a = seeded_addr(&random, i % 2);

			count[dp_owner_of(&o, &a, (be16)seeded_u64(&random))]++;
		}
		for (unsigned i = 0; i < n; i++)
			assert_in_range(count[i], share * 92 / 100, share * 108 / 100);
	}
}

/* One client with ports in a row, as behind a NAT: ports alone must spread. */
static void spreads_the_ports_of_one_client(void **state)
{
	static struct dp_owner o;
	struct addr client = addr_from_v4(htonl(0xc0000214)); // 192.0.2.20
	unsigned count[4] = {0};

	(void)state;
	dp_owner_init(&o, suite_key, 4);
	for (unsigned port = 32768; port < 32768 + 4096; port++)
		count[dp_owner_of(&o, &client, htons((uint16_t)port))]++;
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(count[i], 512, 2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_the_verification_suite),
		cmocka_unit_test(equals_rte_softrss_for_both_families),
		cmocka_unit_test(deals_clients_evenly),
		cmocka_unit_test(spreads_the_ports_of_one_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
