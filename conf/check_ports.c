/* Each (VIP address, protocol, port) leads to one service.
 *
 * An address belongs to one VIP (check.c tells if not), so ranges are compared by VIP: sorted by
 * their first port, each against the one that reaches furthest so far. */
#include "base/arena.h"
#include "base/diag.h"
#include "conf/check.h"
#include "conf/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One range of one service in one protocol. */
struct claim {
	const struct conf_service *service;
	enum conf_protocol protocol;
	struct conf_port_range ports;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;
	const struct conf_vip *left_vip = left->service->vip, *right_vip = right->service->vip;

	if (left_vip != right_vip)
		return left_vip < right_vip ? -1 : 1;
	if (left->protocol != right->protocol)
		return left->protocol < right->protocol ? -1 : 1;
	if (left->ports.first != right->ports.first)
		return left->ports.first < right->ports.first ? -1 : 1;
	return (left->service > right->service) - (left->service < right->service);
}

static unsigned add_claims(struct claim *claims, const struct conf_service *service)
{
	static const enum conf_protocol protocols[] = {CONF_PROTO_TCP, CONF_PROTO_UDP};
	unsigned n = 0;

	for (unsigned p = 0; p < 2; p++) {
		if (!(protocols[p] == CONF_PROTO_TCP ? service->has_tcp : service->has_udp))
			continue;
		for (unsigned i = 0; i < service->n_ports; i++)
			claims[n++] = (struct claim){
				.service = service,
				.protocol = protocols[p],
				.ports = service->ports[i],
			};
	}
	return n;
}

static char *format_ports(uint16_t first, uint16_t last, char *buf, size_t size)
{
	if (first == last)
		(void)snprintf(buf, size, "port %u", first);
	else
		(void)snprintf(buf, size, "ports %u-%u", first, last);
	return buf;
}

/* `one` begins before `other` or with it, and they overlap. The later service in the files is
 * told, unless it was already: it may clash in both protocols and in many ports. */
static void tell_clash(
	const struct claim *one, const struct claim *other, bool *is_told, struct diag *diag)
{
	const struct conf_service *earlier = one->service, *later = other->service;
	uint16_t last = one->ports.last < other->ports.last ? one->ports.last : other->ports.last;
	const char *is = other->ports.first == last ? "is" : "are";
	char ports[32], address[ADDR_STR_LEN];
	struct diag_place where, note;

	if (earlier > later) {
		earlier = other->service;
		later = one->service;
	}
	if (*is_told || later->vip->n_addresses == 0)
		return;
	*is_told = true;
	where = (struct diag_place){.file = later->place.file, .line = later->place.line};
	note = (struct diag_place){.file = earlier->place.file, .line = earlier->place.line};
	(void)format_ports(other->ports.first, last, ports, sizeof(ports));
	if (earlier == later) {
		diag_add(diag, DIAG_ERROR, &where, "services.%s: %s %s there twice", later->name,
			ports, is);
		return;
	}
	diag_add(diag, DIAG_ERROR, &where, "services.%s: %s of %s/%s %s already used", later->name,
		ports, addr_format(&later->vip->addresses[0], address),
		one->protocol == CONF_PROTO_TCP ? "tcp" : "udp", is);
	diag_add(diag, DIAG_NOTE, &note, "by service \"%s\"", earlier->name);
}

static bool is_apart(const struct claim *furthest, const struct claim *c)
{
	return furthest->service->vip != c->service->vip || furthest->protocol != c->protocol ||
	       furthest->ports.last < c->ports.first;
}

int conf_check_ports(const struct conf *conf, struct arena *scratch, struct diag *diag)
{
	bool *is_told = arena_alloc(scratch, conf->n_services, sizeof(*is_told));
	const struct claim *furthest = NULL;
	struct claim *claims;
	size_t n_claims = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_services; i++)
		n_claims += 2 * (size_t)conf->services[i].n_ports;
	claims = arena_alloc(scratch, n_claims, sizeof(*claims));
	if (!claims || !is_told)
		return -ENOMEM;
	for (unsigned i = 0; i < conf->n_services; i++)
		if (conf->services[i].vip)
			n += add_claims(claims + n, &conf->services[i]);
	qsort(claims, n, sizeof(*claims), compare_claims);

	for (unsigned i = 0; i < n; i++) {
		const struct claim *c = &claims[i];

		if (furthest && !is_apart(furthest, c)) {
			const struct conf_service *later =
				c->service > furthest->service ? c->service : furthest->service;

			tell_clash(furthest, c, &is_told[later - conf->services], diag);
			if (c->ports.last <= furthest->ports.last)
				continue;
		}
		furthest = c;
	}
	return 0;
}
