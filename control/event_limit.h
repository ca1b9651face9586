#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* How many lines one object may put into the log: what a peer can make change as often as it likes
 * must not fill the disk. Pure; times are of one clock, which does not go back. */

enum { CTL_EVENT_LINES = 10, CTL_EVENT_WINDOW_MS = 60000 };

/* An object's. All zero to begin. */
struct ctl_event_limit {
	int64_t begun_ms;                   // the window
	unsigned n_lines;                   // that went out in it
	unsigned n_kept;                    // that were kept back since; 0: none
	uint64_t last;                      // number of the last event that was; the owner's
	TAILQ_ENTRY(ctl_event_limit) entry; // while n_kept > 0; the owner's
};

/* Whether a line may go out now; else it is counted. Once lines were kept back, all are, until
 * that has been told. */
bool ctl_event_limit_admit(struct ctl_event_limit *limit, int64_t now_ms) ANY_THREAD;
/* Whether it is time to tell of those that were kept back. */
bool ctl_event_limit_is_due(const struct ctl_event_limit *limit, int64_t now_ms) ANY_THREAD;
/* They have been told of, which is the first line of the next window. How many there were. */
unsigned ctl_event_limit_restart(struct ctl_event_limit *limit, int64_t now_ms) ANY_THREAD;
