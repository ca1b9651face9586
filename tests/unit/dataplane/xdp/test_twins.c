/* decide.c and the BPF program say the same about the same frames, whatever is in them. */
#include "tests/unit/dataplane/xdp/bench.h"
#include "tests/unit/dataplane/xdp/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct pair {
	struct bench bench;
	struct twin twin;
};

static void print_frame(const struct frame *f)
{
	for (unsigned i = 0; i < f->len && i < 160; i++)
		print_message("%02x%s", f->bytes[i], i % 16 == 15 ? "\n" : " ");
	print_message("\n");
}

static void compare(const struct pair *p, const struct frame *f, unsigned *fates)
{
	enum fate program = bench_ask(&p->bench, f), worker = twin_ask(&p->twin, f);

	if (program != worker) {
		print_frame(f);
		fail_msg("%u bytes: the program says %s, decide.c %s", f->len, fate_text(program),
			fate_text(worker));
	}
	fates[program]++;
}

static void check_mix(const unsigned *fates)
{
	for (enum fate i = KERNEL; i <= NOT_OWNED; i++) {
		print_message("%s: %u\n", fate_text(i), fates[i]);
		assert_true(fates[i] > 500);
	}
}

static void both_decide_alike_for_random_packets(void **state)
{
	unsigned seed = (unsigned)time(NULL), fates[IMPOSSIBLE + 1] = {0};
	struct frame f;

	print_message("seed %u\n", seed);
	for (int i = 0; i < 40000; i++) {
		struct packet p = cells_random_packet(&seed);

		frame_build(&p, 4 + 2 * (i & 1), &f);
		compare(*state, &f, fates);
	}
	check_mix(fates);
}

static void both_decide_alike_for_damaged_packets(void **state)
{
	unsigned seed = (unsigned)time(NULL), fates[IMPOSSIBLE + 1] = {0};
	struct frame f;

	print_message("seed %u\n", seed);
	for (int i = 0; i < 80000; i++) {
		struct packet p = cells_random_packet(&seed);

		frame_build(&p, 4 + 2 * (i & 1), &f);
		for (unsigned n = cells_below(&seed, 4); n > 0; n--)
			f.bytes[12 + cells_below(&seed, f.len - 12)] = (uint8_t)rand_r(&seed);
		if (cells_below(&seed, 4) == 0)
			f.len = 14 + cells_below(&seed, f.len - 13);
		compare(*state, &f, fates);
	}
	check_mix(fates);
}

static void both_decide_alike_for_frames_to_others(void **state)
{
	static const uint8_t macs[][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {0}};
	unsigned seed = (unsigned)time(NULL), fates[IMPOSSIBLE + 1] = {0};
	struct pair *both = *state;
	struct frame f;

	print_message("seed %u\n", seed);
	thread_enter(&role_control);
	for (unsigned m = 0; m < sizeof(macs) / sizeof(macs[0]); m++) {
		dp_xdp_set_mac(both->bench.xdp, 0, macs[m]);
		memcpy(both->twin.mac, macs[m], 6);
		for (int i = 0; i < 4000; i++) {
			struct packet p = cells_random_packet(&seed);

			frame_build(&p, 4 + 2 * (i & 1), &f);
			compare(both, &f, fates);
		}
	}
	check_mix(fates);
}

static void both_decide_alike_for_arp(void **state)
{
	unsigned seed = (unsigned)time(NULL), fates[IMPOSSIBLE + 1] = {0};
	struct frame f;

	print_message("seed %u\n", seed);
	for (int i = 0; i < 5000; i++) {
		frame_build_arp((uint16_t)(1 + i % 2), cells_below(&seed, N_WHO),
			cells_below(&seed, N_WHO), &f);
		frame_tag(&f, i % 5 ? NO_TAG : cells_below(&seed, N_TAGS));
		if (i % 3 == 0)
			f.bytes[14 + cells_below(&seed, 28)] = (uint8_t)rand_r(&seed);
		if (i % 7 == 0)
			f.len -= cells_below(&seed, 20);
		compare(*state, &f, fates);
	}
	assert_true(fates[NOT_OWNED] > 100 && fates[KERNEL] > 100);
}

static int set_up(void **state)
{
	static struct pair pair;

	thread_enter(&role_control);
	bench_open(&pair.bench);
	bench_set_all(&pair.bench);
	twin_init(&pair.twin);
	*state = &pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	thread_enter(&role_control);
	bench_close(&pair->bench);
	twin_fini(&pair->twin);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_decide_alike_for_random_packets),
		cmocka_unit_test(both_decide_alike_for_damaged_packets),
		cmocka_unit_test(both_decide_alike_for_frames_to_others),
		cmocka_unit_test(both_decide_alike_for_arp),
	};
	const char *obstacle = bench_enter_namespace();

	if (obstacle) {
		(void)printf("skipped: %s\n", obstacle);
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
