/* The dialogue of a probe as text. */
#include "healthcheck/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hc_trace *new_trace(void)
{
	struct hc_trace *t = NULL;

	assert_int_equal(hc_trace_new(&t), 0);
	return t;
}

static void expect_text(struct hc_trace *t, const char *expected)
{
	char *text = hc_trace_finish(t);

	assert_string_equal(text, expected);
	free(text);
}

static void lines_are_split_and_marked(void **state)
{
	struct hc_trace *t = new_trace();

	(void)state;
	hc_trace_note(t, "connected to %s", "192.0.2.1");
	hc_trace_bytes(t, HC_TRACE_RECEIVED, "220 a\r\n250-b\n", 13);
	hc_trace_bytes(t, HC_TRACE_SENT, "QUIT", 4);
	hc_trace_bytes(t, HC_TRACE_SENT, "", 0);
	expect_text(t, "* connected to 192.0.2.1\n< 220 a\n< 250-b\n> QUIT\n");
}

static void what_is_not_printable_is_escaped(void **state)
{
	struct hc_trace *t = new_trace();

	(void)state;
	hc_trace_bytes(t, HC_TRACE_RECEIVED, "\0\x1b[2J\\\xff\n\n", 9);
	hc_trace_note(t, "%s", "two\nlines");
	expect_text(t, "< \\x00\\x1b[2J\\\\\\xff\n< \n* two\\x0alines\n");
}

static void the_text_is_bounded_and_says_so(void **state)
{
	static const char cut[] = "\n* (what follows is left out)\n";
	struct hc_trace *t = new_trace();
	char line[100];
	char *text;
	size_t n;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (unsigned i = 0; i < HC_TRACE_BYTES; i++)
		hc_trace_bytes(t, HC_TRACE_RECEIVED, line, sizeof(line));
	text = hc_trace_finish(t);
	n = strlen(text);
	assert_in_range(n, HC_TRACE_BYTES - 2 * sizeof(line), HC_TRACE_BYTES - 1);
	assert_string_equal(text + n - strlen(cut), cut);
	free(text);
}

static void nobody_listening_is_fine(void **state)
{
	(void)state;
	hc_trace_bytes(NULL, HC_TRACE_SENT, "x", 1);
	hc_trace_note(NULL, "x");
	expect_text(new_trace(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_split_and_marked),
		cmocka_unit_test(what_is_not_printable_is_escaped),
		cmocka_unit_test(the_text_is_bounded_and_says_so),
		cmocka_unit_test(nobody_listening_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
