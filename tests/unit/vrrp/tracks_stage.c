/* One group of tracks for tests. */
#include "tests/unit/vrrp/tracks_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INTERVAL_MS = 20, COMMAND_LEN = 1024 };

int tracks_set_up(void **state)
{
	struct tracks_stage *s = calloc(1, sizeof(*s));
	void *stage;

	assert_non_null(s);
	assert_int_equal(programs_set_up(&stage), 0);
	s->stage = stage;
	s->folder = s->stage->spawn->folder;
	s->group = (struct conf_vrrp_group){.name = "inside", .tracks = s->of};
	s->conf.node = "lb1";
	s->conf.vrrp.groups = &s->group;
	s->conf.vrrp.n_groups = 1;
	*state = s;
	return 0;
}

int tracks_tear_down(void **state)
{
	struct tracks_stage *s = *state;
	void *stage = s->stage;

	vrrp_tracks_stop(s->tracks);
	(void)programs_tear_down(&stage);
	free(s);
	return 0;
}

static struct conf_track *add(struct tracks_stage *s, enum conf_track_type type)
{
	struct conf_track *t = &s->of[s->group.n_tracks++];

	*t = (struct conf_track){.name = "it", .type = type};
	return t;
}

struct conf_track *tracks_add_script(struct tracks_stage *s, const char *script)
{
	const char **argv = s->argv[s->group.n_tracks];
	struct conf_track *t = add(s, CONF_TRACK_SCRIPT);
	char *text = s->paths[t - s->of];

	(void)snprintf(text, sizeof(s->paths[0]), "cd %s; %s", s->folder, script);
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = text;
	t->command = argv;
	t->n_command = 3;
	t->interval_ms = INTERVAL_MS;
	t->timeout_ms = HANG_MS;
	t->rise = t->fall = 1;
	t->is_up_at_first = true;
	return t;
}

struct conf_track *tracks_add_file(struct tracks_stage *s, const char *name)
{
	struct conf_track *t = add(s, CONF_TRACK_FILE);
	char *path = s->paths[t - s->of];

	(void)snprintf(path, sizeof(s->paths[0]), "%s/%s", s->folder, name);
	t->path = path;
	return t;
}

struct conf_track *tracks_add_process(struct tracks_stage *s, const char *process)
{
	struct conf_track *t = add(s, CONF_TRACK_PROCESS);

	t->process = process;
	return t;
}

static void on_changed(void *arg, unsigned group)
{
	struct tracks_stage *s = arg;

	assert_int_equal(group, 0);
	s->n_changes++;
}

static void on_told(void *arg, unsigned group, const char *words)
{
	struct tracks_stage *s = arg;

	assert_int_equal(group, 0);
	(void)snprintf(s->told, sizeof(s->told), "%s", words);
}

void tracks_start(struct tracks_stage *s)
{
	const struct vrrp_tracks_setup setup = {.conf = &s->conf,
		.base = s->stage->base,
		.programs = s->stage->programs,
		.changed = on_changed,
		.tell = on_told,
		.arg = s};

	assert_int_equal(vrrp_tracks_start(&setup, &s->tracks), 0);
	assert_int_equal(s->n_changes, 0); // the callee's caller does not have it yet
}

struct vrrp_track_status tracks_status(const struct tracks_stage *s, unsigned track)
{
	struct vrrp_track_status status;

	vrrp_tracks_read(s->tracks, 0, track, &status);
	return status;
}

/* ---- claims --------------------------------------------------------------------------------- */

struct claim {
	const struct tracks_stage *stage;
	unsigned track;
	const char *why;
	bool is_up;
};

static bool is_so(const void *arg)
{
	const struct claim *c = arg;
	const struct vrrp_track_status status = tracks_status(c->stage, c->track);

	return status.is_known && status.is_up == c->is_up;
}

static bool begins_so(const void *arg)
{
	const struct claim *c = arg;

	return strncmp(tracks_status(c->stage, c->track).why, c->why, strlen(c->why)) == 0;
}

void tracks_await_up(const struct tracks_stage *s, unsigned track)
{
	const struct claim c = {.stage = s, .track = track, .is_up = true};

	programs_await(s->stage, is_so, &c);
}

void tracks_await_down(const struct tracks_stage *s, unsigned track)
{
	const struct claim c = {.stage = s, .track = track, .is_up = false};

	programs_await(s->stage, is_so, &c);
}

void tracks_await_why(const struct tracks_stage *s, unsigned track, const char *begin)
{
	const struct claim c = {.stage = s, .track = track, .why = begin};

	programs_await(s->stage, begins_so, &c);
}

void tracks_shell(const struct tracks_stage *s, const char *format, ...)
{
	char command[COMMAND_LEN];
	va_list args;
	int n;

	n = snprintf(command, sizeof(command), "cd %s; ", s->folder);
	va_start(args, format);
	(void)vsnprintf(command + n, sizeof(command) - (size_t)n, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}
