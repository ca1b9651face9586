/* Whether programs are to be run, and the process that runs them.
 *
 * It and its programs keep off the workers' CPUs, if the machine has others: a process inherits
 * where its parent may run, so the fork is made from there. */
#include "control/programs.h"

#include "base/diag.h"
#include "base/log.h"
#include "base/spawn.h"
#include "conf/model.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

bool ctl_programs_are_checks(const struct conf *conf)
{
	for (unsigned i = 0; i < conf->n_services; i++)
		if (conf->services[i].check->type == CONF_CHECK_SCRIPT)
			return true;
	return false;
}

bool ctl_programs_are_commands(const struct conf *conf)
{
	for (unsigned i = 0; i < conf->n_services; i++) {
		const struct conf_pool *pool = conf->services[i].pool;

		if (pool->n_quorum_up > 0 || pool->n_quorum_down > 0)
			return true;
	}
	return false;
}

static void leave_workers_cpus(const struct conf *conf, cpu_set_t *ret_was)
{
	cpu_set_t rest;

	CPU_ZERO(ret_was);
	(void)sched_getaffinity(0, sizeof(*ret_was), ret_was);
	rest = *ret_was;
	for (unsigned i = 0; i < conf->cpu.n_workers; i++)
		CPU_CLR(conf->cpu.workers[i], &rest);
	if (CPU_COUNT(&rest) > 0)
		(void)sched_setaffinity(0, sizeof(rest), &rest);
}

static const char *why(int error)
{
	switch (error) {
	case -ENOENT:
		return "there is no such user";
	case -EPERM:
		return "only root can run programs as another user";
	default:
		return strerror(-error);
	}
}

int ctl_programs_start(const struct conf *conf, struct diag *diag, struct spawner **ret)
{
	const char *user = conf->health.script_user;
	cpu_set_t was;
	int r;

	if (!ctl_programs_are_checks(conf) && !ctl_programs_are_commands(conf))
		return 0;
	leave_workers_cpus(conf, &was);
	r = spawner_start(user, CTL_N_CHANNELS, ret);
	(void)sched_setaffinity(0, sizeof(was), &was);
	if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL,
			"health.script_user: cannot run programs as %s: %s", user, why(r));
	else
		log_info("spawner: started: pid=%d user=%s", spawner_pid(*ret), user);
	return r;
}
