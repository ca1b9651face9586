/* The probe of check type `ping`: up means that the server answers an ICMP or ICMPv6 echo request.
 *
 * One request a probe: `fall` is what forgives a lost packet. An ICMP error about the request is a
 * failure at once; silence is target.c's time-out. The sockets are ping.c's. */
#include "healthcheck/endpoint.h"
#include "healthcheck/ping.h"
#include "healthcheck/probe.h"
#include "healthcheck/trace.h"

#include <errno.h>
#include <stdio.h>

struct ping_probe {
	struct hc_ping_wait wait; // first: on_answer() gets it
	const struct hc_probe_job *job;
	struct hc_ping *ping;
};

static const char step_name[] = "ping";

static void on_answer(struct hc_ping_wait *wait, const struct hc_icmp_answer *answer)
{
	const struct ping_probe *p = (const struct ping_probe *)wait;
	struct hc_outcome outcome;

	if (answer->kind == HC_ICMP_REPLY)
		outcome = hc_probe_ok("answered");
	else
		outcome = hc_probe_failed("%s: %s", step_name, answer->words);
	hc_trace_note(p->job->trace, "%s", outcome.detail);
	p->job->on_done(p->job->arg, &outcome);
}

static struct hc_outcome not_sent(int error)
{
	struct hc_outcome outcome = {.result = HC_NOT_MADE, .weight = HC_NO_WEIGHT};

	if (error != EPERM)
		return hc_probe_error(step_name, error);
	(void)snprintf(outcome.detail, sizeof(outcome.detail),
		"not probed: no permission for a raw socket, or forbidden by a firewall");
	return outcome;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct ping_probe *p = state;
	int error;

	p->job = job;
	p->wait.server = job->address;
	p->wait.source = hc_endpoint_source(job);
	p->wait.on_answer = on_answer;
	error = hc_ping_get(job->shared, &p->ping);
	if (!error)
		error = hc_ping_send(p->ping, &p->wait);
	if (error) {
		*ret_outcome = not_sent(error);
		return false;
	}
	hc_trace_note(job->trace, "echo request sent, sequence number %u", p->wait.echo.sequence);
	return true;
}

static const char *step(const void *state)
{
	(void)state;
	return step_name;
}

static void cancel(void *state)
{
	struct ping_probe *p = state;

	hc_ping_forget(p->ping, &p->wait);
}

const struct hc_probe_ops *hc_probe_ping_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct ping_probe),
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
