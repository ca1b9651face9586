/* RFC 9568 §6.4, for a group. Pure: what an event means for us ("wins", "loses") is decided in
 * election.c, what the actions do is done in engine.c. An empty cell means: ignore.
 *
 * In every row TAKE is on the way into MASTER and LEAVE on every way out, nowhere else; a release
 * (priority 0) is sent only by who was master and knows of no better one. Down timers run in
 * BACKUP only. */
#include "vrrp/fsm.h"

#include <assert.h>

enum {
	DISARM = VRRP_DO_DISARM,
	LEAVE = VRRP_DO_LEAVE,
	SEND_RELEASE = VRRP_DO_SEND_RELEASE,
	ASK_GATE = VRRP_DO_ASK_GATE,
	STOP_GATE = VRRP_DO_STOP_GATE,
	TAKE = VRRP_DO_TAKE,
	SEND_ADVERT = VRRP_DO_SEND_ADVERT,
	ANSWER_ADVERT = VRRP_DO_ANSWER_ADVERT,
	ANNOUNCE = VRRP_DO_ANNOUNCE,
	ANNOUNCE_AGAIN = VRRP_DO_ANNOUNCE_AGAIN,
	ARM_DOWN = VRRP_DO_ARM_DOWN,
	ARM_DOWN_HERE = VRRP_DO_ARM_DOWN_HERE,
	ARM_SKEW_HERE = VRRP_DO_ARM_SKEW_HERE,
	HOLD_FAULT = VRRP_DO_HOLD_FAULT,
};

// clang-format off
static const struct vrrp_step steps[VRRP_N_PHASES][VRRP_N_GROUP_EVENTS] = {
	[VRRP_PHASE_INIT] = {
		[VRRP_EV_READY] = {true, VRRP_PHASE_BACKUP, ARM_DOWN},
		[VRRP_EV_READY_OWNER] = {true, VRRP_PHASE_GATE, ASK_GATE},
		[VRRP_EV_FAULT] = {true, VRRP_PHASE_FAULT, DISARM},
		[VRRP_EV_STOP] = {true, VRRP_PHASE_INIT, STOP_GATE | DISARM},
	},
	[VRRP_PHASE_BACKUP] = {
		[VRRP_EV_ALL_DOWN] = {true, VRRP_PHASE_GATE, ASK_GATE},
		[VRRP_EV_PEER_WINS] = {true, VRRP_PHASE_BACKUP, ARM_DOWN_HERE},
		[VRRP_EV_PEER_RELEASES] = {true, VRRP_PHASE_BACKUP, ARM_SKEW_HERE},
		[VRRP_EV_FAULT] = {true, VRRP_PHASE_FAULT, STOP_GATE | DISARM},
		[VRRP_EV_STALLED] = {true, VRRP_PHASE_BACKUP, STOP_GATE | ARM_DOWN},
		[VRRP_EV_STOP] = {true, VRRP_PHASE_INIT, STOP_GATE | DISARM},
	},
	[VRRP_PHASE_GATE] = {
		[VRRP_EV_GATE_OPEN] = {true, VRRP_PHASE_MASTER,
			TAKE | SEND_ADVERT | ANNOUNCE | DISARM},
		[VRRP_EV_GATE_SHUT] = {true, VRRP_PHASE_FAULT, DISARM | HOLD_FAULT},
		[VRRP_EV_PEER_WINS] = {true, VRRP_PHASE_BACKUP, STOP_GATE | ARM_DOWN},
		[VRRP_EV_FAULT] = {true, VRRP_PHASE_FAULT, STOP_GATE | DISARM},
		[VRRP_EV_STALLED] = {true, VRRP_PHASE_BACKUP, STOP_GATE | ARM_DOWN},
		[VRRP_EV_STOP] = {true, VRRP_PHASE_INIT, STOP_GATE | DISARM},
	},
	[VRRP_PHASE_MASTER] = {
		[VRRP_EV_PEER_WINS] = {true, VRRP_PHASE_BACKUP, LEAVE | ARM_DOWN},
		// §6.4.3: and whoever believed the other is put right
		[VRRP_EV_PEER_LOSES] = {true, VRRP_PHASE_MASTER, ANSWER_ADVERT | ANNOUNCE_AGAIN},
		[VRRP_EV_PEER_RELEASES] = {true, VRRP_PHASE_MASTER, ANSWER_ADVERT},
		[VRRP_EV_FAULT] = {true, VRRP_PHASE_FAULT, LEAVE | SEND_RELEASE | DISARM},
		// no release: somebody else is master by now
		[VRRP_EV_STALLED] = {true, VRRP_PHASE_BACKUP, LEAVE | ARM_DOWN},
		[VRRP_EV_RELEASE] = {true, VRRP_PHASE_BACKUP, LEAVE | SEND_RELEASE | ARM_DOWN},
		[VRRP_EV_STOP] = {true, VRRP_PHASE_INIT, LEAVE | SEND_RELEASE | DISARM},
	},
	[VRRP_PHASE_FAULT] = {
		[VRRP_EV_CLEAR] = {true, VRRP_PHASE_BACKUP, ARM_DOWN},
		[VRRP_EV_CLEAR_OWNER] = {true, VRRP_PHASE_GATE, ASK_GATE},
		[VRRP_EV_STOP] = {true, VRRP_PHASE_INIT, STOP_GATE | DISARM},
	},
};
// clang-format on

enum vrrp_state vrrp_fsm_state(enum vrrp_phase phase)
{
	static const enum vrrp_state states[VRRP_N_PHASES] = {
		[VRRP_PHASE_INIT] = VRRP_INIT,
		[VRRP_PHASE_BACKUP] = VRRP_BACKUP,
		[VRRP_PHASE_GATE] = VRRP_BACKUP,
		[VRRP_PHASE_MASTER] = VRRP_MASTER,
		[VRRP_PHASE_FAULT] = VRRP_FAULT,
	};

	assert(phase < VRRP_N_PHASES);
	return states[phase];
}

struct vrrp_step vrrp_fsm_step(enum vrrp_phase phase, enum vrrp_group_event event)
{
	struct vrrp_step step;

	assert(phase < VRRP_N_PHASES && event < VRRP_N_GROUP_EVENTS);
	step = steps[phase][event];
	if (!step.is_handled)
		step.next = phase;
	return step;
}

enum vrrp_group_event vrrp_fsm_event(
	enum vrrp_phase phase, enum vrrp_verdict verdict, bool may_preempt)
{
	if (verdict == VRRP_PEER_RELEASES)
		return VRRP_EV_PEER_RELEASES;
	if (verdict == VRRP_PEER_HIGHER)
		return VRRP_EV_PEER_WINS;
	if (phase == VRRP_PHASE_MASTER)
		return VRRP_EV_PEER_LOSES;
	// who is master stays it: only a lower one is pushed aside, and only by who may
	return verdict == VRRP_PEER_LOWER && may_preempt ? VRRP_EV_PEER_LOSES : VRRP_EV_PEER_WINS;
}
