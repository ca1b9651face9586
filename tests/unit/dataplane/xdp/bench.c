/* Namespace, program, socket and questions for the XDP tests. The program that is asked is the
 * one found on the interface: what the loader attached, not a copy. */
#include "tests/unit/dataplane/xdp/bench.h"

#include "base/diag.h"
#include "dataplane/xdp_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

const char *bench_enter_namespace(void)
{
	int fd;

	if (geteuid() != 0)
		return "needs root: network namespace and BPF";
	if (unshare(CLONE_NEWNET) < 0)
		return "no network namespace may be made here";
	fd = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "probe", 4, 4, 1, NULL);
	if (fd < 0)
		return "BPF maps for AF_XDP may not be made here";
	(void)close(fd);
	// no IPv6: its own chatter on the links would be counted too
	if (system("for i in all default; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; "
		   "done; "
		   "ip link set lo up && ip link add p0 type veth peer name c0 && "
		   "ip link add p1 type veth peer name c1 && "
		   "for i in p0 c0 p1 c1; do ip link set $i up || exit 1; done") != 0)
		return "no veth pair can be made here";
	return NULL;
}

void bench_run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

struct dp_xdp_port bench_port(const char *device)
{
	return (struct dp_xdp_port){device, (int)if_nametoindex(device)};
}

uint32_t bench_program_id(const char *device)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex(device), 0, &id), 0);
	return id;
}

/* A socket that the map takes: it has a ring, it need not be bound to anything. */
static int new_socket(void)
{
	int fd = socket(AF_XDP, SOCK_RAW, 0);
	int entries = 64;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)), 0);
	return fd;
}

static void put_socket(struct bench *b)
{
	uint32_t queue = 0;
	int map_fd = dp_xdp_attach_map(b->prog_fd, "xsks_map");

	assert_true(map_fd >= 0);
	b->socket_fd = new_socket();
	assert_int_equal(bpf_map_update_elem(map_fd, &queue, &b->socket_fd, BPF_ANY), 0);
	(void)close(map_fd);
}

/* A closed socket leaves the map by itself, as that of a killed process does. */
void bench_remove_socket(struct bench *b)
{
	if (b->socket_fd >= 0)
		(void)close(b->socket_fd);
	b->socket_fd = -1;
}

void bench_open(struct bench *b)
{
	struct dp_xdp_port ports[] = {bench_port("p0"), bench_port("p1")};

	memset(b, 0, sizeof(*b));
	b->diag = diag_new();
	assert_non_null(b->diag);
	if (dp_xdp_open(ports, 2, b->diag, &b->xdp) < 0)
		fail_msg("%s", diag_text(b->diag, 0));
	b->prog_fd = bpf_prog_get_fd_by_id(bench_program_id("p0"));
	assert_true(b->prog_fd >= 0);
	put_socket(b);
}

void bench_close(struct bench *b)
{
	bench_remove_socket(b);
	(void)close(b->prog_fd);
	dp_xdp_close(b->xdp);
	diag_free(b->diag);
}

void bench_set_all(struct bench *b)
{
	struct cell_sets sets;

	cells_sets(&sets);
	assert_int_equal(dp_xdp_set_services(b->xdp, &sets.services), 0);
	assert_int_equal(dp_xdp_set_locals(b->xdp, sets.locals, CELL_LOCALS), 0);
	dp_xdp_lease_renew(b->xdp, 0, 3600 * 1000);
	dp_xdp_lease_withdraw(b->xdp, 1);
}

uint32_t bench_verdict(const struct bench *b, const struct frame *f)
{
	LIBBPF_OPTS(
		bpf_test_run_opts, run, .data_in = f->bytes, .data_size_in = f->len, .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(b->prog_fd, &run), 0);
	return run.retval;
}

void bench_output(const struct bench *b, const struct frame *f, struct frame *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f->bytes, .data_size_in = f->len,
		.data_out = ret->bytes, .data_size_out = sizeof(ret->bytes), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(b->prog_fd, &run), 0);
	ret->len = run.data_size_out;
}

enum fate bench_ask(const struct bench *b, const struct frame *f)
{
	struct dp_xdp_stats was, is;
	uint32_t verdict;
	uint64_t counted[4];
	static const uint32_t verdicts[4] = {
		[KERNEL] = 2, [WORKER] = 4, [NOT_OWNED] = 1, [NO_SOCKET] = 1};
	enum fate fate = IMPOSSIBLE;

	dp_xdp_read(b->xdp, 0, &was);
	verdict = bench_verdict(b, f);
	dp_xdp_read(b->xdp, 0, &is);
	counted[KERNEL] = is.to_kernel - was.to_kernel;
	counted[WORKER] = is.to_worker - was.to_worker;
	counted[NOT_OWNED] = is.vip_not_owned - was.vip_not_owned;
	counted[NO_SOCKET] = is.no_socket - was.no_socket;
	if (counted[0] + counted[1] + counted[2] + counted[3] != 1)
		return IMPOSSIBLE;
	for (int i = 0; i < 4; i++) {
		if (counted[i] == 1 && verdicts[i] == verdict)
			fate = (enum fate)i;
	}
	return fate;
}
