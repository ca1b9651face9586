/* Between VRRP's engine and everything else of the control thread.
 *
 * The engine decides, ownership.c does: publish, lease, addresses. In the other direction the
 * engine is told of links and their addresses, of verdicts, and whether this node can forward: a
 * node that cannot holds no address. */
#include "control/failover.h"

#include "base/spawn.h"
#include "control/events.h"
#include "control/loop.h"
#include "control/netlink.h"
#include "vrrp/vrrp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_LEN = 96 };

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int take(void *arg, unsigned group, unsigned life_ms) ON_CONTROL;
static void renew(void *arg, unsigned group, unsigned life_ms) ON_CONTROL;
static void leave(void *arg, unsigned group) ON_CONTROL;
static void on_event(void *arg, const struct vrrp_event *event) ON_CONTROL;
static const char *why_not(const struct ctl *ctl, char *buf) ON_CONTROL;

static unsigned owner_of(unsigned group)
{
	return CTL_OWNER_OF_GROUPS + group;
}

static int take(void *arg, unsigned group, unsigned life_ms)
{
	struct ctl *ctl = arg;
	int r = ctl_publish_changes(ctl);

	return r < 0 ? r : ctl_ownership_take(ctl, owner_of(group), life_ms);
}

static void renew(void *arg, unsigned group, unsigned life_ms)
{
	ctl_ownership_renew(arg, owner_of(group), life_ms);
}

static void leave(void *arg, unsigned group)
{
	ctl_ownership_leave(arg, owner_of(group));
}

static void on_event(void *arg, const struct vrrp_event *event)
{
	ctl_event_vrrp(arg, event);
}

/* ---- what the engine is told
 * --------------------------------------------------------------------- */

void ctl_failover_set_links(struct ctl *ctl)
{
	for (unsigned i = 0; ctl->vrrp && i < ctl->conf->n_interfaces; i++) {
		const struct nl_link *link = nl_link(ctl->nl, i);
		const bool is_lost = ctl->loop->ports[i] < 0;
		struct vrrp_link now = {
			.ifindex = is_lost ? 0 : link->ifindex, .is_up = !is_lost && link->is_up};

		memcpy(now.mac, link->mac, sizeof(now.mac));
		(void)nl_find_source(ctl->nl, i, true, &now.source[CONF_V4]);
		(void)nl_find_source(ctl->nl, i, false, &now.source[CONF_V6]);
		vrrp_set_link(ctl->vrrp, i, &now);
		ctl->loop->had_link[i] |= now.is_up;
	}
}

void ctl_failover_set_services(struct ctl *ctl)
{
	for (unsigned i = 0; ctl->vrrp && i < ctl->n_services;) {
		const struct conf_service *conf = ctl->services[i].conf;
		bool is_up = true;

		// the halves of a service follow each other
		for (; i < ctl->n_services && ctl->services[i].conf == conf; i++)
			is_up &= ctl->services[i].quorum.state != CTL_QUORUM_DOWN;
		vrrp_set_service(ctl->vrrp, (unsigned)(conf - ctl->conf->services), is_up);
	}
}

/* A port that had a link since the start and lost it takes the node out, whatever VRRP runs on; one
 * that never had any is not in use. */
static const char *why_not(const struct ctl *ctl, char *buf)
{
	const unsigned n_workers = dp_n_workers(ctl->dp);

	for (unsigned i = 0; i < n_workers; i++)
		if (ctl->pulses[i].is_stuck) {
			(void)snprintf(buf, WORDS_LEN, "worker %u stands still", i);
			return buf;
		}
	for (unsigned i = 0; n_workers > 0 && i < ctl->conf->n_interfaces; i++) {
		const bool is_up = ctl->loop->ports[i] >= 0 && nl_link(ctl->nl, i)->is_up;

		if (is_up || !ctl->loop->had_link[i])
			continue;
		(void)snprintf(buf, WORDS_LEN, "port %s: no link", ctl->conf->interfaces[i].name);
		return buf;
	}
	return NULL;
}

void ctl_failover_look(struct ctl *ctl)
{
	char words[WORDS_LEN];

	if (!ctl->vrrp)
		return;
	if (ctl_ownership_has_all_verdicts(ctl))
		vrrp_set_checked(ctl->vrrp);
	vrrp_set_forwarding(ctl->vrrp, why_not(ctl, words));
}

int ctl_failover_fd(const struct ctl *ctl)
{
	return ctl->vrrp ? vrrp_fd(ctl->vrrp) : -1;
}

/* ---- life
 * ----------------------------------------------------------------------------------------- */

int ctl_failover_start(struct ctl *ctl)
{
	const struct vrrp_callbacks callbacks = {ctl, take, renew, leave, on_event};
	int r;

	if (ctl->conf->vrrp.n_groups == 0)
		return 0;
	r = vrrp_start(ctl->conf, ctl->base, ctl->hooks ? spawner_channel(ctl->hooks, 0) : NULL,
		&callbacks, &ctl->vrrp);
	if (r < 0)
		return r;
	ctl_failover_set_links(ctl);
	ctl_failover_set_services(ctl);
	return 0;
}

void ctl_failover_stop(struct ctl *ctl)
{
	vrrp_stop(ctl->vrrp);
	ctl->vrrp = NULL;
}
