#pragma once

#include "tests/bench/measure.h"
#include "tests/bench/world.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The cases: one table, and what all of them share. */

struct bench {
	struct world_ports ports;
	struct measure_probe probes[WORLD_MAX_WORKERS]; // by lcore
	uint64_t seed;
	double seconds; // of measuring, for each case
	bool has_hugepages;
	bool is_counting;  // under callgrind: few packets, no clock
	bool may_be_large; // cases with 10 million connections, too
	unsigned n_lcores;
	FILE *json; // NULL: none
};

struct bench_case {
	const char *name;
	void (*run)(struct bench *b, const struct bench_case *c);
	unsigned family;
	uint32_t flows;
	unsigned mode;      // of the traffic
	uint16_t frame_len; // 0: least
	bool is_large;      // not with --quick
	bool has_xdp;       // behind an XDP program, not behind a DPDK driver
};

extern const struct bench_case bench_cases[];
extern const unsigned bench_n_cases;

/* What a case found, in cycles per packet (or per exchange). */
struct bench_result {
	const struct bench_case *c;
	unsigned workers;
	double packets_each; // that one unit of the figures stands for; 1 but for exchanges, SYNs
	struct percentiles cycles, mac, swap;
	double tsc_hz;
	const char *note;  // may be NULL
	const char *extra; // more JSON members, ", \"x\": 1"; may be NULL
};

void report_header(const struct bench *b);
/* What the probes have seen. */
void report_probes(const struct bench *b);
void report_result(const struct bench *b, const struct bench_result *r);
/* A figure that is no cycles. */
void report_value(
	const struct bench *b, const char *name, double value, const char *unit, const char *note);

/* One worker (cases.c). */
void case_steady(struct bench *b, const struct bench_case *of);
void case_exchange(struct bench *b, const struct bench_case *of);
void case_flood(struct bench *b, const struct bench_case *of);
void case_stranger(struct bench *b, const struct bench_case *of);

/* Two workers on two CPUs (pair.c). */
void case_workers(struct bench *b, const struct bench_case *of);
void case_handoff(struct bench *b, const struct bench_case *of); // mode 1: all packets

/* Memory (values.c). */
void case_floor(struct bench *b, const struct bench_case *of);
void case_bytes(struct bench *b, const struct bench_case *of);
void case_ready(struct bench *b, const struct bench_case *of);
