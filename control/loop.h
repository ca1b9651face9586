#pragma once

#include "control/control.h"
#include "control/realtime.h"

/* What control.c, mirror.c and ownership.c share: the loop's events and their state. */

struct event;
struct diag;

/* Of the loop's events; unless told otherwise, usual. Of low ones a turn sees to a few only. */
enum { CTL_PRIORITY_USUAL = 1, CTL_PRIORITY_LOW = 2, CTL_N_PRIORITIES = 3 };

enum { CTL_N_TIMERS = 4 };

struct ctl_loop {
	struct event *signals[3];
	struct event *netlink;
	struct event *health;
	struct event *builder;
	struct event *timers[CTL_N_TIMERS];
	bool must_stop;
	struct ctl_realtime_clock clock;
	unsigned changes;      // enum nl_change bits not handled yet
	int64_t routes_at_ms;  // CLOCK_MONOTONIC: routes were last handed to the builder
	bool is_building;      // they are still there
	unsigned n_left_out;   // of the routes, when it was last told
	int64_t wait_until_ms; // for first verdicts; 0: not waiting
	int64_t renewed_ms[DP_MAX_OWNERS];  // CLOCK_MONOTONIC: the lease of each owner
	bool had_link[CONF_MAX_INTERFACES]; // at some time since the start
	/* By interface: the link that its port was opened on, and its number in ctl->nl. One that
	 * went (-1) is not served again, also if another of its name comes: the XDP program and
	 * the sockets went with it. */
	int ifindex[CONF_MAX_INTERFACES];
	int ports[CONF_MAX_INTERFACES];
};

int64_t ctl_monotonic_ms(void);

/* ---- mirror.c: the kernel's view, handed to the data plane -------------------------------- */

/* Everything, at start. -errno. */
int ctl_mirror_start(struct ctl *ctl) ON_CONTROL;
/* Handles ctl->loop->changes, as far as their pace allows; the rest stays set. */
void ctl_mirror_apply(struct ctl *ctl) ON_CONTROL;
/* After builder_take(): what became of the routes. -errno of their building. */
int ctl_mirror_take_routes(struct ctl *ctl) ON_CONTROL;
/* Neighbours that workers want; with_used once a second. */
void ctl_mirror_poll(struct ctl *ctl, bool with_used) ON_CONTROL;

/* ---- watchdog.c: do the workers turn? ---------------------------------------------------------
 */

void ctl_watchdog_look(struct ctl *ctl) ON_CONTROL;

/* ---- ports.c: the kernel sides of the ports ----------------------------------------------------
 */

/* Before anything is changed: whether a living poised drives an interface, or one of them has a
 * VIP as its own address. -errno. */
int ctl_ports_check(const struct conf *conf, struct diag *diag) ON_CONTROL;
/* Before the data plane starts: VIPs that a dead instance left on kernel interfaces. -errno. */
int ctl_ports_clear(const struct conf *conf, struct diag *diag) ON_CONTROL;
/* After it: opens ctl->nl for all ports, puts addresses and routes on TAPs. -errno. */
int ctl_ports_open(struct ctl *ctl, struct diag *diag) ON_CONTROL;
/* While it runs: puts back what somebody took off TAPs that are up. */
void ctl_ports_restore(struct ctl *ctl) ON_CONTROL;

/* ---- ownership.c: who answers for the VIPs --------------------------------------------------- */

/* VIPs that a dead instance left are taken off before anything else happens. `ports` has, by
 * interface, its number in `nl`; -1: not there. -ENOMEM. */
int ctl_ownership_clear(struct netlink *nl, const struct conf *conf, const int *ports) ON_CONTROL;
/* A VIP that is the machine's own address would silence the machine itself. -EADDRINUSE, diag. */
int ctl_ownership_check(const struct netlink *nl, const struct conf *conf, const int *ports,
	struct diag *diag) ON_CONTROL;
bool ctl_ownership_has_all_verdicts(const struct ctl *ctl) ON_CONTROL;

/* One owner's addresses: lease for life_ms, then on the interfaces. The first -errno of those that
 * could not be put there, which is told; the lease holds all the same. */
int ctl_ownership_take(struct ctl *ctl, unsigned owner, unsigned life_ms) ON_CONTROL;
void ctl_ownership_renew(struct ctl *ctl, unsigned owner, unsigned life_ms) ON_CONTROL;
/* Lease first, then the addresses. */
void ctl_ownership_leave(struct ctl *ctl, unsigned owner) ON_CONTROL;

/* Takes what no VRRP group has once every check has a first verdict, or WAIT_CHECKS_MS are over. */
void ctl_ownership_try(struct ctl *ctl) ON_CONTROL;
void ctl_ownership_renew_always(struct ctl *ctl) ON_CONTROL;
void ctl_ownership_leave_always(struct ctl *ctl) ON_CONTROL;
/* Puts back VIPs that somebody took off their interfaces: `ip link set down` takes all IPv6. */
void ctl_ownership_restore(struct ctl *ctl) ON_CONTROL;

/* ---- control.c --------------------------------------------------------------------------------
 */

/* Publishes what is pending now, and not at the end of the turn. -errno. */
int ctl_publish_changes(struct ctl *ctl) ON_CONTROL;
