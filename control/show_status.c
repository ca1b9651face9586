/* `show status`: one screen's worth of sums over everything.
 *
 * Adding up all servers can take longer than a turn of the loop may, so it goes on from turn
 * to turn, and the answer is written at the end. The sums are therefore not of one instant. */
#include "control/show.h"

#include "control/target.h"
#include "vrrp/vrrp.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <time.h>

enum {
	SERVERS_A_STEP = 128,
	MAX_DOWN_LISTED = 10,
};

struct status_job {
	struct ctl_job job;
	struct ctl *ctl;
	unsigned half; // the next to add
	unsigned halves_up;
	unsigned n_by_state[CTL_N_SERVER_STATES];
	unsigned n_changed; // servers that differ from the file
	struct dp_server_stats sum;
	unsigned n_down_listed;
	unsigned down[MAX_DOWN_LISTED]; // ids
};

static void add_server(struct status_job *j, unsigned id) ON_CONTROL;
static void add_server(struct status_job *j, unsigned id)
{
	const struct ctl_server *s = &j->ctl->servers[id];
	enum ctl_server_state state = ctl_show_server_state(s);
	struct dp_server_stats stats;

	ctl_show_read_server(j->ctl, id, &stats);
	ctl_show_add_stats(&j->sum, &stats);
	j->n_by_state[state]++;
	j->n_changed += s->admin != CTL_READY || s->weight != s->conf->weight;
	if (state == CTL_SERVER_DOWN && j->n_down_listed < MAX_DOWN_LISTED)
		j->down[j->n_down_listed++] = id;
}

static json_t *down_array(const struct status_job *j)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < j->n_down_listed; i++) {
		const struct ctl_server *s = &j->ctl->servers[j->down[i]];
		const struct ctl_service *svc = &j->ctl->services[s->service];

		(void)json_array_append_new(array,
			json_pack("{s:o, s:i, s:s, s:o, s:o, s:o}", "service",
				ctl_job_text(svc->conf->name), "family",
				ctl_show_family(svc->family), "protocol",
				ctl_show_protocol_name(svc->protocol), "server",
				ctl_job_text(s->conf->name), "since", ctl_job_time(s->since_ms),
				"detail", ctl_job_text(s->last.detail)));
	}
	return array;
}

static json_t *servers_object(const struct status_job *j)
{
	json_t *o = json_pack("{s:i}", "count", (int)j->ctl->n_servers);

	for (unsigned i = 0; i < CTL_N_SERVER_STATES; i++)
		(void)json_object_set_new(
			o, ctl_show_server_state_name(i), json_integer(j->n_by_state[i]));
	return o;
}

static json_t *services_object(const struct status_job *j)
{
	const struct ctl *ctl = j->ctl;
	bool has_family[CONF_N_FAMILIES] = {false, false};
	json_t *families = json_array();

	for (unsigned i = 0; i < ctl->n_services; i++)
		has_family[ctl->services[i].family] = true;
	for (unsigned f = CONF_V4; f < CONF_N_FAMILIES; f++)
		if (has_family[f])
			(void)json_array_append_new(families, json_integer(ctl_show_family(f)));
	return json_pack("{s:i, s:i, s:i, s:o}", "count", (int)ctl->n_services, "up",
		(int)j->halves_up, "configured", (int)ctl->conf->n_services, "families", families);
}

/* Established and closing are of all servers; `count` is of the workers' tables. */
static json_t *connections_object(const struct status_job *j, uint64_t count)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "count", ctl_job_count(count), "max",
		ctl_job_count(j->ctl->info.connections_max), "established",
		ctl_job_count(j->sum.established), "closing", ctl_job_count(j->sum.closing));
}

static json_t *workers_array(const struct ctl *ctl, uint64_t *ret_connections) ON_CONTROL;
static json_t *workers_array(const struct ctl *ctl, uint64_t *ret_connections)
{
	json_t *array = json_array();
	unsigned n = ctl->dp ? dp_n_workers(ctl->dp) : 0;
	uint64_t connections = 0;

	for (unsigned i = 0; i < n; i++) {
		struct dp_worker_stats w;

		dp_read_worker(ctl->dp, i, &w);
		connections += w.connections;
		(void)json_array_append_new(array,
			json_pack("{s:i, s:i, s:o, s:o}", "worker", (int)i, "cpu", (int)w.cpu,
				"busy_cycles_total", ctl_job_count(w.busy_cycles),
				"idle_cycles_total", ctl_job_count(w.idle_cycles)));
	}
	*ret_connections = connections;
	return array;
}

/* What a person should look at, in words. */
static json_t *warnings_array(const struct ctl *ctl, uint64_t *ret_missed) ON_CONTROL;
static json_t *warnings_array(const struct ctl *ctl, uint64_t *ret_missed)
{
	json_t *array = json_array();
	unsigned n = ctl->dp ? dp_n_ports(ctl->dp) : 0;
	struct dp_route_status routes = {0};
	uint64_t missed = 0;

	if (ctl->dp)
		dp_routes_status(ctl->dp, &routes);
	for (unsigned i = 0; i < n; i++) {
		struct dp_port_stats p;

		dp_read_port(ctl->dp, i, &p);
		missed += p.rx_missed;
		if (!p.is_up)
			(void)json_array_append_new(
				array, json_sprintf("port %s (%s) is down", p.name, p.device));
	}
	if (!ctl->has_real_time)
		(void)json_array_append_new(array,
			json_string("the control thread has no real-time priority: on a busy "
				    "machine the VIPs may fall silent"));
	if (routes.n_left_out > 0)
		(void)json_array_append_new(array,
			json_sprintf("%u routes are left out, there are too many: their packets "
				     "follow the routes around them",
				routes.n_left_out));
	if (!ctl->dp)
		(void)json_array_append_new(
			array, json_string("no data plane: cpu.workers is empty"));
	*ret_missed = missed;
	return array;
}

/* Which pages are in use: null without workers, that have no memory of their own then. */
static json_t *memory_object(const struct ctl *ctl)
{
	static const char *const settings[] = {
		[CONF_HUGEPAGES_AUTO] = "auto",
		[CONF_HUGEPAGES_REQUIRED] = "required",
		[CONF_HUGEPAGES_OFF] = "off",
	};

	if (ctl->conf->cpu.n_workers == 0)
		return json_null();
	return json_pack("{s:s, s:s, s:s}", "hugepages", settings[ctl->conf->memory.hugepages],
		"packets", ctl->info.has_hugepages ? "huge" : "small", "tables",
		ctl->info.has_table_hugepages ? "huge" : "transparent");
}

/* "standby": VRRP gives them to another node, or this one may not have them. */
static const char *vips_state(const struct ctl *ctl)
{
	for (unsigned owner = 0; owner < DP_MAX_OWNERS; owner++)
		if (ctl->is_held[owner])
			return "serving";
	return ctl->vrrp ? "standby" : "starting";
}

/* Whether the VIPs answer yet, and how often they fell silent against our will. */
static json_t *vips_object(const struct ctl *ctl)
{
	return json_pack(
		"{s:s, s:o}", "state", vips_state(ctl), "lapses_total", ctl_job_count(ctl->lapses));
}

/* Of the kernel's routes, those that workers forward by, and those there was no room for. */
static json_t *routes_object(const struct ctl *ctl) ON_CONTROL;
static json_t *routes_object(const struct ctl *ctl)
{
	struct dp_route_status routes = {0};

	if (ctl->dp)
		dp_routes_status(ctl->dp, &routes);
	return json_pack(
		"{s:i, s:i}", "count", (int)routes.n_routes, "left_out", (int)routes.n_left_out);
}

/* How long the control loop's turns took: a histogram, each bucket with its own. */
static json_t *loop_object(const struct ctl_turns *t)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; i <= CTL_TURNS_N_BOUNDS; i++)
		(void)json_array_append_new(
			buckets, json_pack("{s:o, s:o}", "le",
					 i < CTL_TURNS_N_BOUNDS
						 ? json_real((double)ctl_turns_bound_us(i) / 1e6)
						 : json_null(),
					 "count", ctl_job_count(t->n_by_bucket[i])));
	return json_pack("{s:o, s:f, s:f, s:o}", "turns_total", ctl_job_count(t->n), "seconds_sum",
		(double)t->sum_us / 1e6, "longest_seconds", (double)t->longest_us / 1e6, "buckets",
		buckets);
}

/* What this node is, for each group. */
static json_t *vrrp_array(const struct ctl *ctl) ON_CONTROL;
static json_t *vrrp_array(const struct ctl *ctl)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < ctl_target_n_groups(ctl); i++) {
		struct vrrp_group_status s;

		vrrp_read_group(ctl->vrrp, i, &s);
		(void)json_array_append_new(array,
			json_pack("{s:o, s:s, s:o}", "group",
				ctl_job_text(ctl->conf->vrrp.groups[i].name), "state",
				vrrp_state_name(s.state), "since", ctl_job_time(s.since_ms)));
	}
	return array;
}

/* The parts that are not sums. */
static json_t *node_object(const struct status_job *j)
{
	const struct ctl *ctl = j->ctl;
	json_t *doc = ctl_job_head();
	struct timespec now;
	int64_t uptime_ms;
	json_t *rest;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	uptime_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - ctl->started_ms;
	rest = json_pack("{s:o, s:s, s:o, s:b, s:o, s:b, s:o, s:o, s:f, s:{s:o, s:i}}", "node",
		ctl_job_text(ctl->conf->node), "version", POISE_VERSION, "vips", vips_object(ctl),
		"real_time", ctl->has_real_time, "driver_version",
		ctl_job_text(ctl->info.driver_version ? ctl->info.driver_version : ""), "hugepages",
		ctl->info.has_hugepages, "memory", memory_object(ctl), "start_time",
		ctl_job_time(ctl->started_ms), "uptime_seconds", (double)uptime_ms / 1e3, "config",
		"path", ctl_job_text(ctl->conf->path ? ctl->conf->path : ""), "changes",
		(int)j->n_changed);
	r = doc && rest ? json_object_update(doc, rest) : -1;
	json_decref(rest);
	if (r == 0)
		return doc;
	json_decref(doc);
	return NULL;
}

static enum ctl_job_turn put_status(const struct status_job *j, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn put_status(const struct status_job *j, struct evbuffer *out)
{
	json_t *doc = node_object(j);
	uint64_t connections, missed;
	json_t *workers = workers_array(j->ctl, &connections);
	json_t *warnings = warnings_array(j->ctl, &missed);
	int r = json_object_set_new(doc, "services", services_object(j));

	r |= json_object_set_new(doc, "vrrp", vrrp_array(j->ctl));
	r |= json_object_set_new(doc, "servers", servers_object(j));
	r |= json_object_set_new(doc, "servers_down", down_array(j));
	r |= json_object_set_new(doc, "connections", connections_object(j, connections));
	r |= json_object_set_new(doc, "connections_total", ctl_job_count(j->sum.connections));
	r |= json_object_set_new(doc, "packets_in_total", ctl_job_count(j->sum.packets_in));
	r |= json_object_set_new(doc, "bytes_in_total", ctl_job_count(j->sum.bytes_in));
	r |= json_object_set_new(doc, "packets_out_total", ctl_job_count(j->sum.packets_out));
	r |= json_object_set_new(doc, "bytes_out_total", ctl_job_count(j->sum.bytes_out));
	r |= json_object_set_new(doc, "receive_missed_total", ctl_job_count(missed));
	r |= json_object_set_new(doc, "routes", routes_object(j->ctl));
	r |= json_object_set_new(doc, "workers", workers);
	r |= json_object_set_new(doc, "control_loop", loop_object(&j->ctl->turns));
	r |= json_object_set_new(doc, "warnings", warnings);
	if (r == 0)
		r = ctl_job_put(doc, out);
	json_decref(doc);
	return r == 0 ? CTL_JOB_DONE : CTL_JOB_FAILED;
}

static enum ctl_job_turn status_step(struct ctl_job *job, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn status_step(struct ctl_job *job, struct evbuffer *out)
{
	struct status_job *j = (struct status_job *)job;
	unsigned n = 0;

	while (j->half < j->ctl->n_services && n < SERVERS_A_STEP) {
		const struct ctl_service *svc = &j->ctl->services[j->half++];

		j->halves_up += ctl_service_is_up(j->ctl, svc);
		for (unsigned i = 0; i < svc->n_servers; i++)
			add_server(j, svc->first_server + i);
		n += svc->n_servers + 1;
	}
	return j->half < j->ctl->n_services ? CTL_JOB_MORE : put_status(j, out);
}

static void status_free(struct ctl_job *job)
{
	free(job);
}

int ctl_show_status_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct status_job *j = calloc(1, sizeof(*j));

	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	j->job = (struct ctl_job){.step = status_step, .free = status_free};
	j->ctl = call->shared->ctl;
	*ret_job = &j->job;
	return 0;
}
