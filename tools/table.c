/* Tables of text: the widest cell of a column gives its width. Does not wrap or cut. */
#include "tools/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

struct cli_table {
	char alignment[CLI_TABLE_MAX_COLUMNS + 1];
	unsigned n_columns;
	char **cells;
	size_t n_cells;
	size_t capacity;
	bool has_failed;
};

static bool reserve(struct cli_table *t)
{
	size_t capacity = t->capacity ? 2 * t->capacity : 256;
	char **cells;

	if (t->n_cells < t->capacity)
		return true;
	cells = realloc(t->cells, capacity * sizeof(*cells));
	if (!cells)
		return false;
	t->cells = cells;
	t->capacity = capacity;
	return true;
}

void cli_table_add(struct cli_table *t, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (t->has_failed || vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text || !reserve(t)) {
		t->has_failed = true;
		free(text);
		return;
	}
	t->cells[t->n_cells++] = text;
}

void cli_table_end_row(struct cli_table *t)
{
	while (!t->has_failed && t->n_cells % t->n_columns != 0)
		cli_table_add(t, "%s", "");
}

struct cli_table *cli_table_new(const char *alignment, const char *titles)
{
	struct cli_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->n_columns = (unsigned)strlen(alignment);
	if (t->n_columns == 0 || t->n_columns > CLI_TABLE_MAX_COLUMNS) {
		free(t);
		return NULL;
	}
	(void)strcpy(t->alignment, alignment);
	while (titles) {
		const char *bar = strchr(titles, '|');

		cli_table_add(t, "%.*s", bar ? (int)(bar - titles) : (int)strlen(titles), titles);
		titles = bar ? bar + 1 : NULL;
	}
	cli_table_end_row(t);
	return t;
}

void cli_table_free(struct cli_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static void print_row(const struct cli_table *t, size_t first, const int *widths, FILE *out)
{
	unsigned last = t->n_columns;

	while (last > 0 && t->cells[first + last - 1][0] == '\0')
		last--;
	for (unsigned c = 0; c < last; c++) {
		const char *cell = t->cells[first + c];
		int gap = c > 0 ? GAP : 0;

		if (t->alignment[c] == 'r')
			(void)fprintf(out, "%*s%*s", gap, "", widths[c], cell);
		else if (c + 1 < last)
			(void)fprintf(out, "%*s%-*s", gap, "", widths[c], cell);
		else
			(void)fprintf(out, "%*s%s", gap, "", cell);
	}
	(void)fputc('\n', out);
}

int cli_table_print(const struct cli_table *t, bool has_header, FILE *out)
{
	int widths[CLI_TABLE_MAX_COLUMNS] = {0};
	size_t first = has_header ? 0 : t->n_columns;

	if (t->has_failed || t->n_cells % t->n_columns != 0)
		return -ENOMEM;
	for (size_t i = first; i < t->n_cells; i++) {
		int width = (int)strlen(t->cells[i]);

		if (width > widths[i % t->n_columns])
			widths[i % t->n_columns] = width;
	}
	for (size_t row = first; row < t->n_cells; row += t->n_columns)
		print_row(t, row, widths, out);
	return 0;
}
