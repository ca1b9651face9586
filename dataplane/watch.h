#pragma once

#include "base/thread.h"
#include "dataplane/filter.h"
#include "dataplane/tape.h"
#include "dataplane/worker.h"

/* What a worker does while somebody captures or traces packets; nothing of it costs anything while
 * nobody does. Each has a filter and a tape for what it finds: a reader that is slow loses copies.
 *
 * Made by the control thread (watching.c), handed over through dp_worker.next_watch, and taken
 * back by clearing that and waiting until the worker has passed a quiescent point. */

struct rte_mbuf;

/* A copy of a packet, as it lies on the tape; its bytes stand behind it. */
struct dp_copy {
	uint64_t tsc;
	uint32_t frame_len, n_bytes;
	int32_t service, server; // ids; DP_NO_ID: not known
	uint16_t port;
	uint8_t point; // enum dp_point
	uint8_t why;   // enum dp_drop
};

struct dp_trace_record {
	uint64_t tsc;
	struct dp_trace t; // but for at_ns
};

/* A traced packet that is under way. */
struct dp_trace_slot {
	const struct rte_mbuf *m;
	const struct dp_burst *b;
	unsigned at; // in the burst, before the forward stage
	bool has_ended;
	struct dp_trace_record record;
};

struct dp_watch {
	/* Fixed. A tape of NULL: nobody captures, or traces. */
	const struct dp_filter *capture_filter, *trace_filter;
	struct dp_tape *capture_tape, *trace_tape;
	int port; // of copies; DP_NO_ID: any
	bool has_in, has_out;
	uint32_t snaplen;
	/* The worker's. */
	bool has_begun;
	uint32_t sent[DP_MAX_PORTS];  // of each port's queue, what was looked at
	uint32_t heads[DP_MAX_PORTS]; // of the queues, before the forward stage
	unsigned traces_left;
	unsigned n_slots;
	struct dp_trace_slot slots[2 * DP_BURST];
};

/* The stages that a traced packet is looked at behind. */
enum dp_trace_stage {
	DP_TRACE_CLASSIFY,
	DP_TRACE_STEER,
	DP_TRACE_CONN,
	DP_TRACE_DECIDE,
	DP_TRACE_SCHED,
};

/* All only while w->watch is not NULL. */

/* A burst has come, from a driver or another worker. */
void dp_watch_received(struct dp_worker *w, const struct dp_burst *b) ON_WORKER;
/* The queues are about to be given to the drivers. */
void dp_watch_sent(struct dp_worker *w) ON_WORKER;
/* The packet is about to be freed, or, `is_answered`, to become the answer to its sender. */
void dp_watch_dropped(struct dp_worker *w, struct rte_mbuf *m, unsigned port, enum dp_drop why,
	bool is_answered) ON_WORKER;

/* trace.c */
void dp_trace_begin(struct dp_worker *w, const struct dp_burst *b) ON_WORKER;
void dp_trace_look(
	struct dp_worker *w, const struct dp_burst *b, enum dp_trace_stage stage) ON_WORKER;
void dp_trace_before_forward(struct dp_worker *w, const struct dp_burst *b) ON_WORKER;
/* After it: all traced packets of the burst have an end, and go to the tape. */
void dp_trace_end(struct dp_worker *w, const struct dp_burst *b) ON_WORKER;
void dp_trace_dropped(struct dp_worker *w, const struct rte_mbuf *m, enum dp_drop why,
	bool is_answered) ON_WORKER;
