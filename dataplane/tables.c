/* The RCU root: put together from parts, published by one store, retired without waiting.
 *
 * A retired root keeps its references until every worker has reported a quiescent state
 * after the swap (rte_rcu_qsbr token); then its parts lose theirs, and go when the last root
 * that shared them has gone. All of this on the control thread. */
#include "dataplane/tables.h"

#include "dataplane/routes.h"

#include <stdlib.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

enum { CACHE_LINE = 64 };

static size_t whole_lines(size_t bytes)
{
	return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

struct dp_schedule_part *dp_schedule_part_new(
	const uint16_t *weights, unsigned n, unsigned n_workers)
{
	unsigned n_turns = dp_schedule_count_turns(weights, n);
	size_t part_bytes = whole_lines(sizeof(struct dp_schedule_part));
	size_t entries_bytes = whole_lines(n * sizeof(struct dp_schedule_entry));
	size_t turns_bytes = whole_lines(n_turns * sizeof(struct dp_schedule_turn));
	size_t races_bytes = n_workers * sizeof(struct dp_worker_race);
	size_t runners_bytes = whole_lines(n * sizeof(struct dp_schedule_runner));
	size_t total =
		part_bytes + entries_bytes + turns_bytes + races_bytes + n_workers * runners_bytes;
	char *block = aligned_alloc(CACHE_LINE, total);
	struct dp_schedule_part *p = (struct dp_schedule_part *)block;
	char *turns = block + part_bytes + entries_bytes, *races = turns + turns_bytes;
	char *runners = races + races_bytes;

	if (!block)
		return NULL;
	memset(block, 0, total);
	p->refs = 1;
	p->n_workers = n_workers;
	dp_schedule_init(
		&p->schedule, (struct dp_schedule_entry *)(block + part_bytes), weights, n);
	if (n_turns > 0)
		dp_schedule_write_down(&p->schedule, (struct dp_schedule_turn *)turns,
			(struct dp_schedule_runner *)runners);
	p->races = (struct dp_worker_race *)races;
	for (unsigned i = 0; i < n_workers; i++)
		p->races[i].race.runners =
			(struct dp_schedule_runner *)(runners + i * runners_bytes);
	return p;
}

void dp_schedule_part_put(struct dp_schedule_part *p)
{
	if (p && --p->refs == 0)
		free(p);
}

/* The id through which packets to `to` leave: its own where it is on the link, its gateway's
 * otherwise. */
static uint16_t resolve(const struct dp_route_part *routes, const struct dp_nexthop_part *nexthops,
	const struct addr *to)
{
	const struct dp_hop *hop = dp_routes_find(routes, to);

	switch (hop->kind) {
	case DP_ROUTE_VIA:
		return dp_nexthops_find(nexthops, hop->port, &hop->gateway);
	case DP_ROUTE_ON_LINK:
		return dp_nexthops_find(nexthops, hop->port, to);
	case DP_ROUTE_UNREACHABLE:
		break;
	}
	return DP_NO_NEXTHOP;
}

struct dp_tables *dp_tables_new(struct dp_service_part *services,
	struct dp_schedule_part *const *schedules, struct dp_route_part *routes,
	struct dp_nexthop_part *nexthops, struct dp_local_part *locals)
{
	struct dp_tables *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->schedules = calloc(services->n_services + 1, sizeof(struct dp_schedule_part *));
	t->servers = aligned_alloc(
		CACHE_LINE, whole_lines((services->n_servers + 1) * sizeof(*t->servers)));
	if (!t->schedules || !t->servers)
		goto free_tables;

	memcpy(t->servers, services->servers, services->n_servers * sizeof(*t->servers));
	for (uint32_t i = 0; i < services->n_servers; i++)
		t->servers[i].nexthop = resolve(routes, nexthops, &t->servers[i].address);
	for (uint32_t i = 0; i < services->n_services; i++) {
		t->schedules[i] = schedules[i];
		t->schedules[i]->refs++;
	}
	t->services = services;
	t->routes = routes;
	t->nexthops = nexthops;
	t->locals = locals;
	locals->refs++;
	services->refs++;
	routes->refs++;
	nexthops->refs++;
	return t;

free_tables:
	free(t->schedules);
	free(t->servers);
	free(t);
	return NULL;
}

void dp_tables_mark_down(struct dp_tables *t, const bool *is_down)
{
	for (uint32_t i = 0; i < t->services->n_servers; i++) {
		t->servers[i].is_down = is_down[i];
		t->has_down |= is_down[i];
	}
}

static void free_tables(struct dp_tables *t) ON_CONTROL;
static void free_tables(struct dp_tables *t)
{
	for (uint32_t i = 0; i < t->services->n_services; i++)
		dp_schedule_part_put(t->schedules[i]);
	dp_services_put(t->services);
	dp_routes_put(t->routes);
	dp_nexthops_put(t->nexthops);
	dp_locals_put(t->locals);
	free(t->schedules);
	free(t->servers);
	free(t);
}

/* What connections remember of the way to their clients holds for one generation (nexthop.c). */
static uint16_t next_generation(const struct dp_tables *was, const struct dp_tables *is)
{
	bool is_same = was->routes == is->routes && was->nexthops == is->nexthops;

	return (uint16_t)(was->hop_generation + (is_same ? 0 : 1));
}

void dp_tables_publish(struct dp_tables_root *root, struct dp_tables *next)
{
	struct dp_tables *old = (struct dp_tables *)root->current;
	struct dp_tables **tail = &root->retired;

	if (old)
		next->hop_generation = next_generation(old, next);

	// pairs with the acquire in dp_tables_load()
	__atomic_store_n(&root->current, next, __ATOMIC_RELEASE);
	if (!old)
		return;
	old->token = rte_rcu_qsbr_start(root->rcu);
	while (*tail)
		tail = &(*tail)->next_retired;
	*tail = old;
}

void dp_tables_reap(struct dp_tables_root *root)
{
	while (root->retired && rte_rcu_qsbr_check(root->rcu, root->retired->token, false)) {
		struct dp_tables *gone = root->retired;

		root->retired = gone->next_retired;
		free_tables(gone);
	}
}

void dp_tables_fini(struct dp_tables_root *root)
{
	while (root->retired) {
		struct dp_tables *gone = root->retired;

		root->retired = gone->next_retired;
		free_tables(gone);
	}
	if (root->current)
		free_tables((struct dp_tables *)root->current);
	root->current = NULL;
}
