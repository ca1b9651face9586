/* libcurl's multi interface on the event loop.
 *
 * libcurl says which sockets to watch and when to wake it; the loop does, and then takes the
 * messages of what is over. libcurl forbids most calls from within its own callbacks: on_done is
 * called from the loop, after libcurl has returned, so a probe may close and start calls in it.
 *
 * There is one multi handle for each file of authorities: libcurl keeps the parsed certificates
 * of one file for a multi handle, and parsing the system's 140 takes milliseconds, which a hundred
 * probes a second could not afford. Calls that need a pulse have multi handles of their own: a
 * pulse makes libcurl look at each call of a handle.
 *
 * A connection has a cache of connections of its own. In a common one it would count as idle
 * once made, and libcurl throws out idle connections on which something has come in. */
#include "healthcheck/curl.h"

#include "healthcheck/endpoint.h"
#include "healthcheck/trace.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCHEME_LEN = 16, BUFFER_BYTES = 16384, LATER_MS = 1000 };

struct hc_curl_multi {
	char *ca_file;    // NULL: the system's
	bool needs_pulse; // all of its calls
	CURLM *handle;
	struct event *timer;
	struct event *pulse; // while n_pulsed > 0
	unsigned n_pulsed;
	struct hc_curl_multi *next;
};

struct hc_curl {
	struct event_base *base;
	struct hc_curl_multi *multis;
};

/* ---- the loop ------------------------------------------------------------------------------- */

/* A connect to a free port of this very machine may be given that port as its own and then
 * reach itself (simultaneous open, RFC 9293 §3.5): nobody listens there. */
static bool is_self_connected(const struct hc_curl_call *call)
{
	const char *own = NULL, *peer = NULL;
	long own_port = 0, peer_port = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_LOCAL_PORT, &own_port);
	(void)curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_PORT, &peer_port);
	if (own_port == 0 || own_port != peer_port)
		return false;
	(void)curl_easy_getinfo(call->easy, CURLINFO_LOCAL_IP, &own);
	(void)curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_IP, &peer);
	return own && peer && strcmp(own, peer) == 0;
}

static void finish(struct hc_curl_call *call, CURLcode code)
{
	if (is_self_connected(call)) {
		call->socket_error = ECONNREFUSED;
		code = CURLE_COULDNT_CONNECT;
	}
	call->setup.on_done(call->setup.arg, code);
}

static void take_messages(CURLM *handle)
{
	const CURLMsg *message;
	int n_left;

	while ((message = curl_multi_info_read(handle, &n_left)) != NULL) {
		const CURLcode code = message->data.result;
		struct hc_curl_call *call;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		finish(call, code);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	CURLM *handle = arg;
	int n_running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(handle, CURL_SOCKET_TIMEOUT, 0, &n_running);
	take_messages(handle);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	const struct hc_curl_call *call = arg;
	CURLM *handle = call->multi->handle;
	int flags = 0, n_running;

	if (what & EV_READ)
		flags |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		flags |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(handle, fd, flags, &n_running);
	take_messages(handle);
}

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
	const struct hc_curl_multi *m = arg;
	int n_running;

	(void)fd;
	(void)what;
	(void)curl_multi_perform(m->handle, &n_running);
	take_messages(m->handle);
}

/* CURLMOPT_TIMERFUNCTION. */
static int set_timer(CURLM *handle, long timeout_ms, void *arg)
{
	struct event *timer = arg;
	const struct timeval in = {
		.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	(void)handle;
	if (timeout_ms < 0)
		(void)event_del(timer);
	else
		(void)event_add(timer, &in);
	return 0;
}

static void unwatch(struct hc_curl_call *call)
{
	if (call->is_watching)
		(void)event_del(&call->watch);
	call->is_watching = false;
}

/* CURLMOPT_SOCKETFUNCTION. A call has one socket: there is one address to try. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct hc_curl_call *call;
	short events = EV_PERSIST;

	(void)arg;
	(void)of_socket;
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
	if (!call) // a handle of libcurl's own
		return 0;
	unwatch(call);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (what != CURL_POLL_OUT)
		events |= EV_READ;
	if (what != CURL_POLL_IN)
		events |= EV_WRITE;
	call->is_watching = event_assign(&call->watch, call->job->shared->base, fd, events,
				    on_socket, call) == 0 &&
			    event_add(&call->watch, NULL) == 0;
	return 0;
}

/* ---- multi handles -------------------------------------------------------------------------- */

static void free_multi(struct hc_curl_multi *m)
{
	if (!m)
		return;
	if (m->handle)
		(void)curl_multi_cleanup(m->handle);
	if (m->timer)
		event_free(m->timer);
	if (m->pulse)
		event_free(m->pulse);
	free(m->ca_file);
	free(m);
}

static struct hc_curl_multi *multi_new(
	struct event_base *base, const char *ca_file, bool needs_pulse)
{
	struct hc_curl_multi *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->needs_pulse = needs_pulse;
	m->handle = curl_multi_init();
	if (!m->handle)
		goto free_multi;
	m->timer = evtimer_new(base, on_timer, m->handle);
	m->pulse = event_new(base, -1, EV_PERSIST, on_pulse, m);
	m->ca_file = ca_file ? strdup(ca_file) : NULL;
	if (!m->timer || !m->pulse || (ca_file && !m->ca_file))
		goto free_multi;
	(void)curl_multi_setopt(m->handle, CURLMOPT_SOCKETFUNCTION, watch_socket);
	(void)curl_multi_setopt(m->handle, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(m->handle, CURLMOPT_TIMERDATA, m->timer);
	(void)curl_multi_setopt(m->handle, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return m;

free_multi:
	free_multi(m);
	return NULL;
}

static int make_shared(struct hc_shared *shared)
{
	if (shared->curl)
		return 0;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	shared->curl = calloc(1, sizeof(*shared->curl));
	if (!shared->curl) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	shared->curl->base = shared->base;
	return 0;
}

static bool is_same_file(const char *a, const char *b)
{
	return !a || !b ? a == b : strcmp(a, b) == 0;
}

/* The multi handle for such calls, NULL if memory is short. */
static struct hc_curl_multi *find_multi(
	struct hc_shared *shared, const char *ca_file, bool needs_pulse)
{
	struct hc_curl_multi *m;

	if (make_shared(shared) < 0)
		return NULL;
	for (m = shared->curl->multis; m; m = m->next) {
		if (m->needs_pulse == needs_pulse && is_same_file(m->ca_file, ca_file))
			return m;
	}
	m = multi_new(shared->curl->base, ca_file, needs_pulse);
	if (!m)
		return NULL;
	m->next = shared->curl->multis;
	shared->curl->multis = m;
	return m;
}

void hc_curl_free(struct hc_curl *curl)
{
	if (!curl)
		return;
	while (curl->multis) {
		struct hc_curl_multi *m = curl->multis;

		curl->multis = m->next;
		free_multi(m);
	}
	free(curl);
	curl_global_cleanup();
}

/* ---- options of a call ---------------------------------------------------------------------- */

/* CURLOPT_OPENSOCKETFUNCTION: with the local address that the check asks for, and an errno that
 * libcurl would not tell. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct hc_curl_call *call = arg;
	int fd = socket(to->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)purpose;
	if (fd < 0) {
		call->socket_error = errno;
		return CURL_SOCKET_BAD;
	}
	call->socket_error = hc_endpoint_bind(fd, call->job);
	if (call->socket_error == 0) {
		call->fd = fd;
		call->was_opened = true;
		return fd;
	}
	(void)close(fd);
	return CURL_SOCKET_BAD;
}

/* CURLOPT_CLOSESOCKETFUNCTION. */
static int close_socket(void *arg, curl_socket_t fd)
{
	struct hc_curl_call *call = arg;

	if (call->fd == fd)
		call->fd = -1;
	return close(fd);
}

/* CURLOPT_DEBUGFUNCTION. */
static int on_debug(CURL *easy, curl_infotype kind, char *bytes, size_t n, void *arg)
{
	static const char marks[CURLINFO_END] = {
		[CURLINFO_TEXT] = HC_TRACE_NOTE,
		[CURLINFO_HEADER_IN] = HC_TRACE_RECEIVED,
		[CURLINFO_DATA_IN] = HC_TRACE_RECEIVED,
		[CURLINFO_HEADER_OUT] = HC_TRACE_SENT,
		[CURLINFO_DATA_OUT] = HC_TRACE_SENT,
	};
	const struct hc_curl_call *call = arg;

	(void)easy;
	if (kind >= CURLINFO_END || !marks[kind])
		return 0;
	hc_trace_bytes(call->job->trace, (enum hc_trace_mark)marks[kind], bytes, n);
	if (call->setup.on_wire)
		call->setup.on_wire(call->setup.arg, kind, bytes, n);
	return 0;
}

static bool set_basics(struct hc_curl_call *call)
{
	const long later_ms = (long)call->job->check->timeout_ms + LATER_MS;
	const long is_verbose = call->job->trace || call->setup.on_wire;
	CURL *e = call->easy;

	// the whole-check timeout is the target's: libcurl's own ones come later, never first
	return curl_easy_setopt(e, CURLOPT_PRIVATE, (void *)call) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, later_ms) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SERVER_RESPONSE_TIMEOUT, later_ms / 1000 + 1) ==
		       CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, call) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, call) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, on_debug) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_DEBUGDATA, call) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_VERBOSE, is_verbose) == CURLE_OK;
}

/* A transfer's connection ends with it; a made connection stays until the call is closed. */
static bool set_use(struct hc_curl_call *call)
{
	CURL *e = call->easy;

	if (!call->setup.is_connection)
		return curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
	call->own_connections = curl_share_init();
	return call->own_connections &&
	       curl_share_setopt(call->own_connections, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) ==
		       CURLSHE_OK &&
	       curl_easy_setopt(e, CURLOPT_SHARE, call->own_connections) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
}

/* The certificate is verified for the name that the server is asked for, if there is one. */
static bool set_tls(struct hc_curl_call *call)
{
	const struct conf_check_own *own = &call->job->check->own;
	const long verifies_name = own->verify && own->sni ? 2 : 0;
	const long starttls = own->tls == CONF_TLS_STARTTLS ? CURLUSESSL_ALL : CURLUSESSL_NONE;
	const char *ca_file = curl_version_info(CURLVERSION_NOW)->cainfo;
	CURL *e = call->easy;

	if (own->tls == CONF_TLS_NO)
		return true;
	if (own->ca_file)
		ca_file = own->ca_file;
	// no CAPATH: with one, libcurl reads the authorities again for each handshake
	return curl_easy_setopt(e, CURLOPT_USE_SSL, starttls) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, (long)own->verify) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, verifies_name) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CAINFO, own->verify ? ca_file : NULL) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, (long)HC_CURL_CA_S) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
}

static bool set_connect_to(struct hc_curl_call *call, const char *address)
{
	char text[ADDR_PORT_STR_LEN + 2];

	(void)snprintf(text, sizeof(text), "::%s", address);
	call->connect_to = curl_slist_append(NULL, text);
	return call->connect_to &&
	       curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to) == CURLE_OK;
}

/* The URL has the name for TLS, if any, for its host; CONNECT_TO has the address. */
static bool set_url(struct hc_curl_call *call)
{
	const struct hc_probe_job *job = call->job;
	const struct conf_check_own *own = &job->check->own;
	const char *name = own->tls != CONF_TLS_NO ? own->sni : NULL;
	const bool is_ipv6 = name && strchr(name, ':');
	const char *s = own->tls == CONF_TLS_IMPLICIT ? "s" : "";
	char address[ADDR_PORT_STR_LEN], scheme[SCHEME_LEN];
	char *url = NULL;
	bool is_set;
	int n;

	(void)addr_port_format(&job->address, job->port, address);
	(void)snprintf(scheme, sizeof(scheme), "%s%s", call->setup.scheme, s);
	if (name)
		n = asprintf(&url, "%s://%s%s%s:%u%s", scheme, is_ipv6 ? "[" : "", name,
			is_ipv6 ? "]" : "", job->port, call->setup.path);
	else
		n = asprintf(&url, "%s://%s%s", scheme, address, call->setup.path);
	if (n < 0)
		return false;
	is_set = curl_easy_setopt(call->easy, CURLOPT_URL, url) == CURLE_OK;
	free(url);
	return is_set && (!name || set_connect_to(call, address)) &&
	       curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, scheme) == CURLE_OK;
}

/* ---- calls ---------------------------------------------------------------------------------- */

int hc_curl_open(struct hc_curl_call *call, const struct hc_probe_job *job,
	const struct hc_curl_setup *setup)
{
	const struct conf_check_own *own = &job->check->own;
	const bool verifies = own->tls != CONF_TLS_NO && own->verify;

	assert(!call->easy);
	memset(call, 0, sizeof(*call));
	call->fd = -1;
	call->job = job;
	call->setup = *setup;
	call->multi = find_multi(job->shared, verifies ? own->ca_file : NULL, setup->needs_pulse);
	if (!call->multi)
		return -ENOMEM;
	call->easy = curl_easy_init();
	if (call->easy && set_basics(call) && set_use(call) && set_tls(call) && set_url(call)) {
		call->setup.path = NULL;
		return 0;
	}
	hc_curl_close(call);
	return -ENOMEM;
}

static int begin_pulse(struct hc_curl_call *call)
{
	const struct timeval period = {.tv_usec = HC_CURL_PULSE_MS * 1000};
	struct hc_curl_multi *m = call->multi;

	if (m->n_pulsed == 0 && event_add(m->pulse, &period) < 0)
		return -ENOMEM;
	m->n_pulsed++;
	call->has_pulse = true;
	return 0;
}

static void end_pulse(struct hc_curl_call *call)
{
	if (call->has_pulse && --call->multi->n_pulsed == 0)
		(void)event_del(call->multi->pulse);
	call->has_pulse = false;
}

int hc_curl_start(struct hc_curl_call *call)
{
	if (curl_multi_add_handle(call->multi->handle, call->easy) != CURLM_OK)
		return -ENOMEM;
	if (!call->setup.needs_pulse)
		return 0;
	return begin_pulse(call);
}

void hc_curl_close(struct hc_curl_call *call)
{
	unwatch(call);
	end_pulse(call);
	if (call->easy) {
		// harmless if it was never added
		(void)curl_multi_remove_handle(call->multi->handle, call->easy);
		curl_easy_cleanup(call->easy);
	}
	if (call->own_connections)
		(void)curl_share_cleanup(call->own_connections);
	curl_slist_free_all(call->connect_to);
	call->easy = NULL;
	call->own_connections = NULL;
	call->connect_to = NULL;
}

CURLcode hc_curl_send(struct hc_curl_call *call, const void *bytes, size_t n, size_t *ret_n)
{
	return curl_easy_send(call->easy, bytes, n, ret_n);
}

CURLcode hc_curl_recv(struct hc_curl_call *call, void *buf, size_t size, size_t *ret_n)
{
	return curl_easy_recv(call->easy, buf, size, ret_n);
}

static void on_awaited(evutil_socket_t fd, short what, void *arg)
{
	struct hc_curl_call *call = arg;

	(void)fd;
	(void)what;
	call->is_watching = false;
	call->on_ready(call->setup.arg);
}

void hc_curl_await(struct hc_curl_call *call, short what, hc_curl_ready *on_ready)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	unwatch(call);
	call->on_ready = on_ready;
	(void)curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
	call->is_watching = event_assign(&call->watch, call->job->shared->base, fd, what,
				    on_awaited, call) == 0 &&
			    event_add(&call->watch, NULL) == 0;
}
