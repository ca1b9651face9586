#pragma once

#include "base/addr.h"
#include "base/thread.h"
#include "conf/model.h"

#include <stdbool.h>
#include <stdint.h>

/* VRRP (RFC 3768 for version 2, RFC 9568 for version 3), as the control thread sees it.
 *
 * Runs on the caller's libevent loop. Groups and instances are named by their position in
 * conf->vrrp. What a node must do to hold addresses (tables, lease, addresses on interfaces) is the
 * caller's: take() and leave() below. What the engine must know of the world beyond VRRP's own
 * packets is told to it by the vrrp_set_*() calls, any time, repeated or not.
 *
 * Order. Becoming master: the gate's program, take(), adverts, announcements. Leaving: leave(),
 * then, unless somebody better was heard, adverts of priority 0. */

struct diag;
struct event_base;
struct spawn_channel;
struct vrrp;

enum vrrp_state { VRRP_INIT, VRRP_BACKUP, VRRP_MASTER, VRRP_FAULT, VRRP_N_STATES };
/* "init" "backup" "master" "fault"; static. */
const char *vrrp_state_name(enum vrrp_state state) ANY_THREAD;

/* Why an advert was not believed: one list, each a metric label and a row of `show vrrp`. */
#define VRRP_ERROR_LIST(X)                                                                         \
	X(TRUNCATED, "truncated", "shorter than its header or its count of addresses says")        \
	X(TRAILING, "trailing", "longer than its count of addresses says")                         \
	X(VERSION, "version", "of another version than is configured")                             \
	X(TYPE, "type", "not an advertisement")                                                    \
	X(TTL, "ttl", "TTL or hop limit is not 255")                                               \
	X(CHECKSUM, "checksum", "checksum is wrong")                                               \
	X(NO_ADDRESSES, "no_addresses", "lists no address")                                        \
	X(INTERVAL_ZERO, "interval_zero", "advert interval of 0")                                  \
	X(INTERVAL, "interval", "version 2: another advert interval than ours")                    \
	X(AUTHENTICATION, "authentication", "version 2: authentication type or password differs")  \
	X(ADDRESS_LIST, "address_list", "version 2: lists other addresses than ours")              \
	X(OWN_SOURCE, "own_source", "came from our own address: a loop, or a duplicate of it")     \
	X(NOT_ALLOWED, "not_allowed", "from an address that is neither a peer nor allowed")        \
	X(UNKNOWN_VRID, "unknown_vrid", "of a virtual router that is not configured there")

enum vrrp_error {
	VRRP_OK, // believed
#define X(id, label, help) VRRP_ERROR_##id,
	VRRP_ERROR_LIST(X)
#undef X
		VRRP_N_ERRORS
};
/* error in (VRRP_OK, VRRP_N_ERRORS). */
const char *vrrp_error_label(enum vrrp_error error) ANY_THREAD;
const char *vrrp_error_help(enum vrrp_error error) ANY_THREAD;

/* ---- what the engine does to the world --------------------------------------------------- */

/* A change of state, or something else that a person should know. */
struct vrrp_event {
	unsigned group;
	enum vrrp_state before, state; // the same: not a change of state
	const char *why;               // words; the callee's until it returns
};

struct vrrp_callbacks {
	void *arg;
	/* The node is to hold the group's addresses: publish what is pending, give the lease
	 * life_ms from now, put the addresses on the interfaces. -errno: it cannot, and the group
	 * is in fault. */
	int (*take)(void *arg, unsigned group, unsigned life_ms);
	/* Still master: the lease for life_ms from now. Called every fifth of that. */
	void (*renew)(void *arg, unsigned group, unsigned life_ms);
	/* No longer: the lease first, then the addresses. */
	void (*leave)(void *arg, unsigned group);
	void (*on_event)(void *arg, const struct vrrp_event *event);
};

/* Opens nothing yet: instances open their sockets when they are told of their links. All groups are
 * in INIT. `programs` runs scripts, gates and notify commands and is the engine's alone; NULL if
 * there are none. conf must outlive the engine. -ENOMEM, -errno of a timer. */
int vrrp_start(const struct conf *conf, struct event_base *base, struct spawn_channel *programs,
	const struct vrrp_callbacks *callbacks, struct vrrp **ret) ON_CONTROL;
/* Every master leaves and tells it; notify_stop runs, for 5 s at most. NULL is fine. */
void vrrp_stop(struct vrrp *v) ON_CONTROL;

/* Becomes readable when a timer of VRRP is due or a packet came: for a loop that rests and must not
 * oversleep. Not to be read. */
int vrrp_fd(const struct vrrp *v) ON_CONTROL;

/* ---- what the engine is told -------------------------------------------------------------- */

struct vrrp_link {
	int ifindex; // 0: does not exist
	bool is_up;  // and has a carrier
	uint8_t mac[6];
	/* Where adverts come from: the interface's first address that is no VIP; of family 6 the
	 * link-local one. Unspecified: there is none. */
	struct addr source[CONF_N_FAMILIES];
};

/* `interface` is its index in conf. */
void vrrp_set_link(struct vrrp *v, unsigned interface, const struct vrrp_link *link) ON_CONTROL;
/* Every check has had its first verdict: groups need not wait for wait_checks. Stays true. */
void vrrp_set_checked(struct vrrp *v) ON_CONTROL;
/* Whether this node can forward. why_not: words, copied ("worker 0 stands still"); NULL: it can. */
void vrrp_set_forwarding(struct vrrp *v, const char *why_not) ON_CONTROL;
/* Whether each half of the service has its quorum; `service` is its position in conf->services.
 * What a track of a pool says follows from its services. Unknown (never told) counts as up. */
void vrrp_set_service(struct vrrp *v, unsigned service, bool is_up) ON_CONTROL;

/* ---- commands ------------------------------------------------------------------------------ */

enum { VRRP_PRIORITY_OF_FILE = 0 };
/* Base priority from now on, 1-254; VRRP_PRIORITY_OF_FILE: the configuration's again. Tracks still
 * weigh on it. -EINVAL; -EPERM for an address owner (255). Ends what vrrp_release() began. */
int vrrp_set_priority(struct vrrp *v, unsigned group, unsigned priority) ON_CONTROL;
/* Planned failover: a master hands over and from then on does not preempt, until it is master
 * again because nobody else is, or its priority is set. -EALREADY: not master. */
int vrrp_release(struct vrrp *v, unsigned group) ON_CONTROL;

/* ---- what can be seen ------------------------------------------------------------------------ */

struct vrrp_track_status {
	bool is_up;
	bool is_known;   // has had a result
	int adjustment;  // of the priority, now
	const char *why; // "exit 1", "link down"; "" if there is nothing to say; valid until the
			 // loop's next turn
};

struct vrrp_group_status {
	enum vrrp_state state;
	int64_t since_ms; // CLOCK_REALTIME of the last change of state
	const char *why;  // of the state, in words: "priority 150 is the highest here"
	unsigned priority_base;
	unsigned priority; // in use: base and tracks
	bool is_released;
	bool is_gate_running;
	bool is_waiting_to_preempt; // preempt_delay
	unsigned lease_life_ms;
	uint64_t transitions[VRRP_N_STATES]; // by new state
};

struct vrrp_instance_status {
	enum vrrp_state state; // the group's
	bool is_open;          // its sockets are
	struct addr source;
	uint32_t advert_ms; // in use: a backup's may be the master's
	/* The last master that was believed; unspecified: none yet. */
	struct addr master;
	unsigned master_priority;
	int64_t heard_ms; // CLOCK_REALTIME; 0: never
	uint64_t sent, received;
	uint64_t released_sent, released_received; // of them, priority 0
	uint64_t errors[VRRP_N_ERRORS];            // [VRRP_OK] unused
	uint64_t address_list_differs;             // version 3, believed nevertheless
	uint64_t learned_intervals;                // changes
	uint64_t conflicts;     // adverts for our VRID with other addresses from somebody else
	uint64_t masters_heard; // while master: adverts of somebody who thought to be it too
	uint64_t announcements; // ARP and neighbour advertisements sent
};

void vrrp_read_group(
	const struct vrrp *v, unsigned group, struct vrrp_group_status *ret) ON_CONTROL;
void vrrp_read_instance(const struct vrrp *v, unsigned group, unsigned instance,
	struct vrrp_instance_status *ret) ON_CONTROL;
void vrrp_read_track(const struct vrrp *v, unsigned group, unsigned track,
	struct vrrp_track_status *ret) ON_CONTROL;
