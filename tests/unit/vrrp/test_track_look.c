/* Tracks of files, with a real inotify, and of processes, with real ones. */
#include "tests/unit/vrrp/tracks_stage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- files ---------------------------------------------------------------------------------- */

static void the_first_word_of_a_file_says_whether_it_is_up(void **state)
{
	static const struct {
		const char *make;
		bool is_up;
		const char *why;
	} cells[] = {
		{"true", false, "No such file or directory"},
		{"printf '' >f", true, ""},
		{"echo 1 >f", true, ""},
		{"echo 0 >f", false, "says 0"},
		{"printf 0 >f", false, "says 0"},
		{"printf ' \\n\\t0 100\\n' >f", false, "says 0"},
		{"echo 00 >f", true, ""},
		{"echo 0x >f", true, ""},
		{"echo 100 0 >f", true, ""},
		{"printf '\\n' >f", true, ""},
		{"mkdir f", true, ""},
		{"mkfifo f", true, ""},
		{"ln -s /dev/null f", true, ""},
		{"ln -s nowhere f", false, "No such file or directory"},
		{"head -c 100000 /dev/zero >f", true, ""},
	};
	struct tracks_stage *s = *state;

	tracks_add_file(s, "f");
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct vrrp_track_status status;

		tracks_shell(s, "rm -rf f; %s", cells[i].make);
		tracks_start(s);
		status = tracks_status(s, 0);
		assert_true(status.is_known); // at once
		assert_int_equal(status.is_up, cells[i].is_up);
		assert_string_equal(status.why, cells[i].why);
		vrrp_tracks_stop(s->tracks);
		s->tracks = NULL;
	}
}

static void await_is(const struct tracks_stage *s, unsigned track, bool is_up)
{
	if (is_up)
		tracks_await_up(s, track);
	else
		tracks_await_down(s, track);
}

/* All together sooner than the looks once a second could have seen them. */
static void a_change_is_seen_at_once(void **state)
{
	static const struct {
		const char *change;
		bool is_up;
	} steps[] = {
		{"echo 1 >f", true},
		{"echo 0 >f", false},
		{"echo 1 >new; mv new f", true},
		{"rm f", false},
		{"touch f", true},
		{"mv f g", false},
	};
	enum { N_STEPS = sizeof(steps) / sizeof(steps[0]) };
	struct tracks_stage *s = *state;
	const int64_t start = spawn_now_ms();

	tracks_add_file(s, "f");
	tracks_add_file(s, "other");
	tracks_start(s);
	for (unsigned i = 0; i < N_STEPS; i++) {
		tracks_shell(s, "%s", steps[i].change);
		await_is(s, 0, steps[i].is_up);
		assert_int_equal(s->n_changes, i + 1);
		assert_false(tracks_status(s, 1).is_up);
	}
	assert_in_range(spawn_now_ms() - start, 0, (N_STEPS - 2) * 1000);
}

/* Writes "0" slowly, each time when it is told to, and says when it has. */
static pid_t start_writer(const struct tracks_stage *s, const int go[2], int done)
{
	pid_t pid = fork();
	char byte;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)close(go[1]);
	while (read(go[0], &byte, 1) == 1) {
		FILE *file = fopen(s->paths[0], "we"); // empty now

		(void)usleep(3000);
		if (!file || fputs("0", file) < 0 || fclose(file) != 0 || write(done, "", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

/* It is no moment up. A look once a second might see it so: the test is shorter, or says nothing.
 */
static void a_file_is_not_read_while_it_is_written(void **state)
{
	struct tracks_stage *s = *state;
	const int64_t start = spawn_now_ms();
	int go[2], done[2], status;
	char byte;
	pid_t writer;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe2(done, O_NONBLOCK), 0);
	tracks_shell(s, "echo 0 >f");
	tracks_add_file(s, "f");
	tracks_start(s);
	writer = start_writer(s, go, done[1]);
	(void)close(go[0]);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(write(go[1], "", 1), 1);
		while (read(done[0], &byte, 1) != 1)
			programs_turn_for(s->stage, 1);
		programs_turn_for(s->stage, 1); // what was told meanwhile
	}
	if (spawn_now_ms() - start < 900)
		assert_int_equal(s->n_changes, 0);
	(void)close(go[1]);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	(void)close(done[0]);
	(void)close(done[1]);
}

static void a_folder_may_come_go_and_be_replaced(void **state)
{
	struct tracks_stage *s = *state;

	tracks_add_file(s, "d/f");
	tracks_start(s);
	assert_string_equal(tracks_status(s, 0).why, "No such file or directory");
	tracks_shell(s, "mkdir d; >d/f");
	tracks_await_up(s, 0); // with the look once a second
	tracks_shell(s, "echo 0 >d/f");
	tracks_await_down(s, 0);
	tracks_shell(s, "mkdir e; >e/f; mv d old; mv e d");
	tracks_await_up(s, 0);
	programs_turn_for(s->stage, 1100); // watched from now on
	tracks_shell(s, "echo 0 >old/f; echo 0 >d/f");
	tracks_await_down(s, 0);
	tracks_shell(s, "rm -r d");
	tracks_await_why(s, 0, "No such file or directory");
}

static void a_link_that_appears_is_seen_in_a_second(void **state)
{
	struct tracks_stage *s = *state;

	tracks_shell(s, "echo 1 >g");
	tracks_add_file(s, "f");
	tracks_start(s);
	tracks_shell(s, "ln -s g f");
	tracks_await_up(s, 0);
}

/* ---- processes ------------------------------------------------------------------------------ */

/* A process that goes by a name until it is told to end, or its parent ends. */
static pid_t start_named(const char *comm)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, comm);
		(void)!write(ready[1], "", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

/* /bin/sleep, called so. */
static pid_t start_called(const char *argv0)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl("/bin/sleep", argv0, "600", NULL);
		_exit(1);
	}
	return pid;
}

static void end_process(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_is_found_by_its_name_in_the_kernel(void **state)
{
	struct tracks_stage *s = *state;
	unsigned n_at_first;
	pid_t pid;

	tracks_add_process(s, "poise (x) y) R");
	tracks_start(s);
	tracks_await_down(s, 0); // at once where /proc is short: then no change
	n_at_first = s->n_changes;
	assert_string_equal(vrrp_tracks_fault(s->tracks, 0), "track it: not running");
	assert_string_equal(s->told, "track it: down: not running weight=0 reverse=no");
	pid = start_named("poise (x) y) R");
	tracks_await_up(s, 0);
	assert_string_equal(tracks_status(s, 0).why, "");
	assert_string_equal(s->told, "track it: up weight=0 reverse=no");
	end_process(pid);
	tracks_await_down(s, 0);
	assert_int_equal(s->n_changes, n_at_first + 2);
}

static void a_process_is_found_by_what_it_was_called(void **state)
{
	struct tracks_stage *s = *state;
	pid_t pid = start_called("/opt/poise/poise-test-of-a-long-name");

	tracks_add_process(s, "poise-test-of-a-long-name");
	tracks_add_process(s, "poise-test-of-a-");
	tracks_start(s);
	tracks_await_up(s, 0);
	tracks_await_down(s, 1);
	end_process(pid);
	tracks_await_down(s, 0);
}

static void a_dead_process_that_nobody_waited_for_does_not_run(void **state)
{
	struct tracks_stage *s = *state;
	pid_t pid = start_named("poise-test-dead");

	tracks_add_process(s, "poise-test-dead");
	tracks_start(s);
	tracks_await_up(s, 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	tracks_await_down(s, 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), pid); // it was there
}

/* A second one takes over before the look that would miss the first. */
static void another_process_of_the_name_will_do(void **state)
{
	struct tracks_stage *s = *state;
	pid_t first = start_named("poise-test-twin"), second;
	unsigned n_when_up;

	tracks_add_process(s, "poise-test-twin");
	tracks_add_process(s, "poise-test-twin");
	tracks_start(s);
	tracks_await_up(s, 0);
	tracks_await_up(s, 1);
	n_when_up = s->n_changes;
	second = start_named("poise-test-twin");
	end_process(first);
	programs_turn_for(s->stage, 2200); // two looks
	assert_int_equal(s->n_changes, n_when_up);
	end_process(second);
	tracks_await_down(s, 0);
	tracks_await_down(s, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACKS_TEST(the_first_word_of_a_file_says_whether_it_is_up),
		TRACKS_TEST(a_change_is_seen_at_once),
		TRACKS_TEST(a_file_is_not_read_while_it_is_written),
		TRACKS_TEST(a_folder_may_come_go_and_be_replaced),
		TRACKS_TEST(a_link_that_appears_is_seen_in_a_second),
		TRACKS_TEST(a_process_is_found_by_its_name_in_the_kernel),
		TRACKS_TEST(a_process_is_found_by_what_it_was_called),
		TRACKS_TEST(a_dead_process_that_nobody_waited_for_does_not_run),
		TRACKS_TEST(another_process_of_the_name_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
