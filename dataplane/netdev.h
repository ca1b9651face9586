#pragma once

#include "base/thread.h"

/* Kernel interfaces, asked before DPDK takes their queues. */

/* Receive queues in use, as the driver tells (ETHTOOL_GCHANNELS); 1 if it does not. */
unsigned dp_netdev_rx_queues(const char *device) ON_CONTROL;

/* The NUMA node that the card is on; -1: none, or it cannot be told. */
int dp_netdev_node(const char *device) ON_CONTROL;

/* 0 if it cannot be told. */
unsigned dp_netdev_mtu(const char *device) ON_CONTROL;
/* -errno. */
int dp_netdev_set_mtu(const char *device, unsigned mtu) ON_CONTROL;
