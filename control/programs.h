#pragma once

#include "base/thread.h"

#include <stdbool.h>

/* The spawner of the daemon: started where the configuration has programs to run. */

struct conf;
struct diag;
struct spawner;

/* Its channels. */
enum { CTL_CHANNEL_HEALTH, CTL_CHANNEL_CONTROL, CTL_N_CHANNELS };

/* Whether a service's check is a script, or its pool has commands. */
bool ctl_programs_are_checks(const struct conf *conf) ANY_THREAD;
bool ctl_programs_are_commands(const struct conf *conf) ANY_THREAD;
/* Whether a VRRP group has a script to track, a gate or a notify command. */
bool ctl_programs_are_hooks(const struct conf *conf) ANY_THREAD;
/* Before there is any thread, lock or socket: the process must not hold one. *ret stays as it is
 * if there is nothing to run. -errno, diag. */
int ctl_programs_start(const struct conf *conf, struct diag *diag, struct spawner **ret) ON_CONTROL;
/* A second one, with one channel, for VRRP: as another user, and never behind the checks. */
int ctl_programs_start_hooks(
	const struct conf *conf, struct diag *diag, struct spawner **ret) ON_CONTROL;
