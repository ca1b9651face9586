/* Answers that Poise makes itself: TCP RST (RFC 9293 §3.5.2), ICMP (RFC 792, RFC 1812 §4.3)
 * and ICMPv6 (RFC 4443) errors. Built in the buffer of the packet that caused them and sent
 * back where it came from, to the MAC address it came from. Limited per worker.
 *
 * Never answered: RSTs, ICMP errors, fragments, and packets from or to addresses that
 * are no single host's (RFC 1122 §3.2.2). */
#include "dataplane/pipeline.h"

#include "base/checksum.h"
#include "dataplane/watch.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

/* RFC 1812 §4.3.2.3: as much of the packet as fits 576 bytes; RFC 4443 §3: 1280. */
enum { ICMP_HEADER = 8, MAX_REPLY_V4 = 576, MAX_REPLY_V6 = 1280, REPLY_TTL = 64 };

/* RFC 1122 §3.2.2: not a multicast, broadcast, loopback or class E address, nor none. */
static bool is_single_host(const struct addr *a)
{
	if (addr_is_v4(a) && (a->bytes[12] == 127 || a->bytes[12] >= 240))
		return false;
	return !addr_is_multicast(a) && !addr_is_unspecified(a);
}

static void swap_macs(struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ether_addr was = eth->dst_addr;

	eth->dst_addr = eth->src_addr;
	eth->src_addr = was;
}

/* Sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1). */
static uint16_t pseudo_sum(
	const struct addr *a, const struct addr *b, uint8_t protocol, uint16_t len)
{
	const struct {
		be16 len;
		be16 protocol;
	} rest = {htons(len), htons(protocol)};
	size_t skip = addr_is_v4(a) ? 12 : 0;
	uint16_t sum = checksum_sum(a->bytes + skip, 16 - skip, 0);

	sum = checksum_sum(b->bytes + skip, 16 - skip, sum);
	return checksum_sum(&rest, sizeof(rest), sum);
}

static void write_v4(uint8_t *l3, const struct addr *from, const struct addr *to, uint8_t protocol,
	uint16_t total_len)
{
	struct ip ip = {
		.ip_v = 4,
		.ip_hl = sizeof(ip) / 4,
		.ip_len = htons(total_len),
		.ip_off = htons(IP_DF),
		.ip_ttl = REPLY_TTL,
		.ip_p = protocol,
		.ip_src.s_addr = addr_v4(from),
		.ip_dst.s_addr = addr_v4(to),
	};

	ip.ip_sum = (uint16_t)~checksum_sum(&ip, sizeof(ip), 0);
	memcpy(l3, &ip, sizeof(ip));
}

static void write_v6(uint8_t *l3, const struct addr *from, const struct addr *to, uint8_t protocol,
	uint16_t payload_len)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(payload_len),
		.ip6_nxt = protocol,
		.ip6_hlim = REPLY_TTL,
	};

	memcpy(&ip.ip6_src, from->bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, to->bytes, sizeof(ip.ip6_dst));
	memcpy(l3, &ip, sizeof(ip));
}

/* The IP header in front of a payload that is there already; returns its length. */
static unsigned write_ip(
	uint8_t *l3, const struct dp_pkt *p, uint8_t protocol, uint16_t payload_len)
{
	const struct addr *from = &p->key.remote, *to = &p->key.client;

	if (p->family == 4) {
		write_v4(l3, from, to, protocol, (uint16_t)(sizeof(struct ip) + payload_len));
		return sizeof(struct ip);
	}
	write_v6(l3, from, to, protocol, payload_len);
	return sizeof(struct ip6_hdr);
}

static void send_back(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why) ON_WORKER;
static void send_back(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why)
{
	swap_macs(p->m);
	dp_worker_count_drops(w, p->service, why, 1);
	w->counters.generated++;
	dp_tx_queue_put(w, p->in_port, p->m);
}

/* The RST that answers a segment: its own sequence number is what the peer acknowledged, or,
 * to a segment without ACK, 0 with an acknowledgement of all it sent. */
static struct tcphdr reset_for(const struct dp_pkt *p, const struct tcphdr *seen)
{
	uint32_t l4_len = (uint32_t)(DP_L3_OFFSET + p->ip_len - p->l4_offset);
	uint32_t sent = l4_len - seen->th_off * 4u;
	struct tcphdr rst = {
		.th_sport = seen->th_dport,
		.th_dport = seen->th_sport,
		.th_off = sizeof(rst) / 4,
		.th_flags = TH_RST,
	};

	sent += (seen->th_flags & TH_SYN) ? 1 : 0;
	sent += (seen->th_flags & TH_FIN) ? 1 : 0;
	if (seen->th_flags & TH_ACK) {
		rst.th_seq = seen->th_ack;
	} else {
		rst.th_flags |= TH_ACK;
		rst.th_ack = htonl(ntohl(seen->th_seq) + sent);
	}
	return rst;
}

void dp_reply_reset(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why)
{
	uint8_t *l3 = p->frame + DP_L3_OFFSET;
	struct tcphdr seen, rst;
	unsigned header_len;

	if ((p->tcp_flags & DP_TCP_RST) || !is_single_host(&p->key.client)) {
		dp_burst_drop(w, p, why);
		return;
	}
	if (!dp_worker_take_token(&w->reset_limit, w->now_ms)) {
		dp_burst_drop(w, p, DP_DROP_RATE_LIMITED);
		return;
	}
	if (w->watch)
		dp_watch_dropped(w, p->m, p->in_port, why, true);
	memcpy(&seen, p->frame + p->l4_offset, sizeof(seen));
	rst = reset_for(p, &seen);
	rst.th_sum = (uint16_t)~checksum_sum(&rst, sizeof(rst),
		pseudo_sum(&p->key.remote, &p->key.client, IPPROTO_TCP, sizeof(rst)));
	header_len = write_ip(l3, p, IPPROTO_TCP, sizeof(rst));
	memcpy(l3 + header_len, &rst, sizeof(rst));
	// what was received held at least these headers, so this only trims
	(void)rte_pktmbuf_trim(p->m,
		(uint16_t)(rte_pktmbuf_data_len(p->m) - DP_L3_OFFSET - header_len - sizeof(rst)));
	send_back(w, p, why);
}

/* Type, code and the second word, by family. */
static void fill_icmp(uint8_t *icmp, const struct dp_pkt *p, enum dp_reply_icmp kind, uint32_t mtu)
{
	static const struct {
		uint8_t v4[2], v6[2];
	} codes[] = {
		[DP_REPLY_PORT_UNREACHABLE] = {{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH},
			{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT}},
		[DP_REPLY_TIME_EXCEEDED] = {{ICMP_TIME_EXCEEDED, ICMP_EXC_TTL},
			{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT}},
		[DP_REPLY_TOO_BIG] = {{ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED},
			{ICMP6_PACKET_TOO_BIG, 0}},
	};
	be32 word = kind == DP_REPLY_TOO_BIG ? htonl(mtu) : 0;

	memset(icmp, 0, ICMP_HEADER);
	memcpy(icmp, p->family == 4 ? codes[kind].v4 : codes[kind].v6, 2);
	memcpy(icmp + 4, &word, sizeof(word)); // RFC 1191: the lower half; RFC 4443 §3.2: all
}

/* The address that the answer comes from: the VIP that was asked, else the port's own. */
static bool set_source(const struct dp_tables *t, struct dp_pkt *p)
{
	const struct dp_port_info *port = &t->ports[p->in_port];
	struct addr asker = p->is_to_vip ? p->key.client : p->key.remote;

	if (!p->is_to_vip) {
		p->key.remote = port->address[p->family == 4 ? CONF_V4 : CONF_V6];
		p->key.client = asker;
	}
	return is_single_host(&p->key.remote) && is_single_host(&asker);
}

static bool may_answer(const struct dp_tables *t, struct dp_pkt *p, enum dp_reply_icmp kind)
{
	const uint8_t *l3 = p->frame + DP_L3_OFFSET;
	bool has_df = p->family == 6 || (l3[6] & 0x40);

	if (kind == DP_REPLY_TOO_BIG && !has_df)
		return false; // would be fragmented by a router that can; this version does not
	if (!p->may_be_answered)
		return false;
	return set_source(t, p);
}

void dp_reply_icmp(struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p,
	enum dp_reply_icmp kind, enum dp_drop why)
{
	unsigned ip_header = p->family == 4 ? sizeof(struct ip) : sizeof(struct ip6_hdr);
	unsigned room = (p->family == 4 ? MAX_REPLY_V4 : MAX_REPLY_V6) - ip_header - ICMP_HEADER;
	uint16_t quoted = (uint16_t)RTE_MIN(p->ip_len, room);
	uint8_t protocol = p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	uint16_t len = (uint16_t)(ICMP_HEADER + quoted), sum = 0;
	struct rte_ether_hdr eth;
	uint8_t *frame;

	if (!may_answer(b->tables, p, kind)) {
		dp_burst_drop(w, p, why);
		return;
	}
	if (!dp_worker_take_token(&w->icmp_limit, w->now_ms)) {
		dp_burst_drop(w, p, DP_DROP_RATE_LIMITED);
		return;
	}
	if (w->watch)
		dp_watch_dropped(w, p->m, p->in_port, why, true);
	eth = *rte_pktmbuf_mtod(p->m, struct rte_ether_hdr *);
	(void)rte_pktmbuf_trim(
		p->m, (uint16_t)(rte_pktmbuf_data_len(p->m) - DP_L3_OFFSET - quoted));
	frame = (uint8_t *)rte_pktmbuf_prepend(p->m, (uint16_t)(ip_header + ICMP_HEADER));
	if (!frame) {
		dp_burst_drop(w, p, DP_DROP_NO_BUFFER);
		return;
	}
	memcpy(frame, &eth, sizeof(eth));
	(void)write_ip(frame + DP_L3_OFFSET, p, protocol, len);
	frame += DP_L3_OFFSET + ip_header;
	fill_icmp(frame, p, kind, kind == DP_REPLY_TOO_BIG ? b->tables->ports[p->port].mtu : 0);
	if (p->family == 6)
		sum = pseudo_sum(&p->key.remote, &p->key.client, protocol, len);
	sum = (uint16_t)~checksum_sum(frame, len, sum);
	memcpy(frame + offsetof(struct icmphdr, checksum), &sum, sizeof(sum));
	send_back(w, p, why);
}
