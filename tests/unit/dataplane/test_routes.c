/* Routes against a naive longest match, at the limits that are stated: how many fit, which are
 * left out, and that the memory reserved for them is enough for two tables at once. */
#include "dataplane/routes.h"

#include "packet.h"
#include "seeded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>

enum { MAX = 3 * DP_MAX_ROUTES, LOOKUPS = 20000, STEPS = 32767, ROUNDS = 16, GATEWAYS = 1000 };

struct list {
	struct dp_route *routes;
	unsigned n;
	struct seeded random;
	struct dp_route_part *part;
	unsigned serial; // names of FIBs are new each time
};

/* Prefix lengths as in the Internet's tables, and some of one's own networks and hosts. */
struct share {
	unsigned length, thousandths;
};

static const struct share lengths4[] = {{24, 580}, {23, 95}, {22, 110}, {21, 50}, {20, 45},
	{19, 25}, {18, 15}, {17, 10}, {16, 15}, {14, 5}, {12, 5}, {10, 5}, {32, 25}, {29, 10},
	{25, 5}};
static const struct share lengths6[] = {{48, 480}, {32, 130}, {44, 80}, {40, 90}, {36, 60},
	{46, 40}, {33, 20}, {29, 30}, {28, 20}, {64, 20}, {56, 10}, {128, 10}, {24, 10}};

static unsigned pick_length(struct seeded *s, const struct share *shares)
{
	unsigned at = seeded_below(s, 1000);

	for (; at >= shares->thousandths; shares++)
		at -= shares->thousandths;
	return shares->length;
}

static struct prefix masked(struct addr a, unsigned length_bits)
{
	for (unsigned i = length_bits; i < 128; i++)
		a.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return (struct prefix){.addr = a, .length_bits = (uint8_t)length_bits};
}

static struct prefix random4(struct seeded *s, unsigned length)
{
	struct addr a = packet_addr("0.0.0.0");

	for (unsigned i = 12; i < 16; i++)
		a.bytes[i] = (uint8_t)seeded_below(s, 256);
	a.bytes[12] = (uint8_t)(1 + a.bytes[12] % 223);
	return masked(a, 96 + length);
}

/* Below 20,000 blocks of /32, as registries give them out. */
static struct prefix random6(struct seeded *s, unsigned length)
{
	static const uint8_t registries[] = {0x24, 0x26, 0x28, 0x2a, 0x2c};
	struct addr a = {0};
	unsigned block = seeded_below(s, 20000);

	a.bytes[0] = registries[block % 5];
	a.bytes[1] = (uint8_t)(block / 5 / 256 * 2);
	a.bytes[2] = (uint8_t)(block / 5);
	a.bytes[3] = (uint8_t)(block % 5 * 8);
	for (unsigned i = 4; i < 16; i++)
		a.bytes[i] = (uint8_t)seeded_below(s, 256);
	return masked(a, length);
}

/* ---- lists ------------------------------------------------------------------------------- */

static void put(struct list *l, struct prefix to)
{
	struct dp_route *r = &l->routes[l->n++];
	uint32_t gateway = seeded_below(&l->random, GATEWAYS);

	assert_true(l->n <= MAX);
	*r = (struct dp_route){.to = to, .kind = DP_ROUTE_VIA, .port = gateway % 3};
	r->gateway = packet_addr("198.51.0.0");
	r->gateway.bytes[14] = (uint8_t)(gateway >> 8);
	r->gateway.bytes[15] = (uint8_t)gateway;
}

static int compare(const void *left, const void *right)
{
	const struct prefix *a = &((const struct dp_route *)left)->to;
	const struct prefix *b = &((const struct dp_route *)right)->to;
	int order = (int)a->length_bits - (int)b->length_bits;

	return order ? order : addr_compare(&a->addr, &b->addr);
}

/* Until there are `n` different ones more, all of them `pick`ed. */
static void fill(struct list *l, unsigned n, struct prefix (*pick)(struct seeded *s))
{
	unsigned want = l->n + n;

	while (l->n < want) {
		unsigned kept = 0;

		while (l->n < want)
			put(l, pick(&l->random));
		qsort(l->routes, l->n, sizeof(*l->routes), compare);
		for (unsigned i = 0; i < l->n; i++)
			if (kept == 0 || compare(&l->routes[kept - 1], &l->routes[i]) != 0)
				l->routes[kept++] = l->routes[i];
		l->n = kept;
	}
}

static struct prefix internet4(struct seeded *s)
{
	return random4(s, pick_length(s, lengths4));
}

static struct prefix internet6(struct seeded *s)
{
	return random6(s, pick_length(s, lengths6));
}

static struct prefix host4(struct seeded *s)
{
	return random4(s, 32);
}

/* Each in a /24 of its own, more or less: nothing is shared on the way down. */
static struct prefix apart6(struct seeded *s, unsigned length)
{
	struct addr a = {0};

	for (unsigned i = 0; i < 16; i++)
		a.bytes[i] = (uint8_t)seeded_below(s, 256);
	a.bytes[0] = 0x20 | (a.bytes[0] & 0x1f);
	return masked(a, length);
}

static struct prefix site6(struct seeded *s)
{
	return apart6(s, 48);
}

static struct prefix provider6(struct seeded *s)
{
	return apart6(s, 32);
}

/* ---- the oracle --------------------------------------------------------------------------- */

/* The route that `fill`ed lists have for an address; NULL: none. */
static const struct dp_route *longest_match(const struct list *l, const struct addr *to)
{
	for (int bits = 128; bits >= (addr_is_v4(to) ? 96 : 0); bits--) {
		const struct dp_route key = {.to = masked(*to, (unsigned)bits)};
		const struct dp_route *found = bsearch(&key, l->routes, l->n, sizeof(key), compare);

		if (found)
			return found;
	}
	return NULL;
}

static void check_lookup(const struct list *l, const struct addr *to)
{
	const struct dp_route *expected = longest_match(l, to);
	const struct dp_hop *hop = dp_routes_find(l->part, to);

	if (!expected) {
		assert_int_equal(hop->kind, DP_ROUTE_UNREACHABLE);
		return;
	}
	assert_int_equal(hop->kind, expected->kind);
	assert_int_equal(hop->port, expected->port);
	assert_true(addr_equal(&hop->gateway, &expected->gateway));
}

/* In and around the prefixes, and anywhere. */
static void check_lookups(struct list *l)
{
	for (unsigned i = 0; i < LOOKUPS; i++) {
		const struct prefix *p = &l->routes[seeded_below(&l->random, l->n)].to;
		struct addr inside = p->addr, anywhere;

		for (unsigned k = p->length_bits / 8 + 1; k < 16; k++)
			inside.bytes[k] = (uint8_t)seeded_below(&l->random, 256);
		check_lookup(l, &p->addr);
		check_lookup(l, &inside);
		anywhere = addr_is_v4(&p->addr) ? random4(&l->random, 32).addr
						: apart6(&l->random, 128).addr;
		check_lookup(l, &anywhere);
	}
}

/* ---- life --------------------------------------------------------------------------------- */

static int start_eal(void **state)
{
	char prefix[64], memory[16], program[] = "routes";
	char *argv[] = {program, "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf", "-m",
		memory, "--iova-mode=va", "-l", "0", "--log-level=error", prefix};

	(void)state;
	(void)snprintf(memory, sizeof(memory), "%d", DP_ROUTES_MIB);
	(void)snprintf(prefix, sizeof(prefix), "--file-prefix=poise-test-%d", (int)getpid());
	return rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0 ? -1 : 0;
}

static int stop_eal(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

static int setup(void **state)
{
	struct list *l = calloc(1, sizeof(*l));

	l->routes = calloc(MAX, sizeof(*l->routes));
	l->random = seeded_new("routes");
	*state = l;
	return l->routes ? 0 : -1;
}

static int teardown(void **state)
{
	struct list *l = *state;

	dp_routes_put(l->part);
	free(l->routes);
	free(l);
	return 0;
}

/* In an order that is not the tables' own. */
static void build(struct list *l)
{
	struct dp_route *shuffled = calloc(l->n + 1, sizeof(*shuffled));
	struct dp_route_part *next;

	assert_non_null(shuffled);
	memcpy(shuffled, l->routes, l->n * sizeof(*shuffled));
	for (unsigned i = l->n; i > 1; i--) {
		unsigned k = seeded_below(&l->random, i);
		struct dp_route last = shuffled[i - 1];

		shuffled[i - 1] = shuffled[k];
		shuffled[k] = last;
	}
	next = dp_routes_new(shuffled, l->n, l->serial++); // beside the old one
	free(shuffled);
	assert_non_null(next);
	dp_routes_put(l->part);
	l->part = next;
}

/* ---- claims ------------------------------------------------------------------------------- */

static void a_full_ipv4_table_of_the_internets_lengths_fits(void **state)
{
	struct list *l = *state;

	fill(l, DP_MAX_ROUTES, internet4);
	build(l);
	assert_int_equal(l->part->n_routes, DP_MAX_ROUTES);
	assert_int_equal(l->part->n_left_out, 0);
	assert_in_range(l->part->n_hops, 2, GATEWAYS + 1);
	check_lookups(l);
}

static void both_families_fit_together(void **state)
{
	struct list *l = *state;

	fill(l, 12000, internet6);
	fill(l, DP_MAX_ROUTES - l->n, internet4);
	build(l);
	assert_int_equal(l->part->n_routes, DP_MAX_ROUTES);
	assert_int_equal(l->part->n_left_out, 0);
	check_lookups(l);
}

static void ipv6_sites_fit_as_far_as_their_three_steps(void **state)
{
	struct list *l = *state;

	fill(l, STEPS / 3, site6);
	build(l);
	assert_int_equal(l->part->n_left_out, 0);
	check_lookups(l);
	fill(l, 1000, site6);
	build(l);
	assert_in_range(l->part->n_left_out, 900, 1000); // some share steps
}

static void ipv6_providers_fit_as_far_as_their_one_step(void **state)
{
	struct list *l = *state;

	fill(l, STEPS, provider6);
	build(l);
	assert_int_equal(l->part->n_left_out, 0);
	check_lookups(l);
}

static void ipv4_hosts_fit_as_far_as_their_networks(void **state)
{
	struct list *l = *state;

	fill(l, STEPS, host4);
	build(l);
	assert_int_equal(l->part->n_left_out, 0);
	check_lookups(l);
}

/* Over the limit: what is left out is as long as the longest that is in, and its packets go
 * where they would without it. */
static void the_most_specific_are_left_out_and_follow_the_route_around(void **state)
{
	struct list *l = *state;
	unsigned longest_in, n_all;

	put(l, (struct prefix){packet_addr("0.0.0.0"), 96});
	put(l, (struct prefix){.length_bits = 0});
	fill(l, 2 * DP_MAX_ROUTES, internet4);
	n_all = l->n;
	build(l);
	assert_int_equal(l->part->n_routes, DP_MAX_ROUTES);
	assert_int_equal(l->part->n_left_out, n_all - DP_MAX_ROUTES);
	// the list is in that order: the first ones are in the tables, as if there were no others
	l->n = DP_MAX_ROUTES;
	longest_in = l->routes[l->n - 1].to.length_bits;
	assert_in_range(longest_in, 96 + 22, 96 + 24);
	check_lookups(l);
	for (unsigned i = DP_MAX_ROUTES; i < n_all; i++)
		check_lookup(l, &l->routes[i].to.addr);
}

static void no_room_for_steps_leaves_out_the_long_ones_only(void **state)
{
	struct list *l = *state;
	const struct addr of_none = packet_addr("3fff:ffff::1");

	put(l, (struct prefix){.length_bits = 0});
	fill(l, 1000, provider6);
	fill(l, 20000, site6);
	build(l);
	assert_int_equal(l->part->n_routes + l->part->n_left_out, l->n);
	assert_in_range(l->part->n_left_out, 9000, 10000);
	for (unsigned i = 0; l->routes[i].to.length_bits <= 32; i++)
		check_lookup(l, &l->routes[i].to.addr);
	check_lookup(l, &of_none);
}

static void gateways_without_a_number_are_left_out(void **state)
{
	struct list *l = *state;

	for (unsigned i = 0; i < 40000; i++) {
		struct prefix to = {packet_addr("10.0.0.0"), 96 + 24};

		to.addr.bytes[13] = (uint8_t)(i >> 8);
		to.addr.bytes[14] = (uint8_t)i;
		put(l, to);
		l->routes[i].gateway.bytes[13] = (uint8_t)(i >> 8);
		l->routes[i].gateway.bytes[14] = (uint8_t)i;
	}
	build(l);
	assert_int_equal(l->part->n_hops, 32768);
	assert_int_equal(l->part->n_routes, 32767);
	assert_int_equal(l->part->n_left_out, 40000 - 32767);
}

static void of_equal_prefixes_the_lowest_metric_is_taken(void **state)
{
	struct list *l = *state;
	const struct addr to = packet_addr("192.0.2.1");

	for (unsigned i = 0; i < 3; i++) {
		put(l, (struct prefix){packet_addr("192.0.2.0"), 96 + 24});
		l->routes[i].port = i;
		l->routes[i].metric = (i + 1) % 3; // 1, 2, 0
	}
	build(l);
	assert_int_equal(l->part->n_routes, 1);
	assert_int_equal(l->part->n_left_out, 0);
	assert_int_equal(dp_routes_find(l->part, &to)->port, 2);
}

/* One table is in use while the next is built, whatever either holds. */
static void the_memory_reserved_is_enough_for_two_tables(void **state)
{
	struct list *l = *state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		l->n = 0;
		switch (i < 4 ? i : seeded_below(&l->random, 4)) {
		case 0: // all rooms full
			fill(l, 20000, site6);
			fill(l, 40000, host4);
			fill(l, 30000, internet4);
			break;
		case 1:
			fill(l, 30000, site6);
			fill(l, 40000, host4);
			break;
		case 2:
			fill(l, 1 + seeded_below(&l->random, 100), internet4);
			break;
		default:
			fill(l, seeded_below(&l->random, 30000), host4);
			fill(l, 1 + seeded_below(&l->random, 10000), site6);
		}
		build(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_full_ipv4_table_of_the_internets_lengths_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(both_families_fit_together, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ipv6_sites_fit_as_far_as_their_three_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ipv6_providers_fit_as_far_as_their_one_step, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ipv4_hosts_fit_as_far_as_their_networks, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_most_specific_are_left_out_and_follow_the_route_around, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			no_room_for_steps_leaves_out_the_long_ones_only, setup, teardown),
		cmocka_unit_test_setup_teardown(
			gateways_without_a_number_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			of_equal_prefixes_the_lowest_metric_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_memory_reserved_is_enough_for_two_tables, setup, teardown),
	};

	return cmocka_run_group_tests(tests, start_eal, stop_eal);
}
