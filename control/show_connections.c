/* `show connections`: the workers' tables, filtered by the workers, a piece at a time.
 *
 * The data plane runs one query at a time; further ones wait their turn by asking again. Its
 * findings are copied and the query is freed at once, so that a client that reads slowly keeps
 * nobody else waiting; the number of such copies is limited. A query that runs is seen to its end
 * even when its client has gone. */
#include "control/show.h"

#include "control/target.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LISTS = 4 }; // copies of findings held for the clients of one socket at a time

struct connections_job {
	struct ctl_list list;
	struct ctl_shared *shared;
	unsigned *n_lists; // of this client's socket, in `shared`
	struct dp_conn_filter filter;
	unsigned *services; // ids, the filter's; owned
	unsigned *servers;
	unsigned limit; // 0: only count
	struct dp_query *query;
	bool has_answer;
	bool is_listed; // counted in *n_lists
	struct dp_conn_info *found;
	unsigned n_found;
	unsigned position;
	enum ctl_job_turn (*put)(struct ctl_job *job, struct evbuffer *out); // the list's step
};

/* ---- the filter ------------------------------------------------------------------------------ */

/* "ADDRESS", "IPv4:PORT" or "[IPv6]:PORT". */
static int parse_client(const char *text, struct dp_conn_filter *ret)
{
	char address[ADDR_PORT_STR_LEN];
	const char *port = NULL;
	size_t len = strlen(text);
	struct addr client;
	unsigned long number = 0;
	char *end;

	if (text[0] == '[') {
		const char *close = strchr(++text, ']');

		if (!close || (close[1] != '\0' && close[1] != ':'))
			return -EINVAL;
		len = (size_t)(close - text);
		port = close[1] == ':' ? close + 2 : NULL;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		len = (size_t)(strchr(text, ':') - text);
		port = text + len + 1;
	}
	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (addr_parse(address, &client) < 0)
		return -EINVAL;
	if (port) {
		number = strtoul(port, &end, 10);
		if (port[0] < '0' || port[0] > '9' || *end != '\0' || number == 0 || number > 65535)
			return -EINVAL;
	}
	ret->has_client = true;
	ret->client = client;
	ret->client_port = (uint16_t)number;
	return 0;
}

/* The ids of all servers of `target`, in an array of the caller's. -ENOMEM. */
static int gather_servers(const struct ctl *ctl, const struct ctl_target *target,
	unsigned **ret_ids, unsigned *ret_n) ON_CONTROL;
static int gather_servers(
	const struct ctl *ctl, const struct ctl_target *target, unsigned **ret_ids, unsigned *ret_n)
{
	unsigned *ids = calloc((size_t)ctl->n_servers + 1, sizeof(*ids));
	struct ctl_cursor cursor = {0};
	struct ctl_group group;
	unsigned n = 0;

	if (!ids)
		return -ENOMEM;
	while (ctl_target_next(ctl, target, &cursor, &group))
		for (unsigned i = 0; i < group.n_ids && n < ctl->n_servers; i++)
			ids[n++] = group.ids[i];
	*ret_ids = ids;
	*ret_n = n;
	return 0;
}

static int filter_service(
	struct connections_job *j, const char *name, struct ctl_error *err) ON_CONTROL;
static int filter_service(struct connections_job *j, const char *name, struct ctl_error *err)
{
	const struct ctl *ctl = j->shared->ctl;
	const struct conf_service *service = ctl_target_find_service(ctl, name, err);

	if (!service)
		return -EINVAL;
	j->services = calloc((size_t)ctl->n_services + 1, sizeof(*j->services));
	if (!j->services)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	for (unsigned i = 0; i < ctl->n_services; i++)
		if (ctl->services[i].conf == service)
			j->services[j->filter.n_services++] = i;
	j->filter.services = j->services;
	return 0;
}

/* A server's name alone means that server in every service. */
static int filter_server(
	struct connections_job *j, const char *text, struct ctl_error *err) ON_CONTROL;
static int filter_server(struct connections_job *j, const char *text, struct ctl_error *err)
{
	const struct ctl *ctl = j->shared->ctl;
	char path[2 * CONF_MAX_NAME + 4];
	struct ctl_target target;
	int r;

	if (strlen(text) >= sizeof(path) - 2)
		return ctl_job_refuse(
			err, API_ERROR_NOT_FOUND, "no server \"%.130s\": name too long", text);
	(void)strcpy(path, strchr(text, '/') ? "" : "*/");
	(void)strcat(path, text);
	r = ctl_target_parse(ctl, path, NULL, err, &target);
	if (r < 0)
		return r;
	if (gather_servers(ctl, &target, &j->servers, &j->filter.n_servers) < 0)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	j->filter.servers = j->servers;
	return 0;
}

static int read_args(
	struct connections_job *j, const json_t *args, struct ctl_error *err) ON_CONTROL;
static int read_args(struct connections_job *j, const json_t *args, struct ctl_error *err)
{
	const char *client = json_string_value(json_object_get(args, "client"));
	const char *service = json_string_value(json_object_get(args, "service"));
	const char *server = json_string_value(json_object_get(args, "server"));
	const json_t *limit = json_object_get(args, "limit");
	json_int_t n = limit ? json_integer_value(limit) : API_DEFAULT_LIMIT;
	int r = 0;

	j->filter.service = j->filter.server = DP_NO_ID;
	if (n < 1 || n > API_MAX_LIMIT)
		return ctl_job_refuse(
			err, API_ERROR_INVALID_VALUE, "limit is 1 to %d", API_MAX_LIMIT);
	if (client && parse_client(client, &j->filter) < 0)
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
			"\"%.100s\" is not ADDRESS, IPv4:PORT or [IPv6]:PORT", client);
	if (service)
		r = filter_service(j, service, err);
	if (r == 0 && server)
		r = filter_server(j, server, err);
	j->limit = json_is_true(json_object_get(args, "count")) ? 0 : (unsigned)n;
	return r;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Nothing can match a filter whose list of ids is empty; the data plane reads that as "any". */
static bool is_hopeless(const struct connections_job *j)
{
	return (j->services && j->filter.n_services == 0) ||
	       (j->servers && j->filter.n_servers == 0);
}

static json_t *connection_object(const struct ctl *ctl, const struct dp_conn_info *c)
{
	char client[ADDR_STR_LEN], vip[ADDR_STR_LEN], address[ADDR_STR_LEN] = "";
	const char *service = "", *server = "";

	if (c->service < ctl->n_services)
		service = ctl->services[c->service].conf->name;
	if (c->server < ctl->n_servers) {
		server = ctl->servers[c->server].conf->name;
		addr_format(&ctl->servers[c->server].address, address);
	}
	return json_pack("{s:s, s:i, s:s, s:i, s:s, s:i, s:o, s:o, s:s, s:i, s:s, s:i, s:f, s:f}",
		"client", addr_format(&c->client, client), "client_port", (int)c->client_port,
		"vip", addr_format(&c->vip, vip), "vip_port", (int)c->vip_port, "protocol",
		ctl_show_protocol_name(c->protocol), "family", addr_family(&c->vip), "service",
		ctl_job_text(service), "server", ctl_job_text(server), "server_address", address,
		"server_port", (int)c->server_port, "state", c->state ? c->state : "", "worker",
		(int)c->worker, "age_seconds", c->age_ms / 1e3, "expires_seconds",
		c->expires_ms / 1e3);
}

static int next_connection(struct ctl_list *list, json_t **ret_item)
{
	struct connections_job *j = (struct connections_job *)list;

	if (j->position >= j->n_found)
		return 0;
	*ret_item = connection_object(list->ctl, &j->found[j->position++]);
	return *ret_item ? 1 : -ENOMEM;
}

/* Takes over what the query found, and ends it. */
static int take_findings(struct connections_job *j) ON_CONTROL;
static int take_findings(struct connections_job *j)
{
	const struct dp_conn_info *found = NULL;
	uint64_t count = dp_query_count(j->query);
	unsigned n = j->limit > 0 ? dp_query_results(j->query, &found) : 0;
	int r = json_object_set_new(j->list.head, "count", ctl_job_count(count));

	if (n > j->limit)
		n = j->limit;
	if (n > 0) {
		j->found = malloc(n * sizeof(*found));
		if (!j->found)
			r = -ENOMEM;
		else
			memcpy(j->found, found, n * sizeof(*found));
		j->n_found = n;
	}
	dp_query_free(j->query);
	j->query = NULL;
	j->list.job.must_finish = false;
	return r == 0 ? 0 : -ENOMEM;
}

/* CTL_JOB_DONE: the findings are there. */
static enum ctl_job_turn run_query(struct connections_job *j) ON_CONTROL;
static enum ctl_job_turn run_query(struct connections_job *j)
{
	int r;

	if (!j->query) {
		if (j->limit > 0 && *j->n_lists >= MAX_LISTS)
			return CTL_JOB_WAIT;
		r = dp_query_start(j->shared->ctl->dp, &j->filter, j->limit, &j->query);
		if (r == -EBUSY)
			return CTL_JOB_WAIT;
		if (r < 0)
			return CTL_JOB_FAILED;
		j->list.job.must_finish = true;
		j->is_listed = j->limit > 0;
		*j->n_lists += j->is_listed;
	}
	if (!dp_query_poll(j->query))
		return CTL_JOB_WAIT;
	return take_findings(j) == 0 ? CTL_JOB_DONE : CTL_JOB_FAILED;
}

static enum ctl_job_turn connections_step(struct ctl_job *job, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn connections_step(struct ctl_job *job, struct evbuffer *out)
{
	struct connections_job *j = (struct connections_job *)job;
	enum ctl_job_turn turn;

	if (!j->has_answer) {
		if (j->shared->ctl->dp && !is_hopeless(j))
			turn = run_query(j);
		else
			turn = json_object_set_new(j->list.head, "count", json_integer(0)) == 0
				       ? CTL_JOB_DONE
				       : CTL_JOB_FAILED;
		if (turn != CTL_JOB_DONE)
			return turn;
		j->has_answer = true;
	}
	if (j->limit == 0)
		return ctl_job_put(j->list.head, out) == 0 ? CTL_JOB_DONE : CTL_JOB_FAILED;
	return j->put(job, out);
}

static void connections_destroy(struct ctl_list *list) ON_CONTROL;
static void connections_destroy(struct ctl_list *list)
{
	struct connections_job *j = (struct connections_job *)list;

	if (j->query)
		dp_query_free(j->query);
	if (j->is_listed)
		(*j->n_lists)--;
	free(j->services);
	free(j->servers);
	free(j->found);
}

int ctl_show_connections_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct connections_job *j;
	int r;

	j = (struct connections_job *)ctl_job_list_new(
		sizeof(*j), call->shared->ctl, "connections", next_connection);
	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	j->shared = call->shared;
	j->n_lists = &call->shared->n_connection_lists[call->peer.may_change];
	j->put = j->list.job.step;
	j->list.job.step = connections_step;
	j->list.destroy = connections_destroy;
	r = read_args(j, call->args, err);
	if (r < 0) {
		ctl_job_free(&j->list.job);
		return r;
	}
	*ret_job = &j->list.job;
	return 0;
}
