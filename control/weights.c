/* What a verdict or a command does to the schedules: each sets its field of the model and has
 * the half's schedule built anew. Publishing is left to the end of the loop's turn, so that
 * many changes in one turn are one change to the workers. */
#include "control/control.h"

#include "base/log.h"
#include "control/events.h"
#include "control/show.h"

#include <stdio.h>
#include <string.h>

enum ctl_admin ctl_server_effective_admin(const struct ctl_server *s)
{
	return s->is_held && s->admin == CTL_READY ? CTL_DRAIN : s->admin;
}

uint16_t ctl_server_effective_weight(const struct ctl_server *s)
{
	const bool is_by_command = s->weight != s->conf->weight;

	if (ctl_server_effective_admin(s) != CTL_READY || s->health != HC_UP)
		return 0;
	return is_by_command || s->check_weight == HC_NO_WEIGHT ? s->weight
								: (uint16_t)s->check_weight;
}

bool ctl_service_is_up(const struct ctl *ctl, const struct ctl_service *svc)
{
	for (unsigned i = 0; i < svc->n_servers; i++)
		if (ctl_server_effective_weight(&ctl->servers[svc->first_server + i]) > 0)
			return true;
	return false;
}

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void apply(struct ctl *ctl, unsigned service) ON_CONTROL;
static void tell_verdict(struct ctl *ctl, struct ctl_server *s, enum hc_state before) ON_CONTROL;
static void tell_availability(struct ctl *ctl, struct ctl_service *half) ON_CONTROL;

/* A half that never had a server has none left. */
static void tell_availability(struct ctl *ctl, struct ctl_service *half)
{
	const bool has_server = ctl_service_is_up(ctl, half);
	const bool is_back = has_server && half->had_server;
	const struct ctl_event_def def = {.kind = CTL_EVENT_SERVICE,
		.level = has_server ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
		.object = half->conf->name,
		.before = has_server ? "down" : "up",
		.after = has_server ? "up" : "down",
		.cause = "servers",
		.half = half,
		.limit = &half->log_limit};

	if (has_server == half->has_server)
		return;
	half->has_server = has_server;
	half->had_server = true;
	if (is_back)
		ctl_event(ctl, &def, "service %s: a server is back family=%d", half->conf->name,
			ctl_show_family(half->family));
	else if (!has_server)
		ctl_event(ctl, &def, "service %s: no server left family=%d", half->conf->name,
			ctl_show_family(half->family));
}

static void apply(struct ctl *ctl, unsigned service)
{
	struct ctl_service *half = &ctl->services[service];
	uint16_t weights[CONF_MAX_SERVERS_IN_POOL];
	int r;

	ctl_quorum_update(ctl, service);
	tell_availability(ctl, half);
	if (!ctl->dp)
		return;
	for (unsigned i = 0; i < half->n_servers; i++)
		weights[i] = ctl_server_effective_weight(&ctl->servers[half->first_server + i]);
	r = dp_set_weights(ctl->dp, service, weights, half->n_servers);
	if (r < 0)
		log_error("service %s: weights not applied: %s", half->conf->name, strerror(-r));
	// only beside a weight of 0: a schedule must not choose what is down
	for (unsigned i = 0; r == 0 && i < half->n_servers; i++)
		dp_set_down(ctl->dp, half->first_server + i,
			ctl->servers[half->first_server + i].health == HC_DOWN);
	ctl->is_dirty = true;
}

static void tell_verdict(struct ctl *ctl, struct ctl_server *s, enum hc_state before)
{
	static const char *const words[] = {"unknown", "up", "down"};
	const struct ctl_service *half = &ctl->services[s->service];
	char name[CTL_EVENT_OBJECT_LEN];

	(void)snprintf(name, sizeof(name), "%s/%s", half->conf->name, s->conf->name);
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_SERVER,
			.level = LOG_LEVEL_NOTICE,
			.object = name,
			.before = words[before],
			.after = words[s->health],
			.cause = "check",
			.half = half,
			.limit = &s->log_limit},
		"server %s: %s: %s family=%d protocol=%s", name, words[s->health], s->last.detail,
		ctl_show_family(half->family), ctl_show_protocol_name(half->protocol));
}

void ctl_server_set_health(struct ctl *ctl, unsigned server, const struct hc_report *report)
{
	struct ctl_server *s = &ctl->servers[server];
	const uint16_t weight = ctl_server_effective_weight(s);
	const enum hc_state before = s->health;

	s->last = *report;
	if (report->is_ok)
		s->check_weight = report->weight;
	s->health = report->state;
	s->n_transitions += s->health != before && before != HC_UNKNOWN;
	if (s->health != before) {
		s->since_ms = report->at_ms;
		tell_verdict(ctl, s, before);
	} else if (ctl_server_effective_weight(s) == weight) {
		return;
	}
	apply(ctl, s->service);
}

void ctl_server_set_weight(struct ctl *ctl, unsigned server, uint16_t weight)
{
	ctl->servers[server].weight = weight;
	apply(ctl, ctl->servers[server].service);
}

void ctl_server_set_admin(struct ctl *ctl, unsigned server, enum ctl_admin admin)
{
	ctl->servers[server].admin = admin;
	apply(ctl, ctl->servers[server].service);
}

void ctl_server_set_held(struct ctl *ctl, unsigned server, bool is_held)
{
	ctl->servers[server].is_held = is_held;
	apply(ctl, ctl->servers[server].service);
}
