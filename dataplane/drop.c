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
