#pragma once

#include "base/thread.h"

struct conf_source;
struct diag;

/* Looks through `source` before libconfig reads it, and adds an error for what libconfig would
 * refuse: where, why, and every name that is defined twice. Before, because libconfig 1.5 says
 * "syntax error" for all of it, and loses the memory of a text that stands where none may.
 * -EINVAL if something was told, -ENOMEM. */
int conf_syntax_check(const struct conf_source *source, struct diag *diag) ANY_THREAD;
