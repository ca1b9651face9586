/* Programs for tests: a spawner and a loop of their own. */
#include "tests/unit/vrrp/programs_stage.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TURN_MS = 10 };

int programs_set_up(void **state)
{
	struct programs_stage *s = calloc(1, sizeof(*s));
	void *spawn;

	assert_non_null(s);
	assert_int_equal(spawn_set_up(&spawn), 0);
	s->spawn = spawn;
	s->base = event_base_new();
	assert_non_null(s->base);
	assert_int_equal(vrrp_programs_start(s->base, s->spawn->channel, &s->programs), 0);
	*state = s;
	return 0;
}

int programs_tear_down(void **state)
{
	struct programs_stage *s = *state;
	void *spawn = s->spawn;

	vrrp_programs_stop(s->programs);
	event_base_free(s->base);
	(void)spawn_tear_down(&spawn);
	free(s);
	return 0;
}

static void turn(const struct programs_stage *s, unsigned ms)
{
	const struct timeval limit = {.tv_usec = ms * 1000};

	(void)event_base_loopexit(s->base, &limit);
	(void)event_base_loop(s->base, EVLOOP_ONCE);
}

void programs_await(const struct programs_stage *s, programs_claim *holds, const void *arg)
{
	const int64_t end = spawn_now_ms() + HANG_MS;

	while (!holds(arg)) {
		assert_true(spawn_now_ms() < end);
		turn(s, TURN_MS);
	}
}

void programs_turn_for(const struct programs_stage *s, unsigned ms)
{
	const int64_t end = spawn_now_ms() + ms;

	while (spawn_now_ms() < end)
		turn(s, ms < TURN_MS ? ms : TURN_MS);
}
