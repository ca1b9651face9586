#pragma once

#include "control/control.h"

/* The maintenance directory (poise.conf(5), health.maintenance_dir): a file named after a server
 * takes it out of every service, as draining does, until the file is gone. It is independent of
 * `set server`: a server gets connections if both allow it. */

/* Watches ctl->conf->health.maintenance_dir, if there is one, and applies what is there already; a
 * directory that is not there yet is looked for again. -ENOMEM, -errno of inotify. */
int ctl_maintenance_start(struct ctl *ctl) ON_CONTROL;
/* Once a second: what inotify does not tell, as a directory that was made anew. */
void ctl_maintenance_look(struct ctl *ctl) ON_CONTROL;
/* NULL-safe. */
void ctl_maintenance_stop(struct ctl *ctl) ON_CONTROL;
