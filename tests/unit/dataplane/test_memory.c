/* Blocks for tables: zeroed, and on the NUMA node that is preferred. One node suffices for the
 * test: the kernel tells the policy of a mapping. */
#include "dataplane/memory.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { LEN = 3 * 1000 * 1000, N_NODES = 1024 };

struct placement {
	int mode;
	unsigned long nodes[N_NODES / 64];
};

static struct placement placement_of(void *p)
{
	struct placement is = {0};

	if (syscall(SYS_get_mempolicy, &is.mode, is.nodes, N_NODES, p, MPOL_F_ADDR) < 0) {
		(void)printf("no NUMA in this kernel\n");
		skip();
	}
	return is;
}

static void a_block_is_zeroed_and_may_be_written(void **state)
{
	const struct dp_memory_policy policy = {.use_hugetlb = false};
	struct dp_memory m;
	uint8_t *bytes;

	(void)state;
	assert_int_equal(dp_memory_map(LEN, &policy, &m), 0);
	assert_true(m.len_bytes >= LEN);
	bytes = m.start;
	for (size_t i = 0; i < LEN; i += 4095) {
		assert_int_equal(bytes[i], 0);
		bytes[i] = 1;
	}
	dp_memory_unmap(&m);
	assert_null(m.start);
}

static void a_node_is_preferred_if_one_is_named(void **state)
{
	const struct dp_memory_policy policy = {.has_node = true, .node = 0};
	struct dp_memory m;
	struct placement is;

	(void)state;
	assert_int_equal(dp_memory_map(LEN, &policy, &m), 0);
	is = placement_of(m.start);
	assert_int_equal(is.mode, MPOL_PREFERRED);
	assert_int_equal(is.nodes[0], 1);
	dp_memory_unmap(&m);
}

static void without_a_name_the_first_touch_decides(void **state)
{
	const struct dp_memory_policy policy = {.has_node = false, .node = 0};
	struct dp_memory m;

	(void)state;
	assert_int_equal(dp_memory_map(LEN, &policy, &m), 0);
	assert_int_equal(placement_of(m.start).mode, MPOL_DEFAULT);
	dp_memory_unmap(&m);
}

static void a_node_that_is_not_there_is_no_error(void **state)
{
	static const unsigned nodes[] = {63, 64, 100000};
	struct dp_memory m;

	(void)state;
	for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		const struct dp_memory_policy policy = {.has_node = true, .node = nodes[i]};

		assert_int_equal(dp_memory_map(LEN, &policy, &m), 0);
		*(uint8_t *)m.start = 1;
		dp_memory_unmap(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_zeroed_and_may_be_written),
		cmocka_unit_test(a_node_is_preferred_if_one_is_named),
		cmocka_unit_test(without_a_name_the_first_touch_decides),
		cmocka_unit_test(a_node_that_is_not_there_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
