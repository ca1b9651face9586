/* Sets of addresses into the XDP program's maps.
 *
 * VIPs and servers on one side and local addresses on the other arrive by different calls but
 * share one map, so that the program looks an address up once: the two wanted lists are merged
 * and compared with what the map holds. Service ports lie in mapped memory and are changed word
 * by word. A set of ports that is in use is never handed to another VIP before its VIP left the
 * map. Does not know what the program does with all this. */
#include "dataplane/xdp_roles.h"

#include <bpf/bpf.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct addr) == sizeof(struct dp_xdp_addr), "one is the other's key");
_Static_assert((int)DP_XDP_MAX_OWNERS == (int)DP_MAX_OWNERS, "a lease for each owner");

/* A flag that no entry has: what the map holds for the address is not known. */
enum { UNKNOWN = 1 << 15 };

/* ---- lists ----------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
	const struct dp_xdp_role_entry *left = a, *right = b;

	return addr_compare(&left->addr, &right->addr);
}

static struct dp_xdp_role_entry *find_entry(
	const struct dp_xdp_role_list *list, const struct addr *addr)
{
	struct dp_xdp_role_entry key = {.addr = *addr};

	if (list->n == 0)
		return NULL;
	return bsearch(&key, list->entries, list->n, sizeof(key), compare_entries);
}

static int list_alloc(struct dp_xdp_role_list *ret, unsigned n)
{
	ret->entries = calloc(n ? n : 1, sizeof(*ret->entries));
	ret->n = 0;
	return ret->entries ? 0 : -ENOMEM;
}

static void list_replace(struct dp_xdp_role_list *list, struct dp_xdp_role_list next)
{
	free(list->entries);
	*list = next;
}

static void list_add(
	struct dp_xdp_role_list *list, const struct addr *addr, struct dp_xdp_role role)
{
	list->entries[list->n++] = (struct dp_xdp_role_entry){.addr = *addr, .role = role};
}

/* Two roles of one address as one. -EINVAL: a VIP of two owners. */
static int role_merge(struct dp_xdp_role *role, const struct dp_xdp_role *other)
{
	if (role->flags & other->flags & DP_XDP_VIP && role->owner != other->owner)
		return -EINVAL;
	if (other->flags & DP_XDP_VIP && !(role->flags & DP_XDP_VIP)) {
		role->owner = other->owner;
		role->tcp_ports = other->tcp_ports;
		role->udp_ports = other->udp_ports;
	}
	role->flags |= other->flags;
	return 0;
}

/* Makes the list what its comment promises. */
static int list_sort(struct dp_xdp_role_list *list)
{
	unsigned n = 0;

	qsort(list->entries, list->n, sizeof(*list->entries), compare_entries);
	for (unsigned i = 0; i < list->n; i++) {
		struct dp_xdp_role_entry *e = &list->entries[i];

		if (n == 0 || compare_entries(&list->entries[n - 1], e) != 0)
			list->entries[n++] = *e;
		else if (role_merge(&list->entries[n - 1].role, &e->role) < 0)
			return -EINVAL;
	}
	list->n = n;
	return 0;
}

/* Two lists walked as one, by address. */
struct walk {
	const struct dp_xdp_role_list *a, *b;
	unsigned i, j;
};

/* The next address's entries; NULL for a list that has none. False at the end. */
static bool walk_next(struct walk *w, const struct dp_xdp_role_entry **ret_a,
	const struct dp_xdp_role_entry **ret_b)
{
	const struct dp_xdp_role_entry *a = w->i < w->a->n ? &w->a->entries[w->i] : NULL;
	const struct dp_xdp_role_entry *b = w->j < w->b->n ? &w->b->entries[w->j] : NULL;
	int order = a && b ? compare_entries(a, b) : 0;

	*ret_a = order <= 0 ? a : NULL;
	*ret_b = order >= 0 ? b : NULL;
	w->i += *ret_a != NULL;
	w->j += *ret_b != NULL;
	return *ret_a || *ret_b;
}

static int list_merge(const struct dp_xdp_role_list *left, const struct dp_xdp_role_list *right,
	struct dp_xdp_role_list *ret)
{
	struct walk w = {.a = left, .b = right};
	const struct dp_xdp_role_entry *a, *b;
	struct dp_xdp_role_list all;

	if (list_alloc(&all, left->n + right->n) < 0)
		return -ENOMEM;
	while (walk_next(&w, &a, &b)) {
		list_add(&all, a ? &a->addr : &b->addr, a ? a->role : b->role);
		if (a && b)
			(void)role_merge(&all.entries[all.n - 1].role, &b->role);
	}
	*ret = all;
	return 0;
}

/* ---- poise_roles ------------------------------------------------------------------------- */

static bool is_same_role(const struct dp_xdp_role *a, const struct dp_xdp_role *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int write_roles(struct dp_xdp_roles *r, const struct dp_xdp_role_list *want)
{
	struct walk w = {.a = &r->held, .b = want};
	const struct dp_xdp_role_entry *is, *shall;

	while (walk_next(&w, &is, &shall)) {
		if (!shall || (is && is_same_role(&is->role, &shall->role)))
			continue;
		if (bpf_map_update_elem(r->roles_fd, &shall->addr, &shall->role, BPF_ANY) < 0)
			return -errno;
	}
	w = (struct walk){.a = &r->held, .b = want};
	while (walk_next(&w, &is, &shall)) {
		if (shall)
			continue;
		if (bpf_map_delete_elem(r->roles_fd, &is->addr) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Brings the map to services + locals as wanted. On error `held` owns up to all that may be
 * in the map. */
static int sync_roles(struct dp_xdp_roles *r, const struct dp_xdp_role_list *services,
	const struct dp_xdp_role_list *locals)
{
	struct dp_xdp_role_list want, uncertain;
	int status = list_merge(services, locals, &want);

	if (status < 0)
		return status;
	if (want.n > DP_XDP_MAX_ROLES) {
		status = -E2BIG;
		goto free_want;
	}
	status = list_merge(&r->held, &want, &uncertain);
	if (status < 0)
		goto free_want;
	status = write_roles(r, &want);
	if (status < 0) {
		for (unsigned i = 0; i < uncertain.n; i++)
			uncertain.entries[i].role.flags = UNKNOWN;
		list_replace(&r->held, uncertain);
		goto free_want;
	}
	free(uncertain.entries);
	list_replace(&r->held, want);
	return 0;

free_want:
	free(want.entries);
	return status;
}

/* ---- service ports ----------------------------------------------------------------------- */

/* Ports of one frontend in the portset that they belong to. */
struct port_range {
	unsigned portset;
	unsigned first, last;
};

static int compare_ranges(const void *a, const void *b)
{
	const struct port_range *left = a, *right = b;

	return (left->portset > right->portset) - (left->portset < right->portset);
}

static bool is_used(const uint64_t *used, unsigned portset)
{
	return used[portset / 64] >> (portset % 64) & 1;
}

static void mark_used(uint64_t *used, unsigned portset)
{
	used[portset / 64] |= (uint64_t)1 << (portset % 64);
}

/* Portset 0 means none. 0: all are taken. */
static uint16_t take_portset(uint64_t *used)
{
	for (unsigned i = 1; i < DP_XDP_MAX_PORTSETS; i++) {
		if (is_used(used, i))
			continue;
		mark_used(used, i);
		return (uint16_t)i;
	}
	return 0;
}

static uint16_t *portset_of(struct dp_xdp_role *role, uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? &role->tcp_ports : &role->udp_ports;
}

static int check_frontend(const struct dp_frontend *f, const struct dp_xdp_role_entry *vip)
{
	if (!vip || !(vip->role.flags & DP_XDP_VIP))
		return -EINVAL;
	if (f->protocol != IPPROTO_TCP && f->protocol != IPPROTO_UDP)
		return -EINVAL;
	return f->port_first <= f->port_last ? 0 : -EINVAL;
}

/* Gives each (VIP, protocol) with a frontend its portset: the one that it has, or a free one. */
static int assign_portsets(const struct dp_xdp_roles *r, const struct dp_services *set,
	struct dp_xdp_role_list *next, uint64_t *used, struct port_range *ranges)
{
	for (unsigned i = 0; i < set->n_frontends; i++) {
		const struct dp_frontend *f = &set->frontends[i];
		struct dp_xdp_role_entry *vip = find_entry(next, &f->address);
		struct dp_xdp_role_entry *was = find_entry(&r->services, &f->address);
		uint16_t *portset;

		if (check_frontend(f, vip) < 0)
			return -EINVAL;
		portset = portset_of(&vip->role, f->protocol);
		if (*portset == 0 && was)
			*portset = *portset_of(&was->role, f->protocol);
		if (*portset == 0)
			*portset = take_portset(used);
		if (*portset == 0)
			return -E2BIG;
		ranges[i] = (struct port_range){*portset, f->port_first, f->port_last};
	}
	qsort(ranges, set->n_frontends, sizeof(*ranges), compare_ranges);
	return 0;
}

static void write_ports(struct dp_xdp_roles *r, const struct port_range *ranges, unsigned n)
{
	struct dp_xdp_portset next;

	for (unsigned i = 0; i < n;) {
		unsigned portset = ranges[i].portset;
		__u64 *words = r->ports[portset].words;

		memset(&next, 0, sizeof(next));
		for (; i < n && ranges[i].portset == portset; i++) {
			for (unsigned p = ranges[i].first; p <= ranges[i].last; p++)
				next.words[p / 64] |= (uint64_t)1 << (p % 64);
		}
		// no order is needed: each bit stands for itself; the program reads words whole
		for (unsigned w = 0; w < DP_XDP_PORTSET_WORDS; w++)
			__atomic_store_n(&words[w], next.words[w], __ATOMIC_RELAXED);
	}
}

static void find_used(const struct dp_xdp_role_list *services, uint64_t *ret_used)
{
	memset(ret_used, 0, DP_XDP_MAX_PORTSETS / 8);
	for (unsigned i = 0; i < services->n; i++) {
		mark_used(ret_used, services->entries[i].role.tcp_ports);
		mark_used(ret_used, services->entries[i].role.udp_ports);
	}
}

/* ---- services ---------------------------------------------------------------------------- */

static int collect_services(const struct dp_services *set, struct dp_xdp_role_list *ret)
{
	struct dp_xdp_role_list list;
	int status = list_alloc(&list, set->n_vips + set->n_servers);

	if (status < 0)
		return status;
	for (unsigned i = 0; i < set->n_vips; i++) {
		struct dp_xdp_role vip = {DP_XDP_VIP, (uint16_t)set->vips[i].owner, 0, 0};

		list_add(&list, &set->vips[i].address, vip);
		if (set->vips[i].owner >= DP_MAX_OWNERS)
			status = -EINVAL;
	}
	for (unsigned i = 0; i < set->n_servers; i++)
		list_add(&list, &set->servers[i].address,
			(struct dp_xdp_role){.flags = DP_XDP_SERVER});
	if (status == 0)
		status = list_sort(&list);
	if (status < 0) {
		free(list.entries);
		return status;
	}
	*ret = list;
	return 0;
}

int dp_xdp_roles_set_services(struct dp_xdp_roles *r, const struct dp_services *set)
{
	struct dp_xdp_role_list next;
	struct port_range *ranges;
	uint64_t used[DP_XDP_MAX_PORTSETS / 64];
	int status = collect_services(set, &next);

	if (status < 0)
		return status;
	ranges = calloc(set->n_frontends ? set->n_frontends : 1, sizeof(*ranges));
	if (!ranges) {
		status = -ENOMEM;
		goto free_next;
	}
	memcpy(used, r->used_ports, sizeof(used));
	status = assign_portsets(r, set, &next, used, ranges);
	if (status < 0)
		goto free_ranges;

	write_ports(r, ranges, set->n_frontends); // before a VIP refers to them
	memcpy(r->used_ports, used, sizeof(used));
	status = sync_roles(r, &next, &r->locals);
	if (status < 0)
		goto free_ranges;
	find_used(&next, r->used_ports);
	list_replace(&r->services, next);
	free(ranges);
	return 0;

free_ranges:
	free(ranges);
free_next:
	free(next.entries);
	return status;
}

/* Another version of the program may have had another shape. */
static bool has_our_shape(int roles_fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(roles_fd, &info, &len) == 0 &&
	       info.key_size == sizeof(struct dp_xdp_addr) &&
	       info.value_size == sizeof(struct dp_xdp_role);
}

int dp_xdp_roles_inherit(struct dp_xdp_roles *r, int old_roles_fd)
{
	struct addr key, *previous = NULL;
	struct dp_xdp_role_list vips, all;
	struct dp_xdp_role role;
	int status;

	if (!has_our_shape(old_roles_fd))
		return 0;
	if (list_alloc(&vips, DP_XDP_MAX_ROLES) < 0)
		return -ENOMEM;
	while (vips.n < DP_XDP_MAX_ROLES &&
		bpf_map_get_next_key(old_roles_fd, previous, &key) == 0) {
		previous = &key;
		if (bpf_map_lookup_elem(old_roles_fd, &key, &role) == 0 && role.flags & DP_XDP_VIP)
			list_add(&vips, &key, (struct dp_xdp_role){.flags = DP_XDP_VIP});
	}
	status = list_sort(&vips);
	if (status == 0)
		status = list_merge(&r->services, &vips, &all);
	if (status < 0)
		goto free_vips;
	status = sync_roles(r, &all, &r->locals);
	if (status < 0)
		free(all.entries);
	else
		list_replace(&r->services, all);

free_vips:
	free(vips.entries);
	return status;
}

/* ---- local addresses --------------------------------------------------------------------- */

static int compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct dp_xdp_prefix));
}

static bool has_prefix(
	const struct dp_xdp_prefix *list, unsigned n, const struct dp_xdp_prefix *prefix)
{
	return n > 0 && bsearch(prefix, list, n, sizeof(*list), compare_prefixes);
}

/* Loopback is on every machine; the program knows it without a look into the trie. */
static bool is_loopback(const struct prefix *p)
{
	return addr_is_v4(&p->addr) && p->addr.bytes[12] == 127 && p->length_bits >= 96 + 8;
}

static struct dp_xdp_prefix prefix_key(const struct prefix *p)
{
	bool is_v4 = addr_is_v4(&p->addr) && p->length_bits >= 96;
	struct dp_xdp_prefix key = {
		.length_bits = (uint32_t)p->length_bits + DP_XDP_FAMILY_BITS,
		.family = is_v4 ? 4 : 6,
	};

	memcpy(&key.addr, &p->addr, sizeof(key.addr));
	return key;
}

/* Deletes from the trie what `list` has and `keep` has not. */
static void drop_prefixes(const struct dp_xdp_roles *r, const struct dp_xdp_prefix *list,
	unsigned n, const struct dp_xdp_prefix *keep, unsigned n_keep)
{
	for (unsigned i = 0; i < n; i++) {
		if (!has_prefix(keep, n_keep, &list[i]))
			(void)bpf_map_delete_elem(r->prefixes_fd, &list[i]);
	}
}

/* Takes over `next` if it succeeds. */
static int sync_prefixes(struct dp_xdp_roles *r, struct dp_xdp_prefix *next, unsigned n)
{
	uint8_t present = 1;

	for (unsigned i = 0; i < n; i++) {
		int status;

		if (has_prefix(r->prefixes, r->n_prefixes, &next[i]))
			continue;
		if (bpf_map_update_elem(r->prefixes_fd, &next[i], &present, BPF_ANY) == 0)
			continue;
		status = -errno;
		drop_prefixes(r, next, i, r->prefixes, r->n_prefixes);
		return status;
	}
	// a program that still reads the old number misses new entries only
	__atomic_store_n(&r->settings->n_prefixes, n, __ATOMIC_RELAXED);
	drop_prefixes(r, r->prefixes, r->n_prefixes, next, n);
	free(r->prefixes);
	r->prefixes = next;
	r->n_prefixes = n;
	return 0;
}

int dp_xdp_roles_set_locals(struct dp_xdp_roles *r, const struct prefix *list, unsigned n)
{
	struct dp_xdp_role_list hosts;
	struct dp_xdp_prefix *prefixes = calloc(n ? n : 1, sizeof(*prefixes));
	unsigned n_prefixes = 0;
	int status = list_alloc(&hosts, n);

	if (!prefixes || status < 0) {
		status = -ENOMEM;
		goto free_both;
	}
	for (unsigned i = 0; i < n; i++) {
		struct dp_xdp_role local = {.flags = DP_XDP_LOCAL};

		if (list[i].length_bits == 128)
			list_add(&hosts, &list[i].addr, local);
		else if (!is_loopback(&list[i]))
			prefixes[n_prefixes++] = prefix_key(&list[i]);
	}
	(void)list_sort(&hosts); // fails for VIPs only
	qsort(prefixes, n_prefixes, sizeof(*prefixes), compare_prefixes);
	status = n_prefixes > DP_XDP_MAX_PREFIXES ? -E2BIG : sync_prefixes(r, prefixes, n_prefixes);
	if (status < 0)
		goto free_both;
	status = sync_roles(r, &r->services, &hosts);
	if (status < 0)
		goto free_hosts; // the trie owns the prefixes now
	list_replace(&r->locals, hosts);
	return 0;

free_both:
	free(prefixes);
free_hosts:
	free(hosts.entries);
	return status;
}

void dp_xdp_roles_fini(struct dp_xdp_roles *r)
{
	free(r->held.entries);
	free(r->services.entries);
	free(r->locals.entries);
	free(r->prefixes);
}
