/* Capture files byte by byte, and packets as text. That tcpdump reads them is the end-to-end
 * test's. */
#include "base/base64.h"
#include "base/pcapng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint32_t get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint16_t get16(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* The value of an option behind `at`; NULL: it is not there. */
static const uint8_t *option(const uint8_t *at, uint16_t code, uint16_t *ret_len)
{
	while (get16(at) != 0) {
		*ret_len = get16(at + 2);
		if (get16(at) == code)
			return at + 4;
		at += 4 + (*ret_len + 3) / 4 * 4;
	}
	assert_int_equal(get16(at + 2), 0);
	return NULL;
}

static void expect_block(const uint8_t *at, size_t len, uint32_t type)
{
	assert_int_equal(len % 4, 0);
	assert_int_equal(get32(at), type);
	assert_int_equal(get32(at + 4), len);
	assert_int_equal(get32(at + len - 4), len);
}

static void a_file_begins_with_its_byte_order(void **state)
{
	_Alignas(4) uint8_t out[PCAPNG_SECTION_SPACE];
	size_t len = pcapng_put_section(out, "poise");
	uint16_t n;

	(void)state;
	expect_block(out, len, 0x0a0d0d0a);
	assert_int_equal(get32(out + 8), 0x1a2b3c4d);
	assert_int_equal(get16(out + 12), 1);
	assert_memory_equal(option(out + 24, 4, &n), "poise", 5);
	assert_int_equal(n, 5);
}

static void an_interface_has_a_name_and_nanoseconds(void **state)
{
	_Alignas(4) uint8_t out[PCAPNG_INTERFACE_SPACE];
	size_t len = pcapng_put_interface(out, "wan", 128);
	uint16_t n;

	(void)state;
	expect_block(out, len, 1);
	assert_int_equal(get16(out + 8), 1);
	assert_int_equal(get32(out + 12), 128);
	assert_memory_equal(option(out + 16, 2, &n), "wan", 3);
	assert_int_equal(n, 3);
	assert_int_equal(*option(out + 16, 9, &n), 9);
	assert_int_equal(n, 1);
}

static void a_packet_has_its_time_bytes_direction_and_comment(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

	(void)state;
	for (uint32_t n_bytes = 0; n_bytes <= sizeof(bytes); n_bytes++) {
		const struct pcapng_packet p = {
			.interface = 3,
			.at_ns = 0x123456789abcdef0,
			.frame_len = 60,
			.n_bytes = n_bytes,
			.bytes = bytes,
			.direction = PCAPNG_OUT,
			.comment = "worker 1",
		};
		_Alignas(4) uint8_t out[1024];
		const uint8_t *options = out + 28 + (n_bytes + 3) / 4 * 4;
		size_t len = pcapng_put_packet(out, &p);
		uint16_t n;

		expect_block(out, len, 6);
		assert_true(len <= pcapng_packet_space(n_bytes));
		assert_int_equal(get32(out + 8), 3);
		assert_int_equal(get32(out + 12), 0x12345678);
		assert_int_equal(get32(out + 16), 0x9abcdef0);
		assert_int_equal(get32(out + 20), n_bytes);
		assert_int_equal(get32(out + 24), 60);
		assert_memory_equal(out + 28, bytes, n_bytes);
		assert_int_equal(get32(option(options, 2, &n)), 2);
		assert_memory_equal(option(options, 1, &n), "worker 1", 8);
		assert_int_equal(n, 8);
	}
}

static void a_comment_that_is_too_long_is_cut(void **state)
{
	char comment[2 * PCAPNG_MAX_TEXT];
	_Alignas(4) uint8_t out[64 + PCAPNG_MAX_TEXT];
	const struct pcapng_packet p = {.bytes = out, .comment = comment};
	uint16_t n;

	(void)state;
	memset(comment, 'x', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	assert_true(pcapng_put_packet(out, &p) <= sizeof(out));
	assert_non_null(option(out + 28, 1, &n));
	assert_int_equal(n, PCAPNG_MAX_TEXT);
	assert_null(option(out + 28, 2, &n)); // no direction
}

/* RFC 4648 §10. */
static void text_stands_for_bytes_and_back(void **state)
{
	static const char *const cells[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	uint8_t bytes[256], back[256];
	char text[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		size_t n = strlen(cells[i][0]);

		(void)base64_encode((const uint8_t *)cells[i][0], n, text);
		assert_string_equal(text, cells[i][1]);
		assert_int_equal(base64_decode(text, back), n);
		assert_memory_equal(back, cells[i][0], n);
	}
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(base64_decode(base64_encode(bytes, 256, text), back), 256);
	assert_memory_equal(back, bytes, 256);
	assert_int_equal(strlen(text) + 1, base64_space(256));
}

static void other_text_is_refused(void **state)
{
	static const char *const cells[] = {"Z", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9 ", "Zm9*"};
	uint8_t bytes[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		assert_int_equal(base64_decode(cells[i], bytes), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_begins_with_its_byte_order),
		cmocka_unit_test(an_interface_has_a_name_and_nanoseconds),
		cmocka_unit_test(a_packet_has_its_time_bytes_direction_and_comment),
		cmocka_unit_test(a_comment_that_is_too_long_is_cut),
		cmocka_unit_test(text_stands_for_bytes_and_back),
		cmocka_unit_test(other_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
