#pragma once

#include "base/thread.h"
#include "conf/model.h"

#include <stddef.h>

struct arena;
struct diag;

/* One file and all that it includes, as one text with a map back to the files.
 *
 * Why not libconfig's own @include: version 1.5 ends the process when the file is a directory,
 * waits for ever on a FIFO, puts the include directory before absolute paths, and takes a
 * comment on a last line without an end for an error. */

enum {
	CONF_MAX_FILE_SIZE = 4 * 1024 * 1024,
	CONF_MAX_SOURCE_SIZE = 16 * 1024 * 1024, // with includes
	CONF_MAX_INCLUDES = 1024,
	CONF_MAX_INCLUDE_DEPTH = 10,
	CONF_MAX_NESTING = 16,
	CONF_MAX_MEMBERS = 8192, // of one group, list or array: libconfig compares all with all
};

struct conf_source {
	char *text; // NUL-terminated, ends with a line's end; integers are marked as 64-bit
	size_t len;
	size_t size;
	struct conf_place *lines; // where line 1, 2, ... of the text stands
	unsigned n_lines;
	unsigned size_lines;
};

/* Reads `path`; relative includes resolve against `dir` ("" or with its final slash). File names
 * go into `arena`. What is wrong goes into `diag`. Bounded in size, depth and time whatever the
 * files hold; only regular files are read. The caller frees *source in any case.
 * Errors: -ENOENT and -EACCES for `path` itself, -EINVAL, -ENOMEM. */
int conf_source_read(struct conf_source *source, const char *path, const char *dir,
	struct arena *arena, struct diag *diag) ANY_THREAD;
void conf_source_free(struct conf_source *source) ANY_THREAD;

/* Where line `line` of the text stands. */
struct conf_place conf_source_place(const struct conf_source *source, unsigned line);
