/* Two network namespaces for the tests against the real kernel. */
#include "netlink_namespace.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_LEN = 4096, OUTPUT_LEN = 65536 };

static void run(const char *command)
{
	int status = system(command);

	if (status == 0)
		return;
	fprintf(stderr, "failed (%d): %s\n", status, command);
	abort();
}

void run_here(const char *format, ...)
{
	char command[COMMAND_LEN];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	run(command);
}

void run_there(const struct namespaces *ns, const char *format, ...)
{
	char command[COMMAND_LEN];
	va_list args;
	int n;

	n = snprintf(command, sizeof(command), "nsenter --target %d --net ", (int)ns->there);
	va_start(args, format);
	(void)vsnprintf(command + n, sizeof(command) - (size_t)n, format, args);
	va_end(args);
	run(command);
}

const char *output_here(const char *format, ...)
{
	static char output[OUTPUT_LEN];
	char command[COMMAND_LEN];
	va_list args;
	size_t n;
	FILE *f;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	f = popen(command, "r");
	if (!f)
		abort();
	n = fread(output, 1, sizeof(output) - 1, f);
	(void)pclose(f);
	if (n > 0 && output[n - 1] == '\n')
		n--;
	output[n] = '\0';
	return output;
}

/* A process that does nothing but hold a namespace, until its parent dies. */
static pid_t hold_namespace(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	(void)close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1)
		pid = -1;
	(void)close(ready[0]);
	return pid;
}

static void make_pair(const struct namespaces *ns, unsigned i, const char *net)
{
	run_here("ip link add p%u type veth peer name q%u netns %d", i, i, (int)ns->there);
	run_here("ip address add %s.1/24 dev p%u", net, i);
	run_here("ip address add 2001:db8:%u::1/64 dev p%u nodad", i + 1, i);
	run_here("ip link set p%u up", i);
	run_there(ns, "ip address add %s.10/24 dev q%u", net, i);
	run_there(ns, "ip address add 2001:db8:%u::10/64 dev q%u nodad", i + 1, i);
	run_there(ns, "ip link set q%u up", i);
}

bool namespaces_permitted(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) < 0 ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return false;
	if (status == 0)
		return true;
	printf("skipped: no network namespace of our own: %s\n", strerror(WEXITSTATUS(status)));
	return false;
}

bool namespaces_open(struct namespaces *ret)
{
	struct namespaces ns;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	ns.there = hold_namespace();
	if (ns.there < 0)
		return false;
	// addresses are usable at once: link-local ones too, which solicitations are sent from
	run_here("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0");
	run_there(&ns, "sysctl -qw net.ipv6.conf.default.accept_dad=0 "
		       "net.ipv6.conf.all.accept_dad=0");
	run_here("ip link set lo up");
	make_pair(&ns, 0, "192.0.2");
	make_pair(&ns, 1, "198.51.100");
	*ret = ns;
	return true;
}

void namespaces_close(struct namespaces *ns)
{
	(void)kill(ns->there, SIGKILL);
	(void)waitpid(ns->there, NULL, 0);
}
