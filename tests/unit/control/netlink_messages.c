/* rtnetlink messages for tests, in the layout that a kernel 6.x uses. */
#include "netlink_messages.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct nlmsghdr *start(struct message *m, uint16_t type)
{
	struct nlmsghdr *h;

	memset(m, 0, sizeof(*m));
	h = mnl_nlmsg_put_header(m->bytes);
	h->nlmsg_type = type;
	return h;
}

static uint8_t family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static size_t read_address(const char *text, uint8_t bytes[16])
{
	if (inet_pton(family_of(text), text, bytes) != 1) {
		fprintf(stderr, "not an address: %s\n", text);
		abort();
	}
	return family_of(text) == AF_INET ? 4u : 16u;
}

static void put_address(struct nlmsghdr *h, uint16_t type, const char *text)
{
	uint8_t bytes[16];

	if (text)
		mnl_attr_put(h, type, read_address(text, bytes), bytes);
}

struct nlmsghdr *message_link(struct message *m, const struct link_text *link)
{
	struct nlmsghdr *h = start(m, link->is_removal ? RTM_DELLINK : RTM_NEWLINK);
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(h, sizeof(*head));

	head->ifi_family = link->family;
	head->ifi_index = link->ifindex;
	head->ifi_flags = link->flags;
	if (link->name)
		mnl_attr_put_strz(h, IFLA_IFNAME, link->name);
	if (link->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, link->mtu);
	if (link->mac)
		mnl_attr_put(h, IFLA_ADDRESS, 6, link->mac);
	return h;
}

struct nlmsghdr *message_address(struct message *m, const struct address_text *address)
{
	struct nlmsghdr *h = start(m, address->is_removal ? RTM_DELADDR : RTM_NEWADDR);
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(h, sizeof(*head));

	head->ifa_family = family_of(address->local ? address->local : address->address);
	head->ifa_index = (unsigned)address->ifindex;
	head->ifa_prefixlen = address->length;
	put_address(h, IFA_ADDRESS, address->address);
	put_address(h, IFA_LOCAL, address->local);
	if (address->protocol)
		mnl_attr_put_u8(h, IFA_PROTO, address->protocol);
	return h;
}

struct nlmsghdr *message_neighbour(struct message *m, const struct neighbour_text *neighbour)
{
	struct nlmsghdr *h = start(m, neighbour->is_removal ? RTM_DELNEIGH : RTM_NEWNEIGH);
	struct ndmsg *head = mnl_nlmsg_put_extra_header(h, sizeof(*head));

	head->ndm_family = family_of(neighbour->address);
	head->ndm_ifindex = neighbour->ifindex;
	head->ndm_state = neighbour->state;
	head->ndm_flags = neighbour->flags;
	put_address(h, NDA_DST, neighbour->address);
	if (neighbour->mac)
		mnl_attr_put(h, NDA_LLADDR, 6, neighbour->mac);
	return h;
}

static void put_gateway(struct nlmsghdr *h, const struct hop_text *hop)
{
	uint8_t via[sizeof(struct rtvia) + 16];
	struct rtvia head;
	size_t len;

	put_address(h, RTA_GATEWAY, hop->gateway);
	if (!hop->via)
		return;
	head.rtvia_family = family_of(hop->via);
	memcpy(via, &head, sizeof(head));
	len = read_address(hop->via, via + sizeof(head));
	mnl_attr_put(h, RTA_VIA, sizeof(head) + len, via);
}

static void put_hops(struct nlmsghdr *h, const struct route_text *route)
{
	struct nlattr *nest = mnl_attr_nest_start(h, RTA_MULTIPATH);

	for (unsigned i = 0; i < route->n_hops; i++) {
		const struct hop_text *hop = &route->hops[i];
		struct rtnexthop *head = mnl_nlmsg_get_payload_tail(h);
		uint32_t start_len = h->nlmsg_len;

		head->rtnh_ifindex = hop->ifindex;
		head->rtnh_flags = hop->flags;
		h->nlmsg_len += sizeof(*head);
		put_gateway(h, hop);
		head->rtnh_len = (uint16_t)(h->nlmsg_len - start_len);
	}
	mnl_attr_nest_end(h, nest);
}

struct nlmsghdr *message_route(struct message *m, const struct route_text *route)
{
	struct nlmsghdr *h = start(m, route->is_removal ? RTM_DELROUTE : RTM_NEWROUTE);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(h, sizeof(*head));
	const char *slash = strchr(route->to, '/');
	char to[64];

	(void)snprintf(to, sizeof(to), "%.*s", (int)(slash - route->to), route->to);
	h->nlmsg_flags = route->header_flags;
	head->rtm_family = family_of(to);
	head->rtm_dst_len = (uint8_t)atoi(slash + 1);
	head->rtm_src_len = route->source_len;
	head->rtm_tos = route->tos;
	head->rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_COMPAT;
	head->rtm_type = route->type;
	head->rtm_flags = route->flags;
	mnl_attr_put_u32(h, RTA_TABLE, route->table);
	if (head->rtm_dst_len > 0)
		put_address(h, RTA_DST, to);
	if (route->metric)
		mnl_attr_put_u32(h, RTA_PRIORITY, route->metric);
	if (route->n_hops > 1) {
		put_hops(h, route);
		return h;
	}
	if (route->n_hops == 0)
		return h;
	head->rtm_flags |= route->hops[0].flags;
	put_gateway(h, &route->hops[0]);
	if (route->hops[0].ifindex)
		mnl_attr_put_u32(h, RTA_OIF, (uint32_t)route->hops[0].ifindex);
	return h;
}
