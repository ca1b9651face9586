/* What a person probably meant. */
#include "base/nearest.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void distance_counts_the_fewest_edits(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cells[] = {{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"weight", "weight", 0},
		{"wieght", "weight", 1}, {"weigth", "weight", 1}, {"wight", "weight", 1},
		{"weightt", "weight", 1}, {"weicht", "weight", 1}, {"slvae-1", "slave-1", 1},
		{"ab", "ba", 1}, {"ca", "abc", 3}, // no part is touched twice
		{"kitten", "sitting", 3}, {"abcdef", "badcfe", 3}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		assert_int_equal(nearest_distance(cells[i].a, cells[i].b), cells[i].distance);
		assert_int_equal(nearest_distance(cells[i].b, cells[i].a), cells[i].distance);
	}
}

/* The definition, without a table. */
static unsigned plain_distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned best, d;

	if (la == 0 || lb == 0)
		return (unsigned)(la + lb);
	best = plain_distance(a, la - 1, b, lb - 1) + (a[la - 1] != b[lb - 1]);
	d = plain_distance(a, la - 1, b, lb) + 1;
	best = d < best ? d : best;
	d = plain_distance(a, la, b, lb - 1) + 1;
	best = d < best ? d : best;
	if (la > 1 && lb > 1 && a[la - 1] == b[lb - 2] && a[la - 2] == b[lb - 1]) {
		d = plain_distance(a, la - 2, b, lb - 2) + 1;
		best = d < best ? d : best;
	}
	return best;
}

static void distance_is_that_of_the_definition(void **state)
{
	(void)state;
	srand(3);
	print_message("seed 3\n");
	for (int i = 0; i < 5000; i++) {
		char a[7] = "", b[7] = "";
		size_t la = (size_t)rand() % 6, lb = (size_t)rand() % 6;

		for (size_t j = 0; j < la; j++)
			a[j] = (char)('a' + rand() % 3);
		for (size_t j = 0; j < lb; j++)
			b[j] = (char)('a' + rand() % 3);
		assert_int_equal(nearest_distance(a, b), plain_distance(a, la, b, lb));
	}
}

static const char *find(struct nearest *n, const char *word)
{
	static const char *const names[] = {"address", "port", "weight", "to_port", "part"};

	nearest_init(n, word);
	for (unsigned i = 0; i < 5; i++)
		nearest_offer(n, names[i]);
	return nearest_find(n);
}

static void the_nearest_name_is_found_if_it_is_near(void **state)
{
	struct nearest n;

	(void)state;
	assert_string_equal(find(&n, "wieght"), "weight");
	assert_string_equal(find(&n, "adress"), "address");
	assert_string_equal(find(&n, "port"), "port");
	assert_string_equal(find(&n, "prt"), "port"); // "part" is as near, but later
	assert_null(find(&n, "backup"));
	assert_null(find(&n, ""));
	nearest_init(&n, "port");
	assert_null(nearest_find(&n));
}

static void an_offered_name_may_go_away(void **state)
{
	struct nearest n;
	char name[] = "weight";

	(void)state;
	nearest_init(&n, "wieght");
	nearest_offer(&n, name);
	memset(name, 'x', sizeof(name) - 1);
	assert_string_equal(nearest_find(&n), "weight");
}

static void names_beyond_the_limit_are_never_near(void **state)
{
	char word[NEAREST_MAX_LEN + 2];
	struct nearest n;

	(void)state;
	memset(word, 'a', sizeof(word));
	word[NEAREST_MAX_LEN] = '\0';
	assert_int_equal(nearest_distance(word, word), 0);
	word[NEAREST_MAX_LEN] = 'a';
	word[NEAREST_MAX_LEN + 1] = '\0';
	assert_int_equal(nearest_distance(word, word), UINT_MAX);
	nearest_init(&n, word);
	nearest_offer(&n, word);
	assert_null(nearest_find(&n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_the_fewest_edits),
		cmocka_unit_test(distance_is_that_of_the_definition),
		cmocka_unit_test(the_nearest_name_is_found_if_it_is_near),
		cmocka_unit_test(an_offered_name_may_go_away),
		cmocka_unit_test(names_beyond_the_limit_are_never_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
