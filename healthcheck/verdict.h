#pragma once

#include "healthcheck/health.h"

/* What results make of a server's verdict, and when to look again. Pure: time comes in as
 * microseconds of any clock that does not jump. */

enum hc_result {
	HC_OK,
	HC_FAILED,
	/* The probe could not be made here (no descriptor, no memory, no local port): it says
	 * nothing about the server and counts neither way. */
	HC_NOT_MADE,
};

enum hc_event { HC_EVENT_NONE, HC_EVENT_UP, HC_EVENT_DOWN };

/* All zero: nothing known yet. */
struct hc_verdict {
	enum hc_state state;
	unsigned n_against; // results in a row that speak against `state`
	int64_t since_us;   // of `state`; 0 while unknown
};

struct hc_step {
	struct hc_verdict next;
	enum hc_event event; // not NONE exactly if next.state differs from the state before
};

/* check->fall failures in a row bring an up server down, check->rise successes in a row a down
 * one up; the very first verdict needs one result, either way. */
struct hc_step hc_verdict_step(const struct conf_check *check, struct hc_verdict verdict,
	enum hc_result result, int64_t now_us);

/* One probe that is over. */
struct hc_run {
	int64_t started_us; // not before it was due
	int64_t ended_us;
	int64_t grid_us; // one of the target's regular start times, past or future
};

/* When the next probe is due; never before run->ended_us. `verdict` is the one after `result`.
 *
 * After a failure while the server still counts as up: `retry` after the end. Otherwise at the
 * target's next regular start (grid_us plus a multiple of `interval`): at most `interval` after
 * this start, and less only to get back into step after the first probe or a retry. So
 * targets whose grids differ stay apart, and the bounds of the verdicts hold:
 * down within interval + fall * timeout + (fall - 1) * retry, up within rise * interval. */
int64_t hc_verdict_next_us(const struct conf_check *check, const struct hc_verdict *verdict,
	enum hc_result result, const struct hc_run *run);
