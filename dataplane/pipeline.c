/* The ordered list of stages: start reading here. docs/packet-walk.md follows one packet.
 *
 * Every stage takes the live packets of a burst and leaves a subset of them live. A stage
 * never sees a packet that an earlier one dropped or answered.
 *
 * Two bursts are under way: the buckets of one come from memory while the one before is brought to
 * its end, its records while the next is received and classified. A guess is made when the burst
 * before has done all that it does to the table; and the stage behind checks every guess. */
#include "dataplane/pipeline.h"

#include "dataplane/steer.h"
#include "dataplane/timing.h"
#include "dataplane/watch.h"

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void begin(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
static void finish(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
static inline void forward(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
static void begin_watched(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
static void finish_watched(struct dp_worker *w, struct dp_burst *b) ON_WORKER;

static void begin(struct dp_worker *w, struct dp_burst *b)
{
	dp_classify_stage(w, b); // parse; to a VIP, or from or to a server
	dp_steer_stage(w, b);    // another worker's flow?
	dp_ask_stage(w, b);      // its place in the table
}

static inline void forward(struct dp_worker *w, struct dp_burst *b)
{
	w->times.left -= (int32_t)b->n;
	dp_forward_stage(w, b);
	if (__builtin_expect(w->times.left <= 0, false))
		dp_timing_begin(w, b);
}

static void finish(struct dp_worker *w, struct dp_burst *b)
{
	dp_conn_stage(w, b);   // known flow?
	dp_decide_stage(w, b); // no XDP program has chosen: ours?
	dp_sched_stage(w, b);  // new flow: server and connection
	forward(w, b);         // state, rewrite, route, L2 header, into the port's queue
}

/* ---- the same while somebody captures or traces ---------------------------------------------- */

static void look(struct dp_worker *w, struct dp_burst *b, enum dp_trace_stage stage) ON_WORKER;
static void look(struct dp_worker *w, struct dp_burst *b, enum dp_trace_stage stage)
{
	if (w->watch->trace_tape)
		dp_trace_look(w, b, stage);
}

static void begin_watched(struct dp_worker *w, struct dp_burst *b)
{
	dp_watch_received(w, b);
	dp_classify_stage(w, b);
	look(w, b, DP_TRACE_CLASSIFY);
	dp_steer_stage(w, b);
	look(w, b, DP_TRACE_STEER);
	dp_ask_stage(w, b);
}

static void finish_watched(struct dp_worker *w, struct dp_burst *b)
{
	dp_conn_stage(w, b);
	look(w, b, DP_TRACE_CONN);
	dp_decide_stage(w, b);
	look(w, b, DP_TRACE_DECIDE);
	dp_sched_stage(w, b);
	look(w, b, DP_TRACE_SCHED);
	if (w->watch->trace_tape)
		dp_trace_before_forward(w, b);
	forward(w, b);
	if (w->watch->trace_tape)
		dp_trace_end(w, b);
}

struct dp_burst *dp_pipeline_free(struct dp_worker *w)
{
	return w->under_way == &w->burst ? &w->other : &w->burst;
}

void dp_pipeline_push(struct dp_worker *w, struct dp_burst *b)
{
	if (__builtin_expect(w->watch != NULL, false))
		begin_watched(w, b);
	else
		begin(w, b);
	dp_pipeline_finish(w);
	dp_guess_stage(w, b); // its likely connection
	w->under_way = b;
}

void dp_pipeline_finish(struct dp_worker *w)
{
	if (w->under_way && __builtin_expect(w->watch != NULL, false))
		finish_watched(w, w->under_way);
	else if (w->under_way)
		finish(w, w->under_way);
	w->under_way = NULL;
}

void dp_pipeline_run(struct dp_worker *w, struct dp_burst *b)
{
	dp_pipeline_push(w, b);
	dp_pipeline_finish(w);
}
