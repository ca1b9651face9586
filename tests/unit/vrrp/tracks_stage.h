#pragma once

#include "tests/unit/vrrp/programs_stage.h"
#include "vrrp/track.h"

/* One group of tracks that look for themselves, on a stage of programs. */

enum { STAGE_TRACKS = 4 };

struct tracks_stage {
	struct programs_stage *stage;
	const char *folder; // programs may write to it
	struct vrrp_tracks *tracks;
	struct conf conf;
	struct conf_vrrp_group group;
	struct conf_track of[STAGE_TRACKS];
	const char *argv[STAGE_TRACKS][4];
	char paths[STAGE_TRACKS][128];
	unsigned n_changes;
	char told[512]; // the last words
};

int tracks_set_up(void **state);
int tracks_tear_down(void **state);
#define TRACKS_TEST(name) cmocka_unit_test_setup_teardown(name, tracks_set_up, tracks_tear_down)

/* To be changed until tracks_start(). A script runs every 20 ms. */
struct conf_track *tracks_add_script(struct tracks_stage *s, const char *script);
struct conf_track *tracks_add_file(struct tracks_stage *s, const char *name);
struct conf_track *tracks_add_process(struct tracks_stage *s, const char *process);
void tracks_start(struct tracks_stage *s);
struct vrrp_track_status tracks_status(const struct tracks_stage *s, unsigned track);

/* Turn the loop until the track is known to be so; fail the test after HANG_MS. */
void tracks_await_up(const struct tracks_stage *s, unsigned track);
void tracks_await_down(const struct tracks_stage *s, unsigned track);
/* ... and its words begin with these. */
void tracks_await_why(const struct tracks_stage *s, unsigned track, const char *begin);

/* Runs a shell command in the folder, as the test's user. */
void tracks_shell(const struct tracks_stage *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
