/* Programs through a real spawner: results reach whoever asked, once, whatever happens meanwhile.
 */
#include "tests/unit/vrrp/programs_stage.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 40 };

/* Who asked, and what came of it. */
struct asker {
	struct programs_stage *stage;
	uint64_t run;
	unsigned n_ended;
	struct spawn_result result;
	unsigned n_more;   // runs to start when one has ended
	int more;          // what came of the last of them
	uint64_t *cancels; // a run to cancel then
};

static void on_ended(void *arg, const struct spawn_result *result);

static int try_shell(struct asker *a, const char *script, uint32_t timeout_ms)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	char folder[96];
	const char *const envp[] = {folder, NULL};
	const struct vrrp_program program = {argv, envp, timeout_ms, on_ended, a};

	(void)snprintf(folder, sizeof(folder), "FOLDER=%s", a->stage->spawn->folder);
	return vrrp_programs_run(a->stage->programs, &program, &a->run);
}

static void start_shell(struct asker *a, const char *script, uint32_t timeout_ms)
{
	assert_int_equal(try_shell(a, script, timeout_ms), 0);
	assert_true(a->run != VRRP_NO_RUN);
}

static void on_ended(void *arg, const struct spawn_result *result)
{
	struct asker *a = arg;

	a->n_ended++;
	a->result = *result;
	if (a->cancels)
		vrrp_programs_cancel(a->stage->programs, *a->cancels);
	if (a->n_more == 0)
		return;
	a->n_more--;
	a->more = try_shell(a, "exit 9", LONG_MS);
}

static bool has_ended(const void *arg)
{
	const struct asker *a = arg;

	return a->n_ended > 0;
}

/* ---- results --------------------------------------------------------------------------------- */

static void results_go_to_whoever_asked(void **state)
{
	static struct asker askers[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		char script[64];

		askers[i] = (struct asker){.stage = *state};
		(void)snprintf(script, sizeof(script), "echo of %u; exit %u", i, i);
		start_shell(&askers[i], script, LONG_MS);
		for (unsigned before = 0; before < i; before++)
			assert_true(askers[before].run != askers[i].run);
	}
	for (unsigned i = 0; i < MANY; i++) {
		char output[64];

		programs_await(*state, has_ended, &askers[i]);
		spawn_assert_end(&askers[i].result, SPAWN_EXITED, (int)i);
		(void)snprintf(output, sizeof(output), "of %u", i);
		assert_string_equal(askers[i].result.output, output);
	}
	programs_turn_for(*state, 20);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(askers[i].n_ended, 1);
}

static bool has_run_all(const void *arg)
{
	const struct asker *a = arg;

	return a->n_ended == MANY;
}

static void whoever_is_told_may_run_another(void **state)
{
	struct asker a = {.stage = *state, .n_more = MANY - 1};
	uint64_t first;

	start_shell(&a, "exit 9", LONG_MS);
	first = a.run;
	programs_await(*state, has_run_all, &a);
	spawn_assert_end(&a.result, SPAWN_EXITED, 9);
	assert_true(a.run != first);
}

static void what_cannot_be_run_is_told_at_once(void **state)
{
	static char large[SPAWN_MAX_BYTES + 1];
	struct programs_stage *s = *state;
	struct asker a = {.stage = s, .run = 77};

	memset(large, 'x', sizeof(large) - 1);
	assert_int_equal(try_shell(&a, large, LONG_MS), -E2BIG);
	assert_true(a.run == 77);
	vrrp_programs_drain(s->programs, HANG_MS);
	assert_int_equal(a.n_ended, 0);
	start_shell(&a, "exit 3", LONG_MS);
	programs_await(s, has_ended, &a);
	spawn_assert_end(&a.result, SPAWN_EXITED, 3);
}

/* ---- cancelling and stopping ----------------------------------------------------------------- */

static void a_cancelled_run_is_killed_and_tells_nothing(void **state)
{
	struct programs_stage *s = *state;
	struct asker a = {.stage = s}, next = {.stage = s};
	pid_t pid;

	start_shell(&a, "echo $$ >$FOLDER/pid; sleep 60", LONG_MS);
	pid = spawn_await_pid(s->spawn, "pid");
	vrrp_programs_cancel(s->programs, a.run);
	start_shell(&next, "exit 4", LONG_MS); // in the place that has become free
	vrrp_programs_cancel(s->programs, a.run);
	vrrp_programs_cancel(s->programs, VRRP_NO_RUN);
	spawn_assert_goes(pid);
	programs_await(s, has_ended, &next);
	spawn_assert_end(&next.result, SPAWN_EXITED, 4);
	assert_int_equal(a.n_ended, 0);
}

/* Its result waits in the channel already. */
static void a_result_on_its_way_is_lost_with_its_run(void **state)
{
	struct programs_stage *s = *state;
	struct asker a = {.stage = s}, b = {.stage = s};

	start_shell(&a, "echo $$ >$FOLDER/a", LONG_MS);
	start_shell(&b, "echo $$ >$FOLDER/b", LONG_MS);
	spawn_assert_goes(spawn_await_pid(s->spawn, "a"));
	spawn_assert_goes(spawn_await_pid(s->spawn, "b"));
	a.cancels = &b.run;
	b.cancels = &a.run;
	programs_turn_for(s, 100);
	vrrp_programs_drain(s->programs, HANG_MS);
	assert_int_equal(a.n_ended + b.n_ended, 1);
}

static void stopping_kills_what_runs(void **state)
{
	struct programs_stage *s = *state;
	struct asker a = {.stage = s};
	pid_t pid;

	start_shell(&a, "echo $$ >$FOLDER/pid; sleep 60", LONG_MS);
	pid = spawn_await_pid(s->spawn, "pid");
	vrrp_programs_stop(s->programs);
	s->programs = NULL;
	spawn_assert_goes(pid);
	assert_int_equal(a.n_ended, 0);
}

static void draining_waits_without_the_loop_but_not_for_ever(void **state)
{
	struct programs_stage *s = *state;
	struct asker quick = {.stage = s, .n_more = 3}, slow = {.stage = s};
	int64_t start;

	vrrp_programs_drain(s->programs, HANG_MS); // nothing runs
	start_shell(&quick, "sleep 0.1", LONG_MS);
	vrrp_programs_drain(s->programs, HANG_MS);
	assert_int_equal(quick.n_ended, 4);

	start_shell(&slow, "sleep 60", LONG_MS);
	start = spawn_now_ms();
	vrrp_programs_drain(s->programs, 100);
	assert_in_range(spawn_now_ms() - start, 100, HANG_MS);
	assert_int_equal(slow.n_ended, 0);
	vrrp_programs_drain(s->programs, 0);
}

/* ---- a spawner in trouble -------------------------------------------------------------------- */

static void a_cancel_that_the_spawner_had_no_room_for_is_made_later(void **state)
{
	enum { MOST = 100000 };
	struct programs_stage *s = *state;
	uint64_t *runs = calloc(MOST, sizeof(*runs));
	struct asker a = {.stage = s};
	unsigned n = 0;

	assert_non_null(runs);
	start_shell(&a, "echo $$ >$FOLDER/pid; sleep 60", LONG_MS);
	runs[n++] = a.run;
	(void)spawn_await_pid(s->spawn, "pid");
	assert_int_equal(kill(spawner_pid(s->spawn->spawner), SIGSTOP), 0);
	while (n < MOST && try_shell(&a, "sleep 60", LONG_MS) == 0)
		runs[n++] = a.run;
	assert_int_equal(try_shell(&a, "sleep 60", LONG_MS), -EAGAIN);
	for (unsigned i = 0; i < n; i++)
		vrrp_programs_cancel(s->programs, runs[i]);
	assert_int_equal(kill(spawner_pid(s->spawn->spawner), SIGCONT), 0);
	vrrp_programs_drain(s->programs, HANG_MS);
	spawn_assert_goes(spawn_await_pid(s->spawn, "pid"));
	assert_int_equal(a.n_ended, 0);
	free(runs);
}

static void a_dead_spawner_ends_every_run(void **state)
{
	struct programs_stage *s = *state;
	struct asker askers[3] = {
		{.stage = s, .n_more = 1}, {.stage = s}, {.stage = s, .n_more = 1}};

	for (unsigned i = 0; i < 3; i++)
		start_shell(&askers[i], "sleep 60", LONG_MS);
	askers[0].cancels = &askers[1].run; // of several that end at once
	assert_int_equal(kill(spawner_pid(s->spawn->spawner), SIGKILL), 0);
	programs_await(s, has_ended, &askers[2]);
	assert_int_equal(askers[0].n_ended, 1);
	assert_int_equal(askers[1].n_ended, 0);
	assert_int_equal(askers[2].n_ended, 1);
	for (unsigned i = 0; i < 3; i += 2) {
		spawn_assert_end(&askers[i].result, SPAWN_NOT_RUN, EPIPE);
		assert_int_equal(askers[i].more, -EPIPE);
	}
	assert_int_equal(try_shell(&askers[0], "exit 0", LONG_MS), -EPIPE);
	vrrp_programs_drain(s->programs, HANG_MS);
	programs_turn_for(s, 20);
	assert_int_equal(askers[0].n_ended, 1);
}

static void draining_sees_a_dead_spawner(void **state)
{
	struct programs_stage *s = *state;
	struct asker a = {.stage = s};

	start_shell(&a, "sleep 60", LONG_MS);
	assert_int_equal(kill(spawner_pid(s->spawn->spawner), SIGKILL), 0);
	vrrp_programs_drain(s->programs, HANG_MS);
	spawn_assert_end(&a.result, SPAWN_NOT_RUN, EPIPE);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void ends_have_words(void **state)
{
	static const struct {
		struct spawn_result result;
		uint32_t timeout_ms;
		const char *words;
	} cells[] = {
		{{.end = SPAWN_EXITED, .value = 0}, 1000, "exit 0"},
		{{.end = SPAWN_EXITED, .value = 3, .output = "disk full"}, 1000,
			"exit 3: disk full"},
		{{.end = SPAWN_EXITED, .value = 3, .output = "\n  first\nsecond"}, 1000,
			"exit 3: first"},
		{{.end = SPAWN_EXITED, .value = 3, .output = " \n"}, 1000, "exit 3"},
		{{.end = SPAWN_SIGNALLED, .value = SIGKILL}, 1000, "signal 9 (Killed)"},
		{{.end = SPAWN_TIMED_OUT}, 5000, "killed after 5s"},
		{{.end = SPAWN_TIMED_OUT, .output = "waits"}, 1500, "killed after 1500ms: waits"},
		{{.end = SPAWN_NOT_RUN, .value = EAGAIN}, 1000,
			"not run: Resource temporarily unavailable"},
		{{.end = SPAWN_NOT_EXECUTED, .value = ENOENT}, 1000,
			"not run: No such file or directory"},
	};
	char buf[VRRP_WORDS_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		vrrp_programs_words(&cells[i].result, cells[i].timeout_ms, buf, sizeof(buf));
		assert_string_equal(buf, cells[i].words);
	}
	vrrp_programs_words(&cells[1].result, 1000, buf, 5);
	assert_string_equal(buf, "exit");
	vrrp_programs_words(&cells[1].result, 1000, buf, 10);
	assert_string_equal(buf, "exit 3: d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROGRAMS_TEST(results_go_to_whoever_asked),
		PROGRAMS_TEST(whoever_is_told_may_run_another),
		PROGRAMS_TEST(what_cannot_be_run_is_told_at_once),
		PROGRAMS_TEST(a_cancelled_run_is_killed_and_tells_nothing),
		PROGRAMS_TEST(a_result_on_its_way_is_lost_with_its_run),
		PROGRAMS_TEST(stopping_kills_what_runs),
		PROGRAMS_TEST(draining_waits_without_the_loop_but_not_for_ever),
		PROGRAMS_TEST(a_cancel_that_the_spawner_had_no_room_for_is_made_later),
		PROGRAMS_TEST(a_dead_spawner_ends_every_run),
		PROGRAMS_TEST(draining_sees_a_dead_spawner),
		cmocka_unit_test(ends_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
