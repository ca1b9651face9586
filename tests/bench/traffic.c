/* Connections by number, and the steady pattern: clients, services and the order of packets are
 * random but seeded. A packet names its connection by its id; what came out is compared with what
 * the catalog says, and with the server that the first packet of the connection was given. */
#include "tests/bench/traffic.h"

#include "tests/bench/catalog.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TCP_SYN = 0x02, TCP_PSH_ACK = 0x18, TCP_SYN_ACK = 0x12, TCP_ACK = 0x10 };
enum { PERCENT_TCP = 70, TTL_AFTER = 63 };

struct traffic_conn traffic_new_conn(struct traffic *t, uint8_t protocol)
{
	uint64_t x = random_next(&t->random);
	bool is_tcp = protocol ? protocol == IPPROTO_TCP : x % 100 < PERCENT_TCP;

	while (!catalog_is_client(t->family, t->next_client))
		t->next_client++;
	return (struct traffic_conn){
		.client = t->next_client++,
		.service = (uint16_t)catalog_pick(
			is_tcp ? IPPROTO_TCP : IPPROTO_UDP, (uint32_t)(x >> 40)),
		.server = TRAFFIC_NO_SERVER,
	};
}

bool traffic_is_tcp(const struct traffic_conn *c)
{
	return catalog_service(4, c->service).protocol == IPPROTO_TCP;
}

struct frame_flow traffic_flow(const struct traffic *t, const struct traffic_conn *c)
{
	struct catalog_service s = catalog_service(t->family, c->service);
	struct frame_flow f = {
		.client = catalog_client(t->family, c->client),
		.vip = s.vip,
		.client_port = htons((uint16_t)(1024 + c->client * 2654435761u % 64000)),
		.vip_port = htons(s.port),
		.family = (uint8_t)t->family,
		.protocol = s.protocol,
	};

	if (c->server != TRAFFIC_NO_SERVER) {
		f.server = catalog_server(t->family, c->server);
		f.server_port = htons(catalog_server_port(c->server));
	}
	return f;
}

void traffic_spec(const struct traffic *t, const struct frame_flow *f, uint32_t id,
	uint8_t tcp_flags, struct frame_spec *ret)
{
	uint16_t least = frame_min_len(t->family, f->protocol);

	*ret = (struct frame_spec){
		.id = id,
		.is_out = (id & TRAFFIC_OUT) != 0,
		.tcp_flags = tcp_flags,
		.frame_len = t->frame_len > least ? t->frame_len : least,
	};
}

/* Which of the service's servers has this address and port? */
static bool learn_server(
	const struct traffic *t, struct traffic_conn *c, const struct frame_read *r)
{
	for (unsigned i = 0; i < CATALOG_SERVERS_EACH; i++) {
		unsigned server = c->service * CATALOG_SERVERS_EACH + i;
		struct addr a = catalog_server(t->family, server);

		if (addr_equal(&a, &r->dst) && ntohs(r->dst_port) == catalog_server_port(server)) {
			c->server = (uint16_t)server;
			return true;
		}
	}
	return false;
}

const char *traffic_judge(
	const struct traffic *t, struct traffic_conn *c, const struct frame_read *r)
{
	bool is_out = (r->id & TRAFFIC_OUT) != 0;
	struct frame_flow f;
	uint8_t mac[6];

	if (!is_out && c->server == TRAFFIC_NO_SERVER && !learn_server(t, c, r))
		return "not to a server of the service";
	if (c->server == TRAFFIC_NO_SERVER)
		return "an answer of a server that nobody chose";
	f = traffic_flow(t, c);
	if (r->protocol != f.protocol)
		return "wrong protocol";
	if (!addr_equal(&r->src, is_out ? &f.vip : &f.client) ||
		r->src_port != (is_out ? f.vip_port : f.client_port))
		return "wrong source";
	if (!addr_equal(&r->dst, is_out ? &f.client : &f.server) ||
		r->dst_port != (is_out ? f.client_port : f.server_port))
		return "wrong destination";
	if (r->ttl != TTL_AFTER)
		return "wrong TTL";
	catalog_server_mac(t->family, c->server, mac);
	if (memcmp(r->mac_to, is_out ? catalog_gateway_mac : mac, 6) != 0)
		return "wrong next hop";
	return memcmp(r->mac_from, catalog_port_mac, 6) == 0 ? NULL : "wrong source MAC";
}

/* ---- steady ------------------------------------------------------------------------------- */

/* id: a connection, and TRAFFIC_OUT or not. */
static void steady_packet(struct steady *s, uint32_t id, uint8_t tcp_flags,
	struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	*ret_flow = traffic_flow(&s->t, &s->conns[id & ~(uint32_t)TRAFFIC_OUT]);
	traffic_spec(&s->t, ret_flow, id, tcp_flags, ret_spec);
}

/* Zipf with exponent 1, by the inverse of its continuous form: rank r with density 1/r. */
static uint32_t zipf_rank(struct steady *s)
{
	double u = (double)(random_next(&s->t.random) >> 11) * 0x1p-53;
	double rank = exp(u * s->log_n) - 1;

	return rank < s->n ? (uint32_t)rank : s->n - 1;
}

static void steady_next(struct traffic *t, struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	struct steady *s = (struct steady *)t;
	uint32_t i = s->mode == STEADY_ZIPF ? zipf_rank(s) : random_below(&t->random, s->n);
	bool is_out = random_next(&t->random) >> 63;

	if (s->mode == STEADY_IN || s->mode == STEADY_OUT)
		is_out = s->mode == STEADY_OUT;
	steady_packet(s, i | (is_out ? TRAFFIC_OUT : 0), TCP_PSH_ACK, ret_flow, ret_spec);
}

static const char *steady_judge(struct traffic *t, const struct frame_read *r)
{
	struct steady *s = (struct steady *)t;
	uint32_t i = r->id & ~(uint32_t)TRAFFIC_OUT;

	return i < s->n ? traffic_judge(t, &s->conns[i], r) : "unknown id";
}

/* The handshake, one stage after the other of a group; UDP has no third packet. */
static void opening_next(
	struct traffic *t, struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	static const uint8_t flags[] = {TCP_SYN, TCP_SYN_ACK, TCP_ACK};
	struct steady *s = (struct steady *)t;
	uint32_t out = s->stage == 2 ? TRAFFIC_OUT : 0;

	while (s->stage == 3 && !traffic_is_tcp(&s->conns[s->at]))
		s->at++;
	steady_packet(s, s->at++ | out, flags[s->stage - 1], ret_flow, ret_spec);
}

struct steady *steady_new(unsigned family, uint32_t n, uint64_t seed)
{
	struct steady *s = calloc(1, sizeof(*s));

	if (s)
		s->conns = malloc((size_t)n * sizeof(*s->conns));
	if (!s || !s->conns) {
		(void)fprintf(stderr, "bench: no memory for %u connections\n", n);
		exit(1);
	}
	s->t.family = family;
	s->t.random = random_seeded(seed);
	s->t.next = opening_next;
	s->t.judge = steady_judge;
	s->n = n;
	s->log_n = log((double)n + 1);
	for (uint32_t i = 0; i < n; i++)
		s->conns[i] = traffic_new_conn(&s->t, 0);
	return s;
}

void steady_free(struct steady *s)
{
	free(s->conns);
	free(s);
}

uint32_t steady_opening(struct steady *s, uint32_t group)
{
	uint32_t n_tcp = 0, end;

	if (s->stage == 3) {
		s->stage = 0;
		s->group_at += group;
	}
	if (s->group_at >= s->n)
		return 0;
	s->at = s->group_at;
	s->stage++;
	end = s->n - s->at < group ? s->n : s->at + group;
	if (s->stage < 3)
		return end - s->at;
	for (uint32_t i = s->at; i < end; i++)
		n_tcp += traffic_is_tcp(&s->conns[i]);
	return n_tcp ? n_tcp : steady_opening(s, group);
}

void steady_begin(struct steady *s, enum steady_mode mode, uint16_t frame_len)
{
	s->t.next = steady_next;
	s->t.frame_len = frame_len;
	s->mode = mode;
}
