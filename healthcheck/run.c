/* One check now: a probe with state of its own, beside the regular one of its target, with a trace
 * and the check's time-out. Its result counts neither way; it goes to the one who asked.
 *
 * A probe that is over may still be on the stack and look at its state: the run ends in the next
 * turn of the loop, by its timer, which is its time-out as well. */
#include "healthcheck/run.h"

#include "base/mailbox.h"
#include "healthcheck/probe.h"
#include "healthcheck/target.h"
#include "healthcheck/trace.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

enum { US_PER_S = 1000000, US_PER_MS = 1000, MS_PER_S = 1000 };

struct run {
	struct hc_runs *runs;
	struct hc_probe_job job; // of the target, but trace and on_done
	const struct hc_probe_ops *ops;
	void *probe; // ops->state_bytes
	struct event *timer;
	uint64_t token;
	int64_t started_us, ended_us;
	struct hc_outcome outcome; // once it is not running any more
	bool is_made;              // ops->init has been called
	bool is_running;
	LIST_ENTRY(run) all;
};

struct hc_runs {
	struct hc_targets *targets;
	struct mailbox *results;
	LIST_HEAD(, run) all;
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000;
}

static void run_free(struct run *run)
{
	if (run->is_running)
		run->ops->cancel(run->probe);
	if (run->is_made && run->ops->fini)
		run->ops->fini(run->probe);
	if (run->job.trace)
		free(hc_trace_finish(run->job.trace));
	if (run->timer)
		event_free(run->timer);
	free(run->probe);
	free(run);
}

/* A result that memory does not suffice for is lost: who waits for it gives up in time. */
static void post(struct hc_runs *runs, const struct hc_run_result *result)
{
	if (mailbox_post(runs->results, result) < 0)
		free(result->dialogue);
}

static void post_not_made(struct hc_runs *runs, uint64_t token, const char *why)
{
	struct hc_run_result result = {.token = token, .weight = HC_NO_WEIGHT};

	(void)strncpy(result.detail, why, sizeof(result.detail) - 1);
	post(runs, &result);
}

static void finish(struct run *run)
{
	struct hc_run_result result = {
		.token = run->token,
		.is_ok = run->outcome.result == HC_OK,
		.duration_us = (uint32_t)(run->ended_us - run->started_us),
		.weight = run->outcome.weight,
		.dialogue = hc_trace_finish(run->job.trace),
	};

	run->job.trace = NULL;
	memcpy(result.detail, run->outcome.detail, sizeof(result.detail));
	post(run->runs, &result);
	LIST_REMOVE(run, all);
	run_free(run);
}

static void on_done(void *arg, const struct hc_outcome *outcome)
{
	struct run *run = arg;
	const struct timeval at_once = {0};

	run->is_running = false;
	run->ended_us = now_us();
	run->outcome = *outcome;
	(void)event_add(run->timer, &at_once);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	if (run->is_running) {
		run->outcome = hc_probe_end_of_time(run->ops, run->probe, run->job.check);
		run->ops->cancel(run->probe);
		run->is_running = false;
		run->ended_us = now_us();
	}
	finish(run);
}

static struct run *run_new(struct hc_runs *runs, const struct hc_probe_job *job, uint64_t token)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->runs = runs;
	run->token = token;
	run->ops = hc_probe_ops_for(job->check->type);
	run->job = *job;
	run->job.on_done = on_done;
	run->job.arg = run;
	run->job.trace = NULL;
	run->probe = calloc(1, run->ops->state_bytes + 1);
	run->timer = evtimer_new(job->shared->base, on_timer, run);
	if (!run->probe || !run->timer || hc_trace_new(&run->job.trace) < 0)
		goto free;
	if (run->ops->init && run->ops->init(run->probe, &run->job) < 0)
		goto free;
	run->is_made = true;
	return run;

free:
	run_free(run);
	return NULL;
}

void hc_runs_start(struct hc_runs *runs, unsigned id, uint64_t token)
{
	const struct hc_probe_job *job = hc_targets_job(runs->targets, id);
	struct hc_outcome outcome;
	struct timeval limit;
	struct run *run;

	if (!job) {
		post_not_made(runs, token, "not probed: no such target");
		return;
	}
	run = run_new(runs, job, token);
	if (!run) {
		post_not_made(runs, token, "not probed: out of memory");
		return;
	}
	LIST_INSERT_HEAD(&runs->all, run, all);
	limit.tv_sec = job->check->timeout_ms / MS_PER_S;
	limit.tv_usec = (suseconds_t)(job->check->timeout_ms % MS_PER_S) * US_PER_MS;
	(void)event_add(run->timer, &limit);
	run->started_us = now_us();
	run->is_running = true;
	if (!run->ops->start(run->probe, &run->job, &outcome))
		on_done(run, &outcome);
}

int hc_runs_new(struct hc_targets *targets, struct mailbox *results, struct hc_runs **ret)
{
	struct hc_runs *runs = calloc(1, sizeof(*runs));

	if (!runs)
		return -ENOMEM;
	runs->targets = targets;
	runs->results = results;
	LIST_INIT(&runs->all);
	*ret = runs;
	return 0;
}

void hc_runs_free(struct hc_runs *runs)
{
	struct run *run;

	while (runs && (run = LIST_FIRST(&runs->all))) {
		LIST_REMOVE(run, all);
		run_free(run);
	}
	free(runs);
}
