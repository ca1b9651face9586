/* The choice is all or nothing: a device that hashes only one family its own way, or has a place
 * too few, counts as one that spreads as it likes.
 *
 * DPDK 22.11 cannot be asked for the hash function, nor how a driver lays out the ends that it
 * is told to leave out: Toeplitz over the ends that are left, without a gap, is assumed. A driver
 * that means something else is found by its share of packets handed over, and does no harm. */
#include "dataplane/rss.h"

#include "dataplane/owner.h"

#include <stddef.h>

#include <rte_ethdev.h>

enum {
	GROUP = RTE_ETH_RETA_GROUP_SIZE,
	KEY_TAIL = 4 // bytes of key that Toeplitz wants beyond its input
};

static const uint64_t transports = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
				   RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;

static const uint64_t ends[] = {
	[DP_RSS_SOURCE] = RTE_ETH_RSS_L3_SRC_ONLY | RTE_ETH_RSS_L4_SRC_ONLY,
	[DP_RSS_DESTINATION] = RTE_ETH_RSS_L3_DST_ONLY | RTE_ETH_RSS_L4_DST_ONLY,
};

const char *dp_rss_choose(const struct rte_eth_dev_info *info, enum dp_rss_end end,
	unsigned n_queues, unsigned n_workers, struct dp_rss *ret)
{
	uint64_t types = transports | ends[end];

	if (n_queues < n_workers)
		return "it has fewer queues than there are workers";
	if ((info->flow_type_rss_offloads & transports) != transports)
		return "its driver does not hash TCP and UDP of both families";
	if ((info->flow_type_rss_offloads & ends[end]) != ends[end])
		return "its driver cannot hash one end of a packet alone";
	if (info->hash_key_size < DP_OWNER_POSITIONS + KEY_TAIL ||
		info->hash_key_size > DP_OWNER_KEY_LEN)
		return "its hash key has another length";
	if (info->reta_size == 0 || info->reta_size % DP_OWNER_RETA != 0 ||
		info->reta_size > DP_RSS_MAX_RETA)
		return "its indirection table has another size";
	*ret = (struct dp_rss){
		.types = types,
		.key_len = info->hash_key_size,
		.reta_size = info->reta_size,
	};
	return NULL;
}

void dp_rss_fill(const struct dp_owner *o, unsigned size, struct rte_eth_rss_reta_entry64 *ret)
{
	for (unsigned i = 0; i < size; i++) {
		ret[i / GROUP].mask = UINT64_MAX;
		ret[i / GROUP].reta[i % GROUP] = o->worker[i % DP_OWNER_RETA];
	}
}
