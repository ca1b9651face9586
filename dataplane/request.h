#pragma once

#include "base/thread.h"
#include "dataplane/worker.h"

/* Questions of the control thread that a worker answers between bursts, a bounded piece at a
 * time. The asker owns the request before it hands it over (dp_worker.request, release) and
 * again after `is_done` (acquire); in between it is the worker's. */

enum { DP_REQUEST_PIECE = 2048 }; // records looked at in one turn

struct dp_request {
	const struct dp_conn_filter *filter;
	uint32_t cursor;
	uint64_t n_matches;
	struct dp_conn_info *results; // room for `limit`
	unsigned limit;
	unsigned n_results;
	bool is_done; // atomic
};

/* The next piece of the request, if there is one. */
void dp_request_serve(struct dp_worker *w, const struct dp_tables *t) ON_WORKER;
