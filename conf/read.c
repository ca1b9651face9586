/* libconfig's tree to ours, by the schema: unknown settings, names, what is defined twice.
 *
 * Descends only where the schema does, so its depth is the schema's. Values are read_value.c's. */
#include "conf/read.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/nearest.h"
#include "conf/read_value.h"
#include "conf/source.h"
#include "conf/tree.h"

#include <errno.h>
#include <libconfig.h>
#include <string.h>

/* Where the walk is: an object, and the group of its keys. */
struct spot {
	struct conf_reader *reader;
	struct conf_object *object;
	const char *prefix; // "timeouts."
};

static int walk_group(const struct spot *spot, const config_setting_t *group);

static const char *full_path(const struct spot *spot, const char *name)
{
	struct conf_tree *tree = spot->reader->tree;
	const char *key = arena_printf(tree->arena, "%s%s", spot->prefix, name);

	return conf_tree_path(tree, spot->object, key ? key : name);
}

static void tell(const struct spot *spot, const config_setting_t *setting, const char *what)
{
	const char *name = config_setting_name(setting);
	struct diag_place where = conf_reader_place(spot->reader, setting, name);

	diag_add(spot->reader->tree->diag, DIAG_ERROR, &where, "%s: %s", full_path(spot, name),
		what);
}

static void tell_twice(const struct spot *spot, const config_setting_t *setting, const char *path,
	const struct conf_place *first)
{
	const char *name = config_setting_name(setting);
	struct diag_place here = conf_reader_place(spot->reader, setting, name);
	struct diag_place there = {.file = first->file, .line = first->line};
	struct diag *diag = spot->reader->tree->diag;

	diag_add(diag, DIAG_ERROR, &here, "%s: defined twice", path);
	diag_add(diag, DIAG_NOTE, &there, "first here");
}

static void offer_name(void *arg, const char *name)
{
	nearest_offer(arg, name);
}

static void tell_unknown(const struct spot *spot, const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	struct diag_place where = conf_reader_place(spot->reader, setting, name);
	struct diag *diag = spot->reader->tree->diag;
	const char *path = full_path(spot, name);
	const char *meant;
	struct nearest n;

	nearest_init(&n, name);
	conf_schema_names(spot->object->section, spot->prefix, offer_name, &n);
	meant = nearest_find(&n);
	if (meant)
		diag_add(diag, DIAG_ERROR, &where, "%s: unknown setting (did you mean \"%s\"?)",
			path, meant);
	else
		diag_add(diag, DIAG_ERROR, &where, "%s: unknown setting", path);
}

static bool expect_group(const struct spot *spot, const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	struct diag_place where = conf_reader_place(spot->reader, setting, name);

	if (config_setting_is_group(setting))
		return true;
	diag_add(spot->reader->tree->diag, DIAG_ERROR, &where, "%s: expected a group { }, not %s",
		full_path(spot, name), conf_reader_type(setting));
	return false;
}

static int read_key(const struct spot *spot, const config_setting_t *setting, enum conf_key_id key)
{
	struct conf_value *value = conf_tree_slot(spot->object, key);
	const char *path = full_path(spot, config_setting_name(setting));

	if (value->state != CONF_ABSENT) {
		tell_twice(spot, setting, path, &value->place);
		return 0;
	}
	return conf_read_value(spot->reader, setting, path, value);
}

/* What a group that is written must hold. */
static void expect_keys(const struct spot *inner, const config_setting_t *group)
{
	const struct conf_object *o = inner->object;
	enum conf_key_id first = conf_schema_first(o->section);
	struct diag_place where =
		conf_reader_place(inner->reader, group, config_setting_name(group));

	for (unsigned i = 0; i < conf_schema_count(o->section); i++) {
		const struct conf_key *key = conf_schema_key(first + i);

		if (key->is_group_required &&
			strncmp(key->name, inner->prefix, strlen(inner->prefix)) == 0 &&
			conf_tree_slot(o, first + i)->state == CONF_ABSENT)
			diag_add(inner->reader->tree->diag, DIAG_ERROR, &where,
				"%s: required setting is missing",
				conf_tree_path(inner->reader->tree, o, key->name));
	}
}

static int read_keys(const struct spot *spot, const config_setting_t *setting)
{
	struct arena *arena = spot->reader->tree->arena;
	struct spot inner = *spot;
	int err;

	if (!expect_group(spot, setting))
		return 0;
	inner.prefix = arena_printf(arena, "%s%s.", spot->prefix, config_setting_name(setting));
	if (!inner.prefix)
		return -ENOMEM;
	err = walk_group(&inner, setting);
	expect_keys(&inner, setting);
	return err;
}

/* A name is a word in messages and commands, where "*" means all. */
static bool is_good_name(const struct spot *spot, const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);

	if (strlen(name) > CONF_MAX_NAME)
		tell(spot, setting, "the name is longer than 63 bytes");
	else if (strchr(name, '*'))
		tell(spot, setting, "a name must not contain \"*\"");
	else
		return true;
	return false;
}

static int read_object(
	const struct spot *spot, const config_setting_t *setting, enum conf_section section)
{
	struct conf_tree *tree = spot->reader->tree;
	const char *name = arena_strdup(tree->arena, config_setting_name(setting));
	struct conf_object *object;
	struct spot inner = {.reader = spot->reader, .prefix = ""};

	if (!name)
		return -ENOMEM;
	if (!is_good_name(spot, setting) || !expect_group(spot, setting))
		return 0;
	object = conf_tree_find(spot->object, section, name);
	if (object) {
		tell_twice(spot, setting, object->path, &object->place);
		return 0;
	}
	object = conf_tree_add(tree, spot->object, section, name);
	if (!object)
		return -ENOMEM;
	object->place = conf_reader_line(spot->reader, setting);
	inner.object = object;
	return walk_group(&inner, setting);
}

/* Whether the objects of `setting` may come to those that are there. */
static bool expect_room(
	const struct spot *spot, const config_setting_t *setting, enum conf_section section)
{
	const struct conf_section_def *def = conf_schema_section(section);
	unsigned n = (unsigned)config_setting_length(setting);
	struct diag_place where =
		conf_reader_place(spot->reader, setting, config_setting_name(setting));

	if (spot->object->members[section].n + n <= def->max)
		return true;
	diag_add(spot->reader->tree->diag, DIAG_ERROR, &where, "%s: more than %u of them",
		full_path(spot, def->container), def->max);
	return false;
}

/* An element of a list of objects; its number is its name. */
static int read_element(const struct spot *spot, const config_setting_t *setting,
	enum conf_section section, unsigned number)
{
	struct conf_tree *tree = spot->reader->tree;
	const char *name = arena_printf(tree->arena, "%u", number);
	struct diag_place where = conf_reader_place(spot->reader, setting, NULL);
	struct spot inner = {.reader = spot->reader, .prefix = ""};

	if (!name)
		return -ENOMEM;
	inner.object = conf_tree_add(tree, spot->object, section, name);
	if (!inner.object)
		return -ENOMEM;
	inner.object->place = conf_reader_line(spot->reader, setting);
	if (config_setting_is_group(setting))
		return walk_group(&inner, setting);
	diag_add(tree->diag, DIAG_ERROR, &where, "%s: expected a group { }, not %s",
		inner.object->path, conf_reader_type(setting));
	conf_tree_spoil(inner.object);
	return 0;
}

static int read_list(
	const struct spot *spot, const config_setting_t *setting, enum conf_section section)
{
	const char *name = config_setting_name(setting);
	struct diag_place where = conf_reader_place(spot->reader, setting, name);
	struct conf_objects *all = &spot->object->members[section];
	int n = config_setting_length(setting);

	all->is_written = true;
	all->place = conf_reader_line(spot->reader, setting);
	if (!config_setting_is_list(setting)) {
		diag_add(spot->reader->tree->diag, DIAG_ERROR, &where,
			"%s: expected a list of groups ( { }, { } ), not %s", full_path(spot, name),
			config_setting_is_array(setting) ? "an array [ ]"
							 : conf_reader_type(setting));
		return 0;
	}
	if (n == 0 && conf_schema_section(section)->needs_one)
		tell(spot, setting, "the list is empty");
	if (!expect_room(spot, setting, section))
		return 0;
	for (int i = 0; i < n; i++) {
		int err = read_element(
			spot, config_setting_get_elem(setting, (unsigned)i), section, all->n);

		if (err < 0)
			return err;
	}
	return 0;
}

static int read_objects(
	const struct spot *spot, const config_setting_t *setting, enum conf_section section)
{
	struct spot inner = *spot;
	int n = config_setting_length(setting);

	if (conf_schema_section(section)->is_list)
		return read_list(spot, setting, section);
	if (!expect_group(spot, setting) || !expect_room(spot, setting, section))
		return 0;
	inner.prefix = arena_printf(
		spot->reader->tree->arena, "%s%s.", spot->prefix, config_setting_name(setting));
	if (!inner.prefix)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		int err =
			read_object(&inner, config_setting_get_elem(setting, (unsigned)i), section);

		if (err < 0)
			return err;
	}
	return 0;
}

static int read_defaults(
	const struct spot *spot, const config_setting_t *setting, enum conf_section section)
{
	struct conf_tree *tree = spot->reader->tree;
	struct conf_object **defaults = &tree->defaults[section];
	struct spot inner = {.reader = spot->reader, .prefix = ""};

	if (!expect_group(spot, setting))
		return 0;
	if (!*defaults) {
		const char *name = conf_schema_section(section)->defaults;

		*defaults = conf_tree_add(tree, NULL, section, name);
		if (!*defaults)
			return -ENOMEM;
		(*defaults)->place = conf_reader_line(spot->reader, setting);
	}
	inner.object = *defaults;
	return walk_group(&inner, setting);
}

static int read_member(const struct spot *spot, const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	enum conf_section section = CONF_IN_ROOT;
	enum conf_key_id key = CONF_N_KEYS;

	switch (conf_schema_find(spot->object->section, spot->prefix, name, &key, &section)) {
	case CONF_FOUND_KEY:
		return read_key(spot, setting, key);
	case CONF_FOUND_GROUP:
		return read_keys(spot, setting);
	case CONF_FOUND_OBJECTS:
		return read_objects(spot, setting, section);
	case CONF_FOUND_DEFAULTS:
		return read_defaults(spot, setting, section);
	case CONF_FOUND_NOTHING:
		break;
	}
	tell_unknown(spot, setting);
	return 0;
}

static int walk_group(const struct spot *spot, const config_setting_t *group)
{
	int n = config_setting_length(group);
	int err = 0;

	for (int i = 0; i < n && err == 0; i++)
		err = read_member(spot, config_setting_get_elem(group, (unsigned)i));
	return err;
}

int conf_read(
	struct conf_tree *tree, const struct config_t *config, const struct conf_source *source)
{
	struct conf_reader reader = {.tree = tree, .source = source};
	struct spot spot = {.reader = &reader, .object = tree->root, .prefix = ""};

	if (!tree->root->place.file)
		tree->root->place.file = conf_source_place(source, 1).file;
	return walk_group(&spot, config_root_setting(config));
}
