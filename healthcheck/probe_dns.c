/* The probe of check type `dns`: up means that the server's answer to a query for `name` holds a
 * record of the wanted type in its answer section, over the wanted transport.
 *
 * c-ares does the protocol: a channel of one server, one query, one try, no search list, no files.
 * It leaves the system calls to us, so that they tell why one failed, bind the source address, and
 * are bounded in a turn of the loop. Time is target.c's: c-ares' own timeout is never reached. A
 * truncated answer over UDP is not asked for again over TCP: that would be the other transport.
 *
 * A channel (75 KiB, most of it c-ares' tables) lives for one probe. It must not be destroyed from
 * within its callbacks, which therefore only note how the query ended. */
#include "healthcheck/dns_answer.h"
#include "healthcheck/endpoint.h"
#include "healthcheck/probe.h"
#include "healthcheck/trace.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_READS_A_TURN = 16, NEVER_MS = 24 * 3600 * 1000, CLASS_IN = 1 };

struct dns_probe {
	const struct hc_probe_job *job;
	ares_channel channel;
	struct event *event; // of its one socket
	int error;           // positive errno of the last system call that failed
	bool is_connected;
	unsigned n_reads; // in this turn
	bool is_over;     // `outcome` is there
	bool is_cancelled;
	struct hc_outcome outcome;
};

static const char step_name[] = "dns", connect_name[] = "connect";

static bool is_tcp(const struct dns_probe *p)
{
	return p->job->check->own.transport == CONF_PROTO_TCP;
}

static const char *step(const void *state)
{
	const struct dns_probe *p = state;

	return is_tcp(p) && !p->is_connected ? connect_name : step_name;
}

/* ---- system calls ------------------------------------------------------------------------- */

static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
	struct dns_probe *p = arg;
	const int on = 1;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	p->error = 0;
	if (fd < 0) {
		p->error = errno;
		return ARES_SOCKET_BAD;
	}
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	else
		p->error = hc_endpoint_want_icmp_errors(fd, family);
	if (!p->error)
		p->error = hc_endpoint_bind(fd, p->job);
	if (!p->error)
		return fd;
	(void)close(fd);
	return ARES_SOCKET_BAD;
}

static int close_socket(ares_socket_t fd, void *arg)
{
	(void)arg;
	return close(fd);
}

/* EINPROGRESS is no error. */
static void note_error(struct dns_probe *p)
{
	if (errno != EAGAIN && errno != EINTR && errno != EINPROGRESS)
		p->error = errno;
}

static int connect_socket(
	ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *arg)
{
	int r = connect(fd, to, len);

	if (r < 0)
		note_error(arg);
	return r;
}

static ares_ssize_t receive(ares_socket_t fd, void *bytes, size_t n, int flags,
	struct sockaddr *from, ares_socklen_t *len, void *arg)
{
	struct dns_probe *p = arg;
	ssize_t r;

	if (p->n_reads++ == MAX_READS_A_TURN) {
		errno = EAGAIN; // the rest wakes the loop again
		return -1;
	}
	r = recvfrom(fd, bytes, n, flags, from, len);
	if (r < 0)
		note_error(p);
	else if (r > 0)
		p->is_connected = true;
	return r;
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int n, void *arg)
{
	struct dns_probe *p = arg;
	const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)n};
	ssize_t r = sendmsg(fd, &message, MSG_NOSIGNAL);

	if (r < 0)
		note_error(p);
	else
		p->is_connected = true;
	return r;
}

static const struct ares_socket_functions system_calls = {
	.asocket = open_socket,
	.aclose = close_socket,
	.aconnect = connect_socket,
	.arecvfrom = receive,
	.asendv = send_parts,
};

/* ---- the answer --------------------------------------------------------------------------- */

static struct hc_outcome judge(const struct dns_probe *p, const unsigned char *bytes, int n)
{
	const unsigned type = p->job->check->own.record;
	const char *name = hc_dns_type_name(type);
	char rcode[HC_DNS_RCODE_LEN];
	struct hc_dns_answer answer;

	if (hc_dns_answer_parse(bytes, (size_t)n, type, &answer) < 0)
		return hc_probe_failed("%s: malformed answer", step_name);
	hc_trace_note(p->job->trace, "answer: %s, %u records, %u of type %s%s",
		hc_dns_rcode_name(answer.rcode, rcode), answer.n_records, answer.n_wanted, name,
		answer.is_truncated ? ", truncated" : "");
	if (answer.rcode != 0)
		return hc_probe_failed("%s: %s", step_name, hc_dns_rcode_name(answer.rcode, rcode));
	if (answer.n_wanted > 0)
		return hc_probe_ok("answered");
	if (answer.is_truncated)
		return hc_probe_failed("%s: truncated, no %s record", step_name, name);
	return hc_probe_failed("%s: no %s record", step_name, name);
}

/* c-ares gave up: a system call failed, or the name is none. */
static struct hc_outcome gave_up(const struct dns_probe *p, int status)
{
	if (status == ARES_ENOMEM)
		return hc_probe_error(step_name, ENOMEM);
	if (status == ARES_EBADNAME || status == ARES_EBADQUERY)
		return hc_probe_failed("%s: not a domain name", step_name);
	if (p->error)
		return hc_probe_error(step(p), p->error);
	if (is_tcp(p))
		return hc_probe_failed("%s: closed by the server", step_name);
	return hc_probe_failed("%s: malformed answer", step_name);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
	struct dns_probe *p = arg;

	(void)timeouts;
	if (p->is_cancelled)
		return;
	p->outcome = bytes ? judge(p, bytes, n) : gave_up(p, status);
	p->is_over = true;
}

/* ---- the loop ----------------------------------------------------------------------------- */

static void destroy(struct dns_probe *p)
{
	ares_channel channel = p->channel;

	p->is_cancelled = true;
	p->channel = NULL;
	if (channel)
		ares_destroy(channel); // closes its socket, which ends p->event
	if (p->event)
		event_free(p->event);
	p->event = NULL;
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct dns_probe *p = arg;
	const struct hc_probe_job *job = p->job;
	struct hc_outcome outcome;

	p->n_reads = 0;
	ares_process_fd(p->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
		what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	if (!p->is_over)
		return;
	outcome = p->outcome;
	destroy(p);
	job->on_done(job->arg, &outcome);
}

/* What c-ares waits for. A probe without memory for its event is cut off by its timeout. */
static void on_interest(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_probe *p = arg;
	const short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

	if (p->event)
		event_free(p->event);
	p->event = NULL;
	if (!what || p->is_cancelled)
		return;
	p->event = event_new(p->job->shared->base, fd, (short)(what | EV_PERSIST), on_socket, p);
	if (p->event)
		(void)event_add(p->event, NULL);
}

static int open_channel(struct dns_probe *p)
{
	struct in_addr placeholder = {0};
	char server[ADDR_PORT_STR_LEN];
	// what is set here is not looked for in files
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
			 ARES_FLAG_IGNTC | (is_tcp(p) ? ARES_FLAG_USEVC : 0),
		.timeout = NEVER_MS,
		.tries = 1,
		.servers = &placeholder,
		.nservers = 1,
		.lookups = (char[]){"b"},
		.sock_state_cb = on_interest,
		.sock_state_cb_data = p,
	};
	const int set = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
			ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST |
			ARES_OPT_SOCK_STATE_CB;

	if (ares_init_options(&p->channel, &options, set) != ARES_SUCCESS) {
		p->channel = NULL;
		return ENOMEM;
	}
	ares_set_socket_functions(p->channel, &system_calls, p);
	(void)addr_port_format(&p->job->address, p->job->port, server);
	return ares_set_servers_ports_csv(p->channel, server) == ARES_SUCCESS ? 0 : ENOMEM;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct dns_probe *p = state;
	const struct conf_check_own *own = &job->check->own;
	int error;

	*p = (struct dns_probe){.job = job};
	error = open_channel(p);
	if (error) {
		destroy(p);
		*ret_outcome = hc_probe_error(step_name, error);
		return false;
	}
	hc_trace_note(job->trace, "query for %s, type %s, over %s", own->name,
		hc_dns_type_name(own->record), is_tcp(p) ? "TCP" : "UDP");
	ares_query(p->channel, own->name, CLASS_IN, own->record, on_answer, p);
	if (!p->is_over)
		return true;
	destroy(p);
	*ret_outcome = p->outcome;
	return false;
}

static void cancel(void *state)
{
	destroy(state);
}

static int init(void *state, const struct hc_probe_job *job)
{
	(void)state;
	(void)job;
	return ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS ? 0 : -ENOMEM;
}

static void fini(void *state)
{
	(void)state;
	ares_library_cleanup();
}

const struct hc_probe_ops *hc_probe_dns_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct dns_probe),
		.init = init,
		.fini = fini,
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
