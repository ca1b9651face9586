/* Connections of the web server: their number, and the time they may take.
 *
 * evhttp measures silence only, so that a client that sends a byte now and then holds its
 * connection for ever; and it takes as many as come. Here each has a deadline for what it is
 * doing, and the oldest idle one makes room.
 *
 * evhttp frees a connection's stream when it likes and tells nobody: a reference is kept, and a
 * stream without callbacks is one that evhttp has done with. To end one, its socket is shut down,
 * and evhttp finds the end of the stream. */
#include "control/http.h"

#include "control/loop.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum conn_state { CONN_IDLE, CONN_READS, CONN_ANSWERS, CONN_CUT };

struct http_conn {
	TAILQ_ENTRY(http_conn) entry;
	struct http_listener *listener;
	struct bufferevent *stream; // a reference; evhttp has the other
	enum conn_state state;
	int64_t since_ms;
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void set_state(struct http_conn *c, enum conn_state state)
{
	struct http_conns *conns = &c->listener->conns;

	c->state = state;
	c->since_ms = now_us() / 1000;
	TAILQ_REMOVE(conns, c, entry);
	TAILQ_INSERT_TAIL(conns, c, entry);
}

/* The first of evhttp's callbacks that a packet causes: it begins the turn. */
static void on_input(
	struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg) ON_CONTROL;
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *c = arg;

	(void)input;
	if (info->n_added == 0)
		return;
	ctl_turns_begin(&c->listener->server->ctl->turns, now_us());
	if (c->state == CONN_IDLE)
		set_state(c, CONN_READS);
}

static void cut(struct http_conn *c)
{
	int fd = bufferevent_getfd(c->stream);

	if (c->state == CONN_CUT || fd < 0)
		return;
	(void)shutdown(fd, SHUT_RDWR);
	set_state(c, CONN_CUT);
}

static bool has_ended(const struct http_conn *c)
{
	bufferevent_data_cb on_read = NULL, on_write = NULL;
	bufferevent_event_cb on_event = NULL;
	void *arg;

	bufferevent_getcb(c->stream, &on_read, &on_write, &on_event, &arg);
	return !on_read && !on_write && !on_event;
}

static void forget(struct http_conn *c)
{
	TAILQ_REMOVE(&c->listener->conns, c, entry);
	c->listener->n_conns--;
	(void)evbuffer_remove_cb(bufferevent_get_input(c->stream), on_input, c);
	(void)bufferevent_decref(c->stream);
	free(c);
}

void ctl_http_conns_sweep(struct http_listener *l)
{
	static const int64_t limits_ms[] = {
		[CONN_IDLE] = HTTP_IDLE_MS,
		[CONN_READS] = HTTP_REQUEST_MS,
		[CONN_ANSWERS] = HTTP_ANSWER_MS,
		[CONN_CUT] = INT64_MAX,
	};
	int64_t now_ms = now_us() / 1000;
	struct http_conn *c, *next;

	for (c = TAILQ_FIRST(&l->conns); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (has_ended(c))
			forget(c);
		else if (now_ms - c->since_ms > limits_ms[c->state])
			cut(c); // moves to the end, where it is not looked at for a limit again
	}
}

/* The oldest that is idle, else the oldest that is slow with its request, else nobody. */
static void make_room(struct http_listener *l)
{
	int64_t before_ms = now_us() / 1000 - HTTP_ROOM_MS;
	struct http_conn *c, *slowest = NULL;

	TAILQ_FOREACH(c, &l->conns, entry)
	{
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it loses sight of the list's links
		if (c->since_ms > before_ms)
			break;
		if (c->state == CONN_IDLE) {
			cut(c);
			return;
		}
		if (c->state == CONN_READS && !slowest)
			slowest = c;
	}
	if (slowest)
		cut(slowest);
}

/* Who comes in crowds must not hold the loop: libevent would accept for as long as they do. */
static void pause_accepting(struct http_listener *l, int in_ms)
{
	const struct timeval in = {.tv_usec = in_ms * 1000};

	(void)evconnlistener_disable(evhttp_bound_socket_get_listener(l->socket));
	(void)evtimer_add(l->resume, &in);
}

void ctl_http_conns_resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_listener *l = arg;

	(void)fd;
	(void)what;
	ctl_turns_begin(&l->server->ctl->turns, now_us());
	l->n_accepted = 0;
	ctl_http_conns_sweep(l);
	if (l->n_conns < HTTP_MAX_CONNS) {
		(void)evconnlistener_enable(evhttp_bound_socket_get_listener(l->socket));
		return;
	}
	make_room(l);
	pause_accepting(l, HTTP_FULL_MS);
}

static void count_accepted(struct http_listener *l)
{
	l->n_conns++;
	l->n_accepted++;
	if (l->n_conns >= HTTP_MAX_CONNS)
		pause_accepting(l, HTTP_FULL_MS);
	else if (l->n_accepted >= HTTP_ACCEPTS_A_TURN)
		pause_accepting(l, HTTP_PAUSE_MS);
}

struct bufferevent *ctl_http_conn_new(struct event_base *base, void *arg)
{
	struct http_listener *l = arg;
	struct http_conn *c;
	struct bufferevent *stream;

	ctl_turns_begin(&l->server->ctl->turns, now_us());
	stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	c = calloc(1, sizeof(*c));
	if (!stream || !c || !evbuffer_add_cb(bufferevent_get_input(stream), on_input, c)) {
		if (stream)
			bufferevent_free(stream);
		free(c);
		return NULL; // evhttp makes one of its own
	}
	(void)bufferevent_priority_set(stream, CTL_PRIORITY_LOW);
	(void)bufferevent_set_max_single_write(stream, HTTP_CHUNK_BYTES);
	bufferevent_incref(stream);
	c->listener = l;
	c->stream = stream;
	TAILQ_INSERT_TAIL(&l->conns, c, entry);
	set_state(c, CONN_IDLE);
	count_accepted(l);
	return stream;
}

static struct http_conn *find(struct http_listener *l, struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct bufferevent *stream = evcon ? evhttp_connection_get_bufferevent(evcon) : NULL;
	struct http_conn *c;

	TAILQ_FOREACH(c, &l->conns, entry)
	if (c->stream == stream)
		return c;
	return NULL;
}

/* The whole answer has gone out; what the client has sent since is its next request. */
static void on_complete(struct evhttp_request *req, void *arg)
{
	struct http_conn *c = find(arg, req);

	if (!c || c->state != CONN_ANSWERS)
		return;
	set_state(c,
		evbuffer_get_length(bufferevent_get_input(c->stream)) > 0 ? CONN_READS : CONN_IDLE);
}

void ctl_http_conn_answers(struct http_listener *l, struct evhttp_request *req)
{
	struct http_conn *c = find(l, req);

	if (c && c->state != CONN_CUT)
		set_state(c, CONN_ANSWERS);
	evhttp_request_set_on_complete_cb(req, on_complete, l);
}

void ctl_http_conns_free(struct http_listener *l)
{
	while (!TAILQ_EMPTY(&l->conns))
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above
		forget(TAILQ_FIRST(&l->conns));
}
