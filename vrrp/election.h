#pragma once

#include "vrrp/packet.h"

/* What an advert means for us: believed or not (RFC 9568 §7.1, RFC 3768 §7.1), who wins (§6.4), and
 * the timers that follow (§6.1). Pure; no clock, no sockets. */

/* One instance, as far as judging is concerned. */
struct vrrp_judge {
	const struct conf_vrrp_instance *conf;
	unsigned version;   // 2, 3
	uint32_t advert_ms; // configured
	unsigned priority;  // ours, in use
	struct addr source; // ours
};

/* Of a packet that decoded, in this order: from ourselves; not a peer (unicast) or not allowed; TTL
 * (one that is not known is not 255); version; authentication and interval (version 2); address
 * list (version 2: refused unless the sender's priority is 255). *ret_list_differs: the addresses,
 * in any order, are not the configured ones; untouched where something before the list was wrong.
 */
enum vrrp_error vrrp_election_check(const struct vrrp_judge *judge,
	const struct vrrp_advert *advert, const struct vrrp_envelope *envelope,
	bool *ret_list_differs) ANY_THREAD;

/* Who should be master, seen from us; what a state makes of it is fsm.h's. */
enum vrrp_verdict {
	VRRP_PEER_RELEASES, // priority 0
	VRRP_PEER_HIGHER,   // higher priority, or equal and a higher source address
	VRRP_PEER_EQUAL,    // equal priority and a lower source address
	VRRP_PEER_LOWER,
};
enum vrrp_verdict vrrp_election_compare(unsigned our_priority, const struct addr *our_source,
	unsigned priority, const struct addr *source) ANY_THREAD;

/* Microseconds. Version 2: (256 - P) / 256 s; version 3: (256 - P) x A / 256. `advert_ms` is the
 * master's interval. Not rounded. */
uint64_t vrrp_election_skew_us(unsigned version, unsigned priority, uint32_t advert_ms) ANY_THREAD;
/* 3 A + skew. */
uint64_t vrrp_election_down_us(unsigned version, unsigned priority, uint32_t advert_ms) ANY_THREAD;
/* 500 ms, or half the down interval if that is less; at least 1. */
unsigned vrrp_election_lease_ms(unsigned version, unsigned priority, uint32_t advert_ms) ANY_THREAD;
/* Base priority and what tracks add, within 1-254; 255 stays. */
unsigned vrrp_election_priority(unsigned base, int adjustment) ANY_THREAD;
