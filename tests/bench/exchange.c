/* Traffic that opens and closes connections, wants to open too many, or has none. */
#include "tests/bench/exchange.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { SYN = 0x02, ACK = 0x10, PSH = 0x08, FIN = 0x01 };

static void *must_calloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		(void)fputs("bench: no memory for traffic\n", stderr);
		exit(1);
	}
	return p;
}

static void start_traffic(struct traffic *t, unsigned family, uint32_t first_client, uint64_t seed)
{
	t->family = family;
	t->random = random_seeded(seed);
	t->next_client = first_client;
}

/* ---- exchange -------------------------------------------------------------------------------- */

static const struct {
	uint8_t flags;
	bool is_out;
} steps[EXCHANGE_PACKETS] = {{SYN, false}, {SYN | ACK, true}, {ACK, false}, {PSH | ACK, false},
	{PSH | ACK, true}, {FIN | ACK, false}, {FIN | ACK, true}, {ACK, false}};

/* Slots start one after the other, so that all kinds of packets mix. */
static uint32_t next_slot(struct exchange *x)
{
	for (;;) {
		uint32_t slot = x->order[x->at++ % x->n_slots];

		if (x->step[slot] >= 0)
			return slot;
		x->step[slot]++;
	}
}

static void exchange_next(
	struct traffic *t, struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	struct exchange *x = (struct exchange *)t;
	uint32_t slot = next_slot(x);
	int step = x->step[slot];

	if (step == 0)
		x->conns[slot] = traffic_new_conn(t, IPPROTO_TCP);
	*ret_flow = traffic_flow(t, &x->conns[slot]);
	traffic_spec(t, ret_flow, slot | (steps[step].is_out ? TRAFFIC_OUT : 0), steps[step].flags,
		ret_spec);
	x->step[slot] = (int8_t)((step + 1) % EXCHANGE_PACKETS);
}

static const char *exchange_judge(struct traffic *t, const struct frame_read *r)
{
	struct exchange *x = (struct exchange *)t;
	uint32_t slot = r->id & ~(uint32_t)TRAFFIC_OUT;

	return slot < x->n_slots ? traffic_judge(t, &x->conns[slot], r) : "unknown id";
}

struct exchange *exchange_new(
	unsigned family, uint32_t n_slots, uint32_t first_client, uint64_t seed)
{
	struct exchange *x = must_calloc(sizeof(*x));

	start_traffic(&x->t, family, first_client, seed);
	x->t.next = exchange_next;
	x->t.judge = exchange_judge;
	x->n_slots = n_slots;
	for (uint32_t i = 0; i < n_slots; i++) {
		uint32_t k = random_below(&x->t.random, i + 1);

		x->order[i] = x->order[k];
		x->order[k] = i;
		x->step[i] = (int8_t) - (int)(i % EXCHANGE_PACKETS);
	}
	return x;
}

void exchange_free(struct exchange *x)
{
	free(x);
}

/* ---- flood ----------------------------------------------------------------------------------- */

/* An honest client goes on if its last packet came through; else it has given up. */
static void honest_next(struct flood *f, struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	uint32_t slot = f->honest_at++ % FLOOD_HONEST, id = FLOOD_RING + slot;
	struct traffic_conn *c = &f->conns[id];
	bool is_new = f->honest_at <= FLOOD_HONEST;

	if (!is_new && f->has_come_out[slot] && f->step[slot] < 2) {
		f->step[slot]++;
	} else {
		if (!is_new)
			f->has_come_out[slot] ? f->counts.completed++ : f->counts.failed++;
		*c = traffic_new_conn(&f->t, IPPROTO_TCP);
		f->step[slot] = 0;
	}
	f->has_come_out[slot] = false;
	*ret_flow = traffic_flow(&f->t, c);
	traffic_spec(&f->t, ret_flow, id | (steps[f->step[slot]].is_out ? TRAFFIC_OUT : 0),
		steps[f->step[slot]].flags, ret_spec);
	f->counts.syns += f->step[slot] == 0;
}

static void flood_next(struct traffic *t, struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	struct flood *f = (struct flood *)t;
	uint32_t id;

	if (f->counts.packets++ % FLOOD_SHARE == 0) {
		honest_next(f, ret_flow, ret_spec);
		return;
	}
	id = f->at++ % FLOOD_RING;
	f->counts.syns++;
	f->conns[id] = traffic_new_conn(t, IPPROTO_TCP);
	*ret_flow = traffic_flow(t, &f->conns[id]);
	traffic_spec(t, ret_flow, id, SYN, ret_spec);
}

static const char *flood_judge(struct traffic *t, const struct frame_read *r)
{
	struct flood *f = (struct flood *)t;
	uint32_t id = r->id & ~(uint32_t)TRAFFIC_OUT;

	if (id >= FLOOD_RING + FLOOD_HONEST)
		return "unknown id";
	if (id >= FLOOD_RING)
		f->has_come_out[id - FLOOD_RING] = true;
	return traffic_judge(t, &f->conns[id], r);
}

struct flood *flood_new(unsigned family, uint32_t first_client, uint64_t seed)
{
	struct flood *f = must_calloc(sizeof(*f));

	start_traffic(&f->t, family, first_client, seed);
	f->t.next = flood_next;
	f->t.judge = flood_judge;
	return f;
}

void flood_free(struct flood *f)
{
	free(f);
}

/* ---- strangers ---------------------------------------------------------------------------------
 */

static void stranger_next(
	struct traffic *t, struct frame_flow *ret_flow, struct frame_spec *ret_spec)
{
	struct traffic_conn c = traffic_new_conn(t, IPPROTO_TCP);

	*ret_flow = traffic_flow(t, &c);
	traffic_spec(t, ret_flow, 0, PSH | ACK, ret_spec);
}

static const char *stranger_judge(struct traffic *t, const struct frame_read *r)
{
	(void)t;
	(void)r;
	return "forwarded, although nobody opened the connection";
}

struct traffic *stranger_new(unsigned family, uint32_t first_client, uint64_t seed)
{
	struct traffic *t = must_calloc(sizeof(*t));

	start_traffic(t, family, first_client, seed);
	t->next = stranger_next;
	t->judge = stranger_judge;
	return t;
}

void stranger_free(struct traffic *t)
{
	free(t);
}
