#pragma once

#include <stdint.h>

/* Receive-side scaling that agrees with the owner of a flow (owner.h): what to ask of a device,
 * from what its driver says it can. Pure.
 *
 * The owner is a hash of the client endpoint. So a device agrees if it hashes one end of a packet
 * only, address then port: the source where clients are, the destination where servers are;
 * with the owner's key, through an indirection table that repeats the owner's. It is an
 * optimisation: whatever the device does, workers hand over what is not theirs. What comes from
 * the other side (servers behind the clients' port) and what has no ports is never agreed about. */

struct dp_owner;
struct rte_eth_dev_info;
struct rte_eth_rss_reta_entry64;

enum dp_rss_end { DP_RSS_SOURCE, DP_RSS_DESTINATION };

enum { DP_RSS_MAX_RETA = 2048 }; // places of an indirection table; the largest of any card

struct dp_rss {
	uint64_t types; // RTE_ETH_RSS_*
	uint8_t key_len;
	uint16_t reta_size;
};

/* NULL and *ret, or a static text: why the device cannot agree. Workers 0 .. n_workers - 1 each
 * have the queue of their number. */
const char *dp_rss_choose(const struct rte_eth_dev_info *info, enum dp_rss_end end,
	unsigned n_queues, unsigned n_workers, struct dp_rss *ret);

/* The device's indirection table: `size` places, in groups of 64. */
void dp_rss_fill(const struct dp_owner *o, unsigned size, struct rte_eth_rss_reta_entry64 *ret);
