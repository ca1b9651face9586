/* The bench's configuration, by rule instead of by file. Nothing here leaves the process, so
 * clients may have any address: those of the Internet are scattered, and so are the places in a
 * routing table that answers to them touch. */
#include "tests/bench/catalog.h"

#include "tests/bench/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { PER_VIP = CATALOG_SERVICES_PER_VIP, FAMILIES = 2 };

const uint8_t catalog_port_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
const uint8_t catalog_gateway_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

static const struct {
	uint16_t port;
	uint8_t protocol;
} kinds[PER_VIP] = {{80, IPPROTO_TCP}, {443, IPPROTO_TCP}, {53, IPPROTO_UDP}, {443, IPPROTO_UDP}};

static struct addr v4(uint32_t host_order)
{
	return addr_from_v4(htonl(host_order));
}

static struct addr v6(uint32_t net, uint32_t host)
{
	const be32 words[4] = {htonl(0x20010db8), htonl(net), 0, htonl(host)};

	return addr_from_v6(words);
}

struct catalog_service catalog_service(unsigned family, unsigned service)
{
	uint32_t vip = 1 + service / PER_VIP;

	return (struct catalog_service){
		.vip = family == 4 ? v4(0xc0000200 + vip) : v6(1, vip), // 192.0.2.x
		.port = kinds[service % PER_VIP].port,
		.protocol = kinds[service % PER_VIP].protocol,
	};
}

struct addr catalog_server(unsigned family, unsigned server)
{
	// 198.18.0.0/22: RFC 2544, for benchmarks
	return family == 4 ? v4(0xc6120000 + (server / 250 << 8) + 1 + server % 250)
			   : v6(2, 1 + server);
}

uint16_t catalog_server_port(unsigned server)
{
	return (uint16_t)(8000 + server / CATALOG_SERVERS_EACH % PER_VIP);
}

unsigned catalog_pick(uint8_t protocol, uint32_t number)
{
	unsigned vip = number % (CATALOG_SERVICES / PER_VIP);
	unsigned kind = number / (CATALOG_SERVICES / PER_VIP) % 2;

	return vip * PER_VIP + (protocol == IPPROTO_TCP ? kind : 2 + kind);
}

/* RFC 6890: not a host of the Internet, or one of ours above. */
static bool is_reserved(uint32_t v4)
{
	uint32_t net = v4 >> 24;

	return net == 0 || net == 10 || net == 127 || v4 >> 16 == 0xa9fe || net >= 224 ||
	       v4 >> 8 == 0xc00002 || v4 >> 17 == 0xc612 >> 1 || v4 >> 8 == 0xcb0071;
}

bool catalog_is_client(unsigned family, uint32_t number)
{
	return family == 6 || !is_reserved(random_scatter(number));
}

struct addr catalog_client(unsigned family, uint32_t number)
{
	uint32_t x = random_scatter(number);
	const be32 words[4] = {htonl(0x24000000 | (x >> 6)), htonl(x * 0x9e3779b9u),
		htonl(random_scatter(x)), htonl(number)};

	return family == 4 ? v4(x) : addr_from_v6(words);
}

void catalog_server_mac(unsigned family, unsigned server, uint8_t *ret_mac)
{
	const uint8_t mac[6] = {
		0x02, (uint8_t)family, 0, 0, (uint8_t)(server >> 8), (uint8_t)server};

	memcpy(ret_mac, mac, sizeof(mac));
}

static void gateways(struct addr *ret_v4, struct addr *ret_v6)
{
	*ret_v4 = v4(0xcb007101); // 203.0.113.1
	*ret_v6 = v6(3, 1);
}

struct scratch {
	struct dp_vip vips[FAMILIES * CATALOG_SERVICES];
	struct dp_frontend frontends[FAMILIES * CATALOG_SERVICES];
	struct dp_service_def services[FAMILIES * CATALOG_SERVICES];
	struct dp_server_def servers[FAMILIES * CATALOG_SERVERS];
	struct dp_neighbour neighbours[FAMILIES * (CATALOG_SERVERS + 1)];
};

static void fill_service(struct scratch *a, unsigned id, const struct conf_timeouts *timeouts)
{
	unsigned family = id < CATALOG_SERVICES ? 4 : 6;
	struct catalog_service s = catalog_service(family, id % CATALOG_SERVICES);

	a->vips[id] = (struct dp_vip){.address = s.vip};
	a->frontends[id] = (struct dp_frontend){
		.address = s.vip,
		.protocol = s.protocol,
		.port_first = s.port,
		.port_last = s.port,
		.service = id,
	};
	a->services[id] = (struct dp_service_def){
		.family = (uint8_t)family,
		.protocol = s.protocol,
		.first_server = id * CATALOG_SERVERS_EACH,
		.n_servers = CATALOG_SERVERS_EACH,
		.on_no_server = CONF_REACT_DROP,
		.unknown_tcp = CONF_REACT_DROP,
		.timeouts = *timeouts,
	};
}

static void fill_server(struct scratch *a, unsigned id)
{
	unsigned family = id < CATALOG_SERVERS ? 4 : 6, server = id % CATALOG_SERVERS;

	a->servers[id] = (struct dp_server_def){
		.address = catalog_server(family, server),
		.port = catalog_server_port(server),
		.weight = (uint16_t)(1 + server % 4),
	};
	a->neighbours[id].address = a->servers[id].address;
	catalog_server_mac(family, server, a->neighbours[id].mac);
}

static int set_routes(struct dp *dp, const struct addr *gateway4, const struct addr *gateway6)
{
	const struct dp_route routes[] = {
		{.to = {v4(0), 96}, .kind = DP_ROUTE_VIA, .gateway = *gateway4},
		{.to = {v4(0xc6120000), 96 + 15}, .kind = DP_ROUTE_ON_LINK},
		{.to = {v4(0xcb007100), 96 + 24}, .kind = DP_ROUTE_ON_LINK},
		{.to = {.length_bits = 0}, .kind = DP_ROUTE_VIA, .gateway = *gateway6},
		{.to = {v6(2, 0), 64}, .kind = DP_ROUTE_ON_LINK},
		{.to = {v6(3, 0), 64}, .kind = DP_ROUTE_ON_LINK},
	};

	return dp_set_routes(dp, routes, sizeof(routes) / sizeof(routes[0]));
}

/* A machine has a handful of addresses. */
static int set_locals(struct dp *dp)
{
	struct prefix locals[6];

	for (unsigned i = 0; i < 6; i++)
		locals[i] = (struct prefix){
			i % 2 ? v4(0xcb00710a + i) : v6(3, 10 + i), .length_bits = 128};
	return dp_set_locals(dp, locals, 6);
}

int catalog_publish(struct dp *dp, const struct conf_timeouts *timeouts)
{
	struct scratch *a = calloc(1, sizeof(*a));
	struct dp_neighbour *gateway;
	struct dp_services set;
	int r;

	if (!a)
		return -ENOMEM;
	for (unsigned i = 0; i < FAMILIES * CATALOG_SERVICES; i++)
		fill_service(a, i, timeouts);
	for (unsigned i = 0; i < FAMILIES * CATALOG_SERVERS; i++)
		fill_server(a, i);
	gateway = &a->neighbours[FAMILIES * CATALOG_SERVERS];
	gateways(&gateway[0].address, &gateway[1].address);
	memcpy(gateway[0].mac, catalog_gateway_mac, sizeof(gateway[0].mac));
	memcpy(gateway[1].mac, catalog_gateway_mac, sizeof(gateway[1].mac));
	set = (struct dp_services){
		.vips = a->vips,
		.n_vips = FAMILIES * CATALOG_SERVICES,
		.frontends = a->frontends,
		.n_frontends = FAMILIES * CATALOG_SERVICES,
		.services = a->services,
		.n_services = FAMILIES * CATALOG_SERVICES,
		.servers = a->servers,
		.n_servers = FAMILIES * CATALOG_SERVERS,
	};
	r = dp_set_services(dp, &set);
	if (r == 0)
		r = set_locals(dp);
	if (r == 0)
		r = set_routes(dp, &gateway[0].address, &gateway[1].address);
	if (r == 0)
		r = dp_set_neighbours(dp, a->neighbours, FAMILIES * (CATALOG_SERVERS + 1));
	if (r == 0)
		r = dp_publish(dp);
	free(a);
	return r;
}
