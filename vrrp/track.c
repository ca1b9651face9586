/* The tracks of all groups: what each says, and what that makes of its group.
 *
 * A track is a claim about a thing, "it is up", that becomes known with its first result. Until
 * then it has no weight, but for a script, which begins as the configuration says. What follows is
 * counted anew whenever it is asked for: there are few. */
#include "vrrp/track_internal.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_LEN = 256 + VRRP_WORDS_LEN }; // a name may be a path

struct group {
	unsigned first, n;
	char fault[FAULT_LEN]; // "": none
};

enum told { NEVER_TOLD, TOLD_UP, TOLD_DOWN };

struct vrrp_tracks {
	const struct conf *conf;
	vrrp_tracks_changed *changed;
	vrrp_tracks_tell *tell; // NULL: nobody is told
	void *arg;
	bool is_starting; // its user does not have it yet
	struct vrrp_track *tracks;
	unsigned n_tracks;
	struct group *groups;
	uint8_t *services; // enum told
	struct vrrp_track_scripts *scripts;
	struct vrrp_track_files *files;
	struct vrrp_track_processes *processes;
	struct event *tick;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void on_tick(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void judge_pool(struct vrrp_tracks *all, struct vrrp_track *t) ON_CONTROL;
static int start_kinds(struct vrrp_tracks *all, struct event_base *base,
	struct vrrp_programs *programs) ON_CONTROL;
static void explain_all(struct vrrp_tracks *all) ON_CONTROL;

/* ---- what a track makes of its group -------------------------------------------------------- */

static bool has_weight(const struct vrrp_track *t)
{
	return t->is_known || t->conf->type == CONF_TRACK_SCRIPT;
}

static bool counts_as_up(const struct vrrp_track *t)
{
	return t->is_up != t->conf->reverse;
}

static int adjustment_of(const struct vrrp_track *t)
{
	const int weight = t->conf->weight;

	if (!has_weight(t))
		return 0;
	return (weight > 0) == counts_as_up(t) ? weight : 0;
}

static bool is_fault(const struct vrrp_track *t)
{
	return t->conf->weight == 0 && has_weight(t) && !counts_as_up(t);
}

static void update_fault(struct vrrp_tracks *all, unsigned group)
{
	struct group *g = &all->groups[group];

	g->fault[0] = '\0';
	for (unsigned i = 0; i < g->n; i++) {
		const struct vrrp_track *t = &all->tracks[g->first + i];
		const char *plain = t->is_up ? "up" : "down";

		if (!is_fault(t))
			continue;
		(void)snprintf(g->fault, sizeof(g->fault), "track %s: %s%s", t->conf->name,
			t->why[0] != '\0' ? t->why : plain, t->conf->reverse ? " (reversed)" : "");
		return;
	}
}

static void tell_change(const struct vrrp_track *t, bool was_known) ON_CONTROL;
static void tell_change(const struct vrrp_track *t, bool was_known)
{
	char words[FAULT_LEN + 64];

	if (!t->all->tell || (!was_known && t->is_up))
		return;
	(void)snprintf(words, sizeof(words), "track %s: %s%s%s weight=%d reverse=%s", t->conf->name,
		t->is_up ? "up" : "down", t->why[0] != '\0' ? ": " : "", t->why, t->conf->weight,
		t->conf->reverse ? "yes" : "no");
	t->all->tell(t->all->arg, t->group, words);
}

void vrrp_track_explain(struct vrrp_track *t, const char *why)
{
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	update_fault(t->all, t->group);
}

void vrrp_track_set(struct vrrp_track *t, bool is_up, const char *why)
{
	const bool was_known = t->is_known, is_same = was_known && t->is_up == is_up;

	t->is_up = is_up;
	t->is_known = true;
	vrrp_track_explain(t, why);
	if (is_same)
		return;
	tell_change(t, was_known);
	if (!t->all->is_starting)
		t->all->changed(t->all->arg, t->group);
}

/* ---- what the engine tells ------------------------------------------------------------------ */

void vrrp_tracks_set_link(struct vrrp_tracks *all, unsigned interface, bool is_up)
{
	for (unsigned i = 0; i < all->n_tracks; i++) {
		struct vrrp_track *t = &all->tracks[i];

		if (t->conf->type == CONF_TRACK_INTERFACE && t->conf->interface->index == interface)
			vrrp_track_set(t, is_up, is_up ? "" : "link down");
	}
}

/* Known when each of its services was told; down as soon as one is. */
static void judge_pool(struct vrrp_tracks *all, struct vrrp_track *t)
{
	const struct conf_service *down = NULL;
	bool is_known = true;
	char why[VRRP_WORDS_LEN];

	for (unsigned i = 0; i < all->conf->n_services && !down; i++) {
		const struct conf_service *s = &all->conf->services[i];

		if (s->pool != t->conf->pool)
			continue;
		is_known &= all->services[i] != NEVER_TOLD;
		if (all->services[i] == TOLD_DOWN)
			down = s;
	}
	if (down) {
		(void)snprintf(why, sizeof(why), "service %s: no quorum", down->name);
		vrrp_track_set(t, false, why);
	} else if (is_known) {
		vrrp_track_set(t, true, "");
	}
}

void vrrp_tracks_set_service(struct vrrp_tracks *all, unsigned service, bool is_up)
{
	const struct conf_service *s = &all->conf->services[service];

	assert(service < all->conf->n_services);
	if (all->services[service] == (is_up ? TOLD_UP : TOLD_DOWN))
		return;
	all->services[service] = is_up ? TOLD_UP : TOLD_DOWN;
	for (unsigned i = 0; i < all->n_tracks; i++) {
		struct vrrp_track *t = &all->tracks[i];

		if (t->conf->type == CONF_TRACK_SERVICE && t->conf->service == s)
			vrrp_track_set(t, is_up, is_up ? "" : "no quorum");
		else if (t->conf->type == CONF_TRACK_POOL && t->conf->pool == s->pool)
			judge_pool(all, t);
	}
}

/* ---- what is asked -------------------------------------------------------------------------- */

int vrrp_tracks_adjustment(const struct vrrp_tracks *all, unsigned group)
{
	const struct group *g = &all->groups[group];
	int sum = 0;

	for (unsigned i = 0; i < g->n; i++)
		sum += adjustment_of(&all->tracks[g->first + i]);
	return sum;
}

const char *vrrp_tracks_fault(const struct vrrp_tracks *all, unsigned group)
{
	const struct group *g = &all->groups[group];

	return g->fault[0] != '\0' ? g->fault : NULL;
}

bool vrrp_tracks_are_known(const struct vrrp_tracks *all, unsigned group)
{
	const struct group *g = &all->groups[group];

	for (unsigned i = 0; i < g->n; i++)
		if (!all->tracks[g->first + i].is_known)
			return false;
	return true;
}

void vrrp_tracks_read(const struct vrrp_tracks *all, unsigned group, unsigned track,
	struct vrrp_track_status *ret)
{
	const struct vrrp_track *t = &all->tracks[all->groups[group].first + track];

	assert(track < all->groups[group].n);
	*ret = (struct vrrp_track_status){.is_up = t->is_up,
		.is_known = t->is_known,
		.adjustment = adjustment_of(t),
		.why = t->why};
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct vrrp_tracks *all = arg;

	(void)fd;
	(void)what;
	if (all->files)
		vrrp_track_files_look(all->files);
	if (all->processes)
		vrrp_track_processes_look(all->processes);
}

static int make_table(struct vrrp_tracks *all)
{
	const struct conf_vrrp *conf = &all->conf->vrrp;

	for (unsigned g = 0; g < conf->n_groups; g++)
		all->n_tracks += conf->groups[g].n_tracks;
	all->groups = calloc(conf->n_groups + 1u, sizeof(*all->groups));
	all->tracks = calloc(all->n_tracks + 1u, sizeof(*all->tracks));
	all->services = calloc(all->conf->n_services + 1u, sizeof(*all->services));
	if (!all->groups || !all->tracks || !all->services)
		return -ENOMEM;
	for (unsigned g = 0, n = 0; g < conf->n_groups; g++) {
		all->groups[g] = (struct group){.first = n, .n = conf->groups[g].n_tracks};
		for (unsigned i = 0; i < conf->groups[g].n_tracks; i++)
			all->tracks[n++] = (struct vrrp_track){
				.all = all,
				.conf = &conf->groups[g].tracks[i],
				.group = g,
				.is_up = conf->groups[g].tracks[i].is_up_at_first,
				.why = "no result yet",
			};
	}
	return 0;
}

static unsigned collect(
	const struct vrrp_tracks *all, enum conf_track_type type, struct vrrp_track **ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all->n_tracks; i++)
		if (all->tracks[i].conf->type == type)
			ret[n++] = &all->tracks[i];
	return n;
}

static int start_kinds(
	struct vrrp_tracks *all, struct event_base *base, struct vrrp_programs *programs)
{
	struct vrrp_track **some = calloc(all->n_tracks + 1u, sizeof(struct vrrp_track *));
	struct vrrp_track_set set = {
		.tracks = some, .conf = all->conf, .base = base, .programs = programs};
	int r = some ? 0 : -ENOMEM;

	if (!r) {
		set.n = collect(all, CONF_TRACK_SCRIPT, some);
		if (set.n > 0)
			r = vrrp_track_scripts_start(&set, &all->scripts);
	}
	if (!r) {
		set.n = collect(all, CONF_TRACK_FILE, some);
		if (set.n > 0)
			r = vrrp_track_files_start(&set, &all->files);
	}
	if (!r) {
		set.n = collect(all, CONF_TRACK_PROCESS, some);
		if (set.n > 0)
			r = vrrp_track_processes_start(&set, &all->processes);
	}
	free(some);
	return r;
}

static int start_tick(struct vrrp_tracks *all, struct event_base *base)
{
	const struct timeval second = {.tv_sec = 1};

	if (!all->files && !all->processes)
		return 0;
	all->tick = event_new(base, -1, EV_PERSIST, on_tick, all);
	return all->tick && event_add(all->tick, &second) == 0 ? 0 : -ENOMEM;
}

/* Scripts that begin down are a fault from the beginning; a pool without services is up. */
static void explain_all(struct vrrp_tracks *all)
{
	for (unsigned g = 0; g < all->conf->vrrp.n_groups; g++)
		update_fault(all, g);
	for (unsigned i = 0; i < all->n_tracks; i++)
		if (all->tracks[i].conf->type == CONF_TRACK_POOL)
			judge_pool(all, &all->tracks[i]);
}

int vrrp_tracks_start(const struct vrrp_tracks_setup *setup, struct vrrp_tracks **ret)
{
	struct vrrp_tracks *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->conf = setup->conf;
	all->changed = setup->changed;
	all->tell = setup->tell;
	all->arg = setup->arg;
	all->is_starting = true;
	r = make_table(all);
	if (!r)
		r = start_kinds(all, setup->base, setup->programs);
	if (!r)
		r = start_tick(all, setup->base);
	if (r) {
		vrrp_tracks_stop(all);
		return r;
	}
	explain_all(all);
	all->is_starting = false;
	*ret = all;
	return 0;
}

void vrrp_tracks_stop(struct vrrp_tracks *all)
{
	if (!all)
		return;
	vrrp_track_scripts_stop(all->scripts);
	vrrp_track_files_stop(all->files);
	vrrp_track_processes_stop(all->processes);
	if (all->tick)
		event_free(all->tick);
	free(all->tracks);
	free(all->groups);
	free(all->services);
	free(all);
}
