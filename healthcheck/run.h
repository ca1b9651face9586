#pragma once

#include "healthcheck/health.h"

/* Extra probes on demand, with their dialogue, beside the regular ones: `poise check run`. */

struct hc_runs;
struct hc_targets;
struct mailbox;

/* Results (struct hc_run_result) go to `results`; both outlive it. -ENOMEM. */
int hc_runs_new(
	struct hc_targets *targets, struct mailbox *results, struct hc_runs **ret) ANY_THREAD;
/* Cancels what runs, without a result. While the loop does not run. NULL is fine. */
void hc_runs_free(struct hc_runs *runs) ANY_THREAD;

/* Starts a probe of target `id` at once; whatever happens, one result comes. */
void hc_runs_start(struct hc_runs *runs, unsigned id, uint64_t token) ON_HEALTH;
