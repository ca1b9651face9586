/* The worker's decision beside the XDP program's: both are asked about the same frames. */
#include "tests/unit/dataplane/xdp/twin.h"

#include "dataplane/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1000 };

void twin_init(struct twin *t)
{
	struct cell_sets sets;

	cells_sets(&sets);
	memset(t, 0, sizeof(*t));
	t->services = dp_services_new(&sets.services);
	t->locals = dp_locals_new(sets.locals, CELL_LOCALS);
	assert_true(t->services && t->locals);
	t->leases[0] = NOW + 1;
	t->leases[1] = NOW; // over just now
}

void twin_fini(struct twin *t)
{
	dp_services_put(t->services);
	dp_locals_put(t->locals);
}

enum fate twin_ask(const struct twin *t, const struct frame *f)
{
	static const enum fate fates[] = {[DP_TO_WORKER] = WORKER,
		[DP_TO_WORKER_UNTAGGED] = WORKER,
		[DP_TO_KERNEL] = KERNEL,
		[DP_VIP_LOST] = NOT_OWNED};
	const struct dp_decide by = {
		.services = t->services,
		.locals = t->locals,
		.leases = t->leases,
		.now_tsc = NOW,
		.mac = t->mac,
	};

	return fates[dp_decide(&by, f->bytes, f->len)];
}
