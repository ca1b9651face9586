/* `capture`: packets as the workers copy them, one answer after the other, each a line with what
 * has come. Nothing is kept for a slow reader: the workers' copies are lost then, and counted. */
#include "control/show.h"

#include "base/base64.h"
#include "control/target.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PACKETS_A_LINE = 16,
	// an empty line: whoever listens may notice a signal, and we that he has gone
	BEAT_MS = 1000,
};

struct capture_job {
	struct ctl_job job;
	struct ctl *ctl;
	struct dp_watcher *watcher;
	uint64_t left; // packets
	bool has_count;
	int64_t told_ms; // CLOCK_MONOTONIC: the last line; 0: none yet
};

/* ---- a packet -------------------------------------------------------------------------------- */

static const char *point_name(enum dp_point point)
{
	static const char *const names[] = {
		[DP_POINT_RECEIVED] = "received",
		[DP_POINT_SENT] = "sent",
		[DP_POINT_DROPPED] = "dropped",
	};

	return names[point];
}

json_t *ctl_capture_time(int64_t at_ns)
{
	time_t seconds = (time_t)(at_ns / 1000000000);
	struct tm tm;
	char day[32], text[64];

	if (!gmtime_r(&seconds, &tm))
		return json_null();
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text, sizeof(text), "%s.%09dZ", day, (int)(at_ns % 1000000000));
	return json_string(text);
}

json_t *ctl_capture_service(const struct ctl *ctl, int id)
{
	if (id < 0 || (unsigned)id >= ctl->n_services)
		return json_null();
	return ctl_job_text(ctl->services[id].conf->name);
}

json_t *ctl_capture_server(const struct ctl *ctl, int id)
{
	if (id < 0 || (unsigned)id >= ctl->n_servers)
		return json_null();
	return ctl_job_text(ctl->servers[id].conf->name);
}

static json_t *packet_object(const struct ctl *ctl, const struct dp_capture_packet *p) ON_CONTROL;
static json_t *packet_object(const struct ctl *ctl, const struct dp_capture_packet *p)
{
	char text[(DP_MAX_SNAPLEN + 2) / 3 * 4 + 1];

	return json_pack("{s:o, s:i, s:o, s:s, s:o, s:o, s:o, s:i, s:s}", "at",
		ctl_capture_time(p->at_ns), "worker", (int)p->worker, "port",
		ctl_job_text(ctl->conf->interfaces[p->port].name), "point", point_name(p->point),
		"reason",
		p->point == DP_POINT_DROPPED ? json_string(dp_drop_label(p->why)) : json_null(),
		"service", ctl_capture_service(ctl, p->service), "server",
		ctl_capture_server(ctl, p->server), "length", (int)p->frame_len, "data",
		base64_encode(p->bytes, p->n_bytes, text));
}

/* ---- the answers ----------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Up to PACKETS_A_LINE. *ret_n: how many. NULL when out of memory. */
static json_t *take_packets(struct capture_job *j, unsigned *ret_n) ON_CONTROL;
static json_t *take_packets(struct capture_job *j, unsigned *ret_n)
{
	json_t *packets = json_array();
	struct dp_capture_packet p;
	unsigned n = 0;
	int r = packets ? 0 : -1;

	while (r == 0 && n < PACKETS_A_LINE && (!j->has_count || j->left > 0) &&
		dp_watch_next_packet(j->watcher, &p)) {
		r = json_array_append_new(packets, packet_object(j->ctl, &p));
		j->left--;
		n++;
	}
	*ret_n = n;
	if (r == 0)
		return packets;
	json_decref(packets);
	return NULL;
}

static int put_line(struct capture_job *j, json_t *packets, struct evbuffer *out) ON_CONTROL;
static int put_line(struct capture_job *j, json_t *packets, struct evbuffer *out)
{
	bool is_last = j->has_count && j->left == 0;
	json_t *doc = ctl_job_head();
	int r = json_object_set_new(doc, "lost_total", ctl_job_count(dp_watch_lost(j->watcher)));

	r |= json_object_set_new(doc, "is_last", json_boolean(is_last));
	r |= json_object_set(doc, "packets", packets);
	if (r == 0)
		r = ctl_job_put(doc, out);
	json_decref(doc);
	j->told_ms = now_ms();
	return r;
}

static enum ctl_job_turn put_refusal(const char *why, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn put_refusal(const char *why, struct evbuffer *out)
{
	struct ctl_error err;

	(void)ctl_job_refuse(&err, API_ERROR_INVALID_VALUE, "filter: %s", why);
	return ctl_job_put_error(&err, out) == 0 ? CTL_JOB_DONE : CTL_JOB_FAILED;
}

static enum ctl_job_turn capture_step(struct ctl_job *job, struct evbuffer *out) ON_CONTROL;
static enum ctl_job_turn capture_step(struct ctl_job *job, struct evbuffer *out)
{
	struct capture_job *j = (struct capture_job *)job;
	const char *why = "";
	enum dp_watch_state state = dp_watch_poll(j->watcher, &why);
	json_t *packets;
	unsigned n = 0;
	int r;

	if (state == DP_WATCH_REFUSED)
		return put_refusal(why, out);
	if (state == DP_WATCH_STARTING)
		return CTL_JOB_WAIT;
	packets = take_packets(j, &n);
	if (!packets)
		return CTL_JOB_FAILED;
	if (n == 0 && j->told_ms != 0 && now_ms() - j->told_ms < BEAT_MS) {
		json_decref(packets);
		return CTL_JOB_WAIT;
	}
	r = put_line(j, packets, out);
	json_decref(packets);
	if (r == 0 && j->has_count && j->left == 0)
		return CTL_JOB_DONE;
	return r == 0 && evbuffer_add(out, "\n", 1) == 0 ? CTL_JOB_MORE : CTL_JOB_FAILED;
}

static void capture_free(struct ctl_job *job) ON_CONTROL;
static void capture_free(struct ctl_job *job)
{
	struct capture_job *j = (struct capture_job *)job;

	dp_watch_stop(j->watcher);
	free(j);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int find_port(
	const struct ctl *ctl, const char *name, struct ctl_error *err, int *ret_port) ON_CONTROL;
static int find_port(const struct ctl *ctl, const char *name, struct ctl_error *err, int *ret_port)
{
	for (unsigned i = 0; i < ctl->conf->n_interfaces; i++)
		if (strcmp(ctl->conf->interfaces[i].name, name) == 0) {
			*ret_port = (int)i;
			return 0;
		}
	return ctl_job_refuse(err, API_ERROR_NOT_FOUND, "no interface \"%.100s\"", name);
}

static int read_direction(
	const json_t *value, struct ctl_error *err, struct dp_capture_options *ret)
{
	const char *text = value ? json_string_value(value) : "both";

	ret->has_in = strcmp(text, "out") != 0;
	ret->has_out = strcmp(text, "in") != 0;
	if (ret->has_in && ret->has_out && strcmp(text, "both") != 0)
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE,
			"direction is \"in\", \"out\" or \"both\", not \"%.100s\"", text);
	return 0;
}

static int read_options(const struct ctl_call *call, struct ctl_error *err,
	struct dp_capture_options *ret) ON_CONTROL;
static int read_options(
	const struct ctl_call *call, struct ctl_error *err, struct dp_capture_options *ret)
{
	const json_t *filter = json_object_get(call->args, "filter");
	const json_t *port = json_object_get(call->args, "port");
	const json_t *snaplen = json_object_get(call->args, "snaplen");
	json_int_t n = snaplen ? json_integer_value(snaplen) : DP_MAX_SNAPLEN;
	int r = 0;

	if (n < 1 || n > DP_MAX_SNAPLEN)
		return ctl_job_refuse(
			err, API_ERROR_INVALID_VALUE, "snaplen is 1 to %d", DP_MAX_SNAPLEN);
	ret->filter = filter ? json_string_value(filter) : "";
	ret->port = DP_NO_ID;
	ret->snaplen = (unsigned)n;
	if (port)
		r = find_port(call->shared->ctl, json_string_value(port), err, &ret->port);
	return r < 0 ? r : read_direction(json_object_get(call->args, "direction"), err, ret);
}

int ctl_capture_refuse(int error, const char *what, struct ctl_error *err)
{
	switch (error) {
	case -EBUSY:
		return ctl_job_refuse(err, API_ERROR_BUSY, "another %s runs already", what);
	case -E2BIG:
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE, "a filter has at most %d bytes",
			DP_MAX_FILTER);
	case -EOPNOTSUPP:
		return ctl_job_refuse(err, API_ERROR_REFUSED, "there are no workers");
	default:
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	}
}

int ctl_capture_open(const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	const json_t *count = json_object_get(call->args, "count");
	struct ctl *ctl = call->shared->ctl;
	struct dp_capture_options options;
	struct capture_job *j;
	int r;

	if (count && json_integer_value(count) < 1)
		return ctl_job_refuse(err, API_ERROR_INVALID_VALUE, "count is 1 or more");
	r = read_options(call, err, &options);
	if (r < 0)
		return r;
	j = calloc(1, sizeof(*j));
	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	j->job = (struct ctl_job){.step = capture_step, .free = capture_free, .is_endless = true};
	j->ctl = ctl;
	j->has_count = count != NULL;
	j->left = count ? (uint64_t)json_integer_value(count) : 0;
	r = ctl->dp ? dp_watch_capture(ctl->dp, &options, &j->watcher) : -EOPNOTSUPP;
	if (r < 0) {
		free(j);
		return ctl_capture_refuse(r, "capture", err);
	}
	*ret_job = &j->job;
	return 0;
}
