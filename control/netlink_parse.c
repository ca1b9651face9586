/* rtnetlink messages to plain values: links, addresses, neighbours. Pure.
 *
 * What the mirror has no use for is told apart from what is malformed: the first is an event
 * of kind NONE. It does not know which interfaces are ours. */
#include "control/netlink_parse.h"

#include "control/netlink_attr.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum { MAC_LEN = 6 };

static int read_link(const struct nlmsghdr *message, struct nl_event *ev)
{
	const unsigned up = IFF_UP | IFF_LOWER_UP;
	struct nl_link_event *link = &ev->link;
	const struct ifinfomsg *head;
	const struct nlattr *name, *mac;
	struct nl_attrs attrs;
	uint32_t mtu = 0;

	head = nl_attr_read_message(message, sizeof(*head), &attrs);
	if (!head || head->ifi_index <= 0)
		return -EBADMSG;
	if (head->ifi_family != AF_UNSPEC)
		return 0; // a bridge port's state, not the interface
	if (nl_attr_read_u32(&attrs, IFLA_MTU, &mtu) < 0)
		return -EBADMSG;

	name = attrs.by_type[IFLA_IFNAME];
	if (name) {
		size_t len = strnlen(mnl_attr_get_payload(name), mnl_attr_get_payload_len(name));

		if (len == 0 || len >= sizeof(link->name))
			return -EBADMSG;
		memcpy(link->name, mnl_attr_get_payload(name), len);
	}
	mac = attrs.by_type[IFLA_ADDRESS];
	if (mac && mnl_attr_get_payload_len(mac) == MAC_LEN)
		memcpy(link->mac, mnl_attr_get_payload(mac), MAC_LEN);
	link->ifindex = head->ifi_index;
	link->is_up = (head->ifi_flags & up) == up;
	link->mtu = mtu;
	ev->kind = NL_EVENT_LINK;
	return 0;
}

static int read_address(const struct nlmsghdr *message, struct nl_event *ev)
{
	struct nl_address_event *address = &ev->address;
	const struct ifaddrmsg *head;
	const struct nlattr *protocol;
	struct nl_attrs attrs;
	unsigned max_bits;

	head = nl_attr_read_message(message, sizeof(*head), &attrs);
	if (!head)
		return -EBADMSG;
	if (head->ifa_family != AF_INET && head->ifa_family != AF_INET6)
		return 0;
	max_bits = head->ifa_family == AF_INET ? 32 : 128;
	if (head->ifa_prefixlen > max_bits || (int)head->ifa_index <= 0)
		return -EBADMSG;
	if (!attrs.by_type[IFA_LOCAL] && !attrs.by_type[IFA_ADDRESS])
		return -EBADMSG;
	// with a peer, IFA_ADDRESS is the peer's and IFA_LOCAL is ours
	if (nl_attr_read_addr(&attrs, IFA_ADDRESS, head->ifa_family, &address->address) < 0 ||
		nl_attr_read_addr(&attrs, IFA_LOCAL, head->ifa_family, &address->address) < 0)
		return -EBADMSG;
	if (nl_attr_is_foreign(head->ifa_family, &address->address))
		return 0;

	protocol = attrs.by_type[IFA_PROTO];
	if (protocol && mnl_attr_get_payload_len(protocol) == 1)
		address->protocol = mnl_attr_get_u8(protocol);
	address->is_tentative = (head->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 &&
				(head->ifa_flags & IFA_F_OPTIMISTIC) == 0;
	address->ifindex = (int)head->ifa_index;
	address->length_bits = (uint8_t)(head->ifa_prefixlen + 128 - max_bits);
	ev->kind = NL_EVENT_ADDRESS;
	return 0;
}

static int read_neighbour(const struct nlmsghdr *message, struct nl_event *ev)
{
	struct nl_neighbour_event *neighbour = &ev->neighbour;
	const struct ndmsg *head;
	const struct nlattr *mac;
	struct nl_attrs attrs;

	head = nl_attr_read_message(message, sizeof(*head), &attrs);
	if (!head)
		return -EBADMSG;
	if (head->ndm_family != AF_INET && head->ndm_family != AF_INET6)
		return 0; // a bridge's forwarding entry
	if (head->ndm_ifindex <= 0 || !attrs.by_type[NDA_DST])
		return -EBADMSG;
	if (nl_attr_read_addr(&attrs, NDA_DST, head->ndm_family, &neighbour->address) < 0)
		return -EBADMSG;
	if ((head->ndm_flags & NTF_PROXY) || addr_is_multicast(&neighbour->address) ||
		nl_attr_is_foreign(head->ndm_family, &neighbour->address))
		return 0;

	mac = attrs.by_type[NDA_LLADDR];
	if (mac && mnl_attr_get_payload_len(mac) == MAC_LEN) {
		neighbour->has_mac = true;
		memcpy(neighbour->mac, mnl_attr_get_payload(mac), MAC_LEN);
	}
	neighbour->ifindex = head->ndm_ifindex;
	neighbour->state = head->ndm_state;
	ev->kind = NL_EVENT_NEIGHBOUR;
	return 0;
}

bool nl_parse_is_whole(const struct nlmsghdr *message, int left)
{
	// libmnl takes a length of 2 GB and more for a negative one, which always fits
	return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (unsigned)left;
}

int nl_parse_message(const struct nlmsghdr *message, struct nl_event *ret)
{
	struct nl_event ev = {.kind = NL_EVENT_NONE};
	int r = 0;

	// types come in fours: new, del, get, set
	ev.is_removal = (message->nlmsg_type & 3) == (RTM_DELLINK & 3);
	ev.is_replacement = !ev.is_removal && (message->nlmsg_flags & NLM_F_REPLACE);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		r = read_link(message, &ev);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		r = read_address(message, &ev);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		r = nl_parse_route(message, &ev);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		r = read_neighbour(message, &ev);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		ev.kind = NL_EVENT_NEXTHOP;
		break;
	default:
		break;
	}
	if (r == 0)
		*ret = ev;
	return r;
}
