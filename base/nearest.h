#pragma once

/* The known name that a person probably meant: offer all of them, then ask. Pure.
 *
 * Distance: the fewest insertions, deletions, replacements and swaps of neighbours that turn
 * one into the other, no part touched twice (optimal string alignment, after Damerau 1964).
 * A name counts as near up to a third of the word's length, at least 1. Names and words
 * over NEAREST_MAX_LEN bytes are never near. */

enum { NEAREST_MAX_LEN = 63 };

struct nearest {
	const char *word; // borrowed
	char name[NEAREST_MAX_LEN + 1];
	unsigned distance;
};

void nearest_init(struct nearest *n, const char *word);
void nearest_offer(struct nearest *n, const char *name);
/* The nearest of the names offered, the first of several, in *n; NULL if none is near. */
const char *nearest_find(const struct nearest *n);

/* The distance; UINT_MAX if one of them is too long. */
unsigned nearest_distance(const char *a, const char *b);
