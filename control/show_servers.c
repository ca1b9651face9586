/* `show servers`: every server of every half of a service, one object each. */
#include "control/show.h"

#include "control/target.h"

#include <errno.h>

static const char *const state_names[CTL_N_SERVER_STATES] = {
	[CTL_SERVER_UP] = "up",
	[CTL_SERVER_DOWN] = "down",
	[CTL_SERVER_DRAIN] = "drain",
	[CTL_SERVER_MAINT] = "maint",
	[CTL_SERVER_UNKNOWN] = "unknown",
};

const char *ctl_show_server_state_name(enum ctl_server_state state)
{
	return state_names[state];
}

enum ctl_server_state ctl_show_server_state(const struct ctl_server *s)
{
	const enum ctl_admin admin = ctl_server_effective_admin(s);

	if (admin == CTL_MAINT)
		return CTL_SERVER_MAINT;
	if (s->health == HC_DOWN)
		return CTL_SERVER_DOWN;
	if (admin == CTL_DRAIN)
		return CTL_SERVER_DRAIN;
	return s->health == HC_UP ? CTL_SERVER_UP : CTL_SERVER_UNKNOWN;
}

const char *ctl_show_admin_name(enum ctl_admin admin)
{
	static const char *const names[] = {
		[CTL_READY] = "ready", [CTL_DRAIN] = "drain", [CTL_MAINT] = "maint"};

	return names[admin];
}

const char *ctl_show_protocol_name(enum conf_protocol protocol)
{
	return protocol == CONF_PROTO_UDP ? "udp" : "tcp";
}

int ctl_show_family(enum conf_family family)
{
	return family == CONF_V6 ? 6 : 4;
}

void ctl_show_read_server(const struct ctl *ctl, unsigned id, struct dp_server_stats *ret)
{
	*ret = (struct dp_server_stats){0};
	if (ctl->dp)
		dp_read_server(ctl->dp, id, ret);
}

void ctl_show_add_stats(struct dp_server_stats *sum, const struct dp_server_stats *s)
{
	sum->connections += s->connections;
	sum->packets_in += s->packets_in;
	sum->bytes_in += s->bytes_in;
	sum->packets_out += s->packets_out;
	sum->bytes_out += s->bytes_out;
	sum->established += s->established;
	sum->closing += s->closing;
}

int ctl_show_put_stats(json_t *item, const struct dp_server_stats *s)
{
	json_t *now = json_pack("{s:o, s:o}", "established", ctl_job_count(s->established),
		"closing", ctl_job_count(s->closing));
	int r = json_object_set_new(item, "connections", now);

	r |= json_object_set_new(item, "connections_total", ctl_job_count(s->connections));
	r |= json_object_set_new(item, "packets_in_total", ctl_job_count(s->packets_in));
	r |= json_object_set_new(item, "bytes_in_total", ctl_job_count(s->bytes_in));
	r |= json_object_set_new(item, "packets_out_total", ctl_job_count(s->packets_out));
	r |= json_object_set_new(item, "bytes_out_total", ctl_job_count(s->bytes_out));
	return r == 0 ? 0 : -ENOMEM;
}

static const char *check_type_name(enum conf_check_type type)
{
	static const char *const names[CONF_N_CHECK_TYPES] = {
		[CONF_CHECK_NONE] = "none",
		[CONF_CHECK_TCP] = "tcp",
		[CONF_CHECK_HTTP] = "http",
		[CONF_CHECK_SMTP] = "smtp",
		[CONF_CHECK_IMAP] = "imap",
		[CONF_CHECK_POP3] = "pop3",
		[CONF_CHECK_LDAP] = "ldap",
		[CONF_CHECK_MYSQL] = "mysql",
		[CONF_CHECK_DNS] = "dns",
		[CONF_CHECK_UDP] = "udp",
		[CONF_CHECK_TEXT] = "text",
		[CONF_CHECK_PING] = "ping",
		[CONF_CHECK_SCRIPT] = "script",
	};

	return names[type];
}

static const char *tls_name(enum conf_tls tls)
{
	static const char *const names[] = {[CONF_TLS_NO] = "no",
		[CONF_TLS_IMPLICIT] = "implicit",
		[CONF_TLS_STARTTLS] = "starttls"};

	return names[tls];
}

json_t *ctl_show_check(const struct conf_check *check, const struct ctl_server *s)
{
	bool has_result = s->last.at_ms > 0;
	bool has_tls = check->own.tls != CONF_TLS_NO;

	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		ctl_job_text(check->name), "type", check_type_name(check->type), "tls",
		tls_name(check->own.tls), "verify",
		has_tls ? json_boolean(check->own.verify) : json_null(), "ok",
		has_result ? json_boolean(s->last.is_ok) : json_null(), "duration_seconds",
		has_result ? json_real(s->last.duration_us / 1e6) : json_null(), "last",
		ctl_job_time(s->last.at_ms), "since", ctl_job_time(s->since_ms), "detail",
		ctl_job_text(has_result ? s->last.detail : ""), "weight",
		s->check_weight == HC_NO_WEIGHT ? json_null() : json_integer(s->check_weight));
}

/* How long it takes to answer a SYN. */
static json_t *show_handshake(const struct ctl *ctl, unsigned id) ON_CONTROL;
static json_t *show_handshake(const struct ctl *ctl, unsigned id)
{
	struct dp_times t = {.n_buckets = 0};

	if (ctl->dp)
		dp_read_handshake(ctl->dp, id, &t);
	return json_pack("{s:o, s:f, s:o}", "count_total", ctl_job_count(t.count), "seconds_sum",
		t.sum_seconds, "mean_seconds",
		t.count > 0 ? json_real(t.sum_seconds / (double)t.count) : json_null());
}

/* Who has taken the server out. */
static json_t *admin_reason(const struct ctl_server *s)
{
	if (s->admin != CTL_READY)
		return json_string(s->is_held ? "command and file" : "command");
	return s->is_held ? json_string("file") : json_null();
}

/* The port as it is on the wire, where that is one port; 0 if it is the packet's own. */
static unsigned shown_port(const struct ctl_server *s, const struct conf_service *service)
{
	bool has_one_port =
		service->n_ports == 1 && service->ports[0].first == service->ports[0].last;

	return s->port == 0 && has_one_port ? service->ports[0].first : s->port;
}

json_t *ctl_show_server(const struct ctl *ctl, unsigned id, const struct dp_server_stats *stats)
{
	const struct ctl_server *s = &ctl->servers[id];
	const struct conf_service *service = ctl->services[s->service].conf;
	char address[ADDR_STR_LEN];
	json_t *item = json_pack("{s:o, s:s, s:i, s:s, s:s, s:o, s:i, s:i, s:i}", "server",
		ctl_job_text(s->conf->name), "address", addr_format(&s->address, address), "port",
		(int)shown_port(s, service), "state", state_names[ctl_show_server_state(s)],
		"admin", ctl_show_admin_name(ctl_server_effective_admin(s)), "admin_reason",
		admin_reason(s), "weight", (int)ctl_server_effective_weight(s), "weight_set",
		(int)s->weight, "weight_configured", (int)s->conf->weight);

	if (!item)
		return NULL;
	if (ctl_show_put_stats(item, stats) < 0 ||
		json_object_set_new(item, "handshake", show_handshake(ctl, id)) < 0 ||
		json_object_set_new(item, "check", ctl_show_check(service->check, s)) < 0) {
		json_decref(item);
		return NULL;
	}
	return item;
}

struct servers_list {
	struct ctl_list list;
	struct ctl_target target;
	bool only_down;
	struct ctl_cursor cursor;
	struct ctl_group group;
	unsigned position; // in the group
};

static bool is_wanted(const struct servers_list *l, unsigned id)
{
	enum ctl_server_state state = ctl_show_server_state(&l->list.ctl->servers[id]);

	return !l->only_down || state == CTL_SERVER_DOWN || state == CTL_SERVER_UNKNOWN;
}

static int put_server(const struct ctl *ctl, unsigned id, json_t **ret_item) ON_CONTROL;
static int put_server(const struct ctl *ctl, unsigned id, json_t **ret_item)
{
	const struct ctl_service *svc = &ctl->services[ctl->servers[id].service];
	struct dp_server_stats stats;
	json_t *item, *rest;
	int r;

	ctl_show_read_server(ctl, id, &stats);
	rest = ctl_show_server(ctl, id, &stats);
	item = json_pack("{s:o, s:i, s:s}", "service", ctl_job_text(svc->conf->name), "family",
		ctl_show_family(svc->family), "protocol", ctl_show_protocol_name(svc->protocol));
	r = item && rest ? json_object_update(item, rest) : -1;
	json_decref(rest);
	if (r < 0) {
		json_decref(item);
		return -ENOMEM;
	}
	*ret_item = item;
	return 1;
}

static int next_server(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_server(struct ctl_list *list, json_t **ret_item)
{
	struct servers_list *l = (struct servers_list *)list;

	for (;;) {
		while (l->position < l->group.n_ids) {
			unsigned id = l->group.ids[l->position++];

			if (is_wanted(l, id))
				return put_server(list->ctl, id, ret_item);
		}
		l->position = 0;
		if (!ctl_target_next(list->ctl, &l->target, &l->cursor, &l->group))
			return 0;
	}
}

int ctl_show_servers_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl *ctl = call->shared->ctl;
	const json_t *target = json_object_get(call->args, "target");
	struct ctl_target t = {"*", "*"};
	struct servers_list *l;
	int r;

	r = target ? ctl_target_parse(ctl, json_string_value(target), "*", err, &t) : 0;
	if (r < 0)
		return r;
	l = (struct servers_list *)ctl_job_list_new(sizeof(*l), ctl, "servers", next_server);
	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	l->target = t;
	l->only_down = json_is_true(json_object_get(call->args, "down"));
	*ret_job = &l->list.job;
	return 0;
}
