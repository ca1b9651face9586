#pragma once

#include "dataplane/xdp/maps.h"

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <stddef.h>

/* Headers as they lie in frames, as far as the XDP program reads them and the kernel's own
 * includes do not have them in a form that it can use; and the one way to reach them. */

enum {
	MAX_OFFSET = 0x3fff, // headers beyond are not looked at: bounds for the verifier
	V4_MORE = 0x2000,    // RFC 791 §3.1
	V4_OFFSET = 0x1fff,
	V6_MORE = 0x0001, // RFC 8200 §4.5
	V6_OFFSET = 0xfff8,
	V6_ERRORS_END = 128,   // RFC 4443 §2.1: types below are errors
	ND_SOLICITATION = 135, // RFC 4861 §4.3
};

enum { // RFC 1122 §3.2.2: the ICMP types that are errors
	V4_UNREACHABLE = 3,
	V4_SOURCE_QUENCH = 4,
	V4_REDIRECT = 5,
	V4_TIME_EXCEEDED = 11,
	V4_PARAMETER_PROBLEM = 12,
};

struct vlan_tag { // IEEE 802.1Q §9.3, from behind its TPID
	__be16 control;
	__be16 type; // of what follows
};
enum { VLAN_ID = 0x0fff };

struct v6_extension { // RFC 8200 §4.3 - §4.6; all are at least 8 bytes long
	__u8 next;
	__u8 length;        // of options and routing: in 8 bytes, without the first 8
	__be16 offset_more; // of a fragment header
	__be32 id;
};

struct arp_v4 { // RFC 826 with Ethernet and IPv4
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));

struct icmp { // the start of RFC 792 and RFC 4443 messages
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

struct nd_solicitation { // RFC 4861 §4.3
	struct icmp icmp;
	struct dp_xdp_addr target;
};

/* len bytes of the frame at `offset`, or NULL. The two barriers make the compiler compare and
 * add the same register: else the verifier does not see the bound. */
static __always_inline void *header_at(const struct xdp_md *ctx, __u32 offset, __u32 len)
{
	__u64 bounded = offset;
	void *header;

	barrier_var(bounded);
	if (bounded > MAX_OFFSET)
		return NULL;
	barrier_var(bounded);
	header = (void *)(long)ctx->data + bounded;
	return header + len <= (void *)(long)ctx->data_end ? header : NULL;
}
