/* `show events`: what is in the ring, or also what comes.
 *
 * Who follows gets one answer after the other, each a line with what is new, and an empty one now
 * and then that tells that both ends are still there. Nothing is kept for a slow reader: the ring
 * goes on, and what was overwritten meanwhile is counted. */
#include "control/show.h"

#include "control/events.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <time.h>

enum {
	EVENTS_A_LINE = 32,
	FOLLOW_BACKLOG = 10,    // where nothing was said, as tail(1)
	MAX_SINCE = 1000000000, // seconds: longer ago than anything
};

struct events_list {
	struct ctl_list list;
	uint64_t place, end;
};

struct events_follower {
	struct ctl_job job;
	struct ctl_shared *shared;
	bool may_change; // by which socket it came
	uint64_t place;
	int64_t told_ms; // CLOCK_MONOTONIC: the last line; 0: none yet
};

static json_t *text_or_null(const char *text)
{
	return *text ? ctl_job_text(text) : json_null();
}

static json_t *peer_object(const struct ctl_event *e)
{
	if (e->pid == 0)
		return json_null();
	return json_pack("{s:I, s:I}", "uid", (json_int_t)e->uid, "pid", (json_int_t)e->pid);
}

/* NULL when out of memory. */
static json_t *event_object(const struct ctl_event *e)
{
	static const char *const levels[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARN] = "warn",
		[LOG_LEVEL_NOTICE] = "notice",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	return json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event",
		(json_int_t)e->number, "at", ctl_job_time(e->at_ms), "kind",
		ctl_event_kind_name(e->kind), "level", levels[e->level], "object",
		text_or_null(e->object), "family",
		e->family ? json_integer(e->family) : json_null(), "protocol",
		e->protocol ? json_string(e->protocol) : json_null(), "before",
		text_or_null(e->before), "after", text_or_null(e->after), "cause",
		text_or_null(e->cause), "peer", peer_object(e), "message", ctl_job_text(e->text));
}

/* ---- once ------------------------------------------------------------------------------------ */

static int next_event(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_event(struct ctl_list *list, json_t **ret_item)
{
	struct events_list *l = (struct events_list *)list;
	const struct ctl_event_ring *ring = ctl_events_ring(list->ctl);

	(void)ctl_event_ring_catch_up(ring, &l->place); // their numbers show that some are missing
	if (l->place >= l->end)
		return 0;
	*ret_item = event_object(ctl_event_ring_find(ring, l->place++));
	return *ret_item ? 1 : -ENOMEM;
}

static int open_list(struct ctl *ctl, uint64_t place, struct ctl_error *err,
	struct ctl_job **ret_job) ON_CONTROL;
static int open_list(
	struct ctl *ctl, uint64_t place, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct events_list *l =
		(struct events_list *)ctl_job_list_new(sizeof(*l), ctl, "events", next_event);

	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	l->place = place;
	l->end = ctl_event_ring_next(ctl_events_ring(ctl));
	*ret_job = &l->list.job;
	return 0;
}

/* ---- following ------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A whole answer. -ENOMEM. */
static int put_line(struct events_follower *f, struct evbuffer *out) ON_CONTROL;
static int put_line(struct events_follower *f, struct evbuffer *out)
{
	const struct ctl_event_ring *ring = ctl_events_ring(f->shared->ctl);
	uint64_t lost = ctl_event_ring_catch_up(ring, &f->place);
	json_t *doc = ctl_job_head(), *events = json_array();
	int r = json_object_set_new(doc, "lost", ctl_job_count(lost));

	for (unsigned i = 0; i < EVENTS_A_LINE && f->place < ctl_event_ring_next(ring); i++)
		r |= json_array_append_new(
			events, event_object(ctl_event_ring_find(ring, f->place++)));
	r |= json_object_set_new(doc, "events", events);
	if (r == 0)
		r = ctl_job_put(doc, out);
	json_decref(doc);
	return r == 0 && evbuffer_add(out, "\n", 1) == 0 ? 0 : -ENOMEM;
}

static enum ctl_job_turn follower_step(struct ctl_job *job, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn follower_step(struct ctl_job *job, struct evbuffer *out)
{
	struct events_follower *f = (struct events_follower *)job;
	const struct ctl_event_ring *ring = ctl_events_ring(f->shared->ctl);
	int64_t now = now_ms();

	if (f->place >= ctl_event_ring_next(ring) && f->told_ms != 0 &&
		now - f->told_ms < f->shared->follow_beat_ms)
		return CTL_JOB_SLEEP;
	f->told_ms = now;
	return put_line(f, out) == 0 ? CTL_JOB_MORE : CTL_JOB_FAILED;
}

static void follower_free(struct ctl_job *job)
{
	struct events_follower *f = (struct events_follower *)job;

	f->shared->n_followers[f->may_change]--;
	free(f);
}

static int open_follower(const struct ctl_call *call, uint64_t place, struct ctl_error *err,
	struct ctl_job **ret_job) ON_CONTROL;
static int open_follower(const struct ctl_call *call, uint64_t place, struct ctl_error *err,
	struct ctl_job **ret_job)
{
	unsigned *n = &call->shared->n_followers[call->peer.may_change];
	struct events_follower *f;

	if (*n >= API_MAX_FOLLOWERS)
		return ctl_job_refuse(err, API_ERROR_BUSY,
			"%u clients follow the events of this socket already", *n);
	f = calloc(1, sizeof(*f));
	if (!f)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	f->job = (struct ctl_job){.step = follower_step, .free = follower_free, .is_endless = true};
	f->shared = call->shared;
	f->may_change = call->peer.may_change;
	f->place = place;
	(*n)++;
	*ret_job = &f->job;
	return 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Where to begin: the newest `limit` of those that are young enough. */
static int read_place(const struct ctl_call *call, bool is_following, struct ctl_error *err,
	uint64_t *ret_place) ON_CONTROL;
static int read_place(
	const struct ctl_call *call, bool is_following, struct ctl_error *err, uint64_t *ret_place)
{
	const struct ctl_event_ring *ring = ctl_events_ring(call->shared->ctl);
	const json_t *since = json_object_get(call->args, "since_seconds");
	const json_t *limit = json_object_get(call->args, "limit");
	uint64_t next = ctl_event_ring_next(ring), place = ctl_event_ring_oldest(ring), n;
	bool has_backlog = limit || since || !is_following;

	if (since && (json_integer_value(since) < 0 || json_integer_value(since) > MAX_SINCE))
		return ctl_job_refuse(
			err, API_ERROR_INVALID_VALUE, "since_seconds is 0 to %d", MAX_SINCE);
	if (limit && (json_integer_value(limit) < 1 || json_integer_value(limit) > API_MAX_LIMIT))
		return ctl_job_refuse(
			err, API_ERROR_INVALID_VALUE, "limit is 1 to %d", API_MAX_LIMIT);
	if (since) {
		struct timespec now;

		(void)clock_gettime(CLOCK_REALTIME, &now);
		place = ctl_event_ring_since(
			ring, ((int64_t)now.tv_sec - json_integer_value(since)) * 1000);
	}
	n = limit         ? (uint64_t)json_integer_value(limit)
	    : has_backlog ? (uint64_t)API_DEFAULT_LIMIT
			  : (uint64_t)FOLLOW_BACKLOG;
	*ret_place = next - place > n ? next - n : place;
	return 0;
}

int ctl_show_events_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	bool is_following = json_is_true(json_object_get(call->args, "follow"));
	uint64_t place = 0;
	int r;

	r = read_place(call, is_following, err, &place);
	if (r < 0)
		return r;
	return is_following ? open_follower(call, place, err, ret_job)
			    : open_list(call->shared->ctl, place, err, ret_job);
}
