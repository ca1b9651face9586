/* The probe of check type `script`, with a spawner and real programs: verdicts, words, environment,
 * cancel, and what becomes of runs when the spawner dies. */
#include "base/spawn.h"
#include "healthcheck/probe.h"
#include "healthcheck/trace.h"
#include "loopback.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_PROBES = 8, HANG_MS = 20000, N_PLACES = SPAWN_MAX_RUNNING };

/* One probe and what came of it. */
struct slot {
	struct hc_probe_job job;
	void *state;
	bool is_over;
	struct hc_outcome outcome;
};

struct bench {
	struct event_base *base;
	struct spawner *spawner;
	struct hc_shared *shared;
	const struct hc_probe_ops *ops;
	const char *command[4];
	const char *address;
	struct conf_check check;
	struct slot slots[N_PLACES];
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	const char *user = geteuid() == 0 ? "nobody" : getpwuid(geteuid())->pw_name;

	assert_non_null(b);
	assert_int_equal(spawner_start(user, 1, &b->spawner), 0);
	b->base = event_base_new();
	assert_non_null(b->base);
	assert_int_equal(hc_shared_new(b->base, spawner_channel(b->spawner, 0), &b->shared), 0);
	b->ops = hc_probe_script_ops();
	b->address = "192.0.2.7";
	b->command[0] = "/bin/sh";
	b->command[1] = "-c";
	b->check =
		(struct conf_check){.name = "mine", .type = CONF_CHECK_SCRIPT, .timeout_ms = 10000};
	b->check.own.command = b->command;
	b->check.own.n_command = 3;
	for (unsigned i = 0; i < N_PLACES; i++) {
		struct slot *s = &b->slots[i];

		s->state = calloc(1, b->ops->state_bytes);
		assert_non_null(s->state);
	}
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	hc_shared_free(b->shared);
	event_base_free(b->base);
	spawner_stop(b->spawner);
	for (unsigned i = 0; i < N_PLACES; i++)
		free(b->slots[i].state);
	free(b);
	return 0;
}

static void on_done(void *arg, const struct hc_outcome *outcome)
{
	struct slot *s = arg;

	assert_false(s->is_over);
	s->is_over = true;
	s->outcome = *outcome;
}

/* False: it was over at once. */
static bool start(struct bench *b, struct slot *s, const char *script)
{
	b->command[2] = script;
	s->is_over = false;
	s->job = (struct hc_probe_job){.shared = b->shared,
		.address = loopback_addr(b->address),
		.port = 8080,
		.check = &b->check,
		.trace = s->job.trace,
		.on_done = on_done,
		.arg = s};
	if (b->ops->start(s->state, &s->job, &s->outcome))
		return true;
	s->is_over = true;
	return false;
}

static void await(struct bench *b, const struct slot *s)
{
	const struct timeval limit = {.tv_usec = 20000};
	const int64_t end = now_ms() + HANG_MS;

	while (!s->is_over && now_ms() < end) {
		(void)event_base_loopexit(b->base, &limit);
		(void)event_base_loop(b->base, EVLOOP_ONCE);
	}
	assert_true(s->is_over);
}

static const struct hc_outcome *probe(struct bench *b, const char *script)
{
	struct slot *s = &b->slots[0];

	assert_true(start(b, s, script));
	await(b, s);
	return &s->outcome;
}

struct cell {
	const char *script;
	enum hc_result result;
	int weight;
	const char *detail;
};

static void assert_cells(struct bench *b, const struct cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct hc_outcome *o = probe(b, cells[i].script);

		assert_string_equal(o->detail, cells[i].detail);
		assert_int_equal(o->result, cells[i].result);
		assert_int_equal(o->weight, cells[i].weight);
	}
}

static void only_exit_0_is_up_without_weights(void **state)
{
	static const struct cell cells[] = {
		{"exit 0", HC_OK, HC_NO_WEIGHT, "script: exit 0"},
		{"echo all is well", HC_OK, HC_NO_WEIGHT, "script: exit 0: all is well"},
		{"exit 1", HC_FAILED, HC_NO_WEIGHT, "script: exit 1"},
		{"echo; echo disk full; echo more; exit 1", HC_FAILED, HC_NO_WEIGHT,
			"script: exit 1: disk full"},
		{"exit 3", HC_FAILED, HC_NO_WEIGHT, "script: exit 3"},
		{"exit 255", HC_FAILED, HC_NO_WEIGHT, "script: exit 255"},
		{"exit 126", HC_FAILED, HC_NO_WEIGHT, "script: exit 126 (cannot be executed)"},
		{"exit 127", HC_FAILED, HC_NO_WEIGHT, "script: exit 127 (not found)"},
		{"echo why >&2; kill -9 $$", HC_FAILED, HC_NO_WEIGHT,
			"script: signal 9 (Killed): why"},
	};

	assert_cells(*state, cells, sizeof(cells) / sizeof(cells[0]));
}

static void exits_from_2_on_are_weights_where_the_check_says_so(void **state)
{
	static const struct cell cells[] = {
		{"exit 0", HC_OK, HC_NO_WEIGHT, "script: exit 0"},
		{"exit 1", HC_FAILED, HC_NO_WEIGHT, "script: exit 1"},
		{"exit 2", HC_OK, 0, "script: weight 0"},
		{"exit 3", HC_OK, 1, "script: weight 1"},
		{"echo load 7; exit 102", HC_OK, 100, "script: weight 100: load 7"},
		{"exit 125", HC_OK, 123, "script: weight 123"},
		{"exit 126", HC_FAILED, HC_NO_WEIGHT, "script: exit 126 (cannot be executed)"},
		{"exit 127", HC_FAILED, HC_NO_WEIGHT, "script: exit 127 (not found)"},
		{"exit 128", HC_OK, 126, "script: weight 126"},
		{"exit 255", HC_OK, 253, "script: weight 253"},
		{"kill -15 $$", HC_FAILED, HC_NO_WEIGHT, "script: signal 15 (Terminated)"},
	};
	struct bench *b = *state;

	b->check.own.dynamic_weight = true;
	assert_cells(b, cells, sizeof(cells) / sizeof(cells[0]));
}

static void a_program_that_is_not_there_is_down(void **state)
{
	struct bench *b = *state;

	b->command[0] = "/nonexistent";
	assert_string_equal(probe(b, "")->detail, "script: exit 127 (not found)");
	assert_int_equal(b->slots[0].outcome.result, HC_FAILED);
	b->command[0] = "/etc/passwd";
	assert_string_equal(probe(b, "")->detail, "script: exit 126 (permission denied)");
	assert_int_equal(b->slots[0].outcome.result, HC_FAILED);
	b->command[0] = "/etc/passwd/x";
	assert_string_equal(probe(b, "")->detail, "script: exit 126 (Not a directory)");
	assert_int_equal(b->slots[0].outcome.result, HC_FAILED);
}

static void set_privilege(uint32_t capability, bool is_on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t bit = UINT32_C(1) << capability;

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective = is_on ? data[0].effective | bit : data[0].effective & ~bit;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* A spawner that cannot change its groups: its programs are never executed, and servers are not to
 * blame. */
static void what_fails_before_the_script_runs_counts_against_nobody(void **state)
{
	struct bench *b = *state;
	const struct hc_outcome *o;

	if (geteuid() != 0)
		skip();
	hc_shared_free(b->shared);
	spawner_stop(b->spawner);
	set_privilege(CAP_SETGID, false);
	assert_int_equal(spawner_start("nobody", 1, &b->spawner), 0);
	set_privilege(CAP_SETGID, true);
	assert_int_equal(hc_shared_new(b->base, spawner_channel(b->spawner, 0), &b->shared), 0);
	o = probe(b, "exit 0");
	assert_string_equal(o->detail, "not probed: script not started: Operation not permitted");
	assert_int_equal(o->result, HC_NOT_MADE);
}

/* The loader refuses such a command; if it ever came here it would say nothing of the server. */
static void a_command_that_cannot_be_sent_counts_against_nobody(void **state)
{
	struct bench *b = *state;
	static const char *many[SPAWN_MAX_ARGS + 2];
	static char large[SPAWN_MAX_BYTES + 1];

	assert_non_null(memset(large, 'x', sizeof(large) - 1));
	assert_false(start(b, &b->slots[0], large));
	assert_string_equal(b->slots[0].outcome.detail, "not probed: command too long");
	assert_int_equal(b->slots[0].outcome.result, HC_NOT_MADE);
	for (unsigned i = 0; i <= SPAWN_MAX_ARGS; i++)
		many[i] = "/bin/true";
	b->check.own.command = many;
	b->check.own.n_command = SPAWN_MAX_ARGS + 1;
	assert_false(start(b, &b->slots[0], "exit 0"));
	assert_int_equal(b->slots[0].outcome.result, HC_NOT_MADE);
	b->check.own.n_command = SPAWN_MAX_ARGS;
	assert_true(start(b, &b->slots[0], "exit 0"));
	await(b, &b->slots[0]);
	assert_int_equal(b->slots[0].outcome.result, HC_OK);
}

static void words_fit_however_long_the_line_is(void **state)
{
	const struct hc_outcome *o = probe(
		*state, "i=0; while [ $i -lt 50 ]; do printf 0123456789; i=$((i+1)); done; exit 1");

	assert_int_equal(strlen(o->detail), HC_DETAIL_LEN - 1);
	assert_memory_equal(o->detail, "script: exit 1: 0123456789", 26);
}

static void a_script_is_told_what_to_check(void **state)
{
	struct bench *b = *state;

	assert_string_equal(
		probe(b, "echo $POISE_CHECK $POISE_ADDRESS $POISE_PORT $POISE_FAMILY")->detail,
		"script: exit 0: mine 192.0.2.7 8080 4");
	b->address = "2001:db8::7";
	assert_string_equal(
		probe(b, "echo $POISE_CHECK $POISE_ADDRESS $POISE_PORT $POISE_FAMILY")->detail,
		"script: exit 0: mine 2001:db8::7 8080 6");
}

static void the_dialogue_is_what_was_run_and_what_it_said(void **state)
{
	struct bench *b = *state;
	struct slot *s = &b->slots[0];
	char *text;

	assert_int_equal(hc_trace_new(&s->job.trace), 0);
	assert_true(start(b, s, "echo one; echo two >&2; exit 3"));
	await(b, s);
	text = hc_trace_finish(s->job.trace);
	assert_non_null(text);
	assert_non_null(strstr(text, "* run /bin/sh\n"));
	assert_non_null(strstr(text, "POISE_ADDRESS=192.0.2.7\n"));
	assert_non_null(strstr(text, "< one\n< two\n"));
	assert_non_null(strstr(text, "* exit 3 after "));
	free(text);
}

static bool is_alive(pid_t pid)
{
	char path[64], line[256] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	(void)!fread(line, 1, sizeof(line) - 1, file);
	(void)fclose(file);
	return strstr(line, ") Z ") == NULL;
}

static void a_cancelled_run_is_killed_and_never_heard_of(void **state)
{
	struct bench *b = *state;
	char name[] = "/tmp/poise-script.XXXXXX", script[128], text[32] = "";
	int fd = mkstemp(name);
	const int64_t end = now_ms() + HANG_MS;
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0666), 0);
	(void)snprintf(script, sizeof(script), "echo $$ > %s; exec sleep 1000", name);
	assert_true(start(b, &b->slots[0], script));
	assert_string_equal(b->ops->step(b->slots[0].state), "script");
	while (!strchr(text, '\n') && now_ms() < end)
		(void)!pread(fd, text, sizeof(text) - 1, 0);
	pid = (pid_t)strtol(text, NULL, 10);
	assert_true(pid > 0 && is_alive(pid));
	b->ops->cancel(b->slots[0].state);
	while (is_alive(pid) && now_ms() < end)
		(void)usleep(2000);
	assert_false(is_alive(pid));
	// another probe in the same place: only its own result is its own
	assert_true(start(b, &b->slots[1], "exit 1"));
	await(b, &b->slots[1]);
	assert_string_equal(b->slots[1].outcome.detail, "script: exit 1");
	assert_false(b->slots[0].is_over);
	(void)close(fd);
	(void)unlink(name);
}

static void a_result_that_crosses_a_cancel_is_nobodys(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 50; i++) {
		assert_true(start(b, &b->slots[0], "exit 1"));
		(void)usleep(i * 100);
		b->ops->cancel(b->slots[0].state);
		assert_true(start(b, &b->slots[0], "exit 0"));
		await(b, &b->slots[0]);
		assert_string_equal(b->slots[0].outcome.detail, "script: exit 0");
	}
}

static void more_than_the_spawner_has_places_for_are_not_made(void **state)
{
	struct bench *b = *state;
	unsigned n = 0;

	while (n < N_PLACES && start(b, &b->slots[n], "exec sleep 1000"))
		n++;
	assert_true(n < N_PLACES);
	assert_int_equal(N_PLACES - n, SPAWN_MAX_COMMANDS); // which are not its own
	assert_int_equal(b->slots[n].outcome.result, HC_NOT_MADE);
	assert_string_equal(b->slots[n].outcome.detail, "not probed: too many scripts run already");
	b->ops->cancel(b->slots[3].state);
	assert_true(start(b, &b->slots[n], "exit 0"));
	await(b, &b->slots[n]);
	assert_int_equal(b->slots[n].outcome.result, HC_OK);
	for (unsigned i = 0; i < n; i++)
		if (i != 3)
			b->ops->cancel(b->slots[i].state);
}

static void when_the_spawner_dies_nothing_counts_against_servers(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < N_PROBES; i++)
		assert_true(start(b, &b->slots[i], "exec sleep 1000"));
	assert_int_equal(kill(spawner_pid(b->spawner), SIGKILL), 0);
	for (unsigned i = 0; i < N_PROBES; i++) {
		await(b, &b->slots[i]);
		assert_int_equal(b->slots[i].outcome.result, HC_NOT_MADE);
		assert_string_equal(b->slots[i].outcome.detail, "not probed: the spawner has died");
	}
	assert_false(start(b, &b->slots[0], "exit 0"));
	assert_int_equal(b->slots[0].outcome.result, HC_NOT_MADE);
	assert_string_equal(b->slots[0].outcome.detail, "not probed: the spawner has died");
}

static void without_a_spawner_scripts_are_not_made(void **state)
{
	struct bench *b = *state;

	b->shared->spawner = NULL;
	assert_false(start(b, &b->slots[0], "exit 0"));
	assert_int_equal(b->slots[0].outcome.result, HC_NOT_MADE);
	assert_string_equal(b->slots[0].outcome.detail, "not probed: no spawner");
}

#define bench_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(only_exit_0_is_up_without_weights),
		bench_test(exits_from_2_on_are_weights_where_the_check_says_so),
		bench_test(a_program_that_is_not_there_is_down),
		bench_test(what_fails_before_the_script_runs_counts_against_nobody),
		bench_test(a_command_that_cannot_be_sent_counts_against_nobody),
		bench_test(words_fit_however_long_the_line_is),
		bench_test(a_script_is_told_what_to_check),
		bench_test(the_dialogue_is_what_was_run_and_what_it_said),
		bench_test(a_cancelled_run_is_killed_and_never_heard_of),
		bench_test(a_result_that_crosses_a_cancel_is_nobodys),
		bench_test(more_than_the_spawner_has_places_for_are_not_made),
		bench_test(when_the_spawner_dies_nothing_counts_against_servers),
		bench_test(without_a_spawner_scripts_are_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
