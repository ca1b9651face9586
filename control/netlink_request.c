/* What Poise asks the kernel to change: VIPs on an interface, a look at a neighbour.
 *
 * The kernel works on a request while it is being sent, so that the answer waits when
 * sendto() returns, and nothing here blocks. Every request has a number of its own; answers
 * to others are left-over errors and are thrown away. */
#include "control/netlink.h"

#include "control/netlink_internal.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum { HOST_PREFIX_BITS = 128, V4_PREFIX_BITS = 96, NO_ANSWER = 1 };

/* The answer to request number nl->request_seq: 0, -errno, or NO_ANSWER. Empties the socket. */
static int read_answer(struct netlink *nl)
{
	int answer = NO_ANSWER;
	int left;

	while ((left = nl_receive(nl, nl->requests)) != -EAGAIN) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)nl->buffer;

		if (left < 0 && left != -ENOBUFS)
			return left;
		for (; nl_parse_is_whole(h, left); h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *result = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_seq == nl->request_seq &&
				mnl_nlmsg_get_payload_len(h) >= sizeof(*result))
				answer = result->error;
		}
	}
	return answer;
}

static int send_request(struct netlink *nl, struct nlmsghdr *h)
{
	h->nlmsg_seq = ++nl->request_seq;
	return mnl_socket_sendto(nl->requests, h, h->nlmsg_len) < 0 ? -errno : 0;
}

static int request(struct netlink *nl, struct nlmsghdr *h)
{
	int r;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = send_request(nl, h);
	if (r < 0)
		return r;
	r = read_answer(nl);
	return r == NO_ANSWER ? -EPROTO : r;
}

static void put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *address)
{
	if (addr_is_v4(address))
		mnl_attr_put_u32(h, type, addr_v4(address));
	else
		mnl_attr_put(h, type, sizeof(address->bytes), address->bytes);
}

int nl_use_neighbour(struct netlink *nl, unsigned port, const struct addr *address)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[128];
	const int ifindex = nl_link(nl, port)->ifindex;
	const struct nl_mirror_neighbour *known =
		nl_mirror_find_neighbour(nl->mirror, port, address);
	struct nlmsghdr *h;
	struct ndmsg *head;
	int r;

	if (ifindex == 0)
		return -ENODEV;
	// the kernel would take NTF_USE as leave to forget an entry that a person made
	if (known && known->is_exempt)
		return 0;

	h = mnl_nlmsg_put_header(buffer);
	h->nlmsg_type = RTM_NEWNEIGH;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	head = mnl_nlmsg_put_extra_header(h, sizeof(*head));
	head->ndm_family = addr_is_v4(address) ? AF_INET : AF_INET6;
	head->ndm_ifindex = ifindex;
	head->ndm_state = NUD_NONE;
	head->ndm_flags = NTF_USE;
	put_addr(h, NDA_DST, address);

	r = send_request(nl, h);
	if (r < 0)
		return r;
	r = read_answer(nl); // only an error has one
	return r == NO_ANSWER ? 0 : r;
}

/* The head of a request about a VIP, in `buffer` of at least 256 bytes. */
static struct nlmsghdr *put_vip(
	char *buffer, uint16_t type, int ifindex, const struct addr *address)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *head;

	h->nlmsg_type = type;
	head = mnl_nlmsg_put_extra_header(h, sizeof(*head));
	head->ifa_family = addr_is_v4(address) ? AF_INET : AF_INET6;
	head->ifa_prefixlen = addr_is_v4(address) ? 32 : 128;
	head->ifa_scope = RT_SCOPE_UNIVERSE;
	head->ifa_index = (unsigned)ifindex;
	put_addr(h, IFA_LOCAL, address);
	put_addr(h, IFA_ADDRESS, address);
	return h;
}

static void put_broadcast(struct nlmsghdr *h, const struct addr *address, unsigned length_bits)
{
	struct addr all = *address;

	for (unsigned i = length_bits; i < HOST_PREFIX_BITS; i++)
		all.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	put_addr(h, IFA_BROADCAST, &all);
}

int nl_add_address(
	struct netlink *nl, unsigned port, const struct addr *address, unsigned length_bits)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	const int ifindex = nl_link(nl, port)->ifindex;
	const bool is_v4 = addr_is_v4(address);
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *head;

	if (ifindex == 0)
		return -ENODEV;
	h->nlmsg_type = RTM_NEWADDR;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	head = mnl_nlmsg_put_extra_header(h, sizeof(*head));
	head->ifa_family = is_v4 ? AF_INET : AF_INET6;
	head->ifa_prefixlen = (uint8_t)(is_v4 ? length_bits - V4_PREFIX_BITS : length_bits);
	head->ifa_scope = RT_SCOPE_UNIVERSE;
	head->ifa_index = (unsigned)ifindex;
	put_addr(h, IFA_LOCAL, address);
	put_addr(h, IFA_ADDRESS, address);
	if (is_v4 && length_bits < HOST_PREFIX_BITS - 1)
		put_broadcast(h, address, length_bits);
	if (!is_v4)
		mnl_attr_put_u32(h, IFA_FLAGS, IFA_F_NODAD);
	return request(nl, h);
}

int nl_add_route(struct netlink *nl, unsigned port, const struct prefix *to, const struct addr *via)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	const int ifindex = nl_link(nl, port)->ifindex;
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct rtmsg *head;

	if (ifindex == 0)
		return -ENODEV;
	h->nlmsg_type = RTM_NEWROUTE;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	head = mnl_nlmsg_put_extra_header(h, sizeof(*head));
	head->rtm_family = addr_is_v4(via) ? AF_INET : AF_INET6;
	head->rtm_dst_len =
		(uint8_t)(addr_is_v4(via) ? to->length_bits - V4_PREFIX_BITS : to->length_bits);
	head->rtm_table = RT_TABLE_MAIN;
	head->rtm_protocol = NL_ROUTE_PROTOCOL;
	head->rtm_scope = RT_SCOPE_UNIVERSE;
	head->rtm_type = RTN_UNICAST;
	if (head->rtm_dst_len > 0)
		put_addr(h, RTA_DST, &to->addr);
	put_addr(h, RTA_GATEWAY, via);
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)ifindex);
	return request(nl, h);
}

/* What the kernel has just confirmed, ahead of its event. */
static void note_vip(struct netlink *nl, int ifindex, const struct addr *address, bool is_removal)
{
	const struct nl_event ev = {
		.kind = NL_EVENT_ADDRESS,
		.is_removal = is_removal,
		.address = {.ifindex = ifindex,
			.address = *address,
			.length_bits = HOST_PREFIX_BITS,
			.protocol = NL_VIP_PROTOCOL},
	};

	(void)nl_mirror_apply(nl->mirror, &ev);
}

int nl_add_vip(struct netlink *nl, unsigned port, const struct addr *address, bool *ret_was_there)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	const struct ifa_cacheinfo not_preferred = {.ifa_prefered = 0, .ifa_valid = UINT32_MAX};
	const int ifindex = nl_link(nl, port)->ifindex;
	uint32_t flags = IFA_F_NOPREFIXROUTE;
	struct nlmsghdr *h;
	int r;

	if (ifindex == 0)
		return -ENODEV;
	h = put_vip(buffer, RTM_NEWADDR, ifindex, address);
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	if (!addr_is_v4(address)) {
		flags |= IFA_F_NODAD;
		mnl_attr_put(h, IFA_CACHEINFO, sizeof(not_preferred), &not_preferred);
	}
	mnl_attr_put_u32(h, IFA_FLAGS, flags);
	mnl_attr_put_u8(h, IFA_PROTO, NL_VIP_PROTOCOL);

	r = request(nl, h);
	if (r < 0 && r != -EEXIST)
		return r;
	if (r == 0)
		note_vip(nl, ifindex, address, false);
	if (ret_was_there)
		*ret_was_there = r == -EEXIST;
	return 0;
}

int nl_remove_vip(struct netlink *nl, unsigned port, const struct addr *address)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	const int ifindex = nl_link(nl, port)->ifindex;
	int r;

	if (ifindex == 0)
		return 0;
	r = request(nl, put_vip(buffer, RTM_DELADDR, ifindex, address));
	if (r < 0 && r != -EADDRNOTAVAIL && r != -ENODEV)
		return r;
	note_vip(nl, ifindex, address, true);
	return 0;
}

bool nl_has_vip(const struct netlink *nl, unsigned port, const struct addr *address)
{
	const struct nl_mirror_address *known =
		nl_mirror_find_address(nl->mirror, port, address, HOST_PREFIX_BITS);

	if (!known)
		return false;
	if (known->protocol == NL_VIP_PROTOCOL)
		return true;
	return known->protocol == 0 && !nl->mirror->has_address_protocols;
}

bool nl_has_address(
	const struct netlink *nl, unsigned port, const struct addr *address, unsigned length_bits)
{
	return nl_mirror_find_address(nl->mirror, port, address, (uint8_t)length_bits) != NULL;
}

bool nl_has_own_address(const struct netlink *nl, unsigned port, const struct addr *address)
{
	for (unsigned bits = 0; bits < HOST_PREFIX_BITS; bits++)
		if (nl_mirror_find_address(nl->mirror, port, address, (uint8_t)bits))
			return true;
	return false;
}

bool nl_find_source(const struct netlink *nl, unsigned port, bool is_v4, struct addr *ret)
{
	return nl_mirror_find_source(nl->mirror, port, is_v4, ret);
}
