/* The part of tracking that few packets need: a connection's state becomes another one. */
#include "dataplane/track.h"

#include "dataplane/timing.h"

static bool is_half_open(enum dp_l4_state state)
{
	return state == DP_L4_SYN || state == DP_L4_SYN_ACK || state == DP_L4_CLOSE;
}

static bool settle(struct dp_worker *w, struct dp_burst *b, struct dp_conn *c) ON_WORKER;
static bool settle(struct dp_worker *w, struct dp_burst *b, struct dp_conn *c)
{
	struct dp_conn *settled = dp_flows_settle(&w->flows, c);

	for (unsigned i = 0; settled && i < b->n; i++)
		if (b->pkt[i].conn == c)
			b->pkt[i].conn = settled;
	return settled != NULL;
}

bool dp_track_change(
	struct dp_worker *w, struct dp_burst *b, struct dp_pkt *p, enum dp_l4_state next)
{
	if (dp_flows_is_half_open(&w->flows, p->conn) && !is_half_open(next) &&
		!settle(w, b, p->conn))
		return false;
	if (next == DP_L4_SYN_ACK && p->conn->state == DP_L4_SYN)
		dp_timing_syn_ack(w, b, p->conn);
	dp_worker_set_state(w, p->conn, next);
	return true;
}
