/* See rig.h. Tables come from the builders that the control thread uses; only the thread, the
 * drivers and the clock are missing. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

enum { RIG_TSC_HZ = 1000000000, BUFFER = 4096 + RTE_PKTMBUF_HEADROOM, N_ROUTES = 6 };

int rig_start_eal(void **state)
{
	char prefix[64], program[] = "rig";
	char *argv[] = {program, "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf", "-m",
		"256", "--iova-mode=va", "-l", "0", "--log-level=error", prefix};

	(void)state;
	(void)snprintf(prefix, sizeof(prefix), "--file-prefix=poise-test-%d", (int)getpid());
	return rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0 ? -1 : 0;
}

int rig_stop_eal(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

/* ---- what is configured ------------------------------------------------------------------ */

static const struct {
	const char *vip;
	uint16_t first, last;
	uint8_t protocol;
	uint16_t port;
	uint16_t weight;
	bool is_silent;
	bool is_unresolved;
} setup[RIG_N_SERVICES] = {
	[RIG_TCP4] = {RIG_VIP4, 80, 80, IPPROTO_TCP, 8080, 1, false, false},
	[RIG_TCP6] = {RIG_VIP6, 80, 80, IPPROTO_TCP, 8080, 1, false, false},
	[RIG_UDP4] = {RIG_VIP4, 53, 53, IPPROTO_UDP, 5353, 1, false, false},
	[RIG_UDP6] = {RIG_VIP6, 53, 53, IPPROTO_UDP, 5353, 1, false, false},
	[RIG_RANGE4] = {RIG_VIP4, 8000, 8999, IPPROTO_TCP, 0, 1, true, false},
	[RIG_OTHER4] = {RIG_OTHER_VIP4, 80, 80, IPPROTO_TCP, 8080, 1, false, false},
	[RIG_EMPTY_TCP4] = {RIG_VIP4, 81, 81, IPPROTO_TCP, 8080, 0, false, false},
	[RIG_EMPTY_TCP6] = {RIG_VIP6, 81, 81, IPPROTO_TCP, 8080, 0, false, false},
	[RIG_EMPTY_UDP4] = {RIG_VIP4, 54, 54, IPPROTO_UDP, 5353, 0, false, false},
	[RIG_EMPTY_UDP6] = {RIG_VIP6, 54, 54, IPPROTO_UDP, 5353, 0, false, false},
	[RIG_SILENT4] = {RIG_VIP4, 82, 82, IPPROTO_TCP, 8080, 0, true, false},
	[RIG_UNRESOLVED4] = {RIG_VIP4, 83, 83, IPPROTO_TCP, 8080, 1, false, true},
	[RIG_UNRESOLVED6] = {RIG_VIP6, 83, 83, IPPROTO_UDP, 8080, 1, false, true},
};

static const struct conf_timeouts timeouts = {
	.syn_received_ms = 30000,
	.established_ms = 900000,
	.fin_wait_ms = 120000,
	.time_wait_ms = 60000,
	.close_ms = 10000,
	.last_ack_ms = 30000,
	.udp_ms = 300000,
	.udp_unanswered_ms = 30000,
};

static struct addr server_address(unsigned service, unsigned i)
{
	bool is_v4 = !strchr(setup[service].vip, ':');
	struct addr a = packet_addr(is_v4 ? "198.51.100.0" : "2001:db8:2::");
	uint8_t last = (uint8_t)(setup[service].is_unresolved ? 20 : 11 + i);

	a.bytes[15] = is_v4 ? last : (uint8_t)(last / 10 * 16 + last % 10); // "::11" is 0x11
	return a;
}

static void build_services(struct rig *r)
{
	struct dp_frontend frontends[RIG_N_SERVICES];
	struct dp_service_def services[RIG_N_SERVICES];
	struct dp_server_def servers[RIG_MAX_SERVERS];
	struct dp_services set = {.frontends = frontends,
		.services = services,
		.servers = servers,
		.n_frontends = RIG_N_SERVICES,
		.n_services = RIG_N_SERVICES};

	for (unsigned i = 0; i < RIG_N_SERVICES; i++) {
		struct addr vip = packet_addr(setup[i].vip);
		unsigned n = setup[i].is_unresolved ? 1 : 2;

		frontends[i] = (struct dp_frontend){
			vip, setup[i].protocol, setup[i].first, setup[i].last, i};
		services[i] = (struct dp_service_def){
			.family = (uint8_t)addr_family(&vip),
			.protocol = setup[i].protocol,
			.first_server = set.n_servers,
			.n_servers = n,
			.on_no_server = setup[i].is_silent ? CONF_REACT_DROP : CONF_REACT_RESET,
			.unknown_tcp = setup[i].is_silent ? CONF_REACT_DROP : CONF_REACT_RESET,
			.timeouts = timeouts,
		};
		for (unsigned s = 0; s < n; s++)
			servers[set.n_servers++] = (struct dp_server_def){
				server_address(i, s), setup[i].port, setup[i].weight};
		r->schedules[i] = dp_schedule_part_new(
			(const uint16_t[]){setup[i].weight, setup[i].weight}, n, 1);
		assert_non_null(r->schedules[i]);
	}
	r->services = dp_services_new(&set);
	assert_non_null(r->services);
}

static struct dp_route route(const char *to, unsigned port, const char *gateway)
{
	struct dp_route route = {.port = port};
	int ok = prefix_parse(to, &route.to);

	assert_int_equal(ok, 0);
	route.kind = gateway ? DP_ROUTE_VIA : DP_ROUTE_ON_LINK;
	if (gateway)
		route.gateway = packet_addr(gateway);
	return route;
}

static void build_routes(struct rig *r)
{
	static unsigned serial; // names of FIBs are new each time
	const struct dp_route routes[N_ROUTES] = {
		route("192.0.2.0/24", 0, NULL), route("198.51.100.0/24", 1, NULL),
		route("0.0.0.0/0", 0, r->gateway4), route("2001:db8:1::/64", 0, NULL),
		route("2001:db8:2::/64", 1, NULL),
		route("2001:db8::/32", 0, "2001:db8:1::fe"), // and no IPv6 default
	};

	r->routes = dp_routes_new(routes, N_ROUTES, serial++);
	assert_non_null(r->routes);
}

static void name(struct rig *r, unsigned port, const char *text, bool is_known)
{
	struct addr a = packet_addr(text);
	const uint8_t mac[6] = {2, 0xaa, (uint8_t)port, r->mac_mark, a.bytes[14], a.bytes[15]};

	assert_true(dp_nexthop_map_add(r->map, port, &a, is_known ? mac : NULL));
}

static void build_nexthops(struct rig *r)
{
	dp_nexthop_map_begin(r->map);
	name(r, 0, "192.0.2.254", true);
	name(r, 0, "192.0.2.253", true);
	name(r, 0, "2001:db8:1::fe", true);
	name(r, 0, RIG_CLIENT4, true);
	name(r, 0, RIG_CLIENT6, true);
	name(r, 1, "198.51.100.11", true);
	name(r, 1, "198.51.100.12", true);
	name(r, 1, "2001:db8:2::11", true);
	name(r, 1, "2001:db8:2::12", true);
	name(r, 1, "198.51.100.20", r->is_resolved);
	name(r, 1, "2001:db8:2::20", r->is_resolved);
	dp_nexthops_put(r->nexthops);
	r->nexthops = dp_nexthops_new(r->map);
	assert_non_null(r->nexthops);
}

/* ---- life -------------------------------------------------------------------------------- */

/* The root's own reference to each part, given back as dp_tables_fini() would. */
static void free_tables(struct dp_tables *tables)
{
	struct dp_tables_root root = {.current = tables};

	dp_tables_fini(&root);
}

void rig_publish(struct rig *r)
{
	struct dp_tables *old = r->tables;

	build_nexthops(r);
	r->tables = dp_tables_new(r->services, r->schedules, r->routes, r->nexthops, r->locals);
	assert_non_null(r->tables);
	r->tables->hop_generation = (uint16_t)(old ? old->hop_generation + 1 : 0);
	dp_tables_mark_down(r->tables, r->is_down);
	for (unsigned port = 0; port < RIG_PORTS; port++) {
		struct dp_port_info *info = &r->tables->ports[port];

		*info = (struct dp_port_info){
			.mac = {2, 0xbb, 0, 0, 0, (uint8_t)port},
			.mtu = (uint16_t)r->mtu[port],
			.is_up = true,
		};
		info->address[CONF_V4] = packet_addr(port ? "198.51.100.1" : "192.0.2.1");
		info->address[CONF_V6] = packet_addr(port ? "2001:db8:2::1" : "2001:db8:1::1");
	}
	free_tables(old);
}

void rig_set_weights(struct rig *r, unsigned service, uint16_t first, uint16_t second)
{
	dp_schedule_part_put(r->schedules[service]);
	r->schedules[service] = dp_schedule_part_new((const uint16_t[]){first, second}, 2, 1);
	assert_non_null(r->schedules[service]);
	rig_publish(r);
}

void rig_set_down(struct rig *r, unsigned service, int which)
{
	unsigned first = r->services->services[service].first_server;

	r->is_down[first] = which == 0;
	r->is_down[first + 1] = which == 1;
	rig_set_weights(r, service, which != 0, which != 1);
}

void rig_set_gateway(struct rig *r, const char *gateway4)
{
	r->gateway4 = gateway4;
	dp_routes_put(r->routes);
	build_routes(r);
	rig_publish(r);
}

static void build_worker(struct rig *r)
{
	const struct dp_memory_policy policy = {.use_hugetlb = false};
	struct dp_worker_setup worker = {
		.n_workers = 1,
		.n_ports = RIG_PORTS,
		.connections = RIG_CONNECTIONS,
		.half_open = RIG_CONNECTIONS,
		.tsc_hz = RIG_TSC_HZ,
		.wants = r->wants,
	};

	for (unsigned port = 0; port < RIG_PORTS; port++)
		worker.taps[port].fd = -1;
	r->w = aligned_alloc(64, sizeof(*r->w));
	assert_non_null(r->w);
	assert_int_equal(dp_worker_init(r->w, &worker, &policy), 0);
	r->w->now_ms = UINT32_MAX - 2000; // wraps on the way
}

struct rig *rig_new(const char *test)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->random = seeded_new(test);
	r->mtu[0] = r->mtu[1] = RIG_MTU;
	r->pool = rte_pktmbuf_pool_create("rig", RIG_POOL, 0, 0, BUFFER, SOCKET_ID_ANY);
	r->wants = rte_ring_create_elem("wants", sizeof(struct dp_want), 1024, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ);
	r->map = dp_nexthop_map_new();
	r->locals = dp_locals_new(NULL, 0);
	assert_true(r->pool && r->wants && r->map && r->locals);
	r->gateway4 = "192.0.2.254";
	build_services(r);
	build_routes(r);
	build_worker(r);
	rig_publish(r);
	return r;
}

void rig_free(struct rig *r)
{
	rig_check_account(r);
	rig_check_gauges(r);
	dp_worker_fini(r->w);
	assert_int_equal(rte_mempool_avail_count(r->pool), RIG_POOL);
	free(r->w);
	free_tables(r->tables);
	for (unsigned i = 0; i < RIG_N_SERVICES; i++)
		dp_schedule_part_put(r->schedules[i]);
	dp_services_put(r->services);
	dp_routes_put(r->routes);
	dp_nexthops_put(r->nexthops);
	dp_nexthop_map_free(r->map);
	dp_locals_put(r->locals);
	rte_ring_free(r->wants);
	rte_mempool_free(r->pool);
	free(r);
}

/* ---- traffic ----------------------------------------------------------------------------- */

/* A burst as rx.c leaves it. */
static struct dp_burst *receive(
	struct rig *r, unsigned port, const struct packet *packets, unsigned n)
{
	struct dp_burst *b = dp_pipeline_free(r->w);

	assert_true(n <= DP_BURST);
	// what an earlier burst left behind must not matter
	memset(b, 0xa5, sizeof(*b));
	b->tables = r->tables;
	b->now_ms = r->w->now_ms;
	b->is_handed_over = false;
	b->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)packets[i].len), packets[i].bytes,
			packets[i].len);
		b->pkt[i].m = m;
		b->pkt[i].frame = rte_pktmbuf_mtod(m, uint8_t *);
		b->pkt[i].frame_len = (uint16_t)packets[i].len;
		b->pkt[i].in_port = (uint16_t)port;
	}
	r->w->counters.rx += n;
	return b;
}

void rig_send_overlapping(struct rig *r, unsigned port, const struct packet *packets, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		dp_pipeline_push(r->w, receive(r, port, &packets[i], 1));
	dp_pipeline_finish(r->w);
	rig_check_account(r);
	rig_check_gauges(r);
}

void rig_send_burst(struct rig *r, unsigned port, const struct packet *packets, unsigned n)
{
	dp_pipeline_run(r->w, receive(r, port, packets, n));
	rig_check_account(r);
	rig_check_gauges(r);
}

unsigned rig_decide(struct rig *r, unsigned port, const struct packet *packets, unsigned n)
{
	const struct dp_worker_counters *c = &r->w->counters;
	uint64_t others = c->punted + c->drops[DP_DROP_VIP_NOT_OWNED] +
			  c->drops[DP_DROP_PUNT_LIMITED] + c->drops[DP_DROP_PUNT_FULL];

	rig_send_burst(r, port, packets, n);
	others = c->punted + c->drops[DP_DROP_VIP_NOT_OWNED] + c->drops[DP_DROP_PUNT_LIMITED] +
		 c->drops[DP_DROP_PUNT_FULL] - others;
	return n - (unsigned)others;
}

void rig_send(struct rig *r, unsigned port, const struct packet *p)
{
	rig_send_burst(r, port, p, 1);
}

bool rig_take(struct rig *r, unsigned port, struct rig_out *ret)
{
	struct dp_tx_queue *q = &r->w->tx[port];
	struct rte_mbuf *m;

	if (q->head == q->tail)
		return false;
	m = q->packets[q->tail++ % DP_TX_QUEUE];
	r->w->counters.tx++;
	r->w->counters.held--;
	ret->len = rte_pktmbuf_data_len(m);
	assert_true(ret->len == rte_pktmbuf_pkt_len(m) && ret->len <= sizeof(ret->bytes));
	memcpy(ret->bytes, rte_pktmbuf_mtod(m, void *), ret->len);
	rte_pktmbuf_free(m);
	return true;
}

void rig_drop_output(struct rig *r)
{
	struct rig_out out;

	for (unsigned port = 0; port < RIG_PORTS; port++)
		while (rig_take(r, port, &out))
			;
}

struct packet rig_packet(struct rig *r, struct packet_spec spec)
{
	struct packet p;

	packet_build(&p, &spec, &r->random);
	return p;
}

void rig_expect_nothing(struct rig *r)
{
	for (unsigned port = 0; port < RIG_PORTS; port++)
		assert_int_equal(r->w->tx[port].head, r->w->tx[port].tail);
}

void rig_expect_one(struct rig *r, unsigned port, struct rig_out *ret)
{
	assert_true(rig_take(r, port, ret));
	assert_true(packet_has_right_sums(ret->bytes, ret->len));
	rig_expect_nothing(r);
}

static void set_address(uint8_t *at, const char *text)
{
	struct addr a = packet_addr(text);

	if (addr_is_v4(&a))
		memcpy(at, a.bytes + 12, 4);
	else
		memcpy(at, a.bytes, 16);
}

static void apply_change(struct packet *p, const struct rig_change *c)
{
	uint8_t *ip = p->bytes + PACKET_ETHER, *l4 = p->bytes + p->l4_offset;
	bool is_v4 = ip[0] >> 4 == 4;
	bool is_udp = ip[9] == IPPROTO_UDP && is_v4;
	bool has_no_sum = is_udp && packet_get16(l4 + 6) == 0;

	ip[is_v4 ? 8 : 7]--;
	if (c->src)
		set_address(ip + (is_v4 ? 12 : 8), c->src);
	if (c->dst)
		set_address(ip + (is_v4 ? 16 : 24), c->dst);
	if (c->src_port)
		packet_put16(l4, c->src_port);
	if (c->dst_port)
		packet_put16(l4 + 2, c->dst_port);
	packet_fix_sums(p);
	if (has_no_sum)
		packet_put16(l4 + 6, 0);
}

void rig_expect_changed(
	struct rig *r, unsigned port, const struct packet *sent, const struct rig_change *change)
{
	struct addr hop = packet_addr(change->nexthop);
	const uint8_t macs[12] = {2, 0xaa, (uint8_t)port, r->mac_mark, hop.bytes[14], hop.bytes[15],
		2, 0xbb, 0, 0, 0, (uint8_t)port};
	struct packet want = *sent;
	struct rig_out out;

	apply_change(&want, change);
	memcpy(want.bytes, macs, sizeof(macs));
	assert_true(rig_take(r, port, &out));
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.bytes, want.bytes, want.len);
	rig_expect_nothing(r);
}

static struct dp_conn *nth_used(const struct dp_conntab *t, unsigned *n)
{
	for (uint32_t i = 0; i < t->high_water; i++)
		if (t->records[i].state != DP_L4_FREE && (*n)-- == 0)
			return &t->records[i];
	return NULL;
}

struct dp_conn *rig_conn(const struct rig *r, unsigned i)
{
	struct dp_conn *c = nth_used(&r->w->flows.settled, &i);

	return c ? c : nth_used(&r->w->flows.half_open, &i);
}

const char *rig_server_text(const struct rig *r, unsigned i)
{
	static char text[ADDR_STR_LEN];

	return addr_format(&r->tables->servers[rig_conn(r, i)->server].address, text);
}

void rig_pass_time(struct rig *r, uint32_t ms)
{
	r->w->now_ms += ms;
}

void rig_pending(struct rig *r, bool is_new)
{
	if (r->w->n_pending > 0)
		dp_nexthop_pending(r->w, r->tables, is_new);
	rig_check_account(r);
}

static void expire(void *arg, struct dp_conn *conn)
{
	dp_worker_close(arg, conn);
}

void rig_sweep(struct rig *r)
{
	const struct dp_conntab_now now = {r->w->now_ms, r->tables->hop_generation};

	dp_conntab_sweep(&r->w->flows.settled, UINT32_MAX, now, expire, r->w);
	dp_conntab_sweep(&r->w->flows.half_open, UINT32_MAX, now, expire, r->w);
	rig_check_gauges(r);
}

/* ---- what must always hold --------------------------------------------------------------- */

/* Each drop is counted with its service or with none, and for a reason that a service can have. */
static void check_service_drops(const struct dp_worker *w)
{
	for (int reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++) {
		uint64_t outside = w->services[DP_NO_ID + 1].drops[reason], sum = 0;

		for (unsigned i = 0; i < RIG_MAX_SERVICES; i++)
			sum += w->services[i + 1].drops[reason];
		assert_int_equal(sum + outside, w->counters.drops[reason]);
		assert_true(sum == 0 || dp_drop_may_be_of_service(reason));
	}
}

void rig_check_account(const struct rig *r)
{
	const struct dp_worker_counters *c = &r->w->counters;
	uint64_t dropped = 0, held = 0;

	for (int i = DP_KEEP + 1; i < DP_N_DROPS; i++)
		dropped += c->drops[i];
	check_service_drops(r->w);
	for (unsigned port = 0; port < RIG_PORTS; port++)
		held += r->w->tx[port].head - r->w->tx[port].tail;
	for (unsigned i = 0; i < DP_PENDING; i++)
		held += r->w->pending[i].n;
	assert_int_equal(c->held, held);
	assert_int_equal(c->rx + c->injected + c->generated, c->tx + dropped + c->punted + c->held);
	for (unsigned port = 0; port < RIG_PORTS; port++)
		held += r->w->spare[port] != NULL;
	assert_int_equal(rte_mempool_in_use_count(r->pool), held);
	assert_int_equal(c->drops[DP_KEEP], 0);
}

void rig_check_gauges(const struct rig *r)
{
	uint64_t established[RIG_MAX_SERVERS] = {0}, closing[RIG_MAX_SERVERS] = {0};
	const struct dp_conn *c;

	for (unsigned i = 0; (c = rig_conn(r, i)); i++) {
		if (c->state == DP_L4_ESTABLISHED)
			established[c->server]++;
		else
			closing[c->server]++;
	}
	assert_null(rig_conn(r, rig_connections(r)));
	for (unsigned i = 0; i < r->services->n_servers; i++) {
		assert_int_equal(r->w->servers[i].established, established[i]);
		assert_int_equal(r->w->servers[i].closing, closing[i]);
	}
}

void rig_resize(struct rig *r, uint32_t connections, uint32_t half_open)
{
	const struct dp_memory_policy policy = {.use_hugetlb = false};

	assert_int_equal(rig_connections(r), 0);
	dp_flows_fini(&r->w->flows);
	assert_int_equal(dp_flows_init(&r->w->flows, connections, half_open, &policy), 0);
}

uint64_t rig_drops(const struct rig *r, enum dp_drop reason)
{
	return r->w->counters.drops[reason];
}

unsigned rig_connections(const struct rig *r)
{
	return r->w->flows.settled.n_used + r->w->flows.half_open.n_used;
}
