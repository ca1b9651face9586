#pragma once

#include "base/thread.h"
#include "dataplane/dp.h"

#include <net/if.h>
#include <stdint.h>

/* The kernel side of a port that is no kernel interface: a TAP with the port's MAC and MTU, one
 * queue a worker. What is written to a queue the kernel receives; what the kernel sends is read
 * from one of them, the same for all packets of a flow. Goes with the process, however it ends.
 *
 * Not DPDK's net_tap: that reports frames of 1522 bytes as its largest, so that ethdev refuses
 * every larger MTU, has 16 queues, and wakes the process by a signal a packet. */

struct diag;

struct dp_tap {
	char device[IF_NAMESIZE]; // "": not open
	unsigned n_queues;
	int fds[DP_MAX_WORKERS]; // non-blocking
	bool has_no_carrier;     // as last set
};

struct dp_tap_config {
	const char *name; // wanted; as it is too long or taken, "poise" with `number`
	unsigned number;
	unsigned n_queues;
	const uint8_t *mac; // 6 bytes
	unsigned mtu;
};

/* Makes it and sets it up, administratively up too, without addresses. -errno, told in diag. */
int dp_tap_open(
	struct dp_tap *tap, const struct dp_tap_config *config, struct diag *diag) ON_CONTROL;
/* What the kernel shall see of the port's link. Does nothing on kernels before 5.0. */
void dp_tap_set_carrier(struct dp_tap *tap, bool has_carrier) ON_CONTROL;
/* The TAP is gone then. One that is not open is fine. */
void dp_tap_close(struct dp_tap *tap) ON_CONTROL;
