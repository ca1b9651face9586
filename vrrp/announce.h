#pragma once

#include "vrrp/vrrp.h"

/* Tells the link that addresses are here now: gratuitous ARP (RFC 5227 §3: a request for the own
 * address; sent as request and as reply, since some listen only to one) and unsolicited neighbour
 * advertisements (RFC 4861 §7.2.6; R=1 S=0 O=1, with the target's link-layer address). */

enum { VRRP_ANNOUNCE_MAX_LEN = 86 };

/* One Ethernet frame; returns its length. `bytes` has VRRP_ANNOUNCE_MAX_LEN bytes. is_reply: for
 * IPv4, an ARP reply and not a request. Pure. */
size_t vrrp_announce_frame(
	const struct addr *address, const uint8_t mac[6], bool is_reply, uint8_t *bytes) ANY_THREAD;

/* A packet socket for all interfaces, that receives nothing. Descriptor or -errno. */
int vrrp_announce_open(void) ON_CONTROL;
/* Sends each address's frames `times` times. Returns how many frames left. */
struct vrrp_announcement {
	int ifindex;
	const uint8_t *mac; // 6 bytes
	const struct addr *addresses;
	unsigned n;
};
unsigned vrrp_announce_send(
	int fd, const struct vrrp_announcement *announcement, unsigned times) ON_CONTROL;
