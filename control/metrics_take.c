/* The control thread's part of a scrape: copies, a piece at a time. Adding up what workers count
 * for thousands of servers takes longer than a turn of the loop may. */
#include "control/metrics_model.h"

#include <stdlib.h>
#include <string.h>

enum { SERVERS_A_PIECE = 64 };

static unsigned count_vrrps(const struct ctl *ctl)
{
	const struct conf_vrrp *conf = &ctl->conf->vrrp;
	unsigned n = 0;

	for (unsigned g = 0; ctl->vrrp && g < conf->n_groups; g++)
		n += conf->groups[g].n_instances;
	return n;
}

struct metrics_snapshot *ctl_metrics_new(const struct ctl *ctl)
{
	struct metrics_snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conf = ctl->conf;
	s->info = ctl->info;
	s->started_ms = ctl->started_ms;
	s->services = calloc(ctl->n_services + 1, sizeof(*s->services));
	s->servers = calloc(ctl->n_servers + 1, sizeof(*s->servers));
	s->vrrps = calloc(count_vrrps(ctl) + 1, sizeof(*s->vrrps));
	if (s->services && s->servers && s->vrrps)
		return s;
	ctl_metrics_free(s);
	return NULL;
}

void ctl_metrics_free(struct metrics_snapshot *s)
{
	if (!s)
		return;
	free(s->services);
	free(s->servers);
	free(s->vrrps);
	free(s);
}

static bool is_of_last(const struct metrics_snapshot *s, const struct ctl_service *half)
{
	const struct metrics_service *last = &s->services[s->n_services - 1];

	return s->n_services > 0 && last->conf == half->conf && last->family == half->family;
}

/* Of the halves of one server: the bounds are the same. */
static void add_times(struct dp_times *sum, const struct dp_times *t)
{
	struct dp_times total = *t;

	for (unsigned i = 0; i < t->n_buckets; i++)
		total.buckets[i] += sum->buckets[i];
	total.count += sum->count;
	total.sum_seconds += sum->sum_seconds;
	*sum = total;
}

static void copy_server(const struct ctl *ctl, unsigned id, struct metrics_server *m) ON_CONTROL;
static void copy_server(const struct ctl *ctl, unsigned id, struct metrics_server *m)
{
	const struct ctl_server *s = &ctl->servers[id];
	struct dp_server_stats stats;
	struct dp_times handshakes;

	ctl_show_read_server(ctl, id, &stats);
	ctl_show_add_stats(&m->stats, &stats);
	if (ctl->dp) {
		dp_read_handshake(ctl->dp, id, &handshakes);
		add_times(&m->handshakes, &handshakes);
	}
	if (m->conf)
		return; // the other protocol: the same server, the same check
	m->conf = s->conf;
	m->address = s->address;
	m->port = s->port;
	m->state = ctl_show_server_state(s);
	m->weight = ctl_server_effective_weight(s);
	m->has_result = s->last.at_ms > 0;
	m->is_ok = m->has_result && s->last.is_ok;
	m->duration_us = m->has_result ? s->last.duration_us : 0;
	memcpy(m->n_ended, s->last.n_ended, sizeof(m->n_ended));
	m->n_transitions = s->n_transitions;
}

/* Adds what the half has of its own; halves of one service and family follow each other. */
static struct metrics_service *open_half(
	const struct ctl *ctl, struct metrics_snapshot *s, unsigned id) ON_CONTROL;
static struct metrics_service *open_half(
	const struct ctl *ctl, struct metrics_snapshot *s, unsigned id)
{
	const struct ctl_service *half = &ctl->services[id];
	struct dp_service_stats drops = {0};
	struct metrics_service *m;

	if (!is_of_last(s, half)) {
		m = &s->services[s->n_services++];
		m->conf = half->conf;
		m->family = half->family;
		m->first_server = s->n_servers;
		m->n_servers = half->n_servers;
		s->n_servers += half->n_servers;
	}
	m = &s->services[s->n_services - 1];
	m->has_tcp |= half->protocol == CONF_PROTO_TCP;
	m->has_udp |= half->protocol == CONF_PROTO_UDP;
	if (ctl->dp)
		dp_read_service(ctl->dp, id, &drops);
	for (unsigned i = 0; i < DP_N_DROPS; i++)
		m->drops.drops[i] += drops.drops[i];
	return m;
}

/* True: the half is done. */
static bool copy_half(const struct ctl *ctl, struct metrics_snapshot *s, unsigned *room) ON_CONTROL;
static bool copy_half(const struct ctl *ctl, struct metrics_snapshot *s, unsigned *room)
{
	const struct ctl_service *half = &ctl->services[s->half];
	struct metrics_service *m;

	m = s->copied == 0 ? open_half(ctl, s, s->half) : &s->services[s->n_services - 1];
	for (; s->copied<half->n_servers && * room> 0; s->copied++, --*room) {
		struct metrics_server *server = &s->servers[m->first_server + s->copied];

		server->service = s->n_services - 1;
		copy_server(ctl, half->first_server + s->copied, server);
	}
	return s->copied == half->n_servers;
}

static void copy_vrrps(const struct ctl *ctl, struct metrics_snapshot *s) ON_CONTROL;
static void copy_vrrps(const struct ctl *ctl, struct metrics_snapshot *s)
{
	const struct conf_vrrp *conf = &ctl->conf->vrrp;

	for (unsigned g = 0; ctl->vrrp && g < conf->n_groups; g++) {
		struct vrrp_group_status group;

		vrrp_read_group(ctl->vrrp, g, &group);
		for (unsigned i = 0; i < conf->groups[g].n_instances; i++) {
			struct metrics_vrrp *m = &s->vrrps[s->n_vrrps++];

			m->group_conf = &conf->groups[g];
			m->conf = &conf->groups[g].instances[i];
			m->state = group.state;
			m->priority = group.priority;
			memcpy(m->transitions, group.transitions, sizeof(m->transitions));
			vrrp_read_instance(ctl->vrrp, g, i, &m->instance);
		}
	}
}

static void copy_data_plane(const struct dp *dp, struct metrics_snapshot *s) ON_CONTROL;
static void copy_data_plane(const struct dp *dp, struct metrics_snapshot *s)
{
	s->n_workers = dp_n_workers(dp);
	for (unsigned i = 0; i < s->n_workers; i++) {
		dp_read_worker(dp, i, &s->workers[i]);
		dp_read_latency(dp, i, &s->latencies[i]);
	}
	s->n_ports = dp_n_ports(dp);
	for (unsigned i = 0; i < s->n_ports; i++)
		dp_read_port(dp, i, &s->ports[i]);
	s->n_pools = dp_n_pools(dp);
	for (unsigned i = 0; i < s->n_pools; i++)
		dp_read_pool(dp, i, &s->pools[i]);
}

/* Sums over a service's servers, once all are there. */
static void sum_up(struct metrics_snapshot *s)
{
	for (unsigned i = 0; i < s->n_servers; i++) {
		struct metrics_service *m = &s->services[s->servers[i].service];

		ctl_show_add_stats(&m->sum, &s->servers[i].stats);
		m->n_by_state[s->servers[i].state]++;
		m->n_taking += metrics_server_takes(&s->servers[i]);
	}
}

bool ctl_metrics_take(const struct ctl *ctl, struct metrics_snapshot *s)
{
	unsigned room = SERVERS_A_PIECE;

	while (s->half < ctl->n_services && room > 0) {
		if (!copy_half(ctl, s, &room))
			return false;
		room -= room > 0; // the half itself
		s->half++;
		s->copied = 0;
	}
	if (s->half < ctl->n_services)
		return false;
	sum_up(s);
	s->turns = ctl->turns;
	if (ctl->dp)
		copy_data_plane(ctl->dp, s);
	copy_vrrps(ctl, s);
	return true;
}
