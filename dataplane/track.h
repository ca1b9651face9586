#pragma once

#include "dataplane/pipeline.h"

/* What a packet means for its connection: state, timeout, counters. A part of the forward stage. */

/* Another state; a handshake that completes moves its connection to the settled table, and with it
 * all packets of the burst that belong to it. False: that table has no room. */
bool dp_track_change(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, enum dp_l4_state next) ON_WORKER;

/* p->conn is not NULL. False: the handshake cannot complete, the settled table is full; the
 * connection stays half-open. */
static inline bool dp_track(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static inline bool dp_track(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	uint32_t id = p->conn->server;
	const struct dp_server *server = &b->tables->servers[id];
	const struct dp_timeouts *timeouts = &b->tables->services->timeouts[server->timeouts];
	struct dp_server_counters *counters = &w->servers[id];
	enum dp_l4_event event = dp_l4state_event(p->tcp_flags, (enum dp_dir)p->key.dir);
	enum dp_l4_state next = dp_l4state_step((enum dp_l4_state)p->conn->state, event);

	if (__builtin_expect(next != p->conn->state, false) && !dp_track_change(w, b, p, next))
		return false;
	p->conn->expires_ms = b->now_ms + timeouts->ms[next];
	counters->dir[p->key.dir].packets++;
	counters->dir[p->key.dir].bytes += p->ip_len;
	return true;
}
