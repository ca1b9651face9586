#pragma once

#include "dataplane/conntab.h"

#include <stdbool.h>

/* The oracle of the connection tables: the connections that should be in them as a plain list, and
 * lookups that go through all of it. Lists belong to the tests. */

struct listed {
	struct dp_conn_key key; // inbound
	uint32_t server;
	be16 server_port;
	uint32_t expires_ms;
	bool is_half_open;
	struct dp_conn *conn;
};

bool connlist_is_client(const struct listed *e, const struct dp_conn_key *key);
/* What a packet with this key, of either direction, belongs to. */
struct listed *connlist_find(struct listed *all, unsigned n, const struct dp_server *servers,
	const struct dp_conn_key *key);
struct listed *connlist_of(struct listed *all, unsigned n, const struct dp_conn *c);
/* The key of its answers. */
struct dp_conn_key connlist_outbound(const struct listed *e, const struct dp_server *servers);
