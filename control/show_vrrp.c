/* `show vrrp`: each group with its tracks, and its instances with what they heard and counted. */
#include "control/show.h"

#include "control/target.h"
#include "vrrp/vrrp.h"

#include <errno.h>
#include <string.h>

struct vrrp_list {
	struct ctl_list list;
	unsigned end;      // behind the last group that is wanted
	unsigned next;     // group
	unsigned instance; // the next of the group before it
};

/* ---- a group --------------------------------------------------------------------------------- */

static const char *track_type_name(enum conf_track_type type)
{
	static const char *const names[CONF_N_TRACK_TYPES] = {
		[CONF_TRACK_INTERFACE] = "interface",
		[CONF_TRACK_SCRIPT] = "script",
		[CONF_TRACK_FILE] = "file",
		[CONF_TRACK_PROCESS] = "process",
		[CONF_TRACK_SERVICE] = "service",
		[CONF_TRACK_POOL] = "pool",
	};

	return names[type];
}

static json_t *tracks_array(const struct ctl *ctl, unsigned group) ON_CONTROL;
static json_t *tracks_array(const struct ctl *ctl, unsigned group)
{
	const struct conf_vrrp_group *conf = &ctl->conf->vrrp.groups[group];
	json_t *array = json_array();

	for (unsigned i = 0; i < conf->n_tracks; i++) {
		const struct conf_track *track = &conf->tracks[i];
		struct vrrp_track_status status;

		vrrp_read_track(ctl->vrrp, group, i, &status);
		(void)json_array_append_new(array,
			json_pack("{s:o, s:s, s:s, s:b, s:i, s:b, s:i, s:o}", "track",
				ctl_job_text(track->name), "type", track_type_name(track->type),
				"state", status.is_up ? "up" : "down", "is_known", status.is_known,
				"weight", track->weight, "reverse", track->reverse, "adjustment",
				status.adjustment, "why", ctl_job_text(status.why)));
	}
	return array;
}

static json_t *transitions_object(const struct vrrp_group_status *status)
{
	json_t *o = json_object();

	for (enum vrrp_state s = VRRP_INIT; s < VRRP_N_STATES; s++)
		(void)json_object_set_new(
			o, vrrp_state_name(s), ctl_job_count(status->transitions[s]));
	return o;
}

/* All but the instances. */
static json_t *group_object(const struct ctl *ctl, unsigned group) ON_CONTROL;
static json_t *group_object(const struct ctl *ctl, unsigned group)
{
	const struct conf_vrrp_group *conf = &ctl->conf->vrrp.groups[group];
	struct vrrp_group_status status;

	vrrp_read_group(ctl->vrrp, group, &status);
	return json_pack("{s:o, s:s, s:o, s:o, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:f, s:o, s:o}",
		"group", ctl_job_text(conf->name), "state", vrrp_state_name(status.state), "since",
		ctl_job_time(status.since_ms), "why", ctl_job_text(status.why), "priority",
		(int)status.priority, "priority_base", (int)status.priority_base,
		"priority_configured", (int)conf->priority, "preempt", conf->preempt, "is_released",
		status.is_released, "is_gate_running", status.is_gate_running,
		"is_waiting_to_preempt", status.is_waiting_to_preempt, "lease_seconds",
		status.lease_life_ms / 1e3, "transitions_total", transitions_object(&status),
		"tracks", tracks_array(ctl, group));
}

/* ---- an instance ----------------------------------------------------------------------------- */

static json_t *address_text(const struct addr *a)
{
	char text[ADDR_STR_LEN];

	return addr_is_unspecified(a) ? json_null() : json_string(addr_format(a, text));
}

static json_t *addresses_array(const struct conf_vrrp_instance *conf)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < conf->n_addresses; i++)
		(void)json_array_append_new(array, address_text(&conf->addresses[i]));
	return array;
}

/* The last one that was believed; null: none yet. */
static json_t *master_object(const struct vrrp_instance_status *s)
{
	if (addr_is_unspecified(&s->master))
		return json_null();
	return json_pack("{s:o, s:i, s:o}", "address", address_text(&s->master), "priority",
		(int)s->master_priority, "heard", ctl_job_time(s->heard_ms));
}

static json_t *errors_object(const struct vrrp_instance_status *s)
{
	json_t *o = json_object();

	for (enum vrrp_error e = VRRP_OK + 1; e < VRRP_N_ERRORS; e++)
		(void)json_object_set_new(o, vrrp_error_label(e), ctl_job_count(s->errors[e]));
	return o;
}

static int put_counters(json_t *item, const struct vrrp_instance_status *s)
{
	json_t *counters = json_pack("{s:{s:o, s:o}, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
		"advertisements_total", "sent", ctl_job_count(s->sent), "received",
		ctl_job_count(s->received), "releases_total", "sent",
		ctl_job_count(s->released_sent), "received", ctl_job_count(s->released_received),
		"errors_total", errors_object(s), "address_list_differs_total",
		ctl_job_count(s->address_list_differs), "learned_intervals_total",
		ctl_job_count(s->learned_intervals), "conflicts_total", ctl_job_count(s->conflicts),
		"masters_heard_total", ctl_job_count(s->masters_heard), "announcements_total",
		ctl_job_count(s->announcements));
	int r = counters ? json_object_update(item, counters) : -1;

	json_decref(counters);
	return r == 0 ? 0 : -ENOMEM;
}

/* NULL when out of memory. */
static json_t *instance_object(const struct ctl *ctl, unsigned group, unsigned instance) ON_CONTROL;
static json_t *instance_object(const struct ctl *ctl, unsigned group, unsigned instance)
{
	const struct conf_vrrp_group *g = &ctl->conf->vrrp.groups[group];
	const struct conf_vrrp_instance *conf = &g->instances[instance];
	struct vrrp_instance_status s;
	json_t *item;

	vrrp_read_instance(ctl->vrrp, group, instance, &s);
	item = json_pack("{s:o, s:s, s:o, s:o, s:i, s:i, s:i, s:o, s:b, s:b, s:o, s:f, s:f, s:o}",
		"vrrp", ctl_job_text(conf->name), "state", vrrp_state_name(s.state), "interface",
		ctl_job_text(conf->interface->name), "device",
		ctl_job_text(conf->interface->device), "family", ctl_show_family(conf->family),
		"vrid", (int)conf->vrid, "version", conf->family == CONF_V6 ? 3 : (int)g->version,
		"addresses", addresses_array(conf), "unicast", conf->is_unicast, "is_open",
		s.is_open, "source", address_text(&s.source), "advert_seconds", s.advert_ms / 1e3,
		"advert_seconds_configured", g->advert_ms / 1e3, "master", master_object(&s));
	if (item && put_counters(item, &s) < 0) {
		json_decref(item);
		return NULL;
	}
	return item;
}

/* ---- the list -------------------------------------------------------------------------------- */

static int next_group(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_group(struct ctl_list *list, json_t **ret_item)
{
	struct vrrp_list *l = (struct vrrp_list *)list;

	if (l->next >= l->end)
		return 0;
	l->instance = 0;
	*ret_item = group_object(list->ctl, l->next++);
	return *ret_item ? 1 : -ENOMEM;
}

static int next_instance(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_instance(struct ctl_list *list, json_t **ret_item)
{
	struct vrrp_list *l = (struct vrrp_list *)list;
	const unsigned group = l->next - 1;

	if (l->instance >= list->ctl->conf->vrrp.groups[group].n_instances)
		return 0;
	*ret_item = instance_object(list->ctl, group, l->instance++);
	return *ret_item ? 1 : -ENOMEM;
}

int ctl_show_vrrp_open(const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl *ctl = call->shared->ctl;
	const char *name = json_string_value(json_object_get(call->args, "group"));
	unsigned first = 0, end = ctl_target_n_groups(ctl);
	struct vrrp_list *l;
	int r;

	if (name) {
		r = ctl_target_find_group(ctl, name, err, &first);
		if (r < 0)
			return r;
		end = first + 1;
	}
	l = (struct vrrp_list *)ctl_job_list_new(sizeof(*l), ctl, "groups", next_group);
	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	l->list.next_inner = next_instance;
	l->list.inner_key = "instances";
	l->next = first;
	l->end = end;
	*ret_job = &l->list.job;
	return 0;
}
