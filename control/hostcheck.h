#pragma once

#include "base/thread.h"

/* Looks at settings of this host that break Poise and that only a person should change.
 * Changes nothing. Reads /proc/sys of the network namespace that the process is in. */

struct diag;

/* Adds a warning, with the command that cures it, for every sysctl that keeps the kernel from
 * doing its part: strict reverse path filtering, ARP answers withheld, next hops not shown. */
void ctl_hostcheck_sysctls(const char *const *interfaces, unsigned n, struct diag *diag) ON_CONTROL;
