/* The worker's half of a question about its connections. */
#include "dataplane/request.h"

#include <arpa/inet.h>

static bool is_listed(const unsigned *list, unsigned n, unsigned id)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return n == 0;
}

static bool is_wanted(const struct dp_conn_filter *f, const struct dp_conn *c, unsigned service)
{
	if (f->has_client && !addr_equal(&f->client, &c->client))
		return false;
	if (f->client_port && f->client_port != ntohs(c->client_port))
		return false;
	if (f->service != DP_NO_ID && (unsigned)f->service != service)
		return false;
	if (f->server != DP_NO_ID && (unsigned)f->server != c->server)
		return false;
	return is_listed(f->services, f->n_services, service) &&
	       is_listed(f->servers, f->n_servers, c->server);
}

static struct dp_conn_info describe(
	const struct dp_worker *w, const struct dp_conn *c, unsigned service)
{
	return (struct dp_conn_info){
		.client = c->client,
		.vip = c->vip,
		.client_port = ntohs(c->client_port),
		.vip_port = ntohs(c->vip_port),
		.server_port = ntohs(c->server_port),
		.protocol = c->protocol,
		.service = service,
		.server = c->server,
		.worker = w->setup.index,
		.state = dp_l4state_name((enum dp_l4_state)c->state),
		.expires_ms = c->expires_ms - w->now_ms,
		.age_ms = w->now_ms - c->opened_ms,
	};
}

static void look_at(struct dp_worker *w, const struct dp_tables *t, struct dp_request *r,
	const struct dp_conn *c)
{
	unsigned service;

	if (c->state == DP_L4_FREE || dp_conn_is_expired(c, w->now_ms))
		return;
	service = t->servers[c->server].service;
	if (!is_wanted(r->filter, c, service))
		return;
	r->n_matches++;
	if (r->n_results < r->limit)
		r->results[r->n_results++] = describe(w, c, service);
}

/* The next records of one table, its first having the number `base` for the cursor. True when
 * the cursor has passed its last. */
static bool walk(struct dp_worker *w, const struct dp_tables *t, const struct dp_conntab *table,
	uint32_t base)
{
	struct dp_request *r = w->request;
	uint32_t last = base + table->high_water;
	uint32_t end = r->cursor + DP_REQUEST_PIECE < last ? r->cursor + DP_REQUEST_PIECE : last;

	for (; r->cursor < end; r->cursor++)
		look_at(w, t, r, &table->records[r->cursor - base]);
	return r->cursor >= last;
}

void dp_request_serve(struct dp_worker *w, const struct dp_tables *t)
{
	// pairs with the release in dp_query_start()
	struct dp_request *r = __atomic_load_n(&w->request, __ATOMIC_ACQUIRE);
	uint32_t base = w->flows.settled.capacity;

	if (!r)
		return;
	if (r->cursor < base) {
		if (walk(w, t, &w->flows.settled, 0))
			r->cursor = base;
		return;
	}
	if (!walk(w, t, &w->flows.half_open, base))
		return;
	__atomic_store_n(&w->request, NULL, __ATOMIC_RELAXED);
	// pairs with the acquire in dp_query_poll()
	__atomic_store_n(&r->is_done, true, __ATOMIC_RELEASE);
}
