/* What a group of VRRP tracks to the model: by type, and each under a name of its own. */
#include "conf/bind_vrrp.h"

#include "base/arena.h"
#include "base/diag.h"
#include "conf/value.h"

#include <errno.h>
#include <string.h>

enum { PRIORITY_OWNER = 255 };

/* One track being made. */
struct maker {
	struct conf_binding *b;
	struct conf_object *object;
	struct conf_track *track;
	int err; // -ENOMEM, once and for all
};

static int64_t number(struct maker *m, enum conf_key_id key)
{
	return conf_tree_number(m->b->tree, m->object, key, 0);
}

static const char *text(struct maker *m, enum conf_key_id key)
{
	return conf_bind_text(m->b, conf_tree_text(m->b->tree, m->object, key), &m->err);
}

static void *refer(struct maker *m, enum conf_key_id key)
{
	struct conf_value *value = conf_tree_get(m->b->tree, m->object, key);

	if (value->state != CONF_GOOD)
		return NULL;
	return conf_bind_reference(m->b, value, value->data[0].text, m->b->tree->root);
}

static void bind_script(struct maker *m)
{
	struct conf_value *timeout = conf_tree_get(m->b->tree, m->object, CONF_KEY_TRACK_TIMEOUT);
	struct conf_track *t = m->track;
	char first[CONF_VALUE_STR_LEN], second[CONF_VALUE_STR_LEN];

	if (m->err == 0)
		m->err = conf_bind_command(m->b, &m->b->of_vrrp,
			conf_tree_get(m->b->tree, m->object, CONF_KEY_TRACK_COMMAND), &t->command,
			&t->n_command);
	t->interval_ms = (uint32_t)(number(m, CONF_KEY_TRACK_INTERVAL) / 1000);
	t->timeout_ms = timeout->state == CONF_GOOD ? (uint32_t)(timeout->data[0].number / 1000)
						    : t->interval_ms;
	t->rise = (unsigned)number(m, CONF_KEY_TRACK_RISE);
	t->fall = (unsigned)number(m, CONF_KEY_TRACK_FALL);
	t->is_up_at_first = number(m, CONF_KEY_TRACK_INIT) != 0;
	if (t->timeout_ms > t->interval_ms)
		conf_tree_refuse(m->b->tree, timeout, "%s is longer than interval (%s)",
			conf_value_format(CONF_DURATION, 1000LL * t->timeout_ms, first),
			conf_value_format(CONF_DURATION, 1000LL * t->interval_ms, second));
}

static void bind_path(struct maker *m)
{
	const char *path = conf_tree_text(m->b->tree, m->object, CONF_KEY_TRACK_PATH);

	if (!path)
		return;
	m->track->path = conf_bind_path(m->b, path);
	if (!m->track->path)
		m->err = -ENOMEM;
}

static void bind_object(struct maker *m)
{
	struct conf_track *t = m->track;

	switch (t->type) {
	case CONF_TRACK_INTERFACE:
		t->interface = refer(m, CONF_KEY_TRACK_INTERFACE);
		break;
	case CONF_TRACK_SCRIPT:
		bind_script(m);
		break;
	case CONF_TRACK_FILE:
		bind_path(m);
		break;
	case CONF_TRACK_PROCESS:
		t->process = text(m, CONF_KEY_TRACK_PROCESS);
		break;
	case CONF_TRACK_SERVICE:
		t->service = refer(m, CONF_KEY_TRACK_SERVICE);
		break;
	case CONF_TRACK_POOL:
		t->pool = refer(m, CONF_KEY_TRACK_POOL);
		break;
	case CONF_N_TRACK_TYPES:
		break;
	}
}

/* NULL: told to be wrong. */
static const char *name_of_object(const struct conf_track *t)
{
	switch (t->type) {
	case CONF_TRACK_INTERFACE:
		return t->interface ? t->interface->name : NULL;
	case CONF_TRACK_SCRIPT:
		return t->command ? t->command[0] : NULL;
	case CONF_TRACK_FILE:
		return t->path;
	case CONF_TRACK_PROCESS:
		return t->process;
	case CONF_TRACK_SERVICE:
		return t->service ? t->service->name : NULL;
	case CONF_TRACK_POOL:
		return t->pool ? t->pool->name : NULL;
	case CONF_N_TRACK_TYPES:
		break;
	}
	return NULL;
}

static void bind_name(struct maker *m)
{
	const char *object = name_of_object(m->track);

	m->track->name = text(m, CONF_KEY_TRACK_NAME);
	if (m->track->name || !object || m->err < 0)
		return;
	m->track->name = arena_printf(m->b->arena, "%s %s",
		conf_schema_type_name(CONF_IN_TRACK, (int)m->track->type), object);
	if (!m->track->name)
		m->err = -ENOMEM;
}

/* Against the tracks before it. */
static void check_name(struct maker *m, const struct conf_track *tracks)
{
	const struct conf_track *t = m->track;

	for (const struct conf_track *other = tracks; t->name && other < t; other++) {
		struct diag_place there = {other->place.file, other->place.line, NULL};

		if (!other->name || strcmp(other->name, t->name) != 0)
			continue;
		conf_bind_tell(m->b, m->object, "name", "\"%s\" is already used: give it another",
			t->name);
		diag_add(m->b->tree->diag, DIAG_NOTE, &there, "by this track");
		return;
	}
}

static void check_weight(struct maker *m, unsigned priority)
{
	const struct conf_value *weight =
		conf_tree_get(m->b->tree, m->object, CONF_KEY_TRACK_WEIGHT);
	struct diag_place where = {.file = weight->place.file, .line = weight->place.line};

	if (m->track->weight != 0 && priority == PRIORITY_OWNER)
		diag_add(m->b->tree->diag, DIAG_WARNING, &where,
			"%s.weight: has no effect: no track lowers a priority of 255",
			m->object->path);
}

static int bind_track(struct conf_binding *b, struct conf_object *o,
	const struct conf_vrrp_group *group, struct conf_track *track)
{
	const struct conf_value *type = conf_tree_get(b->tree, o, CONF_KEY_TRACK_TYPE);
	struct maker m = {.b = b, .object = o, .track = track};

	track->place = o->place;
	if (type->state != CONF_GOOD) // told already; what the rest means depends on it
		return 0;
	track->type = (enum conf_track_type)type->data[0].number;
	track->weight = (int)number(&m, CONF_KEY_TRACK_WEIGHT);
	track->reverse = number(&m, CONF_KEY_TRACK_REVERSE) != 0;
	conf_bind_refuse_keys(b, o, (int)track->type);
	bind_object(&m);
	bind_name(&m);
	check_name(&m, group->tracks);
	check_weight(&m, group->priority);
	return m.err;
}

int conf_bind_tracks(
	struct conf_binding *b, const struct conf_object *o, struct conf_vrrp_group *group)
{
	const struct conf_objects *all = &o->members[CONF_IN_TRACK];
	struct conf_track *tracks = arena_alloc(b->arena, all->n, sizeof(*tracks));
	unsigned n = 0;
	int err = 0;

	if (!tracks)
		return -ENOMEM;
	group->tracks = tracks;
	for (struct conf_object *to = all->first; to && err == 0; to = to->next)
		err = bind_track(b, to, group, &tracks[n++]);
	group->n_tracks = n;
	return err;
}
