/* The spawner, with real programs: what is killed when, many at once, and that nothing stays. */
#include "spawn_stage.h"

#include <dirent.h>
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

/* ---- what is killed -------------------------------------------------------------------------- */

/* Children in the group, and one that left it. */
static const char family[] = "sleep 1000 & echo $! > $FOLDER/child\n"
			     "(sleep 1000 & echo $! > $FOLDER/grandchild; wait) &\n"
			     "setsid sh -c 'echo $$ > $FOLDER/away; exec sleep 1000' &\n";

static void assert_family_goes(const struct stage *s)
{
	spawn_assert_goes(spawn_await_pid(s, "child"));
	spawn_assert_goes(spawn_await_pid(s, "grandchild"));
	spawn_assert_goes(spawn_await_pid(s, "away"));
}

static void await_family(const struct stage *s)
{
	(void)spawn_await_pid(s, "child");
	(void)spawn_await_pid(s, "grandchild");
	(void)spawn_await_pid(s, "away");
}

static void run_family(struct stage *s, uint64_t id, const char *rest, uint32_t timeout_ms)
{
	char script[TEXT];

	(void)snprintf(script, sizeof(script), "%s%s", family, rest);
	spawn_start(s, id, script, timeout_ms);
	await_family(s);
}

static void a_timeout_kills_the_whole_family(void **state)
{
	struct stage *s = *state;
	const int64_t start = spawn_now_ms();
	struct spawn_result r;

	run_family(s, 7, "echo waiting; trap '' TERM; wait", 1000);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	spawn_assert_end(&r, SPAWN_TIMED_OUT, 0);
	assert_true(r.id == 7);
	assert_string_equal(r.output, "waiting");
	assert_true(spawn_now_ms() - start >= 1000);
	assert_true(r.duration_us >= 1000000);
	assert_family_goes(s);
}

static void the_end_of_a_program_ends_its_family(void **state)
{
	struct stage *s = *state;
	struct spawn_result r;

	run_family(s, 7, "while ! [ -e $FOLDER/away ]; do sleep 0.01; done; exit 5", LONG_MS);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	spawn_assert_end(&r, SPAWN_EXITED, 5);
	assert_family_goes(s);
}

/* The parent of a pipeline may end early: its children are still the program's. */
static void orphans_of_a_program_that_runs_are_left_alone(void **state)
{
	struct stage *s = *state;
	struct spawn_result r;

	spawn_start(s, 1, "(sleep 1000 & echo $! > $FOLDER/orphan) ; sleep 1000", LONG_MS);
	(void)spawn_await_pid(s, "orphan");
	for (unsigned i = 0; i < 3; i++) {
		spawn_start(s, 10 + i, "exit 0", LONG_MS);
		assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
		assert_true(r.id == 10 + i);
	}
	assert_false(spawn_is_gone(spawn_await_pid(s, "orphan")));
	assert_int_equal(spawn_cancel(s->channel, 1), 0);
	spawn_assert_goes(spawn_await_pid(s, "orphan"));
}

static void a_cancelled_run_is_killed_and_not_heard_of(void **state)
{
	struct stage *s = *state;
	struct spawn_result r;

	run_family(s, 1, "wait", LONG_MS);
	assert_int_equal(spawn_cancel(s->channel, 1), 0);
	assert_family_goes(s);
	assert_int_equal(spawn_cancel(s->channel, 1), 0); // not there: nothing happens
	assert_int_equal(spawn_cancel(s->channel, 99), 0);
	r = spawn_result_of(s, "exit 4", LONG_MS);
	spawn_assert_end(&r, SPAWN_EXITED, 4);
	assert_int_equal(spawn_await(s->channel, 50, &r), 0);
}

static void a_run_is_cancelled_by_its_own_channel_only(void **state)
{
	struct stage *s = *state;
	struct spawn_channel *other = spawner_channel(s->spawner, 1);
	struct spawn_result r;

	spawn_start(s, 1, "echo $$ > $FOLDER/pid; sleep 0.3; exit 9", LONG_MS);
	(void)spawn_await_pid(s, "pid");
	assert_int_equal(spawn_cancel(other, 1), 0);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	spawn_assert_end(&r, SPAWN_EXITED, 9);
	assert_int_equal(spawn_await(other, 0, &r), 0);
}

static void the_end_of_the_spawner_ends_all(void **state)
{
	struct stage *s = *state;
	const int64_t start = spawn_now_ms();

	run_family(s, 1, "trap '' TERM HUP; wait", LONG_MS);
	spawner_stop(s->spawner);
	s->spawner = NULL;
	assert_true(spawn_now_ms() - start < 5000);
	assert_family_goes(s);
}

/* What the daemon would be: it starts a spawner, a family, and is killed. */
static void play_daemon(struct stage *s)
{
	spawner_stop(s->spawner); // the copy's descriptors
	if (spawner_start(spawn_own_user(), 1, &s->spawner) < 0)
		_exit(1);
	s->channel = spawner_channel(s->spawner, 0);
	if (spawn_try(s, 1,
		    "echo $PPID > $FOLDER/spawner; "
		    "sleep 1000 & echo $! > $FOLDER/child; "
		    "(sleep 1000 & echo $! > $FOLDER/grandchild; wait) & "
		    "setsid sh -c 'echo $$ > $FOLDER/away; exec sleep 1000' & wait",
		    LONG_MS) < 0)
		_exit(1);
	for (;;)
		(void)pause();
}

static void a_killed_daemon_leaves_nothing(void **state)
{
	struct stage *s = *state;
	pid_t pid, spawner;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		play_daemon(s);
	await_family(s);
	spawner = spawn_await_pid(s, "spawner");
	assert_false(spawn_is_gone(spawner));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	spawn_assert_goes(spawner);
	assert_family_goes(s);
}

static void a_killed_spawner_is_told_and_takes_its_programs_along(void **state)
{
	struct stage *s = *state;
	struct spawn_result r;

	spawn_start(s, 1, "echo $$ > $FOLDER/program; exec sleep 1000", LONG_MS);
	(void)spawn_await_pid(s, "program");
	assert_int_equal(kill(spawner_pid(s->spawner), SIGKILL), 0);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), -EPIPE);
	spawn_assert_goes(spawn_await_pid(s, "program"));
	assert_int_equal(spawn_try(s, 2, "exit 0", LONG_MS), -EPIPE);
	assert_int_equal(spawn_cancel(s->channel, 1), -EPIPE);
	assert_int_equal(spawn_take(s->channel, &r), -EPIPE);
}

static void signals_of_a_terminal_do_not_end_the_spawner(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE};
	struct stage *s = *state;
	struct spawn_result r;

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_int_equal(kill(spawner_pid(s->spawner), signals[i]), 0);
	r = spawn_result_of(s, "exit 6", LONG_MS);
	spawn_assert_end(&r, SPAWN_EXITED, 6);
}

/* ---- many ------------------------------------------------------------------------------------ */

static unsigned count_children(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	FILE *file;
	int child;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fscanf(file, "%d", &child) == 1)
		n++;
	(void)fclose(file);
	return n;
}

static void run_when_there_is_room(struct stage *s, uint64_t id, const char *script)
{
	int r = spawn_try(s, id, script, LONG_MS);

	for (const int64_t end = spawn_now_ms() + HANG_MS; r == -EAGAIN && spawn_now_ms() < end;) {
		(void)usleep(1000);
		r = spawn_try(s, id, script, LONG_MS);
	}
	assert_int_equal(r, 0);
}

static void await_children(const struct stage *s, unsigned n)
{
	for (const int64_t end = spawn_now_ms() + HANG_MS;
		count_children(spawner_pid(s->spawner)) != n && spawn_now_ms() < end;)
		(void)usleep(2000);
	assert_int_equal(count_children(spawner_pid(s->spawner)), n);
}

/* Each waits at a gate until a whole table runs at once; the others come after them. */
static void five_hundred_run_at_once_and_more_after_them(void **state)
{
	enum { N = SPAWN_MAX_RUNNING + 200 };
	struct stage *s = *state;
	bool has_ended[N] = {false};
	struct spawn_result r;
	char gate[128];
	FILE *file;

	(void)snprintf(gate, sizeof(gate), "%s/gate", s->folder);
	assert_int_equal(mkfifo(gate, 0666), 0);
	assert_int_equal(chmod(gate, 0666), 0);
	for (unsigned i = 0; i < N; i++)
		run_when_there_is_room(s, i, "exec 3< $FOLDER/gate; exit 4");
	await_children(s, SPAWN_MAX_RUNNING);
	assert_int_equal(spawn_take(s->channel, &r), 0);

	file = fopen(gate, "r+e");
	assert_non_null(file);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
		spawn_assert_end(&r, SPAWN_EXITED, 4);
		assert_true(r.id < N && !has_ended[r.id]);
		has_ended[r.id] = true;
	}
	(void)fclose(file);
	await_children(s, 0);
}

static void more_than_can_wait_are_told(void **state)
{
	enum { N_OVER = 300, N = SPAWN_MAX_RUNNING + SPAWN_MAX_WAITING + N_OVER, LAST = N };
	struct stage *s = *state;
	unsigned n_refused = 0;
	struct spawn_result r;

	for (unsigned i = 0; i < N; i++)
		run_when_there_is_room(s, i, "exec sleep 1000");
	while (n_refused < N_OVER) {
		assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
		spawn_assert_end(&r, SPAWN_NOT_RUN, EAGAIN);
		n_refused++;
	}
	// those that run, and those that wait
	for (unsigned i = 0; i < N; i++)
		while (spawn_cancel(s->channel, i) == -EAGAIN)
			(void)usleep(1000);
	run_when_there_is_room(s, LAST, "exit 8");
	do {
		assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
		if (r.id != LAST)
			spawn_assert_end(
				&r, SPAWN_NOT_RUN, EAGAIN); // more came at once than were started
	} while (r.id != LAST);
	spawn_assert_end(&r, SPAWN_EXITED, 8);
	await_children(s, 0);
}

static unsigned count_descriptors(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void no_descriptor_is_left_behind(void **state)
{
	struct stage *s = *state;
	struct spawn_result r = spawn_result_of(s, "exit 0", LONG_MS);
	const unsigned before = count_descriptors(spawner_pid(s->spawner));
	const unsigned own = count_descriptors(getpid());

	// . .. 0-2, two channels, the signals
	assert_int_equal(before, 2 + 3 + 2 + 1);
	for (unsigned i = 0; i < 200; i++) {
		const char *const argv[] = {"/nonexistent", NULL};
		const struct spawn_request request = {i, argv, argv + 1, LONG_MS};

		if (i % 4 == 0)
			assert_int_equal(spawn_run(s->channel, &request), 0);
		else
			spawn_start(s, i,
				i % 4 == 1   ? "exit 0"
				: i % 4 == 2 ? "kill -9 $$"
					     : "sleep 1000",
				i % 8 == 3 ? 20 : LONG_MS);
		if (i % 8 == 7)
			assert_int_equal(spawn_cancel(s->channel, i), 0);
		else
			assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	}
	r = spawn_result_of(s, "exit 0", LONG_MS);
	for (const int64_t end = spawn_now_ms() + HANG_MS;
		count_descriptors(spawner_pid(s->spawner)) != before && spawn_now_ms() < end;)
		(void)usleep(2000);
	assert_int_equal(count_descriptors(spawner_pid(s->spawner)), before);
	assert_int_equal(count_descriptors(getpid()), own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		spawner_test(a_timeout_kills_the_whole_family),
		spawner_test(the_end_of_a_program_ends_its_family),
		spawner_test(orphans_of_a_program_that_runs_are_left_alone),
		spawner_test(a_cancelled_run_is_killed_and_not_heard_of),
		spawner_test(a_run_is_cancelled_by_its_own_channel_only),
		spawner_test(the_end_of_the_spawner_ends_all),
		spawner_test(a_killed_daemon_leaves_nothing),
		spawner_test(a_killed_spawner_is_told_and_takes_its_programs_along),
		spawner_test(signals_of_a_terminal_do_not_end_the_spawner),
		spawner_test(five_hundred_run_at_once_and_more_after_them),
		spawner_test(more_than_can_wait_are_told),
		spawner_test(no_descriptor_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
