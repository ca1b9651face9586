/* Copies of packets for a capture: as they came, as they go, and those that are dropped.
 *
 * The filter is asked about each of the two forms that a translated packet has. Whose it is
 * (service and server) is looked up in the tables by the form itself, so that the stages need not
 * know of any of this. */
#include "dataplane/watch.h"

#include "dataplane/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static const struct dp_conn *find_conn(const struct dp_worker *w, const struct dp_tables *t,
	const struct dp_parsed *h, bool is_from_client) ON_WORKER;
static void name_ends(const struct dp_worker *w, const struct dp_tables *t, const uint8_t *frame,
	struct dp_copy *c) ON_WORKER;
static void copy(struct dp_worker *w, const struct dp_tables *t, struct rte_mbuf *m,
	const struct dp_copy *as) ON_WORKER;

/* One end is the client's; the other is the VIP or the server, which tells the form. */
static const struct dp_conn *find_conn(const struct dp_worker *w, const struct dp_tables *t,
	const struct dp_parsed *h, bool is_from_client)
{
	struct dp_conn_key key = {
		.client = is_from_client ? h->src : h->dst,
		.remote = is_from_client ? h->dst : h->src,
		.client_port = is_from_client ? h->src_port : h->dst_port,
		.remote_port = is_from_client ? h->dst_port : h->src_port,
		.protocol = h->protocol,
	};
	const struct dp_conn *c;

	key.hash = dp_flows_hash(&w->flows, &key);
	key.dir = DP_DIR_IN;
	c = dp_flows_find(&w->flows, t->servers, &key);
	key.dir = DP_DIR_OUT;
	return c ? c : dp_flows_find(&w->flows, t->servers, &key);
}

static void name_ends(const struct dp_worker *w, const struct dp_tables *t, const uint8_t *frame,
	struct dp_copy *c)
{
	const struct dp_vip_entry *vip;
	const struct dp_conn *conn;
	struct dp_parsed h;

	if (!t || dp_parse_frame(frame, c->frame_len, &h) != DP_KEEP || h.is_fragment ||
		(h.protocol != IPPROTO_TCP && h.protocol != IPPROTO_UDP))
		return;
	conn = find_conn(w, t, &h, true);
	if (!conn)
		conn = find_conn(w, t, &h, false);
	if (conn) {
		c->server = (int32_t)conn->server;
		c->service = (int32_t)t->servers[conn->server].service;
		return;
	}
	vip = dp_services_find_vip(t->services, &h.dst);
	if (vip)
		c->service = dp_services_find(t->services, vip, h.protocol, ntohs(h.dst_port));
}

static void copy(struct dp_worker *w, const struct dp_tables *t, struct rte_mbuf *m,
	const struct dp_copy *as)
{
	const struct dp_watch *watch = w->watch;
	struct dp_copy c = *as, *on_tape;

	if ((watch->port != DP_NO_ID && watch->port != c.port) ||
		!dp_filter_matches(watch->capture_filter, m))
		return;
	c.tsc = rte_rdtsc();
	c.frame_len = rte_pktmbuf_data_len(m);
	c.n_bytes = c.frame_len < watch->snaplen ? c.frame_len : watch->snaplen;
	c.service = c.server = DP_NO_ID;
	on_tape = dp_tape_open(watch->capture_tape, (uint32_t)sizeof(c) + c.n_bytes);
	if (!on_tape)
		return;
	name_ends(w, t, rte_pktmbuf_mtod(m, const uint8_t *), &c);
	*on_tape = c;
	memcpy(on_tape + 1, rte_pktmbuf_mtod(m, const void *), c.n_bytes);
	dp_tape_close(watch->capture_tape);
}

void dp_watch_received(struct dp_worker *w, const struct dp_burst *b)
{
	const struct dp_watch *watch = w->watch;

	if (watch->trace_tape)
		dp_trace_begin(w, b);
	// what another worker handed over is on that one's tape already
	if (!watch->capture_tape || !watch->has_in || b->is_handed_over)
		return;
	for (unsigned i = 0; i < b->n; i++)
		copy(w, b->tables, b->pkt[i].m,
			&(struct dp_copy){.port = b->pkt[i].in_port, .point = DP_POINT_RECEIVED});
}

/* From the last look on: what the driver did not take then is seen once. */
void dp_watch_sent(struct dp_worker *w)
{
	struct dp_watch *watch = w->watch;

	for (unsigned port = 0; port < w->setup.n_ports; port++) {
		const struct dp_tx_queue *q = &w->tx[port];
		bool is_ours = watch->capture_tape && watch->has_out && watch->has_begun &&
			       w->setup.tx[port].via < 0;

		for (uint32_t at = watch->sent[port]; is_ours && at != q->head; at++)
			copy(w, w->seen, q->packets[at & DP_TX_QUEUE_MASK],
				&(struct dp_copy){.port = (uint16_t)port, .point = DP_POINT_SENT});
		watch->sent[port] = q->head;
	}
	watch->has_begun = true;
}

void dp_watch_dropped(
	struct dp_worker *w, struct rte_mbuf *m, unsigned port, enum dp_drop why, bool is_answered)
{
	const struct dp_watch *watch = w->watch;

	if (watch->trace_tape)
		dp_trace_dropped(w, m, why, is_answered);
	if (watch->capture_tape && watch->has_in)
		copy(w, w->seen, m,
			&(struct dp_copy){.port = (uint16_t)port,
				.point = DP_POINT_DROPPED,
				.why = (uint8_t)why});
}
