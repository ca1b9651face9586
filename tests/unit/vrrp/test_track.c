/* Tracks that the engine tells of: what they say, and what that makes of their group. */
#include "vrrp/track.h"

#include "base/log.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_GROUPS = 2, MAX_TRACKS = 8, N_SERVICES = 3 };

/* Two interfaces, two pools: services 0 and 1 have pool 0, service 2 has pool 1. */
struct world {
	struct event_base *base;
	struct vrrp_tracks *tracks;
	struct conf conf;
	struct conf_interface interfaces[2];
	struct conf_pool pools[3];
	struct conf_service services[N_SERVICES];
	struct conf_vrrp_group groups[N_GROUPS];
	struct conf_track of[N_GROUPS][MAX_TRACKS];
	unsigned n_changes[N_GROUPS];
};

static void on_changed(void *arg, unsigned group)
{
	struct world *w = arg;

	w->n_changes[group]++;
}

static int set_up(void **state)
{
	static const char *const names[] = {"web", "mail", "ldap"};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->base = event_base_new();
	w->interfaces[1].index = 1;
	for (unsigned i = 0; i < N_SERVICES; i++)
		w->services[i] =
			(struct conf_service){.name = names[i], .pool = &w->pools[i == 2 ? 1 : 0]};
	w->conf.node = "lb1";
	w->conf.services = w->services;
	w->conf.n_services = N_SERVICES;
	w->conf.vrrp.groups = w->groups;
	w->conf.vrrp.n_groups = N_GROUPS;
	for (unsigned g = 0; g < N_GROUPS; g++) {
		w->groups[g].name = g == 0 ? "first" : "second";
		w->groups[g].tracks = w->of[g];
	}
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	vrrp_tracks_stop(w->tracks);
	event_base_free(w->base);
	free(w);
	return 0;
}

static struct conf_track *add(
	struct world *w, unsigned group, enum conf_track_type type, const void *what)
{
	struct conf_track *t = &w->of[group][w->groups[group].n_tracks++];

	*t = (struct conf_track){.name = "it", .type = type};
	if (type == CONF_TRACK_INTERFACE)
		t->interface = what;
	else if (type == CONF_TRACK_SERVICE)
		t->service = what;
	else
		t->pool = what;
	return t;
}

static void start(struct world *w)
{
	const struct vrrp_tracks_setup setup = {
		.conf = &w->conf, .base = w->base, .changed = on_changed, .arg = w};

	assert_int_equal(vrrp_tracks_start(&setup, &w->tracks), 0);
}

static struct vrrp_track_status read_track(const struct world *w, unsigned group, unsigned track)
{
	struct vrrp_track_status status;

	vrrp_tracks_read(w->tracks, group, track, &status);
	return status;
}

/* ---- weights -------------------------------------------------------------------------------- */

static void weight_and_reverse_decide_what_a_state_means(void **state)
{
	enum { UNKNOWN, UP, DOWN };
	static const struct {
		int weight;
		bool reverse;
		int state, adjustment;
		const char *fault;
	} cells[] = {
		{-20, false, UNKNOWN, 0, NULL},
		{-20, false, UP, 0, NULL},
		{-20, false, DOWN, -20, NULL},
		{30, false, UNKNOWN, 0, NULL},
		{30, false, UP, 30, NULL},
		{30, false, DOWN, 0, NULL},
		{0, false, UNKNOWN, 0, NULL},
		{0, false, UP, 0, NULL},
		{0, false, DOWN, 0, "track it: link down"},
		{-20, true, UNKNOWN, 0, NULL},
		{-20, true, UP, -20, NULL},
		{-20, true, DOWN, 0, NULL},
		{30, true, UNKNOWN, 0, NULL},
		{30, true, UP, 0, NULL},
		{30, true, DOWN, 30, NULL},
		{0, true, UNKNOWN, 0, NULL},
		{0, true, UP, 0, "track it: up (reversed)"},
		{0, true, DOWN, 0, NULL},
	};
	struct world *w = *state;
	struct conf_track *t = add(w, 0, CONF_TRACK_INTERFACE, &w->interfaces[1]);

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		const char *fault;

		t->weight = cells[i].weight;
		t->reverse = cells[i].reverse;
		start(w);
		if (cells[i].state != UNKNOWN)
			vrrp_tracks_set_link(w->tracks, 1, cells[i].state == UP);
		assert_int_equal(vrrp_tracks_are_known(w->tracks, 0), cells[i].state != UNKNOWN);
		assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), cells[i].adjustment);
		assert_int_equal(read_track(w, 0, 0).adjustment, cells[i].adjustment);
		fault = vrrp_tracks_fault(w->tracks, 0);
		assert_int_equal(fault != NULL, cells[i].fault != NULL);
		if (fault)
			assert_string_equal(fault, cells[i].fault);
		vrrp_tracks_stop(w->tracks);
		w->tracks = NULL;
	}
}

/* Against a model that counts anew, with random weights and events. */
static void adjustments_sum_up(void **state)
{
	struct world *w = *state;
	const unsigned seed = 20261130;
	int up[2] = {-1, -1};

	printf("seed %u\n", seed);
	srand(seed);
	for (unsigned i = 0; i < MAX_TRACKS; i++) {
		struct conf_track *t = add(w, 0, CONF_TRACK_INTERFACE, &w->interfaces[rand() % 2]);

		t->weight = rand() % 507 - 253;
		t->reverse = rand() % 2;
	}
	start(w);
	for (unsigned n = 0; n < 1000; n++) {
		const unsigned link = (unsigned)rand() % 2;
		int sum = 0;

		up[link] = rand() % 2;
		vrrp_tracks_set_link(w->tracks, link, up[link]);
		for (unsigned i = 0; i < MAX_TRACKS; i++) {
			const struct conf_track *t = &w->of[0][i];
			const int is_up = up[t->interface->index];

			if (is_up < 0)
				continue;
			if (t->weight > 0 && is_up != t->reverse)
				sum += t->weight;
			if (t->weight < 0 && is_up == t->reverse)
				sum += t->weight;
		}
		assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), sum);
	}
}

static void the_first_fault_is_told(void **state)
{
	struct world *w = *state;

	add(w, 0, CONF_TRACK_INTERFACE, &w->interfaces[0])->name = "lan";
	add(w, 0, CONF_TRACK_INTERFACE, &w->interfaces[1])->name = "wan";
	start(w);
	vrrp_tracks_set_link(w->tracks, 1, false);
	assert_string_equal(vrrp_tracks_fault(w->tracks, 0), "track wan: link down");
	vrrp_tracks_set_link(w->tracks, 0, false);
	assert_string_equal(vrrp_tracks_fault(w->tracks, 0), "track lan: link down");
	vrrp_tracks_set_link(w->tracks, 0, true);
	assert_string_equal(vrrp_tracks_fault(w->tracks, 0), "track wan: link down");
	vrrp_tracks_set_link(w->tracks, 1, true);
	assert_null(vrrp_tracks_fault(w->tracks, 0));
}

/* ---- who is told ---------------------------------------------------------------------------- */

static void only_changes_are_told_and_only_to_their_group(void **state)
{
	struct world *w = *state;

	add(w, 0, CONF_TRACK_INTERFACE, &w->interfaces[0])->weight = -10;
	add(w, 1, CONF_TRACK_INTERFACE, &w->interfaces[1])->weight = -10;
	start(w);
	assert_int_equal(w->n_changes[0], 0);
	vrrp_tracks_set_link(w->tracks, 0, true); // known now
	assert_int_equal(w->n_changes[0], 1);
	vrrp_tracks_set_link(w->tracks, 0, true);
	assert_int_equal(w->n_changes[0], 1);
	vrrp_tracks_set_link(w->tracks, 0, false);
	assert_int_equal(w->n_changes[0], 2);
	assert_int_equal(w->n_changes[1], 0);
	assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), -10);
	assert_int_equal(vrrp_tracks_adjustment(w->tracks, 1), 0);
	assert_true(vrrp_tracks_are_known(w->tracks, 0));
	assert_false(vrrp_tracks_are_known(w->tracks, 1));
}

static void a_group_without_tracks_is_known(void **state)
{
	struct world *w = *state;

	start(w);
	assert_true(vrrp_tracks_are_known(w->tracks, 0));
	assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), 0);
	assert_null(vrrp_tracks_fault(w->tracks, 0));
	vrrp_tracks_set_link(w->tracks, 0, false);
	vrrp_tracks_set_service(w->tracks, 0, false);
	assert_int_equal(w->n_changes[0], 0);
}

/* ---- services and pools --------------------------------------------------------------------- */

static void a_service_counts_by_its_quorum(void **state)
{
	struct world *w = *state;

	add(w, 0, CONF_TRACK_SERVICE, &w->services[1])->weight = -30;
	start(w);
	assert_string_equal(read_track(w, 0, 0).why, "no result yet");
	vrrp_tracks_set_service(w->tracks, 0, false); // another
	assert_false(read_track(w, 0, 0).is_known);
	vrrp_tracks_set_service(w->tracks, 1, false);
	assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), -30);
	assert_string_equal(read_track(w, 0, 0).why, "no quorum");
	vrrp_tracks_set_service(w->tracks, 1, true);
	assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), 0);
	assert_string_equal(read_track(w, 0, 0).why, "");
	assert_true(read_track(w, 0, 0).is_up);
}

static void a_pool_is_up_while_each_of_its_services_is(void **state)
{
	struct world *w = *state;

	add(w, 0, CONF_TRACK_POOL, &w->pools[0]);
	start(w);
	vrrp_tracks_set_service(w->tracks, 2, false); // of the other pool
	vrrp_tracks_set_service(w->tracks, 0, true);
	assert_false(vrrp_tracks_are_known(w->tracks, 0)); // what of the second?
	vrrp_tracks_set_service(w->tracks, 1, true);
	assert_true(vrrp_tracks_are_known(w->tracks, 0));
	assert_null(vrrp_tracks_fault(w->tracks, 0));
	vrrp_tracks_set_service(w->tracks, 0, false);
	assert_string_equal(vrrp_tracks_fault(w->tracks, 0), "track it: service web: no quorum");
	vrrp_tracks_set_service(w->tracks, 1, false);
	vrrp_tracks_set_service(w->tracks, 0, true);
	assert_string_equal(vrrp_tracks_fault(w->tracks, 0), "track it: service mail: no quorum");
	vrrp_tracks_set_service(w->tracks, 1, true);
	assert_null(vrrp_tracks_fault(w->tracks, 0));
}

static void one_service_down_is_enough_to_know_a_pool(void **state)
{
	struct world *w = *state;

	add(w, 0, CONF_TRACK_POOL, &w->pools[0]);
	start(w);
	vrrp_tracks_set_service(w->tracks, 1, false);
	assert_true(vrrp_tracks_are_known(w->tracks, 0));
	assert_non_null(vrrp_tracks_fault(w->tracks, 0));
}

static void a_pool_that_nobody_uses_is_up(void **state)
{
	struct world *w = *state;

	add(w, 0, CONF_TRACK_POOL, &w->pools[2])->weight = 5;
	start(w);
	assert_true(vrrp_tracks_are_known(w->tracks, 0));
	assert_int_equal(vrrp_tracks_adjustment(w->tracks, 0), 5);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(weight_and_reverse_decide_what_a_state_means),
		IN_WORLD(adjustments_sum_up),
		IN_WORLD(the_first_fault_is_told),
		IN_WORLD(only_changes_are_told_and_only_to_their_group),
		IN_WORLD(a_group_without_tracks_is_known),
		IN_WORLD(a_service_counts_by_its_quorum),
		IN_WORLD(a_pool_is_up_while_each_of_its_services_is),
		IN_WORLD(one_service_down_is_enough_to_know_a_pool),
		IN_WORLD(a_pool_that_nobody_uses_is_up),
	};

	log_setup(LOG_TARGET_STDERR, LOG_LEVEL_ERROR); // a thousand changes
	return cmocka_run_group_tests(tests, NULL, NULL);
}
