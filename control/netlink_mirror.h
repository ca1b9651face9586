#pragma once

#include "base/addr.h"
#include "base/thread.h"
#include "control/netlink.h"
#include "control/netlink_parse.h"
#include "control/netlink_tree.h"

#include <stdbool.h>
#include <stdint.h>

/* What the kernel told us, kept: a function from events to tables. No socket, no time.
 *
 * Two ways in. An event outside a dump is a change. Between nl_mirror_begin() and
 * nl_mirror_finish() events say what is there, and what they do not mention goes. Where an
 * event does not say enough (the kernel removes IPv4 routes silently when a link goes down;
 * an IPv6 multipath route loses one of its next hops), the dump that would tell is asked for
 * in `wanted`. */

/* The dumps that make up a mirror, in the order they are made: links come first, because
 * neighbours and addresses are kept only for links that are ours. */
enum nl_dump {
	NL_DUMP_LINKS,
	NL_DUMP_ADDRESSES,
	NL_DUMP_ROUTES4,
	NL_DUMP_LOCALS4,
	NL_DUMP_ROUTES6,
	NL_DUMP_LOCALS6,
	NL_DUMP_NEIGHBOURS,
	NL_N_DUMPS
};

enum {
	NL_ALL_DUMPS = (1u << NL_N_DUMPS) - 1,
	NL_ROUTE_DUMPS = 1u << NL_DUMP_ROUTES4 | 1u << NL_DUMP_LOCALS4 | 1u << NL_DUMP_ROUTES6 |
			 1u << NL_DUMP_LOCALS6,
	NL_ALL_CHANGES = NL_CHANGED_LINKS | NL_CHANGED_ROUTES | NL_CHANGED_NEIGHBOURS |
			 NL_CHANGED_LOCALS | NL_CHANGED_ADDRESSES
};

struct nl_mirror_port {
	char name[IFNAMSIZ];
	struct nl_link link;
	unsigned generation;
};

struct nl_mirror_address {
	struct nl_record record;
	unsigned port; // key: port, address, length_bits
	struct addr address;
	uint8_t length_bits;
	uint8_t protocol;
	bool is_tentative;
};

/* One for each (table, prefix, metric); for local routes, one for each link too. */
struct nl_mirror_route {
	struct nl_record record;
	struct nl_route_event route;
	bool has_more; // more lies behind this key than is kept: any event on it needs a dump
};

struct nl_mirror_neighbour {
	struct nl_record record;
	struct nl_neighbour pub; // key: port, address
	bool is_exempt;          // PERMANENT or NOARP: never to be resolved
};

/* A list for the getters, made from a tree when it is asked for. It always has room for
 * every record of its tree, so that making it cannot fail. */
struct nl_mirror_list {
	void *items;
	unsigned n;
	unsigned capacity;
	bool is_stale;
};

struct nl_mirror {
	struct nl_tree addresses;
	struct nl_tree routes; // of both tables
	struct nl_tree neighbours;
	struct nl_mirror_list route_list;
	struct nl_mirror_list local_list;
	struct nl_mirror_list neighbour_list;
	unsigned generation;
	int dump;                   // enum nl_dump under way, or -1
	unsigned changes;           // NL_CHANGED_*, since the caller took them
	unsigned wanted;            // bits of enum nl_dump, since the caller took them
	bool has_address_protocols; // the kernel knows IFA_PROTO
	unsigned n_ports;
	struct nl_mirror_port ports[];
};

/* NULL when out of memory. Names are shorter than IFNAMSIZ. */
struct nl_mirror *nl_mirror_new(const char *const *names, unsigned n) ANY_THREAD;
void nl_mirror_free(struct nl_mirror *m) ANY_THREAD;

void nl_mirror_begin(struct nl_mirror *m, enum nl_dump dump) ANY_THREAD;
/* `is_complete` false: the dump was inconsistent or broke off, so nothing goes. */
void nl_mirror_finish(struct nl_mirror *m, bool is_complete) ANY_THREAD;
/* -ENOMEM: it is not in the mirror now; the dump that would bring it is wanted. */
int nl_mirror_apply(struct nl_mirror *m, const struct nl_event *ev) ANY_THREAD;

/* The port behind an interface, or NULL. */
const struct nl_mirror_port *nl_mirror_find_port(const struct nl_mirror *m, int ifindex) ANY_THREAD;
const struct nl_mirror_address *nl_mirror_find_address(const struct nl_mirror *m, unsigned port,
	const struct addr *address, uint8_t length_bits) ANY_THREAD;
/* The lowest usable address of the port that is nobody's VIP, one with a subnet if there is any, of
 * family 6 the lowest link-local one; false: there is none. */
bool nl_mirror_find_source(
	const struct nl_mirror *m, unsigned port, bool is_v4, struct addr *ret) ANY_THREAD;
const struct nl_mirror_neighbour *nl_mirror_find_neighbour(
	const struct nl_mirror *m, unsigned port, const struct addr *address) ANY_THREAD;

/* As the getters of netlink.h; the lists live until the next call that changes the mirror. */
unsigned nl_mirror_routes(struct nl_mirror *m, const struct nl_route **ret) ANY_THREAD;
unsigned nl_mirror_locals(struct nl_mirror *m, const struct prefix **ret) ANY_THREAD;
unsigned nl_mirror_neighbours(struct nl_mirror *m, const struct nl_neighbour **ret) ANY_THREAD;

/* ---- between the files of the mirror --------------------------------------------------- */

/* netlink_mirror_route.c */
int nl_mirror_compare_routes(const void *a, const void *b) ANY_THREAD;
int nl_mirror_apply_route(struct nl_mirror *m, const struct nl_event *ev) ANY_THREAD;
/* Removes the routes that the dump now finishing did not mention. */
void nl_mirror_sweep_routes(struct nl_mirror *m) ANY_THREAD;
void nl_mirror_touch_routes(struct nl_mirror *m) ANY_THREAD;
/* Makes room for `n` items of `size` bytes. -ENOMEM. */
int nl_mirror_reserve(struct nl_mirror_list *list, unsigned n, size_t size) ANY_THREAD;
