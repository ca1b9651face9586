/* What a program gets, and what it does not get, between the fork of the spawner and its exec.
 *
 * The order matters: what needs privileges first, then they are given up, then what giving them up
 * would undo. Every step that could leave the program with more than it shall have must succeed. */
#include "base/spawn_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 1024, FILE_MASK = 022, FIRST_OTHER_FD = 3 };

static const char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

static int set_descriptors(const struct spawn_program *program)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0)
		return errno;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(program->output, STDOUT_FILENO) < 0 ||
		dup2(program->output, STDERR_FILENO) < 0 || close_range(FIRST_OTHER_FD, ~0U, 0) < 0)
		return errno;
	return 0;
}

static int set_limits(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return errno;
	// programs that close all they could have would take long over the daemon's number
	if (files.rlim_cur > MAX_FILES)
		files.rlim_cur = MAX_FILES;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? errno : 0;
}

static int set_user(const struct spawn_user *user)
{
	if (user->may_switch && (setgroups((size_t)user->n_groups, user->groups) < 0 ||
					setresgid(user->gid, user->gid, user->gid) < 0 ||
					setresuid(user->uid, user->uid, user->uid) < 0))
		return errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno;
	return 0;
}

/* As if from a shell: all signals come, and do what they do to a program that knows none. */
static void set_signals(void)
{
	sigset_t none;

	for (int i = 1; i <= SIGRTMAX; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void add_path(const char **env)
{
	unsigned n = 0;

	while (env[n])
		n++;
	env[n] = path;
	env[n + 1] = NULL;
}

/* All that stands before the program's own part. 0 or a positive errno. */
static int prepare(const struct spawn_program *program)
{
	int error = 0;

	if (setsid() < 0 || chdir("/") < 0)
		return errno;
	(void)umask(FILE_MASK);
	error = set_descriptors(program);
	if (error == 0)
		error = set_limits();
	if (error == 0)
		error = set_user(program->user);
	if (error != 0)
		return error;
	// not before: a change of user clears it
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return errno;
	return getppid() == program->parent ? 0 : ECHILD;
}

struct spawn_fault spawn_child_become(const struct spawn_program *program)
{
	const int error = prepare(program);

	if (error != 0)
		return (struct spawn_fault){.error = error};
	add_path(program->env);
	set_signals();
	// execve() wants pointers to char that it never writes to
	(void)execve(program->argv[0], (char *const *)program->argv, (char *const *)program->env);
	return (struct spawn_fault){.error = errno, .is_of_exec = true};
}
