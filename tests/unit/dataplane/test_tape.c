/* Records in a ring of bytes: against a plain queue under random lengths, and between two threads.
 */
#include "dataplane/tape.h"

#include "seeded.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 256, LONGEST = SIZE / 2 - 8, N_RECORDS = 200000, MAX_QUEUED = SIZE / 8 };

struct model {
	uint32_t lens[MAX_QUEUED];
	uint8_t marks[MAX_QUEUED];
	unsigned n;
};

static bool put(struct dp_tape *t, uint32_t len, uint8_t mark)
{
	uint8_t *at = dp_tape_open(t, len);

	if (!at)
		return false;
	assert_int_equal((uintptr_t)at % 8, 0);
	memset(at, mark, len);
	dp_tape_close(t);
	return true;
}

static bool get(struct dp_tape *t, uint32_t *ret_len, uint8_t *ret_mark)
{
	const uint8_t *at = dp_tape_peek(t, ret_len);

	if (!at)
		return false;
	*ret_mark = *ret_len > 0 ? at[0] : 0;
	for (uint32_t i = 0; i < *ret_len; i++)
		assert_int_equal(at[i], *ret_mark);
	dp_tape_take(t);
	return true;
}

static void take_oldest(struct dp_tape *t, struct model *m)
{
	uint32_t len;
	uint8_t mark;

	if (m->n == 0) {
		assert_false(get(t, &len, &mark));
		return;
	}
	assert_true(get(t, &len, &mark));
	assert_int_equal(len, m->lens[0]);
	assert_int_equal(mark, len > 0 ? m->marks[0] : 0);
	m->n--;
	memmove(m->lens, m->lens + 1, m->n * sizeof(m->lens[0]));
	memmove(m->marks, m->marks + 1, m->n);
}

static void what_is_not_lost_comes_out_in_order(void **state)
{
	uint64_t storage[SIZE / 8], lost = 0;
	struct seeded random = seeded_new("tape");
	struct model m = {.n = 0};
	struct dp_tape t;

	(void)state;
	dp_tape_init(&t, storage, SIZE);
	for (unsigned i = 0; i < N_RECORDS; i++) {
		uint32_t len = seeded_below(&random, LONGEST + 8);

		if (seeded_below(&random, 3) == 0) {
			take_oldest(&t, &m);
		} else if (put(&t, len, (uint8_t)i)) {
			m.lens[m.n] = len;
			m.marks[m.n++] = (uint8_t)i;
		} else {
			// never while it is empty, but for what is too long
			assert_true(m.n > 0 || len > LONGEST);
			lost++;
		}
		assert_int_equal(dp_tape_lost(&t), lost);
	}
	assert_true(lost > 1000);
}

/* Nobody reads: the writer goes on. */
static void a_reader_that_stops_costs_records_only(void **state)
{
	uint64_t storage[SIZE / 8];
	struct dp_tape t;
	uint32_t len;

	(void)state;
	dp_tape_init(&t, storage, SIZE);
	for (unsigned i = 0; i < 1000; i++)
		(void)put(&t, 56, (uint8_t)i);
	assert_int_equal(dp_tape_lost(&t), 996);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t mark;

		assert_true(get(&t, &len, &mark));
		assert_int_equal(mark, i);
	}
	assert_null(dp_tape_peek(&t, &len));
}

static void *write_all(void *arg)
{
	for (uint64_t i = 0; i < N_RECORDS; i++) {
		uint64_t *at = dp_tape_open(arg, (uint32_t)(8 + i % 40));

		if (!at)
			continue;
		*at = i;
		dp_tape_close(arg);
	}
	return NULL;
}

static void two_threads_agree(void **state)
{
	static uint64_t storage[4096 / 8];
	uint64_t n = 0, next = 0;
	struct dp_tape t;
	pthread_t writer;
	uint32_t len;

	(void)state;
	dp_tape_init(&t, storage, sizeof(storage));
	assert_int_equal(pthread_create(&writer, NULL, write_all, &t), 0);
	while (n + dp_tape_lost(&t) < N_RECORDS) {
		const uint64_t *at = dp_tape_peek(&t, &len);

		if (!at)
			continue;
		assert_true(*at >= next);
		assert_int_equal(len, 8 + *at % 40);
		next = *at + 1;
		dp_tape_take(&t);
		n++;
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_null(dp_tape_peek(&t, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_lost_comes_out_in_order),
		cmocka_unit_test(a_reader_that_stops_costs_records_only),
		cmocka_unit_test(two_threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
