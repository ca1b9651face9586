/* From the file to the snapshot, all or nothing.
 *
 * Files are read and parsed one by one into one tree, the tree is bound to the model, the model
 * checked. A file with a syntax error says nothing reliable about the rest, so then nothing
 * is checked. What only serves the way lives in an arena of its own and is freed. */
#include "base/arena.h"
#include "base/diag.h"
#include "conf/bind.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/read.h"
#include "conf/source.h"
#include "conf/syntax.h"
#include "conf/tree.h"

#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAGMENTS = 1024 }; // files in conf.d

struct loading {
	struct arena *arena;
	struct arena *scratch;
	struct diag *diag;
	struct conf_tree *tree;
	const char *path;
	const char *dir; // of the main file, "" or with its slash
};

/* Parses the text and reads it into the tree. */
static int read_source(struct loading *l, const struct conf_source *source)
{
	int err = conf_syntax_check(source, l->diag);
	config_t config;

	if (err < 0)
		return err;
	config_init(&config);
	if (config_read_string(&config, source->text)) {
		err = conf_read(l->tree, &config, source);
	} else {
		unsigned line = (unsigned)config_error_line(&config);
		struct conf_place place = conf_source_place(source, line);
		struct diag_place where = {place.file, place.line, ""};

		diag_add(l->diag, DIAG_ERROR, &where, "%s", config_error_text(&config));
		err = -EINVAL;
	}
	config_destroy(&config);
	return err;
}

static int load_file(struct loading *l, const char *path)
{
	struct conf_source source;
	int err = conf_source_read(&source, path, l->dir, l->arena, l->diag);

	if (err == 0)
		err = read_source(l, &source);
	conf_source_free(&source);
	return err;
}

static int is_fragment(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* Not alphasort(): the order must not depend on the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_entries(struct loading *l, const char *dir, struct dirent **entries, int n)
{
	const struct diag_place where = {.file = dir};
	int err = 0;

	if (n > MAX_FRAGMENTS) {
		diag_add(l->diag, DIAG_ERROR, &where, "more than %d files", MAX_FRAGMENTS);
		return -EINVAL;
	}
	for (int i = 0; i < n && err != -ENOMEM; i++) {
		char *path = arena_printf(l->scratch, "%s/%s", dir, entries[i]->d_name);
		int r = path ? load_file(l, path) : -ENOMEM;

		// Another file's errors are worth telling in the same run.
		if (r < 0)
			err = r == -ENOMEM ? r : -EINVAL;
	}
	return err;
}

/* The files of conf.d beside the main file, if there is one. */
static int load_fragments(struct loading *l)
{
	const char *dir = arena_printf(l->scratch, "%sconf.d", l->dir);
	const struct diag_place where = {.file = dir};
	struct dirent **entries;
	int n, err;

	if (!dir)
		return -ENOMEM;
	n = scandir(dir, &entries, is_fragment, compare_names);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0) {
		diag_add(l->diag, DIAG_ERROR, &where, "cannot read: %s", strerror(errno));
		return -EINVAL;
	}
	err = load_entries(l, dir, entries, n);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return err;
}

static const char *directory_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_printf(arena, "%.*s", slash ? (int)(slash - path + 1) : 0, path);
}

/* The tree of all files. */
static int load_tree(struct loading *l)
{
	int err, fragments;

	l->dir = directory_of(l->scratch, l->path);
	l->tree = conf_tree_new(l->scratch, l->diag);
	if (!l->dir || !l->tree)
		return -ENOMEM;
	err = load_file(l, l->path);
	if (err < 0 && err != -EINVAL)
		return err;
	fragments = load_fragments(l);
	return err < 0 && fragments != -ENOMEM ? err : fragments;
}

static int load_snapshot(struct loading *l, struct conf **ret_conf)
{
	struct conf *conf = arena_alloc(l->arena, 1, sizeof(*conf));
	struct conf_binding binding = {.arena = l->arena, .conf = conf};
	int err = conf ? load_tree(l) : -ENOMEM;

	if (err < 0)
		return err;
	conf->arena = l->arena;
	conf->path = arena_strdup(l->arena, l->path);
	if (!conf->path)
		return -ENOMEM;
	binding.tree = l->tree;
	binding.dir = l->dir;
	err = conf_bind(&binding);
	if (err == 0)
		err = conf_check(conf, l->scratch, l->diag);
	if (err == 0 && diag_has_errors(l->diag))
		err = -EINVAL;
	if (err == 0)
		*ret_conf = conf;
	return err;
}

int conf_load(const char *path, struct diag *diag, const struct conf **ret_conf)
{
	struct loading l = {
		.arena = arena_new(), .scratch = arena_new(), .diag = diag, .path = path};
	struct conf *conf = NULL;
	int err = l.arena && l.scratch ? load_snapshot(&l, &conf) : -ENOMEM;

	arena_free(l.scratch);
	if (err < 0) {
		arena_free(l.arena);
		return err;
	}
	*ret_conf = conf;
	return 0;
}

void conf_free(const struct conf *conf)
{
	if (conf)
		arena_free(conf->arena);
}

void conf_print_verdict(const char *path, const struct diag *diag, FILE *out)
{
	unsigned errors = diag_errors(diag), warnings = diag_warnings(diag);

	if (errors > 0)
		(void)fprintf(out, "%u error%s: configuration NOT usable\n", errors,
			errors == 1 ? "" : "s");
	else if (warnings > 0)
		(void)fprintf(
			out, "%s: ok, %u warning%s\n", path, warnings, warnings == 1 ? "" : "s");
	else
		(void)fprintf(out, "%s: ok\n", path);
}
