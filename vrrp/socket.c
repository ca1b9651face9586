/* Adverts through raw sockets: one that hears and one that speaks, both tied to an interface.
 *
 * Two, because what they are bound to differs: the one that speaks is bound to its source, and one
 * that is bound to an address does not hear a multicast group. What is not of the interface is
 * looked for twice: a socket hears every interface between its making and its binding. Judging what
 * came is packet.c's and election.c's. */
#include "vrrp/socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TOS_CS6 = 0xc0,             // network control (RFC 2474 §4.2.2.2), as keepalived sends
	PRIORITY_CONTROL = 7,       // TC_PRIO_CONTROL
	RECEIVE_BYTES = 256 * 1024, // the kernel doubles it and counts about 2 KiB a packet
	IPV4_MAX_HEADER = 60,
	MAX_FILTER = 2 * 256 + 16,
	WHOLE_PACKET = 0x40000,
	VRID_OFFSET = 1, // in the message
};

/* Room for what either family's packets are told with. */
union control {
	struct cmsghdr first; // for its alignment
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

union any_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int open_tx(struct vrrp_socket *s, const struct addr *source) ON_CONTROL;
static int open_rx(struct vrrp_socket *s, const struct addr *source) ON_CONTROL;
static int take(const struct vrrp_socket *s, struct msghdr *msg, size_t *ret_len) ON_CONTROL;
static int take_ours(const struct vrrp_socket *s, struct iovec *buffer, size_t *ret_len,
	size_t *ret_offset, struct vrrp_envelope *ret) ON_CONTROL;

/* 224.0.0.18 (RFC 9568 §5.1.1.2), ff02::12 (§5.1.2.2). */
static struct addr group_of(enum conf_family family)
{
	static const uint8_t group6[16] = {0xff, 0x02, [15] = 0x12};

	return family == CONF_V4 ? addr_from_v4(htonl(0xe0000012)) : addr_from_v6(group6);
}

static socklen_t to_sockaddr(const struct addr *a, int ifindex, union any_sockaddr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (addr_is_v4(a)) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_addr.s_addr = addr_v4(a);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	memcpy(&ret->v6.sin6_addr, a->bytes, sizeof(a->bytes));
	if (addr_is_link_local(a) || addr_is_multicast(a))
		ret->v6.sin6_scope_id = (uint32_t)ifindex;
	return sizeof(ret->v6);
}

/* ---- opening --------------------------------------------------------------------------------- */

struct option {
	int level, name, value;
};

enum { MAX_OPTIONS = 8 };

/* In order; ends with a name of 0. No checksum is the kernel's: that of IPv6 is off by default. */
// clang-format off
static const struct option tx_options[CONF_N_FAMILIES][MAX_OPTIONS] = {
	[CONF_V4] = {
		{IPPROTO_IP, IP_TTL, VRRP_TTL},
		{IPPROTO_IP, IP_MULTICAST_TTL, VRRP_TTL},
		{IPPROTO_IP, IP_MULTICAST_LOOP, 0},
		{IPPROTO_IP, IP_TOS, TOS_CS6},
		{SOL_SOCKET, SO_PRIORITY, PRIORITY_CONTROL}, // after IP_TOS, which sets it too
	},
	[CONF_V6] = {
		{IPPROTO_IPV6, IPV6_UNICAST_HOPS, VRRP_TTL},
		{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, VRRP_TTL},
		{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
		{IPPROTO_IPV6, IPV6_TCLASS, TOS_CS6},
		{SOL_SOCKET, SO_PRIORITY, PRIORITY_CONTROL},
	},
};

static const struct option rx_options[CONF_N_FAMILIES][MAX_OPTIONS] = {
	[CONF_V4] = {
		{SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES},
		{IPPROTO_IP, IP_MULTICAST_ALL, 0}, // else also the groups that other programs joined
		{IPPROTO_IP, IP_PKTINFO, 1},
	},
	[CONF_V6] = {
		{SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES},
		{IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0},
		{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
		{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
	},
};
// clang-format on

static int set_options(int fd, const struct option *options)
{
	for (const struct option *o = options; o->name != 0; o++)
		if (setsockopt(fd, o->level, o->name, &o->value, sizeof(o->value)) < 0)
			return -errno;
	return 0;
}

static int set_filter(int fd, struct sock_filter *code, unsigned n)
{
	const struct sock_fprog program = {(unsigned short)n, code};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

static int open_raw(const struct vrrp_socket *s, int *ret_fd)
{
	const int domain = s->family == CONF_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, VRRP_PROTOCOL);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &s->ifindex, sizeof(s->ifindex)) < 0)
		return -errno;
	return 0;
}

static int bind_to(int fd, int ifindex, const struct addr *source)
{
	union any_sockaddr where;
	socklen_t len = to_sockaddr(source, ifindex, &where);

	return bind(fd, &where.any, len) < 0 ? -errno : 0;
}

static int set_multicast_interface(const struct vrrp_socket *s)
{
	const struct ip_mreqn v4 = {.imr_ifindex = s->ifindex};
	const bool is_v4 = s->family == CONF_V4;
	int r = is_v4 ? setsockopt(s->tx_fd, IPPROTO_IP, IP_MULTICAST_IF, &v4, sizeof(v4))
		      : setsockopt(s->tx_fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &s->ifindex,
				sizeof(s->ifindex));

	return r < 0 ? -errno : 0;
}

/* Bound to its source, so that opening fails while the interface does not have it. */
static int open_tx(struct vrrp_socket *s, const struct addr *source)
{
	struct sock_filter deaf[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	int r;

	r = open_raw(s, &s->tx_fd);
	if (!r)
		r = set_filter(s->tx_fd, deaf, 1); // else it fills up with what nobody reads
	if (!r)
		r = set_options(s->tx_fd, tx_options[s->family]);
	if (!r)
		r = set_multicast_interface(s);
	return r ? r : bind_to(s->tx_fd, s->ifindex, source);
}

static int join(const struct vrrp_socket *s)
{
	const struct addr group = group_of(s->family);
	struct ip_mreqn v4 = {.imr_ifindex = s->ifindex};
	struct ipv6_mreq v6 = {.ipv6mr_interface = (unsigned)s->ifindex};
	int r;

	if (s->family == CONF_V4) {
		v4.imr_multiaddr.s_addr = addr_v4(&group);
		r = setsockopt(s->rx_fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4));
	} else {
		memcpy(&v6.ipv6mr_multiaddr, group.bytes, sizeof(group.bytes));
		r = setsockopt(s->rx_fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &v6, sizeof(v6));
	}
	return r < 0 ? -errno : 0;
}

static int open_rx(struct vrrp_socket *s, const struct addr *source)
{
	int r;

	r = open_raw(s, &s->rx_fd);
	if (!r)
		r = set_options(s->rx_fd, rx_options[s->family]);
	if (r)
		return r;
	return s->is_unicast ? bind_to(s->rx_fd, s->ifindex, source) : join(s);
}

int vrrp_socket_open(const struct conf_vrrp_instance *instance, int ifindex,
	const struct addr *source, struct vrrp_socket *ret)
{
	int r;

	assert(ifindex > 0 && addr_is_v4(source) == (instance->family == CONF_V4));
	*ret = (struct vrrp_socket){.rx_fd = VRRP_SOCKET_CLOSED,
		.tx_fd = VRRP_SOCKET_CLOSED,
		.ifindex = ifindex,
		.family = instance->family,
		.is_unicast = instance->is_unicast};
	r = open_tx(ret, source);
	if (!r)
		r = open_rx(ret, source);
	if (r)
		vrrp_socket_close(ret);
	return r;
}

void vrrp_socket_close(struct vrrp_socket *s)
{
	if (s->rx_fd != VRRP_SOCKET_CLOSED)
		(void)close(s->rx_fd);
	if (s->tx_fd != VRRP_SOCKET_CLOSED)
		(void)close(s->tx_fd);
	s->rx_fd = s->tx_fd = VRRP_SOCKET_CLOSED;
}

/* ---- hearing less ---------------------------------------------------------------------------- */

/* A program for the kernel's filter: the VRID to the accumulator, or short for the rest. A packet
 * begins with its IPv4 header, or after its IPv6 one. */
static unsigned begin_filter(enum conf_family family, bool hears_short, struct sock_filter *code)
{
	const uint32_t verdict = hears_short ? WHOLE_PACKET : 0;
	const struct sock_filter begin[] = {
		// X: where the message begins
		family == CONF_V4 ? (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
				  : (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, VRID_OFFSET, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, VRID_OFFSET),
	};

	memcpy(code, begin, sizeof(begin));
	return sizeof(begin) / sizeof(begin[0]);
}

static unsigned if_vrid(uint8_t vrid, uint32_t verdict, struct sock_filter *code)
{
	code[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, vrid, 0, 1);
	code[1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict);
	return 2;
}

int vrrp_socket_narrow(const struct vrrp_socket *s, const struct vrrp_hearing *hearing)
{
	struct sock_filter code[MAX_FILTER];
	const bool hears_unknown = hearing->hears_unknown;
	unsigned n;

	assert(hearing->n_known < 256);
	n = begin_filter(s->family, hears_unknown, code);
	n += if_vrid(hearing->vrid, WHOLE_PACKET, code + n);
	for (unsigned i = 0; hears_unknown && i < hearing->n_known; i++)
		n += if_vrid(hearing->known[i], 0, code + n);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, hears_unknown ? WHOLE_PACKET : 0);
	return set_filter(s->rx_fd, code, n);
}

/* ---- packets --------------------------------------------------------------------------------- */

/* The source of what is sent; returns the length of the control messages. */
static size_t put_source(const struct vrrp_socket *s, const struct addr *source, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct in_pktinfo v4 = {.ipi_ifindex = s->ifindex};
	struct in6_pktinfo v6 = {.ipi6_ifindex = (unsigned)s->ifindex};

	if (s->family == CONF_V4) {
		v4.ipi_spec_dst.s_addr = addr_v4(source);
		*c = (struct cmsghdr){CMSG_LEN(sizeof(v4)), IPPROTO_IP, IP_PKTINFO};
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		return CMSG_SPACE(sizeof(v4));
	}
	memcpy(&v6.ipi6_addr, source->bytes, sizeof(source->bytes));
	*c = (struct cmsghdr){CMSG_LEN(sizeof(v6)), IPPROTO_IPV6, IPV6_PKTINFO};
	memcpy(CMSG_DATA(c), &v6, sizeof(v6));
	return CMSG_SPACE(sizeof(v6));
}

int vrrp_socket_send(const struct vrrp_socket *s, const struct addr *source,
	const struct addr *peer, const uint8_t *bytes, size_t len)
{
	const struct addr group = group_of(s->family);
	struct iovec iov = {(void *)bytes, len}; // only read
	union any_sockaddr to;
	union control control = {0};
	struct msghdr msg = {.msg_name = &to,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	msg.msg_namelen = to_sockaddr(peer ? peer : &group, s->ifindex, &to);
	msg.msg_controllen = put_source(s, source, &msg);
	return sendmsg(s->tx_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What the kernel told beside the packet. */
struct told {
	int ifindex, ttl;
	struct addr destination; // IPv6
};

static void read_control(struct msghdr *msg, struct told *ret)
{
	*ret = (struct told){.ttl = -1};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			ret->ifindex = v4.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			ret->ifindex = (int)v6.ipi6_ifindex;
			ret->destination = addr_from_v6(&v6.ipi6_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&ret->ttl, CMSG_DATA(c), sizeof(ret->ttl));
		}
	}
}

/* An IPv4 packet of `len` bytes: the envelope from its header, and the message's place behind it.
 * False: it has no proper header. Options are not looked at. */
static bool read_header(
	const uint8_t *bytes, size_t *len, size_t *ret_offset, struct vrrp_envelope *ret)
{
	struct iphdr header;
	size_t header_len, total;

	if (*len < sizeof(header))
		return false;
	memcpy(&header, bytes, sizeof(header));
	header_len = header.ihl * 4u;
	total = ntohs(header.tot_len);
	if (header_len < sizeof(header) || total < header_len || *len < total)
		return false;
	*len = total - header_len;
	*ret_offset = header_len;
	ret->source = addr_from_v4(header.saddr);
	ret->destination = addr_from_v4(header.daddr);
	ret->ttl = header.ttl;
	return true;
}

/* A packet into the buffer: 1, and its length, also of one that is longer than that; 0: none. */
static int take(const struct vrrp_socket *s, struct msghdr *msg, size_t *ret_len)
{
	ssize_t n;

	do {
		n = recvmsg(s->rx_fd, msg, MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	*ret_len = (size_t)n;
	return 1;
}

/* The next packet that is for the interface; as take(). Its message is at *ret_offset. */
static int take_ours(const struct vrrp_socket *s, struct iovec *buffer, size_t *ret_len,
	size_t *ret_offset, struct vrrp_envelope *ret)
{
	struct sockaddr_in6 from;
	union control control;
	struct told told;
	int r;

	for (;;) {
		struct msghdr msg = {.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = buffer,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes)};

		r = take(s, &msg, ret_len);
		if (r <= 0)
			return r;
		read_control(&msg, &told);
		if (told.ifindex != s->ifindex)
			continue; // came before the socket was bound
		if (s->family == CONF_V6) {
			*ret_offset = 0;
			*ret = (struct vrrp_envelope){
				addr_from_v6(&from.sin6_addr), told.destination, told.ttl};
			return 1;
		}
		if (read_header(buffer->iov_base, ret_len, ret_offset, ret))
			return 1;
	}
}

int vrrp_socket_receive(const struct vrrp_socket *s, uint8_t *bytes, size_t *ret_len,
	struct vrrp_envelope *ret_envelope)
{
	uint8_t packet[IPV4_MAX_HEADER + VRRP_MAX_LEN];
	struct iovec buffer = {packet, sizeof(packet)};
	size_t offset = 0, len = 0;
	int r;

	r = take_ours(s, &buffer, &len, &offset, ret_envelope);
	if (r <= 0)
		return r;
	memcpy(bytes, packet + offset, len < VRRP_MAX_LEN ? len : VRRP_MAX_LEN);
	*ret_len = len;
	return 1;
}
