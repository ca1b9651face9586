/* Ports without an XDP program: what the decision table and the connections say together. The table
 * alone is compared with the XDP program in xdp/. */
#include "scene.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct packet_spec from_server = {.src = "198.51.100.11",
	.dst = RIG_CLIENT4,
	.src_port = 8080,
	.dst_port = 40000,
	.protocol = IPPROTO_TCP};

static struct packet segment(struct scene *s, struct packet_spec spec, uint8_t flags)
{
	spec.tcp_flags = flags;
	return scene_packet(s, spec);
}

/* To the MAC address of the servers' side. */
static struct packet answer(struct scene *s, uint8_t flags)
{
	struct packet p = segment(s, from_server, flags);

	p.bytes[5] = RIG_SERVER_SIDE;
	return p;
}

static void forward_one(struct scene *s, unsigned port, const struct packet *p)
{
	struct rig_out out;

	assert_int_equal(rig_decide(s->r, port, p, 1), 1);
	rig_expect_one(s->r, port == SCENE_PORT ? RIG_SERVER_SIDE : SCENE_PORT, &out);
}

/* Both ports without an XDP program. */
static void open_both(struct scene *s, const char *name)
{
	scene_open(s, name);
	s->r->w->setup.taps[RIG_SERVER_SIDE] = s->r->w->setup.taps[SCENE_PORT];
	rig_set_weights(s->r, RIG_TCP4, 1, 0);
}

/* And an established connection of RIG_CLIENT4:40000 with .11. */
static void open_with_connection(struct scene *s, const char *name)
{
	struct packet p;

	open_both(s, name);
	p = scene_packet(s, scene_to_service);
	forward_one(s, SCENE_PORT, &p);
	p = answer(s, DP_TCP_SYN | DP_TCP_ACK);
	forward_one(s, RIG_SERVER_SIDE, &p);
	p = segment(s, scene_to_service, DP_TCP_ACK);
	forward_one(s, SCENE_PORT, &p);
	assert_int_equal(rig_conn(s->r, 0)->state, DP_L4_ESTABLISHED);
}

/* ---- before and after the connection is known ------------------------------------------------ */

/* Only what is to the VIP asks for its lease (rows 1 and 7). */
static void a_known_connection_is_silent_without_its_lease(void **state)
{
	struct packet in, out;
	struct scene s;

	(void)state;
	open_with_connection(&s, __func__);
	in = segment(&s, scene_to_service, DP_TCP_ACK);
	out = answer(&s, DP_TCP_ACK);
	scene_own(&s, false);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(rig_decide(s.r, SCENE_PORT, &in, 1), 0);
		rig_expect_nothing(s.r);
		assert_int_equal(rig_drops(s.r, DP_DROP_VIP_NOT_OWNED), i);
		forward_one(&s, RIG_SERVER_SIDE, &out);
	}
	scene_own(&s, true);
	forward_one(&s, SCENE_PORT, &in);
	scene_expect_nothing_in_kernel(&s);
	scene_close(&s);
}

static void a_frame_for_another_machine_is_the_kernels_even_of_a_known_connection(void **state)
{
	struct packet in, out;
	struct scene s;

	(void)state;
	open_with_connection(&s, __func__);
	in = segment(&s, scene_to_service, DP_TCP_ACK);
	out = answer(&s, DP_TCP_ACK);
	for (unsigned byte = 0; byte < 6; byte++) {
		struct packet p = in;

		p.bytes[byte] ^= 0x40;
		assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 0);
		scene_expect_in_kernel(&s, &p);
		p = out;
		p.bytes[byte] ^= 0x40;
		assert_int_equal(rig_decide(s.r, RIG_SERVER_SIDE, &p, 1), 0);
		scene_expect_in_kernel(&s, &p);
	}
	rig_expect_nothing(s.r);
	forward_one(&s, SCENE_PORT, &in);
	forward_one(&s, RIG_SERVER_SIDE, &out);
	scene_close(&s);
}

/* The server's answer to a probe from 192.0.2.1:40000. */
static void expect_probes_answer_in_kernel(struct scene *s)
{
	struct packet p = answer(s, DP_TCP_SYN | DP_TCP_ACK);

	memcpy(p.bytes + PACKET_ETHER + 16, "\xc0\x00\x02\x01", 4);
	packet_fix_sums(&p);
	assert_int_equal(rig_decide(s->r, RIG_SERVER_SIDE, &p, 1), 0);
	scene_expect_in_kernel(s, &p);
}

/* An answer to this machine's own probe would be taken for an answer of that connection. */
static void refuse_local(const char *name, struct packet_spec spec, unsigned n_tags)
{
	struct packet p;
	struct scene s;

	open_both(&s, name);
	spec.src = "192.0.2.1";
	p = scene_packet(&s, spec);
	p = scene_tagged(&p, n_tags, 0);
	(void)rig_decide(s.r, SCENE_PORT, &p, 1);
	assert_int_equal(rig_connections(s.r), 0);
	rig_expect_nothing(s.r);
	assert_int_equal(rig_drops(s.r, DP_DROP_NOT_OURS), 1);
	scene_expect_nothing_in_kernel(&s);
	expect_probes_answer_in_kernel(&s);
	scene_close(&s);
}

static void a_plain_packet_from_an_address_of_this_machine_opens_nothing(void **state)
{
	static const struct packet_spec udp = {.dst = RIG_VIP4,
		.src_port = 40000,
		.dst_port = 53,
		.protocol = IPPROTO_UDP,
		.payload_len = 20};

	(void)state;
	refuse_local(__func__, scene_to_service, 0);
	refuse_local(__func__, udp, 0);
}

static void nor_does_one_with_options_or_tags(void **state)
{
	struct packet_spec options = scene_to_service;

	(void)state;
	options.option_words = 1;
	refuse_local(__func__, options, 0);
	refuse_local(__func__, scene_to_service, 1);
	refuse_local(__func__, options, 2);
}

/* ---- what is not plain ----------------------------------------------------------------------- */

struct odd_cell {
	struct packet_spec spec;
	enum dp_drop drop; // DP_KEEP: the kernel's
	bool is_answered;
};

static const struct odd_cell odd_cells[] = {
	{{RIG_CLIENT4, RIG_VIP4, 40000, 80, IPPROTO_TCP, .fragment = PACKET_MF, .payload_len = 16},
		DP_DROP_BAD_FRAGMENT, false},
	{{RIG_CLIENT4, RIG_VIP4, 40000, 80, IPPROTO_TCP, .fragment = 100, .payload_len = 16},
		DP_DROP_BAD_FRAGMENT, false},
	{{"198.51.100.11", RIG_CLIENT4, 8080, 40000, IPPROTO_TCP, .fragment = PACKET_MF},
		DP_DROP_BAD_FRAGMENT, false},
	{{RIG_CLIENT4, "192.0.2.1", 40000, 80, IPPROTO_TCP, .fragment = PACKET_MF}, DP_KEEP, false},
	{{"198.51.100.11", "192.0.2.1", 8080, 40000, IPPROTO_TCP, .fragment = PACKET_MF}, DP_KEEP,
		false},
	{{RIG_CLIENT4, RIG_VIP4, 40000, 80, IPPROTO_TCP, .tcp_flags = DP_TCP_SYN, .ttl = 1},
		DP_DROP_TTL_EXCEEDED, true},
	{{"198.51.100.11", RIG_CLIENT4, 8080, 40000, IPPROTO_TCP, .ttl = 1}, DP_DROP_TTL_EXCEEDED,
		true},
	{{RIG_CLIENT4, "192.0.2.1", 40000, 22, IPPROTO_TCP, .ttl = 1}, DP_KEEP, false},
	{{RIG_CLIENT4, RIG_VIP4, 40000, 22, IPPROTO_TCP, .ttl = 1}, DP_KEEP, false},
	{{RIG_CLIENT4, RIG_VIP4, 40000, 22, IPPROTO_TCP, .option_words = 2}, DP_KEEP, false},
	{{RIG_CLIENT4, RIG_VIP4, 0, 0, IPPROTO_ICMP, .icmp_type = 8}, DP_KEEP, false},
};

enum { N_ODD_CELLS = sizeof(odd_cells) / sizeof(odd_cells[0]), A_FRAGMENT = 0, A_LAST_HOP = 5 };

static void expect_odd(struct scene *s, const struct packet *p, enum dp_drop drop, bool is_answered)
{
	uint64_t before = rig_drops(s->r, drop);
	struct rig_out out;

	assert_int_equal(rig_decide(s->r, SCENE_PORT, p, 1), drop != DP_KEEP);
	if (drop == DP_KEEP)
		scene_expect_in_kernel(s, p);
	else
		assert_int_equal(rig_drops(s->r, drop), before + 1);
	if (is_answered)
		rig_expect_one(s->r, SCENE_PORT, &out);
	rig_expect_nothing(s->r);
	scene_expect_nothing_in_kernel(s);
}

static void fragments_and_the_last_hop_go_where_the_table_says(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	for (unsigned i = 0; i < N_ODD_CELLS; i++) {
		struct packet p = scene_packet(&s, odd_cells[i].spec);

		expect_odd(&s, &p, odd_cells[i].drop, odd_cells[i].is_answered);
	}
	assert_int_equal(rig_connections(s.r), 0);
	scene_close(&s);
}

static void icmp_errors_go_where_the_table_says(void **state)
{
	static const struct packet_spec error = {.src = RIG_CLIENT4,
		.dst = RIG_VIP4,
		.protocol = IPPROTO_ICMP,
		.icmp_type = 3,
		.payload_len = 28};
	static const struct {
		struct packet_spec quoted; // what the error is about
		enum dp_drop drop;
	} cells[] = {
		{{RIG_VIP4, RIG_CLIENT4, 80, 40000, IPPROTO_TCP, .ttl = 60}, DP_DROP_ICMP_ERROR},
		{{RIG_VIP4, RIG_CLIENT4, 53, 40000, IPPROTO_UDP, .ttl = 60}, DP_DROP_ICMP_ERROR},
		{{RIG_VIP4, RIG_CLIENT4, 22, 40000, IPPROTO_TCP, .ttl = 60}, DP_KEEP},
		{{RIG_CLIENT4, RIG_VIP4, 40000, 80, IPPROTO_TCP, .ttl = 60}, DP_KEEP},
	};
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct packet quoted = rig_packet(s.r, cells[i].quoted);
		struct packet p = scene_packet(&s, error);

		packet_quote(&p, quoted.bytes + PACKET_ETHER, 28);
		expect_odd(&s, &p, cells[i].drop, false);
	}
	scene_close(&s);
}

static void what_is_not_plain_asks_for_the_lease_too(void **state)
{
	unsigned n = 0;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	scene_own(&s, false);
	for (unsigned i = 0; i < N_ODD_CELLS; i++) {
		struct packet p = scene_packet(&s, odd_cells[i].spec);

		if (strcmp(odd_cells[i].spec.dst, RIG_VIP4) != 0)
			continue;
		assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 0);
		rig_expect_nothing(s.r);
		scene_expect_nothing_in_kernel(&s);
		assert_int_equal(rig_drops(s.r, DP_DROP_VIP_NOT_OWNED), ++n);
	}
	assert_true(n > 5);
	scene_close(&s);
}

/* ---- all at once ----------------------------------------------------------------------------- */

enum { N_KINDS = 8, N_ROUNDS = 3 };

/* One of each kind; `from` is a client port that nobody has used. */
static void make_kinds(struct scene *s, uint16_t from, struct packet *ret_packets)
{
	struct packet_spec opening = scene_to_service, local = scene_to_service;
	struct packet plain;

	opening.src_port = from;
	local.src = "192.0.2.1";
	plain = segment(s, opening, DP_TCP_ACK);
	ret_packets[0] = scene_packet(s, odd_cells[A_FRAGMENT].spec); // dropped
	ret_packets[1] = scene_packet(s, opening);
	ret_packets[2] = scene_packet(s, scene_to_us);
	ret_packets[3] = segment(s, scene_to_service, DP_TCP_ACK); // known
	ret_packets[4] = scene_packet(s, local);                   // dropped
	ret_packets[5] = scene_tagged(&plain, 1, 0);               // opened in this burst
	ret_packets[6] = segment(s, scene_to_service, DP_TCP_ACK);
	ret_packets[6].bytes[5] ^= 1;                                 // another machine's
	ret_packets[7] = scene_packet(s, odd_cells[A_LAST_HOP].spec); // answered
}

static void expect_kinds(struct scene *s, uint16_t from, const struct packet *packets)
{
	const uint16_t forwarded[] = {from, 40000, from};
	struct rig_out out;

	for (unsigned i = 0; i < 3; i++) {
		assert_true(rig_take(s->r, RIG_SERVER_SIDE, &out));
		assert_true(packet_has_right_sums(out.bytes, out.len));
		assert_int_equal(packet_get16(out.bytes + PACKET_ETHER + 20), forwarded[i]);
	}
	assert_true(rig_take(s->r, SCENE_PORT, &out)); // time exceeded
	scene_expect_in_kernel(s, &packets[2]);
	scene_expect_in_kernel(s, &packets[6]);
}

/* Each stage leaves gaps behind; order is kept on all ways out. */
static void a_burst_of_all_kinds_is_sorted_in_order(void **state)
{
	struct packet burst[N_ROUNDS * N_KINDS];
	struct scene s;

	(void)state;
	open_with_connection(&s, __func__);
	for (unsigned i = 0; i < N_ROUNDS; i++)
		make_kinds(&s, (uint16_t)(50000 + i), burst + i * N_KINDS);
	assert_int_equal(
		rig_decide(s.r, SCENE_PORT, burst, N_ROUNDS * N_KINDS), N_ROUNDS * (N_KINDS - 2));
	for (unsigned i = 0; i < N_ROUNDS; i++)
		expect_kinds(&s, (uint16_t)(50000 + i), burst + i * N_KINDS);
	rig_expect_nothing(s.r);
	scene_expect_nothing_in_kernel(&s);
	assert_int_equal(rig_drops(s.r, DP_DROP_BAD_FRAGMENT), N_ROUNDS);
	assert_int_equal(rig_drops(s.r, DP_DROP_NOT_OURS), N_ROUNDS);
	assert_int_equal(rig_drops(s.r, DP_DROP_TTL_EXCEEDED), N_ROUNDS);
	assert_int_equal(rig_connections(s.r), N_ROUNDS + 1);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_connection_is_silent_without_its_lease),
		cmocka_unit_test(
			a_frame_for_another_machine_is_the_kernels_even_of_a_known_connection),
		cmocka_unit_test(a_plain_packet_from_an_address_of_this_machine_opens_nothing),
		cmocka_unit_test(nor_does_one_with_options_or_tags),
		cmocka_unit_test(fragments_and_the_last_hop_go_where_the_table_says),
		cmocka_unit_test(icmp_errors_go_where_the_table_says),
		cmocka_unit_test(what_is_not_plain_asks_for_the_lease_too),
		cmocka_unit_test(a_burst_of_all_kinds_is_sorted_in_order),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
