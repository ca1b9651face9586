/* See scripted.h. Its own failures are those of the test that talks to it. */
#include "scripted.h"

#include "loopback.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 5000, SLOW_MS = 20, WAIT_MS = 400 };

/* True: `events` on fd; false: the test is over. */
static bool await(struct scripted *s, int fd, short events, int timeout_ms)
{
	struct pollfd polls[] = {
		{.fd = fd, .events = events}, {.fd = s->stop_fd, .events = POLLIN}};
	int n = poll(polls, 2, timeout_ms);

	return n > 0 && polls[1].revents == 0;
}

static bool is_stopped(struct scripted *s)
{
	struct pollfd p = {.fd = s->stop_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* Keeps what comes; false at the end of it. */
static bool hear_some(struct scripted *s, int fd)
{
	char bytes[4096];
	const unsigned room = SCRIPTED_HEARD - 1 - s->n_heard;
	ssize_t n;

	if (!await(s, fd, POLLIN, PATIENCE_MS))
		return false;
	n = recv(fd, bytes, sizeof(bytes), 0);
	if (n < 0)
		atomic_store_explicit(&s->is_reset, errno == ECONNRESET, memory_order_relaxed);
	if (n <= 0)
		return false;
	memcpy(s->heard + s->n_heard, bytes, (size_t)n < room ? (size_t)n : room);
	s->n_heard += (unsigned)n < room ? (unsigned)n : room;
	s->heard[s->n_heard] = '\0';
	return true;
}

static bool say(struct scripted *s, int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent;

		if (!await(s, fd, POLLOUT, PATIENCE_MS))
			return false;
		sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < 0)
			continue;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

static void say_on(struct scripted *s, int fd, const struct scripted_step *step)
{
	const size_t n = strlen(step->text);
	size_t i = 0;
	bool goes_on = true;

	while (goes_on && !is_stopped(s)) {
		if (step->kind == SAY_EVER) {
			goes_on = say(s, fd, step->text, n);
			continue;
		}
		goes_on = say(s, fd, &step->text[i++ % n], 1);
		(void)await(s, -1, 0, SLOW_MS);
	}
}

static bool hear(struct scripted *s, int fd, const char *text, unsigned *from)
{
	const char *found;

	while (!(found = strstr(s->heard + *from, text))) {
		if (!hear_some(s, fd))
			return false;
	}
	*from = (unsigned)(found - s->heard + strlen(text));
	return true;
}

static void follow_script(struct scripted *s, int fd)
{
	const struct linger reset_on_close = {.l_onoff = 1};
	unsigned from = 0;
	bool goes_on = true;

	for (unsigned i = 0; i < s->n_steps && goes_on; i++) {
		const struct scripted_step *step = &s->steps[i];

		switch (step->kind) {
		case SAY:
			goes_on = say(s, fd, step->text, step->n ? step->n : strlen(step->text));
			break;
		case WAIT:
			(void)await(s, -1, 0, WAIT_MS);
			break;
		case SAY_SLOWLY:
		case SAY_EVER:
			say_on(s, fd, step);
			break;
		case HEAR:
			goes_on = hear(s, fd, step->text, &from);
			break;
		case HALF_CLOSE:
			(void)shutdown(fd, SHUT_WR);
			break;
		case RESET:
			(void)setsockopt(
				fd, SOL_SOCKET, SO_LINGER, &reset_on_close, sizeof(reset_on_close));
			return;
		case HANG:
		case AWAIT_END:
			while (hear_some(s, fd))
				;
			break;
		}
	}
}

static void *serve(void *arg)
{
	struct scripted *s = arg;

	while (await(s, s->fd, POLLIN, -1)) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		s->n_heard = 0;
		s->heard[0] = '\0';
		atomic_fetch_add_explicit(&s->n_opened, 1, memory_order_release);
		follow_script(s, fd);
		(void)close(fd);
		// pairs with the acquire in scripted_await_end()
		atomic_fetch_add_explicit(&s->n_connections, 1, memory_order_release);
	}
	return NULL;
}

void scripted_start(struct scripted *s, const struct scripted_step *steps, unsigned n_steps)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	memset(s, 0, sizeof(*s));
	s->steps = steps;
	s->n_steps = n_steps;
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(s->stop_fd >= 0);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void scripted_await_end(struct scripted *s, unsigned n_connections)
{
	const int64_t give_up_ms = now_ms() + PATIENCE_MS;

	while (atomic_load_explicit(&s->n_connections, memory_order_acquire) < n_connections) {
		assert_true(now_ms() < give_up_ms);
		(void)poll(NULL, 0, 1);
	}
}

void scripted_stop(struct scripted *s)
{
	const uint64_t one = 1;

	assert_int_equal(write(s->stop_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->fd);
	(void)close(s->stop_fd);
}
