#pragma once

#include "base/thread.h"
#include "dataplane/internal.h"

#include <stdint.h>

/* Kinds of ports, behind one small table each. Control thread.
 *
 * A kernel interface has an XDP program that decides, and its own addresses; any other device is
 * given a TAP, and the workers decide. */

struct rte_mempool;

enum {
	DP_PORT_DESCRIPTORS = 2048,
	DP_PORT_NAME_LEN = 64,
	DP_PORT_ROOM = 3072, // bytes of a frame that a small packet buffer holds at least
	DP_PORT_ETHER_OVERHEAD = 14 + 4 // Ethernet header and check sequence
};

struct dp_port_ops {
	const char *means; // in messages: "with AF_XDP"
	/* Opens its devices and starts their queues; port->queues, n_queues and mtu are set. What
	 * is open when it fails is closed by close(). -errno; told in diag, or not. */
	int (*open)(struct dp *dp, struct dp_port *port, struct diag *diag);
	void (*close)(struct dp_port *port);
};

extern const struct dp_port_ops dp_port_ops_xdp;    // port_xdp.c: kernel interfaces
extern const struct dp_port_ops dp_port_ops_device; // port_device.c: PCI and virtual devices

/* Bytes of a frame that a packet buffer must hold for the interface; a multiple of 1024, in
 * which drivers count. Pure. */
unsigned dp_port_room(const struct conf_interface *interface);

/* Claims the kernel interface for this process; the port or the device below it is `what` in
 * messages. -errno, diag. */
int dp_port_claim(const struct conf_interface *interface, const char *what, int ifindex,
	struct diag *diag, struct dp_claim *ret) ON_CONTROL;

/* pool.c: the pools that the configuration's ports need, of memory.packets buffers each. */
int dp_pool_open_all(struct dp *dp, struct diag *diag) ON_CONTROL;
void dp_pool_close_all(struct dp *dp) ON_CONTROL;
/* Before the port's queues are set up: whether there are packets for them too. -ENOMEM, diag. */
int dp_pool_promise(
	struct dp *dp, const struct dp_port *port, unsigned n_queues, struct diag *diag) ON_CONTROL;
/* Where the port's packets are received to. */
struct rte_mempool *dp_pool_of(const struct dp *dp, const struct dp_port *port) ON_CONTROL;

/* One device's queues 0 .. n-1 set up in the port's pool, and started; it is configured. */
int dp_port_start_queues(
	const struct dp *dp, const struct dp_port *port, uint16_t ethdev, unsigned n) ON_CONTROL;
