/* `set vrrp`: a group's priority, and planned failover.
 *
 * One group at a time, so that all that could be refused is refused before the answer begins: the
 * change is made when the job is opened. A restart forgets it. */
#include "control/show.h"

#include "control/events.h"
#include "control/target.h"
#include "vrrp/vrrp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MIN_PRIORITY = 1, MAX_PRIORITY = 254, OWNER_PRIORITY = 255 };

struct set_vrrp_job {
	struct ctl_list list;
	unsigned group;
	bool is_release; // else a priority
	unsigned priority;
	bool is_of_file; // the priority is the configuration's again
	bool is_dry_run;
	struct vrrp_group_status before;
	bool is_told;
};

static const struct conf_vrrp_group *conf_of(const struct set_vrrp_job *j)
{
	return &j->list.ctl->conf->vrrp.groups[j->group];
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* "90"; 0 is no priority. */
static unsigned parse_priority(const char *text)
{
	unsigned value = 0;

	if (strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return 0;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	return value;
}

static int read_priority(struct set_vrrp_job *j, const json_t *value, struct ctl_error *err)
{
	const char *text = json_string_value(value);
	json_int_t n = text ? parse_priority(text) : json_integer_value(value);

	if (text && strcmp(text, "default") == 0) {
		j->is_of_file = true;
		n = conf_of(j)->priority;
	} else if (n < MIN_PRIORITY || n > MAX_PRIORITY) {
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
			"priority is %d to %d, or \"default\": the configured one", MIN_PRIORITY,
			MAX_PRIORITY);
	}
	j->priority = (unsigned)n;
	return 0;
}

static int read_args(struct set_vrrp_job *j, const json_t *args, struct ctl_error *err) ON_CONTROL;
static int read_args(struct set_vrrp_job *j, const json_t *args, struct ctl_error *err)
{
	const char *group = json_string_value(json_object_get(args, "group"));
	const json_t *priority = json_object_get(args, "priority");
	int r;

	j->is_release = json_is_true(json_object_get(args, "release"));
	j->is_dry_run = json_is_true(json_object_get(args, "dry_run"));
	if (!group || !priority == !j->is_release)
		return ctl_job_refuse(err, API_ERROR_BAD_REQUEST,
			"set vrrp needs \"group\" and one of \"priority\" and \"release\"");
	r = ctl_target_find_group(j->list.ctl, group, err, &j->group);
	if (r == 0 && priority)
		r = read_priority(j, priority, err);
	return r;
}

/* What the engine would refuse is known before, also for a dry run. */
static int check_group(struct set_vrrp_job *j, struct ctl_error *err) ON_CONTROL;
static int check_group(struct set_vrrp_job *j, struct ctl_error *err)
{
	const struct conf_vrrp_group *conf = conf_of(j);

	vrrp_read_group(j->list.ctl->vrrp, j->group, &j->before);
	if (j->is_release && j->before.state != VRRP_MASTER)
		return ctl_job_refuse(err, API_ERROR_REFUSED,
			"group %s is %s, not master: there is nothing to hand over", conf->name,
			vrrp_state_name(j->before.state));
	if (!j->is_release && conf->priority == OWNER_PRIORITY)
		return ctl_job_refuse(err, API_ERROR_REFUSED,
			"group %s owns its addresses (priority %d): its priority cannot change",
			conf->name, OWNER_PRIORITY);
	return 0;
}

/* ---- the change ------------------------------------------------------------------------------ */

static void tell_change(const struct set_vrrp_job *j, const struct ctl_peer *peer) ON_CONTROL;
static void tell_change(const struct set_vrrp_job *j, const struct ctl_peer *peer)
{
	const char *name = conf_of(j)->name;
	char before[CTL_EVENT_VALUE_LEN], after[CTL_EVENT_VALUE_LEN];
	struct ctl_event_def def = {.kind = CTL_EVENT_COMMAND,
		.level = LOG_LEVEL_NOTICE,
		.object = name,
		.cause = "command",
		.peer = peer};

	if (j->is_release) {
		def.after = "released";
		ctl_event(j->list.ctl, &def,
			"vrrp %s: released: by command: uid=%u pid=%d "
			"command=\"set vrrp %s release\"",
			name, (unsigned)peer->uid, (int)peer->pid, name);
	} else if (j->priority != j->before.priority_base) {
		(void)snprintf(before, sizeof(before), "%u", j->before.priority_base);
		(void)snprintf(after, sizeof(after), "%u", j->priority);
		def.before = before;
		def.after = after;
		ctl_event(j->list.ctl, &def,
			"vrrp %s: priority %s -> %s: by command: uid=%u pid=%d "
			"command=\"set vrrp %s priority %s\"",
			name, before, after, (unsigned)peer->uid, (int)peer->pid, name, after);
	}
}

static int make_change(
	struct set_vrrp_job *j, const struct ctl_peer *peer, struct ctl_error *err) ON_CONTROL;
static int make_change(struct set_vrrp_job *j, const struct ctl_peer *peer, struct ctl_error *err)
{
	struct vrrp *v = j->list.ctl->vrrp;
	int r;

	if (j->is_dry_run)
		return 0;
	// before the engine tells of what follows from it
	tell_change(j, peer);
	r = j->is_release ? vrrp_release(v, j->group)
			  : vrrp_set_priority(v, j->group,
				    j->is_of_file ? VRRP_PRIORITY_OF_FILE : j->priority);
	if (r < 0)
		return ctl_job_refuse(
			err, API_ERROR_REFUSED, "group %s: %s", conf_of(j)->name, strerror(-r));
	return 0;
}

/* {"group", "state", "field", "old", "new", "configured"}; the state is the one before. */
static int next_change(struct ctl_list *list, json_t **ret_item)
{
	struct set_vrrp_job *j = (struct set_vrrp_job *)list;
	const struct conf_vrrp_group *conf = conf_of(j);
	const char *state = vrrp_state_name(j->before.state);

	if (j->is_told)
		return 0;
	j->is_told = true;
	if (j->is_release)
		*ret_item = json_pack("{s:o, s:s, s:s, s:b, s:b, s:b}", "group",
			ctl_job_text(conf->name), "state", state, "field", "is_released", "old",
			j->before.is_released, "new", true, "configured", false);
	else
		*ret_item = json_pack("{s:o, s:s, s:s, s:i, s:i, s:i}", "group",
			ctl_job_text(conf->name), "state", state, "field", "priority", "old",
			(int)j->before.priority_base, "new", (int)j->priority, "configured",
			(int)conf->priority);
	return *ret_item ? 1 : -ENOMEM;
}

int ctl_set_vrrp_open(const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct set_vrrp_job *j = (struct set_vrrp_job *)ctl_job_list_new(
		sizeof(*j), call->shared->ctl, "changes", next_change);
	int r;

	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	r = read_args(j, call->args, err);
	if (r == 0)
		r = check_group(j, err);
	if (r == 0 && json_object_set_new(j->list.head, "dry_run", json_boolean(j->is_dry_run)) < 0)
		r = ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	if (r == 0)
		r = make_change(j, &call->peer, err);
	if (r < 0) {
		ctl_job_free(&j->list.job);
		return r;
	}
	*ret_job = &j->list.job;
	return 0;
}
