#pragma once

#include "base/thread.h"

struct config_t;
struct conf_source;
struct conf_tree;

/* Reads one file's libconfig tree into `tree`, by the schema. What is wrong goes into the tree's
 * diag, and reading goes on. May be called for several files: what they say is merged, and a
 * name or key that was there before is an error. -ENOMEM. */
int conf_read(struct conf_tree *tree, const struct config_t *config,
	const struct conf_source *source) ANY_THREAD;
