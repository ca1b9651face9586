/* A group: what happens to it, and what it then does.
 *
 * fsm.c says what an event means; the actions stand below, in the order of their bits. Beside
 * events there are conditions (a fault, the priority, the gate's answer) that vrrp_group_look()
 * judges anew whenever something may have changed them, so that no event of theirs can be lost. */
#include "vrrp/engine.h"

#include "base/log.h"
#include "base/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	ANNOUNCE_TIMES = 5,
	ANNOUNCE_AGAIN_US = 5000000,
	ANNOUNCE_PACE_US = 1000000, // in answer to others' adverts
	MAX_ANSWERS = 5,            // an interval
	GATE_RETRY_US = 100000,
	REFUSED_HOLD_US = 5000000,
	LEASE_PARTS = 5,
	DOWN_INTERVALS = 3,
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void act(struct vrrp_group *g, unsigned actions, struct vrrp_instance *here) ON_CONTROL;
static void settle_gate(struct vrrp_group *g) ON_CONTROL;
static void report(struct vrrp_group *g, enum vrrp_state before) ON_CONTROL;
static void ask_gate(struct vrrp_group *g) ON_CONTROL;
static void on_gate(void *arg, const struct spawn_result *result) ON_CONTROL;
static void send_all(struct vrrp_group *g, unsigned priority) ON_CONTROL;
static void find_fault(const struct vrrp_group *g, int64_t now_us, char *buf) ON_CONTROL;
static void renew(struct vrrp_group *g, int64_t now_us) ON_CONTROL;
static void announce_due(struct vrrp_group *g, int64_t now_us) ON_CONTROL;

static unsigned lease_ms(const struct vrrp_group *g)
{
	return vrrp_election_lease_ms(g->instances[0].version, g->priority, g->conf->advert_ms);
}

static int64_t us(uint32_t ms)
{
	return (int64_t)ms * VRRP_US_PER_MS;
}

void vrrp_group_tell(struct vrrp_group *g, const char *words)
{
	const enum vrrp_state state = vrrp_fsm_state(g->phase);
	const struct vrrp_event event = {g->index, state, state, words};

	g->v->callbacks.on_event(g->v->callbacks.arg, &event);
}

/* ---- actions, in the order of enum vrrp_action ------------------------------------------------
 */

typedef void vrrp_act(struct vrrp_group *g, struct vrrp_instance *here);

static void do_leave(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_leave(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	g->v->callbacks.leave(g->v->callbacks.arg, g->index);
	g->advert_at_us = g->renew_at_us = g->announce_at_us = 0;
}

static void send_all(struct vrrp_group *g, unsigned priority)
{
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		vrrp_instance_send(&g->instances[i], priority);
}

static void do_send_release(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_send_release(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	if (g->has_advertised) // else nobody knows us as master
		send_all(g, VRRP_PRIORITY_RELEASE);
}

static void on_gate(void *arg, const struct spawn_result *result)
{
	struct vrrp_group *g = arg;
	const bool is_ok = result->end == SPAWN_EXITED && result->value == 0;
	char words[VRRP_WHY_LEN], line[VRRP_WHY_LEN + 64];

	g->gate_run = VRRP_NO_RUN;
	vrrp_programs_words(result, g->conf->gate_timeout_ms, words, sizeof(words));
	(void)snprintf(line, sizeof(line), "gate: %s%s", words,
		!is_ok && g->conf->gate_may_fail ? ": goes on nevertheless" : "");
	vrrp_group_tell(g, line);
	g->is_gate_open = is_ok || g->conf->gate_may_fail;
	g->is_gate_shut = !g->is_gate_open;
	(void)snprintf(
		g->hold_why, sizeof(g->hold_why), "%.*s", (int)sizeof(g->hold_why) - 1, line);
	// what waits in the sockets comes first: this may be the end of a long stop
	vrrp_turn(g->v);
}

static void ask_gate(struct vrrp_group *g)
{
	char name[CONF_MAX_NAME + 16], priority[32];
	const char *const env[] = {name, priority, NULL};
	const struct vrrp_program program = {
		g->conf->gate, env, g->conf->gate_timeout_ms, on_gate, g};
	int r;

	(void)snprintf(name, sizeof(name), "POISE_GROUP=%s", g->conf->name);
	(void)snprintf(priority, sizeof(priority), "POISE_PRIORITY=%u", g->priority);
	r = vrrp_programs_run(g->v->programs, &program, &g->gate_run);
	g->gate_retry_us = r == -EAGAIN ? vrrp_now_us() + GATE_RETRY_US : 0;
	if (r == 0 || r == -EAGAIN)
		return;
	g->gate_run = VRRP_NO_RUN;
	(void)snprintf(g->hold_why, sizeof(g->hold_why), "gate: not run: %s", strerror(-r));
	vrrp_group_tell(g, g->hold_why);
	g->is_gate_open = g->conf->gate_may_fail;
	g->is_gate_shut = !g->is_gate_open;
}

static void do_ask_gate(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_ask_gate(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	g->is_gate_open = g->is_gate_shut = false;
	if (g->conf->gate)
		ask_gate(g);
	else
		g->is_gate_open = true;
}

static void do_stop_gate(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_stop_gate(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	if (g->gate_run != VRRP_NO_RUN)
		vrrp_programs_cancel(g->v->programs, g->gate_run);
	g->gate_run = VRRP_NO_RUN;
	g->gate_retry_us = 0;
	g->is_gate_open = g->is_gate_shut = false;
}

/* The rest of the actions is for a node that holds the addresses. */
static void do_take(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_take(struct vrrp_group *g, struct vrrp_instance *here)
{
	const unsigned life_ms = lease_ms(g);
	int r = g->v->callbacks.take(g->v->callbacks.arg, g->index, life_ms);

	(void)here;
	g->was_refused = r < 0;
	if (r < 0)
		(void)snprintf(g->hold_why, sizeof(g->hold_why), "cannot take the addresses: %s",
			strerror(-r));
	g->is_released = g->has_advertised = false;
	g->renewed_us = g->advertised_us = vrrp_now_us();
	g->renew_at_us = g->renewed_us + us(life_ms) / LEASE_PARTS;
}

static void advertise(struct vrrp_group *g) ON_CONTROL;
static void advertise(struct vrrp_group *g)
{
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		g->instances[i].n_answers = 0;
	send_all(g, g->priority);
}

static void do_send_advert(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_send_advert(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	if (g->was_refused)
		return;
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		g->instances[i].master_advert_ms = g->conf->advert_ms;
	advertise(g);
	g->has_advertised = true;
	g->advertised_us = vrrp_now_us();
	g->advert_at_us = g->advertised_us + us(g->conf->advert_ms);
}

/* Two that both think to have won, as a foreign one can that elects each family for itself, would
 * answer each other as fast as they can. */
static void do_answer_advert(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_answer_advert(struct vrrp_group *g, struct vrrp_instance *here)
{
	if (here->n_answers >= MAX_ANSWERS)
		return;
	here->n_answers++;
	vrrp_instance_send(here, g->priority);
}

static void do_announce(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_announce(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	if (g->was_refused)
		return;
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		vrrp_instance_announce(&g->instances[i], ANNOUNCE_TIMES);
	g->is_second_announcement = true;
	g->announce_at_us = vrrp_now_us() + ANNOUNCE_AGAIN_US;
}

/* Somebody else thought to be master: the neighbours may believe it. Two that go on like that must
 * not make a storm of it. */
static void do_announce_again(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_announce_again(struct vrrp_group *g, struct vrrp_instance *here)
{
	const int64_t now_us = vrrp_now_us();

	(void)g;
	if (here->announced_us != 0 && now_us - here->announced_us < ANNOUNCE_PACE_US)
		return;
	here->announced_us = now_us;
	vrrp_instance_announce(here, 1);
}

static void do_arm_down(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_arm_down(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		vrrp_instance_arm_down(&g->instances[i], false);
}

static void do_arm_down_here(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_arm_down_here(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)g;
	vrrp_instance_arm_down(here, false);
}

static void do_arm_skew_here(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_arm_skew_here(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)g;
	vrrp_instance_arm_down(here, true);
}

static void do_disarm(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_disarm(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	for (unsigned i = 0; i < g->conf->n_instances; i++) {
		g->instances[i].down_at_us = 0;
		g->instances[i].is_down = false;
	}
}

static void do_hold_fault(struct vrrp_group *g, struct vrrp_instance *here) ON_CONTROL;
static void do_hold_fault(struct vrrp_group *g, struct vrrp_instance *here)
{
	(void)here;
	g->hold_until_us = vrrp_now_us() + us(g->conf->gate_timeout_ms);
}

static void act(struct vrrp_group *g, unsigned actions, struct vrrp_instance *here)
{
	static vrrp_act *const acts[] = {do_leave, do_send_release, do_ask_gate, do_stop_gate,
		do_take, do_send_advert, do_answer_advert, do_announce, do_announce_again,
		do_arm_down, do_arm_down_here, do_arm_skew_here, do_disarm, do_hold_fault};

	for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (actions >> i & 1)
			acts[i](g, here);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void report(struct vrrp_group *g, enum vrrp_state before)
{
	static const enum vrrp_notice notices[VRRP_N_STATES] = {
		[VRRP_INIT] = VRRP_TELL_STOP,
		[VRRP_BACKUP] = VRRP_TELL_BACKUP,
		[VRRP_MASTER] = VRRP_TELL_MASTER,
		[VRRP_FAULT] = VRRP_TELL_FAULT,
	};
	const enum vrrp_state state = vrrp_fsm_state(g->phase);
	const struct vrrp_event event = {g->index, before, state, g->why};

	g->status.since_ms = vrrp_wall_ms();
	g->status.transitions[state]++;
	g->v->callbacks.on_event(g->v->callbacks.arg, &event);
	if (g->v->notify && state != VRRP_INIT)
		vrrp_notify_tell(g->v->notify, g->index, notices[state], g->priority);
}

void vrrp_group_happen(struct vrrp_group *g, enum vrrp_group_event event,
	struct vrrp_instance *here, const char *why)
{
	const struct vrrp_step step = vrrp_fsm_step(g->phase, event);
	const enum vrrp_phase phase = g->phase;
	const enum vrrp_state before = vrrp_fsm_state(phase);

	if (!step.is_handled)
		return;
	g->phase = step.next;
	if (step.next != phase && why != g->why)
		(void)snprintf(g->why, sizeof(g->why), "%s", why);
	if (step.next == VRRP_PHASE_BACKUP && phase != VRRP_PHASE_GATE && phase != step.next)
		g->preempt_at_us = phase == VRRP_PHASE_MASTER
					   ? 0
					   : vrrp_now_us() + us(g->conf->preempt_delay_ms);
	act(g, step.actions, here);
	if (vrrp_fsm_state(step.next) != before)
		report(g, before);
	if (g->was_refused) {
		g->was_refused = false;
		g->hold_until_us = vrrp_now_us() + REFUSED_HOLD_US;
		vrrp_group_happen(g, VRRP_EV_FAULT, NULL, g->hold_why);
	}
	settle_gate(g);
}

static void settle_gate(struct vrrp_group *g)
{
	if (g->phase != VRRP_PHASE_GATE)
		return;
	if (g->is_gate_shut)
		vrrp_group_happen(g, VRRP_EV_GATE_SHUT, NULL, g->hold_why);
	else if (g->is_gate_open)
		vrrp_group_happen(g, VRRP_EV_GATE_OPEN, NULL, g->why);
}

/* ---- conditions ---------------------------------------------------------------------------------
 */

bool vrrp_group_may_preempt(const struct vrrp_group *g, int64_t now_us)
{
	return g->conf->preempt && !g->is_released && now_us >= g->preempt_at_us;
}

void vrrp_group_weigh(struct vrrp_group *g)
{
	const unsigned before = g->priority;
	char words[64];

	g->priority = vrrp_election_priority(
		g->priority_base, vrrp_tracks_adjustment(g->v->tracks, g->index));
	if (g->priority == before)
		return;
	(void)snprintf(words, sizeof(words), "priority %u -> %u", before, g->priority);
	vrrp_group_tell(g, words);
}

/* "" if there is none. */
static void find_fault(const struct vrrp_group *g, int64_t now_us, char *buf)
{
	const char *track = vrrp_tracks_fault(g->v->tracks, g->index);

	buf[0] = '\0';
	for (unsigned i = 0; i < g->conf->n_instances; i++) {
		const char *why = vrrp_instance_fault(&g->instances[i]);

		if (why) {
			(void)snprintf(buf, VRRP_WHY_LEN, "%s: interface %s: %s",
				g->conf->instances[i].name, g->conf->instances[i].interface->name,
				why);
			return;
		}
	}
	if (g->v->why_not[0] != '\0')
		(void)snprintf(buf, VRRP_WHY_LEN, "%s", g->v->why_not);
	else if (track)
		(void)snprintf(buf, VRRP_WHY_LEN, "%s", track);
	else if (g->hold_until_us > now_us)
		(void)snprintf(buf, VRRP_WHY_LEN, "%s", g->hold_why);
}

/* Links and checks, or the end of the wait for them. */
static bool may_leave_init(const struct vrrp_group *g, int64_t now_us) ON_CONTROL;
static bool may_leave_init(const struct vrrp_group *g, int64_t now_us)
{
	return (g->v->is_checked && vrrp_tracks_are_known(g->v->tracks, g->index)) ||
	       now_us >= g->init_until_us;
}

void vrrp_group_look(struct vrrp_group *g, int64_t now_us)
{
	const bool is_owner = g->priority == VRRP_PRIORITY_OWNER;
	char fault[VRRP_WHY_LEN];

	if (g->phase == VRRP_PHASE_INIT && !g->is_ready && !may_leave_init(g, now_us))
		return;
	g->is_ready = true;
	if (g->hold_until_us <= now_us)
		g->hold_until_us = 0;
	find_fault(g, now_us, fault);
	memcpy(g->fault, fault, sizeof(g->fault));
	if (fault[0] != '\0' && g->phase == VRRP_PHASE_FAULT)
		memcpy(g->why, fault, sizeof(g->why));
	else if (fault[0] != '\0')
		vrrp_group_happen(g, VRRP_EV_FAULT, NULL, fault);
	else if (g->phase == VRRP_PHASE_FAULT)
		vrrp_group_happen(g, is_owner ? VRRP_EV_CLEAR_OWNER : VRRP_EV_CLEAR, NULL,
			"the fault is over");
	else if (g->phase == VRRP_PHASE_INIT)
		vrrp_group_happen(g, is_owner ? VRRP_EV_READY_OWNER : VRRP_EV_READY, NULL,
			g->v->is_checked ? "ready" : "waited long enough for the checks");
	settle_gate(g);
}

/* Nobody else can have become master within three of our intervals after an advert; so a shorter
 * stop costs a lapse of the lease and nothing else. A backup that slept through more than half of
 * its down interval knows too little to act on the other half. */
void vrrp_group_look_for_stall(struct vrrp_group *g, int64_t now_us)
{
	const int64_t due_us = vrrp_group_due(g);
	char words[64];
	int64_t stood_us = 0;

	if (g->phase == VRRP_PHASE_MASTER &&
		now_us - g->advertised_us >= DOWN_INTERVALS * us(g->conf->advert_ms))
		stood_us = now_us - g->advertised_us;
	else if (g->phase != VRRP_PHASE_MASTER && due_us != 0 && now_us - due_us > us(lease_ms(g)))
		stood_us = now_us - due_us;
	if (stood_us == 0)
		return;
	(void)snprintf(words, sizeof(words), "stood still for %lld ms",
		(long long)(stood_us / VRRP_US_PER_MS));
	if (g->phase == VRRP_PHASE_BACKUP)
		vrrp_group_tell(g, words);
	vrrp_group_happen(g, VRRP_EV_STALLED, NULL, words);
}

/* ---- timers -----------------------------------------------------------------------------------
 */

int64_t vrrp_group_due(const struct vrrp_group *g)
{
	int64_t due_us = g->phase == VRRP_PHASE_INIT && !g->is_ready ? g->init_until_us : 0;

	for (unsigned i = 0; i < g->conf->n_instances; i++)
		due_us = vrrp_sooner(due_us, g->instances[i].reopen_at_us);
	due_us = vrrp_sooner(due_us, g->hold_until_us);
	due_us = vrrp_sooner(due_us, g->gate_retry_us);
	if (g->phase == VRRP_PHASE_MASTER) {
		due_us = vrrp_sooner(due_us, g->advert_at_us);
		due_us = vrrp_sooner(due_us, g->renew_at_us);
		return vrrp_sooner(due_us, g->announce_at_us);
	}
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		if (!g->instances[i].is_down)
			due_us = vrrp_sooner(due_us, g->instances[i].down_at_us);
	return due_us;
}

static bool is_due(int64_t at_us, int64_t now_us)
{
	return at_us != 0 && now_us >= at_us;
}

static void renew(struct vrrp_group *g, int64_t now_us)
{
	const unsigned life_ms = lease_ms(g);
	char words[64];

	if (now_us - g->renewed_us > us(life_ms)) {
		(void)snprintf(words, sizeof(words),
			"the lease was renewed late: silent for %lld ms",
			(long long)((now_us - g->renewed_us - us(life_ms)) / VRRP_US_PER_MS));
		vrrp_group_tell(g, words);
	}
	g->v->callbacks.renew(g->v->callbacks.arg, g->index, life_ms);
	g->renewed_us = now_us;
	g->renew_at_us = now_us + us(life_ms) / LEASE_PARTS;
}

static void announce_due(struct vrrp_group *g, int64_t now_us)
{
	const unsigned times = g->is_second_announcement ? ANNOUNCE_TIMES : 1;
	const int64_t pace_us = us(g->conf->announce_refresh_ms);

	for (unsigned i = 0; i < g->conf->n_instances; i++)
		vrrp_instance_announce(&g->instances[i], times);
	g->is_second_announcement = false;
	g->announce_at_us = pace_us > 0 ? now_us + pace_us : 0;
}

/* An interval after the last one, however late this is: no two at once after a stop. */
static void advertise_due(struct vrrp_group *g, int64_t now_us) ON_CONTROL;
static void advertise_due(struct vrrp_group *g, int64_t now_us)
{
	const int64_t interval_us = us(g->conf->advert_ms);

	advertise(g);
	g->advertised_us = now_us;
	g->advert_at_us += interval_us;
	if (g->advert_at_us <= now_us)
		g->advert_at_us = now_us + interval_us;
}

static bool are_all_down(struct vrrp_group *g, int64_t now_us)
{
	bool all = true;

	for (unsigned i = 0; i < g->conf->n_instances; i++) {
		struct vrrp_instance *instance = &g->instances[i];

		instance->is_down |= is_due(instance->down_at_us, now_us);
		all &= instance->is_down;
	}
	return all;
}

void vrrp_group_run_timers(struct vrrp_group *g, int64_t now_us)
{
	char words[VRRP_WHY_LEN];
	bool is_news = false;

	if (is_due(g->gate_retry_us, now_us))
		ask_gate(g);
	if (g->phase == VRRP_PHASE_MASTER) {
		if (is_due(g->renew_at_us, now_us))
			renew(g, now_us);
		if (is_due(g->advert_at_us, now_us))
			advertise_due(g, now_us);
		if (is_due(g->announce_at_us, now_us))
			announce_due(g, now_us);
	} else if (g->phase == VRRP_PHASE_BACKUP && are_all_down(g, now_us)) {
		(void)snprintf(words, sizeof(words),
			"no master is heard with more than priority %u", g->priority);
		vrrp_group_happen(g, VRRP_EV_ALL_DOWN, NULL, words);
	}
	for (unsigned i = 0; i < g->conf->n_instances; i++)
		is_news |= is_due(g->instances[i].reopen_at_us, now_us);
	for (unsigned i = 0; is_news && i < g->conf->n_instances; i++)
		vrrp_instance_reopen(&g->instances[i], now_us);
	if (is_news || g->phase == VRRP_PHASE_INIT || is_due(g->hold_until_us, now_us))
		vrrp_group_look(g, now_us);
	else
		settle_gate(g);
}
