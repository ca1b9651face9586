/* DPDK's environment: its arguments from the configuration, huge pages or not, CPUs.
 *
 * PCI devices are never probed unless one is configured (--no-pci): EAL would take the
 * machine's own network card. Nothing is left in the file system. The main lcore is the
 * control thread, on its CPU or on all that no worker has; each worker is an lcore. */
#include "dataplane/internal.h"

#include "base/diag.h"
#include "dataplane/conntab.h"
#include "dataplane/memory.h"
#include "dataplane/steer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_version.h>

enum { MAX_ARGS = 128, ARG_LEN = 1024 };
enum { MIB = 1024 * 1024, HUGE_PAGE_KIB = 2048 };

/* For pages that are there, and still another's. */
enum { PAGES_WAIT_MS = 2000, PAGES_POLL_MS = 50 };

enum { REST_MIB = 48 };

struct args {
	unsigned n;
	char *argv[MAX_ARGS + 1];
	char text[MAX_ARGS][ARG_LEN];
};

__attribute__((format(printf, 2, 3))) static void add_arg(struct args *a, const char *format, ...)
{
	va_list list;

	if (a->n == MAX_ARGS)
		return;
	va_start(list, format);
	(void)vsnprintf(a->text[a->n], ARG_LEN, format, list);
	va_end(list);
	a->argv[a->n] = a->text[a->n];
	a->n++;
}

static uint64_t eal_mib(const struct conf *conf)
{
	const uint64_t n = conf->cpu.n_workers;
	const uint64_t rings = n * (n - 1) * dp_steer_ring_space(DP_STEER_RING);
	uint64_t packet = 0;

	for (enum dp_pool i = 0; i < DP_N_POOLS; i++)
		packet += dp_pool_space(conf, i);
	return (conf->memory.packets * packet + rings) / MIB + DP_ROUTES_MIB + REST_MIB;
}

struct huge_pages {
	uint64_t n_free, total; // of 2 MB; free: and promised to nobody
};

/* From /proc/meminfo; none if the machine's huge pages are of another size. */
static struct huge_pages read_huge_pages(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long value, promised = 0, size_kib = 0;
	struct huge_pages pages = {0};
	char line[128];

	if (!f)
		return pages;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "HugePages_Total: %llu", &value) == 1)
			pages.total = value;
		if (sscanf(line, "HugePages_Free: %llu", &value) == 1)
			pages.n_free = value;
		if (sscanf(line, "HugePages_Rsvd: %llu", &value) == 1)
			promised = value;
		if (sscanf(line, "Hugepagesize: %llu kB", &value) == 1)
			size_kib = value;
	}
	(void)fclose(f);
	pages.n_free -= promised < pages.n_free ? promised : pages.n_free;
	return size_kib == HUGE_PAGE_KIB ? pages : (struct huge_pages){0};
}

/* Pages of an instance that was killed a moment ago come back one by one. */
static struct huge_pages wait_for_pages(uint64_t need)
{
	const struct timespec pause = {.tv_nsec = PAGES_POLL_MS * 1000000L};
	struct huge_pages have = read_huge_pages();

	for (unsigned ms = 0; have.n_free < need && have.total >= need && ms < PAGES_WAIT_MS;
		ms += PAGES_POLL_MS) {
		(void)nanosleep(&pause, NULL);
		have = read_huge_pages();
	}
	return have;
}

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + DP_MEMORY_HUGE_PAGE - 1) / DP_MEMORY_HUGE_PAGE;
}

/* 1: use huge pages, 0: do not, -errno: required, and missing. With "auto" packet buffers and
 * routes go there if there is room for all of them; then tables, each if it finds room. */
static int choose_pages(const struct conf *conf, struct diag *diag)
{
	uint64_t share = conf->memory.connections / conf->cpu.n_workers;
	uint64_t half_open = conf->memory.half_open / conf->cpu.n_workers + 1;
	uint64_t tables =
		conf->cpu.n_workers *
		(pages_of(dp_conntab_bytes((uint32_t)share, DP_CONNTAB_DENSE)) +
			pages_of(dp_conntab_bytes((uint32_t)half_open, DP_CONNTAB_SPARSE)) +
			pages_of(half_open * sizeof(struct dp_flow_age)));
	uint64_t need = pages_of(eal_mib(conf) * MIB);
	struct huge_pages have;

	if (conf->memory.hugepages == CONF_HUGEPAGES_OFF)
		return 0;
	if (conf->memory.hugepages == CONF_HUGEPAGES_AUTO)
		return read_huge_pages().n_free >= need;
	need += tables;
	have = wait_for_pages(need);
	if (have.n_free >= need)
		return 1;
	diag_add(diag, DIAG_ERROR, NULL,
		"memory.hugepages: %llu pages of 2 MB are missing: %llu are needed, %llu are free: "
		"run \"sysctl -w vm.nr_hugepages=%llu\" or set hugepages = \"auto\"",
		(unsigned long long)(need - have.n_free), (unsigned long long)need,
		(unsigned long long)have.n_free,
		(unsigned long long)(have.total + need - have.n_free));
	return -ENOMEM;
}

/* CPUs of the process as a list for --lcores, without those of workers if others are left. */
static void control_cpus(const struct conf *conf, char *buf, size_t len)
{
	cpu_set_t all, rest;
	size_t at = 0;

	CPU_ZERO(&all);
	(void)sched_getaffinity(0, sizeof(all), &all);
	rest = all;
	for (unsigned i = 0; i < conf->cpu.n_workers; i++)
		CPU_CLR(conf->cpu.workers[i], &rest);
	if (conf->cpu.control >= 0) {
		CPU_ZERO(&rest);
		CPU_SET((size_t)conf->cpu.control, &rest);
	}
	if (CPU_COUNT(&rest) == 0)
		rest = all;
	buf[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && at + 8 < len; cpu++)
		if (CPU_ISSET(cpu, &rest))
			at += (size_t)snprintf(buf + at, len - at, at ? ",%d" : "%d", cpu);
}

static void add_lcores(struct args *a, const struct conf *conf)
{
	char cpus[ARG_LEN / 2], list[ARG_LEN];
	size_t at;

	control_cpus(conf, cpus, sizeof(cpus));
	at = (size_t)snprintf(list, sizeof(list), "0@(%s)", cpus);
	for (unsigned i = 0; i < conf->cpu.n_workers && at < sizeof(list); i++)
		at += (size_t)snprintf(
			list + at, sizeof(list) - at, ",%u@%u", i + 1, conf->cpu.workers[i]);
	add_arg(a, "--lcores");
	add_arg(a, "%s", list);
}

/* Those of the configuration and no others: EAL would take what it finds. */
static void add_devices(struct args *a, const struct conf *conf)
{
	bool has_pci = false;

	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		if (conf->interfaces[i].kind != CONF_DEVICE_PCI)
			continue;
		add_arg(a, "-a");
		add_arg(a, "%s", conf->interfaces[i].device);
		has_pci = true;
	}
	if (!has_pci)
		add_arg(a, "--no-pci");
}

static void fill_args(struct args *a, const struct dp *dp)
{
	const struct conf *conf = dp->conf;

	add_arg(a, "poised");
	add_lcores(a, conf);
	add_devices(a, conf);
	add_arg(a, "--no-telemetry");
	add_arg(a, "--iova-mode=va");
	add_arg(a, "--log-level=error");
	add_arg(a, "--file-prefix=poise"); // of a folder in which nothing is left: one for all
	if (dp->info.has_hugepages) {
		add_arg(a, "--in-memory");
	} else {
		add_arg(a, "--no-huge");
		add_arg(a, "--no-shconf");
	}
	// all of it now: routes that change later must not find the huge pages gone
	add_arg(a, "-m");
	add_arg(a, "%llu", (unsigned long long)eal_mib(conf));
	for (unsigned i = 0; i < conf->cpu.n_eal_args; i++)
		add_arg(a, "%s", conf->cpu.eal_args[i]);
}

static int check_cpus(const struct conf *conf, struct diag *diag)
{
	cpu_set_t all;
	int r = 0;

	CPU_ZERO(&all);
	(void)sched_getaffinity(0, sizeof(all), &all);
	for (unsigned i = 0; i < conf->cpu.n_workers; i++)
		if (!CPU_ISSET(conf->cpu.workers[i], &all)) {
			diag_add(diag, DIAG_ERROR, NULL,
				"cpu.workers: CPU %u is not there, or not for this process",
				conf->cpu.workers[i]);
			r = -EINVAL;
		}
	if (conf->cpu.control >= 0 && !CPU_ISSET((size_t)conf->cpu.control, &all)) {
		diag_add(diag, DIAG_ERROR, NULL,
			"cpu.control: CPU %d is not there, or not for this process",
			conf->cpu.control);
		r = -EINVAL;
	}
	return r;
}

/* Workers are born here and take no signals: all are the control thread's. */
static int init_without_signals(struct args *a)
{
	sigset_t all, was;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &was);
	r = rte_eal_init((int)a->n, a->argv);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
	return r < 0 ? -rte_errno : 0;
}

int dp_eal_start(struct dp *dp, struct diag *diag)
{
	struct args *a;
	int r;

	r = check_cpus(dp->conf, diag);
	if (r < 0)
		return r;
	r = choose_pages(dp->conf, diag);
	if (r < 0)
		return r;
	dp->info.has_hugepages = r;
	dp->info.driver_version = rte_version();

	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	fill_args(a, dp);
	r = init_without_signals(a);
	if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL, "DPDK: cannot start its environment: %s",
			strerror(-r));
	else
		dp->has_eal = true;
	// EAL makes it in every mode; without shared configuration it stays empty
	if (r == 0)
		(void)rmdir(rte_eal_get_runtime_dir());
	free(a);
	return r;
}

void dp_eal_stop(struct dp *dp)
{
	if (dp->has_eal)
		(void)rte_eal_cleanup();
	dp->has_eal = false;
}

struct dp_memory_policy dp_eal_memory_policy(const struct dp *dp, unsigned worker)
{
	return (struct dp_memory_policy){
		.use_hugetlb = dp->conf->memory.hugepages != CONF_HUGEPAGES_OFF,
		.require_hugetlb = dp->conf->memory.hugepages == CONF_HUGEPAGES_REQUIRED,
		.has_node = rte_socket_count() > 1,
		.node = rte_lcore_to_socket_id(worker + 1),
	};
}
