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

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void begin(struct dp_worker *w, struct dp_burst *b) ON_WORKER;
static void finish(struct dp_worker *w, struct dp_burst *b) ON_WORKER;

static void begin(struct dp_worker *w, struct dp_burst *b)
{
	dp_classify_stage(w, b); // parse; to a VIP, or from or to a server
	dp_steer_stage(w, b);    // another worker's flow?
	dp_ask_stage(w, b);      // its place in the table
}

static void finish(struct dp_worker *w, struct dp_burst *b)
{
	dp_conn_stage(w, b);   // known flow?
	dp_decide_stage(w, b); // no XDP program has chosen: ours?
	dp_sched_stage(w, b);  // new flow: server and connection
	w->times.left -= (int32_t)b->n;
	dp_forward_stage(w, b); // state, rewrite, route, L2 header, into the port's queue
	if (__builtin_expect(w->times.left <= 0, false))
		dp_timing_begin(w, b);
}

struct dp_burst *dp_pipeline_free(struct dp_worker *w)
{
	return w->under_way == &w->burst ? &w->other : &w->burst;
}

void dp_pipeline_push(struct dp_worker *w, struct dp_burst *b)
{
	begin(w, b);
	dp_pipeline_finish(w);
	dp_guess_stage(w, b); // its likely connection
	w->under_way = b;
}

void dp_pipeline_finish(struct dp_worker *w)
{
	if (w->under_way)
		finish(w, w->under_way);
	w->under_way = NULL;
}

void dp_pipeline_run(struct dp_worker *w, struct dp_burst *b)
{
	dp_pipeline_push(w, b);
	dp_pipeline_finish(w);
}
