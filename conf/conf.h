#pragma once

#include "base/thread.h"
#include "conf/model.h"

#include <stdio.h>

struct diag;

/* From the file to an immutable snapshot (config.md). Reads the file, its includes and
 * `conf.d` beside it; changes nothing. */

/* Reads, parses and checks `path`. On success *ret_conf is a complete, constant snapshot
 * that lives until conf_free(); diag may then hold warnings. On failure it is untouched and
 * `diag` says which lines and why: all errors of one run.
 * Errors: -ENOENT and -EACCES (the file cannot be read; diag says it too), -EINVAL, -ENOMEM. */
int conf_load(const char *path, struct diag *diag, const struct conf **ret_conf) ANY_THREAD;
void conf_free(const struct conf *conf) ANY_THREAD;

/* The last line of `poised -t`: "3 errors: configuration NOT usable", "PATH: ok", or
 * "PATH: ok, 2 warnings". After diag_print(). */
void conf_print_verdict(const char *path, const struct diag *diag, FILE *out) ANY_THREAD;

/* Every key with its type, default, range and help, as a commented configuration file
 * that loads as it is (on a machine with the interface it names, it would start). */
void conf_print_defaults(FILE *out) ANY_THREAD;

/* The table of keys as the section "Keys" of poise.conf(5), scdoc source. */
void conf_print_manual(FILE *out) ANY_THREAD;
