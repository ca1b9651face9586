#pragma once

#include "control/netlink.h"
#include "control/netlink_mirror.h"

#include <libmnl/libmnl.h>
#include <stdint.h>

/* Between netlink.c (listening), netlink_dump.c (asking for whole tables) and
 * netlink_request.c (asking for changes). All of it runs on the control thread. */

enum { NL_BUFFER_LEN = 65536 }; // the kernel fills up to 32 kB of a dump at once

struct netlink {
	struct mnl_socket *events;
	struct mnl_socket *dumps;
	struct mnl_socket *requests; // nothing but answers to our requests arrives here
	int epoll_fd;                // events, dumps and timer_fd, as one thing to watch
	int timer_fd;                // runs while `pending` waits for next_batch_us
	struct nl_mirror *mirror;
	unsigned batch;        // dumps under way or next, bits of enum nl_dump
	unsigned pending;      // dumps for the batch after that
	bool is_dumping;       // the first of `batch` has been asked for
	bool is_inconsistent;  // it was interrupted by a change
	bool is_resync;        // when done, report everything as changed
	uint32_t dump_seq;     // of the dump under way
	uint32_t request_seq;  // of the last request
	int64_t next_batch_us; // CLOCK_MONOTONIC
	_Alignas(16) char buffer[NL_BUFFER_LEN];
};

/* netlink.c */

/* One datagram from the kernel into nl->buffer: its length, 0 if it is to be ignored, or
 * -EAGAIN, -ENOBUFS (also for one that did not fit) or another negative errno. */
int nl_receive(struct netlink *nl, const struct mnl_socket *socket) ANY_THREAD;
/* One message into the mirror. */
void nl_apply(struct netlink *nl, const struct nlmsghdr *h) ANY_THREAD;
/* What the mirror found that it has to ask; a dump still to come in this batch will do. */
void nl_take_wanted(struct netlink *nl) ANY_THREAD;

/* netlink_dump.c */

/* A step of the batch: asks for a dump, or reads a datagram of it. 0, or the error that
 * ended a dump; nl_dump_put_off() then. */
int nl_dump_step(struct netlink *nl) ANY_THREAD;
/* Gives up on the batch for now: it is pending again. */
void nl_dump_put_off(struct netlink *nl) ANY_THREAD;
/* Dumps everything and waits for it. What changes keep interrupting stays pending: the mirror
 * has what could be read, and nl_read() goes on trying. */
int nl_dump_everything(struct netlink *nl) ANY_THREAD;
