/* The mirror without a kernel: routes. Crafted messages in, tables and wishes for dumps out. */
#include "netlink_feed.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char mac_a[6] = "\x02\x00\x5e\x10\x00\x0a";
static const char mac_b[6] = "\x02\x00\x5e\x10\x00\x0b";

/* "192.0.2.0/24 via 198.51.100.1 port 0 metric 5", one line for each. */
static void assert_routes(struct nl_mirror *m, const char *want)
{
	static const char *const kinds[] = {"via", "on link", "unreachable"};
	const struct nl_route *routes;
	unsigned n = nl_mirror_routes(m, &routes);
	char text[1024] = "", to[PREFIX_STR_LEN], gateway[ADDR_STR_LEN];
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct nl_route *r = &routes[i];

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %s",
			prefix_format(&r->to, to), kinds[r->kind]);
		if (r->kind == NL_ROUTE_VIA)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %s",
				addr_format(&r->gateway, gateway));
		if (r->kind != NL_ROUTE_UNREACHABLE)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " port %u", r->port);
		at += (size_t)snprintf(text + at, sizeof(text) - at, " metric %u\n", r->metric);
	}
	assert_string_equal(text, want);
}

static void assert_locals(struct nl_mirror *m, const char *want)
{
	const struct prefix *locals;
	unsigned n = nl_mirror_locals(m, &locals);
	char text[1024] = "", buf[PREFIX_STR_LEN];
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, "%s\n", prefix_format(&locals[i], buf));
	assert_string_equal(text, want);
}

/* ---- routes ------------------------------------------------------------------------------- */

static void routes_come_and_go(void **state)
{
	const struct route_text via = {.to = "203.0.113.0/24",
		.metric = 5,
		.hops = {{EAST, "192.0.2.1", NULL, 0}},
		.n_hops = 1};
	struct route_text gone = via;
	struct nl_mirror *m = *state;

	feed_route(m, via);
	assert_int_equal(take_changes(m), NL_CHANGED_ROUTES);
	assert_routes(m, "203.0.113.0/24 via 192.0.2.1 port 0 metric 5\n");
	feed_route(m, via); // told by a dump, then by the event that was waiting
	assert_int_equal(take_changes(m), 0);

	gone.is_removal = true;
	feed_route(m, gone);
	assert_int_equal(take_changes(m), NL_CHANGED_ROUTES);
	assert_routes(m, "");
	feed_route(m, gone);
	assert_int_equal(take_changes(m), 0);
	assert_int_equal(take_wanted(m), 0);
}

static void routes_are_sorted_by_prefix_then_metric(void **state)
{
	struct nl_mirror *m = *state;

	feed_way(m, "0.0.0.0/0", 20, EAST, "192.0.2.1");
	feed_way(m, "198.51.100.0/24", 0, WEST, NULL);
	feed_way(m, "0.0.0.0/0", 10, WEST, "198.51.100.1");
	feed_way(m, "::/0", 1024, WEST, "fe80::1");
	assert_routes(m, "::/0 via fe80::1 port 1 metric 1024\n"
			 "0.0.0.0/0 via 198.51.100.1 port 1 metric 10\n"
			 "0.0.0.0/0 via 192.0.2.1 port 0 metric 20\n"
			 "198.51.100.0/24 on link port 1 metric 0\n");
}

static void routes_out_of_other_interfaces_are_unreachable(void **state)
{
	struct nl_mirror *m = *state;

	feed_way(m, "0.0.0.0/0", 0, OTHER, "192.0.2.1");
	feed_blackhole(m, "203.0.113.0/24");
	assert_routes(m, "0.0.0.0/0 unreachable metric 0\n203.0.113.0/24 unreachable metric 0\n");
}

static void a_replaced_route_is_one_route(void **state)
{
	struct nl_mirror *m = *state;

	feed_way(m, "203.0.113.0/24", 0, EAST, "192.0.2.1");
	feed_route(m, (struct route_text){.to = "203.0.113.0/24",
			      .hops = {{WEST, NULL, "2001:db8::1", 0}},
			      .n_hops = 1,
			      .header_flags = NLM_F_REPLACE});
	assert_routes(m, "203.0.113.0/24 via 2001:db8::1 port 1 metric 0\n");
	assert_int_equal(take_wanted(m), 0);
}

static void what_does_not_fit_is_not_guessed(void **state)
{
	const struct route_text first = {
		.to = "203.0.113.0/24", .hops = {{EAST, "192.0.2.1", NULL, 0}}, .n_hops = 1};
	struct route_text second = {
		.to = "203.0.113.0/24", .hops = {{WEST, "198.51.100.1", NULL, 0}}, .n_hops = 1};
	struct nl_mirror *m = *state;

	feed_route(m, first);
	feed_route(m, second); // appended or prepended: the message does not say where
	assert_int_equal(take_wanted(m), 1u << NL_DUMP_ROUTES4);
	second.is_removal = true;
	feed_route(m, second);
	assert_int_equal(take_wanted(m), 1u << NL_DUMP_ROUTES4);
	assert_routes(m, "203.0.113.0/24 via 192.0.2.1 port 0 metric 0\n");
}

static void the_first_of_equal_routes_in_a_dump_counts(void **state)
{
	const struct route_text first = {
		.to = "203.0.113.0/24", .hops = {{EAST, "192.0.2.1", NULL, 0}}, .n_hops = 1};
	const struct route_text second = {
		.to = "203.0.113.0/24", .hops = {{WEST, "198.51.100.1", NULL, 0}}, .n_hops = 1};
	struct route_text gone = first;
	struct nl_mirror *m = *state;

	nl_mirror_begin(m, NL_DUMP_ROUTES4);
	feed_route(m, first);
	feed_route(m, second);
	nl_mirror_finish(m, true);
	assert_routes(m, "203.0.113.0/24 via 192.0.2.1 port 0 metric 0\n");

	gone.is_removal = true;
	feed_route(m, gone);
	assert_int_equal(take_wanted(m), 1u << NL_DUMP_ROUTES4);
	nl_mirror_begin(m, NL_DUMP_ROUTES4);
	feed_route(m, second);
	nl_mirror_finish(m, true);
	assert_routes(m, "203.0.113.0/24 via 198.51.100.1 port 1 metric 0\n");
	feed_route(m, gone); // alone again, so that events are understood: this one is of another
	assert_int_equal(take_wanted(m), 1u << NL_DUMP_ROUTES4);
}

static void hops_of_an_ipv6_multipath_route_come_from_dumps(void **state)
{
	const struct route_text both = {.to = "2001:db8:9::/48",
		.metric = 1024,
		.hops = {{EAST, "fe80::1", NULL, 0}, {WEST, "fe80::2", NULL, 0}},
		.n_hops = 2};
	const struct route_text one = {.to = "2001:db8:9::/48",
		.metric = 1024,
		.hops = {{EAST, "fe80::1", NULL, 0}},
		.n_hops = 1,
		.is_removal = true};
	struct nl_mirror *m = *state;

	feed_route(m, both);
	assert_routes(m, "2001:db8:9::/48 via fe80::1 port 0 metric 1024\n");
	feed_route(m, one);
	assert_int_equal(take_wanted(m), 1u << NL_DUMP_ROUTES6);
}

static void an_ipv4_multipath_route_goes_at_once(void **state)
{
	struct route_text both = {.to = "203.0.113.0/24",
		.hops = {{EAST, "192.0.2.1", NULL, 0}, {WEST, "198.51.100.1", NULL, 0}},
		.n_hops = 2};
	struct nl_mirror *m = *state;

	feed_route(m, both);
	assert_routes(m, "203.0.113.0/24 via 192.0.2.1 port 0 metric 0\n");
	both.is_removal = true;
	feed_route(m, both);
	assert_routes(m, "");
	assert_int_equal(take_wanted(m), 0);
}

static void a_dump_sweeps_its_own_table_only(void **state)
{
	struct nl_mirror *m = *state;

	feed_blackhole(m, "203.0.113.0/24");
	feed_blackhole(m, "2001:db8:9::/48");
	feed_route(m, (struct route_text){.to = "192.0.2.1/32",
			      .type = RTN_LOCAL,
			      .table = RT_TABLE_LOCAL,
			      .hops = {{.ifindex = EAST}},
			      .n_hops = 1});
	nl_mirror_begin(m, NL_DUMP_ROUTES4);
	nl_mirror_finish(m, true);
	assert_routes(m, "2001:db8:9::/48 unreachable metric 0\n");
	assert_locals(m, "192.0.2.1/32\n");
	nl_mirror_begin(m, NL_DUMP_LOCALS4);
	nl_mirror_finish(m, true);
	assert_locals(m, "");
}

static void a_broken_dump_removes_nothing(void **state)
{
	struct nl_mirror *m = *state;

	feed_blackhole(m, "203.0.113.0/24");
	(void)take_changes(m);
	nl_mirror_begin(m, NL_DUMP_ROUTES4);
	nl_mirror_finish(m, false);
	assert_routes(m, "203.0.113.0/24 unreachable metric 0\n");
	assert_int_equal(take_changes(m), 0);
}

static void a_dump_that_finds_all_as_it_was_is_no_change(void **state)
{
	const struct route_text route = {.to = "203.0.113.0/24", .type = RTN_BLACKHOLE};
	struct nl_mirror *m = *state;

	feed_route(m, route);
	(void)take_changes(m);
	nl_mirror_begin(m, NL_DUMP_ROUTES4);
	feed_route(m, route);
	nl_mirror_finish(m, true);
	assert_int_equal(take_changes(m), 0);
}

static void locals_are_each_listed_once(void **state)
{
	struct nl_mirror *m = *state;
	struct route_text local = {.to = "fe80::/128",
		.type = RTN_ANYCAST,
		.table = RT_TABLE_LOCAL,
		.hops = {{.ifindex = EAST}},
		.n_hops = 1};

	feed_route(m, local);
	local.hops[0].ifindex = WEST;
	feed_route(m, local);
	assert_int_equal(take_changes(m), NL_CHANGED_LOCALS);
	assert_locals(m, "fe80::/128\n");
	local.is_removal = true;
	feed_route(m, local);
	assert_locals(m, "fe80::/128\n");
	local.hops[0].ifindex = EAST;
	feed_route(m, local);
	assert_locals(m, "");
	assert_int_equal(take_wanted(m), 0);
}

static void a_changed_nexthop_object_asks_for_the_routes(void **state)
{
	const struct nl_event ev = {.kind = NL_EVENT_NEXTHOP};
	struct nl_mirror *m = *state;

	assert_int_equal(nl_mirror_apply(m, &ev), 0);
	assert_int_equal(take_wanted(m), NL_ROUTE_DUMPS);
}

/* ---- routes and links ------------------------------------------------------------------------ */

static void a_removed_link_takes_its_neighbours_addresses_and_routes(void **state)
{
	const struct addr neighbour = to_addr("192.0.2.7");
	struct nl_mirror *m = *state;

	feed_near(m, EAST, "192.0.2.7", mac_a, NUD_REACHABLE);
	feed_near(m, WEST, "192.0.2.7", mac_b, NUD_REACHABLE);
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "192.0.2.7", .length = 32});
	feed_way(m, "192.0.2.0/24", 0, EAST, NULL);
	(void)take_changes(m);

	feed_link(m, (struct link_text){.ifindex = EAST, .name = "east", .is_removal = true});
	assert_int_equal(take_changes(m), NL_CHANGED_LINKS | NL_CHANGED_NEIGHBOURS |
						  NL_CHANGED_ROUTES | NL_CHANGED_ADDRESSES);
	assert_int_equal(m->ports[0].link.ifindex, 0);
	assert_false(m->ports[0].link.is_up);
	assert_null(nl_mirror_find_neighbour(m, 0, &neighbour));
	assert_null(nl_mirror_find_address(m, 0, &neighbour, 128));
	assert_non_null(nl_mirror_find_neighbour(m, 1, &neighbour));
	assert_routes(m, "192.0.2.0/24 unreachable metric 0\n");
}

static void a_link_that_comes_back_asks_for_everything(void **state)
{
	struct nl_mirror *m = *state;

	feed_link(m, (struct link_text){.ifindex = EAST, .name = "east", .is_removal = true});
	feed_way(m, "192.0.2.0/24", 0, 77, NULL);
	(void)take_wanted(m);
	feed_link(m, (struct link_text){.ifindex = 77, .name = "east", .flags = UP});
	assert_int_equal(take_wanted(m), NL_ALL_DUMPS & ~(1u << NL_DUMP_LINKS));
	assert_int_equal(m->ports[0].link.ifindex, 77);
	assert_routes(m, "192.0.2.0/24 on link port 0 metric 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MIRROR(a_removed_link_takes_its_neighbours_addresses_and_routes),
		WITH_MIRROR(a_link_that_comes_back_asks_for_everything),
		WITH_MIRROR(routes_come_and_go),
		WITH_MIRROR(routes_are_sorted_by_prefix_then_metric),
		WITH_MIRROR(routes_out_of_other_interfaces_are_unreachable),
		WITH_MIRROR(a_replaced_route_is_one_route),
		WITH_MIRROR(what_does_not_fit_is_not_guessed),
		WITH_MIRROR(the_first_of_equal_routes_in_a_dump_counts),
		WITH_MIRROR(hops_of_an_ipv6_multipath_route_come_from_dumps),
		WITH_MIRROR(an_ipv4_multipath_route_goes_at_once),
		WITH_MIRROR(a_dump_sweeps_its_own_table_only),
		WITH_MIRROR(a_broken_dump_removes_nothing),
		WITH_MIRROR(a_dump_that_finds_all_as_it_was_is_no_change),
		WITH_MIRROR(locals_are_each_listed_once),
		WITH_MIRROR(a_changed_nexthop_object_asks_for_the_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
