#pragma once

#include "base/thread.h"
#include "dataplane/worker.h"

/* Times that a worker takes of the traffic that passes: how long packets are in Poise, and how long
 * servers take to answer a SYN. Each is counted in a bucket of fixed bounds, by its worker only. */

/* One packet in so many is timed, from the moment that the worker has taken its burst from the
 * driver, or from the worker that handed it over, until the drivers have taken all that stood in
 * the queues behind it. */
enum { DP_TIMED_EACH = 256 };

/* Upper bounds of all buckets but the last. */
#define DP_HANDSHAKE_BOUNDS(X) X(100) X(250) X(1000) X(5000) X(25000) X(100000) X(1000000)
extern const uint32_t dp_timing_latency_ns[DP_N_LATENCY_BUCKETS - 1];
extern const uint32_t dp_timing_handshake_us[DP_N_HANDSHAKE_BUCKETS - 1];

void dp_timing_init(struct dp_forward_times *t, uint64_t tsc_hz) ON_CONTROL;

/* After the forward stage, when a packet of the burst is to be timed: what has to leave first. */
void dp_timing_begin(struct dp_worker *w, const struct dp_burst *b) ON_WORKER;
/* After the queues were given to the drivers, while a packet is timed. */
void dp_timing_end(struct dp_worker *w) ON_WORKER;

/* The lower bits of a clock of microseconds; they need no product of 128. */
static inline uint16_t dp_timing_us(const struct dp_worker *w, uint64_t tsc)
{
	return (uint16_t)((tsc * w->us_factor) >> 32);
}

/* How long ago by two clocks: one of milliseconds, right to 30 of them, and the lower bits of one
 * of microseconds, exact but for whole turns. */
static inline uint64_t dp_timing_passed_us(uint32_t passed_ms, uint16_t from_us, uint16_t to_us)
{
	int64_t about = (int64_t)passed_ms * 1000;
	// the number with those lower bits that is nearest
	int64_t passed = about + (int16_t)(to_us - from_us - about);

	return (uint64_t)(passed < 0 ? passed + UINT16_MAX + 1 : passed);
}

/* Which bucket of a handshake's; most are in one of the first. */
static inline unsigned dp_timing_bucket(uint64_t us)
{
	unsigned n = 0;

#define X(bound)                                                                                   \
	if (us <= bound)                                                                           \
		return n;                                                                          \
	n++;
	DP_HANDSHAKE_BOUNDS(X)
#undef X
	return n;
}

/* The server has answered; `c` is still what it was before. A SYN that had to be sent again counts
 * from the first. */
static inline void dp_timing_syn_ack(
	struct dp_worker *w, const struct dp_burst *b, const struct dp_conn *c) ON_WORKER;
static inline void dp_timing_syn_ack(
	struct dp_worker *w, const struct dp_burst *b, const struct dp_conn *c)
{
	uint64_t us = dp_timing_passed_us(b->now_ms - c->opened_ms, dp_flows_begun_us(&w->flows, c),
		dp_timing_us(w, b->now_tsc));

	w->handshakes[c->server].buckets[dp_timing_bucket(us)]++;
	w->servers[c->server].handshake_us += us;
}
