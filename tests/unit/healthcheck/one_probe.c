/* See one_probe.h. */
#include "one_probe.h"

#include "loopback.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { US_PER_MS = 1000, TURNS_AFTER = 3 };

static void on_done(void *arg, const struct hc_outcome *outcome)
{
	struct one_probe *p = arg;

	if (!p->is_running)
		p->n_late++;
	p->is_running = false;
	p->outcome = *outcome;
	(void)event_base_loopbreak(p->base);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct one_probe *p = arg;

	(void)fd;
	(void)what;
	p->has_timed_out = true;
	p->is_running = false;
	p->outcome = hc_probe_end_of_time(p->ops, p->state, p->job.check);
	p->ops->cancel(p->state);
	(void)event_base_loopbreak(p->base);
}

void one_probe_init(struct one_probe *p, const struct hc_probe_ops *ops,
	const struct conf_check *check, const char *address)
{
	*p = (struct one_probe){.ops = ops, .base = event_base_new()};
	assert_non_null(p->base);
	assert_int_equal(hc_shared_new(p->base, NULL, &p->shared), 0);
	p->job = (struct hc_probe_job){.shared = p->shared,
		.address = loopback_addr(address),
		.check = check,
		.on_done = on_done,
		.arg = p};
	p->state = calloc(1, ops->state_bytes);
	assert_non_null(p->state);
	if (ops->init)
		assert_int_equal(ops->init(p->state, &p->job), 0);
}

void one_probe_fini(struct one_probe *p)
{
	if (p->ops->fini)
		p->ops->fini(p->state);
	free(p->state);
	hc_shared_free(p->shared);
	event_base_free(p->base);
}

static void start(struct one_probe *p, uint16_t port)
{
	p->job.port = port;
	p->has_timed_out = false;
	p->is_running = true;
	memset(&p->outcome, 0xff, sizeof(p->outcome));
	if (!p->ops->start(p->state, &p->job, &p->outcome))
		p->is_running = false;
}

/* Whatever a probe left behind in the loop shows. */
static void run_on(struct one_probe *p)
{
	for (unsigned i = 0; i < TURNS_AFTER; i++)
		(void)event_base_loop(p->base, EVLOOP_NONBLOCK);
	assert_int_equal(p->n_late, 0);
}

void one_probe_run(struct one_probe *p, uint16_t port)
{
	const suseconds_t timeout_us = (suseconds_t)p->job.check->timeout_ms * US_PER_MS;
	const struct timeval in = {.tv_sec = timeout_us / 1000000, .tv_usec = timeout_us % 1000000};
	struct event *timer = evtimer_new(p->base, on_timeout, p);

	assert_non_null(timer);
	(void)event_add(timer, &in);
	start(p, port);
	while (p->is_running)
		(void)event_base_loop(p->base, EVLOOP_ONCE);
	event_free(timer);
	run_on(p);
}

void one_probe_cut_off(struct one_probe *p, uint16_t port, unsigned n_turns)
{
	start(p, port);
	for (unsigned i = 0; i < n_turns && p->is_running; i++)
		(void)event_base_loop(p->base, EVLOOP_NONBLOCK);
	if (p->is_running) {
		assert_non_null(p->ops->step(p->state));
		p->ops->cancel(p->state);
		p->is_running = false;
	}
	run_on(p);
}

void one_probe_expect(struct one_probe *p, uint16_t port, enum hc_result result, const char *detail)
{
	one_probe_run(p, port);
	assert_string_equal(p->outcome.detail, detail);
	assert_int_equal(p->outcome.result, result);
	assert_int_equal(p->outcome.weight, HC_NO_WEIGHT);
}
