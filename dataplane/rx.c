/* First stage: a burst from the driver. */
#include "dataplane/pipeline.h"

#include <rte_ethdev.h>

void dp_rx_stage(struct dp_worker *w, struct dp_burst *b, const struct dp_rx_source *from)
{
	struct rte_mbuf *received[DP_BURST];
	unsigned n = rte_eth_rx_burst(from->ethdev, from->queue, received, DP_BURST);

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(received[i]);
	for (unsigned i = 0; i < n; i++) {
		struct dp_pkt *p = &b->pkt[i];

		p->m = received[i];
		p->frame = rte_pktmbuf_mtod(p->m, uint8_t *);
		p->frame_len = rte_pktmbuf_data_len(p->m);
		p->in_port = from->port;
		rte_prefetch0(p->frame);
		// IPv6 and what is longer than a line: the transport header may begin there
		rte_prefetch0(
			p->frame + (p->frame_len > RTE_CACHE_LINE_SIZE ? RTE_CACHE_LINE_SIZE : 0));
	}
	b->is_handed_over = false;
	b->n = n;
	w->counters.rx += n;
	w->counters.bursts[n]++;
}
