/* Numbers with units, modes and ranges of ports, from text and back. */
#include "conf/value.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

enum { UNTOUCHED = -77 };

struct cell {
	const char *text;
	int64_t value; // or the error
};

static void check(int (*parse)(const char *, int64_t *), const struct cell *cells)
{
	for (const struct cell *c = cells; c->text; c++) {
		int64_t value = UNTOUCHED;
		int err = parse(c->text, &value);

		if (err < 0) {
			assert_int_equal(err, c->value);
			assert_int_equal(value, UNTOUCHED);
		} else {
			assert_int_equal(value, c->value);
		}
	}
}

static void durations_need_a_known_unit(void **state)
{
	static const struct cell cells[] = {{"50us", 50}, {"250ms", 250000}, {"5s", 5000000},
		{"10m", 600000000}, {"2h", 7200000000}, {"0s", 0}, {"007ms", 7000}, {"5", -EINVAL},
		{"", -EINVAL}, {"s", -EINVAL}, {"5 s", -EINVAL}, {" 5s", -EINVAL}, {"5s ", -EINVAL},
		{"5S", -EINVAL}, {"5d", -EINVAL}, {"1.5s", -EINVAL}, {"-5s", -EINVAL},
		{"+5s", -EINVAL}, {"5ss", -EINVAL}, {"9223372036854775807us", INT64_MAX},
		{"9223372036854775808us", -ERANGE}, {"9223372036854775807h", -ERANGE},
		{"99999999999999999999999s", -ERANGE}, {NULL, 0}};

	(void)state;
	check(conf_value_duration, cells);
}

static void sizes_from_1000_on_need_a_unit(void **state)
{
	static const struct cell cells[] = {{"64k", 64000}, {"4M", 4000000}, {"1G", 1000000000},
		{"64", 64}, {"999", 999}, {"0", 0}, {"1000", -EINVAL}, {"65536", -EINVAL},
		{"64K", -EINVAL}, {"4m", -EINVAL}, {"k", -EINVAL}, {"", -EINVAL}, {"64kB", -EINVAL},
		{"9223372036854775807G", -ERANGE}, {NULL, 0}};

	(void)state;
	check(conf_value_size, cells);
}

static void modes_are_three_octal_digits(void **state)
{
	static const struct cell cells[] = {{"0600", 0600}, {"660", 0660}, {"0777", 0777},
		{"000", 0}, {"0888", -EINVAL}, {"60", -EINVAL}, {"00600", -EINVAL},
		{"1777", -EINVAL}, {"rw-", -EINVAL}, {"", -EINVAL}, {"+60", -EINVAL}, {NULL, 0}};

	(void)state;
	check(conf_value_mode, cells);
}

static void port_ranges_ascend_within_16_bits(void **state)
{
	static const char *const bad[] = {"", "80", "-", "80-", "-80", "0-80", "81-80", "80-65536",
		"80-99999999999999999999", "80 - 90", "80-90-100", "a-b", "80-90 "};
	int64_t first = UNTOUCHED, last = UNTOUCHED;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(conf_value_ports(bad[i], &first, &last), -EINVAL);
	assert_int_equal(first, UNTOUCHED);
	assert_int_equal(last, UNTOUCHED);
	assert_int_equal(conf_value_ports("1-65535", &first, &last), 0);
	assert_int_equal(first, 1);
	assert_int_equal(last, 65535);
	assert_int_equal(conf_value_ports("80-80", &first, &last), 0);
	assert_int_equal(first, last);
}

static void codes_are_one_or_a_range(void **state)
{
	static const char *const bad[] = {
		"", "-", "200-", "-299", "299-200", "200 - 299", "200-299-300", "2xx", "200-299 "};
	int64_t first = UNTOUCHED, last = UNTOUCHED;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(conf_value_codes(bad[i], &first, &last), -EINVAL);
	assert_int_equal(conf_value_codes("99999999999999999999", &first, &last), -ERANGE);
	assert_int_equal(conf_value_codes("1-99999999999999999999", &first, &last), -ERANGE);
	assert_int_equal(first, UNTOUCHED);
	assert_int_equal(last, UNTOUCHED);
	assert_int_equal(conf_value_codes("200-399", &first, &last), 0);
	assert_int_equal(first, 200);
	assert_int_equal(last, 399);
	assert_int_equal(conf_value_codes("220", &first, &last), 0);
	assert_int_equal(first, 220);
	assert_int_equal(last, 220);
}

static void marked_bytes_are_what_they_stand_for(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *bytes;
	} cells[] = {{"", 0, ""}, {"ab", 2, "ab"},
		{"\x1a"
		 "0",
			1, "\0"},
		{"\x1a"
		 "1",
			1, "\x1a"},
		{"a\x1a"
		 "0"
		 "0\x1a"
		 "1"
		 "1",
			5,
			"a\0"
			"0\x1a"
			"1"}};
	char out[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		memset(out, 'x', sizeof(out));
		assert_int_equal(conf_value_bytes(cells[i].text, out), cells[i].len);
		assert_memory_equal(out, cells[i].bytes, cells[i].len);
		assert_int_equal(out[cells[i].len], '\0');
	}
}

static void values_print_in_the_largest_exact_unit(void **state)
{
	static const struct {
		enum conf_kind kind;
		int64_t value;
		const char *text;
	} cells[] = {{CONF_DURATION, 50, "50us"}, {CONF_DURATION, 1500, "1500us"},
		{CONF_DURATION, 5000, "5ms"}, {CONF_DURATION, 3000000, "3s"},
		{CONF_DURATION, 900000000, "15m"}, {CONF_DURATION, 86400000000, "24h"},
		{CONF_DURATION, 0, "0us"}, {CONF_SIZE, 64, "64"}, {CONF_SIZE, 64000, "64k"},
		{CONF_SIZE, 64000000, "64M"}, {CONF_SIZE, 1001, "1001"},
		{CONF_INTEGER, 1000, "1000"}, {CONF_INTEGER, -1, "-1"}};
	char buf[CONF_VALUE_STR_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		assert_string_equal(
			conf_value_format(cells[i].kind, cells[i].value, buf), cells[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_need_a_known_unit),
		cmocka_unit_test(sizes_from_1000_on_need_a_unit),
		cmocka_unit_test(modes_are_three_octal_digits),
		cmocka_unit_test(port_ranges_ascend_within_16_bits),
		cmocka_unit_test(codes_are_one_or_a_range),
		cmocka_unit_test(marked_bytes_are_what_they_stand_for),
		cmocka_unit_test(values_print_in_the_largest_exact_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
