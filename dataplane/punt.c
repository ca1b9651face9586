/* The decide stage, and the other way: between a port without an XDP program and its kernel side,
 * the TAP. What is the kernel's goes there, limited; what the kernel sends goes out of the port as
 * it is.
 *
 * A plain packet of a known connection is ours without a look at the whole table of decide.c. That
 * holds because no connection has a client whose address is this machine's own (sched.c): else the
 * answers to its own probes (row 6 before row 7) could be taken for that connection's.
 *
 * The system calls here are the only ones of the packet path besides drivers'. Looking for what
 * the kernel sends costs one, so it is done every POLL_US, less often while there are other packets
 * to see to, and at once again while there is more.
 */
#include "dataplane/pipeline.h"

#include "dataplane/decide.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

enum { POLL_US = 10, BUSY_POLL_US = 50 };

/* ---- to the kernel ------------------------------------------------------------------------- */

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void punt(struct dp_worker *w, int tap_fd, struct dp_pkt *p) ON_WORKER;
static bool read_frame(struct dp_worker *w, unsigned port) ON_WORKER;

static void punt(struct dp_worker *w, int tap_fd, struct dp_pkt *p)
{
	ssize_t n;

	if (!dp_worker_take_token(&w->punt_limit, w->now_ms)) {
		dp_burst_drop(w, p, DP_DROP_PUNT_LIMITED);
		return;
	}
	n = write(tap_fd, p->frame, rte_pktmbuf_data_len(p->m));
	if (n < 0) {
		dp_burst_drop(w, p, DP_DROP_PUNT_FULL);
		return;
	}
	w->counters.punted++;
	w->counters.ports[p->in_port].punted++;
	rte_pktmbuf_free(p->m);
}

static void untag(struct dp_pkt *p)
{
	int tags = dp_decide_tags(p->frame, rte_pktmbuf_data_len(p->m));

	memmove(p->frame + tags, p->frame, 2 * RTE_ETHER_ADDR_LEN);
	p->frame = (uint8_t *)rte_pktmbuf_adj(p->m, (uint16_t)tags);
}

bool dp_decide_packet(struct dp_worker *w, const struct dp_burst *b, struct dp_pkt *p)
{
	const struct dp_tables *t = b->tables;
	const struct dp_decide by = {
		.services = t->services,
		.locals = t->locals,
		.leases = w->setup.leases,
		.now_tsc = b->now_tsc,
		.mac = t->ports[p->in_port].mac,
	};

	switch (dp_decide(&by, p->frame, rte_pktmbuf_data_len(p->m))) {
	case DP_TO_WORKER:
		break;
	case DP_TO_WORKER_UNTAGGED:
		untag(p);
		break;
	case DP_TO_KERNEL:
		punt(w, w->setup.taps[p->in_port].fd, p);
		return false;
	case DP_VIP_LOST:
		dp_burst_drop(w, p, DP_DROP_VIP_NOT_OWNED);
		return false;
	}
	return true;
}

/* Row 2 for a plain packet without a connection, looked up once for all stages. */
static bool is_for_service(const struct dp_tables *t, struct dp_pkt *p) ON_WORKER;
static bool is_for_service(const struct dp_tables *t, struct dp_pkt *p)
{
	if (p->decision == DP_IF_KNOWN && p->is_to_vip)
		p->service = dp_services_find(
			t->services, p->vip, p->protocol, ntohs(p->key.remote_port));
	return p->service != DP_NO_ID;
}

void dp_decide_stage(struct dp_worker *w, struct dp_burst *b)
{
	const struct dp_tables *t = b->tables;
	unsigned live = 0;

	if (b->n_unusual == 0)
		return;
	for (unsigned i = 0; i < b->n; i++) {
		struct dp_pkt *p = &b->pkt[i];
		bool is_ours = (p->decision == DP_DECIDED) |
			       ((p->decision == DP_IF_KNOWN) & (p->conn != NULL));

		if (is_ours || is_for_service(t, p) || dp_decide_packet(w, b, p))
			dp_burst_keep(b, live++, i);
	}
	b->n = live;
}

/* ---- from the kernel ----------------------------------------------------------------------- */

/* One frame into the buffer that waits for it. False when there is none, or no buffer. */
static bool read_frame(struct dp_worker *w, unsigned port)
{
	struct rte_mbuf *m = w->spare[port];
	ssize_t n;

	if (!m)
		m = w->spare[port] = rte_pktmbuf_alloc(w->setup.taps[port].pool);
	if (!m)
		return false;
	n = read(w->setup.taps[port].fd, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
	if (n <= 0)
		return false;
	w->counters.injected++;
	w->counters.ports[port].injected++;
	w->spare[port] = NULL;
	if ((size_t)n > rte_pktmbuf_tailroom(m)) { // the TAP's MTU was raised above the port's
		dp_worker_count_drops(w, DP_NO_ID, DP_DROP_TOO_BIG, 1);
		rte_pktmbuf_free(m);
		return true;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = (uint32_t)n;
	dp_tx_queue_put(w, port, m);
	return true;
}

unsigned dp_inject(struct dp_worker *w, bool is_busy)
{
	uint64_t now = rte_rdtsc();
	unsigned n = 0;
	bool is_full = false;

	if ((int64_t)(now - w->inject_at_tsc) < 0)
		return 0;
	for (unsigned port = 0; port < w->setup.n_ports; port++) {
		unsigned of_port = 0;

		if (w->setup.taps[port].fd < 0)
			continue;
		while (of_port < DP_BURST && read_frame(w, port))
			of_port++;
		n += of_port;
		is_full |= of_port == DP_BURST;
	}
	w->inject_at_tsc =
		now +
		(is_full ? 0 : w->setup.tsc_hz / 1000000 * (is_busy ? BUSY_POLL_US : POLL_US));
	return n;
}
