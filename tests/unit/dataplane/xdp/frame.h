#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Ethernet frames built from a short description, alike for both families.
 * Addresses are named by their part in the play; frame.c has the table. */

enum who {
	CLIENT,
	STRANGER, // neither local nor a server
	SERVER,
	SERVER2,
	LOCAL,     // an address of this machine
	LOCAL_NET, // inside a wider local prefix
	VIP,       // owned, with services
	BARE_VIP,  // owned, without a service
	LOST_VIP,  // not owned, with services
	LINK_LOCAL,
	MULTICAST,
	BROADCAST, // IPv6 has none: all nodes
	LOOPBACK,
	N_WHO
};

enum fragment { WHOLE, FIRST, LATER, ATOMIC };

/* In front of the packet, outermost first. A priority tag names no VLAN (VID 0). */
enum tags {
	NO_TAG,
	PRIORITY,    // 802.1Q
	PRIORITY_AD, // 802.1ad
	PRIORITY_TWICE,
	PRIORITY_THRICE,
	VLAN,
	VLAN_AD,
	PRIORITY_VLAN, // two tags
	VLAN_PRIORITY,
	N_TAGS
};

enum { TCP = 6, UDP = 17, ICMP = 1, GRE = 47 }; // ICMP: the family's
enum icmp_type { ECHO, UNREACHABLE, TOO_BIG, SOLICITATION, ADVERTISEMENT };

struct packet {
	enum who src, dst;
	uint8_t protocol;
	uint16_t src_port, dst_port;
	enum fragment fragment;
	unsigned options;  // IPv4: words of options, up to 10; IPv6: extension headers of 8 bytes
	unsigned cut;      // bytes missing at the end of the frame
	unsigned short_by; // bytes missing at the end of the packet, its length says so too
	enum icmp_type icmp;
	enum who target;            // SOLICITATION, ADVERTISEMENT
	const struct packet *quote; // UNREACHABLE, TOO_BIG: 8 bytes of its transport header
	enum tags tags;
};

struct frame {
	uint8_t bytes[2048];
	unsigned len;
};

const char *who_text(enum who who, int family);

void frame_build(const struct packet *p, int family, struct frame *ret);
/* operation 1 request, 2 reply. */
void frame_build_arp(uint16_t operation, enum who sender, enum who target, struct frame *ret);
/* Puts tags in, as frame_build() does. */
void frame_tag(struct frame *f, enum tags tags);
