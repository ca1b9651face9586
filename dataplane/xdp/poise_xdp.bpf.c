/* The XDP program before an AF_XDP port: worker, kernel or nobody (docs/xdp.md).
 *
 * It decides and counts; it takes priority tags off, changes nothing else of a packet and keeps
 * no state of flows. It outlives the daemon: a VIP whose lease has run out is silent, and what
 * would go to a worker is dropped when the worker's socket is gone. The rows named in comments are
 * those of docs/xdp.md.
 *
 * libxdp takes a program for its own AF_XDP program, and adds its sockets to it, by the
 * function's name, the map xsks_map, the version in section xdp_metadata and the count of
 * users in section .data. Loops are unrolled and nothing is newer than Linux 5.15. */
#include "dataplane/xdp/maps.h"
#include "dataplane/xdp/tags.h"
#include "dataplane/xdp/wire.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	MAX_EXTENSIONS = 8, // the worker's limit too; more is a broken header
};

/* One IP header, the frame's or one quoted in an ICMP error, and what follows it. */
struct packet {
	struct dp_xdp_addr src, dst;
	__u32 transport; // offset of the transport header; not if is_broken or is_later_fragment
	__u32 end;       // offset behind the packet by its own length field
	__u16 src_port;  // host order; 0 without has_ports
	__u16 dst_port;
	__u8 protocol;
	bool is_v4;
	bool is_fragment;       // another fragment comes before or after it
	bool is_later_fragment; // another fragment comes before it: no transport header
	bool has_ports;
	bool is_broken; // lengths do not add up, or too many extension headers
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, DP_XDP_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dp_xdp_counters);
} poise_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DP_XDP_MAX_ROLES);
	__type(key, struct dp_xdp_addr);
	__type(value, struct dp_xdp_role);
} poise_roles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DP_XDP_MAX_PORTSETS);
	__type(key, __u32);
	__type(value, struct dp_xdp_portset);
} poise_ports SEC(".maps");

/* When an owner's VIPs fall silent: CLOCK_MONOTONIC, nanoseconds. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DP_XDP_MAX_OWNERS);
	__type(key, __u32);
	__type(value, __u64);
} poise_leases SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DP_XDP_MAX_PREFIXES);
	__type(key, struct dp_xdp_prefix);
	__type(value, __u8);
} poise_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dp_xdp_settings);
} poise_settings SEC(".maps");

/* The interface's hardware address in the first six bytes; 0: not told. A port's own. */
volatile __u64 port_mac;

/* libxdp adds its sockets to this and takes the program off when it falls to 0. The loader
 * is the first user, so that it never does. */
volatile int refcnt = 1;
__uint(xsk_prog_version, 1) SEC("xdp_metadata");
char license_terms[] SEC("license") = "Dual BSD/GPL";

/* ---- verdicts ------------------------------------------------------------------------ */

static __always_inline void count(enum dp_xdp_counter which)
{
	__u32 zero = 0;
	struct dp_xdp_counters *c = bpf_map_lookup_elem(&poise_counters, &zero);

	if (c)
		c->n[which]++;
}

static __always_inline int to_kernel(void)
{
	count(DP_XDP_TO_KERNEL);
	return XDP_PASS;
}

static __always_inline int drop_not_owned(void)
{
	count(DP_XDP_VIP_NOT_OWNED);
	return XDP_DROP;
}

/* A switch floods frames for others: the kernel knows to leave them alone, also when broadcast. */
static __always_inline bool is_for_another_machine(const struct xdp_md *ctx)
{
	const struct ethhdr *eth = header_at(ctx, 0, sizeof(*eth));
	__u64 ours = port_mac, to = 0;

	if (!eth || ours == 0)
		return false;
	__builtin_memcpy(&to, eth->h_dest, ETH_ALEN);
	return to != ours;
}

/* Without a socket the daemon is gone: the kernel would reset our clients, or forward what
 * servers send with an inside address. */
static __always_inline int redirect(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;

	if (!bpf_map_lookup_elem(&xsks_map, &queue)) {
		count(DP_XDP_NO_SOCKET);
		return XDP_DROP;
	}
	count(DP_XDP_TO_WORKER);
	return (int)bpf_redirect_map(&xsks_map, queue, XDP_DROP);
}

static __always_inline int to_worker(struct xdp_md *ctx)
{
	return is_for_another_machine(ctx) ? to_kernel() : redirect(ctx);
}

/* ---- what we know of addresses --------------------------------------------------------- */

static __always_inline const struct dp_xdp_role *find_role(const struct dp_xdp_addr *addr)
{
	return bpf_map_lookup_elem(&poise_roles, addr);
}

static __always_inline bool is_same_addr(const struct dp_xdp_addr *a, const struct dp_xdp_addr *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] &&
	       a->words[2] == b->words[2] && a->words[3] == b->words[3];
}

static __always_inline bool has_role(const struct dp_xdp_addr *addr, enum dp_xdp_role_flags flag)
{
	const struct dp_xdp_role *role = find_role(addr);

	return role && (role->flags & flag);
}

/* The loader stores to the lease without a system call. */
static __always_inline bool is_owned(const struct dp_xdp_role *vip)
{
	__u32 owner = vip->owner;
	const volatile __u64 *expiry_ns = bpf_map_lookup_elem(&poise_leases, &owner);

	return expiry_ns && *expiry_ns > bpf_ktime_get_ns();
}

/* A VIP that somebody else may be serving now. */
static __always_inline bool is_lost_vip(const struct dp_xdp_addr *addr)
{
	const struct dp_xdp_role *role = find_role(addr);

	return role && (role->flags & DP_XDP_VIP) && !is_owned(role);
}

static __always_inline bool is_service(const struct dp_xdp_role *vip, __u8 protocol, __u16 port)
{
	__u32 set = protocol == IPPROTO_TCP ? vip->tcp_ports : vip->udp_ports;
	const struct dp_xdp_portset *ports;

	if (set == 0 || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return false;
	ports = bpf_map_lookup_elem(&poise_ports, &set);
	return ports && (ports->words[port / 64] >> (port % 64) & 1);
}

static __always_inline bool is_in_local_prefix(const struct packet *p)
{
	__u32 zero = 0;
	const volatile struct dp_xdp_settings *settings;
	struct dp_xdp_prefix key = {
		.length_bits = DP_XDP_FAMILY_BITS + 128,
		.family = p->is_v4 ? 4 : 6,
		.addr = p->dst,
	};

	settings = bpf_map_lookup_elem(&poise_settings, &zero);
	if (!settings || settings->n_prefixes == 0)
		return false;
	return bpf_map_lookup_elem(&poise_prefixes, &key) != NULL;
}

/* Row 6 without the addresses of this machine: multicast, broadcast, link-local, and what is
 * nobody's on a wire (loopback, unspecified). */
static __always_inline bool is_never_forwarded(const struct packet *p)
{
	__u32 first = bpf_ntohl(p->dst.words[0]);
	__u32 last = bpf_ntohl(p->dst.words[3]);

	if (p->is_v4)
		return last >> 28 == 0xe || last == 0xffffffff || last >> 16 == 0xa9fe ||
		       last >> 24 == 127 || last == 0;
	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6 ||
	       (!first && !p->dst.words[1] && !p->dst.words[2] && last <= 1);
}

/* ---- headers --------------------------------------------------------------------------- */

static __always_inline bool is_tcp_or_udp(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP;
}

static __always_inline void read_ports(const struct xdp_md *ctx, struct packet *p)
{
	const __be16 *ports = header_at(ctx, p->transport, 4);

	if (!is_tcp_or_udp(p))
		return;
	if (!ports || p->transport + 4 > p->end) {
		p->is_broken = true;
		return;
	}
	p->src_port = bpf_ntohs(ports[0]);
	p->dst_port = bpf_ntohs(ports[1]);
	p->has_ports = true;
}

/* False if there is no such header at all. A quoted header (in an ICMP error) is cut, so its
 * length is not compared with the frame's. */
static __always_inline bool read_v4(
	const struct xdp_md *ctx, __u32 offset, bool is_quote, struct packet *p)
{
	const struct iphdr *ip = header_at(ctx, offset, sizeof(*ip));
	__u32 header_len, total_len;
	__u16 fragment;

	if (!ip || ip->version != 4)
		return false;
	p->is_v4 = true;
	p->src.words[2] = p->dst.words[2] = bpf_htonl(0xffff);
	p->src.words[3] = ip->saddr;
	p->dst.words[3] = ip->daddr;
	p->protocol = ip->protocol;

	header_len = ip->ihl * 4u;
	total_len = bpf_ntohs(ip->tot_len);
	fragment = bpf_ntohs(ip->frag_off);
	p->transport = offset + header_len;
	p->end = offset + total_len;
	p->is_fragment = fragment & (V4_MORE | V4_OFFSET);
	p->is_later_fragment = fragment & V4_OFFSET;
	p->is_broken = header_len < sizeof(*ip) || total_len < header_len ||
		       (!is_quote && p->end > ctx->data_end - ctx->data);
	if (!p->is_broken && !p->is_later_fragment)
		read_ports(ctx, p);
	return true;
}

static __always_inline bool is_extension(__u8 protocol)
{
	return protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_HOPOPTS ||
	       protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS;
}

/* Where a chain of IPv6 headers leads, packed so that it fits a return value. */
struct chain_end {
	__u32 offset;
	__u8 protocol; // still an extension header if the chain could not be followed
	bool is_fragment;
	bool is_later_fragment;
	__u8 unused;
};

/* Follows the extension headers from `offset` on, the first of type `next`. A function of its
 * own and not static: so the verifier looks at it once, whatever calls it. Returns a struct
 * chain_end. */
__noinline __u64 follow_chain(struct xdp_md *ctx, __u32 offset, __u32 next)
{
	union {
		struct chain_end end;
		__u64 packed;
	} ret = {.packed = 0};

#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS && is_extension((__u8)next); i++) {
		const struct v6_extension *header = header_at(ctx, offset, sizeof(*header));

		if (!header)
			break;
		if (next != IPPROTO_FRAGMENT) {
			next = header->next;
			offset += (header->length + 1u) * 8;
			continue;
		}
		next = header->next;
		offset += sizeof(*header);
		if (header->offset_more & bpf_htons(V6_OFFSET | V6_MORE))
			ret.end.is_fragment = true;
		if (header->offset_more & bpf_htons(V6_OFFSET)) {
			ret.end.is_later_fragment = true;
			break;
		}
	}
	ret.end.offset = offset;
	ret.end.protocol = (__u8)next;
	return ret.packed;
}

static __always_inline bool is_v4_mapped(const struct in6_addr *a)
{
	return !a->s6_addr32[0] && !a->s6_addr32[1] && a->s6_addr32[2] == bpf_htonl(0xffff);
}

/* As read_v4(). An IPv4-mapped address is not for the wire (RFC 4942 §2.2), and must not be
 * taken for the IPv4 address that it names: no header of ours. */
static __always_inline bool read_v6(
	struct xdp_md *ctx, __u32 offset, bool is_quote, struct packet *p)
{
	const struct ipv6hdr *ip = header_at(ctx, offset, sizeof(*ip));
	union {
		__u64 packed;
		struct chain_end end;
	} chain;

	if (!ip || ip->version != 6 || is_v4_mapped(&ip->saddr) || is_v4_mapped(&ip->daddr))
		return false;
	__builtin_memcpy(&p->src, &ip->saddr, sizeof(p->src));
	__builtin_memcpy(&p->dst, &ip->daddr, sizeof(p->dst));
	p->end = offset + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	p->is_broken = !is_quote && p->end > ctx->data_end - ctx->data;

	chain.packed = follow_chain(ctx, offset + sizeof(*ip), ip->nexthdr);
	p->transport = chain.end.offset;
	p->protocol = chain.end.protocol;
	p->is_fragment = chain.end.is_fragment;
	p->is_later_fragment = chain.end.is_later_fragment;
	if (p->is_later_fragment)
		return true;
	if (is_extension(p->protocol) || p->transport > p->end)
		p->is_broken = true;
	else
		read_ports(ctx, p);
	return true;
}

/* ---- ICMP ------------------------------------------------------------------------------ */

static __always_inline bool is_icmp_error(const struct xdp_md *ctx, const struct packet *p)
{
	const struct icmp *icmp;

	if (p->is_fragment || p->is_broken)
		return false;
	if (p->protocol != (p->is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return false;
	icmp = header_at(ctx, p->transport, sizeof(*icmp));
	if (!icmp)
		return false;
	if (!p->is_v4)
		return icmp->type < V6_ERRORS_END;
	return icmp->type == V4_UNREACHABLE || icmp->type == V4_SOURCE_QUENCH ||
	       icmp->type == V4_REDIRECT || icmp->type == V4_TIME_EXCEEDED ||
	       icmp->type == V4_PARAMETER_PROBLEM;
}

/* The packet that an ICMP error is about. False if it cannot be told. */
static __always_inline bool read_quote(
	struct xdp_md *ctx, const struct packet *error, struct packet *ret_quote)
{
	__u32 offset = error->transport + sizeof(struct icmp);

	if (error->is_v4)
		return read_v4(ctx, offset, true, ret_quote);
	return read_v6(ctx, offset, true, ret_quote);
}

/* Row 1: a neighbour solicitation, to whatever destination, for a VIP that is not owned. */
static __always_inline bool asks_for_lost_vip(struct xdp_md *ctx, const struct packet *p)
{
	const struct nd_solicitation *nd;
	struct dp_xdp_addr target;

	if (p->is_v4 || p->protocol != IPPROTO_ICMPV6 || p->is_fragment || p->is_broken)
		return false;
	nd = header_at(ctx, p->transport, sizeof(*nd));
	if (!nd || nd->icmp.type != ND_SOLICITATION)
		return false;
	target = nd->target;
	return is_lost_vip(&target);
}

/* ---- the table --------------------------------------------------------------------------- */

static __always_inline int decide_arp(const struct xdp_md *ctx)
{
	const struct arp_v4 *arp = header_at(ctx, sizeof(struct ethhdr), sizeof(*arp));
	struct dp_xdp_addr target = {};

	if (!arp || arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_len != ETH_ALEN ||
		arp->protocol_len != sizeof(arp->target))
		return to_kernel();
	target.words[2] = bpf_htonl(0xffff);
	target.words[3] = arp->target;
	return is_lost_vip(&target) ? drop_not_owned() : to_kernel(); // row 1
}

/* Row 4, first half: an error about what a service sent. */
static __always_inline bool is_about_service(
	struct xdp_md *ctx, const struct packet *p, const struct dp_xdp_role *vip)
{
	struct packet quote = {};

	if (!is_icmp_error(ctx, p) || !read_quote(ctx, p, &quote))
		return false;
	if (!is_same_addr(&quote.src, &p->dst))
		return false; // not about what this machine sent
	if (quote.is_later_fragment)
		return is_tcp_or_udp(&quote);
	return quote.has_ports && is_service(vip, quote.protocol, quote.src_port);
}

/* A VIP is an address of this machine: what is not of a service is the kernel's (row 6). */
static __always_inline int decide_vip(
	struct xdp_md *ctx, const struct packet *p, const struct dp_xdp_role *vip)
{
	bool has_services = vip->tcp_ports || vip->udp_ports;

	if (!is_owned(vip))
		return drop_not_owned(); // row 1
	if (!has_services)
		return to_kernel(); // row 6
	if (p->is_broken)
		return to_worker(ctx); // counted there; must not reach the kernel's sockets
	if (p->has_ports && is_service(vip, p->protocol, p->dst_port))
		return to_worker(ctx); // row 2
	if (is_about_service(ctx, p, vip))
		return to_worker(ctx); // row 4
	if (p->is_fragment && is_tcp_or_udp(p))
		return to_worker(ctx); // row 5
	return to_kernel();            // row 6
}

/* Row 4, second half: an error about what was sent to a server, on its way to the client. */
static __always_inline bool is_about_server(struct xdp_md *ctx, const struct packet *p)
{
	struct packet quote = {};

	return is_icmp_error(ctx, p) && read_quote(ctx, p, &quote) &&
	       has_role(&quote.dst, DP_XDP_SERVER);
}

static __always_inline int decide(struct xdp_md *ctx, const struct packet *p)
{
	const struct dp_xdp_role *to = find_role(&p->dst);

	if (asks_for_lost_vip(ctx, p))
		return drop_not_owned(); // row 1
	if (to && (to->flags & DP_XDP_VIP))
		return decide_vip(ctx, p, to); // rows 1, 2, 4, 5

	/* Row 3 belongs here: addresses of egress translation and of hairpin service. */

	if (p->is_broken)
		return to_kernel(); // row 8
	/* Before rows 4 and 5, which leave to the kernel what is for this machine: answers and
	 * errors to its own probes of servers. */
	if ((to && (to->flags & DP_XDP_LOCAL)) || is_never_forwarded(p) || is_in_local_prefix(p))
		return to_kernel(); // row 6
	if (to && (to->flags & DP_XDP_SERVER))
		return to_worker(ctx); // row 7
	if (has_role(&p->src, DP_XDP_SERVER))
		return to_worker(ctx); // rows 5, 7
	if (is_about_server(ctx, p))
		return to_worker(ctx); // row 4
	return to_kernel();            // row 8
}

SEC("xdp")
int xsk_def_prog(struct xdp_md *ctx)
{
	const struct ethhdr *eth = header_at(ctx, 0, sizeof(*eth));
	struct packet p = {};
	bool is_ip = false;

	(void)refcnt; // libxdp finds the count among the maps that the program reads
	if (eth && is_tag(eth->h_proto)) {
		if (!take_priority_tags_off(ctx))
			return redirect(ctx); // dropped and counted there; the kernel would answer
		eth = header_at(ctx, 0, sizeof(*eth));
	}
	if (!eth)
		return to_kernel();
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return decide_arp(ctx);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		is_ip = read_v4(ctx, sizeof(*eth), false, &p);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		is_ip = read_v6(ctx, sizeof(*eth), false, &p);
	return is_ip ? decide(ctx, &p) : to_kernel(); // VLANs and other frames: row 8
}
