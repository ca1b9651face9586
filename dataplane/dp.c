/* The data plane's life and its tables, as dp.h promises them to the control thread.
 *
 * Start order: EAL, XDP programs, ports, tables, workers. Nothing is owned until the first
 * lease. Stop order is the reverse, leases first. With no workers configured there is no EAL:
 * the XDP programs alone guard the addresses. */
#include "dataplane/dp.h"

#include "base/diag.h"
#include "dataplane/owner.h"
#include "dataplane/port.h"
#include "dataplane/steer.h"
#include "dataplane/xdp.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

enum { WANTS_RING = 1024, RELAX_US = 20 };

void dp_relax(void)
{
	const struct timespec pause = {.tv_nsec = RELAX_US * 1000L};

	(void)nanosleep(&pause, NULL);
}

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static struct dp_worker_setup setup_for(const struct dp *dp, unsigned i) ON_CONTROL;
static void share_queues(const struct dp *dp, struct dp_worker_setup *s) ON_CONTROL;
static void want_new(struct dp *dp, dp_want_neighbour *want, void *arg) ON_CONTROL;

static int init_rcu(struct dp *dp)
{
	size_t len = rte_rcu_qsbr_get_memsize(DP_MAX_WORKERS);

	len = (len + 63) & ~(size_t)63;
	dp->rcu = aligned_alloc(64, len);
	if (!dp->rcu)
		return -ENOMEM;
	dp->root.rcu = dp->rcu;
	return rte_rcu_qsbr_init(dp->rcu, DP_MAX_WORKERS) == 0 ? 0 : -EINVAL;
}

/* Empty tables, so that workers always find a root. */
static int init_tables(struct dp *dp) ON_CONTROL;
static int init_tables(struct dp *dp)
{
	const struct dp_services none = {0};
	int r;

	dp->nexthop_map = dp_nexthop_map_new();
	if (!dp->nexthop_map)
		return -ENOMEM;
	dp->nexthops = dp_nexthops_new(dp->nexthop_map);
	r = dp_set_routes(dp, NULL, 0);
	if (r < 0)
		return r;
	builder_drain(dp->route_home.builder);
	dp->services = dp_services_new(&none);
	dp->schedules = calloc(1, sizeof(struct dp_schedule_part *));
	dp->locals = dp_locals_new(NULL, 0);
	if (!dp->locals || !dp->nexthops || !dp->routes || !dp->services || !dp->schedules)
		return -ENOMEM;
	return dp_publish(dp);
}

/* Queues are dealt round the workers. A worker sends on the queue of its own number, or, where
 * a port has fewer queues than there are workers, through the worker that has one. */
static void share_queues(const struct dp *dp, struct dp_worker_setup *s)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		const struct dp_port *port = &dp->ports[p];
		unsigned mine = s->index % port->n_queues;

		for (unsigned q = s->index; q < port->n_queues; q += s->n_workers)
			s->rx[s->n_rx++] = (struct dp_rx_source){
				.port = (uint16_t)p,
				.ethdev = port->queues[q].ethdev,
				.queue = port->queues[q].queue,
			};
		s->tx[p] = (struct dp_tx_sink){
			.ethdev = port->queues[mine].ethdev,
			.queue = port->queues[mine].queue,
			.via = s->index < port->n_queues ? -1 : (int16_t)mine,
		};
		s->taps[p] = (struct dp_tap_queue){
			.fd = s->index < port->tap.n_queues ? port->tap.fds[s->index] : -1,
			.pool = dp_pool_of(dp, port),
		};
	}
}

static struct dp_worker_setup setup_for(const struct dp *dp, unsigned i)
{
	struct dp_worker_setup s = {
		.index = i,
		.n_workers = dp->conf->cpu.n_workers,
		.cpu = dp->conf->cpu.workers[i],
		.lcore = i + 1,
		.n_ports = dp->n_ports,
		.is_adaptive = dp->conf->cpu.idle == CONF_IDLE_ADAPTIVE,
		.idle_sleep_us = dp->conf->cpu.idle_sleep_us,
		.connections = (uint32_t)(dp->conf->memory.connections / dp->conf->cpu.n_workers),
		.half_open = (uint32_t)(dp->conf->memory.half_open / dp->conf->cpu.n_workers) + 1,
		.tsc_hz = rte_get_tsc_hz(),
		.root = (struct dp_tables_root *)&dp->root,
		.rcu = dp->rcu,
		.wants = dp->wants[i],
		.owner = dp->owner,
		.leases = dp->leases,
	};

	for (unsigned other = 0; other < s.n_workers; other++) {
		s.ring_to[other] = dp->handoff[i][other];
		s.ring_from[other] = dp->handoff[other][i];
	}
	share_queues(dp, &s);
	return s;
}

/* On small pages, as it is small; on the node of its CPU. */
static int map_worker(struct dp *dp, unsigned i, const struct dp_memory_policy *policy)
{
	struct dp_memory_policy small = *policy;
	int r;

	small.use_hugetlb = false;
	small.require_hugetlb = false;
	r = dp_memory_map(sizeof(struct dp_worker), &small, &dp->worker_memory[i]);
	if (r == 0)
		dp->workers[i] = dp->worker_memory[i].start;
	return r;
}

static void unmap_worker(struct dp *dp, unsigned i)
{
	dp_memory_unmap(&dp->worker_memory[i]);
	dp->workers[i] = NULL;
}

static int init_worker(struct dp *dp, unsigned i, struct diag *diag) ON_CONTROL;
static int init_worker(struct dp *dp, unsigned i, struct diag *diag)
{
	const struct dp_memory_policy policy = dp_eal_memory_policy(dp, i);
	struct dp_worker_setup setup;
	char name[32];
	int r;

	(void)snprintf(name, sizeof(name), "wants-%u", i);
	dp->wants[i] = rte_ring_create_elem(name, sizeof(struct dp_want), WANTS_RING, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!dp->wants[i])
		return -ENOMEM;
	r = map_worker(dp, i, &policy);
	if (r < 0)
		return r;
	setup = setup_for(dp, i);
	r = dp_worker_init(dp->workers[i], &setup, &policy);
	if (r < 0) {
		diag_add(diag, DIAG_ERROR, NULL,
			"memory.connections: no memory for %u connections: %s", setup.connections,
			strerror(-r));
		unmap_worker(dp, i);
		return r;
	}
	dp->info.has_table_hugepages = dp->workers[i]->flows.settled.memory.is_hugetlb &&
				       (i == 0 || dp->info.has_table_hugepages);
	dp->n_workers++;
	dp->info.connections_max += setup.connections;
	return 0;
}

/* Before ports are opened: cards are given its key. */
static int init_owner(struct dp *dp)
{
	uint8_t key[DP_OWNER_KEY_LEN];

	dp->owner = malloc(sizeof(*dp->owner));
	if (!dp->owner)
		return -ENOMEM;
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -EIO;
	dp_owner_init(dp->owner, key, dp->conf->cpu.n_workers);
	return 0;
}

static int init_handoff(struct dp *dp) ON_CONTROL;
static int init_handoff(struct dp *dp)
{
	unsigned n = dp->conf->cpu.n_workers;
	char name[32];

	for (unsigned i = 0; i < n * n; i++) {
		unsigned from = i / n, to = i % n;

		if (from == to)
			continue;
		(void)snprintf(name, sizeof(name), "handoff-%u-%u", from, to);
		dp->handoff[from][to] = dp_steer_ring_new(name, DP_STEER_RING);
		if (!dp->handoff[from][to])
			return -ENOMEM;
	}
	return 0;
}

static void free_handoff(struct dp *dp) ON_CONTROL;
static void free_handoff(struct dp *dp)
{
	for (unsigned i = 0; i < DP_MAX_WORKERS * DP_MAX_WORKERS; i++)
		dp_steer_ring_free(dp->handoff[i / DP_MAX_WORKERS][i % DP_MAX_WORKERS]);
	free(dp->owner);
}

static int start_workers(struct dp *dp, struct diag *diag) ON_CONTROL;
static int start_workers(struct dp *dp, struct diag *diag)
{
	int r = init_handoff(dp);

	for (unsigned i = 0; r == 0 && i < dp->conf->cpu.n_workers; i++)
		r = init_worker(dp, i, diag);
	for (unsigned i = 0; r == 0 && i < dp->n_workers; i++) {
		r = rte_eal_remote_launch(
			dp_worker_main, dp->workers[i], dp->workers[i]->setup.lcore);
		if (r == 0)
			dp->n_running++;
	}
	return r;
}

static int start_all(struct dp *dp, struct diag *diag) ON_CONTROL;
static int start_all(struct dp *dp, struct diag *diag)
{
	bool has_workers = dp->conf->cpu.n_workers > 0;
	int r = 0;

	if (has_workers)
		r = dp_eal_start(dp, diag);
	if (r == 0 && has_workers)
		r = init_owner(dp);
	if (r == 0)
		r = dp_port_open_all(dp, diag);
	if (r < 0 || !has_workers)
		return r;
	r = builder_new(&dp->route_home.builder); // on the CPUs that EAL left to this thread
	if (r == 0)
		r = init_rcu(dp);
	if (r == 0)
		r = init_tables(dp);
	if (r == 0)
		r = start_workers(dp, diag);
	return r;
}

int dp_start(const struct conf *conf, struct diag *diag, struct dp **ret_dp)
{
	struct dp *dp = calloc(1, sizeof(*dp));
	int r;

	if (!dp)
		return -ENOMEM;
	dp->conf = conf;
	dp->info.driver_version = "";
	dp->n_ports = conf->n_interfaces;
	for (unsigned i = 0; i < dp->n_ports; i++) {
		dp->ports[i].conf = &conf->interfaces[i];
		dp->ports[i].claim.fd = -1;
	}
	r = start_all(dp, diag);
	if (r < 0) {
		if (!diag_has_errors(diag))
			diag_add(diag, DIAG_ERROR, NULL, "data plane: cannot start: %s",
				strerror(-r));
		dp_stop(dp);
		return r;
	}
	*ret_dp = dp;
	return 0;
}

static void stop_workers(struct dp *dp)
{
	for (unsigned i = 0; i < dp->n_running; i++)
		// pairs with the acquire in dp_worker_main()
		__atomic_store_n(&dp->workers[i]->must_stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < dp->n_running; i++)
		(void)rte_eal_wait_lcore(dp->workers[i]->setup.lcore);
}

static void free_parts(struct dp *dp) ON_CONTROL;
static void free_parts(struct dp *dp)
{
	if (dp->root.current)
		dp_tables_fini(&dp->root);
	if (dp->services && dp->schedules)
		for (uint32_t i = 0; i < dp->services->n_services; i++)
			dp_schedule_part_put(dp->schedules[i]);
	free(dp->schedules);
	dp_services_put(dp->services);
	dp_routes_put(dp->routes);
	dp_nexthops_put(dp->nexthops);
	dp_nexthops_put(dp->asked);
	dp_locals_put(dp->locals);
	dp_nexthop_map_free(dp->nexthop_map);
	free(dp->neighbours);
	free(dp->rcu);
}

void dp_stop(struct dp *dp)
{
	if (!dp)
		return;
	for (unsigned i = 0; i < DP_MAX_OWNERS; i++)
		dp_lease_withdraw(dp, i);
	stop_workers(dp);
	dp_watch_fini(dp);
	for (unsigned i = 0; i < dp->n_workers; i++) {
		dp_worker_fini(dp->workers[i]);
		unmap_worker(dp, i);
	}
	if (dp->route_home.builder)
		builder_drain(dp->route_home.builder);
	free_handoff(dp);
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		rte_ring_free(dp->wants[i]);
	free_parts(dp);
	builder_free(dp->route_home.builder);
	dp_port_close_all(dp);
	dp_eal_stop(dp);
	free(dp);
}

void dp_info(const struct dp *dp, struct dp_start_info *ret)
{
	*ret = dp->info;
}

int dp_cleanup(const struct conf *conf, struct diag *diag)
{
	int n = 0;

	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		const char *device = conf->interfaces[i].device;
		struct dp_xdp_port port = {device, (int)if_nametoindex(device)};
		int r;

		if (conf->interfaces[i].kind != CONF_DEVICE_KERNEL || port.ifindex == 0)
			continue; // it went with its program, or never had one
		r = dp_xdp_cleanup(&port);
		if (r < 0) {
			diag_add(diag, DIAG_ERROR, NULL,
				"interfaces.%s: cannot detach the XDP program from %s: %s",
				conf->interfaces[i].name, device, strerror(-r));
			return r;
		}
		n += r;
	}
	return n;
}

void dp_lease_renew(struct dp *dp, unsigned owner, unsigned life_ms)
{
	uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 1000 * life_ms;

	// read by workers in decide.c; stands for itself, so no order is needed
	__atomic_store_n(&dp->leases[owner], until, __ATOMIC_RELAXED);
	if (dp->xdp)
		dp_xdp_lease_renew(dp->xdp, owner, life_ms);
}

void dp_lease_withdraw(struct dp *dp, unsigned owner)
{
	// as in dp_lease_renew()
	__atomic_store_n(&dp->leases[owner], 0, __ATOMIC_RELAXED);
	if (dp->xdp)
		dp_xdp_lease_withdraw(dp->xdp, owner);
}

void dp_set_port(struct dp *dp, unsigned port, const struct dp_port_state *state)
{
	struct dp_port *p = &dp->ports[port];

	p->state = *state;
	if (p->mtu != 0 && p->state.mtu > p->mtu) // its TAP was given a larger one
		p->state.mtu = p->mtu;
	if (p->conf->kind == CONF_DEVICE_KERNEL)
		dp_xdp_set_mac(dp->xdp, p->xdp_port, state->mac);
}

static bool has_same_key(const struct dp_nexthop_part *p, const struct dp_nexthop_key *key)
{
	const struct dp_nexthop_key *k = key->id < p->n_nexthops ? &p->keys[key->id] : NULL;

	return k && k->id == key->id && k->port == key->port &&
	       addr_equal(&k->address, &key->address);
}

/* Those that were named since the last call, and that nobody knows: once. */
static void want_new(struct dp *dp, dp_want_neighbour *want, void *arg)
{
	struct dp_nexthop_part *now = dp->nexthops, *before = dp->asked;

	if (now == before)
		return;
	for (uint32_t id = 1; id < now->n_nexthops; id++) {
		const struct dp_nexthop_key *key = &now->keys[id];

		if (key->id == DP_NO_NEXTHOP || now->nexthops[id].is_known)
			continue;
		if (!before || !has_same_key(before, key))
			want(arg, key->port, &key->address, false);
	}
	dp_nexthops_put(before);
	dp->asked = now;
	now->refs++;
}

/* How often the workers have used it, in a way; only a change of it means anything. */
static uint32_t read_marks(const struct dp *dp, uint32_t id)
{
	uint32_t marks = 0;

	for (unsigned i = 0; i < dp->n_workers; i++)
		// partner: the plain store in the next-hop stage
		marks += __atomic_load_n(&dp->workers[i]->nexthop_used_ms[id], __ATOMIC_RELAXED);
	return marks;
}

/* All that nobody knows, again, and those that are in use. */
static void want_used(struct dp *dp, dp_want_neighbour *want, void *arg)
{
	for (uint32_t id = 1; id < dp->nexthops->n_nexthops; id++) {
		const struct dp_nexthop_key *key = &dp->nexthops->keys[id];
		uint32_t marks = read_marks(dp, id);

		if (key->id != DP_NO_NEXTHOP && !dp->nexthops->nexthops[id].is_known)
			want(arg, key->port, &key->address, false);
		else if (key->id != DP_NO_NEXTHOP && marks != dp->nexthop_seen_ms[id])
			want(arg, key->port, &key->address, true);
		dp->nexthop_seen_ms[id] = marks;
	}
}

void dp_poll_neighbours(struct dp *dp, bool with_used, dp_want_neighbour *want, void *arg)
{
	struct dp_want w;

	if (!dp->nexthops) // no workers
		return;
	for (unsigned i = 0; i < dp->n_workers; i++)
		while (rte_ring_dequeue_elem(dp->wants[i], &w, sizeof(w)) == 0)
			want(arg, w.port, &w.address, false);
	want_new(dp, want, arg);
	if (with_used)
		want_used(dp, want, arg);
}
