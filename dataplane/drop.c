/* Names of the drop reasons: one list (dp.h), two readings. Pure. */
#include "dataplane/dp.h"

#include <assert.h>

#define X(id, label, help) [DP_DROP_##id] = label,
static const char *const labels[DP_N_DROPS] = {DP_DROP_LIST(X)};
#undef X

#define X(id, label, help) [DP_DROP_##id] = help,
static const char *const helps[DP_N_DROPS] = {DP_DROP_LIST(X)};
#undef X

const char *dp_drop_label(enum dp_drop reason)
{
	assert(reason > DP_KEEP && reason < DP_N_DROPS);
	return labels[reason];
}

const char *dp_drop_help(enum dp_drop reason)
{
	assert(reason > DP_KEEP && reason < DP_N_DROPS);
	return helps[reason];
}

bool dp_drop_may_be_of_service(enum dp_drop reason)
{
	switch (reason) {
	case DP_DROP_NOT_OURS: // its client claims an address of this machine
	case DP_DROP_NO_CONNECTION:
	case DP_DROP_NO_SERVER:
	case DP_DROP_TABLE_FULL:
	case DP_DROP_CLIENT_LIMIT:
	case DP_DROP_TUPLE_IN_USE:
	case DP_DROP_NO_ROUTE:
	case DP_DROP_NO_NEIGHBOUR:
	case DP_DROP_TOO_BIG:
	case DP_DROP_NO_BUFFER:
	case DP_DROP_RATE_LIMITED:
		return true;
	default:
		return false; // found out before the service is, or after it is forgotten
	}
}
