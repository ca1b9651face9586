/* Names of services and servers as people give them, looked up in the model.
 *
 * Relies on build.c: the halves of one service stand side by side in ctl->services. Names that
 * do not exist are told apart from names that match nothing: the first come back with the
 * nearest ones there are. */
#include "control/target.h"

#include "base/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_SUGGESTIONS = 3,
	MAX_OFFERS = 4096, // names compared for a suggestion: a bound on the loop's turn
};

/* Names that a word could have been, the nearest ones of equal distance. */
struct suggestion {
	const char *word;
	const char *names[MAX_SUGGESTIONS];
	unsigned n_names;
	unsigned distance;
	unsigned n_offers;
};

static void suggestion_offer(struct suggestion *s, const char *name)
{
	struct nearest nearest;

	if (s->n_offers++ >= MAX_OFFERS)
		return;
	nearest_init(&nearest, s->word);
	nearest_offer(&nearest, name);
	if (!nearest_find(&nearest) || (s->n_names > 0 && nearest.distance > s->distance))
		return;
	if (s->n_names == 0 || nearest.distance < s->distance)
		s->n_names = 0;
	s->distance = nearest.distance;
	for (unsigned i = 0; i < s->n_names; i++)
		if (strcmp(s->names[i], name) == 0)
			return;
	if (s->n_names < MAX_SUGGESTIONS)
		s->names[s->n_names++] = name;
}

/* " (did you mean A, B or C?)", or "". */
static const char *suggestion_format(const struct suggestion *s, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < s->n_names; i++) {
		const char *before = i == 0               ? " (did you mean "
				     : i + 1 < s->n_names ? ", "
							  : " or ";

		len += (size_t)snprintf(buf + len, size - len, "%s%s", before, s->names[i]);
	}
	if (len > 0)
		(void)snprintf(buf + len, size - len, "?)");
	return buf;
}

enum { SUGGESTION_LEN = 32 + MAX_SUGGESTIONS * (CONF_MAX_NAME + 4) };

static bool is_any(const char *name)
{
	return strcmp(name, "*") == 0;
}

const struct conf_service *ctl_target_find_service(
	const struct ctl *ctl, const char *name, struct ctl_error *err)
{
	struct suggestion near = {.word = name};
	char text[SUGGESTION_LEN];

	for (unsigned i = 0; i < ctl->conf->n_services; i++)
		if (strcmp(ctl->conf->services[i].name, name) == 0)
			return &ctl->conf->services[i];

	for (unsigned i = 0; i < ctl->conf->n_services; i++)
		suggestion_offer(&near, ctl->conf->services[i].name);
	(void)ctl_job_refuse(err, API_ERROR_NOT_FOUND, "no service \"%.*s\"%s", CONF_MAX_NAME, name,
		suggestion_format(&near, text, sizeof(text)));
	return NULL;
}

unsigned ctl_target_n_groups(const struct ctl *ctl)
{
	return ctl->vrrp ? ctl->conf->vrrp.n_groups : 0;
}

int ctl_target_find_group(
	const struct ctl *ctl, const char *name, struct ctl_error *err, unsigned *ret)
{
	const struct conf_vrrp_group *groups = ctl->conf->vrrp.groups;
	struct suggestion near = {.word = name};
	char text[SUGGESTION_LEN];

	for (unsigned i = 0; i < ctl_target_n_groups(ctl); i++) {
		if (strcmp(groups[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
		suggestion_offer(&near, groups[i].name);
	}
	return ctl_job_refuse(err, API_ERROR_NOT_FOUND, "no group \"%.*s\"%s", CONF_MAX_NAME, name,
		suggestion_format(&near, text, sizeof(text)));
}

static bool has_server_named(const struct conf_service *service, const char *name)
{
	for (unsigned i = 0; i < service->n_servers; i++)
		if (strcmp(service->servers[i]->name, name) == 0)
			return true;
	return false;
}

static int refuse_server(const struct ctl *ctl, const struct conf_service *service,
	const char *name, struct ctl_error *err)
{
	struct suggestion near = {.word = name};
	char text[SUGGESTION_LEN];

	for (unsigned i = 0; service && i < service->n_servers; i++)
		suggestion_offer(&near, service->servers[i]->name);
	for (unsigned p = 0; !service && p < ctl->conf->n_pools; p++)
		for (unsigned i = 0; i < ctl->conf->pools[p].n_servers; i++)
			suggestion_offer(&near, ctl->conf->pools[p].servers[i].name);

	suggestion_format(&near, text, sizeof(text));
	if (!service)
		return ctl_job_refuse(
			err, API_ERROR_NOT_FOUND, "no server \"%s\" in any service%s", name, text);
	return ctl_job_refuse(err, API_ERROR_NOT_FOUND, "no server \"%s\" in service \"%s\"%s",
		name, service->name, text);
}

static int check_names(
	const struct ctl *ctl, const struct ctl_target *t, struct ctl_error *err) ON_CONTROL;
static int check_names(const struct ctl *ctl, const struct ctl_target *t, struct ctl_error *err)
{
	const struct conf_service *service = NULL;

	if (!is_any(t->service)) {
		service = ctl_target_find_service(ctl, t->service, err);
		if (!service)
			return -EINVAL;
	}
	if (is_any(t->server) || (service && has_server_named(service, t->server)))
		return 0;
	for (unsigned i = 0; !service && i < ctl->conf->n_services; i++)
		if (has_server_named(&ctl->conf->services[i], t->server))
			return 0;
	return refuse_server(ctl, service, t->server, err);
}

int ctl_target_parse(const struct ctl *ctl, const char *text, const char *default_server,
	struct ctl_error *err, struct ctl_target *ret)
{
	const char *slash = strchr(text, '/');
	size_t service_len = slash ? (size_t)(slash - text) : strlen(text);
	const char *server = slash ? slash + 1 : default_server;
	struct ctl_target t;
	int r;

	if (!server || service_len == 0 || server[0] == '\0' || strchr(server, '/'))
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
			"\"%.130s\" is not SERVICE/SERVER (\"*\" may stand for either)", text);
	if (service_len > CONF_MAX_NAME || strlen(server) > CONF_MAX_NAME)
		return ctl_job_refuse(err, API_ERROR_NOT_FOUND,
			"no server \"%.130s\": a name has at most %d characters", text,
			CONF_MAX_NAME);

	(void)snprintf(t.service, sizeof(t.service), "%.*s", (int)service_len, text);
	(void)snprintf(t.server, sizeof(t.server), "%s", server);
	r = check_names(ctl, &t, err);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}

bool ctl_target_has_service(const struct ctl_target *target, const struct conf_service *service)
{
	return is_any(target->service) || strcmp(target->service, service->name) == 0;
}

bool ctl_target_has_server(const struct ctl_target *target, const struct conf_server *server)
{
	return is_any(target->server) || strcmp(target->server, server->name) == 0;
}

static bool is_same_service(const struct ctl *ctl, unsigned half, const struct conf_service *conf)
{
	return half < ctl->n_services && ctl->services[half].conf == conf;
}

/* The server's id in a half, or DP_NO_ID. Halves keep the service's order and leave out servers
 * without an address of the family, so that `hint`, the position in the service, is mostly it. */
static int find_in_half(const struct ctl *ctl, const struct ctl_service *svc,
	const struct conf_server *server, unsigned hint)
{
	for (unsigned i = 0; i < svc->n_servers; i++) {
		unsigned id = svc->first_server + (hint + svc->n_servers - i) % svc->n_servers;

		if (ctl->servers[id].conf == server)
			return (int)id;
	}
	return DP_NO_ID;
}

/* The server's ids in all halves of its service. */
static void gather(const struct ctl *ctl, const struct ctl_cursor *cursor, struct ctl_group *group)
{
	group->n_ids = 0;
	for (unsigned h = cursor->half; is_same_service(ctl, h, group->service); h++) {
		int id = find_in_half(ctl, &ctl->services[h], group->server, cursor->server);

		if (id != DP_NO_ID && group->n_ids < CTL_MAX_HALVES)
			group->ids[group->n_ids++] = (unsigned)id;
	}
}

bool ctl_target_next(const struct ctl *ctl, const struct ctl_target *target,
	struct ctl_cursor *cursor, struct ctl_group *ret)
{
	while (cursor->half < ctl->n_services) {
		const struct conf_service *conf = ctl->services[cursor->half].conf;

		while (ctl_target_has_service(target, conf) && cursor->server < conf->n_servers) {
			struct ctl_group group = {conf, conf->servers[cursor->server], {0}, 0};

			if (ctl_target_has_server(target, group.server))
				gather(ctl, cursor, &group);
			cursor->server++;
			if (group.n_ids > 0) {
				*ret = group;
				return true;
			}
		}
		cursor->server = 0;
		while (is_same_service(ctl, cursor->half, conf))
			cursor->half++;
	}
	return false;
}
