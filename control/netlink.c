/* The way from the kernel's sockets into the mirror: events, dumps, and when to dump again.
 *
 * The socket for events is subscribed before the first dump. While dumps are under way no
 * event is read, so that events are applied after the dump that may have told of them already:
 * the last event on a thing says what it is. When the kernel's queue to us runs over,
 * everything is dumped again, but only after the queue is empty: until then the kernel goes
 * on dropping messages without a word. Dumps come in batches, BATCH_GAP_US apart at least, so
 * that a storm of changes cannot turn into a storm of dumps.
 *
 * A turn takes a bounded time: nl_read() stops after TURN_US, and the descriptor stays
 * readable. */
#include "control/netlink.h"

#include "base/diag.h"
#include "base/log.h"
#include "control/netlink_internal.h"
#include "control/netlink_mirror.h"
#include "control/netlink_parse.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENT_QUEUE_BYTES = 16 << 20, // some 20,000 events
	TURN_US = 2000,
	BATCH_GAP_US = 100000,
};

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int nl_receive(struct netlink *nl, const struct mnl_socket *socket)
{
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	ssize_t n;

	do {
		n = recvfrom(mnl_socket_get_fd(socket), nl->buffer, sizeof(nl->buffer), MSG_TRUNC,
			(struct sockaddr *)&from, &from_len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (from.nl_pid != 0)
		return 0; // another process, not the kernel
	if ((size_t)n > sizeof(nl->buffer))
		return -ENOBUFS;
	return (int)n;
}

void nl_apply(struct netlink *nl, const struct nlmsghdr *h)
{
	struct nl_event ev;

	if (nl_parse_message(h, &ev) < 0)
		return; // not from a kernel we know; a dump would say the same
	if (ev.kind == NL_EVENT_ADDRESS && ev.address.protocol != 0)
		nl->mirror->has_address_protocols = true;
	(void)nl_mirror_apply(nl->mirror, &ev); // what did not fit is wanted again
}

void nl_take_wanted(struct netlink *nl)
{
	nl->pending |= nl->mirror->wanted & ~nl->batch;
	nl->mirror->wanted = 0;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int open_socket(unsigned groups, struct mnl_socket **ret)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		(void)mnl_socket_close(socket);
		return r;
	}
	*ret = socket;
	return 0;
}

/* More queue means fewer dumps; without the privilege the system's limit has to do. */
static void enlarge_queue(const struct mnl_socket *socket)
{
	const int fd = mnl_socket_get_fd(socket);
	const int bytes = EVENT_QUEUE_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int open_sockets(struct netlink *nl)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR |
				RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	int group = RTNLGRP_NEXTHOP, on = 1, r;

	r = open_socket(groups, &nl->events);
	if (r < 0)
		return r;
	enlarge_queue(nl->events);
	r = open_socket(0, &nl->dumps);
	if (r < 0)
		return r;
	r = open_socket(0, &nl->requests);
	if (r < 0)
		return r;
	// both since Linux 5.3; without them more is told, and less, than could be
	(void)mnl_socket_setsockopt(nl->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
	(void)mnl_socket_setsockopt(nl->dumps, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return 0;
}

static int watch(struct netlink *nl, int fd)
{
	struct epoll_event readable = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(nl->epoll_fd, EPOLL_CTL_ADD, fd, &readable) < 0 ? -errno : 0;
}

static int open_watch(struct netlink *nl)
{
	int r;

	nl->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (nl->epoll_fd < 0)
		return -errno;
	nl->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (nl->timer_fd < 0)
		return -errno;
	r = watch(nl, nl->timer_fd);
	if (r < 0)
		return r;
	r = watch(nl, mnl_socket_get_fd(nl->dumps));
	if (r < 0)
		return r;
	return watch(nl, mnl_socket_get_fd(nl->events));
}

/* Wakes the loop for what no socket announces: a batch that has to wait for its time, or the
 * next dump of one that the turn's end cut in two. */
static void set_timer(struct netlink *nl)
{
	struct itimerspec when = {.it_value = {.tv_sec = 0}};
	const int64_t at_us = nl->batch != 0 ? 1 : nl->next_batch_us + 1; // 0 would be "never"
	uint64_t n;

	// what has run out must not keep the descriptor readable
	(void)!read(nl->timer_fd, &n, sizeof(n));
	if (!nl->is_dumping && (nl->batch != 0 || nl->pending != 0)) {
		when.it_value.tv_sec = at_us / 1000000;
		when.it_value.tv_nsec = at_us % 1000000 * 1000;
	}
	(void)timerfd_settime(nl->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static int check_links(const struct nl_mirror *m, struct diag *diag)
{
	const struct diag_place nowhere = {0};
	int r = 0;

	for (unsigned i = 0; i < m->n_ports; i++) {
		if (m->ports[i].link.ifindex != 0)
			continue;
		diag_add(diag, DIAG_ERROR, &nowhere, "interface \"%s\" does not exist",
			m->ports[i].name);
		r = -ENODEV;
	}
	return r;
}

static int check_names(const char *const *interfaces, unsigned n, struct diag *diag)
{
	const struct diag_place nowhere = {0};
	int r = 0;

	for (unsigned i = 0; i < n; i++) {
		if (strlen(interfaces[i]) < IFNAMSIZ)
			continue;
		diag_add(diag, DIAG_ERROR, &nowhere,
			"interface \"%s\" does not exist: its name is too long", interfaces[i]);
		r = -ENODEV;
	}
	return r;
}

int nl_open(const char *const *interfaces, unsigned n, struct diag *diag, struct netlink **ret)
{
	struct netlink *nl;
	int r;

	r = check_names(interfaces, n, diag);
	if (r < 0)
		return r;
	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	nl->epoll_fd = nl->timer_fd = -1;
	nl->mirror = nl_mirror_new(interfaces, n);
	r = nl->mirror ? 0 : -ENOMEM;
	if (r < 0)
		goto close;
	r = open_sockets(nl);
	if (r < 0)
		goto close;
	r = open_watch(nl);
	if (r < 0)
		goto close;
	r = nl_dump_everything(nl);
	if (r < 0)
		goto close;
	r = check_links(nl->mirror, diag);
	if (r < 0)
		goto close;
	nl->mirror->changes = 0; // the caller reads everything now
	set_timer(nl);
	*ret = nl;
	return 0;

close:
	nl_close(nl);
	return r;
}

static void close_socket(struct mnl_socket *socket)
{
	if (socket)
		(void)mnl_socket_close(socket);
}

void nl_close(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->timer_fd >= 0)
		(void)close(nl->timer_fd);
	if (nl->epoll_fd >= 0)
		(void)close(nl->epoll_fd);
	close_socket(nl->events);
	close_socket(nl->dumps);
	close_socket(nl->requests);
	nl_mirror_free(nl->mirror);
	free(nl);
}

/* ---- reading ----------------------------------------------------------------------------- */

int nl_fd(const struct netlink *nl)
{
	return nl->epoll_fd;
}

static void resync(struct netlink *nl, const char *why)
{
	if (!nl->is_resync)
		log_warn("netlink: the kernel's messages were lost: %s: everything is read again",
			why);
	nl->is_resync = true;
	nl->pending = NL_ALL_DUMPS;
}

/* One datagram of events. False when there is none. */
static bool read_events(struct netlink *nl)
{
	int left = nl_receive(nl, nl->events);
	const struct nlmsghdr *h = (const struct nlmsghdr *)nl->buffer;

	if (left == -EAGAIN)
		return false;
	if (left < 0) {
		resync(nl, strerror(-left));
		return left == -ENOBUFS;
	}
	for (; nl_parse_is_whole(h, left); h = mnl_nlmsg_next(h, &left))
		nl_apply(nl, h);
	nl_take_wanted(nl);
	return true;
}

/* One unit of work. False when there is nothing to do at the moment. */
static bool step(struct netlink *nl, int64_t now)
{
	if (nl->batch != 0) {
		int r = nl_dump_step(nl);

		if (r < 0)
			log_warn("netlink: reading the kernel's tables failed: %s", strerror(-r));
		if (r < 0)
			nl_dump_put_off(nl);
		nl->next_batch_us = now + BATCH_GAP_US; // after the last step of this one
		return true;
	}
	if (read_events(nl))
		return true;
	if (nl->pending == 0 || now < nl->next_batch_us)
		return false;
	nl->batch = nl->pending;
	nl->pending = 0;
	return true;
}

void nl_read(struct netlink *nl, nl_on_change *on_change, void *arg)
{
	const int64_t end = now_us() + TURN_US;
	int64_t now = now_us();
	unsigned changes;

	while (now < end && step(nl, now))
		now = now_us();
	set_timer(nl);

	changes = nl->mirror->changes;
	nl->mirror->changes = 0;
	if (changes != 0)
		on_change(arg, changes);
}

/* ---- the getters ------------------------------------------------------------------------- */

const struct nl_link *nl_link(const struct netlink *nl, unsigned port)
{
	assert(port < nl->mirror->n_ports);
	return &nl->mirror->ports[port].link;
}

unsigned nl_routes(const struct netlink *nl, const struct nl_route **ret)
{
	return nl_mirror_routes(nl->mirror, ret);
}

unsigned nl_neighbours(const struct netlink *nl, const struct nl_neighbour **ret)
{
	return nl_mirror_neighbours(nl->mirror, ret);
}

unsigned nl_locals(const struct netlink *nl, const struct prefix **ret)
{
	return nl_mirror_locals(nl->mirror, ret);
}

const struct nl_neighbour *nl_find_neighbour(
	const struct netlink *nl, unsigned port, const struct addr *address)
{
	const struct nl_mirror_neighbour *known =
		nl_mirror_find_neighbour(nl->mirror, port, address);

	return known ? &known->pub : NULL;
}
