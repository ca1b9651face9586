#pragma once

#include "base/addr.h"
#include "base/thread.h"

#include <linux/if.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

/* One rtnetlink message as plain values. Pure: no socket, no state. */

enum nl_event_kind {
	NL_EVENT_NONE, // well-formed, but nothing the mirror keeps
	NL_EVENT_LINK,
	NL_EVENT_ADDRESS,
	NL_EVENT_ROUTE,
	NL_EVENT_NEIGHBOUR,
	NL_EVENT_NEXTHOP // some nexthop object changed; no details
};

struct nl_link_event {
	int ifindex;
	char name[IFNAMSIZ]; // "" if the message has none
	bool is_up;          // IFF_UP and IFF_LOWER_UP
	unsigned mtu;
	uint8_t mac[6]; // zeros for a device without an Ethernet address
};

struct nl_address_event {
	int ifindex;
	struct addr address;
	uint8_t length_bits; // in the 128-bit form
	uint8_t protocol;    // IFA_PROTO; 0: none, or a kernel that does not know it
	bool is_tentative;   // IPv6: not usable yet, or somebody else has it
};

/* Of several next hops the first that is alive. Of table 254 unicast routes and those that
 * refuse; of tables 254 and 255 those that deliver here. Left out: other tables and types,
 * cached clones, routes by TOS or by source, loopback, IPv6 link-local and IPv4-mapped
 * destinations, routes that the kernel skips because their next hop is dead. */
struct nl_route_event {
	struct prefix to;
	uint32_t table; // RT_TABLE_MAIN, RT_TABLE_LOCAL
	uint32_t metric;
	uint8_t type; // RTN_*
	int ifindex;  // 0: none
	bool has_gateway;
	struct addr gateway; // may be of the other family (RTA_VIA)
	bool is_multipath;   // there were several next hops
};

struct nl_neighbour_event {
	int ifindex;
	struct addr address;
	uint16_t state; // NUD_*
	bool has_mac;
	uint8_t mac[6];
};

struct nl_event {
	enum nl_event_kind kind;
	bool is_removal;
	bool is_replacement; // NLM_F_REPLACE: takes the place of what had the same key
	union {
		struct nl_link_event link;
		struct nl_address_event address;
		struct nl_route_event route;
		struct nl_neighbour_event neighbour;
	};
};

/* Whether a whole message lies in the `left` bytes from here. */
bool nl_parse_is_whole(const struct nlmsghdr *message, int left) ANY_THREAD;

/* Reads a message that lies whole and aligned in memory. -EBADMSG if a part
 * that is needed is missing, too short or out of range; *ret is untouched then. */
int nl_parse_message(const struct nlmsghdr *message, struct nl_event *ret) ANY_THREAD;

/* The part of it for RTM_NEWROUTE and RTM_DELROUTE; fills in a zeroed *ev. */
int nl_parse_route(const struct nlmsghdr *message, struct nl_event *ev) ANY_THREAD;

/* Delivered on this machine: local, broadcast and anycast routes. */
bool nl_parse_is_local_type(uint8_t route_type) ANY_THREAD;
