/* The XDP program's life: loaded, attached, fed, taken off.
 *
 * One instance per port. The first one's maps are the shared ones; the others are made to use
 * them, but for xsks_map and poise_counters. Leases, service ports and settings lie in memory
 * that is mapped from the kernel, so that a lease is renewed by one store. The descriptors are
 * ours for as long as the dp_xdp lives; the program and its maps live on in the kernel as long
 * as the interface holds the program. Which packet goes where is the program's business
 * (xdp/poise_xdp.bpf.c), what the maps hold is xdp_roles.c's. */
#include "dataplane/xdp.h"

#include "base/diag.h"
#include "dataplane/xdp/maps.h"
#include "dataplane/xdp/poise_xdp.skel.h"
#include "dataplane/xdp_attach.h"
#include "dataplane/xdp_roles.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	VERIFIER_LOG_LEN = 64 * 1024,
	VERIFIER_LOG_SHOWN = 400, // its end, in one message
};

struct instance {
	struct dp_xdp_port port;
	char device[IF_NAMESIZE]; // port.device points here
	struct xsk_def_poise *skel;
	bool is_attached;
	uint32_t mode; // XDP_FLAGS_*_MODE
};

struct dp_xdp {
	struct instance instances[DP_MAX_PORTS];
	unsigned n;
	uint64_t *leases; // mapped
	struct dp_xdp_roles roles;
	struct dp_xdp_counters *per_cpu; // room for one read of poise_counters
	int n_cpus;
};

/* ---- loading ----------------------------------------------------------------------------- */

/* The end of what the verifier said, from the start of a line. */
static const char *log_tail(const char *log)
{
	size_t len = strlen(log);
	const char *tail = len > VERIFIER_LOG_SHOWN ? log + len - VERIFIER_LOG_SHOWN : log;
	const char *line = tail > log ? strchr(tail, '\n') : NULL;

	return line ? line + 1 : tail;
}

static void report_load(struct diag *diag, const char *device, int error, const char *log)
{
	diag_add(diag, DIAG_ERROR, NULL, "%s: cannot load the XDP program: %s", device,
		strerror(error));
	if (error == EPERM || error == EACCES)
		diag_add(diag, DIAG_NOTE, NULL,
			"root, or CAP_BPF with CAP_PERFMON and CAP_NET_ADMIN, is needed");
	if (log[0])
		diag_add(diag, DIAG_NOTE, NULL, "the kernel's verifier: %s", log_tail(log));
}

/* Makes `skel` use the maps of `first` that all instances share. */
static int share_maps(struct xsk_def_poise *skel, const struct xsk_def_poise *first)
{
	struct bpf_map *const mine[] = {skel->maps.poise_roles, skel->maps.poise_ports,
		skel->maps.poise_leases, skel->maps.poise_prefixes, skel->maps.poise_settings};
	struct bpf_map *const theirs[] = {first->maps.poise_roles, first->maps.poise_ports,
		first->maps.poise_leases, first->maps.poise_prefixes, first->maps.poise_settings};

	for (unsigned i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
		int r = bpf_map__reuse_fd(mine[i], bpf_map__fd(theirs[i]));

		if (r < 0)
			return r;
	}
	return 0;
}

/* libbpf raises RLIMIT_MEMLOCK by itself on kernels that still count maps against it. */
static int load(struct instance *in, const struct xsk_def_poise *first, struct diag *diag)
{
	LIBBPF_OPTS(bpf_object_open_opts, options);
	char *log = calloc(1, VERIFIER_LOG_LEN);
	int r = 0;

	if (!log)
		return -ENOMEM;
	options.kernel_log_buf = log;
	options.kernel_log_size = VERIFIER_LOG_LEN;
	in->skel = xsk_def_poise__open_opts(&options);
	if (!in->skel)
		r = -errno;
	if (r == 0 && first)
		r = share_maps(in->skel, first);
	if (r == 0)
		r = xsk_def_poise__load(in->skel);
	if (r < 0)
		report_load(diag, in->device, -r, log);
	free(log);
	return r;
}

static size_t mapped_len(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);

	return (len + page - 1) / page * page;
}

/* NULL: errno says why. */
static void *map_memory(const struct bpf_map *map)
{
	void *memory = mmap(
		NULL, mapped_len(map), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_memory(const struct bpf_map *map, void *memory)
{
	if (memory)
		(void)munmap(memory, mapped_len(map));
}

static int map_shared(struct dp_xdp *x)
{
	const struct xsk_def_poise *first = x->instances[0].skel;

	x->leases = map_memory(first->maps.poise_leases);
	if (!x->leases)
		return -errno;
	x->roles.ports = map_memory(first->maps.poise_ports);
	if (!x->roles.ports)
		return -errno;
	x->roles.settings = map_memory(first->maps.poise_settings);
	if (!x->roles.settings)
		return -errno;
	x->roles.roles_fd = bpf_map__fd(first->maps.poise_roles);
	x->roles.prefixes_fd = bpf_map__fd(first->maps.poise_prefixes);
	return 0;
}

static int load_all(struct dp_xdp *x, struct diag *diag)
{
	int r;

	for (unsigned i = 0; i < x->n; i++) {
		r = load(&x->instances[i], i > 0 ? x->instances[0].skel : NULL, diag);
		if (r < 0)
			return r;
	}
	r = map_shared(x);
	if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL, "XDP: cannot map the program's tables: %s",
			strerror(-r));
	return r;
}

/* ---- attaching --------------------------------------------------------------------------- */

/* Programs that are on the ports before ours. fd -1: none. */
struct stale {
	struct dp_xdp_attached on[DP_MAX_PORTS];
};

static const char *removal_word(uint32_t mode)
{
	if (mode == XDP_FLAGS_SKB_MODE)
		return "xdpgeneric";
	return mode == XDP_FLAGS_HW_MODE ? "xdpoffload" : "xdp";
}

/* -EBUSY: a foreign program is on one of the ports. */
static int find_stale(const struct dp_xdp *x, struct diag *diag, struct stale *stale) ON_CONTROL;
static int find_stale(const struct dp_xdp *x, struct diag *diag, struct stale *stale)
{
	int status = 0;

	for (unsigned i = 0; i < x->n; i++) {
		const struct instance *in = &x->instances[i];
		struct dp_xdp_attached *on = &stale->on[i];
		int r = dp_xdp_attach_find(&in->port, on);

		if (r < 0) {
			diag_add(diag, DIAG_ERROR, NULL,
				"%s: cannot ask for the XDP program on it: %s", in->device,
				strerror(-r));
			status = r;
		} else if (r > 0 && !on->is_ours) {
			diag_add(diag, DIAG_ERROR, NULL,
				"%s: an XDP program that is not ours is on it: name=%s id=%u: "
				"remove it with: ip link set dev %s %s off",
				in->device, on->name, on->id, in->device, removal_word(on->mode));
			status = -EBUSY;
		}
	}
	return status;
}

static void close_stale(const struct stale *stale)
{
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		if (stale->on[i].fd >= 0)
			(void)close(stale->on[i].fd);
	}
}

/* VIPs of a killed instance may still be on the kernel's interfaces. They are to stay silent
 * when our empty maps replace its maps: without this the kernel would reset their clients until
 * the first dp_xdp_set_services(). */
static int inherit_vips(struct dp_xdp *x, const struct stale *stale) ON_CONTROL;
static int inherit_vips(struct dp_xdp *x, const struct stale *stale)
{
	for (unsigned i = 0; i < x->n; i++) {
		int fd, r;

		if (stale->on[i].fd < 0)
			continue;
		fd = dp_xdp_attach_map(stale->on[i].fd, "poise_roles");
		if (fd < 0)
			continue;
		r = dp_xdp_roles_inherit(&x->roles, fd);
		(void)close(fd);
		if (r < 0)
			return r;
	}
	return 0;
}

static int attach_all(struct dp_xdp *x, const struct stale *stale, struct diag *diag) ON_CONTROL;
static int attach_all(struct dp_xdp *x, const struct stale *stale, struct diag *diag)
{
	for (unsigned i = 0; i < x->n; i++) {
		struct instance *in = &x->instances[i];
		const struct dp_xdp_attached *old = stale->on[i].fd < 0 ? NULL : &stale->on[i];
		int r = dp_xdp_attach_put(&in->port, bpf_program__fd(in->skel->progs.xsk_def_prog),
			old, diag, &in->mode);

		if (r < 0)
			return r;
		in->is_attached = true;
	}
	return 0;
}

static struct dp_xdp *new_xdp(const struct dp_xdp_port *ports, unsigned n)
{
	struct dp_xdp *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct instance *in = &x->instances[i];

		(void)strncpy(in->device, ports[i].device, sizeof(in->device) - 1);
		in->port = (struct dp_xdp_port){in->device, ports[i].ifindex};
	}
	x->n_cpus = libbpf_num_possible_cpus();
	if (x->n_cpus > 0)
		x->per_cpu = calloc((size_t)x->n_cpus, sizeof(*x->per_cpu));
	if (!x->per_cpu) {
		free(x);
		return NULL;
	}
	return x;
}

static int open_quietly(struct dp_xdp *x, struct diag *diag) ON_CONTROL;
static int open_quietly(struct dp_xdp *x, struct diag *diag)
{
	struct stale stale;
	int r;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		stale.on[i].fd = -1;
	r = find_stale(x, diag, &stale);
	if (r == 0)
		r = load_all(x, diag);
	if (r == 0) {
		r = inherit_vips(x, &stale);
		if (r < 0)
			diag_add(diag, DIAG_ERROR, NULL,
				"XDP: cannot take over the VIPs of the last run: %s", strerror(-r));
	}
	if (r == 0)
		r = attach_all(x, &stale, diag);
	close_stale(&stale);
	return r;
}

int dp_xdp_open(
	const struct dp_xdp_port *ports, unsigned n, struct diag *diag, struct dp_xdp **ret_xdp)
{
	libbpf_print_fn_t print;
	struct dp_xdp *x;
	int r;

	if (n == 0 || n > DP_MAX_PORTS)
		return -EINVAL;
	x = new_xdp(ports, n);
	if (!x)
		return -ENOMEM;
	print = libbpf_set_print(NULL); // it would write to stderr; diag says what matters
	r = open_quietly(x, diag);
	(void)libbpf_set_print(print);
	if (r < 0) {
		dp_xdp_close(x);
		return r;
	}
	*ret_xdp = x;
	return 0;
}

static void detach_all(const struct dp_xdp *x) ON_CONTROL;
static void detach_all(const struct dp_xdp *x)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);

	for (unsigned i = 0; i < x->n; i++) {
		const struct instance *in = &x->instances[i];

		// DPDK takes the program off when it closes the port: then it is gone already
		if (in->is_attached)
			(void)dp_xdp_attach_remove(
				&in->port, bpf_program__fd(in->skel->progs.xsk_def_prog), in->mode);
	}
	(void)libbpf_set_print(print);
}

static void unmap_shared(struct dp_xdp *x)
{
	const struct xsk_def_poise *first = x->instances[0].skel;

	if (!first)
		return;
	unmap_memory(first->maps.poise_leases, x->leases);
	unmap_memory(first->maps.poise_ports, x->roles.ports);
	unmap_memory(first->maps.poise_settings, x->roles.settings);
}

void dp_xdp_close(struct dp_xdp *x)
{
	if (!x)
		return;
	if (x->leases) {
		for (unsigned i = 0; i < DP_MAX_OWNERS; i++)
			dp_xdp_lease_withdraw(x, i);
	}
	detach_all(x);
	unmap_shared(x);
	for (unsigned i = 0; i < x->n; i++)
		xsk_def_poise__destroy(x->instances[i].skel);
	dp_xdp_roles_fini(&x->roles);
	free(x->per_cpu);
	free(x);
}

int dp_xdp_cleanup(const struct dp_xdp_port *port)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct dp_xdp_attached on;
	int r = dp_xdp_attach_find(port, &on);

	if (r > 0) {
		r = 0;
		if (on.is_ours)
			r = dp_xdp_attach_remove(port, on.fd, on.mode);
		if (r == 0)
			r = on.is_ours;
		(void)close(on.fd);
	}
	(void)libbpf_set_print(print);
	return r;
}

/* ---- feeding and reading ------------------------------------------------------------------- */

int dp_xdp_set_services(struct dp_xdp *x, const struct dp_services *set)
{
	return dp_xdp_roles_set_services(&x->roles, set);
}

int dp_xdp_set_locals(struct dp_xdp *x, const struct prefix *list, unsigned n)
{
	return dp_xdp_roles_set_locals(&x->roles, list, n);
}

void dp_xdp_set_mac(struct dp_xdp *x, unsigned port, const uint8_t mac[6])
{
	__u64 packed = 0;

	assert(port < x->n);
	memcpy(&packed, mac, 6);
	// read by the program in is_for_another_machine(); stands for itself, so no order is needed
	__atomic_store_n(&x->instances[port].skel->bss->port_mac, packed, __ATOMIC_RELAXED);
}

void dp_xdp_lease_renew(struct dp_xdp *x, unsigned owner, unsigned life_ms)
{
	struct timespec now;
	uint64_t now_ns;

	assert(owner < DP_MAX_OWNERS);
	(void)clock_gettime(CLOCK_MONOTONIC, &now); // the clock of bpf_ktime_get_ns()
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	// read by the program in is_owned(); stands for itself, so no order is needed
	__atomic_store_n(&x->leases[owner], now_ns + (uint64_t)life_ms * 1000000, __ATOMIC_RELAXED);
}

void dp_xdp_lease_withdraw(struct dp_xdp *x, unsigned owner)
{
	assert(owner < DP_MAX_OWNERS);
	// as in dp_xdp_lease_renew()
	__atomic_store_n(&x->leases[owner], 0, __ATOMIC_RELAXED);
}

void dp_xdp_read(const struct dp_xdp *x, unsigned port, struct dp_xdp_stats *ret)
{
	const struct bpf_map *map;
	uint32_t zero = 0;

	assert(port < x->n);
	map = x->instances[port].skel->maps.poise_counters;
	memset(ret, 0, sizeof(*ret));
	if (bpf_map_lookup_elem(bpf_map__fd(map), &zero, x->per_cpu) < 0)
		return;
	for (int cpu = 0; cpu < x->n_cpus; cpu++) {
		const __u64 *n = x->per_cpu[cpu].n;

		ret->to_worker += n[DP_XDP_TO_WORKER];
		ret->to_kernel += n[DP_XDP_TO_KERNEL];
		ret->vip_not_owned += n[DP_XDP_VIP_NOT_OWNED];
		ret->no_socket += n[DP_XDP_NO_SOCKET];
	}
}
