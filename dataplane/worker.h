#pragma once

#include "dataplane/dp.h"
#include "dataplane/flows.h"
#include "dataplane/l4state.h"
#include "dataplane/parse.h"
#include "dataplane/tables.h"

#include <stdbool.h>
#include <stdint.h>

/* One worker: what it owns, and the burst that goes through its pipeline. For the files of
 * the packet path; the control thread reads the counters only (relaxed loads). */

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;
struct dp_owner;
struct dp_request;
struct dp_watch;

enum { DP_BURST = 32, DP_MAX_SOURCES = 256 };

/* Whether a packet is ours at all (dataplane.md §1). Of what an XDP program let through, all. On
 * another port a packet of a known connection is, if it came to the port's MAC address and its
 * VIP is owned: that is known early, and costs little. */
enum dp_decision {
	DP_DECIDED,     // ours
	DP_IF_KNOWN,    // ours if it has a connection; else to be decided
	DP_NOT_DECIDED, // look at it closely (decide.c)
};

/* What the stages know about a packet. Headers are contiguous in the first segment. */
struct dp_pkt {
	struct rte_mbuf *m;
	uint8_t *frame;         // its data
	uint16_t frame_len;     // as received
	struct dp_conn *conn;   // NULL: a new flow, or routed untranslated
	struct dp_conn_key key; // for TCP and UDP; protocol 0 matches no connection
	uint8_t family;         // 4, 6
	uint8_t protocol;       // transport, after extension headers
	uint8_t tcp_flags;
	bool is_to_vip;
	bool may_be_answered; // no fragment, no ICMP error
	uint8_t decision;     // enum dp_decision
	bool is_stranger;     // without a connection: its client endpoint has no other either
	uint16_t l4_offset;   // from the start of the frame; the IP header's is DP_L3_OFFSET
	uint16_t ip_len;      // the whole IP packet
	uint16_t in_port;     // where it was received
	uint16_t port;        // where it was to leave, if it is too big for that
	int32_t service;      // id; DP_NO_ID unless a VIP's packet without a connection, or dropped
	const struct dp_vip_entry *vip; // if is_to_vip
};

/* Opens a TCP connection. UDP packets have no flags. */
static inline bool dp_pkt_is_syn(const struct dp_pkt *p)
{
	return (p->tcp_flags & (DP_TCP_SYN | DP_TCP_ACK | DP_TCP_RST | DP_TCP_FIN)) == DP_TCP_SYN;
}

/* May start anew what its connection is for (sched.c): it opens one, or its server is down. */
static inline bool dp_pkt_may_start(const struct dp_tables *t, const struct dp_pkt *p)
{
	return dp_pkt_is_syn(p) || (t->has_down && t->servers[p->conn->server].is_down);
}

/* pkt[0 .. n-1] are live; n shrinks from stage to stage, order is kept. */
struct dp_burst {
	const struct dp_tables *tables;
	uint32_t now_ms;
	uint64_t now_tsc;    // when it was parsed
	bool is_handed_over; // by another worker: its owner is this one
	unsigned n;
	unsigned n_unusual;  // after lookup: packets for the stages decide and schedule
	unsigned n_kept;     // while the schedule stage runs: live packets so far
	uint64_t half_open;  // from lookup on: dp_flows_bit() of half-open connections in it
	uint64_t changed[8]; // likewise: bits of hashes whose connections were opened or closed
	struct dp_pkt pkt[DP_BURST];
};

enum { DP_TX_QUEUE = 512, DP_TX_QUEUE_MASK = DP_TX_QUEUE - 1 }; // power of two

/* Packets on their way out of one port: what the driver did not take waits here in order. */
struct dp_tx_queue {
	struct rte_mbuf *packets[DP_TX_QUEUE];
	uint32_t head, tail; // head - tail = number waiting
};

/* Packets that wait for a neighbour (dataplane.md §8). */
enum { DP_PENDING = 256, DP_PENDING_PACKETS = 4, DP_PENDING_MS = 3000, DP_ASK_AGAIN_MS = 1000 };

struct dp_pending {
	struct addr address;
	uint16_t port;
	uint16_t n; // 0: the entry is free
	uint32_t since_ms;
	uint32_t asked_ms;
	struct rte_mbuf *packets[DP_PENDING_PACKETS];
};

/* A neighbour that a worker wants resolved; element of the ring to the control thread. */
struct dp_want {
	struct addr address;
	uint32_t port;
};

/* A receive queue that the worker polls; port is ours, ethdev and queue are DPDK's numbers. */
struct dp_rx_source {
	uint16_t port, ethdev, queue;
};

/* How the worker sends on a port: by a queue of its own, or through worker `via`. */
struct dp_tx_sink {
	uint16_t ethdev, queue;
	int16_t via; // -1: the queue is this worker's
};

/* The kernel side of a port, as one worker uses it. */
struct dp_tap_queue {
	int fd; // -1: the port is a kernel interface
	struct rte_mempool *pool;
};

/* What goes through a ring between workers: a packet, and what the other one wants to know of it
 * before its head has come from this CPU's cache. */
struct dp_handoff_item {
	struct rte_mbuf *m;
	uint32_t frame_offset; // of the frame, from m: a buffer has its head in front
	uint16_t frame_len;
	uint8_t port;
	bool is_to_send; // out of that port; else it was received there
};

/* Packets put aside for another worker during a turn. */
struct dp_handoff {
	struct dp_handoff_item items[DP_BURST];
	unsigned n;
};

struct dp_server_counters {
	uint64_t connections;
	struct {
		uint64_t packets, bytes;
	} dir[2];                      // enum dp_dir
	uint64_t established, closing; // gauges
	uint64_t handshake_us;         // sum; see struct dp_handshake_times
} __attribute__((aligned(64)));

/* TCP handshakes by their time (timing.h). */
struct dp_handshake_times {
	uint64_t buckets[DP_N_HANDSHAKE_BUCKETS];
} __attribute__((aligned(64)));

/* How long packets are in Poise: one in DP_TIMED_EACH is timed (timing.h). */
struct dp_forward_times {
	int32_t left;                 // packets until the next one
	uint64_t since_tsc;           // of the one under way; 0: none is
	uint32_t heads[DP_MAX_PORTS]; // of the ports' queues, behind it
	uint64_t sum_tsc;
	uint64_t buckets[DP_N_LATENCY_BUCKETS];
	uint64_t bounds_tsc[DP_N_LATENCY_BUCKETS - 1];
};

/* What a service's packets were dropped for. A power of two long, for a fast index. */
struct dp_service_counters {
	uint64_t drops[DP_N_DROPS];
} __attribute__((aligned(256)));

struct dp_worker_counters {
	uint64_t rx, injected, handoff_in, generated;
	uint64_t tx, punted, handoff_out, held; // held is a gauge
	uint64_t drops[DP_N_DROPS];             // all: sums over dp_worker.services
	uint64_t opened, expired, half_open_evicted, replaced;
	uint64_t loops, sleeps, busy_cycles, idle_cycles;
	uint64_t bursts[DP_BURST + 1]; // from a port, by the number of packets
	struct {
		uint64_t punted, injected;
	} ports[DP_MAX_PORTS];
} __attribute__((aligned(64)));

/* Tokens refilled by time: replies of our own are limited (dataplane.md §5). */
struct dp_limiter {
	uint32_t per_second;
	uint32_t tokens;
	uint32_t at_ms;
};

/* Fixed after start. */
struct dp_worker_setup {
	unsigned index, n_workers, cpu, lcore;
	uint32_t connections, half_open; // capacities of this worker's tables
	unsigned n_ports;
	struct dp_rx_source rx[DP_MAX_SOURCES];
	unsigned n_rx;
	struct dp_tx_sink tx[DP_MAX_PORTS];
	struct dp_tap_queue taps[DP_MAX_PORTS];
	const uint64_t *leases; // by owner: when it runs out, by the TSC
	struct rte_ring *ring_to[DP_MAX_WORKERS], *ring_from[DP_MAX_WORKERS]; // NULL: itself
	const struct dp_owner *owner;
	bool is_adaptive;
	uint32_t idle_sleep_us;
	uint64_t tsc_hz;
	struct dp_tables_root *root;
	struct rte_rcu_qsbr *rcu;
	struct rte_ring *wants;
};

struct dp_worker {
	struct dp_worker_setup setup;
	struct dp_flows flows;
	struct dp_worker_counters counters;
	struct dp_server_counters *servers;    // by id
	struct dp_service_counters *services;  // by id, 1 up: the first is for no known service
	struct dp_handshake_times *handshakes; // by server id
	struct dp_forward_times times;
	struct dp_schedule_position *positions; // by service id
	uint32_t *nexthop_used_ms;              // by id; when it last carried a packet, never 0
	const struct dp_tables *seen;           // root of the last turn, to notice a change
	struct dp_tx_queue tx[DP_MAX_PORTS];
	struct dp_handoff handoff[DP_MAX_WORKERS];
	struct dp_pending pending[DP_PENDING];
	unsigned n_pending;
	struct dp_limiter reset_limit, icmp_limit, punt_limit;
	struct rte_mbuf *spare[DP_MAX_PORTS]; // for the next frame from the port's TAP
	uint64_t inject_at_tsc;               // when TAPs are looked at next
	uint64_t ms_factor, us_factor;        // TSC to milli-, microseconds, 32.32 fixed point
	uint32_t now_ms;
	uint32_t swept_ms;
	struct dp_memory memory;     // all of the arrays above
	struct dp_request *request;  // atomic; set by control, cleared by the worker
	struct dp_watch *watch;      // of this turn; NULL: nobody captures or traces
	struct dp_watch *next_watch; // atomic; set by control
	bool must_stop;              // atomic; set by control
	struct dp_burst burst, other;
	struct dp_burst *under_way; // one of them, between its guess and its end; or NULL
} __attribute__((aligned(64)));

/* Copies packet `from` to place `to` (to <= from): how a stage keeps it. */
static inline void dp_burst_keep(struct dp_burst *b, unsigned to, unsigned from)
{
	if (to != from)
		b->pkt[to] = b->pkt[from];
}

/* Counts n drops of a service, or of none (DP_NO_ID, which is -1). */
static inline void dp_worker_count_drops(
	struct dp_worker *w, int32_t service, enum dp_drop reason, unsigned n) ON_WORKER;
static inline void dp_worker_count_drops(
	struct dp_worker *w, int32_t service, enum dp_drop reason, unsigned n)
{
	w->counters.drops[reason] += n;
	w->services[service + 1].drops[reason] += n;
}

/* The one exit for what is not forwarded: counted by reason, buffer freed. */
void dp_burst_drop(struct dp_worker *w, struct dp_pkt *p, enum dp_drop reason) ON_WORKER;

/* Whether one more is within the limit; takes it then. */
bool dp_worker_take_token(struct dp_limiter *l, uint32_t now_ms) ON_WORKER;

/* -ENOMEM, or -errno. */
int dp_worker_init(struct dp_worker *w, const struct dp_worker_setup *setup,
	const struct dp_memory_policy *policy) ON_CONTROL;
/* Frees its tables and the packets that still wait; the worker must have ended. */
void dp_worker_fini(struct dp_worker *w) ON_CONTROL;

/* One turn of the poll loop at the given time (TSC since the start): the root, up to four bursts
 * from each source through the pipeline, expiry, requests, the quiescent report. Returns the number
 * of packets received. The bench calls it in place of the thread. */
unsigned dp_worker_turn(struct dp_worker *w, uint64_t now_tsc) ON_WORKER;

/* The thread: polls until must_stop. arg is the struct dp_worker. Returns 0. */
int dp_worker_main(void *arg);

/* Closes a connection and keeps the gauges right. */
void dp_worker_close(struct dp_worker *w, struct dp_conn *conn) ON_WORKER;
/* Moves a connection to another state and keeps the gauges right. */
void dp_worker_set_state(
	struct dp_worker *w, struct dp_conn *conn, enum dp_l4_state state) ON_WORKER;
