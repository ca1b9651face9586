/* Last stage: queues in front of the drivers.
 *
 * A virtual port's ring is full for a moment now and then; what the driver does not take
 * waits here, in order, and counts as held. Only a full queue drops. */
#include "dataplane/pipeline.h"
#include "dataplane/steer.h"
#include "dataplane/timing.h"
#include "dataplane/watch.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void flush_queue(struct dp_worker *w, unsigned port) ON_WORKER;
static void pass_on(struct dp_worker *w, unsigned port, unsigned via) ON_WORKER;

/* Without a queue of that port, another worker sends for us. */
static void pass_on(struct dp_worker *w, unsigned port, unsigned via)
{
	struct dp_tx_queue *q = &w->tx[port];

	for (; q->tail != q->head; q->tail++) {
		w->counters.held--;
		dp_steer_send(w, via, port, q->packets[q->tail & DP_TX_QUEUE_MASK]);
	}
}

/* One call of the driver for each contiguous piece: two where the queue wraps. */
static void flush_queue(struct dp_worker *w, unsigned port)
{
	const struct dp_tx_sink *sink = &w->setup.tx[port];
	struct dp_tx_queue *q = &w->tx[port];

	if (sink->via >= 0) {
		pass_on(w, port, (unsigned)sink->via);
		return;
	}

	while (q->head != q->tail) {
		uint32_t at = q->tail & DP_TX_QUEUE_MASK;
		uint32_t want = RTE_MIN(q->head - q->tail, DP_TX_QUEUE - at);
		uint16_t sent = rte_eth_tx_burst(
			sink->ethdev, sink->queue, &q->packets[at], (uint16_t)want);

		q->tail += sent;
		w->counters.tx += sent;
		w->counters.held -= sent;
		if (sent < want)
			return;
	}
}

void dp_tx_queue_full(struct dp_worker *w, unsigned port, struct rte_mbuf *m)
{
	if (w->watch)
		dp_watch_dropped(w, m, port, DP_DROP_TX_FULL, false);
	dp_worker_count_drops(w, DP_NO_ID, DP_DROP_TX_FULL, 1);
	rte_pktmbuf_free(m);
}

void dp_tx_flush(struct dp_worker *w)
{
	if (__builtin_expect(w->watch != NULL, false))
		dp_watch_sent(w);
	for (unsigned port = 0; port < w->setup.n_ports; port++)
		flush_queue(w, port);
	if (__builtin_expect(w->times.since_tsc != 0, false))
		dp_timing_end(w);
}
