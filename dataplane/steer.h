#pragma once

#include "base/thread.h"
#include "dataplane/worker.h"

/* Packets between workers: a received packet goes to the worker that owns its flow; a packet
 * on its way out goes to a worker that has a queue of that port, if this one has none.
 * One single-producer single-consumer ring a pair, so the order of a flow is kept. */

/* Packets that the ring from one worker to another holds, and the bytes that it takes. */
enum { DP_STEER_RING = 2048 };
size_t dp_steer_ring_space(unsigned size) ANY_THREAD;
/* A ring for packets from one worker to another. NULL: no memory. */
struct rte_ring *dp_steer_ring_new(const char *name, unsigned size) ON_CONTROL;

/* With the packets that are still in it. NULL is fine. No worker may run. */
void dp_steer_ring_free(struct rte_ring *ring) ON_CONTROL;

/* After classify: what is another worker's leaves the burst. */
void dp_steer_stage(struct dp_worker *w, struct dp_burst *b) ON_WORKER;

/* Once a turn and sender: received packets into b, ready for the pipeline behind steering;
 * packets to send go to the ports' queues at once. Returns how many came. */
unsigned dp_steer_receive(struct dp_worker *w, struct dp_burst *b, unsigned from) ON_WORKER;

/* Hands a finished packet to the worker that sends for us on `port`. */
void dp_steer_send(struct dp_worker *w, unsigned to, unsigned port, struct rte_mbuf *m) ON_WORKER;

/* At the end of a turn: what was put aside goes into the rings. */
void dp_steer_flush(struct dp_worker *w) ON_WORKER;
