/* The histogram of the control loop's turns. */
#include "control/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_turn_lasts_from_its_first_event_to_its_end(void **state)
{
	struct ctl_turns t = {0};

	(void)state;
	ctl_turns_begin(&t, 1000);
	ctl_turns_begin(&t, 1400);
	ctl_turns_end(&t, 1700);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.sum_us, 700);
	assert_int_equal(t.longest_us, 700);
	assert_int_equal(t.n_by_bucket[1], 1);
}

static void a_turn_without_events_does_not_count(void **state)
{
	struct ctl_turns t = {0};

	(void)state;
	ctl_turns_end(&t, 5000);
	ctl_turns_begin(&t, 6000);
	ctl_turns_end(&t, 6001);
	ctl_turns_end(&t, 9000000);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.longest_us, 1);
}

static void bounds_belong_to_their_bucket_and_the_last_takes_the_rest(void **state)
{
	struct ctl_turns t = {0};

	(void)state;
	for (unsigned i = 0; i < CTL_TURNS_N_BOUNDS; i++)
		for (int64_t more_us = 0; more_us < 2; more_us++) {
			ctl_turns_begin(&t, 1);
			ctl_turns_end(&t, 1 + ctl_turns_bound_us(i) + more_us);
		}
	assert_int_equal(t.n_by_bucket[0], 1);
	for (unsigned i = 1; i < CTL_TURNS_N_BOUNDS; i++)
		assert_int_equal(t.n_by_bucket[i], 2);
	assert_int_equal(t.n_by_bucket[CTL_TURNS_N_BOUNDS], 1);
	assert_int_equal(t.longest_us, ctl_turns_bound_us(CTL_TURNS_N_BOUNDS - 1) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_lasts_from_its_first_event_to_its_end),
		cmocka_unit_test(a_turn_without_events_does_not_count),
		cmocka_unit_test(bounds_belong_to_their_bucket_and_the_last_takes_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
