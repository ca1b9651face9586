/* Looks whether the workers' loops turn. A worker that stands still (a driver that does not
 * return, a CPU that was taken away) forwards nothing, and nobody else would say so. */
#include "control/loop.h"

#include "control/events.h"

#include <stdio.h>

enum { NUMBER_LEN = 12 };

static void tell_stuck(struct ctl *ctl, unsigned worker, unsigned cpu, int64_t for_ms) ON_CONTROL;
static void tell_stuck(struct ctl *ctl, unsigned worker, unsigned cpu, int64_t for_ms)
{
	char object[NUMBER_LEN];

	(void)snprintf(object, sizeof(object), "%u", worker);
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_WORKER,
			.level = LOG_LEVEL_ERROR,
			.object = object,
			.before = "turning",
			.after = "stuck",
			.cause = "watchdog"},
		"worker %u: stuck: its loop stands still cpu=%u for_ms=%lld", worker, cpu,
		(long long)for_ms);
}

static void tell_turns(struct ctl *ctl, unsigned worker, unsigned cpu, int64_t stood_ms) ON_CONTROL;
static void tell_turns(struct ctl *ctl, unsigned worker, unsigned cpu, int64_t stood_ms)
{
	char object[NUMBER_LEN];

	(void)snprintf(object, sizeof(object), "%u", worker);
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_WORKER,
			.level = LOG_LEVEL_NOTICE,
			.object = object,
			.before = "stuck",
			.after = "turning",
			.cause = "watchdog"},
		"worker %u: turns again: cpu=%u stood_ms=%lld", worker, cpu, (long long)stood_ms);
}

void ctl_watchdog_look(struct ctl *ctl)
{
	int64_t now_ms = ctl_monotonic_ms(), stood_ms;

	for (unsigned i = 0; i < dp_n_workers(ctl->dp); i++) {
		struct dp_worker_stats stats;

		dp_read_worker(ctl->dp, i, &stats);
		switch (ctl_pulse_look(&ctl->pulses[i], stats.loops, now_ms, &stood_ms)) {
		case CTL_PULSE_NO_NEWS:
			break;
		case CTL_PULSE_STUCK:
			tell_stuck(ctl, i, stats.cpu, stood_ms);
			break;
		case CTL_PULSE_TURNS_AGAIN:
			tell_turns(ctl, i, stats.cpu, stood_ms);
			break;
		}
	}
}
