#pragma once

#include "base/addr.h"
#include "base/builder.h"
#include "base/pick.h"
#include "base/thread.h"
#include "dataplane/dp.h"
#include "dataplane/fib4.h"
#include "dataplane/l4state.h"
#include "dataplane/schedule.h"

#include <stdbool.h>
#include <stdint.h>

/* What workers forward by: one immutable root, and the parts that hang off it.
 *
 * A part (services, schedules, routes, nexthops) is built by the control thread, never changed
 * after it hangs off a published root, and shared by successive roots: a reference count,
 * touched by the control thread only, tells when it can go. Workers load the root once per
 * burst and keep nothing of it across their quiescent report; connections name servers by id.
 *
 * The one thing below a root that a worker writes is its own race in a schedule. */

struct rte_fib6;
struct rte_rcu_qsbr;

enum { DP_NO_NEXTHOP = 0 }; // id 0 is never given

/* 32 bytes. One backend of one service. */
struct dp_server {
	struct addr address;
	be16 port;         // 0: the packet's own
	uint16_t timeouts; // index into services.timeouts
	uint32_t service;
	uint16_t nexthop; // id; resolved when the root is built
	bool is_down;     // found so by its check; from dp_tables_mark_down()
	uint8_t unused[5];
};

struct dp_service {
	uint32_t first_server;
	uint32_t n_servers;
	uint8_t family;
	uint8_t protocol;
	uint8_t on_no_server; // enum conf_reaction
	uint8_t unknown_tcp;
};

struct dp_vip_entry {
	struct addr address; // unspecified: the slot is free
	uint32_t first_frontend;
	uint32_t n_frontends;
	uint32_t owner; // index of its lease
};

/* Ports in host order; sorted by (vip, protocol, port_first). */
struct dp_frontend_entry {
	uint16_t port_first;
	uint16_t port_last;
	uint8_t protocol;
	uint32_t service;
};

/* (address, protocol, port) of a server that a service reaches: its answers never leave
 * untranslated. port 0: any. */
struct dp_endpoint {
	struct addr address; // unspecified: the slot is free
	be16 port;
	uint8_t protocol; // 0: the address itself
};

/* How long an idle connection is kept, by state. */
struct dp_timeouts {
	uint32_t ms[DP_L4_N_STATES];
};

/* Part: everything the configuration says about services. */
struct dp_service_part {
	unsigned refs;
	struct dp_vip_entry *vips; // open addressing, power of two, at most a quarter full
	uint32_t vip_mask;
	struct dp_frontend_entry *frontends;
	uint32_t n_frontends;
	struct dp_frontend_entry *ranges; // of services whose servers use the packet's own port
	uint32_t n_ranges;
	struct dp_endpoint *endpoints; // open addressing likewise; servers' addresses and ports
	uint32_t endpoint_mask;
	struct dp_service *services;
	uint32_t n_services;
	struct dp_server *servers; // template: nexthop not filled in
	uint32_t n_servers;
	struct dp_timeouts *timeouts;
	uint32_t n_timeouts;
};

/* A race on cache lines of its own, so that workers do not disturb each other. */
struct dp_worker_race {
	struct dp_schedule_race race;
} __attribute__((aligned(64)));

/* Part: one service's schedule; the race of worker i is races[i]. */
struct dp_schedule_part {
	unsigned refs;
	unsigned n_workers;
	struct dp_schedule schedule;
	struct dp_worker_race *races; // each written by its worker only
};

struct dp_hop {
	enum dp_route_kind kind;
	uint16_t port;
	struct addr gateway; // DP_ROUTE_VIA
};

/* Where a part of routes goes when its last reference has gone. */
struct dp_route_home {
	struct builder *builder; // NULL: freed at once
	unsigned n_parts;        // that have memory, or are about to
};

/* Part: routes. A FIB's value is an index into hops; hops[0] is "no route". */
struct dp_route_part {
	struct builder_job job; // its last one
	struct dp_route_home *home;
	unsigned refs;
	struct dp_fib4 fib4;
	struct rte_fib6 *fib6;
	struct dp_hop *hops;
	uint32_t n_hops;
	uint32_t n_routes;   // in the FIBs
	uint32_t n_left_out; // for which there was no room
};

struct dp_nexthop {
	uint8_t mac[6];
	uint16_t port;
	uint16_t is_known; // the MAC is
	uint16_t unused[3];
};

struct dp_nexthop_key {
	struct addr address;
	uint16_t port;
	uint16_t id; // DP_NO_NEXTHOP: the slot is free
};

/* Part: neighbours by id, and ids by (port, address). */
struct dp_nexthop_part {
	unsigned refs;
	struct dp_nexthop *nexthops; // [0] is not known and never used
	uint32_t n_nexthops;
	struct dp_nexthop_key *keys; // by id, too, for those who must name an unknown one
	struct dp_nexthop_key *index;
	uint32_t index_mask;
};

/* Addresses as numbers: the first byte is the highest. */
struct dp_local_range {
	unsigned __int128 first, last;
};

struct dp_local_ranges {
	struct dp_local_range *list; // sorted, apart from each other
	uint32_t n;
};

/* Part: addresses of this machine; for ports without an XDP program. */
struct dp_local_part {
	unsigned refs;
	struct addr *hosts; // open addressing, power of two, at most a sixteenth full
	uint32_t host_mask;
	struct dp_local_ranges ranges[CONF_N_FAMILIES]; // of wider prefixes
};

struct dp_port_info {
	uint8_t mac[6];
	uint16_t mtu; // 0: the port is gone
	bool is_up;
	struct addr address[CONF_N_FAMILIES]; // source of ICMP errors; unspecified: none
};

struct dp_tables {
	struct dp_service_part *services;
	struct dp_schedule_part **schedules; // by service id
	struct dp_route_part *routes;
	struct dp_nexthop_part *nexthops;
	struct dp_local_part *locals;
	struct dp_server *servers; // by id, with nexthops; this root's own
	bool has_down;             // one of them is
	struct dp_port_info ports[DP_MAX_PORTS];
	/* Another one as soon as a route, or the meaning of a next hop's number, may be another. */
	uint16_t hop_generation;
	uint64_t token; // when retired: readers past it no longer see this root
	struct dp_tables *next_retired;
};

struct dp_tables_root {
	const struct dp_tables *current; // atomic; written by control, read by workers
	struct rte_rcu_qsbr *rcu;
	struct dp_tables *retired; // oldest first
};

/* Once per burst; never kept across the loop's quiescent report. */
static inline const struct dp_tables *dp_tables_load(const struct dp_tables_root *root)
{
	// pairs with the release in dp_tables_publish()
	return __atomic_load_n(&root->current, __ATOMIC_ACQUIRE);
}

/* Replaces the root all workers see and takes ownership of `next`. */
void dp_tables_publish(struct dp_tables_root *root, struct dp_tables *next) ON_CONTROL;
/* Frees retired roots that no worker can see any more. */
void dp_tables_reap(struct dp_tables_root *root) ON_CONTROL;
/* Frees all, retired and current; no worker may run. */
void dp_tables_fini(struct dp_tables_root *root) ON_CONTROL;

/* A root of the given parts, each with one reference added; servers' next hops resolved.
 * NULL when out of memory. `schedules` has one per service. */
struct dp_tables *dp_tables_new(struct dp_service_part *services,
	struct dp_schedule_part *const *schedules, struct dp_route_part *routes,
	struct dp_nexthop_part *nexthops, struct dp_local_part *locals) ON_CONTROL;

/* Says which servers are down, by id; before it is published. */
void dp_tables_mark_down(struct dp_tables *t, const bool *is_down) ON_CONTROL;

/* The parts. NULL when out of memory; one reference, the caller's. put accepts NULL. */
struct dp_service_part *dp_services_new(const struct dp_services *set) ON_CONTROL;
void dp_services_put(struct dp_service_part *p) ON_CONTROL;
struct dp_schedule_part *dp_schedule_part_new(
	const uint16_t *weights, unsigned n, unsigned n_workers) ON_CONTROL;
void dp_schedule_part_put(struct dp_schedule_part *p) ON_CONTROL;
struct dp_local_part *dp_locals_new(const struct prefix *list, unsigned n) ON_CONTROL;
void dp_locals_put(struct dp_local_part *p) ON_CONTROL;

/* ---- lookups, by workers ------------------------------------------------------------- */

/* Tables take the low bits, addresses differ in their last bytes, which are the high bits of a
 * half, and a product carries upwards only: so the high half is folded down in between. */
static inline uint32_t dp_tables_mix(const struct addr *a, uint32_t salt)
{
	uint64_t x = (a->halves[0] ^ salt) * 0x9e3779b97f4a7c15u ^ a->halves[1];

	x = (x ^ (x >> 32)) * 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(x >> 32);
}

static inline bool dp_vip_is_free(const struct dp_vip_entry *v)
{
	return (v->address.halves[0] | v->address.halves[1]) == 0;
}

/* Neither free nor this address's. */
static inline bool dp_vip_is_another(const struct dp_vip_entry *v, const struct addr *a)
{
	const uint64_t *h = v->address.halves;

	return pick_is_set(h[0] | h[1]) &
	       pick_is_set((h[0] ^ a->halves[0]) | (h[1] ^ a->halves[1]));
}

/* The slot of a VIP, or a free one where it is none (a packet may be to "::", too). Few and
 * configured, so an unkeyed hash will do. Whether the first slot is the right one cannot be
 * guessed, but hardly ever another has to be looked at: that alone is branched on. */
static inline const struct dp_vip_entry *dp_services_vip_slot(
	const struct dp_service_part *p, const struct addr *a)
{
	uint32_t i = dp_tables_mix(a, 0);
	const struct dp_vip_entry *v = &p->vips[i & p->vip_mask];

	while (__builtin_expect(dp_vip_is_another(v, a), false))
		v = &p->vips[++i & p->vip_mask];
	return v;
}

/* NULL: not a VIP. */
static inline const struct dp_vip_entry *dp_services_find_vip(
	const struct dp_service_part *p, const struct addr *a)
{
	const struct dp_vip_entry *v = dp_services_vip_slot(p, a);

	return dp_vip_is_free(v) ? NULL : v;
}

/* Service id, or DP_NO_ID. port in host order. */
int dp_services_find(const struct dp_service_part *p, const struct dp_vip_entry *vip,
	uint8_t protocol, uint16_t port) ON_WORKER;
/* Whether the address is a server's at all. */
bool dp_services_has_server(const struct dp_service_part *p, const struct addr *a) ON_WORKER;
/* Whether the address is one of this machine's. */
bool dp_locals_has(const struct dp_local_part *p, const struct addr *a) ON_WORKER;
/* Whether (address, protocol, port) is where a service reaches a server. */
bool dp_services_has_endpoint(const struct dp_service_part *p, const struct addr *a,
	uint8_t protocol, be16 port) ON_WORKER;
