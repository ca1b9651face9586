/* Two mailboxes of pointers, there and back, and a thread between them. A null pointer is its end.
 *
 * A result can always be told in the end: posting it fails only while memory is short. */
#include "base/builder.h"

#include "base/mailbox.h"
#include "base/thread_start.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { RETRY_MS = 10 };

struct builder {
	struct mailbox *jobs;    // control to builder
	struct mailbox *results; // and back
	pthread_t thread;
	unsigned n_given OWNED_BY(role_control); // and not done
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void run_jobs(struct builder *b) ON_BUILDER;

static void wait_for(const struct mailbox *m)
{
	struct pollfd p = {.fd = mailbox_fd(m), .events = POLLIN};

	(void)poll(&p, 1, -1);
}

static void post_result(struct builder *b, struct builder_job *job)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};

	while (mailbox_post(b->results, &job) < 0)
		(void)nanosleep(&pause, NULL);
}

static void run_jobs(struct builder *b)
{
	struct builder_job *job;

	for (;;) {
		while (!mailbox_take(b->jobs, &job))
			wait_for(b->jobs);
		if (!job)
			return;
		job->run(job);
		post_result(b, job);
	}
}

static void *thread_main(void *arg)
{
	thread_enter(&role_builder);
	(void)pthread_setname_np(pthread_self(), "poise-builder");
	run_jobs(arg);
	return NULL;
}

static void free_parts(struct builder *b)
{
	mailbox_free(b->jobs);
	mailbox_free(b->results);
	free(b);
}

int builder_new(struct builder **ret)
{
	struct builder *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = mailbox_new(sizeof(struct builder_job *), &b->jobs);
	if (r == 0)
		r = mailbox_new(sizeof(struct builder_job *), &b->results);
	if (r == 0)
		r = thread_start(&b->thread, thread_main, b);
	if (r < 0) {
		free_parts(b);
		return r;
	}
	*ret = b;
	return 0;
}

void builder_free(struct builder *b)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	struct builder_job *end = NULL;

	if (!b)
		return;
	builder_drain(b);
	while (mailbox_post(b->jobs, &end) < 0)
		(void)nanosleep(&pause, NULL);
	(void)pthread_join(b->thread, NULL);
	free_parts(b);
}

int builder_give(struct builder *b, struct builder_job *job)
{
	int r = mailbox_post(b->jobs, &job);

	if (r == 0)
		b->n_given++;
	return r;
}

int builder_fd(const struct builder *b)
{
	return mailbox_fd(b->results);
}

void builder_take(struct builder *b)
{
	struct builder_job *job;

	while (mailbox_take(b->results, &job)) {
		b->n_given--;
		job->done(job);
	}
}

void builder_drain(struct builder *b)
{
	builder_take(b);
	while (b->n_given > 0) {
		wait_for(b->results);
		builder_take(b);
	}
}
