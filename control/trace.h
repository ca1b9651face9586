#pragma once

#include "control/control.h"

/* Traces of packets: one `trace add` at a time, kept until the next. */

/* A step of a packet's way, in words. */
struct ctl_trace_step {
	const char *stage; // static
	char text[256];
};

enum { CTL_TRACE_MAX_STEPS = 10 };

/* The steps that it has gone; how many. */
unsigned ctl_trace_steps(const struct ctl *ctl, const struct dp_trace *t,
	struct ctl_trace_step ret_steps[CTL_TRACE_MAX_STEPS]) ON_CONTROL;

/* Takes what has come; about once a second. */
void ctl_trace_look(struct ctl *ctl) ON_CONTROL;
/* Before the data plane stops. */
void ctl_trace_stop(struct ctl *ctl) ON_CONTROL;
