#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* Frames of the bench: written whole, with right checksums; and read back and judged after the
 * balancer has had them. Pure.
 *
 * A frame carries the id of what sent it, in the TCP sequence number or the first bytes of the
 * UDP payload, so that each can be told apart on its way out. The rest of the payload is 0. */

enum { FRAME_CLEARED = 128 }; // bytes that frame_write() clears; behind them all must be 0

/* A connection as both ends and the balancer know it. */
struct frame_flow {
	struct addr client, vip, server;
	be16 client_port, vip_port, server_port;
	uint8_t family; // 4, 6
	uint8_t protocol;
};

struct frame_spec {
	uint32_t id;
	bool is_out; // from the server
	uint8_t tcp_flags;
	uint16_t frame_len; // at least frame_min_len()
};

/* Room for headers and the id. */
uint16_t frame_min_len(unsigned family, uint8_t protocol);

/* data has frame_len bytes. MACs: from (6 bytes) to (6 bytes). */
void frame_write(uint8_t *data, const struct frame_flow *f, const struct frame_spec *s,
	const uint8_t *mac_to, const uint8_t *mac_from);

/* What can be read from a frame; src and dst as they are. */
struct frame_read {
	struct addr src, dst;
	be16 src_port, dst_port;
	uint8_t family, protocol, ttl, tcp_flags;
	uint32_t id;
	const uint8_t *mac_to, *mac_from;
};

/* NULL, or what is wrong with the frame; every length and checksum is looked at. */
const char *frame_check(const uint8_t *data, uint16_t len, struct frame_read *ret);
