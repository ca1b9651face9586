#pragma once

#include "base/pick.h"
#include "dataplane/parse.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

/* The parser for the packets that there are most of, in as few instructions and branches as can
 * be: TCP or UDP, IPv4 without options or IPv6 without extension headers, no fragment, a TTL that
 * does not run out here, nothing wrong. All others are for dp_parse_frame(), which would say
 * the same of these: a test compares them. Pure.
 *
 * Families come in runs, so they are branched on; TCP and UDP do not: what differs between them is
 * chosen by arithmetic. */

struct dp_plain {
	const uint8_t *ends; // source address in the frame, the destination's behind it
	uint8_t family;      // 4, 6
	uint8_t protocol;    // TCP or UDP
	uint8_t tcp_flags;
	uint16_t l4_offset;
	uint16_t ip_len;
};

static inline uint16_t dp_plain_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline be32 dp_plain_load32(const uint8_t *p)
{
	be32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Bytes of the smallest header. */
static inline uint32_t dp_plain_least(bool is_tcp)
{
	return pick_u32(is_tcp, sizeof(struct udphdr), sizeof(struct tcphdr));
}

/* Of a transport header that is all there, with l4_len bytes by the IP header. What a TCP header
 * has behind the first eight bytes is read only of one. */
static inline bool dp_plain_l4(
	const uint8_t *l4, bool is_tcp, uint32_t l4_len, struct dp_plain *ret)
{
	const uint8_t *offset_and_flags = l4 + pick_u32(is_tcp, 0, 12);
	uint32_t tcp_header = (offset_and_flags[0] >> 4) * 4u;
	uint32_t udp_len = ntohs(dp_plain_load16(l4 + 4));
	uint32_t claimed = pick_u32(is_tcp, udp_len, tcp_header);

	ret->tcp_flags = offset_and_flags[1] & (uint8_t)(0 - (unsigned)is_tcp);
	return (claimed >= dp_plain_least(is_tcp)) & (claimed <= l4_len);
}

/* RFC 1071: the sum over a header is all ones. Words of 32 bits may be summed as they lie. */
static inline bool dp_plain_sum_v4(const uint8_t *l3)
{
	uint32_t w[5];
	uint64_t sum;

	memcpy(w, l3, sizeof(w));
	sum = (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum) == 0xffff;
}

static inline bool dp_plain_v4(const uint8_t *l3, uint32_t room, struct dp_plain *ret)
{
	uint32_t total_len = ntohs(dp_plain_load16(l3 + 2));
	bool is_tcp = l3[9] == IPPROTO_TCP;

	ret->ends = l3 + 12;
	ret->family = 4;
	ret->protocol = l3[9];
	ret->ip_len = (uint16_t)total_len;
	ret->l4_offset = DP_L3_OFFSET + sizeof(struct ip);
	return (l3[0] == 0x45) & (l3[8] > 1) & (is_tcp | (l3[9] == IPPROTO_UDP)) &
		       (total_len <= room) &
		       (total_len >= sizeof(struct ip) + dp_plain_least(is_tcp)) &
		       ((dp_plain_load16(l3 + 6) & htons(0x3fff)) == 0) & dp_plain_sum_v4(l3) &&
	       dp_plain_l4(l3 + sizeof(struct ip), is_tcp, total_len - sizeof(struct ip), ret);
}

static inline bool dp_plain_v6(const uint8_t *l3, uint32_t room, struct dp_plain *ret)
{
	uint32_t l4_len = ntohs(dp_plain_load16(l3 + 4));
	struct addr src = addr_from_v6(l3 + 8), dst = addr_from_v6(l3 + 24);
	bool is_tcp = l3[6] == IPPROTO_TCP;

	ret->ends = l3 + 8;
	ret->family = 6;
	ret->protocol = l3[6];
	ret->ip_len = (uint16_t)(l4_len + sizeof(struct ip6_hdr));
	ret->l4_offset = DP_L3_OFFSET + sizeof(struct ip6_hdr);
	return (l3[0] >> 4 == 6) & (l3[7] > 1) & (is_tcp | (l3[6] == IPPROTO_UDP)) &
		       (l4_len + sizeof(struct ip6_hdr) <= room) &
		       (l4_len >= dp_plain_least(is_tcp)) &
		       (l4_len <= UINT16_MAX - sizeof(struct ip6_hdr)) &
		       !(addr_is_v4(&src) | addr_is_v4(&dst)) &&
	       dp_plain_l4(l3 + sizeof(struct ip6_hdr), is_tcp, l4_len, ret);
}

/* False: ask dp_parse_frame(); *ret is undefined then. */
static inline bool dp_parse_plain(const uint8_t *frame, uint32_t len_bytes, struct dp_plain *ret)
{
	enum { LEAST_V4 = DP_L3_OFFSET + sizeof(struct ip) + sizeof(struct udphdr) };
	enum { LEAST_V6 = DP_L3_OFFSET + sizeof(struct ip6_hdr) + sizeof(struct udphdr) };
	uint16_t type;

	if (len_bytes < LEAST_V4)
		return false;
	type = dp_plain_load16(frame + 12);
	if (type == htons(0x0800))
		return dp_plain_v4(frame + DP_L3_OFFSET, len_bytes - DP_L3_OFFSET, ret);
	if (type == htons(0x86dd) && len_bytes >= LEAST_V6)
		return dp_plain_v6(frame + DP_L3_OFFSET, len_bytes - DP_L3_OFFSET, ret);
	return false;
}
