/* The grammar here and libconfig's refuse and accept the same texts. */
#include "base/diag.h"
#include "conf/source.h"
#include "conf/syntax.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20260517, RUNS = 50000, MAX_LEN = 4096 };

/* libconfig loses texts that stand where none may: not ours to report. Weak, because only
 * sanitizer builds have them. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static bool libconfig_accepts(const char *text)
{
	config_t config;
	int ok;

	if (__lsan_disable)
		__lsan_disable();
	config_init(&config);
	ok = config_read_string(&config, text);
	config_destroy(&config);
	if (__lsan_enable)
		__lsan_enable();
	return ok;
}

static bool we_accept(char *text)
{
	struct conf_place line = {.file = "none", .line = 1};
	struct conf_source source = {
		.text = text, .len = strlen(text), .lines = &line, .n_lines = 1};
	struct diag *diag = diag_new();
	int err = conf_syntax_check(&source, diag);

	assert_true(err == 0 || err == -EINVAL);
	assert_int_equal(err < 0, diag_has_errors(diag));
	diag_free(diag);
	return err == 0;
}

/* Words in an order that is often right: random ones rarely reach the depths of a grammar. */
static void make_text(char *text)
{
	static const char *const words[] = {"a ", "b ", "= ", "= ", ": ", "1L ", "2L ", "1.5 ",
		"true ", "\"x\" ", "; ", ", ", "{ ", "} ", "[ ", "] ", "( ", ") ", "\n", "# c\n",
		"? "};
	static const char *const settings[] = {"c = 1L; ", "d = { ", "e = [1L, 2L]; ",
		"f = (1L, \"x\", ", "g = \"x\"; ", "h = [ ", "}; ", "); ", "]; ",
		"i = \"x\" \"y\" "};
	unsigned n = 1 + (unsigned)rand() % 12;
	unsigned name = 0;
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		bool is_word = rand() % 3 == 0;
		const char *part =
			is_word ? words[(unsigned)rand() % 21] : settings[(unsigned)rand() % 10];

		// Names of their own, so that "defined twice" is rare but there.
		if (part[0] >= 'a' && part[0] <= 'i' && rand() % 8)
			len += (size_t)snprintf(text + len, MAX_LEN - len, "n%u", name++);
		len += (size_t)snprintf(text + len, MAX_LEN - len, "%s", part);
	}
}

/* In a list libconfig joins two texts side by side; we take it for a missing comma. */
static bool has_joined_texts(const char *text)
{
	return strstr(text, "\"x\" \"x\"") || strstr(text, "\"x\" \n") || strstr(text, "\"x\" #");
}

static void the_two_grammars_agree(void **state)
{
	unsigned accepted = 0, refused = 0;
	char text[MAX_LEN];

	(void)state;
	srand(SEED);
	for (unsigned i = 0; i < RUNS; i++) {
		bool ours, theirs;

		make_text(text);
		ours = we_accept(text);
		theirs = libconfig_accepts(text);
		if (ours != theirs && !(theirs && has_joined_texts(text)))
			fail_msg("seed %d, run %u: we %s, libconfig %s:\n%s", SEED, i,
				ours ? "accept" : "refuse", theirs ? "accepts" : "refuses", text);
		accepted += ours;
		refused += !ours;
	}
	print_message("seed %d: %u accepted, %u refused by both\n", SEED, accepted, refused);
	// Neither side may be reached by accident only.
	assert_true(accepted > RUNS / 50 && refused > RUNS / 50);
}

static void a_missing_comma_between_texts_is_told(void **state)
{
	char text[] = "a = [\"x\" \"y\"];\n";

	(void)state;
	assert_true(libconfig_accepts(text));
	assert_false(we_accept(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_grammars_agree),
		cmocka_unit_test(a_missing_comma_between_texts_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
