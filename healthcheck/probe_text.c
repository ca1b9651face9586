/* The probe of check type `text`: up means that a dialogue of sends and expects, over TCP or TLS,
 * went as written.
 *
 * An expect waits until its pattern matches what has come since the last match; what is behind the
 * match is left for the next. 64 KiB without a match are a failure, and so are patterns that take
 * too long: a step is tried once a turn of the loop, on all that has come, a turn is over when a
 * match may take it, and all matches of a probe together have MAX_MATCHING_US. After the last step
 * the connection is closed, whatever the server may still have to say. */
#include "healthcheck/curl.h"
#include "healthcheck/probe.h"
#include "healthcheck/regex.h"
#include "healthcheck/talk.h"
#include "healthcheck/trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of what the server said, in words about it. */
enum { MAX_QUOTED = 40, MAX_PATTERN = 40 };

/* Of the processor's time, in one probe and in one turn of the loop. */
enum { MAX_MATCHING_US = 100000, MAX_TURN_US = HC_REGEX_MAX_US };

struct text_probe {
	const struct hc_probe_job *job;
	struct hc_curl_call call;
	struct hc_talk talk;
	unsigned i_step;
	bool is_connected;
	bool has_heard;           // any byte
	int end;                  // why no more comes: a negative errno; 0: more may come
	int64_t matching_us;      // that all matches took
	int64_t turn_us;          // and those of this turn
	char step[HC_DETAIL_LEN]; // what is waited for
	/* For good: of each step, NULL for a send. */
	struct hc_regex **patterns;
};

static bool start(
	void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;
static int do_step(struct text_probe *p) ON_HEALTH;
static int hear_all(struct text_probe *p) ON_HEALTH;
static int try_match(struct text_probe *p) ON_HEALTH;
static int send_step(struct text_probe *p, const struct conf_text_step *s) ON_HEALTH;
static void cancel(void *state) ON_HEALTH;
static void finish(struct text_probe *p, const struct hc_outcome *outcome) ON_HEALTH;
static void go_on(void *arg) ON_HEALTH;
static void on_connected(void *arg, CURLcode code) ON_HEALTH;

static void cancel(void *state)
{
	struct text_probe *p = state;

	hc_curl_close(&p->call);
	hc_talk_reset(&p->talk);
}

static void finish(struct text_probe *p, const struct hc_outcome *outcome)
{
	const struct hc_probe_job *job = p->job;

	cancel(p);
	job->on_done(job->arg, outcome);
}

/* The beginning of what came, as far as it is one line that can be printed. */
static void quote(const struct hc_talk *talk, char *buf)
{
	size_t n = 0;

	while (n < talk->n_heard && n < MAX_QUOTED && isprint((unsigned char)talk->heard[n])) {
		buf[n] = talk->heard[n];
		n++;
	}
	buf[n] = '\0';
}

/* "text: step 2: expected /pong/, got \"ping\"". */
static void describe_step(struct text_probe *p)
{
	const struct conf_text_step *s = &p->job->check->own.steps[p->i_step];
	const unsigned number = p->i_step + 1;
	char got[MAX_QUOTED + 1];

	if (s->is_send) {
		(void)snprintf(p->step, sizeof(p->step), "text: step %u: sending", number);
		return;
	}
	quote(&p->talk, got);
	if (p->talk.n_heard == 0)
		(void)snprintf(p->step, sizeof(p->step), "text: step %u: expected /%.*s/", number,
			MAX_PATTERN, s->expect);
	else
		(void)snprintf(p->step, sizeof(p->step),
			"text: step %u: expected /%.*s/, got \"%s\"", number, MAX_PATTERN,
			s->expect, got);
}

/* Takes all that has come. -EAGAIN: on_ready comes; -ENOBUFS: there is no more room; else why no
 * more comes. */
static int hear_all(struct text_probe *p)
{
	size_t before;
	int r = p->end;

	while (r == 0) {
		before = p->talk.n_heard;
		r = hc_talk_hear(&p->talk);
		if (r < 0)
			break;
		p->has_heard = true;
		hc_trace_bytes(p->job->trace, HC_TRACE_RECEIVED, p->talk.heard + before,
			p->talk.n_heard - before);
	}
	// it is said once
	if (r != -EAGAIN && r != -ENOBUFS)
		p->end = r;
	return r;
}

/* 1: the step is done; 0: it does not match; else a negative errno. */
static int try_match(struct text_probe *p)
{
	struct hc_regex *pattern = p->patterns[p->i_step];
	size_t end;
	int r;

	if (!p->has_heard)
		return 0;
	r = hc_regex_match(pattern, p->talk.heard, p->talk.n_heard, &end);
	p->matching_us += hc_regex_took_us(pattern);
	p->turn_us += hc_regex_took_us(pattern);
	if (p->matching_us > MAX_MATCHING_US)
		return -ELOOP;
	if (r == 1)
		hc_talk_use(&p->talk, end);
	return r;
}

static int send_step(struct text_probe *p, const struct conf_text_step *s)
{
	int r;

	if (!p->talk.unsent) {
		hc_trace_bytes(p->job->trace, HC_TRACE_SENT, s->send.bytes, s->send.length);
		hc_talk_say(&p->talk, s->send.bytes, s->send.length);
	}
	r = hc_talk_flush(&p->talk);
	if (r == 0)
		p->talk.unsent = NULL;
	return r;
}

/* 0: the step is done; -EAGAIN: on_ready comes; else why not. */
static int do_step(struct text_probe *p)
{
	const struct conf_text_step *s = &p->job->check->own.steps[p->i_step];
	int heard, r;

	if (s->is_send)
		return send_step(p, s);
	if (p->turn_us >= MAX_TURN_US) {
		// others' turn; what came is here already, so it is not reading that is awaited
		hc_curl_await(&p->call, EV_WRITE, go_on);
		return -EAGAIN;
	}
	heard = hear_all(p);
	r = try_match(p);
	if (r == 0)
		return heard;
	return r == 1 ? 0 : r;
}

static void go_on(void *arg)
{
	struct text_probe *p = arg;
	const unsigned n_steps = p->job->check->own.n_steps;
	struct hc_outcome outcome;
	int r = 0;

	p->turn_us = 0;
	while (p->i_step < n_steps && (r = do_step(p)) == 0)
		p->i_step++;
	if (r < 0)
		describe_step(p);
	if (r == -EAGAIN)
		return;
	if (r == 0)
		outcome = hc_probe_ok("%u steps as expected", n_steps);
	else if (r == -ELOOP)
		outcome = hc_probe_failed("%s: the pattern takes too long", p->step);
	else
		outcome = hc_talk_failed(p->step, r);
	finish(p, &outcome);
}

static const char *step(const void *state)
{
	const struct text_probe *p = state;

	return p->is_connected ? p->step : hc_curl_step(&p->call, "connect");
}

static void on_connected(void *arg, CURLcode code)
{
	struct text_probe *p = arg;
	struct hc_outcome outcome;

	if (code == CURLE_OK) {
		p->is_connected = true;
		go_on(p);
		return;
	}
	outcome = hc_curl_outcome(&p->call, step(p), code);
	finish(p, &outcome);
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	// of libcurl's protocols, one that says nothing by itself
	const struct hc_curl_setup setup = {
		.scheme = "http",
		.path = "/",
		.is_connection = true,
		.on_done = on_connected,
		.arg = state,
	};
	struct text_probe *p = state;
	int r;

	p->job = job;
	p->talk = (struct hc_talk){.call = &p->call, .on_ready = go_on};
	p->i_step = 0;
	p->is_connected = false;
	p->has_heard = false;
	p->end = 0;
	p->matching_us = 0;
	r = hc_curl_open(&p->call, job, &setup);
	if (r == 0)
		r = hc_curl_start(&p->call);
	if (r == 0)
		return true;
	cancel(p);
	*ret_outcome = hc_probe_error("text", -r);
	return false;
}

static void free_patterns(struct hc_regex **patterns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hc_regex_free(patterns[i]);
	free(patterns);
}

static int init(void *state, const struct hc_probe_job *job)
{
	const struct conf_check_own *own = &job->check->own;
	struct text_probe *p = state;
	struct hc_regex **patterns = calloc(own->n_steps, sizeof(*patterns));
	int r = 0;

	if (!patterns)
		return -ENOMEM;
	for (unsigned i = 0; i < own->n_steps && r == 0; i++) {
		if (!own->steps[i].is_send)
			r = hc_regex_new(own->steps[i].expect, &patterns[i]);
	}
	if (r < 0) {
		free_patterns(patterns, own->n_steps);
		return r;
	}
	p->job = job;
	p->patterns = patterns;
	return 0;
}

static void fini(void *state)
{
	struct text_probe *p = state;

	free_patterns(p->patterns, p->job->check->own.n_steps);
}

const struct hc_probe_ops *hc_probe_text_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct text_probe),
		.init = init,
		.fini = fini,
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
