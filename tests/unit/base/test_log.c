/* What reaches stderr. */
#include "base/log.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* stderr led into a socket, whose messages keep the bounds of writes. */
struct capture {
	int old;
	int reader;
};

static int set_up(void **state)
{
	struct capture *c;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		return -1;
	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->old = dup(STDERR_FILENO);
	c->reader = ends[0];
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	*state = c;
	return unsetenv("JOURNAL_STREAM");
}

static int tear_down(void **state)
{
	struct capture *c = *state;

	(void)dup2(c->old, STDERR_FILENO);
	(void)close(c->old);
	(void)close(c->reader);
	free(c);
	return unsetenv("JOURNAL_STREAM");
}

static void assert_written(const struct capture *c, const char *expected)
{
	char text[2 * LOG_LINE_MAX] = "";
	ssize_t len = recv(c->reader, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(len > 0);
	assert_string_equal(text, expected);
}

static void assert_nothing_written(const struct capture *c)
{
	char byte;

	assert_int_equal(recv(c->reader, &byte, 1, MSG_DONTWAIT), -1);
}

static void a_line_is_one_write_with_its_level(void **state)
{
	log_setup(LOG_TARGET_STDERR, LOG_LEVEL_DEBUG);
	log_error("wan: gone: %s", "ENODEV");
	assert_written(*state, "error: wan: gone: ENODEV\n");
	log_warn("a");
	assert_written(*state, "warn: a\n");
	log_notice("b n=%d", 2);
	assert_written(*state, "notice: b n=2\n");
	log_info("c");
	assert_written(*state, "info: c\n");
	log_debug("d");
	assert_written(*state, "debug: d\n");
}

static void less_important_lines_are_left_out(void **state)
{
	log_setup(LOG_TARGET_STDERR, LOG_LEVEL_WARN);
	log_notice("a");
	log_debug("b");
	assert_nothing_written(*state);
	log_warn("c");
	assert_written(*state, "warn: c\n");
}

static void control_characters_are_replaced(void **state)
{
	log_setup(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	log_info("a\nerror: forged\x1b[0m");
	assert_written(*state, "info: a?error: forged?[0m\n");
}

static void a_long_line_is_cut(void **state)
{
	char text[3 * LOG_LINE_MAX], expected[LOG_LINE_MAX + 1];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_setup(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	log_info("%s", text);
	memset(expected, 'x', sizeof(expected));
	memcpy(expected, "info: ", 6);
	expected[LOG_LINE_MAX - 1] = '\n';
	expected[LOG_LINE_MAX] = '\0';
	assert_written(*state, expected);
}

static void the_journal_gets_its_own_prefix(void **state)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(
		stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_setup(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	log_error("a");
	assert_written(*state, "<3>a\n");
	log_notice("b");
	assert_written(*state, "<5>b\n");
}

/* The variable is inherited by those whose stderr leads elsewhere. */
static void a_stale_journal_stream_means_nothing(void **state)
{
	static const char *const stale[] = {"", "1", "1:", "1:2", "x:y", "1:2:3"};

	for (unsigned i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
		assert_int_equal(setenv("JOURNAL_STREAM", stale[i], 1), 0);
		log_setup(LOG_TARGET_STDERR, LOG_LEVEL_INFO);
		log_error("a");
		assert_written(*state, "error: a\n");
	}
}

int main(void)
{
#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CAPTURED(a_line_is_one_write_with_its_level),
		CAPTURED(less_important_lines_are_left_out),
		CAPTURED(control_characters_are_replaced),
		CAPTURED(a_long_line_is_cut),
		CAPTURED(the_journal_gets_its_own_prefix),
		CAPTURED(a_stale_journal_stream_means_nothing),
	};
#undef CAPTURED

	return cmocka_run_group_tests(tests, NULL, NULL);
}
