/* Neighbours as next hops with stable ids. The map is the control thread's; a part is a copy
 * of it for the workers. Ids are given back when nobody names the neighbour any more, so the
 * map never grows beyond what is there (DP_MAX_NEIGHBOURS). */
#include "dataplane/routes.h"

#include <stdlib.h>
#include <string.h>

struct map_entry {
	struct dp_nexthop_key key; // key.id == DP_NO_NEXTHOP: the id is free
	struct dp_nexthop hop;
	bool is_named; // since dp_nexthop_map_begin()
};

struct dp_nexthop_map {
	struct map_entry entries[DP_MAX_NEIGHBOURS + 1]; // by id
	uint16_t index[4 * DP_MAX_NEIGHBOURS];           // ids; 0: free
	uint32_t n_ids;                                  // highest id given, plus 1
	uint32_t free_search;
};

enum { INDEX_MASK = 4 * DP_MAX_NEIGHBOURS - 1 };

struct dp_nexthop_map *dp_nexthop_map_new(void)
{
	struct dp_nexthop_map *m = calloc(1, sizeof(*m));

	if (m)
		m->n_ids = 1;
	return m;
}

void dp_nexthop_map_free(struct dp_nexthop_map *m)
{
	free(m);
}

static uint16_t *index_slot(struct dp_nexthop_map *m, unsigned port, const struct addr *a)
{
	uint32_t i = dp_tables_mix(a, port);

	for (;; i++) {
		uint16_t *slot = &m->index[i & INDEX_MASK];
		const struct dp_nexthop_key *key = &m->entries[*slot].key;

		if (*slot == DP_NO_NEXTHOP || (key->port == port && addr_equal(&key->address, a)))
			return slot;
	}
}

void dp_nexthop_map_begin(struct dp_nexthop_map *m)
{
	for (uint32_t id = 1; id < m->n_ids; id++) {
		m->entries[id].is_named = false;
		m->entries[id].hop.is_known = 0;
	}
	m->free_search = 1;
}

/* A fresh id, else one that was free already before this round began, so that an id never
 * changes its meaning between two parts in a row without a gap. */
static uint16_t take_id(struct dp_nexthop_map *m)
{
	for (; m->free_search < m->n_ids; m->free_search++)
		if (m->entries[m->free_search].key.id == DP_NO_NEXTHOP)
			return (uint16_t)m->free_search++;
	if (m->n_ids > DP_MAX_NEIGHBOURS)
		return DP_NO_NEXTHOP;
	m->free_search = m->n_ids + 1;
	return (uint16_t)m->n_ids++;
}

bool dp_nexthop_map_add(
	struct dp_nexthop_map *m, unsigned port, const struct addr *a, const uint8_t *mac)
{
	uint16_t *slot = index_slot(m, port, a);
	struct map_entry *e;

	if (*slot == DP_NO_NEXTHOP) {
		uint16_t id = take_id(m);

		if (id == DP_NO_NEXTHOP)
			return false;
		*slot = id;
		m->entries[id].key =
			(struct dp_nexthop_key){.address = *a, .port = (uint16_t)port, .id = id};
		m->entries[id].hop = (struct dp_nexthop){.port = (uint16_t)port};
	}
	e = &m->entries[*slot];
	e->is_named = true;
	if (mac) {
		memcpy(e->hop.mac, mac, sizeof(e->hop.mac));
		e->hop.is_known = 1;
	}
	return true;
}

static void forget_unnamed(struct dp_nexthop_map *m)
{
	memset(m->index, 0, sizeof(m->index));
	for (uint32_t id = 1; id < m->n_ids; id++) {
		struct map_entry *e = &m->entries[id];

		if (e->is_named)
			*index_slot(m, e->key.port, &e->key.address) = (uint16_t)id;
		else
			*e = (struct map_entry){.is_named = false};
	}
}

static void insert(struct dp_nexthop_part *p, const struct dp_nexthop_key *key)
{
	uint32_t i = dp_tables_mix(&key->address, key->port);

	while (p->index[i & p->index_mask].id != DP_NO_NEXTHOP)
		i++;
	p->index[i & p->index_mask] = *key;
}

struct dp_nexthop_part *dp_nexthops_new(struct dp_nexthop_map *m)
{
	struct dp_nexthop_part *p = calloc(1, sizeof(*p));
	uint32_t slots = 16;

	if (!p)
		return NULL;
	forget_unnamed(m);
	while (slots < 4 * m->n_ids)
		slots *= 2;
	p->refs = 1;
	p->n_nexthops = m->n_ids;
	p->index_mask = slots - 1;
	p->nexthops = calloc(m->n_ids, sizeof(*p->nexthops));
	p->keys = calloc(m->n_ids, sizeof(*p->keys));
	p->index = calloc(slots, sizeof(*p->index));
	if (!p->nexthops || !p->keys || !p->index) {
		dp_nexthops_put(p);
		return NULL;
	}
	for (uint32_t id = 1; id < m->n_ids; id++) {
		if (!m->entries[id].is_named)
			continue;
		p->nexthops[id] = m->entries[id].hop;
		p->keys[id] = m->entries[id].key;
		insert(p, &m->entries[id].key);
	}
	return p;
}

void dp_nexthops_put(struct dp_nexthop_part *p)
{
	if (!p || --p->refs > 0)
		return;
	free(p->nexthops);
	free(p->keys);
	free(p->index);
	free(p);
}

uint16_t dp_nexthops_find(const struct dp_nexthop_part *p, unsigned port, const struct addr *a)
{
	for (uint32_t i = dp_tables_mix(a, port);; i++) {
		const struct dp_nexthop_key *k = &p->index[i & p->index_mask];

		if (k->id == DP_NO_NEXTHOP)
			return DP_NO_NEXTHOP;
		if (k->port == port && addr_equal(&k->address, a))
			return k->id;
	}
}
