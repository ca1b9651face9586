#pragma once

#include "control/control.h"
#include "control/job.h"

#include <event2/event.h>
#include <event2/http.h>
#include <sys/queue.h>

/* The built-in web server: metrics, state of the node, status page. It can only show.
 *
 * evhttp reads and writes on the control loop; what there is to say is made in pieces, one a turn,
 * and made into text and compressed by the builder. However many ask, each document is made once
 * at a time. */

/* Listens on conf->http.listen; none: does nothing. After the data plane. diag says which address
 * cannot be had; -errno. */
struct diag;
int ctl_http_start(struct ctl *ctl, struct diag *diag) ON_CONTROL;
/* Before the data plane stops. NULL-safe. */
void ctl_http_stop(struct ctl *ctl) ON_CONTROL;

/* ---- http_host.c ----------------------------------------------------------------------------- */

/* Whether a request's Host is one of ours: against names of others that lead here (DNS rebinding).
 * That is: the address listened on (any address, if that is all of them), "localhost" for the
 * loopback, the node's name, and http.hosts; with any port. NULL: none was sent, which is refused.
 * Pure. */
bool ctl_http_host_is_ours(
	const struct conf *conf, const struct addr *listen, const char *host) ANY_THREAD;

/* ---- http_conns.c: connections --------------------------------------------------------------- */

enum {
	HTTP_MAX_CONNS = 64,       // a listener; further ones wait in the kernel
	HTTP_ACCEPTS_A_TURN = 4,   // of the loop
	HTTP_PAUSE_MS = 2,         // then, before the next ones
	HTTP_FULL_MS = 10,         // or until it is looked for room
	HTTP_ROOM_MS = 1000,       // for so long nobody makes room, however little is going on
	HTTP_IDLE_MS = 75000,      // between requests
	HTTP_REQUEST_MS = 10000,   // from its first byte to its last
	HTTP_ANSWER_MS = 30000,    // to make it, and for the client to take it
	HTTP_MAX_HEADERS = 8192,   // bytes
	HTTP_MAX_BODY = 1024,      // nobody needs one
	HTTP_CHUNK_BYTES = 131072, // written in one go: what a turn of the loop may take
};

struct http_conn;
TAILQ_HEAD(http_conns, http_conn);

struct http_server;

struct http_listener {
	struct http_server *server;
	const struct conf_endpoint *endpoint;
	struct evhttp *http;
	struct evhttp_bound_socket *socket;
	struct http_conns conns; // the one with the oldest state first
	unsigned n_conns;
	unsigned n_accepted;  // since `resume` was last due
	struct event *resume; // accepts again
};

/* For evhttp_set_bevcb(); arg is the struct http_listener. It stops accepting at a turn's or the
 * listener's bound, and has `resume` go on. */
struct bufferevent *ctl_http_conn_new(struct event_base *base, void *arg) ON_CONTROL;
/* The connection's request is complete, and is being answered; then, that is done. */
void ctl_http_conn_answers(struct http_listener *l, struct evhttp_request *req) ON_CONTROL;
/* Ends what is over its time, and lets go of what has ended. */
void ctl_http_conns_sweep(struct http_listener *l) ON_CONTROL;
/* For the timer `resume`. */
void ctl_http_conns_resume(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
/* After evhttp_free(). */
void ctl_http_conns_free(struct http_listener *l) ON_CONTROL;

/* ---- http_doc.c: documents ------------------------------------------------------------------- */

struct http_bytes {
	char *data; // owned
	size_t len;
};

/* How a document is made. */
struct http_doc_kind {
	const char *type;
	/* Begins; NULL when out of memory. */
	void *(*begin)(struct ctl *ctl);
	/* A piece, in well below a millisecond. */
	enum ctl_job_turn (*step)(void *work);
	/* What was gathered as bytes; on the builder. -ENOMEM. */
	int (*finish)(void *work, struct http_bytes *ret);
	void (*free)(void *work);
	unsigned life_ms; // a made one serves those that ask within this time, too
};

struct http_doc;
int ctl_http_doc_new(struct ctl *ctl, struct builder *builder, const struct http_doc_kind *kind,
	struct http_doc **ret) ON_CONTROL;
/* Who waits is told to go. NULL-safe. */
void ctl_http_doc_free(struct http_doc *doc) ON_CONTROL;
/* Answers the request, now or later. */
void ctl_http_doc_ask(struct http_doc *doc, struct evhttp_request *req) ON_CONTROL;

/* metrics.c, http_status.c, history.c. */
extern const struct http_doc_kind ctl_http_metrics, ctl_http_status, ctl_http_history;

/* ---- http_reply.c: answers ------------------------------------------------------------------- */

/* A sentence and its newline. */
void ctl_http_say(struct evhttp_request *req, int status, const char *sentence) ON_CONTROL;
bool ctl_http_accepts_gzip(struct evhttp_request *req) ON_CONTROL;
/* 200 with `body`, whose bytes are drained; headers of its own have been added before. */
void ctl_http_send(struct evhttp_request *req, const char *type, struct evbuffer *body) ON_CONTROL;

/* ---- history.c ------------------------------------------------------------------------------- */

struct http_history;
int ctl_history_new(struct http_history **ret) ON_CONTROL;
void ctl_history_free(struct http_history *h) ON_CONTROL;
/* Takes this second's sample, in pieces if need be: false, call again soon. */
bool ctl_history_step(struct http_history *h, const struct ctl *ctl) ON_CONTROL;

struct http_server {
	struct ctl *ctl;
	struct http_listener *listeners;
	unsigned n_listeners;
	struct builder *builder;     // the data plane's, or:
	struct builder *own_builder; // without workers
	struct event *builder_event;
	struct event *sweep;
	struct event *sample;
	struct http_doc *metrics, *status, *history_doc; // NULL: switched off
	struct http_history *history;
	bool has_told_of_series; // that there are too many
};
