/* Filling, draining and judging are never timed; running is nothing else. Buffers are taken and
 * given back in pieces larger than the pool's cache, so they go round the whole pool. */
#include "tests/bench/drive.h"

#include "tests/bench/catalog.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum { PIECE = 512, AHEAD = 6 };

__attribute__((noreturn)) static void fail(const char *what)
{
	(void)fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void write_packet(struct traffic *t, struct rte_mbuf *m)
{
	struct frame_flow flow;
	struct frame_spec spec;
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

	t->next(t, &flow, &spec);
	frame_write(data, &flow, &spec, catalog_port_mac, catalog_gateway_mac);
	m->data_len = spec.frame_len;
	m->pkt_len = spec.frame_len;
}

/* Both lines of the head, and the frame where it usually begins. */
static void prefetch_packet(struct rte_mbuf *m)
{
	rte_prefetch0(m);
	rte_prefetch0((char *)m + RTE_CACHE_LINE_SIZE);
	rte_prefetch0((char *)(m + 1) + RTE_PKTMBUF_HEADROOM);
}

void drive_fill(struct lane *l, unsigned n)
{
	struct rte_mbuf *packets[PIECE];

	while (n > 0) {
		unsigned piece = n < PIECE ? n : PIECE;

		if (rte_pktmbuf_alloc_bulk(l->ports->buffers, packets, piece) != 0)
			fail("out of packet buffers");
		for (unsigned i = 0; i < piece; i++) {
			prefetch_packet(packets[RTE_MIN(i + AHEAD, piece - 1)]);
			write_packet(l->source, packets[i]);
		}
		if (rte_ring_enqueue_bulk(l->port->rx[l->queue], (void **)packets, piece, NULL) ==
			0)
			fail("the receive ring is full");
		l->counts.in += piece;
		n -= piece;
	}
}

void drive_fill_to(struct lane *l, unsigned depth)
{
	unsigned have = rte_ring_count(l->port->rx[l->queue]);

	if (have < depth)
		drive_fill(l, depth - have);
}

static void judge(struct lane *l, const struct rte_mbuf *m)
{
	struct frame_read r;
	const char *why = frame_check(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &r);
	char src[ADDR_PORT_STR_LEN], dst[ADDR_PORT_STR_LEN];

	if (!why && l->traffic)
		why = l->traffic->judge(l->traffic, &r);
	if (!why)
		return;
	(void)fprintf(stderr, "bench: packet %u: %s: %s > %s\n", r.id & ~(uint32_t)TRAFFIC_OUT, why,
		addr_port_format(&r.src, (uint16_t)(r.src_port >> 8 | r.src_port << 8), src),
		addr_port_format(&r.dst, (uint16_t)(r.dst_port >> 8 | r.dst_port << 8), dst));
	exit(1);
}

unsigned drive_drain(struct lane *l)
{
	struct rte_mbuf *packets[PIECE];
	unsigned total = 0, n;

	while ((n = rte_ring_dequeue_burst(l->port->tx[l->queue], (void **)packets, PIECE, NULL)) >
		0) {
		for (unsigned i = 0; i < n; i++) {
			prefetch_packet(packets[RTE_MIN(i + AHEAD, n - 1)]);
			judge(l, packets[i]);
		}
		rte_pktmbuf_free_bulk(packets, n);
		total += n;
	}
	l->counts.out += total;
	return total;
}

void drive_clear(struct lane *l)
{
	struct rte_mbuf *packets[PIECE];
	unsigned n;

	while ((n = rte_ring_dequeue_burst(l->port->rx[l->queue], (void **)packets, PIECE, NULL)) >
		0) {
		rte_pktmbuf_free_bulk(packets, n);
		l->counts.in -= n;
	}
}

/* Time by the TSC, or, while instructions are counted, by turns. */
uint64_t drive_worker(struct world *w, unsigned index, unsigned n)
{
	struct dp_worker *worker = w->dp.workers[index];
	uint64_t start = rte_rdtsc(), now = start;

	for (unsigned done = 0; done < n;) {
		done += dp_worker_turn(worker, w->clock + (now - start) * w->clock_speed);
		now = w->ticks_per_turn ? now + w->ticks_per_turn : rte_rdtsc();
	}
	w->clock += (now - start) * w->clock_speed;
	return now - start;
}

__attribute__((noinline)) uint64_t drive_worker_counted(struct world *w, unsigned index, unsigned n)
{
	uint64_t ticks = drive_worker(w, index, n);

	__asm__ volatile("" : "+r"(ticks)); // so that this is no jump
	return ticks;
}

void drive_idle(struct world *w, unsigned index)
{
	struct dp_worker *worker = w->dp.workers[index];

	for (unsigned i = 0; i < 64 && worker->counters.held > 0; i++)
		(void)dp_worker_turn(worker, w->clock);
}

void drive_open(struct world *w, struct lane *l, struct steady *s)
{
	// no more at a time than may be half-open
	uint32_t most = w->dp.workers[l->queue]->setup.half_open;
	uint32_t group = most < DRIVE_SEGMENT ? most : DRIVE_SEGMENT;
	uint32_t n;

	while ((n = steady_opening(s, group)) > 0) {
		drive_fill(l, n);
		(void)drive_worker(w, l->queue, n);
		if (drive_drain(l) != n)
			fail("packets are lost while connections are opened");
	}
}
