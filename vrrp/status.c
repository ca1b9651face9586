/* What can be seen of the engine, and the commands that change it. */
#include "vrrp/engine.h"

#include <errno.h>
#include <stdio.h>

void vrrp_read_group(const struct vrrp *v, unsigned group, struct vrrp_group_status *ret)
{
	const struct vrrp_group *g = &v->groups[group];

	*ret = g->status;
	ret->state = vrrp_fsm_state(g->phase);
	ret->why = g->why;
	ret->priority_base = g->priority_base;
	ret->priority = g->priority;
	ret->is_released = g->is_released;
	ret->is_gate_running = g->gate_run != VRRP_NO_RUN;
	ret->is_waiting_to_preempt =
		g->phase == VRRP_PHASE_BACKUP && vrrp_now_us() < g->preempt_at_us;
	ret->lease_life_ms =
		vrrp_election_lease_ms(g->instances[0].version, g->priority, g->conf->advert_ms);
}

void vrrp_read_instance(
	const struct vrrp *v, unsigned group, unsigned instance, struct vrrp_instance_status *ret)
{
	const struct vrrp_group *g = &v->groups[group];
	const struct vrrp_instance *i = &g->instances[instance];

	*ret = i->status;
	ret->state = vrrp_fsm_state(g->phase);
	ret->is_open = i->socket.rx_fd != VRRP_SOCKET_CLOSED;
	ret->source = i->source;
	ret->advert_ms = g->phase == VRRP_PHASE_MASTER ? g->conf->advert_ms : i->master_advert_ms;
}

void vrrp_read_track(
	const struct vrrp *v, unsigned group, unsigned track, struct vrrp_track_status *ret)
{
	vrrp_tracks_read(v->tracks, group, track, ret);
}

/* ---- commands ----------------------------------------------------------------------------------
 */

int vrrp_set_priority(struct vrrp *v, unsigned group, unsigned priority)
{
	struct vrrp_group *g = &v->groups[group];

	if (g->conf->priority == VRRP_PRIORITY_OWNER)
		return -EPERM;
	if (priority >= VRRP_PRIORITY_OWNER)
		return -EINVAL;
	g->priority_base = priority == VRRP_PRIORITY_OF_FILE ? g->conf->priority : priority;
	g->is_released = false;
	vrrp_group_look_for_stall(g, vrrp_now_us());
	vrrp_group_weigh(g);
	if (g->phase == VRRP_PHASE_MASTER)
		for (unsigned i = 0; i < g->conf->n_instances; i++) // peers shall know it now
			vrrp_instance_send(&g->instances[i], g->priority);
	vrrp_rearm(v);
	return 0;
}

int vrrp_release(struct vrrp *v, unsigned group)
{
	struct vrrp_group *g = &v->groups[group];

	vrrp_group_look_for_stall(g, vrrp_now_us());
	if (g->phase != VRRP_PHASE_MASTER)
		return -EALREADY;
	vrrp_group_happen(g, VRRP_EV_RELEASE, NULL, "released by command");
	g->is_released = true;
	vrrp_rearm(v);
	return 0;
}
