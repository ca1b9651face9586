#pragma once

#include "base/addr.h"
#include "base/thread.h"

#include <stdbool.h>
#include <stdint.h>

/* The kernel's addresses, routes and neighbours: mirrored by libmnl, and changed on demand.
 *
 * One mirror listens to RTNLGRP_LINK, _NEIGH, _IPV4/6_IFADDR, _IPV4/6_ROUTE and _NEXTHOP, and
 * dumps at start, after ENOBUFS (the kernel's queue to us ran over), and where the kernel
 * changes things without a message, so that it never drifts.
 * `interfaces` are the kernel interfaces behind our ports; the position is the port number.
 * Only the main table (254) and the local table (255) are read; rules are not looked at. */

/* IFA_PROTO of the VIPs that we add: "proto 80" in the output of a recent `ip address`. Linux
 * keeps it since 5.18. */
enum { NL_VIP_PROTOCOL = 80 };

/* RTPROT of the routes that we add: "proto 80" in the output of `ip route`. */
enum { NL_ROUTE_PROTOCOL = 80 };

struct netlink;
struct diag;

struct nl_link {
	int ifindex; // 0: does not exist (any more)
	bool is_up;  // IFF_UP and IFF_LOWER_UP
	unsigned mtu;
	uint8_t mac[6];
};

enum nl_route_kind { NL_ROUTE_VIA, NL_ROUTE_ON_LINK, NL_ROUTE_UNREACHABLE };

/* Of several next hops (multipath) this is the first that is alive. Routes by TOS or source,
 * and to IPv6 link-local destinations, are left out. */
struct nl_route {
	struct prefix to;
	enum nl_route_kind kind; // UNREACHABLE also for routes out of other interfaces
	unsigned port;
	struct addr gateway;
	uint32_t metric;
};

struct nl_neighbour {
	struct addr address;
	unsigned port;
	uint8_t mac[6];
	bool is_usable; // has a MAC and a state of REACHABLE STALE DELAY PROBE PERMANENT NOARP
	bool is_stale;  // NUD_STALE: the kernel would like a reason to look again
};

/* What changed since the last call of the callback; bits. */
enum nl_change {
	NL_CHANGED_LINKS = 1,
	NL_CHANGED_ROUTES = 2,
	NL_CHANGED_NEIGHBOURS = 4, // the usable ones or their MACs; is_stale alone is not told
	NL_CHANGED_LOCALS = 8,
	NL_CHANGED_ADDRESSES = 16, // of the ports' interfaces
};

typedef void nl_on_change(void *arg, unsigned changes);

/* Opens the sockets and makes the first dump, so that the getters are complete on return.
 * Errors: -errno; -ENODEV if an interface does not exist (diag names it). */
int nl_open(const char *const *interfaces, unsigned n, struct diag *diag,
	struct netlink **ret) ON_CONTROL;
void nl_close(struct netlink *nl) ON_CONTROL;

/* To be watched for reading by the loop (level-triggered); then nl_read() takes what waits and
 * calls `on_change` at most once with all that changed. Never blocks, and stops after 2 ms:
 * the descriptor then stays readable for the rest. */
int nl_fd(const struct netlink *nl) ON_CONTROL;
void nl_read(struct netlink *nl, nl_on_change *on_change, void *arg) ON_CONTROL;

/* The mirror. Arrays belong to the netlink and live until the next nl_read(). Routes are in the
 * order of their prefixes, then metrics; neighbours of ports, then addresses. */
const struct nl_link *nl_link(const struct netlink *nl, unsigned port) ON_CONTROL;
unsigned nl_routes(const struct netlink *nl, const struct nl_route **ret) ON_CONTROL;
unsigned nl_neighbours(const struct netlink *nl, const struct nl_neighbour **ret) ON_CONTROL;
/* Local and broadcast addresses of the whole machine (table local), as prefixes. */
unsigned nl_locals(const struct netlink *nl, const struct prefix **ret) ON_CONTROL;
const struct nl_neighbour *nl_find_neighbour(
	const struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;

/* Asks the kernel to resolve, or to look again at, a neighbour (NTF_USE). Does not wait for
 * the outcome: it comes back as a change. Static entries are left alone. -errno. */
int nl_use_neighbour(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;

/* Puts a host address on the port's interface, tagged as ours (IFA_PROTO where the kernel has
 * it), IPv6 with nodad and preferred lifetime 0, and takes the kernel's answer. It is usable
 * on return, if the link is up. -ENODEV while the interface does not exist.
 * *ret_was_there (if not NULL): it existed already, whoever put it there. -errno. */
int nl_add_vip(struct netlink *nl, unsigned port, const struct addr *address,
	bool *ret_was_there) ON_CONTROL;
/* Puts an address of this machine on the port's interface, with its network (length in the
 * 128-bit form); IPv6 with nodad. Usable on return, if the link is up. -errno. */
int nl_add_address(struct netlink *nl, unsigned port, const struct addr *address,
	unsigned length_bits) ON_CONTROL;
/* Adds a route out of the port's interface to table main; `via` is of the family of `to`.
 * -EEXIST: there is one to that prefix, whoever's. -errno. */
int nl_add_route(struct netlink *nl, unsigned port, const struct prefix *to,
	const struct addr *via) ON_CONTROL;
/* 0 also when it was not there. */
int nl_remove_vip(struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
/* Whether the address is on the port's interface, as a host address tagged as ours (on a kernel
 * that does not keep the tag: as a host address). As of the last nl_read() or change of ours. */
bool nl_has_vip(const struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
/* Whether the address is on the port's interface with that length (in the 128-bit form). */
bool nl_has_address(const struct netlink *nl, unsigned port, const struct addr *address,
	unsigned length_bits) ON_CONTROL;
/* What the machine itself sends from on the port's interface: its lowest address there that is no
 * VIP of ours and usable, of family 6 its link-local one. False: there is none. */
bool nl_find_source(
	const struct netlink *nl, unsigned port, bool is_v4, struct addr *ret) ON_CONTROL;
/* Whether the address is on the port's interface with a subnet: the machine's own. */
bool nl_has_own_address(
	const struct netlink *nl, unsigned port, const struct addr *address) ON_CONTROL;
