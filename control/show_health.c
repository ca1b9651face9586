/* `show health`: every check that is made, a line a server of a half, and how it stands. What an
 * administrator has said about a server plays no part here. */
#include "control/show.h"

#include <errno.h>

struct health_list {
	struct ctl_list list;
	bool only_failing;
	unsigned next; // id of the server to look at
};

/* What the probes say, whatever the server's weight and state. */
static const char *verdict_name(enum hc_state state)
{
	static const char *const names[] = {
		[HC_UNKNOWN] = "unknown", [HC_UP] = "up", [HC_DOWN] = "down"};

	return names[state];
}

static json_t *health_object(const struct ctl *ctl, unsigned id)
{
	const struct ctl_server *s = &ctl->servers[id];
	const struct ctl_service *half = &ctl->services[s->service];
	const struct conf_check *check = half->conf->check;
	char address[ADDR_STR_LEN];

	return json_pack("{s:o, s:i, s:s, s:o, s:s, s:i, s:s, s:o}", "service",
		ctl_job_text(half->conf->name), "family", ctl_show_family(half->family), "protocol",
		ctl_show_protocol_name(half->protocol), "server", ctl_job_text(s->conf->name),
		"address", addr_format(ctl_check_address(half, s), address), "port",
		(int)ctl_check_port(half, s), "verdict", verdict_name(s->health), "check",
		ctl_show_check(check, s));
}

/* Its last probe has failed, or could not be made, whether or not that is a verdict yet; or there
 * is a verdict of down. Before the first probe there is nothing to complain of. */
static bool does_not_pass(const struct ctl_server *s)
{
	return s->health == HC_DOWN || (s->last.at_ms > 0 && !s->last.is_ok);
}

static int next_check(struct ctl_list *list, json_t **ret_item)
{
	struct health_list *l = (struct health_list *)list;

	while (l->next < list->ctl->n_servers) {
		const unsigned id = l->next++;

		if (l->only_failing && !does_not_pass(&list->ctl->servers[id]))
			continue;
		*ret_item = health_object(list->ctl, id);
		return *ret_item ? 1 : -ENOMEM;
	}
	return 0;
}

int ctl_show_health_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct health_list *l = (struct health_list *)ctl_job_list_new(
		sizeof(*l), call->shared->ctl, "health", next_check);

	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	l->only_failing = json_is_true(json_object_get(call->args, "fail"));
	*ret_job = &l->list.job;
	return 0;
}
