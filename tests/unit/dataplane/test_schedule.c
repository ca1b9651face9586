/* Weighted round robin against the rules of schedule.h. The oracle looks at every moment of
 * every server, as an exact fraction, and takes the first that is not used. */
#include "dataplane/schedule.h"

#include "seeded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SERVERS = 1024 };

/* One service's schedule and one worker's place in it. */
struct bench {
	struct dp_schedule schedule;
	struct dp_schedule_entry entries[MAX_SERVERS];
	struct dp_schedule_turn turns[MAX_SERVERS * DP_SCHEDULE_TURNS_EACH];
	struct dp_schedule_runner runners[MAX_SERVERS];
	struct dp_schedule_race race;
	struct dp_schedule_position position;
	uint16_t weights[MAX_SERVERS];
	unsigned n;
};

static void bench_publish(struct bench *b, const uint16_t *weights, unsigned n)
{
	memmove(b->weights, weights, n * sizeof(*weights));
	b->n = n;
	dp_schedule_init(&b->schedule, b->entries, weights, n);
	if (dp_schedule_count_turns(weights, n) > 0)
		dp_schedule_write_down(&b->schedule, b->turns, b->runners);
	memset(b->runners, 0xa5, sizeof(b->runners));
	b->race = (struct dp_schedule_race){.runners = b->runners};
}

static struct bench *bench_new(const uint16_t *weights, unsigned n)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->position = dp_schedule_start(0, 1);
	bench_publish(b, weights, n);
	return b;
}

static int bench_pick(struct bench *b)
{
	return dp_schedule_pick(&b->schedule, &b->race, &b->position);
}

static uint64_t total_weight(const uint16_t *weights, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += weights[i];
	return total;
}

/* ---- the oracle ------------------------------------------------------------------------ */

struct moment {
	unsigned __int128 numerator, denominator;
	int64_t server;
};

static int compare(const struct moment *a, const struct moment *b)
{
	unsigned __int128 left = a->numerator * b->denominator;
	unsigned __int128 right = b->numerator * a->denominator;

	if (left != right)
		return left < right ? -1 : 1;
	return a->server < b->server ? -1 : a->server > b->server;
}

/* The server's first moment behind `now`, k counted from where a division puts it, less one. */
static struct moment behind(
	const struct moment *now, unsigned server, uint16_t weight, unsigned n_servers)
{
	unsigned __int128 k = now->numerator * weight / now->denominator;
	struct moment m = {
		.denominator = (unsigned __int128)2 * n_servers * weight, .server = server};

	k = k > 0 ? k - 1 : 0;
	do {
		m.numerator = 2 * n_servers * k + 2 * server + 1;
		k++;
	} while (compare(&m, now) <= 0);
	return m;
}

static int oracle_pick(struct moment *now, const uint16_t *weights, unsigned n)
{
	struct moment best = {.numerator = 0};

	for (unsigned i = 0; i < n; i++) {
		struct moment m;

		if (weights[i] == 0)
			continue;
		m = behind(now, i, weights[i], n);
		if (best.denominator == 0 || compare(&m, &best) < 0)
			best = m;
	}
	if (best.denominator == 0)
		return DP_SCHEDULE_NONE;
	if (best.numerator >= best.denominator)
		best.numerator -= best.denominator;
	*now = best;
	return (int)best.server;
}

static struct moment start_of(const struct bench *b)
{
	return (struct moment){b->position.numerator, b->position.denominator, b->position.server};
}

static void random_weights(struct seeded *s, uint16_t *weights, unsigned n, unsigned max)
{
	for (unsigned i = 0; i < n; i++)
		weights[i] = seeded_below(s, 5) == 0 ? 0 : (uint16_t)seeded_below(s, max + 1);
}

/* ---- claims ---------------------------------------------------------------------------- */

static void check_cycles(const uint16_t *weights, unsigned n, unsigned n_cycles)
{
	uint64_t total = total_weight(weights, n);
	struct bench *b = bench_new(weights, n);

	for (unsigned c = 0; c < n_cycles; c++) {
		uint64_t picks[MAX_SERVERS] = {0};

		for (uint64_t i = 0; i < total; i++)
			picks[bench_pick(b)]++;
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(picks[i], weights[i]);
	}
	free(b);
}

static void every_cycle_gives_each_server_exactly_its_weight(void **state)
{
	struct seeded s = seeded_new(__func__);
	uint16_t weights[64] = {0};

	(void)state;
	for (int round = 0; round < 400; round++) {
		unsigned n = 1 + seeded_below(&s, 64);

		random_weights(&s, weights, n, round % 2 ? 300 : 7);
		check_cycles(weights, n, 3);
	}
}

/* 19,210 picks are ten cycles of 1 + 3 * 640. */
static void a_cycle_of_one_and_three_times_640_repeats_exactly(void **state)
{
	static const uint16_t weights[] = {1, 640, 640, 640};
	static const unsigned want[] = {10, 6400, 6400, 6400};
	unsigned picks[4] = {0};
	struct bench *b = bench_new(weights, 4);

	(void)state;
	for (int i = 0; i < 19210; i++)
		picks[bench_pick(b)]++;
	assert_memory_equal(picks, want, sizeof(want));
	free(b);
}

static void the_largest_weights_are_exact_too(void **state)
{
	static const uint16_t even[] = {65535, 65535, 65535};
	static const uint16_t odd[] = {65535, 1, 65534, 32768, 0, 7};

	(void)state;
	check_cycles(even, 3, 2);
	check_cycles(odd, 6, 2);
}

/* The numbers inside are at their largest here. */
static void a_thousand_servers_of_the_largest_weight_stay_exact(void **state)
{
	static const unsigned offsets[] = {0, 511, 1023};
	uint16_t weights[MAX_SERVERS] = {0};

	(void)state;
	for (unsigned i = 0; i < MAX_SERVERS; i++)
		weights[i] = (uint16_t)(65535 - i % 3);
	for (int round = 0; round < 3; round++) {
		struct bench *b = bench_new(weights, MAX_SERVERS);
		struct moment now;

		b->position = dp_schedule_start(offsets[round], 1024);
		if (round == 2) // just before the end of the cycle
			b->position = (struct dp_schedule_position){
				2048ull * 65535 - 2000, 2048ull * 65535, 5};
		now = start_of(b);
		for (int i = 0; i < 2500; i++)
			assert_int_equal(bench_pick(b), oracle_pick(&now, weights, MAX_SERVERS));
		free(b);
	}
}

static void no_weight_means_no_server(void **state)
{
	static const uint16_t weights[] = {0, 0, 0};
	struct bench *b = bench_new(weights, 3);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(bench_pick(b), DP_SCHEDULE_NONE);
	bench_publish(b, weights, 0);
	assert_int_equal(bench_pick(b), DP_SCHEDULE_NONE);
	free(b);
}

static void a_weight_of_zero_is_never_picked_and_a_single_server_always(void **state)
{
	static const uint16_t weights[] = {0, 3, 0};
	struct bench *b = bench_new(weights, 3);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bench_pick(b), 1);
	free(b);
}

/* Between two picks of a server lies one stride of its own; every other server has its share
 * of that stride, rounded up or down: so the gap is off by less than one for each. */
static void check_gaps(struct seeded *s, unsigned n, unsigned max)
{
	int64_t last[MAX_SERVERS];
	uint16_t weights[MAX_SERVERS] = {0};
	unsigned n_active = 0;
	struct bench *b;
	double total;

	random_weights(s, weights, n, max);
	for (unsigned i = 0; i < n; i++) {
		n_active += weights[i] > 0;
		last[i] = -1;
	}
	total = (double)total_weight(weights, n);
	b = bench_new(weights, n);
	for (int64_t at = 0; n_active > 0 && at < 3 * (int64_t)total; at++) {
		int server = bench_pick(b);
		double off = (double)(at - last[server]) - total / weights[server];

		if (last[server] >= 0)
			assert_true(off <= n_active && off >= -(double)n_active);
		last[server] = at;
	}
	free(b);
}

static void picks_of_a_server_are_evenly_spaced(void **state)
{
	struct seeded s = seeded_new(__func__);

	(void)state;
	for (int round = 0; round < 300; round++)
		check_gaps(&s, 1 + seeded_below(&s, 20), round % 2 ? 1000 : 10);
}

static void equal_weights_are_plain_round_robin(void **state)
{
	static const uint16_t weights[] = {20, 20, 20, 20, 20};
	struct bench *b = bench_new(weights, 5);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bench_pick(b), i % 5);
	free(b);
}

static void every_pick_is_the_earliest_unused_moment(void **state)
{
	struct seeded s = seeded_new(__func__);
	uint16_t weights[40] = {0};

	(void)state;
	for (int round = 0; round < 200; round++) {
		unsigned n = 1 + seeded_below(&s, 40);
		struct bench *b;
		struct moment now;

		random_weights(&s, weights, n, round % 2 ? 65535 : 9);
		b = bench_new(weights, n);
		now = start_of(b);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(bench_pick(b), oracle_pick(&now, weights, n));
		free(b);
	}
}

static void changed_weights_go_on_from_the_same_moment(void **state)
{
	struct seeded s = seeded_new(__func__);
	uint16_t weights[12] = {0};
	struct bench *b;
	struct moment now;

	(void)state;
	random_weights(&s, weights, 12, 10);
	b = bench_new(weights, 12);
	now = start_of(b);
	for (int i = 0; i < 50000; i++) {
		if (seeded_below(&s, 10) == 0) {
			unsigned n = 1 + seeded_below(&s, 12);

			random_weights(&s, weights, n, i % 3 ? 10 : 65535);
			bench_publish(b, weights, n);
		}
		assert_int_equal(bench_pick(b), oracle_pick(&now, b->weights, b->n));
	}
	free(b);
}

/* Such cycles are written down as one of their laps. */
static void weights_with_a_common_divisor_go_on_from_the_same_moment_too(void **state)
{
	struct seeded s = seeded_new(__func__);
	uint16_t weights[12] = {1};
	struct bench *b = bench_new(weights, 12);
	struct moment now = start_of(b);

	(void)state;
	for (int i = 0; i < 50000; i++) {
		if (seeded_below(&s, 20) == 0) {
			unsigned n = 1 + seeded_below(&s, 12);
			unsigned divisor = 1 + seeded_below(&s, i % 2 ? 3 : 10000);

			random_weights(&s, weights, n, 6);
			for (unsigned k = 0; k < n; k++)
				weights[k] = (uint16_t)(weights[k] * divisor);
			bench_publish(b, weights, n);
		}
		assert_int_equal(bench_pick(b), oracle_pick(&now, b->weights, b->n));
	}
	free(b);
}

static void publishing_the_same_weights_again_changes_nothing(void **state)
{
	struct seeded s = seeded_new(__func__);
	uint16_t weights[30] = {0};

	(void)state;
	for (int round = 0; round < 50; round++) {
		unsigned n = 1 + seeded_below(&s, 30);
		struct bench *calm, *busy;

		random_weights(&s, weights, n, 50);
		calm = bench_new(weights, n);
		busy = bench_new(weights, n);
		for (int i = 0; i < 2000; i++) {
			if (seeded_below(&s, 3) == 0)
				bench_publish(busy, weights, n);
			assert_int_equal(bench_pick(calm), bench_pick(busy));
		}
		free(calm);
		free(busy);
	}
}

/* `every` picks, then all weights change by up to `spread` around `middle`. Whoever restarted at
 * each change would favour the first servers without end. */
static void check_fairness_under_change(
	struct seeded *s, unsigned every, unsigned middle, unsigned spread)
{
	enum { N = 4, PICKS = 40000 };
	double expected[N] = {0};
	unsigned picks[N] = {0};
	uint16_t weights[N] = {1, 1, 1, 1};
	struct bench *b = bench_new(weights, N);

	for (unsigned i = 0; i < PICKS; i++) {
		if (i % every == 0) {
			for (unsigned k = 0; k < N; k++)
				weights[k] = (uint16_t)(middle - spread +
							seeded_below(s, 2 * spread + 1));
			bench_publish(b, weights, N);
		}
		for (unsigned k = 0; k < N; k++)
			expected[k] += weights[k] / (double)total_weight(weights, N);
		picks[bench_pick(b)]++;
	}
	for (unsigned k = 0; k < N; k++) {
		double off = picks[k] - expected[k];

		if (off > 0.02 * PICKS || off < -0.02 * PICKS)
			fail_msg("every %u, %u +- %u: server %u: %u picks, expected %.0f", every,
				middle, spread, k, picks[k], expected[k]);
	}
	free(b);
}

static void frequent_changes_favour_nobody(void **state)
{
	struct seeded s = seeded_new(__func__);

	(void)state;
	for (unsigned every = 1; every <= 9; every++) {
		check_fairness_under_change(&s, every, 100, 10);
		check_fairness_under_change(&s, every, 640, 3);
		check_fairness_under_change(&s, every, 1000, 900);
		check_fairness_under_change(&s, every, 3, 1);
	}
}

/* One server comes and goes; the others keep their shares: never off by more than one each
 * time the table changes. */
static void a_server_that_flaps_disturbs_the_others_by_one_a_change(void **state)
{
	struct seeded s = seeded_new(__func__);
	uint16_t weights[] = {10, 10, 10, 10};
	unsigned picks[4] = {0}, changes = 0;
	struct bench *b = bench_new(weights, 4);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int off;

		if (seeded_below(&s, 10) == 0) {
			weights[3] = weights[3] ? 0 : 10;
			bench_publish(b, weights, 4);
			changes++;
		}
		picks[bench_pick(b)]++;
		off = (int)picks[0] - (int)picks[2];
		assert_true(abs(off) <= 1 + (int)changes);
		assert_true(abs(off) <= 2); // and here it does not even add up
	}
	free(b);
}

static void workers_start_at_different_offsets(void **state)
{
	enum { WORKERS = 4 };
	static const uint16_t weights[] = {1, 1, 1, 1, 1, 1, 1, 1};
	unsigned first[8] = {0};

	(void)state;
	for (unsigned w = 0; w < WORKERS; w++) {
		struct bench *b = bench_new(weights, 8);
		unsigned picks[8] = {0};

		b->position = dp_schedule_start(w, WORKERS);
		first[bench_pick(b)]++;
		for (int i = 0; i < 8; i++)
			picks[bench_pick(b)]++;
		for (int i = 0; i < 8; i++)
			assert_int_equal(picks[i], 1);
		free(b);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(first[i], i % 2 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cycle_gives_each_server_exactly_its_weight),
		cmocka_unit_test(a_cycle_of_one_and_three_times_640_repeats_exactly),
		cmocka_unit_test(the_largest_weights_are_exact_too),
		cmocka_unit_test(a_thousand_servers_of_the_largest_weight_stay_exact),
		cmocka_unit_test(no_weight_means_no_server),
		cmocka_unit_test(a_weight_of_zero_is_never_picked_and_a_single_server_always),
		cmocka_unit_test(picks_of_a_server_are_evenly_spaced),
		cmocka_unit_test(equal_weights_are_plain_round_robin),
		cmocka_unit_test(every_pick_is_the_earliest_unused_moment),
		cmocka_unit_test(changed_weights_go_on_from_the_same_moment),
		cmocka_unit_test(weights_with_a_common_divisor_go_on_from_the_same_moment_too),
		cmocka_unit_test(publishing_the_same_weights_again_changes_nothing),
		cmocka_unit_test(frequent_changes_favour_nobody),
		cmocka_unit_test(a_server_that_flaps_disturbs_the_others_by_one_a_change),
		cmocka_unit_test(workers_start_at_different_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
