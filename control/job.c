/* Answers in pieces: what every job needs, and the job that lists.
 *
 * An item that cannot be made for want of memory ends the answer where it is: half a JSON
 * document is refused by every reader, so nobody takes it for the whole. */
#include "control/job.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 15 digits bring every value back as it was written: 0.000412, not 0.00041200000000000001. */
static const size_t dump_flags = JSON_COMPACT | JSON_REAL_PRECISION(15);

static const char *const error_codes[API_N_ERRORS] = {
#define X(id, code, status) [API_ERROR_##id] = code,
	API_ERROR_LIST(X)
#undef X
};

void ctl_job_free(struct ctl_job *job)
{
	if (job)
		job->free(job);
}

int ctl_job_refuse(struct ctl_error *err, enum api_error code, const char *format, ...)
{
	va_list args;

	err->code = code;
	va_start(args, format);
	(void)vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	return code == API_ERROR_FAILED ? -ENOMEM : -EINVAL;
}

int ctl_job_put(const json_t *value, struct evbuffer *out)
{
	char *text = value ? json_dumps(value, dump_flags) : NULL;
	int r;

	if (!text)
		return -ENOMEM;
	r = evbuffer_add(out, text, strlen(text)) == 0 ? 0 : -ENOMEM;
	free(text);
	return r;
}

int ctl_job_put_error(const struct ctl_error *err, struct evbuffer *out)
{
	json_t *doc = json_pack("{s:i, s:{s:s, s:o}}", "schema", API_SCHEMA, "error", "code",
		error_codes[err->code], "message", ctl_job_text(err->message));
	int r = ctl_job_put(doc, out);

	json_decref(doc);
	return r;
}

json_t *ctl_job_time(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[64];

	if (ms <= 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
	return json_string(text);
}

json_t *ctl_job_text(const char *text)
{
	json_t *value = json_string(text);
	char *copy;

	if (value)
		return value;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	value = json_string(copy);
	free(copy);
	return value;
}

json_t *ctl_job_count(uint64_t n)
{
	if (n > API_MAX_SAFE_INTEGER)
		return json_sprintf("%ju", (uintmax_t)n);
	return json_integer((json_int_t)n);
}

json_t *ctl_job_head(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return json_pack("{s:i, s:o}", "schema", API_SCHEMA, "time",
		ctl_job_time((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000));
}

/* An object, opened again at its end for an array. */
static int list_open(const json_t *object, const char *key, struct evbuffer *out)
{
	char *text = json_dumps(object, dump_flags);
	int r;

	if (!text)
		return -ENOMEM;
	r = evbuffer_add_printf(out, "%.*s,\"%s\":[", (int)strlen(text) - 1, text, key);
	free(text);
	return r < 0 ? -ENOMEM : 0;
}

static enum ctl_job_turn list_put(struct ctl_list *list, json_t *item, struct evbuffer *out)
{
	bool is_opened = list->next_inner && !list->is_inside;
	int r = list->has_items ? evbuffer_add(out, ",", 1) : 0;

	if (r == 0 && is_opened)
		r = list_open(item, list->inner_key, out);
	else if (r == 0)
		r = ctl_job_put(item, out);
	json_decref(item);
	list->has_items = !is_opened;
	list->is_inside |= is_opened;
	return r == 0 ? CTL_JOB_MORE : CTL_JOB_FAILED;
}

static enum ctl_job_turn list_close(struct ctl_list *list, struct evbuffer *out)
{
	enum ctl_job_turn turn = list->is_inside ? CTL_JOB_MORE : CTL_JOB_DONE;

	// behind an inner array there is always an item: the one it belongs to
	list->has_items = true;
	list->is_inside = false;
	return evbuffer_add(out, "]}", 2) == 0 ? turn : CTL_JOB_FAILED;
}

static enum ctl_job_turn list_step(struct ctl_job *job, struct evbuffer *out)
{
	struct ctl_list *list = (struct ctl_list *)job;
	json_t *item;
	int r;

	if (!list->has_begun) {
		list->has_begun = true;
		return list_open(list->head, list->key, out) == 0 ? CTL_JOB_MORE : CTL_JOB_FAILED;
	}
	r = list->is_inside ? list->next_inner(list, &item) : list->next(list, &item);
	if (r > 0)
		return list_put(list, item, out);
	if (r == -EAGAIN)
		return CTL_JOB_WAIT;
	return r == 0 ? list_close(list, out) : CTL_JOB_FAILED;
}

static void list_free(struct ctl_job *job)
{
	struct ctl_list *list = (struct ctl_list *)job;

	if (list->destroy)
		list->destroy(list);
	json_decref(list->head);
	free(list);
}

struct ctl_list *ctl_job_list_new(
	size_t size, struct ctl *ctl, const char *key, int (*next)(struct ctl_list *, json_t **))
{
	struct ctl_list *list;

	assert(size >= sizeof(*list));
	list = calloc(1, size);
	if (!list)
		return NULL;
	list->job.step = list_step;
	list->job.free = list_free;
	list->ctl = ctl;
	list->key = key;
	list->next = next;
	list->head = ctl_job_head();
	if (!list->head) {
		free(list);
		return NULL;
	}
	return list;
}
