/* Times taken on the packet path, in buckets.
 *
 * A packet's time costs one in DP_TIMED_EACH two readings of the TSC, of which the burst has made
 * one anyway; a handshake's costs some instructions a connection, and no reading of its own. */
#include "dataplane/timing.h"

#include <rte_cycles.h>

const uint32_t dp_timing_latency_ns[DP_N_LATENCY_BUCKETS - 1] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 10000000};
const uint32_t dp_timing_handshake_us[DP_N_HANDSHAKE_BUCKETS - 1] = {
#define X(bound) bound,
	DP_HANDSHAKE_BOUNDS(X)
#undef X
};

void dp_timing_init(struct dp_forward_times *t, uint64_t tsc_hz)
{
	*t = (struct dp_forward_times){.left = DP_TIMED_EACH};
	for (unsigned i = 0; i < DP_N_LATENCY_BUCKETS - 1; i++)
		t->bounds_tsc[i] = dp_timing_latency_ns[i] * tsc_hz / 1000000000;
}

void dp_timing_begin(struct dp_worker *w, const struct dp_burst *b)
{
	struct dp_forward_times *t = &w->times;

	t->left += DP_TIMED_EACH;
	if (t->since_tsc) // a queue is full: that one has not gone out yet
		return;
	t->since_tsc = b->now_tsc;
	for (unsigned port = 0; port < w->setup.n_ports; port++)
		t->heads[port] = w->tx[port].head;
}

void dp_timing_end(struct dp_worker *w)
{
	struct dp_forward_times *t = &w->times;
	uint64_t passed;
	unsigned i = 0;

	for (unsigned port = 0; port < w->setup.n_ports; port++)
		if ((int32_t)(w->tx[port].tail - t->heads[port]) < 0)
			return;
	passed = rte_rdtsc() - t->since_tsc;
	t->since_tsc = 0;
	while (i < DP_N_LATENCY_BUCKETS - 1 && passed > t->bounds_tsc[i])
		i++;
	t->buckets[i]++;
	t->sum_tsc += passed;
}
