/* The kernel sides of the ports: kernel interfaces as they are, and TAPs, which exist from the
 * data plane's start on and get their addresses and routes here.
 *
 * Addresses and routes are put on by netlink at the start, and again if somebody took them off
 * (`ip link set down` does); the TAPs go with the process, and with them what is on them. Routes
 * carry a protocol number of our own. */
#include "control/hostcheck.h"
#include "control/loop.h"
#include "control/netlink.h"

#include "base/diag.h"
#include "base/log.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

static const struct diag_place nowhere;

/* ---- before the data plane starts ---------------------------------------------------------- */

/* A netlink on the kernel interfaces that are there; NULL if there are none. `ret_ports`: by
 * interface, its number in it; -1: not there. */
static int open_present(const struct conf *conf, struct diag *diag, int *ret_ports,
	struct netlink **ret) ON_CONTROL;
static int open_present(
	const struct conf *conf, struct diag *diag, int *ret_ports, struct netlink **ret)
{
	const char *devices[CONF_MAX_INTERFACES];
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_interfaces; i++) {
		const struct conf_interface *interface = &conf->interfaces[i];
		bool is_there = interface->kind == CONF_DEVICE_KERNEL &&
				if_nametoindex(interface->device) != 0;

		ret_ports[i] = is_there ? (int)n : -1;
		if (is_there)
			devices[n++] = interface->device;
	}
	*ret = NULL;
	return n > 0 ? nl_open(devices, n, diag, ret) : 0;
}

int ctl_ports_check(const struct conf *conf, struct diag *diag)
{
	int ports[CONF_MAX_INTERFACES];
	struct netlink *nl = NULL;
	int r = dp_check_free(conf, diag);

	if (r == 0)
		r = open_present(conf, diag, ports, &nl);
	if (r < 0 || !nl)
		return r;
	r = ctl_ownership_check(nl, conf, ports, diag);
	nl_close(nl);
	return r;
}

int ctl_ports_clear(const struct conf *conf, struct diag *diag)
{
	int ports[CONF_MAX_INTERFACES];
	struct netlink *nl = NULL;
	int r = open_present(conf, diag, ports, &nl);

	if (r < 0 || !nl)
		return r;
	ctl_ownership_clear(nl, conf, ports);
	nl_close(nl);
	return 0;
}

/* ---- after it ------------------------------------------------------------------------------ */

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int add_addresses(
	struct netlink *nl, const struct conf_interface *i, struct diag *diag) ON_CONTROL;
static int add_route(struct netlink *nl, const struct conf *conf, unsigned route,
	enum conf_family family, struct diag *diag) ON_CONTROL;
static int furnish_taps(struct ctl *ctl, struct diag *diag) ON_CONTROL;
static void restore_addresses(struct netlink *nl, const struct conf_interface *i) ON_CONTROL;
static bool has_route(const struct netlink *nl, const struct prefix *to) ON_CONTROL;
static void restore_route(
	struct ctl *ctl, const struct conf_route *route, enum conf_family family) ON_CONTROL;

static int add_addresses(struct netlink *nl, const struct conf_interface *i, struct diag *diag)
{
	char text[ADDR_STR_LEN];

	for (unsigned k = 0; k < i->n_addresses; k++) {
		const struct conf_host_address *a = &i->addresses[k];
		int r = nl_add_address(nl, i->index, &a->addr, a->length_bits);

		if (r == 0)
			continue;
		diag_add(diag, DIAG_ERROR, &nowhere,
			"interfaces.%s: cannot put address %s on its TAP: %s", i->name,
			addr_format(&a->addr, text), strerror(-r));
		return r;
	}
	return 0;
}

static struct prefix destination(const struct conf_route *route, enum conf_family family)
{
	if (!route->is_default)
		return route->to;
	// 0.0.0.0/0 in the 128-bit form, or ::/0
	return family == CONF_V4 ? (struct prefix){addr_from_v4(0), 96} : (struct prefix){0};
}

static int add_route(struct netlink *nl, const struct conf *conf, unsigned route,
	enum conf_family family, struct diag *diag)
{
	const struct conf_route *route_conf = &conf->routes[route];
	const struct addr *via = &route_conf->via[family];
	struct prefix to = destination(route_conf, family);
	char text[PREFIX_STR_LEN];
	int r;

	r = nl_add_route(nl, route_conf->interface->index, &to, via);
	if (r < 0)
		diag_add(diag, DIAG_ERROR, &nowhere,
			"routes[%u]: cannot add %s via interface \"%s\": %s", route,
			prefix_format(&to, text), route_conf->interface->name,
			r == -EEXIST ? "there is another route to it" : strerror(-r));
	return r;
}

static int furnish_taps(struct ctl *ctl, struct diag *diag)
{
	const struct conf *conf = ctl->conf;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < conf->n_interfaces; i++) {
		if (conf->interfaces[i].kind == CONF_DEVICE_KERNEL)
			continue;
		r = add_addresses(ctl->nl, &conf->interfaces[i], diag);
		log_info("port %s: device=%s tap=%s", conf->interfaces[i].name,
			conf->interfaces[i].device, dp_port_device(ctl->dp, i));
	}
	for (unsigned i = 0; r == 0 && i < conf->n_routes; i++)
		for (enum conf_family f = 0; r == 0 && f < CONF_N_FAMILIES; f++)
			if (conf->routes[i].has_via[f])
				r = add_route(ctl->nl, conf, i, f, diag);
	return r;
}

static void take_nothing(void *arg, unsigned changes)
{
	(void)arg;
	(void)changes;
}

int ctl_ports_open(struct ctl *ctl, struct diag *diag)
{
	const char *devices[CONF_MAX_INTERFACES];
	unsigned n = ctl->conf->n_interfaces;
	int r;

	for (unsigned i = 0; i < n; i++)
		devices[i] = dp_port_device(ctl->dp, i);
	r = nl_open(devices, n, diag, &ctl->nl);
	if (r < 0)
		return r;
	ctl_hostcheck_sysctls(devices, n, diag);
	r = furnish_taps(ctl, diag);
	// what was just added, before the mirror is first handed on
	nl_read(ctl->nl, take_nothing, NULL);
	return r;
}

/* ---- while it runs ------------------------------------------------------------------------- */

/* A failure is not told: it was at the start, or the link is just going. */
static void restore_addresses(struct netlink *nl, const struct conf_interface *i)
{
	char text[ADDR_STR_LEN];

	for (unsigned k = 0; k < i->n_addresses; k++) {
		const struct conf_host_address *a = &i->addresses[k];

		if (nl_has_address(nl, i->index, &a->addr, a->length_bits))
			continue;
		if (nl_add_address(nl, i->index, &a->addr, a->length_bits) == 0)
			log_warn("interfaces.%s: %s had been taken off its TAP: put back", i->name,
				addr_format(&a->addr, text));
	}
}

/* Somebody else's to that prefix is one, too. The list is in the order of prefixes. */
static bool has_route(const struct netlink *nl, const struct prefix *to)
{
	const struct nl_route *routes;
	unsigned low = 0, high = nl_routes(nl, &routes);

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct prefix *its = &routes[middle].to;
		int r = addr_compare(&its->addr, &to->addr);

		if (r == 0)
			r = (int)its->length_bits - (int)to->length_bits;
		if (r == 0)
			return true;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void restore_route(struct ctl *ctl, const struct conf_route *route, enum conf_family family)
{
	struct prefix to = destination(route, family);
	char text[PREFIX_STR_LEN];

	if (!route->has_via[family] || !nl_link(ctl->nl, route->interface->index)->is_up ||
		has_route(ctl->nl, &to))
		return;
	if (nl_add_route(ctl->nl, route->interface->index, &to, &route->via[family]) == 0)
		log_warn("routes: the one to %s was gone: put back", prefix_format(&to, text));
}

void ctl_ports_restore(struct ctl *ctl)
{
	const struct conf *conf = ctl->conf;

	for (unsigned i = 0; i < conf->n_interfaces; i++)
		if (conf->interfaces[i].kind != CONF_DEVICE_KERNEL && nl_link(ctl->nl, i)->is_up)
			restore_addresses(ctl->nl, &conf->interfaces[i]);
	for (unsigned i = 0; i < conf->n_routes; i++)
		for (enum conf_family f = 0; f < CONF_N_FAMILIES; f++)
			restore_route(ctl, &conf->routes[i], f);
}
