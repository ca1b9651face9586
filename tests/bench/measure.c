/* The probe, and percentiles. Nothing is thrown away: what is not quiet still counts in the
 * unfiltered median. */
#include "tests/bench/measure.h"

#include "dataplane/memory.h"
#include "tests/bench/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_cycles.h>

enum { LINE = 64 };

/* Four operations and a branch: one cycle on any core that issues five. */
static uint64_t time_loop(void)
{
	uint64_t a = 1, b = 2, c = 3, start = rte_rdtsc_precise();

	for (uint64_t i = 0; i < MEASURE_ITERATIONS; i++) {
		a += i;
		b ^= a;
		c += i;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c));
	}
	return rte_rdtsc_precise() - start;
}

static uint64_t time_steps(struct measure_probe *p)
{
	uint64_t start = rte_rdtsc_precise();

	for (unsigned i = 0; i < MEASURE_STEPS; i++)
		p->at = *(void *volatile *)p->at;
	return rte_rdtsc_precise() - start;
}

/* One cycle through all lines of the block, in random order (Sattolo's shuffle). */
static void make_chain(char *block, uint32_t n_lines)
{
	struct random_state r = random_seeded(7);
	uint32_t *next = malloc(n_lines * sizeof(*next));

	for (uint32_t i = 0; next && i < n_lines; i++)
		next[i] = i;
	for (uint32_t i = n_lines - 1; next && i > 0; i--) {
		uint32_t k = random_below(&r, i), swap = next[i];

		next[i] = next[k];
		next[k] = swap;
	}
	for (uint32_t i = 0; next && i < n_lines; i++)
		*(void **)(block + (size_t)i * LINE) = block + (size_t)next[i] * LINE;
	free(next);
}

void measure_probe_init(struct measure_probe *p, uint64_t tsc_hz, bool has_hugepages)
{
	const struct dp_memory_policy policy = {
		.use_hugetlb = has_hugepages,
		.require_hugetlb = has_hugepages,
	};
	struct dp_memory memory;

	if (dp_memory_map(MEASURE_CHAIN_BYTES, &policy, &memory) < 0) {
		(void)fputs("bench: no memory: too few huge pages?\n", stderr);
		exit(1);
	}
	make_chain(memory.start, MEASURE_CHAIN_BYTES / LINE);
	p->at = memory.start;
	p->ticks_per_ns = (double)tsc_hz / 1e9;
	p->loops = calloc(1, sizeof(*p->loops));
	p->steps = calloc(1, sizeof(*p->steps));
}

static bool run_loops(struct measure_probe *p)
{
	double loop = (double)time_loop();
	double step = (double)time_steps(p) / MEASURE_STEPS / p->ticks_per_ns;

	samples_add(p->loops, loop, true);
	samples_add(p->steps, step, true);
	return loop <= MEASURE_QUIET_TICKS && step <= MEASURE_QUIET_STEP_NS;
}

static long switches(void)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

bool measure_before(struct measure_probe *p)
{
	bool is_quiet = run_loops(p);

	p->n_switches = switches();
	return is_quiet;
}

bool measure_after(struct measure_probe *p)
{
	bool was_disturbed = switches() != p->n_switches;

	return run_loops(p) && !was_disturbed;
}

void samples_add_mean(struct samples *s, double all, double quiet, bool is_quiet)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->values = realloc(s->values, s->room * sizeof(*s->values));
		s->quiet_values = realloc(s->quiet_values, s->room * sizeof(*s->quiet_values));
		if (!s->values || !s->quiet_values) {
			(void)fputs("bench: no memory for samples\n", stderr);
			exit(1);
		}
	}
	s->values[s->n++] = all;
	if (is_quiet)
		s->quiet_values[s->n_quiet++] = quiet;
}

void samples_add(struct samples *s, double value, bool is_quiet)
{
	samples_add_mean(s, value, value, is_quiet);
}

void samples_free(struct samples *s)
{
	free(s->values);
	free(s->quiet_values);
	*s = (struct samples){.n = 0};
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double at_share(const double *sorted, uint32_t n, double share)
{
	return n > 0 ? sorted[(uint32_t)(share * (n - 1) + 0.5)] : 0;
}

static double *sorted_copy(const double *values, uint32_t n)
{
	double *sorted = calloc(n + 1, sizeof(*sorted));

	if (!sorted)
		exit(1);
	if (n > 0)
		memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted;
}

struct percentiles samples_percentiles(const struct samples *s)
{
	double *quiet = sorted_copy(s->quiet_values, s->n_quiet);
	double *all = sorted_copy(s->values, s->n);
	struct percentiles p = {
		.p10 = at_share(quiet, s->n_quiet, 0.1),
		.p50 = at_share(quiet, s->n_quiet, 0.5),
		.p90 = at_share(quiet, s->n_quiet, 0.9),
		.unfiltered_p50 = at_share(all, s->n, 0.5),
		.n_quiet = s->n_quiet,
		.n = s->n,
	};

	free(quiet);
	free(all);
	return p;
}
