/* Notify commands, with real ones: who is told what, in which order, and what is left out. */
#include "tests/unit/vrrp/programs_stage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_GROUPS = 2, N_COMMANDS = 5, ARGS = 5 };

/* The commands of a group write lines to "log": the command's name and what it was given. */
struct notify_stage {
	struct programs_stage *stage;
	struct vrrp_notify *notify;
	struct conf conf;
	struct conf_vrrp_group groups[N_GROUPS];
	struct conf_vrrp_instance instances[2];
	const char *argv[N_GROUPS][N_COMMANDS][ARGS];
	char scripts[N_GROUPS][N_COMMANDS][256];
};

static const char *const names[N_COMMANDS] = {"master", "backup", "fault", "stop", "any"};

/* `body` runs in the folder, before or after it wrote its line as it likes: with `$line`. */
static void set_command(struct notify_stage *s, unsigned group, unsigned command, const char *body)
{
	struct conf_vrrp_group *g = &s->groups[group];
	const char **argv = s->argv[group][command];
	const struct {
		const char *const **argv;
		unsigned *n;
	} places[N_COMMANDS] = {
		{&g->notify_master, &g->n_notify_master},
		{&g->notify_backup, &g->n_notify_backup},
		{&g->notify_fault, &g->n_notify_fault},
		{&g->notify_stop, &g->n_notify_stop},
		{&g->notify, &g->n_notify},
	};

	(void)snprintf(s->scripts[group][command], sizeof(s->scripts[0][0]), "cd %s; %s",
		s->stage->spawn->folder, body);
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = s->scripts[group][command];
	argv[3] = names[command]; // $0
	argv[4] = NULL;
	*places[command].argv = argv;
	*places[command].n = 4;
}

static const char writes_line[] = "echo $0 $* >>log";

static int set_up(void **state)
{
	struct notify_stage *s = calloc(1, sizeof(*s));
	void *stage;

	assert_non_null(s);
	assert_int_equal(programs_set_up(&stage), 0);
	s->stage = stage;
	s->instances[0].name = "lan";
	s->instances[1].name = "lan6";
	for (unsigned g = 0; g < N_GROUPS; g++)
		s->groups[g] = (struct conf_vrrp_group){.name = g == 0 ? "inside" : "outside",
			.instances = s->instances,
			.n_instances = 2 - g};
	s->conf.node = "lb1";
	s->conf.vrrp.groups = s->groups;
	s->conf.vrrp.n_groups = N_GROUPS;
	assert_int_equal(vrrp_notify_start(&s->conf, s->stage->programs, &s->notify), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct notify_stage *s = *state;
	void *stage = s->stage;

	vrrp_notify_stop(s->notify);
	(void)programs_tear_down(&stage);
	free(s);
	return 0;
}

static bool is_idle(const void *arg)
{
	return vrrp_notify_is_idle(((const struct notify_stage *)arg)->notify);
}

static void await_idle(const struct notify_stage *s)
{
	programs_await(s->stage, is_idle, s);
}

static void assert_log(const struct notify_stage *s, const char *expected)
{
	char text[TEXT] = "";

	(void)spawn_read_file(s->stage->spawn, "log", text, sizeof(text));
	assert_string_equal(text, expected);
}

static bool has_started(const void *arg)
{
	char text[TEXT];

	return spawn_read_file(
		((const struct notify_stage *)arg)->stage->spawn, "started", text, sizeof(text));
}

/* ---- what is told --------------------------------------------------------------------------- */

static void each_state_has_its_command(void **state)
{
	struct notify_stage *s = *state;

	for (unsigned i = 0; i < 4; i++)
		set_command(s, 0, i, writes_line);
	for (unsigned i = 0; i < 4; i++) {
		static const enum vrrp_notice notices[] = {
			VRRP_TELL_BACKUP, VRRP_TELL_MASTER, VRRP_TELL_FAULT, VRRP_TELL_STOP};

		vrrp_notify_tell(s->notify, 0, notices[i], 100);
		assert_false(vrrp_notify_is_idle(s->notify));
		await_idle(s);
	}
	assert_log(s, "backup\nmaster\nfault\nstop\n");
}

static void the_general_command_is_told_of_the_group_and_its_instances(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 0, writes_line);
	set_command(s, 0, 4, writes_line);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_MASTER, 150);
	await_idle(s);
	assert_log(s, "master\nany GROUP inside MASTER 150\nany INSTANCE lan MASTER 150\n"
		      "any INSTANCE lan6 MASTER 150\n");
}

static void the_environment_says_it_too(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 2, "echo $POISE_GROUP $POISE_STATE $POISE_PRIORITY $POISE_NODE >>log");
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_FAULT, 99);
	await_idle(s);
	assert_log(s, "inside FAULT 99 lb1\n");
}

static void a_group_without_commands_is_idle_at_once(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 0, writes_line);
	vrrp_notify_tell(s->notify, 1, VRRP_TELL_MASTER, 100);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_BACKUP, 100);
	assert_true(vrrp_notify_is_idle(s->notify));
	assert_log(s, "");
}

static void a_command_that_fails_does_not_stop_the_others(void **state)
{
	static const char *const none[] = {"/nonexistent/program", NULL};
	static const char *many[SPAWN_MAX_ARGS];
	struct notify_stage *s = *state;

	set_command(s, 0, 1, "echo $0 >>log; exit 3");
	set_command(s, 0, 4, writes_line);
	s->groups[0].notify_master = none;
	s->groups[0].n_notify_master = 1;
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_BACKUP, 1);
	await_idle(s);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_MASTER, 1);
	await_idle(s);
	assert_log(s, "backup\nany GROUP inside BACKUP 1\nany INSTANCE lan BACKUP 1\n"
		      "any INSTANCE lan6 BACKUP 1\nany GROUP inside MASTER 1\n"
		      "any INSTANCE lan MASTER 1\nany INSTANCE lan6 MASTER 1\n");
	for (unsigned i = 0; i < SPAWN_MAX_ARGS - 3; i++)
		many[i] = "/bin/true";
	s->groups[0].notify = many; // no room for its four arguments
	s->groups[0].n_notify = SPAWN_MAX_ARGS - 3;
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_FAULT, 1);
	assert_true(vrrp_notify_is_idle(s->notify));
}

/* ---- in which order ------------------------------------------------------------------------- */

/* Until a file "go" is there. */
static const char waits_and_writes_line[] =
	"echo >started; until [ -e go ]; do sleep 0.01; done; echo $0 $* >>log";

static void let_go(const struct notify_stage *s)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "touch %s/go", s->stage->spawn->folder);
	assert_int_equal(system(command), 0);
}

static void of_states_that_passed_only_the_last_is_told(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 0, waits_and_writes_line);
	set_command(s, 0, 1, writes_line);
	set_command(s, 0, 2, writes_line);
	set_command(s, 0, 4, writes_line);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_MASTER, 100);
	programs_await(s->stage, has_started, s);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_BACKUP, 90);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_FAULT, 80);
	programs_turn_for(s->stage, 50);
	assert_log(s, ""); // one at a time
	let_go(s);
	await_idle(s);
	assert_log(s, "master\nfault\nany GROUP inside FAULT 80\nany INSTANCE lan FAULT 80\n"
		      "any INSTANCE lan6 FAULT 80\n");
}

static void groups_do_not_wait_for_each_other(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 0, waits_and_writes_line);
	set_command(s, 1, 4, writes_line);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_MASTER, 100);
	vrrp_notify_tell(s->notify, 1, VRRP_TELL_BACKUP, 100);
	for (int64_t end = spawn_now_ms() + HANG_MS; spawn_now_ms() < end;) {
		char text[TEXT] = "";

		programs_turn_for(s->stage, 10);
		(void)spawn_read_file(s->stage->spawn, "log", text, sizeof(text));
		if (strstr(text, "INSTANCE"))
			break;
	}
	assert_log(s, "any GROUP outside BACKUP 100\nany INSTANCE lan BACKUP 100\n");
	let_go(s);
	await_idle(s);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void draining_tells_the_whole_row_without_the_loop(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 3, writes_line);
	set_command(s, 0, 4, writes_line);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_STOP, 100);
	vrrp_notify_drain(s->notify, HANG_MS);
	assert_true(vrrp_notify_is_idle(s->notify));
	assert_log(s, "stop\nany GROUP inside STOP 100\nany INSTANCE lan STOP 100\n"
		      "any INSTANCE lan6 STOP 100\n");
}

static void draining_ends_and_stopping_kills(void **state)
{
	struct notify_stage *s = *state;
	int64_t start;
	pid_t pid;

	set_command(s, 0, 3, "echo $$ >pid; sleep 60");
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_STOP, 100);
	pid = spawn_await_pid(s->stage->spawn, "pid");
	start = spawn_now_ms();
	vrrp_notify_drain(s->notify, 100);
	assert_in_range(spawn_now_ms() - start, 100, HANG_MS);
	assert_false(vrrp_notify_is_idle(s->notify));
	vrrp_notify_stop(s->notify);
	s->notify = NULL;
	spawn_assert_goes(pid);
}

/* ---- a spawner in trouble ------------------------------------------------------------------- */

/* Fills the spawner's channel; what is run is cancelled at the end. */
static void fill_spawner(const struct notify_stage *s)
{
	static const char *const argv[] = {"/bin/true", NULL}, *const envp[] = {NULL};
	const struct vrrp_program other = {argv, envp, LONG_MS, NULL, NULL};
	uint64_t run;

	assert_int_equal(kill(spawner_pid(s->stage->spawn->spawner), SIGSTOP), 0);
	while (vrrp_programs_run(s->stage->programs, &other, &run) == 0)
		;
}

static void a_spawner_without_room_is_asked_again(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 0, writes_line);
	for (unsigned i = 0; i < 2; i++) {
		fill_spawner(s);
		vrrp_notify_tell(s->notify, 0, VRRP_TELL_MASTER, 100);
		assert_false(vrrp_notify_is_idle(s->notify));
		assert_int_equal(kill(spawner_pid(s->stage->spawn->spawner), SIGCONT), 0);
		if (i == 0)
			await_idle(s);
		else
			vrrp_notify_drain(s->notify, HANG_MS);
		assert_true(vrrp_notify_is_idle(s->notify));
	}
	assert_log(s, "master\nmaster\n");
}

static void a_dead_spawner_is_not_waited_for(void **state)
{
	struct notify_stage *s = *state;

	set_command(s, 0, 0, waits_and_writes_line);
	set_command(s, 0, 4, writes_line);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_MASTER, 100);
	programs_await(s->stage, has_started, s);
	assert_int_equal(kill(spawner_pid(s->stage->spawn->spawner), SIGKILL), 0);
	await_idle(s);
	vrrp_notify_tell(s->notify, 0, VRRP_TELL_BACKUP, 100);
	assert_true(vrrp_notify_is_idle(s->notify));
	vrrp_notify_drain(s->notify, HANG_MS);
}

#define ON_STAGE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(each_state_has_its_command),
		ON_STAGE(the_general_command_is_told_of_the_group_and_its_instances),
		ON_STAGE(the_environment_says_it_too),
		ON_STAGE(a_group_without_commands_is_idle_at_once),
		ON_STAGE(a_command_that_fails_does_not_stop_the_others),
		ON_STAGE(of_states_that_passed_only_the_last_is_told),
		ON_STAGE(groups_do_not_wait_for_each_other),
		ON_STAGE(draining_tells_the_whole_row_without_the_loop),
		ON_STAGE(draining_ends_and_stopping_kills),
		ON_STAGE(a_spawner_without_room_is_asked_again),
		ON_STAGE(a_dead_spawner_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
