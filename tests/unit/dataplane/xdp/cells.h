#pragma once

#include "dataplane/dp.h"
#include "tests/unit/dataplane/xdp/frame.h"

#include <stddef.h>

/* What becomes of which packet, by rows of docs/xdp.md. */

/* By verdict and counter together. */
enum fate { KERNEL, WORKER, NOT_OWNED, NO_SOCKET, IMPOSSIBLE };
const char *fate_text(enum fate fate);

enum { BOTH, V4_ONLY, V6_ONLY };

struct cell {
	const char *name;
	struct packet packet;
	enum fate fate;
	int families;
};

struct cell_row {
	unsigned number;
	const struct cell *cells;
	size_t n;
};

/* Rows 1, 2 and 4-8. */
const struct cell_row *cells_row(unsigned number);

// what ICMP errors quote
extern const struct packet cell_from_service, cell_to_server;

#define PACKET(...)                                                                                \
	{                                                                                          \
		.src = CLIENT, .src_port = 40000, __VA_ARGS__                                      \
	}
#define ERROR_TO(to, about)                                                                        \
	{                                                                                          \
		.src = STRANGER, .dst = to, .protocol = ICMP, .icmp = UNREACHABLE, .quote = about  \
	}

/* The services, servers and local addresses that the names of frame.h speak of. Owner 0 has the
 * VIPs that are owned, owner 1 has LOST_VIP. VIP: TCP 80 and 8000-8010, UDP 53. */
enum { CELL_LOCALS = 9 };
struct cell_sets {
	struct dp_services services;
	struct dp_vip vips[6];
	struct dp_frontend frontends[8];
	struct dp_service_def defs[3];
	struct dp_server_def servers[4];
	struct prefix locals[CELL_LOCALS];
};
void cells_sets(struct cell_sets *s);
struct addr cells_addr(enum who who, int family);

/* Row 1 for ARP, which IPv4 alone has. */
enum { CELL_ARPS = 13 };
struct cell_arp {
	const char *name;
	uint16_t operation; // 1 request, 2 reply
	enum who sender, target;
	enum tags tags;
	unsigned cut_bytes; // off its end
	enum fate fate;
};
extern const struct cell_arp cells_arps[CELL_ARPS];
void cells_build_arp(const struct cell_arp *c, struct frame *ret);

/* For random tests. */
unsigned cells_below(unsigned *seed, unsigned limit);
struct packet cells_random_packet(unsigned *seed);
