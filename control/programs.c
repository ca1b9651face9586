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

static bool has_hooks(const struct conf_vrrp_group *g)
{
	for (unsigned i = 0; i < g->n_tracks; i++)
		if (g->tracks[i].type == CONF_TRACK_SCRIPT)
			return true;
	return g->gate || g->notify_master || g->notify_backup || g->notify_fault ||
	       g->notify_stop || g->notify;
}

bool ctl_programs_are_hooks(const struct conf *conf)
{
	for (unsigned i = 0; i < conf->vrrp.n_groups; i++)
		if (has_hooks(&conf->vrrp.groups[i]))
			return true;
	return false;
}

struct spawner_wish {
	const char *key; // that names the user
	const char *user;
	unsigned n_channels;
};

static int start(const struct conf *conf, const struct spawner_wish *wish, struct diag *diag,
	struct spawner **ret)
{
	cpu_set_t was;
	int r;

	leave_workers_cpus(conf, &was);
	r = spawner_start(wish->user, wish->n_channels, ret);
	(void)sched_setaffinity(0, sizeof(was), &was);
	if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL, "%s: cannot run programs as %s: %s", wish->key,
			wish->user, why(r));
	else
		log_info("spawner: started: pid=%d user=%s", spawner_pid(*ret), wish->user);
	return r;
}

int ctl_programs_start(const struct conf *conf, struct diag *diag, struct spawner **ret)
{
	const struct spawner_wish wish = {
		"health.script_user", conf->health.script_user, CTL_N_CHANNELS};

	if (!ctl_programs_are_checks(conf) && !ctl_programs_are_commands(conf))
		return 0;
	return start(conf, &wish, diag, ret);
}

int ctl_programs_start_hooks(const struct conf *conf, struct diag *diag, struct spawner **ret)
{
	const struct spawner_wish wish = {"vrrp.script_user", conf->vrrp.script_user, 1};

	return ctl_programs_are_hooks(conf) ? start(conf, &wish, diag, ret) : 0;
}
