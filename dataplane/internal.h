#pragma once

#include "base/thread.h"
#include "dataplane/claim.h"
#include "dataplane/dp.h"
#include "dataplane/memory.h"
#include "dataplane/routes.h"
#include "dataplane/tables.h"
#include "dataplane/tap.h"
#include "dataplane/worker.h"

/* The data plane as a whole: what dp.c, port.c, query.c and stats.c share. Control thread. */

struct dp_owner;
struct dp_watch_set;
struct dp_xdp;
struct rte_mempool;
struct diag;

/* A packet buffer with all its heads: a whole page, so that none crosses one (port.c). */
enum { DP_MAX_QUEUES = 64, DP_PACKET_SPACE = 4096 };

struct dp_port {
	const struct conf_interface *conf;
	struct dp_claim claim; // of the kernel interface, or the one below
	/* Queues, each received from by one worker. With AF_XDP each is a device of its own. */
	struct dp_queue {
		uint16_t ethdev, queue;
	} queues[DP_MAX_QUEUES];
	unsigned n_queues;
	/* Why packets do not come in on their owner's queue; static; NULL: they do (rss.h). */
	const char *rss_why_not;
	bool is_open;      // a PCI or virtual device: queues[0] names it
	unsigned xdp_port; // number in dp->xdp, for a kernel interface
	unsigned mtu;      // of the device; 0: its kernel interface's
	struct dp_tap tap; // not open on a kernel interface
	struct dp_port_state state;
};

/* Packet buffers: for AF_XDP and usual MTUs, and for large ones. */
enum dp_pool { DP_POOL_SMALL, DP_POOL_LARGE, DP_N_POOLS };

struct dp {
	const struct conf *conf;
	struct dp_start_info info;
	bool has_eal;
	struct dp_xdp *xdp;
	struct rte_mempool *pools[DP_N_POOLS]; // NULL: no port needs it
	unsigned promised[DP_N_POOLS];         // queues that take from it
	struct dp_port ports[DP_MAX_PORTS];
	unsigned n_ports;
	struct dp_worker *workers[DP_MAX_WORKERS];
	struct dp_memory worker_memory[DP_MAX_WORKERS]; // of those
	unsigned n_workers;
	unsigned n_running;
	struct rte_rcu_qsbr *rcu;
	struct rte_ring *wants[DP_MAX_WORKERS];
	struct rte_ring *handoff[DP_MAX_WORKERS][DP_MAX_WORKERS]; // [from][to]
	struct dp_owner *owner;
	struct dp_tables_root root;
	struct dp_query *query;

	/* watching.c's own. */
	struct builder *filter_builder; // compiles filters; NULL: none was asked for yet
	struct dp_watcher *capture, *trace;
	struct dp_watch_set *watching, *unwatched; // what workers have; what they may still have

	/* What the next root is made of. */
	struct dp_service_part *services;
	struct dp_schedule_part **schedules; // by service id, one reference each
	bool is_down[DP_MAX_SERVERS];        // by server id
	struct dp_route_part *routes;
	struct dp_nexthop_part *nexthops;
	struct dp_local_part *locals;
	struct dp_neighbour *neighbours; // as last set
	unsigned n_neighbours;
	unsigned route_serial;
	struct dp_route_home route_home;
	struct dp_route_status route_status;
	struct dp_nexthop_map *nexthop_map;
	struct dp_nexthop_part *asked; // as it was when new ones were last asked for; or NULL
	uint32_t nexthop_seen_ms[DP_MAX_NEIGHBOURS + 1]; // last reading of used marks, by id
	bool must_rebuild_nexthops;

	/* When each owner's VIPs fall silent, by the TSC; for ports without an XDP program.
	 * Written by control, read by workers. */
	uint64_t leases[DP_MAX_OWNERS];
};

/* ---- eal.c: DPDK's environment ---------------------------------------------------------- */

/* Initialises EAL for the configuration's workers; decides about huge pages. -errno, diag. */
int dp_eal_start(struct dp *dp, struct diag *diag) ON_CONTROL;
void dp_eal_stop(struct dp *dp) ON_CONTROL;
/* For the tables of a worker: huge pages or not, on its CPU's NUMA node. */
struct dp_memory_policy dp_eal_memory_policy(const struct dp *dp, unsigned worker) ON_CONTROL;

/* ---- port.c: ports ------------------------------------------------------------------------ */

/* Memory of one packet buffer of the pool; 0: no port needs it. Pure. */
unsigned dp_pool_space(const struct conf *conf, enum dp_pool pool);

/* Opens, starts: XDP program first, so that the driver adopts it. -errno, diag. */
int dp_port_open_all(struct dp *dp, struct diag *diag) ON_CONTROL;
void dp_port_close_all(struct dp *dp) ON_CONTROL;

/* ---- watching.c --------------------------------------------------------------------------- */

/* Frees what no worker can see any more. */
void dp_watch_reap(struct dp *dp) ON_CONTROL;
/* No worker runs any more. */
void dp_watch_fini(struct dp *dp) ON_CONTROL;

/* A pause of some microseconds for the control thread while it waits for a worker. */
void dp_relax(void);
