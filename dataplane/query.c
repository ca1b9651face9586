/* The control thread's half of a question about connections: one request to each worker, the
 * answers put together when all are done. */
#include "dataplane/internal.h"
#include "dataplane/request.h"

#include <errno.h>
#include <stdlib.h>

struct dp_query {
	struct dp *dp;
	struct dp_conn_filter filter;
	struct dp_conn_info *results; // limit for each worker, packed when done
	unsigned limit;
	unsigned n_results;
	uint64_t count;
	bool is_done;
	struct dp_request requests[DP_MAX_WORKERS];
};

int dp_query_start(struct dp *dp, const struct dp_conn_filter *filter, unsigned limit,
	struct dp_query **ret_query)
{
	struct dp_query *q;

	if (dp->query)
		return -EBUSY;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->results = calloc((size_t)dp->n_workers * limit + 1, sizeof(*q->results));
	if (!q->results) {
		free(q);
		return -ENOMEM;
	}
	q->dp = dp;
	q->filter = *filter;
	q->limit = limit;
	dp->query = q;
	for (unsigned i = 0; i < dp->n_workers; i++) {
		q->requests[i] = (struct dp_request){
			.filter = &q->filter,
			.results = q->results + (size_t)i * limit,
			.limit = limit,
		};
		// pairs with the acquire in dp_request_serve()
		__atomic_store_n(&dp->workers[i]->request, &q->requests[i], __ATOMIC_RELEASE);
	}
	*ret_query = q;
	return 0;
}

static void put_together(struct dp_query *q)
{
	for (unsigned i = 0; i < q->dp->n_workers; i++) {
		const struct dp_request *r = &q->requests[i];

		q->count += r->n_matches;
		for (unsigned k = 0; k < r->n_results && q->n_results < q->limit; k++)
			q->results[q->n_results++] = r->results[k];
	}
}

bool dp_query_poll(struct dp_query *q)
{
	if (q->is_done)
		return true;
	for (unsigned i = 0; i < q->dp->n_workers; i++)
		// pairs with the release in dp_request_serve()
		if (!__atomic_load_n(&q->requests[i].is_done, __ATOMIC_ACQUIRE))
			return false;
	put_together(q);
	q->is_done = true;
	return true;
}

uint64_t dp_query_count(const struct dp_query *q)
{
	return q->count;
}

unsigned dp_query_results(const struct dp_query *q, const struct dp_conn_info **ret)
{
	*ret = q->results;
	return q->n_results;
}

/* A query that is freed while workers still answer (its asker hung up) is waited for: a piece
 * takes microseconds, and the worker would write into freed memory. */
void dp_query_free(struct dp_query *q)
{
	if (!q)
		return;
	while (!dp_query_poll(q))
		dp_relax();
	q->dp->query = NULL;
	free(q->results);
	free(q);
}
