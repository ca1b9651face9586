/* Everything that the product's dp.c and port.c do for it, without AF_XDP and threads. The hash
 * keys come from getrandom(): the bench has one of its own that always gives the same, so that two
 * runs place every connection alike. */
#include "tests/bench/world.h"

#include "dataplane/owner.h"
#include "dataplane/steer.h"
#include "tests/bench/catalog.h"
#include "tests/bench/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

enum { WANTS = 1024, MEMPOOL_CACHE = 256, PORT_MTU = 1500 };

const struct conf_timeouts world_default_timeouts = {
	.syn_received_ms = 30000,
	.established_ms = 900000,
	.fin_wait_ms = 120000,
	.time_wait_ms = 60000,
	.close_ms = 10000,
	.last_ack_ms = 30000,
	.udp_ms = 300000,
	.udp_unanswered_ms = 30000,
};

/* Takes the C library's place in this program. */
ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	struct random_state r = random_seeded(len);
	uint8_t *bytes = buf;

	(void)flags;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(random_next(&r) >> 56);
	return (ssize_t)len;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	(void)fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void *must(void *p, const char *what)
{
	if (!p)
		fail(what);
	return p;
}

static void clear_buffer(struct rte_mempool *pool, void *arg, void *object, unsigned index)
{
	struct rte_mbuf *m = object;

	(void)pool;
	(void)arg;
	(void)index;
	memset(m->buf_addr, 0, m->buf_len);
}

/* As dataplane/port.c lays them out: each on a page boundary, side by side. So the same lines of
 * all buffers compete for the same few places in the caches: that is measured, too. */
static struct rte_mempool *open_buffers(unsigned n)
{
	struct rte_pktmbuf_pool_private data = {
		.mbuf_data_room_size =
			DP_PACKET_SPACE - RTE_CACHE_LINE_SIZE - sizeof(struct rte_mbuf),
	};
	size_t len = (size_t)n * DP_PACKET_SPACE;
	struct rte_mempool *pool;
	const struct rte_memzone *zone;

	pool = rte_mempool_create_empty("packets", n, DP_PACKET_SPACE - RTE_CACHE_LINE_SIZE,
		MEMPOOL_CACHE, sizeof(data), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_SPREAD);
	zone = rte_memzone_reserve_aligned("packets", len, SOCKET_ID_ANY, 0, DP_PACKET_SPACE);
	if (!pool || !zone)
		return NULL;
	rte_pktmbuf_pool_init(pool, &data);
	if (rte_mempool_populate_iova(pool, zone->addr, zone->iova, len, NULL, NULL) != (int)n)
		return NULL;
	(void)rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	(void)rte_mempool_obj_iter(pool, clear_buffer, NULL);
	return pool;
}

static int open_port(const char *name, struct rte_mempool *buffers, struct world_port *ret)
{
	const struct rte_eth_conf conf = {0};
	char ring[32];
	int r;

	for (unsigned i = 0; i < WORLD_MAX_WORKERS; i++) {
		(void)snprintf(ring, sizeof(ring), "%s-rx%u", name, i);
		ret->rx[i] = rte_ring_create(
			ring, WORLD_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		(void)snprintf(ring, sizeof(ring), "%s-tx%u", name, i);
		ret->tx[i] = rte_ring_create(
			ring, WORLD_TX_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!ret->rx[i] || !ret->tx[i])
			return -ENOMEM;
	}
	r = rte_eth_from_rings(name, ret->rx, WORLD_MAX_WORKERS, ret->tx, WORLD_MAX_WORKERS, 0);
	if (r < 0)
		return -EIO;
	ret->ethdev = (uint16_t)r;
	r = rte_eth_dev_configure(ret->ethdev, WORLD_MAX_WORKERS, WORLD_MAX_WORKERS, &conf);
	for (uint16_t i = 0; r == 0 && i < WORLD_MAX_WORKERS; i++) {
		r = rte_eth_rx_queue_setup(ret->ethdev, i, 0, SOCKET_ID_ANY, NULL, buffers);
		if (r == 0)
			r = rte_eth_tx_queue_setup(ret->ethdev, i, 0, SOCKET_ID_ANY, NULL);
	}
	return r < 0 ? r : rte_eth_dev_start(ret->ethdev);
}

int world_ports_open(struct world_ports *ports, bool is_counting)
{
	int r;

	ports->tsc_hz = is_counting ? WORLD_COUNTING_HZ : rte_get_tsc_hz();
	ports->buffers = open_buffers(is_counting ? WORLD_FEW_BUFFERS : WORLD_BUFFERS);
	if (!ports->buffers)
		return -ENOMEM;
	r = open_port("work", ports->buffers, &ports->work);
	return r < 0 ? r : open_port("base", ports->buffers, &ports->base);
}

static void init_tables(struct world *w)
{
	const struct dp_services none = {0};
	struct dp *dp = &w->dp;
	size_t len = (rte_rcu_qsbr_get_memsize(DP_MAX_WORKERS) + 63) & ~(size_t)63;

	dp->rcu = must(aligned_alloc(64, len), "no memory");
	dp->root.rcu = dp->rcu;
	(void)rte_rcu_qsbr_init(dp->rcu, DP_MAX_WORKERS);
	dp->nexthop_map = must(dp_nexthop_map_new(), "no memory");
	dp->nexthops = must(dp_nexthops_new(dp->nexthop_map), "no memory");
	dp->route_serial = w->ports->route_serial;
	dp->routes = must(dp_routes_new(NULL, 0, dp->route_serial++), "no memory for routes");
	dp->services = must(dp_services_new(&none), "no memory");
	dp->schedules = must(calloc(1, sizeof(struct dp_schedule_part *)), "no memory");
	dp->locals = must(dp_locals_new(NULL, 0), "no memory");
	if (dp_publish(dp) < 0)
		fail("cannot publish");
	w->ports->route_serial += 2;
}

static void init_handoff(struct world *w)
{
	uint8_t key[DP_OWNER_KEY_LEN];
	unsigned n = w->conf.cpu.n_workers;

	w->dp.owner = must(malloc(sizeof(*w->dp.owner)), "no memory");
	(void)getrandom(key, sizeof(key), 0);
	dp_owner_init(w->dp.owner, key, n);
	for (unsigned i = 0; i < n * n; i++) {
		char name[32];

		if (i / n == i % n)
			continue;
		(void)snprintf(name, sizeof(name), "handoff-%u-%u", i / n, i % n);
		w->dp.handoff[i / n][i % n] =
			must(dp_steer_ring_new(name, DP_STEER_RING), "no memory for rings");
	}
}

static struct dp_worker_setup setup_for(const struct world *w, unsigned i)
{
	struct dp_worker_setup s = {
		.index = i,
		.n_workers = w->conf.cpu.n_workers,
		.lcore = i,
		.n_ports = 1,
		.rx = {{.port = 0, .ethdev = w->ports->work.ethdev, .queue = (uint16_t)i}},
		.n_rx = 1,
		.tx = {{.ethdev = w->ports->work.ethdev, .queue = (uint16_t)i, .via = -1}},
		.tsc_hz = w->ports->tsc_hz,
		.root = (struct dp_tables_root *)&w->dp.root,
		.rcu = w->dp.rcu,
		.wants = w->dp.wants[i],
		.owner = w->dp.owner,
		.leases = w->dp.leases,
		.taps = {{.fd = w->kernel_side[0], .pool = w->ports->buffers}},
	};

	for (unsigned other = 0; other < s.n_workers; other++) {
		s.ring_to[other] = w->dp.handoff[i][other];
		s.ring_from[other] = w->dp.handoff[other][i];
	}
	return s;
}

/* A figure in kB from /proc/self/status, in bytes; 0 if it is not there. */
static uint64_t status_bytes(const char *name)
{
	FILE *f = fopen("/proc/self/status", "re");
	size_t len = strlen(name);
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			kib = strtoull(line + len + 1, NULL, 10);
	if (f)
		(void)fclose(f);
	return kib * 1024;
}

static uint64_t mapped_bytes(void)
{
	return status_bytes("VmSize");
}

static uint64_t resident_bytes(void)
{
	return status_bytes("VmRSS") + status_bytes("HugetlbPages");
}

static void make_there(const struct dp_memory *m)
{
	if (madvise(m->start, m->len_bytes, MADV_POPULATE_WRITE) < 0)
		fail("cannot fault the tables' memory in");
}

static double seconds_since(const struct world *w, uint64_t start)
{
	return (double)(rte_rdtsc() - start) / (double)w->ports->tsc_hz;
}

static void init_worker(struct world *w, unsigned i, const struct world_options *o)
{
	const struct dp_memory_policy policy = {
		.use_hugetlb = o->has_hugepages,
		.require_hugetlb = o->has_hugepages,
	};
	struct dp_worker_setup setup;
	char name[32];
	uint64_t start, mapped, resident;

	(void)snprintf(name, sizeof(name), "wants-%u", i);
	w->dp.wants[i] = must(rte_ring_create_elem(name, sizeof(struct dp_want), WANTS,
				      SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ),
		"no memory for rings");
	setup = setup_for(w, i);
	setup.connections = o->connections / o->n_workers;
	setup.half_open = setup.connections / 8;
	mapped = mapped_bytes();
	resident = resident_bytes();
	start = rte_rdtsc();
	w->dp.workers[i] = must(aligned_alloc(64, sizeof(struct dp_worker)), "no memory");
	if (dp_worker_init(w->dp.workers[i], &setup, &policy) < 0)
		fail("no memory for the connection table: too few huge pages?");
	w->init_seconds += seconds_since(w, start);
	w->worker_mapped += mapped_bytes() - mapped;
	w->worker_resident += resident_bytes() - resident;
	start = rte_rdtsc();
	if (o->must_be_there) {
		make_there(&w->dp.workers[i]->flows.settled.memory);
		make_there(&w->dp.workers[i]->flows.half_open.memory);
		make_there(&w->dp.workers[i]->flows.age_memory);
	}
	w->fill_seconds += seconds_since(w, start);
	w->dp.n_workers++;
	(void)rte_rcu_qsbr_thread_register(w->dp.rcu, i);
	rte_rcu_qsbr_thread_online(w->dp.rcu, i);
}

/* In place of a TAP: nothing ever comes out of it, and looking costs a system call likewise. */
static void open_kernel_side(struct world *w, const struct world_options *options)
{
	w->kernel_side[0] = w->kernel_side[1] = -1;
	if (options->has_xdp || options->is_counting)
		return;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->kernel_side) < 0)
		fail("cannot make the kernel's side of the port");
}

static void close_kernel_side(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		if (w->kernel_side[i] >= 0)
			(void)close(w->kernel_side[i]);
}

struct world *world_new(struct world_ports *ports, const struct world_options *options)
{
	struct world *w = must(aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63), "no memory");

	memset(w, 0, sizeof(*w));
	w->ports = ports;
	w->clock_speed = 1;
	w->conf.cpu.workers = w->cpus;
	w->conf.cpu.n_workers = options->n_workers;
	w->dp.conf = &w->conf;
	w->dp.n_ports = 1;
	for (unsigned i = 0; i < DP_MAX_OWNERS; i++)
		w->dp.leases[i] = UINT64_MAX;
	w->interface.kind = options->has_xdp ? CONF_DEVICE_KERNEL : CONF_DEVICE_VDEV;
	w->dp.ports[0].conf = &w->interface;
	open_kernel_side(w, options);
	w->dp.ports[0].state = (struct dp_port_state){.mtu = PORT_MTU, .is_up = true};
	memcpy(w->dp.ports[0].state.mac, catalog_port_mac, sizeof(catalog_port_mac));
	init_tables(w);
	if (catalog_publish(&w->dp, &options->timeouts) < 0)
		fail("cannot publish the services");
	init_handoff(w);
	for (unsigned i = 0; i < options->n_workers; i++)
		init_worker(w, i, options);
	return w;
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < w->dp.n_workers; i++) {
		dp_worker_fini(w->dp.workers[i]);
		free(w->dp.workers[i]);
		rte_ring_free(w->dp.wants[i]);
		for (unsigned k = 0; k < w->dp.n_workers; k++)
			rte_ring_free(w->dp.handoff[i][k]);
	}
	free(w->dp.owner);
	dp_tables_fini(&w->dp.root);
	for (uint32_t i = 0; i < w->dp.services->n_services; i++)
		dp_schedule_part_put(w->dp.schedules[i]);
	free(w->dp.schedules);
	dp_services_put(w->dp.services);
	dp_routes_put(w->dp.routes);
	dp_nexthops_put(w->dp.nexthops);
	dp_nexthop_map_free(w->dp.nexthop_map);
	dp_locals_put(w->dp.locals);
	free(w->dp.neighbours);
	free(w->dp.rcu);
	close_kernel_side(w);
	free(w);
}

struct dp_worker_stats world_stats(const struct world *w)
{
	struct dp_worker_stats sum = {0}, one;

	for (unsigned i = 0; i < w->dp.n_workers; i++) {
		dp_read_worker(&w->dp, i, &one);
		sum.rx += one.rx;
		sum.injected += one.injected;
		sum.handoff_in += one.handoff_in;
		sum.generated += one.generated;
		sum.tx += one.tx;
		sum.dropped += one.dropped;
		sum.punted += one.punted;
		sum.handoff_out += one.handoff_out;
		sum.held += one.held;
		sum.consumed += one.consumed;
		sum.connections += one.connections;
		sum.connections_opened += one.connections_opened;
		sum.connections_expired += one.connections_expired;
		for (unsigned k = 0; k < DP_N_DROPS; k++)
			sum.drops[k] += one.drops[k];
	}
	return sum;
}

void world_check_account(const struct world *w)
{
	struct dp_worker_stats s = world_stats(w);

	if (s.rx + s.injected + s.handoff_in + s.generated ==
		s.tx + s.dropped + s.punted + s.handoff_out + s.held + s.consumed)
		return;
	(void)fprintf(stderr,
		"bench: the account does not balance: rx %llu, handoff in %llu, tx %llu, "
		"dropped %llu\n",
		(unsigned long long)s.rx, (unsigned long long)s.handoff_in,
		(unsigned long long)s.tx, (unsigned long long)s.dropped);
	exit(1);
}
