/* rtnetlink messages to plain values: every kind of route, and what broken bytes do. */
#include "control/netlink_parse.h"

#include "netlink_messages.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { SEED = 20240311, N_MUTATIONS = 300000 };

static const char mac[6] = "\x02\x00\x5e\x10\x00\x01";

static struct addr to_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_STR_LEN];

	assert_string_equal(addr_format(a, buf), text);
}

/* ---- links, addresses, neighbours --------------------------------------------------------- */

static void link_tells_name_state_mtu_and_mac(void **state)
{
	const struct link_text text = {.ifindex = 7,
		.name = "eth1",
		.flags = IFF_UP | IFF_LOWER_UP | IFF_BROADCAST,
		.mtu = 9000,
		.mac = mac};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_link(&m, &text), &ev), 0);
	assert_int_equal(ev.kind, NL_EVENT_LINK);
	assert_false(ev.is_removal);
	assert_int_equal(ev.link.ifindex, 7);
	assert_string_equal(ev.link.name, "eth1");
	assert_true(ev.link.is_up);
	assert_int_equal(ev.link.mtu, 9000);
	assert_memory_equal(ev.link.mac, mac, 6);
}

static void link_is_up_only_with_carrier(void **state)
{
	static const unsigned not_up[] = {0, IFF_UP, IFF_LOWER_UP, IFF_UP | IFF_RUNNING};
	struct message m;
	struct nl_event ev;

	(void)state;
	for (unsigned i = 0; i < sizeof(not_up) / sizeof(not_up[0]); i++) {
		const struct link_text text = {.ifindex = 7, .name = "eth1", .flags = not_up[i]};

		assert_int_equal(nl_parse_message(message_link(&m, &text), &ev), 0);
		assert_false(ev.link.is_up);
	}
}

static void state_of_a_bridge_port_is_not_a_link(void **state)
{
	const struct link_text text = {.ifindex = 7, .name = "eth1", .family = AF_BRIDGE};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_link(&m, &text), &ev), 0);
	assert_int_equal(ev.kind, NL_EVENT_NONE);
}

static void address_with_a_peer_is_the_local_one(void **state)
{
	const struct address_text text = {
		.ifindex = 7, .local = "192.0.2.1", .address = "192.0.2.9", .length = 32};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_address(&m, &text), &ev), 0);
	assert_int_equal(ev.kind, NL_EVENT_ADDRESS);
	assert_addr(&ev.address.address, "192.0.2.1");
	assert_int_equal(ev.address.length_bits, 128);
	assert_int_equal(ev.address.protocol, 0);
}

static void address_tells_prefix_and_protocol(void **state)
{
	const struct address_text text = {
		.ifindex = 7, .address = "2001:db8::1", .length = 64, .protocol = 80};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_address(&m, &text), &ev), 0);
	assert_addr(&ev.address.address, "2001:db8::1");
	assert_int_equal(ev.address.length_bits, 64);
	assert_int_equal(ev.address.protocol, 80);
	assert_int_equal(ev.address.ifindex, 7);
}

static void address_without_an_address_is_malformed(void **state)
{
	const struct address_text whole = {.ifindex = 7, .address = "192.0.2.1", .length = 24};
	struct message m;
	struct nl_event ev;
	struct nlmsghdr *h = message_address(&m, &whole);

	(void)state;
	h->nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg));
	assert_int_equal(nl_parse_message(h, &ev), -EBADMSG);
	h = message_address(&m, &whole);
	((struct ifaddrmsg *)mnl_nlmsg_get_payload(h))->ifa_prefixlen = 33;
	assert_int_equal(nl_parse_message(h, &ev), -EBADMSG);
}

static void neighbour_tells_address_state_and_mac(void **state)
{
	const struct neighbour_text text = {
		.ifindex = 7, .address = "2001:db8::1", .mac = mac, .state = NUD_STALE};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_neighbour(&m, &text), &ev), 0);
	assert_int_equal(ev.kind, NL_EVENT_NEIGHBOUR);
	assert_addr(&ev.neighbour.address, "2001:db8::1");
	assert_int_equal(ev.neighbour.state, NUD_STALE);
	assert_true(ev.neighbour.has_mac);
	assert_memory_equal(ev.neighbour.mac, mac, 6);
}

static void proxies_and_multicast_groups_are_no_neighbours(void **state)
{
	static const struct neighbour_text texts[] = {
		{.ifindex = 7, .address = "192.0.2.1", .state = NUD_PERMANENT, .flags = NTF_PROXY},
		{.ifindex = 7, .address = "224.0.0.18", .mac = mac, .state = NUD_NOARP},
		{.ifindex = 7, .address = "ff02::1", .mac = mac, .state = NUD_NOARP},
	};
	struct message m;
	struct nl_event ev;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(nl_parse_message(message_neighbour(&m, &texts[i]), &ev), 0);
		assert_int_equal(ev.kind, NL_EVENT_NONE);
	}
}

static void removals_are_told_from_additions(void **state)
{
	const struct neighbour_text text = {
		.ifindex = 7, .address = "192.0.2.1", .state = NUD_FAILED, .is_removal = true};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_neighbour(&m, &text), &ev), 0);
	assert_true(ev.is_removal);
	assert_false(ev.neighbour.has_mac);
}

/* ---- routes ------------------------------------------------------------------------------- */

#define MAIN .table = RT_TABLE_MAIN
#define LOCAL .table = RT_TABLE_LOCAL
#define UNICAST .type = RTN_UNICAST
#define ON(interface) .hops = {{.ifindex = interface}}, .n_hops = 1
#define VIA(interface, address) .hops = {{interface, address, NULL, 0}}, .n_hops = 1
#define DEAD RTNH_F_DEAD
#define DOWN RTNH_F_LINKDOWN

struct route_case {
	struct route_text text;
	struct {
		enum nl_event_kind kind; // NONE: left out
		bool is_removal;
		int ifindex;
		const char *gateway; // NULL: none
		bool is_multipath;
	} want;
};

// clang-format off
static const struct route_case route_cases[] = {
	// what the main table is made of
	{{.to = "192.0.2.0/24", UNICAST, MAIN, ON(7)},
		{NL_EVENT_ROUTE, false, 7, NULL, false}},
	{{.to = "0.0.0.0/0", UNICAST, MAIN, VIA(7, "192.0.2.1")},
		{NL_EVENT_ROUTE, false, 7, "192.0.2.1", false}},
	{{.to = "::/0", UNICAST, MAIN, .metric = 1024, VIA(7, "fe80::1")},
		{NL_EVENT_ROUTE, false, 7, "fe80::1", false}},
	{{.to = "2001:db8:1::/48", UNICAST, MAIN, .metric = 256, ON(7)},
		{NL_EVENT_ROUTE, false, 7, NULL, false}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .hops = {{7, NULL, "fe80::1", 0}}, .n_hops = 1},
		{NL_EVENT_ROUTE, false, 7, "fe80::1", false}},
	{{.to = "203.0.113.0/24", .type = RTN_BLACKHOLE, MAIN}, {NL_EVENT_ROUTE, false, 0, NULL, false}},
	{{.to = "203.0.113.0/24", .type = RTN_UNREACHABLE, MAIN}, {NL_EVENT_ROUTE, false, 0, NULL, false}},
	{{.to = "203.0.113.0/24", .type = RTN_PROHIBIT, MAIN}, {NL_EVENT_ROUTE, false, 0, NULL, false}},
	{{.to = "203.0.113.0/24", .type = RTN_THROW, MAIN}, {NL_EVENT_ROUTE, false, 0, NULL, false}},
	{{.to = "2001:db8:dead::/48", .type = RTN_UNREACHABLE, MAIN, ON(1)},
		{NL_EVENT_ROUTE, false, 1, NULL, false}},
	// several next hops: the first that is alive
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 2,
		.hops = {{7, "192.0.2.1", NULL, 0}, {8, "198.51.100.1", NULL, 0}}},
		{NL_EVENT_ROUTE, false, 7, "192.0.2.1", true}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 2,
		.hops = {{7, "192.0.2.1", NULL, DEAD | DOWN}, {8, "198.51.100.1", NULL, 0}}},
		{NL_EVENT_ROUTE, false, 8, "198.51.100.1", true}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 3,
		.hops = {{7, "192.0.2.1", NULL, DEAD}, {8, "198.51.100.1", NULL, DOWN},
			{9, NULL, "2001:db8::1", 0}}},
		{NL_EVENT_ROUTE, false, 9, "2001:db8::1", true}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 2,
		.hops = {{7, "192.0.2.1", NULL, DEAD}, {8, "198.51.100.1", NULL, DOWN}}},
		{NL_EVENT_ROUTE, false, 8, "198.51.100.1", true}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 2,
		.hops = {{7, "192.0.2.1", NULL, DEAD}, {8, "198.51.100.1", NULL, DEAD}}},
		{NL_EVENT_ROUTE, true, 7, "192.0.2.1", true}},
	{{.to = "2001:db8:2::/48", UNICAST, MAIN, .metric = 1024, .n_hops = 2,
		.hops = {{7, "fe80::1", NULL, 0}, {8, "fe80::2", NULL, 0}}},
		{NL_EVENT_ROUTE, false, 7, "fe80::1", true}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 1, .hops = {{7, "192.0.2.1", NULL, DEAD}}},
		{NL_EVENT_ROUTE, true, 7, "192.0.2.1", false}},
	{{.to = "203.0.113.0/24", UNICAST, MAIN, .n_hops = 1, .hops = {{7, "192.0.2.1", NULL, DOWN}}},
		{NL_EVENT_ROUTE, false, 7, "192.0.2.1", false}},
	// what the local table is made of
	{{.to = "192.0.2.1/32", .type = RTN_LOCAL, LOCAL, ON(7)},
		{NL_EVENT_ROUTE, false, 7, NULL, false}},
	{{.to = "192.0.2.255/32", .type = RTN_BROADCAST, LOCAL, ON(7)},
		{NL_EVENT_ROUTE, false, 7, NULL, false}},
	{{.to = "2001:db8::/128", .type = RTN_ANYCAST, LOCAL, ON(7)},
		{NL_EVENT_ROUTE, false, 7, NULL, false}},
	{{.to = "fe80::1/128", .type = RTN_LOCAL, LOCAL, ON(7)},
		{NL_EVENT_ROUTE, false, 7, NULL, false}},
	{{.to = "203.0.113.0/24", .type = RTN_LOCAL, MAIN, ON(1)},
		{NL_EVENT_ROUTE, false, 1, NULL, false}},
	// left out
	{{.to = "127.0.0.0/8", .type = RTN_LOCAL, LOCAL, ON(1)}, {.kind = NL_EVENT_NONE}},
	{{.to = "127.255.255.255/32", .type = RTN_BROADCAST, LOCAL, ON(1)}, {.kind = NL_EVENT_NONE}},
	{{.to = "::1/128", .type = RTN_LOCAL, LOCAL, ON(1)}, {.kind = NL_EVENT_NONE}},
	{{.to = "ff00::/8", .type = RTN_MULTICAST, LOCAL, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "ff00::/8", UNICAST, MAIN, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "fe80::/64", UNICAST, MAIN, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "::ffff:0.0.0.0/96", .type = RTN_UNREACHABLE, MAIN}, {.kind = NL_EVENT_NONE}},
	{{.to = "192.0.2.0/24", .type = RTN_UNICAST, .table = 100, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "192.0.2.0/24", .type = RTN_UNICAST, .table = 1000, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "192.0.2.0/24", UNICAST, MAIN, .tos = 8, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "2001:db8::/64", UNICAST, MAIN, .source_len = 64, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "2001:db8::1/128", UNICAST, MAIN, .flags = RTM_F_CLONED, ON(7)}, {.kind = NL_EVENT_NONE}},
	{{.to = "192.0.2.0/24", .type = RTN_UNICAST, LOCAL, ON(7)}, {.kind = NL_EVENT_NONE}},
};
// clang-format on

enum { N_ROUTE_CASES = sizeof(route_cases) / sizeof(route_cases[0]) };

static void every_kind_of_route_is_understood(void **state)
{
	struct message m;
	struct nl_event ev;

	(void)state;
	for (unsigned i = 0; i < N_ROUTE_CASES; i++) {
		const struct route_case *c = &route_cases[i];
		char buf[PREFIX_STR_LEN];

		print_message("case %u: %s type %u\n", i, c->text.to, c->text.type);
		assert_int_equal(nl_parse_message(message_route(&m, &c->text), &ev), 0);
		assert_int_equal(ev.kind, c->want.kind);
		if (ev.kind == NL_EVENT_NONE)
			continue;
		assert_int_equal(ev.is_removal, c->want.is_removal);
		assert_string_equal(prefix_format(&ev.route.to, buf), c->text.to);
		assert_int_equal(ev.route.type, c->text.type);
		assert_int_equal(ev.route.table, c->text.table);
		assert_int_equal(ev.route.metric, c->text.metric);
		assert_int_equal(ev.route.ifindex, c->want.ifindex);
		assert_int_equal(ev.route.is_multipath, c->want.is_multipath);
		assert_int_equal(ev.route.has_gateway, c->want.gateway != NULL);
		if (c->want.gateway)
			assert_addr(&ev.route.gateway, c->want.gateway);
	}
}

static void defaults_of_both_families_differ(void **state)
{
	const struct route_text v4 = {.to = "0.0.0.0/0", .type = RTN_UNICAST, MAIN};
	const struct route_text v6 = {.to = "::/0", .type = RTN_UNICAST, MAIN};
	struct message m;
	struct nl_event ev4, ev6;

	(void)state;
	assert_int_equal(nl_parse_message(message_route(&m, &v4), &ev4), 0);
	assert_int_equal(nl_parse_message(message_route(&m, &v6), &ev6), 0);
	assert_int_equal(ev4.route.to.length_bits, 96);
	assert_int_equal(ev6.route.to.length_bits, 0);
	assert_false(addr_equal(&ev4.route.to.addr, &ev6.route.to.addr));
}

static void host_bits_of_a_destination_are_cleared(void **state)
{
	const struct route_text text = {.to = "192.0.2.77/26", .type = RTN_UNICAST, MAIN};
	const struct addr want = to_addr("192.0.2.64");
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_route(&m, &text), &ev), 0);
	assert_true(addr_equal(&ev.route.to.addr, &want));
}

static void replacement_is_told_from_addition(void **state)
{
	struct route_text text = {.to = "192.0.2.0/24", .type = RTN_UNICAST, MAIN};
	struct message m;
	struct nl_event ev;

	(void)state;
	assert_int_equal(nl_parse_message(message_route(&m, &text), &ev), 0);
	assert_false(ev.is_replacement);
	text.header_flags = NLM_F_REPLACE;
	assert_int_equal(nl_parse_message(message_route(&m, &text), &ev), 0);
	assert_true(ev.is_replacement);
}

static void a_changed_nexthop_object_is_noticed(void **state)
{
	struct message m;
	struct nl_event ev;
	struct nlmsghdr *h;

	(void)state;
	memset(&m, 0, sizeof(m));
	h = mnl_nlmsg_put_header(m.bytes);
	h->nlmsg_type = RTM_DELNEXTHOP;
	assert_int_equal(nl_parse_message(h, &ev), 0);
	assert_int_equal(ev.kind, NL_EVENT_NEXTHOP);
}

/* ---- broken bytes ------------------------------------------------------------------------- */

/* Parses a copy that ends where the message ends, so that a sanitizer sees any over-read. */
static int parse_exact_copy(const struct nlmsghdr *h, struct nl_event *ret)
{
	size_t len = h->nlmsg_len < sizeof(*h) ? sizeof(*h) : h->nlmsg_len;
	void *copy = malloc(len);
	int r;

	assert_non_null(copy);
	memcpy(copy, h, len);
	r = nl_parse_message(copy, ret);
	free(copy);
	return r;
}

static int find_multipath(const struct nlattr *attr, void *ret)
{
	if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
		*(struct rtnexthop **)ret = mnl_attr_get_payload(attr);
	return MNL_CB_OK;
}

static struct rtnexthop *first_hop(struct nlmsghdr *h)
{
	struct rtnexthop *hop = NULL;

	(void)mnl_attr_parse(h, sizeof(struct rtmsg), find_multipath, &hop);
	assert_non_null(hop);
	return hop;
}

static void malformed_routes_are_refused(void **state)
{
	const struct route_text via = {.to = "192.0.2.0/24",
		.type = RTN_UNICAST,
		MAIN,
		.hops = {{7, "192.0.2.1", NULL, 0}},
		.n_hops = 1};
	const struct route_text multi = {.to = "192.0.2.0/24",
		.type = RTN_UNICAST,
		MAIN,
		.hops = {{7, "192.0.2.1", NULL, 0}, {8, "192.0.2.2", NULL, 0}},
		.n_hops = 2};
	struct nl_event ev = {.kind = NL_EVENT_NEXTHOP};
	struct message m;
	struct nlmsghdr *h;

	(void)state;
	h = message_route(&m, &via);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_dst_len = 33;
	assert_int_equal(parse_exact_copy(h, &ev), -EBADMSG);

	h = message_route(&m, &via);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_family = AF_INET6;
	assert_int_equal(parse_exact_copy(h, &ev), -EBADMSG);

	h = message_route(&m, &via);
	h->nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)); // a prefix length, but no RTA_DST
	assert_int_equal(parse_exact_copy(h, &ev), -EBADMSG);

	h = message_route(&m, &multi);
	first_hop(h)->rtnh_len = 4000;
	assert_int_equal(parse_exact_copy(h, &ev), -EBADMSG);
	first_hop(h)->rtnh_len = 0;
	assert_int_equal(parse_exact_copy(h, &ev), -EBADMSG);
	assert_int_equal(ev.kind, NL_EVENT_NEXTHOP); // untouched by all of them
}

static void a_message_is_whole_only_within_its_bytes(void **state)
{
	static const struct {
		uint32_t len;
		int left;
		bool is_whole;
	} cells[] = {
		{16, 16, true},
		{16, 15, false},
		{17, 16, false},
		{15, 16, false},
		{0, 16, false},
		{16, 0, false},
		{16, -4, false},
		{0x80000000, 1024, false},
		{0xffffffff, 1024, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		const struct nlmsghdr h = {.nlmsg_len = cells[i].len};

		assert_int_equal(nl_parse_is_whole(&h, cells[i].left), cells[i].is_whole);
	}
}

/* A handful that between them has every attribute that is read. */
static const struct nlmsghdr *sample(unsigned i, struct message *m)
{
	static const struct link_text link = {
		.ifindex = 7, .name = "eth1", .mtu = 1500, .mac = mac};
	static const struct address_text address = {.ifindex = 7,
		.local = "2001:db8::1",
		.address = "2001:db8::2",
		.length = 64,
		.protocol = 80};
	static const struct neighbour_text neighbour = {
		.ifindex = 7, .address = "2001:db8::1", .mac = mac, .state = NUD_REACHABLE};

	switch (i) {
	case 0:
		return message_link(m, &link);
	case 1:
		return message_address(m, &address);
	case 2:
		return message_neighbour(m, &neighbour);
	default:
		return message_route(m, &route_cases[i - 3].text);
	}
}

enum { N_SAMPLES = 3 + N_ROUTE_CASES };

static void every_truncation_is_survived(void **state)
{
	struct message m;
	struct nl_event ev;

	(void)state;
	for (unsigned i = 0; i < N_SAMPLES; i++) {
		struct nlmsghdr *h = (struct nlmsghdr *)sample(i, &m);
		const uint32_t whole = h->nlmsg_len;

		for (uint32_t len = sizeof(*h); len < whole; len++) {
			h->nlmsg_len = len;
			(void)parse_exact_copy(h, &ev);
			if (len < NLMSG_LENGTH(sizeof(struct ndmsg)) && i < 3)
				assert_int_equal(parse_exact_copy(h, &ev), -EBADMSG);
		}
	}
}

static void any_bytes_are_survived(void **state)
{
	struct message m;
	struct nl_event ev;

	(void)state;
	print_message("seed %d\n", SEED);
	srandom(SEED);
	for (unsigned i = 0; i < N_MUTATIONS; i++) {
		struct nlmsghdr *h = (struct nlmsghdr *)sample((unsigned)random() % N_SAMPLES, &m);
		const uint32_t len = h->nlmsg_len;
		const unsigned n = 1 + (unsigned)random() % 8;

		for (unsigned k = 0; k < n; k++) {
			// not the header's length: nl_parse_is_whole() has checked that one
			uint32_t at = 4 + (uint32_t)random() % (len - 4);

			m.bytes[at] = (char)random();
		}
		(void)parse_exact_copy(h, &ev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_tells_name_state_mtu_and_mac),
		cmocka_unit_test(link_is_up_only_with_carrier),
		cmocka_unit_test(state_of_a_bridge_port_is_not_a_link),
		cmocka_unit_test(address_with_a_peer_is_the_local_one),
		cmocka_unit_test(address_tells_prefix_and_protocol),
		cmocka_unit_test(address_without_an_address_is_malformed),
		cmocka_unit_test(neighbour_tells_address_state_and_mac),
		cmocka_unit_test(proxies_and_multicast_groups_are_no_neighbours),
		cmocka_unit_test(removals_are_told_from_additions),
		cmocka_unit_test(every_kind_of_route_is_understood),
		cmocka_unit_test(defaults_of_both_families_differ),
		cmocka_unit_test(host_bits_of_a_destination_are_cleared),
		cmocka_unit_test(replacement_is_told_from_addition),
		cmocka_unit_test(a_changed_nexthop_object_is_noticed),
		cmocka_unit_test(malformed_routes_are_refused),
		cmocka_unit_test(a_message_is_whole_only_within_its_bytes),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(any_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
