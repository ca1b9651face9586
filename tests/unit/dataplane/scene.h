#pragma once

#include "rig.h"

/* A rig whose client side has no XDP program: the worker decides what is the kernel's, and a pair
 * of sockets stands for the TAP. 192.0.2.1 is an address of this machine. */

enum { SCENE_PORT = RIG_CLIENT_SIDE, SCENE_KERNEL = 0, SCENE_WORKER = 1 };

struct scene {
	struct rig *r;
	int ends[2];
	uint64_t leases[1];
};

extern const struct packet_spec scene_to_service; // opens a connection
extern const struct packet_spec scene_to_us;      // the kernel's

/* The VIPs are owned. */
void scene_open(struct scene *s, const char *name);
void scene_close(struct scene *s);
void scene_own(struct scene *s, bool is_owner);

/* To the port's own MAC address. */
struct packet scene_packet(struct scene *s, struct packet_spec spec);
/* 802.1Q tags without a VLAN, unless `vlan` is not 0. */
struct packet scene_tagged(const struct packet *p, unsigned n, uint16_t vlan);

void scene_expect_in_kernel(struct scene *s, const struct packet *p);
void scene_expect_nothing_in_kernel(struct scene *s);
