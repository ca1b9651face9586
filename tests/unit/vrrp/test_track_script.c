/* Tracks of scripts, with real ones: verdicts, rise and fall, words, environment, and a spawner in
 * trouble. */
#include "tests/unit/vrrp/tracks_stage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The script's exit is what the file `exit` says; each run adds a byte to `runs`. */
static const char follows_file[] = "printf x >>runs; exit $(cat exit)";

static size_t n_runs(const struct tracks_stage *s)
{
	char text[8192];

	return spawn_read_file(s->stage->spawn, "runs", text, sizeof(text)) ? strlen(text) : 0;
}

static void set_exit(const struct tracks_stage *s, int status)
{
	tracks_shell(s, "echo %d >new; chmod 644 new; mv new exit", status);
}

static void exit_0_is_up_and_anything_else_down(void **state)
{
	static const struct {
		const char *script;
		uint32_t timeout_ms;
		bool is_up;
		const char *why;
	} cells[] = {
		{"exit 0", HANG_MS, true, "exit 0"},
		{"echo disk full; exit 1", HANG_MS, false, "exit 1: disk full"},
		{"kill -9 $$", HANG_MS, false, "signal 9 (Killed)"},
		{"sleep 60", 50, false, "killed after 50ms"},
		{"exec /nonexistent", HANG_MS, false, "exit 127: "},
	};
	struct tracks_stage *s = *state;
	struct conf_track *t;

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		s->group.n_tracks = 0;
		s->n_changes = 0;
		t = tracks_add_script(s, cells[i].script);
		t->timeout_ms = cells[i].timeout_ms;
		tracks_start(s);
		if (cells[i].is_up)
			tracks_await_up(s, 0);
		else
			tracks_await_down(s, 0);
		assert_ptr_equal(
			strstr(tracks_status(s, 0).why, cells[i].why), tracks_status(s, 0).why);
		assert_int_equal(s->n_changes, 1);
		vrrp_tracks_stop(s->tracks);
		s->tracks = NULL;
	}
}

static void what_is_not_a_program_is_down(void **state)
{
	static const char *const argv[] = {"/nonexistent/program", NULL};
	struct tracks_stage *s = *state;

	tracks_add_script(s, "")->command = argv;
	tracks_start(s);
	tracks_await_down(s, 0);
	assert_string_equal(
		vrrp_tracks_fault(s->tracks, 0), "track it: not run: No such file or directory");
}

/* ---- before the first result ---------------------------------------------------------------- */

static void a_script_begins_as_configured(void **state)
{
	static const struct {
		int weight;
		bool is_up_at_first;
		int adjustment;
		bool is_fault;
	} cells[] = {
		{10, true, 10, false},
		{10, false, 0, false},
		{-10, true, 0, false},
		{-10, false, -10, false},
		{0, true, 0, false},
		{0, false, 0, true},
	};
	struct tracks_stage *s = *state;
	struct conf_track *t = tracks_add_script(s, "sleep 60");

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		t->weight = cells[i].weight;
		t->is_up_at_first = cells[i].is_up_at_first;
		tracks_start(s);
		assert_false(vrrp_tracks_are_known(s->tracks, 0));
		assert_int_equal(tracks_status(s, 0).is_up, cells[i].is_up_at_first);
		assert_int_equal(vrrp_tracks_adjustment(s->tracks, 0), cells[i].adjustment);
		assert_int_equal(vrrp_tracks_fault(s->tracks, 0) != NULL, cells[i].is_fault);
		vrrp_tracks_stop(s->tracks);
		s->tracks = NULL;
	}
}

static void the_first_result_decides_at_once(void **state)
{
	struct tracks_stage *s = *state;
	struct conf_track *t = tracks_add_script(s, "exit 1");

	t->fall = 1000000;
	tracks_start(s);
	tracks_await_down(s, 0);
}

/* ---- rise and fall -------------------------------------------------------------------------- */

static void it_takes_results_in_a_row_to_change(void **state)
{
	struct tracks_stage *s = *state;
	struct conf_track *t = tracks_add_script(s, follows_file);
	size_t before;

	t->rise = 4;
	t->fall = 3;
	set_exit(s, 0);
	tracks_start(s);
	tracks_await_up(s, 0);
	set_exit(s, 1);
	tracks_await_why(s, 0, "1 of 3: exit 1");
	before = n_runs(s);
	assert_true(tracks_status(s, 0).is_up);
	tracks_await_down(s, 0);
	assert_true(n_runs(s) >= before + 2);
	assert_string_equal(tracks_status(s, 0).why, "exit 1");
	set_exit(s, 0);
	tracks_await_why(s, 0, "1 of 4: exit 0");
	assert_string_equal(vrrp_tracks_fault(s->tracks, 0), "track it: 1 of 4: exit 0");
	before = n_runs(s);
	tracks_await_up(s, 0);
	assert_true(n_runs(s) >= before + 3);
	assert_null(vrrp_tracks_fault(s->tracks, 0));
}

/* Fails on every second run. */
static void results_not_in_a_row_change_nothing(void **state)
{
	struct tracks_stage *s = *state;
	struct conf_track *t = tracks_add_script(
		s, "printf x >>runs; if [ -e odd ]; then rm odd; exit 1; fi; >odd");
	const int64_t end = spawn_now_ms() + HANG_MS;

	t->fall = 2;
	tracks_start(s);
	while (n_runs(s) < 10 && spawn_now_ms() < end)
		programs_turn_for(s->stage, 10);
	assert_true(n_runs(s) >= 10);
	assert_int_equal(s->n_changes, 1);
	assert_true(tracks_status(s, 0).is_up);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void a_script_never_runs_twice_at_a_time(void **state)
{
	struct tracks_stage *s = *state;
	const int64_t end = spawn_now_ms() + HANG_MS;

	tracks_add_script(s, "printf x >>runs; mkdir lock || >twice; sleep 0.05; rmdir lock");
	tracks_start(s);
	while (n_runs(s) < 5 && spawn_now_ms() < end)
		programs_turn_for(s->stage, 10);
	assert_true(n_runs(s) >= 5);
	tracks_shell(s, "test ! -e twice");
}

static void a_script_is_told_what_it_is_for(void **state)
{
	struct tracks_stage *s = *state;

	tracks_add_script(s, "echo $POISE_GROUP, $POISE_TRACK, $POISE_NODE");
	tracks_start(s);
	tracks_await_up(s, 0);
	assert_string_equal(tracks_status(s, 0).why, "exit 0: inside, it, lb1");
}

static void stopping_kills_a_script(void **state)
{
	struct tracks_stage *s = *state;
	pid_t pid;

	tracks_add_script(s, "echo $$ >pid; sleep 60");
	tracks_start(s);
	programs_turn_for(s->stage, 20);
	pid = spawn_await_pid(s->stage->spawn, "pid");
	vrrp_tracks_stop(s->tracks);
	s->tracks = NULL;
	spawn_assert_goes(pid);
}

/* ---- a spawner in trouble ------------------------------------------------------------------- */

static void no_room_in_the_spawner_is_no_verdict(void **state)
{
	static const char *const argv[] = {"/bin/sleep", "60", NULL}, *const envp[] = {NULL};
	const struct vrrp_program other = {argv, envp, LONG_MS, NULL, NULL};
	struct tracks_stage *s = *state;
	const pid_t spawner = spawner_pid(s->stage->spawn->spawner);
	uint64_t run;

	tracks_add_script(s, "exit 0");
	assert_int_equal(kill(spawner, SIGSTOP), 0);
	while (vrrp_programs_run(s->stage->programs, &other, &run) == 0)
		;
	tracks_start(s);
	programs_turn_for(s->stage, 300);
	assert_false(tracks_status(s, 0).is_known);
	assert_string_equal(tracks_status(s, 0).why, "no result yet");
	assert_int_equal(kill(spawner, SIGCONT), 0);
	vrrp_tracks_stop(s->tracks);
	s->tracks = NULL;
}

static void a_dead_spawner_leaves_the_last_verdict(void **state)
{
	struct tracks_stage *s = *state;

	tracks_add_script(s, "exit 0");
	tracks_add_script(s, "exit 1")->weight = -5;
	tracks_start(s);
	tracks_await_up(s, 0);
	tracks_await_down(s, 1);
	assert_int_equal(kill(spawner_pid(s->stage->spawn->spawner), SIGKILL), 0);
	tracks_await_why(s, 0, "not run: the spawner has died");
	programs_turn_for(s->stage, 100);
	assert_true(tracks_status(s, 0).is_up);
	assert_false(tracks_status(s, 1).is_up);
	assert_int_equal(vrrp_tracks_adjustment(s->tracks, 0), -5);
	assert_int_equal(s->n_changes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACKS_TEST(exit_0_is_up_and_anything_else_down),
		TRACKS_TEST(what_is_not_a_program_is_down),
		TRACKS_TEST(a_script_begins_as_configured),
		TRACKS_TEST(the_first_result_decides_at_once),
		TRACKS_TEST(it_takes_results_in_a_row_to_change),
		TRACKS_TEST(results_not_in_a_row_change_nothing),
		TRACKS_TEST(a_script_never_runs_twice_at_a_time),
		TRACKS_TEST(a_script_is_told_what_it_is_for),
		TRACKS_TEST(stopping_kills_a_script),
		TRACKS_TEST(no_room_in_the_spawner_is_no_verdict),
		TRACKS_TEST(a_dead_spawner_leaves_the_last_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
