/* The commands of quorums: started through the spawner, and what became of them, in the log.
 *
 * At most SPAWN_MAX_COMMANDS run at once, so that the spawner has a place for each; the other
 * halves wait for one that ends. What the spawner does not run, or is not heard of, is tried again,
 * but not for ever; a command that fails is logged and not repeated: it was told of the state. */
#include "control/control.h"

#include "base/log.h"
#include "base/spawn.h"
#include "control/events.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 60000, MS_PER_S = 1000, WORDS_LEN = SPAWN_OUTPUT_LEN + 64 };
enum { OVERDUE_MS = TIMEOUT_MS + 10000 }; // the spawner would have told of its timeout
enum { MAX_REFUSED = 60 };                // tries of a command, one a second
enum { HALF_BITS = 32 };                  // of a run's id, its lowest; the rest is a number

struct ctl_quorum_runner {
	struct spawn_channel *channel;
	struct event *readable;
	bool is_dead; // the spawner
	unsigned n_running;
	uint64_t n_runs;  // ever
	unsigned next;    // half to look at first when there is a place
	bool has_waiting; // halves, for a place
};

/* What a command is told. */
struct environment {
	char service[sizeof("POISE_SERVICE=") + CONF_MAX_NAME];
	char pool[sizeof("POISE_POOL=") + CONF_MAX_NAME];
	char family[sizeof("POISE_FAMILY=4")];
	char protocol[sizeof("POISE_PROTOCOL=tcp")];
	char event[sizeof("POISE_EVENT=quorum_down")];
};

static_assert(sizeof(struct environment) <= SPAWN_ENV_BYTES, "no room for the environment");

/* Thread roles of what stands below; the rest is ANY_THREAD. */
static void on_readable(evutil_socket_t fd, short what, void *arg) ON_CONTROL;
static void run_next(struct ctl *ctl, unsigned service) ON_CONTROL;
static void start(struct ctl *ctl, unsigned service, enum ctl_quorum_state state,
	const char *const *argv) ON_CONTROL;
static void run_waiting(struct ctl *ctl, bool is_time) ON_CONTROL;
static void forget_run(struct ctl *ctl, struct ctl_service *half) ON_CONTROL;
static void end_overdue(struct ctl *ctl, struct ctl_service *half) ON_CONTROL;
static void take_result(struct ctl *ctl, const struct spawn_result *result) ON_CONTROL;
static void give_up(struct ctl *ctl) ON_CONTROL;

static int family_number(const struct ctl_service *half)
{
	return half->family == CONF_V4 ? 4 : 6;
}

static const char *protocol_name(const struct ctl_service *half)
{
	return half->protocol == CONF_PROTO_TCP ? "tcp" : "udp";
}

static const char *event_name(enum ctl_quorum_state state)
{
	return state == CTL_QUORUM_UP ? "quorum_up" : "quorum_down";
}

/* ---- commands -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)MS_PER_S + now.tv_nsec / 1000000;
}

/* The command for a state, ended by NULL as the loader has made it; NULL: there is none. */
static const char *const *command_for(const struct conf_pool *pool, enum ctl_quorum_state state)
{
	const bool is_up = state == CTL_QUORUM_UP;
	const unsigned n = is_up ? pool->n_quorum_up : pool->n_quorum_down;

	return n == 0 ? NULL : is_up ? pool->quorum_up : pool->quorum_down;
}

static int run(struct spawn_channel *channel, const struct ctl_service *half, uint64_t id,
	const char *const *argv)
{
	const struct conf_service *service = half->conf;
	struct environment e;
	const char *const env[] = {e.service, e.pool, e.family, e.protocol, e.event, NULL};
	const struct spawn_request request = {id, argv, env, TIMEOUT_MS};

	(void)snprintf(e.service, sizeof(e.service), "POISE_SERVICE=%s", service->name);
	(void)snprintf(e.pool, sizeof(e.pool), "POISE_POOL=%s", service->pool->name);
	(void)snprintf(e.family, sizeof(e.family), "POISE_FAMILY=%d", family_number(half));
	(void)snprintf(e.protocol, sizeof(e.protocol), "POISE_PROTOCOL=%s", protocol_name(half));
	(void)snprintf(e.event, sizeof(e.event), "POISE_EVENT=%s", event_name(half->quorum.state));
	return spawn_run(channel, &request);
}

/* The command for `state` was not run, which is no fault of its own: ctl_quorum_retry() runs it,
 * up to a number of times. */
static void put_off(struct ctl_service *half, enum ctl_quorum_state state, const char *why)
{
	struct ctl_quorum *q = &half->quorum;
	const bool is_last = ++q->n_refused == MAX_REFUSED;

	if (is_last)
		log_error("service %s: %s command not run: %s: given up after %d times family=%d "
			  "protocol=%s",
			half->conf->name, event_name(state), why, MAX_REFUSED, family_number(half),
			protocol_name(half));
	else if (q->n_refused == 1)
		log_warn("service %s: %s command not run: %s: is tried again family=%d protocol=%s",
			half->conf->name, event_name(state), why, family_number(half),
			protocol_name(half));
	if (is_last) {
		q->told = state;
		q->n_refused = 0;
	}
}

static void start(
	struct ctl *ctl, unsigned service, enum ctl_quorum_state state, const char *const *argv)
{
	struct ctl_quorum_runner *runner = ctl->quorum;
	struct ctl_service *half = &ctl->services[service];
	const uint64_t id = ++runner->n_runs << HALF_BITS | service;
	int r = run(runner->channel, half, id, argv);

	if (r == -EAGAIN) {
		put_off(half, state, "the spawner is behind");
		return;
	}
	if (r < 0) {
		half->quorum.told = state;
		log_error("service %s: %s command not run: %s family=%d protocol=%s",
			half->conf->name, event_name(state), strerror(-r), family_number(half),
			protocol_name(half));
		return;
	}
	runner->n_running++;
	half->quorum.is_running = true;
	half->quorum.telling = state;
	half->quorum.run = id;
	half->quorum.started_ms = now_ms();
}

/* What a command is due for, if one is. */
static void run_next(struct ctl *ctl, unsigned service)
{
	struct ctl_service *half = &ctl->services[service];
	enum ctl_quorum_state next = ctl_quorum_next_run(&half->quorum);
	const char *const *argv;

	if (next == CTL_QUORUM_UNKNOWN)
		return;
	argv = command_for(half->conf->pool, next);
	if (!argv) {
		half->quorum.told = next;
		return;
	}
	if (!ctl->quorum || ctl->quorum->is_dead)
		return;
	if (ctl->quorum->n_running < SPAWN_MAX_COMMANDS)
		start(ctl, service, next, argv);
	else
		ctl->quorum->has_waiting = true;
}

/* Commands that are due, as far as there are places; the halves take turns. Those that were refused
 * have their next try when the time is there, not when others end. */
static void run_waiting(struct ctl *ctl, bool is_time)
{
	const unsigned first = ctl->quorum->next;

	ctl->quorum->has_waiting = false;
	for (unsigned i = 0; i < ctl->n_services && !ctl->quorum->has_waiting; i++) {
		ctl->quorum->next = (first + i) % ctl->n_services;
		if (is_time || ctl->services[ctl->quorum->next].quorum.n_refused == 0)
			run_next(ctl, ctl->quorum->next);
	}
}

static void forget_run(struct ctl *ctl, struct ctl_service *half)
{
	half->quorum.is_running = false;
	ctl->quorum->n_running--;
}

/* "exit 3: disk full". */
static void result_words(const struct spawn_result *result, char *buf, size_t size)
{
	const char *line = result->output + strspn(result->output, " \n");
	const int len = (int)strcspn(line, "\n");
	int n = 0;

	switch (result->end) {
	case SPAWN_EXITED:
		n = snprintf(buf, size, "exit %d", result->value);
		break;
	case SPAWN_SIGNALLED:
		n = snprintf(buf, size, "signal %d (%s)", result->value, strsignal(result->value));
		break;
	case SPAWN_TIMED_OUT:
		n = snprintf(buf, size, "killed after %d s", TIMEOUT_MS / MS_PER_S);
		break;
	case SPAWN_NOT_RUN:
	case SPAWN_NOT_EXECUTED:
		n = snprintf(buf, size, "not run: %s", strerror(result->value));
		break;
	}
	if (len > 0)
		(void)snprintf(buf + n, size - (size_t)n, ": %.*s", len, line);
}

/* For lack of something that may be there later. */
static bool was_refused(const struct spawn_result *result)
{
	return result->end == SPAWN_NOT_RUN &&
	       (result->value == EAGAIN || result->value == ENOMEM || result->value == EMFILE ||
		       result->value == ENFILE);
}

static void take_result(struct ctl *ctl, const struct spawn_result *result)
{
	const unsigned service = (unsigned)(result->id & UINT32_MAX);
	char words[WORDS_LEN];
	struct ctl_service *half;
	struct ctl_quorum *q;
	bool is_ok;

	if (service >= ctl->n_services)
		return;
	half = &ctl->services[service];
	q = &half->quorum;
	if (!q->is_running || q->run != result->id)
		return; // given up, with its result on the way
	forget_run(ctl, half);
	if (was_refused(result)) {
		put_off(half, q->telling, strerror(result->value));
		return;
	}
	q->told = q->telling;
	q->n_refused = 0;
	is_ok = result->end == SPAWN_EXITED && result->value == 0;
	result_words(result, words, sizeof(words));
	log_line(is_ok ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
		"service %s: %s command: %s family=%d protocol=%s", half->conf->name,
		event_name(q->told), words, family_number(half), protocol_name(half));
	run_next(ctl, service);
	if (ctl->quorum->has_waiting)
		run_waiting(ctl, false);
}

static void give_up(struct ctl *ctl)
{
	struct ctl_quorum_runner *runner = ctl->quorum;

	runner->is_dead = true;
	(void)event_del(runner->readable);
	log_error("poised: the spawner has died: quorum commands are not run until poised is "
		  "started again");
	for (unsigned i = 0; i < ctl->n_services; i++) {
		if (!ctl->services[i].quorum.is_running)
			continue;
		forget_run(ctl, &ctl->services[i]);
		log_error("service %s: %s command: its end was not seen: the spawner has died",
			ctl->services[i].conf->name, event_name(ctl->services[i].quorum.telling));
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;
	struct spawn_result result;
	int r;

	(void)fd;
	(void)what;
	while ((r = spawn_take(ctl->quorum->channel, &result)) > 0)
		take_result(ctl, &result);
	if (r < 0)
		give_up(ctl);
}

/* ---- quorum ---------------------------------------------------------------------------------- */

/* Whether anybody has asked about the quorum of this pool. */
static bool is_used(const struct conf_pool *pool)
{
	return pool->quorum > 1 || pool->hysteresis > 0 || pool->n_quorum_up > 0 ||
	       pool->n_quorum_down > 0;
}

static void tell_state(
	struct ctl *ctl, struct ctl_service *half, enum ctl_quorum_state before) ON_CONTROL;
static void tell_state(struct ctl *ctl, struct ctl_service *half, enum ctl_quorum_state before)
{
	const struct ctl_quorum *q = &half->quorum;
	const bool is_up = q->state == CTL_QUORUM_UP;
	const char *lost = before == CTL_QUORUM_UP ? "lost" : "not reached";

	if (is_used(half->conf->pool))
		ctl_event(ctl,
			&(struct ctl_event_def){.kind = CTL_EVENT_QUORUM,
				.level = is_up ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARN,
				.object = half->conf->name,
				.before = ctl_quorum_state_name(before),
				.after = ctl_quorum_state_name(q->state),
				.cause = "servers",
				.half = half,
				.limit = &half->log_limit},
			"service %s: quorum %s: weight=%llu quorum=%u family=%d protocol=%s",
			half->conf->name, is_up ? "reached" : lost, (unsigned long long)q->weight,
			half->conf->pool->quorum, family_number(half), protocol_name(half));
}

void ctl_quorum_update(struct ctl *ctl, unsigned service)
{
	struct ctl_service *half = &ctl->services[service];
	struct ctl_quorum *q = &half->quorum;
	enum ctl_quorum_state state, before;
	bool has_all_verdicts = true;

	q->weight = 0;
	for (unsigned i = 0; i < half->n_servers; i++) {
		const struct ctl_server *s = &ctl->servers[half->first_server + i];

		q->weight += ctl_server_effective_weight(s);
		has_all_verdicts &= s->health != HC_UNKNOWN;
	}
	state = ctl_quorum_judge(half->conf->pool, q->state, q->weight, has_all_verdicts);
	if (state == q->state)
		return;
	before = q->state;
	q->state = state;
	q->n_refused = 0; // another command
	tell_state(ctl, half, before);
	run_next(ctl, service);
}

/* Its end should have been told long ago: the spawner had no room to. */
static void end_overdue(struct ctl *ctl, struct ctl_service *half)
{
	struct ctl_quorum *q = &half->quorum;

	if (!q->is_running || now_ms() - q->started_ms < OVERDUE_MS ||
		spawn_cancel(ctl->quorum->channel, q->run) == -EAGAIN)
		return;
	forget_run(ctl, half);
	put_off(half, q->telling, "its end was not seen");
}

void ctl_quorum_retry(struct ctl *ctl)
{
	if (!ctl->quorum || ctl->quorum->is_dead)
		return;
	for (unsigned i = 0; i < ctl->n_services; i++)
		end_overdue(ctl, &ctl->services[i]);
	run_waiting(ctl, true);
}

int ctl_quorum_start(struct ctl *ctl, struct spawn_channel *channel)
{
	struct ctl_quorum_runner *runner = calloc(1, sizeof(*runner));

	if (!runner)
		return -ENOMEM;
	runner->channel = channel;
	runner->readable =
		event_new(ctl->base, spawn_fd(channel), EV_READ | EV_PERSIST, on_readable, ctl);
	ctl->quorum = runner;
	if (!runner->readable || event_add(runner->readable, NULL) < 0) {
		ctl_quorum_stop(ctl);
		return -ENOMEM;
	}
	return 0;
}

void ctl_quorum_stop(struct ctl *ctl)
{
	if (!ctl->quorum)
		return;
	if (ctl->quorum->readable)
		event_free(ctl->quorum->readable);
	free(ctl->quorum);
	ctl->quorum = NULL;
}
