#pragma once

#include "base/thread.h"

#include <pthread.h>

/* Starts a thread that helps the control thread: of ordinary priority, whatever the caller's, with
 * all signals blocked, on the caller's CPUs. -errno. */
int thread_start(pthread_t *ret, void *(*main)(void *arg), void *arg) ANY_THREAD;
