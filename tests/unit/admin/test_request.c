/* Request lines: whatever comes in, the answer is one JSON object, and says what was wrong. */
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

static void malformed_requests_are_told_what_is_wrong(void **state)
{
	static const struct {
		const char *line, *code, *message;
	} rows[] = {
		{"[]", "bad_request", "not a JSON object"},
		{"{}", "bad_request", "\"cmd\" is not a string"},
		{"{\"cmd\": 5}", "bad_request", "\"cmd\" is not a string"},
		{"{\"cmd\": \"show status\", \"format\": \"text\"}", "bad_request",
			"\"format\" can only be \"json\""},
		{"{\"cmd\": \"show status\", \"format\": null}", "bad_request",
			"\"format\" can only be \"json\""},
		{"{\"cmd\": \"show status\", \"colour\": 1}", "bad_request",
			"unknown key \"colour\" (cmd, args, format)"},
		{"{\"cmd\": \"show status\", \"args\": []}", "bad_request",
			"\"args\" is not an object"},
		{"{\"cmd\": \"show status\", \"args\": {\"x\": 1}}", "bad_request",
			"show status has no argument \"x\""},
		{"{\"cmd\": \"show services\", \"args\": {\"service\": 1}}", "bad_request",
			"show services: \"service\" is not a string"},
		{"{\"cmd\": \"show services\", \"args\": {\"family\": \"4\"}}", "bad_request",
			"show services: \"family\" is not an integer"},
		{"{\"cmd\": \"show services\", \"args\": {\"family\": 5}}", "invalid_value",
			"family is 4 or 6"},
		{"{\"cmd\": \"show servers\", \"args\": {\"down\": 1}}", "bad_request",
			"show servers: \"down\" is not true or false"},
		{"{\"cmd\": \"show nonsense\"}", "unknown_command",
			"the daemon knows no command \"show nonsense\""},
		{"{\"cmd\": \"\"}", "unknown_command", "the daemon knows no command \"\""},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *a = fixture_ask(*state, rows[i].line, true, NULL);

		expect(a, "schema", "1");
		assert_string_equal(fixture_code(a), rows[i].code);
		assert_string_equal(fixture_message(a), rows[i].message);
		json_decref(a);
	}
}

static void what_is_no_json_is_a_bad_request(void **state)
{
	static const char *const lines[] = {"", " ", "show status", "{",
		"{\"cmd\": \"show status\"} x",
		"{\"cmd\": \"show status\", \"cmd\": \"show status\"}", "\"\xff\"",
		"{\"cmd\": \"\\u0000\"}", "1e999999", "nul"};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *a = fixture_ask(*state, lines[i], true, NULL);

		assert_string_equal(fixture_code(a), "bad_request");
		json_decref(a);
	}
}

/* A cut through the middle of a character must not make the answer invalid. */
static void long_names_in_errors_are_cut(void **state)
{
	char line[5000] = "{\"cmd\": \"", *end = line + strlen(line);
	json_t *a;

	for (unsigned i = 0; i < 1000; i++)
		end = stpcpy(end, i % 2 ? "\xc3\xa4" : "x");
	(void)strcpy(end, "\"}");
	a = fixture_ask(*state, line, true, NULL);
	assert_string_equal(fixture_code(a), "unknown_command");
	assert_true(strlen(fixture_message(a)) < API_MAX_MESSAGE);
	json_decref(a);
}

/* Seeded mutations of good requests: each answer is a JSON object, or fixture_ask() aborts. */
static void random_damage_never_breaks_an_answer(void **state)
{
	static const char *const seeds[] = {
		"{\"cmd\": \"show servers\", \"args\": {\"target\": \"*/slave-1\"}}",
		"{\"cmd\": \"show services\", \"args\": {\"service\": \"imaps\", \"family\": 4}}",
		"{\"cmd\": \"show connections\", \"args\": {\"client\": \"[2001:db8::1]:5\"}}",
		"{\"cmd\": \"set server\", \"args\": {\"target\": \"*/*\", \"weight\": \"50%\"}}",
	};
	unsigned seed = 20261122;

	print_message("seed %u\n", seed);
	for (unsigned round = 0; round < 4000; round++) {
		char line[256];
		size_t len;

		(void)strcpy(line, seeds[round % 4]);
		len = strlen(line);
		for (int n = rand_r(&seed) % 4; n >= 0; n--) {
			char c = (char)(1 + rand_r(&seed) % 255);

			line[(size_t)rand_r(&seed) % len] =
				rand_r(&seed) % 2 ? c : "\"{}[]*/%:,0"[c & 7];
		}
		json_decref(fixture_ask(*state, line, true, NULL));
	}
}

/* The bound on a turn of the loop is the longest step of a job: here with 16,368 servers in pools
 * of nearly the largest size. Sanitizers slow it down, so that what is asserted is far
 * above the 2 ms that are meant. */
static void no_step_of_a_large_answer_takes_long(void **state)
{
	static const char *const lines[] = {"{\"cmd\": \"show status\"}",
		"{\"cmd\": \"show servers\"}", "{\"cmd\": \"show services\"}",
		"{\"cmd\": \"set server\", \"args\": {\"target\": \"*/*\", \"weight\": \"50%\"}}"};
	struct fixture *f = fixture_new_large(8, 1023);

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct fixture_effort effort;
		char *text = fixture_ask_text(f, lines[i], true, &effort);

		assert_non_null(text);
		free(text);
		print_message("%s: longest step %.2f ms\n", lines[i], effort.longest_ms);
		assert_true(effort.longest_ms < 100);
	}
	fixture_free(f);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(malformed_requests_are_told_what_is_wrong),
		T(what_is_no_json_is_a_bad_request),
		T(long_names_in_errors_are_cut),
		T(random_damage_never_breaks_an_answer),
		T(no_step_of_a_large_answer_takes_long),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
