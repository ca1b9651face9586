/* The list of cases. */
#include "tests/bench/cases.h"
#include "tests/bench/traffic.h"

#define STEADY(name, family, flows, mode, len)                                                     \
	{                                                                                          \
		name, case_steady, family, flows, mode, len, flows > 1000000, false                \
	}

const struct bench_case bench_cases[] = {
	STEADY("nat4-both-1k", 4, 1000, STEADY_BOTH, 0),
	STEADY("nat4-both-10k", 4, 10000, STEADY_BOTH, 0),
	STEADY("nat4-both-100k", 4, 100000, STEADY_BOTH, 0),
	STEADY("nat4-both-1M", 4, 1000000, STEADY_BOTH, 0),
	STEADY("nat4-both-10M", 4, 10000000, STEADY_BOTH, 0),
	STEADY("nat6-both-1k", 6, 1000, STEADY_BOTH, 0),
	STEADY("nat6-both-10k", 6, 10000, STEADY_BOTH, 0),
	STEADY("nat6-both-100k", 6, 100000, STEADY_BOTH, 0),
	STEADY("nat6-both-1M", 6, 1000000, STEADY_BOTH, 0),
	STEADY("nat6-both-10M", 6, 10000000, STEADY_BOTH, 0),
	STEADY("nat4-in-1M", 4, 1000000, STEADY_IN, 0),
	STEADY("nat4-out-1M", 4, 1000000, STEADY_OUT, 0),
	STEADY("nat4-zipf-1M", 4, 1000000, STEADY_ZIPF, 0),
	STEADY("nat4-both-1M-512", 4, 1000000, STEADY_BOTH, 512),
	STEADY("nat4-both-1M-1500", 4, 1000000, STEADY_BOTH, 1514),
	{"nat4-both-1M-xdp", case_steady, 4, 1000000, STEADY_BOTH, 0, false, true},
	{"setup-teardown-1M", case_exchange, 4, 1000000, 0, 0, false, false},
	{"syn-flood", case_flood, 4, 100000, 0, 0, false, false},
	{"no-connection", case_stranger, 4, 100000, 0, 0, false, false},
	{"workers-2", case_workers, 4, 1000000, 0, 0, false, false},
	{"handoff-0", case_handoff, 4, 100000, 0, 0, false, false},
	{"handoff-100", case_handoff, 4, 100000, 1, 0, false, false},
	{"memory-floor-1k", case_floor, 0, 1000, 0, 0, false, false},
	{"memory-floor-10k", case_floor, 0, 10000, 0, 0, false, false},
	{"memory-floor-100k", case_floor, 0, 100000, 0, 0, false, false},
	{"memory-floor-1M", case_floor, 0, 1000000, 0, 0, false, false},
	{"memory-floor-10M", case_floor, 0, 10000000, 0, 0, true, false},
	{"bytes-per-connection", case_bytes, 4, 10000000, 0, 0, false, false},
	{"table-ready-10M", case_ready, 4, 10000000, 0, 0, false, false},
};
const unsigned bench_n_cases = sizeof(bench_cases) / sizeof(bench_cases[0]);
