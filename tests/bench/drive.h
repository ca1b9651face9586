#pragma once

#include "tests/bench/traffic.h"
#include "tests/bench/world.h"

/* Packets into a port's receive ring, and out of its transmit ring; and what runs in between. */

enum {
	DRIVE_SEGMENT = 1024, // packets that are timed in one piece
	/* Packets under way between their writing and their use: 14,336 of them, with two lines of
	 * the buffer's head and one or two of the frame each, are more than 2 MB. */
	DRIVE_DEPTH = 14 * DRIVE_SEGMENT,
};

/* Counted over the whole run of a case. */
struct drive_counts {
	uint64_t in, out;
};

/* One queue of a port with the traffic for it. */
struct lane {
	const struct world_ports *ports;
	const struct world_port *port;
	unsigned queue;
	struct traffic *traffic; // NULL: a baseline's; only checksums are judged on the way out
	struct traffic *source;
	struct drive_counts counts;
};

/* Writes n packets into the receive ring. */
void drive_fill(struct lane *l, unsigned n);
/* Fills up to `depth` packets. */
void drive_fill_to(struct lane *l, unsigned depth);
/* Takes all that came out, checks every packet, frees it. Exits at the first wrong one.
 * Returns how many. */
unsigned drive_drain(struct lane *l);
/* Frees what has not been received. */
void drive_clear(struct lane *l);

/* Runs the worker until it has received n packets. Returns TSC ticks. */
uint64_t drive_worker(struct world *w, unsigned index, unsigned n);
/* The same, under a name of its own: callgrind counts inside it only. */
uint64_t drive_worker_counted(struct world *w, unsigned index, unsigned n);
/* Runs turns that receive nothing until nothing is held any more. */
void drive_idle(struct world *w, unsigned index);

/* Opens all connections of s through the worker of the lane's queue; not timed. */
void drive_open(struct world *w, struct lane *l, struct steady *s);

/* ---- baselines: receive 32, do little, send 32 --------------------------------------------- */

/* (a) swaps the MAC addresses. */
uint64_t baseline_mac(const struct world_port *port, unsigned n);
/* (b) parses, verifies the IPv4 checksum, swaps MACs, addresses and ports, lowers the TTL,
 * updates the checksums. */
uint64_t baseline_swap(const struct world_port *port, unsigned n);
