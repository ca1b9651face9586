#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether another user could execute a file, told from modes and owners; what access lists or
 * security modules add is not seen. */

enum { CONF_MAX_USER_GROUPS = 256, CONF_FAULT_LEN = 512 };

struct conf_user {
	const char *name;
	uid_t uid;
	gid_t groups[CONF_MAX_USER_GROUPS]; // the first is the user's own
	int n_groups;
};

/* `name` is borrowed. -ENOENT: no such user. */
int conf_user_find(const char *name, struct conf_user *ret_user) ANY_THREAD;

/* True if `user` could not execute the program at the absolute `path`, a file that exists at
 * the end of directories that the user may search; a script's interpreter likewise. Then
 * ret_why, of CONF_FAULT_LEN bytes, says why not. What this process may not look at counts as
 * what cannot be executed. */
bool conf_program_has_fault(
	const char *path, const struct conf_user *user, char *ret_why) ANY_THREAD;
