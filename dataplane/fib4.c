/* The table of fib4.h: how it is filled. Since shorter prefixes come first, a longer one only
 * overwrites, and a network's group starts with what the network had. Groups are handed out in
 * order and never given back: a table is built once. */
#include "dataplane/fib4.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include <rte_malloc.h>

enum { DIRECT_BITS = 24, N_DIRECT = 1 << DIRECT_BITS, GROUP = 256, LINE = 64 };

int dp_fib4_init(struct dp_fib4 *f, uint32_t max_groups)
{
	size_t n = N_DIRECT + (size_t)max_groups * GROUP;
	uint16_t *values = rte_zmalloc(NULL, n * sizeof(*values), LINE);

	assert(max_groups <= DP_FIB4_MAX_GROUPS);
	if (!values)
		return -ENOMEM;
	*f = (struct dp_fib4){
		.direct = values,
		.groups = values + N_DIRECT,
		.max_groups = max_groups,
	};
	return 0;
}

void dp_fib4_fini(struct dp_fib4 *f)
{
	rte_free(f->direct);
	f->direct = NULL;
}

static void fill(uint16_t *values, uint32_t n, uint16_t value)
{
	for (uint32_t i = 0; i < n; i++)
		values[i] = (uint16_t)(value << 1);
}

/* The group of a network, made of its value if it has none yet. NULL: none are left. */
static uint16_t *group_of(struct dp_fib4 *f, uint32_t network)
{
	uint16_t was = f->direct[network];

	if (was & 1)
		return &f->groups[(size_t)(was >> 1) * GROUP];
	if (f->n_groups == f->max_groups)
		return NULL;
	fill(&f->groups[(size_t)f->n_groups * GROUP], GROUP, was >> 1);
	f->direct[network] = (uint16_t)(f->n_groups << 1 | 1);
	return &f->groups[(size_t)f->n_groups++ * GROUP];
}

int dp_fib4_add(struct dp_fib4 *f, uint32_t v4, unsigned length, uint16_t value)
{
	uint16_t *group;

	assert(value <= DP_FIB4_MAX_VALUE && length <= 32);
	if (length <= DIRECT_BITS) {
		fill(&f->direct[v4 >> 8], 1u << (DIRECT_BITS - length), value);
		return 0;
	}
	group = group_of(f, v4 >> 8);
	if (!group)
		return -ENOSPC;
	fill(&group[v4 & 0xff], 1u << (32 - length), value);
	return 0;
}
