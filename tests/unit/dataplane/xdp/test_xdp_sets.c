/* Leases, and sets that replace each other while packets come. */
#include "tests/unit/dataplane/xdp/bench.h"

#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct frame to_port(enum who vip, int family, uint8_t protocol, uint16_t port)
{
	struct packet p = {.src = CLIENT, .dst = vip, .protocol = protocol, .dst_port = port};
	struct frame f;

	frame_build(&p, family, &f);
	return f;
}

static enum fate ask_port(
	const struct bench *b, enum who vip, int family, uint16_t port) ON_CONTROL;
static enum fate ask_port(const struct bench *b, enum who vip, int family, uint16_t port)
{
	struct frame f = to_port(vip, family, TCP, port);

	return bench_ask(b, &f);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void lease_runs_out_by_itself(void **state)
{
	struct bench *b = *state;
	uint64_t start, end;

	thread_enter(&role_control);
	start = now_ms();
	dp_xdp_lease_renew(b->xdp, 0, 50);
	assert_int_equal(ask_port(b, VIP, 4, 80), WORKER);
	while (ask_port(b, VIP, 4, 80) == WORKER && now_ms() < start + 5000)
		;
	end = now_ms();
	assert_in_range(end - start, 49, 4999);
	assert_int_equal(ask_port(b, VIP, 6, 80), NOT_OWNED);
	assert_int_equal(ask_port(b, VIP, 4, 22), NOT_OWNED);
	dp_xdp_lease_renew(b->xdp, 0, 5000);
	assert_int_equal(ask_port(b, VIP, 4, 80), WORKER);
}

static void lease_of_one_owner_says_nothing_of_another(void **state)
{
	struct bench *b = *state;

	thread_enter(&role_control);
	dp_xdp_lease_renew(b->xdp, 1, 5000);
	dp_xdp_lease_withdraw(b->xdp, 0);
	assert_int_equal(ask_port(b, VIP, 4, 80), NOT_OWNED);
	assert_int_equal(ask_port(b, LOST_VIP, 4, 80), WORKER);
	dp_xdp_lease_renew(b->xdp, 0, 0);
	assert_int_equal(ask_port(b, VIP, 4, 80), NOT_OWNED);
	dp_xdp_lease_renew(b->xdp, DP_MAX_OWNERS - 1, 5000);
	assert_int_equal(ask_port(b, VIP, 4, 80), NOT_OWNED);
}

static struct dp_services one_vip(
	struct dp_vip *vip, const struct dp_frontend *fronts, unsigned n_frontends)
{
	*vip = (struct dp_vip){cells_addr(VIP, 4), 0};
	return (struct dp_services){
		.vips = vip, .n_vips = 1, .frontends = fronts, .n_frontends = n_frontends};
}

static void set_replaces_all_of_the_last_one(void **state)
{
	struct bench *b = *state;
	struct dp_vip vip;
	struct dp_frontend front = {cells_addr(VIP, 4), TCP, 8005, 9000, 0};
	struct dp_services set = one_vip(&vip, &front, 1);
	struct packet from_server = {.src = SERVER, .dst = CLIENT, .protocol = TCP};
	struct frame f = to_port(VIP, 4, UDP, 53);

	thread_enter(&role_control);
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), 0);
	assert_int_equal(ask_port(b, VIP, 4, 80), KERNEL);
	assert_int_equal(ask_port(b, VIP, 4, 8004), KERNEL);
	assert_int_equal(ask_port(b, VIP, 4, 8005), WORKER);
	assert_int_equal(ask_port(b, VIP, 4, 9000), WORKER);
	assert_int_equal(ask_port(b, VIP, 4, 9001), KERNEL);
	assert_int_equal(bench_ask(b, &f), KERNEL);
	assert_int_equal(ask_port(b, VIP, 6, 80), KERNEL);
	assert_int_equal(ask_port(b, LOST_VIP, 4, 80), KERNEL); // still a local address
	frame_build(&from_server, 4, &f);
	assert_int_equal(bench_ask(b, &f), KERNEL);
}

static void range_of_all_ports_is_served(void **state)
{
	struct bench *b = *state;
	struct dp_vip vip;
	struct dp_frontend front = {cells_addr(VIP, 4), TCP, 0, 65535, 0};
	struct dp_services set = one_vip(&vip, &front, 1);

	thread_enter(&role_control);
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), 0);
	for (unsigned port = 0; port < 65536; port += 13)
		assert_int_equal(ask_port(b, VIP, 4, (uint16_t)port), WORKER);
	assert_int_equal(ask_port(b, VIP, 4, 65535), WORKER);
}

static void vips_alone_leave_all_but_silence_to_the_kernel(void **state)
{
	struct bench *b = *state;
	struct dp_vip vip;
	struct dp_services set = one_vip(&vip, NULL, 0);
	struct frame f;

	thread_enter(&role_control);
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), 0);
	assert_int_equal(ask_port(b, VIP, 4, 80), KERNEL);
	f = to_port(VIP, 4, TCP, 80);
	f.len -= 18;
	assert_int_equal(bench_ask(b, &f), KERNEL);
	dp_xdp_lease_withdraw(b->xdp, 0);
	assert_int_equal(ask_port(b, VIP, 4, 80), NOT_OWNED);
	assert_int_equal(bench_ask(b, &f), NOT_OWNED);
}

static void locals_are_replaced_and_forgotten(void **state)
{
	struct bench *b = *state;
	struct prefix list[2];
	struct packet to_local = {.src = SERVER, .dst = LOCAL, .protocol = TCP};
	struct packet to_net = {.src = SERVER, .dst = LOCAL_NET, .protocol = TCP};
	struct frame local, net;

	thread_enter(&role_control);
	frame_build(&to_local, 4, &local);
	frame_build(&to_net, 4, &net);
	assert_int_equal(bench_ask(b, &local), KERNEL);
	assert_int_equal(bench_ask(b, &net), KERNEL);

	assert_int_equal(prefix_parse("192.0.2.0/24", &list[0]), 0);
	assert_int_equal(prefix_parse("203.0.113.200", &list[1]), 0);
	assert_int_equal(dp_xdp_set_locals(b->xdp, list, 2), 0);
	assert_int_equal(bench_ask(b, &local), KERNEL); // by the prefix now
	assert_int_equal(bench_ask(b, &net), KERNEL);   // by the host address
	assert_int_equal(dp_xdp_set_locals(b->xdp, list + 1, 1), 0);
	assert_int_equal(bench_ask(b, &local), WORKER);
	assert_int_equal(dp_xdp_set_locals(b->xdp, NULL, 0), 0);
	assert_int_equal(bench_ask(b, &net), WORKER);
	assert_int_equal(ask_port(b, VIP, 4, 80), WORKER); // services are as they were
}

static void ipv6_default_does_not_make_ipv4_local(void **state)
{
	struct bench *b = *state;
	struct prefix all;
	struct packet from_server = {.src = SERVER, .dst = CLIENT, .protocol = TCP};
	struct frame f;

	thread_enter(&role_control);
	assert_int_equal(prefix_parse("::/0", &all), 0);
	assert_int_equal(dp_xdp_set_locals(b->xdp, &all, 1), 0);
	frame_build(&from_server, 4, &f);
	assert_int_equal(bench_ask(b, &f), WORKER);
	frame_build(&from_server, 6, &f);
	assert_int_equal(bench_ask(b, &f), KERNEL);
}

static void address_that_is_vip_server_and_local_is_all_of_them(void **state)
{
	struct bench *b = *state;
	struct dp_vip vip;
	struct dp_frontend front = {cells_addr(VIP, 4), TCP, 80, 80, 0};
	struct dp_services set = one_vip(&vip, &front, 1);
	struct dp_server_def servers[2] = {
		{.address = cells_addr(VIP, 4)}, {.address = cells_addr(LOCAL, 4)}};
	struct packet from_vip = {.src = VIP, .dst = CLIENT, .protocol = TCP};
	struct packet to_local = {.src = CLIENT, .dst = LOCAL, .protocol = TCP};
	struct frame f;

	thread_enter(&role_control);
	set.servers = servers;
	set.n_servers = 2;
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), 0);
	assert_int_equal(ask_port(b, VIP, 4, 80), WORKER);
	assert_int_equal(ask_port(b, VIP, 4, 22), KERNEL);
	frame_build(&from_vip, 4, &f);
	assert_int_equal(bench_ask(b, &f), WORKER);
	frame_build(&to_local, 4, &f);
	assert_int_equal(bench_ask(b, &f), KERNEL); // row 6 before row 7
}

static void wrong_set_is_refused_and_the_old_one_holds(void **state)
{
	struct bench *b = *state;
	struct dp_vip vips[2] = {{cells_addr(VIP, 4), 0}, {cells_addr(VIP, 4), 1}};
	struct dp_frontend front = {cells_addr(VIP, 4), TCP, 443, 443, 0};
	struct dp_services set = {.vips = vips, .n_vips = 2, .frontends = &front, .n_frontends = 1};

	thread_enter(&role_control);
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), -EINVAL); // two owners
	vips[1] = (struct dp_vip){cells_addr(BARE_VIP, 4), DP_MAX_OWNERS};
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), -EINVAL); // no such owner
	set.n_vips = 1;
	front.address = cells_addr(BARE_VIP, 4);
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), -EINVAL); // no such VIP
	front = (struct dp_frontend){cells_addr(VIP, 4), ICMP, 443, 443, 0};
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), -EINVAL);
	front = (struct dp_frontend){cells_addr(VIP, 4), TCP, 444, 443, 0};
	assert_int_equal(dp_xdp_set_services(b->xdp, &set), -EINVAL);
	assert_int_equal(ask_port(b, VIP, 4, 80), WORKER);
	assert_int_equal(ask_port(b, VIP, 4, 443), KERNEL);
}

/* n VIPs with a TCP service each. */
static int set_many(struct bench *b, unsigned n, uint16_t port) ON_CONTROL;
static int set_many(struct bench *b, unsigned n, uint16_t port)
{
	struct dp_vip *vips = calloc(n, sizeof(*vips));
	struct dp_frontend *fronts = calloc(n, sizeof(*fronts));
	struct dp_services set = {.vips = vips, .n_vips = n, .frontends = fronts, .n_frontends = n};
	int r;

	assert_non_null(vips);
	assert_non_null(fronts);
	for (unsigned i = 0; i < n; i++) {
		struct addr a = cells_addr(VIP, 6);

		a.bytes[12] = (uint8_t)(i >> 8);
		a.bytes[13] = (uint8_t)i;
		vips[i] = (struct dp_vip){a, 0};
		fronts[i] = (struct dp_frontend){a, TCP, port, port, 0};
	}
	r = dp_xdp_set_services(b->xdp, &set);
	free(vips);
	free(fronts);
	return r;
}

static void portsets_are_enough_for_1024_dual_stack_vips_and_no_more(void **state)
{
	struct bench *b = *state;

	thread_enter(&role_control);
	assert_int_equal(set_many(b, 1, 80), 0); // while a set replaces another, both need theirs
	assert_int_equal(set_many(b, 2047, 80), 0);
	assert_int_equal(ask_port(b, VIP, 6, 80), WORKER);
	assert_int_equal(set_many(b, 2048, 80), -E2BIG);
	assert_int_equal(ask_port(b, VIP, 6, 80), WORKER);
	// every portset is free again once its VIP is gone
	for (uint16_t port = 81; port < 84; port++) {
		assert_int_equal(set_many(b, 1, port), 0);
		assert_int_equal(set_many(b, 2047, port), 0);
		assert_int_equal(ask_port(b, VIP, 6, port), WORKER);
		assert_int_equal(ask_port(b, VIP, 6, port - 1), KERNEL);
	}
}

/* Asks without pause until told to stop; counts answers that are not "worker". */
struct asker {
	const struct bench *bench;
	struct frame frame;
	bool is_over;
	unsigned long asked, missed;
};

static void *ask_on(void *arg)
{
	struct asker *a = arg;

	while (!__atomic_load_n(&a->is_over, __ATOMIC_RELAXED)) {
		a->missed += bench_verdict(a->bench, &a->frame) != XDP_REDIRECT;
		__atomic_add_fetch(&a->asked, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void entry_that_stays_is_never_missing(void **state)
{
	struct bench *b = *state;
	struct dp_vip vips[2] = {{cells_addr(VIP, 4), 0}, {cells_addr(BARE_VIP, 4), 0}};
	struct dp_frontend fronts[2] = {{cells_addr(VIP, 4), TCP, 80, 80, 0}};
	struct dp_services set = {.vips = vips, .frontends = fronts};
	struct asker asker = {.bench = b, .frame = to_port(VIP, 4, TCP, 80)};
	pthread_t thread;

	thread_enter(&role_control);
	assert_int_equal(pthread_create(&thread, NULL, ask_on, &asker), 0);
	for (unsigned i = 0; i < 3000 || __atomic_load_n(&asker.asked, __ATOMIC_RELAXED) < 3000;
		i++) {
		set.n_vips = 1 + i % 2;
		set.n_frontends = 1 + i / 2 % 2;
		fronts[1] = (struct dp_frontend){cells_addr(VIP, 4), (i / 4) % 2 ? TCP : UDP,
			(uint16_t)(64 + i % 8), (uint16_t)(71 + i % 19), 0};
		assert_int_equal(dp_xdp_set_services(b->xdp, &set), 0);
	}
	__atomic_store_n(&asker.is_over, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	print_message("asked %lu times\n", asker.asked);
	assert_int_equal(asker.missed, 0);
}

static void counters_are_each_ports_own(void **state)
{
	struct bench *b = *state;
	struct dp_xdp_stats stats;

	thread_enter(&role_control);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask_port(b, VIP, 4, 80), WORKER);
	assert_int_equal(ask_port(b, LOST_VIP, 4, 80), NOT_OWNED);
	dp_xdp_read(b->xdp, 0, &stats);
	assert_int_equal(stats.to_worker, 5);
	assert_int_equal(stats.vip_not_owned, 1);
	dp_xdp_read(b->xdp, 1, &stats);
	assert_int_equal(stats.to_worker, 0);
	assert_int_equal(stats.vip_not_owned, 0);
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
		TEST(lease_runs_out_by_itself),
		TEST(lease_of_one_owner_says_nothing_of_another),
		TEST(set_replaces_all_of_the_last_one),
		TEST(range_of_all_ports_is_served),
		TEST(vips_alone_leave_all_but_silence_to_the_kernel),
		TEST(locals_are_replaced_and_forgotten),
		TEST(ipv6_default_does_not_make_ipv4_local),
		TEST(address_that_is_vip_server_and_local_is_all_of_them),
		TEST(wrong_set_is_refused_and_the_old_one_holds),
		TEST(portsets_are_enough_for_1024_dual_stack_vips_and_no_more),
		TEST(entry_that_stays_is_never_missing),
		TEST(counters_are_each_ports_own),
	};
	const char *obstacle = bench_enter_namespace();

	if (obstacle) {
		(void)printf("skipped: %s\n", obstacle);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
