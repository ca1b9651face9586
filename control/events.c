/* Changes of state as lines of the log and as events that can be asked for.
 *
 * The ring has them all; the log has at most CTL_EVENT_LINES a minute of one object that a peer can
 * make change. What was kept back is told when the minute is over, by the last of those lines: so
 * the log always ends with how things stand. */
#include "control/events.h"

#include "control/admin.h"
#include "control/show.h"
#include "vrrp/vrrp.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOKS_A_TURN = 64 };

enum link_state { LINK_UNKNOWN, LINK_DOWN, LINK_UP };

TAILQ_HEAD(kept_back, ctl_event_limit);

struct ctl_events {
	struct ctl_event_ring *ring;
	struct kept_back kept_back;
	struct ctl_event_limit groups[CONF_MAX_GROUPS];
	struct ctl_event_limit ports[CONF_MAX_INTERFACES];
	enum link_state links[CONF_MAX_INTERFACES];
};

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- life ------------------------------------------------------------------------------------ */

int ctl_events_start(struct ctl *ctl)
{
	struct ctl_events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	TAILQ_INIT(&e->kept_back);
	e->ring = ctl_event_ring_new(CTL_EVENTS_MAX);
	if (!e->ring) {
		free(e);
		return -ENOMEM;
	}
	ctl->events = e;
	return 0;
}

void ctl_events_stop(struct ctl *ctl)
{
	if (!ctl->events)
		return;
	ctl_event_ring_free(ctl->events->ring);
	free(ctl->events);
	ctl->events = NULL;
}

const struct ctl_event_ring *ctl_events_ring(const struct ctl *ctl)
{
	return ctl->events->ring;
}

/* ---- the log's limit ------------------------------------------------------------------------- */

static void keep_back(struct ctl_events *e, struct ctl_event_limit *limit, uint64_t number)
{
	if (limit->n_kept == 1)
		TAILQ_INSERT_TAIL(&e->kept_back, limit, entry);
	limit->last = number;
}

static void tell_kept_back(
	const struct ctl_events *e, struct ctl_event_limit *limit, int64_t now_ms)
{
	const struct ctl_event *last = ctl_event_ring_find(e->ring, limit->last);
	unsigned n = ctl_event_limit_restart(limit, now_ms);

	if (!last)
		log_warn("events: %u lines of one object were not logged, nor are they kept", n);
	else if (n > 1)
		log_line((enum log_level)last->level,
			"%s (and %u lines before it that were not logged)", last->text, n - 1);
	else
		log_line((enum log_level)last->level, "%s", last->text);
}

void ctl_events_look(struct ctl *ctl, int64_t now_ms)
{
	struct ctl_events *e = ctl->events;
	struct ctl_event_limit *limit;

	for (unsigned i = 0; i < LOOKS_A_TURN && (limit = TAILQ_FIRST(&e->kept_back)); i++) {
		TAILQ_REMOVE(&e->kept_back, limit, entry);
		if (ctl_event_limit_is_due(limit, now_ms))
			tell_kept_back(e, limit, now_ms);
		else
			TAILQ_INSERT_TAIL(&e->kept_back, limit, entry);
	}
}

/* ---- an event -------------------------------------------------------------------------------- */

static uint64_t add(
	struct ctl_events *e, const struct ctl_event_def *def, const char *text) ON_CONTROL;
static uint64_t add(struct ctl_events *e, const struct ctl_event_def *def, const char *text)
{
	struct ctl_event *event = ctl_event_ring_add(e->ring);

	event->at_ms = clock_ms(CLOCK_REALTIME);
	event->kind = def->kind;
	event->level = (int)def->level;
	if (def->half) {
		event->family = ctl_show_family(def->half->family);
		event->protocol = ctl_show_protocol_name(def->half->protocol);
	}
	if (def->peer) {
		event->uid = def->peer->uid;
		event->pid = def->peer->pid;
	}
	ctl_event_copy(event->object, sizeof(event->object), def->object);
	ctl_event_copy(event->before, sizeof(event->before), def->before);
	ctl_event_copy(event->after, sizeof(event->after), def->after);
	ctl_event_copy(event->cause, sizeof(event->cause), def->cause);
	ctl_event_copy(event->text, sizeof(event->text), text);
	return event->number;
}

void ctl_event(struct ctl *ctl, const struct ctl_event_def *def, const char *format, ...)
{
	struct ctl_event_limit *limit = ctl->events ? def->limit : NULL;
	char line[LOG_LINE_MAX + 1];
	uint64_t number = 0;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (ctl->events)
		number = add(ctl->events, def, line);
	if (!limit || ctl_event_limit_admit(limit, clock_ms(CLOCK_MONOTONIC)))
		log_line(def->level, "%s", line);
	else
		keep_back(ctl->events, limit, number);
	if (ctl->events)
		ctl_admin_tell(ctl);
}

/* ---- of those who have no place of their own for it -------------------------------------------
 */

void ctl_event_vrrp(struct ctl *ctl, const struct vrrp_event *event)
{
	const char *group = ctl->conf->vrrp.groups[event->group].name;
	const char *state = vrrp_state_name(event->state);
	struct ctl_event_def def = {.kind = CTL_EVENT_VRRP,
		.level = LOG_LEVEL_NOTICE,
		.object = group,
		.before = vrrp_state_name(event->before),
		.after = state,
		.cause = "vrrp",
		.limit = ctl->events ? &ctl->events->groups[event->group] : NULL};

	if (event->before == event->state)
		ctl_event(ctl, &def, "vrrp %s: %s state=%s", group, event->why, state);
	else
		ctl_event(ctl, &def, "vrrp %s: %s -> %s: %s", group, def.before, state, event->why);
}

void ctl_event_link(struct ctl *ctl, unsigned interface, bool is_up)
{
	const struct conf_interface *conf = &ctl->conf->interfaces[interface];
	const enum link_state state = is_up ? LINK_UP : LINK_DOWN;
	enum link_state *known;
	struct ctl_event_def def = {.kind = CTL_EVENT_PORT,
		.level = is_up ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARN,
		.object = conf->name,
		.after = is_up ? "up" : "down",
		.cause = "link"};

	assert(ctl->events);
	known = &ctl->events->links[interface];
	if (*known == state)
		return;
	def.limit = &ctl->events->ports[interface];
	def.before = *known == LINK_UNKNOWN ? NULL : *known == LINK_UP ? "up" : "down";
	if (*known != LINK_UNKNOWN || !is_up)
		ctl_event(ctl, &def, "port %s: link is %s: device=%s", conf->name, def.after,
			conf->device);
	*known = state;
}
