#pragma once

#include "control/control.h"
#include "control/job.h"

/* What each `show` command answers, as JSON made from the model and the data plane's counters.
 * The fields are described in docs/api.md and are a promise. */

int ctl_show_status_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_services_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_servers_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_connections_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_workers_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_ports_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_errors_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

int ctl_show_health_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

int ctl_show_events_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_show_vrrp_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

/* check_run.c: "check run". */
int ctl_check_run_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

/* set.c: "set server". */
int ctl_set_server_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

/* set_vrrp.c: "set vrrp". */
int ctl_set_vrrp_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

/* capture.c: "capture", and what traces share with it. */
int ctl_capture_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
/* RFC 3339 in UTC, with nanoseconds. */
json_t *ctl_capture_time(int64_t at_ns) ANY_THREAD;
/* Names by id; null where there is none. */
json_t *ctl_capture_service(const struct ctl *ctl, int id) ON_CONTROL;
json_t *ctl_capture_server(const struct ctl *ctl, int id) ON_CONTROL;
/* Fills in *err for an error of dp_watch_capture() or dp_watch_trace(). */
int ctl_capture_refuse(int error, const char *what, struct ctl_error *err) ANY_THREAD;

/* trace.c: "trace add", "trace show". */
int ctl_trace_add_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
int ctl_trace_show_open(
	const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;

/* ---- servers, for the above (show_servers.c) ----------------------------------------------- */

enum ctl_server_state {
	CTL_SERVER_UP,
	CTL_SERVER_DOWN,
	CTL_SERVER_DRAIN,
	CTL_SERVER_MAINT,
	CTL_SERVER_UNKNOWN, // no verdict yet
	CTL_N_SERVER_STATES
};

/* The one word for it. What a person has said goes before what the check says, except that a
 * server that is drained and down is down. */
enum ctl_server_state ctl_show_server_state(const struct ctl_server *s) ANY_THREAD;
const char *ctl_show_server_state_name(enum ctl_server_state state) ANY_THREAD;
const char *ctl_show_admin_name(enum ctl_admin admin) ANY_THREAD;
const char *ctl_show_protocol_name(enum conf_protocol protocol) ANY_THREAD;

/* 4 or 6. */
int ctl_show_family(enum conf_family family) ANY_THREAD;

/* Counters of one server, zero without a data plane. */
void ctl_show_read_server(
	const struct ctl *ctl, unsigned id, struct dp_server_stats *ret) ON_CONTROL;
void ctl_show_add_stats(struct dp_server_stats *sum, const struct dp_server_stats *s) ANY_THREAD;

/* The counters as fields of `item`, by the names of docs/api.md. 0 or -ENOMEM. */
int ctl_show_put_stats(json_t *item, const struct dp_server_stats *s) ANY_THREAD;

/* The check of a server and its last result as an object. NULL when out of memory. */
json_t *ctl_show_check(const struct conf_check *check, const struct ctl_server *s) ANY_THREAD;

/* One server as an object, without its service. NULL when out of memory. */
json_t *ctl_show_server(
	const struct ctl *ctl, unsigned id, const struct dp_server_stats *stats) ON_CONTROL;
