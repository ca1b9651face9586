/* Readers of families about services, servers and their checks. Pure. */
#include "control/metrics_read.h"

#include <stdio.h>
#include <string.h>

/* ---- services -------------------------------------------------------------------------------- */

static const char *scheduler_name(enum conf_scheduler scheduler)
{
	static const char *const names[] = {[CONF_SCHED_WRR] = "wrr"};

	return names[scheduler];
}

/* Appends "item", behind a comma if it is not the first; what has no room is left out. */
static void append(char *list, size_t size, const char *item)
{
	size_t len = strlen(list);

	if (len + strlen(item) + 2 < size)
		(void)snprintf(list + len, size - len, "%s%s", len > 0 ? "," : "", item);
}

static void list_vips(const struct metrics_service *m, char *list, size_t size)
{
	const struct conf_vip *vip = m->conf->vip;
	char text[ADDR_STR_LEN];

	for (unsigned i = 0; i < vip->n_addresses; i++)
		if (addr_is_v4(&vip->addresses[i]) == (m->family == CONF_V4))
			append(list, size, addr_format(&vip->addresses[i], text));
}

static void list_ports(const struct conf_service *service, char *list, size_t size)
{
	for (unsigned i = 0; i < service->n_ports; i++) {
		const struct conf_port_range *r = &service->ports[i];
		char text[16];

		if (r->first == r->last)
			(void)snprintf(text, sizeof(text), "%u", r->first);
		else
			(void)snprintf(text, sizeof(text), "%u-%u", r->first, r->last);
		append(list, size, text);
	}
}

/* One series for each service and family, so that joins by group_left() find one. */
void metrics_read_service_info(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	const struct metrics_service *m = &s->services[i];
	char vips[512] = "", ports[256] = "";
	struct metrics_labels l = {.len = 0};

	list_vips(m, vips, sizeof(vips));
	list_ports(m->conf, ports, sizeof(ports));
	ctl_metrics_label(&l, "protocol", !m->has_udp ? "tcp" : m->has_tcp ? "tcp,udp" : "udp");
	ctl_metrics_label(&l, "vip", vips);
	ctl_metrics_label(&l, "port", ports);
	ctl_metrics_label(&l, "scheduler", scheduler_name(m->conf->pool->scheduler));
	ctl_metrics_label(&l, "pool", m->conf->pool->name);
	ctl_metrics_put(o, l.text, 1);
}

static void put_connections(struct metrics_out *o, const struct dp_server_stats *stats)
{
	ctl_metrics_put(o, "state=\"established\"", stats->established);
	ctl_metrics_put(o, "state=\"closing\"", stats->closing);
}

static void put_packets(struct metrics_out *o, const struct dp_server_stats *stats)
{
	ctl_metrics_put(o, "direction=\"in\"", stats->packets_in);
	ctl_metrics_put(o, "direction=\"out\"", stats->packets_out);
}

static void put_bytes(struct metrics_out *o, const struct dp_server_stats *stats)
{
	ctl_metrics_put(o, "direction=\"in\"", stats->bytes_in);
	ctl_metrics_put(o, "direction=\"out\"", stats->bytes_out);
}

void metrics_read_service_connections_total(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->services[i].sum.connections);
}

void metrics_read_service_connections(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	put_connections(o, &s->services[i].sum);
}

void metrics_read_service_packets(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	put_packets(o, &s->services[i].sum);
}

void metrics_read_service_bytes(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	put_bytes(o, &s->services[i].sum);
}

void metrics_read_service_drops(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	for (enum dp_drop reason = DP_KEEP + 1; reason < DP_N_DROPS; reason++) {
		struct metrics_labels l = {.len = 0};

		if (!dp_drop_may_be_of_service(reason))
			continue;
		ctl_metrics_label(&l, "reason", dp_drop_label(reason));
		ctl_metrics_put(o, l.text, s->services[i].drops.drops[reason]);
	}
}

void metrics_read_service_up(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->services[i].n_taking > 0);
}

void metrics_read_service_servers(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	for (enum ctl_server_state state = 0; state < CTL_N_SERVER_STATES; state++) {
		struct metrics_labels l = {.len = 0};

		ctl_metrics_label(&l, "state", ctl_show_server_state_name(state));
		ctl_metrics_put(o, l.text, s->services[i].n_by_state[state]);
	}
}

/* ---- servers --------------------------------------------------------------------------------- */

void metrics_read_server_info(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	const struct metrics_server *m = &s->servers[i];
	char address[ADDR_STR_LEN], port[256] = "";
	struct metrics_labels l = {.len = 0};

	if (m->port)
		(void)snprintf(port, sizeof(port), "%u", m->port);
	else
		list_ports(s->services[m->service].conf, port, sizeof(port));
	ctl_metrics_label(&l, "address", addr_format(&m->address, address));
	ctl_metrics_label(&l, "port", port);
	ctl_metrics_put(o, l.text, 1);
}

void metrics_read_server_up(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, metrics_server_takes(&s->servers[i]));
}

void metrics_read_server_state(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	for (enum ctl_server_state state = 0; state < CTL_N_SERVER_STATES; state++) {
		struct metrics_labels l = {.len = 0};

		ctl_metrics_label(&l, "state", ctl_show_server_state_name(state));
		ctl_metrics_put(o, l.text, s->servers[i].state == state);
	}
}

void metrics_read_server_weight(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->servers[i].weight);
}

void metrics_read_server_weight_configured(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->servers[i].conf->weight);
}

void metrics_read_server_connections_total(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->servers[i].stats.connections);
}

void metrics_read_server_connections(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	put_connections(o, &s->servers[i].stats);
}

void metrics_read_server_packets(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	put_packets(o, &s->servers[i].stats);
}

void metrics_read_server_bytes(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	put_bytes(o, &s->servers[i].stats);
}

void metrics_read_handshakes(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put_times(o, &s->servers[i].handshakes);
}

/* ---- checks ---------------------------------------------------------------------------------- */

void metrics_read_check_up(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->servers[i].is_ok);
}

void metrics_read_check_duration(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put_real(o, NULL, (double)s->servers[i].duration_us / 1e6);
}

void metrics_read_check_runs(struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	static const char *const results[HC_N_ENDS] = {
		[HC_ENDED_OK] = "result=\"ok\"",
		[HC_ENDED_FAILED] = "result=\"failed\"",
		[HC_ENDED_TIMEOUT] = "result=\"timeout\"",
		[HC_ENDED_NOT_MADE] = "result=\"not_made\"",
	};

	for (unsigned end = 0; end < HC_N_ENDS; end++)
		ctl_metrics_put(o, results[end], s->servers[i].n_ended[end]);
}

void metrics_read_check_transitions(
	struct metrics_out *o, const struct metrics_snapshot *s, unsigned i)
{
	ctl_metrics_put(o, NULL, s->servers[i].n_transitions);
}
