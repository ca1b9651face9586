/* See probe_rig.h. */
#include "probe_rig.h"

#include "healthcheck/trace.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { AFTER_CANCEL_MS = 20 };

static void on_done(void *arg, const struct hc_outcome *outcome)
{
	struct probe_rig *rig = arg;

	rig->outcome = *outcome;
	rig->n_done++;
	assert_true(rig->is_running);
	rig->is_running = false;
	(void)event_base_loopbreak(rig->base);
}

void rig_start(struct probe_rig *rig, const struct hc_probe_ops *ops,
	const struct conf_check *check, uint16_t port)
{
	// the health thread blocks all signals
	(void)signal(SIGPIPE, SIG_IGN);
	*rig = (struct probe_rig){.ops = ops};
	rig->base = event_base_new();
	assert_non_null(rig->base);
	assert_int_equal(hc_shared_new(rig->base, NULL, &rig->shared), 0);
	rig->job = (struct hc_probe_job){
		.shared = rig->shared,
		.port = port,
		.check = check,
		.on_done = on_done,
		.arg = rig,
	};
	assert_int_equal(addr_parse("127.0.0.1", &rig->job.address), 0);
	rig->state = calloc(1, ops->state_bytes);
	assert_non_null(rig->state);
	if (ops->init)
		assert_int_equal(ops->init(rig->state, &rig->job), 0);
}

void rig_stop(struct probe_rig *rig)
{
	if (rig->ops->fini)
		rig->ops->fini(rig->state);
	free(rig->state);
	hc_shared_free(rig->shared);
	event_base_free(rig->base);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(arg);
}

static void run_loop(struct probe_rig *rig, unsigned for_ms)
{
	const struct timeval in = {.tv_sec = for_ms / 1000, .tv_usec = for_ms % 1000 * 1000};
	struct event *timer = evtimer_new(rig->base, on_time, rig->base);

	assert_non_null(timer);
	assert_int_equal(event_add(timer, &in), 0);
	(void)event_base_dispatch(rig->base);
	event_free(timer);
}

bool rig_begin(struct probe_rig *rig, unsigned for_ms)
{
	const unsigned n_done = rig->n_done;

	rig->is_running = true;
	if (!rig->ops->start(rig->state, &rig->job, &rig->outcome)) {
		rig->is_running = false;
		return false;
	}
	assert_int_equal(rig->n_done, n_done); // later, never from within start
	run_loop(rig, for_ms);
	return rig->is_running;
}

void rig_cancel(struct probe_rig *rig)
{
	const unsigned n_done = rig->n_done;

	rig->ops->cancel(rig->state);
	rig->is_running = false;
	run_loop(rig, AFTER_CANCEL_MS);
	assert_int_equal(rig->n_done, n_done);
}

const struct hc_outcome *rig_probe(struct probe_rig *rig)
{
	const uint32_t timeout_ms = rig->job.check->timeout_ms;

	if (rig_begin(rig, timeout_ms)) {
		rig->outcome = hc_probe_timeout(rig->ops->step(rig->state), timeout_ms);
		rig_cancel(rig);
	}
	return &rig->outcome;
}

void rig_expect(struct probe_rig *rig, enum hc_result result, const char *detail)
{
	const struct hc_outcome *got = rig_probe(rig);

	assert_string_equal(got->detail, detail);
	assert_int_equal(got->result, result);
	assert_int_equal(got->weight, HC_NO_WEIGHT);
}

char *rig_dialogue(struct probe_rig *rig)
{
	char *text;

	assert_int_equal(hc_trace_new(&rig->job.trace), 0);
	(void)rig_probe(rig);
	text = hc_trace_finish(rig->job.trace);
	rig->job.trace = NULL;
	assert_non_null(text);
	return text;
}
