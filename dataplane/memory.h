#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Big blocks for tables: huge pages where allowed, zeroed, never on the packet path. */
struct dp_memory_policy {
	bool use_hugetlb; // reserved huge pages; else transparent ones, asked for by madvise
	bool require_hugetlb;
	/* A NUMA node whose memory is preferred, if `has_node`; else that of the thread which
	 * touches a page first. */
	bool has_node;
	unsigned node;
};

struct dp_memory {
	void *start; // NULL: none
	size_t len_bytes;
	bool is_hugetlb; // on reserved huge pages
};

enum { DP_MEMORY_HUGE_PAGE = 2 * 1024 * 1024 };

/* -ENOMEM; *ret untouched then. */
int dp_memory_map(size_t len_bytes, const struct dp_memory_policy *policy, struct dp_memory *ret);
void dp_memory_unmap(struct dp_memory *m);
