/* `show services`: each half of a service with its way in, its sums and its servers.
 *
 * A service may have a thousand servers, which is too many for one piece of work: their sums
 * are made at once, since they stand before them, and the servers follow one by one. */
#include "control/show.h"

#include "control/target.h"

#include <errno.h>

struct services_list {
	struct ctl_list list;
	const struct conf_service *only; // NULL: all
	int family;                      // 0: both
	unsigned half;                   // the next to look at
	unsigned next_server;            // id, within the service that is open
	unsigned end_server;
};

static const char *forward_name(enum conf_forward forward)
{
	static const char *const names[] = {[CONF_FORWARD_NAT] = "nat"};

	return names[forward];
}

static const char *scheduler_name(enum conf_scheduler scheduler)
{
	static const char *const names[] = {[CONF_SCHED_WRR] = "wrr"};

	return names[scheduler];
}

static json_t *vips_array(const struct ctl_service *svc)
{
	const struct conf_vip *vip = svc->conf->vip;
	json_t *array = json_array();

	for (unsigned i = 0; array && i < vip->n_addresses; i++) {
		char text[ADDR_STR_LEN];

		if (addr_family(&vip->addresses[i]) == ctl_show_family(svc->family))
			(void)json_array_append_new(
				array, json_string(addr_format(&vip->addresses[i], text)));
	}
	return array;
}

static json_t *ports_array(const struct conf_service *service)
{
	json_t *array = json_array();

	for (unsigned i = 0; array && i < service->n_ports; i++)
		(void)json_array_append_new(
			array, json_pack("{s:i, s:i}", "first", (int)service->ports[i].first,
				       "last", (int)service->ports[i].last));
	return array;
}

static struct dp_server_stats sum_servers(
	const struct ctl *ctl, const struct ctl_service *svc, int *ret_n_up) ON_CONTROL;
static struct dp_server_stats sum_servers(
	const struct ctl *ctl, const struct ctl_service *svc, int *ret_n_up)
{
	struct dp_server_stats sum = {0};
	int n_up = 0;

	for (unsigned i = 0; i < svc->n_servers; i++) {
		unsigned id = svc->first_server + i;
		struct dp_server_stats stats;

		ctl_show_read_server(ctl, id, &stats);
		ctl_show_add_stats(&sum, &stats);
		n_up += ctl_show_server_state(&ctl->servers[id]) == CTL_SERVER_UP;
	}
	*ret_n_up = n_up;
	return sum;
}

static json_t *quorum_object(const struct ctl_service *svc)
{
	const struct conf_pool *pool = svc->conf->pool;

	return json_pack("{s:s, s:o, s:i, s:i}", "state", ctl_quorum_state_name(svc->quorum.state),
		"weight", ctl_job_count(svc->quorum.weight), "needed", (int)pool->quorum,
		"hysteresis", (int)pool->hysteresis);
}

/* All but its servers. */
static int put_service(
	const struct ctl *ctl, const struct ctl_service *svc, json_t **ret_item) ON_CONTROL;
static int put_service(const struct ctl *ctl, const struct ctl_service *svc, json_t **ret_item)
{
	const struct conf_pool *pool = svc->conf->pool;
	int n_up;
	struct dp_server_stats sum = sum_servers(ctl, svc, &n_up);
	json_t *item = json_pack("{s:o, s:i, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:i, s:o}",
		"service", ctl_job_text(svc->conf->name), "family", ctl_show_family(svc->family),
		"protocol", ctl_show_protocol_name(svc->protocol), "vips", vips_array(svc), "ports",
		ports_array(svc->conf), "pool", ctl_job_text(pool->name), "scheduler",
		scheduler_name(pool->scheduler), "forward", forward_name(pool->forward), "state",
		ctl_service_is_up(ctl, svc) ? "up" : "down", "servers_up", n_up, "quorum",
		quorum_object(svc));

	if (!item || ctl_show_put_stats(item, &sum) < 0) {
		json_decref(item);
		return -ENOMEM;
	}
	*ret_item = item;
	return 1;
}

static int next_server(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_server(struct ctl_list *list, json_t **ret_item)
{
	struct services_list *l = (struct services_list *)list;
	struct dp_server_stats stats;

	if (l->next_server >= l->end_server)
		return 0;
	ctl_show_read_server(list->ctl, l->next_server, &stats);
	*ret_item = ctl_show_server(list->ctl, l->next_server++, &stats);
	return *ret_item ? 1 : -ENOMEM;
}

static int next_service(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_service(struct ctl_list *list, json_t **ret_item)
{
	struct services_list *l = (struct services_list *)list;

	while (l->half < list->ctl->n_services) {
		const struct ctl_service *svc = &list->ctl->services[l->half++];
		bool is_wanted = (!l->only || svc->conf == l->only) &&
				 (l->family == 0 || l->family == ctl_show_family(svc->family));

		if (is_wanted) {
			l->next_server = svc->first_server;
			l->end_server = svc->first_server + svc->n_servers;
			return put_service(list->ctl, svc, ret_item);
		}
	}
	return 0;
}

int ctl_show_services_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl *ctl = call->shared->ctl;
	const char *name = json_string_value(json_object_get(call->args, "service"));
	json_int_t family = json_integer_value(json_object_get(call->args, "family"));
	const struct conf_service *only = NULL;
	struct services_list *l;

	if (json_object_get(call->args, "family") && family != 4 && family != 6)
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE, "family is 4 or 6");
	if (name) {
		only = ctl_target_find_service(ctl, name, err);
		if (!only)
			return -EINVAL;
	}
	l = (struct services_list *)ctl_job_list_new(sizeof(*l), ctl, "services", next_service);
	if (!l)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	l->list.inner_key = "servers";
	l->list.next_inner = next_server;
	l->only = only;
	l->family = (int)family;
	*ret_job = &l->list.job;
	return 0;
}
