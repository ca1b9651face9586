/* What the commands share: addresses, signals, counting, and the generator of test data.
 * Knows nothing about any command. */

#include "tests/e2e/peer/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t peer_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

socklen_t peer_sockaddr_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

void peer_sockaddr_print(const struct sockaddr_storage *a, char *buf, size_t size_bytes)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		(void)inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, sizeof(text));
	else
		(void)inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	(void)snprintf(buf, size_bytes, "%s %u", text, ntohs(in->sin_port)); // port: same place
}

int peer_dial(const struct peer_options *o)
{
	int type = (o->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(o->to.ss_family, type, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (o->from.ss_family)
		r = bind(fd, (const struct sockaddr *)&o->from, peer_sockaddr_len(&o->from));
	if (r == 0)
		r = connect(fd, (const struct sockaddr *)&o->to, peer_sockaddr_len(&o->to));
	if (r < 0 && errno != EINPROGRESS) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	return fd;
}

int peer_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int peer_signal_next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

enum peer_outcome peer_outcome_of(int error)
{
	switch (error) {
	case 0:
		return PEER_OK;
	case ECONNREFUSED:
		return PEER_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return PEER_RESET;
	case ETIMEDOUT:
		return PEER_TIMED_OUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
		return PEER_UNREACHABLE;
	default:
		return PEER_CLOSED;
	}
}

const char *peer_outcome_name(enum peer_outcome outcome)
{
	static const char *const names[PEER_N_OUTCOMES] = {
		[PEER_OK] = "ok",
		[PEER_REFUSED] = "refused",
		[PEER_RESET] = "reset",
		[PEER_TIMED_OUT] = "timed_out",
		[PEER_UNREACHABLE] = "unreachable",
		[PEER_CLOSED] = "closed",
		[PEER_SOURCE_CHANGED] = "source_changed",
	};

	return names[outcome];
}

bool peer_tally_count(struct peer_tally *t, const char *name)
{
	unsigned i = 0;

	while (i < t->n && strcmp(t->server[i].name, name) != 0)
		i++;
	if (i == PEER_MAX_SERVERS)
		return false;
	if (i == t->n) {
		(void)snprintf(t->server[i].name, sizeof(t->server[i].name), "%s", name);
		t->server[i].count = 0;
		t->n++;
	}
	t->server[i].count++;
	return true;
}

void peer_tally_print(const struct peer_tally *t)
{
	(void)printf("{");
	for (unsigned i = 0; i < t->n; i++)
		(void)printf("%s\"%s\": %u", i ? ", " : "", t->server[i].name, t->server[i].count);
	(void)printf("}");
}

void peer_times_add(struct peer_times *t, uint64_t us)
{
	if (t->n == t->capacity) {
		size_t capacity = t->capacity ? t->capacity * 2 : 1024;
		uint32_t *grown = realloc(t->us, capacity * sizeof(*grown));

		if (!grown)
			return;
		t->us = grown;
		t->capacity = capacity;
	}
	t->us[t->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int compare_times(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void peer_times_print(struct peer_times *t)
{
	if (t->n == 0) {
		(void)printf("{\"p50\": null, \"p99\": null, \"max\": null}");
		return;
	}
	qsort(t->us, t->n, sizeof(*t->us), compare_times);
	(void)printf("{\"p50\": %u, \"p99\": %u, \"max\": %u}", t->us[t->n / 2],
		t->us[t->n * 99 / 100], t->us[t->n - 1]);
}

void peer_times_fini(struct peer_times *t)
{
	free(t->us);
	*t = (struct peer_times){0};
}

bool peer_greeting_parse(const char *line, char *ret_name, char *ret_client)
{
	const char *space = strchr(line, ' ');
	const char *end = strchr(line, '\n');
	size_t name_len;

	if (!space || !end || space > end)
		return false;
	name_len = (size_t)(space - line);
	if (name_len == 0 || name_len >= PEER_MAX_NAME || end - space >= PEER_MAX_GREETING)
		return false;
	(void)snprintf(ret_name, name_len + 1, "%s", line);
	(void)snprintf(ret_client, (size_t)(end - space), "%s", space + 1);
	return true;
}

void peer_generate_fill(uint64_t *state, void *buf, size_t len_bytes)
{
	uint8_t *at = buf;
	uint64_t x = *state;

	while (len_bytes > 0) {
		size_t n = len_bytes < sizeof(x) ? len_bytes : sizeof(x);

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(at, &x, n);
		at += n;
		len_bytes -= n;
	}
	*state = x;
}
