/* The engine's parts that have files and programs, played. */
#include "world.h"

#include "base/spawn.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- tracks --------------------------------------------------------------------------------- */

struct vrrp_tracks {
	struct world_node *node;
	vrrp_tracks_changed *changed;
	void *arg;
};

int vrrp_tracks_start(const struct vrrp_tracks_setup *setup, struct vrrp_tracks **ret)
{
	*ret = calloc(1, sizeof(**ret));
	assert(*ret);
	(*ret)->node = world_starting();
	(*ret)->changed = setup->changed;
	(*ret)->arg = setup->arg;
	(*ret)->node->tracks = *ret;
	return 0;
}

void vrrp_tracks_stop(struct vrrp_tracks *t)
{
	if (t && t->node->tracks == t)
		t->node->tracks = NULL;
	free(t);
}

void world_set_tracks(struct world_node *node, int adjustment, const char *fault)
{
	node->adjustment = adjustment;
	node->fault = fault;
	if (node->tracks)
		node->tracks->changed(node->tracks->arg, 0);
}

void vrrp_tracks_set_link(struct vrrp_tracks *t, unsigned interface, bool is_up)
{
	(void)t;
	(void)interface;
	(void)is_up;
}

void vrrp_tracks_set_service(struct vrrp_tracks *t, unsigned service, bool is_up)
{
	(void)t;
	(void)service;
	(void)is_up;
}

int vrrp_tracks_adjustment(const struct vrrp_tracks *t, unsigned group)
{
	(void)group;
	return t->node->adjustment;
}

const char *vrrp_tracks_fault(const struct vrrp_tracks *t, unsigned group)
{
	(void)group;
	return t->node->fault;
}

bool vrrp_tracks_are_known(const struct vrrp_tracks *t, unsigned group)
{
	(void)t;
	(void)group;
	return true;
}

void vrrp_tracks_read(
	const struct vrrp_tracks *t, unsigned group, unsigned track, struct vrrp_track_status *ret)
{
	(void)t;
	(void)group;
	(void)track;
	*ret = (struct vrrp_track_status){.is_up = true};
}

/* ---- programs: one at a time, a gate's ------------------------------------------------------ */

struct vrrp_programs {
	struct world_node *node;
	uint64_t n_runs;
};

int vrrp_programs_start(
	struct event_base *base, struct spawn_channel *channel, struct vrrp_programs **ret)
{
	(void)base;
	(void)channel;
	*ret = calloc(1, sizeof(**ret));
	assert(*ret);
	(*ret)->node = world_starting();
	return 0;
}

void vrrp_programs_stop(struct vrrp_programs *p)
{
	free(p);
}

int vrrp_programs_run(
	struct vrrp_programs *p, const struct vrrp_program *program, uint64_t *ret_run)
{
	struct world_node *node = p->node;

	assert(node->run.id == VRRP_NO_RUN);
	if (node->n_busy > 0) {
		node->n_busy--;
		return -EAGAIN;
	}
	node->run = (struct world_run){
		++p->n_runs, world_now_us() + node->gate_us, program->ended, program->arg};
	*ret_run = node->run.id;
	return 0;
}

void vrrp_programs_cancel(struct vrrp_programs *p, uint64_t run)
{
	if (p->node->run.id == run)
		p->node->run.id = VRRP_NO_RUN;
}

void vrrp_programs_words(
	const struct spawn_result *result, uint32_t timeout_ms, char *buf, size_t size)
{
	(void)timeout_ms;
	(void)snprintf(buf, size, "exit %d", result->value);
}

int64_t world_program_ends_us(const struct world_node *node)
{
	return node->run.id == VRRP_NO_RUN ? 0 : node->run.ends_us;
}

void world_end_program(struct world_node *node)
{
	const struct world_run run = node->run;
	const struct spawn_result result = {
		.id = run.id, .end = SPAWN_EXITED, .value = node->gate_fails};

	if (run.id == VRRP_NO_RUN || run.ends_us > world_now_us())
		return;
	node->run.id = VRRP_NO_RUN;
	run.ended(run.arg, &result);
}

/* ---- notices: nobody is told, but the end waits --------------------------------------------- */

struct vrrp_notify {
	struct world_node *node;
};

int vrrp_notify_start(
	const struct conf *conf, struct vrrp_programs *programs, struct vrrp_notify **ret)
{
	(void)conf;
	*ret = calloc(1, sizeof(**ret));
	assert(*ret);
	(*ret)->node = programs->node;
	return 0;
}

void vrrp_notify_stop(struct vrrp_notify *n)
{
	free(n);
}

void vrrp_notify_tell(
	struct vrrp_notify *n, unsigned group, enum vrrp_notice notice, unsigned priority)
{
	(void)n;
	(void)group;
	(void)notice;
	(void)priority;
}

/* Results that are on their way come in meanwhile, also those of tracks. */
void vrrp_notify_drain(struct vrrp_notify *n, unsigned timeout_ms)
{
	(void)timeout_ms;
	if (n->node->has_more_to_say)
		world_set_tracks(n->node, n->node->adjustment, n->node->fault);
}
