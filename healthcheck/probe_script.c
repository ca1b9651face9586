/* The probe of check type `script`: a program says whether the server is up.
 *
 * Exit 0 is up; with dynamic_weight 2 to 255 are up, too, with that weight less 2; 126 and 127 are
 * what a shell says of a program that cannot be run, and never up. Everything else is down. The
 * words are the exit and the first line of what it wrote.
 *
 * The spawner runs the program; here are the runs under way, by id. Fewer run than the spawner has
 * places, which quorum commands have the rest of, so that a run never waits for one: that would
 * count against the server. The check's
 * timeout is target.c's, which cancels; the spawner's own is for when this thread is late. When the
 * spawner is dead, probes are not made: there will be no other. */
#include "healthcheck/probe_script.h"

#include "base/log.h"
#include "base/spawn.h"
#include "healthcheck/probe.h"
#include "healthcheck/trace.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNNING = SPAWN_MAX_RUNNING - SPAWN_MAX_COMMANDS };
enum { PLACE_BITS = 16, MARGIN_MS = 1000, MS_PER_S = 1000, US_PER_MS = 1000 };
/* Of a program, as far as we give them a meaning; the last two as shells use them. */
enum { EXIT_UP = 0, EXIT_WEIGHT_0 = 2, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

struct script_probe {
	const struct hc_probe_job *job;
	uint64_t id; // of the run; its lowest PLACE_BITS are the place
};

struct hc_scripts {
	struct spawn_channel *channel;
	struct event *readable;
	bool is_dead; // the spawner
	struct script_probe *running[MAX_RUNNING];
	unsigned n_running;
	uint64_t n_runs; // ever
};

static const char step_name[] = "script";

/* ---- words ----------------------------------------------------------------------------------- */

static struct hc_outcome not_made(const char *why)
{
	struct hc_outcome outcome = {.result = HC_NOT_MADE, .weight = HC_NO_WEIGHT};

	(void)snprintf(outcome.detail, sizeof(outcome.detail), "not probed: %s", why);
	return outcome;
}

/* ": disk full", the first line that is not empty; or "". */
static void first_line(const struct spawn_result *r, char *buf, size_t size)
{
	const char *line = r->output + strspn(r->output, " \n");
	int len = (int)strcspn(line, "\n");

	(void)snprintf(buf, size, "%s%.*s", len > 0 ? ": " : "", len, line);
}

/* Of an exit that is not up. */
static const char *exit_meaning(int status)
{
	switch (status) {
	case EXIT_NOT_EXECUTABLE:
		return " (cannot be executed)";
	case EXIT_NOT_FOUND:
		return " (not found)";
	default:
		return "";
	}
}

static struct hc_outcome exit_outcome(
	const struct conf_check_own *own, const struct spawn_result *r)
{
	char line[SPAWN_OUTPUT_LEN + 2];
	struct hc_outcome outcome;

	first_line(r, line, sizeof(line));
	if (r->value == EXIT_UP)
		return hc_probe_ok("script: exit 0%s", line);
	if (!own->dynamic_weight || r->value < EXIT_WEIGHT_0 || r->value == EXIT_NOT_EXECUTABLE ||
		r->value == EXIT_NOT_FOUND)
		return hc_probe_failed(
			"script: exit %d%s%s", r->value, exit_meaning(r->value), line);
	outcome = hc_probe_ok("script: weight %d%s", r->value - EXIT_WEIGHT_0, line);
	outcome.weight = r->value - EXIT_WEIGHT_0;
	return outcome;
}

/* The daemon's own part has failed; which says nothing of the server. */
static struct hc_outcome not_run_outcome(int error)
{
	char why[HC_DETAIL_LEN - sizeof("not probed: ")];

	(void)snprintf(why, sizeof(why), "script not started: %s", strerrordesc_np(error));
	return not_made(why);
}

/* Of an execve() that failed: as a shell would say it, but with the reason. A lack of something is
 * not the program's. */
static struct hc_outcome not_executed_outcome(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return not_run_outcome(error);
	case ENOENT:
		return hc_probe_failed("script: exit 127 (not found)");
	case EACCES:
		return hc_probe_failed("script: exit 126 (permission denied)");
	default:
		return hc_probe_failed("script: exit 126 (%s)", strerrordesc_np(error));
	}
}

static struct hc_outcome outcome_of(const struct conf_check *check, const struct spawn_result *r)
{
	char line[SPAWN_OUTPUT_LEN + 2];

	switch (r->end) {
	case SPAWN_EXITED:
		return exit_outcome(&check->own, r);
	case SPAWN_SIGNALLED:
		first_line(r, line, sizeof(line));
		return hc_probe_failed(
			"script: signal %d (%s)%s", r->value, sigdescr_np(r->value), line);
	case SPAWN_TIMED_OUT:
		return hc_probe_timeout(step_name, check->timeout_ms);
	case SPAWN_NOT_EXECUTED:
		return not_executed_outcome(r->value);
	default:
		return not_run_outcome(r->value);
	}
}

static void trace_result(struct hc_trace *trace, const struct spawn_result *r)
{
	static const char *const ends[] = {
		[SPAWN_EXITED] = "exit",
		[SPAWN_SIGNALLED] = "signal",
		[SPAWN_TIMED_OUT] = "timed out",
		[SPAWN_NOT_RUN] = "not started: error",
		[SPAWN_NOT_EXECUTED] = "not executed: error",
	};

	hc_trace_bytes(trace, HC_TRACE_RECEIVED, r->output, strlen(r->output));
	hc_trace_note(
		trace, "%s %d after %u ms", ends[r->end], r->value, r->duration_us / US_PER_MS);
}

/* ---- runs under way -------------------------------------------------------------------------- */

static struct script_probe *take_out(struct hc_scripts *s, uint64_t id)
{
	const unsigned place = id & ((1 << PLACE_BITS) - 1);
	struct script_probe *p = place < MAX_RUNNING ? s->running[place] : NULL;

	if (!p || p->id != id)
		return NULL; // cancelled, with its result on the way
	s->running[place] = NULL;
	s->n_running--;
	return p;
}

static void finish(struct script_probe *p, const struct hc_outcome *outcome)
{
	p->job->on_done(p->job->arg, outcome);
}

static void end_all(struct hc_scripts *s)
{
	const struct hc_outcome outcome = not_made("the spawner has died");

	s->is_dead = true;
	(void)event_del(s->readable);
	log_error(
		"health: the spawner has died: scripts are not run until poised is started again");
	for (unsigned i = 0; i < MAX_RUNNING; i++) {
		struct script_probe *p = s->running[i] ? take_out(s, s->running[i]->id) : NULL;

		if (p)
			finish(p, &outcome);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct hc_scripts *s = arg;
	struct spawn_result result;
	int r;

	(void)fd;
	(void)what;
	while ((r = spawn_take(s->channel, &result)) > 0) {
		struct script_probe *p = take_out(s, result.id);
		struct hc_outcome outcome;

		if (!p)
			continue;
		trace_result(p->job->trace, &result);
		outcome = outcome_of(p->job->check, &result);
		finish(p, &outcome);
	}
	if (r < 0)
		end_all(s);
}

static struct hc_scripts *scripts_of(struct hc_shared *shared)
{
	struct hc_scripts *s;

	if (shared->scripts)
		return shared->scripts;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->channel = shared->spawner;
	s->readable =
		event_new(shared->base, spawn_fd(s->channel), EV_READ | EV_PERSIST, on_readable, s);
	if (!s->readable || event_add(s->readable, NULL) < 0) {
		hc_scripts_free(s);
		return NULL;
	}
	shared->scripts = s;
	return s;
}

void hc_scripts_free(struct hc_scripts *scripts)
{
	if (!scripts)
		return;
	if (scripts->readable)
		event_free(scripts->readable);
	free(scripts);
}

/* ---- the probe ------------------------------------------------------------------------------- */

/* What a script is told of the server. */
struct environment {
	char check[CONF_MAX_NAME + sizeof("POISE_CHECK=")];
	char address[ADDR_STR_LEN + sizeof("POISE_ADDRESS=")];
	char port[sizeof("POISE_PORT=65535")];
	char family[sizeof("POISE_FAMILY=4")];
	const char *strings[5];
};

static_assert(sizeof(struct environment) <= SPAWN_ENV_BYTES, "no room for the environment");

static void fill_environment(const struct hc_probe_job *job, struct environment *e)
{
	char address[ADDR_STR_LEN];

	(void)snprintf(e->check, sizeof(e->check), "POISE_CHECK=%s", job->check->name);
	(void)snprintf(e->address, sizeof(e->address), "POISE_ADDRESS=%s",
		addr_format(&job->address, address));
	(void)snprintf(e->port, sizeof(e->port), "POISE_PORT=%u", job->port);
	(void)snprintf(
		e->family, sizeof(e->family), "POISE_FAMILY=%d", addr_is_v4(&job->address) ? 4 : 6);
	e->strings[0] = e->check;
	e->strings[1] = e->address;
	e->strings[2] = e->port;
	e->strings[3] = e->family;
	e->strings[4] = NULL;
}

static void trace_request(struct hc_trace *trace, const struct spawn_request *request)
{
	for (unsigned i = 0; request->argv[i]; i++)
		hc_trace_note(trace, "%s %s", i == 0 ? "run" : "    with", request->argv[i]);
	for (unsigned i = 0; request->envp[i]; i++)
		hc_trace_note(trace, "    %s", request->envp[i]);
}

static int run(struct hc_scripts *s, struct script_probe *p)
{
	const struct conf_check *check = p->job->check;
	const char *argv[SPAWN_MAX_ARGS + 1] = {NULL};
	struct environment environment;
	struct spawn_request request = {.id = p->id,
		.argv = argv,
		.envp = environment.strings,
		.timeout_ms = check->timeout_ms + MARGIN_MS};

	if (check->own.n_command > SPAWN_MAX_ARGS)
		return -E2BIG; // the loader lets none through
	for (unsigned i = 0; i < check->own.n_command; i++)
		argv[i] = check->own.command[i];
	fill_environment(p->job, &environment);
	trace_request(p->job->trace, &request);
	return spawn_run(s->channel, &request);
}

static uint64_t new_id(struct hc_scripts *s)
{
	uint64_t place = 0;

	while (s->running[place])
		place++;
	return s->n_runs++ << PLACE_BITS | place;
}

static struct hc_outcome start_failed(int error)
{
	switch (error) {
	case -E2BIG:
	case -EINVAL:
		return not_made("command too long");
	case -EAGAIN:
		return not_made("the spawner is behind");
	default:
		return not_made("the spawner has died");
	}
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct script_probe *p = state;
	struct hc_scripts *s;
	int r;

	if (!job->shared->spawner) {
		*ret_outcome = not_made("no spawner");
		return false;
	}
	s = scripts_of(job->shared);
	if (!s || s->is_dead || s->n_running == MAX_RUNNING) {
		*ret_outcome = not_made(!s           ? "out of memory"
					: s->is_dead ? "the spawner has died"
						     : "too many scripts run already");
		return false;
	}
	*p = (struct script_probe){.job = job, .id = new_id(s)};
	r = run(s, p);
	if (r < 0) {
		*ret_outcome = start_failed(r);
		return false;
	}
	s->running[p->id & ((1 << PLACE_BITS) - 1)] = p;
	s->n_running++;
	return true;
}

static const char *step(const void *state)
{
	(void)state;
	return step_name;
}

/* One that does not get through, because the spawner is behind, is the spawner's timeout's. */
static void cancel(void *state)
{
	struct script_probe *p = state;
	struct hc_scripts *s = p->job->shared->scripts;

	(void)spawn_cancel(s->channel, p->id);
	(void)take_out(s, p->id);
	hc_trace_note(p->job->trace, "killed");
}

const struct hc_probe_ops *hc_probe_script_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct script_probe),
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
