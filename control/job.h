#pragma once

#include "base/thread.h"
#include "control/api.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* An answer in the making.
 *
 * The admin socket must not hold up the control loop, however much there is to say: a command
 * opens a job, and the job makes its answer in pieces, each of well below a millisecond. Jobs
 * know nothing of sockets, and the socket's code knows nothing of what they say. */

struct ctl;
struct evbuffer;

/* Why a request is refused. */
struct ctl_error {
	enum api_error code;
	char message[API_MAX_MESSAGE];
};

/* Who asks, for the log. */
struct ctl_peer {
	uid_t uid;
	pid_t pid;
	bool may_change; // false on the read-only socket
};

/* What all jobs of one admin server share. */
struct ctl_shared {
	struct ctl *ctl;
	unsigned n_connection_lists[2]; // answers that hold a copy of connections, by may_change
	unsigned n_followers[2];        // of events, likewise
	int64_t follow_beat_ms;         // between two lines to one of them, at most
};

enum ctl_job_turn {
	CTL_JOB_MORE,  // call again when there is room and time
	CTL_JOB_WAIT,  // waits for a worker; call again in a millisecond
	CTL_JOB_SLEEP, // has nothing to say until ctl_admin_tell(), or for a second
	CTL_JOB_DONE,  // the answer is complete, but for its newline
	CTL_JOB_FAILED // no more memory: the answer breaks off
};

struct ctl_job {
	/* One piece of work; appends to `out`. Runs on the control thread. */
	enum ctl_job_turn (*step)(struct ctl_job *job, struct evbuffer *out);
	void (*free)(struct ctl_job *job);
	/* A change that has begun is carried through, even when its client has gone or does not
	 * read. */
	bool must_finish;
	/* It has no end, and makes nothing for whoever does not read: a silent reader is waited
	 * for. */
	bool is_endless;
};

/* A call of a command: arguments checked for their types by request.c. `args` may be NULL, and
 * is borrowed until the opener returns. */
struct ctl_call {
	struct ctl_shared *shared;
	struct ctl_peer peer;
	const json_t *args;
};

/* Opens a job. On failure `err` says why, for the client; *ret_job untouched. -EINVAL for
 * everything that the client did wrong, -ENOMEM. */
typedef int ctl_job_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job);

void ctl_job_free(struct ctl_job *job) ON_CONTROL;

/* Fills in *err; returns -EINVAL, or -ENOMEM for API_ERROR_FAILED. */
int ctl_job_refuse(struct ctl_error *err, enum api_error code, const char *format, ...)
	__attribute__((format(printf, 3, 4))) ANY_THREAD;

/* The refusal as an answer, without its newline. -ENOMEM. */
int ctl_job_put_error(const struct ctl_error *err, struct evbuffer *out) ANY_THREAD;

/* Appends a JSON value in its compact form. -ENOMEM, also for a value of NULL. */
int ctl_job_put(const json_t *value, struct evbuffer *out) ANY_THREAD;

/* {"schema": 1, "time": now}, to be filled on. NULL when out of memory. */
json_t *ctl_job_head(void) ANY_THREAD;

/* ---- a job that lists ---------------------------------------------------------------------- */

/* The answer `head` with an array `key` of items. To be embedded as the first member of a
 * larger struct, which `destroy` (may be NULL) clears of what it owns. */
struct ctl_list {
	struct ctl_job job;
	struct ctl *ctl;
	json_t *head; // owned
	const char *key;
	/* The next item as a new reference: 1; 0 after the last; -ENOMEM; -EAGAIN: it is not there
	 * yet, ask again in a millisecond. */
	int (*next)(struct ctl_list *list, json_t **ret_item);
	/* If not NULL, each item gets an array `inner_key` at its end, of what this returns. */
	int (*next_inner)(struct ctl_list *list, json_t **ret_item);
	const char *inner_key;
	void (*destroy)(struct ctl_list *list);
	bool has_begun;
	bool is_inside; // an item's inner array is open
	bool has_items; // of the array that is open
};

/* A zeroed list of `size` bytes with a head; NULL when out of memory. */
struct ctl_list *ctl_job_list_new(size_t size, struct ctl *ctl, const char *key,
	int (*next)(struct ctl_list *, json_t **)) ON_CONTROL;

/* ---- values -------------------------------------------------------------------------------- */

/* A counter: an integer, or a string above API_MAX_SAFE_INTEGER. */
json_t *ctl_job_count(uint64_t n) ANY_THREAD;
/* A string; bytes that are not UTF-8 (a path may hold anything) become '?'. */
json_t *ctl_job_text(const char *text) ANY_THREAD;
/* Milliseconds since the epoch as RFC 3339 in UTC; null for 0. */
json_t *ctl_job_time(int64_t ms) ANY_THREAD;
