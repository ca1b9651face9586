#pragma once

#include "control/control.h"
#include "control/show.h"
#include "dataplane/dp.h"
#include "vrrp/vrrp.h"

/* What one scrape says, as plain values: copied by the control thread from the model and the data
 * plane (metrics_take.c), made into text by the builder (metrics_text.c).
 *
 * Names point into the configuration, which must outlive it. What belongs to one service and
 * family is one: halves by protocol are added up, so that (service, family) is a key. */

struct metrics_service {
	const struct conf_service *conf;
	enum conf_family family;
	bool has_tcp, has_udp;
	unsigned first_server; // index into servers; the others follow
	unsigned n_servers;
	struct dp_server_stats sum;
	struct dp_service_stats drops;
	unsigned n_by_state[CTL_N_SERVER_STATES];
	unsigned n_taking; // servers that take new connections
};

struct metrics_server {
	const struct conf_server *conf;
	unsigned service; // index
	struct addr address;
	uint16_t port; // 0: the packet's own
	enum ctl_server_state state;
	uint16_t weight; // in use
	struct dp_server_stats stats;
	struct dp_times handshakes;
	bool has_result; // of its check; else the next three are 0
	bool is_ok;
	uint32_t duration_us;
	uint64_t n_ended[HC_N_ENDS];
	uint64_t n_transitions;
};

/* It takes new connections: up, and of a weight above 0. */
static inline bool metrics_server_takes(const struct metrics_server *m)
{
	return m->weight > 0;
}

struct metrics_vrrp {
	const struct conf_vrrp_group *group_conf;
	const struct conf_vrrp_instance *conf;
	enum vrrp_state state;
	unsigned priority;
	uint64_t transitions[VRRP_N_STATES];
	struct vrrp_instance_status instance;
};

struct metrics_snapshot {
	const struct conf *conf;
	struct dp_start_info info;
	int64_t started_ms;
	struct ctl_turns turns;
	struct metrics_service *services;
	unsigned n_services;
	struct metrics_server *servers;
	unsigned n_servers;
	struct dp_worker_stats workers[DP_MAX_WORKERS];
	struct dp_times latencies[DP_MAX_WORKERS]; // by worker
	unsigned n_workers;
	struct dp_port_stats ports[DP_MAX_PORTS];
	unsigned n_ports;
	struct dp_pool_stats pools[2];
	unsigned n_pools;
	struct metrics_vrrp *vrrps;
	unsigned n_vrrps;
	unsigned half; // while it is taken: the next one to copy
	unsigned copied;
};

/* An empty one, to be taken. NULL when out of memory. */
struct metrics_snapshot *ctl_metrics_new(const struct ctl *ctl) ON_CONTROL;
/* Copies a piece, in well below a millisecond. True: that was the last. Pieces are of different
 * instants. */
bool ctl_metrics_take(const struct ctl *ctl, struct metrics_snapshot *s) ON_CONTROL;
void ctl_metrics_free(struct metrics_snapshot *s) ANY_THREAD;

/* ---- text ------------------------------------------------------------------------------------ */

enum metrics_type { METRICS_GAUGE, METRICS_COUNTER, METRICS_HISTOGRAM };

/* What there is one set of series for. */
enum metrics_object {
	METRICS_NODE,
	METRICS_SERVICE,
	METRICS_SERVER,
	METRICS_CHECK,      // a server with a check
	METRICS_WORKER,     // by number
	METRICS_WORKER_CPU, // by number and CPU
	METRICS_PORT,
	METRICS_POOL,
	METRICS_VRRP,
	METRICS_VRRP_FULL, // with all that it is known by
	METRICS_N_OBJECTS
};

struct metrics_out;
typedef void metrics_read(struct metrics_out *o, const struct metrics_snapshot *s, unsigned index);

/* One family: all there is to say about it, for the scrape and for docs/metrics.md. */
struct metrics_family {
	const char *name;
	enum metrics_type type;
	const char *help;
	enum metrics_object object;
	const char *more; // labels behind the object's, as in docs/metrics.md; NULL: none
	metrics_read *read;
};

const struct metrics_family *ctl_metrics_table(unsigned *ret_n) ANY_THREAD;
/* "service, family", as in docs/metrics.md. */
const char *ctl_metrics_labels(enum metrics_object object) ANY_THREAD;

/* One sample of the family at hand, of the object at hand. `more` are labels behind the object's,
 * as they stand in the text; NULL: none. */
void ctl_metrics_put(struct metrics_out *o, const char *more, uint64_t value) ANY_THREAD;
void ctl_metrics_put_real(struct metrics_out *o, const char *more, double value) ANY_THREAD;
/* A whole histogram. */
void ctl_metrics_put_times(struct metrics_out *o, const struct dp_times *t) ANY_THREAD;
/* The same with _bucket, _sum or _count behind the name. */
void ctl_metrics_put_part(
	struct metrics_out *o, const char *suffix, const char *more, double value) ANY_THREAD;
/* Collects labels, with escapes, for the next put's `more`: key="value", as many as are added. */
struct metrics_labels {
	char text[2048];
	size_t len;
};
void ctl_metrics_label(struct metrics_labels *l, const char *key, const char *value) ANY_THREAD;

struct metrics_text {
	char *text; // owned
	size_t len;
	unsigned n_series;
};
/* Everything, in the text format 0.0.4. -ENOMEM. */
int ctl_metrics_format(const struct metrics_snapshot *s, struct metrics_text *ret) ON_BUILDER;
