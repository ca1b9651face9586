#pragma once

#include "dataplane/pipeline.h"
#include "dataplane/routes.h"
#include "dataplane/worker.h"

#include "packet.h"
#include "seeded.h"

#include <stdbool.h>
#include <stdint.h>

/* A worker without a thread or a port: real tables, real mbufs, bursts put in and frames taken
 * out of its queues by hand. The clock is the test's.
 *
 *   client .10 ---- 192.0.2.0/24 ---- port 0 [rig] port 1 ---- 198.51.100.0/24 ---- .11 .12
 *   2001:db8:1::10   2001:db8:1::/64  .1, ::1     .1, ::1    2001:db8:2::/64       ::11 ::12
 *   others by 192.0.2.254, 2001:db8:1::fe                  .20, ::20 are never resolved
 */
enum { RIG_PORTS = 2, RIG_CLIENT_SIDE = 0, RIG_SERVER_SIDE = 1 };
enum { RIG_POOL = 2047, RIG_CONNECTIONS = 64, RIG_MTU = 1500 };
enum { RIG_MAX_SERVICES = 16, RIG_MAX_SERVERS = 40 };

#define RIG_CLIENT4 "192.0.2.10"
#define RIG_CLIENT6 "2001:db8:1::10"
#define RIG_FAR4 "203.0.113.7"
#define RIG_FAR6 "2001:db8:99::7"
#define RIG_VIP4 "192.0.2.100"
#define RIG_OTHER_VIP4 "192.0.2.101"
#define RIG_VIP6 "2001:db8:1::100"

/* Services by id. Each has the two servers .11 and .12 with weight 1 unless it says otherwise. */
enum rig_service {
	RIG_TCP4,        // VIP4:80 -> 8080; unknown_tcp reset
	RIG_TCP6,        // VIP6:80 -> 8080
	RIG_UDP4,        // VIP4:53 -> 5353
	RIG_UDP6,        // VIP6:53 -> 5353
	RIG_RANGE4,      // VIP4:8000-8999 -> the packet's own port; unknown_tcp drop
	RIG_OTHER4,      // OTHER_VIP4:80 -> 8080, the same servers as RIG_TCP4
	RIG_EMPTY_TCP4,  // VIP4:81, weights 0; on_no_server reset
	RIG_EMPTY_TCP6,  // VIP6:81
	RIG_EMPTY_UDP4,  // VIP4:54
	RIG_EMPTY_UDP6,  // VIP6:54
	RIG_SILENT4,     // VIP4:82, weights 0; on_no_server drop
	RIG_UNRESOLVED4, // VIP4:83 -> .20:8080 alone
	RIG_UNRESOLVED6, // VIP6:83 -> ::20:8080 alone
	RIG_N_SERVICES,
};

struct rig_out {
	uint8_t bytes[PACKET_ROOM];
	unsigned len;
};

struct rig {
	struct dp_worker *w;
	struct rte_mempool *pool;
	struct rte_ring *wants;
	struct dp_tables *tables;
	struct dp_service_part *services;
	struct dp_schedule_part *schedules[RIG_MAX_SERVICES];
	struct dp_route_part *routes;
	struct dp_nexthop_map *map;
	struct dp_local_part *locals;
	struct dp_nexthop_part *nexthops;
	struct seeded random;
	unsigned mtu[RIG_PORTS];
	bool is_resolved; // .20 and ::20 are known
	uint8_t mac_mark; // in the MAC address of every neighbour
	const char *gateway4;
	bool is_down[RIG_MAX_SERVERS];
};

/* EAL, once a process; for cmocka's group set-up and tear-down. */
int rig_start_eal(void **state);
int rig_stop_eal(void **state);

struct rig *rig_new(const char *name);
/* Checks that nothing was lost, then frees all. */
void rig_free(struct rig *r);

/* New tables, as after a change: same services, weights as they are. */
void rig_publish(struct rig *r);
void rig_set_weights(struct rig *r, unsigned service, uint16_t first, uint16_t second);
/* One of the service's two servers is found down, or both are up again (-1). */
void rig_set_down(struct rig *r, unsigned service, int which);

/* Another default route: by 192.0.2.254, as at first, or 192.0.2.253. */
void rig_set_gateway(struct rig *r, const char *gateway4);

/* One burst (up to DP_BURST packets) through the pipeline. */
void rig_send_burst(struct rig *r, unsigned port, const struct packet *packets, unsigned n);
void rig_send(struct rig *r, unsigned port, const struct packet *p);
/* Each packet a burst of its own, the next one begun before it is finished. */
void rig_send_overlapping(struct rig *r, unsigned port, const struct packet *packets, unsigned n);
/* The same for a port with a TAP: what is the kernel's is decided first. How many were ours. */
unsigned rig_decide(struct rig *r, unsigned port, const struct packet *packets, unsigned n);
/* The oldest frame that waits to leave; false if none does. */
bool rig_take(struct rig *r, unsigned port, struct rig_out *ret);
void rig_drop_output(struct rig *r);
/* Exactly one frame leaves, by that port, with right sums. */
void rig_expect_one(struct rig *r, unsigned port, struct rig_out *ret);
void rig_expect_nothing(struct rig *r);

struct packet rig_packet(struct rig *r, struct packet_spec spec);

/* What a packet has become on its way: NULL and 0 stay as they were. The TTL is one less, the
 * sums are right for all of it, the frame is from the port's MAC address to the next hop's. */
struct rig_change {
	const char *src, *dst;
	uint16_t src_port, dst_port;
	const char *nexthop;
};
void rig_expect_changed(
	struct rig *r, unsigned port, const struct packet *sent, const struct rig_change *change);

/* The i-th connection, settled ones first; NULL: there are not as many. */
struct dp_conn *rig_conn(const struct rig *r, unsigned i);
/* The server that the i-th connection went to, as text: static. */
const char *rig_server_text(const struct rig *r, unsigned i);
void rig_pass_time(struct rig *r, uint32_t ms);
/* What the worker does once a turn. */
void rig_pending(struct rig *r, bool is_new);
void rig_sweep(struct rig *r);

/* dataplane.md §9, and no buffer lost. */
void rig_check_account(const struct rig *r);
/* The gauges of all servers against the records themselves. */
void rig_check_gauges(const struct rig *r);
/* Another size of the connection table, while it is empty. */
void rig_resize(struct rig *r, uint32_t connections, uint32_t half_open);
uint64_t rig_drops(const struct rig *r, enum dp_drop reason);
unsigned rig_connections(const struct rig *r);
