/* The tree of what the files say: objects in order, values by key, and who inherits from whom.
 *
 * Lives in an arena of the load, not of the snapshot. An error about an inherited value is told
 * once, where it was written. */
#include "conf/tree.h"

#include "base/arena.h"
#include "base/diag.h"
#include "conf/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t word_value(const struct conf_key *key, const char *text)
{
	for (const struct conf_word *w = key->words; w->text; w++)
		if (strcmp(w->text, text) == 0)
			return w->value;
	return 0;
}

/* The schema is ours: its defaults are right, and a unit test holds that. */
static struct conf_datum fallback_datum(const struct conf_key *key)
{
	struct conf_datum d = {.text = key->fallback};

	switch (key->kind) {
	case CONF_INTEGER:
		d.number = strtoll(key->fallback, NULL, 10);
		break;
	case CONF_FLAG:
		d.number = strcmp(key->fallback, "true") == 0;
		break;
	case CONF_CHOICE:
	case CONF_WORD:
		d.number = word_value(key, key->fallback);
		break;
	case CONF_DURATION:
		(void)conf_value_duration(key->fallback, &d.number);
		break;
	case CONF_SIZE:
		(void)conf_value_size(key->fallback, &d.number);
		break;
	case CONF_MODE:
		(void)conf_value_mode(key->fallback, &d.number);
		break;
	default:
		break;
	}
	return d;
}

static struct conf_value *new_values(struct conf_tree *tree, struct conf_object *object)
{
	enum conf_key_id first = conf_schema_first(object->section);
	unsigned n = conf_schema_count(object->section);
	struct conf_value *values = arena_alloc(tree->arena, n, sizeof(*values));

	if (!values)
		return NULL;
	for (unsigned i = 0; i < n; i++)
		values[i] = (struct conf_value){.key = conf_schema_key(first + i), .owner = object};
	return values;
}

struct conf_object *conf_tree_add(struct conf_tree *tree, struct conf_object *parent,
	enum conf_section section, const char *name)
{
	struct conf_object *object = arena_alloc(tree->arena, 1, sizeof(*object));
	const struct conf_section_def *def = conf_schema_section(section);
	struct conf_objects *all;

	if (!object)
		return NULL;
	object->section = section;
	object->name = name;
	object->path = name;
	if (parent && def->container)
		object->path =
			arena_printf(tree->arena, def->is_list ? "%s%s%s%s[%s]" : "%s%s%s%s.%s",
				parent->path, *parent->path ? "." : "",
				def->group ? def->group : "", def->container, name);
	object->values = new_values(tree, object);
	if (!object->path || !object->values)
		return NULL;
	if (!parent)
		return object;

	all = &parent->members[section];
	if (all->last)
		all->last->next = object;
	else
		all->first = object;
	all->last = object;
	all->n++;
	return object;
}

struct conf_tree *conf_tree_new(struct arena *arena, struct diag *diag)
{
	struct conf_tree *tree = arena_alloc(arena, 1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->arena = arena;
	tree->diag = diag;
	tree->root = conf_tree_add(tree, NULL, CONF_IN_ROOT, "");
	if (!tree->root)
		return NULL;

	for (enum conf_key_id id = 0; id < CONF_N_KEYS; id++) {
		const struct conf_key *key = conf_schema_key(id);
		struct conf_value *value = &tree->fallbacks[id];
		struct conf_datum *datum;

		value->key = key;
		value->owner = tree->root;
		if (!key->fallback)
			continue;
		datum = arena_alloc(arena, 1, sizeof(*datum));
		if (!datum)
			return NULL;
		*datum = fallback_datum(key);
		value->state = CONF_GOOD;
		value->data = datum;
		value->n = 1;
	}
	return tree;
}

void conf_tree_spoil(struct conf_object *object)
{
	for (unsigned i = 0; i < conf_schema_count(object->section); i++)
		object->values[i].state = CONF_BAD;
}

struct conf_object *conf_tree_find(
	const struct conf_object *parent, enum conf_section section, const char *name)
{
	struct conf_object *o = parent->members[section].first;

	while (o && strcmp(o->name, name) != 0)
		o = o->next;
	return o;
}

struct conf_value *conf_tree_slot(const struct conf_object *object, enum conf_key_id key)
{
	return &object->values[key - conf_schema_first(object->section)];
}

const char *conf_tree_path(struct conf_tree *tree, const struct conf_object *owner, const char *key)
{
	const char *path =
		arena_printf(tree->arena, "%s%s%s", owner->path, *owner->path ? "." : "", key);

	return path ? path : key;
}

static void tell_missing(struct conf_tree *tree, struct conf_value *own)
{
	struct diag_place where = {.file = own->owner->place.file, .line = own->owner->place.line};

	if (own->is_told)
		return;
	own->is_told = true;
	diag_add(tree->diag, DIAG_ERROR, &where, "%s: required setting is missing",
		conf_tree_path(tree, own->owner, own->key->name));
}

struct conf_value *conf_tree_get(
	struct conf_tree *tree, const struct conf_object *object, enum conf_key_id key)
{
	const struct conf_object *defaults = tree->defaults[object->section];
	struct conf_value *own = conf_tree_slot(object, key);
	struct conf_value *inherited = defaults ? conf_tree_slot(defaults, key) : NULL;
	struct conf_value *fallback = &tree->fallbacks[key];
	bool is_written = own->state == CONF_BAD || (inherited && inherited->state == CONF_BAD);

	if (own->state == CONF_GOOD)
		return own;
	if (own->state == CONF_ABSENT && inherited && inherited->state == CONF_GOOD)
		return inherited;
	if (own->key->is_required && !is_written)
		tell_missing(tree, own);
	return fallback;
}

const struct conf_objects *conf_tree_members(
	const struct conf_tree *tree, const struct conf_object *object, enum conf_section section)
{
	const struct conf_object *defaults = tree->defaults[object->section];
	const struct conf_objects *own = &object->members[section];

	return !own->is_written && defaults ? &defaults->members[section] : own;
}

int64_t conf_tree_number(struct conf_tree *tree, const struct conf_object *object,
	enum conf_key_id key, int64_t otherwise)
{
	const struct conf_value *value = conf_tree_get(tree, object, key);

	return value->state == CONF_GOOD ? value->data[0].number : otherwise;
}

const char *conf_tree_text(
	struct conf_tree *tree, const struct conf_object *object, enum conf_key_id key)
{
	const struct conf_value *value = conf_tree_get(tree, object, key);

	return value->state == CONF_GOOD ? value->data[0].text : NULL;
}

void conf_tree_refuse(struct conf_tree *tree, struct conf_value *value, const char *format, ...)
{
	struct diag_place where = {.file = value->place.file, .line = value->place.line};
	char text[1024];
	va_list args;

	if (value->is_told)
		return;
	value->is_told = true;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(tree->diag, DIAG_ERROR, &where, "%s: %s",
		conf_tree_path(tree, value->owner, value->key->name), text);
}
