#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Columns that line up: gathered cell by cell, printed when their widths are known. */

enum { CLI_TABLE_MAX_COLUMNS = 20 };

struct cli_table;

/* `alignment` has a letter for each column: 'l' or 'r'; `titles` has as many, joined by '|'.
 * NULL when out of memory. */
struct cli_table *cli_table_new(const char *alignment, const char *titles);
void cli_table_free(struct cli_table *t);

/* The next cell, row by row. Running out of memory shows in cli_table_print(). */
void cli_table_add(struct cli_table *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Empty cells up to the end of the row; nothing at the start of one. */
void cli_table_end_row(struct cli_table *t);

/* Prints it, with the line of titles unless told not to. -ENOMEM if a cell is missing. */
int cli_table_print(const struct cli_table *t, bool has_header, FILE *out);
