/* See loopback.h. Failures here are the test machine's: they fail the test that calls. */
#include "loopback.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { BACKLOG = 128, FILLED_AFTER_MS = 50 };

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct addr loopback_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static socklen_t fill_endpoint(const struct server *s, union endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (addr_is_v4(&s->address)) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(s->port);
		ret->v4.sin_addr.s_addr = addr_v4(&s->address);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(s->port);
	memcpy(&ret->v6.sin6_addr, s->address.bytes, sizeof(s->address.bytes));
	return sizeof(ret->v6);
}

static int new_socket(const struct server *s)
{
	const int family = addr_is_v4(&s->address) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static void start_listening(struct server *s)
{
	union endpoint at;
	socklen_t len = fill_endpoint(s, &at);
	const int on = 1;

	s->fd = new_socket(s);
	assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(s->fd, &at.any, len), 0);
	assert_int_equal(listen(s->fd, BACKLOG), 0);
	assert_int_equal(getsockname(s->fd, &at.any, &len), 0);
	s->port = ntohs(addr_is_v4(&s->address) ? at.v4.sin_port : at.v6.sin6_port);
}

void server_start(struct server *s, const char *address)
{
	*s = (struct server){.address = loopback_addr(address), .fd = -1, .filler = -1};
	start_listening(s);
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void server_refuse(struct server *s)
{
	close_if_open(&s->fd);
}

/* With a backlog of 0 the kernel keeps one connection that nobody accepts, and drops the SYN
 * of the next. */
void server_swallow(struct server *s)
{
	union endpoint to;
	socklen_t len = fill_endpoint(s, &to);
	int first = new_socket(s);
	struct pollfd p;

	assert_int_equal(listen(s->fd, 0), 0);
	(void)connect(first, &to.any, len);
	s->filler = new_socket(s);
	assert_int_equal(connect(s->filler, &to.any, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	p = (struct pollfd){.fd = s->filler, .events = POLLOUT};
	assert_int_equal(poll(&p, 1, FILLED_AFTER_MS), 0);
	(void)close(first); // stays in the backlog
}

void server_return(struct server *s)
{
	close_if_open(&s->filler);
	close_if_open(&s->fd);
	start_listening(s);
}

void server_stop(struct server *s)
{
	close_if_open(&s->filler);
	close_if_open(&s->fd);
}

bool loopback_has_v6(void)
{
	struct server s = {.address = loopback_addr("::1")};
	union endpoint at;
	socklen_t len = fill_endpoint(&s, &at);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, &at.any, len) == 0;

	close_if_open(&fd);
	return has;
}

static unsigned count_matching(bool (*matches)(int fd))
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && matches(fd))
			n++;
	}
	(void)closedir(dir);
	return n;
}

static bool is_any(int fd)
{
	(void)fd;
	return true;
}

static bool is_connecting(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == TCP_SYN_SENT;
}

unsigned count_descriptors(void)
{
	return count_matching(is_any);
}

unsigned count_connecting(void)
{
	return count_matching(is_connecting);
}

int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}
