/* Anonymous mappings for the workers' tables. Not from DPDK's heap: its size would have to be
 * fixed before EAL starts when there are no huge pages, and transparent huge pages serve
 * tables as well as reserved ones. */
#include "dataplane/memory.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NODES_MAX = 64, NODES_BITS = NODES_MAX + 1 }; // the kernel takes one bit off

static void *map_anonymous(size_t len_bytes, int flags)
{
	void *p = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
		-1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A wish: a full node, or a kernel without NUMA, and it comes from elsewhere. By system call, for
 * one call is not worth libnuma. */
static void prefer_node(void *start, size_t len, unsigned node)
{
	unsigned long mask;

	if (node >= NODES_MAX)
		return;
	mask = 1UL << node;
	(void)syscall(SYS_mbind, start, len, MPOL_PREFERRED, &mask, NODES_BITS, 0);
}

int dp_memory_map(size_t len_bytes, const struct dp_memory_policy *policy, struct dp_memory *ret)
{
	size_t len = (len_bytes + DP_MEMORY_HUGE_PAGE - 1) & ~(size_t)(DP_MEMORY_HUGE_PAGE - 1);
	bool is_hugetlb;
	void *p = NULL;

	if (policy->use_hugetlb)
		p = map_anonymous(len, MAP_HUGETLB);
	if (!p && policy->require_hugetlb)
		return -ENOMEM;
	is_hugetlb = p;
	if (!p) {
		p = map_anonymous(len, 0);
		if (!p)
			return -ENOMEM;
		(void)madvise(p, len, MADV_HUGEPAGE); // a wish: smaller pages work too
	}
	if (policy->has_node)
		prefer_node(p, len, policy->node);
	*ret = (struct dp_memory){.start = p, .len_bytes = len, .is_hugetlb = is_hugetlb};
	return 0;
}

void dp_memory_unmap(struct dp_memory *m)
{
	if (m->start)
		(void)munmap(m->start, m->len_bytes);
	*m = (struct dp_memory){.start = NULL};
}
