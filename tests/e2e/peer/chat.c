/* The client that talks a little and all the time, as somebody at a shell does: a record every
 * interval, each echoed by the server, each answer timed. Says what was lost and what the
 * longest wait was. SIGTERM or the duration ends it; then it waits for what is still under way. */

#include "tests/e2e/peer/peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16384 };

struct record {
	uint64_t sent_us;
	uint64_t sequence;
	char padding[48];
};

struct chat {
	const struct peer_options *o;
	int fd;
	bool is_greeted;
	enum peer_outcome ended; // PEER_OK: still alive
	uint64_t sent, answered, refused;
	char name[PEER_MAX_NAME];
	struct peer_times times;
	size_t len;
	char buf[BUFFER_BYTES];
};

static void take_record(struct chat *c, const char *at)
{
	struct record record;

	memcpy(&record, at, sizeof(record));
	peer_times_add(&c->times, peer_now_us() - record.sent_us);
	c->answered++;
}

/* The greeting's length, 0 while it is not complete. */
static size_t take_greeting(struct chat *c)
{
	char client[PEER_MAX_GREETING];

	c->buf[c->len] = '\0';
	if (!peer_greeting_parse(c->buf, c->name, client))
		return 0;
	c->is_greeted = true;
	return (size_t)(strchr(c->buf, '\n') - c->buf) + 1;
}

static void take_stream(struct chat *c)
{
	size_t at = c->is_greeted ? 0 : take_greeting(c);

	if (!c->is_greeted)
		return;
	for (; c->len - at >= sizeof(struct record); at += sizeof(struct record))
		take_record(c, c->buf + at);
	memmove(c->buf, c->buf + at, c->len - at);
	c->len -= at;
}

static void take_datagram(struct chat *c)
{
	size_t at = take_greeting(c);

	if (at > 0 && c->len - at == sizeof(struct record))
		take_record(c, c->buf + at);
	c->len = 0;
}

static void take_input(struct chat *c)
{
	ssize_t n = recv(c->fd, c->buf + c->len, BUFFER_BYTES - 1 - c->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0 && c->o->is_udp) { // an ICMP error: count it, go on
		c->refused++;
		return;
	}
	if (n <= 0) {
		c->ended = n == 0 ? PEER_CLOSED : peer_outcome_of(errno);
		return;
	}
	c->len += (size_t)n;
	if (c->o->is_udp)
		take_datagram(c);
	else
		take_stream(c);
}

static void send_record(struct chat *c)
{
	struct record record = {.sent_us = peer_now_us(), .sequence = c->sent};
	ssize_t n = send(c->fd, &record, sizeof(record), MSG_NOSIGNAL);

	if (n == sizeof(record))
		c->sent++;
	else if (c->o->is_udp)
		c->refused++;
	else if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
		c->ended = peer_outcome_of(errno);
}

/* Talks until `end_us` or a signal; `is_sending` false: only listens for what is under way. */
static void talk(struct chat *c, int signals, uint64_t end_us, bool is_sending)
{
	uint64_t next_us = peer_now_us();

	while (c->ended == PEER_OK && (is_sending || c->answered < c->sent)) {
		struct pollfd p[2] = {{c->fd, POLLIN, 0}, {signals, POLLIN, 0}};
		uint64_t now = peer_now_us();

		if (now >= end_us)
			return;
		if (is_sending && now >= next_us && (c->is_greeted || c->o->is_udp)) {
			send_record(c);
			next_us += (uint64_t)c->o->interval_ms * 1000;
		}
		(void)poll(p, is_sending ? 2 : 1, 1);
		if (p[0].revents)
			take_input(c);
		if (p[1].revents && peer_signal_next(signals) != SIGUSR1)
			return;
	}
}

int peer_chat(const struct peer_options *o)
{
	struct chat c = {.o = o};
	int signals = peer_signals();
	uint64_t end_us = UINT64_MAX;

	if (o->duration_ms)
		end_us = peer_now_us() + (uint64_t)o->duration_ms * 1000;
	c.fd = peer_dial(o);
	if (c.fd < 0)
		c.ended = peer_outcome_of(-c.fd);
	talk(&c, signals, end_us, true);
	talk(&c, signals, peer_now_us() + (uint64_t)o->timeout_ms * 1000, false);
	(void)printf("{\"event\": \"chatted\", \"server\": \"%s\", \"ended\": \"%s\", "
		     "\"sent\": %llu, \"answered\": %llu, \"lost\": %llu, \"refused\": %llu, "
		     "\"us\": ",
		c.name, peer_outcome_name(c.ended), (unsigned long long)c.sent,
		(unsigned long long)c.answered, (unsigned long long)(c.sent - c.answered),
		(unsigned long long)c.refused);
	peer_times_print(&c.times);
	(void)printf("}\n");
	peer_times_fini(&c.times);
	return 0;
}
