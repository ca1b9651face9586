/* Handover between workers.
 *
 * Ownership is decided by the owner hash alone, whatever queue a packet came in on: so all
 * packets of one client endpoint meet on one worker, in both directions, and connections need
 * no lock. Nothing is written to a packet that is handed over: its lines would have to come out of
 * another CPU's cache, where they were changed. */
#include "dataplane/steer.h"

#include "dataplane/owner.h"
#include "dataplane/pipeline.h"
#include "dataplane/watch.h"

#include <assert.h>

#include <rte_mbuf.h>
#include <rte_ring_elem.h>

static_assert(DP_MAX_PORTS <= UINT8_MAX, "a port fits into struct dp_handoff_item");

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void put(struct dp_worker *w, unsigned to, struct dp_handoff_item item) ON_WORKER;

size_t dp_steer_ring_space(unsigned size)
{
	return (size_t)rte_ring_get_memsize_elem(sizeof(struct dp_handoff_item), size);
}

struct rte_ring *dp_steer_ring_new(const char *name, unsigned size)
{
	return rte_ring_create_elem(name, sizeof(struct dp_handoff_item), size, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ);
}

void dp_steer_ring_free(struct rte_ring *ring)
{
	struct dp_handoff_item item;

	while (ring && rte_ring_sc_dequeue_elem(ring, &item, sizeof(item)) == 0)
		rte_pktmbuf_free(item.m);
	rte_ring_free(ring);
}

/* Puts it aside for `to`; a full load goes into the ring at once. */
static void put(struct dp_worker *w, unsigned to, struct dp_handoff_item item)
{
	struct dp_handoff *h = &w->handoff[to];

	h->items[h->n++] = item;
	if (h->n < DP_BURST)
		return;
	dp_steer_flush(w);
}

static void flush_to(struct dp_worker *w, unsigned to) ON_WORKER;
static void flush_to(struct dp_worker *w, unsigned to)
{
	struct dp_handoff *h = &w->handoff[to];
	unsigned sent = rte_ring_sp_enqueue_burst_elem(
		w->setup.ring_to[to], h->items, sizeof(h->items[0]), h->n, NULL);

	w->counters.handoff_out += sent;
	dp_worker_count_drops(w, DP_NO_ID, DP_DROP_HANDOFF_FULL, h->n - sent);
	for (unsigned i = sent; i < h->n; i++) {
		if (w->watch)
			dp_watch_dropped(
				w, h->items[i].m, h->items[i].port, DP_DROP_HANDOFF_FULL, false);
		rte_pktmbuf_free(h->items[i].m);
	}
	h->n = 0;
}

void dp_steer_flush(struct dp_worker *w)
{
	for (unsigned to = 0; to < w->setup.n_workers; to++)
		if (w->handoff[to].n > 0)
			flush_to(w, to);
}

/* From the buffer's head to the frame, which follows it in every pool of ours. A driver may have
 * brought memory of its own instead (external buffers): 0, and the receiver asks the head. */
static uint32_t frame_offset(const struct dp_pkt *p)
{
	const uintptr_t offset = (uintptr_t)p->frame - (uintptr_t)p->m;

	return p->frame > (const uint8_t *)p->m && offset <= UINT32_MAX ? (uint32_t)offset : 0;
}

void dp_steer_stage(struct dp_worker *w, struct dp_burst *b)
{
	unsigned live = 0;

	if (b->is_handed_over || w->setup.n_workers == 1)
		return;
	for (unsigned i = 0; i < b->n; i++) {
		struct dp_pkt *p = &b->pkt[i];
		unsigned owner = w->setup.index;

		if (p->key.protocol != 0)
			owner = dp_owner_of(w->setup.owner, &p->key.client, p->key.client_port);
		if (owner == w->setup.index) {
			dp_burst_keep(b, live++, i);
			continue;
		}
		put(w, owner,
			(struct dp_handoff_item){
				.m = p->m,
				.frame_offset = frame_offset(p),
				.frame_len = p->frame_len,
				.port = (uint8_t)p->in_port,
			});
	}
	b->n = live;
}

void dp_steer_send(struct dp_worker *w, unsigned to, unsigned port, struct rte_mbuf *m)
{
	put(w, to, (struct dp_handoff_item){.m = m, .port = (uint8_t)port, .is_to_send = true});
}

unsigned dp_steer_receive(struct dp_worker *w, struct dp_burst *b, unsigned from)
{
	struct dp_handoff_item items[DP_BURST];
	unsigned n = rte_ring_sc_dequeue_burst_elem(
		w->setup.ring_from[from], items, sizeof(items[0]), DP_BURST, NULL);

	w->counters.handoff_in += n;
	b->n = 0;
	b->is_handed_over = true;
	for (unsigned i = 0; i < n; i++) {
		struct dp_pkt *p;

		if (items[i].is_to_send) {
			dp_tx_queue_put(w, items[i].port, items[i].m);
			continue;
		}
		p = &b->pkt[b->n++];
		p->m = items[i].m;
		p->frame = items[i].frame_offset > 0 ? (uint8_t *)p->m + items[i].frame_offset
						     : rte_pktmbuf_mtod(p->m, uint8_t *);
		p->frame_len = items[i].frame_len;
		p->in_port = items[i].port;
		rte_prefetch0(p->frame);
		rte_prefetch0(p->m);
	}
	return n;
}
