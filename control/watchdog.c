/* Looks whether the workers' loops turn. A worker that stands still (a driver that does not
 * return, a CPU that was taken away) forwards nothing, and nobody else would say so. */
#include "control/loop.h"

#include "base/log.h"

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
			log_error("worker %u: stuck: its loop stands still cpu=%u for_ms=%lld", i,
				stats.cpu, (long long)stood_ms);
			break;
		case CTL_PULSE_TURNS_AGAIN:
			log_notice("worker %u: turns again: cpu=%u stood_ms=%lld", i, stats.cpu,
				(long long)stood_ms);
			break;
		}
	}
}
