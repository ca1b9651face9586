#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Samples with a judgement of the machine at their time.
 *
 * The probe has two fixed loops. The first is 1,024 iterations that a core's arithmetic units do
 * in one core cycle each. The TSC ticks at the nominal clock; the cores measured on run about 1.2
 * to 1.4 times as fast when left alone: 780 to 890 ticks, the cost of reading the time included.
 * A core that shares its units with a neighbour, or is throttled, needs well above 1,000. The
 * second follows 64 pointers through 8 MB, more than a second-level cache and far less than a
 * third-level one: about 160 ns each when the memory system is quiet, 300 to 450 ns when a
 * neighbour fills it. A segment is quiet if both loops stayed within their limits before and
 * after it, and no other thread took the CPU in between. The limits are absolute: a run without a
 * quiet moment has no quiet segment. */

enum {
	MEASURE_ITERATIONS = 1024,
	MEASURE_QUIET_TICKS = 930,
	MEASURE_STEPS = 64,
	MEASURE_QUIET_STEP_NS = 230,
	MEASURE_CHAIN_BYTES = 8 * 1024 * 1024,
};

struct samples;

struct measure_probe {
	void **at; // in a closed chain
	double ticks_per_ns;
	long n_switches;               // times that the thread had lost its CPU before
	struct samples *loops, *steps; // what it has seen: ticks, and ns a step
};

/* Exits when there is no memory. */
void measure_probe_init(struct measure_probe *p, uint64_t tsc_hz, bool has_hugepages);
/* Around a segment; both must say that the machine is quiet. */
bool measure_before(struct measure_probe *p);
bool measure_after(struct measure_probe *p);

struct samples {
	double *values;       // all
	double *quiet_values; // n_quiet of them
	uint32_t n, n_quiet, room;
};

void samples_add(struct samples *s, double value, bool is_quiet);
/* Of several segments together: the mean of all, and that of the quiet ones. */
void samples_add_mean(struct samples *s, double all, double quiet, bool is_quiet);
void samples_free(struct samples *s);

struct percentiles {
	double p10, p50, p90; // quiet ones
	double unfiltered_p50;
	uint32_t n_quiet, n;
};

struct percentiles samples_percentiles(const struct samples *s);
