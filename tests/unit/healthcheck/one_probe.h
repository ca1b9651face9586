#pragma once

#include "healthcheck/probe.h"

#include <stdbool.h>

/* Runs probes of one kind as target.c does, one at a time, on a loop of their own: with a timeout
 * that cancels, and a check that nothing calls back afterwards. */
struct one_probe {
	struct event_base *base; // for servers of the test, too
	struct hc_shared *shared;
	const struct hc_probe_ops *ops;
	struct hc_probe_job job;
	void *state;
	struct hc_outcome outcome;
	bool is_running;
	bool has_timed_out;
	unsigned n_late; // calls of on_done after the end
};

void one_probe_init(struct one_probe *p, const struct hc_probe_ops *ops,
	const struct conf_check *check, const char *address);
void one_probe_fini(struct one_probe *p);

/* Runs one to its end, and the loop on for a while; p->outcome says how it went. */
void one_probe_run(struct one_probe *p, uint16_t port);
/* Starts one and cancels it after so many turns of the loop, unless it is over by then. */
void one_probe_cut_off(struct one_probe *p, uint16_t port, unsigned n_turns);

/* Runs one; fails the test if it does not end with this result and these words. */
void one_probe_expect(
	struct one_probe *p, uint16_t port, enum hc_result result, const char *detail);
