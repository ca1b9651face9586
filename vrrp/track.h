#pragma once

#include "vrrp/programs.h"

/* What a group's priority and health depend on: conf_track. Scripts run every interval through
 * programs.h, never twice at a time; files are watched by inotify on their folder and looked at
 * once a second besides (a file that comes with its folder, or is linked); processes are looked for
 * in /proc once a second, bounded; links and services are told by the engine. */

struct event_base;
struct vrrp_tracks; // of all groups

/* Called when a group's sum, whether there is a fault, or whether all is known, may have changed;
 * also from within vrrp_tracks_set_...(), not from within vrrp_tracks_start(). It
 * must not stop the tracks. */
typedef void vrrp_tracks_changed(void *arg, unsigned group);
/* A track went up or down, or is down from the beginning, in words for people: also from within
 * vrrp_tracks_start(). */
typedef void vrrp_tracks_tell(void *arg, unsigned group, const char *words);
struct vrrp_tracks_setup {
	const struct conf *conf;
	struct event_base *base;
	struct vrrp_programs *programs; // NULL: no track is a script
	vrrp_tracks_changed *changed;
	vrrp_tracks_tell *tell; // NULL: nobody is told
	void *arg;
};
/* -ENOMEM, -errno of inotify. */
int vrrp_tracks_start(const struct vrrp_tracks_setup *setup, struct vrrp_tracks **ret) ON_CONTROL;
/* NULL is fine. */
void vrrp_tracks_stop(struct vrrp_tracks *all) ON_CONTROL;

void vrrp_tracks_set_link(struct vrrp_tracks *all, unsigned interface, bool is_up) ON_CONTROL;
void vrrp_tracks_set_service(struct vrrp_tracks *all, unsigned service, bool is_up) ON_CONTROL;

/* What all of a group's tracks add to its priority now. A track that is not known yet adds nothing
 * below 0 and nothing above it, unless the configuration says how a script begins. */
int vrrp_tracks_adjustment(const struct vrrp_tracks *all, unsigned group) ON_CONTROL;
/* The first track of weight 0 that is down, in words ("track uplink: exit 1"); NULL: none. Valid
 * until the next change. */
const char *vrrp_tracks_fault(const struct vrrp_tracks *all, unsigned group) ON_CONTROL;
/* Every track has had a first result. */
bool vrrp_tracks_are_known(const struct vrrp_tracks *all, unsigned group) ON_CONTROL;
void vrrp_tracks_read(const struct vrrp_tracks *all, unsigned group, unsigned track,
	struct vrrp_track_status *ret) ON_CONTROL;
