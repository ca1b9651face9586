#pragma once

#include "control/job.h"

/* From a line of the admin socket to the job that answers it. */

/* Reads one request (without its newline) and opens its job; the caller's `args` are not looked
 * at. Any bytes may come in. On failure `err` says why, for the client; *ret_job untouched.
 * -EINVAL, -ENOMEM. */
int ctl_request_open(const struct ctl_call *caller, const char *line, size_t len,
	struct ctl_error *err, struct ctl_job **ret_job) ON_CONTROL;
