#pragma once

#include "control/control.h"
#include "control/job.h"
#include "vrrp/vrrp.h"

#include <jansson.h>

/* A control model without a data plane behind it: a small mail site, expanded by the real
 * build.c, over a data plane of made-up counters. No thread, no root. */

enum { FAKE_MAX_CONNECTIONS = 4096, LOG_LINES = 64, LOG_LINE_LEN = 256 };

/* The data plane of the tests. Set what it shall say, read what it was told. */
struct dp {
	unsigned n_workers, n_ports;
	struct dp_times handshake; // of every server
	struct dp_worker_stats workers[2];
	struct dp_port_stats ports[2];
	struct dp_server_stats server; // what each server has, times its id + 1
	unsigned n_weight_calls;       // dp_set_weights()
	struct dp_route_status routes;
	bool is_down[DP_MAX_SERVERS]; // dp_set_down()

	struct dp_conn_info connections[FAKE_MAX_CONNECTIONS];
	unsigned n_connections;
	unsigned polls_needed;        // until a query is done
	struct dp_query *query;       // the one that runs
	struct dp_conn_filter filter; // of the last query
	unsigned limit;
	unsigned n_queries, n_freed;
};

enum { FAKE_GROUPS = 2, FAKE_INSTANCES = 2, FAKE_TRACKS = 2 };

/* The engine of the tests, in the same manner. */
struct vrrp {
	struct vrrp_group_status groups[FAKE_GROUPS];
	struct vrrp_instance_status instances[FAKE_INSTANCES];
	struct vrrp_track_status tracks[FAKE_TRACKS];
	unsigned n_calls; // that change something
	unsigned group;   // of the last one
	unsigned priority;
	bool is_released;
	int result; // that they give
};

struct fixture {
	struct conf conf;
	struct ctl ctl;
	struct dp dp;
	struct vrrp vrrp;
	struct ctl_shared shared;
};

/* Servers: imaps/master 1, slave-1 640, slave-2 640 (IPv4 only); imap/the same; dns/slave-1,
 * slave-2 on TCP and UDP, ports 53 and 8000-8010. All are up. NULL-safe to free. */
struct fixture *fixture_new(void);
void fixture_free(struct fixture *f);

/* A site of so many services with so many servers each, both families; for sizes. */
struct fixture *fixture_new_large(unsigned n_services, unsigned n_servers);

/* Gives it groups of VRRP: frontend (wan4 and wan6, a track of an interface that is up and one of a
 * script that is down), master; storage (lan4), backup. */
void fixture_add_vrrp(struct fixture *f);

/* What an answer took. */
struct fixture_effort {
	unsigned n_waits;  // for the data plane
	double longest_ms; // the longest step, opening included
};

/* The position of a server in ctl.servers; the half is (family, protocol). */
unsigned fixture_server(
	const struct fixture *f, const char *path, enum conf_family family, int protocol);

/* The answer to a request line, as the socket would give it; new reference. Aborts if it is no
 * JSON object. ret_effort may be NULL. */
json_t *fixture_ask(
	struct fixture *f, const char *line, bool may_change, struct fixture_effort *ret_effort);

/* The answer as text, to be freed; NULL if the job broke off. */
char *fixture_ask_text(
	struct fixture *f, const char *line, bool may_change, struct fixture_effort *ret_effort);

/* An answer's error code and message; "" if it is none. */
const char *fixture_code(const json_t *answer);
const char *fixture_message(const json_t *answer);

/* What was logged since the last fixture_new(). */
unsigned fixture_log_count(void);
const char *fixture_log(unsigned index);
