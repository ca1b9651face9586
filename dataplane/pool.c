/* Packet buffers, in two sizes: small ones, which is all that AF_XDP can take (the kernel wants no
 * buffer larger than a page), and large ones where an interface's MTU asks for them. */
#include "dataplane/port.h"

#include "base/diag.h"
#include "dataplane/netdev.h"

#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>

enum { MEMPOOL_CACHE = 256, PAGE = 4096, GRAIN = 1024 };

_Static_assert((int)CONF_PACKETS_A_QUEUE == 2 * (int)DP_PORT_DESCRIPTORS,
	"what conf/ asks for is what dp_port_start_queues() sets up");

/* What stands before a frame in a buffer's space. */
enum { BEFORE_FRAME = RTE_CACHE_LINE_SIZE + sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM };

static const char *const names[DP_N_POOLS] = {
	[DP_POOL_SMALL] = "packets", [DP_POOL_LARGE] = "packets-large"};

static bool is_large(const struct conf_interface *i)
{
	return dp_port_room(i) > DP_PORT_ROOM;
}

unsigned dp_pool_space(const struct conf *conf, enum dp_pool pool)
{
	unsigned space = 0;

	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		const struct conf_interface *interface = &conf->interfaces[i];
		unsigned want = DP_PACKET_SPACE;

		if (is_large(interface) != (pool == DP_POOL_LARGE))
			continue;
		if (pool == DP_POOL_LARGE)
			want = (BEFORE_FRAME + dp_port_room(interface) + GRAIN - 1) / GRAIN * GRAIN;
		if (want > space)
			space = want;
	}
	return space;
}

struct rte_mempool *dp_pool_of(const struct dp *dp, const struct dp_port *port)
{
	return dp->pools[is_large(port->conf) ? DP_POOL_LARGE : DP_POOL_SMALL];
}

/* What cannot be received into is an error, what could starve under load a warning. */
int dp_pool_promise(struct dp *dp, const struct dp_port *port, unsigned n_queues, struct diag *diag)
{
	enum dp_pool pool = is_large(port->conf) ? DP_POOL_LARGE : DP_POOL_SMALL;
	uint64_t want, have = dp->conf->memory.packets;

	dp->promised[pool] += n_queues;
	want = (uint64_t)dp->promised[pool] * CONF_PACKETS_A_QUEUE;
	if (have >= want)
		return 0;
	diag_add(diag, have >= want / 2 ? DIAG_WARNING : DIAG_ERROR, NULL,
		"memory.packets: %llu packet buffers are too few for the queues up to interface "
		"\"%s\": %llu are needed at least (%d for each of %u)",
		(unsigned long long)have, port->conf->name, (unsigned long long)want,
		CONF_PACKETS_A_QUEUE, dp->promised[pool]);
	return have >= want / 2 ? 0 : -ENOMEM;
}

static void free_zone(struct rte_mempool_memhdr *memory, void *zone)
{
	(void)memory;
	(void)rte_memzone_free(zone);
}

/* Buffers of `space` bytes side by side, on a page boundary. The AF_XDP driver lends the kernel
 * (number of buffers x their size) from the first one on: with gaps between them, as
 * rte_pktmbuf_pool_create() leaves at every page's end, the last ones would lie outside, and
 * the kernel silently keeps each that the receive queue offers it. */
static int fill_pool(struct rte_mempool *pool, unsigned space, int node)
{
	struct rte_pktmbuf_pool_private data = {
		.mbuf_data_room_size =
			(uint16_t)(space - RTE_CACHE_LINE_SIZE - sizeof(struct rte_mbuf)),
	};
	size_t len = (size_t)pool->size * space;
	const struct rte_memzone *zone;
	int n;

	if (rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL) != space)
		return -EINVAL;
	zone = rte_memzone_reserve_aligned(pool->name, len, node, 0, PAGE);
	if (!zone && node != SOCKET_ID_ANY) // the node's huge pages do not suffice
		zone = rte_memzone_reserve_aligned(pool->name, len, SOCKET_ID_ANY, 0, PAGE);
	if (!zone)
		return -rte_errno;
	rte_pktmbuf_pool_init(pool, &data);
	n = rte_mempool_populate_iova(pool, zone->addr, zone->iova, len, free_zone, (void *)zone);
	if (n != (int)pool->size)
		return n < 0 ? n : -ENOMEM;
	(void)rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return 0;
}

/* Negative: none. */
static int card_node(const struct conf_interface *i) ON_CONTROL;
static int card_node(const struct conf_interface *i)
{
	uint16_t ethdev;

	if (i->kind == CONF_DEVICE_KERNEL)
		return dp_netdev_node(i->device);
	if (i->kind == CONF_DEVICE_PCI && rte_eth_dev_get_port_by_name(i->device, &ethdev) == 0)
		return rte_eth_dev_socket_id(ethdev);
	return -1;
}

/* The NUMA node of the cards that use the pool, if they are all on one. */
static int pool_node(const struct dp *dp, enum dp_pool pool) ON_CONTROL;
static int pool_node(const struct dp *dp, enum dp_pool pool)
{
	int node = SOCKET_ID_ANY;

	for (unsigned i = 0; i < dp->n_ports; i++) {
		const struct conf_interface *interface = dp->ports[i].conf;
		int its;

		if (is_large(interface) != (pool == DP_POOL_LARGE))
			continue;
		its = card_node(interface);
		if (its < 0 || (node != SOCKET_ID_ANY && its != node))
			return SOCKET_ID_ANY;
		node = its;
	}
	return node;
}

int dp_pool_open_all(struct dp *dp, struct diag *diag)
{
	unsigned n = (unsigned)dp->conf->memory.packets;
	int r = 0;

	for (enum dp_pool i = 0; r == 0 && i < DP_N_POOLS; i++) {
		unsigned space = dp_pool_space(dp->conf, i);

		if (space == 0)
			continue;
		dp->pools[i] = rte_mempool_create_empty(names[i], n, space - RTE_CACHE_LINE_SIZE,
			MEMPOOL_CACHE, sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY,
			RTE_MEMPOOL_F_NO_SPREAD);
		r = dp->pools[i] ? fill_pool(dp->pools[i], space, pool_node(dp, i)) : -rte_errno;
		if (r < 0)
			diag_add(diag, DIAG_ERROR, NULL,
				"memory.packets: no memory for %u packet buffers of %u bytes: %s",
				n, space, strerror(-r));
	}
	return r;
}

void dp_pool_close_all(struct dp *dp)
{
	for (enum dp_pool i = 0; i < DP_N_POOLS; i++) {
		rte_mempool_free(dp->pools[i]);
		dp->pools[i] = NULL;
	}
}

unsigned dp_n_pools(const struct dp *dp)
{
	unsigned n = 0;

	for (enum dp_pool i = 0; i < DP_N_POOLS; i++)
		n += dp->pools[i] != NULL;
	return n;
}

static unsigned node_of(const struct rte_mempool *pool)
{
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&pool->mem_list);
	const struct rte_memzone *zone = memory ? memory->opaque : NULL;

	return zone && zone->socket_id > 0 ? (unsigned)zone->socket_id : 0;
}

/* `pool` counts those that there are. */
void dp_read_pool(const struct dp *dp, unsigned pool, struct dp_pool_stats *ret)
{
	enum dp_pool i = DP_POOL_SMALL;

	for (unsigned skip = pool; !dp->pools[i] || skip > 0; i++)
		skip -= dp->pools[i] != NULL;
	*ret = (struct dp_pool_stats){
		.name = names[i],
		.numa_node = node_of(dp->pools[i]),
		.free = rte_mempool_avail_count(dp->pools[i]),
		.limit = dp->pools[i]->size,
	};
}
