/* Messages into a mirror. */
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

struct addr to_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void feed(struct nl_mirror *m, const struct nlmsghdr *h)
{
	struct nl_event ev;

	assert_int_equal(nl_parse_message(h, &ev), 0);
	assert_int_equal(nl_mirror_apply(m, &ev), 0);
}

void feed_link(struct nl_mirror *m, struct link_text text)
{
	struct message buf;

	feed(m, message_link(&buf, &text));
}

void feed_route(struct nl_mirror *m, struct route_text text)
{
	struct message buf;

	text.table = text.table ? text.table : RT_TABLE_MAIN;
	text.type = text.type ? text.type : RTN_UNICAST;
	feed(m, message_route(&buf, &text));
}

void feed_way(
	struct nl_mirror *m, const char *to, uint32_t metric, int ifindex, const char *gateway)
{
	feed_route(m, (struct route_text){.to = to,
			      .metric = metric,
			      .hops = {{ifindex, gateway, NULL, 0}},
			      .n_hops = 1});
}

void feed_blackhole(struct nl_mirror *m, const char *to)
{
	feed_route(m, (struct route_text){.to = to, .type = RTN_BLACKHOLE});
}

void feed_neighbour(struct nl_mirror *m, struct neighbour_text text)
{
	struct message buf;

	feed(m, message_neighbour(&buf, &text));
}

void feed_near(
	struct nl_mirror *m, int ifindex, const char *address, const char *mac, uint16_t state)
{
	feed_neighbour(m, (struct neighbour_text){ifindex, address, mac, state, 0, false});
}

void feed_address(struct nl_mirror *m, struct address_text text)
{
	struct message buf;

	feed(m, message_address(&buf, &text));
}

unsigned take_changes(struct nl_mirror *m)
{
	unsigned changes = m->changes;

	m->changes = 0;
	return changes;
}

unsigned take_wanted(struct nl_mirror *m)
{
	unsigned wanted = m->wanted;

	m->wanted = 0;
	return wanted;
}

int set_up_mirror(void **state)
{
	static const char *const names[] = {"east", "west"};
	struct nl_mirror *m = nl_mirror_new(names, 2);

	assert_non_null(m);
	feed_link(m, (struct link_text){.ifindex = EAST, .name = "east", .flags = UP, .mtu = 1500});
	feed_link(m, (struct link_text){.ifindex = WEST, .name = "west", .flags = UP, .mtu = 1500});
	(void)take_changes(m);
	(void)take_wanted(m);
	*state = m;
	return 0;
}

int tear_down_mirror(void **state)
{
	nl_mirror_free(*state);
	return 0;
}
