#pragma once

#include <stdint.h>

struct conf_timeouts;

/* The state of a connection as the balancer sees it, and what a packet does to it. Pure.
 *
 * The balancer watches flags, not sequence numbers: a state says how long to keep an idle
 * entry (dataplane.md §5) and whether a SYN may reuse it; endpoints keep TCP itself honest. */
enum dp_l4_state {
	DP_L4_FREE,    // the record is not in use
	DP_L4_SYN,     // client's SYN seen
	DP_L4_SYN_ACK, // server has answered it
	DP_L4_ESTABLISHED,
	DP_L4_FIN_CLIENT,      // client closed first, server has not
	DP_L4_FIN_SERVER,      // server closed first, client has not
	DP_L4_LAST_ACK_CLIENT, // both closed; the client's last ACK is awaited
	DP_L4_LAST_ACK_SERVER, // both closed; the server's last ACK is awaited
	DP_L4_TIME_WAIT,
	DP_L4_CLOSE, // RST seen
	DP_L4_UDP_UNANSWERED,
	DP_L4_UDP, // server has answered
	DP_L4_N_STATES,
};

/* What a packet is to the table. The client's events come first, the server's after them in
 * the same order, so that event = kind + direction * DP_L4_EV_N_KINDS. */
enum dp_l4_event {
	DP_L4_EV_NONE, // no flag that counts; every UDP packet
	DP_L4_EV_SYN,
	DP_L4_EV_SYN_ACK,
	DP_L4_EV_ACK,
	DP_L4_EV_FIN,
	DP_L4_EV_RST,
	DP_L4_EV_N_KINDS,
	DP_L4_EV_N = 2 * DP_L4_EV_N_KINDS,
};

enum dp_dir { DP_DIR_IN, DP_DIR_OUT }; // client to server, server to client

/* The flags of a TCP header (RFC 9293 §3.1) that matter here. */
enum { DP_TCP_FIN = 0x01, DP_TCP_SYN = 0x02, DP_TCP_RST = 0x04, DP_TCP_ACK = 0x10 };

extern const uint8_t dp_l4state_kinds[32];
extern const uint8_t dp_l4state_next[DP_L4_N_STATES][DP_L4_EV_N];

/* RST wins over SYN, SYN over FIN, FIN over ACK. flags 0 for UDP. */
static inline enum dp_l4_event dp_l4state_event(uint8_t tcp_flags, enum dp_dir dir)
{
	return (enum dp_l4_event)(dp_l4state_kinds[tcp_flags & 0x1f] + dir * DP_L4_EV_N_KINDS);
}

static inline enum dp_l4_state dp_l4state_step(enum dp_l4_state state, enum dp_l4_event event)
{
	return (enum dp_l4_state)dp_l4state_next[state][event];
}

/* A new SYN may take the entry over, with a fresh choice of server. */
static inline int dp_l4state_is_reusable(enum dp_l4_state state)
{
	return state == DP_L4_TIME_WAIT || state == DP_L4_CLOSE;
}

/* "ESTABLISHED"; static. */
const char *dp_l4state_name(enum dp_l4_state state);

/* Fills timeouts_ms[DP_L4_N_STATES]; [DP_L4_FREE] is 0. */
void dp_l4state_timeouts(const struct conf_timeouts *conf, uint32_t *ret_timeouts_ms);
