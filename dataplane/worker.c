/* The poll loop of a worker: load the root, run the pipeline for each port, expire, serve,
 * report quiescent. No lock, no allocation; the only system calls are the driver's and the
 * short sleep after empty polls (cpu.idle = "adaptive"). */
#include "dataplane/worker.h"

#include "dataplane/pipeline.h"
#include "dataplane/request.h"
#include "dataplane/steer.h"
#include "dataplane/timing.h"
#include "dataplane/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>

/* Replies of our own a second: RSTs refuse whole crowds, ICMP errors inform. */
enum { RESETS_PER_SECOND = 20000, ICMP_PER_SECOND = 2000 };

/* To the kernel: what it can take of a flood, with the worker still forwarding. */
enum { PUNTS_PER_SECOND = 200000 };

/* A table is swept in this time, or a large one by so many records a second (10 million in 5 s: a
 * percent of a core). Lookups expire exactly, so this only frees memory. */
enum { SWEEP_PERIOD_MS = 2000, SWEEP_PER_MS = 2000, SWEEP_MAX_PIECE = 4096 };

/* Bursts from each source in one turn, while full ones come: each hides the memory that the one
 * before it waits for. */
enum { ROUNDS = 4 };

/* Empty polls before the first sleep: a burst's gap is shorter than that. */
enum { SPIN_POLLS = 256, MS_SHIFT = 32 };

static void count_and_free(struct dp_worker *w, struct dp_pkt *p, enum dp_drop reason) ON_WORKER;
static inline void count_and_free(struct dp_worker *w, struct dp_pkt *p, enum dp_drop reason)
{
	dp_worker_count_drops(w, p->service, reason, 1);
	rte_pktmbuf_free(p->m);
}

/* Apart, so that the usual way saves no registers. */
static void drop_watched(struct dp_worker *w, struct dp_pkt *p, enum dp_drop reason) ON_WORKER;
__attribute__((cold, noinline)) static void drop_watched(
	struct dp_worker *w, struct dp_pkt *p, enum dp_drop reason)
{
	dp_watch_dropped(w, p->m, p->in_port, reason, false);
	count_and_free(w, p, reason);
}

void dp_burst_drop(struct dp_worker *w, struct dp_pkt *p, enum dp_drop reason)
{
	if (__builtin_expect(w->watch != NULL, false))
		drop_watched(w, p, reason);
	else
		count_and_free(w, p, reason);
}

bool dp_worker_take_token(struct dp_limiter *l, uint32_t now_ms)
{
	uint32_t passed_ms = now_ms - l->at_ms;
	uint64_t fresh = (uint64_t)passed_ms * l->per_second / 1000;

	if (fresh > 0) {
		uint64_t tokens = l->tokens + fresh;

		l->tokens = (uint32_t)(tokens < l->per_second ? tokens : l->per_second);
		l->at_ms = now_ms;
	}
	if (l->tokens == 0)
		return false;
	l->tokens--;
	return true;
}

void dp_worker_set_state(struct dp_worker *w, struct dp_conn *conn, enum dp_l4_state state)
{
	struct dp_server_counters *c = &w->servers[conn->server];

	if (conn->state == DP_L4_ESTABLISHED) {
		c->established--;
		c->closing++;
	}
	if (state == DP_L4_ESTABLISHED) {
		c->established++;
		c->closing--;
	}
	conn->state = (uint8_t)state;
}

void dp_worker_close(struct dp_worker *w, struct dp_conn *conn)
{
	struct dp_server_counters *c = &w->servers[conn->server];

	if (conn->state == DP_L4_ESTABLISHED)
		c->established--;
	else
		c->closing--;
	dp_flows_close(&w->flows, conn);
}

static int map_arrays(struct dp_worker *w, const struct dp_memory_policy *policy)
{
	// touched only where ids exist: the rest stays untouched zero pages
	const struct dp_memory_policy small = {
		.use_hugetlb = false,
		.has_node = policy->has_node,
		.node = policy->node,
	};
	size_t servers = DP_MAX_SERVERS * sizeof(*w->servers);
	size_t handshakes = DP_MAX_SERVERS * sizeof(*w->handshakes);
	size_t services = (DP_MAX_SERVICES + 1) * sizeof(*w->services);
	size_t positions = DP_MAX_SERVICES * sizeof(*w->positions);
	size_t used = (DP_MAX_NEIGHBOURS + 1) * sizeof(*w->nexthop_used_ms);
	char *start;
	int r;

	r = dp_memory_map(services + servers + handshakes + positions + used, &small, &w->memory);
	if (r < 0)
		return r;
	start = w->memory.start;
	w->services = (struct dp_service_counters *)start;
	start += services;
	w->servers = (struct dp_server_counters *)start;
	w->handshakes = (struct dp_handshake_times *)(start + servers);
	start += servers + handshakes;
	w->positions = (struct dp_schedule_position *)start;
	w->nexthop_used_ms = (uint32_t *)(start + positions);
	return 0;
}

int dp_worker_init(struct dp_worker *w, const struct dp_worker_setup *setup,
	const struct dp_memory_policy *policy)
{
	int r;

	memset(w, 0, sizeof(*w));
	w->setup = *setup;
	r = map_arrays(w, policy);
	if (r < 0)
		return r;
	r = dp_flows_init(&w->flows, setup->connections, setup->half_open, policy);
	if (r < 0) {
		dp_memory_unmap(&w->memory);
		return r;
	}
	for (unsigned i = 0; i < DP_MAX_SERVICES; i++)
		w->positions[i] = dp_schedule_start(setup->index, setup->n_workers);
	w->reset_limit = (struct dp_limiter){.per_second = RESETS_PER_SECOND};
	w->icmp_limit = (struct dp_limiter){.per_second = ICMP_PER_SECOND};
	w->punt_limit = (struct dp_limiter){.per_second = PUNTS_PER_SECOND};
	w->reset_limit.tokens = RESETS_PER_SECOND;
	w->icmp_limit.tokens = ICMP_PER_SECOND;
	w->punt_limit.tokens = PUNTS_PER_SECOND;
	w->ms_factor = ((uint64_t)1000 << MS_SHIFT) / setup->tsc_hz;
	w->us_factor = ((uint64_t)1000000 << MS_SHIFT) / setup->tsc_hz;
	dp_timing_init(&w->times, setup->tsc_hz);
	return 0;
}

void dp_worker_fini(struct dp_worker *w)
{
	for (unsigned i = 0; i < DP_PENDING; i++)
		for (unsigned k = 0; k < w->pending[i].n; k++)
			rte_pktmbuf_free(w->pending[i].packets[k]);
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		for (unsigned k = 0; k < w->handoff[i].n; k++)
			rte_pktmbuf_free(w->handoff[i].items[k].m);
	for (unsigned port = 0; port < w->setup.n_ports; port++)
		rte_pktmbuf_free(w->spare[port]);
	for (unsigned port = 0; port < w->setup.n_ports; port++)
		for (struct dp_tx_queue *q = &w->tx[port]; q->tail != q->head; q->tail++)
			rte_pktmbuf_free(q->packets[q->tail % DP_TX_QUEUE]);
	dp_flows_fini(&w->flows);
	dp_memory_unmap(&w->memory);
}

static void expire(void *arg, struct dp_conn *conn) ON_WORKER;
static void expire(void *arg, struct dp_conn *conn)
{
	struct dp_worker *w = arg;

	w->counters.expired++;
	dp_worker_close(w, conn);
}

/* As many records as the time since the last turn asks for. */
static void sweep_table(struct dp_worker *w, struct dp_conntab *t, uint32_t passed_ms)
{
	const struct dp_conntab_now now = {w->now_ms, w->burst.tables->hop_generation};
	uint64_t per_ms = t->high_water / SWEEP_PERIOD_MS + 1;
	uint64_t n = (per_ms < SWEEP_PER_MS ? per_ms : SWEEP_PER_MS) * passed_ms;

	dp_conntab_sweep(t, (uint32_t)(n < SWEEP_MAX_PIECE ? n : SWEEP_MAX_PIECE), now, expire, w);
}

static void sweep(struct dp_worker *w)
{
	uint32_t passed_ms = w->now_ms - w->swept_ms;

	if (passed_ms == 0)
		return;
	w->swept_ms = w->now_ms;
	sweep_table(w, &w->flows.settled, passed_ms);
	sweep_table(w, &w->flows.half_open, passed_ms);
}

/* A burst from each source. True: one was a full one, so more may wait. */
static bool receive_round(struct dp_worker *w, unsigned *n) ON_WORKER;
static bool receive_round(struct dp_worker *w, unsigned *n)
{
	bool is_full = false;

	for (unsigned i = 0; i < w->setup.n_rx; i++) {
		struct dp_burst *b = dp_pipeline_free(w);

		dp_rx_stage(w, b, &w->setup.rx[i]);
		*n += b->n;
		is_full |= b->n == DP_BURST;
		if (b->n > 0)
			dp_pipeline_push(w, b);
	}
	for (unsigned from = 0; from < w->setup.n_workers; from++) {
		struct dp_burst *b = dp_pipeline_free(w);
		unsigned got;

		if (from == w->setup.index)
			continue;
		got = dp_steer_receive(w, b, from);
		*n += got;
		is_full |= got == DP_BURST;
		if (b->n > 0)
			dp_pipeline_push(w, b);
	}
	return is_full;
}

unsigned dp_worker_turn(struct dp_worker *w, uint64_t now_tsc)
{
	const struct dp_tables *t = dp_tables_load(w->setup.root);
	bool is_new = t != w->seen;
	unsigned n = 0;

	w->now_ms = (uint32_t)(((unsigned __int128)now_tsc * w->ms_factor) >> MS_SHIFT);
	w->seen = t;
	// pairs with the release in watching.c
	w->watch = __atomic_load_n(&w->next_watch, __ATOMIC_ACQUIRE);
	w->burst.tables = w->other.tables = t;
	w->burst.now_ms = w->other.now_ms = w->now_ms;
	// before the packets that came later
	if (w->n_pending > 0)
		dp_nexthop_pending(w, t, is_new);
	for (unsigned round = 0; round < ROUNDS && receive_round(w, &n); round++) {
		dp_tx_flush(w);
		dp_steer_flush(w);
	}
	dp_pipeline_finish(w);
	n += dp_inject(w, n > 0);
	dp_tx_flush(w);
	dp_steer_flush(w);
	sweep(w);
	dp_request_serve(w, t);
	rte_rcu_qsbr_quiescent(w->setup.rcu, w->setup.index);
	w->counters.loops++;
	return n;
}

static bool has_unsent(const struct dp_worker *w)
{
	for (unsigned port = 0; port < w->setup.n_ports; port++)
		if (w->tx[port].head != w->tx[port].tail)
			return true;
	return false;
}

/* Doubling sleeps up to the configured one, so that light traffic is not delayed by it. */
static void rest(struct dp_worker *w, unsigned empty_polls)
{
	unsigned doublings = (empty_polls - SPIN_POLLS) / 16;
	uint32_t us = doublings < 6 ? 1u << doublings : w->setup.idle_sleep_us;
	struct timespec pause = {0};

	if (us > w->setup.idle_sleep_us)
		us = w->setup.idle_sleep_us;
	pause.tv_nsec = (long)us * 1000;
	w->counters.sleeps++;
	(void)nanosleep(&pause, NULL);
}

int dp_worker_main(void *arg)
{
	struct dp_worker *w = arg;
	uint64_t start = rte_rdtsc(), last = start;
	unsigned empty_polls = 0;

	thread_enter(&role_worker);
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	(void)rte_rcu_qsbr_thread_register(w->setup.rcu, w->setup.index);
	rte_rcu_qsbr_thread_online(w->setup.rcu, w->setup.index);
	// pairs with the release in dp_stop()
	while (!__atomic_load_n(&w->must_stop, __ATOMIC_ACQUIRE)) {
		unsigned n = dp_worker_turn(w, last - start);
		uint64_t now = rte_rdtsc();

		if (n > 0)
			w->counters.busy_cycles += now - last;
		else
			w->counters.idle_cycles += now - last;
		last = now;
		empty_polls = n > 0 ? 0 : empty_polls + 1;
		if (w->setup.is_adaptive && empty_polls > SPIN_POLLS && !has_unsent(w))
			rest(w, empty_polls);
	}
	rte_rcu_qsbr_thread_offline(w->setup.rcu, w->setup.index);
	(void)rte_rcu_qsbr_thread_unregister(w->setup.rcu, w->setup.index);
	return 0;
}
