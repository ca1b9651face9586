/* Whole bursts at random: flows of all kinds in all states, some packets with bytes changed or
 * cut off, tables and weights republished in between. After each burst the account balances, no
 * buffer is lost, and the gauges equal a count of the records (rig.c checks that); what leaves
 * has right sums if what came had, and shows no server's address to a client of a service. */
#include "dataplane/parse.h"

#include "rig.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const clients4[] = {
	RIG_CLIENT4, RIG_FAR4, "192.0.2.77", "198.51.100.11", "198.51.100.77", "0.0.0.0"};
static const char *const clients6[] = {
	RIG_CLIENT6, RIG_FAR6, "2001:db8:1::77", "2001:db8:2::11", "3fff::1", "::"};
static const char *const insides4[] = {
	RIG_VIP4, RIG_VIP4, RIG_VIP4, RIG_OTHER_VIP4, "198.51.100.11", "198.51.100.12"};
static const char *const insides6[] = {
	RIG_VIP6, RIG_VIP6, RIG_VIP6, "2001:db8:2::12", "2001:db8:2::11", "2001:db8:2::20"};
static const uint16_t ports[] = {80, 80, 53, 53, 81, 54, 82, 83, 8000, 8001, 8080, 5353, 22};
static const uint8_t flags[] = {DP_TCP_SYN, DP_TCP_SYN, DP_TCP_SYN, DP_TCP_ACK, DP_TCP_ACK,
	DP_TCP_FIN | DP_TCP_ACK, DP_TCP_SYN | DP_TCP_ACK, DP_TCP_RST, 0x18, 0xff, 0};
static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP,
	IPPROTO_ICMP, IPPROTO_ICMPV6, 47};
static const uint8_t extensions[9] = {0, 60, 43, 60, 60, 43, 60, 60, 60};

#define PICK(r, list) ((list)[seeded_below(&(r)->random, sizeof(list) / sizeof((list)[0]))])

static struct packet_spec random_spec(struct rig *r, bool is_inbound)
{
	bool v4 = seeded_below(&r->random, 2), is_rare = seeded_below(&r->random, 8) == 0;
	const char *client = v4 ? PICK(r, clients4) : PICK(r, clients6);
	const char *inside = v4 ? PICK(r, insides4) : PICK(r, insides6);
	uint16_t client_port = (uint16_t)(1000 + seeded_below(&r->random, 6));
	uint16_t port = PICK(r, ports);

	return (struct packet_spec){
		.src = is_inbound ? client : inside,
		.dst = is_inbound ? inside : client,
		.src_port = is_inbound ? client_port : port,
		.dst_port = is_inbound ? port : client_port,
		.protocol = PICK(r, protocols),
		.tcp_flags = PICK(r, flags),
		.icmp_type = (uint8_t)seeded_below(&r->random, 256),
		.ttl = (uint8_t)(is_rare ? 1 : 0),
		.payload_len = seeded_below(&r->random, is_rare ? 1600 : 60),
		.option_words = v4 && is_rare ? seeded_below(&r->random, 11) : 0,
		.tcp_option_words = seeded_below(&r->random, 5),
		.extensions = extensions,
		.n_extensions = !v4 && is_rare ? seeded_below(&r->random, 10) : 0,
		.has_fragment_header = !v4 && seeded_below(&r->random, 40) == 0,
		.fragment = is_rare ? (uint16_t)seeded_below(&r->random, 65536) & 0x7fff : 0,
		.has_no_udp_sum = v4 && seeded_below(&r->random, 10) == 0,
		.padding = seeded_below(&r->random, 4) == 0 ? seeded_below(&r->random, 30) : 0,
	};
}

/* True if it is still a packet as one could be sent. */
static bool mutate(struct rig *r, struct packet *p)
{
	bool is_whole = true;

	if (seeded_below(&r->random, 4) == 0) {
		for (unsigned n = 1 + seeded_below(&r->random, 4); n > 0; n--)
			p->bytes[seeded_below(&r->random, p->len)] =
				(uint8_t)seeded_below(&r->random, 256);
		is_whole = false;
	}
	if (seeded_below(&r->random, 16) == 0) {
		p->len = seeded_below(&r->random, p->len + 1);
		is_whole = false;
	}
	return is_whole;
}

/* Answers of a service leave with the VIP's address, or not at all. */
static void check_source(struct rig *r, const struct rig_out *out)
{
	struct dp_parsed p;

	if (dp_parse_frame(out->bytes, out->len, &p) != DP_KEEP || p.is_fragment)
		return;
	assert_false(dp_services_has_endpoint(r->services, &p.src, p.protocol, p.src_port) &&
		     (p.protocol == IPPROTO_TCP || p.protocol == IPPROTO_UDP));
}

static void check_output(struct rig *r, bool is_whole)
{
	struct rig_out out;

	for (unsigned port = 0; port < RIG_PORTS; port++)
		while (rig_take(r, port, &out)) {
			if (is_whole)
				assert_true(packet_has_right_sums(out.bytes, out.len));
			if (port == RIG_CLIENT_SIDE)
				check_source(r, &out);
		}
}

static void random_change(struct rig *r)
{
	uint16_t first = (uint16_t)seeded_below(&r->random, 4);

	switch (seeded_below(&r->random, 40)) {
	case 0:
		r->is_resolved = !r->is_resolved;
		rig_publish(r);
		rig_pending(r, true);
		break;
	case 1:
		r->mtu[seeded_below(&r->random, 2)] = 500 + seeded_below(&r->random, 1200);
		rig_publish(r);
		break;
	case 2:
		rig_set_weights(r, seeded_below(&r->random, RIG_UNRESOLVED4), first,
			(uint16_t)seeded_below(&r->random, 4));
		break;
	case 3:
		rig_pass_time(r, seeded_below(&r->random, 100000));
		rig_sweep(r);
		break;
	case 4:
		rig_set_down(r, seeded_below(&r->random, RIG_UNRESOLVED4), first % 3 - 1);
		break;
	default:
		rig_pass_time(r, seeded_below(&r->random, 200));
		rig_pending(r, false);
	}
}

static void run(struct rig *r, unsigned n_bursts)
{
	struct packet *burst = calloc(DP_BURST, sizeof(*burst));

	assert_non_null(burst);
	for (unsigned i = 0; i < n_bursts; i++) {
		unsigned n = seeded_below(&r->random, DP_BURST + 1);
		unsigned port = seeded_below(&r->random, RIG_PORTS);
		bool is_whole = true, may_mutate = seeded_below(&r->random, 2);

		for (unsigned k = 0; k < n; k++) {
			burst[k] = rig_packet(r, random_spec(r, port == RIG_CLIENT_SIDE));
			if (may_mutate && !mutate(r, &burst[k]))
				is_whole = false;
		}
		rig_send_burst(r, port, burst, n);
		check_output(r, is_whole);
		random_change(r);
		check_output(r, false); // what waited may have been changed
	}
	free(burst);
}

static void random_bursts_never_break_the_account(void **state)
{
	struct rig *r = rig_new(__func__);
	unsigned n_reasons = 0;

	(void)state;
	run(r, 30000);
	// the test saw nearly all there is to see
	for (int why = DP_KEEP + 1; why < DP_N_DROPS; why++)
		n_reasons += rig_drops(r, (enum dp_drop)why) > 0;
	assert_true(n_reasons >= 12);
	assert_true(r->w->counters.opened > 1000 && r->w->counters.generated > 1000);
	rig_pass_time(r, 1000000);
	rig_pending(r, true);
	rig_sweep(r);
	assert_int_equal(rig_connections(r), 0);
	for (unsigned i = 0; i < r->services->n_servers; i++)
		assert_int_equal(r->w->servers[i].established | r->w->servers[i].closing, 0);
	rig_free(r);
}

/* The same in a table of eight: full, refusing and reusing all the time. */
static void random_bursts_on_a_tiny_table_never_break_the_account(void **state)
{
	struct rig *r = rig_new(__func__);

	(void)state;
	r->random.state++;
	rig_resize(r, 8, 8);
	run(r, 10000);
	assert_true(rig_drops(r, DP_DROP_TABLE_FULL) > 0);
	rig_free(r);
}

/* Bytes that were never a packet. */
static void noise_is_dropped_or_routed_and_always_counted(void **state)
{
	struct rig *r = rig_new(__func__);
	struct packet *burst = calloc(DP_BURST, sizeof(*burst));

	(void)state;
	assert_non_null(burst);
	for (unsigned i = 0; i < 3000; i++) {
		for (unsigned k = 0; k < DP_BURST; k++) {
			burst[k].len = seeded_below(&r->random, 200);
			for (unsigned at = 0; at < burst[k].len; at++)
				burst[k].bytes[at] = (uint8_t)seeded_below(&r->random, 256);
			if (burst[k].len > 15 && seeded_below(&r->random, 2)) {
				packet_put16(burst[k].bytes + 12, k % 2 ? 0x0800 : 0x86dd);
				burst[k].bytes[14] = k % 2 ? 0x45 : 0x60;
			}
		}
		rig_send_burst(r, i % 2, burst, DP_BURST);
		rig_drop_output(r);
	}
	free(burst);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bursts_never_break_the_account),
		cmocka_unit_test(random_bursts_on_a_tiny_table_never_break_the_account),
		cmocka_unit_test(noise_is_dropped_or_routed_and_always_counted),
	};

	return cmocka_run_group_tests(tests, rig_start_eal, rig_stop_eal);
}
