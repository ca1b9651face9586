/* Sixth stage, the last: what a packet means for its connection, its rewrite, its way out. Each
 * of the three is a file of its own (track.h, nat.h, nexthop.h); they are done packet by packet,
 * since all three need the same few lines of memory: connection, server and header. No packet
 * stays live behind it. */
#include "dataplane/nat.h"
#include "dataplane/nexthop.h"
#include "dataplane/pipeline.h"
#include "dataplane/track.h"

void dp_forward_stage(struct dp_worker *w, struct dp_burst *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct dp_pkt *p = &b->pkt[i];

		if (!p->conn) {
			dp_nat_route_on(p);
		} else if (dp_track(w, b, p)) {
			dp_nat_translate(p, b->tables->servers);
		} else {
			p->service = (int32_t)b->tables->servers[p->conn->server].service;
			dp_burst_drop(w, p, DP_DROP_TABLE_FULL);
			continue;
		}
		dp_nexthop(w, b, p);
	}
	b->n = 0;
}
