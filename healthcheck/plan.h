#pragma once

#include "healthcheck/health.h"

/* Which of the caller's targets are the same probe. */
struct hc_plan {
	const struct hc_target **sorted; // the caller's; identical ones side by side
	unsigned n_sorted;
	unsigned *first; // probe i serves sorted[first[i]] to sorted[first[i + 1] - 1]
	unsigned n_probes;
};

/* `targets` must outlive the plan. -ENOMEM. */
int hc_plan_init(const struct hc_target *targets, unsigned n, struct hc_plan *ret_plan) ANY_THREAD;
void hc_plan_fini(struct hc_plan *plan) ANY_THREAD;
