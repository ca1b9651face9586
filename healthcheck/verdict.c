/* The verdict core: (state, result, time) -> (state, event), and the pause before the next
 * probe. Pure: no clock, no socket, no memory. What a result means for the services is the
 * control thread's business. */
#include "healthcheck/verdict.h"

#include <assert.h>

enum {
	US_PER_MS = 1000,
	// after a probe that could not be made here, even with `retry` = 0
	MIN_PAUSE_MS = 100,
};

static struct hc_step turn(enum hc_state to, int64_t now_us)
{
	return (struct hc_step){
		.next = {.state = to, .since_us = now_us},
		.event = to == HC_UP ? HC_EVENT_UP : HC_EVENT_DOWN,
	};
}

struct hc_step hc_verdict_step(const struct conf_check *check, struct hc_verdict verdict,
	enum hc_result result, int64_t now_us)
{
	const enum hc_state shown = result == HC_OK ? HC_UP : HC_DOWN;
	const unsigned needed = result == HC_OK ? check->rise : check->fall;

	if (result == HC_NOT_MADE)
		return (struct hc_step){.next = verdict};
	if (verdict.state == HC_UNKNOWN)
		return turn(shown, now_us);
	if (verdict.state == shown) {
		verdict.n_against = 0;
		return (struct hc_step){.next = verdict};
	}

	verdict.n_against++;
	if (verdict.n_against >= needed)
		return turn(shown, now_us);
	return (struct hc_step){.next = verdict};
}

/* The first time after `after_us` that is a multiple of `step_us` away from `grid_us`. */
static int64_t next_on_grid(int64_t grid_us, int64_t step_us, int64_t after_us)
{
	int64_t past_us = (after_us - grid_us) % step_us;

	if (past_us < 0)
		past_us += step_us;
	return after_us - past_us + step_us;
}

int64_t hc_verdict_next_us(const struct conf_check *check, const struct hc_verdict *verdict,
	enum hc_result result, const struct hc_run *run)
{
	uint32_t pause_ms = check->retry_ms;
	int64_t next_us;

	assert(check->interval_ms > 0);
	if (result == HC_FAILED && verdict->state == HC_UP)
		return run->ended_us + (int64_t)pause_ms * US_PER_MS;
	if (result == HC_NOT_MADE) {
		pause_ms = pause_ms < MIN_PAUSE_MS ? MIN_PAUSE_MS : pause_ms;
		pause_ms = pause_ms > check->interval_ms ? check->interval_ms : pause_ms;
		return run->ended_us + (int64_t)pause_ms * US_PER_MS;
	}

	next_us = next_on_grid(
		run->grid_us, (int64_t)check->interval_ms * US_PER_MS, run->started_us);
	return next_us > run->ended_us ? next_us : run->ended_us;
}
