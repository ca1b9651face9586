/* One check now: through the engine as the control thread uses it, against servers on loopback. */
#include "healthcheck/health.h"

#include "loopback.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 5000 };

/* The regular probes are hours apart: what comes is what was asked for. */
static const struct conf_check slow = {.name = "slow",
	.type = CONF_CHECK_TCP,
	.interval_ms = 3600000,
	.timeout_ms = 100,
	.retry_ms = 3600000,
	.fall = 3,
	.rise = 2};

struct bench {
	unsigned n_descriptors;
	struct server server;
	struct hc *hc;
};

static void start(struct bench *b)
{
	const struct hc_target target = {.id = 7,
		.address = b->server.address,
		.port = b->server.port,
		.check = &slow,
		.name = "service/server"};

	assert_int_equal(hc_start(&target, 1, NULL, &b->hc), 0);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->n_descriptors = count_descriptors();
	server_start(&b->server, "127.0.0.1");
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	unsigned n_before = b->n_descriptors;

	hc_stop(b->hc);
	server_stop(&b->server);
	free(b);
	return count_descriptors() == n_before ? 0 : -1;
}

static struct hc_run_result take(struct bench *b)
{
	struct pollfd readable = {.fd = hc_fd(b->hc), .events = POLLIN};
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	struct hc_run_result result;
	struct hc_report report;

	while (!hc_take_run(b->hc, &result)) {
		while (hc_take(b->hc, &report))
			;
		assert_true(now_ms() < deadline_ms);
		(void)poll(&readable, 1, 100);
	}
	return result;
}

static struct hc_report first_report(struct bench *b)
{
	struct pollfd readable = {.fd = hc_fd(b->hc), .events = POLLIN};
	struct hc_report report;

	while (!hc_take(b->hc, &report))
		assert_true(poll(&readable, 1, PATIENCE_MS) > 0);
	return report;
}

static void a_run_tells_result_and_dialogue(void **state)
{
	struct bench *b = *state;
	struct hc_run_result r;

	start(b);
	assert_int_equal(hc_run(b->hc, 7, 42), 0);
	r = take(b);
	assert_int_equal(r.token, 42);
	assert_true(r.is_ok);
	assert_string_equal(r.detail, "connected");
	assert_string_equal(r.dialogue, "* connected\n");
	free(r.dialogue);
}

static void a_failed_run_counts_against_nobody(void **state)
{
	struct bench *b = *state;
	struct hc_run_result r;
	struct hc_report report;

	start(b);
	assert_int_equal(first_report(b).state, HC_UP);
	server_refuse(&b->server);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(hc_run(b->hc, 7, i), 0);
		r = take(b);
		assert_int_equal(r.token, i);
		assert_false(r.is_ok);
		assert_string_equal(r.detail, "connect: refused");
		free(r.dialogue);
	}
	assert_false(hc_take(b->hc, &report));
}

static void an_unknown_target_is_told(void **state)
{
	struct bench *b = *state;
	struct hc_run_result r;

	start(b);
	assert_int_equal(hc_run(b->hc, 8, 1), 0);
	r = take(b);
	assert_false(r.is_ok);
	assert_string_equal(r.detail, "not probed: no such target");
	free(r.dialogue);
}

static void runs_are_limited_and_nothing_is_left_when_it_stops(void **state)
{
	struct bench *b = *state;

	start(b);
	for (unsigned i = 0; i < HC_MAX_RUNS; i++)
		assert_int_equal(hc_run(b->hc, 7, i), 0);
	assert_int_equal(hc_run(b->hc, 7, 0), -EBUSY);
	free(take(b).dialogue);
	assert_int_equal(hc_run(b->hc, 7, 0), 0);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(a_run_tells_result_and_dialogue),
		ON_BENCH(a_failed_run_counts_against_nobody),
		ON_BENCH(an_unknown_target_is_told),
		ON_BENCH(runs_are_limited_and_nothing_is_left_when_it_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
