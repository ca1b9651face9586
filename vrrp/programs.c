/* Programs through the spawner, and their results to whoever asked.
 *
 * A run is known by its place in a table and a number that is not used again, so that a result on
 * its way meets nobody once its run was cancelled. Each run ends once: by its result, by the
 * spawner's death, or, when its result is long overdue, because the spawner had no room to tell.
 * Whether to try again is the caller's. */
#include "vrrp/programs.h"

#include "base/spawn.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MS_PER_S = 1000,
	FIRST_PLACES = 16,
	RESULTS_A_TURN = 64,      // the rest in the loop's next turn
	GRACE_MS = 10 * MS_PER_S, // behind a timeout that the spawner itself would have told of
	NONE = -1,
};
enum { PLACE_BITS = 32 }; // of a run's id, its lowest; the rest is a number

struct run {
	uint64_t id;               // VRRP_NO_RUN: a free place
	vrrp_program_ended *ended; // NULL: cancelled, but the spawner has not been told yet
	void *arg;
	int64_t overdue_ms;
	int next_free;
};

struct vrrp_programs {
	struct event_base *base;
	struct spawn_channel *channel;
	struct event *readable;
	struct event *tick; // every second while something runs
	bool is_dead;       // the spawner
	uint32_t n_numbers; // given out
	struct run *runs;
	unsigned n_places, n_running;
	int first_free;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static int take_place(struct vrrp_programs *p, unsigned *ret_place) ON_CONTROL;
static void free_place(struct vrrp_programs *p, unsigned place) ON_CONTROL;
static struct run *find_run(const struct vrrp_programs *p, uint64_t id) ON_CONTROL;
static void forget_run(struct vrrp_programs *p, struct run *run) ON_CONTROL;
static void end_run(struct vrrp_programs *p, const struct spawn_result *result) ON_CONTROL;
static void end_not_run(struct vrrp_programs *p, uint64_t id, int error) ON_CONTROL;
static bool take_result(struct vrrp_programs *p) ON_CONTROL;
static void give_up(struct vrrp_programs *p) ON_CONTROL;
static void end_overdue(struct vrrp_programs *p) ON_CONTROL;
static void on_readable(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void on_tick(evutil_socket_t fd, short what, void *arg) ON_CONTROL;

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)MS_PER_S + now.tv_nsec / 1000000;
}

/* ---- places ---------------------------------------------------------------------------------- */

static int take_place(struct vrrp_programs *p, unsigned *ret_place)
{
	if (p->first_free == NONE) {
		const unsigned n = p->n_places == 0 ? FIRST_PLACES : 2 * p->n_places;
		struct run *runs = reallocarray(p->runs, n, sizeof(*runs));

		if (!runs)
			return -ENOMEM;
		p->runs = runs;
		for (unsigned i = p->n_places; i < n; i++)
			p->runs[i] = (struct run){
				.id = VRRP_NO_RUN, .next_free = i + 1 < n ? (int)i + 1 : NONE};
		p->first_free = (int)p->n_places;
		p->n_places = n;
	}
	*ret_place = (unsigned)p->first_free;
	p->first_free = p->runs[*ret_place].next_free;
	return 0;
}

static void free_place(struct vrrp_programs *p, unsigned place)
{
	p->runs[place] = (struct run){.id = VRRP_NO_RUN, .next_free = p->first_free};
	p->first_free = (int)place;
}

static struct run *find_run(const struct vrrp_programs *p, uint64_t id)
{
	const uint64_t place = id & UINT32_MAX;

	if (id == VRRP_NO_RUN || place >= p->n_places || p->runs[place].id != id)
		return NULL;
	return &p->runs[place];
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void forget_run(struct vrrp_programs *p, struct run *run)
{
	free_place(p, (unsigned)(run - p->runs));
	if (--p->n_running == 0)
		(void)event_del(p->tick);
}

/* What is told may start other programs, and cancel any. */
static void end_run(struct vrrp_programs *p, const struct spawn_result *result)
{
	struct run *run = find_run(p, result->id);
	struct run was;

	if (!run)
		return; // cancelled, with its result on the way
	was = *run;
	forget_run(p, run);
	if (was.ended)
		was.ended(was.arg, result);
}

static void end_not_run(struct vrrp_programs *p, uint64_t id, int error)
{
	const struct spawn_result result = {.id = id, .end = SPAWN_NOT_RUN, .value = error};

	end_run(p, &result);
}

static void give_up(struct vrrp_programs *p)
{
	p->is_dead = true;
	(void)event_del(p->readable);
	// no new ones come in between: nothing is run any more
	for (unsigned i = 0; i < p->n_places; i++)
		end_not_run(p, p->runs[i].id, EPIPE);
}

/* False: there was none. */
static bool take_result(struct vrrp_programs *p)
{
	struct spawn_result result;
	int r;

	if (p->is_dead)
		return false;
	r = spawn_take(p->channel, &result);
	if (r > 0)
		end_run(p, &result);
	else if (r < 0)
		give_up(p);
	return r > 0;
}

/* Runs that the spawner did not tell the end of, and cancels that it had no room for. */
static void end_overdue(struct vrrp_programs *p)
{
	const int64_t now = now_ms();

	for (unsigned i = 0; i < p->n_places; i++) {
		const struct run *run = &p->runs[i];

		if (run->id == VRRP_NO_RUN || (run->ended && now < run->overdue_ms))
			continue;
		if (spawn_cancel(p->channel, run->id) != -EAGAIN)
			end_not_run(p, run->id, ETIMEDOUT);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vrrp_programs *p = arg;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < RESULTS_A_TURN && take_result(p); i++)
		;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct vrrp_programs *p = arg;

	(void)fd;
	(void)what;
	end_overdue(p);
}

/* ---- runs ------------------------------------------------------------------------------------ */

int vrrp_programs_run(
	struct vrrp_programs *p, const struct vrrp_program *program, uint64_t *ret_run)
{
	const struct timeval second = {.tv_sec = 1};
	struct spawn_request request = {
		.argv = program->argv, .envp = program->envp, .timeout_ms = program->timeout_ms};
	unsigned place;
	int r;

	if (p->is_dead)
		return -EPIPE;
	r = take_place(p, &place);
	if (r < 0)
		return r;
	if (++p->n_numbers == 0)
		p->n_numbers = 1; // an id is never VRRP_NO_RUN
	request.id = (uint64_t)p->n_numbers << PLACE_BITS | place;
	r = spawn_run(p->channel, &request);
	if (r < 0) {
		free_place(p, place);
		return r;
	}
	p->runs[place] = (struct run){.id = request.id,
		.ended = program->ended,
		.arg = program->arg,
		.overdue_ms = now_ms() + program->timeout_ms + GRACE_MS};
	if (p->n_running++ == 0)
		(void)event_add(p->tick, &second);
	*ret_run = request.id;
	return 0;
}

void vrrp_programs_cancel(struct vrrp_programs *p, uint64_t id)
{
	struct run *run = find_run(p, id);

	if (!run)
		return;
	if (spawn_cancel(p->channel, id) == -EAGAIN)
		run->ended = NULL;
	else
		forget_run(p, run);
}

void vrrp_programs_wait(struct vrrp_programs *p, unsigned timeout_ms)
{
	struct pollfd ready = {spawn_fd(p->channel), POLLIN, 0};

	end_overdue(p);
	if (p->is_dead)
		ready.fd = -1; // readable for ever: this only waits
	(void)poll(&ready, 1, (int)timeout_ms);
	while (take_result(p))
		;
}

void vrrp_programs_drain(struct vrrp_programs *p, unsigned timeout_ms)
{
	const int64_t end = now_ms() + timeout_ms;
	int64_t left = timeout_ms;

	while (p->n_running > 0 && left > 0) {
		vrrp_programs_wait(p, left < MS_PER_S ? (unsigned)left : MS_PER_S);
		left = end - now_ms();
	}
}

struct event_base *vrrp_programs_base(const struct vrrp_programs *p)
{
	return p->base;
}

int vrrp_programs_start(
	struct event_base *base, struct spawn_channel *channel, struct vrrp_programs **ret)
{
	struct vrrp_programs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->base = base;
	p->channel = channel;
	p->first_free = NONE;
	p->readable = event_new(base, spawn_fd(channel), EV_READ | EV_PERSIST, on_readable, p);
	p->tick = event_new(base, -1, EV_PERSIST, on_tick, p);
	if (!p->readable || !p->tick || event_add(p->readable, NULL) < 0) {
		vrrp_programs_stop(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void vrrp_programs_stop(struct vrrp_programs *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n_places; i++)
		if (p->runs[i].id != VRRP_NO_RUN)
			(void)spawn_cancel(p->channel, p->runs[i].id);
	if (p->readable)
		event_free(p->readable);
	if (p->tick)
		event_free(p->tick);
	free(p->runs);
	free(p);
}

/* ---- words ----------------------------------------------------------------------------------- */

static int end_words(const struct spawn_result *result, uint32_t timeout_ms, char *buf, size_t size)
{
	switch (result->end) {
	case SPAWN_EXITED:
		return snprintf(buf, size, "exit %d", result->value);
	case SPAWN_SIGNALLED:
		return snprintf(
			buf, size, "signal %d (%s)", result->value, strsignal(result->value));
	case SPAWN_TIMED_OUT:
		if (timeout_ms % MS_PER_S == 0)
			return snprintf(buf, size, "killed after %us", timeout_ms / MS_PER_S);
		return snprintf(buf, size, "killed after %ums", timeout_ms);
	case SPAWN_NOT_RUN:
	case SPAWN_NOT_EXECUTED:
		return snprintf(buf, size, "not run: %s", strerror(result->value));
	}
	return 0;
}

void vrrp_programs_words(
	const struct spawn_result *result, uint32_t timeout_ms, char *buf, size_t size)
{
	const char *line = result->output + strspn(result->output, " \n");
	const int len = (int)strcspn(line, "\n");
	const int n = end_words(result, timeout_ms, buf, size);

	if (len > 0 && n >= 0 && (size_t)n < size)
		(void)snprintf(buf + n, size - (size_t)n, ": %.*s", len, line);
}
