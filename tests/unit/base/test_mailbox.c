/* The mailbox: order, the descriptor as a bell that is never missed, and reuse of nodes. */
#include "base/mailbox.h"

#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_STRESS = 300000, HANG_MS = 10000 };

struct message {
	uint64_t number;
	char text[40]; // longer than a word: a torn message would show
};

static struct message numbered(uint64_t number)
{
	struct message m = {.number = number};

	(void)snprintf(m.text, sizeof(m.text), "message %ju", (uintmax_t)number);
	return m;
}

static bool is_readable(const struct mailbox *m, int timeout_ms)
{
	struct pollfd p = {.fd = mailbox_fd(m), .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

static struct mailbox *new_mailbox(void)
{
	struct mailbox *m = NULL;

	assert_int_equal(mailbox_new(sizeof(struct message), &m), 0);
	return m;
}

static void assert_takes(struct mailbox *m, uint64_t number)
{
	struct message want = numbered(number), got;

	assert_true(mailbox_take(m, &got));
	assert_int_equal(got.number, number);
	assert_string_equal(got.text, want.text);
}

static void post(struct mailbox *m, uint64_t number)
{
	struct message message = numbered(number);

	assert_int_equal(mailbox_post(m, &message), 0);
}

static void messages_come_in_order_and_once(void **state)
{
	struct mailbox *m = new_mailbox();
	struct message none;
	uint64_t posted = 0, taken = 0;

	(void)state;
	assert_false(mailbox_take(m, &none));
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < round; i++)
			post(m, posted++);
		for (unsigned i = 0; i < round - round / 3; i++)
			assert_takes(m, taken++);
		assert_int_equal(mailbox_waiting(m), posted - taken);
	}
	while (taken < posted)
		assert_takes(m, taken++);
	assert_false(mailbox_take(m, &none));
	assert_int_equal(mailbox_waiting(m), 0);
	mailbox_free(m);
}

static void nothing_is_written_when_nothing_waits(void **state)
{
	struct mailbox *m = new_mailbox();
	struct message got = numbered(42);

	(void)state;
	assert_false(mailbox_take(m, &got));
	assert_int_equal(got.number, 42);
	mailbox_free(m);
}

static void descriptor_is_readable_while_messages_wait(void **state)
{
	struct mailbox *m = new_mailbox();
	struct message got;

	(void)state;
	assert_false(is_readable(m, 0));
	for (unsigned round = 0; round < 3; round++) {
		post(m, 0);
		post(m, 1);
		assert_true(is_readable(m, 0));
		assert_takes(m, 0);
		assert_true(is_readable(m, 0));
		assert_takes(m, 1);
		assert_false(mailbox_take(m, &got));
		assert_false(is_readable(m, 0));
	}
	mailbox_free(m);
}

static void waiting_messages_are_freed_with_the_mailbox(void **state)
{
	struct mailbox *m = new_mailbox();

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		post(m, i);
	for (unsigned i = 0; i < 30; i++)
		assert_takes(m, i);
	mailbox_free(m); // leaks are the sanitizer's to see
	mailbox_free(NULL);
}

static void emptied_mailbox_stops_allocating(void **state)
{
	struct mailbox *m = new_mailbox();
	struct mallinfo2 before, after;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		post(m, i);
	for (unsigned i = 0; i < 4; i++)
		assert_takes(m, i);

	before = mallinfo2(); // all zero under a sanitizer
	for (unsigned i = 0; i < 1000; i++) {
		post(m, i);
		post(m, i + 1);
		assert_takes(m, i);
		assert_takes(m, i + 1);
	}
	after = mallinfo2();
	assert_int_equal(after.uordblks, before.uordblks);
	mailbox_free(m);
}

/* Posts a few messages as soon as all were taken: just when the consumer finds the list
 * empty and silences the bell. No later message makes up for a wake-up lost then. */
static void *produce_in_lockstep(void *arg)
{
	unsigned seed = 7;

	for (uint64_t i = 0; i < N_STRESS; i++) {
		const bool is_paced = rand_r(&seed) % 2 == 0;
		struct message message = numbered(i);

		while (is_paced && mailbox_waiting(arg) != 0)
			;
		for (int spin = rand_r(&seed) % 256; spin > 0; spin--)
			__asm__ volatile("");
		if (mailbox_post(arg, &message) < 0)
			break;
	}
	return NULL;
}

/* Waits by poll() alone; a lost wake-up hangs, and fails. At most `batch` messages a wake-up. */
static void consume(struct mailbox *m, unsigned batch)
{
	struct message got;
	uint64_t taken = 0;

	while (taken < N_STRESS) {
		assert_true(is_readable(m, HANG_MS));
		for (unsigned i = 0; i < batch && mailbox_take(m, &got); i++) {
			struct message want = numbered(taken++);

			assert_memory_equal(&got, &want, sizeof(want));
		}
	}
}

static void no_wake_up_is_lost(struct mailbox *m, unsigned batch)
{
	struct message got;
	pthread_t producer;

	assert_int_equal(pthread_create(&producer, NULL, produce_in_lockstep, m), 0);
	consume(m, batch);
	assert_int_equal(pthread_join(producer, NULL), 0);
	assert_false(mailbox_take(m, &got));
	mailbox_free(m);
}

static void no_wake_up_is_lost_when_taking_one_by_one(void **state)
{
	(void)state;
	no_wake_up_is_lost(new_mailbox(), 1);
}

static void no_wake_up_is_lost_when_taking_until_empty(void **state)
{
	(void)state;
	no_wake_up_is_lost(new_mailbox(), UINT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_in_order_and_once),
		cmocka_unit_test(nothing_is_written_when_nothing_waits),
		cmocka_unit_test(descriptor_is_readable_while_messages_wait),
		cmocka_unit_test(waiting_messages_are_freed_with_the_mailbox),
		cmocka_unit_test(emptied_mailbox_stops_allocating),
		cmocka_unit_test(no_wake_up_is_lost_when_taking_one_by_one),
		cmocka_unit_test(no_wake_up_is_lost_when_taking_until_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
