#pragma once

#include "base/thread.h"
#include "dataplane/dp.h"
#include "dataplane/xdp/maps.h"

#include <stdint.h>

/* What the XDP program knows of addresses: VIPs and their service ports, servers, and what is
 * local. Keeps the shared maps in step with the last sets given.
 *
 * Sets are changed entry by entry: first what is new or different, then what is gone. So an entry
 * that stays is there at every moment. After an error the maps hold something between the old and
 * the new set; the next call that succeeds puts them right. */

struct dp_xdp_role_entry {
	struct addr addr;
	struct dp_xdp_role role;
};

/* Sorted by address, each once. */
struct dp_xdp_role_list {
	struct dp_xdp_role_entry *entries;
	unsigned n;
};

struct dp_xdp_roles {
	int roles_fd, prefixes_fd;        // borrowed
	struct dp_xdp_portset *ports;     // mapped, borrowed
	struct dp_xdp_settings *settings; // mapped, borrowed
	struct dp_xdp_role_list held;     // what poise_roles holds
	struct dp_xdp_role_list services; // wanted: VIPs and servers
	struct dp_xdp_role_list locals;   // wanted: addresses of this machine
	struct dp_xdp_prefix *prefixes;   // what poise_prefixes holds; sorted
	unsigned n_prefixes;
	uint64_t used_ports[DP_XDP_MAX_PORTSETS / 64]; // bit n: portset n is some VIP's
};

/* All zero but the borrowed fields is the start. */
void dp_xdp_roles_fini(struct dp_xdp_roles *r) ON_CONTROL;

int dp_xdp_roles_set_services(struct dp_xdp_roles *r, const struct dp_services *set) ON_CONTROL;
int dp_xdp_roles_set_locals(
	struct dp_xdp_roles *r, const struct prefix *list, unsigned n) ON_CONTROL;

/* Adds the VIPs of an earlier instance's poise_roles, without lease or services. Called before
 * the first set only. */
int dp_xdp_roles_inherit(struct dp_xdp_roles *r, int old_roles_fd) ON_CONTROL;
