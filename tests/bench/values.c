/* What memory costs: the floor below any table of one bucket and one record a connection, the
 * bytes of a connection, and the time until a table is ready. */
#include "tests/bench/cases.h"
#include "tests/bench/drive.h"

#include "dataplane/memory.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_prefetch.h>

enum { BURST = 32, LINE_WORDS = 8, SLOTS = 8 };

struct line {
	uint64_t words[LINE_WORDS];
};

struct floor {
	struct dp_memory memory;
	struct line *buckets, *records;
	uint32_t n_buckets, n_records;
	struct random_state random;
	uint64_t sum;
};

static void floor_init(struct floor *f, const struct bench *b, uint32_t n)
{
	const struct dp_memory_policy policy = {
		.use_hugetlb = b->has_hugepages,
		.require_hugetlb = b->has_hugepages,
	};
	size_t bytes;

	memset(f, 0, sizeof(*f));
	f->n_records = n;
	f->n_buckets = (uint32_t)((uint64_t)n * 4 / 3 / SLOTS + 1);
	f->random = random_seeded(b->seed);
	bytes = ((size_t)f->n_buckets + n) * sizeof(struct line);
	if (dp_memory_map(bytes, &policy, &f->memory) < 0) {
		(void)fputs("bench: no memory: too few huge pages?\n", stderr);
		exit(1);
	}
	memset(f->memory.start, 1, bytes);
	f->buckets = f->memory.start;
	f->records = f->buckets + f->n_buckets;
}

/* A random bucket is read and a random record written, 32 at a time, each prefetched. */
static uint64_t floor_run(struct floor *f, unsigned n)
{
	uint64_t start = rte_rdtsc();

	for (unsigned done = 0; done < n; done += BURST) {
		struct line *bucket[BURST], *record[BURST];

		for (unsigned i = 0; i < BURST; i++) {
			bucket[i] = &f->buckets[random_below(&f->random, f->n_buckets)];
			record[i] = &f->records[random_below(&f->random, f->n_records)];
			rte_prefetch0(bucket[i]);
		}
		for (unsigned i = 0; i < BURST; i++) {
			f->sum += bucket[i]->words[0];
			__builtin_prefetch(record[i], 1);
		}
		for (unsigned i = 0; i < BURST; i++)
			record[i]->words[1] += f->sum;
	}
	return rte_rdtsc() - start;
}

void case_floor(struct bench *b, const struct bench_case *of)
{
	struct bench_result result = {.c = of, .workers = 1, .packets_each = 1};
	struct samples samples = {0};
	struct floor f;
	uint64_t end;

	floor_init(&f, b, of->flows);
	for (unsigned i = 0; i < 64; i++)
		(void)floor_run(&f, DRIVE_SEGMENT);
	end = rte_rdtsc() + (uint64_t)(b->seconds / 4 * (double)b->ports.tsc_hz);
	while (rte_rdtsc() < end) {
		bool is_quiet = measure_before(&b->probes[0]);
		uint64_t ticks = floor_run(&f, DRIVE_SEGMENT);

		is_quiet &= measure_after(&b->probes[0]);
		samples_add(&samples, (double)ticks / DRIVE_SEGMENT, is_quiet);
	}
	result.tsc_hz = (double)b->ports.tsc_hz;
	result.cycles = samples_percentiles(&samples);
	result.note = "two lines of memory, nothing else";
	report_result(b, &result);
	samples_free(&samples);
	dp_memory_unmap(&f.memory);
}

/* Address space and memory that one worker for so many connections has taken. */
struct taken {
	double mapped, resident, init_seconds, fill_seconds;
};

static struct taken measure_worker(struct bench *b, uint32_t connections, bool must_be_there)
{
	const struct world_options options = {
		.n_workers = 1,
		.connections = connections,
		.timeouts = world_default_timeouts,
		.has_hugepages = b->has_hugepages,
		.must_be_there = must_be_there,
	};
	struct world *w = world_new(&b->ports, &options);
	struct taken t = {
		.mapped = (double)w->worker_mapped,
		.resident = (double)w->worker_resident,
		.init_seconds = w->init_seconds,
		.fill_seconds = w->fill_seconds,
	};

	world_free(w);
	return t;
}

/* Everything that a worker maps, its fixed parts too, over the number of connections. */
void case_bytes(struct bench *b, const struct bench_case *of)
{
	struct taken t = measure_worker(b, of->flows, false);
	char note[64];

	(void)snprintf(note, sizeof(note), "at a capacity of %u", of->flows);
	report_value(b, of->name, t.mapped / of->flows, "bytes", note);
}

/* A table is ready when its memory is there. What dp_worker_init() leaves to be faulted in is paid
 * for by the first packets that come by; here it is paid at once, and counted. */
void case_ready(struct bench *b, const struct bench_case *of)
{
	struct taken t = measure_worker(b, of->flows, true);
	char note[128];

	(void)snprintf(note, sizeof(note),
		"dp_worker_init() took %.3f s and had %.0f %% of the memory; the rest took %.2f s",
		t.init_seconds, t.mapped > 0 ? 100 * t.resident / t.mapped : 0, t.fill_seconds);
	report_value(b, of->name, t.init_seconds + t.fill_seconds, "s", note);
}
