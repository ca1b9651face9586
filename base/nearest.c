/* "Did you mean": edit distance with swaps over three rows of the table, since a swap looks two
 * rows back. Pure; the word's length bounds time and stack. */
#include "base/nearest.h"

#include <limits.h>
#include <string.h>

enum { N_ROWS = 3 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
	unsigned rows[N_ROWS][NEAREST_MAX_LEN + 1];
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a > NEAREST_MAX_LEN || len_b > NEAREST_MAX_LEN)
		return UINT_MAX;
	for (unsigned j = 0; j <= len_b; j++)
		rows[0][j] = j;

	for (unsigned i = 1; i <= len_a; i++) {
		unsigned *row = rows[i % N_ROWS];
		const unsigned *above = rows[(i + 2) % N_ROWS];
		const unsigned *above2 = rows[(i + 1) % N_ROWS];

		row[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			row[j] = least(above[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], above2[j - 2] + 1);
		}
	}
	return rows[len_a % N_ROWS][len_b];
}

void nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){.word = word, .distance = UINT_MAX};
}

void nearest_offer(struct nearest *n, const char *name)
{
	unsigned distance = nearest_distance(n->word, name);

	if (distance < n->distance) {
		// Not too long, or there would be no distance.
		memcpy(n->name, name, strlen(name) + 1);
		n->distance = distance;
	}
}

const char *nearest_find(const struct nearest *n)
{
	size_t bound = strlen(n->word) / 3;

	return n->distance <= (bound ? bound : 1) ? n->name : NULL;
}
