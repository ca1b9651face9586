/* Ordered sets of records on libc's tsearch(). Pure but for the heap.
 *
 * The tree owns its records. A sweep gathers what has to go in a list through the records
 * themselves, because a tree must not change while it is walked. */
#include "control/netlink_tree.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>

struct walk {
	nl_visit *visit;
	void *arg;
};

struct sweep {
	nl_is_doomed *is_doomed;
	const void *arg;
	struct nl_record *doomed;
};

/* A node of tsearch() begins with the pointer to its record. */
static struct nl_record *record_of(const void *node)
{
	return *(struct nl_record *const *)node;
}

void *nl_tree_find(const struct nl_tree *tree, const void *key)
{
	const void *node = tfind(key, &tree->root, tree->compare);

	return node ? record_of(node) : NULL;
}

int nl_tree_add(struct nl_tree *tree, struct nl_record *record)
{
	const void *node = tsearch(record, &tree->root, tree->compare);

	if (!node)
		return -ENOMEM;
	if (record_of(node) != record)
		return -EEXIST;
	tree->n++;
	return 0;
}

void nl_tree_remove(struct nl_tree *tree, struct nl_record *record)
{
	(void)tdelete(record, &tree->root, tree->compare);
	tree->n--;
	free(record);
}

static void visit_in_order(const void *node, VISIT which, void *closure)
{
	const struct walk *walk = closure;

	if (which == postorder || which == leaf)
		walk->visit(record_of(node), walk->arg);
}

void nl_tree_walk(const struct nl_tree *tree, nl_visit *visit, void *arg)
{
	struct walk walk = {visit, arg};

	twalk_r(tree->root, visit_in_order, &walk);
}

static void gather_doomed(const void *node, VISIT which, void *closure)
{
	struct nl_record *record = record_of(node);
	struct sweep *sweep = closure;

	if (which != postorder && which != leaf)
		return;
	if (!sweep->is_doomed(record, sweep->arg))
		return;
	record->next_doomed = sweep->doomed;
	sweep->doomed = record;
}

unsigned nl_tree_sweep(struct nl_tree *tree, nl_is_doomed *is_doomed, const void *arg)
{
	struct sweep sweep = {is_doomed, arg, NULL};
	unsigned n = 0;

	twalk_r(tree->root, gather_doomed, &sweep);
	for (struct nl_record *r = sweep.doomed; r; n++) {
		struct nl_record *next = r->next_doomed;

		nl_tree_remove(tree, r);
		r = next;
	}
	return n;
}

void nl_tree_free(struct nl_tree *tree)
{
	tdestroy(tree->root, free);
	tree->root = NULL;
	tree->n = 0;
}
