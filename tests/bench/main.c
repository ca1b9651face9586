/* The bench program: reads its options, starts DPDK, runs the wanted cases. tools/bench builds it,
 * reserves huge pages and calls it. */
#include "tests/bench/cases.h"

#include "tests/bench/capture.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

enum { MAX_CASES = 64, COUNTED_FLOWS = 1000 };

struct options {
	const char *cases[MAX_CASES];
	unsigned n_cases;
	const char *json;
	const char *cpus;
	const char *capture;
	unsigned family;
	uint32_t flows;
};

static const char usage[] = "usage: poise-bench [--case NAME]... [--seconds N] [--seed N] [--json "
			    "FILE] [--cpus A[,B]]\n"
			    "                   [--no-large] [--no-huge] [--list]\n";

static void list_cases(void)
{
	for (unsigned i = 0; i < bench_n_cases; i++)
		puts(bench_cases[i].name);
}

static void read_options(int argc, char **argv, struct bench *b, struct options *o)
{
	static const struct option longs[] = {{"case", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'r'},
		{"json", required_argument, NULL, 'j'}, {"cpus", required_argument, NULL, 'p'},
		{"no-large", no_argument, NULL, 'l'}, {"no-huge", no_argument, NULL, 'h'},
		{"list", no_argument, NULL, 'L'}, {"count", no_argument, NULL, 'C'},
		{"write-capture", required_argument, NULL, 'w'},
		{"flows", required_argument, NULL, 'f'}, {"family", required_argument, NULL, 'F'},
		{0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			if (o->n_cases < MAX_CASES)
				o->cases[o->n_cases++] = optarg;
			break;
		case 's':
			b->seconds = atof(optarg);
			break;
		case 'r':
			b->seed = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			o->json = optarg;
			break;
		case 'p':
			o->cpus = optarg;
			break;
		case 'l':
			b->may_be_large = false;
			break;
		case 'h':
			b->has_hugepages = false;
			break;
		case 'w':
			o->capture = optarg;
			break;
		case 'f':
			o->flows = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'F':
			o->family = optarg[0] == '6' ? 6 : 4;
			break;
		case 'C':
			b->is_counting = true;
			b->has_hugepages = false;
			break;
		case 'L':
			list_cases();
			exit(0);
		default:
			(void)fputs(usage, stderr);
			exit(2);
		}
	}
}

/* Lcore 0 makes the traffic and is the first worker; lcore 1 is the second. */
static int start_eal(const struct bench *b, const char *cpus)
{
	char lcores[64];
	const char *comma = strchr(cpus, ',');
	char *args[] = {(char *)"poise-bench", (char *)"--lcores", lcores, (char *)"--no-pci",
		(char *)"--no-telemetry", (char *)"--iova-mode=va", (char *)"--log-level=error",
		(char *)"--in-memory", NULL, NULL, NULL};
	int n = 8;

	if (comma)
		(void)snprintf(lcores, sizeof(lcores), "0@%.*s,1@%s", (int)(comma - cpus), cpus,
			comma + 1);
	else
		(void)snprintf(lcores, sizeof(lcores), "0@%s", cpus);
	if (!b->has_hugepages) {
		args[n - 1] = (char *)"--no-huge";
		args[n++] = (char *)"--no-shconf";
		args[n++] = (char *)"-m1024";
	}
	return rte_eal_init(n, args);
}

static bool is_wanted(const struct bench *b, const struct options *o, const struct bench_case *c)
{
	if (o->n_cases == 0)
		return b->may_be_large || !c->is_large;
	for (unsigned i = 0; i < o->n_cases; i++)
		if (strcmp(o->cases[i], c->name) == 0)
			return true;
	return false;
}

static void run_case(struct bench *b, const struct bench_case *c)
{
	struct bench_case small = *c;

	if (b->is_counting && small.flows > COUNTED_FLOWS)
		small.flows = COUNTED_FLOWS;
	small.run(b, &small);
}

static void check_names(const struct options *o)
{
	for (unsigned i = 0; i < o->n_cases; i++) {
		unsigned k = 0;

		while (k < bench_n_cases && strcmp(o->cases[i], bench_cases[k].name) != 0)
			k++;
		if (k == bench_n_cases) {
			(void)fprintf(
				stderr, "bench: no case \"%s\"; --list names them\n", o->cases[i]);
			exit(2);
		}
	}
}

static int write_capture(const struct options *o, uint64_t seed)
{
	int r = capture_write(o->capture, o->family, o->flows, seed);

	if (r < 0)
		(void)fprintf(stderr, "bench: %s: %s\n", o->capture, strerror(-r));
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct bench bench = {.seed = 1, .seconds = 4, .has_hugepages = true, .may_be_large = true};
	struct options o = {.cpus = "1,0", .flows = 10000, .family = 4};

	read_options(argc, argv, &bench, &o);
	check_names(&o);
	if (o.capture)
		return write_capture(&o, bench.seed);
	if (start_eal(&bench, o.cpus) < 0) {
		(void)fprintf(stderr, "bench: EAL: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	bench.n_lcores = rte_lcore_count();
	if (world_ports_open(&bench.ports, bench.is_counting) < 0) {
		(void)fprintf(stderr, "bench: cannot make the ports: too few huge pages?\n");
		return 1;
	}
	if (o.json) {
		bench.json = fopen(o.json, "we");
		if (!bench.json) {
			perror(o.json);
			return 1;
		}
	}
	for (unsigned i = 0; i < WORLD_MAX_WORKERS; i++)
		measure_probe_init(&bench.probes[i], bench.ports.tsc_hz, bench.has_hugepages);
	report_header(&bench);
	for (unsigned i = 0; i < bench_n_cases; i++)
		if (is_wanted(&bench, &o, &bench_cases[i]))
			run_case(&bench, &bench_cases[i]);
	report_probes(&bench);
	if (bench.json)
		(void)fclose(bench.json);
	return 0;
}
