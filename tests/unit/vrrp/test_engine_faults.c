/* Everything at random: nodes that die, stop and stand still, on a LAN that loses, delays and
 * doubles. After each storm there is one who answers, and never were two for
 * longer than an interval. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * MS, ADVERT_MS = 100, ROUNDS = 2000 };

static const char *const gate[] = {"/bin/gate", NULL};

static void seeded(unsigned number)
{
	const char *said = getenv("WORLD_SEED");
	const unsigned seed = (said ? (unsigned)atoi(said) : 20261130) + number;

	print_message("seed %u\n", seed);
	srand(seed);
}

/* A node that could hold the addresses now. */
static bool is_healthy(const struct world_node *node)
{
	return node->v && !node->is_frozen && node->has_link && !node->fault && !node->refusal &&
	       !(node->group.gate && node->gate_fails);
}

static void wake(struct world_node *node)
{
	if (!node->is_frozen)
		return;
	node->is_frozen = false;
	// whichever the loop comes to first: timers and packets, or what is told
	if (rand() % 2 == 0)
		world_run(node->world, 0);
	world_set_link(node, node->has_link);
}

static void break_node(struct world_node *node)
{
	switch (rand() % 10) {
	case 0:
		if (node->v)
			world_kill(node);
		break;
	case 1:
		if (node->v && !node->is_frozen)
			world_stop(node);
		break;
	case 2:
	case 3:
	case 4:
		if (!node->v)
			world_start(node);
		break;
	case 5:
	case 6:
		if (node->is_frozen)
			wake(node);
		else
			node->is_frozen = node->v != NULL;
		break;
	case 7:
		world_set_link(node, !node->has_link);
		break;
	case 8:
		node->side = (unsigned)rand() % 2;
		break;
	default:
		node->is_deaf[CONF_V6] = !node->is_deaf[CONF_V6] && rand() % 4 == 0;
		break;
	}
}

/* What is a node's own: priority, tracks, gate, refusals. */
static void trouble_node(struct world_node *node)
{
	const bool is_awake = node->v && !node->is_frozen;

	switch (rand() % 7) {
	case 0:
		if (is_awake)
			(void)vrrp_set_priority(node->v, 0, 1 + (unsigned)rand() % 254);
		break;
	case 1:
		if (is_awake)
			world_set_tracks(node, rand() % 100 - 50, NULL);
		break;
	case 2:
		if (is_awake)
			world_set_tracks(node, 0, node->fault ? NULL : "track");
		break;
	case 3:
		if (is_awake)
			(void)vrrp_release(node->v, 0);
		break;
	case 4:
		node->refusal = node->refusal ? NULL : "no";
		break;
	case 5:
		node->gate_us = rand() % (400 * MS);
		node->gate_fails = rand() % 3 == 0;
		node->n_busy = (unsigned)rand() % 3;
		break;
	default:
		if (is_awake)
			vrrp_set_forwarding(node->v, "worker 0 stands still");
		if (is_awake && rand() % 2 == 0)
			vrrp_set_forwarding(node->v, NULL);
		break;
	}
}

static void repair_node(struct world_node *node)
{
	node->is_deaf[CONF_V6] = false;
	node->refusal = NULL;
	node->gate_fails = false;
	if (!node->v || node->is_frozen)
		return;
	vrrp_set_forwarding(node->v, NULL);
	world_set_tracks(node, 0, NULL);
}

/* Each side that has a healthy node has exactly one that answers. */
static void each_side_has_one_holder(const struct world *w)
{
	for (unsigned side = 0; side < 2; side++) {
		unsigned healthy = 0, holders = 0;

		for (unsigned i = 0; i < w->n; i++) {
			const struct world_node *node = &w->nodes[i];

			if (node->side != side)
				continue;
			healthy += is_healthy(node);
			holders += world_answers(node);
		}
		assert_int_equal(holders, healthy > 0);
	}
}

/* A timer that stays due would turn the loop for ever, and answers to answers the LAN. */
static void nobody_is_busy_for_nothing(struct world *w, int64_t since_us)
{
	const uint64_t ms = (uint64_t)(world_now_us() - since_us) / MS + 100;
	uint64_t turns = 0;

	for (unsigned i = 0; i < w->n; i++) {
		turns += w->nodes[i].n_turns;
		w->nodes[i].n_turns = 0;
	}
	assert_in_range(turns, 0, w->n_packets + w->n * ms / 10);
	assert_in_range(w->n_packets, 0, w->n * w->n * ms / 5);
	w->n_packets = 0;
}

static void no_fault_leaves_two_holders_or_none(void **state)
{
	static const unsigned three[] = {150, 100, 100};
	struct world *w = world_new(3, three, ADVERT_MS);

	(void)state;
	seeded(0);
	for (unsigned i = 0; i < w->n; i++)
		world_start(&w->nodes[i]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const int64_t since_us = world_now_us();

		for (unsigned n = 1 + (unsigned)rand() % 3; n > 0; n--) {
			struct world_node *node = &w->nodes[(unsigned)rand() % w->n];

			if (rand() % 9 == 0 && is_healthy(node))
				(void)vrrp_set_priority(node->v, 0, 1 + (unsigned)rand() % 254);
			else
				break_node(node);
			world_run(w, rand() % (300 * MS));
		}
		for (unsigned i = 0; i < w->n; i++)
			w->nodes[i].is_deaf[CONF_V6] = false;
		world_run(w, 2 * S);
		each_side_has_one_holder(w);
		nobody_is_busy_for_nothing(w, since_us);
		assert_in_range(w->longest_double_us, 0, ADVERT_MS * MS + 2 * LATENCY_US);
		assert_in_range(w->longest_undead_us, 0, 2 * ADVERT_MS * MS);
	}
	print_message("longest time with two holders: %lld us; with one that was dead: %lld us\n",
		(long long)w->longest_double_us, (long long)w->longest_undead_us);
	world_free(w);
}

/* Of its own way: who may preempt, after what, through a gate, multicast or not. */
static void make_odd(struct world *w, unsigned number, bool is_unicast)
{
	static struct addr peers[WORLD_MAX_NODES][WORLD_INSTANCES][WORLD_MAX_NODES];
	struct world_node *node = &w->nodes[number];

	node->group.preempt = rand() % 2 == 0;
	node->group.preempt_delay_ms = (uint32_t)(rand() % 3 * 200);
	node->group.gate = rand() % 2 == 0 ? gate : NULL;
	node->group.gate_timeout_ms = 500;
	node->group.priority = rand() % 2 == 0 ? 100 : node->group.priority;
	for (unsigned f = 0; is_unicast && f < WORLD_INSTANCES; f++) {
		unsigned n = 0;

		for (unsigned k = 0; k < w->n; k++)
			if (k != number)
				peers[number][f][n++] = w->nodes[k].sources[f];
		node->instances[f].is_unicast = true;
		node->instances[f].unicast_peers = peers[number][f];
		node->instances[f].n_unicast_peers = n;
	}
}

/* While packets are lost there may be two, since nobody can know; not after it. */
static void storm(struct world *w)
{
	w->loss = (unsigned)(rand() % 3 * 15);
	w->doubling = (unsigned)(rand() % 3 * 15);
	w->jitter_us = rand() % 3 * 10 * MS;
	for (unsigned n = 1 + (unsigned)rand() % 6; n > 0; n--) {
		struct world_node *node = &w->nodes[(unsigned)rand() % w->n];

		if (rand() % 2 == 0)
			break_node(node);
		else
			trouble_node(node);
		// often around the times that decide: lease, three intervals, down interval
		world_run(
			w, rand() % 2 == 0 ? rand() % (450 * MS) : 150 * MS + rand() % (200 * MS));
	}
	w->loss = w->doubling = 0;
	w->jitter_us = 0;
}

static void odd_nodes_on_a_bad_lan_agree_when_it_is_good_again(void **state)
{
	enum { CREWS = 20, STORMS = 100 };
	static const unsigned four[] = {150, 100, 100, 50};

	(void)state;
	seeded(1);
	for (unsigned crew = 0; crew < CREWS; crew++) {
		struct world *w = world_new(2 + crew % 3, four, crew % 5 == 0 ? 10 : ADVERT_MS);
		const bool is_unicast = rand() % 3 == 0;

		for (unsigned i = 0; i < w->n; i++) {
			make_odd(w, i, is_unicast);
			world_start(&w->nodes[i]);
		}
		for (unsigned round = 0; round < STORMS; round++) {
			storm(w);
			for (unsigned i = 0; i < w->n; i++)
				repair_node(&w->nodes[i]);
			world_run(w, 10 * S); // a refusal is held against a node for 5 s
			each_side_has_one_holder(w);
			w->longest_double_us = w->longest_undead_us = 0;
			world_run(w, S);
			assert_int_equal(w->longest_undead_us, 0);
			each_side_has_one_holder(w);
		}
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fault_leaves_two_holders_or_none),
		cmocka_unit_test(odd_nodes_on_a_bad_lan_agree_when_it_is_good_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
