/* VIPs, frontends and endpoints against plain lists, looked at from the first to the last. */
#include "dataplane/tables.h"

#include "packet.h"
#include "seeded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_VIPS = 600, MAX_FRONTENDS = 2000, MAX_SERVICES = 1000, MAX_SERVERS = 4000 };

struct world {
	struct dp_vip vips[MAX_VIPS];
	struct dp_frontend frontends[MAX_FRONTENDS];
	struct dp_service_def services[MAX_SERVICES];
	struct dp_server_def servers[MAX_SERVERS];
	struct dp_services set;
	struct dp_service_part *part;
};

static const struct conf_timeouts timeouts = {1, 2, 3, 4, 5, 6, 7, 8};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->set = (struct dp_services){
		.vips = w->vips,
		.frontends = w->frontends,
		.services = w->services,
		.servers = w->servers,
	};
	return w;
}

static void world_build(struct world *w)
{
	w->part = dp_services_new(&w->set);
	assert_non_null(w->part);
}

static void world_free(struct world *w)
{
	dp_services_put(w->part);
	free(w);
}

static unsigned add_service(struct world *w, uint8_t protocol)
{
	unsigned id = w->set.n_services++;

	assert_true(id < MAX_SERVICES);
	w->services[id] = (struct dp_service_def){
		.family = 4,
		.protocol = protocol,
		.first_server = w->set.n_servers,
		.timeouts = timeouts,
	};
	return id;
}

/* To the service added last. */
static void add_server(struct world *w, struct addr address, uint16_t port)
{
	assert_true(w->set.n_servers < MAX_SERVERS);
	w->servers[w->set.n_servers++] = (struct dp_server_def){address, port, 1};
	w->services[w->set.n_services - 1].n_servers++;
}

static void add_frontend(
	struct world *w, struct addr address, unsigned service, uint16_t first, uint16_t last)
{
	assert_true(w->set.n_frontends < MAX_FRONTENDS);
	w->frontends[w->set.n_frontends++] = (struct dp_frontend){
		.address = address,
		.protocol = w->services[service].protocol,
		.port_first = first,
		.port_last = last,
		.service = service,
	};
}

static int look_up(const struct world *w, struct addr to, uint8_t protocol, uint16_t port)
{
	const struct dp_vip_entry *vip = dp_services_find_vip(w->part, &to);

	return vip ? dp_services_find(w->part, vip, protocol, port) : DP_NO_ID;
}

/* ---- the oracle ------------------------------------------------------------------------ */

static bool model_is_vip(const struct world *w, const struct addr *a)
{
	for (unsigned i = 0; i < w->set.n_vips; i++)
		if (addr_equal(&w->vips[i].address, a))
			return true;
	for (unsigned i = 0; i < w->set.n_frontends; i++)
		if (addr_equal(&w->frontends[i].address, a))
			return true;
	return false;
}

static int model_find(const struct world *w, const struct addr *a, uint8_t protocol, uint16_t port)
{
	for (unsigned i = 0; i < w->set.n_frontends; i++) {
		const struct dp_frontend *f = &w->frontends[i];

		if (addr_equal(&f->address, a) && f->protocol == protocol &&
			port >= f->port_first && port <= f->port_last)
			return (int)f->service;
	}
	return DP_NO_ID;
}

static bool model_has_server(const struct world *w, const struct addr *a)
{
	for (unsigned i = 0; i < w->set.n_servers; i++)
		if (addr_equal(&w->servers[i].address, a))
			return true;
	return false;
}

/* Port 0 stands for every port of a frontend that leads to the server. */
static bool is_reached(const struct world *w, unsigned service, const struct addr *a, uint16_t port)
{
	const struct dp_service_def *def = &w->services[service];
	for (unsigned i = 0; i < def->n_servers; i++) {
		const struct dp_server_def *s = &w->servers[def->first_server + i];

		if (!addr_equal(&s->address, a))
			continue;
		if (s->port == port)
			return true;
		for (unsigned k = 0; s->port == 0 && k < w->set.n_frontends; k++)
			if (w->frontends[k].service == service &&
				port >= w->frontends[k].port_first &&
				port <= w->frontends[k].port_last)
				return true;
	}
	return false;
}

static bool model_has_endpoint(
	const struct world *w, const struct addr *a, uint8_t protocol, uint16_t port)
{
	for (unsigned i = 0; i < w->set.n_services; i++)
		if (w->services[i].protocol == protocol && is_reached(w, i, a, port))
			return true;
	return false;
}

/* ---- claims ---------------------------------------------------------------------------- */

static void nothing_configured_finds_nothing(void **state)
{
	struct world *w = world_new();
	struct addr a = packet_addr("192.0.2.1"), none = packet_addr("::");

	(void)state;
	world_build(w);
	assert_null(dp_services_find_vip(w->part, &a));
	assert_null(dp_services_find_vip(w->part, &none)); // looks like a free slot
	assert_false(dp_services_has_server(w->part, &a));
	assert_false(dp_services_has_server(w->part, &none));
	assert_false(dp_services_has_endpoint(w->part, &none, IPPROTO_TCP, htons(80)));
	world_free(w);
}

static void a_range_ends_at_its_edges(void **state)
{
	struct world *w = world_new();
	struct addr vip = packet_addr("192.0.2.100");
	unsigned low, high, single, udp, top;

	(void)state;
	low = add_service(w, IPPROTO_TCP);
	high = add_service(w, IPPROTO_TCP);
	single = add_service(w, IPPROTO_TCP);
	top = add_service(w, IPPROTO_TCP);
	udp = add_service(w, IPPROTO_UDP);
	// not in order; low and high are neighbours without a gap
	add_frontend(w, vip, high, 2000, 2999);
	add_frontend(w, vip, top, 65535, 65535);
	add_frontend(w, vip, single, 80, 80);
	add_frontend(w, vip, udp, 1, 65534);
	add_frontend(w, vip, low, 1000, 1999);
	world_build(w);
	for (unsigned port = 0; port < 65536; port++) {
		int want = DP_NO_ID;

		if (port == 80)
			want = (int)single;
		else if (port >= 1000 && port <= 1999)
			want = (int)low;
		else if (port >= 2000 && port <= 2999)
			want = (int)high;
		else if (port == 65535)
			want = (int)top;
		assert_int_equal(look_up(w, vip, IPPROTO_TCP, (uint16_t)port), want);
		assert_int_equal(look_up(w, vip, IPPROTO_UDP, (uint16_t)port),
			port >= 1 && port <= 65534 ? (int)udp : DP_NO_ID);
		assert_int_equal(look_up(w, vip, IPPROTO_ICMP, (uint16_t)port), DP_NO_ID);
	}
	world_free(w);
}

static void a_vip_without_services_is_known_and_leads_nowhere(void **state)
{
	struct world *w = world_new();
	struct addr bare = packet_addr("2001:db8::100"), served = packet_addr("192.0.2.100");

	(void)state;
	w->vips[w->set.n_vips++].address = bare;
	add_frontend(w, served, add_service(w, IPPROTO_TCP), 1, 65535);
	world_build(w);
	assert_non_null(dp_services_find_vip(w->part, &bare));
	assert_int_equal(look_up(w, bare, IPPROTO_TCP, 80), DP_NO_ID);
	assert_non_null(dp_services_find_vip(w->part, &served)); // though not in the list of VIPs
	assert_int_equal(look_up(w, served, IPPROTO_TCP, 80), 0);
	world_free(w);
}

/* Servers with and without a port of their own in one service, in either order. */
static void servers_on_the_packets_port_answer_from_the_frontends_ports(void **state)
{
	struct addr vip = packet_addr("192.0.2.100");
	struct addr own = packet_addr("198.51.100.1"), same = packet_addr("198.51.100.2");

	(void)state;
	for (int order = 0; order < 2; order++) {
		struct world *w = world_new();
		unsigned service = add_service(w, IPPROTO_TCP);

		add_server(w, order ? same : own, order ? 0 : 8080);
		add_server(w, order ? own : same, order ? 8080 : 0);
		add_frontend(w, vip, service, 80, 81);
		world_build(w);
		assert_true(dp_services_has_endpoint(w->part, &own, IPPROTO_TCP, htons(8080)));
		assert_false(dp_services_has_endpoint(w->part, &own, IPPROTO_TCP, htons(80)));
		assert_false(dp_services_has_endpoint(w->part, &own, IPPROTO_UDP, htons(8080)));
		assert_true(dp_services_has_endpoint(w->part, &same, IPPROTO_TCP, htons(80)));
		assert_true(dp_services_has_endpoint(w->part, &same, IPPROTO_TCP, htons(81)));
		assert_false(dp_services_has_endpoint(w->part, &same, IPPROTO_TCP, htons(79)));
		assert_false(dp_services_has_endpoint(w->part, &same, IPPROTO_TCP, htons(82)));
		assert_false(dp_services_has_endpoint(w->part, &same, IPPROTO_UDP, htons(80)));
		assert_true(dp_services_has_server(w->part, &own));
		assert_true(dp_services_has_server(w->part, &same));
		assert_false(dp_services_has_server(w->part, &vip));
		world_free(w);
	}
}

static void services_servers_and_timeouts_are_taken_over(void **state)
{
	struct world *w = world_new();
	struct addr a = packet_addr("198.51.100.1");

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		unsigned id = add_service(w, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);

		w->services[id].timeouts.established_ms = 100 + i % 3;
		w->services[id].on_no_server = i % 2 ? CONF_REACT_DROP : CONF_REACT_RESET;
		for (unsigned s = 0; s <= i % 4; s++)
			add_server(w, a, (uint16_t)(1000 * i + s));
	}
	world_build(w);
	assert_int_equal(w->part->n_timeouts, 3); // equal rows once
	for (unsigned i = 0; i < 10; i++) {
		const struct dp_service *svc = &w->part->services[i];

		assert_int_equal(svc->n_servers, i % 4 + 1);
		assert_int_equal(svc->protocol, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);
		assert_int_equal(svc->on_no_server, i % 2 ? CONF_REACT_DROP : CONF_REACT_RESET);
		for (unsigned s = 0; s < svc->n_servers; s++) {
			const struct dp_server *server = &w->part->servers[svc->first_server + s];

			assert_int_equal(server->service, i);
			assert_int_equal(ntohs(server->port), 1000 * i + s);
			assert_int_equal(w->part->timeouts[server->timeouts].ms[DP_L4_ESTABLISHED],
				100 + i % 3);
		}
	}
	world_free(w);
}

static struct addr numbered(struct seeded *random, const char *v4, const char *v6, unsigned n)
{
	bool is_v4 = seeded_below(random, 2);
	struct addr a = packet_addr(is_v4 ? v4 : v6);

	a.bytes[15] = (uint8_t)n;
	a.bytes[14] = (uint8_t)(n >> 8);
	return a;
}

static void fill_at_random(struct world *w, struct seeded *random, unsigned n_services)
{
	for (unsigned i = 0; i < n_services; i++) {
		unsigned id = add_service(w, seeded_below(random, 2) ? IPPROTO_TCP : IPPROTO_UDP);
		unsigned n_ways = 1 + seeded_below(random, 2);

		for (unsigned k = 0; k < 4; k++)
			add_server(w,
				numbered(random, "198.51.100.0",
					"2001:db8:5::", seeded_below(random, 600)),
				seeded_below(random, 3) ? (uint16_t)seeded_below(random, 2000) : 0);
		for (unsigned k = 0; k < n_ways; k++) {
			struct addr vip = numbered(
				random, "192.0.2.0", "2001:db8::", seeded_below(random, 300));
			// ranges of eight ports each that never overlap
			uint16_t first = (uint16_t)(8 * seeded_below(random, 100));
			uint16_t last = (uint16_t)(first + seeded_below(random, 8));

			if (model_find(w, &vip, w->services[id].protocol, first) == DP_NO_ID)
				add_frontend(w, vip, id, first, last);
		}
	}
	for (unsigned i = 0; i < 50; i++)
		w->vips[w->set.n_vips++].address =
			numbered(random, "192.0.2.0", "2001:db8::", seeded_below(random, 400));
}

static void a_thousand_services_are_found_like_in_a_list(void **state)
{
	struct seeded random = seeded_new(__func__);
	struct world *w = world_new();

	(void)state;
	fill_at_random(w, &random, MAX_SERVICES);
	world_build(w);
	for (unsigned i = 0; i < 40000; i++) {
		struct addr vip =
			numbered(&random, "192.0.2.0", "2001:db8::", seeded_below(&random, 400));
		struct addr server = numbered(
			&random, "198.51.100.0", "2001:db8:5::", seeded_below(&random, 620));
		uint8_t protocol = seeded_below(&random, 2) ? IPPROTO_TCP : IPPROTO_UDP;
		uint16_t port = (uint16_t)seeded_below(&random, 820);

		assert_int_equal(
			dp_services_find_vip(w->part, &vip) != NULL, model_is_vip(w, &vip));
		assert_int_equal(
			look_up(w, vip, protocol, port), model_find(w, &vip, protocol, port));
		assert_int_equal(
			dp_services_has_server(w->part, &server), model_has_server(w, &server));
		if (i % 8 == 0)
			assert_int_equal(
				dp_services_has_endpoint(w->part, &server, protocol, htons(port)),
				model_has_endpoint(w, &server, protocol, port));
	}
	world_free(w);
}

/* Addresses that differ in their last bytes only, as a site's do, must not share a home slot:
 * the longest row of taken slots stays short. */
static void neighbouring_addresses_spread_over_the_table(void **state)
{
	(void)state;
	for (int family = 0; family < 2; family++) {
		struct world *w = world_new();
		unsigned row = 0, longest = 0;

		for (unsigned i = 0; i < 500; i++) {
			struct addr *a = &w->vips[w->set.n_vips++].address;

			*a = packet_addr(family ? "2001:db8::1:0:0" : "192.0.0.1");
			a->bytes[15] = (uint8_t)i;
			a->bytes[14] = (uint8_t)(i >> 8);
		}
		world_build(w);
		for (uint32_t i = 0; i <= w->part->vip_mask; i++) {
			row = addr_is_unspecified(&w->part->vips[i].address) ? 0 : row + 1;
			longest = row > longest ? row : longest;
		}
		assert_true(longest < 16);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_configured_finds_nothing),
		cmocka_unit_test(a_range_ends_at_its_edges),
		cmocka_unit_test(a_vip_without_services_is_known_and_leads_nowhere),
		cmocka_unit_test(servers_on_the_packets_port_answer_from_the_frontends_ports),
		cmocka_unit_test(services_servers_and_timeouts_are_taken_over),
		cmocka_unit_test(a_thousand_services_are_found_like_in_a_list),
		cmocka_unit_test(neighbouring_addresses_spread_over_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
