/* Targets: when each is probed, with what result, and who hears of it.
 *
 * A target waits for its time, then in the queue `ready` for its turn, then runs one probe,
 * which its own timer cuts off at the whole-check timeout; then the verdict core says when the
 * next one is due. The first probes are all due at once. From then on target i of n keeps to a
 * grid of its own, shifted by i/n of its interval, so that checks never fire together.
 *
 * A turn of the loop starts a limited number of probes, and the number that run at a time is
 * limited too: what waits longer is late, but never counts as failed.
 *
 * Reports: a result that changes nothing is held back while the control thread lags behind (the
 * next one says the same); a change is always posted. `posted` is what the control thread was
 * told last, so a change that memory did not suffice for goes out with the next result. */
#include "healthcheck/target.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "healthcheck/plan.h"
#include "healthcheck/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

enum {
	MAX_STARTS_A_TURN = 256,
	US_PER_MS = 1000,
	US_PER_S = 1000000,
	WARN_PAUSE_US = 10 * US_PER_S,
};

/* One of the caller's targets. */
struct owner {
	unsigned id;
	const char *name;
	enum hc_state posted;
	int posted_weight;
};

/* One probe, for all owners that share it. */
struct target {
	struct hc_targets *set;
	struct hc_probe_job job;
	const struct hc_probe_ops *ops;
	void *probe; // ops->state_bytes
	struct owner *owners;
	unsigned n_owners;
	struct hc_verdict verdict;
	struct hc_run run;   // of the running probe, or else of the last
	int64_t due_us;      // of the next start, or of the last if that is under way
	struct event *timer; // the next start; while a probe runs, its timeout
	uint64_t n_ended[HC_N_ENDS];
	bool is_running;
	bool is_made;              // ops->init has been called
	TAILQ_ENTRY(target) ready; // in set->ready between due and start
};

struct hc_targets {
	struct hc_shared *shared;
	struct mailbox *reports;
	struct target *targets;
	unsigned n_targets;
	struct owner *owners; // of all targets
	unsigned n_owners;
	TAILQ_HEAD(, target) ready;
	struct event *turn; // starts what is ready
	unsigned n_running;
	unsigned max_running;
	int64_t warned_us; // when it was last logged that a probe could not be made
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000;
}

static int64_t wall_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void arm(struct event *timer, int64_t in_us)
{
	const struct timeval in = {.tv_sec = in_us / US_PER_S, .tv_usec = in_us % US_PER_S};

	(void)event_add(timer, &in);
}

static void arm_turn(struct hc_targets *set)
{
	// a timer of 0 and not event_active(): sockets get their turn in between
	if (!TAILQ_EMPTY(&set->ready) && !event_pending(set->turn, EV_TIMEOUT, NULL))
		arm(set->turn, 0);
}

/* ---- results ------------------------------------------------------------------------------ */

static bool may_hold_back(const struct hc_targets *set)
{
	return mailbox_waiting(set->reports) > 256 + 2 * (size_t)set->n_owners;
}

static void report(struct target *t, const struct hc_outcome *outcome)
{
	struct hc_targets *set = t->set;
	struct hc_report r = {
		.state = t->verdict.state,
		.is_ok = outcome->result == HC_OK,
		.weight = outcome->weight,
		.duration_us = (uint32_t)(t->run.ended_us - t->run.started_us),
		.at_ms = wall_clock_ms(),
	};

	memcpy(r.detail, outcome->detail, sizeof(r.detail));
	memcpy(r.n_ended, t->n_ended, sizeof(r.n_ended));
	for (unsigned i = 0; i < t->n_owners; i++) {
		struct owner *o = &t->owners[i];

		r.id = o->id;
		r.is_change = r.state != o->posted;
		if (!r.is_change && r.weight == o->posted_weight && may_hold_back(set))
			continue;
		if (mailbox_post(set->reports, &r) != 0)
			continue;
		o->posted = r.state;
		o->posted_weight = r.weight;
	}
}

static void warn_not_made(struct target *t, const char *why)
{
	struct hc_targets *set = t->set;

	if (set->warned_us != 0 && t->run.ended_us - set->warned_us < WARN_PAUSE_US)
		return;
	set->warned_us = t->run.ended_us;
	log_warn("health: %s: %s (said at most every %d s, for all servers)", t->owners[0].name,
		why, WARN_PAUSE_US / US_PER_S);
}

static enum hc_end end_of(const struct hc_outcome *outcome, bool is_out_of_time)
{
	if (outcome->result == HC_OK)
		return HC_ENDED_OK;
	if (outcome->result == HC_NOT_MADE)
		return HC_ENDED_NOT_MADE;
	return is_out_of_time ? HC_ENDED_TIMEOUT : HC_ENDED_FAILED;
}

static void finish(struct target *t, const struct hc_outcome *outcome, bool is_out_of_time)
{
	const struct conf_check *check = t->job.check;
	struct hc_targets *set = t->set;

	t->is_running = false;
	set->n_running--;
	arm_turn(set);
	t->run.ended_us = now_us();
	t->n_ended[end_of(outcome, is_out_of_time)]++;
	t->verdict = hc_verdict_step(check, t->verdict, outcome->result, t->run.ended_us).next;
	report(t, outcome);
	if (outcome->result == HC_NOT_MADE)
		warn_not_made(t, outcome->detail);

	if (t->ops->is_once) {
		(void)event_del(t->timer);
		return;
	}
	t->due_us = hc_verdict_next_us(check, &t->verdict, outcome->result, &t->run);
	arm(t->timer, t->due_us - t->run.ended_us);
}

static void on_done(void *arg, const struct hc_outcome *outcome)
{
	finish(arg, outcome, false);
}

/* ---- starts ------------------------------------------------------------------------------- */

static void start_probe(struct target *t)
{
	struct hc_outcome outcome;
	int64_t started_us = now_us();

	// a timer that fires a little early must not count as a start before the grid's
	t->run.started_us = started_us > t->due_us ? started_us : t->due_us;
	t->is_running = true;
	t->set->n_running++;
	arm(t->timer, (int64_t)t->job.check->timeout_ms * US_PER_MS);
	if (!t->ops->start(t->probe, &t->job, &outcome))
		finish(t, &outcome, false);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct hc_targets *set = arg;
	struct target *t;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < MAX_STARTS_A_TURN && set->n_running < set->max_running; i++) {
		t = TAILQ_FIRST(&set->ready);
		if (!t)
			return;
		TAILQ_REMOVE(&set->ready, t, ready);
		start_probe(t);
	}
	// when no more may run, finish() goes on
	if (set->n_running < set->max_running)
		arm_turn(set);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct target *t = arg;
	struct hc_outcome outcome;

	(void)fd;
	(void)what;
	if (!t->is_running) {
		TAILQ_INSERT_TAIL(&t->set->ready, t, ready);
		arm_turn(t->set);
		return;
	}
	outcome = hc_probe_end_of_time(t->ops, t->probe, t->job.check);
	t->ops->cancel(t->probe);
	finish(t, &outcome, true);
}

void hc_targets_start(struct hc_targets *set)
{
	const int64_t start_us = now_us();

	for (unsigned i = 0; i < set->n_targets; i++) {
		struct target *t = &set->targets[i];
		int64_t interval_us = (int64_t)t->job.check->interval_ms * US_PER_MS;

		t->due_us = start_us;
		t->run.grid_us = start_us + interval_us * (i + 1) / set->n_targets;
		TAILQ_INSERT_TAIL(&set->ready, t, ready);
	}
	arm_turn(set);
}

/* ---- life --------------------------------------------------------------------------------- */

static int init_target(struct target *t, struct hc_targets *set, const struct hc_target *from)
{
	int r;

	t->set = set;
	t->job = (struct hc_probe_job){
		.shared = set->shared,
		.address = from->address,
		.port = from->port,
		.check = from->check,
		.on_done = on_done,
		.arg = t,
	};
	t->ops = hc_probe_ops_for(from->check->type);
	// one byte more: a probe without state is not out of memory
	t->probe = calloc(1, t->ops->state_bytes + 1);
	t->timer = evtimer_new(set->shared->base, on_timer, t);
	if (!t->probe || !t->timer)
		return -ENOMEM;

	r = t->ops->init ? t->ops->init(t->probe, &t->job) : 0;
	t->is_made = r == 0;
	return r;
}

static int fill(struct hc_targets *set, const struct hc_plan *plan)
{
	int r = 0;

	set->targets = calloc((size_t)plan->n_probes + 1, sizeof(*set->targets));
	set->owners = calloc((size_t)plan->n_sorted + 1, sizeof(*set->owners));
	set->turn = evtimer_new(set->shared->base, on_turn, set);
	if (!set->targets || !set->owners || !set->turn)
		return -ENOMEM;

	set->n_owners = plan->n_sorted;
	for (unsigned i = 0; i < plan->n_sorted; i++)
		set->owners[i] = (struct owner){.id = plan->sorted[i]->id,
			.name = plan->sorted[i]->name,
			.posted_weight = HC_NO_WEIGHT};

	set->n_targets = plan->n_probes;
	for (unsigned i = 0; i < plan->n_probes && r == 0; i++) {
		struct target *t = &set->targets[i];

		t->owners = &set->owners[plan->first[i]];
		t->n_owners = plan->first[i + 1] - plan->first[i];
		r = init_target(t, set, plan->sorted[plan->first[i]]);
	}
	return r;
}

int hc_targets_new(const struct hc_target *targets, unsigned n,
	const struct hc_targets_setup *setup, struct hc_targets **ret)
{
	struct hc_plan plan;
	struct hc_targets *set;
	int r;

	r = hc_plan_init(targets, n, &plan);
	if (r < 0)
		return r;
	r = -ENOMEM;
	set = calloc(1, sizeof(*set));
	if (!set)
		goto fini_plan;

	set->shared = setup->shared;
	set->reports = setup->reports;
	set->max_running = setup->max_running;
	TAILQ_INIT(&set->ready);
	r = fill(set, &plan);
	if (r == 0)
		*ret = set;
	else
		hc_targets_free(set);
fini_plan:
	hc_plan_fini(&plan);
	return r;
}

static void fini_target(struct target *t)
{
	if (t->is_running)
		t->ops->cancel(t->probe);
	if (t->is_made && t->ops->fini)
		t->ops->fini(t->probe);
	if (t->timer)
		event_free(t->timer);
	free(t->probe);
}

void hc_targets_free(struct hc_targets *set)
{
	if (!set)
		return;
	for (unsigned i = 0; i < set->n_targets; i++)
		fini_target(&set->targets[i]);
	if (set->turn)
		event_free(set->turn);
	free(set->targets);
	free(set->owners);
	free(set);
}

const struct hc_probe_job *hc_targets_job(const struct hc_targets *set, unsigned id)
{
	for (unsigned i = 0; i < set->n_targets; i++)
		for (unsigned o = 0; o < set->targets[i].n_owners; o++)
			if (set->targets[i].owners[o].id == id)
				return &set->targets[i].job;
	return NULL;
}
