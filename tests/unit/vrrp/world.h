#pragma once

#include "vrrp/engine.h"

#include <stdbool.h>
#include <stdint.h>

/* A LAN of nodes that run the real engine, on a clock of its own: packets go from one to the other
 * through memory, and time passes only from event to event. Each node has one group with an IPv4
 * and an IPv6 instance. What the parts with sockets and programs do is played here. */

enum { WORLD_MAX_NODES = 4, WORLD_INSTANCES = 2, WORLD_QUEUE = 256, LATENCY_US = 100 };

struct world_packet {
	int64_t at_us;
	uint16_t len;
	struct vrrp_envelope envelope;
	uint8_t bytes[128];
};

struct world_run {
	uint64_t id; // VRRP_NO_RUN: none
	int64_t ends_us;
	vrrp_program_ended *ended;
	void *arg;
};

struct world_node {
	struct world *world;
	unsigned number;
	struct vrrp *v; // NULL: not running
	struct conf conf;
	struct conf_vrrp_group group;
	struct conf_vrrp_instance instances[WORLD_INSTANCES];
	struct conf_interface interface;
	struct addr addresses[WORLD_INSTANCES][2];
	struct addr sources[WORLD_INSTANCES];
	bool is_dying; // killed: says nothing any more
	bool is_frozen;
	bool has_link;
	bool is_deaf[WORLD_INSTANCES]; // hears and says nothing there
	unsigned side;                 // of a partition: only equal ones hear each other
	bool is_holding;
	int64_t lease_until_us;
	unsigned n_taken, n_left;
	const char *refusal; // of take()
	int socket_error;    // of opening its sockets; 0: they open
	int adjustment;      // of its tracks
	const char *fault;   // of its tracks
	struct vrrp_tracks *tracks;
	bool has_more_to_say; // its tracks, while it stops
	/* Of its gate's program, where the group has one. */
	int64_t gate_us;
	bool gate_fails;
	unsigned n_busy; // runs that the spawner has no room for
	struct world_run run;
	unsigned n_turns;
	struct world_packet queue[WORLD_INSTANCES][WORLD_QUEUE];
	unsigned head[WORLD_INSTANCES], tail[WORLD_INSTANCES];
	char last_why[VRRP_WHY_LEN];
};

struct world {
	unsigned n;
	struct world_node nodes[WORLD_MAX_NODES];
	/* Two of a side that both answered: since when, and the longest time so far; of nodes that
	 * run, and of any: one that was killed or stopped answers as long as its lease. */
	int64_t double_since_us, longest_double_us;
	int64_t undead_since_us, longest_undead_us;
	/* Of the LAN, in percent of packets. */
	unsigned loss, doubling;
	int64_t jitter_us;
	unsigned n_packets;
};

/* The clock, as everything here sees it. */
int64_t world_now_us(void);
/* Whose engine is being started or told of its link: for the parts that are given no context. */
struct world_node *world_starting(void);

/* n nodes with the priorities, linked, not started. To be freed. */
struct world *world_new(unsigned n, const unsigned *priorities, uint32_t advert_ms);
void world_free(struct world *w);
void world_start(struct world_node *node);
/* SIGKILL: what it held stays, as long as its lease. */
void world_kill(struct world_node *node);
/* SIGTERM. */
void world_stop(struct world_node *node);
void world_set_link(struct world_node *node, bool is_up);
/* Lets time pass. */
void world_run(struct world *w, int64_t us);
/* The node's group. */
enum vrrp_state world_state(const struct world_node *node);
/* Whether it answers for the addresses now. */
bool world_answers(const struct world_node *node);
/* The tracks' news. */
void world_set_tracks(struct world_node *node, int adjustment, const char *fault);
/* When a program of the node's ends; 0: none runs. Its end, if that is due. */
int64_t world_program_ends_us(const struct world_node *node);
void world_end_program(struct world_node *node);
