/* Pools, servers and services to the model: who serves what, and in which family. */
#include "base/arena.h"
#include "base/diag.h"
#include "conf/bind.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static uint32_t milliseconds(
	struct conf_binding *b, const struct conf_object *object, enum conf_key_id key)
{
	return (uint32_t)(conf_tree_number(b->tree, object, key, 0) / 1000);
}

static int bind_servers(struct conf_binding *b, struct conf_object *o, struct conf_pool *pool)
{
	const struct conf_objects *all = &o->members[CONF_IN_SERVER];
	struct conf_server *servers = arena_alloc(b->arena, all->n, sizeof(*servers));
	unsigned n = 0;
	int err = 0;

	if (!servers)
		return -ENOMEM;
	for (struct conf_object *so = all->first; so; so = so->next) {
		struct conf_server *s = &servers[n];

		s->name = conf_bind_text(b, so->name, &err);
		s->place = so->place;
		s->index = n++;
		s->port = (uint16_t)conf_tree_number(b->tree, so, CONF_KEY_SERVER_PORT, 0);
		s->weight = (uint16_t)conf_tree_number(b->tree, so, CONF_KEY_SERVER_WEIGHT, 0);
		conf_bind_addresses(b, conf_tree_get(b->tree, so, CONF_KEY_SERVER_ADDRESS),
			s->address, s->has_family);
		so->bound = s;
	}
	pool->servers = servers;
	pool->n_servers = n;
	return err;
}

static void bind_timeouts(
	struct conf_binding *b, const struct conf_object *o, struct conf_timeouts *t)
{
	t->syn_received_ms = milliseconds(b, o, CONF_KEY_POOL_SYN_RECEIVED);
	t->established_ms = milliseconds(b, o, CONF_KEY_POOL_ESTABLISHED);
	t->fin_wait_ms = milliseconds(b, o, CONF_KEY_POOL_FIN_WAIT);
	t->time_wait_ms = milliseconds(b, o, CONF_KEY_POOL_TIME_WAIT);
	t->close_ms = milliseconds(b, o, CONF_KEY_POOL_CLOSE);
	t->last_ack_ms = milliseconds(b, o, CONF_KEY_POOL_LAST_ACK);
	t->udp_ms = milliseconds(b, o, CONF_KEY_POOL_UDP);
	t->udp_unanswered_ms = milliseconds(b, o, CONF_KEY_POOL_UDP_UNANSWERED);
}

/* A quorum that all servers together do not reach may be meant for weights to come. */
static void check_quorum(
	struct conf_binding *b, struct conf_object *o, const struct conf_pool *pool)
{
	struct conf_value *quorum = conf_tree_get(b->tree, o, CONF_KEY_POOL_QUORUM);
	struct conf_value *hysteresis = conf_tree_get(b->tree, o, CONF_KEY_POOL_HYSTERESIS);
	const struct conf_value *written = hysteresis->place.file ? hysteresis : quorum;
	struct diag_place where = {.file = written->place.file, .line = written->place.line};
	unsigned sum = 0;

	if (pool->hysteresis >= pool->quorum) {
		conf_tree_refuse(b->tree, hysteresis, "%u is not less than the quorum (%u)",
			pool->hysteresis, pool->quorum);
		return;
	}
	for (unsigned i = 0; i < pool->n_servers; i++)
		sum += pool->servers[i].weight;
	if (where.file && pool->n_servers > 0 && pool->quorum + pool->hysteresis > sum)
		diag_add(b->tree->diag, DIAG_WARNING, &where,
			"%s.%s: the weights of all servers come to %u, so that the quorum is never "
			"got (%u)",
			o->path, written->key->name, sum, pool->quorum + pool->hysteresis);
}

static int bind_quorum(struct conf_binding *b, struct conf_object *o, struct conf_pool *pool)
{
	int err;

	pool->quorum = (unsigned)conf_tree_number(b->tree, o, CONF_KEY_POOL_QUORUM, 1);
	pool->hysteresis = (unsigned)conf_tree_number(b->tree, o, CONF_KEY_POOL_HYSTERESIS, 0);
	check_quorum(b, o, pool);
	err = conf_bind_command(b, &b->of_health,
		conf_tree_get(b->tree, o, CONF_KEY_POOL_QUORUM_UP), &pool->quorum_up,
		&pool->n_quorum_up);
	if (err == 0)
		err = conf_bind_command(b, &b->of_health,
			conf_tree_get(b->tree, o, CONF_KEY_POOL_QUORUM_DOWN), &pool->quorum_down,
			&pool->n_quorum_down);
	return err;
}

static int bind_pool(struct conf_binding *b, struct conf_object *o, struct conf_pool *pool)
{
	struct conf_tree *tree = b->tree;
	int err = 0;

	pool->name = conf_bind_text(b, o->name, &err);
	pool->place = o->place;
	pool->scheduler =
		(enum conf_scheduler)conf_tree_number(tree, o, CONF_KEY_POOL_SCHEDULER, 0);
	pool->forward = (enum conf_forward)conf_tree_number(tree, o, CONF_KEY_POOL_FORWARD, 0);
	pool->on_no_server =
		(enum conf_reaction)conf_tree_number(tree, o, CONF_KEY_POOL_ON_NO_SERVER, 0);
	pool->unknown_tcp =
		(enum conf_reaction)conf_tree_number(tree, o, CONF_KEY_POOL_UNKNOWN_TCP, 0);
	bind_timeouts(b, o, &pool->timeouts);
	o->bound = pool;
	if (err == 0)
		err = bind_servers(b, o, pool);
	return err < 0 ? err : bind_quorum(b, o, pool);
}

int conf_bind_pools(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_POOL];
	struct conf_pool *pools = arena_alloc(b->arena, all->n, sizeof(*pools));
	unsigned n = 0;
	int err = 0;

	if (!pools)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o && err == 0; o = o->next)
		err = bind_pool(b, o, &pools[n++]);
	b->conf->pools = pools;
	b->conf->n_pools = n;
	return err;
}

static void *refer(struct conf_binding *b, const struct conf_object *o, enum conf_key_id key)
{
	struct conf_value *value = conf_tree_get(b->tree, o, key);

	if (value->state != CONF_GOOD)
		return NULL;
	return conf_bind_reference(b, value, value->data[0].text, b->tree->root);
}

static void bind_protocols(
	struct conf_binding *b, const struct conf_object *o, struct conf_service *service)
{
	const struct conf_value *value = conf_tree_get(b->tree, o, CONF_KEY_SERVICE_PROTOCOL);

	for (unsigned i = 0; i < value->n; i++) {
		service->has_tcp |= value->data[i].number == CONF_PROTO_TCP;
		service->has_udp |= value->data[i].number == CONF_PROTO_UDP;
	}
}

static int bind_ports(
	struct conf_binding *b, const struct conf_object *o, struct conf_service *service)
{
	struct conf_value *value = conf_tree_get(b->tree, o, CONF_KEY_SERVICE_PORT);
	struct conf_value *to = conf_tree_get(b->tree, o, CONF_KEY_SERVICE_TO_PORT);
	struct conf_port_range *ports = arena_alloc(b->arena, value->n, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	for (unsigned i = 0; i < value->n; i++)
		ports[i] = (struct conf_port_range){
			(uint16_t)value->data[i].number, (uint16_t)value->data[i].last};
	service->ports = ports;
	service->n_ports = value->n;
	if (to->state != CONF_GOOD)
		return 0;
	service->to_port = (uint16_t)to->data[0].number;
	if (value->n > 1 || (value->n == 1 && ports[0].first != ports[0].last))
		conf_tree_refuse(b->tree, to, "only for a service with a single port");
	return 0;
}

static const struct conf_object *find_pool(struct conf_binding *b, const struct conf_pool *pool)
{
	return pool ? conf_tree_find(b->tree->root, CONF_IN_POOL, pool->name) : NULL;
}

/* Marks the chosen ones by their index; false if a name is wrong. */
static bool choose_named(struct conf_binding *b, struct conf_value *names,
	const struct conf_pool *pool, bool *chosen)
{
	for (unsigned i = 0; i < names->n; i++) {
		const char *name = names->data[i].text;
		const struct conf_server *s =
			conf_bind_reference(b, names, name, find_pool(b, pool));

		if (!s)
			return false;
		if (chosen[s->index])
			conf_tree_refuse(b->tree, names, "\"%s\" is there twice", name);
		chosen[s->index] = true;
	}
	return true;
}

static int bind_chosen(
	struct conf_binding *b, const struct conf_object *o, struct conf_service *service)
{
	struct conf_value *names = conf_tree_get(b->tree, o, CONF_KEY_SERVICE_SERVERS);
	const struct conf_pool *pool = service->pool;
	bool chosen[CONF_MAX_SERVERS_IN_POOL] = {false};
	const struct conf_server **servers;
	bool is_named = names->state == CONF_GOOD;

	if (!pool || (is_named && !choose_named(b, names, pool, chosen)))
		return 0;
	servers = arena_alloc(b->arena, pool->n_servers, sizeof(struct conf_server *));
	if (!servers)
		return -ENOMEM;
	for (unsigned i = 0; i < pool->n_servers; i++)
		if (!is_named || chosen[i])
			servers[service->n_servers++] = &pool->servers[i];
	service->servers = servers;
	return 0;
}

static void bind_families(struct conf_service *service)
{
	for (enum conf_family f = 0; f < CONF_N_FAMILIES; f++) {
		bool has_address = false, has_server = false;

		for (unsigned i = 0; service->vip && i < service->vip->n_addresses; i++)
			has_address |= addr_is_v4(&service->vip->addresses[i]) == (f == CONF_V4);
		for (unsigned i = 0; i < service->n_servers; i++)
			has_server |= service->servers[i]->has_family[f];
		service->has_family[f] = has_address && has_server;
	}
}

static int bind_service(struct conf_binding *b, struct conf_object *o, struct conf_service *service)
{
	int err = 0;

	service->name = conf_bind_text(b, o->name, &err);
	service->place = o->place;
	service->vip = refer(b, o, CONF_KEY_SERVICE_VIP);
	service->pool = refer(b, o, CONF_KEY_SERVICE_POOL);
	service->check = refer(b, o, CONF_KEY_SERVICE_CHECK);
	bind_protocols(b, o, service);
	if (err == 0)
		err = bind_ports(b, o, service);
	if (err == 0)
		err = bind_chosen(b, o, service);
	bind_families(service);
	o->bound = service;
	return err;
}

int conf_bind_services(struct conf_binding *b)
{
	const struct conf_objects *all = &b->tree->root->members[CONF_IN_SERVICE];
	struct conf_service *services = arena_alloc(b->arena, all->n, sizeof(*services));
	unsigned n = 0;
	int err = 0;

	if (!services)
		return -ENOMEM;
	for (struct conf_object *o = all->first; o && err == 0; o = o->next)
		err = bind_service(b, o, &services[n++]);
	b->conf->services = services;
	b->conf->n_services = n;
	return err;
}
