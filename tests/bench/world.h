#pragma once

#include "dataplane/internal.h"

#include <stdint.h>

/* The product's own tables and workers, put together as dp_start() does it, between ports that
 * are rings in memory. One world at a time; the ports outlive it. */

struct rte_mempool;
struct rte_ring;

enum {
	WORLD_MAX_WORKERS = 2,
	WORLD_RING = 16384,    // receive ring
	WORLD_TX_RING = 4096,  // at least a segment
	WORLD_BUFFERS = 65535, // far more than the second-level cache holds
	WORLD_FEW_BUFFERS = 8191,
	WORLD_COUNTING_HZ = 1000000000,
};

/* A device of DPDK's ring driver: one queue a worker. */
struct world_port {
	uint16_t ethdev;
	struct rte_ring *rx[WORLD_MAX_WORKERS], *tx[WORLD_MAX_WORKERS];
};

/* Made once. `base` is where the baselines run: the same driver, rings of their own. */
struct world_ports {
	struct rte_mempool *buffers;
	struct world_port work, base;
	uint64_t tsc_hz;
	unsigned route_serial; // names of FIBs may not come twice
};

struct world_options {
	unsigned n_workers;
	uint32_t connections; // over all workers
	struct conf_timeouts timeouts;
	bool has_hugepages;
	/* An XDP program has chosen the packets; else the worker does, as behind a DPDK driver. */
	bool has_xdp;
	bool is_counting;   // nothing whose number depends on how fast time passes
	bool must_be_there; // every page of the tables: fill_seconds is wanted
};

struct world {
	struct dp dp;
	struct conf conf;
	struct conf_interface interface;
	uint16_t cpus[WORLD_MAX_WORKERS];
	struct world_ports *ports;
	int kernel_side[2];   // -1: none
	uint64_t clock;       // TSC ticks that workers have run: time stands still in between
	unsigned clock_speed; // how many times as fast as the TSC it runs; 1 but where it is said
	/* While instructions are counted: time by turns, not by the TSC. 0: by the TSC. */
	uint64_t ticks_per_turn;
	/* dp_worker_init(): its time, and the memory it took and already has; then the time until
	 * every page of its connection tables is there. */
	double init_seconds, fill_seconds;
	uint64_t worker_mapped, worker_resident;
};

/* is_counting: for callgrind, with few buffers and a TSC that is said to have 1 GHz. 0 or a
 * negative errno. */
int world_ports_open(struct world_ports *ports, bool is_counting);

/* Also measures how long dp_worker_init() takes. Calls exit() when it fails: a bench has nobody
 * to tell. */
struct world *world_new(struct world_ports *ports, const struct world_options *options);
void world_free(struct world *w);

extern const struct conf_timeouts world_default_timeouts;

/* Exits with a message if the account of dataplane.md §9 does not balance. */
void world_check_account(const struct world *w);
/* Sums over workers. */
struct dp_worker_stats world_stats(const struct world *w);
