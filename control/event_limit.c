/* How many lines one object may put into the log. Pure. */
#include "control/event_limit.h"

bool ctl_event_limit_admit(struct ctl_event_limit *limit, int64_t now_ms)
{
	const bool is_over = limit->n_lines == 0 || now_ms - limit->begun_ms >= CTL_EVENT_WINDOW_MS;

	if (is_over && limit->n_kept == 0) {
		limit->begun_ms = now_ms;
		limit->n_lines = 0;
	}
	if (limit->n_kept == 0 && limit->n_lines < CTL_EVENT_LINES) {
		limit->n_lines++;
		return true;
	}
	limit->n_kept++;
	return false;
}

bool ctl_event_limit_is_due(const struct ctl_event_limit *limit, int64_t now_ms)
{
	return limit->n_kept > 0 && now_ms - limit->begun_ms >= CTL_EVENT_WINDOW_MS;
}

unsigned ctl_event_limit_restart(struct ctl_event_limit *limit, int64_t now_ms)
{
	unsigned n_kept = limit->n_kept;

	limit->begun_ms = now_ms;
	limit->n_lines = 1;
	limit->n_kept = 0;
	return n_kept;
}
