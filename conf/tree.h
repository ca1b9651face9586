#pragma once

#include "base/addr.h"
#include "base/thread.h"
#include "conf/model.h"
#include "conf/schema.h"

#include <stdbool.h>
#include <stdint.h>

/* What the files say, key by key: the form between libconfig's trees and the model.
 * read.c fills it, the bind files read it; nothing here is known to the rest of the program. */

struct arena;
struct diag;

/* One value, or one element of a list. */
struct conf_datum {
	/* Integers, durations, sizes, modes, flags, the word's value, a port, a range's first port
	 * or code. */
	int64_t number;
	int64_t last;     // a range's last; length of an address's network, a prefix, a destination
	const char *text; // bytes: as conf_value_bytes() takes them; of a group: the node's name
	struct addr address;
};

enum conf_state {
	CONF_ABSENT,
	CONF_GOOD,
	CONF_BAD, // written, but unusable: told already
};

struct conf_value {
	enum conf_state state;
	bool is_told; // something about it has been told: once is enough, whoever inherits it
	const struct conf_key *key;
	const struct conf_object *owner;
	struct conf_place place;
	const struct conf_datum *data;
	unsigned n;   // 1 unless it is a list
	bool is_list; // written as one, or as a group; matters where a single value may stand, too
};

/* In the order of the files. */
struct conf_objects {
	struct conf_object *first;
	struct conf_object *last;
	unsigned n;
	/* Of a list: it stands in the files, at `place`. */
	bool is_written;
	struct conf_place place;
};

struct conf_object {
	enum conf_section section;
	const char *name;
	const char *path; // "services.imap"; "" for the file itself
	struct conf_place place;
	struct conf_object *next;
	struct conf_objects members[CONF_N_SECTIONS]; // its own objects, by kind
	struct conf_value *values;                    // by key, from the section's first on
	void *bound;                                  // the model's struct made from it
};

struct conf_tree {
	struct arena *arena;
	struct diag *diag;
	struct conf_object *root;
	struct conf_object *defaults[CONF_N_SECTIONS]; // NULL: not written
	struct conf_value fallbacks[CONF_N_KEYS];
};

/* An empty tree with the fallbacks of the schema. NULL: out of memory. */
struct conf_tree *conf_tree_new(struct arena *arena, struct diag *diag) ANY_THREAD;
/* A new object at the end of its parent's; NULL: out of memory. */
struct conf_object *conf_tree_add(struct conf_tree *tree, struct conf_object *parent,
	enum conf_section section, const char *name) ANY_THREAD;
/* All its values count as bad: nothing more is said about it. */
void conf_tree_spoil(struct conf_object *object) ANY_THREAD;
struct conf_object *conf_tree_find(
	const struct conf_object *parent, enum conf_section section, const char *name);

/* The object's own slot for a key of its section. */
struct conf_value *conf_tree_slot(const struct conf_object *object, enum conf_key_id key);
/* What holds for the object: its own value, its section's default, or the schema's; never
 * CONF_BAD. State CONF_ABSENT if there is none; a required key is then told as missing. */
struct conf_value *conf_tree_get(
	struct conf_tree *tree, const struct conf_object *object, enum conf_key_id key) ANY_THREAD;
/* Objects of a kind that belong to the object: its own, or else its section's default. */
const struct conf_objects *conf_tree_members(
	const struct conf_tree *tree, const struct conf_object *object, enum conf_section section);
/* The number of it, or `otherwise`. */
int64_t conf_tree_number(struct conf_tree *tree, const struct conf_object *object,
	enum conf_key_id key, int64_t otherwise) ANY_THREAD;
/* The text of it, or NULL. */
const char *conf_tree_text(
	struct conf_tree *tree, const struct conf_object *object, enum conf_key_id key) ANY_THREAD;

/* Adds an error "PATH: what" about a value, once for each value; the source line is not shown. */
void conf_tree_refuse(struct conf_tree *tree, struct conf_value *value, const char *format, ...)
	__attribute__((format(printf, 3, 4))) ANY_THREAD;
/* "PREFIX.NAME" of a value, for messages. Never NULL. */
const char *conf_tree_path(
	struct conf_tree *tree, const struct conf_object *owner, const char *key) ANY_THREAD;
