/* /metrics: the snapshot as a document. */
#include "control/http.h"

#include "base/log.h"
#include "control/metrics_model.h"

#include <stdlib.h>

enum { MANY_SERIES = 50000 };

struct metrics_work {
	struct ctl *ctl;
	struct metrics_snapshot *snapshot;
	unsigned n_series; // written by the builder
};

static void free_work(void *arg) ON_CONTROL;
static void free_work(void *arg)
{
	struct metrics_work *w = arg;
	struct http_server *server = w->ctl->http;

	// once: it is the configuration's size, and no change of state
	if (w->n_series > MANY_SERIES && server && !server->has_told_of_series) {
		server->has_told_of_series = true;
		log_warn("metrics: a scrape has many series: http.server_metrics = false leaves "
			 "out those of servers: series=%u",
			w->n_series);
	}
	ctl_metrics_free(w->snapshot);
	free(w);
}

static void *begin(struct ctl *ctl) ON_CONTROL;
static void *begin(struct ctl *ctl)
{
	struct metrics_work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->ctl = ctl;
	w->snapshot = ctl_metrics_new(ctl);
	if (w->snapshot)
		return w;
	free(w);
	return NULL;
}

static enum ctl_job_turn step(void *arg) ON_CONTROL;
static enum ctl_job_turn step(void *arg)
{
	struct metrics_work *w = arg;

	return ctl_metrics_take(w->ctl, w->snapshot) ? CTL_JOB_DONE : CTL_JOB_MORE;
}

static int finish(void *arg, struct http_bytes *ret) ON_BUILDER;
static int finish(void *arg, struct http_bytes *ret)
{
	struct metrics_work *w = arg;
	struct metrics_text text;
	int r = ctl_metrics_format(w->snapshot, &text);

	if (r < 0)
		return r;
	w->n_series = text.n_series;
	*ret = (struct http_bytes){text.text, text.len};
	return 0;
}

const struct http_doc_kind ctl_http_metrics = {
	.type = "text/plain; version=0.0.4; charset=utf-8",
	.begin = begin,
	.step = step,
	.finish = finish,
	.free = free_work,
	.life_ms = 0, // a scrape is of its own time
};
