/* The decision table of docs/xdp.md, row by row, as workers decide for ports without an XDP
 * program; and the local addresses that it asks for. No root needed: test_twins.c then compares
 * with the BPF program. */
#include "dataplane/decide.h"
#include "tests/unit/dataplane/xdp/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void expect(
	const struct twin *t, const char *name, int family, const struct frame *f, enum fate fate)
{
	enum fate is = twin_ask(t, f);

	if (is != fate)
		fail_msg("IPv%d, %s: %s, expected: %s", family, name, fate_text(is),
			fate_text(fate));
}

static void expect_row(const struct twin *t, const struct cell_row *row)
{
	struct frame f;

	for (size_t i = 0; i < row->n; i++) {
		const struct cell *c = &row->cells[i];

		for (int family = 4; family <= 6; family += 2) {
			if (c->families == (family == 4 ? V6_ONLY : V4_ONLY))
				continue;
			frame_build(&c->packet, family, &f);
			expect(t, c->name, family, &f, c->fate);
		}
	}
}

static void every_cell_of_the_table_holds(void **state)
{
	for (unsigned row = 1; row <= 8; row++)
		if (cells_row(row))
			expect_row(*state, cells_row(row));
}

static void arp_for_a_lost_vip_is_not_answered(void **state)
{
	struct frame f;

	for (size_t i = 0; i < CELL_ARPS; i++) {
		cells_build_arp(&cells_arps[i], &f);
		expect(*state, cells_arps[i].name, 4, &f, cells_arps[i].fate);
	}
}

static void a_lease_of_now_is_over(void **state)
{
	static const struct packet plain = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80);
	struct twin t = *(const struct twin *)*state;
	struct frame f;

	frame_build(&plain, 4, &f);
	expect(&t, "owned", 4, &f, WORKER);
	t.leases[0] = t.leases[1];
	expect(&t, "over", 4, &f, NOT_OWNED);
	t.leases[0] = 0;
	expect(&t, "withdrawn", 4, &f, NOT_OWNED);
}

static void frames_to_another_mac_are_the_kernels(void **state)
{
	static const struct packet ours = PACKET(.dst = VIP, .protocol = TCP, .dst_port = 80);
	static const struct packet lost = PACKET(.dst = LOST_VIP, .protocol = TCP);
	struct twin t = *(const struct twin *)*state;
	struct frame f;

	frame_build(&ours, 6, &f);
	memcpy(t.mac, f.bytes, sizeof(t.mac));
	expect(&t, "to our MAC", 6, &f, WORKER);
	f.bytes[5] ^= 1;
	expect(&t, "to another MAC", 6, &f, KERNEL);
	memset(f.bytes, 0xff, 6);
	expect(&t, "to every MAC", 6, &f, KERNEL);
	memcpy(f.bytes, t.mac, sizeof(t.mac));
	frame_tag(&f, PRIORITY);
	expect(&t, "tagged, to our MAC", 6, &f, WORKER);
	f.bytes[5] ^= 1;
	expect(&t, "tagged, to another MAC", 6, &f, KERNEL);
	frame_build(&lost, 4, &f);
	f.bytes[5] ^= 1;
	expect(&t, "lost VIP, another MAC", 4, &f, NOT_OWNED);
}

/* ---- local addresses ------------------------------------------------------------------------- */

static struct addr random_addr(unsigned *seed)
{
	struct addr a = {.halves = {0, 0}};

	if (cells_below(seed, 2))
		a = addr_from_v4((be32)(10 | cells_below(seed, 4) << 24));
	else
		a.bytes[0] = 0x20;
	// few values, so that prefixes nest and addresses hit
	a.bytes[13] = (uint8_t)cells_below(seed, 4);
	a.bytes[15] = (uint8_t)cells_below(seed, 4);
	return a;
}

static struct prefix random_prefix(unsigned *seed)
{
	struct prefix p = {.addr = random_addr(seed)};

	p.length_bits = (uint8_t)(addr_is_v4(&p.addr) ? 96 + cells_below(seed, 33)
						      : cells_below(seed, 129));
	for (unsigned i = p.length_bits; i < 128; i++)
		p.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return p;
}

static bool is_in_one(const struct prefix *list, unsigned n, const struct addr *a)
{
	for (unsigned i = 0; i < n; i++) {
		bool is_v4 = addr_is_v4(&list[i].addr) && list[i].length_bits >= 96;

		// the unspecified address is nobody's; row 6 has it by itself
		if (is_v4 == addr_is_v4(a) && prefix_contains(&list[i], a) &&
			!addr_is_unspecified(a))
			return true;
	}
	return false;
}

static void locals_are_those_of_the_list(void **state)
{
	unsigned seed = (unsigned)time(NULL), n_hits = 0;
	struct prefix list[16];

	(void)state;
	print_message("seed %u\n", seed);
	for (int round = 0; round < 2000; round++) {
		unsigned n = cells_below(&seed, 17);
		struct dp_local_part *p;

		for (unsigned i = 0; i < n; i++)
			list[i] = random_prefix(&seed);
		p = dp_locals_new(list, n);
		assert_non_null(p);
		for (int i = 0; i < 50; i++) {
			struct addr a = random_addr(&seed);
			bool is_local = is_in_one(list, n, &a);

			n_hits += is_local;
			assert_int_equal(dp_locals_has(p, &a), is_local);
		}
		dp_locals_put(p);
	}
	assert_true(n_hits > 1000 && n_hits < 99000); // the test sees both
}

static int set_up(void **state)
{
	static struct twin twin;

	twin_init(&twin);
	*state = &twin;
	return 0;
}

static int tear_down(void **state)
{
	twin_fini(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_the_table_holds),
		cmocka_unit_test(arp_for_a_lost_vip_is_not_answered),
		cmocka_unit_test(a_lease_of_now_is_over),
		cmocka_unit_test(frames_to_another_mac_are_the_kernels),
		cmocka_unit_test(locals_are_those_of_the_list),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
