/* Addresses of this machine, for ports on which the workers decide what is the kernel's: hosts in
 * a hash, wider prefixes as ranges that are sorted and do not overlap. Pure. */
#include "dataplane/tables.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* So sparse that hardly any client's first slot is a host's. */
static uint32_t table_size(uint32_t n_entries)
{
	uint32_t size = 64;

	while (size < 16 * n_entries)
		size *= 2;
	return size;
}

static struct addr *host_slot(const struct dp_local_part *p, const struct addr *a)
{
	uint32_t i = dp_tables_mix(a, 0);

	while (!addr_is_unspecified(&p->hosts[i & p->host_mask]) &&
		!addr_equal(&p->hosts[i & p->host_mask], a))
		i++;
	return &p->hosts[i & p->host_mask];
}

static unsigned __int128 number_of(const struct addr *a)
{
	return (unsigned __int128)be64toh(a->halves[0]) << 64 | be64toh(a->halves[1]);
}

static struct dp_local_range range_of(const struct prefix *p)
{
	unsigned __int128 first = number_of(&p->addr), hosts = ~(unsigned __int128)0;

	return (struct dp_local_range){first, first | hosts >> p->length_bits};
}

static int compare_ranges(const void *left, const void *right)
{
	const struct dp_local_range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

/* Prefixes are nested or apart, so the first of those that overlap holds them all. */
static void sort_ranges(struct dp_local_ranges *r)
{
	uint32_t n = 0;

	qsort(r->list, r->n, sizeof(*r->list), compare_ranges);
	for (uint32_t i = 0; i < r->n; i++) {
		if (n == 0 || r->list[i].first > r->list[n - 1].last)
			r->list[n++] = r->list[i];
		else if (r->list[i].last > r->list[n - 1].last)
			r->list[n - 1].last = r->list[i].last;
	}
	r->n = n;
}

static void add(struct dp_local_part *p, const struct prefix *local)
{
	// ::/0 has the form of a prefix that holds the IPv4 addresses too, and does not mean them
	bool is_v4 = addr_is_v4(&local->addr) && local->length_bits >= 96;
	struct dp_local_ranges *r = &p->ranges[is_v4 ? CONF_V4 : CONF_V6];

	if (local->length_bits == 128)
		*host_slot(p, &local->addr) = local->addr;
	else
		r->list[r->n++] = range_of(local);
}

struct dp_local_part *dp_locals_new(const struct prefix *list, unsigned n)
{
	struct dp_local_part *p = calloc(1, sizeof(*p));
	uint32_t slots = table_size(n);

	if (!p)
		return NULL;
	p->refs = 1;
	p->host_mask = slots - 1;
	p->hosts = calloc(slots, sizeof(*p->hosts));
	for (int f = 0; f < CONF_N_FAMILIES; f++)
		p->ranges[f].list = calloc((size_t)n + 1, sizeof(*p->ranges[f].list));
	if (!p->hosts || !p->ranges[CONF_V4].list || !p->ranges[CONF_V6].list) {
		dp_locals_put(p);
		return NULL;
	}
	for (unsigned i = 0; i < n; i++)
		add(p, &list[i]);
	for (int f = 0; f < CONF_N_FAMILIES; f++)
		sort_ranges(&p->ranges[f]);
	return p;
}

void dp_locals_put(struct dp_local_part *p)
{
	if (!p || --p->refs > 0)
		return;
	for (int f = 0; f < CONF_N_FAMILIES; f++)
		free(p->ranges[f].list);
	free(p->hosts);
	free(p);
}

/* The last that begins at or before the address, or the first: chosen by halves without a branch,
 * as clients come in no order. */
static bool has_range(const struct dp_local_ranges *r, const struct addr *a)
{
	const struct dp_local_range *low = r->list;
	unsigned __int128 at = number_of(a);

	for (uint32_t n = r->n; n > 1; n -= n / 2)
		low = pick_pointer(low[n / 2].first <= at, low, &low[n / 2]);
	return (low->first <= at) & (at <= low->last);
}

bool dp_locals_has(const struct dp_local_part *p, const struct addr *a)
{
	const struct dp_local_ranges *r = &p->ranges[addr_is_v4(a) ? CONF_V4 : CONF_V6];

	if (addr_is_unspecified(a))
		return false;
	return !addr_is_unspecified(host_slot(p, a)) || (r->n > 0 && has_range(r, a));
}
