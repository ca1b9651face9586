/* The web server: listeners, who is answered, and what with. */
#include "control/http.h"

#include "base/builder.h"
#include "base/diag.h"
#include "control/page.h"
#include "dataplane/dp.h"
#include "vrrp/vrrp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SWEEP_MS = 250, SAMPLE_MS = 1000, BACKLOG = 128, WORDS_LEN = 256 };

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- what is asked for ----------------------------------------------------------------------- */

typedef void answer_fn(struct http_server *server, struct evhttp_request *req);

/* The loop runs, or nobody would read this. */
static void answer_health(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_health(struct http_server *server, struct evhttp_request *req)
{
	(void)server;
	ctl_http_say(req, HTTP_OK, "ok");
}

static void answer_ready(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_ready(struct http_server *server, struct evhttp_request *req)
{
	const struct dp *dp = server->ctl->dp;
	unsigned n = dp ? dp_n_ports(dp) : 0;
	char words[WORDS_LEN];

	for (unsigned i = 0; i < n; i++) {
		struct dp_port_stats p;

		dp_read_port(dp, i, &p);
		if (p.is_up)
			continue;
		(void)snprintf(words, sizeof(words), "port %s is down", p.name);
		ctl_http_say(req, HTTP_SERVUNAVAIL, words);
		return;
	}
	ctl_http_say(req, HTTP_OK, "ok");
}

/* Whether all that this node may hold is its: of every group, and what no group has. */
static const char *why_not_active(const struct ctl *ctl, char words[WORDS_LEN]) ON_CONTROL;
static const char *why_not_active(const struct ctl *ctl, char words[WORDS_LEN])
{
	const struct conf_vrrp *conf = &ctl->conf->vrrp;

	for (unsigned g = 0; ctl->vrrp && g < conf->n_groups; g++) {
		struct vrrp_group_status s;

		vrrp_read_group(ctl->vrrp, g, &s);
		if (s.state == VRRP_MASTER)
			continue;
		(void)snprintf(words, WORDS_LEN, "VRRP group %s is %s", conf->groups[g].name,
			vrrp_state_name(s.state));
		return words;
	}
	for (unsigned i = 0; i < ctl->n_holdings; i++)
		if (!ctl->is_held[ctl->holdings[i].owner])
			return "starting: the addresses are not held yet";
	return NULL;
}

static void answer_active(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_active(struct http_server *server, struct evhttp_request *req)
{
	char words[WORDS_LEN];
	const char *why_not = why_not_active(server->ctl, words);

	ctl_http_say(req, why_not ? HTTP_SERVUNAVAIL : HTTP_OK, why_not ? why_not : "active");
}

static void answer_metrics(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_metrics(struct http_server *server, struct evhttp_request *req)
{
	ctl_http_doc_ask(server->metrics, req);
}

static void answer_status(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_status(struct http_server *server, struct evhttp_request *req)
{
	ctl_http_doc_ask(server->status, req);
}

static void answer_history(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_history(struct http_server *server, struct evhttp_request *req)
{
	ctl_http_doc_ask(server->history_doc, req);
}

static void answer_page(struct http_server *server, struct evhttp_request *req) ON_CONTROL;
static void answer_page(struct http_server *server, struct evhttp_request *req)
{
	const struct ctl_page *page = ctl_page();
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	bool is_gzip = ctl_http_accepts_gzip(req);
	struct evbuffer *body = evbuffer_new();
	int r = -1;

	(void)server;
	if (body)
		r = evbuffer_add_reference(body, is_gzip ? page->gzip : page->plain,
			is_gzip ? page->gzip_len : page->plain_len, NULL, NULL);
	if (r < 0) {
		ctl_http_say(req, HTTP_SERVUNAVAIL, "out of memory");
	} else {
		(void)evhttp_add_header(headers, "Vary", "Accept-Encoding");
		(void)evhttp_add_header(headers, "Content-Security-Policy", page->csp);
		if (is_gzip)
			(void)evhttp_add_header(headers, "Content-Encoding", "gzip");
		ctl_http_send(req, "text/html; charset=utf-8", body);
	}
	if (body)
		evbuffer_free(body);
}

enum endpoint_switch { ALWAYS, WITH_METRICS, WITH_STATUS };

static const struct endpoint {
	const char *path;
	enum endpoint_switch on;
	answer_fn *answer;
} endpoints[] = {
	{"/healthz", ALWAYS, answer_health},
	{"/readyz", ALWAYS, answer_ready},
	{"/active", ALWAYS, answer_active},
	{"/metrics", WITH_METRICS, answer_metrics},
	{"/", WITH_STATUS, answer_page},
	{"/api/v1/status", WITH_STATUS, answer_status},
	{"/api/v1/history", WITH_STATUS, answer_history},
};

static bool is_on(const struct conf_http *conf, enum endpoint_switch on)
{
	return on == ALWAYS || (on == WITH_METRICS ? conf->has_metrics : conf->has_status);
}

/* NULL: nothing is there. */
static const struct endpoint *find_endpoint(const struct conf_http *conf, const char *path)
{
	for (size_t i = 0; path && i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		if (strcmp(endpoints[i].path, path) == 0 && is_on(conf, endpoints[i].on))
			return &endpoints[i];
	return NULL;
}

static void refuse_method(struct evhttp_request *req) ON_CONTROL;
static void refuse_method(struct evhttp_request *req)
{
	(void)evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "GET, HEAD");
	ctl_http_say(req, HTTP_BADMETHOD, "only GET and HEAD: nothing can be changed here");
}

static void on_request(struct evhttp_request *req, void *arg) ON_CONTROL;
static void on_request(struct evhttp_request *req, void *arg)
{
	enum { MISDIRECTED = 421 }; // RFC 9110 §15.5.20
	struct http_listener *l = arg;
	struct http_server *server = l->server;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *host = evhttp_find_header(evhttp_request_get_input_headers(req), "Host");
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	const struct endpoint *e;

	ctl_turns_begin(&server->ctl->turns, now_us());
	ctl_http_conn_answers(l, req);
	e = find_endpoint(&server->ctl->conf->http, uri ? evhttp_uri_get_path(uri) : NULL);
	if (!ctl_http_host_is_ours(server->ctl->conf, &l->endpoint->address, host))
		ctl_http_say(req, MISDIRECTED,
			"this name is not known here: add it to http.hosts, or use the address");
	else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
		refuse_method(req);
	else if (!e)
		ctl_http_say(req, HTTP_NOTFOUND, "there is nothing under this path");
	else
		e->answer(server, req);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void on_sweep(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;

	(void)fd;
	(void)what;
	ctl_turns_begin(&server->ctl->turns, now_us());
	for (unsigned i = 0; i < server->n_listeners; i++) {
		struct http_listener *l = &server->listeners[i];

		if (evtimer_pending(l->resume, NULL))
			continue; // that one sweeps, too
		ctl_http_conns_sweep(l);
		// after running out of descriptors (on_accept_error)
		(void)evconnlistener_enable(evhttp_bound_socket_get_listener(l->socket));
	}
}

static void arm_sample(struct http_server *server, unsigned in_ms)
{
	const struct timeval in = {.tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000};

	(void)evtimer_add(server->sample, &in);
}

/* On the second, as far as the loop lets it. */
static void on_sample(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_sample(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	bool is_done;

	(void)fd;
	(void)what;
	ctl_turns_begin(&server->ctl->turns, now_us());
	is_done = ctl_history_step(server->history, server->ctl);
	arm_sample(server, is_done ? SAMPLE_MS - (unsigned)(now_us() / 1000 % SAMPLE_MS) : 0);
}

static void on_built(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_built(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;

	(void)fd;
	(void)what;
	ctl_turns_begin(&server->ctl->turns, now_us());
	builder_take(server->own_builder);
}

/* ---- listeners ------------------------------------------------------------------------------- */

/* Out of descriptors the socket would stay readable, and the loop would spin on it: until the next
 * sweep. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	(void)evconnlistener_disable(listener);
}

/* Addresses that are not there yet (a VIP on a backup) may be listened on. */
static int open_socket(const struct conf_endpoint *e)
{
	struct sockaddr_storage sa = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;
	bool is_v4 = addr_is_v4(&e->address);
	const int one = 1;
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof(one));
	if (is_v4) {
		*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(e->port)};
		v4->sin_addr.s_addr = addr_v4(&e->address);
	} else {
		(void)setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
		memcpy(&v6->sin6_addr, e->address.bytes, sizeof(v6->sin6_addr));
	}
	r = bind(fd, (struct sockaddr *)&sa, is_v4 ? sizeof(*v4) : sizeof(*v6));
	if (r == 0)
		r = listen(fd, BACKLOG);
	if (r == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

static int make_http(struct http_listener *l, int fd) ON_CONTROL;
static int make_http(struct http_listener *l, int fd)
{
	const struct timeval silence = {.tv_sec = HTTP_IDLE_MS / 1000 + 1}; // ours is sooner

	l->http = evhttp_new(l->server->ctl->base);
	l->resume = evtimer_new(l->server->ctl->base, ctl_http_conns_resume, l);
	if (!l->http || !l->resume)
		return -ENOMEM;
	evhttp_set_max_headers_size(l->http, HTTP_MAX_HEADERS);
	evhttp_set_max_body_size(l->http, HTTP_MAX_BODY);
	evhttp_set_timeout_tv(l->http, &silence);
	evhttp_set_default_content_type(l->http, NULL);
	// all that it knows: what is not allowed is refused here, in words
	evhttp_set_allowed_methods(l->http, 0x1ff);
	evhttp_set_bevcb(l->http, ctl_http_conn_new, l);
	evhttp_set_gencb(l->http, on_request, l);
	l->socket = evhttp_accept_socket_with_handle(l->http, fd);
	if (!l->socket)
		return -ENOMEM;
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(l->socket), on_accept_error);
	return 0;
}

static int start_listener(
	struct http_server *server, const struct conf_endpoint *e, struct diag *diag) ON_CONTROL;
static int start_listener(
	struct http_server *server, const struct conf_endpoint *e, struct diag *diag)
{
	struct http_listener *l = &server->listeners[server->n_listeners];
	char text[ADDR_STR_LEN];
	int fd = open_socket(e), r;

	if (fd < 0) {
		diag_add(diag, DIAG_ERROR, NULL, "http.listen: cannot listen on %s, port %u: %s",
			addr_format(&e->address, text), e->port, strerror(-fd));
		return fd;
	}
	l->server = server;
	l->endpoint = e;
	TAILQ_INIT(&l->conns);
	server->n_listeners++;
	r = make_http(l, fd);
	if (r < 0 && !l->socket)
		(void)close(fd);
	return r;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Without workers the data plane has no builder. */
static int take_builder(struct http_server *server) ON_CONTROL;
static int take_builder(struct http_server *server)
{
	struct ctl *ctl = server->ctl;
	int r;

	server->builder = ctl->dp ? dp_builder(ctl->dp) : NULL;
	if (server->builder)
		return 0;
	r = builder_new(&server->own_builder);
	if (r < 0)
		return r;
	server->builder = server->own_builder;
	server->builder_event = event_new(
		ctl->base, builder_fd(server->builder), EV_READ | EV_PERSIST, on_built, server);
	return server->builder_event && event_add(server->builder_event, NULL) == 0 ? 0 : -ENOMEM;
}

static int make_docs(struct http_server *server) ON_CONTROL;
static int make_docs(struct http_server *server)
{
	struct ctl *ctl = server->ctl;
	int r = ctl_history_new(&server->history);

	if (r == 0)
		r = ctl_http_doc_new(ctl, server->builder, &ctl_http_metrics, &server->metrics);
	if (r == 0)
		r = ctl_http_doc_new(ctl, server->builder, &ctl_http_status, &server->status);
	if (r == 0)
		r = ctl_http_doc_new(ctl, server->builder, &ctl_http_history, &server->history_doc);
	return r;
}

static int start_timers(struct http_server *server) ON_CONTROL;
static int start_timers(struct http_server *server)
{
	const struct timeval period = {.tv_usec = SWEEP_MS * 1000};

	server->sweep = event_new(server->ctl->base, -1, EV_PERSIST, on_sweep, server);
	server->sample = evtimer_new(server->ctl->base, on_sample, server);
	if (!server->sweep || !server->sample || event_add(server->sweep, &period) < 0)
		return -ENOMEM;
	arm_sample(server, 0);
	return 0;
}

int ctl_http_start(struct ctl *ctl, struct diag *diag)
{
	const struct conf_http *conf = &ctl->conf->http;
	struct http_server *server;
	int r;

	if (conf->n_listen == 0)
		return 0;
	server = ctl->http = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->ctl = ctl;
	server->listeners = calloc(conf->n_listen, sizeof(*server->listeners));
	r = server->listeners ? take_builder(server) : -ENOMEM;
	if (r == 0)
		r = make_docs(server);
	for (unsigned i = 0; i < conf->n_listen && r == 0; i++)
		r = start_listener(server, &conf->listen[i], diag);
	return r == 0 ? start_timers(server) : r;
}

static void free_event(struct event *ev)
{
	if (ev)
		event_free(ev);
}

void ctl_http_stop(struct ctl *ctl)
{
	struct http_server *server = ctl->http;

	if (!server)
		return;
	ctl_http_doc_free(server->metrics);
	ctl_http_doc_free(server->status);
	ctl_http_doc_free(server->history_doc);
	ctl->http = NULL; // what the builder still has must not find it
	for (unsigned i = 0; i < server->n_listeners; i++) {
		if (server->listeners[i].http)
			evhttp_free(server->listeners[i].http);
		free_event(server->listeners[i].resume);
		ctl_http_conns_free(&server->listeners[i]);
	}
	free_event(server->sweep);
	free_event(server->sample);
	free_event(server->builder_event);
	builder_free(server->own_builder);
	ctl_history_free(server->history);
	free(server->listeners);
	free(server);
}
