/* What Poise asks of the real kernel, in namespaces of the test's own: neighbours and VIPs. */
#include "control/netlink.h"

#include "control/netlink_internal.h"
#include "netlink_feed.h"
#include "netlink_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- neighbours --------------------------------------------------------------------------- */

struct near {
	unsigned port;
	struct addr address;
};

static bool is_usable(struct fixture *f, const void *arg)
{
	const struct near *near = arg;
	const struct nl_neighbour *n = nl_find_neighbour(f->nl, near->port, &near->address);

	return n && n->is_usable;
}

static bool is_known_but_not_usable(struct fixture *f, const void *arg)
{
	const struct near *near = arg;
	const struct nl_neighbour *n = nl_find_neighbour(f->nl, near->port, &near->address);

	return n && !n->is_usable;
}

static bool is_unknown(struct fixture *f, const void *arg)
{
	const struct near *near = arg;

	return !nl_find_neighbour(f->nl, near->port, &near->address);
}

static bool is_fresh(struct fixture *f, const void *arg)
{
	const struct near *near = arg;

	return is_usable(f, arg) && !nl_find_neighbour(f->nl, near->port, &near->address)->is_stale;
}

static int open_capture(int ifindex)
{
	struct sockaddr_ll where = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

/* Whether the frame asks for the address: an ARP request or a neighbour solicitation. */
static bool asks_for(const uint8_t *frame, size_t len, const struct addr *address)
{
	const uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);
	const uint8_t *payload = frame + sizeof(struct ether_header);

	if (type == ETHERTYPE_ARP && len >= 42)
		return payload[7] == ARPOP_REQUEST &&
		       memcmp(payload + 24, address->bytes + 12, 4) == 0;
	return type == ETHERTYPE_IPV6 && len >= 78 && payload[6] == IPPROTO_ICMPV6 &&
	       payload[40] == ND_NEIGHBOR_SOLICIT && memcmp(payload + 48, address->bytes, 16) == 0;
}

static bool has_asked(int capture, const struct addr *address)
{
	const int64_t end = now_us() + WAIT_MS * 1000;
	struct pollfd fd = {.fd = capture, .events = POLLIN};
	uint8_t frame[2048];

	while (now_us() < end) {
		ssize_t n = recv(capture, frame, sizeof(frame), 0);

		if (n >= (ssize_t)sizeof(struct ether_header) &&
			asks_for(frame, (size_t)n, address))
			return true;
		if (n < 0)
			(void)poll(&fd, 1, 100);
	}
	return false;
}

static void using_a_neighbour_resolves_it(void **state)
{
	static const char *const texts[] = {"192.0.2.10", "2001:db8:1::10"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		const struct near near = {0, to_addr(texts[i])};
		int capture = open_capture(nl_link(f->nl, 0)->ifindex);

		run_here("ip neighbour flush dev p0");
		assert_true(becomes(f, is_unknown, &near));
		f->changes = 0;
		assert_int_equal(nl_use_neighbour(f->nl, 0, &near.address), 0);
		assert_true(has_asked(capture, &near.address));
		assert_true(becomes(f, is_usable, &near));
		assert_true(f->changes & NL_CHANGED_NEIGHBOURS);
		(void)close(capture);
	}
}

static void a_silent_neighbour_stays_unusable(void **state)
{
	static const char *const texts[] = {"192.0.2.99", "2001:db8:1::99"};
	struct fixture *f = *state;

	run_here("sysctl -qw net.ipv4.neigh.p0.retrans_time_ms=100 "
		 "net.ipv6.neigh.p0.retrans_time_ms=100");
	for (unsigned i = 0; i < 2; i++) {
		const struct near near = {0, to_addr(texts[i])};
		int capture = open_capture(nl_link(f->nl, 0)->ifindex);

		assert_int_equal(nl_use_neighbour(f->nl, 0, &near.address), 0);
		assert_true(has_asked(capture, &near.address));
		assert_true(becomes(f, is_known_but_not_usable, &near));
		// three questions, then it has failed
		assert_int_equal(system("for i in $(seq 80); do ip neighbour show dev p0 | "
					"grep -q '99.*FAILED' && exit 0; sleep 0.1; done; exit 1"),
			0);
		settle(f);
		assert_false(is_usable(f, &near));
		assert_false(f->changes & NL_CHANGED_NEIGHBOURS);
		run_here("ip neighbour flush dev p0");
		(void)close(capture);
	}
}

static void using_a_stale_neighbour_makes_the_kernel_look_again(void **state)
{
	const struct near near = {0, to_addr("192.0.2.10")};
	struct fixture *f = *state;
	int capture;

	run_here("sysctl -qw net.ipv4.neigh.p0.delay_first_probe_time=1");
	run_there(&f->ns, "ip link set q0 address 02:00:5e:10:00:10");
	run_here("ip neighbour replace 192.0.2.10 lladdr 02:00:5e:10:00:10 dev p0 nud stale");
	assert_true(becomes(f, is_usable, &near));
	assert_true(nl_find_neighbour(f->nl, 0, &near.address)->is_stale);
	capture = open_capture(nl_link(f->nl, 0)->ifindex);
	assert_int_equal(nl_use_neighbour(f->nl, 0, &near.address), 0);
	assert_true(has_asked(capture, &near.address));
	assert_true(becomes(f, is_fresh, &near));
	(void)close(capture);
}

static void static_neighbours_are_left_alone(void **state)
{
	const struct near near = {0, to_addr("192.0.2.60")};
	struct fixture *f = *state;

	run_here("ip neighbour add 192.0.2.60 lladdr 02:00:5e:10:00:60 dev p0 nud permanent");
	assert_true(becomes(f, is_usable, &near));
	assert_int_equal(nl_use_neighbour(f->nl, 0, &near.address), 0);
	assert_non_null(strstr(output_here("ip neighbour show 192.0.2.60"), "PERMANENT"));
	run_here("ip neighbour del 192.0.2.60 dev p0");
	assert_true(becomes(f, is_unknown, &near));
}

/* ---- VIPs --------------------------------------------------------------------------------- */

static bool can_bind(const char *text)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	const bool is_v6 = inet_pton(AF_INET6, text, &v6.sin6_addr) == 1;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	int r;

	(void)inet_pton(AF_INET, text, &v4.sin_addr);
	r = is_v6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
		  : bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	(void)close(fd);
	return r == 0;
}

static void a_vip_is_usable_at_once_and_tagged(void **state)
{
	static const char *const texts[] = {"192.0.2.100", "2001:db8:1::100"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		const struct addr vip = to_addr(texts[i]);
		char host[64];
		bool was_there = true;

		(void)snprintf(host, sizeof(host), "%s/%d", texts[i], i == 0 ? 32 : 128);
		assert_false(nl_has_vip(f->nl, 0, &vip));
		assert_int_equal(nl_add_vip(f->nl, 0, &vip, &was_there), 0);
		assert_true(can_bind(texts[i]));
		assert_false(was_there);
		assert_true(nl_has_vip(f->nl, 0, &vip));
		assert_false(nl_has_vip(f->nl, 1, &vip));
		assert_true(becomes(f, has_local, host));
		settle(f);
		assert_true(f->nl->mirror->has_address_protocols);
		assert_true(nl_has_vip(f->nl, 0, &vip)); // now as the kernel told it

		assert_int_equal(nl_add_vip(f->nl, 0, &vip, &was_there), 0);
		assert_true(was_there);
		assert_int_equal(nl_remove_vip(f->nl, 0, &vip), 0);
		assert_false(nl_has_vip(f->nl, 0, &vip));
		assert_false(can_bind(texts[i]));
		assert_int_equal(nl_remove_vip(f->nl, 0, &vip), 0);
		assert_true(becomes(f, has_no_local, host));
	}
	assert_equals_fresh_mirror(f);
}

static void an_ipv6_vip_is_never_chosen_as_source(void **state)
{
	const struct addr vip = to_addr("2001:db8:1::a");
	struct fixture *f = *state;

	assert_int_equal(nl_add_vip(f->nl, 0, &vip, NULL), 0);
	assert_non_null(
		strstr(output_here("ip -6 address show dev p0 to 2001:db8:1::a"), "deprecated"));
	assert_non_null(
		strstr(output_here("ip -6 address show dev p0 to 2001:db8:1::a"), "forever"));
	assert_null(strstr(output_here("ip -6 address show dev p0 to 2001:db8:1::a"), "tentative"));
	// longest match would prefer the VIP, were it not deprecated
	assert_non_null(strstr(output_here("ip -6 route get 2001:db8:1::b"), "src 2001:db8:1::1 "));
	assert_null(strstr(output_here("ip -6 route show"), "2001:db8:1::a"));
	assert_int_equal(nl_remove_vip(f->nl, 0, &vip), 0);
}

static void only_our_own_host_address_is_a_vip(void **state)
{
	const struct addr by_hand = to_addr("192.0.2.101"), own = to_addr("192.0.2.1");
	struct fixture *f = *state;
	bool was_there = false;

	run_here("ip address add 192.0.2.101/32 dev p0");
	assert_true(becomes(f, has_local, "192.0.2.101/32"));
	settle(f);
	assert_false(nl_has_vip(f->nl, 0, &by_hand));
	assert_int_equal(nl_add_vip(f->nl, 0, &by_hand, &was_there), 0);
	assert_true(was_there);
	assert_false(nl_has_vip(f->nl, 0, &own)); // a /24

	// as on a kernel that forgets the tag
	f->nl->mirror->has_address_protocols = false;
	assert_true(nl_has_vip(f->nl, 0, &by_hand));
	assert_false(nl_has_vip(f->nl, 0, &own));
	run_here("ip address del 192.0.2.101/32 dev p0");
}

static void a_vip_left_behind_is_found_by_the_next_instance(void **state)
{
	const struct addr vip = to_addr("192.0.2.100"), vip6 = to_addr("2001:db8:1::100");
	struct fixture *f = *state;
	struct netlink *next;
	bool was_there = false;

	assert_int_equal(nl_add_vip(f->nl, 0, &vip, NULL), 0);
	assert_int_equal(nl_add_vip(f->nl, 0, &vip6, NULL), 0);
	assert_int_equal(nl_open(port_names, 2, NULL, &next), 0);
	assert_true(nl_has_vip(next, 0, &vip));
	assert_true(nl_has_vip(next, 0, &vip6));
	assert_int_equal(nl_add_vip(next, 0, &vip, &was_there), 0);
	assert_true(was_there);
	assert_int_equal(nl_remove_vip(next, 0, &vip), 0);
	assert_int_equal(nl_remove_vip(next, 0, &vip6), 0);
	nl_close(next);
	settle(f);
	assert_false(nl_has_vip(f->nl, 0, &vip));
}

static void a_refused_vip_says_why(void **state)
{
	const struct addr multicast = to_addr("ff02::1");
	struct fixture *f = *state;
	bool was_there = true;

	assert_int_equal(nl_add_vip(f->nl, 0, &multicast, &was_there), -EADDRNOTAVAIL);
	assert_true(was_there); // untouched
}

/* ---- addresses and routes of TAPs ---------------------------------------------------------- */

static void an_address_brings_its_network_and_is_usable_at_once(void **state)
{
	const struct addr v4 = to_addr("203.0.113.2"), v6 = to_addr("2001:db8:7::2");
	struct fixture *f = *state;

	assert_int_equal(nl_add_address(f->nl, 0, &v4, 96 + 24), 0);
	assert_int_equal(nl_add_address(f->nl, 0, &v6, 64), 0);
	assert_true(can_bind("203.0.113.2"));
	assert_true(can_bind("2001:db8:7::2")); // no duplicate address detection
	assert_non_null(strstr(
		output_here("ip address show dev p0"), "inet 203.0.113.2/24 brd 203.0.113.255 "));
	assert_null(strstr(output_here("ip address show dev p0 to 2001:db8:7::2"), "deprecated"));
	assert_true(becomes(f, has_route, "203.0.113.0/24 on link p0 metric 0\n"));
	assert_true(becomes(f, has_route, "2001:db8:7::/64 on link p0"));
	assert_false(nl_has_vip(f->nl, 0, &v4));
	assert_int_equal(nl_add_address(f->nl, 0, &v4, 96 + 24), -EEXIST);
	assert_int_equal(
		nl_add_address(f->nl, 0, &(struct addr){.halves = {0, 0}}, 64), -EADDRNOTAVAIL);
	assert_equals_fresh_mirror(f);
}

static void a_route_of_ours_carries_our_protocol_and_replaces_none(void **state)
{
	const struct addr via4 = to_addr("192.0.2.10"), via6 = to_addr("2001:db8:1::10");
	const struct addr link_local = to_addr("fe80::1"), nowhere = to_addr("203.0.113.9");
	const struct prefix all4 = {addr_from_v4(0), 96}, all6 = {.length_bits = 0};
	struct prefix to;
	struct fixture *f = *state;

	assert_int_equal(nl_add_route(f->nl, 0, &all4, &via4), 0);
	assert_int_equal(nl_add_route(f->nl, 0, &all6, &via6), 0);
	assert_int_equal(prefix_parse("2001:db8:9::/48", &to), 0);
	assert_int_equal(nl_add_route(f->nl, 0, &to, &link_local), 0);
	assert_non_null(
		strstr(output_here("ip route show proto 80"), "default via 192.0.2.10 dev p0"));
	assert_non_null(strstr(
		output_here("ip -6 route show proto 80"), "default via 2001:db8:1::10 dev p0"));
	assert_non_null(strstr(
		output_here("ip -6 route show proto 80"), "2001:db8:9::/48 via fe80::1 dev p0"));
	assert_true(becomes(f, has_route, "0.0.0.0/0 via 192.0.2.10 p0 metric 0\n"));

	// somebody's own, whatever it leads to, stays
	run_here("ip route add 203.0.113.0/24 dev p1");
	assert_int_equal(prefix_parse("203.0.113.0/24", &to), 0);
	assert_int_equal(nl_add_route(f->nl, 0, &to, &via4), -EEXIST);
	assert_int_equal(prefix_parse("203.0.113.128/25", &to), 0);
	assert_int_equal(nl_add_route(f->nl, 0, &to, &nowhere), -ENETUNREACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_NAMESPACE(using_a_neighbour_resolves_it),
		IN_NAMESPACE(a_silent_neighbour_stays_unusable),
		IN_NAMESPACE(using_a_stale_neighbour_makes_the_kernel_look_again),
		IN_NAMESPACE(static_neighbours_are_left_alone),
		IN_NAMESPACE(a_vip_is_usable_at_once_and_tagged),
		IN_NAMESPACE(an_ipv6_vip_is_never_chosen_as_source),
		IN_NAMESPACE(only_our_own_host_address_is_a_vip),
		IN_NAMESPACE(a_vip_left_behind_is_found_by_the_next_instance),
		IN_NAMESPACE(a_refused_vip_says_why),
		IN_NAMESPACE(an_address_brings_its_network_and_is_usable_at_once),
		IN_NAMESPACE(a_route_of_ours_carries_our_protocol_and_replaces_none),
	};

	if (!namespaces_permitted())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
