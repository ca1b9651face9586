/* Patterns: what they find, and that none takes long, whatever it is and whatever it is tried on.
 */
#include "healthcheck/regex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_BYTES = 65536 };

/* 64 KiB of `text`, over and over. */
static int match_many(const char *pattern, const char *text, int64_t *ret_us)
{
	static char bytes[N_BYTES];
	const size_t n = strlen(text);
	struct hc_regex *regex;
	int r;

	for (size_t i = 0; i < N_BYTES; i++)
		bytes[i] = text[i % n];
	assert_int_equal(hc_regex_new(pattern, &regex), 0);
	r = hc_regex_match(regex, bytes, N_BYTES, NULL);
	*ret_us = hc_regex_took_us(regex);
	hc_regex_free(regex);
	return r;
}

static void a_match_is_found_and_where_it_ends(void **state)
{
	static const struct {
		const char *pattern, *bytes;
		int r;
		size_t end;
	} cells[] = {
		{"pong", "ping pong", 1, 9},
		{"^pong", "ping pong", 0, 77},
		{"", "ping", 1, 0},
		{"p(?C1)i", "ping", 1, 2},
		{"p(?C'words')i", "ping", 1, 2},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct hc_regex *regex;
		size_t end = 77;

		assert_int_equal(hc_regex_new(cells[i].pattern, &regex), 0);
		assert_int_equal(
			hc_regex_match(regex, cells[i].bytes, strlen(cells[i].bytes), &end),
			cells[i].r);
		assert_int_equal(end, cells[i].end);
		hc_regex_free(regex);
	}
}

static void what_is_no_pattern_is_refused(void **state)
{
	struct hc_regex *regex;

	(void)state;
	assert_int_equal(hc_regex_new("(a", &regex), -EINVAL);
}

/* Each would take from a part of a second to several. */
static void a_match_that_takes_too_long_is_given_up(void **state)
{
	static const struct {
		const char *pattern, *text;
	} cells[] = {
		{"status.*ok", "status k"},
		{"status.*+ok", "status k"},
		{"(?=1*2)", "1"},
		{"(*NO_START_OPT)[0-9]+ms", "1"},
	};
	int64_t took_us;

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		assert_int_equal(match_many(cells[i].pattern, cells[i].text, &took_us), -ELOOP);
		print_message("%s: %lld us\n", cells[i].pattern, (long long)took_us);
		assert_true(took_us < 5 * HC_REGEX_MAX_US);
	}
}

/* As people write them, on the most that a server may say. */
static void ordinary_patterns_are_far_from_the_bound(void **state)
{
	static const char *const patterns[] = {"pong", "(?i)pong", "^(ok|warm)", "(ok|warm)",
		".*pong", "[0-9]+ms", "\\bok\\b", "(?s)<body>.*healthy", "(?m)^status: ok$",
		"fox.*cat"};
	int64_t took_us;

	(void)state;
	for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		assert_int_equal(
			match_many(patterns[i],
				"the quick brown fox jumps over the lazy dog, he said.\r\n",
				&took_us),
			0);
		print_message("%s: %lld us\n", patterns[i], (long long)took_us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_is_found_and_where_it_ends),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(a_match_that_takes_too_long_is_given_up),
		cmocka_unit_test(ordinary_patterns_are_far_from_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
