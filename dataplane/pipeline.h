#pragma once

#include "base/thread.h"
#include "dataplane/worker.h"

#include <rte_mbuf.h>

/* A packet's way, one stage a line; read pipeline.c first. Every stage takes the live packets
 * of the burst and leaves a subset live. */
void dp_pipeline_run(struct dp_worker *w, struct dp_burst *b) ON_WORKER;

/* The same for one burst after the other, while memory is waited for: push brings a burst as far as
 * its likely connections, and the burst before to its end. */
void dp_pipeline_push(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
/* The last one to its end. */
void dp_pipeline_finish(struct dp_worker *w) ON_WORKER;
/* The burst that is not under way. */
struct dp_burst *dp_pipeline_free(struct dp_worker *w) ON_WORKER;

/* Receives at most DP_BURST packets from the queue into b. */
void dp_rx_stage(
	struct dp_worker *w, struct dp_burst *b, const struct dp_rx_source *from) ON_WORKER;
void dp_classify_stage(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
void dp_ask_stage(const struct dp_worker *w, struct dp_burst *b) ON_WORKER;
void dp_guess_stage(const struct dp_worker *w, struct dp_burst *b) ON_WORKER;
void dp_conn_stage(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
/* Of a port without an XDP program: leaves what is ours, gives to the kernel what is its. */
void dp_decide_stage(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
void dp_sched_stage(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
void dp_forward_stage(struct dp_worker *w, struct dp_burst *b) ON_WORKER;

/* The same for one packet of such a port, by the whole table. Needs m and in_port only. False: it
 * has gone its way. */
bool dp_decide_packet(struct dp_worker *w, const struct dp_burst *b, struct dp_pkt *p) ON_WORKER;

/* Once a turn: what the kernel sends through the TAPs goes to the ports' queues. Returns how many
 * packets came. */
unsigned dp_inject(struct dp_worker *w, bool is_busy) ON_WORKER;

/* Puts the packet into the port's queue, or drops it as tx_full. Its L2 header is complete. */
void dp_tx_queue_full(struct dp_worker *w, unsigned port, struct rte_mbuf *m) ON_WORKER;
static inline void dp_tx_queue_put(
	struct dp_worker *w, unsigned port, struct rte_mbuf *m) ON_WORKER;
static inline void dp_tx_queue_put(struct dp_worker *w, unsigned port, struct rte_mbuf *m)
{
	struct dp_tx_queue *q = &w->tx[port];

	if (__builtin_expect(q->head - q->tail == DP_TX_QUEUE, false)) {
		dp_tx_queue_full(w, port, m);
		return;
	}
	q->packets[q->head++ & DP_TX_QUEUE_MASK] = m;
	w->counters.held++;
}

/* Gives the queues to the drivers; what they refuse waits for the next turn. */
void dp_tx_flush(struct dp_worker *w) ON_WORKER;

/* Takes a rewrite back, addresses, ports and checksums; the TTL stays lowered. */
void dp_nat_undo(
	const struct dp_pkt *p, const struct dp_conn *c, const struct dp_server *server) ON_WORKER;

/* Once a turn: packets whose neighbour is known by now go out, those that waited too long
 * are dropped. `is_new` when the tables changed. */
void dp_nexthop_pending(struct dp_worker *w, const struct dp_tables *t, bool is_new) ON_WORKER;

/* Turn a packet that cannot be forwarded into the answer to its sender, out of the port where
 * it came in. They count the drop of the packet and the answer, or only the drop when the
 * answer is over the limit or the packet may not be answered. The mbuf is consumed. */
void dp_reply_reset(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why) ON_WORKER;

enum dp_reply_icmp { DP_REPLY_PORT_UNREACHABLE, DP_REPLY_TIME_EXCEEDED, DP_REPLY_TOO_BIG };
void dp_reply_icmp(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p,
	enum dp_reply_icmp kind, enum dp_drop why) ON_WORKER;
