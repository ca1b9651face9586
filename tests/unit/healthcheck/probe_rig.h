#pragma once

#include "healthcheck/probe.h"

#include <event2/event.h>

/* What target.c is to a probe, in small: one probe on a loop of its own, with its timeout. */

struct probe_rig {
	struct event_base *base;
	struct hc_shared *shared;
	struct hc_probe_job job;
	const struct hc_probe_ops *ops;
	void *state;
	struct hc_outcome outcome;
	unsigned n_done; // calls of on_done
	bool is_running;
};

/* Towards 127.0.0.1; `check` must stay. timeout_ms of it is kept. */
void rig_start(struct probe_rig *rig, const struct hc_probe_ops *ops,
	const struct conf_check *check, uint16_t port);
void rig_stop(struct probe_rig *rig);

/* One probe to its end. */
const struct hc_outcome *rig_probe(struct probe_rig *rig);
/* Starts one and lets the loop run for so long; true if it still runs. */
bool rig_begin(struct probe_rig *rig, unsigned for_ms);
/* Cancels it, and lets the loop run some more: nobody may call back. */
void rig_cancel(struct probe_rig *rig);

/* Runs one probe and compares. */
void rig_expect(struct probe_rig *rig, enum hc_result result, const char *detail);
/* The same with a trace; the dialogue, to be freed. */
char *rig_dialogue(struct probe_rig *rig);
