#pragma once

#include "dataplane/tables.h"

#include <stdint.h>

/* Which packets are ours, on ports without an XDP program (dataplane.md §1): the same table
 * as xdp/poise_xdp.bpf.c, verdict for verdict, on the same bytes. Pure; safe for any bytes. */

enum dp_verdict {
	DP_TO_WORKER,
	DP_TO_WORKER_UNTAGGED, // without its priority tags: dp_decide_tags() bytes behind the MACs
	DP_TO_KERNEL,
	DP_VIP_LOST, // for a VIP that somebody else may be serving now: nobody answers
};

struct dp_decide {
	const struct dp_service_part *services;
	const struct dp_local_part *locals;
	const uint64_t *leases; // by owner: when it runs out, on the clock of now_tsc
	uint64_t now_tsc;
	const uint8_t *mac; // the port's, 6 bytes; zeros: not known
};

enum dp_verdict dp_decide(
	const struct dp_decide *t, const uint8_t *frame, uint32_t len_bytes) ON_WORKER;

/* Bytes of the tags without a VLAN in front of IP or ARP. 0: none, or they are not ours to take
 * off; -1: more than the table looks behind. The frame has at least an Ethernet header. */
int dp_decide_tags(const uint8_t *frame, uint32_t len_bytes);
