/* Rules between the parts of a configuration: addresses used once, halves of
 * services, checks that can be kept. Reads the model only; ports are check_ports.c's, VRRP is
 * check_vrrp.c's. */
#include "conf/check.h"

#include "base/arena.h"
#include "base/diag.h"
#include "conf/model.h"
#include "conf/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Backends that the data plane can number: one for each server of each half of a service. */
enum { MAX_BACKENDS = 65535 };

/* An address in use, and by whom. */
struct use {
	struct addr address;
	uint16_t port;
	unsigned order; // in the files
	const struct conf_vip *vip;
	const struct conf_server *server;
	const struct conf_pool *pool; // the server's
};

static struct diag_place at(const struct conf_place *place)
{
	return (struct diag_place){.file = place->file, .line = place->line};
}

__attribute__((format(printf, 4, 5))) static void tell(struct diag *diag, enum diag_level level,
	const struct conf_place *place, const char *format, ...)
{
	struct diag_place where = at(place);
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(diag, level, &where, "%s", text);
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *left = a, *right = b;
	int order = addr_compare(&left->address, &right->address);

	if (order == 0)
		order = (left->port > right->port) - (left->port < right->port);
	if (order == 0)
		order = (left->order > right->order) - (left->order < right->order);
	return order;
}

static int collect_vips(
	const struct conf *conf, struct arena *scratch, struct use **ret_uses, unsigned *ret_n)
{
	struct use *uses;
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_vips; i++)
		n += conf->vips[i].n_addresses;
	uses = arena_alloc(scratch, n, sizeof(*uses));
	if (!uses)
		return -ENOMEM;
	n = 0;
	for (unsigned i = 0; i < conf->n_vips; i++)
		for (unsigned j = 0; j < conf->vips[i].n_addresses; j++) {
			uses[n] = (struct use){.address = conf->vips[i].addresses[j],
				.order = n,
				.vip = &conf->vips[i]};
			n++;
		}
	qsort(uses, n, sizeof(*uses), compare_uses);
	*ret_uses = uses;
	*ret_n = n;
	return 0;
}

static void check_vips(const struct use *uses, unsigned n, struct diag *diag)
{
	char text[ADDR_STR_LEN];

	for (unsigned i = 1; i < n; i++) {
		const struct conf_vip *first = uses[i - 1].vip, *later = uses[i].vip;

		if (!addr_equal(&uses[i].address, &uses[i - 1].address))
			continue;
		tell(diag, DIAG_ERROR, &later->place, "vips.%s: address %s is already used",
			later->name, addr_format(&uses[i].address, text));
		tell(diag, DIAG_NOTE, &first->place, "by vip \"%s\"", first->name);
	}
}

/* A pool's servers, one use for each address. */
static int collect_servers(
	const struct conf_pool *pool, struct arena *scratch, struct use **ret_uses, unsigned *ret_n)
{
	struct use *uses = arena_alloc(scratch, 2 * (size_t)pool->n_servers, sizeof(*uses));
	unsigned n = 0;

	if (!uses)
		return -ENOMEM;
	for (unsigned i = 0; i < pool->n_servers; i++) {
		const struct conf_server *s = &pool->servers[i];

		for (enum conf_family f = 0; f < CONF_N_FAMILIES; f++) {
			if (!s->has_family[f])
				continue;
			uses[n++] = (struct use){.address = s->address[f],
				.port = s->port,
				.order = i,
				.server = s,
				.pool = pool};
		}
	}
	qsort(uses, n, sizeof(*uses), compare_uses);
	*ret_uses = uses;
	*ret_n = n;
	return 0;
}

static void check_server(const struct use *use, const struct use *before, struct diag *diag)
{
	const struct conf_server *s = use->server;
	char text[ADDR_STR_LEN], port[32] = "";

	if (!addr_equal(&use->address, &before->address) || use->port != before->port)
		return;
	if (use->port)
		(void)snprintf(port, sizeof(port), " with port %u", use->port);
	tell(diag, DIAG_ERROR, &s->place, "pools.%s.servers.%s: address %s%s is already used",
		use->pool->name, s->name, addr_format(&use->address, text), port);
	tell(diag, DIAG_NOTE, &before->server->place, "by server \"%s\"", before->server->name);
}

static int compare_address(const void *key, const void *use)
{
	return addr_compare(key, &((const struct use *)use)->address);
}

static void check_against_vips(
	const struct use *use, const struct use *vips, unsigned n_vips, struct diag *diag)
{
	const struct use *vip =
		bsearch(&use->address, vips, n_vips, sizeof(*vips), compare_address);
	char text[ADDR_STR_LEN];

	if (!vip)
		return;
	tell(diag, DIAG_ERROR, &use->server->place, "pools.%s.servers.%s: address %s is a VIP's",
		use->pool->name, use->server->name, addr_format(&use->address, text));
	tell(diag, DIAG_NOTE, &vip->vip->place, "of vip \"%s\"", vip->vip->name);
}

static int check_pools(const struct conf *conf, const struct use *vips, unsigned n_vips,
	struct arena *scratch, struct diag *diag)
{
	for (unsigned i = 0; i < conf->n_pools; i++) {
		const struct conf_pool *pool = &conf->pools[i];
		struct use *uses;
		unsigned n;

		if (pool->n_servers == 0)
			tell(diag, DIAG_ERROR, &pool->place, "pools.%s: no servers", pool->name);
		if (collect_servers(pool, scratch, &uses, &n) < 0)
			return -ENOMEM;
		for (unsigned j = 0; j < n; j++) {
			if (j > 0)
				check_server(&uses[j], &uses[j - 1], diag);
			check_against_vips(&uses[j], vips, n_vips, diag);
		}
	}
	return 0;
}

static void check_checks(const struct conf *conf, struct diag *diag)
{
	char timeout[CONF_VALUE_STR_LEN], interval[CONF_VALUE_STR_LEN];

	for (unsigned i = 0; i < conf->n_checks; i++) {
		const struct conf_check *c = &conf->checks[i];

		if (c->type == CONF_CHECK_NONE || c->timeout_ms <= c->interval_ms)
			continue;
		tell(diag, DIAG_ERROR, &c->place,
			"checks.%s: timeout (%s) is longer than interval (%s)", c->name,
			conf_value_format(CONF_DURATION, 1000LL * c->timeout_ms, timeout),
			conf_value_format(CONF_DURATION, 1000LL * c->interval_ms, interval));
	}
}

/* Families as a set of bits. */
static unsigned families_of_vip(const struct conf_vip *vip)
{
	unsigned set = 0;

	for (unsigned i = 0; i < vip->n_addresses; i++)
		set |= 1U << (addr_is_v4(&vip->addresses[i]) ? CONF_V4 : CONF_V6);
	return set;
}

/* 0 if one of them has none: its address was wrong, and nothing can be said about the rest. */
static unsigned families_of_servers(const struct conf_service *service)
{
	unsigned set = 0;

	for (unsigned i = 0; i < service->n_servers; i++) {
		const struct conf_server *s = service->servers[i];

		if (!s->has_family[CONF_V4] && !s->has_family[CONF_V6])
			return 0;
		set |= (unsigned)s->has_family[CONF_V4] << CONF_V4;
		set |= (unsigned)s->has_family[CONF_V6] << CONF_V6;
	}
	return set;
}

static void check_families(const struct conf_service *service, struct diag *diag)
{
	static const char *const words[CONF_N_FAMILIES] = {"IPv4", "IPv6"};
	const char *pool = service->pool ? service->pool->name : "";
	unsigned of_vip = service->vip ? families_of_vip(service->vip) : 0;
	unsigned of_servers = families_of_servers(service);
	bool is_v4_vip = of_vip & 1U << CONF_V4;

	if (of_vip == 0 || of_servers == 0)
		return;
	if ((of_vip & of_servers) == 0) {
		tell(diag, DIAG_ERROR, &service->place,
			"services.%s: vip \"%s\" has only %s addresses, its servers of pool \"%s\" "
			"have only %s ones",
			service->name, service->vip->name, words[is_v4_vip ? CONF_V4 : CONF_V6],
			pool, words[is_v4_vip ? CONF_V6 : CONF_V4]);
		return;
	}
	for (enum conf_family f = 0; f < CONF_N_FAMILIES; f++) {
		bool has_vip = of_vip & 1U << f, has_servers = of_servers & 1U << f;

		if (has_vip && !has_servers)
			tell(diag, DIAG_WARNING, &service->place,
				"services.%s: no %s half: its servers of pool \"%s\" have no %s "
				"address",
				service->name, words[f], pool, words[f]);
		if (has_servers && !has_vip)
			tell(diag, DIAG_WARNING, &service->place,
				"services.%s: no %s half: vip \"%s\" has no %s address",
				service->name, words[f], service->vip->name, words[f]);
	}
}

static void check_size(const struct conf *conf, struct diag *diag)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < conf->n_services; i++) {
		const struct conf_service *s = &conf->services[i];

		n += (uint64_t)s->n_servers * (unsigned)(s->has_tcp + s->has_udp) *
		     (unsigned)(s->has_family[CONF_V4] + s->has_family[CONF_V6]);
		if (n <= MAX_BACKENDS)
			continue;
		tell(diag, DIAG_ERROR, &s->place,
			"services.%s: with it the services have more than %d servers (each counts "
			"once for every service, protocol and family)",
			s->name, MAX_BACKENDS);
		return;
	}
}

int conf_check(const struct conf *conf, struct arena *scratch, struct diag *diag)
{
	struct use *vips;
	unsigned n_vips;
	int err = collect_vips(conf, scratch, &vips, &n_vips);

	if (err < 0)
		return err;
	conf_check_interfaces(conf, diag);
	check_vips(vips, n_vips, diag);
	err = check_pools(conf, vips, n_vips, scratch, diag);
	if (err < 0)
		return err;
	check_checks(conf, diag);
	for (unsigned i = 0; i < conf->n_services; i++)
		check_families(&conf->services[i], diag);
	check_size(conf, diag);
	err = conf_check_vrrp(conf, scratch, diag);
	return err < 0 ? err : conf_check_ports(conf, scratch, diag);
}
