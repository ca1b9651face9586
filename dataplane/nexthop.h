#pragma once

#include "base/pick.h"
#include "dataplane/pipeline.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* The last step of a packet, a part of the forward stage: next hop, L2 header, into the port's
 * queue. What is remembered in the connection and in the tables is enough for nearly all. */

/* By the routing table, or to wait for the neighbour, or dropped. The way to a client is remembered
 * until routes or neighbours change. */
void dp_nexthop_look_up(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
/* Larger than the MTU of p->port: told to its sender. */
void dp_nexthop_too_big(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;

/* MAC addresses are moved with what stands behind them, in one load each. */
static_assert(offsetof(struct dp_nexthop, mac) == 0 && offsetof(struct dp_nexthop, port) == 6,
	"destination and port");
static_assert(offsetof(struct dp_port_info, mac) == 0 && offsetof(struct dp_port_info, mtu) == 6,
	"source and MTU");

/* Eight bytes as they lie, the first lowest: x86-64 and ARM alike. */
static inline uint64_t dp_nexthop_load(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Through a neighbour that is known. */
static inline void dp_nexthop_send(struct dp_worker *w, const struct dp_tables *t, uint16_t id,
	struct rte_mbuf *m, uint8_t *frame) ON_WORKER;
static inline void dp_nexthop_send(struct dp_worker *w, const struct dp_tables *t, uint16_t id,
	struct rte_mbuf *m, uint8_t *frame)
{
	const struct dp_nexthop *hop = &t->nexthops->nexthops[id];
	uint64_t to = dp_nexthop_load(hop), from = dp_nexthop_load(&t->ports[hop->port]);
	uint64_t first = (to & 0xffffffffffff) | from << 48;
	uint32_t second = (uint32_t)(from >> 16);

	memcpy(frame, &first, sizeof(first));
	memcpy(frame + sizeof(first), &second, sizeof(second));
	w->nexthop_used_ms[id] = w->now_ms | 1;
	dp_tx_queue_put(w, hop->port, m);
}

/* The way that is known already: to a server its own, to a client what the connection remembers.
 * DP_NO_NEXTHOP, or one that is not known any more: to be looked up. */
static inline uint16_t dp_nexthop_known(const struct dp_tables *t, const struct dp_pkt *p)
{
	const struct dp_conn *c = p->conn;
	bool is_fresh;

	if (!c)
		return DP_NO_NEXTHOP;
	is_fresh = c->hop_generation == t->hop_generation;
	return (uint16_t)pick_u32(p->key.dir == DP_DIR_IN, c->client_hop & (0 - (unsigned)is_fresh),
		t->servers[c->server].nexthop);
}

static inline void dp_nexthop(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static inline void dp_nexthop(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	const struct dp_tables *t = b->tables;
	uint16_t id = dp_nexthop_known(t, p);
	const struct dp_nexthop *hop = &t->nexthops->nexthops[id];

	if (__builtin_expect(!hop->is_known, false)) {
		dp_nexthop_look_up(w, b, p);
	} else if (__builtin_expect(p->ip_len > t->ports[hop->port].mtu, false)) {
		p->port = hop->port;
		dp_nexthop_too_big(w, b, p);
	} else {
		dp_nexthop_send(w, t, id, p->m, p->frame);
	}
}
