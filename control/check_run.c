/* `check run`: one probe now of each server that the command names, and what was said.
 *
 * The health thread makes at most HC_MAX_RUNS extra probes at a time, for all clients together: a
 * job asks for the next of its servers as places become free, and its answer lists them in order.
 * A probe whose client has gone ends by itself; its result is thrown away. */
#include "control/show.h"

#include "control/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longer than any probe may take on top of its time-out: a result that was lost for want of memory
 * does not hold up its client for ever. */
enum { PATIENCE_MS = 5000 };

enum run_state { RUN_FREE, RUN_WAITS, RUN_DONE, RUN_ABANDONED };

struct run {
	enum run_state state;
	uint64_t token;
	struct hc_run_result result; // when done
};

struct ctl_checks {
	struct run runs[HC_MAX_RUNS];
	uint64_t last_token;
};

/* One server of a job. */
struct asked {
	unsigned id;
	struct run *run;
	int64_t give_up_ms; // CLOCK_MONOTONIC
};

struct check_job {
	struct ctl_list list;
	struct ctl_target target;
	bool is_verbose;
	struct ctl_cursor cursor;
	struct ctl_group group;
	unsigned position; // in the group
	/* Under way, in the order of the answer. */
	struct asked asked[HC_MAX_RUNS];
	unsigned n_asked;
	bool is_through; // all servers have been asked
};

int ctl_checks_start(struct ctl *ctl)
{
	ctl->checks = calloc(1, sizeof(*ctl->checks));
	return ctl->checks ? 0 : -ENOMEM;
}

static void run_clear(struct run *run)
{
	if (run->state == RUN_DONE)
		free(run->result.dialogue);
	*run = (struct run){.state = RUN_FREE};
}

void ctl_checks_stop(struct ctl *ctl)
{
	for (unsigned i = 0; ctl->checks && i < HC_MAX_RUNS; i++)
		run_clear(&ctl->checks->runs[i]);
	free(ctl->checks);
	ctl->checks = NULL;
}

static struct run *find_waiting(struct ctl_checks *checks, uint64_t token)
{
	for (unsigned i = 0; i < HC_MAX_RUNS; i++) {
		struct run *run = &checks->runs[i];

		if ((run->state == RUN_WAITS || run->state == RUN_ABANDONED) && run->token == token)
			return run;
	}
	return NULL;
}

void ctl_checks_take(struct ctl *ctl)
{
	struct hc_run_result result;

	while (hc_take_run(ctl->hc, &result)) {
		struct run *run = find_waiting(ctl->checks, result.token);

		if (run && run->state == RUN_WAITS) {
			run->state = RUN_DONE;
			run->result = result;
			continue;
		}
		free(result.dialogue);
		if (run)
			run_clear(run);
	}
}

/* Asks for a probe; NULL: not now. */
static struct run *run_start(struct ctl *ctl, unsigned id) ON_CONTROL;
static struct run *run_start(struct ctl *ctl, unsigned id)
{
	struct ctl_checks *checks = ctl->checks;

	for (unsigned i = 0; i < HC_MAX_RUNS; i++) {
		struct run *run = &checks->runs[i];

		if (run->state != RUN_FREE)
			continue;
		if (hc_run(ctl->hc, id, checks->last_token + 1) < 0)
			return NULL;
		run->state = RUN_WAITS;
		run->token = ++checks->last_token;
		return run;
	}
	return NULL;
}

/* Nobody waits for it any more. */
static void run_abandon(struct run *run)
{
	if (run->state == RUN_WAITS)
		run->state = RUN_ABANDONED;
	else
		run_clear(run);
}

/* ---- the job --------------------------------------------------------------------------------- */

static json_t *lines_of(const char *text)
{
	json_t *lines = json_array();

	while (lines && text && *text) {
		const size_t len = strcspn(text, "\n");

		// printable ASCII, see healthcheck/trace.h
		(void)json_array_append_new(lines, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return lines;
}

static json_t *result_object(
	const struct check_job *j, unsigned id, const struct hc_run_result *result)
{
	const struct ctl *ctl = j->list.ctl;
	const struct ctl_server *s = &ctl->servers[id];
	const struct ctl_service *half = &ctl->services[s->service];
	char address[ADDR_STR_LEN];
	json_t *item = json_pack("{s:o, s:i, s:s, s:o, s:s, s:i, s:o, s:b, s:f, s:o}", "service",
		ctl_job_text(half->conf->name), "family", ctl_show_family(half->family), "protocol",
		ctl_show_protocol_name(half->protocol), "server", ctl_job_text(s->conf->name),
		"address", addr_format(ctl_check_address(half, s), address), "port",
		(int)ctl_check_port(half, s), "check", ctl_job_text(half->conf->check->name), "ok",
		result->is_ok, "duration_seconds", result->duration_us / 1e6, "detail",
		ctl_job_text(result->detail));

	if (item && result->weight != HC_NO_WEIGHT)
		(void)json_object_set_new(item, "weight", json_integer(result->weight));
	if (item && j->is_verbose)
		(void)json_object_set_new(item, "dialogue", lines_of(result->dialogue));
	return item;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The server that comes next; false after the last. Stays the next until it has been asked. */
static bool peek_server(struct check_job *j, unsigned *ret_id) ON_CONTROL;
static bool peek_server(struct check_job *j, unsigned *ret_id)
{
	if (j->position >= j->group.n_ids) {
		j->position = 0;
		if (!ctl_target_next(j->list.ctl, &j->target, &j->cursor, &j->group))
			return false;
	}
	*ret_id = j->group.ids[j->position];
	return true;
}

/* Asks for as many as there are places. */
static void ask(struct check_job *j) ON_CONTROL;
static void ask(struct check_job *j)
{
	struct ctl *ctl = j->list.ctl;
	unsigned id;

	while (!j->is_through && j->n_asked < HC_MAX_RUNS) {
		struct run *run;

		j->is_through = !peek_server(j, &id);
		run = j->is_through ? NULL : run_start(ctl, id);
		if (!run)
			return;
		j->position++;
		j->asked[j->n_asked++] = (struct asked){.id = id,
			.run = run,
			.give_up_ms =
				now_ms() + PATIENCE_MS +
				ctl->services[ctl->servers[id].service].conf->check->timeout_ms};
	}
}

static void forget_first(struct check_job *j)
{
	run_abandon(j->asked[0].run);
	j->n_asked--;
	memmove(j->asked, j->asked + 1, j->n_asked * sizeof(j->asked[0]));
}

static int next_result(struct ctl_list *list, json_t **ret_item) ON_CONTROL;
static int next_result(struct ctl_list *list, json_t **ret_item)
{
	static const struct hc_run_result lost = {
		.weight = HC_NO_WEIGHT, .detail = "not probed: out of memory"};
	struct check_job *j = (struct check_job *)list;
	const struct asked *first = &j->asked[0];

	ask(j);
	if (j->n_asked == 0)
		return j->is_through ? 0 : -EAGAIN;
	if (first->run->state != RUN_DONE && now_ms() < first->give_up_ms)
		return -EAGAIN;
	*ret_item = result_object(
		j, first->id, first->run->state == RUN_DONE ? &first->run->result : &lost);
	forget_first(j);
	return *ret_item ? 1 : -ENOMEM;
}

static void abandon_all(struct ctl_list *list)
{
	struct check_job *j = (struct check_job *)list;

	while (j->n_asked > 0)
		forget_first(j);
}

int ctl_check_run_open(const struct ctl_call *call, struct ctl_error *err, struct ctl_job **ret_job)
{
	struct ctl *ctl = call->shared->ctl;
	const char *text = json_string_value(json_object_get(call->args, "target"));
	struct ctl_target target;
	struct check_job *j;
	int r;

	if (!text)
		return ctl_job_refuse(
			err, API_ERROR_BAD_REQUEST, "check run: \"target\" is missing");
	r = ctl_target_parse(ctl, text, NULL, err, &target);
	if (r < 0)
		return r;
	j = (struct check_job *)ctl_job_list_new(sizeof(*j), ctl, "runs", next_result);
	if (!j)
		return ctl_job_refuse(err, API_ERROR_FAILED, "out of memory");
	j->list.destroy = abandon_all;
	j->target = target;
	j->is_verbose = json_is_true(json_object_get(call->args, "verbose"));
	*ret_job = &j->list.job;
	return 0;
}
