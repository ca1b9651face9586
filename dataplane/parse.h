#pragma once

#include "base/addr.h"
#include "dataplane/dp.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* A frame's headers as values. Pure: bytes in, values out; safe for any bytes.
 *
 * Checked here, so that no later stage has to: lengths of every header against the frame and
 * against the IP packet, the IPv4 header checksum, at most 8 IPv6 extension headers. */

/* Of the IP header in a frame: behind the Ethernet header. */
enum { DP_L3_OFFSET = 14 };

enum { DP_PARSE_MAX_EXTENSIONS = 8 };

/* The two ends of a transport packet. Ports 0 where there are none. */
struct dp_parsed {
	struct addr src, dst;
	be16 src_port, dst_port;
	uint8_t family;   // 4, 6
	uint8_t protocol; // transport, after extension headers
	uint8_t tcp_flags;
	uint8_t ttl;
	bool is_fragment;   // first ones too; ports are not read then
	bool is_icmp_error; // ICMP or ICMPv6 error message
	uint16_t l3_offset;
	uint16_t l4_offset;
	uint16_t ip_len; // of the whole IP packet; Ethernet padding is behind it
};

/* Whether it is a header that dp_parse_frame() looks behind. In what it returns protocol is one
 * in a fragment only, whose Fragment header has more of them behind it. */
static inline bool dp_parse_is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

/* DP_KEEP, or why the frame cannot be used: DP_DROP_BAD_HEADER, DP_DROP_BAD_CHECKSUM,
 * DP_DROP_NOT_OURS (neither IPv4 nor IPv6). */
enum dp_drop dp_parse_frame(const uint8_t *frame, uint32_t len_bytes, struct dp_parsed *ret);

/* The packet that an ICMP error quotes; at least its addresses and ports. False if it is cut
 * before the ports, is no TCP or UDP, or p is no error. */
bool dp_parse_quoted(const uint8_t *frame, uint32_t len_bytes, const struct dp_parsed *p,
	struct dp_parsed *ret_quoted);
