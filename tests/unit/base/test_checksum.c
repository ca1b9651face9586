/* Sums and updates against the plainest form of RFC 1071, on seeded random packets. */
#include "base/checksum.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1624, RUNS = 20000, MAX_LEN = 2000 };

/* RFC 1071 §1, as written there: 16-bit words in network order, end-around carry. */
static uint16_t plain_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return htons((uint16_t)sum);
}

/* 0 and 0xffff are the same number in one's complement. */
static uint16_t canonical(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

static void fill(uint8_t *data, size_t len)
{
	int style = rand() % 8;

	for (size_t i = 0; i < len; i++)
		data[i] = style == 0 ? 0xff : style == 1 ? 0 : (uint8_t)rand();
}

static uint16_t random16(void)
{
	static const uint16_t corners[] = {0, 0xffff, 1, 0xfffe, 0x8000, 0x00ff, 0xff00};

	return rand() % 4 ? (uint16_t)rand() : corners[(unsigned)rand() % 7];
}

static void sum_is_the_plain_sum(void **state)
{
	uint8_t buffer[MAX_LEN + 8];

	(void)state;
	srand(SEED);
	print_message("seed %d\n", SEED);
	for (int i = 0; i < RUNS; i++) {
		size_t len = (size_t)rand() % (i % 2 ? MAX_LEN : 64);
		uint8_t *data = buffer + rand() % 8; // any alignment

		fill(data, len);
		assert_int_equal(
			canonical(checksum_sum(data, len, 0)), canonical(plain_sum(data, len)));
	}
}

static void sum_goes_on_from_its_start(void **state)
{
	uint8_t data[MAX_LEN];

	(void)state;
	srand(SEED);
	for (int i = 0; i < RUNS; i++) {
		size_t len = (size_t)rand() % 256,
		       cut = len ? (size_t)rand() % len & ~(size_t)1 : 0;
		uint16_t first;

		fill(data, len);
		first = checksum_sum(data, cut, 0);
		assert_int_equal(canonical(checksum_sum(data + cut, len - cut, first)),
			canonical(checksum_sum(data, len, 0)));
	}
}

static void a_sum_over_the_longest_packet_carries_right(void **state)
{
	static uint8_t data[65536];

	(void)state;
	memset(data, 0xff, sizeof(data));
	assert_int_equal(checksum_sum(data, sizeof(data), 0xffff), 0xffff);
	data[0] = 0;
	assert_int_equal(canonical(checksum_sum(data, sizeof(data), 0xffff)),
		canonical(plain_sum(data, sizeof(data))));
}

static void nothing_sums_to_the_start(void **state)
{
	(void)state;
	assert_int_equal(checksum_sum("", 0, 0), 0);
	assert_int_equal(checksum_sum("", 0, 0x1234), 0x1234);
	assert_int_equal(checksum_sum("", 0, 0xffff), 0xffff);
}

/* What a receiver does: the sum over everything, the checksum included, is all ones. */
static bool is_valid(const uint8_t *packet, size_t len)
{
	return checksum_sum(packet, len, 0) == 0xffff;
}

enum { SUM_AT = 10, PACKET_LEN = 40 };

static void put_sum(uint8_t *packet)
{
	uint16_t sum = 0;

	memcpy(packet + SUM_AT, &sum, sizeof(sum));
	sum = (uint16_t)~checksum_sum(packet, PACKET_LEN, 0);
	memcpy(packet + SUM_AT, &sum, sizeof(sum));
}

static uint16_t get16(const uint8_t *packet, size_t at)
{
	uint16_t value;

	memcpy(&value, packet + at, sizeof(value));
	return value;
}

static void replaced_fields_keep_the_packet_valid(void **state)
{
	uint8_t packet[PACKET_LEN];

	(void)state;
	srand(SEED);
	for (int i = 0; i < RUNS * 5; i++) {
		size_t at = 12 + 2 * ((size_t)rand() % 14);
		uint16_t is = random16(), sum, was;

		fill(packet, sizeof(packet));
		packet[0] = 0x45; // a packet is never all zero: RFC 1624 §3
		put_sum(packet);
		was = get16(packet, at);
		sum = checksum_apply(get16(packet, SUM_AT), checksum_delta16(was, is));
		memcpy(packet + at, &is, sizeof(is));
		memcpy(packet + SUM_AT, &sum, sizeof(sum));
		assert_true(is_valid(packet, sizeof(packet)));
	}
}

/* The sum is what a fresh computation gives, bit for bit: never 0xffff for 0 (RFC 1624 §4). */
static void an_update_gives_the_very_sum_of_a_fresh_one(void **state)
{
	uint8_t packet[PACKET_LEN];

	(void)state;
	srand(SEED + 1);
	for (int i = 0; i < RUNS * 5; i++) {
		uint16_t is = random16(), was, updated;

		fill(packet, sizeof(packet));
		packet[0] = 0x45;
		put_sum(packet);
		was = get16(packet, 14);
		updated = checksum_apply(get16(packet, SUM_AT), checksum_delta16(was, is));
		memcpy(packet + 14, &is, sizeof(is));
		put_sum(packet);
		assert_int_equal(updated, get16(packet, SUM_AT));
	}
}

/* RFC 1624 §4: the example whose result the older equation got wrong. */
static void the_example_of_rfc_1624_comes_out_right(void **state)
{
	(void)state;
	assert_int_equal(
		checksum_apply(htons(0xdd2f), checksum_delta16(htons(0x5555), htons(0x3285))),
		htons(0x0000));
}

static void an_unchanged_field_changes_nothing(void **state)
{
	(void)state;
	for (unsigned sum = 0; sum < 0xffff; sum += 1)
		for (unsigned value = 0; value <= 0xffff; value += 0x1111) {
			uint16_t delta = checksum_delta16((uint16_t)value, (uint16_t)value);

			assert_int_equal(delta, 0xffff); // minus zero
			assert_int_equal(checksum_apply((uint16_t)sum, delta), sum);
		}
}

static struct addr random_addr(void)
{
	struct addr a;

	if (rand() % 2)
		return addr_from_v4((be32)rand() ^ ((be32)rand() << 16));
	for (int i = 0; i < 16; i++)
		a.bytes[i] = rand() % 4 ? (uint8_t)rand() : (rand() % 2 ? 0xff : 0);
	return a;
}

static void address_deltas_add_up(void **state)
{
	(void)state;
	srand(SEED + 2);
	for (int i = 0; i < RUNS; i++) {
		struct addr was = random_addr(), is = random_addr();
		uint16_t sum = (uint16_t)~checksum_sum(was.bytes, 16, 0x4500);
		uint16_t delta = 0;

		for (int j = 0; j < 16; j += 2)
			delta = checksum_add(
				delta, checksum_delta16(get16(was.bytes, j), get16(is.bytes, j)));
		assert_int_equal(canonical(checksum_delta_addr(&was, &is)), canonical(delta));
		assert_int_equal(checksum_apply(sum, checksum_delta_addr(&was, &is)),
			(uint16_t)~checksum_sum(is.bytes, 16, 0x4500));
	}
}

static void the_way_back_is_the_complement(void **state)
{
	(void)state;
	srand(SEED + 3);
	for (int i = 0; i < RUNS; i++) {
		struct addr was = random_addr(), is = random_addr();
		uint16_t there = checksum_delta_addr(&was, &is);
		uint16_t back = checksum_delta_addr(&is, &was);
		uint16_t sum = (uint16_t)(rand() % 0xffff);

		assert_int_equal(canonical(back), canonical((uint16_t)~there));
		assert_int_equal(
			canonical(checksum_apply(checksum_apply(sum, there), (uint16_t)~there)),
			canonical(sum));
	}
}

/* IPv4 addresses of a NAT: only the last four bytes differ, as in the packet. */
static void a_mapped_delta_is_the_delta_of_the_v4_words(void **state)
{
	struct addr was, is;

	(void)state;
	assert_int_equal(addr_parse("203.0.113.10", &was), 0);
	assert_int_equal(addr_parse("10.0.0.11", &is), 0);
	assert_int_equal(canonical(checksum_delta_addr(&was, &is)),
		canonical(checksum_add(checksum_delta16(get16(was.bytes, 12), get16(is.bytes, 12)),
			checksum_delta16(get16(was.bytes, 14), get16(is.bytes, 14)))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_is_the_plain_sum),
		cmocka_unit_test(sum_goes_on_from_its_start),
		cmocka_unit_test(a_sum_over_the_longest_packet_carries_right),
		cmocka_unit_test(nothing_sums_to_the_start),
		cmocka_unit_test(replaced_fields_keep_the_packet_valid),
		cmocka_unit_test(an_update_gives_the_very_sum_of_a_fresh_one),
		cmocka_unit_test(the_example_of_rfc_1624_comes_out_right),
		cmocka_unit_test(an_unchanged_field_changes_nothing),
		cmocka_unit_test(address_deltas_add_up),
		cmocka_unit_test(the_way_back_is_the_complement),
		cmocka_unit_test(a_mapped_delta_is_the_delta_of_the_v4_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
