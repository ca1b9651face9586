/* The last ten minutes, a sample of totals a second (docs/api.md): what the charts of the status
 * page begin with. 600 samples of 72 bytes, whatever the configuration. */
#include "control/http.h"

#include "control/metrics_model.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_SAMPLES = 600, SERVERS_A_PIECE = 128 };

struct sample {
	int64_t at_ms; // CLOCK_REALTIME
	uint64_t connections_total, packets_in, bytes_in, packets_out, bytes_out;
	uint64_t connections, busy_cycles, idle_cycles;
};

struct http_history {
	struct sample samples[N_SAMPLES];
	unsigned n, next;
	unsigned server; // the next to add, while a sample is taken
	struct dp_server_stats sum;
};

int ctl_history_new(struct http_history **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void ctl_history_free(struct http_history *h)
{
	free(h);
}

static void add_sample(struct http_history *h, const struct ctl *ctl) ON_CONTROL;
static void add_sample(struct http_history *h, const struct ctl *ctl)
{
	struct sample *s = &h->samples[h->next];
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	*s = (struct sample){
		.at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
		.connections_total = h->sum.connections,
		.packets_in = h->sum.packets_in,
		.bytes_in = h->sum.bytes_in,
		.packets_out = h->sum.packets_out,
		.bytes_out = h->sum.bytes_out,
	};
	for (unsigned i = 0; ctl->dp && i < dp_n_workers(ctl->dp); i++) {
		struct dp_worker_stats w;

		dp_read_worker(ctl->dp, i, &w);
		s->connections += w.connections;
		s->busy_cycles += w.busy_cycles;
		s->idle_cycles += w.idle_cycles;
	}
	h->next = (h->next + 1) % N_SAMPLES;
	h->n += h->n < N_SAMPLES;
}

bool ctl_history_step(struct http_history *h, const struct ctl *ctl)
{
	if (h->server == 0)
		h->sum = (struct dp_server_stats){0};
	for (unsigned n = 0; n < SERVERS_A_PIECE && h->server < ctl->n_servers; n++) {
		struct dp_server_stats stats;

		ctl_show_read_server(ctl, h->server++, &stats);
		ctl_show_add_stats(&h->sum, &stats);
	}
	if (h->server < ctl->n_servers)
		return false;
	h->server = 0;
	add_sample(h, ctl);
	return true;
}

/* ---- the document ---------------------------------------------------------------------------- */

struct history_work {
	struct http_history history; // a copy: the builder's
};

static void *begin(struct ctl *ctl) ON_CONTROL;
static void *begin(struct ctl *ctl)
{
	struct history_work *w = malloc(sizeof(*w));

	if (w)
		w->history = *ctl->http->history;
	return w;
}

static enum ctl_job_turn step(void *arg)
{
	(void)arg;
	return CTL_JOB_DONE;
}

static json_t *sample_object(const struct sample *s)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "time",
		ctl_job_time(s->at_ms), "connections_total", ctl_job_count(s->connections_total),
		"packets_in_total", ctl_job_count(s->packets_in), "bytes_in_total",
		ctl_job_count(s->bytes_in), "packets_out_total", ctl_job_count(s->packets_out),
		"bytes_out_total", ctl_job_count(s->bytes_out), "connections",
		ctl_job_count(s->connections), "busy_cycles_total", ctl_job_count(s->busy_cycles),
		"idle_cycles_total", ctl_job_count(s->idle_cycles));
}

static int finish(void *arg, struct http_bytes *ret)
{
	const struct http_history *h = &((struct history_work *)arg)->history;
	json_t *doc = ctl_job_head(), *samples = json_array();
	int r = json_object_set_new(doc, "interval_seconds", json_integer(1));

	for (unsigned i = 0; i < h->n && r == 0; i++)
		r = json_array_append_new(samples,
			sample_object(&h->samples[(h->next + N_SAMPLES - h->n + i) % N_SAMPLES]));
	r |= json_object_set_new(doc, "samples", samples);
	ret->data = r == 0 ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	if (!ret->data)
		return -ENOMEM;
	ret->len = strlen(ret->data);
	return 0;
}

const struct http_doc_kind ctl_http_history = {
	.type = "application/json",
	.begin = begin,
	.step = step,
	.finish = finish,
	.free = free,
	.life_ms = 500,
};
