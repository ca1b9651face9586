/* The part of the last step that few packets need: route and neighbour by the tables.
 *
 * A packet whose neighbour is not known waits, up to four for each neighbour, while the control
 * thread has the kernel resolve it. The L2 header is written when it is known. */
#include "dataplane/nexthop.h"

#include "dataplane/routes.h"
#include "dataplane/watch.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

enum { PENDING_PROBES = 8 };

/* Where a packet leaves. */
struct exit_way {
	uint16_t port;
	uint16_t nexthop;    // DP_NO_NEXTHOP: neighbour without an id yet
	struct addr address; // of the neighbour
};

static bool find_way(const struct dp_tables *t, const struct addr *to, struct exit_way *ret)
{
	const struct dp_hop *hop = dp_routes_find(t->routes, to);

	if (hop->kind == DP_ROUTE_UNREACHABLE)
		return false;
	ret->port = hop->port;
	ret->address = hop->kind == DP_ROUTE_VIA ? hop->gateway : *to;
	ret->nexthop = dp_nexthops_find(t->nexthops, hop->port, &ret->address);
	return true;
}

static void ask(struct dp_worker *w, struct dp_pending *q)
{
	struct dp_want want = {.address = q->address, .port = q->port};

	// a full ring loses the request only: it is made again while packets wait
	(void)rte_ring_enqueue_elem(w->setup.wants, &want, sizeof(want));
	q->asked_ms = w->now_ms;
}

static struct dp_pending *pending_for(struct dp_worker *w, const struct exit_way *way)
{
	uint32_t at = dp_tables_mix(&way->address, way->port);
	struct dp_pending *free_slot = NULL;

	for (unsigned i = 0; i < PENDING_PROBES; i++) {
		struct dp_pending *q = &w->pending[(at + i) % DP_PENDING];

		if (q->n > 0 && q->port == way->port && addr_equal(&q->address, &way->address))
			return q;
		if (q->n == 0 && !free_slot)
			free_slot = q;
	}
	if (free_slot) {
		free_slot->address = way->address;
		free_slot->port = way->port;
		free_slot->since_ms = w->now_ms;
		ask(w, free_slot);
		w->n_pending++;
	}
	return free_slot;
}

static void hold(struct dp_worker *w, struct dp_pkt *p, const struct exit_way *way) ON_WORKER;
static void hold(struct dp_worker *w, struct dp_pkt *p, const struct exit_way *way)
{
	struct dp_pending *q = pending_for(w, way);

	if (!q || q->n == DP_PENDING_PACKETS) {
		dp_burst_drop(w, p, DP_DROP_NO_NEIGHBOUR);
		return;
	}
	q->packets[q->n++] = p->m;
	w->counters.held++;
}

/* Whose packet it is, should it be dropped. */
static void know_service(const struct dp_tables *t, struct dp_pkt *p)
{
	if (p->conn)
		p->service = (int32_t)t->servers[p->conn->server].service;
}

/* The sender shall see the packet as it sent it: the rewrite is undone before it is quoted. A port
 * without an MTU is gone, and its routes are about to go: nothing that a sender should learn. */
void dp_nexthop_too_big(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	know_service(b->tables, p);
	if (b->tables->ports[p->port].mtu == 0) {
		dp_burst_drop(w, p, DP_DROP_NO_ROUTE);
		return;
	}
	if (p->conn)
		dp_nat_undo(p, p->conn, &b->tables->servers[p->conn->server]);
	dp_reply_icmp(w, b, p, DP_REPLY_TOO_BIG, DP_DROP_TOO_BIG);
}

/* By the routing table. The way to a client is remembered until routes or neighbours change. */
void dp_nexthop_look_up(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	const struct dp_tables *t = b->tables;
	bool is_to_server = p->conn && p->key.dir == DP_DIR_IN;
	struct exit_way way;

	if (!find_way(t, is_to_server ? &t->servers[p->conn->server].address : &p->key.client,
		    &way)) {
		know_service(t, p);
		dp_burst_drop(w, p, DP_DROP_NO_ROUTE);
		return;
	}
	p->port = way.port;
	if (p->ip_len > t->ports[way.port].mtu) {
		dp_nexthop_too_big(w, b, p);
		return;
	}
	if (!t->nexthops->nexthops[way.nexthop].is_known) {
		know_service(t, p);
		hold(w, p, &way);
		return;
	}
	if (p->conn && !is_to_server) {
		p->conn->client_hop = way.nexthop;
		p->conn->hop_generation = t->hop_generation;
	}
	dp_nexthop_send(w, t, way.nexthop, p->m, p->frame);
}

static void give_up(struct dp_worker *w, unsigned port, struct rte_mbuf *m) ON_WORKER;
static void give_up(struct dp_worker *w, unsigned port, struct rte_mbuf *m)
{
	if (w->watch)
		dp_watch_dropped(w, m, port, DP_DROP_NO_NEIGHBOUR, false);
	dp_worker_count_drops(w, DP_NO_ID, DP_DROP_NO_NEIGHBOUR, 1);
	rte_pktmbuf_free(m);
}

/* Sends what waited (id of its neighbour), or drops it (DP_NO_NEXTHOP). */
static void release(struct dp_worker *w, const struct dp_tables *t, struct dp_pending *q,
	uint16_t id) ON_WORKER;
static void release(
	struct dp_worker *w, const struct dp_tables *t, struct dp_pending *q, uint16_t id)
{
	for (unsigned i = 0; i < q->n; i++) {
		w->counters.held--;
		if (id != DP_NO_NEXTHOP) {
			dp_nexthop_send(w, t, id, q->packets[i],
				rte_pktmbuf_mtod(q->packets[i], uint8_t *));
		} else {
			give_up(w, q->port, q->packets[i]);
		}
	}
	q->n = 0;
	w->n_pending--;
}

void dp_nexthop_pending(struct dp_worker *w, const struct dp_tables *t, bool is_new)
{
	for (unsigned i = 0; i < DP_PENDING && w->n_pending > 0; i++) {
		struct dp_pending *q = &w->pending[i];
		bool must_ask = w->now_ms - q->asked_ms >= DP_ASK_AGAIN_MS;
		uint16_t id = DP_NO_NEXTHOP;

		if (q->n == 0)
			continue;
		if (is_new || must_ask)
			id = dp_nexthops_find(t->nexthops, q->port, &q->address);
		if (id != DP_NO_NEXTHOP && t->nexthops->nexthops[id].is_known)
			release(w, t, q, id);
		else if (w->now_ms - q->since_ms >= DP_PENDING_MS)
			release(w, t, q, DP_NO_NEXTHOP);
		else if (must_ask)
			ask(w, q);
	}
}
