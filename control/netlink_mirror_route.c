/* The mirror's routes: what a route message means for the tables. Pure but for the heap.
 *
 * The kernel may hold several routes for one (table, prefix, metric). The mirror keeps the
 * first that a dump shows, which is the one the kernel uses, and marks it when there are more.
 * Messages about such a key, and any that does not fit what is kept, are not interpreted: they
 * ask for a new dump. Everything else, which is nearly everything, is applied at once. */
#include "control/netlink_mirror.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static bool is_local(const struct nl_route_event *route)
{
	return nl_parse_is_local_type(route->type);
}

/* Local routes are told apart by their links too: fe80:: is anycast on each of them. */
static int key_ifindex(const struct nl_route_event *route)
{
	return route->table == RT_TABLE_LOCAL ? route->ifindex : 0;
}

static enum nl_dump dump_of(const struct nl_route_event *route)
{
	if (route->table == RT_TABLE_LOCAL)
		return addr_is_v4(&route->to.addr) ? NL_DUMP_LOCALS4 : NL_DUMP_LOCALS6;
	return addr_is_v4(&route->to.addr) ? NL_DUMP_ROUTES4 : NL_DUMP_ROUTES6;
}

int nl_mirror_compare_routes(const void *a, const void *b)
{
	const struct nl_route_event *left = &((const struct nl_mirror_route *)a)->route;
	const struct nl_route_event *right = &((const struct nl_mirror_route *)b)->route;
	int r = addr_compare(&left->to.addr, &right->to.addr);

	if (r != 0)
		return r;
	if (left->to.length_bits != right->to.length_bits)
		return left->to.length_bits < right->to.length_bits ? -1 : 1;
	if (left->table != right->table)
		return left->table < right->table ? -1 : 1;
	if (left->metric != right->metric)
		return left->metric < right->metric ? -1 : 1;
	return (key_ifindex(left) > key_ifindex(right)) - (key_ifindex(left) < key_ifindex(right));
}

static bool has_same_way(const struct nl_route_event *a, const struct nl_route_event *b)
{
	return a->type == b->type && a->ifindex == b->ifindex &&
	       a->is_multipath == b->is_multipath && a->has_gateway == b->has_gateway &&
	       (!a->has_gateway || addr_equal(&a->gateway, &b->gateway));
}

void nl_mirror_touch_routes(struct nl_mirror *m)
{
	m->changes |= NL_CHANGED_ROUTES;
	m->route_list.is_stale = true;
}

static void touch(struct nl_mirror *m, const struct nl_route_event *route)
{
	if (!is_local(route)) {
		nl_mirror_touch_routes(m);
		return;
	}
	m->changes |= NL_CHANGED_LOCALS;
	m->local_list.is_stale = true;
}

/* The next hops of an IPv6 multipath route come and go one by one, those of an IPv4 route
 * all at once. */
static bool may_change_in_part(const struct nl_route_event *route)
{
	return route->is_multipath && !addr_is_v4(&route->to.addr);
}

static int add_route(struct nl_mirror *m, const struct nl_route_event *route)
{
	struct nl_mirror_route *fresh;

	if (nl_mirror_reserve(&m->route_list, m->routes.n + 1, sizeof(struct nl_route)) < 0 ||
		nl_mirror_reserve(&m->local_list, m->routes.n + 1, sizeof(struct prefix)) < 0)
		return -ENOMEM;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->record.generation = m->generation;
	fresh->route = *route;
	fresh->has_more = may_change_in_part(route);
	if (nl_tree_add(&m->routes, &fresh->record) < 0) {
		free(fresh);
		return -ENOMEM;
	}
	touch(m, route);
	return 0;
}

static void replace_route(
	struct nl_mirror *m, struct nl_mirror_route *known, const struct nl_route_event *route)
{
	known->has_more = may_change_in_part(route);
	if (has_same_way(&known->route, route))
		return;
	touch(m, &known->route); // its type may have been the other kind
	known->route = *route;
	touch(m, route);
}

static int see_in_dump(
	struct nl_mirror *m, struct nl_mirror_route *known, const struct nl_event *ev)
{
	if (ev->is_removal || dump_of(&ev->route) != (enum nl_dump)m->dump)
		return 0;
	if (!known)
		return add_route(m, &ev->route);
	if (known->record.generation == m->generation) {
		known->has_more = true; // a second one: the first counts
		return 0;
	}
	known->record.generation = m->generation;
	replace_route(m, known, &ev->route);
	return 0;
}

static int see_change(struct nl_mirror *m, struct nl_mirror_route *known, const struct nl_event *ev)
{
	const struct nl_route_event *route = &ev->route;
	bool is_same = known && has_same_way(&known->route, route);

	if (!known)
		return ev->is_removal ? 0 : add_route(m, route);
	if (known->has_more || may_change_in_part(route)) {
		m->wanted |= 1u << dump_of(route);
	} else if (ev->is_removal && is_same) {
		touch(m, &known->route);
		nl_tree_remove(&m->routes, &known->record);
	} else if (ev->is_replacement) {
		replace_route(m, known, route);
	} else if (!is_same) {
		m->wanted |= 1u << dump_of(route);
	}
	return 0;
}

int nl_mirror_apply_route(struct nl_mirror *m, const struct nl_event *ev)
{
	const struct nl_mirror_route key = {.route = ev->route};
	struct nl_mirror_route *known = nl_tree_find(&m->routes, &key);
	int r = m->dump >= 0 ? see_in_dump(m, known, ev) : see_change(m, known, ev);

	if (r < 0)
		m->wanted |= 1u << dump_of(&ev->route);
	return r;
}

static bool is_route_gone(const struct nl_record *record, const void *arg)
{
	const struct nl_mirror_route *r = (const struct nl_mirror_route *)record;
	const struct nl_mirror *m = arg;

	return record->generation != m->generation && dump_of(&r->route) == (enum nl_dump)m->dump;
}

void nl_mirror_sweep_routes(struct nl_mirror *m)
{
	if (nl_tree_sweep(&m->routes, is_route_gone, m) == 0)
		return;
	// a dump of either table may have held routes of both kinds
	nl_mirror_touch_routes(m);
	m->changes |= NL_CHANGED_LOCALS;
	m->local_list.is_stale = true;
}

static void list_route(const struct nl_record *record, void *arg)
{
	const struct nl_route_event *route = &((const struct nl_mirror_route *)record)->route;
	const struct nl_mirror_port *port;
	struct nl_mirror *m = arg;
	struct nl_route *item = (struct nl_route *)m->route_list.items + m->route_list.n;

	if (is_local(route))
		return;
	memset(item, 0, sizeof(*item));
	item->to = route->to;
	item->metric = route->metric;
	item->kind = NL_ROUTE_UNREACHABLE;
	m->route_list.n++;

	port = route->type == RTN_UNICAST ? nl_mirror_find_port(m, route->ifindex) : NULL;
	if (!port)
		return;
	item->port = (unsigned)(port - m->ports);
	item->kind = route->has_gateway ? NL_ROUTE_VIA : NL_ROUTE_ON_LINK;
	if (route->has_gateway)
		item->gateway = route->gateway;
}

unsigned nl_mirror_routes(struct nl_mirror *m, const struct nl_route **ret)
{
	if (m->route_list.is_stale) {
		m->route_list.n = 0;
		nl_tree_walk(&m->routes, list_route, m);
		m->route_list.is_stale = false;
	}
	*ret = m->route_list.items;
	return m->route_list.n;
}

/* Routes come in the order of their prefixes, so that equal ones follow each other. */
static void list_local(const struct nl_record *record, void *arg)
{
	const struct nl_route_event *route = &((const struct nl_mirror_route *)record)->route;
	struct nl_mirror *m = arg;
	struct prefix *next = (struct prefix *)m->local_list.items + m->local_list.n;

	if (!is_local(route))
		return;
	if (m->local_list.n > 0 && addr_equal(&next[-1].addr, &route->to.addr) &&
		next[-1].length_bits == route->to.length_bits)
		return;
	*next = route->to;
	m->local_list.n++;
}

unsigned nl_mirror_locals(struct nl_mirror *m, const struct prefix **ret)
{
	if (m->local_list.is_stale) {
		m->local_list.n = 0;
		nl_tree_walk(&m->routes, list_local, m);
		m->local_list.is_stale = false;
	}
	*ret = m->local_list.items;
	return m->local_list.n;
}
