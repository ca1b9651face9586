/* What weights come from: configuration, command, check; what a quorum makes of them; and the
 * commands that are run for it, by a real spawner. */
#include "base/spawn.h"
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/fixture.h"

#include <event2/event.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { HANG_MS = 20000, TEXT = 4096, N_MANY = 40, OVERDUE_MS = 80000 };

static int setup(void **state)
{
	*state = fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The pool that all services of the fixture share; made by the fixture, and not constant there. */
static struct conf_pool *pool_of(struct fixture *f)
{
	return (struct conf_pool *)f->ctl.services[0].conf->pool;
}

static void report(struct fixture *f, unsigned id, enum hc_state verdict, int weight)
{
	const struct hc_report r = {.id = id,
		.state = verdict,
		.is_ok = verdict == HC_UP,
		.weight = weight,
		.at_ms = f->ctl.started_ms + 2000,
		.detail = "script: exit 0"};

	ctl_server_set_health(&f->ctl, id, &r);
}

static unsigned slave(const struct fixture *f)
{
	return fixture_server(f, "imaps/slave-1", CONF_V4, 6);
}

/* ---- weights --------------------------------------------------------------------------------- */

static void a_check_s_weight_takes_the_place_of_the_configured_one(void **state)
{
	struct fixture *f = *state;
	const struct ctl_server *s = &f->ctl.servers[slave(f)];

	report(f, slave(f), HC_UP, 17);
	assert_int_equal(ctl_server_effective_weight(s), 17);
	report(f, slave(f), HC_UP, 0);
	assert_int_equal(ctl_server_effective_weight(s), 0);
	report(f, slave(f), HC_UP, HC_NO_WEIGHT);
	assert_int_equal(ctl_server_effective_weight(s), 640);
}

/* One failed result is no verdict yet: the weight before it counts on. */
static void a_failed_result_keeps_the_weight_until_the_verdict(void **state)
{
	struct fixture *f = *state;
	const struct ctl_server *s = &f->ctl.servers[slave(f)];
	struct hc_report failed = {.state = HC_UP, .weight = HC_NO_WEIGHT, .at_ms = 1};

	report(f, slave(f), HC_UP, 17);
	ctl_server_set_health(&f->ctl, slave(f), &failed);
	assert_int_equal(ctl_server_effective_weight(s), 17);
	failed.state = HC_DOWN;
	ctl_server_set_health(&f->ctl, slave(f), &failed);
	assert_int_equal(ctl_server_effective_weight(s), 0);
	report(f, slave(f), HC_UP, 9);
	assert_int_equal(ctl_server_effective_weight(s), 9);
}

static void what_a_command_sets_goes_before_what_a_check_says(void **state)
{
	struct fixture *f = *state;
	const struct ctl_server *s = &f->ctl.servers[slave(f)];

	report(f, slave(f), HC_UP, 17);
	ctl_server_set_weight(&f->ctl, slave(f), 320);
	assert_int_equal(ctl_server_effective_weight(s), 320);
	report(f, slave(f), HC_UP, 18);
	assert_int_equal(ctl_server_effective_weight(s), 320);
	ctl_server_set_weight(&f->ctl, slave(f), 0);
	assert_int_equal(ctl_server_effective_weight(s), 0);
	// the configured one again: the check's counts again
	ctl_server_set_weight(&f->ctl, slave(f), 640);
	assert_int_equal(ctl_server_effective_weight(s), 18);
}

static void workers_are_told_only_of_weights_that_change(void **state)
{
	struct fixture *f = *state;
	unsigned calls = f->dp.n_weight_calls;

	for (unsigned i = 0; i < 5; i++)
		report(f, slave(f), HC_UP, 17);
	assert_int_equal(f->dp.n_weight_calls, calls + 1);
	report(f, slave(f), HC_UP, 18);
	assert_int_equal(f->dp.n_weight_calls, calls + 2);
	ctl_server_set_weight(&f->ctl, slave(f), 5);
	calls = f->dp.n_weight_calls;
	report(f, slave(f), HC_UP, 19);
	assert_int_equal(f->dp.n_weight_calls, calls);
}

static void weights_and_who_took_it_out_are_shown(void **state)
{
	static const char line[] =
		"{\"cmd\": \"show servers\", \"args\": {\"target\": \"imaps/slave-1\"}}";
	struct fixture *f = *state;
	json_t *a = fixture_ask(f, line, false, NULL);

	expect(a, "servers.0.check.weight", "null");
	expect(a, "servers.0.admin_reason", "null");
	json_decref(a);
	report(f, slave(f), HC_UP, 17);
	ctl_server_set_held(&f->ctl, slave(f), true);
	a = fixture_ask(f, line, false, NULL);
	expect(a, "servers.0.check.weight", "17");
	expect(a, "servers.0.weight", "0");
	expect(a, "servers.0.weight_set", "640");
	expect(a, "servers.0.state", "\"drain\"");
	expect(a, "servers.0.admin", "\"drain\"");
	expect(a, "servers.0.admin_reason", "\"file\"");
	json_decref(a);
	ctl_server_set_admin(&f->ctl, slave(f), CTL_MAINT);
	a = fixture_ask(f, line, false, NULL);
	expect(a, "servers.0.admin", "\"maint\"");
	expect(a, "servers.0.admin_reason", "\"command and file\"");
	json_decref(a);
	ctl_server_set_held(&f->ctl, slave(f), false);
	a = fixture_ask(f, line, false, NULL);
	expect(a, "servers.0.admin", "\"maint\"");
	expect(a, "servers.0.admin_reason", "\"command\"");
	json_decref(a);
}

/* Each may keep it out, and both must let it in. */
static void a_command_and_a_file_must_both_allow_a_server(void **state)
{
	struct fixture *f = *state;
	const struct ctl_server *s = &f->ctl.servers[slave(f)];

	ctl_server_set_held(&f->ctl, slave(f), true);
	assert_int_equal(ctl_server_effective_weight(s), 0);
	ctl_server_set_admin(&f->ctl, slave(f), CTL_DRAIN);
	ctl_server_set_held(&f->ctl, slave(f), false);
	assert_int_equal(ctl_server_effective_weight(s), 0);
	ctl_server_set_held(&f->ctl, slave(f), true);
	ctl_server_set_admin(&f->ctl, slave(f), CTL_READY);
	assert_int_equal(ctl_server_effective_weight(s), 0);
	ctl_server_set_held(&f->ctl, slave(f), false);
	assert_int_equal(ctl_server_effective_weight(s), 640);
}

/* ---- quorum ---------------------------------------------------------------------------------- */

static void the_sum_of_a_half_s_weights_is_its_quorum(void **state)
{
	struct fixture *f = *state;
	const struct ctl_service *half = &f->ctl.services[0];
	json_t *a;

	pool_of(f)->quorum = 700;
	pool_of(f)->hysteresis = 50;
	ctl_quorum_update(&f->ctl, 0);
	assert_int_equal(half->quorum.weight, 1281);
	assert_int_equal(half->quorum.state, CTL_QUORUM_UP);
	report(f, slave(f), HC_DOWN, HC_NO_WEIGHT);
	assert_int_equal(half->quorum.weight, 641);
	assert_int_equal(half->quorum.state, CTL_QUORUM_DOWN);
	a = fixture_ask(
		f, "{\"cmd\": \"show services\", \"args\": {\"service\": \"imaps\"}}", false, NULL);
	expect(a, "services.0.quorum",
		"{\"state\": \"down\", \"weight\": 641, \"needed\": 700, \"hysteresis\": 50}");
	expect(a, "services.1.quorum.state", "\"unknown\"");
	json_decref(a);
	report(f, slave(f), HC_UP, 108); // a script's weight counts
	assert_int_equal(half->quorum.state, CTL_QUORUM_DOWN);
	report(f, slave(f), HC_UP, 109);
	assert_int_equal(half->quorum.state, CTL_QUORUM_UP);
	ctl_server_set_held(&f->ctl, slave(f), true);
	assert_int_equal(half->quorum.state, CTL_QUORUM_DOWN);
}

/* A spawner, and a file that commands write to. */
struct stage {
	struct fixture *f;
	struct spawner *spawner;
	char folder[64];
	char path[96];
	char script[TEXT / 4];
	const char *command[4];
};

static void set_commands(struct stage *s, const char *format)
{
	(void)snprintf(s->script, sizeof(s->script), format, s->path);
	s->command[0] = "/bin/sh";
	s->command[1] = "-c";
	s->command[2] = s->script;
	s->command[3] = NULL;
	pool_of(s->f)->quorum_up = s->command;
	pool_of(s->f)->n_quorum_up = 3;
	pool_of(s->f)->quorum_down = s->command;
	pool_of(s->f)->n_quorum_down = 3;
}

static int setup_with(void **state, struct fixture *f)
{
	struct stage *s = calloc(1, sizeof(*s));
	const char *user = geteuid() == 0 ? "nobody" : getpwuid(geteuid())->pw_name;

	assert_non_null(s);
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/poise-quorum.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	assert_int_equal(chmod(s->folder, 0777), 0);
	(void)snprintf(s->path, sizeof(s->path), "%s/said", s->folder);
	assert_int_equal(spawner_start(user, 1, &s->spawner), 0);
	s->f = f;
	s->f->ctl.base = event_base_new();
	pool_of(s->f)->quorum = 700;
	assert_int_equal(ctl_quorum_start(&s->f->ctl, spawner_channel(s->spawner, 0)), 0);
	*state = s;
	return 0;
}

static int setup_commands(void **state)
{
	return setup_with(state, fixture_new());
}

static int setup_many_commands(void **state)
{
	return setup_with(state, fixture_new_large(N_MANY, 2));
}

static int teardown_commands(void **state)
{
	struct stage *s = *state;

	ctl_quorum_stop(&s->f->ctl);
	event_base_free(s->f->ctl.base);
	s->f->ctl.base = NULL;
	fixture_free(s->f);
	spawner_stop(s->spawner);
	(void)unlink(s->path);
	(void)rmdir(s->folder);
	free(s);
	return 0;
}

static void turn(struct stage *s)
{
	const struct timeval limit = {.tv_usec = 10000};

	(void)event_base_loopexit(s->f->ctl.base, &limit);
	(void)event_base_loop(s->f->ctl.base, EVLOOP_ONCE);
}

static void read_said(const struct stage *s, char *buf)
{
	FILE *file = fopen(s->path, "re");
	size_t n = 0;

	if (file) {
		n = fread(buf, 1, TEXT - 1, file);
		(void)fclose(file);
	}
	buf[n] = '\0';
}

/* Until the half's command has ended; what all have said then. */
static void await_end(struct stage *s, unsigned half, char *ret_said)
{
	const int64_t end = now_ms() + HANG_MS;

	while (s->f->ctl.services[half].quorum.is_running && now_ms() < end)
		turn(s);
	assert_false(s->f->ctl.services[half].quorum.is_running);
	read_said(s, ret_said);
}

static void commands_are_told_what_has_happened_to_which_half(void **state)
{
	struct stage *s = *state;
	char said[TEXT];

	set_commands(s, "echo $POISE_SERVICE $POISE_POOL $POISE_FAMILY $POISE_PROTOCOL "
			"$POISE_EVENT >> %s");
	ctl_quorum_update(&s->f->ctl, 0);
	await_end(s, 0, said);
	assert_string_equal(said, "imaps mail 4 tcp quorum_up\n");
	report(s->f, slave(s->f), HC_DOWN, HC_NO_WEIGHT);
	await_end(s, 0, said);
	assert_string_equal(said, "imaps mail 4 tcp quorum_up\nimaps mail 4 tcp quorum_down\n");
}

static void what_flaps_while_a_command_runs_is_told_once_at_its_end(void **state)
{
	struct stage *s = *state;
	char said[TEXT];

	set_commands(s, "echo $POISE_EVENT >> %s; sleep 0.2");
	ctl_quorum_update(&s->f->ctl, 0);
	assert_true(s->f->ctl.services[0].quorum.is_running);
	for (unsigned i = 0; i < 9; i++)
		report(s->f, slave(s->f), i % 2 == 0 ? HC_DOWN : HC_UP, HC_NO_WEIGHT);
	await_end(s, 0, said); // both: the second starts as the first ends
	assert_string_equal(said, "quorum_up\nquorum_down\n");
	report(s->f, slave(s->f), HC_UP, HC_NO_WEIGHT);
	report(s->f, slave(s->f), HC_DOWN, HC_NO_WEIGHT);
	await_end(s, 0, said);
	assert_string_equal(said, "quorum_up\nquorum_down\nquorum_up\nquorum_down\n");
}

static const char *last_log(void)
{
	return fixture_log(fixture_log_count() - 1);
}

static void a_command_that_fails_is_logged_in_words(void **state)
{
	struct stage *s = *state;
	char said[TEXT];

	set_commands(s, "echo no such peer >&2; exit 3; %s");
	ctl_quorum_update(&s->f->ctl, 0);
	await_end(s, 0, said);
	assert_string_equal(last_log(),
		"service imaps: quorum_up command: exit 3: no such peer family=4 protocol=tcp");
	set_commands(s, "kill -9 $$; %s");
	report(s->f, slave(s->f), HC_DOWN, HC_NO_WEIGHT);
	await_end(s, 0, said);
	assert_string_equal(last_log(),
		"service imaps: quorum_down command: signal 9 (Killed) family=4 protocol=tcp");
	s->command[0] = "/nonexistent";
	report(s->f, slave(s->f), HC_UP, HC_NO_WEIGHT);
	await_end(s, 0, said);
	assert_string_equal(last_log(),
		"service imaps: quorum_up command: not run: No such file or "
		"directory family=4 protocol=tcp");
}

/* A spawner that has no descriptor left for a pipe to a program. */
static void set_starved(const struct stage *s, bool is_starved)
{
	static const rlim_t few = 5;
	struct rlimit limit;

	assert_int_equal(prlimit(spawner_pid(s->spawner), RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = is_starved ? few : limit.rlim_max;
	assert_int_equal(prlimit(spawner_pid(s->spawner), RLIMIT_NOFILE, &limit, NULL), 0);
}

static void a_command_that_is_refused_is_tried_again(void **state)
{
	struct stage *s = *state;
	const struct ctl_quorum *q = &s->f->ctl.services[0].quorum;
	char said[TEXT];

	set_commands(s, "echo $POISE_EVENT >> %s");
	set_starved(s, true);
	ctl_quorum_update(&s->f->ctl, 0);
	for (unsigned i = 0; i < 3; i++) {
		await_end(s, 0, said);
		assert_int_equal(q->told, CTL_QUORUM_UNKNOWN);
		ctl_quorum_retry(&s->f->ctl);
	}
	await_end(s, 0, said);
	assert_string_equal(said, "");
	assert_string_equal(last_log(),
		"service imaps: quorum_up command not run: Too many open files: is tried again "
		"family=4 protocol=tcp"); // once
	set_starved(s, false);
	ctl_quorum_retry(&s->f->ctl);
	await_end(s, 0, said);
	assert_string_equal(said, "quorum_up\n");
	assert_int_equal(q->told, CTL_QUORUM_UP);
	assert_int_equal(q->n_refused, 0);
}

static void refusals_without_end_are_given_up(void **state)
{
	struct stage *s = *state;
	unsigned n_tries = 1;
	char said[TEXT];

	set_commands(s, "echo $POISE_EVENT >> %s");
	set_starved(s, true);
	ctl_quorum_update(&s->f->ctl, 0);
	await_end(s, 0, said);
	for (; s->f->ctl.services[0].quorum.told == CTL_QUORUM_UNKNOWN && n_tries < 1000;
		n_tries++) {
		ctl_quorum_retry(&s->f->ctl);
		await_end(s, 0, said);
	}
	assert_int_equal(n_tries, 60);
	assert_string_equal(last_log(),
		"service imaps: quorum_up command not run: Too many open files: given up after 60 "
		"times family=4 protocol=tcp");
	set_starved(s, false);
	ctl_quorum_retry(&s->f->ctl);
	assert_false(s->f->ctl.services[0].quorum.is_running);
	report(s->f, slave(s->f), HC_DOWN, HC_NO_WEIGHT); // another one is run
	await_end(s, 0, said);
	assert_string_equal(said, "quorum_down\n");
}

/* As when a refusal found no room on its way: here, nothing is on its way. */
static void a_command_that_is_not_heard_of_is_run_anew(void **state)
{
	struct stage *s = *state;
	struct ctl_quorum *q = &s->f->ctl.services[0].quorum;
	char said[TEXT];

	set_commands(s, "echo $POISE_EVENT >> %s");
	assert_int_equal(kill(spawner_pid(s->spawner), SIGSTOP), 0);
	ctl_quorum_update(&s->f->ctl, 0);
	ctl_quorum_retry(&s->f->ctl);
	assert_int_equal(q->n_refused, 0); // it has its time
	q->started_ms -= OVERDUE_MS;
	ctl_quorum_retry(&s->f->ctl);
	assert_int_equal(q->n_refused, 1);
	assert_true(q->is_running); // the second
	assert_int_equal(kill(spawner_pid(s->spawner), SIGCONT), 0);
	await_end(s, 0, said);
	assert_string_equal(said, "quorum_up\n");
}

static unsigned count_running(const struct stage *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->f->ctl.n_services; i++)
		n += s->f->ctl.services[i].quorum.is_running;
	return n;
}

static void more_commands_than_places_run_one_after_the_other(void **state)
{
	struct stage *s = *state;
	const unsigned n = s->f->ctl.n_services;
	const int64_t end = now_ms() + HANG_MS;
	char said[TEXT];

	assert_true(n > 2 * SPAWN_MAX_COMMANDS);
	set_commands(s, "echo x >> %s");
	pool_of(s->f)->quorum = 1;
	assert_int_equal(kill(spawner_pid(s->spawner), SIGSTOP), 0);
	for (unsigned i = 0; i < n; i++)
		ctl_quorum_update(&s->f->ctl, i);
	ctl_quorum_retry(&s->f->ctl);
	assert_int_equal(count_running(s), SPAWN_MAX_COMMANDS);
	assert_int_equal(kill(spawner_pid(s->spawner), SIGCONT), 0);
	while (count_running(s) > 0 && now_ms() < end) { // nobody tries again
		turn(s);
		assert_true(count_running(s) <= SPAWN_MAX_COMMANDS);
	}
	read_said(s, said);
	assert_int_equal(strlen(said), n * strlen("x\n"));
}

/* Never the beginning of it: that would be another command. */
static void a_command_too_long_is_not_run_at_all(void **state)
{
	static const char *many[SPAWN_MAX_ARGS + 2];
	struct stage *s = *state;
	char said[TEXT];

	set_commands(s, "echo $# >> %s");
	memcpy(many, s->command, 3 * sizeof(many[0]));
	for (unsigned i = 3; i <= SPAWN_MAX_ARGS; i++)
		many[i] = "word";
	pool_of(s->f)->quorum_up = many;
	pool_of(s->f)->n_quorum_up = SPAWN_MAX_ARGS + 1;
	ctl_quorum_update(&s->f->ctl, 0);
	assert_false(s->f->ctl.services[0].quorum.is_running);
	assert_string_equal(last_log(),
		"service imaps: quorum_up command not run: Argument list too long family=4 "
		"protocol=tcp");
	read_said(s, said);
	assert_string_equal(said, "");
}

static void without_its_spawner_the_model_goes_on(void **state)
{
	struct stage *s = *state;
	char said[TEXT];

	set_commands(s, "exec sleep 1000; %s");
	ctl_quorum_update(&s->f->ctl, 0);
	assert_int_equal(kill(spawner_pid(s->spawner), SIGKILL), 0);
	await_end(s, 0, said);
	report(s->f, slave(s->f), HC_DOWN, HC_NO_WEIGHT);
	assert_int_equal(s->f->ctl.services[0].quorum.state, CTL_QUORUM_DOWN);
	assert_false(s->f->ctl.services[0].quorum.is_running);
	ctl_quorum_retry(&s->f->ctl);
	assert_false(s->f->ctl.services[0].quorum.is_running);
}

#define weight_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define command_test(name) cmocka_unit_test_setup_teardown(name, setup_commands, teardown_commands)

int main(void)
{
	const struct CMUnitTest tests[] = {
		weight_test(a_check_s_weight_takes_the_place_of_the_configured_one),
		weight_test(a_failed_result_keeps_the_weight_until_the_verdict),
		weight_test(what_a_command_sets_goes_before_what_a_check_says),
		weight_test(workers_are_told_only_of_weights_that_change),
		weight_test(weights_and_who_took_it_out_are_shown),
		weight_test(a_command_and_a_file_must_both_allow_a_server),
		weight_test(the_sum_of_a_half_s_weights_is_its_quorum),
		command_test(commands_are_told_what_has_happened_to_which_half),
		command_test(what_flaps_while_a_command_runs_is_told_once_at_its_end),
		command_test(a_command_that_fails_is_logged_in_words),
		command_test(a_command_that_is_refused_is_tried_again),
		command_test(refusals_without_end_are_given_up),
		command_test(a_command_that_is_not_heard_of_is_run_anew),
		cmocka_unit_test_setup_teardown(more_commands_than_places_run_one_after_the_other,
			setup_many_commands, teardown_commands),
		command_test(a_command_too_long_is_not_run_at_all),
		command_test(without_its_spawner_the_model_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
