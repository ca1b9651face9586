#pragma once

#include "base/thread.h"
#include "conf/model.h"
#include "control/event_limit.h"
#include "control/holdings.h"
#include "control/pulse.h"
#include "control/quorum.h"
#include "control/turns.h"
#include "dataplane/dp.h"
#include "healthcheck/health.h"

#include <stdbool.h>
#include <stdint.h>

/* The control thread's model of what is running: the configuration, expanded into the halves
 * and backends that the data plane knows, plus what has happened since (verdicts, changes by
 * command). One thread, one owner; everything here is for control/ only.
 *
 * A change's way: event (verdict, command, netlink) -> model here -> ctl_weights_apply() or
 * ctl_routes_apply() -> dp_set_*() -> dp_publish() at the end of the loop's turn. */

struct ctl_checks;
struct ctl_events;
struct ctl_traces;
struct ctl_maintenance;
struct ctl_quorum_runner;
struct event_base;
struct http_server;
struct netlink;
struct spawner;
struct vrrp;

enum ctl_admin { CTL_READY, CTL_DRAIN, CTL_MAINT };

/* One backend of one service half. Its position in ctl.servers is its id in the data plane. */
struct ctl_server {
	const struct conf_server *conf;
	unsigned service; // id of its half
	struct addr address;
	uint16_t port;        // host order; 0: the packet's own
	uint16_t weight;      // as set: configured, or changed by command
	enum ctl_admin admin; // by command
	bool is_held;         // by a file in the maintenance directory
	enum hc_state health;
	int check_weight;      // that its check gave last; else HC_NO_WEIGHT
	struct hc_report last; // last.at_ms 0: no result yet
	int64_t since_ms;      // CLOCK_REALTIME of the last change of `health`, or of the start
	struct ctl_event_limit log_limit; // of verdicts
	uint64_t n_transitions;           // of `health` between up and down
};

/* One half: (service, family, protocol). Its position in ctl.services is its id. */
struct ctl_service {
	const struct conf_service *conf;
	enum conf_family family;
	enum conf_protocol protocol;
	unsigned first_server;
	unsigned n_servers;
	struct ctl_quorum quorum;
	struct ctl_event_limit log_limit; // of its servers and its quorum
	/* Whether the last change of its servers left one with a weight above 0; `had_server`:
	 * there was one at some time. */
	bool has_server, had_server;
};

struct ctl {
	const struct conf *conf;
	struct event_base *base;
	struct dp *dp; // NULL while cpu.workers is empty
	struct hc *hc;
	struct netlink *nl;
	struct vrrp *vrrp;                // NULL: no groups
	struct spawner *spawner;          // of checks; NULL: nothing in the configuration needs it
	struct spawner *hooks;            // of VRRP's programs, which may be another user's; NULL
	struct ctl_quorum_runner *quorum; // quorum_run.c's own; NULL: no commands
	struct ctl_maintenance *maintenance; // maintenance.c's own; NULL: no directory
	struct ctl_loop *loop;               // control.c's own: events and timers
	struct ctl_admin_server *admin;      // admin.c's own
	struct ctl_traces *traces;           // trace.c's own; NULL: none was asked for
	struct ctl_events *events;           // events.c's own
	struct http_server *http;            // http.c's own; NULL: nobody listens
	struct ctl_service *services;
	unsigned n_services;
	struct ctl_server *servers;
	unsigned n_servers;
	struct dp_start_info info;
	struct ctl_checks *checks;                 // check_run.c's own: probes asked for by command
	struct ctl_pulse pulses[CONF_MAX_WORKERS]; // by worker
	struct ctl_turns turns;
	int64_t started_ms;           // CLOCK_REALTIME
	struct ctl_holding *holdings; // addresses that this node may hold
	unsigned n_holdings;
	/* By owner (holdings.h): its addresses are ours: lease renewed, on the interfaces. */
	bool is_held[DP_MAX_OWNERS];
	bool has_real_time; // the control thread's priority
	uint64_t lapses;    // how often the lease ran out before it was renewed
	bool is_dirty;      // something was set and not yet published
};

/* Weight that counts now: 0 unless nobody has taken the server out and its verdict is up. What was
 * set by command goes before what its check says, and that before the configuration. */
uint16_t ctl_server_effective_weight(const struct ctl_server *s);
/* The stronger of what a command and a file in the maintenance directory say. */
enum ctl_admin ctl_server_effective_admin(const struct ctl_server *s);
/* A half is up while a server has an effective weight above 0. */
bool ctl_service_is_up(const struct ctl *ctl, const struct ctl_service *svc) ON_CONTROL;

/* ---- build.c: configuration to model and to the data plane's tables ---------------------- */

/* Expands `conf` into ctl->services and ctl->servers. -ENOMEM. */
int ctl_build_model(struct ctl *ctl) ON_CONTROL;
void ctl_free_model(struct ctl *ctl) ON_CONTROL;
/* What the server's check probes: its own address and port, or the one on which services reach the
 * server, or the service's first where that is many; an echo request has none. */
const struct addr *ctl_check_address(
	const struct ctl_service *half, const struct ctl_server *s) ANY_THREAD;
uint16_t ctl_check_port(const struct ctl_service *half, const struct ctl_server *s) ANY_THREAD;
/* Hands VIPs, services and servers to the data plane. -errno of dp_set_services(). */
int ctl_build_services(struct ctl *ctl) ON_CONTROL;

/* ---- weights.c: what a verdict or a command does to schedules ------------------------------ */

/* Each sets the field, recomputes the half's schedule and marks the model dirty. */
void ctl_server_set_health(
	struct ctl *ctl, unsigned server, const struct hc_report *report) ON_CONTROL;
void ctl_server_set_weight(struct ctl *ctl, unsigned server, uint16_t weight) ON_CONTROL;
void ctl_server_set_admin(struct ctl *ctl, unsigned server, enum ctl_admin admin) ON_CONTROL;
void ctl_server_set_held(struct ctl *ctl, unsigned server, bool is_held) ON_CONTROL;

/* ---- check_run.c: one check now -----------------------------------------------------------------
 */

/* Before the admin socket answers. -ENOMEM. */
int ctl_checks_start(struct ctl *ctl) ON_CONTROL;
/* After hc_stop(). NULL-safe. */
void ctl_checks_stop(struct ctl *ctl) ON_CONTROL;
/* Takes what the health thread has to say of them. */
void ctl_checks_take(struct ctl *ctl) ON_CONTROL;

/* ---- control.c ------------------------------------------------------------------------------ */

/* Runs until SIGTERM or SIGINT. Exit status for the process. */
int ctl_run(const struct conf *conf) ON_CONTROL;
/* Removes what a dead instance left behind: XDP programs and VIPs. Exit status. */
int ctl_cleanup(const struct conf *conf) ON_CONTROL;

/* ---- admin.c: the socket ----------------------------------------------------------------------
 */

/* Listens on conf->control.socket (made with its group and mode; a stale one is replaced, a
 * living instance behind it is -EADDRINUSE). -errno otherwise. */
int ctl_admin_start(struct ctl *ctl) ON_CONTROL;
/* Closes connections and removes the socket. NULL-safe. */
void ctl_admin_stop(struct ctl *ctl) ON_CONTROL;
