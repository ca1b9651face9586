/* The engine's parts that have files and programs, played. */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- tracks ------------------------------------------------------------------------------------
 */

struct vrrp_tracks {
	struct world_node *node;
};

int vrrp_tracks_start(const struct vrrp_tracks_setup *setup, struct vrrp_tracks **ret)
{
	(void)setup;
	*ret = calloc(1, sizeof(**ret));
	assert(*ret);
	(*ret)->node = world_starting();
	return 0;
}

void vrrp_tracks_stop(struct vrrp_tracks *t)
{
	free(t);
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

/* ---- programs: there are none
 * --------------------------------------------------------------------
 */

int vrrp_programs_start(
	struct event_base *base, struct spawn_channel *channel, struct vrrp_programs **ret)
{
	(void)base;
	(void)channel;
	(void)ret;
	return -1;
}

void vrrp_programs_stop(struct vrrp_programs *p)
{
	(void)p;
}

int vrrp_programs_run(
	struct vrrp_programs *p, const struct vrrp_program *program, uint64_t *ret_run)
{
	(void)p;
	(void)program;
	(void)ret_run;
	return -1;
}

void vrrp_programs_cancel(struct vrrp_programs *p, uint64_t run)
{
	(void)p;
	(void)run;
}

void vrrp_programs_words(
	const struct spawn_result *result, uint32_t timeout_ms, char *buf, size_t size)
{
	(void)result;
	(void)timeout_ms;
	(void)snprintf(buf, size, "ran");
}

int vrrp_notify_start(
	const struct conf *conf, struct vrrp_programs *programs, struct vrrp_notify **ret)
{
	(void)conf;
	(void)programs;
	(void)ret;
	return 0;
}

void vrrp_notify_stop(struct vrrp_notify *n)
{
	(void)n;
}

void vrrp_notify_tell(
	struct vrrp_notify *n, unsigned group, enum vrrp_notice notice, unsigned priority)
{
	(void)n;
	(void)group;
	(void)notice;
	(void)priority;
}

void vrrp_notify_drain(struct vrrp_notify *n, unsigned timeout_ms)
{
	(void)n;
	(void)timeout_ms;
}
