/* Routes: fib4.h and rte_fib6, with two-byte values (32 MB a family). Built anew at each change of
 * a route, which is rare, and shared by all roots until the next one.
 *
 * Room is bounded: DP_MAX_ROUTES in all; for IPv4 longer than /24, TBL8_MAX networks of /24 that
 * hold such routes; for IPv6, as many steps: a route takes one for each 8 bits, or part of them,
 * by which it is longer than the route around it, or than /24. What does not fit is left out,
 * the most specific first, and counted: its packets follow the route around it. */
#include "dataplane/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_fib6.h>
#include <rte_memory.h>

/* Groups of 256 longer prefixes below one /24 (IPv4), or steps of the trie (IPv6). At least
 * TBL8_MIN, at most the limit of two-byte values. */
enum { TBL8_MIN = 256, TBL8_MAX = DP_FIB4_MAX_GROUPS, DIRECT_BITS = 24 };

/* The largest value of two bytes, one bit of which is the FIB's own. */
enum { MAX_HOP = DP_FIB4_MAX_VALUE };
#define NO_HOP UINT32_MAX

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void forget(struct builder_job *job) ON_CONTROL;

/* A route on its way into the tables. */
struct entry {
	struct dp_route route;
	uint32_t hop; // index; NO_HOP: there are too many
};

/* What a list of routes needs at most, by family. */
struct room {
	unsigned v6; // routes
	unsigned v4_tbl8, v6_tbl8;
};

static unsigned clamp_tbl8(unsigned n)
{
	n += TBL8_MIN;
	return n < TBL8_MAX ? n : TBL8_MAX;
}

static struct room room_for(const struct entry *entries, unsigned n)
{
	struct room room = {0};

	for (unsigned i = 0; i < n; i++) {
		unsigned length = prefix_length(&entries[i].route.to);
		unsigned steps = length > DIRECT_BITS ? (length - DIRECT_BITS + 7) / 8 : 0;

		if (addr_is_v4(&entries[i].route.to.addr)) {
			room.v4_tbl8 += steps;
		} else {
			room.v6++;
			room.v6_tbl8 += steps;
		}
	}
	return room;
}

static int create_fibs(struct dp_route_part *p, const struct room *room, unsigned serial)
{
	struct rte_fib6_conf conf6 = {
		.type = RTE_FIB6_TRIE,
		.max_routes = (int)room->v6 + 1,
		.trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = clamp_tbl8(room->v6_tbl8)},
	};
	char name[32];
	int r = dp_fib4_init(&p->fib4, clamp_tbl8(room->v4_tbl8));

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "routes6-%u", serial);
	p->fib6 = rte_fib6_create(name, SOCKET_ID_ANY, &conf6);
	return p->fib6 ? 0 : -ENOMEM;
}

static bool has_same_way(const struct dp_route *a, const struct dp_route *b)
{
	return a->kind == b->kind && a->port == b->port &&
	       (a->kind != DP_ROUTE_VIA || addr_equal(&a->gateway, &b->gateway));
}

static int compare_ways(const void *left, const void *right)
{
	const struct dp_route *a = &(*(struct entry *const *)left)->route;
	const struct dp_route *b = &(*(struct entry *const *)right)->route;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->kind == DP_ROUTE_VIA ? addr_compare(&a->gateway, &b->gateway) : 0;
}

/* Shorter prefixes first: what does not fit is then the most specific, and each route finds the
 * one around it in place. Of equal prefixes the one to take comes first. */
static int compare_prefixes(const void *left, const void *right)
{
	const struct dp_route *a = &((const struct entry *)left)->route;
	const struct dp_route *b = &((const struct entry *)right)->route;
	int order = (int)prefix_length(&a->to) - (int)prefix_length(&b->to);

	if (order == 0)
		order = (int)a->to.length_bits - (int)b->to.length_bits; // the family
	if (order == 0)
		order = addr_compare(&a->to.addr, &b->to.addr);
	if (order == 0)
		order = a->metric < b->metric ? -1 : a->metric > b->metric;
	return order;
}

static bool is_same_prefix(const struct dp_route *a, const struct dp_route *b)
{
	return a->to.length_bits == b->to.length_bits && addr_equal(&a->to.addr, &b->to.addr);
}

/* Sorted, one of each prefix, no more than there may be. Returns how many. */
static unsigned select_routes(struct dp_route_part *p, struct entry *entries, unsigned n)
{
	unsigned n_kept = 0;

	qsort(entries, n, sizeof(*entries), compare_prefixes);
	for (unsigned i = 0; i < n; i++) {
		if (i > 0 && is_same_prefix(&entries[i - 1].route, &entries[i].route))
			continue;
		if (n_kept < DP_MAX_ROUTES)
			entries[n_kept++] = entries[i];
		else
			p->n_left_out++;
	}
	return n_kept;
}

static uint32_t new_hop(struct dp_route_part *p, const struct dp_route *r)
{
	if (r->kind == DP_ROUTE_UNREACHABLE)
		return 0;
	if (p->n_hops > MAX_HOP)
		return NO_HOP;
	p->hops[p->n_hops] = (struct dp_hop){.kind = r->kind, .port = (uint16_t)r->port};
	if (r->kind == DP_ROUTE_VIA)
		p->hops[p->n_hops].gateway = r->gateway;
	return p->n_hops++;
}

/* Routes of one way share a hop. */
static int number_hops(struct dp_route_part *p, struct entry *entries, unsigned n)
{
	struct entry **by_way = calloc((size_t)n + 1, sizeof(struct entry *));

	if (!by_way)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		by_way[i] = &entries[i];
	qsort(by_way, n, sizeof(struct entry *), compare_ways);
	for (unsigned i = 0; i < n; i++) {
		const struct entry *before = i > 0 ? by_way[i - 1] : NULL;

		if (before && has_same_way(&by_way[i]->route, &before->route))
			by_way[i]->hop = before->hop;
		else
			by_way[i]->hop = new_hop(p, &by_way[i]->route);
	}
	free(by_way);
	return 0;
}

/* -ENOSPC: there is no room for this one. */
static int add_route(struct dp_route_part *p, const struct entry *e)
{
	const struct prefix *to = &e->route.to;
	uint8_t length = (uint8_t)prefix_length(to);

	if (e->hop == NO_HOP)
		return -ENOSPC;
	if (addr_is_v4(&to->addr))
		return dp_fib4_add(&p->fib4, ntohl(addr_v4(&to->addr)), length, (uint16_t)e->hop);
	return rte_fib6_add(p->fib6, to->addr.bytes, length, e->hop);
}

/* ::/0 and 0.0.0.0/0 both: an IPv4 default arrives as ::ffff:0:0/96. */
static int add_routes(struct dp_route_part *p, const struct entry *entries, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int r = add_route(p, &entries[i]);

		if (r == 0)
			p->n_routes++;
		else if (r == -ENOSPC)
			p->n_left_out++;
		else
			return r;
	}
	return 0;
}

static int fill(struct dp_route_part *p, struct entry *entries, unsigned n, unsigned serial)
{
	struct room room;
	int r;

	n = select_routes(p, entries, n);
	p->hops = calloc((size_t)n + 1, sizeof(*p->hops));
	if (!p->hops)
		return -ENOMEM;
	p->hops[0].kind = DP_ROUTE_UNREACHABLE;
	p->n_hops = 1;
	r = number_hops(p, entries, n);
	if (r < 0)
		return r;
	room = room_for(entries, n);
	r = create_fibs(p, &room, serial);
	return r == 0 ? add_routes(p, entries, n) : r;
}

static void clear(struct builder_job *job)
{
	struct dp_route_part *p = (struct dp_route_part *)job;

	dp_fib4_fini(&p->fib4);
	rte_fib6_free(p->fib6);
	free(p->hops);
}

/* Only now its memory is free for another. */
static void forget(struct builder_job *job)
{
	struct dp_route_part *p = (struct dp_route_part *)job;

	if (p->home)
		p->home->n_parts--;
	free(p);
}

struct dp_route_part *dp_routes_new(const struct dp_route *routes, unsigned n, unsigned serial)
{
	struct dp_route_part *p = calloc(1, sizeof(*p));
	struct entry *entries = calloc((size_t)n + 1, sizeof(*entries));
	int r = -ENOMEM;

	if (p && entries) {
		p->refs = 1;
		for (unsigned i = 0; i < n; i++)
			entries[i].route = routes[i];
		r = fill(p, entries, n, serial);
	}
	free(entries);
	if (r == 0)
		return p;
	if (p)
		clear(&p->job);
	free(p);
	errno = -r;
	return NULL;
}

void dp_routes_put(struct dp_route_part *p)
{
	struct dp_route_home *home;

	if (!p || --p->refs > 0)
		return;
	home = p->home;
	p->job = (struct builder_job){.run = clear, .done = forget};
	if (home && home->builder && builder_give(home->builder, &p->job) == 0)
		return;
	// no builder; or no memory to tell it, which is to be had this way at least
	clear(&p->job);
	forget(&p->job);
}

const struct dp_hop *dp_routes_find(const struct dp_route_part *p, const struct addr *to)
{
	uint64_t value = 0;

	if (addr_is_v4(to)) {
		value = dp_fib4_find(&p->fib4, ntohl(addr_v4(to)));
	} else {
		uint8_t v6[1][RTE_FIB6_IPV6_ADDR_SIZE];

		memcpy(v6[0], to->bytes, sizeof(v6[0]));
		(void)rte_fib6_lookup_bulk(p->fib6, v6, &value, 1);
	}
	return &p->hops[value < p->n_hops ? value : 0];
}
