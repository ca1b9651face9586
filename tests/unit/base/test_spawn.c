/* The spawner, with real programs: how runs end, and what programs get. */
#include "base/spawn_runs.h"
#include "spawn_stage.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- how runs end ---------------------------------------------------------------------------- */

static void exit_codes_come_back(void **state)
{
	static const int codes[] = {0, 1, 2, 77, 126, 127, 255};

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char script[32];
		struct spawn_result r;

		(void)snprintf(script, sizeof(script), "exit %d", codes[i]);
		r = spawn_result_of(*state, script, LONG_MS);
		spawn_assert_end(&r, SPAWN_EXITED, codes[i]);
		assert_string_equal(r.output, "");
		assert_true(r.duration_us > 0 && r.duration_us < HANG_MS * 1000);
	}
}

static void signals_come_back(void **state)
{
	static const int signals[] = {SIGTERM, SIGKILL, SIGSEGV, SIGPIPE};

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		char script[32];
		struct spawn_result r;

		(void)snprintf(script, sizeof(script), "kill -%d $$", signals[i]);
		r = spawn_result_of(*state, script, LONG_MS);
		spawn_assert_end(&r, SPAWN_SIGNALLED, signals[i]);
	}
}

static void what_cannot_be_executed_says_why(void **state)
{
	struct stage *s = *state;
	char plain[128];
	const char *const env[] = {NULL};
	const struct {
		const char *path;
		int error;
	} cells[] = {{"/nonexistent/program", ENOENT}, {plain, EACCES}, {"/etc", EACCES},
		{"/etc/passwd/x", ENOTDIR}};
	FILE *file;

	(void)snprintf(plain, sizeof(plain), "%s/plain", s->folder);
	file = fopen(plain, "we");
	assert_non_null(file);
	(void)fclose(file);
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		const char *const argv[] = {cells[i].path, NULL};
		const struct spawn_request request = {i, argv, env, LONG_MS};
		struct spawn_result r;

		assert_int_equal(spawn_run(s->channel, &request), 0);
		assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
		assert_true(r.id == i);
		spawn_assert_end(&r, SPAWN_NOT_EXECUTED, cells[i].error);
	}
}

/* The end of "/bin/true" as this user. */
static struct spawn_result end_as(const struct spawn_user *user)
{
	const char *const argv[] = {"/bin/true", NULL}, *const env[] = {NULL};
	const struct spawn_request request = {1, argv, env, LONG_MS};
	struct spawn_runs *runs = NULL;
	union spawn_buffer buffer;
	struct spawn_result r;
	size_t len;

	assert_int_equal(spawn_runs_new(user, &runs), 0);
	assert_int_equal(spawn_wire_encode(&request, &buffer, &len), 0);
	spawn_runs_start(runs, 0, &buffer.message, len);
	while (runs->table[0].state == SPAWN_RUN_RUNNING) {
		(void)spawn_runs_reap(runs);
		(void)usleep(1000);
	}
	assert_int_equal(runs->table[0].state, SPAWN_RUN_OVER);
	r = runs->table[0].result;
	spawn_runs_release(runs, &runs->table[0]);
	spawn_runs_free(runs);
	return r;
}

/* In a process of its own: what it reaps are all its children. */
static void what_fails_before_exec_is_not_the_programs(void **state)
{
	static struct spawn_user user;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct spawn_result r = end_as(&user);
		bool is_right = r.end == SPAWN_EXITED && r.value == 0;

		// more than a process may have; who is not root may have none anyway
		user.may_switch = true;
		user.n_groups = 1 << 20;
		r = end_as(&user);
		is_right &= r.end == SPAWN_NOT_RUN && (r.value == EINVAL || r.value == EPERM);
		_exit(is_right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void requests_too_large_are_refused(void **state)
{
	struct stage *s = *state;
	static char large[SPAWN_MAX_BYTES];
	const char *const one[] = {"/bin/true", large, NULL};
	const char *const none[] = {NULL};
	const char *many[SPAWN_MAX_ARGS + 2] = {NULL};
	struct spawn_request request = {1, one, none, LONG_MS};
	struct spawn_result r;

	memset(large, 'x', sizeof(large) - 1);
	assert_int_equal(spawn_run(s->channel, &request), -E2BIG);
	large[SPAWN_MAX_BYTES - sizeof("/bin/true") - 1] = '\0'; // as much as fits
	assert_int_equal(spawn_run(s->channel, &request), 0);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	spawn_assert_end(&r, SPAWN_EXITED, 0);

	for (unsigned i = 0; i <= SPAWN_MAX_ARGS; i++)
		many[i] = "/bin/true";
	request.argv = many;
	assert_int_equal(spawn_run(s->channel, &request), -E2BIG);
	many[SPAWN_MAX_ARGS] = NULL;
	assert_int_equal(spawn_run(s->channel, &request), 0);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	spawn_assert_end(&r, SPAWN_EXITED, 0);
	request.argv = none;
	assert_int_equal(spawn_run(s->channel, &request), -EINVAL);
}

static void output_of_both_streams_is_kept_up_to_its_limit(void **state)
{
	struct stage *s = *state;
	struct spawn_result r = spawn_result_of(
		s, "echo 'disk\tfull'; echo '\033[31mmore' >&2; printf '\\n \\n'", LONG_MS);

	assert_string_equal(r.output, "disk full\n [31mmore");
	r = spawn_result_of(
		s, "i=0; while [ $i -lt 99 ]; do printf 0123456789; i=$((i+1)); done", LONG_MS);
	assert_int_equal(strlen(r.output), SPAWN_OUTPUT_LEN - 1);
	assert_memory_equal(r.output, "012345678901234567890", 20);
	// much more than a pipe holds: nobody blocks
	r = spawn_result_of(s, "head -c 3000000 /dev/zero; exit 3", LONG_MS);
	spawn_assert_end(&r, SPAWN_EXITED, 3);
}

/* ---- what programs get ----------------------------------------------------------------------- */

static void programs_get_their_environment_and_no_other(void **state)
{
	struct stage *s = *state;
	char expected[TEXT], got[TEXT];
	struct spawn_result r;

	assert_int_equal(setenv("POISE_SECRET", "of the daemon", 1), 0);
	r = spawn_result_of(
		s, "/usr/bin/env | grep -vE '^(PWD|_|SHLVL)=' | sort > $FOLDER/env", LONG_MS);
	spawn_assert_end(&r, SPAWN_EXITED, 0);
	(void)snprintf(expected, sizeof(expected),
		"FOLDER=%s\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPOISE_TEST=a b\n", s->folder);
	assert_true(spawn_read_file(s, "env", got, sizeof(got)));
	assert_string_equal(got, expected);
}

static void programs_get_no_descriptor_and_nothing_to_read(void **state)
{
	struct spawn_result r = spawn_result_of(*state,
		"ls /proc/self/fd | tr '\\n' ,; wc -c; readlink /proc/self/cwd /proc/$$/fd/0; "
		"ulimit -c; umask",
		LONG_MS);

	// ls has opened what it reads, as 3
	assert_string_equal(r.output, "0,1,2,3,0\n/\n/dev/null\n0\n0022");
}

static void programs_lead_a_session_without_privileges(void **state)
{
	struct spawn_result r;

	if (geteuid() != 0)
		skip();
	r = spawn_result_of(*state, "id -un; id -Gn", LONG_MS);
	assert_string_equal(r.output, "nobody\nnogroup");
	r = spawn_result_of(*state,
		"exec grep -cE '^(NoNewPrivs:\t1|Cap(Inh|Prm|Eff|Amb):\t0+|Sig(Blk|Ign):\t0+|"
		"NSsid:\t'$$'|Uid:\t65534\t65534\t65534\t65534)$' /proc/self/status",
		LONG_MS);
	assert_string_equal(r.output, "9");
}

static void a_user_must_exist_and_be_ours_to_take(void **state)
{
	struct spawner *s = NULL;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(spawner_start("no-such-user", 1, &s), -ENOENT);
	assert_int_equal(spawner_start(spawn_own_user(), 0, &s), -EINVAL);
	assert_int_equal(spawner_start(spawn_own_user(), SPAWN_MAX_CHANNELS + 1, &s), -EINVAL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && seteuid(65534) < 0)
			_exit(2);
		_exit(spawner_start("root", 1, &s) == -EPERM ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		spawner_test(exit_codes_come_back),
		spawner_test(signals_come_back),
		spawner_test(what_cannot_be_executed_says_why),
		cmocka_unit_test(what_fails_before_exec_is_not_the_programs),
		spawner_test(requests_too_large_are_refused),
		spawner_test(output_of_both_streams_is_kept_up_to_its_limit),
		spawner_test(programs_get_their_environment_and_no_other),
		spawner_test(programs_get_no_descriptor_and_nothing_to_read),
		spawner_test(programs_lead_a_session_without_privileges),
		cmocka_unit_test(a_user_must_exist_and_be_ours_to_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
