/* One client of the admin socket: lines in, answers out, one at a time.
 *
 * A request is read when the answer before it has been made, and an answer is made only as fast
 * as the client reads it. So a client holds at most one line, one job and OUT_HIGH bytes of
 * output, whatever it sends and however slowly it reads; only the answer to a change is made
 * at once, since the change must not wait for a reader. An answer without an end sleeps while it
 * has nothing to say, and is not cut off when nobody reads it: it makes nothing meanwhile.
 *
 * Reading is switched off while there is anything else to do for the client. (libevent's own
 * high watermark for input is not used: above it libevent 2.1 calls back without end.) */
#include "control/admin.h"

#include "control/request.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	OUT_LOW = 16 * 1024,  // below: more of the answer is made
	OUT_HIGH = 64 * 1024, // above: the client has to read first
	WRITE_SECONDS = 10,   // a client that reads nothing for so long is closed
};

/* Nothing more can be said to the peer. */
static void cut(struct ctl_client *c)
{
	bufferevent_free(c->stream);
	c->stream = NULL;
}

/* ---- what libevent reports ------------------------------------------------------------------- */

static void on_readable(struct bufferevent *stream, void *arg) ON_CONTROL;
static void on_readable(struct bufferevent *stream, void *arg)
{
	(void)bufferevent_disable(stream, EV_READ);
	ctl_admin_wake(arg);
}

static void on_written(struct bufferevent *stream, void *arg) ON_CONTROL;
static void on_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	ctl_admin_wake(arg);
}

/* A client that still reads its answer may be silent; another one is closed. */
static void on_silence(struct ctl_client *c)
{
	if (evbuffer_get_length(bufferevent_get_output(c->stream)) > 0)
		(void)bufferevent_enable(c->stream, EV_READ);
	else
		cut(c);
}

static void on_event(struct bufferevent *stream, short what, void *arg) ON_CONTROL;
static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct ctl_client *c = arg;
	bool is_reading = what & BEV_EVENT_READING;

	(void)stream;
	if ((what & BEV_EVENT_TIMEOUT) && is_reading)
		on_silence(c);
	else if ((what & BEV_EVENT_EOF) && is_reading)
		c->has_ended = true; // may still read: `echo '{...}' | socat - UNIX:...`
	else if ((what & BEV_EVENT_TIMEOUT) && c->job && c->job->is_endless)
		(void)bufferevent_enable(c->stream, EV_WRITE);
	else
		cut(c);
	ctl_admin_wake(c);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct bufferevent *new_stream(struct ctl_client *c, int fd) ON_CONTROL;
static struct bufferevent *new_stream(struct ctl_client *c, int fd)
{
	const struct timeval idle = {.tv_sec = API_IDLE_SECONDS};
	const struct timeval stuck = {.tv_sec = WRITE_SECONDS};
	struct event_base *base = c->listener->server->shared.ctl->base;
	struct bufferevent *stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	if (!stream) {
		(void)close(fd);
		return NULL;
	}
	bufferevent_setcb(stream, on_readable, on_written, on_event, c);
	bufferevent_setwatermark(stream, EV_WRITE, OUT_LOW, 0);
	if (bufferevent_set_timeouts(stream, &idle, &stuck) < 0 ||
		bufferevent_enable(stream, EV_READ | EV_WRITE) < 0) {
		bufferevent_free(stream);
		return NULL;
	}
	return stream;
}

int ctl_admin_client_new(struct ctl_admin_listener *listener, int fd)
{
	struct ctl_client *c = calloc(1, sizeof(*c));
	struct evbuffer *nowhere = evbuffer_new();
	struct ucred cred = {.uid = (uid_t)-1, .pid = -1};
	socklen_t len = sizeof(cred);

	if (!c || !nowhere) {
		(void)close(fd);
		goto free_all;
	}
	c->listener = listener;
	c->nowhere = nowhere;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	c->peer = (struct ctl_peer){cred.uid, cred.pid, listener->may_change};
	c->stream = new_stream(c, fd);
	if (!c->stream)
		goto free_all;
	c->place = CTL_CLIENT_IN_IDLE;
	TAILQ_INSERT_TAIL(&listener->server->idle, c, entry);
	listener->n_clients++;
	return 0;

free_all:
	if (nowhere)
		evbuffer_free(nowhere);
	free(c);
	return -ENOMEM;
}

void ctl_admin_client_free(struct ctl_client *c)
{
	struct ctl_admin_server *server = c->listener->server;
	struct ctl_client_queue *const queues[] = {
		[CTL_CLIENT_IN_READY] = &server->ready,
		[CTL_CLIENT_IN_WAITING] = &server->waiting,
		[CTL_CLIENT_IN_IDLE] = &server->idle,
	};

	TAILQ_REMOVE(queues[c->place], c, entry);
	c->listener->n_clients--;
	ctl_job_free(c->job);
	if (c->stream)
		cut(c);
	evbuffer_free(c->nowhere);
	free(c);
}

/* ---- work ------------------------------------------------------------------------------------ */

static void answer(struct ctl_client *c, const struct ctl_error *err) ON_CONTROL;
static void answer(struct ctl_client *c, const struct ctl_error *err)
{
	struct evbuffer *out = bufferevent_get_output(c->stream);

	if (ctl_job_put_error(err, out) < 0 || evbuffer_add(out, "\n", 1) < 0)
		c->is_closing = true;
}

static void open_line(struct ctl_client *c, const char *line, size_t len) ON_CONTROL;
static void open_line(struct ctl_client *c, const char *line, size_t len)
{
	struct ctl_call call = {.shared = &c->listener->server->shared, .peer = c->peer};
	struct ctl_error err;

	if (ctl_request_open(&call, line, len, &err, &c->job) < 0)
		answer(c, &err);
}

/* Opens the next request, if there is a whole line. The last line needs no newline, and empty
 * ones are nothing. */
static enum ctl_client_turn read_line(struct ctl_client *c) ON_CONTROL;
static enum ctl_client_turn read_line(struct ctl_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	size_t waiting = evbuffer_get_length(in), len = waiting;
	struct evbuffer_ptr end = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	struct ctl_error err;
	char *line;

	if (end.pos >= 0)
		len = (size_t)end.pos;
	if (len > API_MAX_REQUEST_BYTES) {
		(void)ctl_job_refuse(&err, API_ERROR_TOO_LARGE, "a request has at most %d bytes",
			API_MAX_REQUEST_BYTES);
		answer(c, &err);
		c->is_closing = true;
		return CTL_CLIENT_READY;
	}
	if (end.pos < 0 && !c->has_ended) {
		(void)bufferevent_enable(c->stream, EV_READ);
		return CTL_CLIENT_IDLE;
	}
	if (waiting == 0) {
		c->is_closing = true;
		return CTL_CLIENT_READY;
	}
	line = len > 0 ? (char *)evbuffer_pullup(in, (ev_ssize_t)len) : NULL;
	if (line)
		open_line(c, line, len);
	(void)evbuffer_drain(in, len + (end.pos >= 0));
	return CTL_CLIENT_READY;
}

/* Nothing more is read; what was written goes out first. */
static enum ctl_client_turn close_gently(struct ctl_client *c) ON_CONTROL;
static enum ctl_client_turn close_gently(struct ctl_client *c)
{
	(void)bufferevent_disable(c->stream, EV_READ);
	if (evbuffer_get_length(bufferevent_get_output(c->stream)) > 0)
		return CTL_CLIENT_IDLE;
	return CTL_CLIENT_GONE;
}

static enum ctl_client_turn run_job(struct ctl_client *c, struct evbuffer *out) ON_CONTROL;
static enum ctl_client_turn run_job(struct ctl_client *c, struct evbuffer *out)
{
	enum ctl_job_turn turn = c->job->step(c->job, out);

	if (turn == CTL_JOB_MORE)
		return CTL_CLIENT_READY;
	if (turn == CTL_JOB_WAIT)
		return CTL_CLIENT_WAIT;
	if (turn == CTL_JOB_SLEEP) {
		ctl_admin_sleep(c->listener->server);
		return CTL_CLIENT_IDLE;
	}
	ctl_job_free(c->job);
	c->job = NULL;
	if (turn == CTL_JOB_FAILED || evbuffer_add(out, "\n", 1) < 0)
		c->is_closing = true;
	return CTL_CLIENT_READY;
}

enum ctl_client_turn ctl_admin_client_step(struct ctl_client *c)
{
	struct evbuffer *out = c->stream ? bufferevent_get_output(c->stream) : c->nowhere;
	bool must_finish = c->job && c->job->must_finish;

	if (!c->stream) {
		(void)evbuffer_drain(out, evbuffer_get_length(out));
		return must_finish ? run_job(c, out) : CTL_CLIENT_GONE;
	}
	if (c->is_closing)
		return close_gently(c);
	if (evbuffer_get_length(out) >= OUT_HIGH && !must_finish)
		return CTL_CLIENT_IDLE;
	return c->job ? run_job(c, out) : read_line(c);
}
