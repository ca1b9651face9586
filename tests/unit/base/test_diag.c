/* What a person sees of errors, warnings and notes. */
#include "base/diag.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *print(struct diag *d)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	diag_print(d, out);
	(void)fclose(out);
	diag_free(d);
	return text;
}

static void assert_prints(struct diag *d, const char *expected)
{
	char *text = print(d);

	assert_string_equal(text, expected);
	free(text);
}

/* One entry about `token` in line 2 of a file whose line 2 is `line`; the part after the path. */
static void assert_shows(const char *line, const char *token, const char *expected)
{
	char path[] = "/tmp/poise-diag-XXXXXX";
	struct diag *d = diag_new();
	struct diag_place where = {path, 2, token};
	FILE *out = fdopen(mkstemp(path), "w");
	char *text;

	assert_non_null(out);
	(void)fprintf(out, "first\n%s\nthird\n", line);
	(void)fclose(out);
	diag_add(d, DIAG_ERROR, &where, "x");
	text = print(d);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(strncmp(text, path, strlen(path)), 0);
	assert_string_equal(text + strlen(path), expected);
	free(text);
}

static void entries_print_with_place_and_level(void **state)
{
	struct diag *d = diag_new();
	struct diag_place in_file = {.file = "/none/a.conf", .line = 24};
	struct diag_place whole = {.file = "/none/a.conf"};
	struct diag_place no_file = {.line = 3, .token = "x"};

	(void)state;
	diag_add(d, DIAG_ERROR, &in_file, "a: %d", 1);
	diag_add(d, DIAG_NOTE, &in_file, "b");
	diag_add(d, DIAG_WARNING, &whole, "c");
	diag_add(d, DIAG_ERROR, &no_file, "d");
	diag_add(d, DIAG_ERROR, NULL, "e");
	assert_int_equal(diag_errors(d), 3);
	assert_int_equal(diag_warnings(d), 1);
	assert_true(diag_has_errors(d));
	assert_string_equal(diag_text(d, 0), "a: 1");
	assert_string_equal(diag_text(d, 4), "e");
	assert_null(diag_text(d, 5));
	assert_prints(d, "/none/a.conf:24: error: a: 1\n/none/a.conf:24: note: b\n"
			 "/none/a.conf: warning: c\nerror: d\nerror: e\n");
}

static void carets_stand_under_a_word_that_is_there_once(void **state)
{
	(void)state;
	assert_shows("  a = { wieght = 1; };", "wieght",
		":2: error: x\n    2 |   a = { wieght = 1; };\n      |         ^~~~~~\n");
	assert_shows("port = 1; to_port = 2;", "port",
		":2: error: x\n    2 | port = 1; to_port = 2;\n      | ^~~~\n");
	assert_shows("\tport = 1;", "port", ":2: error: x\n    2 | \tport = 1;\n      | \t^~~~\n");
	assert_shows("x = 1;", "x", ":2: error: x\n    2 | x = 1;\n      | ^\n");
	assert_shows("\xc3\xa4\xc3\xb6 port", "port",
		":2: error: x\n    2 | \xc3\xa4\xc3\xb6 port\n      |    ^~~~\n");
	assert_shows("a = \"b\";", "\"b\"", ":2: error: x\n    2 | a = \"b\";\n      |     ^~~\n");
}

static void other_words_get_no_carets(void **state)
{
	(void)state;
	assert_shows("a = 1; a = 2;", "a", ":2: error: x\n    2 | a = 1; a = 2;\n");
	assert_shows("abc = 1;", "a", ":2: error: x\n    2 | abc = 1;\n");
	assert_shows("abc = 1;", "", ":2: error: x\n    2 | abc = 1;\n");
	assert_shows("abc = 1;", NULL, ":2: error: x\n");
	assert_shows("", "a", ":2: error: x\n");
}

static void control_characters_never_reach_the_terminal(void **state)
{
	struct diag *d = diag_new();

	(void)state;
	assert_shows("a\x1b[31m = 1;\r", "a", ":2: error: x\n    2 | a?[31m = 1;\n      | ^\n");
	diag_add(d, DIAG_ERROR, NULL, "a\nb\x1b");
	assert_prints(d, "error: a?b?\n");
}

static void a_line_wider_than_screens_is_left_out(void **state)
{
	char line[300];

	(void)state;
	memset(line, ' ', sizeof(line));
	line[0] = 'a';
	line[299] = '\0';
	assert_shows(line, "a", ":2: error: x\n");
}

static void a_line_that_cannot_be_read_is_left_out(void **state)
{
	struct diag *d = diag_new();
	struct diag_place directory = {"/tmp", 1, "a"}, beyond = {"/etc/hostname", 1000, "a"};

	(void)state;
	diag_add(d, DIAG_ERROR, &directory, "x");
	diag_add(d, DIAG_ERROR, &beyond, "y");
	assert_prints(d, "/tmp:1: error: x\n/etc/hostname:1000: error: y\n");
}

static void twenty_errors_are_kept_and_all_are_counted(void **state)
{
	struct diag *d = diag_new();
	char *text;

	(void)state;
	for (int i = 0; i < 25; i++) {
		diag_add(d, DIAG_ERROR, NULL, "e%d", i);
		diag_add(d, DIAG_NOTE, NULL, "n%d", i);
	}
	diag_add(d, DIAG_WARNING, NULL, "w");
	diag_add(d, DIAG_NOTE, NULL, "of w");
	assert_int_equal(diag_errors(d), 25);
	text = print(d);
	assert_non_null(strstr(text, "error: e19\nnote: n19\nwarning: w\nnote: of w\n"
				     "... and 5 more errors\n"));
	assert_null(strstr(text, "e20"));
	assert_null(strstr(text, "n20"));
	free(text);
}

static void what_is_given_may_go_away(void **state)
{
	struct diag *d = diag_new();
	char *file = strdup("/none/gone"), *token = strdup("token");
	struct diag_place where = {file, 1, token};

	(void)state;
	diag_add(d, DIAG_ERROR, &where, "x");
	free(file);
	free(token);
	assert_prints(d, "/none/gone:1: error: x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_print_with_place_and_level),
		cmocka_unit_test(carets_stand_under_a_word_that_is_there_once),
		cmocka_unit_test(other_words_get_no_carets),
		cmocka_unit_test(control_characters_never_reach_the_terminal),
		cmocka_unit_test(a_line_wider_than_screens_is_left_out),
		cmocka_unit_test(a_line_that_cannot_be_read_is_left_out),
		cmocka_unit_test(twenty_errors_are_kept_and_all_are_counted),
		cmocka_unit_test(what_is_given_may_go_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
