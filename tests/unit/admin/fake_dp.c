/* The data plane of the tests: says what the fixture tells it to. */
#include "tests/unit/admin/fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dp_query {
	struct dp *dp;
	unsigned polls;
	unsigned n_results;
};

int dp_set_services(struct dp *dp, const struct dp_services *set)
{
	(void)dp;
	(void)set;
	return 0;
}

int dp_set_weights(struct dp *dp, unsigned service, const uint16_t *weights, unsigned n)
{
	(void)service;
	(void)weights;
	(void)n;
	dp->n_weight_calls++;
	return 0;
}

void dp_routes_status(const struct dp *dp, struct dp_route_status *ret)
{
	*ret = dp->routes;
}

void dp_set_down(struct dp *dp, unsigned server, bool is_down)
{
	dp->is_down[server] = is_down;
}

unsigned dp_n_workers(const struct dp *dp)
{
	return dp->n_workers;
}

unsigned dp_n_ports(const struct dp *dp)
{
	return dp->n_ports;
}

void dp_read_worker(const struct dp *dp, unsigned worker, struct dp_worker_stats *ret)
{
	*ret = dp->workers[worker];
}

void dp_read_port(const struct dp *dp, unsigned port, struct dp_port_stats *ret)
{
	*ret = dp->ports[port];
}

void dp_read_server(const struct dp *dp, unsigned server, struct dp_server_stats *ret)
{
	uint64_t n = server + 1;

	*ret = (struct dp_server_stats){
		.connections = dp->server.connections * n,
		.packets_in = dp->server.packets_in * n,
		.bytes_in = dp->server.bytes_in * n,
		.packets_out = dp->server.packets_out * n,
		.bytes_out = dp->server.bytes_out * n,
		.established = dp->server.established * n,
		.closing = dp->server.closing * n,
	};
}

void dp_read_handshake(const struct dp *dp, unsigned server, struct dp_times *ret)
{
	(void)server;
	*ret = dp->handshake;
}

void dp_read_service(const struct dp *dp, unsigned service, struct dp_service_stats *ret)
{
	(void)dp;
	*ret = (struct dp_service_stats){.drops = {[DP_DROP_NO_SERVER] = service + 1}};
}

unsigned dp_n_pools(const struct dp *dp)
{
	(void)dp;
	return 1;
}

void dp_read_pool(const struct dp *dp, unsigned pool, struct dp_pool_stats *ret)
{
	(void)dp;
	(void)pool;
	*ret = (struct dp_pool_stats){.name = "packets", .free = 900, .limit = 1000};
}

void dp_read_latency(const struct dp *dp, unsigned worker, struct dp_times *ret)
{
	(void)dp;
	*ret = (struct dp_times){.n_buckets = 3,
		.bounds_seconds = {0.000001, 0.001},
		.buckets = {1, 2, worker},
		.count = 3 + worker,
		.sum_seconds = 0.0015};
}

int dp_query_start(struct dp *dp, const struct dp_conn_filter *filter, unsigned limit,
	struct dp_query **ret_query)
{
	struct dp_query *q;

	if (dp->query)
		return -EBUSY;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->dp = dp;
	q->n_results = dp->n_connections < limit ? dp->n_connections : limit;
	dp->query = q;
	dp->filter = *filter;
	dp->limit = limit;
	dp->n_queries++;
	*ret_query = q;
	return 0;
}

bool dp_query_poll(struct dp_query *q)
{
	return ++q->polls > q->dp->polls_needed;
}

uint64_t dp_query_count(const struct dp_query *q)
{
	return q->dp->n_connections;
}

unsigned dp_query_results(const struct dp_query *q, const struct dp_conn_info **ret)
{
	*ret = q->dp->connections;
	return q->n_results;
}

void dp_query_free(struct dp_query *q)
{
	if (!q)
		return;
	q->dp->query = NULL;
	q->dp->n_freed++;
	free(q);
}

/* Nothing is watched here: that is the end-to-end tests'. */
int dp_watch_capture(
	struct dp *dp, const struct dp_capture_options *options, struct dp_watcher **ret_watcher)
{
	(void)options;
	(void)ret_watcher;
	return dp->n_workers == 0 ? -EOPNOTSUPP : -EBUSY;
}

int dp_watch_trace(
	struct dp *dp, const char *filter, unsigned count, struct dp_watcher **ret_watcher)
{
	(void)filter;
	(void)count;
	(void)ret_watcher;
	return dp->n_workers == 0 ? -EOPNOTSUPP : -EBUSY;
}

enum dp_watch_state dp_watch_poll(struct dp_watcher *w, const char **ret_why)
{
	(void)w;
	*ret_why = "";
	return DP_WATCH_REFUSED;
}

bool dp_watch_next_packet(struct dp_watcher *w, struct dp_capture_packet *ret)
{
	(void)w;
	(void)ret;
	return false;
}

bool dp_watch_next_trace(struct dp_watcher *w, struct dp_trace *ret)
{
	(void)w;
	(void)ret;
	return false;
}

uint64_t dp_watch_lost(const struct dp_watcher *w)
{
	(void)w;
	return 0;
}

void dp_watch_stop(struct dp_watcher *w)
{
	(void)w;
}
