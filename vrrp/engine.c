/* The engine: groups on the caller's loop.
 *
 * Everything is looked at in one order, whatever woke it: first whether we stood still (then others
 * may have become master, and our lease is over), then what waits in the sockets, then timers. So a
 * timer that is late because the thread was never takes an address from a master whose adverts wait
 * unread. One descriptor of the kernel's (epoll over a timer and all sockets) stands for all of it,
 * with microseconds, where the loop's own timers have milliseconds. */
#include "vrrp/engine.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { US_PER_S = 1000000, NS_PER_US = 1000, STOP_NOTIFY_MS = 5000 };

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void on_ready(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_tracks(void *arg, unsigned group) ON_CONTROL;
static void on_told(void *arg, unsigned group, const char *words) ON_CONTROL;
static void look_at(struct vrrp_group *g) ON_CONTROL;
static void look_at_all(struct vrrp *v) ON_CONTROL;
static int start_parts(struct vrrp *v, struct spawn_channel *programs) ON_CONTROL;
static void free_all(struct vrrp *v) ON_CONTROL;

static int64_t read_clock_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / NS_PER_US;
}

int64_t vrrp_now_us(void)
{
	return read_clock_us(CLOCK_MONOTONIC);
}

int64_t vrrp_wall_ms(void)
{
	return read_clock_us(CLOCK_REALTIME) / VRRP_US_PER_MS;
}

int64_t vrrp_sooner(int64_t a_us, int64_t b_us)
{
	if (a_us == 0 || b_us == 0)
		return a_us + b_us;
	return a_us < b_us ? a_us : b_us;
}

/* ---- what wakes it ------------------------------------------------------------------------- */

int vrrp_watch(struct vrrp *v, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

void vrrp_unwatch(struct vrrp *v, int fd)
{
	(void)epoll_ctl(v->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void vrrp_rearm(struct vrrp *v)
{
	struct itimerspec when = {0};
	int64_t due_us = 0;

	for (unsigned i = 0; i < v->conf->vrrp.n_groups; i++)
		due_us = vrrp_sooner(due_us, vrrp_group_due(&v->groups[i]));
	if (due_us == v->due_us)
		return;
	v->due_us = due_us;
	when.it_value.tv_sec = due_us / US_PER_S;
	when.it_value.tv_nsec = due_us % US_PER_S * NS_PER_US;
	(void)timerfd_settime(v->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void take_timer(struct vrrp *v, int64_t now_us)
{
	uint64_t n;

	if (v->due_us == 0 || now_us < v->due_us)
		return;
	v->due_us = 0; // to be set again even if it is the same
	(void)!read(v->timer_fd, &n, sizeof(n));
}

void vrrp_turn(struct vrrp *v)
{
	const unsigned n = v->conf->vrrp.n_groups;
	int64_t now_us = vrrp_now_us();

	take_timer(v, now_us);
	for (unsigned g = 0; g < n; g++)
		vrrp_group_look_for_stall(&v->groups[g], now_us);
	for (unsigned g = 0; g < n; g++)
		for (unsigned i = 0; i < v->groups[g].conf->n_instances; i++)
			vrrp_instance_read(&v->groups[g].instances[i]);
	now_us = vrrp_now_us();
	for (unsigned g = 0; g < n; g++)
		vrrp_group_run_timers(&v->groups[g], now_us);
	vrrp_rearm(v);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vrrp_turn(arg);
}

/* Who stood still is no master any more, and must not take leave as one. */
static void look_at(struct vrrp_group *g)
{
	const int64_t now_us = vrrp_now_us();

	vrrp_group_look_for_stall(g, now_us);
	vrrp_group_look(g, now_us);
}

static void look_at_all(struct vrrp *v)
{
	for (unsigned g = 0; g < v->conf->vrrp.n_groups; g++)
		look_at(&v->groups[g]);
	vrrp_rearm(v);
}

static void on_tracks(void *arg, unsigned group)
{
	struct vrrp *v = arg;

	vrrp_group_weigh(&v->groups[group]);
	look_at(&v->groups[group]);
	vrrp_rearm(v);
}

static void on_told(void *arg, unsigned group, const char *words)
{
	const struct vrrp *v = arg;

	vrrp_group_tell(&v->groups[group], words);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static unsigned count_instances(const struct conf_vrrp *conf)
{
	unsigned n = 0;

	for (unsigned g = 0; g < conf->n_groups; g++)
		n += conf->groups[g].n_instances;
	return n;
}

static int make_groups(struct vrrp *v) ON_CONTROL;
static int make_groups(struct vrrp *v)
{
	const struct conf_vrrp *conf = &v->conf->vrrp;
	const int64_t now_us = vrrp_now_us();
	struct vrrp_instance *next;

	v->groups = calloc((size_t)conf->n_groups + 1, sizeof(*v->groups));
	v->instances = calloc((size_t)count_instances(conf) + 1, sizeof(*v->instances));
	if (!v->groups || !v->instances)
		return -ENOMEM;
	v->n_instances = count_instances(conf);
	next = v->instances;
	for (unsigned g = 0; g < conf->n_groups; g++) {
		struct vrrp_group *group = &v->groups[g];

		*group = (struct vrrp_group){
			.v = v,
			.index = g,
			.conf = &conf->groups[g],
			.phase = VRRP_PHASE_INIT,
			.instances = next,
			.priority_base = conf->groups[g].priority,
			.priority = conf->groups[g].priority,
			.why = "starting",
			.init_until_us =
				now_us + (int64_t)conf->groups[g].wait_checks_ms * VRRP_US_PER_MS,
			.status.since_ms = vrrp_wall_ms(),
		};
		for (unsigned i = 0; i < conf->groups[g].n_instances; i++)
			vrrp_instance_init(next++, group, &conf->groups[g].instances[i]);
	}
	return 0;
}

/* Programs before the tracks and notices that use them. */
static int start_parts(struct vrrp *v, struct spawn_channel *programs)
{
	struct vrrp_tracks_setup tracks = {v->conf, v->base, NULL, on_tracks, on_told, v};
	int r = 0;

	if (programs)
		r = vrrp_programs_start(v->base, programs, &v->programs);
	if (r == 0 && programs)
		r = vrrp_notify_start(v->conf, v->programs, &v->notify);
	tracks.programs = v->programs;
	if (r == 0)
		r = vrrp_tracks_start(&tracks, &v->tracks);
	for (unsigned g = 0; r == 0 && g < v->conf->vrrp.n_groups; g++)
		vrrp_group_weigh(&v->groups[g]);
	return r;
}

static int start_loop(struct vrrp *v) ON_CONTROL;
static int start_loop(struct vrrp *v)
{
	int r;

	v->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	v->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (v->epoll_fd < 0 || v->timer_fd < 0)
		return -errno;
	v->announce_fd = vrrp_announce_open();
	if (v->announce_fd < 0)
		return v->announce_fd;
	r = vrrp_watch(v, v->timer_fd);
	if (r < 0)
		return r;
	v->ready = event_new(v->base, v->epoll_fd, EV_READ | EV_PERSIST, on_ready, v);
	return v->ready && event_add(v->ready, NULL) == 0 ? 0 : -ENOMEM;
}

int vrrp_start(const struct conf *conf, struct event_base *base, struct spawn_channel *programs,
	const struct vrrp_callbacks *callbacks, struct vrrp **ret)
{
	struct vrrp *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->conf = conf;
	v->base = base;
	v->callbacks = *callbacks;
	v->epoll_fd = v->timer_fd = v->announce_fd = -1;
	r = start_loop(v);
	if (r == 0)
		r = make_groups(v);
	if (r == 0)
		r = start_parts(v, programs);
	if (r < 0) {
		free_all(v);
		return r;
	}
	vrrp_rearm(v);
	*ret = v;
	return 0;
}

static void free_all(struct vrrp *v)
{
	for (unsigned i = 0; i < v->n_instances; i++)
		vrrp_instance_close(&v->instances[i]);
	vrrp_tracks_stop(v->tracks);
	vrrp_notify_stop(v->notify);
	vrrp_programs_stop(v->programs);
	if (v->ready)
		event_free(v->ready);
	if (v->announce_fd >= 0)
		(void)close(v->announce_fd);
	if (v->timer_fd >= 0)
		(void)close(v->timer_fd);
	if (v->epoll_fd >= 0)
		(void)close(v->epoll_fd);
	free(v->instances);
	free(v->groups);
	free(v);
}

/* Addresses first, all of them; then there is time for programs. Not for those of tracks: what one
 * has still to say would set its group going again. */
void vrrp_stop(struct vrrp *v)
{
	if (!v)
		return;
	for (unsigned g = 0; g < v->conf->vrrp.n_groups; g++)
		vrrp_group_happen(&v->groups[g], VRRP_EV_STOP, NULL, "poised stops");
	vrrp_tracks_stop(v->tracks);
	v->tracks = NULL;
	for (unsigned g = 0; v->notify && g < v->conf->vrrp.n_groups; g++)
		vrrp_notify_tell(v->notify, g, VRRP_TELL_STOP, v->groups[g].priority);
	if (v->notify)
		vrrp_notify_drain(v->notify, STOP_NOTIFY_MS);
	free_all(v);
}

int vrrp_fd(const struct vrrp *v)
{
	return v->epoll_fd;
}

/* ---- what it is told ---------------------------------------------------------------------------
 */

static bool is_same_link(const struct vrrp_link *a, const struct vrrp_link *b)
{
	return a->ifindex == b->ifindex && a->is_up == b->is_up &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       addr_equal(&a->source[CONF_V4], &b->source[CONF_V4]) &&
	       addr_equal(&a->source[CONF_V6], &b->source[CONF_V6]);
}

void vrrp_set_link(struct vrrp *v, unsigned interface, const struct vrrp_link *link)
{
	if (is_same_link(&v->links[interface], link))
		return;
	v->links[interface] = *link;
	for (unsigned i = 0; i < v->n_instances; i++)
		if (v->instances[i].conf->interface->index == interface)
			vrrp_instance_set_link(&v->instances[i]);
	vrrp_tracks_set_link(v->tracks, interface, link->is_up);
	look_at_all(v);
}

void vrrp_set_checked(struct vrrp *v)
{
	if (v->is_checked)
		return;
	v->is_checked = true;
	look_at_all(v);
}

void vrrp_set_forwarding(struct vrrp *v, const char *why_not)
{
	if (strcmp(v->why_not, why_not ? why_not : "") == 0)
		return;
	(void)snprintf(v->why_not, sizeof(v->why_not), "%s", why_not ? why_not : "");
	look_at_all(v);
}

void vrrp_set_service(struct vrrp *v, unsigned service, bool is_up)
{
	vrrp_tracks_set_service(v->tracks, service, is_up);
}
