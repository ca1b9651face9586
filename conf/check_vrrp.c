/* Rules about VRRP: names and virtual routers used once, each address in one instance, and every
 * address of a VIP in one as soon as there are any. Reads the model only.
 *
 * All addresses of instances and VIPs stand in one sorted array: what has the same address stands
 * together, the VIP before the instances. */
#include "conf/check.h"

#include "base/arena.h"
#include "base/diag.h"
#include "conf/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* An instance, with its group. */
struct router {
	const struct conf_vrrp_group *group;
	const struct conf_vrrp_instance *instance;
};

struct use {
	struct addr address;
	unsigned order;              // VIPs first, then as in the files
	const struct conf_vip *vip;  // or
	const struct router *router; // the one of them
};

struct work {
	const struct conf *conf;
	struct diag *diag;
	struct router *routers;
	unsigned n_routers;
	struct use *uses;
	unsigned n_uses;
};

__attribute__((format(printf, 3, 4))) static void note(
	const struct work *w, const struct conf_place *place, const char *format, ...)
{
	struct diag_place where = {.file = place->file, .line = place->line};
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(w->diag, DIAG_NOTE, &where, "%s", text);
}

__attribute__((format(printf, 3, 4))) static void tell(
	const struct work *w, const struct router *r, const char *format, ...)
{
	const struct conf_place *place = &r->instance->place;
	struct diag_place where = {.file = place->file, .line = place->line};
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(w->diag, DIAG_ERROR, &where, "vrrp.groups.%s.instances.%s: %s", r->group->name,
		r->instance->name, text);
}

static void note_router(const struct work *w, const struct router *r)
{
	note(w, &r->instance->place, "by instance \"%s\" of group \"%s\"", r->instance->name,
		r->group->name);
}

/* ---- collecting --------------------------------------------------------------------------- */

static int collect_routers(struct work *w, struct arena *scratch)
{
	const struct conf_vrrp *vrrp = &w->conf->vrrp;
	unsigned n = 0;

	for (unsigned g = 0; g < vrrp->n_groups; g++)
		n += vrrp->groups[g].n_instances;
	w->routers = arena_alloc(scratch, n, sizeof(*w->routers));
	if (!w->routers)
		return -ENOMEM;
	for (unsigned g = 0; g < vrrp->n_groups; g++)
		for (unsigned i = 0; i < vrrp->groups[g].n_instances; i++)
			w->routers[w->n_routers++] =
				(struct router){&vrrp->groups[g], &vrrp->groups[g].instances[i]};
	return 0;
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *left = a, *right = b;
	int order = addr_compare(&left->address, &right->address);

	return order ? order : (left->order > right->order) - (left->order < right->order);
}

static int collect_uses(struct work *w, struct arena *scratch)
{
	const struct conf *conf = w->conf;
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_vips; i++)
		n += conf->vips[i].n_addresses;
	for (unsigned i = 0; i < w->n_routers; i++)
		n += w->routers[i].instance->n_addresses;
	w->uses = arena_alloc(scratch, n, sizeof(*w->uses));
	if (!w->uses)
		return -ENOMEM;
	for (unsigned i = 0; i < conf->n_vips; i++)
		for (unsigned k = 0; k < conf->vips[i].n_addresses; k++, w->n_uses++)
			w->uses[w->n_uses] = (struct use){.address = conf->vips[i].addresses[k],
				.order = w->n_uses,
				.vip = &conf->vips[i]};
	for (unsigned i = 0; i < w->n_routers; i++)
		for (unsigned k = 0; k < w->routers[i].instance->n_addresses; k++, w->n_uses++)
			w->uses[w->n_uses] =
				(struct use){.address = w->routers[i].instance->addresses[k],
					.order = w->n_uses,
					.router = &w->routers[i]};
	qsort(w->uses, w->n_uses, sizeof(*w->uses), compare_uses);
	return 0;
}

/* ---- names and virtual routers ----------------------------------------------------------------
 */

static bool is_same_router(const struct conf_vrrp_instance *a, const struct conf_vrrp_instance *b)
{
	return a->interface && a->interface == b->interface && a->vrid != 0 && a->vrid == b->vrid &&
	       a->family == b->family;
}

static void check_router(const struct work *w, const struct router *later)
{
	const struct conf_vrrp_instance *in = later->instance;
	bool has_name = false, has_vrid = false;

	for (const struct router *first = w->routers; first < later; first++) {
		if (!has_name && strcmp(first->instance->name, in->name) == 0) {
			has_name = true;
			tell(w, later, "the name \"%s\" is already used", in->name);
			note_router(w, first);
		}
		if (!has_vrid && is_same_router(first->instance, in)) {
			has_vrid = true;
			tell(w, later, "VRID %u of %s is already used on interface \"%s\"",
				in->vrid, in->family == CONF_V4 ? "IPv4" : "IPv6",
				in->interface->name);
			note_router(w, first);
		}
	}
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* A link-local address is one of its link's: instances that move together may share it. */
static bool may_share(const struct use *a, const struct use *b)
{
	return addr_is_link_local(&a->address) && !addr_is_v4(&a->address) &&
	       a->router->group == b->router->group &&
	       a->router->instance->interface != b->router->instance->interface;
}

/* `use` is of an instance; all before it from `first` on have the same address. */
static void check_shared(const struct work *w, const struct use *first, const struct use *use)
{
	char text[ADDR_STR_LEN];

	for (const struct use *u = first; u < use; u++) {
		// Twice in one list was told by bind_vrrp.c.
		if (!u->router || u->router == use->router || may_share(u, use))
			continue;
		tell(w, use->router, "address %s is already used",
			addr_format(&use->address, text));
		note_router(w, u->router);
		return;
	}
}

static void check_listed(const struct work *w, const struct use *first, const struct use *use)
{
	char text[ADDR_STR_LEN];

	if (!first->vip || use->router->instance->vip)
		return;
	tell(w, use->router, "address %s is a VIP's: give vip instead of addresses",
		addr_format(&use->address, text));
	note(w, &first->vip->place, "of vip \"%s\"", first->vip->name);
}

static void check_uncovered(const struct work *w, const struct use *use)
{
	struct diag_place where = {.file = use->vip->place.file, .line = use->vip->place.line};
	char text[ADDR_STR_LEN];

	diag_add(w->diag, DIAG_ERROR, &where,
		"vips.%s: address %s is in no VRRP instance, so that every node would answer for "
		"it",
		use->vip->name, addr_format(&use->address, text));
}

/* An instance without addresses was told to be wrong: what it was meant to have is not known. */
static bool is_complete(const struct work *w)
{
	for (unsigned i = 0; i < w->n_routers; i++)
		if (w->routers[i].instance->n_addresses == 0)
			return false;
	return w->n_routers > 0;
}

static void check_uses(const struct work *w)
{
	bool must_cover = is_complete(w);
	const struct use *end = w->uses + w->n_uses;

	for (const struct use *first = w->uses, *u; first < end; first = u) {
		for (u = first; u < end && addr_equal(&u->address, &first->address); u++) {
			if (!u->router)
				continue;
			check_shared(w, first, u);
			check_listed(w, first, u);
		}
		if (must_cover && first->vip && !u[-1].router)
			check_uncovered(w, first);
	}
}

/* Its life is the lease's, an own address lives as long as the TAP. */
static void check_own(const struct work *w, const struct conf_interface *i)
{
	char text[ADDR_STR_LEN];

	for (unsigned k = 0; k < i->n_addresses; k++) {
		const struct addr *own = &i->addresses[k].addr;
		const struct use *end = w->uses + w->n_uses;

		for (const struct use *u = w->uses; u < end; u++) {
			// A VIP's is told by check_interface.c.
			if (!addr_equal(&u->address, own) || !u->router || u->router->instance->vip)
				continue;
			tell(w, u->router, "address %s is interface \"%s\"'s own",
				addr_format(&u->address, text), i->name);
		}
	}
}

static void check_groups(const struct work *w)
{
	const struct conf_vrrp *vrrp = &w->conf->vrrp;

	for (unsigned g = 0; g < vrrp->n_groups; g++) {
		const struct conf_vrrp_group *group = &vrrp->groups[g];
		struct diag_place where = {group->place.file, group->place.line, NULL};

		if (group->n_instances == 0)
			diag_add(w->diag, DIAG_ERROR, &where, "vrrp.groups.%s: no instances",
				group->name);
	}
}

int conf_check_vrrp(const struct conf *conf, struct arena *scratch, struct diag *diag)
{
	struct work w = {.conf = conf, .diag = diag};

	if (collect_routers(&w, scratch) < 0 || collect_uses(&w, scratch) < 0)
		return -ENOMEM;
	check_groups(&w);
	for (unsigned i = 0; i < w.n_routers; i++)
		check_router(&w, &w.routers[i]);
	check_uses(&w);
	for (unsigned i = 0; i < conf->n_interfaces; i++)
		check_own(&w, &conf->interfaces[i]);
	return 0;
}
