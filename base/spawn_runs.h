#pragma once

#include "base/spawn_wire.h"

#include <poll.h>

/* The programs that run, in the spawner's process: a table of SPAWN_MAX_RUNNING places. */

enum spawn_run_state { SPAWN_RUN_FREE, SPAWN_RUN_RUNNING, SPAWN_RUN_OVER };

struct spawn_run {
	enum spawn_run_state state;
	bool is_wanted; // its result is; else it was cancelled
	bool is_timed_out;
	unsigned channel;
	pid_t pid;
	int output;       // the pipe's end to read from; -1: closed
	unsigned n_bytes; // kept of the output
	int64_t started_us;
	int64_t deadline_us;
	struct spawn_result result;
};

struct spawn_runs {
	const struct spawn_user *user;
	struct spawn_run table[SPAWN_MAX_RUNNING];
	struct spawn_fault *faults; // by place; shared with the children
	unsigned n_free;
};

/* `user` must outlive it. -ENOMEM. */
int spawn_runs_new(const struct spawn_user *user, struct spawn_runs **ret) ANY_THREAD;
/* Nothing runs. */
void spawn_runs_free(struct spawn_runs *runs) ANY_THREAD;

int64_t spawn_runs_now_us(void) ANY_THREAD;

/* Needs a free place. What cannot be started is over at once. */
void spawn_runs_start(struct spawn_runs *runs, unsigned channel,
	const struct spawn_message *message, size_t len) ANY_THREAD;
/* Kills it and forgets its result; false: no such run. */
bool spawn_runs_cancel(struct spawn_runs *runs, unsigned channel, uint64_t id) ANY_THREAD;
/* Reads a piece of what it wrote. */
void spawn_runs_read(struct spawn_run *run) ANY_THREAD;
/* Takes in programs that have ended, and kills what they left. False: there is no child any more.
 */
bool spawn_runs_reap(struct spawn_runs *runs) ANY_THREAD;
/* Kills what is past its deadline. Milliseconds until the next one; -1: none. */
int spawn_runs_expire(struct spawn_runs *runs) ANY_THREAD;
void spawn_runs_kill_all(struct spawn_runs *runs) ANY_THREAD;
/* The place is free again. */
void spawn_runs_release(struct spawn_runs *runs, struct spawn_run *run) ANY_THREAD;
