/* Files to one text: follows @include, keeps the map of lines, enforces every bound.
 *
 * Invariant while reading: the last entry of the map is the place of the line that the text
 * ends in. Integers get libconfig's mark for 64 bits, since without it libconfig silently
 * wraps what does not fit in 32, and NUL bytes in texts their marks of value.h. Nothing is parsed
 * here but words and brackets. */
#include "conf/source.h"

#include "base/arena.h"
#include "base/diag.h"
#include "conf/lex.h"
#include "conf/value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file being read, and the one whose include led here. */
struct file {
	const struct file *parent;
	const char *path;
	char *text;
	size_t len;
	dev_t device;
	ino_t inode;
	unsigned depth;
};

struct reading {
	struct conf_source *source;
	struct arena *arena;
	struct diag *diag;
	const char *dir;
	unsigned n_files;
	unsigned depth; // of brackets
	char brackets[CONF_MAX_NESTING + 1];
	unsigned members[CONF_MAX_NESTING + 1];
};

void conf_source_free(struct conf_source *source)
{
	free(source->text);
	free(source->lines);
	*source = (struct conf_source){0};
}

struct conf_place conf_source_place(const struct conf_source *source, unsigned line)
{
	if (source->n_lines == 0)
		return (struct conf_place){0};
	if (line < 1 || line > source->n_lines)
		line = source->n_lines;
	return source->lines[line - 1];
}

static int refuse(struct reading *r, const struct diag_place *where, const char *what)
{
	diag_add(r->diag, DIAG_ERROR, where, "%s", what);
	return -EINVAL;
}

static int start_line(struct conf_source *s, const char *file, int line)
{
	if (s->n_lines == s->size_lines) {
		unsigned size = s->size_lines ? 2 * s->size_lines : 256;
		struct conf_place *lines = realloc(s->lines, size * sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		s->lines = lines;
		s->size_lines = size;
	}
	s->lines[s->n_lines++] = (struct conf_place){file, line};
	return 0;
}

/* Adds text of `file` that begins in its line `line`. */
static int append(
	struct conf_source *s, const struct file *file, int line, const char *text, size_t len)
{
	if (s->len + len + 1 > s->size) {
		size_t size = 2 * (s->len + len + 1);
		char *bigger = realloc(s->text, size);

		if (!bigger)
			return -ENOMEM;
		s->text = bigger;
		s->size = size;
	}
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' && start_line(s, file->path, ++line) < 0)
			return -ENOMEM;
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
	return 0;
}

static int read_all(int fd, struct file *file, size_t size)
{
	ssize_t n;

	file->text = calloc(1, size + 1);
	if (!file->text)
		return -ENOMEM;
	while (file->len < size) {
		n = read(fd, file->text + file->len, size - file->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (n == 0)
			break;
		file->len += (size_t)n;
	}
	file->text[file->len] = '\0';
	return 0;
}

/* *ret_why says what is wrong with -EINVAL. */
static int read_open_file(int fd, struct file *file, const char **ret_why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -EIO;
	if (!S_ISREG(st.st_mode)) {
		*ret_why = S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file";
		return -EINVAL;
	}
	if (st.st_size > CONF_MAX_FILE_SIZE) {
		*ret_why = "is larger than 4 MiB";
		return -EINVAL;
	}
	file->device = st.st_dev;
	file->inode = st.st_ino;
	return read_all(fd, file, (size_t)st.st_size);
}

/* `where` is the include, or NULL for the first file. */
static int load_file(struct reading *r, struct file *file, const struct diag_place *where)
{
	const struct diag_place self = {.file = file->path};
	const char *why = NULL;
	int err = -EIO;
	int fd;

	// A FIFO must not make us wait for its writer.
	fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		err = read_open_file(fd, file, &why);
		(void)close(fd);
	} else if (errno > 0) {
		err = -errno;
	}
	if (err == 0 || err == -ENOMEM)
		return err;

	if (!why)
		why = strerror(-err);
	if (!where)
		diag_add(r->diag, DIAG_ERROR, &self, "cannot read: %s", why);
	else
		diag_add(r->diag, DIAG_ERROR, where, "@include \"%s\": %s", file->path, why);
	return !where && (err == -ENOENT || err == -EACCES) ? err : -EINVAL;
}

static int refuse_nul(struct reading *r, const struct file *file)
{
	struct diag_place where = {.file = file->path, .line = 1};

	for (const char *p = file->text; *p; p++)
		where.line += *p == '\n';
	return refuse(r, &where, "a NUL byte: this is not a text file");
}

/* Keeps libconfig's work bounded: depth of brackets, members of each. */
static int count_brackets(struct reading *r, const struct file *file, const struct lex_token *t)
{
	const struct diag_place where = {.file = file->path, .line = t->line, .token = ""};
	char c = *t->start;
	bool is_group = r->brackets[r->depth] == '{' || r->depth == 0;

	if (t->kind != LEX_PUNCTUATION)
		return 0;
	if (strchr("{[(", c)) {
		if (r->depth == CONF_MAX_NESTING)
			return refuse(r, &where, "brackets are nested deeper than 16 levels");
		r->depth++;
		r->brackets[r->depth] = c;
		r->members[r->depth] = 0;
	} else if (strchr("}])", c)) {
		r->depth -= r->depth > 0;
	} else if (is_group ? c == '=' || c == ':' : c == ',') {
		if (++r->members[r->depth] > CONF_MAX_MEMBERS)
			return refuse(r, &where, "more than 8192 settings in one group or list");
	}
	return 0;
}

static int expand(struct reading *r, struct file *file, const struct diag_place *where);

/* The file name between the quotes of `t`, with \" and \\ resolved. NULL: out of memory. */
static char *include_path(struct reading *r, const struct lex_token *t)
{
	const char *quote = memchr(t->start, '"', t->len);
	const char *end = t->start + t->len - 1;
	const char *dir = quote[1] == '/' ? "" : r->dir;
	char *path = arena_alloc(r->arena, 1, strlen(dir) + t->len + 1);
	char *to;

	if (!path)
		return NULL;
	to = stpcpy(path, dir);
	for (const char *p = quote + 1; p < end; p++) {
		if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
			p++;
		*to++ = *p;
	}
	*to = '\0';
	return path;
}

static int follow_include(struct reading *r, const struct file *from, const struct lex_token *t)
{
	const struct diag_place where = {.file = from->path, .line = t->line, .token = ""};
	struct file file = {.parent = from, .depth = from->depth + 1};
	struct conf_source *s = r->source;
	int err;

	file.path = include_path(r, t);
	if (!file.path)
		return -ENOMEM;
	if (file.depth > CONF_MAX_INCLUDE_DEPTH)
		return refuse(r, &where, "@include: nested deeper than 10 levels");
	if (++r->n_files > CONF_MAX_INCLUDES)
		return refuse(r, &where, "@include: more than 1024 in all");

	err = expand(r, &file, &where);
	free(file.text);
	if (err < 0)
		return err;
	// What follows the include on its line stands in a line of its own in the text.
	s->lines[s->n_lines - 1] = (struct conf_place){from->path, t->last_line};
	return 0;
}

/* The byte that the escape \xNN at p means, or -1 if none stands there. */
static int escaped_byte(const char *p, const char *end)
{
	char digits[3] = "";

	if (end - p < 4 || p[0] != '\\' || (p[1] != 'x' && p[1] != 'X'))
		return -1;
	if (!isxdigit((unsigned char)p[2]) || !isxdigit((unsigned char)p[3]))
		return -1;
	memcpy(digits, p + 2, 2);
	return (int)strtol(digits, NULL, 16);
}

/* A text in its quotes. libconfig would cut it at a NUL without a word: marks take its place. */
static int copy_text(struct reading *r, const struct file *file, const struct lex_token *t)
{
	static const char nul[] = {CONF_VALUE_MARK, CONF_VALUE_NUL};
	static const char self[] = {CONF_VALUE_MARK, CONF_VALUE_SELF};
	const char *copied = t->start, *end = t->start + t->len;
	int line = t->line, copied_line = t->line, err = 0;

	for (const char *p = t->start; p < end && err == 0;) {
		int byte = escaped_byte(p, end);
		const char *next = p + (byte >= 0 ? 4 : *p == '\\' && strchr("\\\"", p[1]) ? 2 : 1);

		line += *p == '\n';
		if (byte == '\0' || byte == CONF_VALUE_MARK || *p == CONF_VALUE_MARK) {
			err = append(r->source, file, copied_line, copied, (size_t)(p - copied));
			if (err == 0)
				err = append(r->source, file, line, byte == '\0' ? nul : self, 2);
			copied = next;
			copied_line = line;
		}
		p = next;
	}
	return err < 0 ? err : append(r->source, file, copied_line, copied, (size_t)(end - copied));
}

static int copy_token(struct reading *r, const struct file *file, const struct lex_token *t)
{
	const struct diag_place where = {.file = file->path, .line = t->line, .token = ""};
	int err;

	if (t->kind == LEX_OPEN_COMMENT)
		return refuse(r, &where, "the comment that begins here does not end (\"*/\")");
	if (t->kind == LEX_INCLUDE)
		return follow_include(r, file, t);

	err = count_brackets(r, file, t);
	if (err == 0 && t->kind == LEX_STRING)
		return copy_text(r, file, t);
	if (err == 0)
		err = append(r->source, file, t->line, t->start, t->len);
	if (err == 0 && t->kind == LEX_INTEGER)
		err = append(r->source, file, t->line, "L", 1);
	return err;
}

/* Adds the text of `file` with what it includes; the text ends at the start of a line. */
static int expand_text(struct reading *r, const struct file *file)
{
	struct diag_place text = {.file = file->path, .token = ""};
	const char *copied = file->text;
	struct lex_token t;
	struct lex lex;
	int line = 1;
	int err;

	lex_init(&lex, file->text, file->len);
	do {
		t = lex_next(&lex);
		// No setting takes more than a line: there the closing quote is missing, and the
		// words and texts after it have changed their roles.
		if (text.line == 0 && t.kind == LEX_STRING && t.last_line > t.line)
			text.line = t.line;
		if (t.kind == LEX_OPEN_STRING) {
			text.line = text.line ? text.line : t.line;
			return refuse(r, &text, "syntax error (quotes are not closed)");
		}
		err = append(r->source, file, line, copied, (size_t)(t.start - copied));
		if (err == 0)
			err = copy_token(r, file, &t);
		if (err < 0)
			return err;
		copied = t.start + t.len;
		line = t.last_line;
		if (r->source->len > CONF_MAX_SOURCE_SIZE)
			return refuse(r, &(struct diag_place){.file = file->path, .line = line},
				"with its includes the configuration is larger than 16 MiB");
	} while (t.kind != LEX_END);

	// Ends a comment on the last line, too.
	return append(r->source, file, line, "\n", 1);
}

static int expand(struct reading *r, struct file *file, const struct diag_place *where)
{
	struct conf_source *s = r->source;
	int err = load_file(r, file, where);

	if (err < 0)
		return err;
	assert(file->text);
	for (const struct file *f = file->parent; f; f = f->parent)
		if (f->device == file->device && f->inode == file->inode)
			return refuse(r, where, "@include: a file that includes itself");
	if (strlen(file->text) < file->len)
		return refuse_nul(r, file);

	if (s->n_lines > 0)
		s->lines[s->n_lines - 1] = (struct conf_place){file->path, 1};
	else if (start_line(s, file->path, 1) < 0)
		return -ENOMEM;
	return expand_text(r, file);
}

int conf_source_read(struct conf_source *source, const char *path, const char *dir,
	struct arena *arena, struct diag *diag)
{
	struct reading r = {.source = source, .arena = arena, .diag = diag, .dir = dir};
	struct file file = {.path = arena_strdup(arena, path)};
	int err;

	*source = (struct conf_source){0};
	if (!file.path)
		return -ENOMEM;
	err = expand(&r, &file, NULL);
	free(file.text);
	return err;
}
