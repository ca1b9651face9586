/* rtnetlink route messages to plain values. Pure.
 *
 * Of several next hops one is chosen here, the first that is alive, because a route of the
 * data plane has one. Routes that only the kernel's own lookup can weigh (by TOS, by source)
 * are left out. */
#include "control/netlink_parse.h"

#include "control/netlink_attr.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum { V4_MAPPED_BITS = 96 };

bool nl_parse_is_local_type(uint8_t route_type)
{
	return route_type == RTN_LOCAL || route_type == RTN_BROADCAST || route_type == RTN_ANYCAST;
}

static bool is_main_type(uint8_t type)
{
	return type == RTN_UNICAST || type == RTN_BLACKHOLE || type == RTN_UNREACHABLE ||
	       type == RTN_PROHIBIT || type == RTN_THROW;
}

/* Whether the mirror keeps routes of this kind; the destination is looked at separately. */
static bool is_wanted_route(const struct rtmsg *head, uint32_t table)
{
	if (head->rtm_family != AF_INET && head->rtm_family != AF_INET6)
		return false;
	if ((head->rtm_flags & RTM_F_CLONED) || head->rtm_tos || head->rtm_src_len)
		return false;
	if (table == RT_TABLE_MAIN && is_main_type(head->rtm_type))
		return true;
	return (table == RT_TABLE_MAIN || table == RT_TABLE_LOCAL) &&
	       nl_parse_is_local_type(head->rtm_type);
}

static bool is_wanted_destination(int family, const struct nl_route_event *route)
{
	const struct prefix *to = &route->to;
	const struct prefix loopback = {.addr = {.bytes = {[15] = 1}}, .length_bits = 128};

	if (family == AF_INET)
		return to->length_bits < V4_MAPPED_BITS + 8 || to->addr.bytes[12] != 127;
	if (to->length_bits >= V4_MAPPED_BITS && addr_is_v4(&to->addr))
		return false;
	if (to->length_bits == 128 && addr_equal(&to->addr, &loopback.addr))
		return false;
	if (addr_is_multicast(&to->addr))
		return false;
	// fe80::/64 is on every link: a destination there means nothing without its link
	return route->table == RT_TABLE_LOCAL || !addr_is_link_local(&to->addr);
}

static void clear_host_bits(struct prefix *p)
{
	for (unsigned bit = p->length_bits; bit < 128; bit++)
		p->addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

static int read_destination(
	const struct rtmsg *head, const struct nl_attrs *attrs, struct prefix *ret)
{
	const uint8_t zeros[16] = {0};
	const unsigned max_bits = head->rtm_family == AF_INET ? 32 : 128;
	struct prefix to;

	if (head->rtm_dst_len > max_bits || (head->rtm_dst_len > 0 && !attrs->by_type[RTA_DST]))
		return -EBADMSG;
	to.addr = head->rtm_family == AF_INET ? addr_from_v4(0) : addr_from_v6(zeros);
	to.length_bits = (uint8_t)(head->rtm_dst_len + 128 - max_bits);
	if (nl_attr_read_addr(attrs, RTA_DST, head->rtm_family, &to.addr) < 0)
		return -EBADMSG;
	clear_host_bits(&to);
	*ret = to;
	return 0;
}

/* RTA_GATEWAY, or RTA_VIA for a gateway of the other family. */
static int read_gateway(int family, const struct nl_attrs *attrs, struct nl_route_event *route)
{
	const struct nlattr *via = attrs->by_type[RTA_VIA];
	struct rtvia head;
	size_t len;

	if (attrs->by_type[RTA_GATEWAY]) {
		route->has_gateway = true;
		return nl_attr_read_addr(attrs, RTA_GATEWAY, family, &route->gateway);
	}
	if (!via)
		return 0;
	len = mnl_attr_get_payload_len(via);
	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, mnl_attr_get_payload(via), sizeof(head));
	route->has_gateway = true;
	return nl_attr_addr_from_bytes(head.rtvia_family,
		(const char *)mnl_attr_get_payload(via) + sizeof(head), len - sizeof(head),
		&route->gateway);
}

/* 2: alive, 1: its link has no carrier, 0: dead. */
static int liveliness(unsigned flags)
{
	if (flags & RTNH_F_DEAD)
		return 0;
	return flags & RTNH_F_LINKDOWN ? 1 : 2;
}

/* The first of the liveliest next hops into *hop; *ret_liveliness tells how lively. */
static int pick_hop(const struct nlattr *multipath, struct rtnexthop *ret, const char **ret_attrs,
	int *ret_liveliness)
{
	const char *at = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);
	struct rtnexthop hop;
	int best = -1;
	size_t size;

	while (left >= sizeof(hop)) {
		memcpy(&hop, at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return -EBADMSG;
		if (liveliness(hop.rtnh_flags) > best) {
			best = liveliness(hop.rtnh_flags);
			*ret = hop;
			*ret_attrs = at + sizeof(hop);
		}
		size = MNL_ALIGN((size_t)hop.rtnh_len);
		if (size >= left)
			break;
		at += size;
		left -= size;
	}
	if (best < 0)
		return -EBADMSG;
	*ret_liveliness = best;
	return 0;
}

static int read_hop(const struct rtmsg *head, const struct nl_attrs *attrs,
	struct nl_route_event *route, int *ret_liveliness)
{
	const struct nlattr *multipath = attrs->by_type[RTA_MULTIPATH];
	struct nl_attrs of_hop;
	const char *payload = NULL;
	struct rtnexthop hop;
	uint32_t ifindex = 0;

	if (!multipath) {
		*ret_liveliness = liveliness(head->rtm_flags);
		if (nl_attr_read_u32(attrs, RTA_OIF, &ifindex) < 0)
			return -EBADMSG;
		route->ifindex = (int)ifindex;
		return read_gateway(head->rtm_family, attrs, route);
	}
	if (pick_hop(multipath, &hop, &payload, ret_liveliness) < 0)
		return -EBADMSG;
	nl_attr_read_all(payload, hop.rtnh_len - sizeof(hop), &of_hop);
	route->is_multipath = true;
	route->ifindex = hop.rtnh_ifindex;
	return read_gateway(head->rtm_family, &of_hop, route);
}

int nl_parse_route(const struct nlmsghdr *message, struct nl_event *ev)
{
	struct nl_route_event *route = &ev->route;
	const struct rtmsg *head;
	int how_lively = 0;
	struct nl_attrs attrs;

	head = nl_attr_read_message(message, sizeof(*head), &attrs);
	if (!head)
		return -EBADMSG;
	route->table = head->rtm_table;
	if (nl_attr_read_u32(&attrs, RTA_TABLE, &route->table) < 0)
		return -EBADMSG;
	if (!is_wanted_route(head, route->table))
		return 0;
	if (read_destination(head, &attrs, &route->to) < 0 ||
		nl_attr_read_u32(&attrs, RTA_PRIORITY, &route->metric) < 0 ||
		read_hop(head, &attrs, route, &how_lively) < 0)
		return -EBADMSG;
	if (!is_wanted_destination(head->rtm_family, route))
		return 0;
	route->type = head->rtm_type;
	if (how_lively == 0)
		ev->is_removal = true; // it is in the table, but no lookup finds it
	ev->kind = NL_EVENT_ROUTE;
	return 0;
}
