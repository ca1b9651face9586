#pragma once

#include "base/spawn.h"

#include <stddef.h>
#include <sys/types.h>

/* What goes over a channel of the spawner (both ends are the same program): one message a packet.
 * To the spawner: struct spawn_message, for SPAWN_RUN with its strings behind it, arguments first,
 * each ended by NUL. From it: struct spawn_result. */

enum spawn_kind { SPAWN_RUN, SPAWN_CANCEL };

struct spawn_message {
	uint32_t kind; // enum spawn_kind
	uint32_t timeout_ms;
	uint64_t id;
	uint32_t n_args;
	uint32_t n_env;
	char strings[];
};

enum { SPAWN_MESSAGE_BYTES = sizeof(struct spawn_message) + SPAWN_MAX_BYTES };

union spawn_buffer {
	struct spawn_message message;
	char bytes[SPAWN_MESSAGE_BYTES];
};

/* *ret_len: of what is to be sent. -E2BIG, -EINVAL. */
int spawn_wire_encode(const struct spawn_request *request, union spawn_buffer *buffer,
	size_t *ret_len) ANY_THREAD;
/* Pointers into `message`, which is `len` bytes long: argv and env, both ended by NULL. The arrays
 * have room for SPAWN_MAX_ARGS + 1. -EINVAL: it is not what encode() makes. */
int spawn_wire_decode(const struct spawn_message *message, size_t len, const char **ret_argv,
	const char **ret_env) ANY_THREAD;

/* ---- the process -------------------------------------------------------------------------------
 */

enum { SPAWN_MAX_GROUPS = 256 };

/* Who programs are run as, looked up before the fork. */
struct spawn_user {
	bool may_switch; // root: else the caller is that user already
	uid_t uid;
	gid_t gid;
	gid_t groups[SPAWN_MAX_GROUPS];
	int n_groups;
};

struct spawn_program {
	const struct spawn_user *user;
	const char **argv;
	const char **env; // room for one more than it has, and its NULL
	int output;       // the pipe's end to write to
	pid_t parent;     // the spawner
};

/* Why a program did not come to run. All zero: it did. */
struct spawn_fault {
	int error;       // positive errno
	bool is_of_exec; // else of what stands before it
};

/* What of the spawner a program is started from. */
struct spawn_setup {
	const struct spawn_user *user;
	const int *channels;
	unsigned n_channels;
};

/* spawn_main.c: forks the process. Its pid, or -errno. */
int spawn_main_fork(const struct spawn_setup *setup) ANY_THREAD;
/* spawn_main.c: forks one program; if it does not come to run, *fault, which lies in memory that
 * both processes share, says why. Its pid, or -errno. */
int spawn_main_run(const struct spawn_program *program, struct spawn_fault *fault) ANY_THREAD;
/* spawn_process.c: serves the channels until the other ends are closed and nothing runs. */
void spawn_process(const struct spawn_setup *setup) ANY_THREAD;
/* spawn_child.c: becomes the program. Returns only if that fails. */
struct spawn_fault spawn_child_become(const struct spawn_program *program) ANY_THREAD;
