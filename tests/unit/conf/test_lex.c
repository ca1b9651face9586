/* The scanner's words, and that it agrees with libconfig on where they end. */
#include "conf/lex.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORDS = 8 };

struct word {
	enum lex_kind kind;
	const char *text;
};

struct sample {
	const char *text;
	struct word words[MAX_WORDS]; // the last one LEX_END
};

static const struct sample samples[] = {
	{"", {{LEX_END, ""}}},
	{"a = 1", {{LEX_NAME, "a"}, {LEX_PUNCTUATION, "="}, {LEX_INTEGER, "1"}, {LEX_END, ""}}},
	{"slave-1:*x_",
		{{LEX_NAME, "slave-1"}, {LEX_PUNCTUATION, ":"}, {LEX_NAME, "*x_"}, {LEX_END, ""}}},
	{"1 -2 +3 0x1F 4L -5LL", {{LEX_INTEGER, "1"}, {LEX_INTEGER, "-2"}, {LEX_INTEGER, "+3"},
					 {LEX_INTEGER, "0x1F"}, {LEX_WIDE_INTEGER, "4L"},
					 {LEX_WIDE_INTEGER, "-5LL"}, {LEX_END, ""}}},
	{"1.5 .5 5. 1e5 -1.e-3 1e",
		{{LEX_FLOAT, "1.5"}, {LEX_FLOAT, ".5"}, {LEX_FLOAT, "5."}, {LEX_FLOAT, "1e5"},
			{LEX_FLOAT, "-1.e-3"}, {LEX_INTEGER, "1"}, {LEX_NAME, "e"}, {LEX_END, ""}}},
	{"0x 0xg", {{LEX_INTEGER, "0"}, {LEX_NAME, "x"}, {LEX_INTEGER, "0"}, {LEX_NAME, "xg"},
			   {LEX_END, ""}}},
	{"true FALSE tru truer", {{LEX_BOOLEAN, "true"}, {LEX_BOOLEAN, "FALSE"}, {LEX_NAME, "tru"},
					 {LEX_NAME, "truer"}, {LEX_END, ""}}},
	{"\"a\\\"b\\\\\" \"#//\"",
		{{LEX_STRING, "\"a\\\"b\\\\\""}, {LEX_STRING, "\"#//\""}, {LEX_END, ""}}},
	{"a # b\nc // d\n/* e\n*/ f",
		{{LEX_NAME, "a"}, {LEX_NAME, "c"}, {LEX_NAME, "f"}, {LEX_END, ""}}},
	{"a \"b", {{LEX_NAME, "a"}, {LEX_OPEN_STRING, "\"b"}, {LEX_END, ""}}},
	{"a \"b\\\"", {{LEX_NAME, "a"}, {LEX_OPEN_STRING, "\"b\\\""}, {LEX_END, ""}}},
	{"a /* b *", {{LEX_NAME, "a"}, {LEX_OPEN_COMMENT, "/* b *"}, {LEX_END, ""}}},
	{"/*/ a", {{LEX_OPEN_COMMENT, "/*/ a"}, {LEX_END, ""}}},
	{" \t@include \t\"a b\" c",
		{{LEX_INCLUDE, "@include \t\"a b\""}, {LEX_NAME, "c"}, {LEX_END, ""}}},
	{"a @include \"b\"", {{LEX_NAME, "a"}, {LEX_GARBAGE, "@"}, {LEX_NAME, "include"},
				     {LEX_STRING, "\"b\""}, {LEX_END, ""}}},
	{"@include", {{LEX_GARBAGE, "@"}, {LEX_NAME, "include"}, {LEX_END, ""}}},
	{"-/", {{LEX_GARBAGE, "-"}, {LEX_GARBAGE, "/"}, {LEX_END, ""}}},
};

static void words_end_where_they_should(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct lex lex;

		lex_init(&lex, s->text, strlen(s->text));
		for (unsigned j = 0; j < MAX_WORDS; j++) {
			struct lex_token t = lex_next(&lex);

			assert_int_equal(t.kind, s->words[j].kind);
			assert_int_equal(t.len, strlen(s->words[j].text));
			assert_memory_equal(t.start, s->words[j].text, t.len);
			if (t.kind == LEX_END)
				break;
		}
	}
}

static void lines_are_counted_through_texts_and_comments(void **state)
{
	static const char text[] = "a\n/*\n\n*/ \"b\n\nc\" d\n# e\n\nf";
	static const int lines[][2] = {{1, 1}, {4, 6}, {6, 6}, {9, 9}};
	struct lex lex;

	(void)state;
	lex_init(&lex, text, strlen(text));
	for (unsigned i = 0; i < 4; i++) {
		struct lex_token t = lex_next(&lex);

		assert_int_equal(t.line, lines[i][0]);
		assert_int_equal(t.last_line, lines[i][1]);
	}
}

/* libconfig takes a word as a value whole, or not at all. */
static bool is_libconfig_value(const char *word)
{
	char text[64];
	config_t config;
	int ok;

	(void)snprintf(text, sizeof(text), "a = %s\nb = 1;\n", word);
	config_init(&config);
	ok = config_read_string(&config, text);
	config_destroy(&config);
	return ok;
}

static void a_value_for_libconfig_is_one_word_here(void **state)
{
	static const char *const values[] = {"1", "-1", "+1", "1L", "1LL", "0x1F", "0X1fL", "1.5",
		".5", "5.", "-.5e3", "1e5", "1E+5", "true", "False", "\"x\"", "\"\\\"\"", "."};

	(void)state;
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct lex_token t;
		struct lex lex;

		assert_true(is_libconfig_value(values[i]));
		lex_init(&lex, values[i], strlen(values[i]));
		t = lex_next(&lex);
		assert_int_equal(t.len, strlen(values[i]));
		assert_true(t.kind == LEX_INTEGER || t.kind == LEX_WIDE_INTEGER ||
			    t.kind == LEX_FLOAT || t.kind == LEX_BOOLEAN || t.kind == LEX_STRING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_end_where_they_should),
		cmocka_unit_test(lines_are_counted_through_texts_and_comments),
		cmocka_unit_test(a_value_for_libconfig_is_one_word_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
