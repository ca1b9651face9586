/* Times that are taken of passing traffic: of a packet in 256, and of every handshake. */
#include "dataplane/timing.h"

#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS_ERROR = 30 }; // what the clock of milliseconds may be wrong by

static uint64_t count_of(const uint64_t *buckets, unsigned n)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < n; i++)
		count += buckets[i];
	return count;
}

/* ---- pure ----------------------------------------------------------------------------------- */

static void two_clocks_tell_the_time_that_one_cannot(void **state)
{
	struct seeded random = seeded_new("two clocks");

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t us = seeded_below(&random, i % 2 ? 200000 : 100000000);
		int32_t ms = (int32_t)(us / 1000) - MS_ERROR +
			     (int32_t)seeded_below(&random, 2 * MS_ERROR + 1);
		uint16_t from = (uint16_t)seeded_below(&random, 65536);

		assert_int_equal(dp_timing_passed_us(
					 (uint32_t)(ms < 0 ? 0 : ms), from, (uint16_t)(from + us)),
			us);
	}
}

/* Both sides of every bound, and the ends of the range. */
static void a_bound_belongs_to_the_bucket_below_it(void **state)
{
	(void)state;
	assert_int_equal(dp_timing_bucket(0), 0);
	for (unsigned i = 0; i < DP_N_HANDSHAKE_BUCKETS - 1; i++) {
		assert_int_equal(dp_timing_bucket(dp_timing_handshake_us[i]), i);
		assert_int_equal(dp_timing_bucket(dp_timing_handshake_us[i] + 1), i + 1);
	}
	assert_int_equal(dp_timing_bucket(UINT64_MAX), DP_N_HANDSHAKE_BUCKETS - 1);
}

static void bounds_rise(void **state)
{
	(void)state;
	for (unsigned i = 1; i < DP_N_LATENCY_BUCKETS - 1; i++)
		assert_true(dp_timing_latency_ns[i] > dp_timing_latency_ns[i - 1]);
	for (unsigned i = 1; i < DP_N_HANDSHAKE_BUCKETS - 1; i++)
		assert_true(dp_timing_handshake_us[i] > dp_timing_handshake_us[i - 1]);
}

/* ---- handshakes ----------------------------------------------------------------------------- */

struct side {
	const char *client, *vip;
	enum rig_service service;
};

static const struct side sides[] = {
	{RIG_CLIENT4, RIG_VIP4, RIG_TCP4}, {RIG_CLIENT6, RIG_VIP6, RIG_TCP6}};

static void send_in(struct rig *r, const struct side *s, uint8_t flags)
{
	struct packet p = rig_packet(r, (struct packet_spec){s->client, s->vip, 40000, 80,
						IPPROTO_TCP, .tcp_flags = flags});

	rig_send(r, RIG_CLIENT_SIDE, &p);
	rig_drop_output(r);
}

static void send_out(struct rig *r, const struct side *s, uint8_t flags)
{
	struct packet p = rig_packet(r, (struct packet_spec){rig_server_text(r, 0), s->client, 8080,
						40000, IPPROTO_TCP, .tcp_flags = flags});

	rig_send(r, RIG_SERVER_SIDE, &p);
	rig_drop_output(r);
}

/* The clock of microseconds is the machine's here and the other the test's, so the time is known
 * to 33 ms. */
static void a_handshake_is_timed_from_the_first_syn_to_the_first_answer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig *r = rig_new("handshake");
		const struct side *s = &sides[i];
		const uint64_t *buckets;
		uint32_t server;

		send_in(r, s, DP_TCP_SYN);
		server = rig_conn(r, 0)->server;
		buckets = r->w->handshakes[server].buckets;
		rig_pass_time(r, 200);
		send_in(r, s, DP_TCP_SYN); // sent again
		rig_pass_time(r, 300);
		assert_int_equal(count_of(buckets, DP_N_HANDSHAKE_BUCKETS), 0);
		send_out(r, s, DP_TCP_SYN | DP_TCP_ACK);
		send_out(r, s, DP_TCP_SYN | DP_TCP_ACK); // sent again
		send_in(r, s, DP_TCP_ACK);
		assert_int_equal(buckets[DP_N_HANDSHAKE_BUCKETS - 2], 1);
		assert_int_equal(count_of(buckets, DP_N_HANDSHAKE_BUCKETS), 1);
		assert_in_range(r->w->servers[server].handshake_us, 467000, 533000);
		rig_free(r);
	}
}

static void a_refusal_is_no_handshake(void **state)
{
	struct rig *r = rig_new("refusal");
	uint32_t server;

	(void)state;
	send_in(r, &sides[0], DP_TCP_SYN);
	server = rig_conn(r, 0)->server;
	send_out(r, &sides[0], DP_TCP_RST | DP_TCP_ACK);
	assert_int_equal(count_of(r->w->handshakes[server].buckets, DP_N_HANDSHAKE_BUCKETS), 0);
	rig_free(r);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void one_packet_in_many_is_timed_until_it_has_left(void **state)
{
	struct rig *r = rig_new("one in many");
	struct dp_forward_times *t = &r->w->times;

	(void)state;
	for (unsigned i = 1; i < DP_TIMED_EACH; i++) {
		send_in(r, &sides[0], i == 1 ? DP_TCP_SYN : 0);
		assert_int_equal(t->since_tsc, 0);
	}
	// does not get all out: still under way
	for (unsigned i = 0; i < 2; i++) {
		struct packet p = rig_packet(r, (struct packet_spec){RIG_CLIENT4, RIG_VIP4, 40000,
							80, IPPROTO_TCP, .tcp_flags = DP_TCP_ACK});

		rig_send(r, RIG_CLIENT_SIDE, &p);
		dp_timing_end(r->w);
		assert_int_not_equal(t->since_tsc, 0);
	}
	rig_drop_output(r);
	dp_timing_end(r->w);
	assert_int_equal(t->since_tsc, 0);
	assert_int_equal(count_of(t->buckets, DP_N_LATENCY_BUCKETS), 1);
	assert_true(t->sum_tsc > 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_clocks_tell_the_time_that_one_cannot),
		cmocka_unit_test(a_bound_belongs_to_the_bucket_below_it),
		cmocka_unit_test(bounds_rise),
		cmocka_unit_test(a_handshake_is_timed_from_the_first_syn_to_the_first_answer),
		cmocka_unit_test(a_refusal_is_no_handshake),
		cmocka_unit_test(one_packet_in_many_is_timed_until_it_has_left),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
