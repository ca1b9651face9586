/* The builder: jobs in order, each on another thread, done on the caller's. */
#include "base/builder.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum { JOBS = 10000 };

/* What all jobs of a test share. */
struct diary {
	unsigned n_run;  // written by the builder
	unsigned n_done; // by the test
	unsigned n_out_of_order;
	pthread_t runner;
	int policy;
	int is_term_blocked;
};

struct job {
	struct builder_job job;
	struct diary *diary;
	unsigned number;
};

static void run(struct builder_job *head)
{
	struct job *j = (struct job *)head;
	sigset_t blocked;

	if (j->diary->n_run++ != j->number)
		j->diary->n_out_of_order++;
	j->diary->runner = pthread_self();
	j->diary->policy = sched_getscheduler(0);
	(void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	j->diary->is_term_blocked = sigismember(&blocked, SIGTERM);
}

static void done(struct builder_job *head)
{
	struct job *j = (struct job *)head;

	if (j->diary->n_done++ != j->number)
		j->diary->n_out_of_order++;
	free(j);
}

static void give(struct builder *b, struct diary *diary, unsigned number)
{
	struct job *j = calloc(1, sizeof(*j));

	assert_non_null(j);
	*j = (struct job){{run, done}, diary, number};
	assert_int_equal(builder_give(b, &j->job), 0);
}

static struct builder *new_builder(void)
{
	struct builder *b;

	assert_int_equal(builder_new(&b), 0);
	return b;
}

static void jobs_are_run_and_done_in_order(void **state)
{
	struct builder *b = new_builder();
	struct diary diary = {0};

	(void)state;
	for (unsigned i = 0; i < JOBS; i++) {
		give(b, &diary, i);
		if (i % 7 == 0)
			builder_take(b);
	}
	builder_drain(b);
	assert_int_equal(diary.n_run, JOBS);
	assert_int_equal(diary.n_done, JOBS);
	assert_int_equal(diary.n_out_of_order, 0);
	builder_free(b);
}

static void a_job_runs_on_an_ordinary_thread_of_its_own(void **state)
{
	struct builder *b = new_builder();
	struct diary diary = {0};

	(void)state;
	give(b, &diary, 0);
	builder_drain(b);
	assert_false(pthread_equal(diary.runner, pthread_self()));
	assert_int_equal(diary.policy, SCHED_OTHER);
	assert_true(diary.is_term_blocked);
	builder_free(b);
}

static void the_descriptor_tells_of_what_was_run(void **state)
{
	struct builder *b = new_builder();
	struct diary diary = {0};
	struct pollfd p = {.fd = builder_fd(b), .events = POLLIN};

	(void)state;
	builder_take(b);
	assert_int_equal(poll(&p, 1, 0), 0);
	give(b, &diary, 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(diary.n_done, 0);
	builder_take(b);
	assert_int_equal(diary.n_done, 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	builder_free(b);
}

static void nothing_is_lost_at_the_end(void **state)
{
	struct builder *b = new_builder();
	struct diary diary = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		give(b, &diary, i);
	builder_free(b);
	assert_int_equal(diary.n_done, 100);
	builder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_run_and_done_in_order),
		cmocka_unit_test(a_job_runs_on_an_ordinary_thread_of_its_own),
		cmocka_unit_test(the_descriptor_tells_of_what_was_run),
		cmocka_unit_test(nothing_is_lost_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
