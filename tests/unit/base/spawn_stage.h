#pragma once

#include "base/spawn.h"

#include <stddef.h>
#include <sys/types.h>

/* A spawner, and shell scripts for it to run. What goes wrong fails the test. */

enum { HANG_MS = 20000, LONG_MS = 60000, TEXT = 1024 };

/* One test's spawner, and a folder that programs may write to. */
struct stage {
	struct spawner *spawner;
	struct spawn_channel *channel;
	char folder[64];
};

int64_t spawn_now_ms(void);
/* nobody, or who cannot become that. */
const char *spawn_own_user(void);
int spawn_set_up(void **state);
int spawn_tear_down(void **state);

/* Has /bin/sh run a script; in its environment: FOLDER, POISE_TEST. As spawn_run(). */
int spawn_try(struct stage *s, uint64_t id, const char *script, uint32_t timeout_ms);
void spawn_start(struct stage *s, uint64_t id, const char *script, uint32_t timeout_ms);
/* The next result. 1, -EPIPE, or 0 after the time. */
int spawn_await(struct spawn_channel *c, int timeout_ms, struct spawn_result *ret);
struct spawn_result spawn_result_of(struct stage *s, const char *script, uint32_t timeout_ms);
void spawn_assert_end(const struct spawn_result *r, enum spawn_end end, int value);

/* What a program wrote into the folder; false: nothing. */
bool spawn_read_file(const struct stage *s, const char *name, char *buf, size_t size);
/* The process whose number a program wrote there. */
pid_t spawn_await_pid(const struct stage *s, const char *name);
/* Gone, or dead and not waited for by whoever inherited it. */
bool spawn_is_gone(pid_t pid);
void spawn_assert_goes(pid_t pid);

#define spawner_test(name) cmocka_unit_test_setup_teardown(name, spawn_set_up, spawn_tear_down)
