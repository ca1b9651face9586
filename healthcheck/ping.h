#pragma once

#include "base/thread.h"
#include "healthcheck/icmp.h"

#include <stdint.h>
#include <sys/queue.h>

/* The raw ICMP sockets of one event loop, one a family, made with the first request, and the
 * requests that wait for an answer. Bounded: HC_PING_MAX_WAITING requests, a few dozen packets
 * read a turn of the loop, a packet at a time in memory. Needs CAP_NET_RAW. */

struct hc_ping;
struct hc_shared;

enum { HC_PING_MAX_WAITING = 32768 };

/* A request under way; storage from the caller, who fills the first part. */
struct hc_ping_wait {
	struct addr server;
	const struct addr *source; // NULL: the kernel's choice
	/* The answer. The wait is over already; the function may send the next request. */
	void (*on_answer)(struct hc_ping_wait *wait, const struct hc_icmp_answer *answer);
	struct hc_icmp_echo echo; // ping.c's
	LIST_ENTRY(hc_ping_wait) list;
};

/* That of the loop. 0 or a positive errno. */
int hc_ping_get(struct hc_shared *shared, struct hc_ping **ret) ANY_THREAD;
/* Sends a request. 0 or a positive errno; EPERM: the capability is missing. */
int hc_ping_send(struct hc_ping *ping, struct hc_ping_wait *wait) ANY_THREAD;
/* Ends a wait that was not answered. */
void hc_ping_forget(struct hc_ping *ping, struct hc_ping_wait *wait) ANY_THREAD;
/* No request waits. NULL is fine. */
void hc_ping_free(struct hc_ping *ping) ANY_THREAD;
