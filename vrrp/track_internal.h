#pragma once

#include "vrrp/track.h"

/* What the kinds of tracks share. track.c keeps the table and judges; a kind that has to look for
 * itself (track_script.c, track_file.c, track_process.c) tells what it finds. */

struct vrrp_track {
	struct vrrp_tracks *all;
	const struct conf_track *conf;
	unsigned group;
	bool is_up; // the thing itself, whatever `reverse` makes of it
	bool is_known;
	char why[VRRP_WORDS_LEN];
};

/* A result; it may be the same again. `why` is copied. */
void vrrp_track_set(struct vrrp_track *t, bool is_up, const char *why) ON_CONTROL;
/* Other words for what is, or is not yet, known. */
void vrrp_track_explain(struct vrrp_track *t, const char *why) ON_CONTROL;

/* All tracks of one kind; `tracks` is copied, those it points to stay. */
struct vrrp_track_set {
	struct vrrp_track *const *tracks;
	unsigned n;
	const struct conf *conf;
	struct event_base *base;
	struct vrrp_programs *programs;
};

/* track_script.c. NULL is fine for all that stop. */
struct vrrp_track_scripts;
int vrrp_track_scripts_start(
	const struct vrrp_track_set *set, struct vrrp_track_scripts **ret) ON_CONTROL;
void vrrp_track_scripts_stop(struct vrrp_track_scripts *all) ON_CONTROL;

/* track_file.c. What is there at the start is told at once; look(): once a second. */
struct vrrp_track_files;
int vrrp_track_files_start(
	const struct vrrp_track_set *set, struct vrrp_track_files **ret) ON_CONTROL;
void vrrp_track_files_look(struct vrrp_track_files *all) ON_CONTROL;
void vrrp_track_files_stop(struct vrrp_track_files *all) ON_CONTROL;

/* track_process.c. */
struct vrrp_track_processes;
int vrrp_track_processes_start(
	const struct vrrp_track_set *set, struct vrrp_track_processes **ret) ON_CONTROL;
void vrrp_track_processes_look(struct vrrp_track_processes *all) ON_CONTROL;
void vrrp_track_processes_stop(struct vrrp_track_processes *all) ON_CONTROL;
