/* `set server`: weights and administrative states, changed at run time.
 *
 * Everything is checked before the first change. Then the servers are changed one after the
 * other, over as many turns of the loop as that takes, and whoever asked or went away: a change
 * is never left half done. What changes lives in the model only; a restart forgets it. */
#include "control/show.h"

#include "control/events.h"
#include "control/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_WEIGHT = 65535,
	MAX_PERCENT = 100 * MAX_WEIGHT,
	MAX_LOGGED = 16, // lines of one command; the rest is only counted
};

enum change_kind { SET_WEIGHT, SET_PERCENT, SET_STATE };

struct change {
	enum change_kind kind;
	unsigned value; // weight, percent, or enum ctl_admin
};

struct set_job {
	struct ctl_list list;
	struct ctl_peer peer;
	struct ctl_target target;
	struct change change;
	bool is_dry_run;
	struct ctl_cursor cursor;
	unsigned n_changed;
};

/* A percentage is of the configured weight, rounded; a server that gets any share of a weight
 * above 0 keeps at least 1, since 0 would mean "no new connections". */
static unsigned weight_after(const struct change *c, const struct conf_server *server)
{
	uint64_t share;

	if (c->kind == SET_WEIGHT)
		return c->value;
	share = ((uint64_t)server->weight * c->value + 50) / 100;
	if (share == 0 && server->weight > 0 && c->value > 0)
		return 1;
	return (unsigned)share;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* "320" or "50%". */
static int parse_weight(const char *text, struct change *ret)
{
	unsigned long limit = MAX_WEIGHT, value = 0;
	size_t digits = strspn(text, "0123456789");
	enum change_kind kind = SET_WEIGHT;

	if (strcmp(text + digits, "%") == 0) {
		kind = SET_PERCENT;
		limit = MAX_PERCENT;
	} else if (text[digits] != '\0') {
		return -EINVAL;
	}
	if (digits == 0)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++) {
		value = value * 10 + (unsigned long)(text[i] - '0');
		if (value > limit)
			return -EINVAL;
	}
	*ret = (struct change){kind, (unsigned)value};
	return 0;
}

static int read_weight(const json_t *weight, struct ctl_error *err, struct change *ret)
{
	json_int_t n = json_integer_value(weight);
	const char *text = json_string_value(weight);

	if (text && parse_weight(text, ret) == 0)
		return 0;
	if (text || n < 0 || n > MAX_WEIGHT)
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
			"weight is 0 to %d, or a percentage of the configured one, as \"50%%\"",
			MAX_WEIGHT);
	*ret = (struct change){SET_WEIGHT, (unsigned)n};
	return 0;
}

static int read_state(const char *text, struct ctl_error *err, struct change *ret)
{
	for (enum ctl_admin a = CTL_READY; a <= CTL_MAINT; a++)
		if (strcmp(text, ctl_show_admin_name(a)) == 0) {
			*ret = (struct change){SET_STATE, a};
			return 0;
		}
	return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
		"\"%.100s\" is not a state (ready, drain, maint)", text);
}

/* Everything that could go wrong goes wrong here, before the first change. */
static int check_weights(
	const struct ctl *ctl, const struct set_job *j, struct ctl_error *err) ON_CONTROL;
static int check_weights(const struct ctl *ctl, const struct set_job *j, struct ctl_error *err)
{
	struct ctl_cursor cursor = {0};
	struct ctl_group group;

	while (ctl_target_next(ctl, &j->target, &cursor, &group)) {
		unsigned weight = weight_after(&j->change, group.server);

		if (weight > MAX_WEIGHT)
			return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
				"%s/%s: %u%% of weight %u is %u, above %d; nothing was changed",
				group.service->name, group.server->name, j->change.value,
				group.server->weight, weight, MAX_WEIGHT);
	}
	return 0;
}

static int read_args(struct set_job *j, const json_t *args, struct ctl_error *err) ON_CONTROL;
static int read_args(struct set_job *j, const json_t *args, struct ctl_error *err)
{
	struct ctl *ctl = j->list.ctl;
	const char *target = json_string_value(json_object_get(args, "target"));
	const json_t *weight = json_object_get(args, "weight");
	const json_t *state = json_object_get(args, "state");
	int r;

	if (!target || !weight == !state)
		return ctl_job_refuse(err, API_ERROR_BAD_REQUEST,
			"set server needs \"target\" and one of \"weight\" and \"state\"");
	j->is_dry_run = json_is_true(json_object_get(args, "dry_run"));
	if (weight)
		r = read_weight(weight, err, &j->change);
	else
		r = read_state(json_string_value(state), err, &j->change);
	if (r == 0)
		r = ctl_target_parse(ctl, target, NULL, err, &j->target);
	if (r == 0 && weight)
		r = check_weights(ctl, j, err);
	return r;
}

/* ---- the change ------------------------------------------------------------------------------ */

/* The command as it could be typed. Its parts have been checked: nothing in it is free text. */
static const char *command_text(const struct set_job *j, char *buf, size_t size)
{
	const char *service = j->target.service, *server = j->target.server;

	if (j->change.kind == SET_STATE)
		(void)snprintf(buf, size, "set server %s/%s state %s", service, server,
			ctl_show_admin_name((enum ctl_admin)j->change.value));
	else
		(void)snprintf(buf, size, "set server %s/%s weight %u%s", service, server,
			j->change.value, j->change.kind == SET_PERCENT ? "%" : "");
	return buf;
}

enum { COMMAND_LEN = 2 * CONF_MAX_NAME + 48 };

/* Old and new value as words, for the log. */
struct values {
	char before[16];
	char after[16];
};

static void tell_change(const struct set_job *j, const struct ctl_group *group,
	const struct values *values) ON_CONTROL;
static void tell_change(
	const struct set_job *j, const struct ctl_group *group, const struct values *values)
{
	const char *field = j->change.kind == SET_STATE ? "state" : "weight";
	char command[COMMAND_LEN], name[CTL_EVENT_OBJECT_LEN];

	(void)snprintf(name, sizeof(name), "%s/%s", group->service->name, group->server->name);
	ctl_event(j->list.ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_COMMAND,
			.level = LOG_LEVEL_NOTICE,
			.object = name,
			.before = values->before,
			.after = values->after,
			.cause = "command",
			.peer = &j->peer},
		"%s: %s %s -> %s: by command: uid=%u pid=%d command=\"%s\"", name, field,
		values->before, values->after, (unsigned)j->peer.uid, (int)j->peer.pid,
		command_text(j, command, sizeof(command)));
}

static void tell_end(const struct set_job *j) ON_CONTROL;
static void tell_end(const struct set_job *j)
{
	char command[COMMAND_LEN];

	if (j->n_changed > MAX_LOGGED)
		ctl_event(j->list.ctl,
			&(struct ctl_event_def){.kind = CTL_EVENT_COMMAND,
				.level = LOG_LEVEL_NOTICE,
				.cause = "command",
				.peer = &j->peer},
			"admin: %u servers changed: the first %d are above: uid=%u pid=%d "
			"command=\"%s\"",
			j->n_changed, MAX_LOGGED, (unsigned)j->peer.uid, (int)j->peer.pid,
			command_text(j, command, sizeof(command)));
}

static json_t *families_array(const struct ctl *ctl, const struct ctl_group *group)
{
	json_t *array = json_array();

	for (unsigned f = CONF_V4; f < CONF_N_FAMILIES; f++)
		for (unsigned i = 0; i < group->n_ids; i++)
			if (ctl->services[ctl->servers[group->ids[i]].service].family == f) {
				(void)json_array_append_new(
					array, json_integer(ctl_show_family(f)));
				break;
			}
	return array;
}

/* {"service", "server", "families", "field", "old", "new", "configured", "connections"}, and "held"
 * of states: a file holds the server in all its halves, or in none. */
static json_t *change_object(const struct set_job *j, const struct ctl_group *group) ON_CONTROL;
static json_t *change_object(const struct set_job *j, const struct ctl_group *group)
{
	const struct ctl *ctl = j->list.ctl;
	const struct ctl_server *first = &ctl->servers[group->ids[0]];
	struct dp_server_stats sum = {0};
	json_t *item;

	for (unsigned i = 0; i < group->n_ids; i++) {
		struct dp_server_stats stats;

		ctl_show_read_server(ctl, group->ids[i], &stats);
		ctl_show_add_stats(&sum, &stats);
	}
	item = json_pack("{s:o, s:o, s:o, s:o}", "service", ctl_job_text(group->service->name),
		"server", ctl_job_text(group->server->name), "families", families_array(ctl, group),
		"connections", ctl_job_count(sum.established + sum.closing));
	if (!item)
		return NULL;
	if (j->change.kind == SET_STATE)
		(void)json_object_update_new(item,
			json_pack("{s:s, s:s, s:s, s:s, s:b}", "field", "state", "old",
				ctl_show_admin_name(first->admin), "new",
				ctl_show_admin_name((enum ctl_admin)j->change.value), "configured",
				ctl_show_admin_name(CTL_READY), "held", first->is_held));
	else
		(void)json_object_update_new(
			item, json_pack("{s:s, s:i, s:i, s:i}", "field", "weight", "old",
				      (int)first->weight, "new",
				      (int)weight_after(&j->change, group->server), "configured",
				      (int)group->server->weight));
	return item;
}

/* True if it differed from what is wanted. */
static bool set_one(const struct set_job *j, unsigned id) ON_CONTROL;
static bool set_one(const struct set_job *j, unsigned id)
{
	struct ctl *ctl = j->list.ctl;
	const struct ctl_server *s = &ctl->servers[id];
	uint16_t weight;

	if (j->change.kind == SET_STATE) {
		if (s->admin == j->change.value)
			return false;
		if (!j->is_dry_run)
			ctl_server_set_admin(ctl, id, (enum ctl_admin)j->change.value);
		return true;
	}
	weight = (uint16_t)weight_after(&j->change, s->conf);
	if (s->weight == weight)
		return false;
	if (!j->is_dry_run)
		ctl_server_set_weight(ctl, id, weight);
	return true;
}

static void read_value(const struct set_job *j, unsigned id, char *buf, size_t size)
{
	const struct ctl_server *s = &j->list.ctl->servers[id];

	if (j->change.kind == SET_STATE)
		(void)snprintf(buf, size, "%s", ctl_show_admin_name(s->admin));
	else
		(void)snprintf(buf, size, "%u", s->weight);
}

/* Changes the next server, whether or not there is memory to say so. */
static int next_change(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_change(struct ctl_list *list, json_t **ret_item)
{
	struct set_job *j = (struct set_job *)list;
	bool is_changed = false;
	struct ctl_group group;
	struct values values;
	json_t *item;

	if (!ctl_target_next(list->ctl, &j->target, &j->cursor, &group)) {
		tell_end(j);
		return 0;
	}
	item = change_object(j, &group);
	read_value(j, group.ids[0], values.before, sizeof(values.before));
	for (unsigned i = 0; i < group.n_ids; i++)
		is_changed |= set_one(j, group.ids[i]);
	read_value(j, group.ids[0], values.after, sizeof(values.after));

	if (is_changed && !j->is_dry_run && j->n_changed++ < MAX_LOGGED)
		tell_change(j, &group, &values);
	*ret_item = item ? item : json_null();
	return 1;
}

int ctl_set_server_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct set_job *j = (struct set_job *)ctl_job_list_new(
		sizeof(*j), call->shared->ctl, "changes", next_change);
	int r;

	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	j->peer = call->peer;
	r = read_args(j, call->args, err);
	if (r == 0 && json_object_set_new(j->list.head, "dry_run", json_boolean(j->is_dry_run)) < 0)
		r = ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	if (r < 0) {
		ctl_job_free(&j->list.job);
		return r;
	}
	j->list.job.must_finish = !j->is_dry_run;
	*ret_job = &j->list.job;
	return 0;
}
