#pragma once

#include "tests/unit/base/spawn_stage.h"
#include "vrrp/programs.h"

/* A spawner, a loop, and programs through them. What goes wrong fails the test. */

struct event_base;

struct programs_stage {
	struct stage *spawn;
	struct event_base *base;
	struct vrrp_programs *programs;
};

int programs_set_up(void **state);
int programs_tear_down(void **state);
#define PROGRAMS_TEST(name)                                                                        \
	cmocka_unit_test_setup_teardown(name, programs_set_up, programs_tear_down)

/* Turns the loop until the claim holds; fails the test after HANG_MS. */
typedef bool programs_claim(const void *arg);
void programs_await(const struct programs_stage *s, programs_claim *holds, const void *arg);
/* Turns it for so long. */
void programs_turn_for(const struct programs_stage *s, unsigned ms);
