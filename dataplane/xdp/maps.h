#pragma once

#include <linux/types.h>

/* The shapes of the maps that the XDP program reads and its loader writes (docs/xdp.md).
 * Included by both sides, so it uses the kernel's types only. Ports and lengths that are
 * indexes are in host order, addresses in network order. */

enum {
	DP_XDP_MAX_OWNERS = 256,    // = DP_MAX_OWNERS
	DP_XDP_MAX_ROLES = 131072,  // addresses that mean something to us
	DP_XDP_MAX_PORTSETS = 2048, // (VIP, protocol) with at least one service, plus 1
	DP_XDP_MAX_PREFIXES = 4096, // local prefixes wider than a host
	DP_XDP_MAX_QUEUES = 256,    // receive queues of a device; more are not ours
	DP_XDP_PORTSET_WORDS = 65536 / 64,
};

/* As struct addr: 16 bytes in network order, IPv4 mapped into ::ffff:0:0/96. */
struct dp_xdp_addr {
	__u32 words[4];
};

/* What an address is. Several at once are possible: a server may be local. */
enum dp_xdp_role_flags {
	DP_XDP_VIP = 1 << 0,
	DP_XDP_SERVER = 1 << 1,
	DP_XDP_LOCAL = 1 << 2,
};

/* Value of poise_roles. The last three count for a VIP only. */
struct dp_xdp_role {
	__u16 flags;
	__u16 owner;     // index into poise_leases
	__u16 tcp_ports; // index into poise_ports; 0: no service
	__u16 udp_ports;
};

/* Value of poise_ports: bit n is port n. Entry 0 stays empty. */
struct dp_xdp_portset {
	__u64 words[DP_XDP_PORTSET_WORDS];
};

/* Key of poise_prefixes. The family is part of what is compared: ::/0 does not hold IPv4. */
struct dp_xdp_prefix {
	__u32 length_bits; // of family and address
	__u32 family;      // 4, 6
	struct dp_xdp_addr addr;
};
enum { DP_XDP_FAMILY_BITS = 32 };

/* The one value of poise_settings. */
struct dp_xdp_settings {
	__u32 n_prefixes; // the trie is not asked when this is 0
	__u32 unused;
};

/* The one value of poise_counters, per CPU. */
enum dp_xdp_counter {
	DP_XDP_TO_WORKER,
	DP_XDP_TO_KERNEL,
	DP_XDP_VIP_NOT_OWNED,
	DP_XDP_NO_SOCKET,
	DP_XDP_N_COUNTERS
};
struct dp_xdp_counters {
	__u64 n[DP_XDP_N_COUNTERS];
};
