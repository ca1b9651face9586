/* The mirror without a kernel: links, neighbours and addresses. Crafted messages in, tables and
 * wishes for dumps out. */
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

/* ---- links -------------------------------------------------------------------------------- */

static void link_changes_are_told_once(void **state)
{
	const struct link_text text = {
		.ifindex = EAST, .name = "east", .flags = UP, .mtu = 9000, .mac = mac_a};
	struct nl_mirror *m = *state;

	feed_link(m, text);
	assert_int_equal(take_changes(m), NL_CHANGED_LINKS);
	assert_int_equal(m->ports[0].link.mtu, 9000);
	assert_memory_equal(m->ports[0].link.mac, mac_a, 6);
	feed_link(m, text);
	assert_int_equal(take_changes(m), 0);
}

static void other_links_change_nothing_of_ours(void **state)
{
	struct nl_mirror *m = *state;

	feed_link(m, (struct link_text){.ifindex = OTHER, .name = "other", .flags = UP});
	assert_int_equal(take_changes(m), 0);
	assert_int_equal(m->ports[0].link.ifindex, EAST);
}

static void any_link_event_asks_for_the_routes(void **state)
{
	struct nl_mirror *m = *state;

	feed_link(m, (struct link_text){.ifindex = OTHER, .name = "other"});
	assert_int_equal(take_wanted(m), NL_ROUTE_DUMPS);
}

static void a_renamed_link_is_not_ours_any_more(void **state)
{
	struct nl_mirror *m = *state;

	feed_link(m, (struct link_text){.ifindex = EAST, .name = "old-east", .flags = UP});
	assert_int_equal(m->ports[0].link.ifindex, 0);
	feed_link(m, (struct link_text){.ifindex = OTHER, .name = "east", .flags = UP});
	assert_int_equal(m->ports[0].link.ifindex, OTHER);
	assert_int_equal(m->ports[1].link.ifindex, WEST);
}

static void links_that_a_dump_does_not_mention_are_gone(void **state)
{
	struct nl_mirror *m = *state;

	nl_mirror_begin(m, NL_DUMP_LINKS);
	feed_link(m, (struct link_text){.ifindex = EAST, .name = "east", .flags = UP, .mtu = 1500});
	nl_mirror_finish(m, true);
	assert_int_equal(m->ports[0].link.ifindex, EAST);
	assert_int_equal(m->ports[1].link.ifindex, 0);
	assert_int_equal(take_wanted(m), 0); // a dump is not a change that could hide others
}

/* ---- neighbours --------------------------------------------------------------------------- */

static void only_valid_states_with_a_mac_are_usable(void **state)
{
	static const struct {
		uint16_t state;
		bool has_mac, is_usable, is_stale;
	} cells[] = {
		{NUD_NONE, true, false, false},
		{NUD_INCOMPLETE, false, false, false},
		{NUD_INCOMPLETE, true, false, false},
		{NUD_FAILED, true, false, false},
		{NUD_REACHABLE, true, true, false},
		{NUD_REACHABLE, false, false, false},
		{NUD_STALE, true, true, true},
		{NUD_DELAY, true, true, false},
		{NUD_PROBE, true, true, false},
		{NUD_PERMANENT, true, true, false},
		{NUD_NOARP, true, true, false},
	};
	const struct addr address = to_addr("192.0.2.7");
	struct nl_mirror *m = *state;

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		const struct nl_neighbour *n;

		feed_neighbour(
			m, (struct neighbour_text){EAST, "192.0.2.7",
				   cells[i].has_mac ? mac_a : NULL, cells[i].state, 0, false});
		n = &nl_mirror_find_neighbour(m, 0, &address)->pub;
		assert_int_equal(n->is_usable, cells[i].is_usable);
		assert_int_equal(n->is_stale, cells[i].is_stale);
		if (n->is_usable)
			assert_memory_equal(n->mac, mac_a, 6);
	}
}

static void a_neighbour_is_told_when_its_use_changes(void **state)
{
	static const struct {
		uint16_t state;
		const char *mac;
		bool is_removal;
		unsigned want;
	} steps[] = {
		{NUD_INCOMPLETE, NULL, false, 0},
		{NUD_REACHABLE, mac_a, false, NL_CHANGED_NEIGHBOURS},
		{NUD_STALE, mac_a, false, 0},
		{NUD_REACHABLE, mac_b, false, NL_CHANGED_NEIGHBOURS},
		{NUD_FAILED, NULL, false, NL_CHANGED_NEIGHBOURS},
		{NUD_FAILED, NULL, true, 0},
		{NUD_PERMANENT, mac_b, false, NL_CHANGED_NEIGHBOURS},
		{NUD_PERMANENT, mac_b, true, NL_CHANGED_NEIGHBOURS},
	};
	struct nl_mirror *m = *state;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		feed_neighbour(m, (struct neighbour_text){EAST, "192.0.2.7", steps[i].mac,
					  steps[i].state, 0, steps[i].is_removal});
		assert_int_equal(take_changes(m), steps[i].want);
	}
}

static void neighbours_are_kept_per_port(void **state)
{
	const struct nl_neighbour *list;
	struct nl_mirror *m = *state;

	feed_near(m, WEST, "fe80::1", mac_b, NUD_STALE);
	feed_near(m, EAST, "fe80::1", mac_a, NUD_STALE);
	feed_near(m, OTHER, "fe80::1", mac_a, NUD_STALE);
	assert_int_equal(nl_mirror_neighbours(m, &list), 2);
	assert_int_equal(list[0].port, 0);
	assert_memory_equal(list[0].mac, mac_a, 6);
	assert_int_equal(list[1].port, 1);
	assert_memory_equal(list[1].mac, mac_b, 6);
}

static void the_list_follows_silent_updates_too(void **state)
{
	const struct nl_neighbour *list;
	struct nl_mirror *m = *state;

	feed_neighbour(
		m, (struct neighbour_text){EAST, "192.0.2.7", mac_a, NUD_REACHABLE, 0, false});
	assert_int_equal(nl_mirror_neighbours(m, &list), 1);
	assert_false(list[0].is_stale);
	feed_near(m, EAST, "192.0.2.7", mac_a, NUD_STALE);
	assert_int_equal(nl_mirror_neighbours(m, &list), 1);
	assert_true(list[0].is_stale);
}

static void neighbours_that_a_dump_does_not_mention_are_gone(void **state)
{
	const struct addr gone = to_addr("192.0.2.7"), here = to_addr("192.0.2.8");
	struct nl_mirror *m = *state;

	feed_near(m, EAST, "192.0.2.7", mac_a, NUD_STALE);
	feed_near(m, EAST, "192.0.2.8", mac_a, NUD_STALE);
	(void)take_changes(m);
	nl_mirror_begin(m, NL_DUMP_NEIGHBOURS);
	feed_neighbour(
		m, (struct neighbour_text){EAST, "192.0.2.8", mac_a, NUD_REACHABLE, 0, false});
	nl_mirror_finish(m, true);
	assert_null(nl_mirror_find_neighbour(m, 0, &gone));
	assert_non_null(nl_mirror_find_neighbour(m, 0, &here));
	assert_int_equal(take_changes(m), NL_CHANGED_NEIGHBOURS);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static void one_address_may_have_two_prefixes(void **state)
{
	const struct addr address = to_addr("192.0.2.7");
	struct address_text text = {.ifindex = EAST, .address = "192.0.2.7", .length = 24};
	struct nl_mirror *m = *state;

	feed_address(m, text);
	assert_null(nl_mirror_find_address(m, 0, &address, 128));
	text.length = 32;
	text.protocol = NL_VIP_PROTOCOL;
	feed_address(m, text);
	assert_int_equal(nl_mirror_find_address(m, 0, &address, 128)->protocol, NL_VIP_PROTOCOL);
	text.is_removal = true;
	feed_address(m, text);
	assert_null(nl_mirror_find_address(m, 0, &address, 128));
	assert_non_null(nl_mirror_find_address(m, 0, &address, 120));
}

static void a_removed_ipv4_address_asks_for_the_routes(void **state)
{
	struct nl_mirror *m = *state;

	feed_address(m, (struct address_text){.ifindex = OTHER,
				.address = "192.0.2.7",
				.length = 24,
				.is_removal = true});
	assert_int_equal(take_wanted(m), 1u << NL_DUMP_ROUTES4 | 1u << NL_DUMP_LOCALS4);
	feed_address(m, (struct address_text){.ifindex = OTHER,
				.address = "2001:db8::7",
				.length = 64,
				.is_removal = true});
	assert_int_equal(take_wanted(m), 0);
}

static void an_address_added_while_dumping_stays(void **state)
{
	const struct addr address = to_addr("192.0.2.7");
	struct nl_mirror *m = *state;

	nl_mirror_begin(m, NL_DUMP_ADDRESSES);
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "192.0.2.7", .length = 32});
	nl_mirror_finish(m, true);
	assert_non_null(nl_mirror_find_address(m, 0, &address, 128));
}

static void expect_source(const struct nl_mirror *m, bool is_v4, const char *expected)
{
	const struct addr address = to_addr(expected);
	struct addr found;

	assert_true(nl_mirror_find_source(m, 0, is_v4, &found));
	assert_true(addr_equal(&found, &address));
}

/* What another program left as a host address may be a VIP, on both nodes the same. */
static void an_address_with_a_subnet_goes_before_a_host_address(void **state)
{
	struct nl_mirror *m = *state;
	struct addr found;

	m->has_address_protocols = true;
	assert_false(nl_mirror_find_source(m, 0, true, &found));
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "192.0.2.1", .length = 32});
	expect_source(m, true, "192.0.2.1");
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "192.0.2.9", .length = 24});
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "192.0.2.8", .length = 24});
	expect_source(m, true, "192.0.2.8");
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "192.0.2.2", .length = 32});
	expect_source(m, true, "192.0.2.8");
	feed_address(
		m, (struct address_text){.ifindex = EAST, .address = "2001:db8::1", .length = 64});
	assert_false(nl_mirror_find_source(m, 0, false, &found));
	feed_address(m, (struct address_text){.ifindex = EAST, .address = "fe80::1", .length = 64});
	expect_source(m, false, "fe80::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MIRROR(link_changes_are_told_once),
		WITH_MIRROR(other_links_change_nothing_of_ours),
		WITH_MIRROR(any_link_event_asks_for_the_routes),
		WITH_MIRROR(a_renamed_link_is_not_ours_any_more),
		WITH_MIRROR(links_that_a_dump_does_not_mention_are_gone),
		WITH_MIRROR(only_valid_states_with_a_mac_are_usable),
		WITH_MIRROR(a_neighbour_is_told_when_its_use_changes),
		WITH_MIRROR(neighbours_are_kept_per_port),
		WITH_MIRROR(the_list_follows_silent_updates_too),
		WITH_MIRROR(neighbours_that_a_dump_does_not_mention_are_gone),
		WITH_MIRROR(one_address_may_have_two_prefixes),
		WITH_MIRROR(a_removed_ipv4_address_asks_for_the_routes),
		WITH_MIRROR(an_address_added_while_dumping_stays),
		WITH_MIRROR(an_address_with_a_subnet_goes_before_a_host_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
