#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

/* rtnetlink messages as the kernel sends them, from short descriptions. Each function writes
 * into the message's own storage and returns its header. Addresses are text; NULL leaves the
 * attribute out. */

enum { MESSAGE_LEN = 1024, MAX_HOPS = 4 };

struct message {
	_Alignas(16) char bytes[MESSAGE_LEN];
};

struct link_text {
	int ifindex;
	const char *name;
	unsigned flags;
	uint8_t family;
	unsigned mtu;
	const char *mac; // six bytes
	bool is_removal;
};

struct address_text {
	int ifindex;
	const char *local;
	const char *address;
	uint8_t length;
	uint8_t protocol;
	bool is_removal;
};

struct neighbour_text {
	int ifindex;
	const char *address;
	const char *mac;
	uint16_t state;
	uint8_t flags;
	bool is_removal;
};

struct hop_text {
	int ifindex;
	const char *gateway;
	const char *via; // of the other family
	uint8_t flags;
};

struct route_text {
	const char *to; // "192.0.2.0/24"; "0.0.0.0/0" and "::/0" have no RTA_DST
	uint8_t type;
	uint32_t table;
	uint32_t metric;
	struct hop_text hops[MAX_HOPS]; // more than one: RTA_MULTIPATH
	unsigned n_hops;
	uint8_t tos;
	uint8_t source_len;
	uint32_t flags;        // rtm_flags
	uint16_t header_flags; // NLM_F_*
	bool is_removal;
};

struct nlmsghdr *message_link(struct message *m, const struct link_text *link);
struct nlmsghdr *message_address(struct message *m, const struct address_text *address);
struct nlmsghdr *message_neighbour(struct message *m, const struct neighbour_text *neighbour);
struct nlmsghdr *message_route(struct message *m, const struct route_text *route);
