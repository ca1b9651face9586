/* Errors, warnings and notes in the order of finding, and how they look on a terminal.
 *
 * Keeps copies, so that entries outlive the snapshot whose building failed. When memory runs
 * out an entry is counted but not kept. What is printed from a file or a message never carries
 * control characters to the terminal. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	MAX_NOTES = 2 * (DIAG_MAX_ERRORS + DIAG_MAX_WARNINGS),
	MAX_ENTRIES = DIAG_MAX_ERRORS + DIAG_MAX_WARNINGS + MAX_NOTES,
	MAX_SOURCE_LEN = 240, // bytes of a source line that is still worth showing
	LINE_NUMBER_WIDTH = 5,
};

struct entry {
	enum diag_level level;
	int line;
	char *file;
	char *token;
	char *text;
};

struct diag {
	struct entry entries[MAX_ENTRIES];
	unsigned n_entries;
	unsigned n_added[DIAG_NOTE + 1];
	unsigned n_kept[DIAG_NOTE + 1];
	bool is_last_kept; // a note follows its entry
};

static const unsigned max_kept[] = {
	[DIAG_ERROR] = DIAG_MAX_ERRORS,
	[DIAG_WARNING] = DIAG_MAX_WARNINGS,
	[DIAG_NOTE] = MAX_NOTES,
};

static const char *const level_words[] = {
	[DIAG_ERROR] = "error",
	[DIAG_WARNING] = "warning",
	[DIAG_NOTE] = "note",
};

struct diag *diag_new(void)
{
	return calloc(1, sizeof(struct diag));
}

static void free_entry(struct entry *e)
{
	free(e->file);
	free(e->token);
	free(e->text);
}

void diag_free(struct diag *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->n_entries; i++)
		free_entry(&d->entries[i]);
	free(d);
}

static bool copy_place(struct entry *e, const struct diag_place *where)
{
	if (!where)
		return true;
	e->line = where->line;
	if (where->file && !(e->file = strdup(where->file)))
		return false;
	return !where->token || (e->token = strdup(where->token)) != NULL;
}

void diag_add(struct diag *d, enum diag_level level, const struct diag_place *where,
	const char *format, ...)
{
	struct entry e = {.level = level};
	va_list args;
	int len;

	d->n_added[level]++;
	if (level == DIAG_NOTE && !d->is_last_kept)
		return;
	d->is_last_kept = level == DIAG_NOTE;
	if (d->n_kept[level] >= max_kept[level])
		return;

	va_start(args, format);
	len = vasprintf(&e.text, format, args);
	va_end(args);
	if (len < 0)
		e.text = NULL;
	if (!e.text || !copy_place(&e, where)) {
		free_entry(&e);
		return;
	}
	d->entries[d->n_entries++] = e;
	d->n_kept[level]++;
	d->is_last_kept = true;
}

unsigned diag_errors(const struct diag *d)
{
	return d->n_added[DIAG_ERROR];
}

unsigned diag_warnings(const struct diag *d)
{
	return d->n_added[DIAG_WARNING];
}

bool diag_has_errors(const struct diag *d)
{
	return diag_errors(d) > 0;
}

const char *diag_text(const struct diag *d, unsigned index)
{
	return index < d->n_entries ? d->entries[index].text : NULL;
}

static void put_clean(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		(void)fputc((c < ' ' && c != '\t') || c == 0x7f ? '?' : c, out);
	}
}

/* Line `number` of `path` without its end; NULL if there is none or it is too long. */
static char *read_source_line(const char *path, int number)
{
	char *line = NULL;
	size_t size = 0;
	struct stat st;
	ssize_t len = -1;
	FILE *in;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	in = fopen(path, "re");
	if (!in)
		return NULL;
	for (int i = 0; i < number; i++) {
		len = getline(&line, &size, in);
		if (len < 0)
			break;
	}
	(void)fclose(in);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		line[--len] = '\0';
	if (len > 0 && len <= MAX_SOURCE_LEN)
		return line;
	free(line);
	return NULL;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '*';
}

/* `at` begins and ends where a word of its kind does: "port" does not stand in "to_port". */
static bool is_whole_word(const char *line, const char *at, size_t len)
{
	if (at > line && is_name_char(at[0]) && is_name_char(at[-1]))
		return false;
	return !(is_name_char(at[len - 1]) && is_name_char(at[len]));
}

/* Where `token` stands in `line` if it does exactly once, else NULL. */
static const char *find_once(const char *line, const char *token)
{
	size_t len = strlen(token);
	const char *found = NULL;

	if (len == 0)
		return NULL;
	for (const char *at = strstr(line, token); at; at = strstr(at + 1, token)) {
		if (!is_whole_word(line, at, len))
			continue;
		if (found)
			return NULL;
		found = at;
	}
	return found;
}

static bool is_utf8_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void print_carets(FILE *out, const char *line, const char *at, size_t len)
{
	(void)fprintf(out, "%*s | ", LINE_NUMBER_WIDTH, "");
	// The same tabs as above, so that the carets stand right at any tab width.
	for (const char *p = line; p < at; p++)
		if (!is_utf8_tail(*p))
			(void)fputc(*p == '\t' ? '\t' : ' ', out);
	(void)fputc('^', out);
	for (size_t i = 1; i < len; i++)
		if (!is_utf8_tail(at[i]))
			(void)fputc('~', out);
	(void)fputc('\n', out);
}

static void print_source(FILE *out, const struct entry *e)
{
	char *line = read_source_line(e->file, e->line);
	const char *at;

	if (!line)
		return;
	(void)fprintf(out, "%*d | ", LINE_NUMBER_WIDTH, e->line);
	put_clean(out, line);
	(void)fputc('\n', out);
	at = find_once(line, e->token);
	if (at)
		print_carets(out, line, at, strlen(e->token));
	free(line);
}

static void print_entry(FILE *out, const struct entry *e)
{
	if (e->file) {
		put_clean(out, e->file);
		if (e->line > 0)
			(void)fprintf(out, ":%d", e->line);
		(void)fputs(": ", out);
	}
	(void)fprintf(out, "%s: ", level_words[e->level]);
	put_clean(out, e->text);
	(void)fputc('\n', out);
	if (e->file && e->line > 0 && e->token)
		print_source(out, e);
}

void diag_print(const struct diag *d, FILE *out)
{
	for (unsigned i = 0; i < d->n_entries; i++)
		print_entry(out, &d->entries[i]);

	for (enum diag_level level = DIAG_ERROR; level < DIAG_NOTE; level++) {
		unsigned n = d->n_added[level] - d->n_kept[level];

		if (n > 0)
			(void)fprintf(out, "... and %u more %s%s\n", n, level_words[level],
				n == 1 ? "" : "s");
	}
}
