#pragma once

#include "control/control.h"

/* VRRP's groups beside the rest of control: what the engine asks for, and what it is told. All of
 * it does nothing without groups. */

/* After the mirror; before the loop. -errno. */
int ctl_failover_start(struct ctl *ctl) ON_CONTROL;
/* Every master hands over; notify_stop runs. NULL-safe. */
void ctl_failover_stop(struct ctl *ctl) ON_CONTROL;
/* A descriptor that is readable while the engine has something to do; -1 without groups. */
int ctl_failover_fd(const struct ctl *ctl) ON_CONTROL;

/* The kernel's links or addresses have changed. */
void ctl_failover_set_links(struct ctl *ctl) ON_CONTROL;
/* Weights or verdicts have changed: what tracks of services and pools hang on. */
void ctl_failover_set_services(struct ctl *ctl) ON_CONTROL;
/* Whether checks have verdicts and this node can forward; often. */
void ctl_failover_look(struct ctl *ctl) ON_CONTROL;
