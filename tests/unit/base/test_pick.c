/* Choices by arithmetic against those by branch, at the values where arithmetic goes wrong. */
#include "base/pick.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint32_t words[] = {
	0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0xaaaaaaaa, UINT32_MAX - 1, UINT32_MAX};

enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

static void a_pick_of_two_words_is_the_one_asked_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_WORDS; i++)
		for (unsigned k = 0; k < N_WORDS; k++) {
			assert_int_equal(pick_u32(false, words[i], words[k]), words[i]);
			assert_int_equal(pick_u32(true, words[i], words[k]), words[k]);
		}
}

static void a_pick_of_two_pointers_is_the_one_asked_for(void **state)
{
	const void *pointers[] = {NULL, &words[0], &words[N_WORDS - 1], &state};

	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 4; k++) {
			assert_ptr_equal(
				pick_pointer(false, pointers[i], pointers[k]), pointers[i]);
			assert_ptr_equal(pick_pointer(true, pointers[i], pointers[k]), pointers[k]);
		}
}

static void any_single_bit_counts_as_set(void **state)
{
	(void)state;
	assert_int_equal(pick_is_set(0), 0);
	assert_int_equal(pick_is_set(UINT64_MAX), 1);
	for (unsigned bit = 0; bit < 64; bit++) {
		assert_int_equal(pick_is_set(UINT64_C(1) << bit), 1);
		assert_int_equal(pick_is_set(UINT64_MAX << bit), 1);
		assert_int_equal(pick_is_set(UINT64_MAX >> bit), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pick_of_two_words_is_the_one_asked_for),
		cmocka_unit_test(a_pick_of_two_pointers_is_the_one_asked_for),
		cmocka_unit_test(any_single_bit_counts_as_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
