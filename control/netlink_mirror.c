/* The mirror's links, addresses and neighbours, and the way of an event into it. Pure but
 * for the heap.
 *
 * Invariants: addresses and neighbours are kept only for ports whose link exists, and go with
 * it. A port that gains a link (it appeared, or took the name) wants every dump, because
 * what the link already had was never told as a change of ours. */
#include "control/netlink_mirror.h"

#include <assert.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_ROOM_AT_START = 64 };

static int compare_keys(
	unsigned port_a, const struct addr *a, unsigned port_b, const struct addr *b)
{
	if (port_a != port_b)
		return port_a < port_b ? -1 : 1;
	return addr_compare(a, b);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct nl_mirror_address *left = a, *right = b;
	int r = compare_keys(left->port, &left->address, right->port, &right->address);

	return r != 0 ? r : (int)left->length_bits - (int)right->length_bits;
}

static int compare_neighbours(const void *a, const void *b)
{
	const struct nl_neighbour *left = &((const struct nl_mirror_neighbour *)a)->pub;
	const struct nl_neighbour *right = &((const struct nl_mirror_neighbour *)b)->pub;

	return compare_keys(left->port, &left->address, right->port, &right->address);
}

struct nl_mirror *nl_mirror_new(const char *const *names, unsigned n)
{
	struct nl_mirror *m = calloc(1, sizeof(*m) + n * sizeof(m->ports[0]));

	if (!m)
		return NULL;
	m->addresses.compare = compare_addresses;
	m->routes.compare = nl_mirror_compare_routes;
	m->neighbours.compare = compare_neighbours;
	m->dump = -1;
	m->n_ports = n;
	for (unsigned i = 0; i < n; i++) {
		assert(strlen(names[i]) < sizeof(m->ports[i].name));
		strcpy(m->ports[i].name, names[i]);
	}
	return m;
}

void nl_mirror_free(struct nl_mirror *m)
{
	if (!m)
		return;
	nl_tree_free(&m->addresses);
	nl_tree_free(&m->routes);
	nl_tree_free(&m->neighbours);
	free(m->route_list.items);
	free(m->local_list.items);
	free(m->neighbour_list.items);
	free(m);
}

int nl_mirror_reserve(struct nl_mirror_list *list, unsigned n, size_t size)
{
	unsigned capacity = list->capacity ? list->capacity * 2 : LIST_ROOM_AT_START;
	void *items;

	if (n <= list->capacity)
		return 0;
	items = reallocarray(list->items, capacity, size);
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->capacity = capacity;
	return 0;
}

/* ---- links ------------------------------------------------------------------------------- */

static struct nl_mirror_port *port_of_ifindex(struct nl_mirror *m, int ifindex)
{
	for (unsigned i = 0; i < m->n_ports; i++)
		if (ifindex != 0 && m->ports[i].link.ifindex == ifindex)
			return &m->ports[i];
	return NULL;
}

static struct nl_mirror_port *port_of_name(struct nl_mirror *m, const char *name)
{
	for (unsigned i = 0; i < m->n_ports; i++)
		if (strcmp(m->ports[i].name, name) == 0)
			return &m->ports[i];
	return NULL;
}

const struct nl_mirror_port *nl_mirror_find_port(const struct nl_mirror *m, int ifindex)
{
	return port_of_ifindex((struct nl_mirror *)m, ifindex);
}

static bool is_address_of_port(const struct nl_record *record, const void *arg)
{
	return ((const struct nl_mirror_address *)record)->port == *(const unsigned *)arg;
}

static bool is_neighbour_of_port(const struct nl_record *record, const void *arg)
{
	return ((const struct nl_mirror_neighbour *)record)->pub.port == *(const unsigned *)arg;
}

static void touch_neighbours(struct nl_mirror *m)
{
	m->changes |= NL_CHANGED_NEIGHBOURS;
	m->neighbour_list.is_stale = true;
}

static void forget_link(struct nl_mirror *m, struct nl_mirror_port *port)
{
	const unsigned number = (unsigned)(port - m->ports);

	memset(&port->link, 0, sizeof(port->link));
	m->changes |= NL_CHANGED_LINKS;
	if (nl_tree_sweep(&m->addresses, is_address_of_port, &number) > 0)
		m->changes |= NL_CHANGED_ADDRESSES;
	if (nl_tree_sweep(&m->neighbours, is_neighbour_of_port, &number) > 0)
		touch_neighbours(m);
	nl_mirror_touch_routes(m); // those out of it lead nowhere now
}

static bool is_same_link(const struct nl_link *a, const struct nl_link *b)
{
	return a->ifindex == b->ifindex && a->is_up == b->is_up && a->mtu == b->mtu &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static void set_link(
	struct nl_mirror *m, struct nl_mirror_port *port, const struct nl_link_event *ev)
{
	struct nl_link link = {.ifindex = ev->ifindex, .is_up = ev->is_up, .mtu = ev->mtu};

	memcpy(link.mac, ev->mac, sizeof(link.mac));
	port->generation = m->generation;
	if (is_same_link(&port->link, &link))
		return;
	if (port->link.ifindex != link.ifindex) {
		if (port->link.ifindex != 0)
			forget_link(m, port);
		nl_mirror_touch_routes(m);
		m->wanted |= NL_ALL_DUMPS & ~(1u << NL_DUMP_LINKS);
	}
	port->link = link;
	m->changes |= NL_CHANGED_LINKS;
}

static void apply_link(struct nl_mirror *m, const struct nl_event *ev)
{
	const struct nl_link_event *link = &ev->link;
	struct nl_mirror_port *had = port_of_ifindex(m, link->ifindex);
	struct nl_mirror_port *has = ev->is_removal ? NULL : port_of_name(m, link->name);

	if (had && had != has)
		forget_link(m, had);
	if (has)
		set_link(m, has, link);
	// any link: IPv4 routes out of it may have come or gone without a message
	if (m->dump < 0)
		m->wanted |= NL_ROUTE_DUMPS;
}

static void sweep_links(struct nl_mirror *m)
{
	for (unsigned i = 0; i < m->n_ports; i++)
		if (m->ports[i].link.ifindex != 0 && m->ports[i].generation != m->generation)
			forget_link(m, &m->ports[i]);
}

/* ---- addresses --------------------------------------------------------------------------- */

static int apply_address(struct nl_mirror *m, const struct nl_event *ev)
{
	const struct nl_address_event *address = &ev->address;
	const struct nl_mirror_port *port = nl_mirror_find_port(m, address->ifindex);
	struct nl_mirror_address *known, *fresh,
		key = {.address = address->address, .length_bits = address->length_bits};

	// routes that prefer a removed address as their source go without a message
	if (ev->is_removal && m->dump < 0 && addr_is_v4(&address->address))
		m->wanted |= 1u << NL_DUMP_ROUTES4 | 1u << NL_DUMP_LOCALS4;
	if (!port)
		return 0;
	key.port = (unsigned)(port - m->ports);
	known = nl_tree_find(&m->addresses, &key);
	if (ev->is_removal) {
		if (known)
			nl_tree_remove(&m->addresses, &known->record);
		m->changes |= known ? NL_CHANGED_ADDRESSES : 0;
		return 0;
	}
	if (known) {
		if (known->is_tentative != address->is_tentative)
			m->changes |= NL_CHANGED_ADDRESSES;
		known->record.generation = m->generation;
		known->protocol = address->protocol;
		known->is_tentative = address->is_tentative;
		return 0;
	}
	fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	*fresh = key;
	fresh->record.generation = m->generation;
	fresh->protocol = address->protocol;
	fresh->is_tentative = address->is_tentative;
	if (nl_tree_add(&m->addresses, &fresh->record) < 0) {
		free(fresh);
		return -ENOMEM;
	}
	m->changes |= NL_CHANGED_ADDRESSES;
	return 0;
}

/* What is looked for among the addresses, and what was found first. */
struct source_search {
	const struct nl_mirror *m;
	unsigned port;
	bool is_v4;
	bool is_found;
	bool is_host; // what was found is
	struct addr found;
};

/* A host address is taken for a VIP where the kernel cannot say whose it is, and is the last resort
 * where it can: another program may have left a VIP there. */
static void consider_source(const struct nl_record *record, void *arg)
{
	const struct nl_mirror_address *a = (const struct nl_mirror_address *)record;
	struct source_search *s = arg;
	const bool is_host = a->length_bits == 128;
	const bool may_be_vip =
		a->protocol == NL_VIP_PROTOCOL || (is_host && !s->m->has_address_protocols);

	if ((s->is_found && (is_host || !s->is_host)) || a->port != s->port || a->is_tentative ||
		may_be_vip || addr_is_v4(&a->address) != s->is_v4 ||
		(!s->is_v4 && !addr_is_link_local(&a->address)))
		return;
	s->found = a->address;
	s->is_found = true;
	s->is_host = is_host;
}

bool nl_mirror_find_source(const struct nl_mirror *m, unsigned port, bool is_v4, struct addr *ret)
{
	struct source_search s = {.m = m, .port = port, .is_v4 = is_v4};

	nl_tree_walk(&m->addresses, consider_source, &s);
	if (s.is_found)
		*ret = s.found;
	return s.is_found;
}

const struct nl_mirror_address *nl_mirror_find_address(
	const struct nl_mirror *m, unsigned port, const struct addr *address, uint8_t length_bits)
{
	const struct nl_mirror_address key = {
		.port = port, .address = *address, .length_bits = length_bits};

	return nl_tree_find(&m->addresses, &key);
}

/* ---- neighbours -------------------------------------------------------------------------- */

static struct nl_neighbour to_neighbour(unsigned port, const struct nl_neighbour_event *ev)
{
	const unsigned valid =
		NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
	struct nl_neighbour n = {.address = ev->address, .port = port};

	n.is_usable = ev->has_mac && (ev->state & valid);
	n.is_stale = ev->state & NUD_STALE;
	if (n.is_usable)
		memcpy(n.mac, ev->mac, sizeof(n.mac));
	return n;
}

static int add_neighbour(struct nl_mirror *m, const struct nl_neighbour *neighbour, bool is_exempt)
{
	struct nl_mirror_neighbour *fresh;

	if (nl_mirror_reserve(&m->neighbour_list, m->neighbours.n + 1, sizeof(*neighbour)) < 0)
		return -ENOMEM;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->record.generation = m->generation;
	fresh->pub = *neighbour;
	fresh->is_exempt = is_exempt;
	if (nl_tree_add(&m->neighbours, &fresh->record) < 0) {
		free(fresh);
		return -ENOMEM;
	}
	m->neighbour_list.is_stale = true;
	if (neighbour->is_usable)
		m->changes |= NL_CHANGED_NEIGHBOURS;
	return 0;
}

static void forget_neighbour(struct nl_mirror *m, struct nl_mirror_neighbour *known)
{
	m->neighbour_list.is_stale = true;
	if (known->pub.is_usable)
		m->changes |= NL_CHANGED_NEIGHBOURS;
	nl_tree_remove(&m->neighbours, &known->record);
}

static int apply_neighbour(struct nl_mirror *m, const struct nl_event *ev)
{
	const struct nl_neighbour_event *seen = &ev->neighbour;
	const struct nl_mirror_port *port = nl_mirror_find_port(m, seen->ifindex);
	const bool is_exempt = seen->state & (NUD_PERMANENT | NUD_NOARP);
	struct nl_mirror_neighbour *known, key;

	if (!port)
		return 0;
	key.pub = to_neighbour((unsigned)(port - m->ports), seen);
	known = nl_tree_find(&m->neighbours, &key);
	if (ev->is_removal) {
		if (known)
			forget_neighbour(m, known);
		return 0;
	}
	if (!known)
		return add_neighbour(m, &key.pub, is_exempt);

	known->record.generation = m->generation;
	known->is_exempt = is_exempt;
	if (known->pub.is_usable != key.pub.is_usable ||
		memcmp(known->pub.mac, key.pub.mac, sizeof(key.pub.mac)) != 0)
		m->changes |= NL_CHANGED_NEIGHBOURS;
	known->pub = key.pub;
	m->neighbour_list.is_stale = true;
	return 0;
}

const struct nl_mirror_neighbour *nl_mirror_find_neighbour(
	const struct nl_mirror *m, unsigned port, const struct addr *address)
{
	const struct nl_mirror_neighbour key = {.pub = {.address = *address, .port = port}};

	return nl_tree_find(&m->neighbours, &key);
}

static void list_neighbour(const struct nl_record *record, void *arg)
{
	struct nl_mirror_list *list = arg;

	((struct nl_neighbour *)list->items)[list->n++] =
		((const struct nl_mirror_neighbour *)record)->pub;
}

unsigned nl_mirror_neighbours(struct nl_mirror *m, const struct nl_neighbour **ret)
{
	if (m->neighbour_list.is_stale) {
		m->neighbour_list.n = 0;
		nl_tree_walk(&m->neighbours, list_neighbour, &m->neighbour_list);
		m->neighbour_list.is_stale = false;
	}
	*ret = m->neighbour_list.items;
	return m->neighbour_list.n;
}

/* ---- the way in -------------------------------------------------------------------------- */

void nl_mirror_begin(struct nl_mirror *m, enum nl_dump dump)
{
	m->generation++;
	m->dump = (int)dump;
}

static bool is_unseen(const struct nl_record *record, const void *arg)
{
	return record->generation != *(const unsigned *)arg;
}

void nl_mirror_finish(struct nl_mirror *m, bool is_complete)
{
	if (is_complete && m->dump == NL_DUMP_LINKS)
		sweep_links(m);
	else if (is_complete && m->dump == NL_DUMP_ADDRESSES)
		m->changes |= nl_tree_sweep(&m->addresses, is_unseen, &m->generation) > 0
				      ? NL_CHANGED_ADDRESSES
				      : 0;
	else if (is_complete && m->dump == NL_DUMP_NEIGHBOURS) {
		if (nl_tree_sweep(&m->neighbours, is_unseen, &m->generation) > 0)
			touch_neighbours(m);
	} else if (is_complete && m->dump >= 0)
		nl_mirror_sweep_routes(m);
	m->dump = -1;
}

int nl_mirror_apply(struct nl_mirror *m, const struct nl_event *ev)
{
	int r = 0;

	switch (ev->kind) {
	case NL_EVENT_LINK:
		apply_link(m, ev);
		break;
	case NL_EVENT_ADDRESS:
		r = apply_address(m, ev);
		if (r < 0)
			m->wanted |= 1u << NL_DUMP_ADDRESSES;
		break;
	case NL_EVENT_ROUTE:
		r = nl_mirror_apply_route(m, ev);
		break;
	case NL_EVENT_NEIGHBOUR:
		r = apply_neighbour(m, ev);
		if (r < 0)
			m->wanted |= 1u << NL_DUMP_NEIGHBOURS;
		break;
	case NL_EVENT_NEXTHOP:
		m->wanted |= NL_ROUTE_DUMPS; // IPv4 routes by it change without a message
		break;
	case NL_EVENT_NONE:
		break;
	}
	return r;
}
