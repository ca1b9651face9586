/* Wiring: the engines, their callbacks, and the loop.
 *
 * One turn: libevent runs what is due; each callback changes the model and the data plane's
 * parts; then, once, the kernel's changes are applied and everything is published. Nothing
 * here blocks or computes for long: a late lease silences the VIPs. */
#include "control/control.h"

#include "base/builder.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/spawn.h"
#include "control/admin.h"
#include "control/events.h"
#include "control/failover.h"
#include "control/http.h"
#include "control/loop.h"
#include "control/maintenance.h"
#include "control/netlink.h"
#include "control/programs.h"
#include "control/trace.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LEASE_RENEW_MS = DP_LEASE_LIFE_MS / 5, WANTS_POLL_MS = 2, USED_POLL_MS = 1000 };
enum { HOUSEKEEPING_MS = 20, MAX_DESCRIPTORS = 65536, LOW_EVENTS_A_TURN = 8 };

int64_t ctl_monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void on_used(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_housekeeping(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_netlink(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_health(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_builder(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_lease(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_wants(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static int add_events(struct ctl *ctl) ON_CONTROL;
static int start_health(struct ctl *ctl) ON_CONTROL;
static int start_helpers(struct ctl *ctl) ON_CONTROL;
static int start(struct ctl *ctl, struct diag *diag) ON_CONTROL;
static int start_all(struct ctl *ctl, struct diag *diag) ON_CONTROL;
static void stop(struct ctl *ctl) ON_CONTROL;
static void raise_priority(struct ctl *ctl) ON_CONTROL;
static int publish(struct ctl *ctl) ON_CONTROL;
static void end_turn(struct ctl *ctl) ON_CONTROL;
static void run(struct ctl *ctl) ON_CONTROL;
static int lock_socket(
	const struct conf *conf, struct diag *diag, struct ctl_socket *ret) ON_CONTROL;
static int clean_up(const struct conf *conf, struct diag *diag) ON_CONTROL;

static int64_t monotonic_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* The first line of every callback here. */
static void begin_turn(struct ctl *ctl)
{
	ctl_turns_begin(&ctl->turns, monotonic_us());
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)what;
	log_notice("poised: stopping: signal=%d", (int)signal_number);
	ctl->loop->must_stop = true;
}

/* What would end the process at once, addresses left behind. */
static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
	(void)signal_number;
	(void)what;
	(void)arg;
	log_warn("poised: SIGHUP changes nothing: the configuration is read at start only");
}

static void on_netlink_change(void *arg, unsigned changes)
{
	struct ctl *ctl = arg;

	ctl->loop->changes |= changes;
}

static void on_netlink(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd;
	(void)what;
	begin_turn(ctl);
	nl_read(ctl->nl, on_netlink_change, ctl);
}

static void on_health(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;
	struct hc_report report;

	(void)fd;
	(void)what;
	begin_turn(ctl);
	while (hc_take(ctl->hc, &report))
		ctl_server_set_health(ctl, report.id, &report);
	ctl_checks_take(ctl);
}

static void on_builder(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd;
	(void)what;
	begin_turn(ctl);
	builder_take(dp_builder(ctl->dp));
	(void)ctl_mirror_take_routes(ctl); // a failure is told, and tried again
}

static void on_lease(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	begin_turn(arg);
	ctl_ownership_renew_always(arg);
}

static void on_wants(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	begin_turn(arg);
	ctl_mirror_poll(arg, false);
}

static void on_used(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd;
	(void)what;
	begin_turn(ctl);
	ctl_mirror_poll(ctl, true);
	ctl_ports_restore(ctl);
	ctl_ownership_restore(ctl);
	dp_poll_links(ctl->dp);
	ctl_maintenance_look(ctl);
	ctl_quorum_retry(ctl);
}

static void on_housekeeping(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd;
	(void)what;
	begin_turn(ctl);
	ctl_watchdog_look(ctl);
	ctl_failover_look(ctl);
	ctl_ownership_try(ctl);
	ctl_events_look(ctl, ctl_monotonic_ms());
	ctl_trace_look(ctl);
	dp_reap(ctl->dp);
}

static int add_event(struct event *ev, unsigned period_ms)
{
	struct timeval period = {.tv_sec = period_ms / 1000, .tv_usec = period_ms % 1000 * 1000};

	return ev && event_add(ev, period_ms ? &period : NULL) == 0 ? 0 : -ENOMEM;
}

static int add_timer(struct ctl *ctl, unsigned slot, unsigned period_ms, event_callback_fn fn)
{
	struct event *ev = event_new(ctl->base, -1, EV_PERSIST, fn, ctl);

	ctl->loop->timers[slot] = ev;
	return add_event(ev, period_ms);
}

static int add_events(struct ctl *ctl)
{
	static const int signals[2] = {SIGTERM, SIGINT};
	struct ctl_loop *loop = ctl->loop;
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		loop->signals[i] = evsignal_new(ctl->base, signals[i], on_signal, ctl);
		r = add_event(loop->signals[i], 0);
	}
	loop->signals[2] = evsignal_new(ctl->base, SIGHUP, on_hangup, ctl);
	if (r == 0)
		r = add_event(loop->signals[2], 0);
	loop->netlink = event_new(ctl->base, nl_fd(ctl->nl), EV_READ | EV_PERSIST, on_netlink, ctl);
	loop->health = event_new(ctl->base, hc_fd(ctl->hc), EV_READ | EV_PERSIST, on_health, ctl);
	if (r == 0 && dp_builder(ctl->dp)) {
		loop->builder = event_new(ctl->base, builder_fd(dp_builder(ctl->dp)),
			EV_READ | EV_PERSIST, on_builder, ctl);
		r = add_event(loop->builder, 0);
	}
	if (r == 0)
		r = add_event(loop->netlink, 0);
	if (r == 0)
		r = add_event(loop->health, 0);
	if (r == 0)
		r = add_timer(ctl, 0, LEASE_RENEW_MS, on_lease);
	if (r == 0)
		r = add_timer(ctl, 1, WANTS_POLL_MS, on_wants);
	if (r == 0)
		r = add_timer(ctl, 2, USED_POLL_MS, on_used);
	if (r == 0)
		r = add_timer(ctl, 3, HOUSEKEEPING_MS, on_housekeeping);
	return r;
}

static void free_event(struct event *ev)
{
	if (ev)
		event_free(ev);
}

static void remove_events(struct ctl *ctl)
{
	struct ctl_loop *loop = ctl->loop;

	for (int i = 0; i < 3; i++)
		free_event(loop->signals[i]);
	free_event(loop->netlink);
	free_event(loop->health);
	free_event(loop->builder);
	for (unsigned i = 0; i < CTL_N_TIMERS; i++)
		free_event(loop->timers[i]);
}

static int start_health(struct ctl *ctl)
{
	struct hc_target *targets = calloc((size_t)ctl->n_servers + 1, sizeof(*targets));
	int r;

	if (!targets)
		return -ENOMEM;
	for (unsigned i = 0; i < ctl->n_servers; i++) {
		const struct ctl_server *s = &ctl->servers[i];
		const struct ctl_service *half = &ctl->services[s->service];

		targets[i] = (struct hc_target){
			.id = i,
			.address = *ctl_check_address(half, s),
			.port = ctl_check_port(half, s),
			.check = half->conf->check,
			.name = s->conf->name,
		};
	}
	r = hc_start(targets, ctl->n_servers,
		ctl->spawner ? spawner_channel(ctl->spawner, CTL_CHANNEL_HEALTH) : NULL, &ctl->hc);
	free(targets);
	return r;
}

/* AF_XDP locks its packet memory; checks and CLI need descriptors. What may not be raised
 * stays: the checks then keep to fewer probes at once. */
static void raise_limits(void)
{
	const struct rlimit memory = {RLIM_INFINITY, RLIM_INFINITY};
	const struct rlimit many = {MAX_DESCRIPTORS, MAX_DESCRIPTORS};
	struct rlimit files;

	(void)setrlimit(RLIMIT_MEMLOCK, &memory);
	if (setrlimit(RLIMIT_NOFILE, &many) == 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

/* What weights depend on beside the checks. */
static int start_helpers(struct ctl *ctl)
{
	int r = ctl_maintenance_start(ctl);

	if (r == 0 && ctl_programs_are_commands(ctl->conf))
		r = ctl_quorum_start(ctl, spawner_channel(ctl->spawner, CTL_CHANNEL_CONTROL));
	return r;
}

static int start(struct ctl *ctl, struct diag *diag)
{
	int r;

	raise_limits();
	r = ctl_checks_start(ctl);
	if (r < 0)
		return r;
	r = ctl_admin_start(ctl); // first: it is what tells a second instance from the first
	if (r < 0) {
		diag_add(diag, DIAG_ERROR, NULL, "control.socket: cannot listen on %s: %s",
			ctl->conf->control.socket,
			r == -EADDRINUSE ? "another poised is running there" : strerror(-r));
		return r;
	}
	r = ctl_ports_check(ctl->conf, diag);
	if (r == 0)
		r = ctl_ports_clear(ctl->conf, diag);
	if (r == 0)
		r = dp_start(ctl->conf, diag, &ctl->dp);
	if (r < 0)
		return r;
	r = ctl_ports_open(ctl, diag);
	if (r < 0)
		return r;
	dp_info(ctl->dp, &ctl->info);
	r = ctl_build_services(ctl);
	if (r == 0)
		r = ctl_mirror_start(ctl);
	if (r == 0)
		r = start_helpers(ctl);
	if (r == 0)
		r = ctl_failover_start(ctl);
	if (r == 0)
		r = publish(ctl);
	if (r == 0)
		r = start_health(ctl);
	if (r == 0)
		r = ctl_http_start(ctl, diag);
	if (r == 0)
		r = add_events(ctl);
	return r;
}

/* An ordinary thread by now: waiting for workers spins, and may need their CPU. */
static void stop(struct ctl *ctl)
{
	ctl_failover_stop(ctl);
	if (ctl->dp && ctl->nl)
		ctl_ownership_leave_always(ctl);
	ctl_admin_stop(ctl);
	ctl_http_stop(ctl);
	ctl_trace_stop(ctl);
	ctl_maintenance_stop(ctl);
	ctl_quorum_stop(ctl);
	remove_events(ctl);
	hc_stop(ctl->hc);
	ctl_checks_stop(ctl);
	spawner_stop(ctl->spawner);
	spawner_stop(ctl->hooks);
	dp_stop(ctl->dp);
	nl_close(ctl->nl);
	ctl_events_stop(ctl);
	ctl_free_model(ctl);
	if (ctl->base)
		event_base_free(ctl->base);
}

/* Only now: DPDK's threads have been made, and a start would be slower for it. */
static void raise_priority(struct ctl *ctl)
{
	int r = ctl_realtime_enter();

	ctl->has_real_time = r == 0;
	if (r < 0)
		log_warn("poised: no real-time priority for the control thread: %s: on a busy "
			 "machine the VIPs may fall silent (CAP_SYS_NICE is needed)",
			strerror(-r));
}

/* What it names for the first time, the kernel is asked to resolve at once: no client's packet
 * shall have to wait for that. */
static int publish(struct ctl *ctl)
{
	int r = dp_publish(ctl->dp);

	if (r == 0)
		ctl_mirror_poll(ctl, false);
	return r;
}

int ctl_publish_changes(struct ctl *ctl)
{
	int r = ctl->is_dirty ? publish(ctl) : 0;

	if (r < 0)
		log_error("tables: not published: %s", strerror(-r));
	else
		ctl->is_dirty = false;
	return r;
}

/* What is left to do when all events of a turn have been heard, and at last the rest. */
static void end_turn(struct ctl *ctl)
{
	if (ctl->loop->changes)
		ctl_mirror_apply(ctl);
	if (ctl->is_dirty)
		ctl_failover_set_services(ctl);
	(void)ctl_publish_changes(ctl); // told, and tried again in the next turn
	ctl_turns_end(&ctl->turns, monotonic_us());
	if (ctl->has_real_time)
		ctl_realtime_pause(&ctl->loop->clock, ctl_failover_fd(ctl));
}

static void run(struct ctl *ctl)
{
	raise_priority(ctl);
	ctl_event(ctl,
		&(struct ctl_event_def){.kind = CTL_EVENT_START,
			.level = LOG_LEVEL_INFO,
			.object = ctl->conf->node,
			.after = "running"},
		"poised: running: node=%s workers=%u services=%u servers=%u", ctl->conf->node,
		ctl->conf->cpu.n_workers, ctl->n_services, ctl->n_servers);
	while (!ctl->loop->must_stop && event_base_loop(ctl->base, EVLOOP_ONCE) == 0)
		end_turn(ctl);
	ctl_realtime_leave(); // waiting for workers, whose CPU this may be
}

/* A crowd of the web server's clients must not make a turn long: of events with low priority a few
 * at a time are seen to. */
static struct event_base *loop_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_max_dispatch_interval(
			      config, NULL, LOW_EVENTS_A_TURN, CTL_PRIORITY_LOW) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	if (base && event_base_priority_init(base, CTL_N_PRIORITIES) < 0) {
		event_base_free(base);
		return NULL;
	}
	return base;
}

/* The spawner before anything that it could inherit. */
static int start_all(struct ctl *ctl, struct diag *diag)
{
	int r = ctl_programs_start(ctl->conf, diag, &ctl->spawner);

	if (r == 0)
		r = ctl_programs_start_hooks(ctl->conf, diag, &ctl->hooks);
	if (r < 0)
		return r;
	ctl->base = loop_new();
	if (!ctl->base)
		return -ENOMEM;
	r = ctl_events_start(ctl);
	if (r == 0)
		r = ctl_build_model(ctl);
	return r < 0 ? r : start(ctl, diag);
}

int ctl_run(const struct conf *conf)
{
	struct ctl_loop loop = {.must_stop = false};
	struct ctl ctl = {.conf = conf, .loop = &loop};
	struct diag *diag = diag_new();
	struct timespec now;
	int r = -ENOMEM;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ctl.started_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (diag) {
		r = start_all(&ctl, diag);
		diag_print(diag, stderr);
	}
	if (r == 0)
		run(&ctl);
	else if (!diag || !diag_has_errors(diag))
		log_error("poised: cannot start: %s", strerror(-r));
	stop(&ctl);
	diag_free(diag);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The socket is the lock: nobody cleans up behind an instance that lives. */
static int lock_socket(const struct conf *conf, struct diag *diag, struct ctl_socket *ret)
{
	int r = ctl_admin_socket_open(conf->control.socket, NULL, conf->control.mode, ret);

	if (r == -EADDRINUSE)
		diag_add(diag, DIAG_ERROR, NULL, "%s: a poised is running there: stop it first",
			conf->control.socket);
	else if (r < 0)
		diag_add(diag, DIAG_ERROR, NULL,
			"%s: cannot make sure that no poised is running: %s", conf->control.socket,
			strerror(-r));
	return r;
}

static int clean_up(const struct conf *conf, struct diag *diag)
{
	int n = dp_check_free(conf, diag);

	if (n == 0)
		n = ctl_ports_clear(conf, diag);
	if (n == 0)
		n = dp_cleanup(conf, diag);
	if (n >= 0)
		log_info("cleanup: done: programs detached n=%d", n);
	return n;
}

int ctl_cleanup(const struct conf *conf)
{
	struct diag *diag = diag_new();
	struct ctl_socket lock;
	int r = -ENOMEM;

	if (diag)
		r = lock_socket(conf, diag, &lock);
	if (r == 0) {
		r = clean_up(conf, diag);
		ctl_admin_socket_remove(&lock);
		(void)close(lock.fd);
	}
	if (diag)
		diag_print(diag, stderr);
	diag_free(diag);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
