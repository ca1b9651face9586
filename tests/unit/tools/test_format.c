/* Numbers, durations, columns, rates and highlights: small pure parts, cell by cell. */
#include "tools/format.h"
#include "tools/rates.h"
#include "tools/table.h"
#include "tools/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void digits_are_grouped_by_three(void **state)
{
	char text[CLI_FORMAT_LEN];

	(void)state;
	assert_string_equal(cli_format_grouped(0, text), "0");
	assert_string_equal(cli_format_grouped(999, text), "999");
	assert_string_equal(cli_format_grouped(1000, text), "1 000");
	assert_string_equal(cli_format_grouped(41202, text), "41 202");
	assert_string_equal(cli_format_grouped(UINT64_MAX, text), "18 446 744 073 709 551 615");
}

static void sizes_have_two_digits_or_more(void **state)
{
	static const struct {
		double n;
		const char *text;
	} rows[] = {{0, "0"}, {999, "999"}, {999.5, "1k"}, {1000, "1k"}, {1049, "1k"},
		{1051, "1.1k"}, {9949, "9.9k"}, {9960, "10k"}, {95000, "95k"}, {180e6, "180M"},
		{1.94e9, "1.9G"}, {999499, "999k"}, {999500, "1M"}, {1.8e19, "18E"},
		{5e22, "50000E"}};
	char text[CLI_FORMAT_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(cli_format_size(rows[i].n, text), rows[i].text);
}

static void units_have_three_digits(void **state)
{
	static const struct {
		double n;
		const char *text;
	} rows[] = {{0, "0 "}, {42, "42 "}, {1920000, "1.92 M"}, {9.4e9, "9.40 G"},
		{21e9, "21.0 G"}, {210.4e9, "210 G"}, {999.6, "1.00 k"}};
	char text[CLI_FORMAT_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(cli_format_si(rows[i].n, text), rows[i].text);
}

static void durations_have_two_units(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} rows[] = {{-5, "0s"}, {0, "0s"}, {59.9, "59s"}, {60, "1m00s"}, {131, "2m11s"},
		{3599, "59m59s"}, {3600, "1h00m"}, {86399, "23h59m"}, {86400, "1d 00h"},
		{273700, "3d 04h"}};
	char text[CLI_FORMAT_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(cli_format_duration(rows[i].seconds, text), rows[i].text);
}

static void endpoints_have_brackets_where_they_need_them(void **state)
{
	char text[80];

	(void)state;
	assert_string_equal(
		cli_format_endpoint("192.0.2.1", 25, text, sizeof(text)), "192.0.2.1:25");
	assert_string_equal(cli_format_endpoint("192.0.2.1", 0, text, sizeof(text)), "192.0.2.1");
	assert_string_equal(
		cli_format_endpoint("2001:db8::1", 25, text, sizeof(text)), "[2001:db8::1]:25");
	assert_string_equal(
		cli_format_endpoint("2001:db8::1", 0, text, sizeof(text)), "2001:db8::1");
}

static void fields_are_read_in_every_form_and_never_trusted(void **state)
{
	json_t *o = json_loads("{\"n\": 5, \"big\": \"18446744073709551615\", \"r\": 1.5, "
			       "\"t\": \"1970-01-02T00:00:00.250Z\", \"bad\": []}",
		0, NULL);

	(void)state;
	assert_int_equal(cli_field_count(o, "n"), 5);
	assert_true(cli_field_count(o, "big") == UINT64_MAX);
	assert_int_equal(cli_field_count(o, "absent"), 0);
	assert_int_equal(cli_field_count(o, "bad"), 0);
	assert_int_equal(cli_field_count(NULL, "n"), 0);
	assert_true(cli_field_real(o, "n", -1) == 5);
	assert_true(cli_field_real(o, "r", -1) == 1.5);
	assert_true(cli_field_real(o, "bad", -1) == -1);
	assert_string_equal(cli_field_text(o, "bad"), "");
	assert_true(cli_field_time(o, "t") == 86400.25);
	assert_true(cli_field_time(o, "n") == -1);
	json_decref(o);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static char *print_table(const struct cli_table *t, bool has_header)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(cli_table_print(t, has_header, out), 0);
	(void)fclose(out);
	return text;
}

static void columns_line_up_and_lines_end_without_blanks(void **state)
{
	struct cli_table *t = cli_table_new("lrl", "NAME|N|WHAT");
	char *text;

	(void)state;
	cli_table_add(t, "a");
	cli_table_add(t, "%d", 12345);
	cli_table_add(t, "%s", "");
	cli_table_add(t, "longer");
	cli_table_end_row(t);
	text = print_table(t, true);
	assert_string_equal(text, "NAME        N  WHAT\n"
				  "a       12345\n"
				  "longer\n");
	free(text);
	text = print_table(t, false);
	assert_string_equal(text, "a       12345\n"
				  "longer\n");
	free(text);
	cli_table_free(t);
}

static void a_table_with_a_row_cut_short_is_not_printed(void **state)
{
	struct cli_table *t = cli_table_new("ll", "A|B");

	(void)state;
	cli_table_add(t, "a");
	assert_true(cli_table_print(t, true, stdout) < 0);
	cli_table_free(t);
	assert_null(cli_table_new("", ""));
	assert_null(cli_table_new("lllllllllllllllllllll", "too many"));
	cli_table_free(NULL);
}

/* ---- rates ----------------------------------------------------------------------------------- */

static void check_rates(const char *before, const char *now, const char *wanted)
{
	json_t *b = json_loads(before, 0, NULL), *n = json_loads(now, 0, NULL);
	json_t *w = json_loads(wanted, 0, NULL);

	assert_true(b && n && w);
	assert_int_equal(cli_rates_add(n, b, 2), 0);
	if (!json_equal(n, w)) {
		char *text = json_dumps(n, 0);

		fail_msg("%s, not %s", text, wanted);
	}
	json_decref(b);
	json_decref(n);
	json_decref(w);
}

static void counters_get_rates_beside_them(void **state)
{
	(void)state;
	check_rates("{\"a_total\": 10, \"b\": 1}", "{\"a_total\": 15, \"b\": 3}",
		"{\"a_total\": 15, \"b\": 3, \"a_per_second\": 2.5}");
	check_rates("{\"a_total\": \"18446744073709551605\"}",
		"{\"a_total\": \"18446744073709551615\"}",
		"{\"a_total\": \"18446744073709551615\", \"a_per_second\": 5.0}");
	check_rates("{\"x\": {\"a_total\": 0}}", "{\"x\": {\"a_total\": 1}}",
		"{\"x\": {\"a_total\": 1, \"a_per_second\": 0.5}}");
}

static void a_counter_that_went_back_has_a_rate_of_zero(void **state)
{
	(void)state;
	check_rates(
		"{\"a_total\": 10}", "{\"a_total\": 3}", "{\"a_total\": 3, \"a_per_second\": 0.0}");
}

static void only_entries_of_the_same_name_are_compared(void **state)
{
	(void)state;
	check_rates("{\"l\": [{\"server\": \"a\", \"n_total\": 1}, {\"server\": \"b\", "
		    "\"n_total\": 1}]}",
		"{\"l\": [{\"server\": \"a\", \"n_total\": 3}, {\"server\": \"c\", \"n_total\": "
		"9}, "
		"{\"server\": \"d\", \"n_total\": 9}]}",
		"{\"l\": [{\"server\": \"a\", \"n_total\": 3, \"n_per_second\": 1.0}, "
		"{\"server\": \"c\", \"n_total\": 9}, {\"server\": \"d\", \"n_total\": 9}]}");
	check_rates("{\"new\": 1}", "{\"new_total\": 9}", "{\"new_total\": 9}");
}

/* ---- highlights ------------------------------------------------------------------------------ */

static void check_watch(const char *before, const char *now, const char *wanted)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cli_watch_print(before, now, out);
	(void)fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static void changed_words_are_marked(void **state)
{
	(void)state;
	check_watch(NULL, "a 1\nb 2\n", "a 1\nb 2\n");
	check_watch("a 1\nb 2\n", "a 1\nb 3\n", "a 1\nb \033[7m3\033[0m\n");
	check_watch("a   9\n", "a  10\n", "a  \033[7m10\033[0m\n");
	check_watch("a 123\n", "a 12\n", "a \033[7m12\033[0m\n");
	check_watch("a 12\n", "a 12\nb\n", "a 12\n\033[7mb\033[0m\n");
	check_watch("a\nb\n", "a\n", "a\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_grouped_by_three),
		cmocka_unit_test(sizes_have_two_digits_or_more),
		cmocka_unit_test(units_have_three_digits),
		cmocka_unit_test(durations_have_two_units),
		cmocka_unit_test(endpoints_have_brackets_where_they_need_them),
		cmocka_unit_test(fields_are_read_in_every_form_and_never_trusted),
		cmocka_unit_test(columns_line_up_and_lines_end_without_blanks),
		cmocka_unit_test(a_table_with_a_row_cut_short_is_not_printed),
		cmocka_unit_test(counters_get_rates_beside_them),
		cmocka_unit_test(a_counter_that_went_back_has_a_rate_of_zero),
		cmocka_unit_test(only_entries_of_the_same_name_are_compared),
		cmocka_unit_test(changed_words_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
