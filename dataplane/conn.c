/* Fourth stage: which connection? Out: pkt.conn, NULL where there is none; the number of packets
 * that the next two stages have to see. Drops nothing.
 *
 * First a guess for all: each step that has to wait for memory is made for the whole burst in a
 * loop of its own, so that they wait together. It is right for nearly all packets. The rest is
 * looked for at leisure: in the settled table, then, TCP only, in the one of half-open connections.
 * A connection whose time is up is closed here, as if it had been swept: expiry is exact for the
 * one who comes back. */
#include "base/prefetch.h"
#include "dataplane/pipeline.h"
#include "dataplane/routes.h"

#include <netinet/in.h>

void dp_ask_stage(const struct dp_worker *w, struct dp_burst *b)
{
	for (unsigned i = 0; i < b->n; i++)
		b->pkt[i].key.hash = dp_flows_hash(&w->flows, &b->pkt[i].key);
	for (unsigned i = 0; i < b->n; i++)
		dp_conntab_prefetch(&w->flows.settled, b->pkt[i].key.hash);
}

void dp_guess_stage(const struct dp_worker *w, struct dp_burst *b)
{
	const struct dp_conntab *t = &w->flows.settled;
	uint8_t gone_on[DP_BURST + 1];
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		struct dp_guess g = dp_conntab_likely(t, b->pkt[i].key.hash);

		b->pkt[i].conn = g.conn;
		__builtin_prefetch(g.conn, 1);
		gone_on[n] = (uint8_t)i;
		n += g.has_gone_on;
	}
	for (unsigned k = 0; k < n; k++) {
		struct dp_pkt *p = &b->pkt[gone_on[k]];

		p->conn = dp_conntab_likely_next(t, p->key.hash);
		__builtin_prefetch(p->conn, 1);
	}
}

/* Nothing about it needs a second look: its connection is known and lives, it opens no other, and
 * it is known to be ours. */
static inline bool is_usual(const struct dp_burst *b, const struct dp_pkt *p)
{
	return dp_conn_is_match(p->conn, b->tables->servers, &p->key) &&
	       !dp_conn_is_expired(p->conn, b->now_ms) && !dp_pkt_may_start(b->tables, p) &&
	       p->decision != DP_NOT_DECIDED;
}

static void find(struct dp_worker *w, const struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static void find(struct dp_worker *w, const struct dp_burst *b, struct dp_pkt *p)
{
	p->conn = NULL;
	p->is_stranger = dp_flows_is_strange(&w->flows, p->key.hash);
	if (p->is_stranger)
		return;
	p->conn = dp_flows_find(&w->flows, b->tables->servers, &p->key);
	if (!p->conn || !dp_conn_is_expired(p->conn, b->now_ms))
		return;
	w->counters.expired++;
	dp_worker_close(w, p->conn);
	p->conn = NULL;
}

/* The first answer of a server: its way to the client will be looked up, at a place that nobody has
 * touched before. */
static void prefetch_route(const struct dp_tables *t, const struct dp_pkt *p)
{
	const struct dp_conn *c = p->conn;

	if (c && p->key.dir == DP_DIR_OUT &&
		(c->client_hop == DP_NO_NEXTHOP || c->hop_generation != t->hop_generation))
		dp_routes_prefetch(t->routes, &p->key.client);
}

/* The likely half-open records of the packets at `list`, n of them, on their way. */
static void prefetch_half_open(
	const struct dp_flows *f, const struct dp_burst *b, const uint8_t *list, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		prefetch_to_write(dp_conntab_likely(&f->half_open, b->pkt[list[k]].key.hash).conn);
}

void dp_conn_stage(struct dp_worker *w, struct dp_burst *b)
{
	unsigned n = 0, n_unusual = 0;
	uint64_t half_open = 0;
	uint8_t unusual[DP_BURST];

	for (unsigned i = 0; i < b->n; i++) {
		if (is_usual(b, &b->pkt[i])) {
			prefetch_to_write(&w->servers[b->pkt[i].conn->server]);
			continue;
		}
		unusual[n++] = (uint8_t)i;
		dp_conntab_prefetch(&w->flows.half_open, b->pkt[i].key.hash);
	}
	if (n > 0)
		prefetch_half_open(&w->flows, b, unusual, n);
	for (unsigned k = 0; k < n; k++) {
		struct dp_pkt *p = &b->pkt[unusual[k]];

		find(w, b, p);
		prefetch_route(b->tables, p);
		n_unusual += !p->conn || !is_usual(b, p);
		if (p->conn && dp_flows_is_half_open(&w->flows, p->conn))
			half_open |= dp_flows_bit(&w->flows, p->conn);
	}
	b->n_unusual = n_unusual;
	b->half_open = half_open;
}
