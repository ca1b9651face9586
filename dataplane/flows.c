/* Two connection tables and the chain of age through the smaller one. The chain stands beside the
 * records: so a connection that settles is copied as it is. */
#include "dataplane/flows.h"

#include "base/prefetch.h"

#include <netinet/in.h>

int dp_flows_init(struct dp_flows *f, uint32_t settled, uint32_t half_open,
	const struct dp_memory_policy *policy)
{
	int r = dp_conntab_init(&f->settled, settled, DP_CONNTAB_DENSE, policy);

	if (r < 0)
		return r;
	r = dp_conntab_init(&f->half_open, half_open, DP_CONNTAB_SPARSE, policy);
	if (r < 0)
		goto fini_settled;
	r = dp_memory_map(half_open * sizeof(*f->ages), policy, &f->age_memory);
	if (r < 0)
		goto fini_half_open;
	f->ages = f->age_memory.start;
	f->half_open.keys = f->settled.keys; // one hash serves both
	f->oldest = f->newest = DP_FLOWS_NONE;
	return 0;

fini_half_open:
	dp_conntab_fini(&f->half_open);
fini_settled:
	dp_conntab_fini(&f->settled);
	return r;
}

void dp_flows_fini(struct dp_flows *f)
{
	dp_conntab_fini(&f->settled);
	dp_conntab_fini(&f->half_open);
	dp_memory_unmap(&f->age_memory);
}

struct dp_conn *dp_flows_find(
	const struct dp_flows *f, const struct dp_server *servers, const struct dp_conn_key *key)
{
	struct dp_conn *c = dp_conntab_find(&f->settled, servers, key);

	// UDP never is half-open
	if (!c && key->protocol == IPPROTO_TCP)
		c = dp_conntab_find(&f->half_open, servers, key);
	return c;
}

static uint32_t number_of(const struct dp_flows *f, const struct dp_conn *c)
{
	return (uint32_t)(c - f->half_open.records);
}

static struct dp_hash hash_of(const struct dp_flows *f, uint32_t record)
{
	return (struct dp_hash){.bucket = f->ages[record].bucket, .tag = f->ages[record].tag};
}

static void chain(struct dp_flows *f, uint32_t record, const struct dp_flow_request *request)
{
	f->ages[record] = (struct dp_flow_age){.older = f->newest,
		.newer = DP_FLOWS_NONE,
		.bucket = request->key->hash.bucket,
		.tag = request->key->hash.tag,
		.begun_us = request->begun_us};
	if (f->newest != DP_FLOWS_NONE)
		f->ages[f->newest].newer = record;
	else
		f->oldest = record;
	f->newest = record;
}

static void unchain(struct dp_flows *f, uint32_t record)
{
	struct dp_flow_age age = f->ages[record];

	if (f->n_ahead > 0 && (f->ahead == record || f->oldest == record))
		f->n_ahead = f->ahead == record ? 0 : f->n_ahead - 1;
	if (age.older != DP_FLOWS_NONE)
		f->ages[age.older].newer = age.newer;
	else
		f->oldest = age.newer;
	if (age.newer != DP_FLOWS_NONE)
		f->ages[age.newer].older = age.older;
	else
		f->newest = age.older;
}

static void close_half_open(struct dp_flows *f, struct dp_conn *c)
{
	uint32_t record = number_of(f, c);

	unchain(f, record);
	dp_conntab_close_hashed(&f->half_open, c, hash_of(f, record));
}

/* At the bound each new connection costs the oldest, whose record and bucket were last touched long
 * ago: they are asked for LOOK_AHEAD openings before they go. One step an opening, as each finds
 * out where the next one stands. */
static void look_ahead(struct dp_flows *f)
{
	enum { LOOK_AHEAD = 48, STEPS = 2 };

	if (f->half_open.n_used + LOOK_AHEAD < f->half_open.capacity)
		return;
	for (unsigned i = 0; i < STEPS && f->n_ahead < LOOK_AHEAD; i++) {
		uint32_t at = f->n_ahead > 0 ? f->ages[f->ahead].newer : f->oldest;

		if (at == DP_FLOWS_NONE)
			return;
		if (f->ages[at].newer != DP_FLOWS_NONE)
			prefetch_to_write(&f->ages[f->ages[at].newer]);
		prefetch_to_write(&f->half_open.records[at]);
		dp_conntab_prefetch(&f->half_open, hash_of(f, at));
		f->ahead = at;
		f->n_ahead++;
	}
}

/* Whether there is room for one more. A handshake begins only if there is room for it to settle
 * (UDP may take that yet): near the end of the settled table, too, the oldest makes room. */
static enum dp_conntab_result check_room(
	const struct dp_flows *f, const struct dp_flow_request *request, struct dp_conn **ret_conn)
{
	uint32_t room = f->settled.capacity - f->settled.n_used;

	if (room == 0)
		return DP_CONNTAB_FULL;
	if (request->key->protocol != IPPROTO_TCP)
		return DP_CONNTAB_OK;
	if (f->half_open.n_used < f->half_open.capacity && f->half_open.n_used < room)
		return DP_CONNTAB_OK;
	*ret_conn = &f->half_open.records[f->oldest];
	return DP_CONNTAB_HALF_OPEN_FULL;
}

enum dp_conntab_result dp_flows_check(const struct dp_flows *f, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn)
{
	enum dp_conntab_result r = DP_CONNTAB_OK;

	if (!request->is_stranger)
		r = dp_conntab_check(&f->settled, servers, request, ret_conn);
	if (r == DP_CONNTAB_OK && !request->is_stranger && request->key->protocol == IPPROTO_TCP)
		r = dp_conntab_check(&f->half_open, servers, request, ret_conn);
	return r == DP_CONNTAB_OK ? check_room(f, request, ret_conn) : r;
}

struct dp_conn *dp_flows_file(
	struct dp_flows *f, const struct dp_server *servers, const struct dp_flow_request *request)
{
	struct dp_conn *c;

	if (request->key->protocol != IPPROTO_TCP)
		return dp_conntab_file(&f->settled, servers, request);
	c = dp_conntab_file(&f->half_open, servers, request);
	chain(f, number_of(f, c), request);
	look_ahead(f);
	return c;
}

struct dp_conn *dp_flows_file_over_oldest(
	struct dp_flows *f, const struct dp_server *servers, const struct dp_flow_request *request)
{
	uint32_t record = f->oldest;
	struct dp_hash was = hash_of(f, record);

	unchain(f, record);
	(void)dp_conntab_file_over(
		&f->half_open, &f->half_open.records[record], was, servers, request);
	chain(f, record, request);
	look_ahead(f);
	return &f->half_open.records[record];
}

enum dp_conntab_result dp_flows_open(struct dp_flows *f, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn)
{
	enum dp_conntab_result r = dp_flows_check(f, servers, request, ret_conn);

	if (r == DP_CONNTAB_OK)
		*ret_conn = dp_flows_file(f, servers, request);
	return r;
}

struct dp_conn *dp_flows_settle(struct dp_flows *f, struct dp_conn *c)
{
	struct dp_conn *settled = dp_conntab_copy(&f->settled, c);

	if (!settled)
		return NULL;
	close_half_open(f, c);
	return settled;
}

void dp_flows_close(struct dp_flows *f, struct dp_conn *c)
{
	if (!dp_flows_is_half_open(f, c)) {
		dp_conntab_close(&f->settled, c);
		return;
	}
	close_half_open(f, c);
}
