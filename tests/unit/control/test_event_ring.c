/* The ring of events: against a list that forgets nothing, its edges, and texts that do not fit. */
#include "control/event_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { N_WALKS = 300, N_STEPS = 400, MAX_CAPACITY = 17 };

/* Everything that was ever added: the time of number n at [n - 1]. */
struct naive {
	int64_t at_ms[N_STEPS];
	uint64_t n;
	unsigned capacity;
};

static uint64_t naive_oldest(const struct naive *m)
{
	return m->n > m->capacity ? m->n - m->capacity + 1 : 1;
}

static uint64_t naive_since(const struct naive *m, int64_t at_ms)
{
	for (uint64_t i = naive_oldest(m); i <= m->n; i++)
		if (m->at_ms[i - 1] >= at_ms)
			return i;
	return m->n + 1;
}

static void compare(const struct ctl_event_ring *ring, const struct naive *m, int64_t at_ms)
{
	assert_int_equal(ctl_event_ring_next(ring), m->n + 1);
	assert_int_equal(ctl_event_ring_oldest(ring), naive_oldest(m));
	assert_int_equal(ctl_event_ring_since(ring, at_ms), naive_since(m, at_ms));
	for (uint64_t i = 0; i <= m->n + 1; i++) {
		const struct ctl_event *e = ctl_event_ring_find(ring, i);

		assert_int_equal(!e, i < naive_oldest(m) || i > m->n);
		if (!e)
			continue;
		assert_int_equal(e->number, i);
		assert_int_equal(e->at_ms, m->at_ms[i - 1]);
	}
}

static void random_walks_agree_with_a_list_that_forgets_nothing(void **state)
{
	const unsigned seed = (unsigned)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned walk = 0; walk < N_WALKS; walk++) {
		struct naive m = {.capacity = 1 + (unsigned)random() % MAX_CAPACITY};
		struct ctl_event_ring *ring = ctl_event_ring_new(m.capacity);
		int64_t now_ms = random() % 100;
		uint64_t place = 1, got = 0, lost = 0;

		assert_non_null(ring);
		for (unsigned i = 0; i < N_STEPS / 4; i++) {
			for (long k = random() % 4; k > 0; k--) {
				now_ms += random() % 3;
				m.at_ms[m.n++] = now_ms;
				ctl_event_ring_add(ring)->at_ms = now_ms;
			}
			compare(ring, &m, now_ms - random() % 20);
			// a reader that is slower than what comes
			lost += ctl_event_ring_catch_up(ring, &place);
			if (place < ctl_event_ring_next(ring)) {
				assert_non_null(ctl_event_ring_find(ring, place));
				place++;
				got++;
			}
			assert_int_equal(got + lost + 1, place);
		}
		ctl_event_ring_free(ring);
	}
}

static void an_event_begins_empty_also_where_another_was(void **state)
{
	struct ctl_event_ring *ring = ctl_event_ring_new(1);
	struct ctl_event *e = ctl_event_ring_add(ring);

	(void)state;
	memset((char *)e + sizeof(e->number), 0x55, sizeof(*e) - sizeof(e->number));
	e = ctl_event_ring_add(ring);
	assert_int_equal(e->number, 2);
	assert_int_equal(e->at_ms, 0);
	assert_int_equal(e->pid, 0);
	assert_null(e->protocol);
	assert_string_equal(e->text, "");
	assert_string_equal(e->object, "");
	ctl_event_ring_free(ring);
	ctl_event_ring_free(NULL);
}

static void a_text_is_cut_between_characters_and_cleaned(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{NULL, ""},
		{"", ""},
		{"1234567", "1234567"},
		{"12345678", "1234567"},
		{"a\nb\tc\033\177", "a?b?c??"},
		{"12345\u00e4", "12345\u00e4"},
		{"123456\u00e4", "123456"},
		{"1234\u20ac", "1234\u20ac"},
		{"12345\u20ac", "12345"},
		{"123456\u20ac", "123456"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80", ""},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char to[8];

		ctl_event_copy(to, sizeof(to), rows[i].text);
		assert_string_equal(to, rows[i].wanted);
	}
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (enum ctl_event_kind a = 0; a < CTL_N_EVENT_KINDS; a++)
		for (enum ctl_event_kind b = 0; b < a; b++)
			assert_string_not_equal(ctl_event_kind_name(a), ctl_event_kind_name(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_walks_agree_with_a_list_that_forgets_nothing),
		cmocka_unit_test(an_event_begins_empty_also_where_another_was),
		cmocka_unit_test(a_text_is_cut_between_characters_and_cleaned),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
