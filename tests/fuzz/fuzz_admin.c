/* Any bytes as a request line of the admin socket: the answer is always one line of JSON, an
 * object with "schema", and whatever was changed stays within its range. */
#include "control/request.h"
#include "tests/unit/admin/fixture.h"

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_STEPS = 100000 };

static void require(bool claim)
{
	if (!claim)
		abort();
}

/* An answer without an end is over when it sleeps: what there was to say is a line by then. */
static void run(struct ctl_job *job, struct evbuffer *out)
{
	enum ctl_job_turn turn = CTL_JOB_MORE, end = job->is_endless ? CTL_JOB_SLEEP : CTL_JOB_DONE;
	char *line;

	for (unsigned i = 0; i < MAX_STEPS && turn < CTL_JOB_SLEEP; i++)
		turn = job->step(job, out);
	require(turn == end);
	if (job->is_endless) {
		line = evbuffer_readln(out, NULL, EVBUFFER_EOL_LF);
		require(line && evbuffer_get_length(out) == 0);
		require(evbuffer_add(out, line, strlen(line)) == 0);
		free(line);
	}
	ctl_job_free(job);
}

static void check_answer(struct evbuffer *out)
{
	size_t len = evbuffer_get_length(out);
	const char *text = (const char *)evbuffer_pullup(out, -1);
	json_t *answer;

	require(text && !memchr(text, '\n', len));
	answer = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	require(json_is_object(answer));
	require(json_integer_value(json_object_get(answer, "schema")) == API_SCHEMA);
	json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fixture *f = fixture_new();
	struct ctl_call call = {.shared = &f->shared, .peer = {.may_change = true}};
	struct evbuffer *out = evbuffer_new();
	struct ctl_error err;
	struct ctl_job *job;

	fixture_add_vrrp(f);
	f->dp.n_connections = 3;
	f->dp.polls_needed = 2;
	if (ctl_request_open(&call, (const char *)data, size, &err, &job) == 0)
		run(job, out);
	else
		require(ctl_job_put_error(&err, out) == 0);
	check_answer(out);
	require(f->dp.n_queries == f->dp.n_freed);
	require(f->shared.n_connection_lists[1] == 0);
	require(f->shared.n_followers[1] == 0);
	evbuffer_free(out);
	fixture_free(f);
	return 0;
}
