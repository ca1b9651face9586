#pragma once

#include "tests/unit/admin/fixture.h"

#include <stdbool.h>

/* The admin socket as its clients find it: a real Unix socket in a folder of its own, the loop
 * turned by the test. Nothing waits for a time to pass; a condition that does not come true in
 * STAGE_LIMIT_MS fails. */

enum { STAGE_LIMIT_MS = 20000, STAGE_ANSWER_LEN = 1 << 20 };

struct stage {
	struct fixture *f;
	char folder[64], path[96], read_only_path[96];
	char *text; // of the last answer, STAGE_ANSWER_LEN bytes
};

/* For cmocka: not started; started; started with 20 services of 100 servers. */
int stage_setup(void **state);
int stage_setup_started(void **state);
int stage_setup_large(void **state);
/* Checks too that the daemon left nothing in its folder. */
int stage_teardown(void **state);

/* Time of this thread's own: others on the machine do not count. */
double stage_cpu_ms(void);
void stage_turn(struct stage *s);
/* Turns the loop until no client is left on the first socket. */
void stage_turn_until_gone(struct stage *s);

int stage_connect(const char *path);
void stage_put(int fd, const char *text);
/* Reads up to a newline into s->text, turning the loop meanwhile. False if the daemon hangs up
 * first. */
bool stage_get_line(struct stage *s, int fd);
/* The next line: an answer with this list, or with an error of this code. */
void stage_expect_answer(struct stage *s, int fd, const char *list_or_code);
/* The daemon hangs up without another line; closes fd. */
void stage_expect_hang_up(struct stage *s, int fd);
/* The daemon serves a new client. */
void stage_expect_alive(struct stage *s);
