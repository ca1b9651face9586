/* Between a port and its TAP: what is whose, byte by byte, the limits, and the account. A pair of
 * sockets stands for the TAP. */
#include "scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_cycles.h>

static void what_is_the_kernels_arrives_there_unchanged_and_in_order(void **state)
{
	struct packet burst[3];
	struct rig_out out;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	burst[0] = scene_packet(&s, scene_to_us);
	burst[1] = scene_packet(&s, scene_to_service);
	burst[2] = scene_packet(&s, scene_to_us);
	assert_int_equal(rig_decide(s.r, SCENE_PORT, burst, 3), 1);
	scene_expect_in_kernel(&s, &burst[0]);
	scene_expect_in_kernel(&s, &burst[2]);
	scene_expect_nothing_in_kernel(&s);
	rig_expect_one(s.r, RIG_SERVER_SIDE, &out);
	assert_int_equal(s.r->w->counters.punted, 2);
	scene_close(&s);
}

static void priority_tagged_packets_are_served_without_their_tags(void **state)
{
	struct packet burst[3], plain;
	struct rig_out out;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	plain = scene_packet(&s, scene_to_service);
	burst[0] = plain;
	burst[1] = scene_tagged(&plain, 1, 0);
	burst[2] = scene_tagged(&plain, 2, 0);
	assert_int_equal(rig_decide(s.r, SCENE_PORT, burst, 3), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(rig_take(s.r, RIG_SERVER_SIDE, &out));
		assert_int_equal(out.len, plain.len);
		assert_int_equal(packet_get16(out.bytes + 12), 0x0800);
		assert_true(packet_has_right_sums(out.bytes, out.len));
	}
	assert_int_equal(rig_connections(s.r), 1);
	scene_expect_nothing_in_kernel(&s);
	scene_close(&s);
}

static void tagged_packets_for_the_kernel_and_those_of_vlans_keep_their_tags(void **state)
{
	struct packet plain, burst[2];
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	plain = scene_packet(&s, scene_to_us);
	burst[0] = scene_tagged(&plain, 1, 0);
	plain = scene_packet(&s, scene_to_service);
	burst[1] = scene_tagged(&plain, 1, 7);
	assert_int_equal(rig_decide(s.r, SCENE_PORT, burst, 2), 0);
	scene_expect_in_kernel(&s, &burst[0]);
	scene_expect_in_kernel(&s, &burst[1]);
	scene_expect_nothing_in_kernel(&s);
	scene_close(&s);
}

static void no_number_of_tags_leads_around_a_lease(void **state)
{
	struct packet plain, p;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	scene_own(&s, false);
	plain = scene_packet(&s, scene_to_service);
	for (unsigned n = 1; n <= 8; n++) {
		p = scene_tagged(&plain, n, 0);
		(void)rig_decide(s.r, SCENE_PORT, &p, 1);
	}
	assert_int_equal(rig_drops(s.r, DP_DROP_VIP_NOT_OWNED), 2);
	assert_int_equal(rig_drops(s.r, DP_DROP_NOT_OURS), 6);
	scene_expect_nothing_in_kernel(&s);
	rig_expect_nothing(s.r);
	scene_close(&s);
}

static void a_port_without_a_tap_decides_nothing(void **state)
{
	struct packet p;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	p = scene_packet(&s, scene_to_us);
	assert_int_equal(rig_decide(s.r, RIG_SERVER_SIDE, &p, 1), 1);
	assert_int_equal(rig_drops(s.r, DP_DROP_NOT_OURS), 1);
	assert_int_equal(s.r->w->counters.punted, 0);
	scene_close(&s);
}

static void a_vip_that_is_not_owned_is_silent(void **state)
{
	struct packet p;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	scene_own(&s, false);
	p = scene_packet(&s, scene_to_service);
	assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 0);
	assert_int_equal(rig_drops(s.r, DP_DROP_VIP_NOT_OWNED), 1);
	scene_expect_nothing_in_kernel(&s);
	rig_expect_nothing(s.r);
	scene_own(&s, true);
	p = scene_packet(&s, scene_to_service);
	assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 1);
	rig_drop_output(s.r);
	scene_close(&s);
}

static void what_the_kernel_does_not_take_is_counted(void **state)
{
	struct scene s;
	unsigned n = 0;

	(void)state;
	scene_open(&s, __func__);
	// until the socket's queue is full
	while (rig_drops(s.r, DP_DROP_PUNT_FULL) == 0 && n < 100000) {
		struct packet p = scene_packet(&s, scene_to_us);

		assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 0);
		n++;
	}
	assert_int_equal(s.r->w->counters.punted, n - 1);
	scene_close(&s);
}

static void packets_for_the_kernel_are_limited_and_the_limit_refills(void **state)
{
	struct scene s;
	struct packet p;

	(void)state;
	scene_open(&s, __func__);
	s.r->w->punt_limit =
		(struct dp_limiter){.per_second = 1000, .tokens = 1, .at_ms = s.r->w->now_ms};
	for (int i = 0; i < 3; i++) {
		p = scene_packet(&s, scene_to_us);
		assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 0);
	}
	assert_int_equal(s.r->w->counters.punted, 1);
	assert_int_equal(rig_drops(s.r, DP_DROP_PUNT_LIMITED), 2);
	rig_pass_time(s.r, 2);
	for (int i = 0; i < 3; i++) {
		p = scene_packet(&s, scene_to_us);
		assert_int_equal(rig_decide(s.r, SCENE_PORT, &p, 1), 0);
	}
	assert_int_equal(s.r->w->counters.punted, 3);
	assert_int_equal(rig_drops(s.r, DP_DROP_PUNT_LIMITED), 3);
	scene_close(&s);
}

static void what_the_kernel_sends_leaves_unchanged_and_in_order(void **state)
{
	struct packet sent[40];
	struct rig_out out;
	struct scene s;

	(void)state;
	scene_open(&s, __func__);
	s.r->w->setup.tsc_hz = rte_get_tsc_hz();
	assert_int_equal(dp_inject(s.r->w, false), 0);
	for (unsigned i = 0; i < 40; i++) {
		sent[i] = scene_packet(&s, scene_to_us);
		assert_int_equal(
			write(s.ends[SCENE_KERNEL], sent[i].bytes, sent[i].len), sent[i].len);
	}
	// it was looked at just now: not again at once
	s.r->w->inject_at_tsc = rte_rdtsc() + s.r->w->setup.tsc_hz;
	assert_int_equal(dp_inject(s.r->w, false), 0);
	s.r->w->inject_at_tsc = rte_rdtsc();
	assert_int_equal(dp_inject(s.r->w, false), DP_BURST);
	assert_int_equal(dp_inject(s.r->w, false), 40 - DP_BURST); // at once, as there was more
	for (unsigned i = 0; i < 40; i++) {
		assert_true(rig_take(s.r, SCENE_PORT, &out));
		assert_int_equal(out.len, sent[i].len);
		assert_memory_equal(out.bytes, sent[i].bytes, out.len);
	}
	assert_int_equal(s.r->w->counters.injected, 40);
	rig_expect_nothing(s.r);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_kernels_arrives_there_unchanged_and_in_order),
		cmocka_unit_test(priority_tagged_packets_are_served_without_their_tags),
		cmocka_unit_test(tagged_packets_for_the_kernel_and_those_of_vlans_keep_their_tags),
		cmocka_unit_test(no_number_of_tags_leads_around_a_lease),
		cmocka_unit_test(a_port_without_a_tap_decides_nothing),
		cmocka_unit_test(a_vip_that_is_not_owned_is_silent),
		cmocka_unit_test(what_the_kernel_does_not_take_is_counted),
		cmocka_unit_test(packets_for_the_kernel_are_limited_and_the_limit_refills),
		cmocka_unit_test(what_the_kernel_sends_leaves_unchanged_and_in_order),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
