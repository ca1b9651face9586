#pragma once

#include "base/thread.h"

#include <stdint.h>

/* The control thread's real-time priority: the lease must be renewed however busy the machine is.
 *
 * Threads and processes that the thread makes later do not inherit it. Nobody below it gets the
 * CPU while it works, which may be a worker's: so the loop takes half of the time at most. */

/* Gives the calling thread the lowest real-time priority. -EPERM where that is not allowed. */
int ctl_realtime_enter(void) ON_CONTROL;
/* Back to an ordinary thread, before waiting for others in loops. */
void ctl_realtime_leave(void) ON_CONTROL;

/* What the loop owes to the others on its CPU. All zero at first. */
struct ctl_realtime_debt {
	int64_t us;
};

enum { CTL_REALTIME_CREDIT_US = 2000, CTL_REALTIME_MAX_REST_US = 5000 };

/* After a turn of `work_us` on the CPU, which began wall_us after the last one did: how long to
 * rest now, 0 for not at all. Over any longer time no more than half is worked. Pure. */
unsigned ctl_realtime_rest_us(struct ctl_realtime_debt *d, int64_t work_us, int64_t wall_us);

/* Takes that rest, until `wake_fd` is readable (-1: nothing ends it), but 0.5 ms of it in any case;
 * what is left stays owed. */
struct ctl_realtime_clock {
	struct ctl_realtime_debt debt;
	int64_t cpu_us, wall_us; // at the last call; 0: none yet
};
void ctl_realtime_pause(struct ctl_realtime_clock *c, int wake_fd) ON_CONTROL;
