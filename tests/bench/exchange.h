#pragma once

#include "tests/bench/traffic.h"

/* ---- exchange: connections of eight packets, many under way at once ------------------------
 *
 * SYN, SYN-ACK, ACK, a request, an answer, FIN, FIN, the last ACK; then the slot begins with a
 * new client. Slots take turns in a fixed random order, so the packets of a connection are
 * n_slots packets apart, and a burst holds all eight kinds. */

enum { EXCHANGE_SLOTS = 32768, EXCHANGE_PACKETS = 8 };

struct exchange {
	struct traffic t;
	struct traffic_conn conns[EXCHANGE_SLOTS];
	int8_t step[EXCHANGE_SLOTS];
	uint32_t order[EXCHANGE_SLOTS];
	uint32_t n_slots, at;
};

/* n_slots at most EXCHANGE_SLOTS. first_client: numbers below it belong to others. */
struct exchange *exchange_new(
	unsigned family, uint32_t n_slots, uint32_t first_client, uint64_t seed);
void exchange_free(struct exchange *x);

/* ---- flood: SYNs that nobody follows up, and honest handshakes among them -------------------- */

enum {
	FLOOD_RING = 65536,  // more than are ever under way
	FLOOD_HONEST = 2048, // handshakes under way
	FLOOD_SHARE = 16,    // one packet in so many is an honest one's
};

struct flood_counts {
	uint64_t packets, syns;     // made, of both kinds
	uint64_t completed, failed; // honest handshakes
};

struct flood {
	struct traffic t;
	struct traffic_conn conns[FLOOD_RING + FLOOD_HONEST];
	uint8_t step[FLOOD_HONEST];      // the packet that was sent last
	bool has_come_out[FLOOD_HONEST]; // it was forwarded
	uint32_t at, honest_at;
	struct flood_counts counts;
};

struct flood *flood_new(unsigned family, uint32_t first_client, uint64_t seed);
void flood_free(struct flood *f);

/* ---- strangers: segments of connections that nobody opened ------------------------------------
 */

struct traffic *stranger_new(unsigned family, uint32_t first_client, uint64_t seed);
void stranger_free(struct traffic *t);
