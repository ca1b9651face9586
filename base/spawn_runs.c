/* The programs that run: start, output, end.
 *
 * A program is a group and session of its own. Its process id stays taken until it is waited for,
 * so the group is killed before that, and no signal can reach a stranger. What leaves the group
 * becomes a child of this process when its parent ends (PR_SET_CHILD_SUBREAPER): children that
 * belong to no session of a running program are killed whenever some child has ended. */
#include "base/spawn_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { US_PER_S = 1000000, US_PER_MS = 1000, READ_BYTES = 16384 };
enum { FIRST_PRINTABLE = 0x20, DELETE = 0x7f };

int64_t spawn_runs_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000;
}

int spawn_runs_new(const struct spawn_user *user, struct spawn_runs **ret)
{
	struct spawn_runs *runs = calloc(1, sizeof(*runs));
	void *shared;

	if (!runs)
		return -ENOMEM;
	shared = mmap(NULL, SPAWN_MAX_RUNNING * sizeof(runs->faults[0]), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		free(runs);
		return -ENOMEM;
	}
	runs->user = user;
	runs->faults = shared;
	runs->n_free = SPAWN_MAX_RUNNING;
	*ret = runs;
	return 0;
}

void spawn_runs_free(struct spawn_runs *runs)
{
	(void)munmap(runs->faults, SPAWN_MAX_RUNNING * sizeof(runs->faults[0]));
	free(runs);
}

/* ---- start ----------------------------------------------------------------------------------- */

static struct spawn_run *take_place(struct spawn_runs *runs)
{
	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++)
		if (runs->table[i].state == SPAWN_RUN_FREE) {
			runs->n_free--;
			return &runs->table[i];
		}
	return NULL;
}

/* Its pid, or -errno. */
static int run_program(struct spawn_runs *runs, struct spawn_run *run,
	const struct spawn_message *message, size_t len)
{
	const char *argv[SPAWN_MAX_ARGS + 1], *env[SPAWN_MAX_ARGS + 2];
	struct spawn_fault *fault = &runs->faults[run - runs->table];
	int ends[2];
	int r;

	r = spawn_wire_decode(message, len, argv, env);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK); // our end alone

	const struct spawn_program program = {runs->user, argv, env, ends[1], getpid()};

	*fault = (struct spawn_fault){0};
	r = spawn_main_run(&program, fault);
	(void)close(ends[1]);
	if (r < 0)
		(void)close(ends[0]);
	else
		run->output = ends[0];
	return r;
}

void spawn_runs_start(
	struct spawn_runs *runs, unsigned channel, const struct spawn_message *message, size_t len)
{
	struct spawn_run *run = take_place(runs);
	int r;

	if (!run)
		return;
	*run = (struct spawn_run){
		.state = SPAWN_RUN_RUNNING,
		.is_wanted = true,
		.channel = channel,
		.output = -1,
		.started_us = spawn_runs_now_us(),
		.result.id = message->id,
	};
	run->deadline_us = run->started_us + (int64_t)message->timeout_ms * US_PER_MS;
	r = run_program(runs, run, message, len);
	if (r > 0) {
		run->pid = r;
		return;
	}
	run->state = SPAWN_RUN_OVER;
	run->result.end = SPAWN_NOT_RUN;
	run->result.value = -r;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void keep(struct spawn_run *run, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && run->n_bytes < SPAWN_OUTPUT_LEN - 1; i++) {
		unsigned char c = (unsigned char)bytes[i];
		bool is_control = (c < FIRST_PRINTABLE && c != '\n') || c == DELETE;

		run->result.output[run->n_bytes++] = is_control ? ' ' : bytes[i];
	}
}

static void close_output(struct spawn_run *run)
{
	if (run->output >= 0)
		(void)close(run->output);
	run->output = -1;
}

void spawn_runs_read(struct spawn_run *run)
{
	char bytes[READ_BYTES];
	ssize_t n = read(run->output, bytes, sizeof(bytes));

	if (n > 0)
		keep(run, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_output(run);
}

/* ---- end ------------------------------------------------------------------------------------- */

static void kill_run(const struct spawn_run *run)
{
	(void)kill(run->pid, SIGKILL); // it may not have made its group yet
	(void)kill(-run->pid, SIGKILL);
}

bool spawn_runs_cancel(struct spawn_runs *runs, unsigned channel, uint64_t id)
{
	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++) {
		struct spawn_run *run = &runs->table[i];

		if (run->state == SPAWN_RUN_FREE || !run->is_wanted || run->channel != channel ||
			run->result.id != id)
			continue;
		run->is_wanted = false;
		if (run->state == SPAWN_RUN_RUNNING)
			kill_run(run);
		else
			spawn_runs_release(runs, run);
		return true;
	}
	return false;
}

int spawn_runs_expire(struct spawn_runs *runs)
{
	const int64_t now_us = spawn_runs_now_us();
	int64_t next_us = INT64_MAX;

	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++) {
		struct spawn_run *run = &runs->table[i];

		if (run->state != SPAWN_RUN_RUNNING || run->is_timed_out)
			continue;
		if (run->deadline_us <= now_us) {
			run->is_timed_out = true;
			kill_run(run);
		} else if (run->deadline_us < next_us) {
			next_us = run->deadline_us;
		}
	}
	return next_us == INT64_MAX ? -1 : (int)((next_us - now_us + US_PER_MS - 1) / US_PER_MS);
}

void spawn_runs_kill_all(struct spawn_runs *runs)
{
	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++)
		if (runs->table[i].state == SPAWN_RUN_RUNNING)
			kill_run(&runs->table[i]);
}

void spawn_runs_release(struct spawn_runs *runs, struct spawn_run *run)
{
	close_output(run);
	run->state = SPAWN_RUN_FREE;
	runs->n_free++;
}

static struct spawn_run *find_running(struct spawn_runs *runs, pid_t pid)
{
	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++)
		if (runs->table[i].state == SPAWN_RUN_RUNNING && runs->table[i].pid == pid)
			return &runs->table[i];
	return NULL;
}

static void cut_white_space(struct spawn_run *run)
{
	char *text = run->result.output;

	while (run->n_bytes > 0 && strchr(" \n", text[run->n_bytes - 1]))
		run->n_bytes--;
	text[run->n_bytes] = '\0';
}

static void set_end(struct spawn_run *run, const siginfo_t *info, const struct spawn_fault *fault)
{
	struct spawn_result *result = &run->result;
	const bool has_exited = info->si_code == CLD_EXITED;

	result->duration_us = (uint32_t)(spawn_runs_now_us() - run->started_us);
	result->value = info->si_status;
	result->end = has_exited ? SPAWN_EXITED : SPAWN_SIGNALLED;
	if (has_exited && fault->error != 0) {
		result->end = fault->is_of_exec ? SPAWN_NOT_EXECUTED : SPAWN_NOT_RUN;
		result->value = fault->error;
	} else if (!has_exited && run->is_timed_out) {
		result->end = SPAWN_TIMED_OUT;
		result->value = 0;
	}
}

/* What else wrote to the pipe may do so still: one piece is enough. */
static void finish(struct spawn_runs *runs, struct spawn_run *run, const siginfo_t *info)
{
	(void)kill(-run->pid, SIGKILL);
	if (run->output >= 0)
		spawn_runs_read(run);
	close_output(run);
	cut_white_space(run);
	set_end(run, info, &runs->faults[run - runs->table]);
	run->state = SPAWN_RUN_OVER;
	if (!run->is_wanted)
		spawn_runs_release(runs, run);
}

/* Our children are what runs, and what lost its parent; the latter may only stay in the session of
 * the former. A list of the moment: what is missed now is seen when the next child ends. */
static void kill_leftovers(struct spawn_runs *runs)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int pid;

	if (!file)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		if (!find_running(runs, pid) && !find_running(runs, getsid(pid)))
			(void)kill(pid, SIGKILL);
	(void)fclose(file);
}

bool spawn_runs_reap(struct spawn_runs *runs)
{
	bool has_ended = false;

	for (;;) {
		siginfo_t info = {.si_pid = 0};
		struct spawn_run *run;

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
			return false;
		if (info.si_pid == 0)
			break;
		has_ended = true;
		run = find_running(runs, info.si_pid);
		if (run)
			finish(runs, run, &info);
		(void)waitpid(info.si_pid, NULL, 0);
	}
	if (has_ended)
		kill_leftovers(runs);
	return true;
}
