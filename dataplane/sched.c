/* Fifth stage: packets without a connection, or whose connection starts anew. A new flow gets a
 * server and a connection; traffic of servers that is not a service's is routed as it is; the
 * rest is dropped, with an answer where the pool says so. In: pkt.conn from lookup. Out: live
 * packets have a connection, or are to be routed untranslated (pkt.conn NULL). */
#include "dataplane/pipeline.h"
#include "dataplane/timing.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

/* When a client endpoint already talks to the chosen server: so many more choices, then so many
 * servers one after the other, since the schedule may name a large one again and again. */
enum { TRIES = 8, TRIES_IN_ORDER = 64 };

enum { HANDSHAKE_MS = 1000 };

static int pick_server(struct dp_worker *w, const struct dp_tables *t, uint32_t service)
{
	struct dp_schedule_part *part = t->schedules[service];
	int i = dp_schedule_pick(
		&part->schedule, &part->races[w->setup.index].race, &w->positions[service]);

	return i < 0 ? DP_NO_ID : (int)t->services->services[service].first_server + i;
}

/* Connections of this client endpoint were opened or closed in the burst; or of another one whose
 * bit is the same. */
static bool is_changed(const struct dp_burst *b, struct dp_hash hash)
{
	return b->changed[hash.bucket / 64 % 8] >> hash.bucket % 64 & 1;
}

static void note_change(struct dp_burst *b, struct dp_hash hash)
{
	b->changed[hash.bucket / 64 % 8] |= (uint64_t)1 << hash.bucket % 64;
}

/* False: surely no packet of the burst has it. */
static bool may_be_in_burst(
	const struct dp_worker *w, const struct dp_burst *b, const struct dp_conn *c)
{
	return !dp_flows_is_half_open(&w->flows, c) ||
	       (b->half_open & dp_flows_bit(&w->flows, c)) != 0;
}

static void note_half_open(struct dp_worker *w, struct dp_burst *b, const struct dp_conn *c)
{
	if (dp_flows_is_half_open(&w->flows, c))
		b->half_open |= dp_flows_bit(&w->flows, c);
}

/* A connection goes in the middle of a burst: packets before this one that use it came too late
 * for it, and go with it. */
static void forget_in_burst(
	struct dp_worker *w, struct dp_burst *b, const struct dp_conn *c) ON_WORKER;
static void forget_in_burst(struct dp_worker *w, struct dp_burst *b, const struct dp_conn *c)
{
	unsigned live = 0;

	if (!may_be_in_burst(w, b, c))
		return;
	for (unsigned i = 0; i < b->n_kept; i++) {
		if (b->pkt[i].conn != c) {
			dp_burst_keep(b, live++, i);
			continue;
		}
		b->pkt[i].service = (int32_t)b->tables->servers[c->server].service;
		dp_burst_drop(w, &b->pkt[i], DP_DROP_NO_CONNECTION);
	}
	b->n_kept = live;
	memset(b->changed, 0xff, sizeof(b->changed));
}

static void close_in_burst(struct dp_worker *w, struct dp_burst *b, struct dp_conn *c) ON_WORKER;
static void close_in_burst(struct dp_worker *w, struct dp_burst *b, struct dp_conn *c)
{
	forget_in_burst(w, b, c);
	w->counters.replaced++;
	dp_worker_close(w, c);
}

/* The connection that is in the way is over for both ends: it makes room. */
static bool may_evict(const struct dp_conn *c, uint32_t now_ms)
{
	return dp_l4state_is_reusable((enum dp_l4_state)c->state) || dp_conn_is_expired(c, now_ms);
}

/* At the bound of half-open connections, the oldest goes, whatever its age. When it is the settled
 * table that is nearly full, a handshake has a second to complete, and a new one is refused
 * meanwhile. */
static bool may_push_out(const struct dp_flows *f, const struct dp_conn *oldest, uint32_t now_ms)
{
	return f->half_open.n_used == f->half_open.capacity ||
	       now_ms - oldest->opened_ms >= HANDSHAKE_MS;
}

/* The oldest half-open connection goes, and its record is the new one's. */
static struct dp_conn *open_over_oldest(struct dp_worker *w, struct dp_burst *b,
	const struct dp_flow_request *request, const struct dp_conn *oldest) ON_WORKER;
static struct dp_conn *open_over_oldest(struct dp_worker *w, struct dp_burst *b,
	const struct dp_flow_request *request, const struct dp_conn *oldest)
{
	w->counters.half_open_evicted++;
	forget_in_burst(w, b, oldest);
	w->servers[oldest->server].closing--; // a half-open one is not established
	return dp_flows_file_over_oldest(&w->flows, b->tables->servers, request);
}

/* What has to go before is the oldest half-open connection, or one on the same server's port that
 * is over. */
static enum dp_conntab_result make_room_and_open(struct dp_worker *w, struct dp_burst *b,
	const struct dp_flow_request *request, struct dp_conn **ret_conn) ON_WORKER;
static enum dp_conntab_result make_room_and_open(struct dp_worker *w, struct dp_burst *b,
	const struct dp_flow_request *request, struct dp_conn **ret_conn)
{
	const struct dp_server *servers = b->tables->servers;
	enum dp_conntab_result r = dp_flows_check(&w->flows, servers, request, ret_conn);

	if (r == DP_CONNTAB_TUPLE_IN_USE && may_evict(*ret_conn, b->now_ms)) {
		close_in_burst(w, b, *ret_conn);
		r = dp_flows_check(&w->flows, servers, request, ret_conn);
	}
	if (r == DP_CONNTAB_HALF_OPEN_FULL && !may_push_out(&w->flows, *ret_conn, b->now_ms))
		r = DP_CONNTAB_FULL;
	if (r == DP_CONNTAB_HALF_OPEN_FULL)
		*ret_conn = open_over_oldest(w, b, request, *ret_conn);
	else if (r == DP_CONNTAB_OK)
		*ret_conn = dp_flows_file(&w->flows, servers, request);
	else
		return r;
	note_change(b, request->key->hash);
	note_half_open(w, b, *ret_conn);
	return DP_CONNTAB_OK;
}

static void start_conn(struct dp_worker *w, struct dp_pkt *p, uint32_t now_ms)
{
	struct dp_conn *c = p->conn;

	c->opened_ms = now_ms;
	c->expires_ms = now_ms + HANDSHAKE_MS; // until its first packet is tracked, in this burst
	c->state = p->protocol == IPPROTO_TCP ? DP_L4_SYN : DP_L4_UDP_UNANSWERED;
	w->servers[c->server].connections++;
	w->servers[c->server].closing++;
	w->counters.opened++;
}

static enum dp_drop open_on(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, uint32_t server) ON_WORKER;
static enum dp_drop open_on(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, uint32_t server)
{
	be16 own_port = b->tables->servers[server].port;
	const struct dp_flow_request request = {
		.key = &p->key,
		.server = server,
		.is_stranger = p->is_stranger,
		.server_port = own_port ? own_port : p->key.remote_port,
		.begun_us = dp_timing_us(w, b->now_tsc),
	};
	struct dp_conn *c = NULL;

	switch (make_room_and_open(w, b, &request, &c)) {
	case DP_CONNTAB_OK:
		p->conn = c;
		start_conn(w, p, b->now_ms);
		return DP_KEEP;
	case DP_CONNTAB_CLIENT_FULL:
		return DP_DROP_CLIENT_LIMIT;
	case DP_CONNTAB_TUPLE_IN_USE:
		return DP_DROP_TUPLE_IN_USE;
	case DP_CONNTAB_FULL:
	case DP_CONNTAB_HALF_OPEN_FULL:
		break;
	}
	return DP_DROP_TABLE_FULL;
}

static enum dp_drop open_in_order(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static enum dp_drop open_in_order(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	const struct dp_service *svc = &b->tables->services->services[p->service];
	const struct dp_schedule *s = &b->tables->schedules[p->service]->schedule;
	unsigned start = ntohs(p->key.client_port); // not always the same one first
	enum dp_drop why = DP_DROP_TUPLE_IN_USE;

	for (unsigned i = 0; i < s->n_active && i < TRIES_IN_ORDER; i++) {
		uint32_t server = s->entries[(start + i) % s->n_active].server;

		why = open_on(w, b, p, svc->first_server + server);
		if (why != DP_DROP_TUPLE_IN_USE)
			break;
	}
	return why;
}

static enum dp_drop open_flow(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static enum dp_drop open_flow(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	for (int i = 0; i < TRIES; i++) {
		enum dp_drop why;
		int server = pick_server(w, b->tables, (uint32_t)p->service);

		if (server == DP_NO_ID)
			return DP_DROP_NO_SERVER;
		why = open_on(w, b, p, (uint32_t)server);
		if (why != DP_DROP_TUPLE_IN_USE)
			return why;
	}
	return open_in_order(w, b, p);
}

static enum dp_drop from_client(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static enum dp_drop from_client(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	if (p->service == DP_NO_ID && p->key.protocol != 0)
		p->service = dp_services_find(
			b->tables->services, p->vip, p->protocol, ntohs(p->key.remote_port));
	if (p->service == DP_NO_ID)
		return DP_DROP_NOT_OURS;
	if (p->protocol != IPPROTO_UDP && !dp_pkt_is_syn(p))
		return DP_DROP_NO_CONNECTION;
	// none of this machine's own has come from outside; a TAP's port relies on it (punt.c)
	if (dp_locals_has(b->tables->locals, &p->key.client))
		return DP_DROP_NOT_OURS;
	return open_flow(w, b, p);
}

/* From or to a server, no connection. An answer of a service's endpoint would show its inside
 * address to the client: never. */
static enum dp_drop from_elsewhere(const struct dp_tables *t, const struct dp_pkt *p) ON_WORKER;
static enum dp_drop from_elsewhere(const struct dp_tables *t, const struct dp_pkt *p)
{
	if (dp_services_has_server(t->services, &p->key.remote))
		return p->key.protocol != 0 && dp_services_has_endpoint(t->services, &p->key.remote,
						       p->key.protocol, p->key.remote_port)
			       ? DP_DROP_NO_CONNECTION
			       : DP_KEEP;
	return dp_services_has_server(t->services, &p->key.client) ? DP_KEEP : DP_DROP_NOT_OURS;
}

/* Drops it, with the answer that the pool wants. */
static void refuse(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, enum dp_drop why) ON_WORKER;
static void refuse(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, enum dp_drop why)
{
	const struct dp_service *svc;
	uint8_t reaction = CONF_REACT_DROP;

	if (p->is_to_vip && p->service != DP_NO_ID) {
		svc = &b->tables->services->services[p->service];
		if (why == DP_DROP_NO_SERVER)
			reaction = svc->on_no_server;
		else if (why == DP_DROP_NO_CONNECTION)
			reaction = svc->unknown_tcp;
	}
	if (reaction == CONF_REACT_DROP)
		dp_burst_drop(w, p, why);
	else if (p->protocol == IPPROTO_TCP)
		dp_reply_reset(w, p, why);
	else
		dp_reply_icmp(w, b, p, DP_REPLY_PORT_UNREACHABLE, why);
}

/* A SYN on a connection that is over starts a new one, with a fresh choice of server; so does a
 * datagram on one whose server is down. */
static bool starts_anew(const struct dp_tables *t, const struct dp_pkt *p)
{
	if (p->protocol == IPPROTO_TCP)
		return dp_pkt_is_syn(p) && dp_l4state_is_reusable((enum dp_l4_state)p->conn->state);
	return t->has_down && t->servers[p->conn->server].is_down;
}

static void release_finished(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static void release_finished(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	if (p->conn && p->is_to_vip && starts_anew(b->tables, p)) {
		close_in_burst(w, b, p->conn);
		p->conn = NULL;
	}
}

/* Two packets of one burst may open the same flow: the second finds what the first opened.
 * Likewise a connection may have been closed by a packet before this one in the burst. */
static void look_again(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p) ON_WORKER;
static void look_again(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p)
{
	p->is_stranger = dp_flows_is_strange(&w->flows, p->key.hash);
	p->conn = p->is_stranger ? NULL : dp_flows_find(&w->flows, b->tables->servers, &p->key);
	if (p->conn)
		note_half_open(w, b, p->conn);
}

/* What the stage is for: a packet that no connection is known for, or that may start another. */
static void schedule(struct dp_worker *w, struct dp_burst *b, unsigned i) ON_WORKER;
static void schedule(struct dp_worker *w, struct dp_burst *b, unsigned i)
{
	struct dp_pkt *p = &b->pkt[i];
	enum dp_drop why = DP_KEEP;

	if (is_changed(b, p->key.hash))
		look_again(w, b, p);
	release_finished(w, b, p);
	if (!p->conn) {
		why = p->is_to_vip ? from_client(w, b, p) : from_elsewhere(b->tables, p);
	}
	if (why == DP_KEEP)
		dp_burst_keep(b, b->n_kept++, i);
	else
		refuse(w, b, p, why);
}

void dp_sched_stage(struct dp_worker *w, struct dp_burst *b)
{
	if (b->n_unusual == 0)
		return;
	b->n_kept = 0;
	memset(b->changed, 0, sizeof(b->changed));
	for (unsigned i = 0; i < b->n; i++) {
		const struct dp_pkt *p = &b->pkt[i];

		if (p->conn && !dp_pkt_may_start(b->tables, p) && !is_changed(b, p->key.hash))
			dp_burst_keep(b, b->n_kept++, i);
		else
			schedule(w, b, i);
	}
	b->n = b->n_kept;
}
