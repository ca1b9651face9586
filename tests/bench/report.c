/* The table for people, and one JSON object a line for programs. */
#include "tests/bench/cases.h"
#include "tests/bench/drive.h"

void report_header(const struct bench *b)
{
	double hz = (double)b->ports.tsc_hz;

	printf("TSC %.3f GHz; cycles are its ticks, per packet. A batch is %d packets; it is quiet "
	       "if before and after it\n%d iterations took at most %d ticks and a step through "
	       "%d MB at most %d ns.\n",
		hz / 1e9, DRIVE_SEGMENT, MEASURE_ITERATIONS, MEASURE_QUIET_TICKS,
		MEASURE_CHAIN_BYTES >> 20, MEASURE_QUIET_STEP_NS);
	printf("%-22s %9s %7s %7s %7s | %7s %6s %6s | %7s %7s %11s | %6s %6s %6s\n", "case",
		"flows", "p10", "p50", "p90", "lb_p50", "mac", "swap", "all_p50", "all_lb", "quiet",
		"/mac", "/swap", "Mpps");
}

void report_probes(const struct bench *b)
{
	struct percentiles loops = samples_percentiles(b->probes[0].loops);
	struct percentiles steps = samples_percentiles(b->probes[0].steps);

	printf("probes: p10/p50/p90 loop %.0f/%.0f/%.0f ticks, step %.0f/%.0f/%.0f ns\n", loops.p10,
		loops.p50, loops.p90, steps.p10, steps.p50, steps.p90);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* Less baseline (a), both as the machine was. */
static double unfiltered_lb(const struct bench_result *r)
{
	return r->cycles.unfiltered_p50 - r->mac.unfiltered_p50 * r->packets_each;
}

static double mpps(const struct bench_result *r)
{
	return ratio(r->tsc_hz * r->packets_each * r->workers, r->cycles.p50) / 1e6;
}

static void print_json(const struct bench *b, const struct bench_result *r)
{
	const struct percentiles *p = &r->cycles;
	double mac = r->mac.p50 * r->packets_each, swap = r->swap.p50 * r->packets_each;

	fprintf(b->json,
		"{\"case\": \"%s\", \"flows\": %u, \"workers\": %u, "
		"\"cycles\": {\"p10\": %.1f, \"p50\": %.1f, \"p90\": %.1f}, "
		"\"lb_cycles\": {\"p10\": %.1f, \"p50\": %.1f, \"p90\": %.1f}, "
		"\"unfiltered_p50\": %.1f, \"unfiltered_lb_p50\": %.1f, "
		"\"batches\": %u, \"batches_all\": %u, "
		"\"ratio_mac\": %.2f, \"ratio_swap\": %.2f, \"mpps\": %.3f, "
		"\"mac_p50\": %.1f, \"swap_p50\": %.1f%s}\n",
		r->c->name, r->c->flows, r->workers, p->p10, p->p50, p->p90, p->p10 - mac,
		p->p50 - mac, p->p90 - mac, p->unfiltered_p50, unfiltered_lb(r), p->n_quiet, p->n,
		ratio(p->p50, mac), ratio(p->p50, swap), mpps(r), mac, swap,
		r->extra ? r->extra : "");
	(void)fflush(b->json);
}

/* Without a quiet batch, only what is said about all of them. */
static void print_row(const struct bench_result *r)
{
	const struct percentiles *p = &r->cycles;
	double mac = r->mac.p50 * r->packets_each, swap = r->swap.p50 * r->packets_each;
	char batches[32];

	(void)snprintf(batches, sizeof(batches), "%u/%u", p->n_quiet, p->n);
	printf("%-22s %9u ", r->c->name, r->c->flows);
	if (p->n_quiet > 0)
		printf("%7.1f %7.1f %7.1f | %7.1f %6.1f %6.1f |", p->p10, p->p50, p->p90,
			p->p50 - mac, mac, swap);
	else
		printf("%-23s | %22s |", "never quiet", "");
	printf(" %7.1f %7.1f %11s | %6.2f %6.2f %6.2f", p->unfiltered_p50, unfiltered_lb(r),
		batches, ratio(p->p50, mac), ratio(p->p50, swap), mpps(r));
	printf("%s%s\n", r->note ? "  " : "", r->note ? r->note : "");
}

void report_result(const struct bench *b, const struct bench_result *r)
{
	print_row(r);
	(void)fflush(stdout);
	if (b->json)
		print_json(b, r);
}

void report_value(
	const struct bench *b, const char *name, double value, const char *unit, const char *note)
{
	printf("%-22s %.2f %s%s%s\n", name, value, unit, note ? "  " : "", note ? note : "");
	(void)fflush(stdout);
	if (!b->json)
		return;
	fprintf(b->json, "{\"case\": \"%s\", \"value\": %.3f}\n", name, value);
	(void)fflush(b->json);
}
