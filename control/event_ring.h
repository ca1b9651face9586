#pragma once

#include "base/thread.h"

#include <stdint.h>
#include <sys/types.h>

/* The last changes of state, in memory of a fixed size: the newest overwrites the oldest. Events
 * are numbered from 1 on, without gaps, so that whoever reads knows what he missed. Pure. */

enum ctl_event_kind {
	CTL_EVENT_START,
	CTL_EVENT_SERVER,      // a verdict
	CTL_EVENT_COMMAND,     // what somebody set
	CTL_EVENT_MAINTENANCE, // a file holds a server, or does not any more
	CTL_EVENT_SERVICE,     // no server left, or one back
	CTL_EVENT_QUORUM,
	CTL_EVENT_VRRP,
	CTL_EVENT_PORT,
	CTL_EVENT_WORKER,
	CTL_EVENT_VIPS,
	CTL_EVENT_LEASE,
	CTL_N_EVENT_KINDS
};
/* "start", "server", …; static. */
const char *ctl_event_kind_name(enum ctl_event_kind kind) ANY_THREAD;

/* Texts are cut, and hold no control characters; "" where there is nothing to say. */
enum {
	CTL_EVENT_OBJECT_LEN = 136, // SERVICE/SERVER
	CTL_EVENT_VALUE_LEN = 16,
	CTL_EVENT_CAUSE_LEN = 16,
	CTL_EVENT_TEXT_LEN = 256,
};

struct ctl_event {
	uint64_t number;
	int64_t at_ms; // CLOCK_REALTIME
	enum ctl_event_kind kind;
	int level;            // enum log_level
	int family;           // of a half of a service: 4 or 6; else 0
	const char *protocol; // of the same: "tcp", "udp"; else NULL. Static
	char object[CTL_EVENT_OBJECT_LEN];
	char before[CTL_EVENT_VALUE_LEN];
	char after[CTL_EVENT_VALUE_LEN];
	char cause[CTL_EVENT_CAUSE_LEN]; // "check", "command", "file", …
	uid_t uid;                       // whose command
	pid_t pid;                       // 0: no command
	char text[CTL_EVENT_TEXT_LEN];   // the line in the log
};

struct ctl_event_ring;

/* `capacity` of at least 1. NULL when out of memory. */
struct ctl_event_ring *ctl_event_ring_new(unsigned capacity) ANY_THREAD;
void ctl_event_ring_free(struct ctl_event_ring *ring) ANY_THREAD;

/* The newest event from here on: all zero but for its number, to be filled in. */
struct ctl_event *ctl_event_ring_add(struct ctl_event_ring *ring) ANY_THREAD;

/* The number of the oldest that is there, and the one that the next will have. The same: empty. */
uint64_t ctl_event_ring_oldest(const struct ctl_event_ring *ring) ANY_THREAD;
uint64_t ctl_event_ring_next(const struct ctl_event_ring *ring) ANY_THREAD;
/* NULL: not there any more, or not yet. */
const struct ctl_event *ctl_event_ring_find(
	const struct ctl_event_ring *ring, uint64_t number) ANY_THREAD;
/* The first that is not older than that; ctl_event_ring_next(): all are. Where the clock was set
 * back, one of several that could be it. */
uint64_t ctl_event_ring_since(const struct ctl_event_ring *ring, int64_t at_ms) ANY_THREAD;

/* Moves a reader's place, the number that it wants next, to what is there. How many it missed. */
uint64_t ctl_event_ring_catch_up(const struct ctl_event_ring *ring, uint64_t *place) ANY_THREAD;

/* Copies as much as fits, in whole characters; control characters become '?'. NULL is "". */
void ctl_event_copy(char *to, size_t size, const char *text) ANY_THREAD;
