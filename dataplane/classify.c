/* Second stage: parse, and tell whose packet it is.
 *
 * To a VIP: inbound of a service, the client is the source. Anything else that the port gave
 * us has a server at one end: taken as outbound, the client is the destination; if no
 * connection matches, the schedule stage decides between routing and dropping.
 * Fragments and ICMP errors of balanced traffic are dropped by this version, counted. */
#include "base/pick.h"
#include "dataplane/parse_plain.h"
#include "dataplane/pipeline.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

/* The port that packets came from, as far as it matters here; most bursts have one only. */
struct side {
	uint16_t port;
	bool has_tap;
	uint64_t mac; // as the first six bytes of a frame to it lie; 0: not known
};

static uint64_t load_mac(const void *eight_bytes)
{
	uint64_t mac;

	memcpy(&mac, eight_bytes, sizeof(mac));
	return mac & htobe64(0xffffffffffff0000u);
}

static struct side side_of(const struct dp_worker *w, const struct dp_tables *t, uint16_t port)
{
	return (struct side){
		.port = port,
		.has_tap = w->setup.taps[port].fd >= 0,
		.mac = load_mac(&t->ports[port]),
	};
}

/* What is known before the connection is. `vip` is the slot of the destination. */
static inline uint8_t decision_for(const struct dp_worker *w, const struct dp_burst *b,
	const struct dp_pkt *p, const struct side *side) ON_WORKER;
static inline uint8_t decision_for(const struct dp_worker *w, const struct dp_burst *b,
	const struct dp_pkt *p, const struct side *side)
{
	bool is_owned, is_to_port;

	if (!side->has_tap)
		return DP_DECIDED;
	// written by dp_lease_renew(); stands for itself, so no order is needed
	is_owned = __atomic_load_n(&w->setup.leases[p->vip->owner], __ATOMIC_RELAXED) > b->now_tsc;
	is_to_port = (side->mac == 0) | (side->mac == load_mac(p->frame));
	return (uint8_t)pick_u32(
		(is_owned | !p->is_to_vip) & is_to_port, DP_NOT_DECIDED, DP_IF_KNOWN);
}

/* For both kinds of packets, once family, protocol, offsets and the key are there. */
static inline void place(const struct dp_worker *w, const struct dp_burst *b, struct dp_pkt *p,
	const struct side *side) ON_WORKER;
static inline void place(const struct dp_worker *w, const struct dp_burst *b, struct dp_pkt *p,
	const struct side *side)
{
	p->decision = decision_for(w, b, p, side);
}

static inline void set_vip(struct dp_pkt *p, const struct dp_vip_entry *slot)
{
	p->vip = slot;
	p->is_to_vip = !dp_vip_is_free(slot);
	p->key.dir = !p->is_to_vip; // DP_DIR_IN is 0
}

/* Which end is the client's is a toss-up: ends are taken by number, not by branch. */
static inline void describe_plain(
	const struct dp_tables *t, struct dp_pkt *p, const struct dp_plain *h)
{
	const uint8_t *ports = p->frame + h->l4_offset;
	unsigned len = h->family == 4 ? sizeof(be32) : sizeof(struct addr);
	unsigned out;

	if (h->family == 4) {
		struct addr dst = addr_from_v4(dp_plain_load32(h->ends + len));

		set_vip(p, dp_services_vip_slot(t->services, &dst));
		out = p->key.dir;
		p->key.client = addr_from_v4(dp_plain_load32(h->ends + out * len));
		p->key.remote = addr_from_v4(dp_plain_load32(h->ends + (out ^ 1) * len));
	} else {
		struct addr dst = addr_from_v6(h->ends + len);

		set_vip(p, dp_services_vip_slot(t->services, &dst));
		out = p->key.dir;
		p->key.client = addr_from_v6(h->ends + out * len);
		p->key.remote = addr_from_v6(h->ends + (out ^ 1) * len);
	}
	p->key.client_port = dp_plain_load16(ports + out * sizeof(be16));
	p->key.remote_port = dp_plain_load16(ports + (out ^ 1) * sizeof(be16));
	p->key.protocol = h->protocol;
	p->family = h->family;
	p->protocol = h->protocol;
	p->tcp_flags = h->tcp_flags;
	p->may_be_answered = true;
	p->l4_offset = h->l4_offset;
	p->ip_len = h->ip_len;
}

static void describe(const struct dp_tables *t, struct dp_pkt *p, const struct dp_parsed *h)
{
	bool is_transport = h->protocol == IPPROTO_TCP || h->protocol == IPPROTO_UDP;

	set_vip(p, dp_services_vip_slot(t->services, &h->dst));
	p->key.client = p->is_to_vip ? h->src : h->dst;
	p->key.remote = p->is_to_vip ? h->dst : h->src;
	p->key.client_port = p->is_to_vip ? h->src_port : h->dst_port;
	p->key.remote_port = p->is_to_vip ? h->dst_port : h->src_port;
	p->key.protocol = is_transport ? h->protocol : 0;
	p->family = h->family;
	p->protocol = h->protocol;
	p->tcp_flags = h->tcp_flags;
	p->may_be_answered = !h->is_icmp_error && !h->is_fragment;
	p->l4_offset = h->l4_offset;
	p->ip_len = h->ip_len;
}

/* An error about a connection of ours would carry inside addresses outwards, or mean nothing
 * to the one it reaches. */
static bool is_about_service(
	const struct dp_tables *t, const struct dp_pkt *p, const struct dp_parsed *h) ON_WORKER;
static bool is_about_service(
	const struct dp_tables *t, const struct dp_pkt *p, const struct dp_parsed *h)
{
	struct dp_parsed quoted;

	if (p->is_to_vip)
		return true;
	return dp_parse_quoted(p->frame, p->frame_len, h, &quoted) &&
	       dp_services_has_endpoint(t->services, &quoted.dst, quoted.protocol, quoted.dst_port);
}

static enum dp_drop check_fragment(
	const struct dp_tables *t, const struct dp_pkt *p, const struct dp_parsed *h) ON_WORKER;
static enum dp_drop check_fragment(
	const struct dp_tables *t, const struct dp_pkt *p, const struct dp_parsed *h)
{
	bool may_be_service = h->protocol == IPPROTO_TCP || h->protocol == IPPROTO_UDP ||
			      dp_parse_is_extension(h->protocol); // and behind those, anything

	if (p->is_to_vip || (may_be_service && dp_services_has_server(t->services, &h->src)))
		return DP_DROP_BAD_FRAGMENT;
	return DP_KEEP;
}

static enum dp_drop check_closely(
	const struct dp_tables *t, const struct dp_pkt *p, const struct dp_parsed *h) ON_WORKER;
static enum dp_drop check_closely(
	const struct dp_tables *t, const struct dp_pkt *p, const struct dp_parsed *h)
{
	enum dp_drop why = h->is_fragment ? check_fragment(t, p, h) : DP_KEEP;

	if (why != DP_KEEP)
		return why;
	if (h->is_icmp_error && is_about_service(t, p, h))
		return DP_DROP_ICMP_ERROR;
	return h->ttl <= 1 ? DP_DROP_TTL_EXCEEDED : DP_KEEP;
}

/* A packet that is not plain. Whose it is has to be known first: the kernel takes fragments, ICMP
 * errors and a TTL of 1. False: it has gone its way. */
static bool classify_closely(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p,
	const struct side *side) ON_WORKER;
static bool classify_closely(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, const struct side *side)
{
	struct dp_parsed h;
	enum dp_drop why;

	if (side->has_tap && !dp_decide_packet(w, b, p))
		return false;
	p->frame_len = rte_pktmbuf_data_len(p->m); // without tags now
	why = dp_parse_frame(p->frame, p->frame_len, &h);
	if (why == DP_KEEP) {
		describe(b->tables, p, &h);
		place(w, b, p, side);
		p->decision = DP_DECIDED;
		why = check_closely(b->tables, p, &h);
	}
	if (why == DP_KEEP)
		return true;
	if (why == DP_DROP_TTL_EXCEEDED)
		dp_reply_icmp(w, b, p, DP_REPLY_TIME_EXCEEDED, why);
	else
		dp_burst_drop(w, p, why);
	return false;
}

void dp_classify_stage(struct dp_worker *w, struct dp_burst *b)
{
	struct side side = side_of(w, b->tables, b->n > 0 ? b->pkt[0].in_port : 0);
	unsigned live = 0;

	b->now_tsc = rte_rdtsc();
	for (unsigned i = 0; i < b->n; i++) {
		struct dp_pkt *p = &b->pkt[i];
		struct dp_plain h;

		p->service = DP_NO_ID;
		if (p->in_port != side.port)
			side = side_of(w, b->tables, p->in_port);
		if (dp_parse_plain(p->frame, p->frame_len, &h)) {
			describe_plain(b->tables, p, &h);
			place(w, b, p, &side);
		} else if (!classify_closely(w, b, p, &side)) {
			continue;
		}
		dp_burst_keep(b, live++, i);
	}
	b->n = live;
}
