/* From what the control thread sets to the next root: each setter builds its part anew (routes are
 * route_job.c's), and dp_publish() puts the current parts together. Services, routes and neighbours
 * meet in the next hops: gateways and servers on the link are named whether or not they are known
 * yet. */
#include "dataplane/internal.h"
#include "dataplane/xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_schedules(struct dp_schedule_part **list, uint32_t n) ON_CONTROL;
static void put_schedules(struct dp_schedule_part **list, uint32_t n)
{
	for (uint32_t i = 0; list && i < n; i++)
		dp_schedule_part_put(list[i]);
	free(list);
}

static struct dp_schedule_part **new_schedules(
	const struct dp *dp, const struct dp_services *set) ON_CONTROL;
static struct dp_schedule_part **new_schedules(const struct dp *dp, const struct dp_services *set)
{
	struct dp_schedule_part **list = calloc(set->n_services + 1, sizeof(*list));
	uint16_t weights[CONF_MAX_SERVERS_IN_POOL];

	for (unsigned i = 0; list && i < set->n_services; i++) {
		const struct dp_service_def *def = &set->services[i];

		for (unsigned s = 0; s < def->n_servers; s++)
			weights[s] = set->servers[def->first_server + s].weight;
		list[i] = dp_schedule_part_new(weights, def->n_servers, dp->conf->cpu.n_workers);
		if (!list[i]) {
			put_schedules(list, i);
			return NULL;
		}
	}
	return list;
}

static int check_limits(const struct dp_services *set)
{
	if (set->n_services > DP_MAX_SERVICES || set->n_servers > DP_MAX_SERVERS)
		return -E2BIG;
	for (unsigned i = 0; i < set->n_services; i++) {
		const struct dp_service_def *def = &set->services[i];

		if (def->n_servers > CONF_MAX_SERVERS_IN_POOL)
			return -E2BIG;
		if (def->first_server + def->n_servers > set->n_servers)
			return -EINVAL;
	}
	for (unsigned i = 0; i < set->n_frontends; i++)
		if (set->frontends[i].service >= set->n_services)
			return -EINVAL;
	return 0;
}

int dp_set_services(struct dp *dp, const struct dp_services *set)
{
	struct dp_schedule_part **schedules;
	struct dp_service_part *services;
	int r = check_limits(set);

	if (r == 0 && dp->xdp)
		r = dp_xdp_set_services(dp->xdp, set);
	if (r < 0 || dp->conf->cpu.n_workers == 0)
		return r;
	services = dp_services_new(set);
	schedules = new_schedules(dp, set);
	if (!services || !schedules) {
		dp_services_put(services);
		put_schedules(schedules, set->n_services);
		return -ENOMEM;
	}
	put_schedules(dp->schedules, dp->services->n_services);
	dp_services_put(dp->services);
	dp->services = services;
	dp->schedules = schedules;
	memset(dp->is_down, 0, sizeof(dp->is_down));
	dp->must_rebuild_nexthops = true;
	return 0;
}

int dp_set_weights(struct dp *dp, unsigned service, const uint16_t *weights, unsigned n)
{
	struct dp_schedule_part *part;

	if (dp->conf->cpu.n_workers == 0)
		return 0;
	if (service >= dp->services->n_services || n != dp->services->services[service].n_servers)
		return -EINVAL;
	part = dp_schedule_part_new(weights, n, dp->conf->cpu.n_workers);
	if (!part)
		return -ENOMEM;
	dp_schedule_part_put(dp->schedules[service]);
	dp->schedules[service] = part;
	return 0;
}

void dp_set_down(struct dp *dp, unsigned server, bool is_down)
{
	dp->is_down[server] = is_down;
}

int dp_set_neighbours(struct dp *dp, const struct dp_neighbour *list, unsigned n)
{
	struct dp_neighbour *copy;

	if (n > DP_MAX_NEIGHBOURS)
		return -E2BIG;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, list, n * sizeof(*copy));
	free(dp->neighbours);
	dp->neighbours = copy;
	dp->n_neighbours = n;
	dp->must_rebuild_nexthops = true;
	return 0;
}

/* Names the neighbour through which `to` is reached. */
static void name_way(struct dp *dp, const struct addr *to) ON_CONTROL;
static void name_way(struct dp *dp, const struct addr *to)
{
	const struct dp_hop *hop = dp_routes_find(dp->routes, to);

	if (hop->kind == DP_ROUTE_ON_LINK)
		(void)dp_nexthop_map_add(dp->nexthop_map, hop->port, to, NULL);
}

static int rebuild_nexthops(struct dp *dp) ON_CONTROL;
static int rebuild_nexthops(struct dp *dp)
{
	struct dp_nexthop_part *part;

	dp_nexthop_map_begin(dp->nexthop_map);
	for (uint32_t i = 1; i < dp->routes->n_hops; i++) {
		const struct dp_hop *hop = &dp->routes->hops[i];

		if (hop->kind == DP_ROUTE_VIA)
			(void)dp_nexthop_map_add(dp->nexthop_map, hop->port, &hop->gateway, NULL);
	}
	for (uint32_t i = 0; i < dp->services->n_servers; i++)
		name_way(dp, &dp->services->servers[i].address);
	for (unsigned i = 0; i < dp->n_neighbours; i++)
		(void)dp_nexthop_map_add(dp->nexthop_map, dp->neighbours[i].port,
			&dp->neighbours[i].address, dp->neighbours[i].mac);
	part = dp_nexthops_new(dp->nexthop_map);
	if (!part)
		return -ENOMEM;
	dp_nexthops_put(dp->nexthops);
	dp->nexthops = part;
	dp->must_rebuild_nexthops = false;
	return 0;
}

static bool has_taps(const struct dp *dp)
{
	for (unsigned i = 0; i < dp->n_ports; i++)
		if (dp->ports[i].conf->kind != CONF_DEVICE_KERNEL)
			return true;
	return false;
}

int dp_set_locals(struct dp *dp, const struct prefix *list, unsigned n)
{
	struct dp_local_part *part;

	if (has_taps(dp)) {
		part = dp_locals_new(list, n);
		if (!part)
			return -ENOMEM;
		dp_locals_put(dp->locals);
		dp->locals = part;
	}
	return dp->xdp ? dp_xdp_set_locals(dp->xdp, list, n) : 0;
}

int dp_publish(struct dp *dp)
{
	struct dp_tables *next;

	if (dp->conf->cpu.n_workers == 0)
		return 0;
	if (dp->must_rebuild_nexthops && rebuild_nexthops(dp) < 0)
		return -ENOMEM;
	next = dp_tables_new(dp->services, dp->schedules, dp->routes, dp->nexthops, dp->locals);
	if (!next)
		return -ENOMEM;
	dp_tables_mark_down(next, dp->is_down);
	for (unsigned i = 0; i < dp->n_ports; i++) {
		const struct dp_port_state *state = &dp->ports[i].state;
		struct dp_port_info *info = &next->ports[i];

		memcpy(info->mac, state->mac, sizeof(info->mac));
		memcpy(info->address, state->address, sizeof(info->address));
		info->mtu = (uint16_t)(state->mtu < UINT16_MAX ? state->mtu : UINT16_MAX);
		info->is_up = state->is_up;
	}
	dp_tables_publish(&dp->root, next);
	dp_tables_reap(&dp->root);
	return 0;
}

void dp_reap(struct dp *dp)
{
	if (!dp->rcu)
		return;
	dp_tables_reap(&dp->root);
	dp_watch_reap(dp);
}
