/* `trace add`, `trace show`: which packets to follow, and what became of them.
 *
 * There is one trace at a time: an addition replaces it. Workers stop looking when all packets that
 * were asked for have come. A packet that one worker hands over to another has a record of each: it
 * counts where its way ends. */
#include "control/trace.h"

#include "control/show.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_COUNT = 10, MAX_RECORDS = 2 * DP_MAX_TRACES };

struct ctl_traces {
	struct dp_watcher *watcher; // NULL: all have come
	char filter[DP_MAX_FILTER + 1];
	unsigned count;
	uint64_t lost; // of a watcher that has gone
	unsigned n, n_ended;
	struct dp_trace list[MAX_RECORDS]; // the oldest first
};

/* ---- what runs ------------------------------------------------------------------------------- */

void ctl_trace_look(struct ctl *ctl)
{
	struct ctl_traces *t = ctl->traces;

	if (!t || !t->watcher)
		return;
	while (t->n_ended < t->count && t->n < MAX_RECORDS &&
		dp_watch_next_trace(t->watcher, &t->list[t->n]))
		t->n_ended += t->list[t->n++].end != DP_TRACE_HANDED_OVER;
	if (t->n_ended < t->count && t->n < MAX_RECORDS)
		return;
	t->lost = dp_watch_lost(t->watcher);
	dp_watch_stop(t->watcher);
	t->watcher = NULL;
}

void ctl_trace_stop(struct ctl *ctl)
{
	if (ctl->traces)
		dp_watch_stop(ctl->traces->watcher);
	free(ctl->traces);
	ctl->traces = NULL;
}

/* ---- trace add ------------------------------------------------------------------------------- */

struct add_job {
	struct ctl_job job;
	struct ctl *ctl;
	struct ctl_traces *traces; // which it began: another one may have replaced it
	bool is_answered;
};

static enum ctl_job_turn put_added(struct add_job *j, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn put_added(struct add_job *j, struct evbuffer *out)
{
	json_t *doc = ctl_job_head();
	int r = json_object_set_new(doc, "filter", ctl_job_text(j->traces->filter));

	r |= json_object_set_new(doc, "count", json_integer(j->traces->count));
	if (r == 0)
		r = ctl_job_put(doc, out);
	json_decref(doc);
	return r == 0 ? CTL_JOB_DONE : CTL_JOB_FAILED;
}

static enum ctl_job_turn put_refusal(
	struct ctl *ctl, const char *why, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn put_refusal(struct ctl *ctl, const char *why, struct evbuffer *out)
{
	struct ctl_error err;

	(void)ctl_job_refuse(&err, API_ERROR_INVALID_VALUE, "filter: %s", why);
	if (ctl)
		ctl_trace_stop(ctl);
	return ctl_job_put_error(&err, out) == 0 ? CTL_JOB_DONE : CTL_JOB_FAILED;
}

static enum ctl_job_turn add_step(struct ctl_job *job, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn add_step(struct ctl_job *job, struct evbuffer *out)
{
	struct add_job *j = (struct add_job *)job;
	const char *why = "";

	j->is_answered = true;
	if (j->ctl->traces != j->traces)
		return put_refusal(NULL, "another trace has replaced it", out);
	if (!j->traces->watcher)
		return put_added(j, out);
	switch (dp_watch_poll(j->traces->watcher, &why)) {
	case DP_WATCH_STARTING:
		j->is_answered = false;
		return CTL_JOB_WAIT;
	case DP_WATCH_ON:
		return put_added(j, out);
	case DP_WATCH_REFUSED:
		break;
	}
	return put_refusal(j->ctl, why, out);
}

/* Who leaves before the answer wants no trace. */
static void add_free(struct ctl_job *job) ON_CONTROL;
static void add_free(struct ctl_job *job)
{
	struct add_job *j = (struct add_job *)job;

	if (!j->is_answered && j->ctl->traces == j->traces)
		ctl_trace_stop(j->ctl);
	free(j);
}

static int begin(struct ctl *ctl, const char *filter, unsigned count) ON_CONTROL;
static int begin(struct ctl *ctl, const char *filter, unsigned count)
{
	struct ctl_traces *t;
	int r;

	if (strlen(filter) > DP_MAX_FILTER)
		return -E2BIG;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	ctl_trace_stop(ctl);
	(void)strcpy(t->filter, filter);
	t->count = count;
	r = ctl->dp ? dp_watch_trace(ctl->dp, filter, count, &t->watcher) : -EOPNOTSUPP;
	if (r < 0) {
		free(t);
		return r;
	}
	ctl->traces = t;
	return 0;
}

int ctl_trace_add_open(const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	const json_t *filter = json_object_get(call->args, "filter");
	const json_t *count = json_object_get(call->args, "count");
	json_int_t n = count ? json_integer_value(count) : DEFAULT_COUNT;
	struct add_job *j;
	int r;

	if (n < 1 || n > DP_MAX_TRACES)
		return ctl_job_refuse(
			err, API_ERROR_INVALID_VALUE, "count is 1 to %d", DP_MAX_TRACES);
	j = calloc(1, sizeof(*j));
	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	r = begin(call->shared->ctl, filter ? json_string_value(filter) : "", (unsigned)n);
	if (r < 0) {
		free(j);
		return ctl_capture_refuse(r, "trace", err);
	}
	j->job = (struct ctl_job){.step = add_step, .free = add_free};
	j->ctl = call->shared->ctl;
	j->traces = j->ctl->traces;
	*ret_job = &j->job;
	return 0;
}

/* ---- trace show ------------------------------------------------------------------------------ */

struct show_list {
	struct ctl_list list;
	struct ctl_traces *traces; // to notice that another one has replaced it
	unsigned position, end;
};

static json_t *steps_array(const struct ctl *ctl, const struct dp_trace *t) ON_CONTROL;
static json_t *steps_array(const struct ctl *ctl, const struct dp_trace *t)
{
	struct ctl_trace_step steps[CTL_TRACE_MAX_STEPS];
	unsigned n = ctl_trace_steps(ctl, t, steps);
	json_t *array = json_array();

	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(array, json_pack("{s:s, s:o}", "stage", steps[i].stage,
							   "text", ctl_job_text(steps[i].text)));
	return array;
}

static int next_trace(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_trace(struct ctl_list *list, json_t **ret_item)
{
	static const char *const ends[] = {
		[DP_TRACE_SENT] = "sent",
		[DP_TRACE_HELD] = "held",
		[DP_TRACE_DROPPED] = "dropped",
		[DP_TRACE_ANSWERED] = "answered",
		[DP_TRACE_KERNEL] = "kernel",
		[DP_TRACE_HANDED_OVER] = "handed_over",
	};
	struct show_list *l = (struct show_list *)list;
	const struct ctl *ctl = list->ctl;
	const struct dp_trace *t;
	bool has_reason;

	if (ctl->traces != l->traces || l->position >= l->end)
		return 0;
	t = &l->traces->list[l->position++];
	has_reason = t->end == DP_TRACE_DROPPED || t->end == DP_TRACE_ANSWERED;
	*ret_item = json_pack("{s:i, s:o, s:o, s:i, s:i, s:o, s:o, s:s, s:o, s:o}", "trace",
		(int)l->position, "at", ctl_capture_time(t->at_ns), "port",
		ctl_job_text(ctl->conf->interfaces[t->port].name), "worker", (int)t->worker,
		"length", (int)t->frame_len, "service", ctl_capture_service(ctl, t->service),
		"server", ctl_capture_server(ctl, t->server), "end", ends[t->end], "reason",
		has_reason ? json_string(dp_drop_label(t->why)) : json_null(), "steps",
		steps_array(ctl, t));
	return *ret_item ? 1 : -ENOMEM;
}

int ctl_trace_show_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl *ctl = call->shared->ctl;
	struct show_list *l =
		(struct show_list *)ctl_job_list_new(sizeof(*l), ctl, "traces", next_trace);
	struct ctl_traces *t;
	int r = 0;

	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	ctl_trace_look(ctl);
	t = l->traces = ctl->traces;
	l->end = t ? t->n : 0;
	r |= json_object_set_new(l->list.head, "filter", t ? ctl_job_text(t->filter) : json_null());
	r |= json_object_set_new(l->list.head, "is_on", json_boolean(t && t->watcher));
	r |= json_object_set_new(l->list.head, "lost_total",
		ctl_job_count(!t           ? 0
			      : t->watcher ? dp_watch_lost(t->watcher)
					   : t->lost));
	if (r != 0) {
		ctl_job_free(&l->list.job);
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	}
	*ret_job = &l->list.job;
	return 0;
}
