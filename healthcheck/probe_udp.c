/* The probe of check type `udp`: `send` goes out as one datagram. With `receive`, up means an
 * answer that matches it; without, any answer is up at once, and so is silence to the end of the
 * time: what is down then is a server whose machine says that nobody listens.
 *
 * The socket is connected: answers of others never get here, and ICMP errors do. IP_RECVERR makes
 * those count that the kernel keeps from a socket otherwise, as they may pass (host unreachable).
 *
 * The first datagram decides. A pattern sees its first RECEIVE_BYTES, in bounded steps. */
#include "healthcheck/endpoint.h"
#include "healthcheck/probe.h"
#include "healthcheck/regex.h"
#include "healthcheck/trace.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 16384 };

struct udp_probe {
	const struct hc_probe_job *job;
	struct hc_regex *receive; // NULL: any answer, or none
	int fd;
	struct event *readable;
};

static const char step_name[] = "udp";

static int init(void *state, const struct hc_probe_job *job)
{
	struct udp_probe *p = state;
	const char *pattern = job->check->own.receive;

	p->fd = -1;
	return pattern ? hc_regex_new(pattern, &p->receive) : 0;
}

static void fini(void *state)
{
	struct udp_probe *p = state;

	hc_regex_free(p->receive);
}

static void cancel(void *state)
{
	struct udp_probe *p = state;

	// first the event: it must not outlive its descriptor in epoll's set
	if (p->readable)
		event_free(p->readable);
	if (p->fd >= 0)
		(void)close(p->fd);
	p->readable = NULL;
	p->fd = -1;
}

static struct hc_outcome judge(const struct udp_probe *p, const char *bytes, size_t n)
{
	int r = p->receive ? hc_regex_match(p->receive, bytes, n, NULL) : 1;

	if (r > 0)
		return hc_probe_ok("answered");
	if (r == 0)
		return hc_probe_failed("%s: the answer does not match", step_name);
	if (r == -ENOMEM)
		return hc_probe_error(step_name, ENOMEM);
	return hc_probe_failed("%s: the pattern takes too long", step_name);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_probe *p = arg;
	const struct hc_probe_job *job = p->job;
	char bytes[RECEIVE_BYTES];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct hc_outcome outcome;

	(void)what;
	// a datagram with a wrong checksum wakes and is not there
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		outcome = hc_probe_error(step_name, errno);
	} else {
		hc_trace_bytes(job->trace, HC_TRACE_RECEIVED, bytes, (size_t)n);
		outcome = judge(p, bytes, (size_t)n);
	}
	hc_trace_note(job->trace, "%s", outcome.detail);
	cancel(p);
	job->on_done(job->arg, &outcome);
}

/* Fragmentation is left to the network: a long `send` is no error. */
static int set_options(int fd, int family)
{
	const int v4 = IP_PMTUDISC_DONT, v6 = IPV6_PMTUDISC_DONT;
	int r;

	if (family == AF_INET)
		r = setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
	else
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6));
	return r < 0 ? errno : hc_endpoint_want_icmp_errors(fd, family);
}

/* The kernel may choose the very port that is probed, on this machine: nobody listens there, and
 * the datagram would be its own answer. */
static bool is_self_connected(int fd, const union hc_endpoint *peer, socklen_t peer_len)
{
	union hc_endpoint own;
	socklen_t len = sizeof(own);

	memset(&own, 0, sizeof(own));
	return getsockname(fd, &own.any, &len) == 0 && len == peer_len &&
	       memcmp(&own, peer, len) == 0;
}

/* 0 or a positive errno. */
static int connect_and_send(int fd, const struct hc_probe_job *job)
{
	const struct conf_bytes *bytes = &job->check->own.send;
	union hc_endpoint to;
	const socklen_t len = hc_endpoint_fill(&job->address, job->port, &to);
	int error = set_options(fd, to.any.sa_family);

	if (!error)
		error = hc_endpoint_bind(fd, job);
	if (error)
		return error;
	if (connect(fd, &to.any, len) < 0)
		return errno;
	if (is_self_connected(fd, &to, len))
		return ECONNREFUSED;
	if (send(fd, bytes->bytes, bytes->length, MSG_DONTWAIT) < 0)
		return errno == EAGAIN ? ENOBUFS : errno;
	hc_trace_bytes(job->trace, HC_TRACE_SENT, bytes->bytes, bytes->length);
	return 0;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct udp_probe *p = state;
	int error;

	p->job = job;
	p->readable = NULL;
	p->fd = socket(hc_endpoint_family(job), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = p->fd < 0 ? errno : connect_and_send(p->fd, job);
	if (error)
		goto finish;

	error = ENOMEM;
	p->readable = event_new(job->shared->base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
	if (p->readable && event_add(p->readable, NULL) == 0)
		return true;

finish:
	*ret_outcome = hc_probe_error(step_name, error);
	cancel(p);
	return false;
}

static const char *step(const void *state)
{
	(void)state;
	return step_name;
}

static struct hc_outcome on_timeout(const void *state)
{
	const struct udp_probe *p = state;

	if (p->receive)
		return hc_probe_timeout(step_name, p->job->check->timeout_ms);
	return hc_probe_ok("no answer, and no error either");
}

const struct hc_probe_ops *hc_probe_udp_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct udp_probe),
		.init = init,
		.fini = fini,
		.start = start,
		.step = step,
		.on_timeout = on_timeout,
		.cancel = cancel,
	};

	return &ops;
}
