#pragma once

#include "base/log.h"
#include "control/event_limit.h"
#include "control/event_ring.h"

/* Changes of state: a line in the log and an event in the ring, by one call. */

enum { CTL_EVENTS_MAX = 10000 };

struct ctl;
struct ctl_peer;
struct ctl_service;
struct vrrp_event;

/* Before the first event. -ENOMEM. */
int ctl_events_start(struct ctl *ctl) ON_CONTROL;
/* After the last. NULL-safe. */
void ctl_events_stop(struct ctl *ctl) ON_CONTROL;
/* Now and then: tells of lines that were kept back. */
void ctl_events_look(struct ctl *ctl, int64_t now_ms) ON_CONTROL;

/* What an event is, beside its line. NULL wherever there is none. */
struct ctl_event_def {
	enum ctl_event_kind kind;
	enum log_level level;
	const char *object;
	const char *before, *after;
	const char *cause;              // a word
	const struct ctl_service *half; // of a service
	const struct ctl_peer *peer;    // who commanded it
	/* Of what a peer can make change; lives as long as the model. */
	struct ctl_event_limit *limit;
};

/* The line goes to the log, within the limit, and with the event into the ring; readers that follow
 * it are woken. Without ctl_events_start() only to the log. */
void ctl_event(struct ctl *ctl, const struct ctl_event_def *def, const char *format, ...)
	__attribute__((format(printf, 3, 4))) ON_CONTROL;

/* For the engine's on_event(). */
void ctl_event_vrrp(struct ctl *ctl, const struct vrrp_event *event) ON_CONTROL;
/* Of the interface's link, where it differs from the last call. The first call tells only of one
 * that is down. */
void ctl_event_link(struct ctl *ctl, unsigned interface, bool is_up) ON_CONTROL;
/* The ring, for readers. */
const struct ctl_event_ring *ctl_events_ring(const struct ctl *ctl) ON_CONTROL;
