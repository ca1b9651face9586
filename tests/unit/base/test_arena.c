/* Memory that is freed whole. */
#include "base/arena.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void memory_is_zeroed_aligned_and_ones_own(void **state)
{
	enum { N = 2000 };
	struct arena *arena = arena_new();
	unsigned char *blocks[N];
	size_t sizes[N];

	(void)state;
	srand(4);
	print_message("seed 4\n");
	for (unsigned i = 0; i < N; i++) {
		sizes[i] = (size_t)rand() % (i % 50 ? 300 : 200000);
		blocks[i] = arena_alloc(arena, 1, sizes[i]);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 16, 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(blocks[i][j], 0);
		memset(blocks[i], (int)(i % 255) + 1, sizes[i]);
	}
	for (unsigned i = 0; i < N; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(blocks[i][j], i % 255 + 1);
	arena_free(arena);
}

static void too_large_a_request_is_refused(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_null(arena_alloc(arena, SIZE_MAX, 2));
	assert_null(arena_alloc(arena, SIZE_MAX / 2 + 1, 2));
	assert_null(arena_alloc(arena, 1, SIZE_MAX));
	assert_null(arena_alloc(arena, 1, SIZE_MAX - 15));
	assert_non_null(arena_alloc(arena, 1, 1));
	arena_free(arena);
}

static void an_empty_array_has_an_address(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_non_null(arena_alloc(arena, 0, 8));
	assert_ptr_not_equal(arena_alloc(arena, 0, 8), arena_alloc(arena, 0, 8));
	arena_free(arena);
}

static void texts_are_copied_and_composed(void **state)
{
	struct arena *arena = arena_new();
	char original[] = "name";
	char *copy = arena_strdup(arena, original);

	(void)state;
	original[0] = 'x';
	assert_string_equal(copy, "name");
	assert_string_equal(arena_printf(arena, "%s.%d", copy, 7), "name.7");
	assert_string_equal(arena_printf(arena, "%s", ""), "");
	assert_int_equal(strlen(arena_printf(arena, "%*s", 100000, "")), 100000);
	arena_free(arena);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	arena_free(NULL);
	arena_free(arena_new());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_ones_own),
		cmocka_unit_test(too_large_a_request_is_refused),
		cmocka_unit_test(an_empty_array_has_an_address),
		cmocka_unit_test(texts_are_copied_and_composed),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
