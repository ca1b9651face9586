/* What has changed from one picture to the next (cli.md rule 5). Pure.
 *
 * Words are compared by their place, which holds still as long as a table keeps its columns;
 * when those move, more is highlighted than has changed, for one picture. */
#include "tools/watch.h"

#include <stdbool.h>
#include <string.h>

static const char reverse[] = "\033[7m", normal[] = "\033[0m";

/* Length of the run of blanks, or of other characters, at the start of the line's rest. */
static size_t run_length(const char *text, size_t len)
{
	bool is_blank = text[0] == ' ';
	size_t n = 0;

	while (n < len && (text[n] == ' ') == is_blank)
		n++;
	return n;
}

static bool is_same(const char *before, size_t before_len, const char *now, size_t at, size_t n)
{
	if (at + n > before_len || memcmp(before + at, now + at, n) != 0)
		return false;
	// the word must end there too: "12" is not "123"
	return at + n == before_len || before[at + n] == ' ' || now[at] == ' ';
}

static void print_line(
	const char *before, size_t before_len, const char *now, size_t len, FILE *out)
{
	size_t at = 0;

	while (at < len) {
		size_t n = run_length(now + at, len - at);
		bool is_marked =
			now[at] != ' ' && before && !is_same(before, before_len, now, at, n);

		(void)fprintf(out, "%s%.*s%s", is_marked ? reverse : "", (int)n, now + at,
			is_marked ? normal : "");
		at += n;
	}
	(void)fputc('\n', out);
}

void cli_watch_print(const char *before, const char *now, FILE *out)
{
	while (*now) {
		size_t len = strcspn(now, "\n"), before_len = before ? strcspn(before, "\n") : 0;

		print_line(before, before_len, now, len, out);
		now += len + (now[len] == '\n');
		if (before)
			before += before_len + (before[before_len] == '\n');
	}
}
