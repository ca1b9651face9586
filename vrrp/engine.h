#pragma once

#include "vrrp/announce.h"
#include "vrrp/fsm.h"
#include "vrrp/packet.h"
#include "vrrp/programs.h"
#include "vrrp/socket.h"
#include "vrrp/track.h"

/* What engine.c, group.c, instance.c and status.c share. Times are CLOCK_MONOTONIC in microseconds;
 * 0 stands for a timer that is not armed. */

struct event;
struct event_base;

enum { VRRP_WHY_LEN = 160, VRRP_US_PER_MS = 1000 };

struct vrrp_instance {
	const struct conf_vrrp_instance *conf;
	struct vrrp_group *group;
	struct vrrp_socket socket;
	struct addr source;
	unsigned version;
	int64_t reopen_at_us; // its sockets could not be opened:
	int open_error;       // -errno of the last time
	int64_t down_at_us;
	bool is_down; // the timer has run out since a master was heard
	/* The interval of the master that is heard; ours while none is. */
	uint32_t master_advert_ms;
	enum vrrp_checksum_form peer_form;
	/* On equal priorities the first instance of a group decides for all of it, so that
	 * addresses of two families cannot elect two nodes; until it has heard anything, a few
	 * adverts are let pass. */
	enum vrrp_verdict equal_verdict; // of the last peer of equal priority
	int64_t equal_at_us;             // when that was heard
	unsigned n_equal;                // heard since, while the first instance heard nothing
	int64_t told_at_us;              // last line about its peers
	int64_t announced_us;            // last, in answer to an advert
	unsigned n_answers;              // adverts, since the last one of our own accord
	bool has_other_list;             // the last advert listed other addresses
	struct vrrp_instance_status status;
};

struct vrrp_group {
	struct vrrp *v;
	unsigned index;
	const struct conf_vrrp_group *conf;
	enum vrrp_phase phase;
	struct vrrp_instance *instances;
	unsigned priority_base, priority;
	bool is_released;
	bool is_ready; // INIT is over for good
	char why[VRRP_WHY_LEN];
	/* The words of the fault that holds now; "" for none. */
	char fault[VRRP_WHY_LEN];
	int64_t init_until_us; // longest wait for first verdicts
	int64_t preempt_at_us; // not before
	int64_t hold_until_us; // in fault, after a gate was shut or the addresses could not be had
	char hold_why[VRRP_WHY_LEN];
	int64_t gate_retry_us; // the spawner was behind
	uint64_t gate_run;     // or VRRP_NO_RUN
	bool is_gate_open;     // what it said, until the machine has heard
	bool is_gate_shut;
	bool was_refused;    // take() failed
	bool has_advertised; // since take()
	/* While master. */
	int64_t advert_at_us;
	int64_t advertised_us; // last
	int64_t renew_at_us;
	int64_t renewed_us; // last
	int64_t announce_at_us;
	bool is_second_announcement; // due next; then only refreshes
	struct vrrp_group_status status;
};

struct vrrp {
	const struct conf *conf;
	struct event_base *base;
	struct vrrp_callbacks callbacks;
	struct vrrp_programs *programs; // NULL: there are none to run
	struct vrrp_tracks *tracks;
	struct vrrp_notify *notify; // NULL with programs
	int epoll_fd;               // timer_fd and all sockets
	int timer_fd;
	struct event *ready;
	int announce_fd;
	int64_t due_us; // what timer_fd is set to
	bool is_checked;
	char why_not[VRRP_WHY_LEN]; // it cannot forward; "": it can
	struct vrrp_link links[CONF_MAX_INTERFACES];
	struct vrrp_group *groups;
	struct vrrp_instance *instances; // of all groups
	unsigned n_instances;
	uint8_t buffer[VRRP_MAX_LEN];
};

int64_t vrrp_now_us(void) ANY_THREAD;
int64_t vrrp_wall_ms(void) ANY_THREAD;
/* The earlier of two timers. */
int64_t vrrp_sooner(int64_t a_us, int64_t b_us) ANY_THREAD;

/* ---- engine.c ---------------------------------------------------------------------------- */

/* Everything that is due now; what the loop calls. */
void vrrp_turn(struct vrrp *v) ON_CONTROL;
/* After anything that may have changed what is due. */
void vrrp_rearm(struct vrrp *v) ON_CONTROL;
/* Watches a socket's descriptor, or stops to (before it is closed). */
int vrrp_watch(struct vrrp *v, int fd) ON_CONTROL;
void vrrp_unwatch(struct vrrp *v, int fd) ON_CONTROL;

/* ---- group.c ------------------------------------------------------------------------------- */

/* An event for the machine; `here` is the instance that heard it, or NULL. `why`: words. */
void vrrp_group_happen(struct vrrp_group *g, enum vrrp_group_event event,
	struct vrrp_instance *here, const char *why) ON_CONTROL;
/* Judges faults, priority, the wait of INIT and the gate's answer anew. */
void vrrp_group_look(struct vrrp_group *g, int64_t now_us) ON_CONTROL;
/* Stood still for so long that somebody else may be master: to be asked before anything else. */
void vrrp_group_look_for_stall(struct vrrp_group *g, int64_t now_us) ON_CONTROL;
/* Timers that are due. After the sockets have been read. */
void vrrp_group_run_timers(struct vrrp_group *g, int64_t now_us) ON_CONTROL;
/* The next timer; 0: none. */
int64_t vrrp_group_due(const struct vrrp_group *g) ANY_THREAD;
/* Something for people that is no change of state. */
void vrrp_group_tell(struct vrrp_group *g, const char *words) ON_CONTROL;
bool vrrp_group_may_preempt(const struct vrrp_group *g, int64_t now_us) ANY_THREAD;
/* Anew from the base priority and the tracks. */
void vrrp_group_weigh(struct vrrp_group *g) ON_CONTROL;

/* ---- instance.c -------------------------------------------------------------------------------
 */

void vrrp_instance_init(struct vrrp_instance *i, struct vrrp_group *g,
	const struct conf_vrrp_instance *conf) ON_CONTROL;
/* Brings the sockets to what the link is now. */
void vrrp_instance_set_link(struct vrrp_instance *i) ON_CONTROL;
void vrrp_instance_close(struct vrrp_instance *i) ON_CONTROL;
/* Once more, when it is time to. */
void vrrp_instance_reopen(struct vrrp_instance *i, int64_t now_us) ON_CONTROL;
/* Takes what waits, as far as a turn allows. */
void vrrp_instance_read(struct vrrp_instance *i) ON_CONTROL;
void vrrp_instance_send(struct vrrp_instance *i, unsigned priority) ON_CONTROL;
void vrrp_instance_announce(struct vrrp_instance *i, unsigned times) ON_CONTROL;
/* For the master's interval, or for the skew alone. */
void vrrp_instance_arm_down(struct vrrp_instance *i, bool is_skew_only) ON_CONTROL;
/* Why it cannot work: words; NULL: it can. */
const char *vrrp_instance_fault(const struct vrrp_instance *i) ANY_THREAD;
