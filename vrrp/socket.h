#pragma once

#include "vrrp/packet.h"

/* The raw sockets of one instance (protocol 112), and the packet socket of its announcements.
 * Never blocks. */

struct vrrp_socket {
	int rx_fd, tx_fd; // -1: closed
	int ifindex;
	enum conf_family family;
	bool is_unicast;
};

enum { VRRP_SOCKET_CLOSED = -1 };

/* Opens both: bound to the interface, multicast joined there (224.0.0.18, ff02::12) unless unicast,
 * loop off, TTL/hop limit 255, DSCP CS6, receiver drops what is not for that interface and tells
 * source, destination and TTL. The transmit socket sends from `source`. Not dependent on VIPs being
 * on the interface. rx_fd holds at least 64 adverts. -errno; *ret closed then. */
int vrrp_socket_open(const struct conf_vrrp_instance *instance, int ifindex,
	const struct addr *source, struct vrrp_socket *ret) ON_CONTROL;
void vrrp_socket_close(struct vrrp_socket *s) ON_CONTROL;

/* To the multicast group, or to `peer` if not NULL. -errno. */
int vrrp_socket_send(const struct vrrp_socket *s, const struct addr *source,
	const struct addr *peer, const uint8_t *bytes, size_t len) ON_CONTROL;

/* Takes one packet: its VRRP message (IPv4's header is cut off) and envelope. 1; 0: none waits;
 * -errno of the socket (ENETDOWN and the like pass). `bytes` has VRRP_MAX_LEN bytes; of a longer
 * message *ret_len is more than that, and the message is not to be read. */
int vrrp_socket_receive(const struct vrrp_socket *s, uint8_t *bytes, size_t *ret_len,
	struct vrrp_envelope *ret_envelope) ON_CONTROL;
