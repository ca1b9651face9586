/* SCHED_RR at the lowest priority is above everything ordinary and below whatever else an operator
 * runs in real time. SCHED_RESET_ON_FORK keeps it from children of every kind.
 *
 * The pace: work on the CPU is a debt, time off it pays back. A storm (routes by the ten thousand,
 * somebody asking for everything in a loop) is then worked off in pieces, with the workers that
 * share the CPU in between. */
#include "control/realtime.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <time.h>

enum { SURE_REST_NS = 500000 };

int ctl_realtime_enter(void)
{
	const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0 ? 0 : -errno;
}

void ctl_realtime_leave(void)
{
	const struct sched_param ordinary = {.sched_priority = 0};

	// may fail only where it was never entered
	(void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &ordinary);
}

unsigned ctl_realtime_rest_us(struct ctl_realtime_debt *d, int64_t work_us, int64_t wall_us)
{
	// each microsecond of work is to be followed by one of something else
	d->us += 2 * work_us - wall_us;
	if (d->us < 0)
		d->us = 0;
	if (d->us <= CTL_REALTIME_CREDIT_US)
		return 0;
	return d->us < CTL_REALTIME_MAX_REST_US ? (unsigned)d->us : CTL_REALTIME_MAX_REST_US;
}

static int64_t read_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void ctl_realtime_pause(struct ctl_realtime_clock *c, int wake_fd)
{
	int64_t cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID), wall_us = read_us(CLOCK_MONOTONIC);
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	struct timespec first = {0}, pause = {0};
	unsigned rest_us = 0;

	if (c->wall_us != 0)
		rest_us = ctl_realtime_rest_us(&c->debt, cpu_us - c->cpu_us, wall_us - c->wall_us);
	c->cpu_us = cpu_us;
	c->wall_us = wall_us;
	if (rest_us == 0)
		return;
	pause.tv_nsec = (long)rest_us * 1000;
	// a part of it in any case: who keeps wake_fd readable must not keep the CPU
	first.tv_nsec = pause.tv_nsec < SURE_REST_NS ? pause.tv_nsec : SURE_REST_NS;
	(void)nanosleep(&first, NULL);
	pause.tv_nsec -= first.tv_nsec;
	(void)ppoll(&wake, 1, &pause, NULL);
}
