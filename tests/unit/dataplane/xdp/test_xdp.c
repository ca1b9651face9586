/* The decision table of docs/xdp.md, row by row, as the kernel runs it. */
#include "tests/unit/dataplane/xdp/bench.h"

#include <linux/if_ether.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void expect(const struct bench *b, const char *name, int family, const struct frame *f,
	enum fate fate) ON_CONTROL;
static void expect(
	const struct bench *b, const char *name, int family, const struct frame *f, enum fate fate)
{
	enum fate is = bench_ask(b, f);

	if (is != fate)
		fail_msg("IPv%d, %s: %s, expected: %s", family, name, fate_text(is),
			fate_text(fate));
}

static void set_type(struct frame *f, uint16_t type)
{
	f->bytes[12] = (uint8_t)(type >> 8);
	f->bytes[13] = (uint8_t)type;
}

static void expect_cells(const struct bench *b, const struct cell *cells, size_t n) ON_CONTROL;
static void expect_cells(const struct bench *b, const struct cell *cells, size_t n)
{
	struct frame f;

	for (size_t i = 0; i < n; i++) {
		for (int family = 4; family <= 6; family += 2) {
			if (cells[i].families == (family == 4 ? V6_ONLY : V4_ONLY))
				continue;
			frame_build(&cells[i].packet, family, &f);
			expect(b, cells[i].name, family, &f, cells[i].fate);
		}
	}
}

#define ROW_TEST(name, number)                                                                     \
	static void name(void **state)                                                             \
	{                                                                                          \
		thread_enter(&role_control);                                                       \
		expect_cells(*state, cells_row(number)->cells, cells_row(number)->n);              \
	}

ROW_TEST(row_1_a_vip_without_lease_is_silent, 1)
ROW_TEST(row_2_services_of_owned_vips_are_the_workers, 2)
ROW_TEST(row_4_icmp_errors_about_our_flows_are_the_workers, 4)
ROW_TEST(row_5_fragments_that_may_be_ours_are_the_workers, 5)
ROW_TEST(row_6_what_is_for_this_machine_is_the_kernels, 6)
ROW_TEST(row_7_traffic_of_servers_is_the_workers, 7)
ROW_TEST(row_8_everything_else_is_the_kernels, 8)

static void row_1_arp_for_a_vip_without_lease_is_not_answered(void **state)
{
	struct frame f;

	thread_enter(&role_control);
	for (size_t i = 0; i < CELL_ARPS; i++) {
		cells_build_arp(&cells_arps[i], &f);
		expect(*state, cells_arps[i].name, 4, &f, cells_arps[i].fate);
	}
}

/* What goes on is the frame as it would have been without its priority tags; what is in a VLAN
 * or not IP goes on as it came. */
static void priority_tags_are_taken_off_in_front_of_ip(void **state)
{
	static const struct packet plain = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80);
	struct frame f, untagged, out;

	thread_enter(&role_control);
	for (enum tags tags = NO_TAG; tags < N_TAGS; tags++) {
		bool is_stripped = tags <= PRIORITY_TWICE;

		frame_build(&plain, 4 + tags % 2 * 2, &untagged);
		f = untagged;
		frame_tag(&f, tags);
		bench_output(*state, &f, &out);
		assert_int_equal(out.len, is_stripped ? untagged.len : f.len);
		assert_memory_equal(out.bytes, is_stripped ? untagged.bytes : f.bytes, out.len);

		set_type(&untagged, ETH_P_LLDP);
		f = untagged;
		frame_tag(&f, tags);
		bench_output(*state, &f, &out);
		assert_int_equal(out.len, f.len);
		assert_memory_equal(out.bytes, f.bytes, out.len);
	}
}

static void row_8_frames_that_are_no_plain_ip_are_the_kernels(void **state)
{
	static const struct packet plain = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80);
	struct frame f;

	thread_enter(&role_control);
	for (int family = 4; family <= 6; family += 2) {
		frame_build(&plain, family, &f);
		f.len = 14 + 19;
		expect(*state, "shorter than an IP header", family, &f, KERNEL);
		f.len = 14;
		expect(*state, "Ethernet header alone", family, &f, KERNEL);
		frame_build(&plain, family, &f);
		f.bytes[14] ^= 0x20;
		expect(*state, "version of the other family", family, &f, KERNEL);
		frame_build(&plain, family, &f);
		set_type(&f, ETH_P_LLDP);
		expect(*state, "LLDP", family, &f, KERNEL);
		frame_tag(&f, PRIORITY);
		expect(*state, "tagged LLDP", family, &f, KERNEL);
		f.len = 17;
		expect(*state, "cut within its tag", family, &f, KERNEL);
	}
}

/* RFC 4942 §2.2: it would be taken for the IPv4 VIP. */
static void ipv4_mapped_destination_is_not_the_vip(void **state)
{
	static const struct packet plain = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80);
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 100};
	struct frame f;

	thread_enter(&role_control);
	frame_build(&plain, 6, &f);
	memcpy(f.bytes + 14 + 24, mapped, sizeof(mapped));
	expect(*state, "mapped destination", 6, &f, KERNEL);
}

static void broken_ipv4_header_to_a_service_never_reaches_the_kernel(void **state)
{
	static const struct packet plain = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80);
	static const struct packet gre = PACKET(.dst = VIP, .protocol = GRE);
	struct frame f;

	thread_enter(&role_control);
	frame_build(&gre, 4, &f);
	f.bytes[14 + 3] = 19;
	expect(*state, "no transport that we know, shorter than its header", 4, &f, WORKER);
	frame_build(&plain, 4, &f);
	f.bytes[14] = 0x44;
	expect(*state, "header of 16 bytes", 4, &f, WORKER);
	frame_build(&plain, 4, &f);
	f.bytes[14 + 3] = 19;
	expect(*state, "packet shorter than its header", 4, &f, WORKER);
	frame_build(&plain, 4, &f);
	f.bytes[14 + 2] = 8;
	expect(*state, "packet longer than the frame", 4, &f, WORKER);
	frame_build(&plain, 4, &f);
	memset(f.bytes + f.len, 0, 10);
	f.len += 10;
	expect(*state, "frame padded", 4, &f, WORKER);
}

/* A switch that floods must not make two machines forward one packet. */
static void frames_to_another_mac_are_the_kernels(void **state)
{
	static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 3};
	static const struct packet packets[] = {
		PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80),
		{.src = SERVER, .dst = CLIENT, .protocol = TCP},
		PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80, .tags = PRIORITY_TWICE),
	};
	static const struct packet lost = PACKET(.dst = LOST_VIP, .protocol = TCP);
	const struct bench *b = *state;
	struct frame f;

	thread_enter(&role_control);
	for (int i = 0; i < 6; i++) {
		frame_build(&packets[i / 2], 4 + i % 2 * 2, &f);
		dp_xdp_set_mac(b->xdp, 0, ours);
		dp_xdp_set_mac(b->xdp, 1, other); // each port has its own
		expect(b, "to our MAC", 4, &f, WORKER);
		dp_xdp_set_mac(b->xdp, 0, other);
		expect(b, "to another MAC", 4, &f, KERNEL);
		memset(f.bytes, 0xff, 6);
		expect(b, "to every MAC", 4, &f, KERNEL);
	}
	frame_build(&lost, 4, &f);
	expect(b, "lost VIP, another MAC", 4, &f, NOT_OWNED);
}

/* The frame has the bytes, the packet by its own length has not. */
static void packet_that_ends_before_its_ports_never_reaches_the_kernel(void **state)
{
	static const struct packet other_port = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 22);
	static const struct packet options =
		PACKET(.dst = VIP, .protocol = GRE, .dst_port = 22, .options = 1);
	struct frame f;

	thread_enter(&role_control);
	frame_build(&other_port, 4, &f);
	f.bytes[14 + 3] = 20 + 3;
	expect(*state, "ends within the ports", 4, &f, WORKER);
	frame_build(&other_port, 6, &f);
	f.bytes[14 + 5] = 3;
	expect(*state, "ends within the ports", 6, &f, WORKER);
	frame_build(&options, 6, &f);
	f.bytes[14 + 5] = 7;
	expect(*state, "ends within its extension header", 6, &f, WORKER);
}

static void without_a_socket_what_is_ours_is_dropped(void **state)
{
	static const struct cell cells[] = {
		{"service", PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80), NO_SOCKET, 0},
		{"fragment", PACKET(.dst = VIP, .protocol = TCP, .fragment = LATER), NO_SOCKET, 0},
		{"error", ERROR_TO(VIP, &cell_from_service), NO_SOCKET, 0},
		{"server", {.src = SERVER, .dst = CLIENT, .protocol = TCP}, NO_SOCKET, 0},
		{"tags", PACKET(.dst = LOCAL, .protocol = TCP, .tags = PRIORITY_THRICE), NO_SOCKET,
			0},
		{"ping", PACKET(.dst = VIP, .protocol = ICMP), KERNEL, 0},
		{"us", PACKET(.dst = LOCAL, .protocol = TCP), KERNEL, 0},
		{"lost", PACKET(.dst = LOST_VIP, .protocol = TCP), NOT_OWNED, 0},
	};

	thread_enter(&role_control);
	bench_remove_socket(*state);
	expect_cells(*state, cells, sizeof(cells) / sizeof(cells[0]));
}

static void before_any_set_everything_is_the_kernels(void **state)
{
	const struct cell_row *row_2 = cells_row(2);
	struct dp_services none = {0};
	struct bench *b = *state;
	struct frame f;

	thread_enter(&role_control);
	assert_int_equal(dp_xdp_set_services(b->xdp, &none), 0);
	assert_int_equal(dp_xdp_set_locals(b->xdp, NULL, 0), 0);
	for (size_t i = 0; i < row_2->n; i++) {
		frame_build(
			&row_2->cells[i].packet, row_2->cells[i].families == V6_ONLY ? 6 : 4, &f);
		expect(b, row_2->cells[i].name, 4, &f, KERNEL);
	}
}

/* Whatever else a packet is, these hold. */
static void check_claims(const struct bench *b, const struct packet *p, int family) ON_CONTROL;
static void check_claims(const struct bench *b, const struct packet *p, int family)
{
	bool is_to_service = p->dst == VIP && p->fragment != LATER &&
			     ((p->protocol == TCP && (p->dst_port == 80 || p->dst_port == 8005)) ||
				     (p->protocol == UDP && p->dst_port == 53));
	struct frame f;
	enum fate fate;

	frame_build(p, family, &f);
	fate = bench_ask(b, &f);
	assert_int_not_equal(fate, IMPOSSIBLE);
	if (p->tags > PRIORITY_TWICE) {
		assert_int_equal(fate, p->tags == PRIORITY_THRICE ? WORKER : KERNEL);
		return;
	}
	if (p->dst == LOST_VIP)
		assert_int_equal(fate, NOT_OWNED);
	else if (is_to_service)
		assert_int_equal(fate, WORKER);
	else
		assert_int_not_equal(fate, NOT_OWNED);
	if (p->dst == LOCAL || p->dst == LOCAL_NET || p->dst == BARE_VIP || p->dst >= LINK_LOCAL)
		assert_int_equal(fate, KERNEL);
	if (p->dst == SERVER && p->cut == 0 && (family == 4 || p->options <= 7))
		assert_int_equal(fate, WORKER);
}

static void claims_hold_for_random_packets(void **state)
{
	unsigned seed = (unsigned)time(NULL);

	thread_enter(&role_control);
	print_message("seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		struct packet p = cells_random_packet(&seed);

		check_claims(*state, &p, 4 + 2 * (i & 1));
	}
}

/* No bytes whatever make it fail; and it never changes a VIP's silence into noise. */
static void random_bytes_are_survived(void **state)
{
	unsigned seed = (unsigned)time(NULL);
	struct frame f;

	thread_enter(&role_control);
	print_message("seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		struct packet p = cells_random_packet(&seed);
		unsigned at;

		frame_build(&p, 4 + 2 * (i & 1), &f);
		at = 14 + cells_below(&seed, f.len - 14);
		f.bytes[at] = (uint8_t)rand_r(&seed);
		f.len = 14 + cells_below(&seed, f.len - 13);
		assert_int_not_equal(bench_ask(*state, &f), IMPOSSIBLE);
	}
}

static int set_up(void **state)
{
	static struct bench bench;

	thread_enter(&role_control);
	bench_open(&bench);
	bench_set_all(&bench);
	*state = &bench;
	return 0;
}

static int tear_down(void **state)
{
	thread_enter(&role_control);
	bench_close(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(row_1_a_vip_without_lease_is_silent),
		TEST(row_1_arp_for_a_vip_without_lease_is_not_answered),
		TEST(row_2_services_of_owned_vips_are_the_workers),
		TEST(row_4_icmp_errors_about_our_flows_are_the_workers),
		TEST(row_5_fragments_that_may_be_ours_are_the_workers),
		TEST(row_6_what_is_for_this_machine_is_the_kernels),
		TEST(row_7_traffic_of_servers_is_the_workers),
		TEST(row_8_everything_else_is_the_kernels),
		TEST(row_8_frames_that_are_no_plain_ip_are_the_kernels),
		TEST(priority_tags_are_taken_off_in_front_of_ip),
		TEST(ipv4_mapped_destination_is_not_the_vip),
		TEST(broken_ipv4_header_to_a_service_never_reaches_the_kernel),
		TEST(packet_that_ends_before_its_ports_never_reaches_the_kernel),
		TEST(frames_to_another_mac_are_the_kernels),
		TEST(without_a_socket_what_is_ours_is_dropped),
		TEST(before_any_set_everything_is_the_kernels),
		TEST(claims_hold_for_random_packets),
		TEST(random_bytes_are_survived),
	};
	const char *obstacle = bench_enter_namespace();

	if (obstacle) {
		(void)printf("skipped: %s\n", obstacle);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
