/* The watchdog's judgement, with a clock of the test's own. */
#include "control/pulse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LOOK_MS = 20, START_MS = 5000 };

static void a_turning_loop_is_no_news(void **state)
{
	struct ctl_pulse p = {0};
	int64_t stood_ms = -1;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ctl_pulse_look(&p, 1 + i, START_MS + i * LOOK_MS, &stood_ms),
			CTL_PULSE_NO_NEWS);
	assert_false(p.is_stuck);
	assert_int_equal(stood_ms, -1);
}

/* A machine may be up for days when the first look comes, and the loop at 0. */
static void the_first_look_judges_nothing(void **state)
{
	struct ctl_pulse p = {0};
	int64_t stood_ms;

	(void)state;
	assert_int_equal(ctl_pulse_look(&p, 0, INT64_C(1) << 40, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(
		ctl_pulse_look(&p, 0, (INT64_C(1) << 40) + 50, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(
		ctl_pulse_look(&p, 0, (INT64_C(1) << 40) + 99, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(
		ctl_pulse_look(&p, 0, (INT64_C(1) << 40) + 100, &stood_ms), CTL_PULSE_STUCK);
}

static void standing_for_100_ms_is_said_once_and_turning_again_once(void **state)
{
	struct ctl_pulse p = {0};
	int64_t stood_ms = -1, now_ms = START_MS;

	(void)state;
	(void)ctl_pulse_look(&p, 7, now_ms, &stood_ms);
	while (now_ms < START_MS + 80)
		assert_int_equal(
			ctl_pulse_look(&p, 7, now_ms += LOOK_MS, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(ctl_pulse_look(&p, 7, now_ms += LOOK_MS, &stood_ms), CTL_PULSE_STUCK);
	assert_int_equal(stood_ms, 100);
	assert_true(p.is_stuck);
	while (now_ms < START_MS + 1000)
		assert_int_equal(
			ctl_pulse_look(&p, 7, now_ms += LOOK_MS, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(
		ctl_pulse_look(&p, 8, now_ms += LOOK_MS, &stood_ms), CTL_PULSE_TURNS_AGAIN);
	assert_int_equal(stood_ms, 1020);
	assert_false(p.is_stuck);
	assert_int_equal(ctl_pulse_look(&p, 9, now_ms += LOOK_MS, &stood_ms), CTL_PULSE_NO_NEWS);
}

/* The looking thread may itself be late: a counter that moved meanwhile clears the worker. */
static void a_late_look_blames_nobody(void **state)
{
	struct ctl_pulse p = {0};
	int64_t stood_ms;

	(void)state;
	(void)ctl_pulse_look(&p, 7, START_MS, &stood_ms);
	assert_int_equal(ctl_pulse_look(&p, 8, START_MS + 3000, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(ctl_pulse_look(&p, 8, START_MS + 3099, &stood_ms), CTL_PULSE_NO_NEWS);
}

/* Stopped with all its threads, for whatever time, it looks before the worker has turned. */
static void a_stop_of_the_whole_process_blames_nobody(void **state)
{
	(void)state;
	for (int64_t stop_ms = LOOK_MS; stop_ms < 10000; stop_ms += 7) {
		struct ctl_pulse p = {0};
		int64_t stood_ms, now_ms = START_MS;

		(void)ctl_pulse_look(&p, 7, now_ms, &stood_ms);
		now_ms += stop_ms;
		assert_int_equal(ctl_pulse_look(&p, 7, now_ms, &stood_ms), CTL_PULSE_NO_NEWS);
		now_ms += LOOK_MS;
		assert_int_equal(ctl_pulse_look(&p, 8, now_ms, &stood_ms), CTL_PULSE_NO_NEWS);
	}
}

/* But one that stands while the other looks seldom is found, at the third look. */
static void a_stuck_loop_is_found_by_who_is_always_late(void **state)
{
	struct ctl_pulse p = {0};
	int64_t stood_ms;

	(void)state;
	(void)ctl_pulse_look(&p, 7, START_MS, &stood_ms);
	assert_int_equal(ctl_pulse_look(&p, 7, START_MS + 500, &stood_ms), CTL_PULSE_NO_NEWS);
	assert_int_equal(ctl_pulse_look(&p, 7, START_MS + 1000, &stood_ms), CTL_PULSE_STUCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turning_loop_is_no_news),
		cmocka_unit_test(the_first_look_judges_nothing),
		cmocka_unit_test(standing_for_100_ms_is_said_once_and_turning_again_once),
		cmocka_unit_test(a_late_look_blames_nobody),
		cmocka_unit_test(a_stop_of_the_whole_process_blames_nobody),
		cmocka_unit_test(a_stuck_loop_is_found_by_who_is_always_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
