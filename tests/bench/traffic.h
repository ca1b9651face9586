#pragma once

#include "tests/bench/frame.h"
#include "tests/bench/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What goes into the balancer, and what must come out. A pattern of traffic gives one packet after
 * the other, and judges each that came out: never by the balancer's own tables. */

enum { TRAFFIC_OUT = 1u << 31, TRAFFIC_NO_SERVER = UINT16_MAX };

/* A connection, small because there are ten million of them. */
struct traffic_conn {
	uint32_t client;  // its number in the catalog
	uint16_t service; // TRAFFIC_NO_SERVER where it is not known yet
	uint16_t server;
};

struct traffic {
	unsigned family;
	uint16_t frame_len; // 0: as short as can be
	struct random_state random;
	uint32_t next_client; // number of the next new client
	void (*next)(struct traffic *t, struct frame_flow *ret_flow, struct frame_spec *ret_spec);
	/* NULL, or what is wrong. */
	const char *(*judge)(struct traffic *t, const struct frame_read *r);
};

/* A client not seen before talks to some service: 70 % TCP. protocol 0: either. */
struct traffic_conn traffic_new_conn(struct traffic *t, uint8_t protocol);
struct frame_flow traffic_flow(const struct traffic *t, const struct traffic_conn *c);
void traffic_spec(const struct traffic *t, const struct frame_flow *f, uint32_t id,
	uint8_t tcp_flags, struct frame_spec *ret);
/* Whether a packet of the connection came out as it must. Learns the server from the first. */
const char *traffic_judge(
	const struct traffic *t, struct traffic_conn *c, const struct frame_read *r);
/* Does c belong to a TCP service? */
bool traffic_is_tcp(const struct traffic_conn *c);

/* ---- steady: packets of connections that are open, in random order ------------------------ */

enum steady_mode { STEADY_BOTH, STEADY_IN, STEADY_OUT, STEADY_ZIPF };

struct steady {
	struct traffic t;
	enum steady_mode mode;
	uint32_t n;
	struct traffic_conn *conns;
	double log_n;
	/* While they are opened: which connection and packet comes next. */
	uint32_t at, group_at;
	unsigned stage;
};

/* n connections to open. Exits when there is no memory. */
struct steady *steady_new(unsigned family, uint32_t n, uint64_t seed);
void steady_free(struct steady *s);
/* The packets that open all of them, a group after the other: returns how many of the next stage
 * there are, 0 when all is done. Each stage must have come out before the next is begun. */
uint32_t steady_opening(struct steady *s, uint32_t group);
/* From here on: traffic in this mode. */
void steady_begin(struct steady *s, enum steady_mode mode, uint16_t frame_len);
