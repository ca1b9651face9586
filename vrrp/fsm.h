#pragma once

#include "vrrp/election.h"

/* The state machine of a group of instances that move together (RFC 9568 §6.4 for each of them, and
 * what makes them one). A table of state and event; pure. What the actions do is engine.c's.
 *
 * A group is master only when every one of its instances wants to be: its down timer has run out
 * since a master was heard there. One instance that hears a better master ends it for all. */

enum vrrp_group_event {
	VRRP_EV_READY,         // INIT is over: links up, checks have verdicts or the wait is over
	VRRP_EV_READY_OWNER,   // the same, with priority 255
	VRRP_EV_ALL_DOWN,      // every instance's down timer has run out
	VRRP_EV_GATE_OPEN,     // the gate's program succeeded, or may fail, or there is none
	VRRP_EV_GATE_SHUT,     // it failed
	VRRP_EV_PEER_WINS,     // an advert of somebody who is, or should be, master
	VRRP_EV_PEER_LOSES,    // an advert of somebody who should not be
	VRRP_EV_PEER_RELEASES, // an advert of priority 0
	VRRP_EV_FAULT,         // a link, a track of weight 0, the data plane
	VRRP_EV_CLEAR,         // no fault any more, and READY would be due in INIT
	VRRP_EV_CLEAR_OWNER,   // the same, with priority 255
	VRRP_EV_STALLED,       // we stood still for longer than the lease lives
	VRRP_EV_RELEASE,       // by command
	VRRP_EV_STOP,
	VRRP_N_GROUP_EVENTS
};

/* What to do, in the order of the bits. Where TAKE fails the rest is not done, and FAULT follows.
 * Adverts of their own accord are sent in MASTER only, without being armed. */
enum vrrp_action {
	VRRP_DO_LEAVE = 1 << 0,        // lease and addresses
	VRRP_DO_SEND_RELEASE = 1 << 1, // adverts of priority 0
	VRRP_DO_ASK_GATE = 1 << 2,     // starts it, or says open at once
	VRRP_DO_STOP_GATE = 1 << 3,
	VRRP_DO_TAKE = 1 << 4,
	VRRP_DO_SEND_ADVERT = 1 << 5,    // on every instance
	VRRP_DO_ANSWER_ADVERT = 1 << 6,  // on the instance that heard
	VRRP_DO_ANNOUNCE = 1 << 7,       // every instance's addresses; again later
	VRRP_DO_ANNOUNCE_AGAIN = 1 << 8, // those of the instance that heard
	VRRP_DO_ARM_DOWN = 1 << 9,       // every instance's down timer
	VRRP_DO_ARM_DOWN_HERE = 1 << 10, // that of the instance that heard
	VRRP_DO_ARM_SKEW_HERE = 1 << 11, // the same, for the skew only
	VRRP_DO_DISARM = 1 << 12,        // every instance's down timer
	VRRP_DO_HOLD_FAULT = 1 << 13,    // stay in fault for a while: the gate was shut
};

/* The state that people see, and the one between BACKUP and MASTER while the gate's program runs.
 */
enum vrrp_phase {
	VRRP_PHASE_INIT,
	VRRP_PHASE_BACKUP,
	VRRP_PHASE_GATE,
	VRRP_PHASE_MASTER,
	VRRP_PHASE_FAULT,
	VRRP_N_PHASES
};
enum vrrp_state vrrp_fsm_state(enum vrrp_phase phase) ANY_THREAD;

struct vrrp_step {
	bool is_handled; // false: the event means nothing there, and next is the same phase
	enum vrrp_phase next;
	unsigned actions; // enum vrrp_action
};
struct vrrp_step vrrp_fsm_step(enum vrrp_phase phase, enum vrrp_group_event event) ANY_THREAD;

/* How an instance's advert counts for the group: PEER_WINS, PEER_LOSES, PEER_RELEASES.
 * In BACKUP and GATE a lower peer wins unless we may preempt (RFC 9568 §6.4.2), an equal one always
 * does; in MASTER only a higher one does. */
enum vrrp_group_event vrrp_fsm_event(
	enum vrrp_phase phase, enum vrrp_verdict verdict, bool may_preempt) ANY_THREAD;
