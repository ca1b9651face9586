/* The admin sockets: who may connect, and whose turn it is.
 *
 * All work for clients is done in one place, piece by piece and in turn, and stops after
 * TURN_BUDGET_US so that the loop gets on with what matters more. Clients never call into each
 * other; libevent's callbacks only move a client to the queue of those with something to do. */
#include "control/admin.h"

#include "base/log.h"

#include <errno.h>
#include <event2/util.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	TURN_BUDGET_US = 1000,
	TICK_US = 1000,               // how often the data plane is asked
	SLEEP_SECONDS = 1,            // of jobs that have nothing to say
	RESUME_SECONDS = 1,           // pause after running out of descriptors
	READ_ONLY_SOCKET_MODE = 0666, // it can only show, and exists only where it was asked for
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static struct ctl_client_queue *queue_of(
	struct ctl_admin_server *server, enum ctl_client_place place)
{
	struct ctl_client_queue *const queues[] = {
		[CTL_CLIENT_IN_READY] = &server->ready,
		[CTL_CLIENT_IN_WAITING] = &server->waiting,
		[CTL_CLIENT_IN_IDLE] = &server->idle,
	};

	return queues[place];
}

static void move_client(struct ctl_client *c, enum ctl_client_place place)
{
	struct ctl_admin_server *server = c->listener->server;

	TAILQ_REMOVE(queue_of(server, c->place), c, entry);
	c->place = place;
	TAILQ_INSERT_TAIL(queue_of(server, place), c, entry);
}

/* The next turn comes after the loop has looked at everything else. */
static void plan_turn(struct ctl_admin_server *server)
{
	const struct timeval at_once = {0, 0};

	if (!TAILQ_EMPTY(&server->ready) && !evtimer_pending(server->turn, NULL))
		(void)evtimer_add(server->turn, &at_once);
}

static void plan_tick(struct ctl_admin_server *server)
{
	const struct timeval soon = {.tv_usec = TICK_US};

	if (!TAILQ_EMPTY(&server->waiting) && !evtimer_pending(server->tick, NULL))
		(void)evtimer_add(server->tick, &soon);
}

void ctl_admin_wake(struct ctl_client *client)
{
	if (client->place != CTL_CLIENT_IN_READY)
		move_client(client, CTL_CLIENT_IN_READY);
	plan_turn(client->listener->server);
}

static void on_turn(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const enum ctl_client_place places[] = {
		[CTL_CLIENT_READY] = CTL_CLIENT_IN_READY,
		[CTL_CLIENT_WAIT] = CTL_CLIENT_IN_WAITING,
		[CTL_CLIENT_IDLE] = CTL_CLIENT_IN_IDLE,
	};
	struct ctl_admin_server *server = arg;
	int64_t end_us = now_us() + TURN_BUDGET_US;
	struct ctl_client *c;

	(void)fd;
	(void)what;
	ctl_turns_begin(&server->shared.ctl->turns, now_us());
	while ((c = TAILQ_FIRST(&server->ready)) && now_us() < end_us) {
		enum ctl_client_turn turn = ctl_admin_client_step(c);

		if (turn == CTL_CLIENT_GONE)
			ctl_admin_client_free(c);
		else
			move_client(c, places[turn]);
	}
	plan_turn(server);
	plan_tick(server);
}

static void on_tick(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_admin_server *server = arg;
	struct ctl_client *c;

	(void)fd;
	(void)what;
	while ((c = TAILQ_FIRST(&server->waiting)))
		move_client(c, CTL_CLIENT_IN_READY);
	plan_turn(server);
}

/* Idle clients without a job, and those that do not read, go back to sleep. */
static void on_news(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_news(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_admin_server *server = arg;
	struct ctl_client *c, *next;

	(void)fd;
	(void)what;
	server->has_news = false;
	for (c = TAILQ_FIRST(&server->idle); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->job)
			move_client(c, CTL_CLIENT_IN_READY);
	}
	plan_turn(server);
}

void ctl_admin_sleep(struct ctl_admin_server *server)
{
	const struct timeval later = {.tv_sec = SLEEP_SECONDS};

	if (!evtimer_pending(server->news, NULL))
		(void)evtimer_add(server->news, &later);
}

void ctl_admin_tell(const struct ctl *ctl)
{
	const struct timeval at_once = {0, 0};
	struct ctl_admin_server *server = ctl->admin;

	if (!server || server->has_news)
		return;
	server->has_news = true;
	(void)evtimer_add(server->news, &at_once);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void turn_away(int fd)
{
	static const char answer[] = "{\"schema\":1,\"error\":{\"code\":\"busy\",\"message\":"
				     "\"too many clients\"}}\n";

	(void)send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int len, void *arg) ON_CONTROL;
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int len, void *arg)
{
	struct ctl_admin_listener *l = arg;

	(void)listener;
	(void)address;
	(void)len;
	if (l->n_clients >= API_MAX_CLIENTS)
		turn_away(fd);
	else if (ctl_admin_client_new(l, fd) < 0)
		log_warn("admin: client refused: out of memory");
}

/* Out of descriptors the socket would stay readable, and the loop would spin on it. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	const struct timeval later = {.tv_sec = RESUME_SECONDS};
	struct ctl_admin_listener *l = arg;

	log_warn("admin: %s: accept failed: %s", l->socket.path, strerror(errno));
	(void)evconnlistener_disable(listener);
	(void)evtimer_add(l->resume, &later);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_admin_listener *l = arg;

	(void)fd;
	(void)what;
	(void)evconnlistener_enable(l->listener);
}

static int start_listener(struct ctl_admin_server *server, unsigned index, const char *path,
	unsigned mode) ON_CONTROL;
static int start_listener(
	struct ctl_admin_server *server, unsigned index, const char *path, unsigned mode)
{
	const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
	struct ctl_admin_listener *l = &server->listeners[index];
	struct ctl *ctl = server->shared.ctl;
	int r;

	r = ctl_admin_socket_open(path, ctl->conf->control.group, mode, &l->socket);
	if (r < 0)
		return r;
	l->server = server;
	l->may_change = index == CTL_ADMIN_CHANGES;
	l->resume = evtimer_new(ctl->base, on_resume, l);
	// a backlog of 0: it listens already
	l->listener = evconnlistener_new(ctl->base, on_accept, l, flags, 0, l->socket.fd);
	if (!l->listener || !l->resume)
		return -ENOMEM;
	evconnlistener_set_error_cb(l->listener, on_accept_error);
	return 0;
}

static void stop_listener(struct ctl_admin_listener *l) ON_CONTROL;
static void stop_listener(struct ctl_admin_listener *l)
{
	if (l->socket.fd < 0)
		return;
	ctl_admin_socket_remove(&l->socket);
	if (l->listener)
		evconnlistener_free(l->listener);
	else
		(void)close(l->socket.fd);
	if (l->resume)
		event_free(l->resume);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct ctl_admin_server *new_server(struct ctl *ctl) ON_CONTROL;
static struct ctl_admin_server *new_server(struct ctl *ctl)
{
	struct ctl_admin_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->shared.ctl = ctl;
	server->shared.follow_beat_ms = API_FOLLOW_BEAT_SECONDS * 1000;
	for (unsigned i = 0; i < CTL_ADMIN_N_SOCKETS; i++)
		server->listeners[i].socket.fd = -1;
	TAILQ_INIT(&server->ready);
	TAILQ_INIT(&server->waiting);
	TAILQ_INIT(&server->idle);
	server->turn = evtimer_new(ctl->base, on_turn, server);
	server->tick = evtimer_new(ctl->base, on_tick, server);
	server->news = evtimer_new(ctl->base, on_news, server);
	return server;
}

int ctl_admin_start(struct ctl *ctl)
{
	const struct conf_control *conf = &ctl->conf->control;
	struct ctl_admin_server *server;
	int r;

	// libevent writes to sockets whose peer may have gone; that is an error there, not a signal
	(void)signal(SIGPIPE, SIG_IGN);
	server = new_server(ctl);
	if (!server)
		return -ENOMEM;
	ctl->admin = server;
	r = server->turn && server->tick && server->news ? 0 : -ENOMEM;
	if (r == 0)
		r = start_listener(server, CTL_ADMIN_CHANGES, conf->socket, conf->mode);
	if (r == 0 && conf->read_only_socket)
		r = start_listener(
			server, CTL_ADMIN_READ_ONLY, conf->read_only_socket, READ_ONLY_SOCKET_MODE);
	if (r < 0)
		ctl_admin_stop(ctl);
	return r;
}

void ctl_admin_stop(struct ctl *ctl)
{
	struct ctl_admin_server *server = ctl->admin;
	struct ctl_client *c;

	if (!server)
		return;
	for (unsigned i = 0; i < CTL_ADMIN_N_SOCKETS; i++)
		stop_listener(&server->listeners[i]);
	for (enum ctl_client_place p = CTL_CLIENT_IN_READY; p <= CTL_CLIENT_IN_IDLE; p++)
		while ((c = TAILQ_FIRST(queue_of(server, p))))
			ctl_admin_client_free(c);
	if (server->turn)
		event_free(server->turn);
	if (server->tick)
		event_free(server->tick);
	if (server->news)
		event_free(server->news);
	free(server);
	ctl->admin = NULL;
}
