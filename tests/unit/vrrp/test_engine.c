/* The engine as a whole, several nodes of it, on a clock that the test moves: what is measured in
 * seconds elsewhere is exact here, and a day of faults takes seconds. */
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * MS };
/* A packet's way, and the step in which the test looks. */
enum { SLACK_US = 2 * LATENCY_US };

static const unsigned two[] = {150, 100};

/* Both run, and the first is master. */
static struct world *settled(unsigned n, const unsigned *priorities, uint32_t advert_ms)
{
	struct world *w = world_new(n, priorities, advert_ms);

	for (unsigned i = 0; i < n; i++)
		world_start(&w->nodes[i]);
	world_run(w, 8 * (int64_t)advert_ms * MS);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	for (unsigned i = 1; i < n; i++)
		assert_int_equal(world_state(&w->nodes[i]), VRRP_BACKUP);
	w->longest_double_us = w->longest_undead_us = 0;
	return w;
}

/* How long until the node answers, in microseconds; -1: not within the limit. */
static int64_t time_until_answers(struct world *w, unsigned node, int64_t limit_us)
{
	const int64_t start_us = world_now_us();

	while (world_now_us() - start_us < limit_us) {
		if (world_answers(&w->nodes[node]))
			return world_now_us() - start_us;
		world_run(w, 100);
	}
	return -1;
}

/* ---- times ---------------------------------------------------------------------------------- */

/* spec: 3610, 361 and 37.0 ms after the last advert; 610, 61 and 6.3 ms after a clean stop. */
static void a_backup_takes_over_in_the_time_of_the_table(void **state)
{
	static const struct {
		uint32_t advert_ms;
		int64_t crash_us, stop_us;
	} rows[] = {{1000, 3610 * MS, 610 * MS}, {100, 361 * MS, 61 * MS}, {10, 37000, 6300}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = settled(2, two, rows[i].advert_ms);
		int64_t us;

		world_kill(&w->nodes[0]);
		us = time_until_answers(w, 1, rows[i].crash_us + MS);
		assert_in_range(us, 1, rows[i].crash_us + SLACK_US);
		world_free(w);

		w = settled(2, two, rows[i].advert_ms);
		world_stop(&w->nodes[0]);
		us = time_until_answers(w, 1, rows[i].stop_us + MS);
		assert_in_range(us, 1, rows[i].stop_us + SLACK_US);
		assert_int_equal(w->longest_double_us, 0);
		world_free(w);
	}
}

static void a_killed_node_is_silent_before_another_answers(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	world_kill(&w->nodes[0]);
	assert_true(world_answers(&w->nodes[0]));
	assert_true(time_until_answers(w, 1, S) > 0);
	assert_false(world_answers(&w->nodes[0]));
	assert_int_equal(w->longest_undead_us, 0);
	world_free(w);
}

/* ---- preempting ----------------------------------------------------------------------------- */

static void a_better_node_comes_back_and_takes_over(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	world_stop(&w->nodes[0]);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	world_start(&w->nodes[0]);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_BACKUP);
	assert_in_range(w->longest_double_us, 0, 2 * LATENCY_US);
	world_free(w);
}

static void without_preempt_it_waits_for_the_master_to_die(void **state)
{
	struct world *w = world_new(2, two, 100);

	(void)state;
	w->nodes[0].group.preempt = false;
	world_start(&w->nodes[1]);
	world_run(w, S);
	world_start(&w->nodes[0]);
	world_run(w, 10 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	world_kill(&w->nodes[1]);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void preempting_waits_for_its_delay(void **state)
{
	struct world *w = world_new(2, two, 100);

	(void)state;
	w->nodes[0].group.preempt_delay_ms = 5000;
	world_start(&w->nodes[1]);
	world_run(w, S);
	world_start(&w->nodes[0]);
	world_run(w, 5 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void a_released_master_does_not_come_back_by_itself(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	assert_int_equal(vrrp_release(w->nodes[0].v, 0), 0);
	world_run(w, 100 * MS);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	world_run(w, 60 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	assert_int_equal(vrrp_set_priority(w->nodes[0].v, 0, VRRP_PRIORITY_OF_FILE), 0);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void nobody_is_left_without_a_master_by_a_release(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	world_kill(&w->nodes[1]);
	assert_int_equal(vrrp_release(w->nodes[0].v, 0), 0);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	assert_int_equal(vrrp_release(w->nodes[0].v, 0), 0);
	assert_int_equal(vrrp_release(w->nodes[0].v, 0), -114 /* EALREADY */);
	world_free(w);
}

/* ---- moving as one -------------------------------------------------------------------------- */

static void equal_priorities_elect_one_node_for_both_families(void **state)
{
	static const unsigned equal[] = {100, 100};
	struct world *w = world_new(2, equal, 100);

	(void)state;
	world_start(&w->nodes[0]);
	world_start(&w->nodes[1]);
	world_run(w, 2 * S);
	// the higher IPv4 address, although the other one's IPv6 address is higher
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	w->longest_double_us = 0;
	world_run(w, 100 * S);
	assert_int_equal(w->longest_double_us, 0);
	assert_int_equal(w->nodes[1].n_taken, 1);
	world_free(w);
}

static void one_family_alone_moves_nothing(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	w->nodes[0].is_deaf[CONF_V6] = true;
	world_run(w, 60 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_BACKUP);
	assert_int_equal(w->longest_double_us, 0);
	world_free(w);
}

static void a_healed_partition_has_two_masters_for_an_interval_at_most(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	w->nodes[1].side = 1;
	world_run(w, 5 * S);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	w->nodes[1].side = 0;
	world_run(w, 5 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_BACKUP);
	assert_in_range(w->longest_double_us, 0, 100 * MS + 2 * LATENCY_US);
	world_free(w);
}

/* Peers that each think to have won answer each other's answers. */
static void answers_are_no_storm(void **state)
{
	struct world *w = settled(2, two, 100);
	const struct vrrp_instance_status *status = &w->nodes[0].v->instances[0].status;
	const uint64_t before = status->sent;

	(void)state;
	world_kill(&w->nodes[1]);
	for (unsigned i = 0; i < 1000; i++) {
		vrrp_group_happen(&w->nodes[0].v->groups[0], VRRP_EV_PEER_LOSES,
			&w->nodes[0].v->instances[0], "");
		world_run(w, MS);
	}
	assert_in_range(status->sent - before, 20, 70);
	world_free(w);
}

static void farewells_do_not_put_off_a_take_over(void **state)
{
	struct world *w = settled(2, two, 100);
	struct vrrp_group *g = &w->nodes[1].v->groups[0];

	(void)state;
	world_kill(&w->nodes[0]);
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < WORLD_INSTANCES; k++)
			vrrp_group_happen(g, VRRP_EV_PEER_RELEASES, &g->instances[k], "");
		vrrp_rearm(w->nodes[1].v);
		world_run(w, 10 * MS);
	}
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	world_free(w);
}

/* ---- standing still ------------------------------------------------------------------------- */

static void a_master_that_stood_still_steps_down_before_it_answers(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	w->nodes[0].is_frozen = true;
	world_run(w, 5 * S);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	w->nodes[0].is_frozen = false;
	world_run(w, 0);
	assert_false(world_answers(&w->nodes[0]));
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	assert_int_equal(w->longest_double_us, 0);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER); // by preempting, as configured
	assert_in_range(w->longest_double_us, 0, 2 * LATENCY_US);
	world_free(w);
}

/* Whoever calls first when it goes on. */
static void a_master_that_stood_still_tells_nobody_that_it_leaves(void **state)
{
	struct world *w = settled(2, two, 100);
	struct vrrp_instance_status status;

	(void)state;
	w->nodes[0].is_frozen = true;
	world_run(w, 5 * S);
	w->nodes[0].is_frozen = false;
	vrrp_set_forwarding(w->nodes[0].v, "worker 0 stands still");
	vrrp_read_instance(w->nodes[0].v, 0, 0, &status);
	assert_int_equal(status.released_sent, 0);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_FAULT);
	world_free(w);
}

static void a_short_stop_costs_the_lease_but_not_the_addresses(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	w->nodes[0].is_frozen = true;
	world_run(w, 190 * MS); // with an advert's interval less than three of them
	w->nodes[0].is_frozen = false;
	world_run(w, 2 * S);
	assert_int_equal(w->nodes[0].n_taken, 1);
	assert_int_equal(w->nodes[1].n_taken, 0);
	world_free(w);
}

static void a_backup_that_stood_still_takes_nothing_from_a_living_master(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	for (unsigned ms = 50; ms < 5000; ms += 50) {
		w->nodes[1].is_frozen = true;
		world_run(w, (int64_t)ms * MS);
		w->nodes[1].is_frozen = false;
		world_run(w, S);
		assert_int_equal(w->nodes[1].n_taken, 0);
	}
	world_free(w);
}

/* ---- faults --------------------------------------------------------------------------------- */

static void a_node_that_cannot_forward_holds_nothing(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	vrrp_set_forwarding(w->nodes[0].v, "worker 0 stands still");
	assert_int_equal(world_state(&w->nodes[0]), VRRP_FAULT);
	assert_false(world_answers(&w->nodes[0]));
	assert_string_equal(w->nodes[0].last_why, "worker 0 stands still");
	assert_in_range(time_until_answers(w, 1, S), 1, 61 * MS + SLACK_US); // it said so
	vrrp_set_forwarding(w->nodes[0].v, NULL);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void what_cannot_be_taken_goes_to_another_node(void **state)
{
	struct world *w = world_new(2, two, 100);

	(void)state;
	w->nodes[0].refusal = "no";
	world_start(&w->nodes[0]);
	world_start(&w->nodes[1]);
	world_run(w, 2 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_FAULT);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	// and takes no leave of addresses that it never had
	assert_int_equal(w->nodes[0].v->instances[0].status.released_sent, 0);
	w->nodes[0].refusal = NULL;
	world_run(w, 10 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void sockets_that_do_not_open_are_tried_again(void **state)
{
	struct world *w = world_new(1, two, 100);

	(void)state;
	w->nodes[0].socket_error = -EADDRNOTAVAIL;
	world_start(&w->nodes[0]);
	world_run(w, 10 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_FAULT);
	w->nodes[0].socket_error = 0;
	world_run(w, 2 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void a_lower_priority_by_a_track_hands_over(void **state)
{
	struct world *w = settled(2, two, 100);

	(void)state;
	w->nodes[0].adjustment = -60;
	vrrp_group_weigh(&w->nodes[0].v->groups[0]);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	world_free(w);
}

/* ---- the gate, and the end ------------------------------------------------------------------ */

static const char *const gate[] = {"/bin/gate", NULL};

/* Two nodes with a gate at the better one, which waits for its program. */
static struct world *at_the_gate(int64_t gate_us)
{
	struct world *w = world_new(2, two, 100);

	w->nodes[0].group.gate = gate;
	w->nodes[0].gate_us = gate_us;
	world_start(&w->nodes[0]);
	world_run(w, 400 * MS);
	assert_true(world_program_ends_us(&w->nodes[0]) != 0);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_BACKUP);
	return w;
}

static void a_gate_opens_in_its_time_or_not_at_all(void **state)
{
	struct world *w = at_the_gate(S);

	(void)state;
	assert_in_range(time_until_answers(w, 0, 2 * S), 900 * MS, S);
	world_free(w);

	w = world_new(2, two, 100);
	w->nodes[0].group.gate = gate;
	w->nodes[0].group.gate_timeout_ms = 1000;
	w->nodes[0].gate_fails = true;
	w->nodes[0].n_busy = 3;
	world_start(&w->nodes[0]);
	world_run(w, S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_FAULT);
	assert_int_equal(w->nodes[0].n_taken, 0);
	w->nodes[0].gate_fails = false;
	world_run(w, 2 * S);
	assert_int_equal(world_state(&w->nodes[0]), VRRP_MASTER);
	world_free(w);
}

static void a_node_that_stops_at_its_gate_takes_nothing(void **state)
{
	struct world *w = at_the_gate(S);

	(void)state;
	world_stop(&w->nodes[0]);
	assert_int_equal(world_program_ends_us(&w->nodes[0]), 0);
	assert_int_equal(w->nodes[0].n_taken, 0);
	world_free(w);
}

/* Its program ended while the node stood still, and another node became master meanwhile. */
static void an_opened_gate_does_not_come_before_what_was_heard(void **state)
{
	struct world *w = at_the_gate(S);

	(void)state;
	w->nodes[0].is_frozen = true;
	w->nodes[1].group.priority = 200;
	world_start(&w->nodes[1]);
	world_run(w, 5 * S);
	assert_int_equal(world_state(&w->nodes[1]), VRRP_MASTER);
	w->nodes[0].is_frozen = false;
	world_run(w, S);
	assert_int_equal(w->nodes[0].n_taken, 0);
	world_free(w);
}

/* An owner would be master again at once. */
static void what_is_heard_while_it_stops_sets_nothing_going(void **state)
{
	static const unsigned owner[] = {255};
	struct world *w = world_new(1, owner, 100);
	struct world_node *node = &w->nodes[0];

	(void)state;
	node->group.notify = gate; // so that it waits at its end
	node->has_more_to_say = true;
	world_start(node);
	world_run(w, S);
	assert_int_equal(node->n_taken, 1);
	world_stop(node);
	assert_false(node->is_holding);
	assert_int_equal(node->n_taken, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_takes_over_in_the_time_of_the_table),
		cmocka_unit_test(a_killed_node_is_silent_before_another_answers),
		cmocka_unit_test(a_better_node_comes_back_and_takes_over),
		cmocka_unit_test(without_preempt_it_waits_for_the_master_to_die),
		cmocka_unit_test(preempting_waits_for_its_delay),
		cmocka_unit_test(a_released_master_does_not_come_back_by_itself),
		cmocka_unit_test(nobody_is_left_without_a_master_by_a_release),
		cmocka_unit_test(equal_priorities_elect_one_node_for_both_families),
		cmocka_unit_test(one_family_alone_moves_nothing),
		cmocka_unit_test(a_healed_partition_has_two_masters_for_an_interval_at_most),
		cmocka_unit_test(a_master_that_stood_still_steps_down_before_it_answers),
		cmocka_unit_test(a_short_stop_costs_the_lease_but_not_the_addresses),
		cmocka_unit_test(a_backup_that_stood_still_takes_nothing_from_a_living_master),
		cmocka_unit_test(a_node_that_cannot_forward_holds_nothing),
		cmocka_unit_test(what_cannot_be_taken_goes_to_another_node),
		cmocka_unit_test(a_gate_opens_in_its_time_or_not_at_all),
		cmocka_unit_test(a_node_that_stops_at_its_gate_takes_nothing),
		cmocka_unit_test(an_opened_gate_does_not_come_before_what_was_heard),
		cmocka_unit_test(what_is_heard_while_it_stops_sets_nothing_going),
		cmocka_unit_test(farewells_do_not_put_off_a_take_over),
		cmocka_unit_test(answers_are_no_storm),
		cmocka_unit_test(a_master_that_stood_still_tells_nobody_that_it_leaves),
		cmocka_unit_test(sockets_that_do_not_open_are_tried_again),
		cmocka_unit_test(a_lower_priority_by_a_track_hands_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
