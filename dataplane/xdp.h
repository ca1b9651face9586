#pragma once

#include "base/thread.h"
#include "dataplane/dp.h"

#include <stdbool.h>
#include <stdint.h>

/* The XDP program before an AF_XDP port: which packets are ours (dataplane.md §1).
 *
 * One program instance per port, with its own xsks_map and counters; VIPs, services, servers,
 * local addresses and leases are maps shared by all instances. The program is attached by
 * netlink, so that it outlives the process: when the lease runs out it silences the VIPs.
 * It carries what libxdp 1.3 looks for (function xsk_def_prog, xsks_map, xdp_metadata), so
 * that DPDK's net_af_xdp adopts it instead of loading its own: open this first, then probe the
 * vdevs, without xdp_prog=. What is for a worker and finds no socket is dropped. docs/xdp.md. */

struct dp_xdp;
struct diag;

struct dp_xdp_port {
	const char *device; // kernel interface
	int ifindex;
};

struct dp_xdp_stats {
	uint64_t to_worker, to_kernel, vip_not_owned, no_socket;
};

/* Loads and attaches (native mode; generic where the driver has none, said by a warning in
 * diag). A stale program of ours is replaced in one step, and its VIPs are taken over without a
 * lease: they stay silent until dp_xdp_set_services(). A foreign program is -EBUSY, named in
 * diag. Else all maps are empty: everything goes to the kernel. n is 1 .. DP_MAX_PORTS; all
 * ports belong to the network namespace of the caller. -errno: nothing is left attached. */
int dp_xdp_open(const struct dp_xdp_port *ports, unsigned n, struct diag *diag,
	struct dp_xdp **ret_xdp) ON_CONTROL;
/* Withdraws all leases, then detaches. From then on the kernel answers for its addresses: take
 * the VIPs off them first. NULL is fine. */
void dp_xdp_close(struct dp_xdp *x) ON_CONTROL;

/* Each replaces the whole set, without a moment in which an entry that stays is missing.
 * A set of VIPs alone (no frontends, no servers) is the way to run without workers: then
 * nothing is taken from the kernel but what is for VIPs that are not owned.
 * -EINVAL: a frontend without its VIP, a VIP with two owners; -E2BIG: over a limit of
 * xdp/maps.h (service ports of the old and the new set's VIPs count together); -ENOMEM. After these
 * the old set holds. Another -errno of the kernel's: the maps are between old and new until the
 * next call that succeeds. */
int dp_xdp_set_services(struct dp_xdp *x, const struct dp_services *set) ON_CONTROL;
/* Host prefixes and wider ones. To hold the directed broadcast addresses too. */
int dp_xdp_set_locals(struct dp_xdp *x, const struct prefix *list, unsigned n) ON_CONTROL;

/* The interface's hardware address: frames to another one are then left to the kernel, also if
 * they look like ours (a switch that floods). Until the first call they are not told apart. */
void dp_xdp_set_mac(struct dp_xdp *x, unsigned port, const uint8_t mac[6]) ON_CONTROL;

/* See dp.h. One store to mapped memory each; no system call. */
void dp_xdp_lease_renew(struct dp_xdp *x, unsigned owner, unsigned life_ms) ON_CONTROL;
void dp_xdp_lease_withdraw(struct dp_xdp *x, unsigned owner) ON_CONTROL;

/* What the program on `port` (index at open) decided since it was attached. */
void dp_xdp_read(const struct dp_xdp *x, unsigned port, struct dp_xdp_stats *ret) ON_CONTROL;

/* Detaches a program of ours from a port, if there is one. 1: detached, 0: none of ours, -errno. */
int dp_xdp_cleanup(const struct dp_xdp_port *port) ON_CONTROL;
