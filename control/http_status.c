/* /api/v1/status: what the commands answer, in one object (docs/api.md). */
#include "control/http.h"

#include "control/request.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIFE_MS = 500 };

/* In this order. A list is what its command gives it as; else the answer is an object. */
static const struct part {
	const char *request;
	const char *object; // NULL: a list, under its own name
} parts[] = {
	{"{\"cmd\":\"" API_SHOW_STATUS "\"}", "status"},
	{"{\"cmd\":\"" API_SHOW_SERVICES "\"}", NULL},
	{"{\"cmd\":\"" API_SHOW_VRRP "\"}", NULL},
	{"{\"cmd\":\"" API_SHOW_WORKERS "\"}", NULL},
	{"{\"cmd\":\"" API_SHOW_PORTS "\"}", NULL},
	{"{\"cmd\":\"" API_SHOW_EVENTS "\",\"args\":{\"limit\":20}}", NULL},
};

enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

struct status_work {
	struct ctl_shared shared;
	unsigned part; // the one whose answer is in the making
	struct ctl_job *job;
	struct evbuffer *answers[N_PARTS];
};

static void free_work(void *arg)
{
	struct status_work *w = arg;

	if (w->job)
		w->job->free(w->job);
	for (unsigned i = 0; i < N_PARTS; i++)
		if (w->answers[i])
			evbuffer_free(w->answers[i]);
	free(w);
}

static void *begin(struct ctl *ctl) ON_CONTROL;
static void *begin(struct ctl *ctl)
{
	struct status_work *w = calloc(1, sizeof(*w));
	bool is_whole = w;

	for (unsigned i = 0; w && i < N_PARTS; i++) {
		w->answers[i] = evbuffer_new();
		is_whole &= w->answers[i] != NULL;
	}
	if (!is_whole) {
		if (w)
			free_work(w);
		return NULL;
	}
	w->shared.ctl = ctl;
	return w;
}

static int open_part(struct status_work *w) ON_CONTROL;
static int open_part(struct status_work *w)
{
	const char *line = parts[w->part].request;
	const struct ctl_call call = {.shared = &w->shared};
	struct ctl_error err;

	return ctl_request_open(&call, line, strlen(line), &err, &w->job);
}

static enum ctl_job_turn step(void *arg) ON_CONTROL;
static enum ctl_job_turn step(void *arg)
{
	struct status_work *w = arg;
	enum ctl_job_turn turn;

	if (!w->job && open_part(w) < 0)
		return CTL_JOB_FAILED;
	turn = w->job->step(w->job, w->answers[w->part]);
	if (turn != CTL_JOB_DONE)
		return turn;
	ctl_job_free(w->job);
	w->job = NULL;
	return ++w->part < N_PARTS ? CTL_JOB_MORE : CTL_JOB_DONE;
}

/* Every answer begins {"schema":1,"time":"..." (ctl_job_head()). What follows, from its comma on,
 * is *ret_rest without the closing brace. Returns the length of the head. */
static size_t split(const char *text, size_t len, struct http_bytes *ret_rest)
{
	static const char time[] = "\"time\":\"";
	const char *at = memmem(text, len, time, sizeof(time) - 1);
	const char *end = at ? memchr(at + sizeof(time) - 1, '"', 40) : NULL;
	size_t head = end ? (size_t)(end + 1 - text) : 0;

	*ret_rest = (struct http_bytes){(char *)text + head, len - head - 1};
	return head;
}

static int join(struct status_work *w, struct evbuffer *out)
{
	int r = 0;

	for (unsigned i = 0; i < N_PARTS && r == 0; i++) {
		size_t len = evbuffer_get_length(w->answers[i]);
		const char *text = (const char *)evbuffer_pullup(w->answers[i], -1);
		struct http_bytes rest;
		size_t head;

		if (!text)
			return -ENOMEM;
		head = split(text, len, &rest);
		if (i == 0)
			r = evbuffer_add(out, text, head);
		if (r == 0 && parts[i].object)
			r = evbuffer_add_printf(out, ",\"%s\":{%.*s}", parts[i].object,
				    (int)rest.len - 1, rest.data + 1) < 0;
		else if (r == 0)
			r = evbuffer_add(out, rest.data, rest.len);
	}
	r = r == 0 ? evbuffer_add(out, "}\n", 2) : r;
	return r == 0 ? 0 : -ENOMEM;
}

static int finish(void *arg, struct http_bytes *ret)
{
	struct evbuffer *out = evbuffer_new();
	int r = out ? join(arg, out) : -ENOMEM;

	if (r == 0) {
		ret->len = evbuffer_get_length(out);
		ret->data = malloc(ret->len);
		r = ret->data ? 0 : -ENOMEM;
	}
	if (r == 0)
		(void)evbuffer_remove(out, ret->data, ret->len);
	if (out)
		evbuffer_free(out);
	return r;
}

const struct http_doc_kind ctl_http_status = {
	.type = "application/json",
	.begin = begin,
	.step = step,
	.finish = finish,
	.free = free_work,
	.life_ms = LIFE_MS,
};
