/* Checks to the model: what all types have, which keys a type takes and which it needs.
 *
 * What a check says beyond its type is an error; what check_defaults says beyond it is not, since
 * that holds for all checks. The values of the types are bind_probe.c's. */
#include "conf/bind_check.h"

#include "base/arena.h"
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char none_name[] = "none";

struct conf_value *conf_maker_get(struct conf_check_maker *m, enum conf_key_id key)
{
	struct conf_value *value = conf_tree_get(m->b->tree, m->object, key);

	if (value->state != CONF_GOOD ||
		!conf_schema_is_used(value->key->used_by, (int)m->check->type))
		return NULL;
	return value;
}

bool conf_maker_has_own(const struct conf_check_maker *m, enum conf_key_id key)
{
	return conf_tree_slot(m->object, key)->state == CONF_GOOD;
}

static bool is_written(
	const struct conf_tree *tree, const struct conf_object *object, enum conf_key_id key)
{
	const struct conf_object *defaults = tree->defaults[object->section];

	return conf_tree_slot(object, key)->state != CONF_ABSENT ||
	       (defaults && conf_tree_slot(defaults, key)->state != CONF_ABSENT);
}

bool conf_maker_is_written(const struct conf_check_maker *m, enum conf_key_id key)
{
	return is_written(m->b->tree, m->object, key);
}

const char *conf_maker_text(struct conf_check_maker *m, enum conf_key_id key)
{
	const struct conf_value *value = conf_maker_get(m, key);

	return conf_bind_text(m->b, value ? value->data[0].text : NULL, &m->err);
}

int64_t conf_maker_number(struct conf_check_maker *m, enum conf_key_id key)
{
	const struct conf_value *value = conf_maker_get(m, key);

	return value ? value->data[0].number : 0;
}

static void tell_at(struct conf_check_maker *m, const struct conf_place *place, const char *key,
	const char *text)
{
	const struct diag_place where = {.file = place->file, .line = place->line};

	diag_add(m->b->tree->diag, DIAG_ERROR, &where, "%s.%s: %s", m->object->path, key, text);
}

void conf_maker_tell(struct conf_check_maker *m, const char *key, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tell_at(m, &m->object->place, key, text);
}

void conf_bind_tell(struct conf_binding *b, const struct conf_object *object, const char *key,
	const char *format, ...)
{
	const struct diag_place where = {.file = object->place.file, .line = object->place.line};
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(b->tree->diag, DIAG_ERROR, &where, "%s.%s: %s", object->path, key, text);
}

/* ---- which keys --------------------------------------------------------------------------- */

void conf_bind_refuse_keys(struct conf_binding *b, const struct conf_object *object, int type)
{
	enum conf_key_id first = conf_schema_first(object->section);
	const char *one = conf_schema_section(object->section)->one;
	const char *name = conf_schema_type_name(object->section, type);

	for (unsigned i = 0; i < conf_schema_count(object->section); i++) {
		const struct conf_key *key = conf_schema_key(first + i);
		struct conf_value *own = conf_tree_slot(object, first + i);

		if (own->state == CONF_GOOD && !conf_schema_is_used(key->used_by, type))
			conf_tree_refuse(
				b->tree, own, "a %s of type \"%s\" has no use for it", one, name);
		if ((key->needed_by >> type & 1) && !is_written(b->tree, object, first + i))
			conf_bind_tell(b, object, key->name,
				"required setting is missing: a %s of type \"%s\" needs it", one,
				name);
	}
}

static void refuse_lists(struct conf_check_maker *m)
{
	static const enum conf_section lists[] = {CONF_IN_REQUEST, CONF_IN_STEP};
	const char *type = conf_schema_type_name(CONF_IN_CHECK, (int)m->check->type);
	char text[128];

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct conf_section_def *def = conf_schema_section(lists[i]);
		const struct conf_objects *own = &m->object->members[lists[i]];

		(void)snprintf(
			text, sizeof(text), "a check of type \"%s\" has no use for it", type);
		if (own->is_written && !conf_schema_is_used(def->used_by, (int)m->check->type))
			tell_at(m, &own->place, def->container, text);
		if ((def->needed_by >> m->check->type & 1) &&
			!conf_tree_members(m->b->tree, m->object, lists[i])->is_written)
			conf_maker_tell(m, def->container,
				"required setting is missing: a check of type \"%s\" needs it",
				type);
	}
}

/* ---- the check ---------------------------------------------------------------------------- */

static uint32_t milliseconds(struct conf_check_maker *m, enum conf_key_id key)
{
	return (uint32_t)(conf_maker_number(m, key) / 1000);
}

static void bind_pair(struct conf_check_maker *m, enum conf_key_id key,
	struct addr address[CONF_N_FAMILIES], bool has_address[CONF_N_FAMILIES])
{
	struct conf_value *value = conf_maker_get(m, key);

	if (value)
		conf_bind_addresses(m->b, value, address, has_address);
}

static void bind_common(struct conf_check_maker *m)
{
	struct conf_check *check = m->check;

	check->interval_ms = milliseconds(m, CONF_KEY_CHECK_INTERVAL);
	check->timeout_ms = milliseconds(m, CONF_KEY_CHECK_TIMEOUT);
	check->retry_ms = milliseconds(m, CONF_KEY_CHECK_RETRY);
	check->fall = (unsigned)conf_maker_number(m, CONF_KEY_CHECK_FALL);
	check->rise = (unsigned)conf_maker_number(m, CONF_KEY_CHECK_RISE);
	check->port = (uint16_t)conf_maker_number(m, CONF_KEY_CHECK_PORT);
	bind_pair(m, CONF_KEY_CHECK_ADDRESS, check->address, check->has_address);
	bind_pair(m, CONF_KEY_CHECK_SOURCE, check->source, check->has_source);
}

static void bind_command(struct conf_check_maker *m)
{
	struct conf_value *command = conf_maker_get(m, CONF_KEY_CHECK_COMMAND);
	struct conf_check_own *own = &m->check->own;

	if (command && m->err == 0)
		m->err = conf_bind_command(
			m->b, &m->b->of_health, command, &own->command, &own->n_command);
	own->dynamic_weight = conf_maker_number(m, CONF_KEY_CHECK_DYNAMIC_WEIGHT) != 0;
}

static void bind_own(struct conf_check_maker *m)
{
	struct conf_check_own *own = &m->check->own;

	conf_bind_tls(m);
	conf_bind_login(m);
	conf_bind_requests(m);
	conf_bind_greeting(m);
	conf_bind_search(m);
	own->database = conf_maker_text(m, CONF_KEY_CHECK_DATABASE);
	own->query = conf_maker_text(m, CONF_KEY_CHECK_QUERY);
	own->name = conf_maker_text(m, CONF_KEY_CHECK_NAME);
	own->record = (enum conf_dns_record)conf_maker_number(m, CONF_KEY_CHECK_RECORD);
	own->transport = (enum conf_protocol)conf_maker_number(m, CONF_KEY_CHECK_TRANSPORT);
	own->send = conf_bind_bytes(m, conf_maker_get(m, CONF_KEY_CHECK_SEND));
	own->receive = conf_maker_text(m, CONF_KEY_CHECK_RECEIVE);
	conf_bind_steps(m);
	bind_command(m);
}

static int bind_check(struct conf_binding *b, struct conf_object *o, struct conf_check *check)
{
	const struct conf_value *type = conf_tree_get(b->tree, o, CONF_KEY_CHECK_TYPE);
	struct conf_check_maker m = {.b = b, .object = o, .check = check};

	check->name = conf_bind_text(b, o->name, &m.err);
	check->place = o->place;
	o->bound = check;
	if (type->state != CONF_GOOD) // told already; what the rest means depends on it
		return m.err;
	check->type = (enum conf_check_type)type->data[0].number;
	bind_common(&m);
	conf_bind_refuse_keys(b, o, (int)check->type);
	refuse_lists(&m);
	bind_own(&m);
	return m.err;
}

/* The built-in check becomes an object like the others, so that services find it by its name. */
static int add_none(struct conf_binding *b)
{
	struct conf_object *root = b->tree->root;
	static const struct conf_datum type = {.number = CONF_CHECK_NONE, .text = none_name};
	struct conf_object *o;

	if (conf_tree_find(root, CONF_IN_CHECK, none_name))
		return 0;
	o = conf_tree_add(b->tree, root, CONF_IN_CHECK, none_name);
	if (!o)
		return -ENOMEM;
	conf_tree_slot(o, CONF_KEY_CHECK_TYPE)->data = &type;
	conf_tree_slot(o, CONF_KEY_CHECK_TYPE)->n = 1;
	conf_tree_slot(o, CONF_KEY_CHECK_TYPE)->state = CONF_GOOD;
	return 0;
}

int conf_bind_checks(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_CHECK];
	struct conf_check *checks;
	unsigned n = 0;
	int err = add_none(b);

	if (err < 0)
		return err;
	checks = arena_alloc(b->arena, all->n, sizeof(*checks));
	if (!checks)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o && err == 0; o = o->next)
		err = bind_check(b, o, &checks[n++]);
	b->conf->checks = checks;
	b->conf->n_checks = n;
	return err;
}
