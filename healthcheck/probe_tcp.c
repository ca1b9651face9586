/* The probe of check type `tcp`: up means that a connect succeeded.
 *
 * How the connection ends: the kernel is told to hold back the acknowledgement that completes
 * the handshake, and the socket is closed with a reset. On the wire: SYN, SYN+ACK, RST. As
 * with the connect checks of keepalived and HAProxy, neither side keeps anything: no TIME_WAIT
 * here (with a FIN, 2,000 probes a second would keep 120,000 of them, and use up the local
 * ports towards a server that is probed often) and no entry in the server's accept queue. And
 * since the handshake stays incomplete, the server's program is not woken and logs neither an
 * empty connection nor "connection reset by peer". Connecting proves as much either way: it is
 * the server's kernel that answers, on behalf of a program that listens.
 * If the loop is held up for more than the kernel's delay of an acknowledgement (40 to 200
 * ms), the server sees a connection that is reset at once.
 *
 * Does not limit its own time: target.c cancels it. */
#include "healthcheck/endpoint.h"
#include "healthcheck/probe.h"
#include "healthcheck/trace.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp_probe {
	const struct hc_probe_job *job;
	int fd;
	struct event *writable;
};

static const char step_name[] = "connect";

/* A connect to a free port of this very machine may be given that port as its own and then
 * reach itself (simultaneous open, RFC 9293 §3.5): nobody listens there. */
static bool is_self_connected(int fd, const struct hc_probe_job *job)
{
	union hc_endpoint own, peer;
	socklen_t own_len = sizeof(own);
	const socklen_t peer_len = hc_endpoint_fill(&job->address, job->port, &peer);

	memset(&own, 0, sizeof(own));
	return getsockname(fd, &own.any, &own_len) == 0 && own_len == peer_len &&
	       memcmp(&own, &peer, own_len) == 0;
}

static struct hc_outcome outcome_of(const struct tcp_probe *p, int error)
{
	if (error == 0 && is_self_connected(p->fd, p->job))
		error = ECONNREFUSED;
	return error == 0 ? hc_probe_ok("connected") : hc_probe_error(step_name, error);
}

static void cancel(void *state)
{
	struct tcp_probe *p = state;

	// first the event: it must not outlive its descriptor in epoll's set
	if (p->writable)
		event_free(p->writable);
	(void)close(p->fd);
	p->writable = NULL;
	p->fd = -1;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_probe *p = arg;
	const struct hc_probe_job *job = p->job;
	int error = 0;
	socklen_t len = sizeof(error);
	struct hc_outcome outcome;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	outcome = outcome_of(p, error);
	hc_trace_note(job->trace, "%s", outcome.detail);
	cancel(p);
	job->on_done(job->arg, &outcome);
}

/* 0: connected; EINPROGRESS: under way; else why not. */
static int begin_connect(int fd, const struct hc_probe_job *job)
{
	const struct linger reset_on_close = {.l_onoff = 1, .l_linger = 0};
	const int off = 0;
	union hc_endpoint to;
	int error;
	socklen_t len = hc_endpoint_fill(&job->address, job->port, &to);

	if (setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_on_close, sizeof(reset_on_close)) < 0)
		return errno;
	error = hc_endpoint_bind(fd, job);
	if (error != 0)
		return error;
	return connect(fd, &to.any, len) < 0 ? errno : 0;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct tcp_probe *p = state;
	int error;

	*p = (struct tcp_probe){.job = job};
	p->fd = socket(hc_endpoint_family(job), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0) {
		*ret_outcome = hc_probe_error(step_name, errno);
		return false;
	}
	error = begin_connect(p->fd, job);
	if (error != EINPROGRESS)
		goto finish;

	error = ENOMEM;
	p->writable = event_new(job->shared->base, p->fd, EV_WRITE, on_writable, p);
	if (!p->writable || event_add(p->writable, NULL) < 0)
		goto finish;
	return true;

finish:
	*ret_outcome = outcome_of(p, error);
	hc_trace_note(job->trace, "%s", ret_outcome->detail);
	cancel(p);
	return false;
}

static const char *step(const void *state)
{
	(void)state;
	return step_name;
}

const struct hc_probe_ops *hc_probe_tcp_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct tcp_probe),
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
