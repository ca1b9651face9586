#pragma once

#include "base/thread.h"
#include "dataplane/xdp.h"

#include <stdbool.h>
#include <stdint.h>

/* XDP programs on interfaces, by netlink: what is there, put ours on, take it off. */

enum { DP_XDP_NAME_LEN = 16 };

/* A program found on an interface. */
struct dp_xdp_attached {
	int fd; // to be closed by who asked
	uint32_t id;
	uint32_t mode;              // one of XDP_FLAGS_DRV_MODE, _SKB_MODE, _HW_MODE
	bool is_ours;               // of this or an earlier instance of Poise
	char name[DP_XDP_NAME_LEN]; // of its function, cut by the kernel
};

/* 1: *ret tells of the program on the interface; 0: none is there; -errno. */
int dp_xdp_attach_find(const struct dp_xdp_port *port, struct dp_xdp_attached *ret) ANY_THREAD;

/* Puts a program on, in place of `old` (one of ours) or where none is (NULL). The change is one
 * step for the kernel. Native mode; generic where the driver has none, said in diag; but in
 * the mode of `old`. *ret_mode as in struct dp_xdp_attached. */
int dp_xdp_attach_put(const struct dp_xdp_port *port, int prog_fd,
	const struct dp_xdp_attached *old, struct diag *diag, uint32_t *ret_mode) ON_CONTROL;

/* Takes exactly this program off; -errno if it is not there (any more). */
int dp_xdp_attach_remove(const struct dp_xdp_port *port, int prog_fd, uint32_t mode) ON_CONTROL;

/* A new descriptor of the program's map with that name; -ENOENT if it has none. */
int dp_xdp_attach_map(int prog_fd, const char *name) ANY_THREAD;
