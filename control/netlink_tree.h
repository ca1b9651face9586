#pragma once

#include "base/thread.h"

#include <stdbool.h>

/* Sets of heap records in the order of their keys, on libc's tsearch(): finding, adding and
 * removing take logarithmic time. A record's struct begins with a struct nl_record. */

struct nl_record {
	unsigned generation; // of the dump that saw it last
	struct nl_record *next_doomed;
};

typedef int nl_compare(const void *a, const void *b);
typedef void nl_visit(const struct nl_record *record, void *arg);
typedef bool nl_is_doomed(const struct nl_record *record, const void *arg);

struct nl_tree {
	nl_compare *compare;
	void *root;
	unsigned n;
};

/* A record with the key of `key`, or NULL. */
void *nl_tree_find(const struct nl_tree *tree, const void *key) ANY_THREAD;
/* Takes ownership of `record`, whose key must not be there yet. -ENOMEM: it stays the caller's. */
int nl_tree_add(struct nl_tree *tree, struct nl_record *record) ANY_THREAD;
/* Takes it out and frees it. */
void nl_tree_remove(struct nl_tree *tree, struct nl_record *record) ANY_THREAD;
/* Removes all that `is_doomed` says; returns how many. */
unsigned nl_tree_sweep(struct nl_tree *tree, nl_is_doomed *is_doomed, const void *arg) ANY_THREAD;
/* In the order of the keys; `visit` must not change the tree. */
void nl_tree_walk(const struct nl_tree *tree, nl_visit *visit, void *arg) ANY_THREAD;
void nl_tree_free(struct nl_tree *tree) ANY_THREAD;
