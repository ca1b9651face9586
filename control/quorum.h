#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stdint.h>

/* Quorum of a half of a service: the sum of the effective weights of its servers, against what its
 * pool asks for (poise.conf(5), pools.N.quorum), and the commands that are told of it. */

struct conf_pool;
struct ctl;
struct spawn_channel;

enum ctl_quorum_state {
	CTL_QUORUM_UNKNOWN, // not reached, and servers without a verdict may still bring it
	CTL_QUORUM_UP,
	CTL_QUORUM_DOWN
};

/* A half's. All zero to begin. */
struct ctl_quorum {
	enum ctl_quorum_state state;
	enum ctl_quorum_state told; // the last one that a command has run for, if there is one
	bool is_running;            // a command
	uint64_t weight;            // the sum
	/* Of the command that runs; quorum_run.c's own. */
	enum ctl_quorum_state telling;
	uint64_t run;       // its id
	int64_t started_ms; // CLOCK_MONOTONIC
	unsigned n_refused; // commands in a row that the spawner did not run
};

/* ---- quorum.c: pure ---------------------------------------------------------------------------
 */

/* Reached at quorum + hysteresis, lost below quorum - hysteresis, and in any case without weight.
 */
enum ctl_quorum_state ctl_quorum_judge(const struct conf_pool *pool, enum ctl_quorum_state state,
	uint64_t weight, bool has_all_verdicts) ANY_THREAD;
/* The state that a command is to be started for now: UNKNOWN: none. One runs at a time; after it,
 * the newest state counts, and not those between. */
enum ctl_quorum_state ctl_quorum_next_run(const struct ctl_quorum *quorum) ANY_THREAD;
/* "unknown", "up", "down". */
const char *ctl_quorum_state_name(enum ctl_quorum_state state) ANY_THREAD;

/* ---- quorum_run.c ------------------------------------------------------------------------------
 */

/* After any change of a half's weights: judges, logs, starts a command. */
void ctl_quorum_update(struct ctl *ctl, unsigned service) ON_CONTROL;
/* Commands are run from here on. `channel` must outlive it. -ENOMEM. */
int ctl_quorum_start(struct ctl *ctl, struct spawn_channel *channel) ON_CONTROL;
/* No command is heard of any more. NULL-safe. */
void ctl_quorum_stop(struct ctl *ctl) ON_CONTROL;
/* Now and then: commands that were not run for lack of a place, and such as were not heard of. */
void ctl_quorum_retry(struct ctl *ctl) ON_CONTROL;
