/* Ethernet, IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768), and as much of
 * ICMP (RFC 792, RFC 4443) as tells an error from the rest. Reads bytes, never beyond len. */
#include "dataplane/parse.h"

#include "base/checksum.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

enum { ETHERTYPE_V4 = 0x0800, ETHERTYPE_V6 = 0x86dd };
enum { FRAGMENT_BITS_V4 = 0x3fff, FRAGMENT_BITS_V6 = 0xfff9 }; // offset and "more fragments"

static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t load16_host(const uint8_t *p)
{
	return ntohs(load16(p));
}

/* IPv4 header at l3. `is_quoted`: in an ICMP error, where the packet may be cut and its
 * checksum is not ours to judge. */
static enum dp_drop parse_v4(
	const uint8_t *l3, uint32_t room, bool is_quoted, struct dp_parsed *ret)
{
	uint32_t header_len, total_len;
	be32 v4;

	if (room < sizeof(struct ip) || l3[0] >> 4 != 4)
		return DP_DROP_BAD_HEADER;
	header_len = (l3[0] & 0xfu) * 4;
	total_len = load16_host(l3 + 2);
	if (header_len < sizeof(struct ip) || header_len > room || total_len < header_len)
		return DP_DROP_BAD_HEADER;
	if (total_len > room && !is_quoted)
		return DP_DROP_BAD_HEADER;
	if (!is_quoted && checksum_sum(l3, header_len, 0) != 0xffff)
		return DP_DROP_BAD_CHECKSUM;

	memcpy(&v4, l3 + 12, sizeof(v4));
	ret->src = addr_from_v4(v4);
	memcpy(&v4, l3 + 16, sizeof(v4));
	ret->dst = addr_from_v4(v4);
	ret->family = 4;
	ret->ttl = l3[8];
	ret->protocol = l3[9];
	ret->is_fragment = (load16_host(l3 + 6) & FRAGMENT_BITS_V4) != 0;
	ret->ip_len = (uint16_t)total_len;
	ret->l4_offset = (uint16_t)(ret->l3_offset + header_len);
	return DP_KEEP;
}

/* Walks from `at` (offset in the IP packet) to the transport header. */
static enum dp_drop walk_extensions(
	const uint8_t *l3, uint32_t end, uint8_t next, struct dp_parsed *ret)
{
	uint32_t at = sizeof(struct ip6_hdr);

	for (unsigned i = 0; dp_parse_is_extension(next); i++) {
		if (i == DP_PARSE_MAX_EXTENSIONS || at + 8 > end)
			return DP_DROP_BAD_HEADER;
		if (next == IPPROTO_FRAGMENT) {
			ret->is_fragment |= (load16_host(l3 + at + 2) & FRAGMENT_BITS_V6) != 0;
			next = l3[at];
			at += 8;
			if (ret->is_fragment)
				break; // what follows may be the middle of anything
		} else {
			next = l3[at];
			at += (l3[at + 1] + 1u) * 8;
		}
	}
	if (at > end)
		return DP_DROP_BAD_HEADER;
	ret->protocol = next;
	ret->l4_offset = (uint16_t)(ret->l3_offset + at);
	return DP_KEEP;
}

static enum dp_drop parse_v6(
	const uint8_t *l3, uint32_t room, bool is_quoted, struct dp_parsed *ret)
{
	uint32_t total_len;

	if (room < sizeof(struct ip6_hdr) || l3[0] >> 4 != 6)
		return DP_DROP_BAD_HEADER;
	total_len = (uint32_t)sizeof(struct ip6_hdr) + load16_host(l3 + 4);
	if (total_len > UINT16_MAX || (total_len > room && !is_quoted))
		return DP_DROP_BAD_HEADER;
	ret->src = addr_from_v6(l3 + 8);
	ret->dst = addr_from_v6(l3 + 24);
	if (addr_is_v4(&ret->src) || addr_is_v4(&ret->dst))
		return DP_DROP_BAD_HEADER; // RFC 4942 §2.2: not on the wire
	ret->family = 6;
	ret->ttl = l3[7];
	ret->ip_len = (uint16_t)total_len;
	return walk_extensions(l3, total_len < room ? total_len : room, l3[6], ret);
}

static enum dp_drop parse_tcp(const uint8_t *l4, uint32_t room, struct dp_parsed *ret)
{
	uint32_t header_len;

	if (room < sizeof(struct tcphdr))
		return DP_DROP_BAD_HEADER;
	header_len = (l4[12] >> 4) * 4u;
	if (header_len < sizeof(struct tcphdr) || header_len > room)
		return DP_DROP_BAD_HEADER;
	ret->tcp_flags = l4[13];
	return DP_KEEP;
}

static enum dp_drop parse_udp(const uint8_t *l4, uint32_t room)
{
	uint32_t len;

	if (room < sizeof(struct udphdr))
		return DP_DROP_BAD_HEADER;
	len = load16_host(l4 + 4);
	return len < sizeof(struct udphdr) || len > room ? DP_DROP_BAD_HEADER : DP_KEEP;
}

static bool is_icmp_error_v4(uint8_t type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

static enum dp_drop parse_l4(const uint8_t *l4, uint32_t room, struct dp_parsed *ret)
{
	enum dp_drop why = DP_KEEP;

	switch (ret->protocol) {
	case IPPROTO_TCP:
		why = parse_tcp(l4, room, ret);
		break;
	case IPPROTO_UDP:
		why = parse_udp(l4, room);
		break;
	case IPPROTO_ICMP:
		if (room < 8)
			return DP_DROP_BAD_HEADER;
		ret->is_icmp_error = ret->family == 4 && is_icmp_error_v4(l4[0]);
		return DP_KEEP;
	case IPPROTO_ICMPV6:
		if (room < 8)
			return DP_DROP_BAD_HEADER;
		ret->is_icmp_error = ret->family == 6 && !(l4[0] & ICMP6_INFOMSG_MASK);
		return DP_KEEP;
	default:
		return DP_KEEP;
	}
	if (why == DP_KEEP) {
		ret->src_port = load16(l4);
		ret->dst_port = load16(l4 + 2);
	}
	return why;
}

enum dp_drop dp_parse_frame(const uint8_t *frame, uint32_t len_bytes, struct dp_parsed *ret)
{
	struct dp_parsed p = {.l3_offset = DP_L3_OFFSET};
	uint32_t room = len_bytes - DP_L3_OFFSET;
	enum dp_drop why;
	uint16_t type;

	if (len_bytes < DP_L3_OFFSET)
		return DP_DROP_BAD_HEADER;
	type = load16_host(frame + 12);
	if (type == ETHERTYPE_V4)
		why = parse_v4(frame + DP_L3_OFFSET, room, false, &p);
	else if (type == ETHERTYPE_V6)
		why = parse_v6(frame + DP_L3_OFFSET, room, false, &p);
	else
		return DP_DROP_NOT_OURS;
	if (why == DP_KEEP && !p.is_fragment)
		why = parse_l4(
			frame + p.l4_offset, (uint32_t)p.l3_offset + p.ip_len - p.l4_offset, &p);
	if (why == DP_KEEP)
		*ret = p;
	return why;
}

bool dp_parse_quoted(const uint8_t *frame, uint32_t len_bytes, const struct dp_parsed *p,
	struct dp_parsed *ret_quoted)
{
	struct dp_parsed q = {.l3_offset = (uint16_t)(p->l4_offset + 8)};
	const uint8_t *l3 = frame + q.l3_offset;
	uint32_t end = (uint32_t)p->l3_offset + p->ip_len;
	enum dp_drop why;

	if (!p->is_icmp_error || end > len_bytes || q.l3_offset >= end)
		return false;
	why = p->family == 4 ? parse_v4(l3, end - q.l3_offset, true, &q)
			     : parse_v6(l3, end - q.l3_offset, true, &q);
	if (why != DP_KEEP || (q.protocol != IPPROTO_TCP && q.protocol != IPPROTO_UDP))
		return false;
	if ((uint32_t)q.l4_offset + 4 > end)
		return false;
	q.src_port = load16(frame + q.l4_offset);
	q.dst_port = load16(frame + q.l4_offset + 2);
	*ret_quoted = q;
	return true;
}
