/* What is attached, replaced, refused and left behind; and that libxdp takes our program. */
#include "tests/unit/dataplane/xdp/bench.h"

#include "base/diag.h"
#include "dataplane/xdp_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/xsk.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct dp_xdp *open_or_fail(
	const char *const *devices, unsigned n, struct diag *diag) ON_CONTROL;
static struct dp_xdp *open_or_fail(const char *const *devices, unsigned n, struct diag *diag)
{
	struct dp_xdp_port ports[4];
	struct dp_xdp *x;

	for (unsigned i = 0; i < n; i++)
		ports[i] = bench_port(devices[i]);
	if (dp_xdp_open(ports, n, diag, &x) < 0)
		fail_msg("%s", diag_text(diag, 0));
	return x;
}

static struct diag *new_diag(void)
{
	struct diag *diag = diag_new();

	assert_non_null(diag);
	return diag;
}

/* A process that attaches to p0 and p1, has two VIPs, and dies without a word. */
static void leave_stale_program(void) ON_CONTROL;
static void leave_stale_program(void)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct bench b;

		bench_open(&b);
		bench_set_all(&b);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* Puts a program that passes everything on the device; returns its id. */
static uint32_t attach_foreign(const char *device, const char *name, uint32_t mode)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex(device), fd, mode, NULL), 0);
	(void)close(fd);
	return bench_program_id(device);
}

static void closing_takes_the_program_off(void **state)
{
	static const char *const devices[] = {"p0", "p1"};
	struct diag *diag = new_diag();
	struct dp_xdp *x;

	(void)state;
	thread_enter(&role_control);
	x = open_or_fail(devices, 2, diag);
	assert_int_not_equal(bench_program_id("p0"), 0);
	assert_int_not_equal(bench_program_id("p1"), 0);
	assert_int_not_equal(bench_program_id("p0"), bench_program_id("p1"));
	assert_int_equal(diag_warnings(diag), 0);
	dp_xdp_close(x);
	assert_int_equal(bench_program_id("p0"), 0);
	assert_int_equal(bench_program_id("p1"), 0);
	dp_xdp_close(NULL);
	diag_free(diag);
}

static void driver_without_xdp_gets_generic_mode_and_a_warning(void **state)
{
	static const char *const devices[] = {"lo"};
	struct diag *diag = new_diag();
	LIBBPF_OPTS(bpf_xdp_query_opts, on);
	struct dp_xdp *x;

	(void)state;
	thread_enter(&role_control);
	x = open_or_fail(devices, 1, diag);
	assert_int_equal(diag_warnings(diag), 1);
	assert_non_null(strstr(diag_text(diag, 0), "lo: "));
	assert_non_null(strstr(diag_text(diag, 0), "generic mode"));
	assert_int_equal(bpf_xdp_query((int)if_nametoindex("lo"), 0, &on), 0);
	assert_int_not_equal(on.skb_prog_id, 0);
	dp_xdp_close(x);
	assert_int_equal(bench_program_id("lo"), 0);
	diag_free(diag);
}

static void stale_program_is_replaced_and_its_vips_stay_silent(void **state)
{
	struct packet packet = {.src = CLIENT, .dst = VIP, .protocol = TCP, .dst_port = 80};
	uint32_t stale[2];
	struct bench b;
	struct frame f;

	(void)state;
	thread_enter(&role_control);
	leave_stale_program();
	stale[0] = bench_program_id("p0");
	stale[1] = bench_program_id("p1");
	assert_int_not_equal(stale[0], 0);
	bench_open(&b);
	assert_int_not_equal(bench_program_id("p0"), stale[0]);
	assert_int_not_equal(bench_program_id("p1"), stale[1]);
	frame_build(&packet, 4, &f);
	assert_int_equal(bench_ask(&b, &f), NOT_OWNED);
	frame_build(&packet, 6, &f);
	assert_int_equal(bench_ask(&b, &f), NOT_OWNED);
	packet.src = SERVER;
	packet.dst = CLIENT;
	frame_build(&packet, 4, &f);
	assert_int_equal(bench_ask(&b, &f), KERNEL); // servers are not taken over
	bench_set_all(&b);
	assert_int_equal(bench_ask(&b, &f), WORKER);
	bench_close(&b);
	assert_int_equal(bench_program_id("p0"), 0);
}

static void killed_instance_leaves_its_vips_silent(void **state)
{
	struct packet packet = {.src = CLIENT, .dst = LOST_VIP, .protocol = TCP, .dst_port = 80};
	struct bench dead = {.socket_fd = -1};
	struct frame f;

	(void)state;
	thread_enter(&role_control);
	leave_stale_program();
	dead.prog_fd = bpf_prog_get_fd_by_id(bench_program_id("p0"));
	frame_build(&packet, 4, &f);
	assert_int_equal(bench_verdict(&dead, &f), XDP_DROP);
	packet.dst = VIP; // leased for an hour, but its socket died with the process
	frame_build(&packet, 4, &f);
	assert_int_equal(bench_verdict(&dead, &f), XDP_DROP);
	packet.dst = LOCAL;
	frame_build(&packet, 4, &f);
	assert_int_equal(bench_verdict(&dead, &f), XDP_PASS);
	(void)close(dead.prog_fd);
}

static void cleanup_takes_off_ours_and_says_so(void **state)
{
	struct dp_xdp_port p0 = bench_port("p0"), p1 = bench_port("p1");

	(void)state;
	thread_enter(&role_control);
	leave_stale_program();
	assert_int_equal(dp_xdp_cleanup(&p0), 1);
	assert_int_equal(bench_program_id("p0"), 0);
	assert_int_equal(dp_xdp_cleanup(&p0), 0);
	assert_int_not_equal(bench_program_id("p1"), 0);
	assert_int_equal(dp_xdp_cleanup(&p1), 1);
}

static void stale_program_in_generic_mode_is_found_too(void **state)
{
	static const char *const devices[] = {"lo"};
	struct dp_xdp_port lo = bench_port("lo");
	struct diag *diag = new_diag();
	pid_t pid;
	int status;
	struct dp_xdp *x;

	(void)state;
	thread_enter(&role_control);
	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (pid == 0) {
			(void)open_or_fail(devices, 1, diag); // the second time: replaces
			(void)kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	x = open_or_fail(devices, 1, diag);
	dp_xdp_close(x);
	assert_int_equal(bench_program_id("lo"), 0);
	assert_int_equal(dp_xdp_cleanup(&lo), 0);
	diag_free(diag);
}

static void expect_refusal(const char *device, const char *name, const char *word) ON_CONTROL;
static void expect_refusal(const char *device, const char *name, const char *word)
{
	struct dp_xdp_port ports[] = {bench_port("p0"), bench_port(device)};
	uint32_t mode = strcmp(word, "xdp") == 0 ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	uint32_t id = attach_foreign(device, name, mode);
	struct diag *diag = new_diag();
	struct dp_xdp *x = NULL;
	char wanted[256];

	assert_int_equal(dp_xdp_open(ports, 2, diag, &x), -EBUSY);
	assert_null(x);
	(void)snprintf(wanted, sizeof(wanted),
		"%s: an XDP program that is not ours is on it: name=%s id=%u: remove it with: "
		"ip link set dev %s %s off",
		device, name, id, device, word);
	assert_string_equal(diag_text(diag, 0), wanted);
	assert_int_equal(bench_program_id("p0"), 0);
	assert_int_equal(bench_program_id(device), id);
	assert_int_equal(dp_xdp_cleanup(&ports[1]), 0);
	assert_int_equal(bench_program_id(device), id);
	(void)snprintf(wanted, sizeof(wanted), "ip link set dev %s %s off", device, word);
	bench_run(wanted); // the command that we tell people
	assert_int_equal(bench_program_id(device), 0);
	diag_free(diag);
}

static void foreign_program_is_named_and_left_alone(void **state)
{
	(void)state;
	thread_enter(&role_control);
	expect_refusal("p1", "somebody", "xdp");
	expect_refusal("p1", "xsk_def_prog", "xdp"); // another AF_XDP user's, by libxdp
	expect_refusal("p1", "somebody", "xdpgeneric");
}

static void closing_leaves_a_program_that_came_later(void **state)
{
	static const char *const devices[] = {"p0"};
	struct diag *diag = new_diag();
	struct dp_xdp *x;
	uint32_t id;

	(void)state;
	thread_enter(&role_control);
	x = open_or_fail(devices, 1, diag);
	id = attach_foreign("p0", "later", XDP_FLAGS_DRV_MODE);
	dp_xdp_close(x);
	assert_int_equal(bench_program_id("p0"), id);
	bench_run("ip link set dev p0 xdp off");
	diag_free(diag);
}

static void device_that_is_gone_is_an_error_that_names_it(void **state)
{
	struct dp_xdp_port ports[] = {bench_port("p0"), {"gone0", 99999}};
	struct diag *diag = new_diag();
	struct dp_xdp *x = NULL;

	(void)state;
	thread_enter(&role_control);
	assert_true(dp_xdp_open(ports, 2, diag, &x) < 0);
	assert_non_null(strstr(diag_text(diag, 0), "gone0: "));
	assert_int_equal(bench_program_id("p0"), 0);
	assert_int_equal(dp_xdp_cleanup(&ports[1]), 0);
	assert_int_equal(dp_xdp_open(ports, 0, diag, &x), -EINVAL);
	diag_free(diag);
}

/* ---- libxdp ------------------------------------------------------------------------------ */

enum { FRAMES = 64, FRAME_LEN = 4096 };

struct port_socket {
	void *memory;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion, rx;
	struct xsk_ring_prod tx;
};

/* As DPDK's net_af_xdp does it: libxdp looks for a program on the device and adopts it. */
static void adopt(struct port_socket *s, const char *device)
{
	const struct xsk_umem_config umem = {
		.fill_size = FRAMES, .comp_size = FRAMES, .frame_size = FRAME_LEN};
	const struct xsk_socket_config config = {
		.rx_size = FRAMES, .tx_size = FRAMES, .xdp_flags = XDP_FLAGS_UPDATE_IF_NOEXIST};
	size_t len = (size_t)FRAMES * FRAME_LEN;
	uint32_t at = 0;

	s->memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(s->memory, MAP_FAILED);
	assert_int_equal(
		xsk_umem__create(&s->umem, s->memory, len, &s->fill, &s->completion, &umem), 0);
	assert_int_equal(
		xsk_socket__create(&s->socket, device, 0, s->umem, &s->rx, &s->tx, &config), 0);
	assert_int_equal(xsk_ring_prod__reserve(&s->fill, FRAMES / 2, &at), FRAMES / 2);
	for (uint32_t i = 0; i < FRAMES / 2; i++)
		*xsk_ring_prod__fill_addr(&s->fill, at + i) = (uint64_t)i * FRAME_LEN;
	xsk_ring_prod__submit(&s->fill, FRAMES / 2);
}

static void release(struct port_socket *s)
{
	xsk_socket__delete(s->socket);
	assert_int_equal(xsk_umem__delete(s->umem), 0);
	(void)munmap(s->memory, (size_t)FRAMES * FRAME_LEN);
}

/* Out of the other end of the device's cable. */
static void send_from(const char *peer, const struct frame *f)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(peer)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, f->bytes, f->len, 0, (struct sockaddr *)&to, sizeof(to)),
		(ssize_t)f->len);
	(void)close(fd);
}

static void expect_received(struct port_socket *s, const struct frame *f)
{
	struct pollfd p = {.fd = xsk_socket__fd(s->socket), .events = POLLIN};
	const struct xdp_desc *d;
	uint32_t at = 0;

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(xsk_ring_cons__peek(&s->rx, 1, &at), 1);
	d = xsk_ring_cons__rx_desc(&s->rx, at);
	assert_int_equal(d->len, f->len);
	assert_memory_equal(xsk_umem__get_data(s->memory, d->addr), f->bytes, f->len);
	xsk_ring_cons__release(&s->rx, 1);
}

static void libxdp_adopts_it_on_two_ports_and_packets_come(void **state)
{
	static const struct packet to_service = {
		.src = CLIENT, .dst = VIP, .protocol = TCP, .dst_port = 80};
	static const struct packet from_server = {.src = SERVER, .dst = CLIENT, .protocol = TCP};
	struct port_socket outside = {0}, inside = {0};
	struct dp_xdp_stats stats;
	struct bench b;
	struct frame f;
	uint32_t id;

	(void)state;
	thread_enter(&role_control);
	bench_open(&b);
	bench_remove_socket(&b);
	bench_set_all(&b);
	id = bench_program_id("p0");
	adopt(&outside, "p0");
	adopt(&inside, "p1");
	assert_int_equal(bench_program_id("p0"), id);
	frame_build(&to_service, 6, &f);
	send_from("c0", &f);
	expect_received(&outside, &f);
	frame_build(&from_server, 4, &f);
	send_from("c1", &f);
	expect_received(&inside, &f);
	dp_xdp_read(b.xdp, 0, &stats);
	assert_int_equal(stats.to_worker, 1);
	dp_xdp_read(b.xdp, 1, &stats);
	assert_int_equal(stats.to_worker, 1);

	release(&outside);
	release(&inside);
	assert_int_equal(bench_program_id("p0"), id); // the last socket's end takes nothing off
	assert_int_equal(bench_ask(&b, &f), NO_SOCKET);
	bench_close(&b);
}

/* Whatever a test left. */
static int tidy(void **state)
{
	static const char *const devices[] = {"p0", "p1", "lo"};

	(void)state;
	thread_enter(&role_control);
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct dp_xdp_port port = bench_port(devices[i]);

		(void)dp_xdp_cleanup(&port);
	}
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, tidy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closing_takes_the_program_off),
		TEST(driver_without_xdp_gets_generic_mode_and_a_warning),
		TEST(stale_program_is_replaced_and_its_vips_stay_silent),
		TEST(killed_instance_leaves_its_vips_silent),
		TEST(cleanup_takes_off_ours_and_says_so),
		TEST(stale_program_in_generic_mode_is_found_too),
		TEST(foreign_program_is_named_and_left_alone),
		TEST(closing_leaves_a_program_that_came_later),
		TEST(device_that_is_gone_is_an_error_that_names_it),
		TEST(libxdp_adopts_it_on_two_ports_and_packets_come),
	};
	const char *obstacle = bench_enter_namespace();

	if (obstacle) {
		(void)printf("skipped: %s\n", obstacle);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
