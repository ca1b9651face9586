/* The sockets of an instance on a real LAN: what leaves, byte by byte, and what is heard. */
#include "vrrp/socket.h"

#include "lan.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ETHERNET_LEN = 14, IPV4_LEN = 20, IPV6_LEN = 40 };

/* How adverts go from one end to the other: here is p0, there q0. */
struct way {
	const char *name;
	enum conf_family family;
	bool is_unicast;
	struct addr here, there, to_here, to_there; // to: the destination of what goes there
};

enum { N_WAYS = 4 };

static void make_ways(const struct lan *lan, struct way *ways)
{
	const struct addr group4 = lan_addr("224.0.0.18"), group6 = lan_addr("ff02::12");
	const struct addr here4 = lan_addr("192.0.2.1"), there4 = lan_addr("192.0.2.10");
	const struct addr here6 = lan->link_local[0], there6 = lan->link_local[1];

	ways[0] = (struct way){"multicast 4", CONF_V4, false, here4, there4, group4, group4};
	ways[1] = (struct way){"multicast 6", CONF_V6, false, here6, there6, group6, group6};
	ways[2] = (struct way){"unicast 4", CONF_V4, true, here4, there4, here4, there4};
	ways[3] = (struct way){"unicast 6", CONF_V6, true, here6, there6, here6, there6};
}

static struct vrrp_socket open_socket(const struct way *way, const struct addr *source, int ifindex)
{
	const struct conf_vrrp_instance instance = {
		.vrid = 7, .family = way->family, .is_unicast = way->is_unicast};
	struct vrrp_socket s;

	assert_int_equal(vrrp_socket_open(&instance, ifindex, source, &s), 0);
	return s;
}

static struct vrrp_socket open_here(const struct lan *lan, const struct way *way)
{
	return open_socket(way, &way->here, lan->p[0]);
}

static struct vrrp_socket open_there(const struct lan *lan, const struct way *way)
{
	struct vrrp_socket s;

	lan_go_there(lan);
	s = open_socket(way, &way->there, lan->q[0]);
	lan_come_back(lan);
	return s;
}

static void send_here(
	const struct vrrp_socket *s, const struct way *way, const void *bytes, size_t len)
{
	const struct addr *peer = way->is_unicast ? &way->there : NULL;

	assert_int_equal(vrrp_socket_send(s, &way->here, peer, bytes, len), 0);
}

static void send_there(const struct lan *lan, const struct vrrp_socket *s, const struct way *way,
	const void *bytes, size_t len)
{
	const struct addr *peer = way->is_unicast ? &way->here : NULL;

	lan_go_there(lan);
	assert_int_equal(vrrp_socket_send(s, &way->there, peer, bytes, len), 0);
	lan_come_back(lan);
}

/* What comes next is this, and nothing else. */
static void assert_hears(const struct vrrp_socket *s, const void *bytes, size_t len)
{
	uint8_t heard[VRRP_MAX_LEN];
	struct vrrp_envelope envelope;
	struct pollfd ready = {s->rx_fd, POLLIN, 0};
	size_t heard_len;

	assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
	assert_int_equal(vrrp_socket_receive(s, heard, &heard_len, &envelope), 1);
	assert_int_equal(heard_len, len);
	assert_memory_equal(heard, bytes, len);
}

static void assert_hears_nothing(const struct vrrp_socket *s)
{
	uint8_t heard[VRRP_MAX_LEN];
	struct vrrp_envelope envelope;
	size_t len;

	assert_int_equal(vrrp_socket_receive(s, heard, &len, &envelope), 0);
}

/* ---- what leaves ----------------------------------------------------------------------------- */

/* Of the frame: Ethernet and IP header. The mask is 0 where the kernel chooses. */
static size_t expected_header(
	const struct lan *lan, const struct way *way, size_t len, uint8_t *frame, uint8_t *mask)
{
	uint8_t *ip = frame + ETHERNET_LEN;

	memset(frame, 0, ETHERNET_LEN + IPV6_LEN);
	memset(mask, 1, ETHERNET_LEN + IPV6_LEN);
	memcpy(frame + 6, lan->mac, 6);
	if (way->is_unicast)
		memset(mask, 0, 6);
	if (way->family == CONF_V4) {
		const uint8_t start[] = {0x45, 0xc0, 0, (uint8_t)(IPV4_LEN + len), 0, 0, 0x40, 0,
			255, VRRP_PROTOCOL};

		memcpy(frame, (uint8_t[]){0x01, 0x00, 0x5e, 0, 0, 0x12}, 6);
		frame[12] = 0x08;
		memcpy(ip, start, sizeof(start));
		memcpy(ip + 12, way->here.bytes + 12, 4);
		memcpy(ip + 16, way->to_there.bytes + 12, 4);
		memset(mask + ETHERNET_LEN + 4, 0, 3);  // identification, may be fragmented
		memset(mask + ETHERNET_LEN + 10, 0, 2); // checksum
		return ETHERNET_LEN + IPV4_LEN;
	}
	memcpy(frame, (uint8_t[]){0x33, 0x33, 0, 0, 0, 0x12}, 6);
	memcpy(frame + 12, (uint8_t[]){0x86, 0xdd, 0x6c, 0}, 4);
	ip[5] = (uint8_t)len;
	ip[6] = VRRP_PROTOCOL;
	ip[7] = 255;
	memcpy(ip + 8, way->here.bytes, 16);
	memcpy(ip + 24, way->to_there.bytes, 16);
	memset(mask + ETHERNET_LEN + 1, 0, 3); // flow label
	return ETHERNET_LEN + IPV6_LEN;
}

static void adverts_leave_with_their_headers(void **state)
{
	static const uint8_t advert[] = {0x31, 7, 100, 1, 0, 100, 0xab, 0xcd, 192, 0, 2, 100};
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		struct vrrp_socket s = open_here(lan, &ways[i]);
		uint8_t expected[64 + sizeof(advert)], mask[64 + sizeof(advert)], frame[MAX_FRAME];
		size_t len, n;

		len = expected_header(lan, &ways[i], sizeof(advert), expected, mask);
		send_here(&s, &ways[i], advert, sizeof(advert));
		n = lan_await_frame(lan, expected, mask, len, frame);
		assert_int_equal(n, len + sizeof(advert));
		assert_memory_equal(frame + len, advert, sizeof(advert)); // the checksum stays ours
		if (ways[i].family == CONF_V6)
			assert_int_equal(frame[ETHERNET_LEN + 1] >> 4, 0); // of the class
		vrrp_socket_close(&s);
	}
}

static void a_dead_link_is_an_error_that_passes(void **state)
{
	const struct lan *lan = *state;
	struct way ways[N_WAYS];
	struct vrrp_socket s;

	make_ways(lan, ways);
	s = open_here(lan, &ways[0]);
	run_here("ip link set p0 down");
	assert_true(vrrp_socket_send(&s, &ways[0].here, NULL, (const uint8_t *)"x", 1) < 0);
	run_here("ip link set p0 up");
	send_here(&s, &ways[0], "x", 1);
	vrrp_socket_close(&s);
}

/* ---- what is heard --------------------------------------------------------------------------- */

static void adverts_are_heard_with_their_envelope(void **state)
{
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		const struct way *way = &ways[i];
		struct vrrp_socket here = open_here(lan, way), there = open_there(lan, way);
		uint8_t heard[VRRP_MAX_LEN];
		struct pollfd ready = {here.rx_fd, POLLIN, 0};
		struct vrrp_envelope envelope = {.ttl = -2};
		size_t len = 0;

		assert_hears_nothing(&here);
		send_there(lan, &there, way, "advertisement", 13);
		assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
		assert_int_equal(vrrp_socket_receive(&here, heard, &len, &envelope), 1);
		assert_int_equal(len, 13);
		assert_memory_equal(heard, "advertisement", 13);
		assert_int_equal(envelope.ttl, 255);
		assert_true(addr_equal(&envelope.source, &way->there));
		assert_true(addr_equal(&envelope.destination, &way->to_here));
		assert_hears_nothing(&here);
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

static void another_ttl_is_told(void **state)
{
	const int five = 5;
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < 2; i++) {
		struct vrrp_socket here = open_here(lan, &ways[i]),
				   there = open_there(lan, &ways[i]);
		uint8_t heard[VRRP_MAX_LEN];
		struct pollfd ready = {here.rx_fd, POLLIN, 0};
		struct vrrp_envelope envelope;
		size_t len;

		if (i == 0)
			(void)setsockopt(
				there.tx_fd, IPPROTO_IP, IP_MULTICAST_TTL, &five, sizeof(five));
		else
			(void)setsockopt(there.tx_fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &five,
				sizeof(five));
		send_there(lan, &there, &ways[i], "x", 1);
		assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
		assert_int_equal(vrrp_socket_receive(&here, heard, &len, &envelope), 1);
		assert_int_equal(envelope.ttl, 5);
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

/* Ours has left when theirs comes. */
static void the_own_voice_is_not_heard(void **state)
{
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		struct vrrp_socket here = open_here(lan, &ways[i]),
				   there = open_there(lan, &ways[i]);

		send_here(&here, &ways[i], "ours", 4);
		assert_hears(&there, "ours", 4);
		send_there(lan, &there, &ways[i], "theirs", 6);
		assert_hears(&here, "theirs", 6);
		assert_hears_nothing(&here);
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

static void another_interface_is_not_heard(void **state)
{
	const struct lan *lan = *state;
	struct way ways[N_WAYS], other;
	struct vrrp_socket here, there, beside, witness;

	make_ways(lan, ways);
	other = ways[0];
	other.there = lan_addr("198.51.100.10");
	other.here = lan_addr("198.51.100.1");
	here = open_here(lan, &ways[0]);
	there = open_there(lan, &ways[0]);
	witness = open_socket(&other, &other.here, lan->p[1]);
	lan_go_there(lan);
	beside = open_socket(&other, &other.there, lan->q[1]);
	lan_come_back(lan);
	send_there(lan, &beside, &other, "beside", 6);
	assert_hears(&witness, "beside", 6);
	send_there(lan, &there, &ways[0], "there", 5);
	assert_hears(&here, "there", 5);
	assert_hears_nothing(&here);
	assert_hears_nothing(&witness);
	vrrp_socket_close(&here);
	vrrp_socket_close(&there);
	vrrp_socket_close(&beside);
	vrrp_socket_close(&witness);
}

/* The group is joined on the interface, by another. */
static void unicast_does_not_hear_the_group_nor_other_addresses(void **state)
{
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	run_here("ip address add 192.0.2.99/24 dev p0");
	for (unsigned i = 0; i < 2; i++) {
		struct way to_other = ways[2 + i];
		struct vrrp_socket group = open_here(lan, &ways[i]);
		struct vrrp_socket here = open_here(lan, &ways[2 + i]);
		struct vrrp_socket there = open_there(lan, &ways[i]);

		send_there(lan, &there, &ways[i], "all", 3);
		assert_hears(&group, "all", 3);
		to_other.here = i == 0 ? lan_addr("192.0.2.99") : lan_addr("2001:db8:1::1");
		send_there(lan, &there, &to_other, "other", 5);
		assert_hears(&group, "other", 5);
		send_there(lan, &there, &ways[2 + i], "you", 3);
		assert_hears(&here, "you", 3);
		assert_hears_nothing(&here);
		vrrp_socket_close(&group);
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

static void options_of_the_ipv4_header_are_cut_off(void **state)
{
	static const uint8_t options[] = {1, 1, 1, 1, 1, 1, 1, 0};
	const struct lan *lan = *state;
	struct way ways[N_WAYS];
	struct vrrp_socket here, there;

	make_ways(lan, ways);
	here = open_here(lan, &ways[0]);
	there = open_there(lan, &ways[0]);
	assert_int_equal(
		setsockopt(there.tx_fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)), 0);
	send_there(lan, &there, &ways[0], "message", 7);
	assert_hears(&here, "message", 7);
	vrrp_socket_close(&here);
	vrrp_socket_close(&there);
}

static void empty_and_too_long_messages_are_told_as_such(void **state)
{
	static const uint8_t large[VRRP_MAX_LEN + 100];
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		struct vrrp_socket here = open_here(lan, &ways[i]),
				   there = open_there(lan, &ways[i]);
		uint8_t heard[VRRP_MAX_LEN];
		struct pollfd ready = {here.rx_fd, POLLIN, 0};
		struct vrrp_envelope envelope;
		size_t len = 1;

		send_there(lan, &there, &ways[i], large, 0);
		assert_hears(&here, large, 0);
		send_there(lan, &there, &ways[i], large, VRRP_MAX_LEN);
		assert_hears(&here, large, VRRP_MAX_LEN);
		send_there(lan, &there, &ways[i], large, sizeof(large));
		assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
		assert_int_equal(vrrp_socket_receive(&here, heard, &len, &envelope), 1);
		assert_int_equal(len, sizeof(large));
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

static void many_adverts_wait_while_nobody_reads(void **state)
{
	enum { N = 64, LEN = 1032 }; // 64 addresses of IPv6
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		struct vrrp_socket here = open_here(lan, &ways[i]),
				   there = open_there(lan, &ways[i]);
		uint8_t bytes[LEN] = {0};

		for (unsigned n = 0; n < N; n++) {
			bytes[0] = (uint8_t)n;
			send_there(lan, &there, &ways[i], bytes, LEN);
		}
		for (unsigned n = 0; n < N; n++) {
			bytes[0] = (uint8_t)n;
			assert_hears(&here, bytes, LEN);
		}
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

/* ---- hearing less ---------------------------------------------------------------------------- */

static void send_vrids(
	const struct lan *lan, const struct vrrp_socket *there, const struct way *way)
{
	static const uint8_t vrids[] = {7, 8, 9, 10};

	for (unsigned i = 0; i < sizeof(vrids); i++) {
		const uint8_t bytes[8] = {0x31, vrids[i]};

		send_there(lan, there, way, bytes, sizeof(bytes));
	}
	send_there(lan, there, way, "1", 1); // too short for a VRID
	send_there(lan, there, way, "\x31\x07last", 6);
}

static void a_narrowed_socket_hears_its_vrid_or_what_nobody_else_does(void **state)
{
	static const uint8_t known[] = {7, 8, 9}, own[8] = {0x31, 7}, unknown[8] = {0x31, 10};
	const struct vrrp_hearing only_own = {7, false, NULL, 0},
				  also_unknown = {7, true, known, 3};
	const struct lan *lan = *state;
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		struct vrrp_socket here = open_here(lan, &ways[i]),
				   there = open_there(lan, &ways[i]);

		assert_int_equal(vrrp_socket_narrow(&here, &only_own), 0);
		send_vrids(lan, &there, &ways[i]);
		assert_hears(&here, own, sizeof(own));
		assert_hears(&here, "\x31\x07last", 6);
		assert_int_equal(vrrp_socket_narrow(&here, &also_unknown), 0);
		send_vrids(lan, &there, &ways[i]);
		assert_hears(&here, own, sizeof(own));
		assert_hears(&here, unknown, sizeof(unknown));
		assert_hears(&here, "1", 1);
		assert_hears(&here, "\x31\x07last", 6);
		assert_hears_nothing(&here);
		vrrp_socket_close(&here);
		vrrp_socket_close(&there);
	}
}

static void every_vrid_may_be_known(void **state)
{
	const struct lan *lan = *state;
	struct vrrp_hearing hearing = {7, true, NULL, 255};
	uint8_t known[255];
	struct way ways[N_WAYS];
	struct vrrp_socket here, there;

	make_ways(lan, ways);
	for (unsigned i = 0; i < sizeof(known); i++)
		known[i] = (uint8_t)(i + 1);
	hearing.known = known;
	here = open_here(lan, &ways[0]);
	there = open_there(lan, &ways[0]);
	assert_int_equal(vrrp_socket_narrow(&here, &hearing), 0);
	send_there(lan, &there, &ways[0], "\x31\xffother", 7);
	send_there(lan, &there, &ways[0], "\x31\x07own", 5);
	assert_hears(&here, "\x31\x07own", 5);
	vrrp_socket_close(&here);
	vrrp_socket_close(&there);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void what_cannot_be_opened_is_closed(void **state)
{
	const struct lan *lan = *state;
	const struct addr absent[] = {lan_addr("192.0.2.55"), lan_addr("fe80::55")};
	struct way ways[N_WAYS];

	make_ways(lan, ways);
	for (unsigned i = 0; i < N_WAYS; i++) {
		const struct conf_vrrp_instance instance = {
			.family = ways[i].family, .is_unicast = ways[i].is_unicast};
		struct vrrp_socket s = {0};

		assert_int_equal(
			vrrp_socket_open(&instance, lan->p[0], &absent[ways[i].family], &s),
			-EADDRNOTAVAIL);
		assert_int_equal(s.rx_fd, VRRP_SOCKET_CLOSED);
		assert_int_equal(s.tx_fd, VRRP_SOCKET_CLOSED);
		assert_true(vrrp_socket_open(&instance, 9999, &ways[i].here, &s) < 0);
		assert_int_equal(s.rx_fd, VRRP_SOCKET_CLOSED);
		vrrp_socket_close(&s); // again
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_LAN(adverts_leave_with_their_headers),
		ON_LAN(a_dead_link_is_an_error_that_passes),
		ON_LAN(adverts_are_heard_with_their_envelope),
		ON_LAN(another_ttl_is_told),
		ON_LAN(the_own_voice_is_not_heard),
		ON_LAN(another_interface_is_not_heard),
		ON_LAN(unicast_does_not_hear_the_group_nor_other_addresses),
		ON_LAN(options_of_the_ipv4_header_are_cut_off),
		ON_LAN(empty_and_too_long_messages_are_told_as_such),
		ON_LAN(many_adverts_wait_while_nobody_reads),
		ON_LAN(a_narrowed_socket_hears_its_vrid_or_what_nobody_else_does),
		ON_LAN(every_vrid_may_be_known),
		ON_LAN(what_cannot_be_opened_is_closed),
	};

	if (!namespaces_permitted())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
