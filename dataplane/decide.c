/* The decision table of docs/xdp.md in C: worker, kernel or nobody. The rows named in comments are
 * those of that page.
 *
 * Keeps step with xdp/poise_xdp.bpf.c, which decides for AF_XDP ports: a test asks both about
 * the same frames. It therefore reads headers by itself and as that program does: dp_parse_frame()
 * refuses what is broken, here it must still be told whose it is. */
#include "dataplane/decide.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

enum {
	MAX_EXTENSIONS = 8,  // more is a broken header
	MAX_OFFSET = 0x3fff, // headers beyond are not looked at
	MAX_TAGS = 2,        // priority tags of a frame; with more it is nobody's
	TAG_LEN = 4,         // IEEE 802.1Q §9.3
	VLAN_ID = 0x0fff,
	PROVIDER_TAG = 0x88a8,
	V4_MORE = 0x2000, // RFC 791 §3.1
	V4_OFFSET = 0x1fff,
	V6_MORE = 0x0001, // RFC 8200 §4.5
	V6_OFFSET = 0xfff8,
	V4_HEADER = 20,
	V6_HEADER = 40,
	ICMP_HEADER = 8,
	ARP_LEN = 28,         // RFC 826 with Ethernet and IPv4
	SOLICITATION_LEN = 24 // RFC 4861 §4.3
};

struct frame {
	const uint8_t *bytes;
	uint32_t len;
};

/* One IP header, the frame's or one quoted in an ICMP error, and what follows it. */
struct packet {
	struct addr src, dst;
	uint32_t transport; // offset of its header; not if is_broken or is_later_fragment
	uint32_t end;       // offset behind the packet by its own length field
	uint16_t src_port;  // host order; 0 without has_ports
	uint16_t dst_port;
	uint8_t protocol;
	bool is_v4;
	bool is_fragment;       // another fragment comes before or after it
	bool is_later_fragment; // another fragment comes before it: no transport header
	bool has_ports;
	bool is_broken; // lengths do not add up, or too many extension headers
};

/* ---- headers --------------------------------------------------------------------------- */

static const uint8_t *header_at(const struct frame *f, uint32_t offset, uint32_t len)
{
	return offset <= MAX_OFFSET && offset + len <= f->len ? f->bytes + offset : NULL;
}

static uint16_t load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static struct addr load_v4(const uint8_t *p)
{
	be32 v4;

	memcpy(&v4, p, sizeof(v4));
	return addr_from_v4(v4);
}

static bool is_tcp_or_udp(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP;
}

static void read_ports(const struct frame *f, struct packet *p)
{
	const uint8_t *ports = header_at(f, p->transport, 4);

	if (!is_tcp_or_udp(p))
		return;
	if (!ports || p->transport + 4 > p->end) {
		p->is_broken = true;
		return;
	}
	p->src_port = load16(ports);
	p->dst_port = load16(ports + 2);
	p->has_ports = true;
}

/* False if there is no such header at all. A quoted header (in an ICMP error) is cut, so its
 * length is not compared with the frame's. */
static bool read_v4(const struct frame *f, uint32_t offset, bool is_quote, struct packet *p)
{
	const uint8_t *ip = header_at(f, offset, V4_HEADER);
	uint32_t header_len, total_len;
	uint16_t fragment;

	if (!ip || ip[0] >> 4 != 4)
		return false;
	p->is_v4 = true;
	p->src = load_v4(ip + 12);
	p->dst = load_v4(ip + 16);
	p->protocol = ip[9];

	header_len = (ip[0] & 0xfu) * 4;
	total_len = load16(ip + 2);
	fragment = load16(ip + 6);
	p->transport = offset + header_len;
	p->end = offset + total_len;
	p->is_fragment = fragment & (V4_MORE | V4_OFFSET);
	p->is_later_fragment = fragment & V4_OFFSET;
	p->is_broken =
		header_len < V4_HEADER || total_len < header_len || (!is_quote && p->end > f->len);
	if (!p->is_broken && !p->is_later_fragment)
		read_ports(f, p);
	return true;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_HOPOPTS ||
	       protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS;
}

/* From the first header, of type `next` and at p->transport, to where the chain leads;
 * p->protocol is still an extension header if it could not be followed. */
static void follow_chain(const struct frame *f, uint8_t next, struct packet *p)
{
	for (int i = 0; i < MAX_EXTENSIONS && is_extension(next); i++) {
		const uint8_t *header = header_at(f, p->transport, 8);

		if (!header)
			break;
		if (next != IPPROTO_FRAGMENT) {
			next = header[0];
			p->transport += (header[1] + 1u) * 8;
			continue;
		}
		next = header[0];
		p->transport += 8;
		p->is_fragment |= (load16(header + 2) & (V6_OFFSET | V6_MORE)) != 0;
		p->is_later_fragment = (load16(header + 2) & V6_OFFSET) != 0;
		if (p->is_later_fragment)
			break;
	}
	p->protocol = next;
}

/* As read_v4(). An IPv4-mapped address is not for the wire (RFC 4942 §2.2), and must not be
 * taken for the IPv4 address that it names: no header of ours. */
static bool read_v6(const struct frame *f, uint32_t offset, bool is_quote, struct packet *p)
{
	const uint8_t *ip = header_at(f, offset, V6_HEADER);

	if (!ip || ip[0] >> 4 != 6)
		return false;
	p->src = addr_from_v6(ip + 8);
	p->dst = addr_from_v6(ip + 24);
	if (addr_is_v4(&p->src) || addr_is_v4(&p->dst))
		return false;
	p->end = offset + V6_HEADER + load16(ip + 4);
	p->is_broken = !is_quote && p->end > f->len;
	p->transport = offset + V6_HEADER;
	follow_chain(f, ip[6], p);
	if (p->is_later_fragment)
		return true;
	if (is_extension(p->protocol) || p->transport > p->end)
		p->is_broken = true;
	else
		read_ports(f, p);
	return true;
}

/* ---- ICMP ------------------------------------------------------------------------------ */

static bool is_icmp_error(const struct frame *f, const struct packet *p)
{
	const uint8_t *icmp;

	if (p->is_fragment || p->is_broken)
		return false;
	if (p->protocol != (p->is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return false;
	icmp = header_at(f, p->transport, ICMP_HEADER);
	if (!icmp)
		return false;
	if (!p->is_v4)
		return !(icmp[0] & ICMP6_INFOMSG_MASK);
	return icmp[0] == ICMP_DEST_UNREACH || icmp[0] == ICMP_SOURCE_QUENCH ||
	       icmp[0] == ICMP_REDIRECT || icmp[0] == ICMP_TIME_EXCEEDED ||
	       icmp[0] == ICMP_PARAMETERPROB;
}

/* The packet that an ICMP error is about. False if it cannot be told, or p is no error. */
static bool read_quote(const struct frame *f, const struct packet *p, struct packet *ret_quote)
{
	uint32_t offset = p->transport + ICMP_HEADER;

	if (!is_icmp_error(f, p))
		return false;
	if (p->is_v4)
		return read_v4(f, offset, true, ret_quote);
	return read_v6(f, offset, true, ret_quote);
}

/* ---- the table --------------------------------------------------------------------------- */

static bool is_owned(const struct dp_decide *t, const struct dp_vip_entry *vip)
{
	// written by dp_lease_renew(); stands for itself, so no order is needed
	return __atomic_load_n(&t->leases[vip->owner], __ATOMIC_RELAXED) > t->now_tsc;
}

static bool is_lost_vip(const struct dp_decide *t, const struct addr *a)
{
	const struct dp_vip_entry *vip = dp_services_find_vip(t->services, a);

	return vip && !is_owned(t, vip);
}

static bool is_service(const struct dp_decide *t, const struct dp_vip_entry *vip, uint8_t protocol,
	uint16_t port) ON_WORKER;
static bool is_service(
	const struct dp_decide *t, const struct dp_vip_entry *vip, uint8_t protocol, uint16_t port)
{
	return dp_services_find(t->services, vip, protocol, port) != DP_NO_ID;
}

/* Row 1: a neighbour solicitation, to whatever destination, for a VIP that is not owned. */
static bool asks_for_lost_vip(
	const struct dp_decide *t, const struct frame *f, const struct packet *p)
{
	const uint8_t *nd;
	struct addr target;

	if (p->is_v4 || p->protocol != IPPROTO_ICMPV6 || p->is_fragment || p->is_broken)
		return false;
	nd = header_at(f, p->transport, SOLICITATION_LEN);
	if (!nd || nd[0] != ND_NEIGHBOR_SOLICIT)
		return false;
	target = addr_from_v6(nd + ICMP_HEADER);
	return is_lost_vip(t, &target);
}

static enum dp_verdict decide_arp(const struct dp_decide *t, const struct frame *f)
{
	const uint8_t *arp = header_at(f, ETHER_HDR_LEN, ARP_LEN);
	struct addr target;

	if (!arp || load16(arp + 2) != ETHERTYPE_IP || arp[4] != ETHER_ADDR_LEN || arp[5] != 4)
		return DP_TO_KERNEL;
	target = load_v4(arp + 24);
	return is_lost_vip(t, &target) ? DP_VIP_LOST : DP_TO_KERNEL; // row 1
}

/* Row 4, first half: an error about what a service sent. */
static bool is_about_service(const struct dp_decide *t, const struct frame *f,
	const struct packet *p, const struct dp_vip_entry *vip) ON_WORKER;
static bool is_about_service(const struct dp_decide *t, const struct frame *f,
	const struct packet *p, const struct dp_vip_entry *vip)
{
	struct packet quote = {.end = 0};

	if (!read_quote(f, p, &quote))
		return false;
	if (!addr_equal(&quote.src, &p->dst))
		return false; // not about what this machine sent
	if (quote.is_later_fragment)
		return is_tcp_or_udp(&quote);
	return quote.has_ports && is_service(t, vip, quote.protocol, quote.src_port);
}

/* A VIP is an address of this machine: what is not of a service is the kernel's (row 6). */
static enum dp_verdict decide_vip(const struct dp_decide *t, const struct frame *f,
	const struct packet *p, const struct dp_vip_entry *vip) ON_WORKER;
static enum dp_verdict decide_vip(const struct dp_decide *t, const struct frame *f,
	const struct packet *p, const struct dp_vip_entry *vip)
{
	if (!is_owned(t, vip))
		return DP_VIP_LOST; // row 1
	if (vip->n_frontends == 0)
		return DP_TO_KERNEL; // row 6
	if (p->is_broken)
		return DP_TO_WORKER; // counted there; must not reach the kernel's sockets
	if (p->has_ports && is_service(t, vip, p->protocol, p->dst_port))
		return DP_TO_WORKER; // row 2
	if (is_about_service(t, f, p, vip))
		return DP_TO_WORKER; // row 4
	if (p->is_fragment && is_tcp_or_udp(p))
		return DP_TO_WORKER; // row 5
	return DP_TO_KERNEL;         // row 6
}

/* Row 6 without the addresses of this machine: multicast, broadcast, link-local, and what is
 * nobody's on a wire (loopback, unspecified). */
static bool is_never_forwarded(const struct packet *p)
{
	static const uint8_t zeros[15];
	const uint8_t *b = p->dst.bytes;

	if (!p->is_v4)
		return b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
		       (memcmp(b, zeros, sizeof(zeros)) == 0 && b[15] <= 1);
	b += 12;
	return b[0] >> 4 == 0xe || b[0] == 127 || (b[0] == 169 && b[1] == 254) ||
	       addr_v4(&p->dst) == INADDR_BROADCAST || addr_v4(&p->dst) == INADDR_ANY;
}

/* Row 4, second half: an error about what was sent to a server, on its way to the client. */
static bool is_about_server(
	const struct dp_decide *t, const struct frame *f, const struct packet *p) ON_WORKER;
static bool is_about_server(
	const struct dp_decide *t, const struct frame *f, const struct packet *p)
{
	struct packet quote = {.end = 0};

	return read_quote(f, p, &quote) && dp_services_has_server(t->services, &quote.dst);
}

static enum dp_verdict decide(
	const struct dp_decide *t, const struct frame *f, const struct packet *p) ON_WORKER;
static enum dp_verdict decide(
	const struct dp_decide *t, const struct frame *f, const struct packet *p)
{
	const struct dp_vip_entry *vip = dp_services_find_vip(t->services, &p->dst);

	if (asks_for_lost_vip(t, f, p))
		return DP_VIP_LOST; // row 1
	if (vip)
		return decide_vip(t, f, p, vip); // rows 1, 2, 4, 5

	/* Row 3 belongs here: addresses of egress translation and of hairpin service. */

	if (p->is_broken)
		return DP_TO_KERNEL; // row 8
	/* Before rows 4 and 5, which leave to the kernel what is for this machine: answers and
	 * errors to its own probes of servers. */
	if (is_never_forwarded(p) || dp_locals_has(t->locals, &p->dst))
		return DP_TO_KERNEL; // row 6
	if (dp_services_has_server(t->services, &p->dst))
		return DP_TO_WORKER; // row 7
	if (dp_services_has_server(t->services, &p->src))
		return DP_TO_WORKER; // rows 5, 7
	if (is_about_server(t, f, p))
		return DP_TO_WORKER; // row 4
	return DP_TO_KERNEL;         // row 8
}

/* A switch floods frames for others: the kernel knows to leave them alone, also when broadcast. */
static bool is_for_another_machine(const struct dp_decide *t, const uint8_t *frame)
{
	static const uint8_t unknown[ETHER_ADDR_LEN];

	return memcmp(t->mac, unknown, ETHER_ADDR_LEN) != 0 &&
	       memcmp(t->mac, frame, ETHER_ADDR_LEN) != 0;
}

static bool is_tag(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == PROVIDER_TAG;
}

static uint16_t type_of(const struct frame *f)
{
	return load16(f->bytes + 2 * ETHER_ADDR_LEN);
}

/* Priority tags name no VLAN: the kernel takes any number of them off and answers, and so must
 * we before we decide. A tag that names a VLAN belongs to an interface of the kernel's. */
int dp_decide_tags(const uint8_t *frame, uint32_t len_bytes)
{
	struct frame f = {frame, len_bytes};
	uint16_t type = type_of(&f);
	int n = 0;

	while (n < MAX_TAGS * TAG_LEN && is_tag(type)) {
		const uint8_t *tag = header_at(&f, ETHER_HDR_LEN + (uint32_t)n, TAG_LEN);

		if (!tag || (load16(tag) & VLAN_ID) != 0)
			return 0;
		type = load16(tag + 2);
		n += TAG_LEN;
	}
	if (is_tag(type))
		return -1;
	return type == ETHERTYPE_IP || type == ETHERTYPE_IPV6 || type == ETHERTYPE_ARP ? n : 0;
}

/* The same question about what is behind the tags, which has no MAC addresses before it. */
static enum dp_verdict decide_tagged(const struct dp_decide *t, const struct frame *f) ON_WORKER
	__attribute__((cold));
static enum dp_verdict decide_tagged(const struct dp_decide *t, const struct frame *f)
{
	static const uint8_t unknown[ETHER_ADDR_LEN];
	struct dp_decide inner = *t;
	enum dp_verdict verdict;
	int tags = dp_decide_tags(f->bytes, f->len);

	if (tags < 0)
		return DP_TO_WORKER; // is dropped and counted there; the kernel would answer
	if (tags == 0)
		return DP_TO_KERNEL;
	inner.mac = unknown;
	verdict = dp_decide(&inner, f->bytes + tags, f->len - (uint32_t)tags);
	if (verdict != DP_TO_WORKER)
		return verdict;
	return is_for_another_machine(t, f->bytes) ? DP_TO_KERNEL : DP_TO_WORKER_UNTAGGED;
}

enum dp_verdict dp_decide(const struct dp_decide *t, const uint8_t *frame, uint32_t len_bytes)
{
	const struct frame f = {frame, len_bytes};
	struct packet p = {.end = 0};
	enum dp_verdict verdict;
	bool is_ip = false;
	uint16_t type;

	if (len_bytes < ETHER_HDR_LEN)
		return DP_TO_KERNEL;
	type = type_of(&f);
	if (type == ETHERTYPE_ARP)
		return decide_arp(t, &f);
	if (type == ETHERTYPE_IP)
		is_ip = read_v4(&f, ETHER_HDR_LEN, false, &p);
	else if (type == ETHERTYPE_IPV6)
		is_ip = read_v6(&f, ETHER_HDR_LEN, false, &p);
	else if (is_tag(type))
		return decide_tagged(t, &f);
	verdict = is_ip ? decide(t, &f, &p) : DP_TO_KERNEL; // other frames: row 8
	if (verdict == DP_TO_WORKER && is_for_another_machine(t, frame))
		verdict = DP_TO_KERNEL;
	return verdict;
}
