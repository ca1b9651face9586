#pragma once

#include "base/checksum.h"
#include "base/pick.h"
#include "dataplane/pipeline.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

/* The rewrite, a part of the forward stage. Inbound, destination VIP:port becomes server:port;
 * outbound, source server:port becomes VIP:port. The client's address and port stay (that is what
 * the connection is filed under). Checksums by deltas that were computed once (RFC 1624); TTL or
 * hop limit goes down by one, for untranslated packets too.
 *
 * Directions come in no order: both go through the same instructions, on values picked. */

/* One direction's edit: which end, what it becomes, and the deltas' sign. */
struct dp_edit {
	const struct addr *address;
	be16 port;
	bool is_source;
	uint16_t flip; // 0xffff where the way goes back: the delta is the complement
};

static inline void dp_nat_apply_at(uint8_t *sum, uint16_t delta)
{
	uint16_t value;

	memcpy(&value, sum, sizeof(value));
	value = checksum_apply(value, delta);
	memcpy(sum, &value, sizeof(value));
}

/* A UDP/IPv4 sum of 0 means none and stays; a computed 0 is sent as 0xffff (RFC 768). TCP and UDP
 * come in no order: what differs is chosen, not branched on. */
static inline void dp_nat_apply_transport(uint8_t *l4, bool is_tcp, uint16_t delta)
{
	uint8_t *at = l4 + pick_u32(is_tcp, offsetof(struct udphdr, uh_sum),
				   offsetof(struct tcphdr, th_sum));
	bool is_special;
	uint16_t was, is;

	memcpy(&was, at, sizeof(was));
	is = checksum_apply(was, delta);
	is_special = (!is_tcp) & ((was == 0) | (is == 0));
	if (__builtin_expect(is_special, false))
		is = was == 0 ? 0 : 0xffff;
	memcpy(at, &is, sizeof(is));
}

static inline void dp_nat_apply_ends(
	const struct dp_pkt *p, const struct dp_conn *c, const struct dp_edit *e)
{
	uint8_t *l4 = p->frame + p->l4_offset;

	memcpy(l4 + (e->is_source ^ 1u) * sizeof(e->port), &e->port, sizeof(e->port));
	dp_nat_apply_transport(l4, p->protocol == IPPROTO_TCP, c->ends_delta ^ e->flip);
}

/* `also`: another change of the IPv4 header, as a delta. */
static inline void dp_nat_apply_edit(
	const struct dp_pkt *p, const struct dp_conn *c, const struct dp_edit *e, uint16_t also)
{
	uint8_t *l3 = p->frame + DP_L3_OFFSET;

	if (p->family == 4) {
		be32 v4 = addr_v4(e->address);

		memcpy(l3 + offsetof(struct ip, ip_src) + (e->is_source ^ 1u) * sizeof(v4), &v4,
			sizeof(v4));
		dp_nat_apply_at(l3 + offsetof(struct ip, ip_sum),
			checksum_add(c->address_delta ^ e->flip, also));
	} else {
		memcpy(l3 + offsetof(struct ip6_hdr, ip6_src) +
				(e->is_source ^ 1u) * sizeof(*e->address),
			e->address->bytes, sizeof(e->address->bytes));
	}
	dp_nat_apply_ends(p, c, e);
}

static inline struct dp_edit dp_nat_edit_for(
	const struct dp_conn *c, const struct dp_server *server, bool is_to_server)
{
	return (struct dp_edit){
		.address = pick_pointer(is_to_server, &c->vip, &server->address),
		.port = (be16)pick_u32(is_to_server, c->vip_port, c->server_port),
	};
}

/* TTL or hop limit; returns the delta of the IPv4 header. */
static inline uint16_t dp_nat_decrement_ttl(const struct dp_pkt *p)
{
	uint8_t *l3 = p->frame + DP_L3_OFFSET;

	l3[p->family == 6 ? offsetof(struct ip6_hdr, ip6_hlim) : offsetof(struct ip, ip_ttl)]--;
	return checksum_delta16(htons(0x0100), 0);
}

static inline void dp_nat_translate(const struct dp_pkt *p, const struct dp_server *servers)
{
	bool is_in = p->key.dir == DP_DIR_IN;
	struct dp_edit e = dp_nat_edit_for(p->conn, &servers[p->conn->server], is_in);

	e.is_source = !is_in;
	e.flip = (uint16_t)(0 - (unsigned)!is_in);
	dp_nat_apply_edit(p, p->conn, &e, dp_nat_decrement_ttl(p));
}

static inline void dp_nat_route_on(const struct dp_pkt *p)
{
	uint16_t delta = dp_nat_decrement_ttl(p);

	if (p->family == 4)
		dp_nat_apply_at(p->frame + DP_L3_OFFSET + offsetof(struct ip, ip_sum), delta);
}
