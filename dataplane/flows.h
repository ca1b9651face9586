#pragma once

#include "base/thread.h"
#include "dataplane/conntab.h"

/* A worker's connections: those whose handshake is complete (and all UDP), and, in a small
 * table apart, TCP connections whose handshake is not (dataplane.md §5).
 *
 * The table apart has a bound of its own. At the bound the oldest half-open connection makes
 * room, so a flood of SYNs can push out other half-open ones only, and touches little memory.
 * A connection moves over when the client acknowledges the server's answer. */

struct dp_flows {
	struct dp_conntab settled;
	struct dp_conntab half_open;
	struct dp_flow_age *ages; // of half-open records, by number: a chain by age
	uint32_t oldest, newest;  // record numbers; DP_FLOWS_NONE
	uint32_t ahead;           // the youngest of those that were asked for from memory
	uint32_t n_ahead;         // how many that are, from the oldest on; 0: ahead means nothing
	struct dp_memory age_memory;
};

/* 16 bytes, four a cache line. */
struct dp_flow_age {
	uint32_t older, newer; // record numbers; DP_FLOWS_NONE
	/* The hash, so that eviction need not fetch the record to find its bucket. */
	uint32_t bucket;
	uint16_t tag;
	uint16_t begun_us; // as the request said
};

enum { DP_FLOWS_NONE = UINT32_MAX };

/* -ENOMEM, or -errno of getrandom(). */
int dp_flows_init(struct dp_flows *f, uint32_t settled, uint32_t half_open,
	const struct dp_memory_policy *policy) ON_CONTROL;
void dp_flows_fini(struct dp_flows *f) ON_CONTROL;

static inline struct dp_hash dp_flows_hash(const struct dp_flows *f, const struct dp_conn_key *key)
{
	return dp_hash_client(&f->settled.keys, &key->client, key->client_port, key->protocol);
}

static inline bool dp_flows_is_half_open(const struct dp_flows *f, const struct dp_conn *c)
{
	return c >= f->half_open.records && c < f->half_open.records + f->half_open.capacity;
}

/* Surely nothing of this client endpoint is there; right for nearly all that are not. */
static inline bool dp_flows_is_strange(const struct dp_flows *f, struct dp_hash hash)
{
	return dp_conntab_is_strange(&f->settled, hash) &
	       dp_conntab_is_strange(&f->half_open, hash);
}

/* When the SYN of a half-open connection came, as its request said. */
static inline uint16_t dp_flows_begun_us(const struct dp_flows *f, const struct dp_conn *c)
{
	return f->ages[c - f->half_open.records].begun_us;
}

/* One bit of 64 for a half-open connection: a set of few has hardly any other's. */
static inline uint64_t dp_flows_bit(const struct dp_flows *f, const struct dp_conn *c)
{
	return (uint64_t)1 << ((c - f->half_open.records) & 63);
}

/* NULL if absent; an expired one is found too. The conn stage does the same for a burst. */
struct dp_conn *dp_flows_find(const struct dp_flows *f, const struct dp_server *servers,
	const struct dp_conn_key *key) ON_WORKER;

/* As dp_conntab_check(), in both tables. DP_CONNTAB_FULL: the settled table is full.
 * DP_CONNTAB_HALF_OPEN_FULL: *ret_conn is the oldest half-open one: once it is closed, all is well.
 */
enum dp_conntab_result dp_flows_check(const struct dp_flows *f, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn) ON_WORKER;
/* After a check, when nothing is in the way any more. TCP begins half-open. */
struct dp_conn *dp_flows_file(struct dp_flows *f, const struct dp_server *servers,
	const struct dp_flow_request *request) ON_WORKER;
/* The same in place of the oldest half-open one, which is closed so. TCP only. */
struct dp_conn *dp_flows_file_over_oldest(struct dp_flows *f, const struct dp_server *servers,
	const struct dp_flow_request *request) ON_WORKER;
/* Checks and files. */
enum dp_conntab_result dp_flows_open(struct dp_flows *f, const struct dp_server *servers,
	const struct dp_flow_request *request, struct dp_conn **ret_conn) ON_WORKER;

/* The handshake of `c` is complete: moves it to the settled table. NULL if that is full; c then
 * stays what and where it was. */
struct dp_conn *dp_flows_settle(struct dp_flows *f, struct dp_conn *c) ON_WORKER;

void dp_flows_close(struct dp_flows *f, struct dp_conn *c) ON_WORKER;
