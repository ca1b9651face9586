#pragma once

#include "base/thread.h"

/* The daemon's log. Control and health threads and start-up only; workers never log.
 *
 * Line: "object: what happened: why", values as key=value; control characters become '?', and
 * over LOG_LINE_MAX bytes are cut. A line goes out with one write(), so lines of different
 * threads never mix. On stderr each begins with its level: as "<3>", the form the journal reads
 * (sd-daemon(3)), if stderr leads there, otherwise as a word, "warn: ".
 * ERROR needs a person, WARN degraded, NOTICE state change, INFO start-up, DEBUG the rest.
 * Until log_setup() was called: stderr, words, INFO. */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

enum { LOG_LINE_MAX = 1024 };

/* May be called again at any time, from one thread at a time. */
void log_setup(enum log_target target, enum log_level level) ANY_THREAD;

void log_line(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3))) ANY_THREAD;

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
