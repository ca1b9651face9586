/* The two forks, and what each new process is before it is anything else: the spawner, and a
 * program that it runs. Both end here. */
#include "base/spawn_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FIRST_OWN_FD = 3 };

static int compare_ints(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* All but the channels and stderr; what libraries of the daemon have opened, too. */
static void close_others(const struct spawn_setup *setup)
{
	int keep[SPAWN_MAX_CHANNELS];
	unsigned first = FIRST_OWN_FD;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	for (unsigned i = 0; i < setup->n_channels; i++)
		keep[i] = setup->channels[i];
	qsort(keep, setup->n_channels, sizeof(keep[0]), compare_ints);
	for (unsigned i = 0; i < setup->n_channels; i++) {
		if ((unsigned)keep[i] > first)
			(void)close_range(first, (unsigned)keep[i] - 1, 0);
		first = (unsigned)keep[i] + 1;
	}
	(void)close_range(first, ~0U, 0);
}

/* All signals are blocked, and stay so. It ends when its channels do, and not before: no signal is
 * to come in between that the daemon and it get both, from a terminal or a service manager. */
static void become_spawner(const struct spawn_setup *setup, pid_t parent)
{
	const struct sched_param ordinary = {.sched_priority = 0};

	(void)prctl(PR_SET_NAME, "poise-spawner", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)sched_setscheduler(0, SCHED_OTHER, &ordinary);
	close_others(setup);
	if (getppid() == parent)
		spawn_process(setup);
}

int spawn_main_fork(const struct spawn_setup *setup)
{
	const pid_t parent = getpid();
	sigset_t all, was;
	pid_t pid;

	// before the fork: none shall find the new process unprepared
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &was);
	pid = fork();
	if (pid == 0) {
		become_spawner(setup, parent);
		_exit(EXIT_SUCCESS);
	}
	pid = pid < 0 ? -errno : pid;
	(void)sigprocmask(SIG_SETMASK, &was, NULL);
	return pid;
}

int spawn_main_run(const struct spawn_program *program, struct spawn_fault *fault)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	*fault = spawn_child_become(program);
	_exit(EXIT_FAILURE);
}
