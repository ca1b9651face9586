#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_bpf.h>

/* A filter as tcpdump takes it (pcap-filter(7)), as machine code that workers run on packets. */
struct dp_filter {
	struct rte_bpf *bpf;
	uint64_t (*run)(void *mbuf); // NULL: cannot be translated here
};

/* "" matches all. Looks names up where there are some, so it may take long. -EINVAL, with why in
 * `why`; -ENOMEM. */
int dp_filter_init(struct dp_filter *f, const char *text, char *why, size_t why_size) ON_BUILDER;
/* Of a zeroed one, too. */
void dp_filter_fini(struct dp_filter *f) ON_CONTROL;

static inline bool dp_filter_matches(const struct dp_filter *f, void *mbuf)
{
	return (f->run ? f->run(mbuf) : rte_bpf_exec(f->bpf, mbuf)) != 0;
}
