/* A rewrite taken back: for the sender, who shall see his packet as he sent it. */
#include "dataplane/nat.h"

void dp_nat_undo(const struct dp_pkt *p, const struct dp_conn *c, const struct dp_server *server)
{
	bool is_in = p->key.dir == DP_DIR_IN;
	struct dp_edit e = dp_nat_edit_for(c, server, !is_in);

	e.is_source = !is_in;
	e.flip = is_in ? 0xffff : 0;
	dp_nat_apply_edit(p, c, &e, 0);
}
