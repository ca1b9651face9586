/* The control thread's priority is its own, and the loop's pace leaves time for others. */
#include "control/realtime.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static void *read_policy(void *arg)
{
	*(int *)arg = sched_getscheduler(0);
	return NULL;
}

static int policy_of_a_thread(void)
{
	pthread_t thread;
	int policy = -1;

	assert_int_equal(pthread_create(&thread, NULL, read_policy, &policy), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return policy;
}

static int policy_of_a_child(void)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(sched_getscheduler(0));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void neither_threads_nor_children_inherit_it(void **state)
{
	struct sched_param param;

	(void)state;
	if (ctl_realtime_enter() < 0)
		skip(); // not allowed here
	assert_int_equal(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	assert_int_equal(sched_getparam(0, &param), 0);
	assert_int_equal(param.sched_priority, 1);
	assert_int_equal(policy_of_a_thread(), SCHED_OTHER);
	assert_int_equal(policy_of_a_child(), SCHED_OTHER);
	ctl_realtime_leave();
	assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, SCHED_OTHER);
}

static void leaving_what_was_not_entered_is_fine(void **state)
{
	(void)state;
	ctl_realtime_leave();
	assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, SCHED_OTHER);
}

static void a_loop_with_little_to_do_never_rests(void **state)
{
	struct ctl_realtime_debt debt = {0};

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(ctl_realtime_rest_us(&debt, 900, 2000), 0);
	// nor after one long turn that was paid back since
	assert_int_equal(ctl_realtime_rest_us(&debt, 1500, 2000), 0);
}

/* Turns of any length, one right after the other: work is half of the time at most. */
static void an_endless_storm_gets_half_of_the_time(void **state)
{
	static const int64_t turns_us[] = {50, 400, 2000, 5000, 9000};

	(void)state;
	for (unsigned i = 0; i < sizeof(turns_us) / sizeof(turns_us[0]); i++) {
		struct ctl_realtime_debt debt = {0};
		int64_t work_us = 0, rest_us = 0, last_rest_us = 0;

		while (work_us < 10000000) {
			last_rest_us = ctl_realtime_rest_us(
				&debt, turns_us[i], turns_us[i] + last_rest_us);
			assert_true(last_rest_us <= CTL_REALTIME_MAX_REST_US);
			work_us += turns_us[i];
			rest_us += last_rest_us;
		}
		// a turn longer than the longest rest cannot be made up for
		if (turns_us[i] <= CTL_REALTIME_MAX_REST_US)
			assert_true(rest_us >= work_us * 99 / 100);
		assert_true(rest_us <= work_us * 101 / 100);
	}
}

/* A rest is never longer than what is owed: one long turn does not slow the loop for ever. */
static void a_debt_is_paid_once(void **state)
{
	struct ctl_realtime_debt debt = {0};

	(void)state;
	assert_int_equal(ctl_realtime_rest_us(&debt, 4000, 4000), 4000);
	assert_int_equal(ctl_realtime_rest_us(&debt, 10, 4010), 0);
	assert_int_equal(ctl_realtime_rest_us(&debt, 10, 2000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaving_what_was_not_entered_is_fine),
		cmocka_unit_test(neither_threads_nor_children_inherit_it),
		cmocka_unit_test(a_loop_with_little_to_do_never_rests),
		cmocka_unit_test(an_endless_storm_gets_half_of_the_time),
		cmocka_unit_test(a_debt_is_paid_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
