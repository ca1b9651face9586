#pragma once

#include "dataplane/tables.h"

/* The mirrored routes as a FIB, and neighbours as next hops. Parts of the tables: built by the
 * control thread, looked up by workers. */

/* What two tables need of DPDK's memory at the most, the one in use and the next while it is built,
 * with what is lost between their pieces. */
enum { DP_ROUTES_MIB = 304 };

/* NULL with errno of the reason. What there is no room for is left out. The FIBs live in DPDK's
 * memory and are named after `serial`, which must be new for each part. Long: on the builder, but
 * while nothing runs. */
struct dp_route_part *dp_routes_new(
	const struct dp_route *routes, unsigned n, unsigned serial) ANY_THREAD;
/* The last reference gone, the part is freed on its home's builder. NULL is fine. */
void dp_routes_put(struct dp_route_part *p) ON_CONTROL;

/* Longest match; hops[0] (DP_ROUTE_UNREACHABLE) when there is none. Never NULL. */
const struct dp_hop *dp_routes_find(const struct dp_route_part *p, const struct addr *to);

/* What a look-up will read first is on its way to the cache. IPv4 only: the trie of IPv6 is DPDK's,
 * and does not say where it would begin. */
static inline void dp_routes_prefetch(const struct dp_route_part *p, const struct addr *to)
{
	if (addr_is_v4(to))
		dp_fib4_prefetch(&p->fib4, ntohl(addr_v4(to)));
}

/* Ids of next hops are stable over parts: this map gives them out and takes them back. It also
 * remembers those that somebody names (a gateway, a server) but nobody has resolved. */
struct dp_nexthop_map;

struct dp_nexthop_map *dp_nexthop_map_new(void) ON_CONTROL;
void dp_nexthop_map_free(struct dp_nexthop_map *m) ON_CONTROL;
/* Forgets what is known, keeps the ids of what is named again before dp_nexthops_new(). */
void dp_nexthop_map_begin(struct dp_nexthop_map *m) ON_CONTROL;
/* mac NULL: wanted, not known. False when there are no ids left. */
bool dp_nexthop_map_add(struct dp_nexthop_map *m, unsigned port, const struct addr *a,
	const uint8_t *mac) ON_CONTROL;
/* The part that stands for the map as it is. NULL when out of memory. */
struct dp_nexthop_part *dp_nexthops_new(struct dp_nexthop_map *m) ON_CONTROL;
void dp_nexthops_put(struct dp_nexthop_part *p) ON_CONTROL;

/* Id, or DP_NO_NEXTHOP. */
uint16_t dp_nexthops_find(const struct dp_nexthop_part *p, unsigned port, const struct addr *a);
