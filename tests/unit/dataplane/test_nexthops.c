/* The map that gives neighbours their ids, against what the ids promise to workers: the same
 * neighbour keeps its id from part to part, and an id never changes its meaning without a part
 * in between in which it meant nothing. */
#include "dataplane/internal.h"

#include "packet.h"
#include "seeded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORTS = 3, HOSTS = 200 };

struct bench {
	struct dp_nexthop_map *map;
	struct dp_nexthop_part *part, *previous;
};

static struct bench bench_new(void)
{
	struct bench b = {.map = dp_nexthop_map_new()};

	assert_non_null(b.map);
	return b;
}

static void bench_build(struct bench *b)
{
	dp_nexthops_put(b->previous);
	b->previous = b->part;
	b->part = dp_nexthops_new(b->map);
	assert_non_null(b->part);
}

static void bench_free(struct bench *b)
{
	dp_nexthops_put(b->previous);
	dp_nexthops_put(b->part);
	dp_nexthop_map_free(b->map);
}

static struct addr host(unsigned n)
{
	struct addr a = packet_addr(n % 2 ? "2001:db8::" : "198.51.100.0");

	a.bytes[14] = (uint8_t)(n >> 8);
	a.bytes[15] = (uint8_t)n;
	return a;
}

static void mac_of(unsigned port, unsigned n, uint8_t *mac)
{
	memcpy(mac, (const uint8_t[]){2, 0, 0, (uint8_t)port, (uint8_t)(n >> 8), (uint8_t)n}, 6);
}

static bool add(struct bench *b, unsigned port, unsigned n, bool is_known)
{
	struct addr a = host(n);
	uint8_t mac[6];

	mac_of(port, n, mac);
	return dp_nexthop_map_add(b->map, port, &a, is_known ? mac : NULL);
}

static uint16_t id_of(const struct dp_nexthop_part *p, unsigned port, unsigned n)
{
	struct addr a = host(n);

	return p ? dp_nexthops_find(p, port, &a) : DP_NO_NEXTHOP;
}

/* What was named in a round: 0 not, 1 wanted, 2 known. */
struct round {
	uint8_t named[PORTS][HOSTS];
};

static void check_one(const struct bench *b, const struct round *r, unsigned port, unsigned n)
{
	uint16_t id = id_of(b->part, port, n), was = id_of(b->previous, port, n);
	const struct dp_nexthop *hop;
	struct addr a = host(n);
	uint8_t mac[6];

	if (r->named[port][n] == 0) {
		assert_int_equal(id, DP_NO_NEXTHOP);
		return;
	}
	assert_true(id != DP_NO_NEXTHOP && id < b->part->n_nexthops);
	if (was != DP_NO_NEXTHOP)
		assert_int_equal(id, was);
	else if (b->previous && id < b->previous->n_nexthops)
		assert_int_equal(b->previous->keys[id].id, DP_NO_NEXTHOP);
	hop = &b->part->nexthops[id];
	mac_of(port, n, mac);
	assert_int_equal(hop->port, port);
	assert_int_equal(hop->is_known, r->named[port][n] == 2);
	if (hop->is_known)
		assert_memory_equal(hop->mac, mac, sizeof(mac));
	// by id as by name: so no two share an id
	assert_true(addr_equal(&b->part->keys[id].address, &a));
	assert_int_equal(b->part->keys[id].port, port);
	assert_int_equal(b->part->keys[id].id, id);
}

static void ids_are_stable_and_never_change_their_meaning_at_once(void **state)
{
	struct seeded random = seeded_new(__func__);
	struct bench b = bench_new();
	struct round r = {.named = {{0}}};

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		dp_nexthop_map_begin(b.map);
		for (unsigned k = 0; k < PORTS * HOSTS; k++) {
			uint8_t *named = &r.named[k / HOSTS][k % HOSTS];

			if (seeded_below(&random, 4) == 0)
				*named = (uint8_t)seeded_below(&random, 3);
			// named in passing first, as gateways and servers are
			if (*named && seeded_below(&random, 2))
				assert_true(add(&b, k / HOSTS, k % HOSTS, false));
			if (*named)
				assert_true(add(&b, k / HOSTS, k % HOSTS, *named == 2));
		}
		bench_build(&b);
		for (unsigned k = 0; k < PORTS * HOSTS; k++)
			check_one(&b, &r, k / HOSTS, k % HOSTS);
		assert_int_equal(b.part->nexthops[DP_NO_NEXTHOP].is_known, 0);
	}
	// ids are used again: never more than two rounds' worth
	assert_true(b.part->n_nexthops <= 2 * PORTS * HOSTS + 1);
	bench_free(&b);
}

static void what_is_known_stays_known_when_it_is_only_wanted_as_well(void **state)
{
	struct bench b = bench_new();

	(void)state;
	dp_nexthop_map_begin(b.map);
	assert_true(add(&b, 0, 1, true));
	assert_true(add(&b, 0, 1, false));
	bench_build(&b);
	assert_int_equal(b.part->nexthops[id_of(b.part, 0, 1)].is_known, 1);
	dp_nexthop_map_begin(b.map);
	assert_true(add(&b, 0, 1, false));
	bench_build(&b);
	assert_int_equal(b.part->nexthops[id_of(b.part, 0, 1)].is_known, 0);
	assert_int_equal(id_of(b.part, 0, 1), id_of(b.previous, 0, 1));
	bench_free(&b);
}

static void an_empty_map_finds_nothing(void **state)
{
	struct bench b = bench_new();

	(void)state;
	bench_build(&b);
	assert_int_equal(id_of(b.part, 0, 1), DP_NO_NEXTHOP);
	assert_int_equal(b.part->n_nexthops, 1);
	bench_free(&b);
}

/* At the limit the map says no to what is new, and keeps what it has. */
static void a_full_map_refuses_only_what_is_new(void **state)
{
	struct bench b = bench_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		dp_nexthop_map_begin(b.map);
		for (unsigned n = 0; n < DP_MAX_NEIGHBOURS; n++)
			assert_true(add(&b, 1, n, true));
		assert_false(add(&b, 1, DP_MAX_NEIGHBOURS, true));
		assert_false(add(&b, 0, 5, true));
		assert_true(add(&b, 1, 5, true));
		bench_build(&b);
		for (unsigned n = 0; n < DP_MAX_NEIGHBOURS; n++)
			assert_int_not_equal(id_of(b.part, 1, n), DP_NO_NEXTHOP);
		assert_int_equal(id_of(b.part, 0, 5), DP_NO_NEXTHOP);
	}
	// all of them go, and others come: one round later there is room again
	dp_nexthop_map_begin(b.map);
	bench_build(&b);
	dp_nexthop_map_begin(b.map);
	for (unsigned n = 0; n < DP_MAX_NEIGHBOURS; n++)
		assert_true(add(&b, 2, n, true));
	bench_build(&b);
	assert_int_equal(b.part->n_nexthops, DP_MAX_NEIGHBOURS + 1);
	assert_int_not_equal(id_of(b.part, 2, 77), DP_NO_NEXTHOP);
	bench_free(&b);
}

static void parts_live_as_long_as_somebody_refers_to_them(void **state)
{
	struct bench b = bench_new();

	(void)state;
	dp_nexthop_map_begin(b.map);
	assert_true(add(&b, 0, 1, true));
	bench_build(&b);
	b.part->refs++;
	dp_nexthops_put(b.part);
	assert_int_not_equal(id_of(b.part, 0, 1), DP_NO_NEXTHOP);
	dp_nexthops_put(NULL);
	bench_free(&b);
}

/* ---- asking for them ---------------------------------------------------------------------- */

struct asked {
	unsigned n;
	unsigned port;
	struct addr address;
};

static void note(void *arg, unsigned port, const struct addr *address, bool has_entry)
{
	struct asked *a = arg;

	assert_false(has_entry);
	a->n++;
	a->port = port;
	a->address = *address;
}

/* What is asked for with the part as it is now. */
static struct asked ask(struct dp *dp, const struct bench *b, bool with_used)
{
	struct asked asked = {0};

	dp->nexthops = b->part;
	dp_poll_neighbours(dp, with_used, note, &asked);
	return asked;
}

static void what_is_new_and_unknown_is_asked_for_at_once_and_once(void **state)
{
	struct dp *dp = calloc(1, sizeof(*dp));
	const struct addr second = host(2);
	struct bench b = bench_new();
	struct asked asked;

	(void)state;
	assert_int_equal(ask(dp, &b, false).n, 0); // no workers, no tables
	dp_nexthop_map_begin(b.map);
	assert_true(add(&b, 0, 1, true));
	assert_true(add(&b, 1, 2, false));
	bench_build(&b);
	asked = ask(dp, &b, false);
	assert_int_equal(asked.n, 1);
	assert_int_equal(asked.port, 1);
	assert_true(addr_equal(&asked.address, &second));
	assert_int_equal(ask(dp, &b, false).n, 0);
	assert_int_equal(ask(dp, &b, true).n, 1); // again and again, once a second

	// another part: only what is new in it
	dp_nexthop_map_begin(b.map);
	assert_true(add(&b, 1, 2, false));
	assert_true(add(&b, 2, 2, false));
	bench_build(&b);
	asked = ask(dp, &b, false);
	assert_int_equal(asked.n, 1);
	assert_int_equal(asked.port, 2);

	// an id that means another neighbour now is new
	dp_nexthop_map_begin(b.map);
	bench_build(&b);
	assert_int_equal(ask(dp, &b, false).n, 0);
	dp_nexthop_map_begin(b.map);
	assert_true(add(&b, 0, 9, false));
	assert_true(add(&b, 0, 11, false));
	bench_build(&b);
	assert_int_equal(ask(dp, &b, false).n, 2);
	dp_nexthops_put(dp->asked);
	bench_free(&b);
	free(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_stable_and_never_change_their_meaning_at_once),
		cmocka_unit_test(what_is_known_stays_known_when_it_is_only_wanted_as_well),
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(a_full_map_refuses_only_what_is_new),
		cmocka_unit_test(what_is_new_and_unknown_is_asked_for_at_once_and_once),
		cmocka_unit_test(parts_live_as_long_as_somebody_refers_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
