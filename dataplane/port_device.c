/* PCI and virtual devices: whatever driver of DPDK's takes them, with a TAP for the kernel.
 *
 * A PCI device was probed by EAL (eal.c allows those that are configured, and no others), a
 * virtual one is made here. Packets are never in several buffers: buffers fit the MTU. */
#include "dataplane/port.h"

#include "base/diag.h"
#include "dataplane/netdev.h"
#include "dataplane/owner.h"
#include "dataplane/rss.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum {
	ROOM_GRAIN = 1024,
	TAGS = 2 * 4,              // VLAN tags that may be in front
	PACKET_FRAME = 2048,       // net_af_packet's default
	PACKET_FRAME_HEADERS = 96, // the kernel's in front of a packet in its ring, and alignment
	PAGE = 4096,
	MAX_SIGNALS = 65
};

/* ---- sizes ------------------------------------------------------------------------------- */

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int set_mtu(struct dp_port *port, uint16_t ethdev, const struct rte_eth_dev_info *info,
	struct diag *diag) ON_CONTROL;
static int open_port(struct dp *dp, struct dp_port *port, struct diag *diag) ON_CONTROL;
static int set_below(const struct rte_eth_dev_info *info, unsigned mtu) ON_CONTROL;
static int check_room(
	const struct dp *dp, const struct dp_port *port, struct diag *diag) ON_CONTROL;
static int claim_below(
	struct dp_port *port, const struct rte_eth_dev_info *info, struct diag *diag) ON_CONTROL;
static int start_device(
	struct dp *dp, struct dp_port *port, uint16_t ethdev, struct diag *diag) ON_CONTROL;
static int open_tap(
	const struct dp *dp, struct dp_port *port, uint16_t ethdev, struct diag *diag) ON_CONTROL;
static void close_port(struct dp_port *port) ON_CONTROL;

static bool is_af_packet(const struct conf_interface *i)
{
	return i->kind == CONF_DEVICE_VDEV && strncmp(i->device, "net_af_packet", 13) == 0;
}

/* The driver copies whole ring frames: it wants buffers as large, and truncates what is larger. */
static unsigned packet_frame(const struct conf_interface *i)
{
	const char *arg = strstr(i->device, "framesz=");
	unsigned want = i->mtu + DP_PORT_ETHER_OVERHEAD + PACKET_FRAME_HEADERS;

	if (arg)
		return (unsigned)strtoul(arg + strlen("framesz="), NULL, 10);
	return want <= PACKET_FRAME ? PACKET_FRAME : (want + PAGE - 1) / PAGE * PAGE;
}

unsigned dp_port_room(const struct conf_interface *i)
{
	unsigned room = i->mtu + DP_PORT_ETHER_OVERHEAD + TAGS;

	if (i->kind == CONF_DEVICE_KERNEL || room < DP_PORT_ROOM)
		room = DP_PORT_ROOM;
	if (is_af_packet(i) && packet_frame(i) > room)
		room = packet_frame(i);
	return (room + ROOM_GRAIN - 1) / ROOM_GRAIN * ROOM_GRAIN;
}

/* ---- the device -------------------------------------------------------------------------- */

/* DPDK's net_tap makes the kernel send a real-time signal for each packet, and SIGIO, which is
 * deadly, when too many wait; it does without if it finds none that is free. */
static void hold_signals(struct sigaction *held)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	for (int s = SIGRTMIN; s <= SIGRTMAX && s < MAX_SIGNALS; s++)
		(void)sigaction(s, &ignore, &held[s]);
}

static void release_signals(const struct sigaction *held)
{
	for (int s = SIGRTMIN; s <= SIGRTMAX && s < MAX_SIGNALS; s++)
		(void)sigaction(s, &held[s], NULL);
}

static void vdev_name(const struct dp_port *port, char *buf)
{
	(void)snprintf(buf, DP_PORT_NAME_LEN, "%.*s", (int)strcspn(port->conf->device, ","),
		port->conf->device);
}

static int create_vdev(const struct dp_port *port, const char *name)
{
	const struct conf_interface *i = port->conf;
	const char *args = strchr(i->device, ',');
	char text[512];
	int len = snprintf(text, sizeof(text), "%s", args ? args + 1 : "");

	if (is_af_packet(i) && packet_frame(i) != PACKET_FRAME && !strstr(text, "framesz="))
		(void)snprintf(text + len, sizeof(text) - (size_t)len, ",blocksz=%u,framesz=%u",
			packet_frame(i), packet_frame(i));
	return rte_eal_hotplug_add("vdev", name, text);
}

static int find_pci(const struct dp_port *port, uint16_t *ret_ethdev, struct diag *diag)
{
	const struct conf_interface *i = port->conf;

	if (rte_eth_dev_get_port_by_name(i->device, ret_ethdev) == 0)
		return 0;
	diag_add(diag, DIAG_ERROR, NULL,
		"interfaces.%s: no driver of DPDK's has taken %s: it must exist and be bound to "
		"vfio-pci (see \"dpdk-devbind.py --status\")",
		i->name, i->device);
	return -ENODEV;
}

/* EAL reports success even when a device failed to probe: looked up by name. */
static int find_vdev(const struct dp_port *port, uint16_t *ret_ethdev, struct diag *diag)
{
	char name[DP_PORT_NAME_LEN];
	int r;

	vdev_name(port, name);
	r = create_vdev(port, name);
	if (r == 0)
		r = rte_eth_dev_get_port_by_name(name, ret_ethdev);
	if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL,
			"interfaces.%s: DPDK makes no port of \"%s\": %s: look at its name and "
			"arguments, or with cpu.eal_args = [\"--log-level=debug\"] at what the "
			"driver says",
			port->conf->name, port->conf->device, strerror(-r));
	return r;
}

/* ---- queues ------------------------------------------------------------------------------ */

/* As many as there are workers, if the device can; net_af_packet's are all in use once made. */
static unsigned count_queues(
	const struct dp *dp, const struct dp_port *port, const struct rte_eth_dev_info *info)
{
	unsigned n = RTE_MIN(info->max_rx_queues, info->max_tx_queues);

	if (n > DP_MAX_QUEUES)
		n = DP_MAX_QUEUES;
	if (is_af_packet(port->conf) || n < dp->conf->cpu.n_workers)
		return n;
	return dp->conf->cpu.n_workers;
}

/* Spread in any way. */
static struct rte_eth_conf configuration(const struct rte_eth_dev_info *info, unsigned n_queues)
{
	struct rte_eth_conf conf = {0};

	if (n_queues > 1 && info->flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
	return conf;
}

/* Clients are where VIPs are; behind the other ports are servers. */
static enum dp_rss_end client_end(const struct dp *dp, const struct dp_port *port)
{
	for (unsigned i = 0; i < dp->conf->n_vips; i++)
		if (dp->conf->vips[i].interface == port->conf)
			return DP_RSS_SOURCE;
	return DP_RSS_DESTINATION;
}

/* n queues, spread as the owner function does if the device can; *ret_rss is set then, else
 * port->rss_why_not. */
static int configure(struct dp *dp, struct dp_port *port, const struct rte_eth_dev_info *info,
	unsigned n, struct dp_rss *ret_rss)
{
	uint16_t ethdev = port->queues[0].ethdev;
	struct rte_eth_conf conf = configuration(info, n);
	struct rte_eth_conf agreed = conf;

	port->rss_why_not =
		dp_rss_choose(info, client_end(dp, port), n, dp->conf->cpu.n_workers, ret_rss);
	if (!port->rss_why_not) {
		agreed.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		agreed.rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){
			.rss_key = dp->owner->key,
			.rss_key_len = ret_rss->key_len,
			.rss_hf = ret_rss->types,
		};
		if (rte_eth_dev_configure(ethdev, (uint16_t)n, (uint16_t)n, &agreed) == 0)
			return 0;
		port->rss_why_not = "its driver refuses the key or the hash";
	}
	return rte_eth_dev_configure(ethdev, (uint16_t)n, (uint16_t)n, &conf);
}

/* Which queue each hash is for. Once the device runs: some drivers take it then only. */
static void deal_hashes(const struct dp *dp, struct dp_port *port, const struct dp_rss *rss)
{
	struct rte_eth_rss_reta_entry64 reta[DP_RSS_MAX_RETA / RTE_ETH_RETA_GROUP_SIZE] = {0};

	if (port->rss_why_not)
		return;
	dp_rss_fill(dp->owner, rss->reta_size, reta);
	if (rte_eth_dev_rss_reta_update(port->queues[0].ethdev, reta, rss->reta_size) < 0)
		port->rss_why_not = "its driver refuses the indirection table";
}

/* ---- MTU --------------------------------------------------------------------------------- */

/* net_af_packet passes on what its frames hold, whatever ethdev thinks it can. */
static int set_below(const struct rte_eth_dev_info *info, unsigned mtu)
{
	char device[IF_NAMESIZE];

	if (info->if_index == 0 || !if_indextoname(info->if_index, device))
		return -ENODEV;
	return dp_netdev_set_mtu(device, mtu);
}

static unsigned largest_mtu(const struct rte_eth_dev_info *info)
{
	unsigned by_frame = info->max_rx_pktlen - DP_PORT_ETHER_OVERHEAD;

	return RTE_MIN(by_frame, info->max_mtu);
}

/* A driver without an MTU of its own (-ENOTSUP: net_pcap, net_ring) takes what comes. */
static int set_mtu(struct dp_port *port, uint16_t ethdev, const struct rte_eth_dev_info *info,
	struct diag *diag)
{
	unsigned want = port->conf->mtu;
	uint16_t mtu = 0;
	int r = 0;

	if (want == 0) {
		(void)rte_eth_dev_get_mtu(ethdev, &mtu);
		port->mtu = mtu;
	} else {
		port->mtu = want;
		r = is_af_packet(port->conf) ? set_below(info, want)
					     : rte_eth_dev_set_mtu(ethdev, (uint16_t)want);
	}
	if (r == 0 || r == -ENOTSUP)
		return 0;
	if (want > largest_mtu(info) && !is_af_packet(port->conf))
		diag_add(diag, DIAG_ERROR, NULL, "interfaces.%s.mtu: %u is larger than %s can (%u)",
			port->conf->name, want, info->driver_name, largest_mtu(info));
	else
		diag_add(diag, DIAG_ERROR, NULL, "interfaces.%s.mtu: %s cannot be set to %u: %s",
			port->conf->name, info->driver_name, want, strerror(-r));
	return -EINVAL;
}

/* Not configured, it may still be too large: a jumbo device without interfaces.N.mtu. */
static int check_room(const struct dp *dp, const struct dp_port *port, struct diag *diag)
{
	unsigned room = rte_pktmbuf_data_room_size(dp_pool_of(dp, port)) - RTE_PKTMBUF_HEADROOM;

	if (port->mtu + DP_PORT_ETHER_OVERHEAD <= room)
		return 0;
	diag_add(diag, DIAG_ERROR, NULL,
		"interfaces.%s: the device's MTU %u is larger than the packet buffers allow (%u): "
		"set interfaces.%s.mtu, and buffers are made to fit",
		port->conf->name, port->mtu, room - DP_PORT_ETHER_OVERHEAD, port->conf->name);
	return -EINVAL;
}

/* The kernel interface below, if there is one that the configuration did not name (port.c). */
static int claim_below(struct dp_port *port, const struct rte_eth_dev_info *info, struct diag *diag)
{
	char what[96];

	if (info->if_index == 0 || port->claim.fd >= 0)
		return 0;
	(void)snprintf(what, sizeof(what), "the interface below %.60s", port->conf->device);
	return dp_port_claim(port->conf, what, (int)info->if_index, diag, &port->claim);
}

/* ---- opening ----------------------------------------------------------------------------- */

static int start_device(struct dp *dp, struct dp_port *port, uint16_t ethdev, struct diag *diag)
{
	struct rte_eth_dev_info info;
	struct dp_rss rss;
	unsigned n;
	int r;

	r = rte_eth_dev_info_get(ethdev, &info);
	if (r == 0)
		r = claim_below(port, &info, diag);
	if (r < 0)
		return r;
	n = count_queues(dp, port, &info);
	r = configure(dp, port, &info, n, &rss);
	if (r == 0)
		r = set_mtu(port, ethdev, &info, diag);
	if (r == 0)
		r = check_room(dp, port, diag);
	if (r == 0)
		r = dp_pool_promise(dp, port, n, diag);
	if (r == 0)
		r = dp_port_start_queues(dp, port, ethdev, n);
	if (r == 0)
		deal_hashes(dp, port, &rss);
	for (unsigned i = port->n_queues; r == 0 && i < n; i++)
		port->queues[port->n_queues++] = (struct dp_queue){ethdev, (uint16_t)i};
	return r;
}

static int open_tap(const struct dp *dp, struct dp_port *port, uint16_t ethdev, struct diag *diag)
{
	struct rte_ether_addr mac;
	int r = rte_eth_macaddr_get(ethdev, &mac);
	struct dp_tap_config config = {
		.name = port->conf->name,
		.number = port->conf->index,
		.n_queues = dp->conf->cpu.n_workers,
		.mac = mac.addr_bytes,
		.mtu = port->mtu,
	};

	if (r < 0)
		return r;
	if (!rte_is_valid_assigned_ether_addr(&mac)) // net_ring and the like have none
		rte_eth_random_addr(mac.addr_bytes);
	// neighbour solicitations and what routing daemons say come to groups; few drivers filter
	(void)rte_eth_allmulticast_enable(ethdev);
	return dp_tap_open(&port->tap, &config, diag);
}

static int open_port(struct dp *dp, struct dp_port *port, struct diag *diag)
{
	struct sigaction held[MAX_SIGNALS];
	uint16_t ethdev = 0;
	int r;

	hold_signals(held);
	r = port->conf->kind == CONF_DEVICE_PCI ? find_pci(port, &ethdev, diag)
						: find_vdev(port, &ethdev, diag);
	if (r == 0) {
		// open from here on: a queue names the device for close_port()
		port->queues[0].ethdev = ethdev;
		port->is_open = true;
		r = start_device(dp, port, ethdev, diag);
	}
	if (r == 0)
		r = open_tap(dp, port, ethdev, diag);
	release_signals(held);
	return r;
}

static void close_port(struct dp_port *port)
{
	uint16_t ethdev = port->queues[0].ethdev;
	char name[DP_PORT_NAME_LEN];

	dp_tap_close(&port->tap);
	if (!port->is_open)
		return;
	(void)rte_eth_dev_stop(ethdev);
	(void)rte_eth_dev_close(ethdev);
	if (port->conf->kind == CONF_DEVICE_VDEV) {
		vdev_name(port, name);
		(void)rte_eal_hotplug_remove("vdev", name);
	}
	port->is_open = false;
	port->n_queues = 0;
}

const struct dp_port_ops dp_port_ops_device = {
	.means = "with DPDK",
	.open = open_port,
	.close = close_port,
};
