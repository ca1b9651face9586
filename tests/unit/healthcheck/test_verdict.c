/* The verdict core: every short sequence of results against a naive model, and the time bounds
 * of verdicts on a clock that only jumps from probe to probe. */
#include "healthcheck/verdict.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_LENGTH = 12, US_PER_MS = 1000, SEED = 20240229 };

/* ---- sequences ---------------------------------------------------------------------------- */

/* The last n of `results` (those that were made) are all `want`. */
static bool ends_with(const enum hc_result *results, unsigned len, unsigned n, enum hc_result want)
{
	if (n > len)
		return false;
	for (unsigned i = len - n; i < len; i++)
		if (results[i] != want)
			return false;
	return true;
}

/* The rule as it stands in the manual, without counters: looks back over all results. */
static enum hc_state naive_state(
	const struct conf_check *check, const enum hc_result *results, unsigned len)
{
	enum hc_result made[MAX_LENGTH];
	enum hc_state state = HC_UNKNOWN;
	unsigned n = 0;

	for (unsigned i = 0; i < len; i++) {
		if (results[i] == HC_NOT_MADE)
			continue;
		made[n++] = results[i];
		if (state == HC_UNKNOWN)
			state = results[i] == HC_OK ? HC_UP : HC_DOWN;
		else if (state == HC_UP && ends_with(made, n, check->fall, HC_FAILED))
			state = HC_DOWN;
		else if (state == HC_DOWN && ends_with(made, n, check->rise, HC_OK))
			state = HC_UP;
	}
	return state;
}

static enum hc_event naive_event(enum hc_state before, enum hc_state after)
{
	if (before == after)
		return HC_EVENT_NONE;
	return after == HC_UP ? HC_EVENT_UP : HC_EVENT_DOWN;
}

struct walk {
	const struct conf_check *check;
	enum hc_result last; // of the results that are tried
	unsigned length;
	enum hc_result results[MAX_LENGTH];
	unsigned long n_steps;
};

/* Tries every continuation of the first `len` results, which led to `verdict`. */
static void walk_all(struct walk *w, unsigned len, struct hc_verdict verdict)
{
	if (len == w->length)
		return;
	for (enum hc_result result = HC_OK; result <= w->last; result++) {
		const int64_t now_us = 1000 + len;
		struct hc_step step = hc_verdict_step(w->check, verdict, result, now_us);
		enum hc_state want;

		w->results[len] = result;
		want = naive_state(w->check, w->results, len + 1);
		if (step.next.state != want || step.event != naive_event(verdict.state, want))
			fail_msg("fall=%u rise=%u length=%u", w->check->fall, w->check->rise,
				len + 1);
		if (step.next.since_us != (step.event ? now_us : verdict.since_us))
			fail_msg("since: fall=%u rise=%u length=%u", w->check->fall, w->check->rise,
				len + 1);
		w->n_steps++;
		walk_all(w, len + 1, step.next);
	}
}

static void every_sequence_up_to_12_results_agrees_with_naive_model(void **state)
{
	static const unsigned pairs[][2] = {{1, 1}, {3, 2}, {2, 3}, {1, 4}, {5, 1}, {13, 12}};

	(void)state;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct conf_check check = {.fall = pairs[i][0], .rise = pairs[i][1]};
		struct walk w = {.check = &check, .last = HC_NOT_MADE, .length = MAX_LENGTH};

		walk_all(&w, 0, (struct hc_verdict){0});
		assert_int_equal(w.n_steps, 797160); // 3 + 9 + ... + 3^12
	}
}

static void every_fall_and_rise_up_to_5_agrees_with_naive_model(void **state)
{
	(void)state;
	for (unsigned fall = 1; fall <= 5; fall++) {
		for (unsigned rise = 1; rise <= 5; rise++) {
			const struct conf_check check = {.fall = fall, .rise = rise};
			struct walk w = {.check = &check, .last = HC_FAILED, .length = MAX_LENGTH};

			walk_all(&w, 0, (struct hc_verdict){0});
			assert_int_equal(w.n_steps, 8190); // 2 + 4 + ... + 2^12
			w = (struct walk){.check = &check, .last = HC_NOT_MADE, .length = 8};
			walk_all(&w, 0, (struct hc_verdict){0});
			assert_int_equal(w.n_steps, 9840); // 3 + 9 + ... + 3^8
		}
	}
}

static void first_result_decides_either_way(void **state)
{
	const struct conf_check check = {.fall = 3, .rise = 2};
	struct hc_step step;

	(void)state;
	step = hc_verdict_step(&check, (struct hc_verdict){0}, HC_OK, 5);
	assert_int_equal(step.event, HC_EVENT_UP);
	assert_int_equal(step.next.since_us, 5);
	step = hc_verdict_step(&check, (struct hc_verdict){0}, HC_FAILED, 5);
	assert_int_equal(step.event, HC_EVENT_DOWN);
	step = hc_verdict_step(&check, (struct hc_verdict){0}, HC_NOT_MADE, 5);
	assert_int_equal(step.event, HC_EVENT_NONE);
	assert_int_equal(step.next.state, HC_UNKNOWN);
}

static void probe_that_could_not_be_made_breaks_no_row(void **state)
{
	const struct conf_check check = {.fall = 2, .rise = 2};
	struct hc_verdict v = {.state = HC_UP};

	(void)state;
	v = hc_verdict_step(&check, v, HC_FAILED, 1).next;
	v = hc_verdict_step(&check, v, HC_NOT_MADE, 2).next;
	assert_int_equal(v.state, HC_UP);
	assert_int_equal(hc_verdict_step(&check, v, HC_FAILED, 3).event, HC_EVENT_DOWN);
}

/* ---- pauses ------------------------------------------------------------------------------- */

static const struct conf_check defaults = {
	.interval_ms = 5000, .timeout_ms = 3000, .retry_ms = 1000, .fall = 3, .rise = 2};

static void pause_after_failure_depends_on_verdict(void **state)
{
	const struct hc_verdict up = {.state = HC_UP}, down = {.state = HC_DOWN};
	const struct hc_run run = {.started_us = 10000000, .ended_us = 13000000, .grid_us = 0};

	(void)state;
	assert_int_equal(hc_verdict_next_us(&defaults, &up, HC_FAILED, &run), 14000000);
	assert_int_equal(hc_verdict_next_us(&defaults, &down, HC_FAILED, &run), 15000000);
	assert_int_equal(hc_verdict_next_us(&defaults, &up, HC_OK, &run), 15000000);
	assert_int_equal(hc_verdict_next_us(&defaults, &down, HC_OK, &run), 15000000);
	assert_int_equal(hc_verdict_next_us(&defaults, &up, HC_NOT_MADE, &run), 14000000);
	assert_int_equal(hc_verdict_next_us(&defaults, &down, HC_NOT_MADE, &run), 14000000);
}

static void probe_not_made_is_tried_again_with_a_pause_even_without_retry(void **state)
{
	const struct conf_check check = {.interval_ms = 5000};
	const struct conf_check fast = {.interval_ms = 50, .retry_ms = 1000};
	const struct hc_run run = {.started_us = 7, .ended_us = 7, .grid_us = 0};
	const struct hc_verdict unknown = {0};

	(void)state;
	assert_int_equal(hc_verdict_next_us(&check, &unknown, HC_NOT_MADE, &run), 100007);
	assert_int_equal(hc_verdict_next_us(&fast, &unknown, HC_NOT_MADE, &run), 50007);
}

static void next_start_is_the_first_on_the_grid_but_not_before_the_end(void **state)
{
	const struct hc_verdict up = {.state = HC_UP};
	struct hc_run run = {.grid_us = 1234567};

	(void)state;
	for (int64_t k = -3; k <= 3; k++) {
		const int64_t on_grid_us = run.grid_us + k * 5000000;

		run.started_us = run.ended_us = on_grid_us;
		assert_int_equal(
			hc_verdict_next_us(&defaults, &up, HC_OK, &run), on_grid_us + 5000000);
		run.started_us = run.ended_us = on_grid_us - 1;
		assert_int_equal(hc_verdict_next_us(&defaults, &up, HC_OK, &run), on_grid_us);
		run.ended_us = on_grid_us + 2000000;
		assert_int_equal(hc_verdict_next_us(&defaults, &up, HC_OK, &run), run.ended_us);
	}
}

/* Whatever the result and however long it took: never before the end, never a pause that is longer
 * than the rules allow, and never two regular starts off the grid. */
static void pause_is_within_its_bounds_whatever_happened(void **state)
{
	(void)state;
	print_message("seed %d\n", SEED);
	srand48(SEED);
	for (unsigned i = 0; i < 200000; i++) {
		const struct conf_check check = {.interval_ms = (uint32_t)(1 + lrand48() % 10000),
			.retry_ms = (uint32_t)(lrand48() % 5000)};
		const int64_t interval_us = (int64_t)check.interval_ms * US_PER_MS;
		const struct hc_verdict verdict = {.state = (enum hc_state)(lrand48() % 3)};
		const enum hc_result result = (enum hc_result)(lrand48() % 3);
		struct hc_run run = {.started_us = lrand48(), .grid_us = lrand48()};
		const bool is_retry = result == HC_FAILED && verdict.state == HC_UP;
		int64_t next_us;

		run.ended_us = run.started_us + lrand48() % (2 * interval_us);
		next_us = hc_verdict_next_us(&check, &verdict, result, &run);
		assert_true(next_us >= run.ended_us);
		if (is_retry)
			assert_int_equal(next_us - run.ended_us, check.retry_ms * US_PER_MS);
		else if (result == HC_NOT_MADE)
			assert_true(
				next_us > run.ended_us && next_us - run.ended_us <= interval_us);
		else if (next_us != run.ended_us)
			assert_true(next_us - run.started_us <= interval_us &&
				    (next_us - run.grid_us) % interval_us == 0);
	}
}

/* ---- bounds ------------------------------------------------------------------------------- */

enum outage { REFUSES, BLACK_HOLE };

/* A server that is healthy, is gone from dies_us to returns_us, and is healthy again. */
struct sim {
	struct conf_check check;
	int64_t grid_us;
	enum outage outage;
	int64_t dies_us;
	int64_t returns_us;
	int64_t down_us; // when the verdict came
	int64_t up_us;
};

static bool is_gone(const struct sim *s, int64_t at_us)
{
	return at_us >= s->dies_us && at_us < s->returns_us;
}

static int64_t up_bound_us(const struct sim *s)
{
	return (int64_t)s->check.interval_ms * s->check.rise * US_PER_MS;
}

static void simulate(struct sim *s)
{
	struct hc_verdict verdict = {0};
	struct hc_run run = {.grid_us = s->grid_us};

	s->down_us = s->up_us = 0;
	while (!s->up_us) {
		enum hc_result result = is_gone(s, run.started_us) ? HC_FAILED : HC_OK;
		struct hc_step step;

		run.ended_us = run.started_us;
		if (result == HC_FAILED && s->outage == BLACK_HOLE)
			run.ended_us += (int64_t)s->check.timeout_ms * US_PER_MS;
		step = hc_verdict_step(&s->check, verdict, result, run.ended_us);
		verdict = step.next;
		if (step.event == HC_EVENT_DOWN)
			s->down_us = run.ended_us;
		if (step.event == HC_EVENT_UP && s->down_us)
			s->up_us = run.ended_us;
		run.started_us = hc_verdict_next_us(&s->check, &verdict, result, &run);
		assert_true(run.started_us >= run.ended_us);
		// a verdict that never comes must not hang the test
		assert_true(run.started_us <= s->returns_us + 2 * up_bound_us(s));
	}
}

static int64_t down_bound_us(const struct sim *s)
{
	const struct conf_check *c = &s->check;
	int64_t bound_ms = c->interval_ms + (c->fall - 1) * (int64_t)c->retry_ms;

	if (s->outage == BLACK_HOLE)
		bound_ms += c->fall * (int64_t)c->timeout_ms;
	return bound_ms * US_PER_MS;
}

static int64_t below(int64_t limit)
{
	return (int64_t)((double)limit * drand48());
}

static struct sim random_sim(void)
{
	struct sim s = {.outage = lrand48() % 2 ? BLACK_HOLE : REFUSES};

	s.check.interval_ms = (uint32_t)(10 + below(5000));
	s.check.timeout_ms = (uint32_t)(1 + below(s.check.interval_ms)); // up to interval
	s.check.retry_ms = (uint32_t)below(2000);
	s.check.fall = (unsigned)(1 + below(5));
	s.check.rise = (unsigned)(1 + below(5));
	s.grid_us = 1 + below((int64_t)s.check.interval_ms * US_PER_MS);
	return s;
}

static void verdicts_come_within_their_bounds(void **state)
{
	(void)state;
	print_message("seed %d\n", SEED);
	srand48(SEED);
	for (unsigned i = 0; i < 20000; i++) {
		struct sim s = random_sim();
		const int64_t interval_us = (int64_t)s.check.interval_ms * US_PER_MS;

		// after the first probe: before it, the first verdict needs one result
		s.dies_us = 1 + below(4 * interval_us);
		s.returns_us = s.dies_us + down_bound_us(&s) + below(4 * interval_us);
		simulate(&s);
		assert_in_range(s.down_us - s.dies_us, 0, down_bound_us(&s));
		assert_in_range(s.up_us - s.returns_us, 0, up_bound_us(&s));
	}
}

/* The bounds are not slack: a server that dies or returns just after a probe meets them. */
static void bounds_are_met_exactly_in_the_worst_case(void **state)
{
	(void)state;
	for (enum outage outage = REFUSES; outage <= BLACK_HOLE; outage++) {
		struct sim s = {.check = defaults, .outage = outage, .grid_us = 5000000};

		s.dies_us = 10000001;
		s.returns_us = 1000000000;
		simulate(&s);
		assert_int_equal(s.down_us - s.dies_us, down_bound_us(&s) - 1);
		s.returns_us = 100000001; // 1 us after a regular start
		simulate(&s);
		assert_int_equal(s.up_us - s.returns_us, up_bound_us(&s) - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sequence_up_to_12_results_agrees_with_naive_model),
		cmocka_unit_test(every_fall_and_rise_up_to_5_agrees_with_naive_model),
		cmocka_unit_test(first_result_decides_either_way),
		cmocka_unit_test(probe_that_could_not_be_made_breaks_no_row),
		cmocka_unit_test(pause_after_failure_depends_on_verdict),
		cmocka_unit_test(probe_not_made_is_tried_again_with_a_pause_even_without_retry),
		cmocka_unit_test(next_start_is_the_first_on_the_grid_but_not_before_the_end),
		cmocka_unit_test(pause_is_within_its_bounds_whatever_happened),
		cmocka_unit_test(verdicts_come_within_their_bounds),
		cmocka_unit_test(bounds_are_met_exactly_in_the_worst_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
