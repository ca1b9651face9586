#pragma once

#include "vrrp/packet.h"

/* The raw sockets of one instance (protocol 112). Never blocks.
 *
 * The kernel gives a copy of each packet of the protocol to every socket on its interface, so an
 * instance hears its neighbours' adverts too, unless vrrp_socket_narrow() spares it. */

struct vrrp_socket {
	int rx_fd, tx_fd; // -1: closed
	int ifindex;
	enum conf_family family;
	bool is_unicast;
};

enum { VRRP_SOCKET_CLOSED = -1 };

/* Opens both: bound to the interface, multicast joined there (224.0.0.18, ff02::12) unless unicast,
 * loop off, TTL/hop limit 255, DSCP CS6, receiver drops what is not for that interface and tells
 * source, destination and TTL; with unicast it hears what is sent to `source` only. The transmit
 * socket sends from `source`. Not dependent on VIPs being on the interface. rx_fd holds at least 64
 * adverts. Needs CAP_NET_RAW and CAP_NET_ADMIN. -EADDRNOTAVAIL: `source` is not usable (yet: an
 * IPv6 address may be tentative); -errno; *ret closed then. */
int vrrp_socket_open(const struct conf_vrrp_instance *instance, int ifindex,
	const struct addr *source, struct vrrp_socket *ret) ON_CONTROL;
void vrrp_socket_close(struct vrrp_socket *s) ON_CONTROL;

/* Lets the kernel drop what another socket of the interface and family hears: from now on rx_fd
 * takes packets of `vrid` and, if hears_unknown, of every VRID that is not among the `n_known`
 * (below 256) ones, and messages too short to have one. What was queued before stays. -errno. */
struct vrrp_hearing {
	uint8_t vrid;
	bool hears_unknown;
	const uint8_t *known; // VRIDs that have a socket of their own; `vrid` may be among them
	unsigned n_known;
};
int vrrp_socket_narrow(const struct vrrp_socket *s, const struct vrrp_hearing *hearing) ON_CONTROL;

/* To the multicast group, or to `peer` if not NULL. -errno; -EAGAIN: no room. */
int vrrp_socket_send(const struct vrrp_socket *s, const struct addr *source,
	const struct addr *peer, const uint8_t *bytes, size_t len) ON_CONTROL;

/* Takes one packet: its VRRP message (IPv4's header is cut off) and envelope. 1; 0: none waits;
 * -errno of the socket (ENETDOWN and the like pass). `bytes` has VRRP_MAX_LEN bytes; of a longer
 * message *ret_len is more than that, and the message is not to be read. */
int vrrp_socket_receive(const struct vrrp_socket *s, uint8_t *bytes, size_t *ret_len,
	struct vrrp_envelope *ret_envelope) ON_CONTROL;
