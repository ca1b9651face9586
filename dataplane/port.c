/* Ports of all kinds: claimed, given packet buffers, opened; and closed.
 *
 * Order matters: the XDP programs of kernel interfaces are attached before their devices are
 * opened. */
#include "dataplane/port.h"

#include "base/diag.h"
#include "dataplane/netdev.h"
#include "dataplane/xdp.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xdp/libxdp.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

static const struct dp_port_ops *const kinds[] = {
	[CONF_DEVICE_KERNEL] = &dp_port_ops_xdp,
	[CONF_DEVICE_PCI] = &dp_port_ops_device,
	[CONF_DEVICE_VDEV] = &dp_port_ops_device,
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int claim(
	const struct conf_interface *interface, struct diag *diag, struct dp_claim *ret) ON_CONTROL;
static int claim_all(struct dp *dp, struct diag *diag) ON_CONTROL;

static bool is_kernel(const struct dp_port *port)
{
	return port->conf->kind == CONF_DEVICE_KERNEL;
}

/* ---- kernel interfaces --------------------------------------------------------------------- */

/* The name of the kernel interface that the port is, or that its driver sits upon; false if the
 * configuration names none. */
static bool kernel_name(const struct conf_interface *interface, char ret[IF_NAMESIZE])
{
	const char *name = interface->device;

	if (interface->kind == CONF_DEVICE_VDEV) {
		name = strstr(name, ",iface=");
		if (name)
			name += strlen(",iface=");
	}
	if (!name || interface->kind == CONF_DEVICE_PCI)
		return false;
	(void)snprintf(ret, IF_NAMESIZE, "%.*s", (int)strcspn(name, ","), name);
	return true;
}

/* libxdp, below the driver, would print its own words on stderr; what matters comes back as
 * an error. */
static int keep_quiet(enum libxdp_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int open_xdp(struct dp *dp, struct diag *diag) ON_CONTROL;
static int open_xdp(struct dp *dp, struct diag *diag)
{
	struct dp_xdp_port ports[DP_MAX_PORTS];
	unsigned n = 0;

	(void)libxdp_set_print(keep_quiet);
	for (unsigned i = 0; i < dp->n_ports; i++) {
		struct dp_port *port = &dp->ports[i];

		if (!is_kernel(port))
			continue;
		ports[n].device = port->conf->device;
		ports[n].ifindex = (int)if_nametoindex(port->conf->device);
		if (ports[n].ifindex == 0) {
			diag_add(diag, DIAG_ERROR, NULL,
				"interfaces.%s.device: no interface \"%s\"", port->conf->name,
				port->conf->device);
			return -ENODEV;
		}
		port->xdp_port = n++;
	}
	return n > 0 ? dp_xdp_open(ports, n, diag, &dp->xdp) : 0;
}

int dp_port_claim(const struct conf_interface *interface, const char *what, int ifindex,
	struct diag *diag, struct dp_claim *ret)
{
	int r = dp_claim_take(DP_CLAIM_FOLDER, ifindex, ret);

	if (r == -EADDRINUSE)
		diag_add(diag, DIAG_ERROR, NULL,
			"interfaces.%s: cannot claim %s: another poised drives it", interface->name,
			what);
	else if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL, "interfaces.%s: cannot claim %s in %s: %s",
			interface->name, what, DP_CLAIM_FOLDER,
			r == -EPERM ? "others than root may write there" : strerror(-r));
	return r;
}

/* -ENODEV if there is nothing to claim. Before the device is opened, for that alone would disturb
 * who has it: a second net_tap is given some of the packets. */
static int claim(const struct conf_interface *interface, struct diag *diag, struct dp_claim *ret)
{
	char name[IF_NAMESIZE];
	int ifindex;

	if (!kernel_name(interface, name))
		return -ENODEV;
	ifindex = (int)if_nametoindex(name);
	if (ifindex == 0 && interface->kind != CONF_DEVICE_KERNEL)
		return -ENODEV; // net_tap makes it; port_device.c claims it then
	return dp_port_claim(interface, name, ifindex, diag, ret);
}

static int claim_all(struct dp *dp, struct diag *diag)
{
	for (unsigned i = 0; i < dp->n_ports; i++) {
		int r = claim(dp->ports[i].conf, diag, &dp->ports[i].claim);
		if (r < 0 && r != -ENODEV)
			return r;
	}
	return 0;
}

int dp_check_free(const struct conf *conf, struct diag *diag)
{
	int status = 0;

	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		struct dp_claim probe = {.fd = -1};
		int r = claim(&conf->interfaces[i], diag, &probe);

		dp_claim_give_back(&probe);
		if (r < 0 && r != -ENODEV)
			status = r;
	}
	return status;
}

/* ---- all ----------------------------------------------------------------------------------- */

int dp_port_start_queues(
	const struct dp *dp, const struct dp_port *port, uint16_t ethdev, unsigned n)
{
	unsigned socket = (unsigned)rte_eth_dev_socket_id(ethdev);
	uint16_t n_rx = DP_PORT_DESCRIPTORS, n_tx = DP_PORT_DESCRIPTORS;
	int r = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev, &n_rx, &n_tx);

	for (uint16_t i = 0; r == 0 && i < n; i++) {
		r = rte_eth_rx_queue_setup(ethdev, i, n_rx, socket, NULL, dp_pool_of(dp, port));
		if (r == 0)
			r = rte_eth_tx_queue_setup(ethdev, i, n_tx, socket, NULL);
	}
	return r == 0 ? rte_eth_dev_start(ethdev) : r;
}

static int open_port(struct dp *dp, struct dp_port *port, struct diag *diag)
{
	unsigned errors = diag_errors(diag);
	int r = kinds[port->conf->kind]->open(dp, port, diag);

	if (r < 0 && diag_errors(diag) == errors)
		diag_add(diag, DIAG_ERROR, NULL, "interfaces.%s: cannot open %s %s: %s",
			port->conf->name, port->conf->device, kinds[port->conf->kind]->means,
			strerror(-r));
	return r;
}

int dp_port_open_all(struct dp *dp, struct diag *diag)
{
	int r;

	r = claim_all(dp, diag);
	if (r == 0)
		r = open_xdp(dp, diag);
	if (r < 0 || dp->conf->cpu.n_workers == 0)
		return r;
	r = dp_pool_open_all(dp, diag);
	for (unsigned i = 0; r == 0 && i < dp->n_ports; i++)
		r = open_port(dp, &dp->ports[i], diag);
	return r;
}

void dp_poll_links(struct dp *dp)
{
	for (unsigned i = 0; i < dp->n_ports; i++) {
		struct dp_port *port = &dp->ports[i];
		struct rte_eth_link link;

		if (is_kernel(port) || port->n_queues == 0)
			continue;
		// a driver that cannot tell has one
		if (rte_eth_link_get_nowait(port->queues[0].ethdev, &link) < 0)
			link.link_status = RTE_ETH_LINK_UP;
		dp_tap_set_carrier(&port->tap, link.link_status == RTE_ETH_LINK_UP);
	}
}

void dp_port_close_all(struct dp *dp)
{
	for (unsigned i = 0; i < dp->n_ports; i++) {
		struct dp_port *port = &dp->ports[i];

		kinds[port->conf->kind]->close(port);
		dp_claim_give_back(&port->claim);
	}
	dp_pool_close_all(dp);
	dp_xdp_close(dp->xdp);
	dp->xdp = NULL;
}
