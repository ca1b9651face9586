#pragma once

#include "healthcheck/health.h"

/* All targets of one hc on one event loop: when each is probed, and what is reported.
 * The loop runs on the health thread; before and after, one other thread may make and free. */

struct hc_probe_job;
struct hc_shared;
struct hc_targets;
struct mailbox;

/* At most max_running probes run at a time; the others wait, which is no failure. The reports
 * (struct hc_report) go to `reports`. `shared` and `reports` must outlive the targets, and so
 * must all that `targets` points to, but not the array itself. -ENOMEM; -EINVAL: a check's
 * pattern that does not compile. */
struct hc_targets_setup {
	struct hc_shared *shared;
	struct mailbox *reports;
	unsigned max_running;
};

int hc_targets_new(const struct hc_target *targets, unsigned n,
	const struct hc_targets_setup *setup, struct hc_targets **ret) ANY_THREAD;
/* Cancels what runs. While `base` does not loop. NULL is fine. */
void hc_targets_free(struct hc_targets *set) ANY_THREAD;

/* Begins with the first probes: at once, as fast as the loop can start them fairly. */
void hc_targets_start(struct hc_targets *set) ON_HEALTH;

/* What the probe of the caller's target `id` is about, good as long as the targets; NULL: no such
 * id. */
const struct hc_probe_job *hc_targets_job(const struct hc_targets *set, unsigned id) ON_HEALTH;
