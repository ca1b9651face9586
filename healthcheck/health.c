/* The health thread: start, stop, and the way of its reports to the control thread.
 *
 * Everything is made by hc_start() before the thread runs and freed by hc_stop() after it has
 * ended; in between only the thread touches the loop and the targets. The two threads share the
 * mailbox and the stop descriptor. Knows nothing of probes and verdicts: see target.c. */
#include "healthcheck/health.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "base/thread_start.h"
#include "healthcheck/libldap.h"
#include "healthcheck/probe.h"
#include "healthcheck/run.h"
#include "healthcheck/target.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors that probes leave to the rest of the process. */
enum { SPARE_DESCRIPTORS = 256 };

/* What the control thread asks for. */
struct request {
	unsigned id;
	uint64_t token;
};

struct hc {
	struct mailbox *reports;
	struct mailbox *requests; // struct request, to the thread
	struct mailbox *results;  // struct hc_run_result
	int fd;                   // an epoll instance: readable while reports or results wait
	struct event_base *base;
	struct hc_shared *shared;
	struct hc_targets *targets;
	struct hc_runs *runs;
	struct event *stop;     // on stop_fd
	struct event *incoming; // on that of `requests`
	int stop_fd;
	pthread_t thread;
	/* The control thread's. */
	unsigned n_runs; // asked for and not taken yet
};

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(arg);
}

static void on_requests(evutil_socket_t fd, short what, void *arg) ON_HEALTH;
static void on_requests(evutil_socket_t fd, short what, void *arg)
{
	struct hc *hc = arg;
	struct request request;

	(void)fd;
	(void)what;
	while (mailbox_take(hc->requests, &request))
		hc_runs_start(hc->runs, request.id, request.token);
}

static void *thread_main(void *arg)
{
	struct hc *hc = arg;

	thread_enter(&role_health);
	(void)pthread_setname_np(pthread_self(), "poise-health");
	hc_targets_start(hc->targets);
	(void)event_base_dispatch(hc->base);
	return NULL;
}

static struct event_base *loop_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	// one thread alone uses the loop; timeouts count from the call, not from the turn's start
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
		event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 &&
		event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

/* How many probes may run at a time, one descriptor each. */
static unsigned descriptors_for_probes(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
		return INT32_MAX;
	if (limit.rlim_cur <= 2 * SPARE_DESCRIPTORS)
		return (unsigned)limit.rlim_cur / 2 + 1;
	return (unsigned)limit.rlim_cur - SPARE_DESCRIPTORS;
}

/* All that hc_start() made but the thread, in any state of completeness. */
static void free_parts(struct hc *hc)
{
	struct hc_run_result result;

	hc_runs_free(hc->runs);
	hc_targets_free(hc->targets);
	hc_shared_free(hc->shared);
	if (hc->stop)
		event_free(hc->stop);
	if (hc->incoming)
		event_free(hc->incoming);
	if (hc->stop_fd >= 0)
		(void)close(hc->stop_fd);
	if (hc->fd >= 0)
		(void)close(hc->fd);
	if (hc->base)
		event_base_free(hc->base);
	while (hc->results && mailbox_take(hc->results, &result))
		free(result.dialogue);
	mailbox_free(hc->results);
	mailbox_free(hc->requests);
	mailbox_free(hc->reports);
	free(hc);
}

static int make_mailboxes(struct hc *hc)
{
	int r = mailbox_new(sizeof(struct hc_report), &hc->reports);

	if (r == 0)
		r = mailbox_new(sizeof(struct request), &hc->requests);
	if (r == 0)
		r = mailbox_new(sizeof(struct hc_run_result), &hc->results);
	if (r < 0)
		return r;

	struct epoll_event event = {.events = EPOLLIN};

	hc->fd = epoll_create1(EPOLL_CLOEXEC);
	if (hc->fd < 0 || epoll_ctl(hc->fd, EPOLL_CTL_ADD, mailbox_fd(hc->reports), &event) < 0 ||
		epoll_ctl(hc->fd, EPOLL_CTL_ADD, mailbox_fd(hc->results), &event) < 0)
		return -errno;
	return 0;
}

static int make_loop(struct hc *hc)
{
	hc->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (hc->stop_fd < 0)
		return -errno;

	// libevent does not say why: no descriptor, or no memory
	errno = 0;
	hc->base = loop_new();
	if (!hc->base)
		return errno ? -errno : -ENOMEM;
	hc->stop = event_new(hc->base, hc->stop_fd, EV_READ, on_stop, hc->base);
	hc->incoming = event_new(
		hc->base, mailbox_fd(hc->requests), EV_READ | EV_PERSIST, on_requests, hc);
	if (!hc->stop || event_add(hc->stop, NULL) < 0 || !hc->incoming ||
		event_add(hc->incoming, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static int make_parts(
	struct hc *hc, const struct hc_target *targets, unsigned n, struct spawn_channel *spawner)
{
	const unsigned max_running = descriptors_for_probes();
	int r;

	r = make_mailboxes(hc);
	if (r == 0)
		r = make_loop(hc);
	if (r == 0)
		r = hc_shared_new(hc->base, spawner, &hc->shared);
	if (r < 0)
		return r;
	if (n > max_running)
		log_warn("health: descriptors for %u of %u probes at a time: raise RLIMIT_NOFILE",
			max_running, n);

	const struct hc_targets_setup setup = {
		.shared = hc->shared, .reports = hc->reports, .max_running = max_running};

	r = hc_targets_new(targets, n, &setup, &hc->targets);
	if (r == 0)
		r = hc_runs_new(hc->targets, hc->results, &hc->runs);
	return r;
}

int hc_prepare(void)
{
	return hc_libldap_prepare();
}

int hc_start(const struct hc_target *targets, unsigned n, struct spawn_channel *spawner,
	struct hc **ret_hc)
{
	struct hc *hc;
	int r;

	hc = calloc(1, sizeof(*hc));
	if (!hc)
		return -ENOMEM;
	hc->stop_fd = -1;
	hc->fd = -1;

	r = make_parts(hc, targets, n, spawner);
	if (r == 0)
		r = thread_start(&hc->thread, thread_main, hc);
	if (r < 0) {
		free_parts(hc);
		return r;
	}
	*ret_hc = hc;
	return 0;
}

void hc_stop(struct hc *hc)
{
	const uint64_t one = 1;

	if (!hc)
		return;
	(void)!write(hc->stop_fd, &one, sizeof(one));
	(void)pthread_join(hc->thread, NULL);
	free_parts(hc);
}

int hc_fd(const struct hc *hc)
{
	return hc->fd;
}

bool hc_take(struct hc *hc, struct hc_report *ret)
{
	return mailbox_take(hc->reports, ret);
}

int hc_run(struct hc *hc, unsigned id, uint64_t token)
{
	const struct request request = {.id = id, .token = token};
	int r;

	if (hc->n_runs >= HC_MAX_RUNS)
		return -EBUSY;
	r = mailbox_post(hc->requests, &request);
	if (r == 0)
		hc->n_runs++;
	return r;
}

bool hc_take_run(struct hc *hc, struct hc_run_result *ret)
{
	if (!mailbox_take(hc->results, ret))
		return false;
	hc->n_runs--;
	return true;
}
