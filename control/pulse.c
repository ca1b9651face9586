/* The watchdog's judgement. A worker that is told to rest sleeps for well under a millisecond,
 * so a counter that stands for CTL_PULSE_STUCK_MS means that something else holds the thread.
 *
 * That is said of time that was watched. A process that was stopped as a whole, or a machine that
 * was moved, goes on with the watchdog as a rule, before the worker had a chance. */
#include "control/pulse.h"

enum ctl_pulse_news ctl_pulse_look(
	struct ctl_pulse *p, uint64_t loops, int64_t now_ms, int64_t *ret_stood_ms)
{
	const int64_t gap_ms = now_ms - p->looked_ms;
	int64_t stood_ms;
	bool was_stuck = p->is_stuck;

	if (p->is_known && !was_stuck && gap_ms > CTL_PULSE_LATE_MS)
		p->at_ms += gap_ms - CTL_PULSE_LATE_MS;
	p->looked_ms = now_ms;
	stood_ms = now_ms - p->at_ms;
	if (!p->is_known || loops != p->loops) {
		*p = (struct ctl_pulse){
			.loops = loops, .at_ms = now_ms, .looked_ms = now_ms, .is_known = true};
		if (!was_stuck)
			return CTL_PULSE_NO_NEWS;
		*ret_stood_ms = stood_ms;
		return CTL_PULSE_TURNS_AGAIN;
	}
	if (was_stuck || stood_ms < CTL_PULSE_STUCK_MS)
		return CTL_PULSE_NO_NEWS;
	p->is_stuck = true;
	*ret_stood_ms = stood_ms;
	return CTL_PULSE_STUCK;
}
