/* The client that opens many connections and says what became of each: who answered, how long it
 * took, and why the others failed. A "connection" over UDP is a connected socket whose first
 * datagram is answered.
 *
 * With --hold they stay open. Each SIGUSR1 is then a round in which every one of them sends a
 * token and must get exactly that token back; SIGTERM ends. Each round prints one line of JSON.
 * Rounds keep `concurrency` connections under way, so that it is the load that the test asked
 * for and no more. */

#include "tests/e2e/peer/peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, TURN_MS = 5, TOKEN_BYTES = 24, BUFFER_BYTES = 256 };

struct link {
	int fd;
	bool is_active;
	bool is_open; // held, and good so far
	uint64_t started_us;
	size_t len;
	char buf[BUFFER_BYTES]; // what was received in this round
};

struct run {
	const struct peer_options *o;
	int epoll;
	struct link *links;
	unsigned round; // 0: open; later: use
	/* of this round */
	unsigned next;  // first link not yet looked at
	unsigned first; // no link before it is active
	unsigned active;
	unsigned asked;
	unsigned outcomes[PEER_N_OUTCOMES];
	struct peer_tally tally;
	struct peer_times times;
	uint64_t started_us;
};

static void finish(struct run *r, struct link *l, enum peer_outcome outcome)
{
	r->outcomes[outcome]++;
	r->active--;
	l->is_active = false;
	l->is_open = outcome == PEER_OK && r->o->is_held;
	if (outcome == PEER_OK)
		peer_times_add(&r->times, peer_now_us() - l->started_us);
	(void)epoll_ctl(r->epoll, EPOLL_CTL_DEL, l->fd, NULL);
	if (l->is_open)
		return;
	(void)close(l->fd);
	l->fd = -1;
}

static void token_print(const struct run *r, const struct link *l, char *ret_token)
{
	(void)snprintf(ret_token, TOKEN_BYTES, "token %08u %07u\n", (unsigned)(l - r->links),
		r->round % 10000000);
}

static bool send_token(struct run *r, struct link *l)
{
	char token[TOKEN_BYTES];

	token_print(r, l, token);
	return send(l->fd, token, strlen(token), MSG_NOSIGNAL) == (ssize_t)strlen(token);
}

/* Does the link take part in this round? */
static bool start(struct run *r, struct link *l)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};

	if (r->round > 0 && !l->is_open)
		return false;
	r->asked++;
	r->active++;
	l->is_active = true;
	l->started_us = peer_now_us();
	l->len = 0;
	if (r->round == 0)
		l->fd = peer_dial(r->o);
	if (l->fd < 0) {
		finish(r, l, peer_outcome_of(-l->fd));
		return true;
	}
	(void)epoll_ctl(r->epoll, EPOLL_CTL_ADD, l->fd, &ev);
	if ((r->round > 0 || r->o->is_udp) && !send_token(r, l))
		finish(r, l, peer_outcome_of(errno));
	return true;
}

/* Is the client that the server saw the one that we are? */
static bool is_own_address(const struct link *l, const char *client)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	char text[PEER_MAX_GREETING];

	if (getsockname(l->fd, (struct sockaddr *)&own, &len) < 0)
		return false;
	peer_sockaddr_print(&own, text, sizeof(text));
	return strcmp(text, client) == 0;
}

static void take_greeting(struct run *r, struct link *l)
{
	char name[PEER_MAX_NAME];
	char client[PEER_MAX_GREETING];

	if (!peer_greeting_parse(l->buf, name, client)) {
		if (l->len == BUFFER_BYTES - 1)
			finish(r, l, PEER_CLOSED);
		return;
	}
	(void)peer_tally_count(&r->tally, name);
	finish(r, l, is_own_address(l, client) ? PEER_OK : PEER_SOURCE_CHANGED);
}

static void take_token(struct run *r, struct link *l)
{
	char token[TOKEN_BYTES];
	size_t len;

	token_print(r, l, token);
	len = strlen(token);
	if (l->len < len)
		return;
	finish(r, l, strcmp(l->buf + l->len - len, token) == 0 ? PEER_OK : PEER_CLOSED);
}

static void take_input(struct run *r, struct link *l)
{
	ssize_t n = recv(l->fd, l->buf + l->len, BUFFER_BYTES - 1 - l->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		finish(r, l, n == 0 ? PEER_CLOSED : peer_outcome_of(errno));
		return;
	}
	l->len += (size_t)n;
	l->buf[l->len] = '\0';
	if (r->round == 0)
		take_greeting(r, l);
	else
		take_token(r, l);
}

static void start_some(struct run *r)
{
	uint64_t elapsed_us = peer_now_us() - r->started_us;
	uint64_t may = r->o->rate ? elapsed_us * r->o->rate / 1000000 + 1 : UINT64_MAX;

	while (r->next < r->o->count && r->active < r->o->concurrency && r->asked < may)
		(void)start(r, &r->links[r->next++]);
}

/* Links were started in order, so the first one that has time left ends the search. */
static void expire(struct run *r)
{
	uint64_t now = peer_now_us();
	uint64_t timeout_us = (uint64_t)r->o->timeout_ms * 1000;

	for (unsigned i = r->first; i < r->next; i++) {
		struct link *l = &r->links[i];

		if (!l->is_active)
			continue;
		if (now - l->started_us < timeout_us)
			break;
		finish(r, l, PEER_TIMED_OUT);
	}
	while (r->first < r->next && !r->links[r->first].is_active)
		r->first++;
}

static void print_round(struct run *r)
{
	double seconds = (double)(peer_now_us() - r->started_us) / 1e6;

	(void)printf("{\"event\": \"%s\", \"asked\": %u, \"failed\": %u, ",
		r->round ? "used" : "opened", r->asked, r->asked - r->outcomes[PEER_OK]);
	for (enum peer_outcome i = 0; i < PEER_N_OUTCOMES; i++)
		(void)printf("\"%s\": %u, ", peer_outcome_name(i), r->outcomes[i]);
	(void)printf("\"seconds\": %.3f, \"servers\": ", seconds);
	peer_tally_print(&r->tally);
	(void)printf(", \"us\": ");
	peer_times_print(&r->times);
	(void)printf("}\n");
	(void)fflush(stdout);
}

static void run_round(struct run *r)
{
	struct epoll_event events[EVENTS];

	r->next = r->first = r->active = r->asked = 0;
	memset(r->outcomes, 0, sizeof(r->outcomes));
	r->tally.n = 0;
	r->started_us = peer_now_us();
	do {
		int n;

		start_some(r);
		n = epoll_wait(r->epoll, events, EVENTS, TURN_MS);
		for (int i = 0; i < n; i++) {
			struct link *l = events[i].data.ptr;

			if (l->is_active)
				take_input(r, l);
		}
		expire(r);
	} while (r->active > 0 || r->next < r->o->count);
	print_round(r);
	peer_times_fini(&r->times);
	r->round++;
}

static void hold(struct run *r, int signals)
{
	struct pollfd p = {.fd = signals, .events = POLLIN};
	int signal;

	do {
		(void)poll(&p, 1, -1);
		signal = peer_signal_next(signals);
		if (signal == SIGUSR1)
			run_round(r);
	} while (signal != SIGTERM && signal != SIGINT);
}

int peer_connect(const struct peer_options *o)
{
	struct run r = {.o = o};
	int signals = o->is_held ? peer_signals() : -1;

	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	r.links = calloc(o->count ? o->count : 1, sizeof(*r.links));
	if (r.epoll < 0 || !r.links || (o->is_held && signals < 0)) {
		perror("peer: error");
		free(r.links);
		return 1;
	}
	run_round(&r);
	if (o->is_held)
		hold(&r, signals);
	free(r.links); // open sockets end with the process
	(void)close(r.epoll);
	return 0;
}
