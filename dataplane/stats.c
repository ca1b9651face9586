/* Counters read by the control thread: relaxed loads of what workers write for themselves,
 * added up. A sum over counters that move is not a moment's picture; the account balances
 * exactly when no packet is under way. */
#include "dataplane/internal.h"
#include "dataplane/timing.h"
#include "dataplane/xdp.h"

#include <string.h>

#include <rte_ethdev.h>

static uint64_t read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED); // partner: the worker's plain adds
}

unsigned dp_n_workers(const struct dp *dp)
{
	return dp->n_workers;
}

unsigned dp_n_ports(const struct dp *dp)
{
	return dp->n_ports;
}

static unsigned burst_size(unsigned n_packets)
{
	if (n_packets == 1)
		return DP_BURSTS_OF_1;
	return n_packets <= 8 ? DP_BURSTS_TO_8 : DP_BURSTS_TO_32;
}

void dp_read_worker(const struct dp *dp, unsigned worker, struct dp_worker_stats *ret)
{
	const struct dp_worker *w = dp->workers[worker];
	const struct dp_worker_counters *c = &w->counters;
	struct dp_worker_stats s = {
		.cpu = w->setup.cpu,
		.rx = read_counter(&c->rx),
		.injected = read_counter(&c->injected),
		.punted = read_counter(&c->punted),
		.handoff_in = read_counter(&c->handoff_in),
		.handoff_out = read_counter(&c->handoff_out),
		.generated = read_counter(&c->generated),
		.tx = read_counter(&c->tx),
		.held = read_counter(&c->held),
		.connections = __atomic_load_n(&w->flows.settled.n_used, __ATOMIC_RELAXED) +
			       __atomic_load_n(&w->flows.half_open.n_used, __ATOMIC_RELAXED),
		.half_open = __atomic_load_n(&w->flows.half_open.n_used, __ATOMIC_RELAXED),
		.connections_opened = read_counter(&c->opened),
		.connections_max = w->setup.connections,
		.half_open_evicted = read_counter(&c->half_open_evicted),
		.connections_replaced = read_counter(&c->replaced),
		.connections_expired = read_counter(&c->expired),
		.loops = read_counter(&c->loops),
		.busy_cycles = read_counter(&c->busy_cycles),
		.idle_cycles = read_counter(&c->idle_cycles),
		.cycles_hz = w->setup.tsc_hz,
		.sleeps = read_counter(&c->sleeps),
	};

	for (int i = DP_KEEP + 1; i < DP_N_DROPS; i++) {
		s.drops_outside[i] = read_counter(&w->services[DP_NO_ID + 1].drops[i]);
		s.drops[i] = read_counter(&c->drops[i]);
		s.dropped += s.drops[i];
	}
	for (unsigned n = 1; n <= DP_BURST; n++)
		s.bursts[burst_size(n)] += read_counter(&c->bursts[n]);
	*ret = s;
}

void dp_read_service(const struct dp *dp, unsigned service, struct dp_service_stats *ret)
{
	struct dp_service_stats s = {0};

	for (unsigned i = 0; i < dp->n_workers; i++)
		for (int reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++)
			s.drops[reason] +=
				read_counter(&dp->workers[i]->services[service + 1].drops[reason]);
	*ret = s;
}

const char *dp_port_device(const struct dp *dp, unsigned port)
{
	const struct dp_port *p = &dp->ports[port];

	return p->conf->kind == CONF_DEVICE_KERNEL ? p->conf->device : p->tap.device;
}

static const char *driver_of(const struct dp_port *p)
{
	struct rte_eth_dev_info info;

	if (p->n_queues == 0 || rte_eth_dev_info_get(p->queues[0].ethdev, &info) < 0)
		return "none"; // no workers
	return info.driver_name;
}

static uint32_t speed_of(const struct dp_port *p)
{
	struct rte_eth_link link = {0};

	if (p->n_queues == 0 || rte_eth_link_get_nowait(p->queues[0].ethdev, &link) < 0 ||
		link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN)
		return 0;
	return link.link_speed;
}

void dp_read_port(const struct dp *dp, unsigned port, struct dp_port_stats *ret)
{
	const struct dp_port *p = &dp->ports[port];
	struct dp_port_stats s = {
		.name = p->conf->name,
		.device = p->conf->device,
		.driver = driver_of(p),
		.tap = p->tap.device[0] ? p->tap.device : NULL,
		.mtu = p->state.mtu,
		.is_up = p->state.is_up,
		.speed_mbps = speed_of(p),
		.n_queues = p->n_queues,
		.rss_why_not = p->rss_why_not,
	};
	struct rte_eth_stats eth = {0};
	struct dp_xdp_stats xdp = {0};

	memcpy(s.mac, p->state.mac, sizeof(s.mac));
	for (unsigned q = 0; q < p->n_queues; q++) {
		if (q > 0 && p->queues[q].ethdev == p->queues[q - 1].ethdev)
			continue; // counted with the queue before it
		if (rte_eth_stats_get(p->queues[q].ethdev, &eth) < 0)
			continue;
		s.rx_packets += eth.ipackets;
		s.rx_bytes += eth.ibytes;
		s.tx_packets += eth.opackets;
		s.tx_bytes += eth.obytes;
		s.rx_missed += eth.imissed;
		s.tx_errors += eth.oerrors;
		s.rx_errors += eth.ierrors;
		s.rx_nombuf += eth.rx_nombuf;
	}
	if (dp->xdp && p->conf->kind == CONF_DEVICE_KERNEL)
		dp_xdp_read(dp->xdp, p->xdp_port, &xdp);
	for (unsigned i = 0; i < dp->n_workers; i++) {
		const struct dp_worker_counters *c = &dp->workers[i]->counters;

		s.tap_to_kernel += read_counter(&c->ports[port].punted);
		s.tap_from_kernel += read_counter(&c->ports[port].injected);
	}
	s.xdp_to_worker = xdp.to_worker;
	s.xdp_to_kernel = xdp.to_kernel;
	s.xdp_vip_not_owned = xdp.vip_not_owned;
	s.xdp_no_socket = xdp.no_socket;
	*ret = s;
}

void dp_read_server(const struct dp *dp, unsigned server, struct dp_server_stats *ret)
{
	struct dp_server_stats s = {0};

	for (unsigned i = 0; i < dp->n_workers; i++) {
		const struct dp_server_counters *c = &dp->workers[i]->servers[server];

		s.connections += read_counter(&c->connections);
		s.packets_in += read_counter(&c->dir[DP_DIR_IN].packets);
		s.bytes_in += read_counter(&c->dir[DP_DIR_IN].bytes);
		s.packets_out += read_counter(&c->dir[DP_DIR_OUT].packets);
		s.bytes_out += read_counter(&c->dir[DP_DIR_OUT].bytes);
		s.established += read_counter(&c->established);
		s.closing += read_counter(&c->closing);
	}
	*ret = s;
}

/* `unit` is a second in the unit of the bounds. */
static struct dp_times empty_times(const uint32_t *bounds, unsigned n_buckets, double unit)
{
	struct dp_times t = {.n_buckets = n_buckets};

	for (unsigned i = 0; i < n_buckets - 1; i++)
		t.bounds_seconds[i] = bounds[i] / unit;
	return t;
}

static void add_buckets(struct dp_times *t, const uint64_t *buckets)
{
	for (unsigned i = 0; i < t->n_buckets; i++) {
		uint64_t n = read_counter(&buckets[i]);

		t->buckets[i] += n;
		t->count += n;
	}
}

void dp_read_latency(const struct dp *dp, unsigned worker, struct dp_times *ret)
{
	const struct dp_worker *w = dp->workers[worker];

	*ret = empty_times(dp_timing_latency_ns, DP_N_LATENCY_BUCKETS, 1e9);
	add_buckets(ret, w->times.buckets);
	ret->sum_seconds = (double)read_counter(&w->times.sum_tsc) / (double)w->setup.tsc_hz;
}

void dp_read_handshake(const struct dp *dp, unsigned server, struct dp_times *ret)
{
	uint64_t sum_us = 0;

	*ret = empty_times(dp_timing_handshake_us, DP_N_HANDSHAKE_BUCKETS, 1e6);
	for (unsigned i = 0; i < dp->n_workers; i++) {
		add_buckets(ret, dp->workers[i]->handshakes[server].buckets);
		sum_us += read_counter(&dp->workers[i]->servers[server].handshake_us);
	}
	ret->sum_seconds = (double)sum_us / 1e6;
}
