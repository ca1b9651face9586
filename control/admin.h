#pragma once

#include "control/control.h"
#include "control/job.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <sys/queue.h>

/* The admin server's own: listeners, clients, and the queue of work between them. */

struct ctl_client;
TAILQ_HEAD(ctl_client_queue, ctl_client);

/* ---- admin_socket.c ------------------------------------------------------------------------- */

/* A listening Unix socket, and what is needed to take it away again. */
struct ctl_socket {
	int fd; // -1: none
	const char *path;
	uint64_t device, inode; // of the file that is ours
};

/* Makes, owns (group NULL: the process's), and listens. A missing directory is made; a socket
 * that nobody listens on is replaced. Nobody can connect before owner and mode are right.
 * -EADDRINUSE if somebody listens there, or if the path is no socket; -ENAMETOOLONG; -ENOENT if
 * there is no such group; -errno. *ret untouched on failure. */
int ctl_admin_socket_open(
	const char *path, const char *group, unsigned mode, struct ctl_socket *ret) ON_CONTROL;
/* Removes the file if it is still ours. Does not close `fd`. */
void ctl_admin_socket_remove(const struct ctl_socket *s) ON_CONTROL;

/* ---- admin.c -------------------------------------------------------------------------------- */

struct ctl_admin_listener {
	struct ctl_admin_server *server;
	struct ctl_socket socket;
	struct evconnlistener *listener;
	struct event *resume; // after the process ran out of descriptors
	bool may_change;
	unsigned n_clients;
};

enum { CTL_ADMIN_CHANGES, CTL_ADMIN_READ_ONLY, CTL_ADMIN_N_SOCKETS };

struct ctl_admin_server {
	struct ctl_shared shared;
	struct ctl_admin_listener listeners[CTL_ADMIN_N_SOCKETS];
	struct ctl_client_queue ready;   // have something to do
	struct ctl_client_queue waiting; // wait for the data plane
	struct ctl_client_queue idle;    // wait for their peer
	struct event *turn;              // works through `ready`
	struct event *tick;              // moves `waiting` to `ready`
	struct event *news;              // moves those whose job sleeps to `ready`
	bool has_news;                   // `news` comes at once
};

/* Puts the client where its turn will come; may be called at any time. */
void ctl_admin_wake(struct ctl_client *client) ON_CONTROL;

/* A client's job sleeps. */
void ctl_admin_sleep(struct ctl_admin_server *server) ON_CONTROL;
/* There is something new for jobs that sleep. Without an admin server nobody is told. */
void ctl_admin_tell(const struct ctl *ctl) ON_CONTROL;

/* ---- admin_client.c ------------------------------------------------------------------------- */

enum ctl_client_turn {
	CTL_CLIENT_READY, // has more to do
	CTL_CLIENT_WAIT,  // for the data plane
	CTL_CLIENT_IDLE,  // for its peer
	CTL_CLIENT_GONE,  // is to be freed
};

enum ctl_client_place { CTL_CLIENT_IN_READY, CTL_CLIENT_IN_WAITING, CTL_CLIENT_IN_IDLE };

struct bufferevent;

struct ctl_client {
	TAILQ_ENTRY(ctl_client) entry;
	enum ctl_client_place place;
	struct ctl_admin_listener *listener;
	struct bufferevent *stream; // NULL: the peer has gone, a change is carried through
	struct evbuffer *nowhere;   // where the rest of that change's answer goes
	struct ctl_peer peer;
	struct ctl_job *job; // the answer in the making, or NULL
	bool has_ended;      // the peer sends no more
	bool is_closing;     // to be closed when what was written has gone out
};

/* Takes over `fd`, also when it fails; the client joins server->idle. -ENOMEM. */
int ctl_admin_client_new(struct ctl_admin_listener *listener, int fd) ON_CONTROL;
void ctl_admin_client_free(struct ctl_client *client) ON_CONTROL;

/* One piece of work for the client. */
enum ctl_client_turn ctl_admin_client_step(struct ctl_client *client) ON_CONTROL;
