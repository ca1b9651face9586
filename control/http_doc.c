/* Documents: made in pieces on the loop, finished and compressed by the builder, and handed to
 * everybody who asked meanwhile.
 *
 * One of a kind is in the making at a time. Who asks while its pieces are gathered would get
 * numbers older than the question, so that one waits for the next. */
#include "control/http.h"

#include "base/builder.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { TURN_BUDGET_US = 500, TICK_US = 1000, GZIP_WINDOW = 15 + 16 };

/* Who waits, until its connection ends. */
struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct http_doc *doc;
	struct evhttp_request *req;
};
TAILQ_HEAD(waiters, waiter);

/* A made one; sockets may still send it when it is out of date. */
struct made {
	unsigned n_users;
	struct http_bytes plain, gzip;
};

struct making {
	struct builder_job job;
	struct http_doc *doc; // NULL: nobody wants it any more
	const struct http_doc_kind *kind;
	void *work;
	struct made *made;
	int error;
};

struct http_doc {
	struct ctl *ctl;
	struct builder *builder;
	const struct http_doc_kind *kind;
	struct event *turn;
	struct making *making; // NULL: none
	struct waiters now;    // for the one in the making
	struct waiters next;   // for the one after it
	struct made *last;     // NULL: none
	int64_t made_us;
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void put_made(struct made *m)
{
	if (!m || --m->n_users > 0)
		return;
	free(m->plain.data);
	free(m->gzip.data);
	free(m);
}

static void on_sent(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	put_made(arg);
}

/* The fastest level: a scrape repeats itself so much that the best gains little. */
static int compress_bytes(const struct http_bytes *from, struct http_bytes *ret)
{
	z_stream z = {0};
	size_t bound;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&z, from->len);
	ret->data = malloc(bound);
	if (!ret->data) {
		(void)deflateEnd(&z);
		return -ENOMEM;
	}
	z.next_in = (Bytef *)from->data;
	z.avail_in = (uInt)from->len;
	z.next_out = (Bytef *)ret->data;
	z.avail_out = (uInt)bound;
	(void)deflate(&z, Z_FINISH); // the bound is enough
	ret->len = z.total_out;
	(void)deflateEnd(&z);
	return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_gone(struct evhttp_connection *evcon, void *arg) ON_CONTROL;
static void forget_waiter(struct waiter *w, struct waiters *from)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(w->req), NULL, NULL);
	TAILQ_REMOVE(from, w, entry);
	free(w);
}

static void send_made(
	struct evhttp_request *req, const struct http_doc_kind *kind, struct made *m) ON_CONTROL;
static void send_made(struct evhttp_request *req, const struct http_doc_kind *kind, struct made *m)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	bool is_gzip = ctl_http_accepts_gzip(req);
	const struct http_bytes *bytes = is_gzip ? &m->gzip : &m->plain;
	struct evbuffer *body = evbuffer_new();

	(void)evhttp_add_header(headers, "Vary", "Accept-Encoding");
	m->n_users++;
	if (!body || evbuffer_add_reference(body, bytes->data, bytes->len, on_sent, m) < 0) {
		put_made(m);
		ctl_http_say(req, HTTP_SERVUNAVAIL, "out of memory");
	} else {
		if (is_gzip)
			(void)evhttp_add_header(headers, "Content-Encoding", "gzip");
		ctl_http_send(req, kind->type, body);
	}
	if (body)
		evbuffer_free(body);
}

/* made NULL: it could not be. */
static void answer_all(struct http_doc *doc, struct waiters *list, struct made *made) ON_CONTROL;
static void answer_all(struct http_doc *doc, struct waiters *list, struct made *made)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(list))) {
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it loses sight of the list's links
		struct evhttp_request *req = w->req;

		forget_waiter(w, list);
		if (made)
			send_made(req, doc->kind, made);
		else
			ctl_http_say(req, HTTP_SERVUNAVAIL, "not now: out of memory, or stopping");
	}
}

/* ---- making ---------------------------------------------------------------------------------- */

static void begin(struct http_doc *doc) ON_CONTROL;

static void plan(struct http_doc *doc, long in_us)
{
	const struct timeval in = {.tv_usec = in_us};

	(void)evtimer_add(doc->turn, &in);
}

static void free_making(struct making *m)
{
	if (m->work)
		m->kind->free(m->work);
	put_made(m->made);
	free(m);
}

static void run_job(struct builder_job *job) ON_BUILDER;
static void run_job(struct builder_job *job)
{
	struct making *m = (struct making *)job;

	m->error = m->kind->finish(m->work, &m->made->plain);
	if (m->error == 0)
		m->error = compress_bytes(&m->made->plain, &m->made->gzip);
}

/* What was in the making is made, or could not be: those who waited for it get it. */
static void end_making(struct http_doc *doc, struct making *m) ON_CONTROL;
static void end_making(struct http_doc *doc, struct making *m)
{
	put_made(doc->last);
	doc->last = NULL;
	if (m->error == 0) {
		doc->last = m->made;
		doc->last->n_users++;
		doc->made_us = now_us();
	}
	doc->making = NULL;
	answer_all(doc, &doc->now, doc->last);
	free_making(m);
	if (!TAILQ_EMPTY(&doc->next))
		begin(doc);
}

static void job_done(struct builder_job *job) ON_CONTROL;
static void job_done(struct builder_job *job)
{
	struct making *m = (struct making *)job;

	if (m->doc)
		end_making(m->doc, m);
	else
		free_making(m);
}

static void on_turn(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct http_doc *doc = arg;
	int64_t end_us = now_us() + TURN_BUDGET_US;
	enum ctl_job_turn turn = CTL_JOB_MORE;

	(void)fd;
	(void)what;
	ctl_turns_begin(&doc->ctl->turns, now_us());
	while (turn == CTL_JOB_MORE && now_us() < end_us)
		turn = doc->kind->step(doc->making->work);
	if (turn == CTL_JOB_MORE || turn == CTL_JOB_WAIT) {
		plan(doc, turn == CTL_JOB_MORE ? 0 : TICK_US);
		return;
	}
	doc->making->error = turn == CTL_JOB_FAILED ? -ENOMEM : 0;
	if (doc->making->error == 0)
		doc->making->error = builder_give(doc->builder, &doc->making->job);
	if (doc->making->error < 0)
		end_making(doc, doc->making);
}

/* For all who wait by now. */
static void begin(struct http_doc *doc)
{
	struct making *m = calloc(1, sizeof(*m));

	TAILQ_CONCAT(&doc->now, &doc->next, entry);
	if (m) {
		m->job = (struct builder_job){.run = run_job, .done = job_done};
		m->doc = doc;
		m->kind = doc->kind;
		m->work = doc->kind->begin(doc->ctl);
		m->made = calloc(1, sizeof(*m->made));
	}
	if (!m || !m->work || !m->made) {
		if (m)
			free_making(m);
		answer_all(doc, &doc->now, NULL);
		return;
	}
	m->made->n_users = 1;
	doc->making = m;
	plan(doc, 0);
}

/* The waiter may be on either list. */
static void on_gone(struct evhttp_connection *evcon, void *arg)
{
	struct waiter *w = arg, *other;

	(void)evcon;
	TAILQ_FOREACH(other, &w->doc->now, entry)
	if (other == w)
		break;
	TAILQ_REMOVE(other ? &w->doc->now : &w->doc->next, w, entry);
	free(w);
}

void ctl_http_doc_ask(struct http_doc *doc, struct evhttp_request *req)
{
	bool is_fresh = doc->last && now_us() - doc->made_us <= (int64_t)doc->kind->life_ms * 1000;
	struct waiter *w;

	if (is_fresh && doc->kind->life_ms > 0) {
		send_made(req, doc->kind, doc->last);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		ctl_http_say(req, HTTP_SERVUNAVAIL, "out of memory");
		return;
	}
	w->doc = doc;
	w->req = req;
	TAILQ_INSERT_TAIL(&doc->next, w, entry);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_gone, w);
	if (!doc->making)
		begin(doc);
}

/* ---- life ------------------------------------------------------------------------------------ */

int ctl_http_doc_new(struct ctl *ctl, struct builder *builder, const struct http_doc_kind *kind,
	struct http_doc **ret)
{
	struct http_doc *doc = calloc(1, sizeof(*doc));

	if (!doc)
		return -ENOMEM;
	doc->ctl = ctl;
	doc->builder = builder;
	doc->kind = kind;
	TAILQ_INIT(&doc->now);
	TAILQ_INIT(&doc->next);
	doc->turn = evtimer_new(ctl->base, on_turn, doc);
	if (!doc->turn) {
		free(doc);
		return -ENOMEM;
	}
	*ret = doc;
	return 0;
}

void ctl_http_doc_free(struct http_doc *doc)
{
	if (!doc)
		return;
	answer_all(doc, &doc->now, NULL);
	answer_all(doc, &doc->next, NULL);
	if (doc->making && evtimer_pending(doc->turn, NULL))
		free_making(doc->making); // not with the builder yet
	else if (doc->making)
		doc->making->doc = NULL; // its job_done() will free it
	event_free(doc->turn);
	put_made(doc->last);
	free(doc);
}
