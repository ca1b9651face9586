/* Notify commands: each group's, one at a time, in the order of its states.
 *
 * What is told of a state is a row of commands: notify_STATE, notify for the group, notify for each
 * instance. A state that comes while a command runs waits for that one, and then takes the place of
 * whatever had not been told yet: who listens hears of the state that is before of those that were.
 * What is left out so is logged. A command that fails is logged and not repeated; one that the
 * spawner has no room for is tried again for a while. */
#include "vrrp/programs.h"

#include "base/log.h"
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
	TIMEOUT_MS = 60000,
	RETRY_MS = 200,
	MAX_TRIES = 300, // a minute of them
	MS_PER_S = 1000,
	US_PER_MS = 1000,
	N_ARGUMENTS = 4, // type, name, state, priority
	PRIORITY_LEN = sizeof("255"),
};

/* The row: STEP_INSTANCES + i is instance i. */
enum step { STEP_STATE, STEP_GROUP, STEP_INSTANCES };

struct telling {
	enum vrrp_notice notice;
	unsigned priority;
};

struct group {
	struct vrrp_notify *all;
	const struct conf_vrrp_group *conf;
	bool is_telling, has_waiting;
	struct telling now, waiting;
	unsigned step; // of what is told now
	uint64_t run;  // VRRP_NO_RUN while it waits for its next try
	unsigned n_tries;
	struct event *retry;
};

struct vrrp_notify {
	const struct conf *conf;
	struct vrrp_programs *programs;
	struct group *groups;
};

/* What a command is told. */
struct environment {
	char group[sizeof("POISE_GROUP=") + CONF_MAX_NAME];
	char state[sizeof("POISE_STATE=MASTER")];
	char priority[sizeof("POISE_PRIORITY=") + PRIORITY_LEN];
	char node[sizeof("POISE_NODE=") + CONF_MAX_NAME];
};

static_assert(sizeof(struct environment) <= SPAWN_ENV_BYTES, "no room for the environment");

/* Ended by NULL as the loader has made it; n == 0: there is none. */
struct command {
	const char *const *argv;
	unsigned n;
};

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void on_ended(void *arg, const struct spawn_result *result) ON_CONTROL;
static void on_retry(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static int run(struct group *g, const char *const *argv) ON_CONTROL;
static int run_step(struct group *g, struct command c) ON_CONTROL;
static bool put_off(struct group *g, int error) ON_CONTROL;
static bool try_step(struct group *g) ON_CONTROL;
static void go_on(struct group *g) ON_CONTROL;
static void end_step(struct group *g) ON_CONTROL;

static const char *word_of(enum vrrp_notice notice)
{
	static const char *const words[] = {
		[VRRP_TELL_MASTER] = "MASTER",
		[VRRP_TELL_BACKUP] = "BACKUP",
		[VRRP_TELL_FAULT] = "FAULT",
		[VRRP_TELL_STOP] = "STOP",
	};

	return words[notice];
}

/* ---- commands ------------------------------------------------------------------------------- */

static struct command command_of_state(const struct conf_vrrp_group *g, enum vrrp_notice notice)
{
	const struct command commands[] = {
		[VRRP_TELL_MASTER] = {g->notify_master, g->n_notify_master},
		[VRRP_TELL_BACKUP] = {g->notify_backup, g->n_notify_backup},
		[VRRP_TELL_FAULT] = {g->notify_fault, g->n_notify_fault},
		[VRRP_TELL_STOP] = {g->notify_stop, g->n_notify_stop},
	};

	return commands[notice];
}

static bool is_row_over(const struct group *g)
{
	return g->step >= STEP_INSTANCES + g->conf->n_instances;
}

static struct command command_of_step(const struct group *g)
{
	if (g->step == STEP_STATE)
		return command_of_state(g->conf, g->now.notice);
	return (struct command){g->conf->notify, g->conf->n_notify};
}

/* "notify_master", "notify for group inside", "notify for instance lan": of a line of the log. */
static void step_words(const struct group *g, char *buf, size_t size)
{
	static const char *const names[] = {
		[VRRP_TELL_MASTER] = "notify_master",
		[VRRP_TELL_BACKUP] = "notify_backup",
		[VRRP_TELL_FAULT] = "notify_fault",
		[VRRP_TELL_STOP] = "notify_stop",
	};

	if (g->step == STEP_STATE)
		(void)snprintf(buf, size, "%s", names[g->now.notice]);
	else if (g->step == STEP_GROUP)
		(void)snprintf(buf, size, "notify of %s", word_of(g->now.notice));
	else
		(void)snprintf(buf, size, "notify of %s for instance %s", word_of(g->now.notice),
			g->conf->instances[g->step - STEP_INSTANCES].name);
}

static int run(struct group *g, const char *const *argv)
{
	const struct conf *conf = g->all->conf;
	struct environment e;
	const char *const envp[] = {e.group, e.state, e.priority, e.node, NULL};
	const struct vrrp_program program = {argv, envp, TIMEOUT_MS, on_ended, g};

	(void)snprintf(e.group, sizeof(e.group), "POISE_GROUP=%s", g->conf->name);
	(void)snprintf(e.state, sizeof(e.state), "POISE_STATE=%s", word_of(g->now.notice));
	(void)snprintf(e.priority, sizeof(e.priority), "POISE_PRIORITY=%u", g->now.priority);
	(void)snprintf(e.node, sizeof(e.node), "POISE_NODE=%s", conf->node);
	return vrrp_programs_run(g->all->programs, &program, &g->run);
}

/* With the arguments that `notify` is given behind its own. */
static int run_step(struct group *g, struct command c)
{
	const bool is_group = g->step == STEP_GROUP;
	const char *argv[SPAWN_MAX_ARGS + 1] = {NULL};
	char priority[PRIORITY_LEN + 8];

	if (g->step == STEP_STATE)
		return run(g, c.argv);
	if (c.n + N_ARGUMENTS > SPAWN_MAX_ARGS)
		return -E2BIG;
	(void)snprintf(priority, sizeof(priority), "%u", g->now.priority);
	memcpy(argv, c.argv, c.n * sizeof(argv[0]));
	argv[c.n] = is_group ? "GROUP" : "INSTANCE";
	argv[c.n + 1] =
		is_group ? g->conf->name : g->conf->instances[g->step - STEP_INSTANCES].name;
	argv[c.n + 2] = word_of(g->now.notice);
	argv[c.n + 3] = priority;
	return run(g, argv);
}

/* ---- one after the other -------------------------------------------------------------------- */

static bool may_pass(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Not run, for `error`. True: tried again in a while. */
static bool put_off(struct group *g, int error)
{
	const struct timeval wait = {.tv_usec = RETRY_MS * US_PER_MS};
	char words[CONF_MAX_NAME + 64];

	if (may_pass(error) && ++g->n_tries < MAX_TRIES) {
		(void)event_add(g->retry, &wait);
		return true;
	}
	step_words(g, words, sizeof(words));
	log_error("group %s: %s: not run: %s", g->conf->name, words,
		error == EPIPE ? "the spawner has died" : strerror(error));
	return false;
}

/* False: there is nothing to wait for. */
static bool try_step(struct group *g)
{
	const struct command c = command_of_step(g);
	int r;

	if (c.n == 0)
		return false;
	r = run_step(g, c);
	return r == 0 || put_off(g, -r);
}

/* A newer state takes the place of the rest of this one. */
static void take_waiting(struct group *g)
{
	char words[CONF_MAX_NAME + 64];

	if (!is_row_over(g) && command_of_step(g).n > 0) {
		step_words(g, words, sizeof(words));
		log_warn("group %s: %s: left out, with what comes after it: the state is %s by now",
			g->conf->name, words, word_of(g->waiting.notice));
	}
	g->now = g->waiting;
	g->has_waiting = false;
	g->step = STEP_STATE;
}

/* Until a command runs, or all is told. */
static void go_on(struct group *g)
{
	for (;;) {
		if (g->has_waiting)
			take_waiting(g);
		if (is_row_over(g))
			break;
		if (try_step(g))
			return;
		g->step++;
		g->n_tries = 0;
	}
	g->is_telling = false;
}

static void end_step(struct group *g)
{
	g->step++;
	g->n_tries = 0;
	go_on(g);
}

static void on_ended(void *arg, const struct spawn_result *result)
{
	struct group *g = arg;
	const bool is_ok = result->end == SPAWN_EXITED && result->value == 0;
	char words[CONF_MAX_NAME + 64], how[VRRP_WORDS_LEN];

	g->run = VRRP_NO_RUN;
	if (result->end == SPAWN_NOT_RUN) {
		if (!put_off(g, result->value))
			end_step(g);
		return;
	}
	step_words(g, words, sizeof(words));
	vrrp_programs_words(result, TIMEOUT_MS, how, sizeof(how));
	log_line(is_ok ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "group %s: %s: %s", g->conf->name, words,
		how);
	end_step(g);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct group *g = arg;

	(void)fd;
	(void)what;
	if (g->is_telling && g->run == VRRP_NO_RUN) // else drain() was sooner
		go_on(g);
}

void vrrp_notify_tell(
	struct vrrp_notify *n, unsigned group, enum vrrp_notice notice, unsigned priority)
{
	struct group *g = &n->groups[group];

	if (g->is_telling && g->has_waiting)
		log_warn("group %s: %s passed before it could be told: left out", g->conf->name,
			word_of(g->waiting.notice));
	g->waiting = (struct telling){notice, priority};
	g->has_waiting = true;
	if (g->is_telling)
		return;
	g->is_telling = true;
	g->step = STEP_INSTANCES + g->conf->n_instances; // of nothing: it is over
	g->n_tries = 0;
	go_on(g);
}

/* ---- all groups ----------------------------------------------------------------------------- */

bool vrrp_notify_is_idle(const struct vrrp_notify *n)
{
	for (unsigned i = 0; i < n->conf->vrrp.n_groups; i++)
		if (n->groups[i].is_telling)
			return false;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)MS_PER_S + now.tv_nsec / 1000000;
}

/* Other programs than ours may run on: short waits, and a look. */
void vrrp_notify_drain(struct vrrp_notify *n, unsigned timeout_ms)
{
	const int64_t end = now_ms() + timeout_ms;

	while (!vrrp_notify_is_idle(n) && now_ms() < end) {
		vrrp_programs_wait(n->programs, RETRY_MS / 10);
		for (unsigned i = 0; i < n->conf->vrrp.n_groups; i++) {
			struct group *g = &n->groups[i];

			if (g->is_telling && g->run == VRRP_NO_RUN)
				go_on(g);
		}
	}
}

int vrrp_notify_start(
	const struct conf *conf, struct vrrp_programs *programs, struct vrrp_notify **ret)
{
	struct vrrp_notify *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->conf = conf;
	n->programs = programs;
	n->groups = calloc(conf->vrrp.n_groups + 1u, sizeof(*n->groups));
	if (!n->groups)
		goto stop;
	for (unsigned i = 0; i < conf->vrrp.n_groups; i++) {
		struct group *g = &n->groups[i];

		*g = (struct group){.all = n, .conf = &conf->vrrp.groups[i]};
		g->retry = event_new(vrrp_programs_base(programs), -1, 0, on_retry, g);
		if (!g->retry)
			goto stop;
	}
	*ret = n;
	return 0;
stop:
	vrrp_notify_stop(n);
	return -ENOMEM;
}

void vrrp_notify_stop(struct vrrp_notify *n)
{
	if (!n)
		return;
	for (unsigned i = 0; n->groups && i < n->conf->vrrp.n_groups; i++) {
		vrrp_programs_cancel(n->programs, n->groups[i].run);
		if (n->groups[i].retry)
			event_free(n->groups[i].retry);
	}
	free(n->groups);
	free(n);
}
