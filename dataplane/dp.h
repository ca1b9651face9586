#pragma once

#include "base/addr.h"
#include "base/thread.h"
#include "conf/model.h"

#include <stdbool.h>
#include <stdint.h>

/* The data plane, as the control thread sees it.
 *
 * Start, feed with tables, publish, read counters, stop. Nothing here includes DPDK.
 * A "service" here is one half: (configured service, family, protocol), with a stable id that
 * the caller gives; a "server" is one backend of one such service (what IPVS calls a
 * destination), with a stable id too. Connections name both by id only.
 *
 * Setters copy what they are given into new immutable tables; workers see nothing until
 * dp_publish(), which swaps one pointer. Old tables are freed after every worker moved on. */

struct builder;
struct dp;
struct diag;

enum {
	DP_MAX_PORTS = CONF_MAX_INTERFACES,
	DP_MAX_WORKERS = CONF_MAX_WORKERS,
	DP_MAX_SERVICES = 16384, // ids 0 ..
	DP_MAX_SERVERS = 65535,  // ids 0 .. ; over all services
	DP_MAX_NEIGHBOURS = 16384,
	DP_MAX_ROUTES = 65535,
	DP_NO_ID = -1,
};

/* Why a packet was dropped: one list, each a metric label and a row in `show errors`. */
#define DP_DROP_LIST(X)                                                                            \
	X(BAD_HEADER, "bad_header", "malformed or truncated header")                               \
	X(BAD_CHECKSUM, "bad_checksum", "IPv4 header checksum is wrong")                           \
	X(BAD_FRAGMENT, "bad_fragment", "fragment: not forwarded by this version")                 \
	X(ICMP_ERROR, "icmp_error", "ICMP error: not translated by this version")                  \
	X(NOT_OURS, "not_ours", "neither for a service nor from or to a server")                   \
	X(NO_CONNECTION, "no_connection", "no connection and not the start of one")                \
	X(NO_SERVER, "no_server", "no server is up with a weight above 0")                         \
	X(TABLE_FULL, "table_full", "connection table is full")                                    \
	X(CLIENT_LIMIT, "client_limit", "client endpoint has too many connections")                \
	X(TUPLE_IN_USE, "tuple_in_use", "client endpoint already talks to each server's port")     \
	X(NO_ROUTE, "no_route", "no route to the destination")                                     \
	X(NO_NEIGHBOUR, "no_neighbour", "next hop's hardware address is not known")                \
	X(TTL_EXCEEDED, "ttl_exceeded", "time to live ran out")                                    \
	X(TOO_BIG, "too_big", "larger than the outgoing port's MTU")                               \
	X(HANDOFF_FULL, "handoff_full", "ring to the worker that owns the flow is full")           \
	X(TX_FULL, "tx_full", "transmit queue is full")                                            \
	X(VIP_NOT_OWNED, "vip_not_owned", "for a VIP that this node does not own now")             \
	X(PUNT_LIMITED, "punt_limited", "for the kernel, over the limit of such packets")          \
	X(PUNT_FULL, "punt_full", "for the kernel, which did not take it")                         \
	X(NO_BUFFER, "no_buffer", "no packet buffer for a reply")                                  \
	X(RATE_LIMITED, "rate_limited", "a reply of our own was over the rate limit")

enum dp_drop {
	DP_KEEP, // not dropped
#define X(id, label, help) DP_DROP_##id,
	DP_DROP_LIST(X)
#undef X
		DP_N_DROPS
};

/* The label, e.g. "no_connection"; and a sentence for people. reason in (DP_KEEP, DP_N_DROPS). */
const char *dp_drop_label(enum dp_drop reason) ANY_THREAD;
const char *dp_drop_help(enum dp_drop reason) ANY_THREAD;

/* ---- life ---------------------------------------------------------------------------- */

struct dp_start_info {
	bool has_hugepages;         // packet buffers and routes are on reserved huge pages
	bool has_table_hugepages;   // so are all workers' connection tables; else transparent ones
	uint64_t connections_max;   // over all workers, after rounding
	const char *driver_version; // "DPDK 22.11.11"; "" without workers
};

/* Brings up EAL, ports, tables and workers for `conf` (which must outlive the dp). Stale XDP
 * programs of ours are replaced; a foreign one is an error. No address is owned yet: the
 * leases are withdrawn, so VIPs answer nobody. On failure nothing is left behind, diag says
 * what and what to do about it. Errors: -EINVAL (environment), -ENOMEM, -EBUSY. */
int dp_start(const struct conf *conf, struct diag *diag, struct dp **ret_dp) ON_CONTROL;
/* Withdraws the leases, stops workers, closes ports, detaches programs. NULL is fine. */
void dp_stop(struct dp *dp) ON_CONTROL;
void dp_info(const struct dp *dp, struct dp_start_info *ret) ON_CONTROL;

/* -EADDRINUSE if a living poised drives one of the kernel interfaces of `conf`, those
 * below virtual devices too; diag names it.
 * To be asked before anything is changed that it relies on. */
int dp_check_free(const struct conf *conf, struct diag *diag) ON_CONTROL;

/* Detaches XDP programs that a dead instance left on the interfaces of `conf`.
 * Returns how many, or a negative errno (diag says where). */
int dp_cleanup(const struct conf *conf, struct diag *diag) ON_CONTROL;

/* ---- tables -------------------------------------------------------------------------- */

struct dp_vip {
	struct addr address;
	unsigned owner; // index of its lease
};

/* One way in: (address, protocol, ports) leads to a service. Ranges never overlap. */
struct dp_frontend {
	struct addr address;
	uint8_t protocol; // IPPROTO_TCP, IPPROTO_UDP
	uint16_t port_first;
	uint16_t port_last;
	unsigned service; // index into dp_services.services = its id
};

struct dp_server_def {
	struct addr address;
	uint16_t port;   // host order; 0: the packet's own destination port
	uint16_t weight; // what counts now: 0 when down, drained or weight 0
};

struct dp_service_def {
	uint8_t family; // 4, 6
	uint8_t protocol;
	unsigned first_server; // id of its first server; the others follow
	unsigned n_servers;
	enum conf_reaction on_no_server;
	enum conf_reaction unknown_tcp;
	struct conf_timeouts timeouts;
};

/* All VIPs, services and servers. Arrays are borrowed during the call only. */
struct dp_services {
	const struct dp_vip *vips;
	unsigned n_vips;
	const struct dp_frontend *frontends;
	unsigned n_frontends;
	const struct dp_service_def *services;
	unsigned n_services;
	const struct dp_server_def *servers;
	unsigned n_servers;
};

/* Replaces all of them. Errors: -ENOMEM, -E2BIG (over a DP_MAX_), -EINVAL. */
int dp_set_services(struct dp *dp, const struct dp_services *set) ON_CONTROL;

/* Replaces one service's schedule; n is its number of servers. Its position survives. */
int dp_set_weights(struct dp *dp, unsigned service, const uint16_t *weights, unsigned n) ON_CONTROL;
/* Whether a server is down, beside its weight of 0: its UDP connections then get another server
 * at their next packet, where those of a drained one live on. None is after dp_set_services(). */
void dp_set_down(struct dp *dp, unsigned server, bool is_down) ON_CONTROL;

enum dp_route_kind {
	DP_ROUTE_VIA,         // through a gateway
	DP_ROUTE_ON_LINK,     // destination is a neighbour
	DP_ROUTE_UNREACHABLE, // blackhole, prohibit, local, or out of an interface that is not ours
};

struct dp_route {
	struct prefix to;
	enum dp_route_kind kind;
	unsigned port;       // index of the interface
	struct addr gateway; // DP_ROUTE_VIA; may be of the other family (RFC 8950)
	unsigned metric;     // among equal prefixes the lowest is taken
};

/* Has the routing table replaced: the builder makes the new one, and builder_take() takes it over;
 * then dp_publish() is due. What is over DP_MAX_ROUTES or another limit is left out, the most
 * specific first: its packets follow the route around it. -EBUSY: another is still being built or
 * freed, ask again; -ENOMEM. */
int dp_set_routes(struct dp *dp, const struct dp_route *routes, unsigned n) ON_CONTROL;

struct dp_route_status {
	bool is_building;
	int error;           // of the last build: 0, or -errno, and the table before holds
	unsigned n_routes;   // in the table
	unsigned n_left_out; // of it
};
void dp_routes_status(const struct dp *dp, struct dp_route_status *ret) ON_CONTROL;

/* Computes for the control thread. NULL without workers. */
struct builder *dp_builder(const struct dp *dp) ON_CONTROL;

struct dp_neighbour {
	struct addr address;
	unsigned port;
	uint8_t mac[6];
};

/* Replaces the known (usable) neighbours of all ports. Errors as above. */
int dp_set_neighbours(struct dp *dp, const struct dp_neighbour *list, unsigned n) ON_CONTROL;

/* Addresses of this machine: what is for them goes to the kernel (dataplane.md §1, row 6).
 * Host prefixes and wider local prefixes. Takes effect at once. */
int dp_set_locals(struct dp *dp, const struct prefix *list, unsigned n) ON_CONTROL;

/* A port's kernel interface as it is now. */
struct dp_port_state {
	uint8_t mac[6];
	unsigned mtu; // 0: it is gone, and nothing leaves by it
	bool is_up;
	/* Where ICMP errors of our own come from, by family; unspecified: none is sent. */
	struct addr address[CONF_N_FAMILIES];
};
void dp_set_port(struct dp *dp, unsigned port, const struct dp_port_state *state) ON_CONTROL;

/* Looks at the links of ports that are no kernel interfaces, and lets their TAPs have a carrier
 * only where there is a link; about once a second. */
void dp_poll_links(struct dp *dp) ON_CONTROL;

/* Makes everything set since the last call visible to the workers, as one change. */
int dp_publish(struct dp *dp) ON_CONTROL;

/* Frees what no worker can see any more; once a turn of the loop is often enough. */
void dp_reap(struct dp *dp) ON_CONTROL;

/* ---- lease --------------------------------------------------------------------------- */

/* The VIPs of `owner` (0 .. DP_MAX_OWNERS-1) answer for life_ms from now. To be renewed
 * every fifth of that. When the process dies, is stopped or stuck, it runs out by itself. */
enum { DP_MAX_OWNERS = 256, DP_LEASE_LIFE_MS = 500 };
void dp_lease_renew(struct dp *dp, unsigned owner, unsigned life_ms) ON_CONTROL;
void dp_lease_withdraw(struct dp *dp, unsigned owner) ON_CONTROL;

/* ---- neighbours the workers want ------------------------------------------------------- */

/* Calls `want` for every neighbour that workers hold packets for and do not know (has_entry
 * false: the kernel shall resolve it), and for each gateway and server on the link that is not
 * known and was not there at the last call. With `with_used` (about once a second) also for every
 * gateway and server on the link that is not known, and, with has_entry true, for each known
 * neighbour that carried traffic since the last such call: the kernel shall keep it fresh. */
typedef void dp_want_neighbour(
	void *arg, unsigned port, const struct addr *address, bool has_entry);
void dp_poll_neighbours(
	struct dp *dp, bool with_used, dp_want_neighbour *want, void *arg) ON_CONTROL;

/* ---- counters -------------------------------------------------------------------------- */

/* Packets of a non-empty burst: 1, at most 8, at most 32, which is the most there can be. */
enum { DP_BURSTS_OF_1, DP_BURSTS_TO_8, DP_BURSTS_TO_32, DP_N_BURST_SIZES };

/* dataplane.md §9: rx + injected + handoff_in + generated =
 * tx + dropped + punted + handoff_out + held + consumed. `held` is a gauge. */
struct dp_worker_stats {
	unsigned cpu;
	uint64_t rx, injected, handoff_in, generated;
	uint64_t tx, dropped, punted, handoff_out, held, consumed;
	uint64_t drops[DP_N_DROPS]; // by reason; [DP_KEEP] unused
	/* Of them, those of no known service; dp_read_service() has the others. */
	uint64_t drops_outside[DP_N_DROPS];
	uint64_t connections;     // in the table now
	uint64_t half_open;       // of them: handshake not complete
	uint64_t connections_max; // room in the table
	uint64_t connections_opened, connections_expired;
	uint64_t half_open_evicted;        // oldest ones that made room at the bound
	uint64_t connections_replaced;     // over, and made room for another of the same endpoint
	uint64_t loops;                    // turns of the poll loop
	uint64_t busy_cycles, idle_cycles; // TSC; loops with and without packets
	uint64_t cycles_hz;                // of the TSC
	uint64_t sleeps;                   // idle pauses taken
	uint64_t bursts[DP_N_BURST_SIZES]; // from ports, by size; `rx` has their packets
};

struct dp_server_stats {
	uint64_t connections;            // opened, ever
	uint64_t packets_in, bytes_in;   // client to server, IP bytes
	uint64_t packets_out, bytes_out; // server to client
	uint64_t established;            // now
	uint64_t closing;                // now: every other state
};

/* Drops of one service; what was dropped before that was known counts for none. */
struct dp_service_stats {
	uint64_t drops[DP_N_DROPS];
};
/* Whether a drop of that reason can be a service's: the others are always 0 above. */
bool dp_drop_may_be_of_service(enum dp_drop reason) ANY_THREAD;

/* A pool of packet buffers. */
struct dp_pool_stats {
	const char *name; // "packets"; static
	unsigned numa_node;
	uint64_t free, limit;
};

struct dp_port_stats {
	const char *name;   // the interface's
	const char *device; // "eth0"
	const char *driver; // "net_af_xdp"
	const char *tap;    // the kernel side of a device that is no kernel interface; or NULL
	uint8_t mac[6];
	unsigned mtu;
	bool is_up;
	uint32_t speed_mbps; // as the driver says; 0: unknown
	unsigned n_queues;
	/* With several workers: why the device does not spread packets by the owner hash, so that
	 * they have to be handed over; static. NULL: it does. */
	const char *rss_why_not;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_missed, tx_errors;
	uint64_t rx_errors, rx_nombuf; // received with errors; no free buffer to receive into
	/* Through the TAP, if there is one. */
	uint64_t tap_to_kernel, tap_from_kernel;
	/* What the XDP program decided (dataplane.md §1), outside the account. */
	uint64_t xdp_to_worker, xdp_to_kernel, xdp_vip_not_owned, xdp_no_socket;
};

/* Times, counted in buckets of fixed bounds since the start. */
enum { DP_N_LATENCY_BUCKETS = 12, DP_N_HANDSHAKE_BUCKETS = 8, DP_MAX_TIME_BUCKETS = 12 };

struct dp_times {
	unsigned n_buckets;
	/* Times up to buckets[i]'s bound and above the one before; the last bucket has none. */
	double bounds_seconds[DP_MAX_TIME_BUCKETS - 1];
	uint64_t buckets[DP_MAX_TIME_BUCKETS];
	uint64_t count; // of all buckets
	double sum_seconds;
};

unsigned dp_n_workers(const struct dp *dp) ON_CONTROL;
unsigned dp_n_ports(const struct dp *dp) ON_CONTROL;
/* The kernel interface of a port: itself, or the TAP that dp_start() made, which is up. */
const char *dp_port_device(const struct dp *dp, unsigned port) ON_CONTROL;
void dp_read_worker(const struct dp *dp, unsigned worker, struct dp_worker_stats *ret) ON_CONTROL;
void dp_read_port(const struct dp *dp, unsigned port, struct dp_port_stats *ret) ON_CONTROL;
/* Sum over workers; `server` and `service` are ids. */
void dp_read_server(const struct dp *dp, unsigned server, struct dp_server_stats *ret) ON_CONTROL;
void dp_read_service(
	const struct dp *dp, unsigned service, struct dp_service_stats *ret) ON_CONTROL;
unsigned dp_n_pools(const struct dp *dp) ON_CONTROL;
void dp_read_pool(const struct dp *dp, unsigned pool, struct dp_pool_stats *ret) ON_CONTROL;

/* Of one packet in 256 of those that the worker forwarded: from being taken from the driver until
 * the driver took it. What waits for a neighbour does not count. */
void dp_read_latency(const struct dp *dp, unsigned worker, struct dp_times *ret) ON_CONTROL;
/* From a client's SYN until the server's SYN-ACK, both as they passed, of every handshake; sum over
 * workers; `server` is an id. */
void dp_read_handshake(const struct dp *dp, unsigned server, struct dp_times *ret) ON_CONTROL;

/* ---- packets, watched ------------------------------------------------------------------- */

enum { DP_MAX_FILTER = 1024, DP_MAX_SNAPLEN = 16384, DP_MAX_TRACES = 500 };

enum dp_watch_state { DP_WATCH_STARTING, DP_WATCH_ON, DP_WATCH_REFUSED };

struct dp_capture_options {
	const char *filter;   // as tcpdump takes it; "" matches all
	int port;             // index; DP_NO_ID: all
	bool has_in, has_out; // received (and dropped) ones, sent ones
	unsigned snaplen;     // 1 .. DP_MAX_SNAPLEN
};

enum dp_point { DP_POINT_RECEIVED, DP_POINT_SENT, DP_POINT_DROPPED };

/* A packet of a balanced connection is there as received and as sent, each if the filter matches
 * it so; a dropped one as received, and as it was when it was dropped. */
struct dp_capture_packet {
	int64_t at_ns; // CLOCK_REALTIME
	unsigned worker, port;
	enum dp_point point;
	enum dp_drop why;    // of DP_POINT_DROPPED
	int service, server; // ids, or DP_NO_ID: none, or not known
	unsigned frame_len, n_bytes;
	const uint8_t *bytes; // until the next call for this watcher
};

struct dp_trace_ends {
	struct addr src, dst;
	uint16_t src_port, dst_port; // host order
};

enum dp_trace_end {
	DP_TRACE_SENT,
	DP_TRACE_HELD, // waits for a neighbour
	DP_TRACE_DROPPED,
	DP_TRACE_ANSWERED, // dropped, its sender was told
	DP_TRACE_KERNEL,
	DP_TRACE_HANDED_OVER,
};

/* What became of a packet. */
struct dp_trace {
	int64_t at_ns; // CLOCK_REALTIME
	/* How many of rx, classify, steer, conn, decide, sched, forward it has passed. */
	unsigned n_stages;
	unsigned worker, port, frame_len;
	bool is_handed_over; // by another worker
	bool has_hash;       // of receive-side scaling
	uint32_t hash;
	bool is_ip; // what follows is known
	struct dp_trace_ends before;
	uint8_t protocol, tcp_flags;
	bool is_fragment;
	bool is_to_vip, is_from_client;
	int service; // id, or DP_NO_ID
	unsigned owner;
	bool has_conn; // found
	const char *state_before;
	uint32_t age_ms;
	bool is_new;                 // a connection was opened
	int server;                  // id, or DP_NO_ID
	uint32_t weight, weight_sum; // of the server that was chosen, of all
	const char *state_after;     // NULL: no connection
	uint32_t timeout_ms;
	enum dp_trace_end end;
	enum dp_drop why;           // of DROPPED, ANSWERED
	struct dp_trace_ends after; // of SENT, as it left
	unsigned out_port;          // of SENT, HELD
	uint8_t mac[6];             // of SENT, of the next hop
	struct addr neighbour;      // of HELD, whose MAC address is waited for
};

/* Captures or traces, one of each at a time: -EBUSY. -E2BIG: a filter is longer than DP_MAX_FILTER;
 * -EOPNOTSUPP: no workers; -ENOMEM. What workers find waits in a bounded memory of each; what has
 * no room there is lost. A trace takes up to twice `count` records of each worker: where a packet
 * is handed over, and where its way ends. */
struct dp_watcher;
int dp_watch_capture(struct dp *dp, const struct dp_capture_options *options,
	struct dp_watcher **ret_watcher) ON_CONTROL;
int dp_watch_trace(struct dp *dp, const char *filter, unsigned count,
	struct dp_watcher **ret_watcher) ON_CONTROL;
/* The filter is compiled elsewhere, so it takes a moment until it is on. *ret_why says why it was
 * refused; the watcher's. */
enum dp_watch_state dp_watch_poll(struct dp_watcher *w, const char **ret_why) ON_CONTROL;
/* The oldest one, which is taken away. False: there is none now. */
bool dp_watch_next_packet(struct dp_watcher *w, struct dp_capture_packet *ret) ON_CONTROL;
bool dp_watch_next_trace(struct dp_watcher *w, struct dp_trace *ret) ON_CONTROL;
/* How many were lost so far. */
uint64_t dp_watch_lost(const struct dp_watcher *w) ON_CONTROL;
/* NULL is fine. */
void dp_watch_stop(struct dp_watcher *w) ON_CONTROL;

/* ---- the connection table, asked ------------------------------------------------------- */

struct dp_conn_filter {
	bool has_client;
	struct addr client;
	uint16_t client_port; // 0: any
	int service;          // id, or DP_NO_ID: any
	int server;           // id, or DP_NO_ID: any
	/* Several ids at once (a service has a half per family and protocol): if n_services is
	 * not 0, one of them must match; likewise servers. Borrowed until the query is freed. */
	const unsigned *services;
	unsigned n_services;
	const unsigned *servers;
	unsigned n_servers;
};

struct dp_conn_info {
	struct addr client, vip;
	uint16_t client_port, vip_port, server_port; // host order
	uint8_t protocol;
	unsigned service, server; // ids
	unsigned worker;
	const char *state;   // "ESTABLISHED"; static
	uint32_t expires_ms; // from the moment it was read
	uint32_t age_ms;
};

/* Workers answer between bursts, a bounded piece at a time; the control loop asks again with
 * dp_query_poll() until it is done (true). At most `limit` matching connections are kept,
 * all are counted. One query at a time per dp; -EBUSY while one is running. */
struct dp_query;
int dp_query_start(struct dp *dp, const struct dp_conn_filter *filter, unsigned limit,
	struct dp_query **ret_query) ON_CONTROL;
bool dp_query_poll(struct dp_query *q) ON_CONTROL;
uint64_t dp_query_count(const struct dp_query *q) ON_CONTROL;
unsigned dp_query_results(const struct dp_query *q, const struct dp_conn_info **ret) ON_CONTROL;
void dp_query_free(struct dp_query *q) ON_CONTROL;
