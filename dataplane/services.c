/* The part of the tables that the configuration gives: VIPs, frontends, services, servers and
 * the endpoints behind which no answer may leave untranslated. Built once a change by the
 * control thread, looked up by workers. */
#include "dataplane/tables.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t table_size(uint32_t n_entries)
{
	uint32_t size = 16;

	while (size < 4 * n_entries)
		size *= 2;
	return size;
}

static struct dp_vip_entry *vip_slot(struct dp_service_part *p, const struct addr *a)
{
	uint32_t i = dp_tables_mix(a, 0);

	while (!addr_is_unspecified(&p->vips[i & p->vip_mask].address) &&
		!addr_equal(&p->vips[i & p->vip_mask].address, a))
		i++;
	return &p->vips[i & p->vip_mask];
}

static uint32_t endpoint_salt(uint8_t protocol, be16 port)
{
	return (uint32_t)port << 8 | protocol;
}

/* The slot of the endpoint, or the free one where it belongs. */
static struct dp_endpoint *endpoint_slot(
	const struct dp_service_part *p, const struct addr *a, uint8_t protocol, be16 port)
{
	uint32_t i = dp_tables_mix(a, endpoint_salt(protocol, port));

	for (;; i++) {
		struct dp_endpoint *e = &p->endpoints[i & p->endpoint_mask];

		if (addr_is_unspecified(&e->address))
			return e;
		if (addr_equal(&e->address, a) && e->protocol == protocol && e->port == port)
			return e;
	}
}

static void add_endpoint(
	struct dp_service_part *p, const struct addr *a, uint8_t protocol, be16 port)
{
	*endpoint_slot(p, a, protocol, port) =
		(struct dp_endpoint){.address = *a, .port = port, .protocol = protocol};
}

/* One of its servers does (that at `a`, if given); others may have a port of their own. */
static bool uses_packet_port(
	const struct dp_service_part *p, const struct dp_service *svc, const struct addr *a)
{
	for (uint32_t i = 0; i < svc->n_servers; i++) {
		const struct dp_server *s = &p->servers[svc->first_server + i];

		if (s->port == 0 && (!a || addr_equal(&s->address, a)))
			return true;
	}
	return false;
}

/* A server on the packet's own port answers from the frontend ports of its service: filed under
 * port 0, which stands for the ranges in p->ranges. */
static void fill_endpoints(struct dp_service_part *p)
{
	for (uint32_t i = 0; i < p->n_servers; i++) {
		const struct dp_server *s = &p->servers[i];

		add_endpoint(p, &s->address, 0, 0);
		add_endpoint(p, &s->address, p->services[s->service].protocol, s->port);
	}
	for (uint32_t i = 0; i < p->n_frontends; i++) {
		if (uses_packet_port(p, &p->services[p->frontends[i].service], NULL))
			p->ranges[p->n_ranges++] = p->frontends[i];
	}
}

struct sortable {
	uint32_t vip;
	struct dp_frontend_entry entry;
};

static int compare_frontends(const void *left, const void *right)
{
	const struct sortable *a = left, *b = right;

	if (a->vip != b->vip)
		return a->vip < b->vip ? -1 : 1;
	if (a->entry.protocol != b->entry.protocol)
		return a->entry.protocol < b->entry.protocol ? -1 : 1;
	return (int)a->entry.port_first - (int)b->entry.port_first;
}

static int fill_frontends(struct dp_service_part *p, const struct dp_services *set)
{
	struct sortable *all = calloc(set->n_frontends + 1, sizeof(*all));

	if (!all)
		return -1;
	for (unsigned i = 0; i < set->n_frontends; i++) {
		const struct dp_frontend *f = &set->frontends[i];
		struct dp_vip_entry *vip = vip_slot(p, &f->address);

		vip->address = f->address; // also one that is not in set->vips: it is served
		all[i] = (struct sortable){
			.vip = (uint32_t)(vip - p->vips),
			.entry = {f->port_first, f->port_last, f->protocol, f->service},
		};
	}
	qsort(all, set->n_frontends, sizeof(*all), compare_frontends);
	for (unsigned i = 0; i < set->n_frontends; i++) {
		struct dp_vip_entry *vip = &p->vips[all[i].vip];

		if (vip->n_frontends++ == 0)
			vip->first_frontend = i;
		p->frontends[i] = all[i].entry;
	}
	free(all);
	return 0;
}

/* Pools share timeouts: equal rows are kept once. */
static uint16_t timeouts_row(struct dp_service_part *p, const struct conf_timeouts *conf)
{
	struct dp_timeouts row;

	dp_l4state_timeouts(conf, row.ms);
	for (uint32_t i = 0; i < p->n_timeouts; i++)
		if (memcmp(&p->timeouts[i], &row, sizeof(row)) == 0)
			return (uint16_t)i;
	p->timeouts[p->n_timeouts] = row;
	return (uint16_t)p->n_timeouts++;
}

static void fill_services(struct dp_service_part *p, const struct dp_services *set)
{
	for (unsigned i = 0; i < set->n_services; i++) {
		const struct dp_service_def *def = &set->services[i];
		uint16_t timeouts = timeouts_row(p, &def->timeouts);

		p->services[i] = (struct dp_service){
			.first_server = def->first_server,
			.n_servers = def->n_servers,
			.family = def->family,
			.protocol = def->protocol,
			.on_no_server = (uint8_t)def->on_no_server,
			.unknown_tcp = (uint8_t)def->unknown_tcp,
		};
		for (unsigned s = 0; s < def->n_servers; s++) {
			unsigned id = def->first_server + s;

			assert(id < set->n_servers);
			p->servers[id] = (struct dp_server){
				.address = set->servers[id].address,
				.port = htons(set->servers[id].port),
				.service = i,
				.timeouts = timeouts,
			};
		}
	}
}

static bool allocate(struct dp_service_part *p, const struct dp_services *set)
{
	uint32_t vip_slots = table_size(set->n_vips + set->n_frontends);
	uint32_t endpoint_slots = table_size(2 * set->n_servers);

	p->vip_mask = vip_slots - 1;
	p->endpoint_mask = endpoint_slots - 1;
	p->n_services = set->n_services;
	p->n_servers = set->n_servers;
	p->n_frontends = set->n_frontends;
	p->vips = calloc(vip_slots, sizeof(*p->vips));
	p->endpoints = calloc(endpoint_slots, sizeof(*p->endpoints));
	p->frontends = calloc(set->n_frontends + 1, sizeof(*p->frontends));
	p->ranges = calloc(set->n_frontends + 1, sizeof(*p->ranges));
	p->services = calloc(set->n_services + 1, sizeof(*p->services));
	p->servers = calloc(set->n_servers + 1, sizeof(*p->servers));
	p->timeouts = calloc(set->n_services + 1, sizeof(*p->timeouts));
	return p->vips && p->endpoints && p->frontends && p->ranges && p->services && p->servers &&
	       p->timeouts;
}

struct dp_service_part *dp_services_new(const struct dp_services *set)
{
	struct dp_service_part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	if (!allocate(p, set))
		goto put;
	for (unsigned i = 0; i < set->n_vips; i++) {
		struct dp_vip_entry *vip = vip_slot(p, &set->vips[i].address);

		vip->address = set->vips[i].address;
		vip->owner = set->vips[i].owner;
	}
	fill_services(p, set);
	if (fill_frontends(p, set) < 0)
		goto put;
	fill_endpoints(p);
	return p;

put:
	dp_services_put(p);
	return NULL;
}

void dp_services_put(struct dp_service_part *p)
{
	if (!p || --p->refs > 0)
		return;
	free(p->vips);
	free(p->endpoints);
	free(p->frontends);
	free(p->ranges);
	free(p->services);
	free(p->servers);
	free(p->timeouts);
	free(p);
}

/* Protocol and port as one number, in the order of the entries. */
static uint32_t rank(uint8_t protocol, uint16_t port)
{
	return (uint32_t)protocol << 16 | port;
}

/* Which half the entry lies in nobody can guess: chosen, not branched on. */
int dp_services_find(const struct dp_service_part *p, const struct dp_vip_entry *vip,
	uint8_t protocol, uint16_t port)
{
	const struct dp_frontend_entry *low = &p->frontends[vip->first_frontend];
	uint32_t n = vip->n_frontends, wanted = rank(protocol, port);

	if (n == 0)
		return DP_NO_ID;
	// the last entry that does not begin behind it, or the first
	for (; n > 1; n -= n / 2) {
		const struct dp_frontend_entry *middle = &low[n / 2];
		bool is_there = rank(middle->protocol, middle->port_first) <= wanted;

		low = pick_pointer(is_there, low, middle);
	}
	if ((low->protocol != protocol) | (low->port_first > port) | (port > low->port_last))
		return DP_NO_ID;
	return (int)low->service;
}

/* Only asked for packets of a server that match no connection. */
static bool is_range_port(
	const struct dp_service_part *p, const struct addr *a, uint8_t protocol, uint16_t port)
{
	for (uint32_t i = 0; i < p->n_ranges; i++) {
		const struct dp_frontend_entry *r = &p->ranges[i];

		if (r->protocol == protocol && port >= r->port_first && port <= r->port_last &&
			uses_packet_port(p, &p->services[r->service], a))
			return true;
	}
	return false;
}

bool dp_services_has_server(const struct dp_service_part *p, const struct addr *a)
{
	return !addr_is_unspecified(&endpoint_slot(p, a, 0, 0)->address);
}

bool dp_services_has_endpoint(
	const struct dp_service_part *p, const struct addr *a, uint8_t protocol, be16 port)
{
	if (!addr_is_unspecified(&endpoint_slot(p, a, protocol, port)->address))
		return true;
	return !addr_is_unspecified(&endpoint_slot(p, a, protocol, 0)->address) &&
	       is_range_port(p, a, protocol, ntohs(port));
}
