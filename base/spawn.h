#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stdint.h>

/* The spawner: a small process, forked while the daemon has one thread and no DPDK, that runs
 * other people's programs as an unprivileged user, so that the daemon never forks again.
 *
 * Each thread that wants programs run has a channel of its own to it. A run is a request and,
 * later, one answer. The child is a session leader in "/" with /dev/null as its input, no
 * descriptors but 0-2, no new privileges, the ordinary scheduling class, the environment that the
 * request gives and nothing else (PATH excepted: /usr/sbin:/usr/bin:/sbin:/bin); its output, both
 * streams, is kept up to SPAWN_OUTPUT_LEN, and the rest is thrown away.
 *
 * A run is over when its program ends. What that has left behind is killed then: its process group,
 * and processes that it detached from it. So is the whole of a run at its timeout, when the caller
 * cancels, and when the daemon dies, however it does. When the spawner dies itself, the programs
 * that it started are killed, what they started is not, and every call gives -EPIPE: there is no
 * second spawner. */

enum {
	SPAWN_MAX_CHANNELS = 4,
	SPAWN_MAX_ARGS = 64,      // and of environment strings
	SPAWN_MAX_BYTES = 16384,  // of both together
	SPAWN_ENV_BYTES = 1024,   // of them, what callers leave for the environment
	SPAWN_MAX_RUNNING = 512,  // at once, over all channels
	SPAWN_MAX_COMMANDS = 32,  // of them, what is left for quorum commands; checks take the rest
	SPAWN_MAX_WAITING = 1024, // for a place; more are answered with SPAWN_NOT_RUN, EAGAIN
	SPAWN_OUTPUT_LEN = 256,
};

struct spawner;
struct spawn_channel;

struct spawn_request {
	uint64_t id;             // the caller's, not used twice at a time on a channel
	const char *const *argv; // ends with NULL; argv[0] an absolute path
	const char *const *envp; // "NAME=value"; ends with NULL
	uint32_t timeout_ms;     // from the start of the program
};

enum spawn_end {
	SPAWN_EXITED,       // value: exit status
	SPAWN_SIGNALLED,    // value: signal
	SPAWN_TIMED_OUT,    // killed
	SPAWN_NOT_RUN,      // value: errno: no process or place, or not what the program shall be
	SPAWN_NOT_EXECUTED, // value: errno of execve()
};

struct spawn_result {
	uint64_t id;
	enum spawn_end end;
	int value;
	uint32_t duration_us;
	/* The beginning of what it wrote, ended by NUL: blanks in place of control characters, but
	 * for ends of lines, and white space at its end cut off. */
	char output[SPAWN_OUTPUT_LEN];
};

/* Forks. `user` is looked up first; a caller who is not root can only run programs as itself.
 * Call before any thread exists. -ENOENT: no such user; -EPERM: another user, and not root;
 * -EINVAL: the number of channels; -ENOMEM, -errno of fork(), socketpair(). */
int spawner_start(const char *user, unsigned n_channels, struct spawner **ret) ANY_THREAD;
/* Closes the channels: the process kills what runs and ends; waits for it. NULL is fine. */
void spawner_stop(struct spawner *s) ANY_THREAD;
/* Channel i; the spawner's, used by one thread at a time. */
struct spawn_channel *spawner_channel(struct spawner *s, unsigned i) ANY_THREAD;
/* The process, for logs and tests. */
int spawner_pid(const struct spawner *s) ANY_THREAD;

/* Never blocks. -E2BIG; -EINVAL: no argv[0]; -EAGAIN: the spawner is behind, try later; -EPIPE: it
 * died. */
int spawn_run(struct spawn_channel *c, const struct spawn_request *request) ANY_THREAD;
/* Kills the run; no result comes any more, or one that was on its way: a caller ignores ids that it
 * does not wait for. Errors as spawn_run(). */
int spawn_cancel(struct spawn_channel *c, uint64_t id) ANY_THREAD;
/* Readable while results wait, and when the spawner has died. Not to be read. */
int spawn_fd(const struct spawn_channel *c) ANY_THREAD;
/* 1 and *ret; 0: nothing waits; -EPIPE: the spawner died. */
int spawn_take(struct spawn_channel *c, struct spawn_result *ret) ANY_THREAD;
