/* The plain list of connections that the tables are compared with. Uses nothing of the tables but
 * their types, and is as slow as it is simple. */
#include "connlist.h"

bool connlist_is_client(const struct listed *e, const struct dp_conn_key *key)
{
	return addr_equal(&e->key.client, &key->client) && e->key.client_port == key->client_port &&
	       e->key.protocol == key->protocol;
}

struct listed *connlist_find(struct listed *all, unsigned n, const struct dp_server *servers,
	const struct dp_conn_key *key)
{
	for (unsigned i = 0; i < n; i++) {
		struct listed *e = &all[i];
		bool is_in = key->dir == DP_DIR_IN;
		be16 port = is_in ? e->key.remote_port : e->server_port;
		const struct addr *end = is_in ? &e->key.remote : &servers[e->server].address;

		if (connlist_is_client(e, key) && port == key->remote_port &&
			addr_equal(end, &key->remote))
			return e;
	}
	return NULL;
}

struct listed *connlist_of(struct listed *all, unsigned n, const struct dp_conn *c)
{
	for (unsigned i = 0; i < n; i++)
		if (all[i].conn == c)
			return &all[i];
	return NULL;
}

struct dp_conn_key connlist_outbound(const struct listed *e, const struct dp_server *servers)
{
	struct dp_conn_key key = e->key;

	key.dir = DP_DIR_OUT;
	key.remote = servers[e->server].address;
	key.remote_port = e->server_port;
	return key;
}
