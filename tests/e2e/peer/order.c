/* The client that watches the order: flows (one socket each) of numbered datagrams, echoed by
 * the server, a window of each under way at once, as fast as they come back. Counts what came
 * back behind a later one of its flow, twice, or not at all. An amount of work, and no time: how
 * fast the machine is changes nothing, and it ends when the last one is back. Lost is what did not
 * come before nothing came for the time-out; its flow goes on with what is left of its window. */

#include "tests/e2e/peer/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64, BUFFER_BYTES = 2048, DATAGRAM_BYTES = 200 };

struct numbered {
	uint64_t sequence;
	char padding[DATAGRAM_BYTES - sizeof(uint64_t)];
};

struct flow {
	int fd;
	uint64_t sent, answered;
	uint64_t next; // above the highest sequence that came back
};

struct order {
	const struct peer_options *o;
	int epoll;
	struct flow *flows;
	uint64_t answered, reordered, refused;
	struct peer_tally servers;
};

static void fill_window(struct order *r, struct flow *f)
{
	struct numbered n = {0};

	while (f->sent < r->o->datagrams && f->sent < f->answered + r->o->window) {
		n.sequence = f->sent;
		if (send(f->fd, &n, sizeof(n), MSG_NOSIGNAL) != sizeof(n)) {
			r->refused += errno != EAGAIN;
			return;
		}
		f->sent++;
	}
}

/* The first answer of a flow names its server. */
static void take_answer(struct order *r, struct flow *f, char *buf, size_t len)
{
	char name[PEER_MAX_NAME], client[PEER_MAX_GREETING];
	uint64_t sequence;
	size_t at;

	buf[len] = '\0';
	if (!peer_greeting_parse(buf, name, client))
		return;
	at = (size_t)(strchr(buf, '\n') - buf) + 1;
	if (len - at != sizeof(struct numbered))
		return;
	memcpy(&sequence, buf + at, sizeof(sequence));
	if (f->answered++ == 0)
		(void)peer_tally_count(&r->servers, name);
	if (sequence < f->next)
		r->reordered++;
	else
		f->next = sequence + 1;
	r->answered++;
}

static void listen_to(struct order *r, struct flow *f)
{
	char buf[BUFFER_BYTES];
	ssize_t n;

	while ((n = recv(f->fd, buf, sizeof(buf) - 1, 0)) >= 0)
		take_answer(r, f, buf, (size_t)n);
	r->refused += errno != EAGAIN;
}

static int open_flows(struct order *r)
{
	for (unsigned i = 0; i < r->o->count; i++) {
		struct flow *f = &r->flows[i];
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = f};

		f->fd = peer_dial(r->o);
		if (f->fd < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, f->fd, &ev) < 0)
			return -EMFILE;
		fill_window(r, f);
	}
	return 0;
}

/* Until all was answered, or nothing came for the time-out. */
static void run(struct order *r)
{
	const uint64_t all = (uint64_t)r->o->count * r->o->datagrams;
	struct epoll_event events[EVENTS];

	while (r->answered < all) {
		int n = epoll_wait(r->epoll, events, EVENTS, (int)r->o->timeout_ms);

		if (n <= 0)
			return;
		for (int i = 0; i < n; i++) {
			listen_to(r, events[i].data.ptr);
			fill_window(r, events[i].data.ptr);
		}
	}
}

static int report(const struct order *r, double seconds)
{
	uint64_t sent = 0;
	unsigned silent = 0;

	for (unsigned i = 0; i < r->o->count; i++) {
		sent += r->flows[i].sent;
		silent += r->flows[i].answered == 0;
	}
	(void)printf("{\"event\": \"ordered\", \"flows\": %u, \"silent\": %u, \"sent\": %llu, "
		     "\"answered\": %llu, \"lost\": %lld, \"reordered\": %llu, "
		     "\"refused\": %llu, \"seconds\": %.3f, \"servers\": ",
		r->o->count, silent, (unsigned long long)sent, (unsigned long long)r->answered,
		(long long)(sent - r->answered), (unsigned long long)r->reordered,
		(unsigned long long)r->refused, seconds);
	peer_tally_print(&r->servers);
	(void)printf("}\n");
	return 0;
}

int peer_order(const struct peer_options *o)
{
	struct peer_options udp = *o;
	struct order r = {.o = &udp, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	uint64_t started_us = peer_now_us();
	int status = 1;

	udp.is_udp = true;
	r.flows = calloc(o->count, sizeof(*r.flows));
	if (r.flows && r.epoll >= 0 && open_flows(&r) == 0) {
		run(&r);
		status = report(&r, (double)(peer_now_us() - started_us) / 1e6);
	}
	free(r.flows);
	return status;
}
