/* The routing table as a job for the builder: built there, taken over here, freed there again.
 *
 * While workers run, only the builder touches DPDK's memory, so that the control thread neither
 * computes for long nor waits for a lock of somebody who has no priority. There are two tables at
 * most, which is what memory is reserved for: one that is in use, one that comes or goes. */
#include "dataplane/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 2 };

struct build_job {
	struct builder_job job;
	struct dp *dp;
	struct dp_route *routes;
	unsigned n;
	unsigned serial;
	struct dp_route_part *part; // what came of it; NULL: `error`
	int error;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void build(struct builder_job *head) ON_BUILDER;
static void take_over(struct builder_job *head) ON_CONTROL;

static void build(struct builder_job *head)
{
	struct build_job *j = (struct build_job *)head;

	j->part = dp_routes_new(j->routes, j->n, j->serial);
	j->error = j->part ? 0 : -errno;
}

static void take_over(struct builder_job *head)
{
	struct build_job *j = (struct build_job *)head;
	struct dp *dp = j->dp;
	struct dp_route_status *status = &dp->route_status;

	status->is_building = false;
	status->error = j->error;
	if (j->part) {
		j->part->home = &dp->route_home;
		dp_routes_put(dp->routes);
		dp->routes = j->part;
		dp->must_rebuild_nexthops = true;
		status->n_routes = j->part->n_routes;
		status->n_left_out = j->part->n_left_out;
	} else {
		dp->route_home.n_parts--;
	}
	free(j->routes);
	free(j);
}

static struct build_job *new_job(struct dp *dp, const struct dp_route *routes, unsigned n)
{
	struct build_job *j = calloc(1, sizeof(*j));
	struct dp_route *copy = calloc((size_t)n + 1, sizeof(*copy));

	if (!j || !copy) {
		free(j);
		free(copy);
		return NULL;
	}
	if (n > 0)
		memcpy(copy, routes, n * sizeof(*copy));
	*j = (struct build_job){
		.job = {.run = build, .done = take_over},
		.dp = dp,
		.routes = copy,
		.n = n,
		.serial = dp->route_serial++,
	};
	return j;
}

int dp_set_routes(struct dp *dp, const struct dp_route *routes, unsigned n)
{
	struct builder *builder = dp->route_home.builder;
	struct build_job *j;

	if (dp->conf->cpu.n_workers == 0)
		return 0;
	if (dp->route_home.n_parts >= MAX_PARTS)
		return -EBUSY;
	j = new_job(dp, routes, n);
	if (!j)
		return -ENOMEM;
	if (builder && builder_give(builder, &j->job) < 0) {
		free(j->routes);
		free(j);
		return -ENOMEM;
	}
	dp->route_home.n_parts++;
	dp->route_status.is_building = true;
	if (!builder) {
		j->job.run(&j->job);
		j->job.done(&j->job);
	}
	return 0;
}

void dp_routes_status(const struct dp *dp, struct dp_route_status *ret)
{
	*ret = dp->route_status;
}

struct builder *dp_builder(const struct dp *dp)
{
	return dp->route_home.builder;
}
