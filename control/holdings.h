#pragma once

#include "base/addr.h"
#include "base/thread.h"
#include "conf/model.h"

/* Every address that this node may hold, and who decides whether it does. Pure. */

/* The owner of what no VRRP group has; a group's is 1 + its index. */
enum { CTL_OWNER_ALWAYS = 0, CTL_OWNER_OF_GROUPS = 1 };

struct ctl_holding {
	struct addr address;
	const struct conf_interface *interface;
	unsigned owner;
	const char *name; // of the VIP, or of the instance that lists it
};

/* VIPs in the order of the file, then what instances list beside them (link-local addresses too);
 * each (address, interface) once. To be freed. -ENOMEM. */
int ctl_holdings_new(const struct conf *conf, struct ctl_holding **ret, unsigned *ret_n) ANY_THREAD;
