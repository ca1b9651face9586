/* The limit of an object's lines in the log. */
#include "control/event_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static unsigned admit_many(struct ctl_event_limit *limit, unsigned n, int64_t now_ms)
{
	unsigned admitted = 0;

	for (unsigned i = 0; i < n; i++)
		admitted += ctl_event_limit_admit(limit, now_ms);
	return admitted;
}

static void a_minute_has_ten_lines(void **state)
{
	struct ctl_event_limit limit = {0};

	(void)state;
	assert_int_equal(admit_many(&limit, 25, 5), CTL_EVENT_LINES);
	assert_int_equal(limit.n_kept, 15);
	assert_false(ctl_event_limit_is_due(&limit, 5 + CTL_EVENT_WINDOW_MS - 1));
	assert_true(ctl_event_limit_is_due(&limit, 5 + CTL_EVENT_WINDOW_MS));
}

/* Else a line would come before those that were kept back before it. */
static void nothing_passes_what_was_kept_back(void **state)
{
	struct ctl_event_limit limit = {0};
	const int64_t later = 3 * CTL_EVENT_WINDOW_MS;

	(void)state;
	(void)admit_many(&limit, CTL_EVENT_LINES + 1, 0);
	assert_false(ctl_event_limit_admit(&limit, later));
	assert_int_equal(ctl_event_limit_restart(&limit, later), 2);
	assert_false(ctl_event_limit_is_due(&limit, later + CTL_EVENT_WINDOW_MS));
	// telling was the first of the next ten
	assert_int_equal(admit_many(&limit, 25, later + 1), CTL_EVENT_LINES - 1);
}

static void what_comes_seldom_is_never_kept_back(void **state)
{
	struct ctl_event_limit limit = {0};
	const int64_t pause = CTL_EVENT_WINDOW_MS / CTL_EVENT_LINES;

	(void)state;
	for (int64_t now = 1; now < 100 * CTL_EVENT_WINDOW_MS; now += pause)
		assert_true(ctl_event_limit_admit(&limit, now));
}

/* Whatever comes: never more than ten lines in a window, telling included, and each event was
 * logged, or counted in what was told. */
static void random_events_are_all_logged_or_told(void **state)
{
	const unsigned seed = (unsigned)time(NULL);
	struct ctl_event_limit limit = {0};
	unsigned n = 0, n_logged = 0, n_told = 0;
	int64_t now = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < 100000; i++) {
		now += random() % (random() % 16 == 0 ? CTL_EVENT_WINDOW_MS : 100);
		if (ctl_event_limit_is_due(&limit, now))
			n_told += ctl_event_limit_restart(&limit, now);
		n++;
		n_logged += ctl_event_limit_admit(&limit, now);
		assert_in_range(limit.n_lines, 1, CTL_EVENT_LINES);
	}
	assert_int_equal(n, n_logged + n_told + limit.n_kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute_has_ten_lines),
		cmocka_unit_test(nothing_passes_what_was_kept_back),
		cmocka_unit_test(what_comes_seldom_is_never_kept_back),
		cmocka_unit_test(random_events_are_all_logged_or_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
