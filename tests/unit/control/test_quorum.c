/* The quorum core: against a naive model over random walks, its edges, and the order of commands.
 */
#include "control/quorum.h"

#include "conf/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { N_WALKS = 2000, N_STEPS = 200, MAX_WEIGHT = 12 };

static enum ctl_quorum_state judge(unsigned quorum, unsigned hysteresis,
	enum ctl_quorum_state state, uint64_t weight, bool has_all)
{
	const struct conf_pool pool = {.quorum = quorum, .hysteresis = hysteresis};

	return ctl_quorum_judge(&pool, state, weight, has_all);
}

/* Signed and one rule after the other, as the manual says it. */
static enum ctl_quorum_state naive(
	long quorum, long hysteresis, enum ctl_quorum_state state, long weight, bool has_all)
{
	const bool may_rise = weight >= quorum + hysteresis && weight != 0;
	const bool must_fall = weight < quorum - hysteresis || weight == 0;

	if (state == CTL_QUORUM_UP)
		return must_fall ? CTL_QUORUM_DOWN : CTL_QUORUM_UP;
	if (may_rise)
		return CTL_QUORUM_UP;
	if (state == CTL_QUORUM_UNKNOWN && !has_all)
		return CTL_QUORUM_UNKNOWN;
	return CTL_QUORUM_DOWN;
}

static void random_walks_agree_with_the_naive_model(void **state)
{
	const unsigned seed = (unsigned)time(NULL);

	(void)state;
	(void)printf("seed %u\n", seed);
	srandom(seed);
	for (unsigned walk = 0; walk < N_WALKS; walk++) {
		const unsigned quorum = 1 + (unsigned)random() % MAX_WEIGHT;
		const unsigned hysteresis = (unsigned)random() % (quorum + 2);
		enum ctl_quorum_state is = CTL_QUORUM_UNKNOWN;
		bool has_all = false;

		for (unsigned i = 0; i < N_STEPS; i++) {
			const unsigned weight = (unsigned)random() % (2 * MAX_WEIGHT);
			enum ctl_quorum_state expected;

			has_all |= random() % 16 == 0;
			expected = naive(quorum, hysteresis, is, weight, has_all);
			is = judge(quorum, hysteresis, is, weight, has_all);
			assert_int_equal(is, expected);
		}
	}
}

static void a_quorum_is_reached_and_lost_at_its_edges(void **state)
{
	static const struct {
		unsigned quorum, hysteresis;
		enum ctl_quorum_state from;
		uint64_t weight;
		enum ctl_quorum_state to;
	} cells[] = {
		{3, 1, CTL_QUORUM_DOWN, 3, CTL_QUORUM_DOWN},
		{3, 1, CTL_QUORUM_DOWN, 4, CTL_QUORUM_UP},
		{3, 1, CTL_QUORUM_UP, 2, CTL_QUORUM_UP},
		{3, 1, CTL_QUORUM_UP, 1, CTL_QUORUM_DOWN},
		{1, 0, CTL_QUORUM_DOWN, 1, CTL_QUORUM_UP},
		{1, 0, CTL_QUORUM_UP, 0, CTL_QUORUM_DOWN},
		// as much hysteresis as quorum: nothing at all is still lost
		{2, 2, CTL_QUORUM_UP, 1, CTL_QUORUM_UP},
		{2, 2, CTL_QUORUM_UP, 0, CTL_QUORUM_DOWN},
		// no sum overflows
		{UINT32_MAX, UINT32_MAX, CTL_QUORUM_DOWN, UINT32_MAX, CTL_QUORUM_DOWN},
		{UINT32_MAX, UINT32_MAX, CTL_QUORUM_DOWN, UINT64_C(2) * UINT32_MAX, CTL_QUORUM_UP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		assert_int_equal(judge(cells[i].quorum, cells[i].hysteresis, cells[i].from,
					 cells[i].weight, true),
			cells[i].to);
}

static void nothing_is_lost_before_all_verdicts_are_there(void **state)
{
	(void)state;
	assert_int_equal(judge(3, 0, CTL_QUORUM_UNKNOWN, 0, false), CTL_QUORUM_UNKNOWN);
	assert_int_equal(judge(3, 0, CTL_QUORUM_UNKNOWN, 2, false), CTL_QUORUM_UNKNOWN);
	assert_int_equal(judge(3, 0, CTL_QUORUM_UNKNOWN, 3, false), CTL_QUORUM_UP);
	assert_int_equal(judge(3, 0, CTL_QUORUM_UNKNOWN, 2, true), CTL_QUORUM_DOWN);
	// reached early and lost again: that is a loss
	assert_int_equal(judge(3, 0, CTL_QUORUM_UP, 2, false), CTL_QUORUM_DOWN);
}

static void one_command_runs_at_a_time_and_the_newest_state_wins(void **state)
{
	struct ctl_quorum q = {.state = CTL_QUORUM_UNKNOWN};

	(void)state;
	assert_int_equal(ctl_quorum_next_run(&q), CTL_QUORUM_UNKNOWN);
	q.state = CTL_QUORUM_UP;
	assert_int_equal(ctl_quorum_next_run(&q), CTL_QUORUM_UP);
	q.told = CTL_QUORUM_UP;
	q.is_running = true;
	q.state = CTL_QUORUM_DOWN;
	assert_int_equal(ctl_quorum_next_run(&q), CTL_QUORUM_UNKNOWN);
	q.state = CTL_QUORUM_UP; // and back, while it still runs
	q.is_running = false;
	assert_int_equal(ctl_quorum_next_run(&q), CTL_QUORUM_UNKNOWN);
	q.state = CTL_QUORUM_DOWN;
	assert_int_equal(ctl_quorum_next_run(&q), CTL_QUORUM_DOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_walks_agree_with_the_naive_model),
		cmocka_unit_test(a_quorum_is_reached_and_lost_at_its_edges),
		cmocka_unit_test(nothing_is_lost_before_all_verdicts_are_there),
		cmocka_unit_test(one_command_runs_at_a_time_and_the_newest_state_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
