/* Scripts as tracks: one run every interval, and what its end says.
 *
 * A run that is still going when the next is due takes its place. What the spawner has no room for
 * is no verdict, and tried again soon; when the spawner has died, the last verdict stays. The first
 * result decides at once; after that it takes `rise` or `fall` of them in a row. */
#include "vrrp/track_internal.h"

#include "base/log.h"
#include "base/spawn.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 100, MS_PER_S = 1000, US_PER_MS = 1000, TRACK_LEN = 256 };

struct script {
	struct vrrp_track *track;
	struct vrrp_track_scripts *all;
	struct event *due;
	uint64_t run;      // VRRP_NO_RUN: none
	unsigned n_in_row; // results that differ from the verdict
};

struct vrrp_track_scripts {
	const struct conf *conf;
	struct vrrp_programs *programs;
	bool is_dead; // the spawner, and it was told
	struct script *scripts;
	unsigned n;
};

/* What a script is told. */
struct environment {
	char group[sizeof("POISE_GROUP=") + CONF_MAX_NAME];
	char track[sizeof("POISE_TRACK=") + TRACK_LEN];
	char node[sizeof("POISE_NODE=") + CONF_MAX_NAME];
};

static_assert(sizeof(struct environment) <= SPAWN_ENV_BYTES, "no room for the environment");

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void on_due(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_ended(void *arg, const struct spawn_result *result) ON_CONTROL;
static int run(struct script *s) ON_CONTROL;
static void judge(struct script *s, bool is_ok, const char *why) ON_CONTROL;
static void note_dead(struct vrrp_track_scripts *all) ON_CONTROL;
static void note_not_run(struct script *s, int error) ON_CONTROL;

static void wait_for(struct script *s, uint32_t ms)
{
	const struct timeval wait = {ms / MS_PER_S, ms % MS_PER_S * US_PER_MS};

	(void)event_add(s->due, &wait);
}

static int run(struct script *s)
{
	const struct conf_track *conf = s->track->conf;
	struct environment e;
	const char *const envp[] = {e.group, e.track, e.node, NULL};
	const struct vrrp_program program = {conf->command, envp, conf->timeout_ms, on_ended, s};

	(void)snprintf(e.group, sizeof(e.group), "POISE_GROUP=%s",
		s->all->conf->vrrp.groups[s->track->group].name);
	(void)snprintf(e.track, sizeof(e.track), "POISE_TRACK=%s", conf->name);
	(void)snprintf(e.node, sizeof(e.node), "POISE_NODE=%s", s->all->conf->node);
	return vrrp_programs_run(s->all->programs, &program, &s->run);
}

/* Told once, of all of them. */
static void note_dead(struct vrrp_track_scripts *all)
{
	if (all->is_dead)
		return;
	all->is_dead = true;
	log_error("vrrp: the spawner has died: tracks of scripts stay as they are until poised is "
		  "started again");
	for (unsigned i = 0; i < all->n; i++)
		vrrp_track_explain(all->scripts[i].track, "not run: the spawner has died");
}

static void note_not_run(struct script *s, int error)
{
	const uint32_t interval_ms = s->track->conf->interval_ms;
	char why[VRRP_WORDS_LEN];

	(void)snprintf(why, sizeof(why), "not run: %s", strerror(error));
	switch (error) {
	case EAGAIN:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		wait_for(s, interval_ms < RETRY_MS ? interval_ms : RETRY_MS);
		break;
	case ETIMEDOUT: // its end was not told: the next run will
		vrrp_track_explain(s->track, why);
		break;
	case EPIPE:
		note_dead(s->all);
		break;
	default:
		judge(s, false, why);
	}
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct script *s = arg;
	int r;

	(void)fd;
	(void)what;
	if (s->all->is_dead)
		return;
	wait_for(s, s->track->conf->interval_ms);
	if (s->run != VRRP_NO_RUN)
		return;
	r = run(s);
	if (r < 0)
		note_not_run(s, -r);
}

static void judge(struct script *s, bool is_ok, const char *why)
{
	struct vrrp_track *t = s->track;
	const unsigned needed = is_ok ? t->conf->rise : t->conf->fall;
	char words[VRRP_WORDS_LEN];

	if (t->is_known && t->is_up != is_ok && ++s->n_in_row < needed) {
		(void)snprintf(words, sizeof(words), "%u of %u: %s", s->n_in_row, needed, why);
		vrrp_track_explain(t, words);
		return;
	}
	s->n_in_row = 0;
	vrrp_track_set(t, is_ok, why);
}

static void on_ended(void *arg, const struct spawn_result *result)
{
	struct script *s = arg;
	char why[VRRP_WORDS_LEN];

	s->run = VRRP_NO_RUN;
	if (result->end == SPAWN_NOT_RUN) {
		note_not_run(s, result->value);
		return;
	}
	vrrp_programs_words(result, s->track->conf->timeout_ms, why, sizeof(why));
	judge(s, result->end == SPAWN_EXITED && result->value == 0, why);
}

int vrrp_track_scripts_start(const struct vrrp_track_set *set, struct vrrp_track_scripts **ret)
{
	struct vrrp_track_scripts *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->conf = set->conf;
	all->programs = set->programs;
	all->scripts = calloc(set->n, sizeof(*all->scripts));
	if (!all->scripts)
		goto stop;
	all->n = set->n;
	for (unsigned i = 0; i < set->n; i++) {
		struct script *s = &all->scripts[i];

		*s = (struct script){.track = set->tracks[i], .all = all, .run = VRRP_NO_RUN};
		s->due = event_new(set->base, -1, 0, on_due, s);
		if (!s->due)
			goto stop;
		wait_for(s, i % s->track->conf->interval_ms); // not all in one turn
	}
	*ret = all;
	return 0;
stop:
	vrrp_track_scripts_stop(all);
	return -ENOMEM;
}

void vrrp_track_scripts_stop(struct vrrp_track_scripts *all)
{
	if (!all)
		return;
	for (unsigned i = 0; i < all->n; i++) {
		if (all->scripts[i].due)
			event_free(all->scripts[i].due);
		vrrp_programs_cancel(all->programs, all->scripts[i].run);
	}
	free(all->scripts);
	free(all);
}
