#pragma once

#include "dataplane/xdp/wire.h"

#include <bpf/bpf_endian.h>
#include <stdbool.h>

/* Tags in front of a packet (IEEE 802.1Q), for the XDP program. */

enum { MAX_TAGS = 2 }; // priority tags of a frame; with more it is nobody's

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool is_readable(__be16 type)
{
	return type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6) ||
	       type == bpf_htons(ETH_P_ARP);
}

/* Priority tags name no VLAN: the kernel takes any number of them off and answers, and so must
 * we before we decide. A tag that names a VLAN belongs to an interface of the kernel's: then, and
 * in front of what we do not read, all stay. False: more than we look behind. */
static __always_inline bool take_priority_tags_off(struct xdp_md *ctx)
{
	const struct ethhdr *eth = header_at(ctx, 0, sizeof(*eth));
	__u8 macs[2 * ETH_ALEN];
	__be16 type;
	__u32 n = 0;
	void *front;

	if (!eth)
		return true;
	__builtin_memcpy(macs, eth, sizeof(macs));
	type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < MAX_TAGS && is_tag(type); i++) {
		const struct vlan_tag *tag = header_at(ctx, sizeof(*eth) + n, sizeof(*tag));

		if (!tag || (tag->control & bpf_htons(VLAN_ID)))
			return true;
		type = tag->type;
		n += sizeof(*tag);
	}
	if (!is_readable(type))
		return !is_tag(type);
	if (bpf_xdp_adjust_head(ctx, (int)n) < 0)
		return false;
	front = header_at(ctx, 0, sizeof(macs));
	if (front)
		__builtin_memcpy(front, macs, sizeof(macs));
	return true;
}
