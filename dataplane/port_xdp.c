/* Kernel interfaces: DPDK's AF_XDP driver behind our XDP program, which is attached by then
 * (port.c), so that libxdp, called by the driver, finds and adopts it instead of attaching its own.
 * A port has the receive queues that its interface has. */
#include "dataplane/port.h"

#include "base/diag.h"
#include "dataplane/netdev.h"

#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int check_mtu(const struct dp *dp, const struct dp_port *port, struct diag *diag) ON_CONTROL;
static int start_queue(const struct dp *dp, const struct dp_port *port, uint16_t ethdev) ON_CONTROL;
static int open_port(struct dp *dp, struct dp_port *port, struct diag *diag) ON_CONTROL;

static void device_name(const struct dp_port *port, unsigned queue, char *buf)
{
	(void)snprintf(buf, DP_PORT_NAME_LEN, "net_af_xdp%u_%u", port->conf->index, queue);
}

/* One device a queue: the driver asks for "combined" channels when given several, and a veth
 * has none. EAL reports success even when a device failed to probe: looked up by name. */
static int create_queue(struct dp_port *port, unsigned queue)
{
	char name[DP_PORT_NAME_LEN], args[IF_NAMESIZE + 80];
	uint16_t ethdev;
	int r;

	device_name(port, queue, name);
	(void)snprintf(args, sizeof(args), "iface=%s,start_queue=%u,queue_count=1",
		port->conf->device, queue);
	r = rte_eal_hotplug_add("vdev", name, args);
	if (r < 0)
		return r;
	r = rte_eth_dev_get_port_by_name(name, &ethdev);
	if (r < 0)
		return r;
	port->queues[port->n_queues++] = (struct dp_queue){.ethdev = ethdev};
	return 0;
}

static int check_mtu(const struct dp *dp, const struct dp_port *port, struct diag *diag)
{
	// the kernel keeps a headroom of its own in each AF_XDP buffer
	int room = rte_pktmbuf_data_room_size(dp_pool_of(dp, port)) - RTE_PKTMBUF_HEADROOM -
		   XDP_PACKET_HEADROOM - DP_PORT_ETHER_OVERHEAD;
	// the driver does not know it: it says 1500 whatever the interface has
	int mtu = (int)dp_netdev_mtu(port->conf->device);

	if ((int)port->conf->mtu > mtu)
		mtu = (int)port->conf->mtu;
	if (mtu <= room)
		return 0;
	diag_add(diag, DIAG_ERROR, NULL,
		"interfaces.%s: MTU %d is larger than the packet buffers allow (%d): "
		"run \"ip link set %s mtu %d\" or less",
		port->conf->name, mtu, room, port->conf->device, room);
	return -EINVAL;
}

static int start_queue(const struct dp *dp, const struct dp_port *port, uint16_t ethdev)
{
	const struct rte_eth_conf conf = {0};
	int r = rte_eth_dev_configure(ethdev, 1, 1, &conf);

	return r == 0 ? dp_port_start_queues(dp, port, ethdev, 1) : r;
}

static int open_port(struct dp *dp, struct dp_port *port, struct diag *diag)
{
	unsigned n = dp_netdev_rx_queues(port->conf->device);
	int r;

	port->rss_why_not = "the kernel's driver spreads";

	if (n > DP_MAX_QUEUES) {
		diag_add(diag, DIAG_ERROR, NULL,
			"interfaces.%s: %s receives on %u queues, %d are possible: "
			"run \"ethtool -L %s combined %u\"",
			port->conf->name, port->conf->device, n, DP_MAX_QUEUES, port->conf->device,
			dp->conf->cpu.n_workers);
		return -EINVAL;
	}
	r = dp_pool_promise(dp, port, n, diag);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = create_queue(port, i);
	if (r == 0)
		r = check_mtu(dp, port, diag);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = start_queue(dp, port, port->queues[i].ethdev);
	return r;
}

static void close_port(struct dp_port *port)
{
	char name[DP_PORT_NAME_LEN];

	for (; port->n_queues > 0; port->n_queues--) {
		uint16_t ethdev = port->queues[port->n_queues - 1].ethdev;

		device_name(port, port->n_queues - 1, name);
		(void)rte_eth_dev_stop(ethdev);
		(void)rte_eth_dev_close(ethdev);
		(void)rte_eal_hotplug_remove("vdev", name);
	}
}

const struct dp_port_ops dp_port_ops_xdp = {
	.means = "with AF_XDP",
	.open = open_port,
	.close = close_port,
};
