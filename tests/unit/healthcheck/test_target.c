/* Targets on an event loop that the test itself turns: what is reported when nobody takes the
 * reports, and how many probes run at a time. */
#include "healthcheck/target.h"

#include "base/mailbox.h"
#include "healthcheck/probe.h"
#include "loopback.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_IDS = 20, PATIENCE_MS = 5000, SILENT_MS = 50, SILENT_TURNS = 100 };

struct bench {
	struct event_base *base;
	struct hc_shared *shared;
	struct mailbox *reports;
	struct hc_targets *set;
	struct hc_target targets[N_IDS];
	struct conf_check checks[N_IDS];
	struct server server;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->base = event_base_new();
	assert_non_null(b->base);
	assert_int_equal(hc_shared_new(b->base, NULL, &b->shared), 0);
	assert_int_equal(mailbox_new(sizeof(struct hc_report), &b->reports), 0);
	server_start(&b->server, "127.0.0.1");
	for (unsigned i = 0; i < N_IDS; i++) {
		b->checks[i] = (struct conf_check){.type = CONF_CHECK_TCP,
			.interval_ms = 5,
			.timeout_ms = PATIENCE_MS, // nothing is silent
			.retry_ms = 1,
			.fall = 2,
			.rise = 2};
		b->targets[i] = (struct hc_target){.id = i,
			.address = b->server.address,
			.port = b->server.port,
			.check = &b->checks[i],
			.name = "service/server"};
	}
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	hc_targets_free(b->set);
	hc_shared_free(b->shared);
	server_stop(&b->server);
	mailbox_free(b->reports);
	event_base_free(b->base);
	free(b);
	return 0;
}

static void start(struct bench *b, unsigned max_running)
{
	assert_int_equal(
		hc_targets_new(b->targets, N_IDS,
			&(const struct hc_targets_setup){b->shared, b->reports, max_running},
			&b->set),
		0);
	hc_targets_start(b->set);
}

static void turn(struct bench *b)
{
	assert_true(event_base_loop(b->base, EVLOOP_ONCE) >= 0);
}

/* Turns until no report has been posted for ten intervals, and for many turns, as the machine may
 * have let this process wait. */
static size_t turn_until_silent(struct bench *b)
{
	size_t n = mailbox_waiting(b->reports);
	int64_t since_ms = now_ms(), deadline_ms = since_ms + PATIENCE_MS;

	for (unsigned n_turns = 0; now_ms() - since_ms < SILENT_MS || n_turns < SILENT_TURNS;
		n_turns++) {
		turn(b);
		if (mailbox_waiting(b->reports) != n) {
			since_ms = now_ms();
			n_turns = 0;
		}
		n = mailbox_waiting(b->reports);
		assert_true(now_ms() < deadline_ms);
	}
	return n;
}

static void results_are_held_back_but_changes_are_not(void **state)
{
	struct bench *b = *state;
	unsigned n_changes[N_IDS] = {0};
	enum hc_state last[N_IDS] = {0};
	struct hc_report r;
	size_t n_full, n_down;

	start(b, N_IDS);
	n_full = turn_until_silent(b);
	assert_in_range(n_full, N_IDS, 1000);
	server_refuse(&b->server);
	n_down = turn_until_silent(b);
	assert_int_equal(n_down, n_full + N_IDS); // one change each, and nothing else
	server_return(&b->server);
	assert_int_equal(turn_until_silent(b), n_down + N_IDS);

	while (mailbox_take(b->reports, &r)) {
		assert_int_equal(r.is_change, r.state != last[r.id]);
		last[r.id] = r.state;
		n_changes[r.id] += r.is_change;
	}
	for (unsigned i = 0; i < N_IDS; i++)
		assert_int_equal(n_changes[i], 3); // up, down, up

	// taken: results flow again
	while (mailbox_waiting(b->reports) < N_IDS)
		turn(b);
}

static void probes_beyond_the_limit_wait_and_get_their_verdict(void **state)
{
	struct bench *b = *state;
	bool has_verdict[N_IDS] = {false};
	unsigned n_verdicts = 0, most = 0;
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	struct hc_report r;

	server_swallow(&b->server); // one socket connecting: the filler
	for (unsigned i = 0; i < N_IDS; i++) {
		b->checks[i].interval_ms = b->checks[i].timeout_ms = 20;
		b->checks[i].retry_ms = i; // so that none is shared
	}
	start(b, 3);
	while (n_verdicts < N_IDS) {
		unsigned n = count_connecting() - 1;

		most = n > most ? n : most;
		turn(b);
		while (mailbox_take(b->reports, &r)) {
			assert_int_equal(r.state, HC_DOWN);
			n_verdicts += !has_verdict[r.id];
			has_verdict[r.id] = true;
		}
		assert_true(now_ms() < deadline_ms);
	}
	assert_int_equal(most, 3);
}

static void freed_without_a_start_leaves_nothing(void **state)
{
	struct bench *b = *state;

	assert_int_equal(
		hc_targets_new(b->targets, N_IDS,
			&(const struct hc_targets_setup){b->shared, b->reports, 1}, &b->set),
		0);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(results_are_held_back_but_changes_are_not),
		ON_BENCH(probes_beyond_the_limit_wait_and_get_their_verdict),
		ON_BENCH(freed_without_a_start_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
