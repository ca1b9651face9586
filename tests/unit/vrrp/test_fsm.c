/* The state machine: every cell, then what must hold whatever happens in whatever order. */
#include "vrrp/fsm.h"

#include "tests/unit/dataplane/seeded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_SEQUENCES = 2000, N_EVENTS = 500 };

/* A cell that does something; all others do nothing. */
struct cell {
	enum vrrp_phase phase;
	enum vrrp_group_event event;
	enum vrrp_phase next;
	unsigned actions;
};

// clang-format off
static const struct cell cells[] = {
	{VRRP_PHASE_INIT, VRRP_EV_READY, VRRP_PHASE_BACKUP, VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_INIT, VRRP_EV_READY_OWNER, VRRP_PHASE_GATE, VRRP_DO_ASK_GATE},
	{VRRP_PHASE_INIT, VRRP_EV_FAULT, VRRP_PHASE_FAULT, VRRP_DO_DISARM},
	{VRRP_PHASE_INIT, VRRP_EV_STOP, VRRP_PHASE_INIT, VRRP_DO_STOP_GATE | VRRP_DO_DISARM},

	{VRRP_PHASE_BACKUP, VRRP_EV_ALL_DOWN, VRRP_PHASE_GATE, VRRP_DO_ASK_GATE},
	{VRRP_PHASE_BACKUP, VRRP_EV_PEER_WINS, VRRP_PHASE_BACKUP, VRRP_DO_ARM_DOWN_HERE},
	{VRRP_PHASE_BACKUP, VRRP_EV_PEER_RELEASES, VRRP_PHASE_BACKUP, VRRP_DO_ARM_SKEW_HERE},
	{VRRP_PHASE_BACKUP, VRRP_EV_FAULT, VRRP_PHASE_FAULT, VRRP_DO_STOP_GATE | VRRP_DO_DISARM},
	{VRRP_PHASE_BACKUP, VRRP_EV_STALLED, VRRP_PHASE_BACKUP, VRRP_DO_STOP_GATE | VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_BACKUP, VRRP_EV_STOP, VRRP_PHASE_INIT, VRRP_DO_STOP_GATE | VRRP_DO_DISARM},

	{VRRP_PHASE_GATE, VRRP_EV_GATE_OPEN, VRRP_PHASE_MASTER,
		VRRP_DO_TAKE | VRRP_DO_SEND_ADVERT | VRRP_DO_ANNOUNCE | VRRP_DO_DISARM},
	{VRRP_PHASE_GATE, VRRP_EV_GATE_SHUT, VRRP_PHASE_FAULT, VRRP_DO_HOLD_FAULT | VRRP_DO_DISARM},
	{VRRP_PHASE_GATE, VRRP_EV_PEER_WINS, VRRP_PHASE_BACKUP, VRRP_DO_STOP_GATE | VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_GATE, VRRP_EV_FAULT, VRRP_PHASE_FAULT, VRRP_DO_STOP_GATE | VRRP_DO_DISARM},
	{VRRP_PHASE_GATE, VRRP_EV_STALLED, VRRP_PHASE_BACKUP, VRRP_DO_STOP_GATE | VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_GATE, VRRP_EV_STOP, VRRP_PHASE_INIT, VRRP_DO_STOP_GATE | VRRP_DO_DISARM},

	{VRRP_PHASE_MASTER, VRRP_EV_PEER_WINS, VRRP_PHASE_BACKUP, VRRP_DO_LEAVE | VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_MASTER, VRRP_EV_PEER_LOSES, VRRP_PHASE_MASTER,
		VRRP_DO_ANSWER_ADVERT | VRRP_DO_ANNOUNCE_AGAIN},
	{VRRP_PHASE_MASTER, VRRP_EV_PEER_RELEASES, VRRP_PHASE_MASTER, VRRP_DO_ANSWER_ADVERT},
	{VRRP_PHASE_MASTER, VRRP_EV_FAULT, VRRP_PHASE_FAULT,
		VRRP_DO_LEAVE | VRRP_DO_SEND_RELEASE | VRRP_DO_DISARM},
	{VRRP_PHASE_MASTER, VRRP_EV_STALLED, VRRP_PHASE_BACKUP, VRRP_DO_LEAVE | VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_MASTER, VRRP_EV_RELEASE, VRRP_PHASE_BACKUP,
		VRRP_DO_LEAVE | VRRP_DO_SEND_RELEASE | VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_MASTER, VRRP_EV_STOP, VRRP_PHASE_INIT,
		VRRP_DO_LEAVE | VRRP_DO_SEND_RELEASE | VRRP_DO_DISARM},

	{VRRP_PHASE_FAULT, VRRP_EV_CLEAR, VRRP_PHASE_BACKUP, VRRP_DO_ARM_DOWN},
	{VRRP_PHASE_FAULT, VRRP_EV_CLEAR_OWNER, VRRP_PHASE_GATE, VRRP_DO_ASK_GATE},
	{VRRP_PHASE_FAULT, VRRP_EV_STOP, VRRP_PHASE_INIT, VRRP_DO_STOP_GATE | VRRP_DO_DISARM},
};
// clang-format on

static const struct cell *find_cell(enum vrrp_phase phase, enum vrrp_group_event event)
{
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		if (cells[i].phase == phase && cells[i].event == event)
			return &cells[i];
	}
	return NULL;
}

static void every_cell_is_as_listed_and_no_other_does_anything(void **state)
{
	(void)state;
	for (enum vrrp_phase p = 0; p < VRRP_N_PHASES; p++) {
		for (enum vrrp_group_event e = 0; e < VRRP_N_GROUP_EVENTS; e++) {
			const struct vrrp_step step = vrrp_fsm_step(p, e);
			const struct cell *cell = find_cell(p, e);

			assert_int_equal(step.is_handled, cell != NULL);
			assert_int_equal(step.next, cell ? cell->next : p);
			assert_int_equal(step.actions, cell ? cell->actions : 0);
		}
	}
}

static void people_see_a_backup_while_the_gate_runs(void **state)
{
	(void)state;
	assert_int_equal(vrrp_fsm_state(VRRP_PHASE_INIT), VRRP_INIT);
	assert_int_equal(vrrp_fsm_state(VRRP_PHASE_BACKUP), VRRP_BACKUP);
	assert_int_equal(vrrp_fsm_state(VRRP_PHASE_GATE), VRRP_BACKUP);
	assert_int_equal(vrrp_fsm_state(VRRP_PHASE_MASTER), VRRP_MASTER);
	assert_int_equal(vrrp_fsm_state(VRRP_PHASE_FAULT), VRRP_FAULT);
}

static void what_a_verdict_means_depends_on_phase_and_preemption(void **state)
{
	/* [verdict]: outside of MASTER without and with preemption, in MASTER */
	static const enum vrrp_group_event want[][3] = {
		[VRRP_PEER_RELEASES] = {VRRP_EV_PEER_RELEASES, VRRP_EV_PEER_RELEASES,
			VRRP_EV_PEER_RELEASES},
		[VRRP_PEER_HIGHER] = {VRRP_EV_PEER_WINS, VRRP_EV_PEER_WINS, VRRP_EV_PEER_WINS},
		[VRRP_PEER_EQUAL] = {VRRP_EV_PEER_WINS, VRRP_EV_PEER_WINS, VRRP_EV_PEER_LOSES},
		[VRRP_PEER_LOWER] = {VRRP_EV_PEER_WINS, VRRP_EV_PEER_LOSES, VRRP_EV_PEER_LOSES},
	};

	(void)state;
	for (enum vrrp_verdict v = VRRP_PEER_RELEASES; v <= VRRP_PEER_LOWER; v++) {
		for (enum vrrp_phase p = 0; p < VRRP_N_PHASES; p++) {
			bool is_master = p == VRRP_PHASE_MASTER;

			assert_int_equal(vrrp_fsm_event(p, v, false), want[v][is_master ? 2 : 0]);
			assert_int_equal(vrrp_fsm_event(p, v, true), want[v][is_master ? 2 : 1]);
		}
	}
}

/* ---- whatever happens ------------------------------------------------------------------------ */

/* A world that does what it is told, with two instances. */
struct world {
	enum vrrp_phase phase;
	bool holds, gate_runs;
	bool is_armed[2];
};

/* What only the world knows to send: a gate ends only while it runs, a down timer only if armed.
 */
static bool can_happen(const struct world *w, enum vrrp_group_event event)
{
	if (event == VRRP_EV_GATE_OPEN || event == VRRP_EV_GATE_SHUT)
		return w->gate_runs;
	return event != VRRP_EV_ALL_DOWN || (w->is_armed[0] && w->is_armed[1]);
}

static void do_as_told(struct world *w, unsigned actions, unsigned here)
{
	if (actions & VRRP_DO_LEAVE) {
		assert_true(w->holds);
		w->holds = false;
	}
	if (actions & VRRP_DO_ASK_GATE) {
		assert_false(w->gate_runs);
		w->gate_runs = true;
	}
	if (actions & VRRP_DO_STOP_GATE)
		w->gate_runs = false;
	if (actions & VRRP_DO_TAKE) {
		assert_false(w->holds);
		w->holds = true;
	}
	if (actions & VRRP_DO_ARM_DOWN)
		w->is_armed[0] = w->is_armed[1] = true;
	if (actions & (VRRP_DO_ARM_DOWN_HERE | VRRP_DO_ARM_SKEW_HERE))
		w->is_armed[here] = true;
	if (actions & VRRP_DO_DISARM)
		w->is_armed[0] = w->is_armed[1] = false;
}

static void assert_sound(const struct world *w, const struct vrrp_step *step, bool was_master)
{
	const unsigned a = step->actions;
	const unsigned speaks = VRRP_DO_SEND_ADVERT | VRRP_DO_ANSWER_ADVERT | VRRP_DO_ANNOUNCE |
				VRRP_DO_ANNOUNCE_AGAIN;

	assert_int_equal(w->holds, w->phase == VRRP_PHASE_MASTER);
	assert_int_equal(w->gate_runs, w->phase == VRRP_PHASE_GATE);
	// nobody speaks for addresses that are not held, or are given up in the same breath
	assert_true(!(a & speaks) || (w->holds && !(a & VRRP_DO_LEAVE)));
	assert_true(!(a & VRRP_DO_SEND_RELEASE) || (was_master && (a & VRRP_DO_LEAVE)));
	assert_true(!(a & VRRP_DO_TAKE) || (a & VRRP_DO_SEND_ADVERT && a & VRRP_DO_ANNOUNCE));
	assert_true(step->is_handled || a == 0);
	// a backup always has a way to become master; who is none of these never has one
	if (w->phase == VRRP_PHASE_BACKUP)
		assert_true(w->is_armed[0] && w->is_armed[1]);
	else
		assert_false(w->is_armed[0] || w->is_armed[1]);
}

static void no_order_of_events_breaks_it(void **state)
{
	struct seeded seed = seeded_new("no_order_of_events_breaks_it");
	unsigned n_seen[VRRP_N_PHASES] = {0};

	(void)state;
	for (unsigned s = 0; s < N_SEQUENCES; s++) {
		struct world w = {.phase = VRRP_PHASE_INIT};

		for (unsigned i = 0; i < N_EVENTS; i++) {
			enum vrrp_group_event e = seeded_below(&seed, VRRP_N_GROUP_EVENTS);
			bool was_master = w.phase == VRRP_PHASE_MASTER;
			struct vrrp_step step;

			if (!can_happen(&w, e))
				continue;
			if (e == VRRP_EV_ALL_DOWN)
				w.is_armed[0] = w.is_armed[1] = false;
			if (e == VRRP_EV_GATE_OPEN || e == VRRP_EV_GATE_SHUT)
				w.gate_runs = false;
			step = vrrp_fsm_step(w.phase, e);
			w.phase = step.next;
			do_as_told(&w, step.actions, seeded_below(&seed, 2));
			assert_sound(&w, &step, was_master);
			n_seen[w.phase]++;
		}
	}
	for (enum vrrp_phase p = 0; p < VRRP_N_PHASES; p++)
		assert_true(n_seen[p] > N_SEQUENCES);
}

static void from_everywhere_stop_ends_in_init_with_nothing_left(void **state)
{
	(void)state;
	for (enum vrrp_phase p = 0; p < VRRP_N_PHASES; p++) {
		const struct vrrp_step step = vrrp_fsm_step(p, VRRP_EV_STOP);

		assert_true(step.is_handled);
		assert_int_equal(step.next, VRRP_PHASE_INIT);
		assert_true(step.actions & VRRP_DO_DISARM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_as_listed_and_no_other_does_anything),
		cmocka_unit_test(people_see_a_backup_while_the_gate_runs),
		cmocka_unit_test(what_a_verdict_means_depends_on_phase_and_preemption),
		cmocka_unit_test(no_order_of_events_breaks_it),
		cmocka_unit_test(from_everywhere_stop_ends_in_init_with_nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
