#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stdio.h>

/* What a person must fix, gathered: errors, warnings and notes with a place in a file.
 *
 * A function that finds something wrong with what a person wrote adds it here and goes on,
 * so that one run tells all of it. Up to DIAG_MAX_ERRORS errors and as many warnings are kept;
 * further ones are only counted. Everything given is copied. */
enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

enum { DIAG_MAX_ERRORS = 20, DIAG_MAX_WARNINGS = 20 };

struct diag_place {
	const char *file;  // NULL: no file
	int line;          // from 1; 0: not known
	const char *token; // NULL: the source line is not shown. Otherwise it is shown, with
			   // carets under this word if it stands in the line exactly once
};

struct diag;

/* NULL when out of memory. */
struct diag *diag_new(void) ANY_THREAD;
void diag_free(struct diag *d) ANY_THREAD;

/* Adds one entry; a note belongs to the entry before it (and is left out with it).
 * `where` may be NULL: no file. */
void diag_add(struct diag *d, enum diag_level level, const struct diag_place *where,
	const char *format, ...) __attribute__((format(printf, 4, 5))) ANY_THREAD;

/* All that were added, those not kept included. */
unsigned diag_errors(const struct diag *d) ANY_THREAD;
unsigned diag_warnings(const struct diag *d) ANY_THREAD;
bool diag_has_errors(const struct diag *d) ANY_THREAD;

/* Prints every entry in the order of adding, sorted by nothing:
 *   FILE:LINE: error: TEXT
 *      24 |   the source line
 *         |        ^~~~~~
 * then a line about those that were not kept, if any. The source line is read from the file
 * again; left out when it cannot be, or is longer than a screen is wide. */
void diag_print(const struct diag *d, FILE *out) ANY_THREAD;

/* The text of entry `index` (from 0), or NULL; for tests and for sending errors elsewhere. */
const char *diag_text(const struct diag *d, unsigned index) ANY_THREAD;
