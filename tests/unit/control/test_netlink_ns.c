/* The mirror follows the real kernel, in namespaces of the test's own: links, routes, locals,
 * lost messages, quantity. */
#include "control/netlink.h"

#include "base/diag.h"
#include "control/netlink_internal.h"
#include "netlink_feed.h"
#include "netlink_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { SEED = 20240405, N_ROUNDS = 40, N_CHANGES = 10, N_MANY = 10000 };

/* ---- opening ------------------------------------------------------------------------------ */

static void everything_is_there_on_return(void **state)
{
	struct fixture *f = *state;
	const struct nl_link *link = nl_link(f->nl, 0);
	char mac[18];

	assert_true(link->is_up);
	assert_int_equal(link->mtu, 1500);
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", link->mac[0],
		link->mac[1], link->mac[2], link->mac[3], link->mac[4], link->mac[5]);
	assert_non_null(strstr(output_here("ip link show p0"), mac));
	assert_true(has_route(f, "192.0.2.0/24 on link p0 metric 0\n"));
	assert_true(has_route(f, "2001:db8:2::/64 on link p1 metric 256\n"));
	assert_true(has_local(f, "192.0.2.1/32"));
	assert_true(has_local(f, "192.0.2.255/32"));
	assert_true(has_local(f, "2001:db8:1::1/128"));
	assert_false(has_local(f, "127.0.0.0/8"));
	assert_false(has_local(f, "127.0.0.1/32"));
	assert_false(has_local(f, "::1/128"));
}

static void a_missing_interface_is_named(void **state)
{
	static const char *const wrong[] = {"p0", "p9", "a-name-that-is-too-long"};
	struct diag *diag = diag_new();
	struct netlink *nl = NULL;

	(void)state;
	assert_int_equal(nl_open(wrong, 2, diag, &nl), -ENODEV);
	assert_string_equal(diag_text(diag, 0), "interface \"p9\" does not exist");
	assert_int_equal(nl_open(wrong, 3, diag, &nl), -ENODEV);
	assert_non_null(strstr(diag_text(diag, 1), "too long"));
	assert_null(nl);
	diag_free(diag);
}

/* ---- links -------------------------------------------------------------------------------- */

static bool has_mtu_1400_and_mac(struct fixture *f, const void *mac)
{
	return nl_link(f->nl, 0)->mtu == 1400 && memcmp(nl_link(f->nl, 0)->mac, mac, 6) == 0;
}

static bool is_up(struct fixture *f, const void *port)
{
	return nl_link(f->nl, *(const unsigned *)port)->is_up;
}

static bool is_down(struct fixture *f, const void *port)
{
	return !is_up(f, port);
}

static bool is_there(struct fixture *f, const void *port)
{
	return nl_link(f->nl, *(const unsigned *)port)->ifindex != 0;
}

static bool is_not_there(struct fixture *f, const void *port)
{
	return !is_there(f, port);
}

static void mtu_mac_and_carrier_are_followed(void **state)
{
	const unsigned port = 0;
	struct fixture *f = *state;

	run_here("ip link set p0 mtu 1400 address 02:00:5e:10:00:99");
	assert_true(becomes(f, has_mtu_1400_and_mac, "\x02\x00\x5e\x10\x00\x99"));
	assert_true(f->changes & NL_CHANGED_LINKS);
	run_there(&f->ns, "ip link set q0 down");
	assert_true(becomes(f, is_down, &port));
	run_there(&f->ns, "ip link set q0 up");
	assert_true(becomes(f, is_up, &port));
	assert_equals_fresh_mirror(f);
}

static void a_link_goes_and_comes_back(void **state)
{
	const unsigned port = 0;
	struct fixture *f = *state;
	const struct addr vip = to_addr("192.0.2.100");

	run_here("ip link del p0");
	assert_true(becomes(f, is_not_there, &port));
	assert_int_equal(nl_add_vip(f->nl, 0, &vip, NULL), -ENODEV);
	assert_int_equal(nl_use_neighbour(f->nl, 0, &vip), -ENODEV);
	assert_int_equal(nl_remove_vip(f->nl, 0, &vip), 0);
	assert_true(becomes(f, has_no_route, "192.0.2.0/24"));
	run_here("ip link add elsewhere type veth peer name p0");
	run_here("ip address add 192.0.2.1/24 dev p0");
	run_here("ip link set p0 up; ip link set elsewhere up");
	assert_true(becomes(f, is_there, &port));
	assert_true(becomes(f, has_route, "192.0.2.0/24 on link p0"));
	assert_equals_fresh_mirror(f);
}

static void a_link_that_takes_the_name_is_read_whole(void **state)
{
	const struct addr vip = to_addr("2001:db8:5::100");
	const unsigned port = 0;
	struct fixture *f = *state;

	run_here("ip link add other0 type veth peer name other1");
	run_here("ip address add 2001:db8:5::100/128 dev other0 nodad");
	run_here("ip link del p0");
	assert_true(becomes(f, is_not_there, &port));
	settle(f);
	run_here("ip link set other0 name p0");
	assert_true(becomes(f, is_there, &port));
	settle(f);
	f->nl->mirror->has_address_protocols = false; // it has no tag
	assert_true(nl_has_vip(f->nl, 0, &vip));      // and no event told of it
	run_here("ip link set p0 up; ip link set other1 up");
	run_here("ip address add 203.0.113.1/25 dev p0");
	assert_true(becomes(f, has_route, "203.0.113.0/25 on link p0"));
	assert_equals_fresh_mirror(f);
}

/* ---- routes ------------------------------------------------------------------------------- */

struct route_step {
	const char *command; // after "ip "
	const char *appears; // NULL: nothing
	const char *vanishes;
};

static const struct route_step route_steps[] = {
	{"route add default via 192.0.2.10", "0.0.0.0/0 via 192.0.2.10 p0 metric 0\n", NULL},
	{"-6 route add default via 2001:db8:2::10", "::/0 via 2001:db8:2::10 p1 metric 1024\n",
		NULL},
	{"route add default via 198.51.100.10 metric 50",
		"0.0.0.0/0 via 198.51.100.10 p1 metric 50\n", NULL},
	{"route replace default via 192.0.2.11", "0.0.0.0/0 via 192.0.2.11 p0 metric 0\n",
		"0.0.0.0/0 via 192.0.2.10 "},
	{"route add 203.0.113.0/28 via inet6 2001:db8:1::10 dev p0",
		"203.0.113.0/28 via 2001:db8:1::10 p0 metric 0\n", NULL},
	{"route add blackhole 203.0.113.16/28", "203.0.113.16/28 unreachable", NULL},
	{"route add unreachable 203.0.113.32/28", "203.0.113.32/28 unreachable", NULL},
	{"route add prohibit 203.0.113.48/28", "203.0.113.48/28 unreachable", NULL},
	{"route add throw 203.0.113.64/28", "203.0.113.64/28 unreachable", NULL},
	{"-6 route add blackhole 2001:db8:dead::/48", "2001:db8:dead::/48 unreachable", NULL},
	{"route add 203.0.113.80/28 nexthop via 198.51.100.10 nexthop via 192.0.2.10",
		"203.0.113.80/28 via 198.51.100.10 p1", NULL},
	{"route replace 203.0.113.80/28 via 192.0.2.10", "203.0.113.80/28 via 192.0.2.10 p0",
		"203.0.113.80/28 via 198.51.100.10"},
	{"-6 route add 2001:db8:aa::/48 nexthop via 2001:db8:1::10 nexthop via 2001:db8:2::10",
		"2001:db8:aa::/48 via 2001:db8:1::10 p0", NULL},
	{"-6 route del 2001:db8:aa::/48 via 2001:db8:1::10",
		"2001:db8:aa::/48 via 2001:db8:2::10 p1", "2001:db8:aa::/48 via 2001:db8:1::10"},
	{"-6 route append 2001:db8:aa::/48 via 2001:db8:1::10", NULL, NULL},
	{"-6 route del 2001:db8:aa::/48", NULL, "2001:db8:aa::/48"},
	{"-6 route add 2001:db8:ab::/48 via fe80::1 dev p1", "2001:db8:ab::/48 via fe80::1 p1",
		NULL},
	{"route add 203.0.113.96/28 via 192.0.2.10", "203.0.113.96/28 via 192.0.2.10 p0", NULL},
	{"route append 203.0.113.96/28 via 198.51.100.10", NULL, NULL},
	{"route del 203.0.113.96/28 via 192.0.2.10", "203.0.113.96/28 via 198.51.100.10 p1",
		"203.0.113.96/28 via 192.0.2.10"},
	{"route prepend 203.0.113.96/28 via 192.0.2.11", "203.0.113.96/28 via 192.0.2.11 p0",
		"203.0.113.96/28 via 198.51.100.10"},
	{"route flush root 203.0.113.96/28", NULL, "203.0.113.96/28"},
	{"route add 203.0.113.112/28 via 192.0.2.10 table 100", NULL, "203.0.113.112/28"},
	{"route add 203.0.113.128/28 via 192.0.2.10 tos 8", NULL, "203.0.113.128/28"},
	{"nexthop add id 5 via 192.0.2.10 dev p0", NULL, NULL},
	{"route add 203.0.113.144/28 nhid 5", "203.0.113.144/28 via 192.0.2.10 p0", NULL},
	{"nexthop replace id 5 via 198.51.100.10 dev p1", "203.0.113.144/28 via 198.51.100.10 p1",
		"203.0.113.144/28 via 192.0.2.10"},
	{"nexthop del id 5", NULL, "203.0.113.144/28"}, // silent: no RTM_DELROUTE
	{"address add 192.0.2.77/32 dev p0", NULL, NULL},
	{"route add 203.0.113.160/28 via 198.51.100.10 src 192.0.2.77",
		"203.0.113.160/28 via 198.51.100.10 p1", NULL},
	{"address del 192.0.2.77/32 dev p0", NULL, "203.0.113.160/28"}, // silent before Linux 6.7
	{"link set p1 down", NULL, "via 198.51.100.10"},                // silent for IPv4
	{"link set p1 up", "198.51.100.0/24 on link p1", NULL},
};

static void every_kind_of_route_change_is_followed(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(route_steps) / sizeof(route_steps[0]); i++) {
		const struct route_step *step = &route_steps[i];

		print_message("ip %s\n", step->command);
		run_here("ip %s", step->command);
		if (step->appears)
			assert_true(becomes(f, has_route, step->appears));
		if (step->vanishes)
			assert_true(becomes(f, has_no_route, step->vanishes));
		settle(f);
	}
	assert_equals_fresh_mirror(f);
}

/* A random line for `ip -batch`; many fail, because what they change is not there. */
static void put_random_change(FILE *f)
{
	static const char *const verbs[] = {
		"add", "append", "prepend", "replace", "change", "del", "del"};
	static const char *const gateways[] = {"via 192.0.2.10", "via 198.51.100.10",
		"via 192.0.2.11 metric 7", "via inet6 2001:db8:1::10 dev p0", "dev p1",
		"nexthop via 192.0.2.10 nexthop via 198.51.100.10"};
	static const char *const gateways6[] = {"via 2001:db8:1::10", "via 2001:db8:2::10",
		"via 2001:db8:1::11 metric 7", "dev p0",
		"nexthop via 2001:db8:1::10 nexthop via 2001:db8:2::10"};
	const unsigned what = (unsigned)random() % 10, which = (unsigned)random() % 4;
	const char *verb = verbs[(unsigned)random() % 7];

	if (what < 4)
		fprintf(f, "route %s 203.0.113.%u/28 %s\n", verb, which * 16,
			gateways[(unsigned)random() % 6]);
	else if (what < 7)
		fprintf(f, "-6 route %s 2001:db8:%u::/48 %s\n", verb, 100 + which,
			gateways6[(unsigned)random() % 5]);
	else if (what < 8)
		fprintf(f, "address %s 192.0.2.%u/32 dev p%u\n", random() % 2 ? "add" : "del",
			50 + which, which % 2);
	else if (what < 9)
		fprintf(f,
			"neighbour %s 192.0.2.%u lladdr 02:00:5e:10:00:%02x dev p0 nud permanent\n",
			random() % 2 ? "replace" : "del", 60 + which, (unsigned)random() % 4);
	else
		fprintf(f, "link set p%u %s\n", which % 2, random() % 4 ? "up" : "down");
}

static void random_changes_leave_the_mirror_true(void **state)
{
	struct fixture *f = *state;

	print_message("seed %d\n", SEED);
	srandom(SEED);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		FILE *pipe = popen("ip -force -batch - 2>/dev/null", "w");

		assert_non_null(pipe);
		for (unsigned k = 0; k < N_CHANGES; k++)
			put_random_change(pipe);
		(void)pclose(pipe);
		assert_equals_fresh_mirror(f);
	}
}

/* ---- locals ------------------------------------------------------------------------------- */

static void locals_follow_addresses(void **state)
{
	struct fixture *f = *state;

	run_here("ip address add 203.0.113.1/24 broadcast + dev p0");
	assert_true(becomes(f, has_local, "203.0.113.1/32"));
	assert_true(becomes(f, has_local, "203.0.113.255/32"));
	assert_true(f->changes & NL_CHANGED_LOCALS);
	run_here("ip address del 203.0.113.1/24 dev p0");
	assert_true(becomes(f, has_no_local, "203.0.113.1/32"));
	run_here("ip route add local 203.0.113.128/25 dev lo");
	assert_true(becomes(f, has_local, "203.0.113.128/25"));
	run_here("ip -6 address add 2001:db8:77::1/64 dev lo");
	assert_true(becomes(f, has_local, "2001:db8:77::1/128"));
	assert_equals_fresh_mirror(f);
}

/* ---- losing messages, and quantity -------------------------------------------------------- */

static void a_queue_that_ran_over_leads_to_a_new_reading(void **state)
{
	struct fixture *f = *state;
	int bytes = 2048;

	settle(f);
	assert_int_equal(setsockopt(mnl_socket_get_fd(f->nl->events), SOL_SOCKET, SO_RCVBUF, &bytes,
				 sizeof(bytes)),
		0);
	run_here("for i in $(seq 1 250); do echo route add 203.0.113.$i/32 via 192.0.2.10; done | "
		 "ip -batch -");
	f->changes = 0;
	assert_true(becomes(f, has_route, "203.0.113.250/32 via 192.0.2.10"));
	settle(f);
	assert_int_equal(f->changes, NL_CHANGED_LINKS | NL_CHANGED_ROUTES | NL_CHANGED_NEIGHBOURS |
					     NL_CHANGED_LOCALS | NL_CHANGED_ADDRESSES);
	assert_equals_fresh_mirror(f);
	run_here("ip route flush root 203.0.113.0/24");
	assert_true(becomes(f, has_no_route, "203.0.113."));
	assert_equals_fresh_mirror(f);
}

static unsigned count_routes(const struct netlink *nl)
{
	const struct nl_route *routes;

	return nl_routes(nl, &routes);
}

static unsigned count_neighbours(const struct netlink *nl)
{
	const struct nl_neighbour *neighbours;

	return nl_neighbours(nl, &neighbours);
}

static bool has_many(struct fixture *f, const void *arg)
{
	(void)arg;
	return count_routes(f->nl) >= N_MANY && count_neighbours(f->nl) >= N_MANY;
}

static bool has_few(struct fixture *f, const void *arg)
{
	(void)arg;
	return count_routes(f->nl) < 100 && count_neighbours(f->nl) < 100;
}

/* Reads all that waits; the longest turn and the sum, in microseconds. */
static void read_all(struct fixture *f, int64_t *ret_longest, int64_t *ret_sum)
{
	int64_t longest = 0, sum = 0;

	while (!is_quiet(f, NULL)) {
		int64_t start = now_us(), took;

		nl_read(f->nl, note_changes, &f->changes);
		took = now_us() - start;
		longest = took > longest ? took : longest;
		sum += took;
	}
	*ret_longest = longest;
	*ret_sum = sum;
}

static void ten_thousand_of_each_are_mirrored(void **state)
{
	struct fixture *f = *state;
	int64_t start, longest, sum;
	struct netlink *fresh;

	run_here("ip link set p0 up; for i in $(seq 0 %d); do "
		 "echo route add 203.0.$((i/256)).$((i%%256))/32 via 192.0.2.10; "
		 "echo neighbour add 2001:db8:1::7:$i lladdr 02:00:5e:10:00:01 dev p0 nud "
		 "permanent; "
		 "done | ip -batch -",
		N_MANY - 1);
	read_all(f, &longest, &sum);
	print_message("%d routes and neighbours by events: %.1f ms, longest turn %.2f ms\n", N_MANY,
		(double)sum / 1000, (double)longest / 1000);
	assert_true(becomes(f, has_many, NULL));

	start = now_us();
	assert_int_equal(nl_open(port_names, 2, NULL, &fresh), 0);
	print_message("nl_open(): %.1f ms\n", (double)(now_us() - start) / 1000);
	start = now_us();
	assert_true(count_routes(fresh) >= N_MANY);
	assert_true(count_neighbours(fresh) >= N_MANY);
	print_message("lists: %.2f ms\n", (double)(now_us() - start) / 1000);
	nl_close(fresh);

	run_here("ip link set p0 down");
	read_all(f, &longest, &sum);
	print_message("all gone with their link: %.1f ms, longest turn %.2f ms\n",
		(double)sum / 1000, (double)longest / 1000);
	assert_true(becomes(f, has_few, NULL));
	assert_equals_fresh_mirror(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_NAMESPACE(everything_is_there_on_return),
		IN_NAMESPACE(a_missing_interface_is_named),
		IN_NAMESPACE(mtu_mac_and_carrier_are_followed),
		IN_NAMESPACE(a_link_goes_and_comes_back),
		IN_NAMESPACE(a_link_that_takes_the_name_is_read_whole),
		IN_NAMESPACE(every_kind_of_route_change_is_followed),
		IN_NAMESPACE(random_changes_leave_the_mirror_true),
		IN_NAMESPACE(locals_follow_addresses),
		IN_NAMESPACE(a_queue_that_ran_over_leads_to_a_new_reading),
		IN_NAMESPACE(ten_thousand_of_each_are_mirrored),
	};

	if (!namespaces_permitted())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
