/* The engine against real servers on loopback: verdicts, words, times, and that nothing is left
 * behind. Waits for reports with a deadline; bounds of verdicts are met with 10 % to spare. */
#include "healthcheck/health.h"

#include "loopback.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_IDS = 256, N_CHECKS = 100, PATIENCE_MS = 5000 };

/* Every test leaves as many descriptors as it found. */
struct bench {
	unsigned n_descriptors;
	struct conf_check checks[N_CHECKS]; // of the test's own making; outlive the hc
	struct hc *hc;
	struct hc_report last[MAX_IDS];
	unsigned n_reports[MAX_IDS];
	unsigned n_changes[MAX_IDS];
	int64_t changed_ms[MAX_IDS]; // now_ms() when the last change came
};

static const struct conf_check brisk = {.name = "brisk",
	.type = CONF_CHECK_TCP,
	.interval_ms = 400,
	.timeout_ms = 200,
	.retry_ms = 100,
	.fall = 3,
	.rise = 2};

static struct hc_target target(unsigned id, const struct server *s, const struct conf_check *check)
{
	return (struct hc_target){.id = id,
		.address = s->address,
		.port = s->port,
		.check = check,
		.name = "service/server"};
}

static void bench_start(struct bench *b, const struct hc_target *targets, unsigned n)
{
	assert_int_equal(hc_start(targets, n, NULL, &b->hc), 0);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	for (unsigned i = 0; i < N_CHECKS; i++)
		b->checks[i] = brisk;
	b->n_descriptors = count_descriptors();
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	unsigned n_before = b->n_descriptors;

	hc_stop(b->hc);
	free(b);
	return count_descriptors() == n_before ? 0 : -1;
}

static void take_reports(struct bench *b)
{
	struct hc_report r;

	while (hc_take(b->hc, &r)) {
		assert_true(r.id < MAX_IDS);
		b->last[r.id] = r;
		b->n_reports[r.id]++;
		if (!r.is_change)
			continue;
		b->n_changes[r.id]++;
		b->changed_ms[r.id] = now_ms();
	}
}

/* Waits for the next reports and takes them all. */
static void wait_reports(struct bench *b, int64_t deadline_ms)
{
	struct pollfd p = {.fd = hc_fd(b->hc), .events = POLLIN};
	int64_t left_ms = deadline_ms - now_ms();

	if (left_ms <= 0 || poll(&p, 1, (int)left_ms) != 1)
		fail_msg("no report in time");
	take_reports(b);
}

static void wait_state(struct bench *b, unsigned id, enum hc_state state)
{
	int64_t deadline_ms = now_ms() + PATIENCE_MS;

	while (b->last[id].state != state)
		wait_reports(b, deadline_ms);
}

static void wait_detail(struct bench *b, unsigned id, const char *detail)
{
	int64_t deadline_ms = now_ms() + PATIENCE_MS;

	while (strcmp(b->last[id].detail, detail) != 0)
		wait_reports(b, deadline_ms);
}

static void wait_more(struct bench *b, unsigned id, unsigned n_more)
{
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	unsigned n = b->n_reports[id] + n_more;

	while (b->n_reports[id] < n)
		wait_reports(b, deadline_ms);
}

/* ---- verdicts ----------------------------------------------------------------------------- */

static void first_verdict_needs_one_result_either_way(void **state)
{
	struct bench *b = *state;
	struct server good, bad;
	const int64_t started_ms = now_ms();

	server_start(&good, "127.0.0.1");
	server_start(&bad, "127.0.0.1");
	server_refuse(&bad);
	bench_start(b, (struct hc_target[]){target(7, &good, &brisk), target(9, &bad, &brisk)}, 2);
	wait_state(b, 7, HC_UP);
	wait_state(b, 9, HC_DOWN);
	assert_true(now_ms() - started_ms < brisk.interval_ms); // at once, not at an interval
	assert_int_equal(b->n_changes[7], 1);
	assert_int_equal(b->n_changes[9], 1);
	assert_string_equal(b->last[7].detail, "connected");
	assert_string_equal(b->last[9].detail, "connect: refused");
	assert_true(b->last[7].is_ok);
	assert_false(b->last[9].is_ok);
	assert_true(b->last[7].duration_us < 1000000);
	assert_true(b->last[7].at_ms > INT64_C(1600000000000));
	server_stop(&good);
}

enum { N_FATES = 4 };

static const struct {
	const char *address;
	void (*strike)(struct server *s);
	const char *detail;
	bool is_slow; // each failure takes the timeout
} fates[N_FATES] = {
	{"127.0.0.1", server_refuse, "connect: refused", false},
	{"::1", server_refuse, "connect: refused", false},
	{"127.0.0.1", server_swallow, "connect: timed out after 200ms", true},
	{"::1", server_swallow, "connect: timed out after 200ms", true},
};

static int64_t down_bound_ms(bool is_slow)
{
	return brisk.interval_ms + (brisk.fall - 1) * brisk.retry_ms +
	       (is_slow ? brisk.fall * brisk.timeout_ms : 0);
}

static void strike_all(struct bench *b, struct server *servers, unsigned n)
{
	int64_t struck_ms[N_FATES];

	for (unsigned i = 0; i < n; i++) {
		// a black hole is one as soon as its backlog is full, within the call
		struck_ms[i] = now_ms();
		fates[i].strike(&servers[i]);
	}
	for (unsigned i = 0; i < n; i++)
		wait_state(b, i, HC_DOWN);
	for (unsigned i = 0; i < n; i++) {
		int64_t took_ms = b->changed_ms[i] - struck_ms[i];
		int64_t bound_ms = down_bound_ms(fates[i].is_slow);

		print_message("%s %s: down after %d ms, bound %d ms\n", fates[i].address,
			fates[i].detail, (int)took_ms, (int)bound_ms);
		assert_string_equal(b->last[i].detail, fates[i].detail);
		assert_true(took_ms * 10 <= bound_ms * 11);
	}
}

static void return_all(struct bench *b, struct server *servers, unsigned n)
{
	const int64_t bound_ms = brisk.interval_ms * brisk.rise;
	int64_t returned_ms[N_FATES];

	for (unsigned i = 0; i < n; i++) {
		server_return(&servers[i]);
		returned_ms[i] = now_ms();
	}
	for (unsigned i = 0; i < n; i++)
		wait_state(b, i, HC_UP);
	for (unsigned i = 0; i < n; i++) {
		int64_t took_ms = b->changed_ms[i] - returned_ms[i];

		print_message("%s: up after %d ms, bound %d ms\n", fates[i].address, (int)took_ms,
			(int)bound_ms);
		assert_true(took_ms * 10 <= bound_ms * 11);
	}
}

static void server_goes_and_returns_within_the_bounds(void **state)
{
	struct bench *b = *state;
	struct server servers[N_FATES];
	struct hc_target targets[N_FATES];
	unsigned n = 0;

	for (unsigned i = 0; i < N_FATES; i++) {
		if (fates[i].address[0] == ':' && !loopback_has_v6())
			break; // IPv6 is off on this machine: the first fate alone
		server_start(&servers[i], fates[i].address);
		targets[i] = target(i, &servers[i], &brisk);
		n++;
	}
	bench_start(b, targets, n);
	for (unsigned i = 0; i < n; i++)
		wait_state(b, i, HC_UP);
	strike_all(b, servers, n);
	return_all(b, servers, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(b->n_changes[i], 3); // up, down, up
		server_stop(&servers[i]);
	}
}

static void fewer_failures_than_fall_change_nothing(void **state)
{
	struct bench *b = *state;
	struct conf_check *check = &b->checks[0];
	struct server s;

	check->interval_ms = 100;
	check->retry_ms = 20;
	check->fall = 1000;
	server_start(&s, "127.0.0.1");
	bench_start(b, (struct hc_target[]){target(0, &s, check)}, 1);
	wait_state(b, 0, HC_UP);
	server_refuse(&s);
	wait_detail(b, 0, "connect: refused");
	wait_more(b, 0, 5);
	assert_int_equal(b->last[0].state, HC_UP);
	server_return(&s);
	wait_detail(b, 0, "connected");
	assert_int_equal(b->n_changes[0], 1);
	server_stop(&s);
}

static void no_check_is_up_once(void **state)
{
	struct bench *b = *state;
	struct conf_check *fast = &b->checks[0], *none = &b->checks[1];
	struct server s;

	fast->interval_ms = 20;
	*none = (struct conf_check){.name = "none", .type = CONF_CHECK_NONE};
	server_start(&s, "127.0.0.1");
	bench_start(b, (struct hc_target[]){target(0, &s, fast), target(1, &s, none)}, 2);
	wait_state(b, 1, HC_UP);
	wait_more(b, 0, 10);
	assert_int_equal(b->n_reports[1], 1);
	assert_int_equal(b->n_changes[1], 1);
	assert_true(b->last[1].is_ok);
	assert_string_equal(b->last[1].detail, "not checked");
	server_stop(&s);
}

static void no_targets_are_fine(void **state)
{
	struct bench *b = *state;
	struct hc_report r;

	bench_start(b, NULL, 0);
	assert_false(hc_take(b->hc, &r));
	hc_stop(NULL);
}

/* ---- one probe for many, and probes that say nothing ---------------------------------------- */

static void targets_that_share_a_check_are_probed_once(void **state)
{
	struct bench *b = *state;
	struct conf_check *patient = &b->checks[0];
	struct server s;
	struct hc_target targets[12];
	int64_t deadline_ms;

	patient->interval_ms = patient->timeout_ms = 500;
	server_start(&s, "127.0.0.1");
	server_swallow(&s); // one socket connecting: the filler
	for (unsigned i = 0; i < 12; i++)
		targets[i] = target(i, &s, patient);
	bench_start(b, targets, 12);

	deadline_ms = now_ms() + PATIENCE_MS;
	while (b->n_reports[11] == 0) {
		assert_in_range(count_connecting(), 1, 2);
		take_reports(b);
		assert_true(now_ms() < deadline_ms);
	}
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(b->last[i].state, HC_DOWN);
		assert_true(b->last[i].is_change);
		assert_string_equal(b->last[i].detail, "connect: timed out after 500ms");
	}
	server_stop(&s);
}

/* Leaves no descriptor free for new ones; returns the limits as they were. */
static struct rlimit use_up_descriptors(void)
{
	struct rlimit was, none_free;
	int lowest_free = dup(0);

	assert_true(lowest_free >= 0);
	(void)close(lowest_free);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none_free = was;
	none_free.rlim_cur = (rlim_t)lowest_free;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_free), 0);
	return was;
}

static void lack_of_descriptors_does_not_count_against_the_server(void **state)
{
	struct bench *b = *state;
	struct conf_check *check = &b->checks[0];
	struct server s;
	struct rlimit was;
	int64_t lacked_ms;

	check->fall = 1;
	check->interval_ms = 100;
	server_start(&s, "127.0.0.1");
	bench_start(b, (struct hc_target[]){target(0, &s, check)}, 1);
	wait_state(b, 0, HC_UP);

	was = use_up_descriptors();
	wait_detail(b, 0, "not probed: out of descriptors");
	wait_more(b, 0, 3);
	lacked_ms = now_ms();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(b->last[0].state, HC_UP);
	assert_false(b->last[0].is_ok);

	wait_detail(b, 0, "connected");
	assert_true(now_ms() - lacked_ms < 2 * check->interval_ms);
	assert_int_equal(b->n_changes[0], 1);
	server_stop(&s);
}

/* ---- manners ------------------------------------------------------------------------------ */

/* A loaded test machine may let the kernel acknowledge before the probe ends: hence not 0. */
static void program_behind_the_port_is_rarely_woken(void **state)
{
	struct bench *b = *state;
	struct conf_check *fast = &b->checks[0];
	struct server s;
	unsigned n_accepted = 0;
	int fd;

	fast->interval_ms = 10;
	server_start(&s, "127.0.0.1");
	bench_start(b, (struct hc_target[]){target(0, &s, fast)}, 1);
	wait_more(b, 0, 40);
	while ((fd = accept(s.fd, NULL, NULL)) >= 0) {
		n_accepted++;
		(void)close(fd);
	}
	assert_true(n_accepted <= b->n_reports[0] / 4);
	server_stop(&s);
}

static void stop_in_the_middle_of_probes_is_quick_and_leaves_nothing(void **state)
{
	struct bench *b = *state;
	struct hc_target targets[N_CHECKS];
	struct server s;
	int64_t deadline_ms, stopped_ms;

	server_start(&s, "127.0.0.1");
	server_swallow(&s);
	for (unsigned i = 0; i < N_CHECKS; i++) {
		b->checks[i].interval_ms = b->checks[i].timeout_ms = 60000;
		b->checks[i].retry_ms = i; // so that none is shared
		targets[i] = target(i, &s, &b->checks[i]);
	}
	bench_start(b, targets, N_CHECKS);
	deadline_ms = now_ms() + PATIENCE_MS;
	while (count_connecting() < N_CHECKS + 1)
		assert_true(now_ms() < deadline_ms);

	stopped_ms = now_ms();
	hc_stop(b->hc);
	b->hc = NULL;
	assert_true(now_ms() - stopped_ms < 1000);
	assert_int_equal(count_connecting(), 1);
	server_stop(&s);
}

static void nobody(int signal)
{
	(void)signal;
	abort();
}

/* The only other thread takes none: a signal to the process must stay pending. */
static void thread_takes_no_signals(void **state)
{
	struct bench *b = *state;
	struct server s;
	sigset_t usr1, pending;
	struct timespec no_time = {0};

	server_start(&s, "127.0.0.1");
	bench_start(b, (struct hc_target[]){target(0, &s, &brisk)}, 1);
	(void)signal(SIGUSR1, nobody);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	wait_more(b, 0, 2);
	assert_int_equal(sigpending(&pending), 0);
	assert_true(sigismember(&pending, SIGUSR1));
	assert_int_equal(sigtimedwait(&usr1, NULL, &no_time), SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
	(void)signal(SIGUSR1, SIG_DFL);
	server_stop(&s);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(first_verdict_needs_one_result_either_way),
		ON_BENCH(server_goes_and_returns_within_the_bounds),
		ON_BENCH(fewer_failures_than_fall_change_nothing),
		ON_BENCH(no_check_is_up_once),
		ON_BENCH(no_targets_are_fine),
		ON_BENCH(targets_that_share_a_check_are_probed_once),
		ON_BENCH(lack_of_descriptors_does_not_count_against_the_server),
		ON_BENCH(program_behind_the_port_is_rarely_woken),
		ON_BENCH(stop_in_the_middle_of_probes_is_quick_and_leaves_nothing),
		ON_BENCH(thread_takes_no_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
