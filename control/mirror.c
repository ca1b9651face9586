/* The kernel's links, routes, neighbours and addresses, as the data plane wants them.
 *
 * Neighbours and links go through at once; routes at most every ROUTES_PACE_MS and one table at a
 * time, because each change of them has the builder make the FIBs anew. Neighbours are asked of the
 * kernel when workers hold packets for them, and kept fresh while they carry traffic. */
#include "control/failover.h"
#include "control/loop.h"
#include "control/netlink.h"

#include "base/builder.h"
#include "base/log.h"
#include "control/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_PACE_MS = 100, ROUTES_RETRY_MS = 1000 };

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static bool is_lost(const struct ctl *ctl, unsigned port) ON_CONTROL;
static unsigned mtu_of(const struct ctl *ctl, unsigned port) ON_CONTROL;
static void look_for_lost_links(struct ctl *ctl) ON_CONTROL;
static int set_routes(struct ctl *ctl) ON_CONTROL;
static int set_neighbours(struct ctl *ctl) ON_CONTROL;
static int port_of_local(const struct ctl *ctl, const struct addr *a) ON_CONTROL;
static void set_ports(struct ctl *ctl) ON_CONTROL;
static int set_locals(struct ctl *ctl) ON_CONTROL;
static void hand_over_routes(struct ctl *ctl) ON_CONTROL;
static void want(void *arg, unsigned port, const struct addr *address, bool has_entry) ON_CONTROL;

/* UNREACHABLE routes name no port: theirs is 0, which does no harm here. */
static bool is_lost(const struct ctl *ctl, unsigned port)
{
	return ctl->loop->ports[port] < 0;
}

static int set_routes(struct ctl *ctl)
{
	static const enum dp_route_kind kinds[] = {
		[NL_ROUTE_VIA] = DP_ROUTE_VIA,
		[NL_ROUTE_ON_LINK] = DP_ROUTE_ON_LINK,
		[NL_ROUTE_UNREACHABLE] = DP_ROUTE_UNREACHABLE,
	};
	const struct nl_route *routes;
	unsigned n = nl_routes(ctl->nl, &routes);
	struct dp_route *list = calloc((size_t)n + 1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		list[i] = (struct dp_route){
			.to = routes[i].to,
			.kind = is_lost(ctl, routes[i].port) ? DP_ROUTE_UNREACHABLE
							     : kinds[routes[i].kind],
			.port = routes[i].port,
			.gateway = routes[i].gateway,
			.metric = routes[i].metric,
		};
	r = dp_set_routes(ctl->dp, list, n);
	free(list);
	ctl->loop->is_building = r == 0;
	ctl->loop->routes_at_ms = ctl_monotonic_ms();
	return r;
}

static int set_neighbours(struct ctl *ctl)
{
	const struct nl_neighbour *all;
	unsigned n = nl_neighbours(ctl->nl, &all), n_usable = 0;
	struct dp_neighbour *list = calloc((size_t)n + 1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		struct dp_neighbour *to = &list[n_usable];

		if (!all[i].is_usable)
			continue;
		to->address = all[i].address;
		to->port = all[i].port;
		memcpy(to->mac, all[i].mac, sizeof(to->mac));
		n_usable++;
	}
	if (n_usable > DP_MAX_NEIGHBOURS)
		n_usable = DP_MAX_NEIGHBOURS;
	r = dp_set_neighbours(ctl->dp, list, n_usable);
	free(list);
	return r;
}

static bool is_vip(const struct ctl *ctl, const struct addr *a)
{
	for (unsigned i = 0; i < ctl->n_holdings; i++)
		if (addr_equal(&ctl->holdings[i].address, a))
			return true;
	return false;
}

/* The on-link route with the longest prefix around a local address tells its port. */
static int port_of_local(const struct ctl *ctl, const struct addr *a)
{
	const struct nl_route *routes;
	unsigned n = nl_routes(ctl->nl, &routes);
	unsigned longest = 0;
	int port = -1;

	for (unsigned i = 0; i < n; i++) {
		const struct nl_route *r = &routes[i];

		if (r->kind != NL_ROUTE_ON_LINK || !prefix_contains(&r->to, a))
			continue;
		if (port >= 0 && r->to.length_bits <= longest)
			continue;
		longest = r->to.length_bits;
		port = (int)r->port;
	}
	return port;
}

/* Never more than the interface's: what is larger would not leave it. */
static unsigned mtu_of(const struct ctl *ctl, unsigned port)
{
	const unsigned configured = (unsigned)ctl->conf->interfaces[port].mtu;
	const unsigned mtu = nl_link(ctl->nl, port)->mtu;

	return configured != 0 && configured < mtu ? configured : mtu;
}

static void set_ports(struct ctl *ctl)
{
	struct dp_port_state states[CONF_MAX_INTERFACES] = {0};
	const struct prefix *locals;
	unsigned n_locals = nl_locals(ctl->nl, &locals);

	for (unsigned i = 0; i < n_locals; i++) {
		const struct addr *a = &locals[i].addr;
		bool is_host = locals[i].length_bits == 128;
		int port;

		if (!is_host || is_vip(ctl, a) || addr_is_link_local(a))
			continue;
		port = port_of_local(ctl, a);
		if (port >= 0 && (unsigned)port < ctl->conf->n_interfaces) {
			struct addr *at = &states[port].address[addr_is_v4(a) ? CONF_V4 : CONF_V6];

			if (addr_is_unspecified(at))
				*at = *a;
		}
	}
	for (unsigned i = 0; i < ctl->conf->n_interfaces; i++) {
		const struct nl_link *link = nl_link(ctl->nl, i);

		memcpy(states[i].mac, link->mac, sizeof(states[i].mac));
		states[i].mtu = mtu_of(ctl, i);
		states[i].is_up = link->is_up && !is_lost(ctl, i);
		dp_set_port(ctl->dp, i, &states[i]);
		ctl_event_link(ctl, i, states[i].is_up);
	}
}

static void look_for_lost_links(struct ctl *ctl)
{
	for (unsigned i = 0; i < ctl->conf->n_interfaces; i++) {
		const struct conf_interface *interface = &ctl->conf->interfaces[i];

		if (is_lost(ctl, i) || nl_link(ctl->nl, i)->ifindex == ctl->loop->ifindex[i])
			continue;
		ctl->loop->ports[i] = -1;
		ctl->loop->changes |= NL_CHANGED_ROUTES;
		ctl_event(ctl,
			&(struct ctl_event_def){.kind = CTL_EVENT_PORT,
				.level = LOG_LEVEL_ERROR,
				.object = interface->name,
				.after = "gone",
				.cause = "link"},
			"interfaces.%s: %s is gone, and is not served any more: restart poised "
			"when it is back",
			interface->name, dp_port_device(ctl->dp, i));
	}
}

static int set_locals(struct ctl *ctl)
{
	const struct prefix *locals;
	unsigned n = nl_locals(ctl->nl, &locals);

	return dp_set_locals(ctl->dp, locals, n);
}

static void complain(const char *what, int r)
{
	if (r < 0)
		log_error("netlink: %s not taken over: %s", what, strerror(-r));
}

/* The old ones hold meanwhile. */
static void hand_over_routes(struct ctl *ctl)
{
	int r = set_routes(ctl);

	if (r == 0) {
		ctl->loop->changes = 0;
		set_ports(ctl); // routes tell on which link a local address is
		ctl->is_dirty = true;
	}
	if (r == 0 || r == -EBUSY) // those before are not freed yet: soon again
		return;
	complain("routes", r);
	ctl->loop->routes_at_ms = ctl_monotonic_ms() + ROUTES_RETRY_MS - ROUTES_PACE_MS;
}

static void tell_left_out(struct ctl *ctl, const struct dp_route_status *status)
{
	unsigned told = ctl->loop->n_left_out, n = status->n_left_out;

	if (n == 0 && told > 0)
		log_notice("routes: all fit again: n=%u", status->n_routes);
	// while they come by the thousand, one line for each doubling is enough
	if (n > 0 && (told == 0 || n >= 2 * told))
		log_error("routes: too many: the most specific are left out, and their packets "
			  "follow the routes around them: left_out=%u taken=%u",
			n, status->n_routes);
	if (n == 0 || told == 0 || n >= 2 * told)
		ctl->loop->n_left_out = n;
}

int ctl_mirror_take_routes(struct ctl *ctl)
{
	struct ctl_loop *loop = ctl->loop;
	struct dp_route_status status;

	dp_routes_status(ctl->dp, &status);
	if (!loop->is_building || status.is_building)
		return 0;
	loop->is_building = false;
	complain("routes", status.error);
	if (status.error < 0) {
		loop->changes |= NL_CHANGED_ROUTES;
		loop->routes_at_ms += ROUTES_RETRY_MS - ROUTES_PACE_MS;
		return status.error;
	}
	tell_left_out(ctl, &status);
	ctl->is_dirty = true;
	return 0;
}

int ctl_mirror_start(struct ctl *ctl)
{
	int r = set_locals(ctl);

	for (unsigned i = 0; i < ctl->conf->n_interfaces; i++) {
		ctl->loop->ifindex[i] = nl_link(ctl->nl, i)->ifindex;
		ctl->loop->ports[i] = (int)i;
	}
	set_ports(ctl);
	ctl->is_dirty = true;
	if (r < 0 || ctl->conf->cpu.n_workers == 0)
		return r;
	r = set_routes(ctl);
	if (r == 0)
		r = set_neighbours(ctl);
	if (r < 0)
		return r;
	builder_drain(dp_builder(ctl->dp)); // no lease hangs on this thread yet
	return ctl_mirror_take_routes(ctl);
}

void ctl_mirror_apply(struct ctl *ctl)
{
	struct ctl_loop *loop = ctl->loop;
	int64_t now = ctl_monotonic_ms();
	bool has_workers = ctl->conf->cpu.n_workers > 0;

	if (loop->changes & NL_CHANGED_LOCALS)
		complain("local addresses", set_locals(ctl));
	if (loop->changes & NL_CHANGED_LINKS)
		look_for_lost_links(ctl);
	if (loop->changes & (NL_CHANGED_LINKS | NL_CHANGED_LOCALS)) {
		set_ports(ctl);
		ctl->is_dirty = true;
	}
	if ((loop->changes & NL_CHANGED_NEIGHBOURS) && has_workers) {
		complain("neighbours", set_neighbours(ctl));
		ctl->is_dirty = true;
	}
	if (loop->changes & (NL_CHANGED_LINKS | NL_CHANGED_ADDRESSES))
		ctl_failover_set_links(ctl);
	loop->changes &= NL_CHANGED_ROUTES;
	if (!has_workers)
		loop->changes = 0;
	// else the next turn of a timer comes back to it
	if (loop->changes && !loop->is_building && now - loop->routes_at_ms >= ROUTES_PACE_MS)
		hand_over_routes(ctl);
}

/* The kernel looks again only at what it holds stale; what is fresh costs nothing. */
static void want(void *arg, unsigned port, const struct addr *address, bool has_entry)
{
	const struct ctl *ctl = arg;
	const struct nl_neighbour *known;

	if (has_entry) {
		known = nl_find_neighbour(ctl->nl, port, address);
		if (!known || !known->is_stale)
			return;
	}
	(void)nl_use_neighbour(ctl->nl, port, address); // failing, it is asked again
}

void ctl_mirror_poll(struct ctl *ctl, bool with_used)
{
	dp_poll_neighbours(ctl->dp, with_used, want, ctl);
}
