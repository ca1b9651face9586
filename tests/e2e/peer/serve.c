/* The server: greets each connection with "NAME CLIENT_ADDRESS CLIENT_PORT\n", then echoes.
 * A datagram is answered by the same line and the datagram itself. One thread, one epoll set,
 * both families on each port. When the other side does not read, nothing more is read from it:
 * at most one buffer of each connection waits. */

#include "tests/e2e/peer/peer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024, EVENTS = 256, BACKLOG = 16384 };
enum { DATAGRAM_ROOM = 8 * 1024 * 1024 };

enum kind { LISTENER, DATAGRAMS, CONNECTION, SIGNALS };

struct endpoint {
	struct endpoint *previous, *next; // of all
	enum kind kind;
	int fd;
	uint16_t port;
	char *pending; // read and not yet written; NULL: nothing
	size_t pending_len;
	size_t pending_off;
};

struct server {
	const struct peer_options *o;
	FILE *log;
	int epoll;
	struct endpoint *all;
	char buf[BUFFER_BYTES];
};

static int watch(struct server *s, struct endpoint *e, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = e};

	return epoll_ctl(s->epoll, op, e->fd, &ev);
}

static void endpoint_free(struct server *s, struct endpoint *e)
{
	if (e->previous)
		e->previous->next = e->next;
	else
		s->all = e->next;
	if (e->next)
		e->next->previous = e->previous;
	(void)close(e->fd);
	free(e->pending);
	free(e);
}

static struct endpoint *endpoint_new(struct server *s, enum kind kind, int fd, uint16_t port)
{
	struct endpoint *e = calloc(1, sizeof(*e));

	if (!e) {
		(void)close(fd);
		return NULL;
	}
	e->kind = kind;
	e->fd = fd;
	e->port = port;
	e->next = s->all;
	if (e->next)
		e->next->previous = e;
	s->all = e;
	if (watch(s, e, EPOLL_CTL_ADD, EPOLLIN) == 0)
		return e;
	endpoint_free(s, e);
	return NULL;
}

static int open_port(struct server *s, uint16_t port, int type)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int off = 0;
	int on = 1;
	int room = DATAGRAM_ROOM;

	if (fd < 0)
		return -errno;
	if (type == SOCK_DGRAM) // what is lost shall not be lost here
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
		(type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return endpoint_new(s, type == SOCK_STREAM ? LISTENER : DATAGRAMS, fd, port) ? 0 : -ENOMEM;
}

/* What is written at once needs no buffer; the rest is kept, and reading stops until it left. */
static bool send_or_keep(struct server *s, struct endpoint *e, const char *data, size_t len)
{
	ssize_t n = send(e->fd, data, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	n = n < 0 ? 0 : n;
	if ((size_t)n == len)
		return true;
	e->pending_len = len - (size_t)n;
	e->pending_off = 0;
	e->pending = malloc(e->pending_len);
	if (!e->pending)
		return false;
	memcpy(e->pending, data + n, e->pending_len);
	return watch(s, e, EPOLL_CTL_MOD, EPOLLOUT) == 0;
}

static bool flush_pending(struct server *s, struct endpoint *e)
{
	size_t left = e->pending_len - e->pending_off;
	ssize_t n = send(e->fd, e->pending + e->pending_off, left, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	e->pending_off += (size_t)n;
	if (e->pending_off < e->pending_len)
		return true;
	free(e->pending);
	e->pending = NULL;
	return watch(s, e, EPOLL_CTL_MOD, EPOLLIN) == 0;
}

static void note(struct server *s, const char *protocol, uint16_t port, const char *client)
{
	if (s->log)
		(void)fprintf(s->log, "%s %u from %s\n", protocol, port, client);
}

static void accept_all(struct server *s, struct endpoint *listener)
{
	for (unsigned i = 0; i < EVENTS; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
		int fd = accept4(listener->fd, (struct sockaddr *)&from, &len, flags);
		char client[PEER_MAX_GREETING];
		char greeting[PEER_MAX_GREETING + PEER_MAX_NAME + 2];
		struct endpoint *e;
		int n;

		if (fd < 0)
			return;
		e = endpoint_new(s, CONNECTION, fd, listener->port);
		if (!e)
			return;
		peer_sockaddr_print(&from, client, sizeof(client));
		note(s, "tcp", listener->port, client);
		n = snprintf(greeting, sizeof(greeting), "%s %s\n", s->o->name, client);
		if (!send_or_keep(s, e, greeting, (size_t)n))
			endpoint_free(s, e);
	}
}

/* The answer leaves from the address that was asked: the control message that came with the
 * datagram goes back with it, but for the interface. */
static void answer_from(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
		((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
	else
		m->msg_controllen = 0;
}

static void answer_datagrams(struct server *s, struct endpoint *e)
{
	for (unsigned i = 0; i < EVENTS; i++) {
		struct sockaddr_storage from;
		char client[PEER_MAX_GREETING];
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		size_t head = PEER_MAX_GREETING + PEER_MAX_NAME + 2;
		struct iovec data = {s->buf + head, sizeof(s->buf) - head};
		struct msghdr message = {
			&from, sizeof(from), &data, 1, control, sizeof(control), 0};
		ssize_t n = recvmsg(e->fd, &message, 0);
		int m;

		if (n < 0)
			return;
		peer_sockaddr_print(&from, client, sizeof(client));
		note(s, "udp", e->port, client);
		m = snprintf(s->buf, head, "%s %s\n", s->o->name, client);
		memmove(s->buf + m, s->buf + head, (size_t)n);
		data = (struct iovec){s->buf, (size_t)(m + n)};
		answer_from(&message);
		(void)sendmsg(e->fd, &message, 0);
	}
}

static void serve_connection(struct server *s, struct endpoint *e, uint32_t events)
{
	bool is_alive = true;

	if (e->pending) {
		is_alive = flush_pending(s, e) && !(events & EPOLLERR);
	} else {
		ssize_t n = recv(e->fd, s->buf, sizeof(s->buf), 0);

		if (n > 0)
			is_alive = send_or_keep(s, e, s->buf, (size_t)n);
		else
			is_alive = n < 0 && errno == EAGAIN;
	}
	if (!is_alive)
		endpoint_free(s, e);
}

static bool dispatch(struct server *s, struct endpoint *e, uint32_t events)
{
	switch (e->kind) {
	case LISTENER:
		accept_all(s, e);
		return true;
	case DATAGRAMS:
		answer_datagrams(s, e);
		return true;
	case CONNECTION:
		serve_connection(s, e, events);
		return true;
	case SIGNALS:
		return peer_signal_next(e->fd) == SIGUSR1;
	}
	return true;
}

static int open_ports(struct server *s, const struct peer_ports *ports, int type)
{
	for (unsigned i = 0; i < ports->n; i++) {
		int r = open_port(s, ports->list[i], type);

		if (r == 0)
			continue;
		(void)fprintf(stderr, "peer: error: port %u: %s\n", ports->list[i], strerror(-r));
		return r;
	}
	return 0;
}

static int open_all(struct server *s)
{
	const struct peer_options *o = s->o;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->log = o->log_path ? fopen(o->log_path, "a") : NULL;
	if (s->epoll < 0 || (o->log_path && !s->log))
		return -errno;
	if (s->log)
		(void)setvbuf(s->log, NULL, _IOLBF, 0);
	if (!endpoint_new(s, SIGNALS, peer_signals(), 0))
		return -ENOMEM;
	if (open_ports(s, &o->tcp, SOCK_STREAM) < 0)
		return -EADDRINUSE;
	return open_ports(s, &o->udp, SOCK_DGRAM);
}

static void serve(struct server *s)
{
	struct epoll_event events[EVENTS];
	bool is_running = true;

	(void)printf("{\"event\": \"ready\", \"name\": \"%s\"}\n", s->o->name);
	(void)fflush(stdout);
	while (is_running) {
		int n = epoll_wait(s->epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++)
			is_running &= dispatch(s, events[i].data.ptr, events[i].events);
	}
}

int peer_serve(const struct peer_options *o)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return 1;
	s->o = o;
	r = open_all(s);
	if (r == 0)
		serve(s);
	for (struct endpoint *e = s->all, *next; e; e = next) {
		next = e->next;
		(void)close(e->fd);
		free(e->pending);
		free(e);
	}
	if (s->log)
		(void)fclose(s->log);
	free(s);
	return r == 0 ? 0 : 1;
}
