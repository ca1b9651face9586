/* From the configuration to the model, and from the model to the data plane's tables.
 *
 * A configured service becomes a half for each family and protocol it has; a half's servers
 * follow each other. Ids are positions, given here once and stable from then on. */
#include "control/control.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static unsigned count_servers(const struct conf_service *svc, enum conf_family family)
{
	unsigned n = 0;

	for (unsigned i = 0; i < svc->n_servers; i++)
		n += svc->servers[i]->has_family[family];
	return n;
}

static void count_halves(const struct conf *conf, unsigned *ret_services, unsigned *ret_servers)
{
	unsigned services = 0, servers = 0;

	for (unsigned i = 0; i < conf->n_services; i++) {
		const struct conf_service *svc = &conf->services[i];
		unsigned protocols = (unsigned)svc->has_tcp + svc->has_udp;

		for (enum conf_family f = CONF_V4; f < CONF_N_FAMILIES; f++) {
			if (!svc->has_family[f])
				continue;
			services += protocols;
			servers += protocols * count_servers(svc, f);
		}
	}
	*ret_services = services;
	*ret_servers = servers;
}

/* The port on which the service reaches the server; 0: the packet's own. */
static uint16_t port_of(const struct conf_service *svc, const struct conf_server *server)
{
	bool is_single = svc->n_ports == 1 && svc->ports[0].first == svc->ports[0].last;

	if (svc->to_port)
		return svc->to_port;
	if (server->port)
		return server->port;
	return is_single ? svc->ports[0].first : 0;
}

uint16_t ctl_check_port(const struct ctl_service *half, const struct ctl_server *s)
{
	if (half->conf->check->type == CONF_CHECK_PING)
		return 0;
	if (half->conf->check->port)
		return half->conf->check->port;
	return s->port ? s->port : half->conf->ports[0].first;
}

const struct addr *ctl_check_address(const struct ctl_service *half, const struct ctl_server *s)
{
	const struct conf_check *check = half->conf->check;

	return check->has_address[half->family] ? &check->address[half->family] : &s->address;
}

static void add_half(struct ctl *ctl, const struct conf_service *svc, enum conf_family family,
	enum conf_protocol protocol)
{
	unsigned id = ctl->n_services++;
	struct ctl_service *half = &ctl->services[id];
	int64_t now = now_ms();

	*half = (struct ctl_service){
		.conf = svc,
		.family = family,
		.protocol = protocol,
		.first_server = ctl->n_servers,
	};
	for (unsigned i = 0; i < svc->n_servers; i++) {
		const struct conf_server *server = svc->servers[i];

		if (!server->has_family[family])
			continue;
		ctl->servers[ctl->n_servers++] = (struct ctl_server){
			.conf = server,
			.service = id,
			.address = server->address[family],
			.port = port_of(svc, server),
			.weight = server->weight,
			.admin = CTL_READY,
			.health = HC_UNKNOWN,
			.check_weight = HC_NO_WEIGHT,
			.since_ms = now,
		};
		half->n_servers++;
	}
}

int ctl_build_model(struct ctl *ctl)
{
	const struct conf *conf = ctl->conf;
	unsigned n_services, n_servers;

	count_halves(conf, &n_services, &n_servers);
	ctl->services = calloc(n_services + 1, sizeof(*ctl->services));
	ctl->servers = calloc(n_servers + 1, sizeof(*ctl->servers));
	if (!ctl->services || !ctl->servers ||
		ctl_holdings_new(conf, &ctl->holdings, &ctl->n_holdings) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < conf->n_services; i++) {
		const struct conf_service *svc = &conf->services[i];

		for (enum conf_family f = CONF_V4; f < CONF_N_FAMILIES; f++) {
			if (svc->has_family[f] && svc->has_tcp)
				add_half(ctl, svc, f, CONF_PROTO_TCP);
			if (svc->has_family[f] && svc->has_udp)
				add_half(ctl, svc, f, CONF_PROTO_UDP);
		}
	}
	return 0;
}

void ctl_free_model(struct ctl *ctl)
{
	free(ctl->services);
	free(ctl->servers);
	free(ctl->holdings);
	ctl->holdings = NULL;
	ctl->n_holdings = 0;
	ctl->services = NULL;
	ctl->servers = NULL;
	ctl->n_services = ctl->n_servers = 0;
}

/* What dp_set_services() borrows, in one piece. */
struct tables {
	struct dp_vip *vips;
	struct dp_frontend *frontends;
	struct dp_service_def *services;
	struct dp_server_def *servers;
	unsigned n_vips, n_frontends;
};

static void free_tables(struct tables *t)
{
	free(t->vips);
	free(t->frontends);
	free(t->services);
	free(t->servers);
}

static int allocate(const struct ctl *ctl, struct tables *t)
{
	unsigned vips = ctl->n_holdings, frontends = 0;

	for (unsigned i = 0; i < ctl->n_services; i++)
		frontends +=
			ctl->services[i].conf->n_ports * ctl->services[i].conf->vip->n_addresses;
	t->vips = calloc(vips + 1, sizeof(*t->vips));
	t->frontends = calloc(frontends + 1, sizeof(*t->frontends));
	t->services = calloc(ctl->n_services + 1, sizeof(*t->services));
	t->servers = calloc(ctl->n_servers + 1, sizeof(*t->servers));
	return t->vips && t->frontends && t->services && t->servers ? 0 : -ENOMEM;
}

static void fill_vips(const struct ctl *ctl, struct tables *t)
{
	for (unsigned i = 0; i < ctl->n_holdings; i++)
		t->vips[t->n_vips++] = (struct dp_vip){
			.address = ctl->holdings[i].address,
			.owner = ctl->holdings[i].owner,
		};
}

static void fill_frontends(const struct ctl *ctl, unsigned id, struct tables *t)
{
	const struct ctl_service *half = &ctl->services[id];
	const struct conf_vip *vip = half->conf->vip;

	for (unsigned a = 0; a < vip->n_addresses; a++) {
		bool is_v4 = addr_is_v4(&vip->addresses[a]);

		if (is_v4 != (half->family == CONF_V4))
			continue;
		for (unsigned p = 0; p < half->conf->n_ports; p++)
			t->frontends[t->n_frontends++] = (struct dp_frontend){
				.address = vip->addresses[a],
				.protocol = (uint8_t)half->protocol,
				.port_first = half->conf->ports[p].first,
				.port_last = half->conf->ports[p].last,
				.service = id,
			};
	}
}

static void fill_service(const struct ctl *ctl, unsigned id, struct tables *t)
{
	const struct ctl_service *half = &ctl->services[id];
	const struct conf_pool *pool = half->conf->pool;

	t->services[id] = (struct dp_service_def){
		.family = half->family == CONF_V4 ? 4 : 6,
		.protocol = (uint8_t)half->protocol,
		.first_server = half->first_server,
		.n_servers = half->n_servers,
		.on_no_server = pool->on_no_server,
		.unknown_tcp = pool->unknown_tcp,
		.timeouts = pool->timeouts,
	};
	for (unsigned i = 0; i < half->n_servers; i++) {
		const struct ctl_server *s = &ctl->servers[half->first_server + i];

		t->servers[half->first_server + i] = (struct dp_server_def){
			.address = s->address,
			.port = s->port,
			.weight = ctl_server_effective_weight(s),
		};
	}
	fill_frontends(ctl, id, t);
}

int ctl_build_services(struct ctl *ctl)
{
	struct tables t = {0};
	struct dp_services set;
	int r;

	r = allocate(ctl, &t);
	if (r < 0)
		goto free;
	fill_vips(ctl, &t);
	for (unsigned i = 0; i < ctl->n_services; i++)
		fill_service(ctl, i, &t);
	set = (struct dp_services){
		.vips = t.vips,
		.n_vips = t.n_vips,
		.frontends = t.frontends,
		.n_frontends = t.n_frontends,
		.services = t.services,
		.n_services = ctl->n_services,
		.servers = t.servers,
		.n_servers = ctl->n_servers,
	};
	r = dp_set_services(ctl->dp, &set);
	for (unsigned i = 0; r == 0 && i < ctl->n_servers; i++)
		dp_set_down(ctl->dp, i, ctl->servers[i].health == HC_DOWN);
	ctl->is_dirty = true;
free:
	free_tables(&t);
	return r;
}
