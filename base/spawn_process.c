/* The spawner's process: one loop over its channels, the programs' output and its signals.
 *
 * Requests are taken in before programs are started, and only a few are started a turn, so that a
 * cancel never waits behind a crowd. A result that its channel has no room for keeps the place of
 * its run. Nobody is told of an error here but by a result: this process writes nothing. */
#include "base/spawn_runs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_STARTS_A_TURN = 16, MAX_MESSAGES_A_TURN = 256, MAX_SIGNALS = 16 };
enum { END_MS = 3000, END_STEP_MS = 10, US_PER_MS = 1000 };

/* A request that waits for a place. */
struct waiting {
	unsigned channel;
	size_t len;
	struct spawn_message message;
};

/* What is polled: the signals, the channels, the outputs of runs. */
enum { POLL_SIGNALS, POLL_CHANNELS, POLL_OUTPUTS = POLL_CHANNELS + SPAWN_MAX_CHANNELS };

struct process {
	const struct spawn_setup *setup;
	struct spawn_runs *runs;
	int signals;
	struct waiting *waiting[SPAWN_MAX_WAITING]; // the oldest first
	unsigned n_waiting;
	bool must_end;
	struct pollfd polls[POLL_OUTPUTS + SPAWN_MAX_RUNNING];
	struct spawn_run *outputs[SPAWN_MAX_RUNNING]; // by position behind POLL_OUTPUTS
	unsigned n_polls;
};

/* ---- requests -------------------------------------------------------------------------------- */

static bool send_result(const struct process *p, unsigned channel, const struct spawn_result *r)
{
	if (send(p->setup->channels[channel], r, sizeof(*r), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	return errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM; // it is gone
}

static void refuse(const struct process *p, unsigned channel, uint64_t id, int error)
{
	const struct spawn_result result = {.id = id, .end = SPAWN_NOT_RUN, .value = error};

	(void)send_result(p, channel, &result); // no room: the caller's own timeout tells
}

static void wait_in_line(
	struct process *p, unsigned channel, const struct spawn_message *message, size_t len)
{
	struct waiting *w = NULL;

	if (p->n_waiting < SPAWN_MAX_WAITING)
		w = malloc(sizeof(*w) + len);
	if (!w) {
		refuse(p, channel, message->id, EAGAIN);
		return;
	}
	w->channel = channel;
	w->len = len;
	memcpy(&w->message, message, len);
	p->waiting[p->n_waiting++] = w;
}

static void forget(struct process *p, unsigned place)
{
	free(p->waiting[place]);
	p->n_waiting--;
	memmove(&p->waiting[place], &p->waiting[place + 1],
		(p->n_waiting - place) * sizeof(p->waiting[0]));
}

static void cancel(struct process *p, unsigned channel, uint64_t id)
{
	if (spawn_runs_cancel(p->runs, channel, id))
		return;
	for (unsigned i = 0; i < p->n_waiting; i++)
		if (p->waiting[i]->channel == channel && p->waiting[i]->message.id == id) {
			forget(p, i);
			return;
		}
}

static void read_channel(struct process *p, unsigned channel)
{
	union spawn_buffer buffer;

	for (unsigned i = 0; i < MAX_MESSAGES_A_TURN; i++) {
		ssize_t n =
			recv(p->setup->channels[channel], &buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < (ssize_t)sizeof(buffer.message)) {
			p->must_end = true; // closed
			return;
		}
		if (buffer.message.kind == SPAWN_RUN)
			wait_in_line(p, channel, &buffer.message, (size_t)n);
		else
			cancel(p, channel, buffer.message.id);
	}
}

static void start_waiting(struct process *p)
{
	for (unsigned i = 0; i < MAX_STARTS_A_TURN; i++) {
		if (p->n_waiting == 0 || p->runs->n_free == 0)
			return;
		spawn_runs_start(p->runs, p->waiting[0]->channel, &p->waiting[0]->message,
			p->waiting[0]->len);
		forget(p, 0);
	}
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Results that are there; what finds no room waits for the channel to be writable. */
static void send_results(struct process *p)
{
	bool is_full[SPAWN_MAX_CHANNELS] = {false};

	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++) {
		struct spawn_run *run = &p->runs->table[i];

		if (run->state != SPAWN_RUN_OVER || is_full[run->channel])
			continue;
		if (send_result(p, run->channel, &run->result))
			spawn_runs_release(p->runs, run);
		else
			is_full[run->channel] = true;
	}
	for (unsigned i = 0; i < p->setup->n_channels; i++)
		p->polls[POLL_CHANNELS + i].events = is_full[i] ? POLLIN | POLLOUT : POLLIN;
}

static void list_outputs(struct process *p)
{
	p->n_polls = POLL_OUTPUTS;
	for (unsigned i = 0; i < SPAWN_MAX_RUNNING; i++) {
		struct spawn_run *run = &p->runs->table[i];

		if (run->state != SPAWN_RUN_RUNNING || run->output < 0)
			continue;
		p->outputs[p->n_polls - POLL_OUTPUTS] = run;
		p->polls[p->n_polls++] = (struct pollfd){.fd = run->output, .events = POLLIN};
	}
}

static void read_signals(struct process *p)
{
	struct signalfd_siginfo info[MAX_SIGNALS];
	ssize_t n = read(p->signals, info, sizeof(info));

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(info[0]); i++)
		if (info[i].ssi_signo == SIGUSR1)
			p->must_end = true; // the daemon has died
}

static void turn(struct process *p)
{
	int timeout_ms = spawn_runs_expire(p->runs);

	list_outputs(p);
	if (p->n_waiting > 0 && p->runs->n_free > 0)
		timeout_ms = 0;
	if (poll(p->polls, p->n_polls, timeout_ms) < 0)
		return;
	for (unsigned i = POLL_OUTPUTS; i < p->n_polls; i++)
		if (p->polls[i].revents)
			spawn_runs_read(p->outputs[i - POLL_OUTPUTS]);
	if (p->polls[POLL_SIGNALS].revents)
		read_signals(p);
	(void)spawn_runs_reap(p->runs);
	for (unsigned i = 0; i < p->setup->n_channels; i++)
		if (p->polls[POLL_CHANNELS + i].revents)
			read_channel(p, i);
	start_waiting(p);
	send_results(p);
}

/* All that runs, and what it has started; a process that the kernel cannot kill is left. */
static void end_all(struct process *p)
{
	const int64_t end_us = spawn_runs_now_us() + END_MS * US_PER_MS;

	spawn_runs_kill_all(p->runs);
	while (spawn_runs_reap(p->runs) && spawn_runs_now_us() < end_us) {
		(void)poll(p->polls, 1, END_STEP_MS);
		read_signals(p);
	}
}

static void free_process(struct process *p)
{
	while (p->n_waiting > 0)
		forget(p, p->n_waiting - 1);
	if (p->signals >= 0)
		(void)close(p->signals);
	if (p->runs)
		spawn_runs_free(p->runs);
	free(p);
}

/* Signals are blocked: those of children, and of the daemon's death, come by a descriptor. */
static int open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGUSR1);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void spawn_process(const struct spawn_setup *setup)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	p->setup = setup;
	p->signals = open_signals();
	if (p->signals >= 0 && spawn_runs_new(setup->user, &p->runs) == 0) {
		p->polls[POLL_SIGNALS] = (struct pollfd){.fd = p->signals, .events = POLLIN};
		for (unsigned i = 0; i < SPAWN_MAX_CHANNELS; i++)
			p->polls[POLL_CHANNELS + i] = (struct pollfd){.fd = -1};
		for (unsigned i = 0; i < setup->n_channels; i++)
			p->polls[POLL_CHANNELS + i].fd = setup->channels[i];
		send_results(p);
		while (!p->must_end)
			turn(p);
		end_all(p);
	}
	free_process(p);
}
