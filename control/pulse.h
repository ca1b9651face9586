#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whether a loop turns, judged by its counter. Pure: the caller brings counter and clock. */

enum { CTL_PULSE_STUCK_MS = 100, CTL_PULSE_LATE_MS = 50 };

/* All zero: not looked at yet. */
struct ctl_pulse {
	uint64_t loops;
	int64_t at_ms;     // when they last changed
	int64_t looked_ms; // last
	bool is_known;
	bool is_stuck;
};

enum ctl_pulse_news { CTL_PULSE_NO_NEWS, CTL_PULSE_STUCK, CTL_PULSE_TURNS_AGAIN };

/* Takes a reading, more often than every CTL_PULSE_LATE_MS: of a longer gap the rest does not
 * count, since who looks may have been stopped together with the loop. With news, *ret_stood_ms is
 * for how long the counter stood (or has stood). */
enum ctl_pulse_news ctl_pulse_look(
	struct ctl_pulse *p, uint64_t loops, int64_t now_ms, int64_t *ret_stood_ms);
