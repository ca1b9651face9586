/* The path of single packets: what each stage made of them.
 *
 * Nothing is asked of the stages: between them the burst is looked at, and what a packet has become
 * tells what was decided. One that is not there any more has gone its way; where it went, the
 * queues tell, or dp_watch_dropped() did. */
#include "dataplane/watch.h"

#include "dataplane/owner.h"
#include "dataplane/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void begin_one(struct dp_worker *w, const struct dp_burst *b, unsigned i) ON_WORKER;
static void note_stage(const struct dp_worker *w, const struct dp_burst *b, const struct dp_pkt *p,
	struct dp_trace *t, enum dp_trace_stage stage) ON_WORKER;
static void note_end(
	const struct dp_worker *w, const struct dp_burst *b, struct dp_trace_slot *s) ON_WORKER;

/* ---- rx -------------------------------------------------------------------------------------- */

static void note_headers(const uint8_t *frame, uint32_t len, struct dp_trace *t)
{
	struct dp_parsed h;

	if (dp_parse_frame(frame, len, &h) != DP_KEEP)
		return;
	t->is_ip = true;
	t->before = (struct dp_trace_ends){h.src, h.dst, ntohs(h.src_port), ntohs(h.dst_port)};
	t->protocol = h.protocol;
	t->tcp_flags = h.tcp_flags;
	t->is_fragment = h.is_fragment;
}

static void begin_one(struct dp_worker *w, const struct dp_burst *b, unsigned i)
{
	struct dp_watch *watch = w->watch;
	const struct rte_mbuf *m = b->pkt[i].m;
	struct dp_trace_slot *s = &watch->slots[watch->n_slots++];
	struct dp_trace *t = &s->record.t;

	*s = (struct dp_trace_slot){.m = m, .b = b, .record.tsc = rte_rdtsc()};
	t->worker = t->owner = w->setup.index;
	t->port = b->pkt[i].in_port;
	t->frame_len = rte_pktmbuf_data_len(m);
	t->is_handed_over = b->is_handed_over;
	t->has_hash = (m->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
	t->hash = t->has_hash ? m->hash.rss : 0;
	t->service = t->server = DP_NO_ID;
	t->n_stages = 1;
	note_headers(rte_pktmbuf_mtod(m, const uint8_t *), t->frame_len, t);
}

void dp_trace_begin(struct dp_worker *w, const struct dp_burst *b)
{
	struct dp_watch *watch = w->watch;

	for (unsigned i = 0; i < b->n; i++) {
		if (watch->traces_left == 0 || watch->n_slots == 2 * DP_BURST)
			return;
		if (!dp_filter_matches(watch->trace_filter, b->pkt[i].m))
			continue;
		watch->traces_left--;
		begin_one(w, b, i);
	}
}

/* ---- between the stages ---------------------------------------------------------------------- */

static void note_conn(const struct dp_worker *w, const struct dp_conn *c, struct dp_trace *t)
{
	t->has_conn = c != NULL;
	if (!c)
		return;
	t->state_before = dp_l4state_name((enum dp_l4_state)c->state);
	t->age_ms = w->now_ms - c->opened_ms;
	t->server = (int)c->server;
}

static void note_choice(const struct dp_tables *tables, const struct dp_conn *c, struct dp_trace *t)
{
	const struct dp_schedule *s;

	if (!c || t->has_conn)
		return;
	t->is_new = true;
	t->server = (int)c->server;
	t->service = (int)tables->servers[c->server].service;
	s = &tables->schedules[t->service]->schedule;
	for (unsigned i = 0; i < s->n_active; i++) {
		unsigned first = tables->services->services[t->service].first_server;

		t->weight_sum += s->entries[i].weight;
		if (first + s->entries[i].server == c->server)
			t->weight = s->entries[i].weight;
	}
}

static void note_service(
	const struct dp_tables *tables, const struct dp_pkt *p, struct dp_trace *t) ON_WORKER;
static void note_service(const struct dp_tables *tables, const struct dp_pkt *p, struct dp_trace *t)
{
	t->is_to_vip = p->is_to_vip;
	t->is_from_client = p->key.dir == DP_DIR_IN;
	if (p->is_to_vip && p->key.protocol != 0)
		t->service = dp_services_find(
			tables->services, p->vip, p->protocol, ntohs(p->key.remote_port));
}

static void note_stage(const struct dp_worker *w, const struct dp_burst *b, const struct dp_pkt *p,
	struct dp_trace *t, enum dp_trace_stage stage)
{
	switch (stage) {
	case DP_TRACE_CLASSIFY:
		note_service(b->tables, p, t);
		if (w->setup.n_workers > 1 && p->key.protocol != 0 && !b->is_handed_over)
			t->owner = dp_owner_of(w->setup.owner, &p->key.client, p->key.client_port);
		break;
	case DP_TRACE_CONN:
		note_conn(w, p->conn, t);
		if (p->conn)
			t->service = (int)b->tables->servers[p->conn->server].service;
		break;
	case DP_TRACE_SCHED:
		note_choice(b->tables, p->conn, t);
		break;
	case DP_TRACE_STEER:
	case DP_TRACE_DECIDE:
		break;
	}
}

/* Neither dropped, else it had ended, nor there. */
static void note_gone(struct dp_trace_slot *s, enum dp_trace_stage stage)
{
	s->has_ended = true;
	s->record.t.end = stage == DP_TRACE_STEER ? DP_TRACE_HANDED_OVER : DP_TRACE_KERNEL;
}

static const struct dp_pkt *find_packet(const struct dp_burst *b, struct dp_trace_slot *s)
{
	for (s->at = 0; s->at < b->n; s->at++)
		if (b->pkt[s->at].m == s->m)
			return &b->pkt[s->at];
	return NULL;
}

void dp_trace_look(struct dp_worker *w, const struct dp_burst *b, enum dp_trace_stage stage)
{
	struct dp_watch *watch = w->watch;

	for (unsigned i = 0; i < watch->n_slots; i++) {
		struct dp_trace_slot *s = &watch->slots[i];
		const struct dp_pkt *p;

		if (s->b != b || s->has_ended)
			continue;
		p = find_packet(b, s);
		if (!p) {
			note_gone(s, stage);
			continue;
		}
		s->record.t.n_stages = (unsigned)stage + 2; // and rx
		note_stage(w, b, p, &s->record.t, stage);
	}
}

void dp_trace_dropped(
	struct dp_worker *w, const struct rte_mbuf *m, enum dp_drop why, bool is_answered)
{
	struct dp_watch *watch = w->watch;

	for (unsigned i = 0; i < watch->n_slots; i++) {
		struct dp_trace_slot *s = &watch->slots[i];

		if (s->m != m || s->has_ended)
			continue;
		s->has_ended = true;
		s->record.t.end = is_answered ? DP_TRACE_ANSWERED : DP_TRACE_DROPPED;
		s->record.t.why = why;
	}
}

/* ---- the end --------------------------------------------------------------------------------- */

void dp_trace_before_forward(struct dp_worker *w, const struct dp_burst *b)
{
	struct dp_watch *watch = w->watch;

	for (unsigned i = 0; i < watch->n_slots; i++)
		if (watch->slots[i].b == b && !watch->slots[i].has_ended)
			(void)find_packet(b, &watch->slots[i]);
	for (unsigned port = 0; port < w->setup.n_ports; port++)
		watch->heads[port] = w->tx[port].head;
}

/* True: it stands in the port's queue. */
static bool is_queued(const struct dp_worker *w, unsigned port, const struct rte_mbuf *m)
{
	const struct dp_tx_queue *q = &w->tx[port];

	for (uint32_t at = w->watch->heads[port]; at != q->head; at++)
		if (q->packets[at & DP_TX_QUEUE_MASK] == m)
			return true;
	return false;
}

static bool note_sent(const struct dp_worker *w, const struct rte_mbuf *m, struct dp_trace *t)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct dp_parsed h;

	for (unsigned port = 0; port < w->setup.n_ports; port++) {
		if (!is_queued(w, port, m))
			continue;
		t->end = DP_TRACE_SENT;
		t->out_port = port;
		memcpy(t->mac, frame, sizeof(t->mac));
		if (dp_parse_frame(frame, rte_pktmbuf_data_len(m), &h) == DP_KEEP)
			t->after = (struct dp_trace_ends){
				h.src, h.dst, ntohs(h.src_port), ntohs(h.dst_port)};
		return true;
	}
	return false;
}

static void note_held(const struct dp_worker *w, const struct rte_mbuf *m, struct dp_trace *t)
{
	t->end = DP_TRACE_HELD;
	for (unsigned i = 0; i < DP_PENDING; i++)
		for (unsigned k = 0; k < w->pending[i].n; k++)
			if (w->pending[i].packets[k] == m) {
				t->out_port = w->pending[i].port;
				t->neighbour = w->pending[i].address;
			}
}

static void note_end(const struct dp_worker *w, const struct dp_burst *b, struct dp_trace_slot *s)
{
	struct dp_trace *t = &s->record.t;
	const struct dp_conn *c = b->pkt[s->at].conn;

	t->n_stages = DP_TRACE_SCHED + 3;
	if (c) {
		t->state_after = dp_l4state_name((enum dp_l4_state)c->state);
		t->timeout_ms = c->expires_ms - w->now_ms;
	}
	if (!s->has_ended && !note_sent(w, s->m, t))
		note_held(w, s->m, t);
}

static void put_on_tape(struct dp_tape *tape, const struct dp_trace_record *r)
{
	struct dp_trace_record *at = dp_tape_open(tape, sizeof(*r));

	if (!at)
		return;
	*at = *r;
	dp_tape_close(tape);
}

void dp_trace_end(struct dp_worker *w, const struct dp_burst *b)
{
	struct dp_watch *watch = w->watch;
	unsigned n = 0;

	for (unsigned i = 0; i < watch->n_slots; i++) {
		struct dp_trace_slot *s = &watch->slots[i];

		if (s->b != b) {
			watch->slots[n++] = *s;
			continue;
		}
		// what an earlier stage ended has not come to the forward stage
		if (!s->has_ended || s->record.t.n_stages == DP_TRACE_SCHED + 2)
			note_end(w, b, s);
		put_on_tape(watch->trace_tape, &s->record);
	}
	watch->n_slots = n;
}
