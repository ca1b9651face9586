/* How a thread begins. The creator may be a real-time thread with signal handlers: neither is
 * inherited. */
#include "base/thread_start.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>

int thread_start(pthread_t *ret, void *(*main)(void *arg), void *arg)
{
	const struct sched_param ordinary = {.sched_priority = 0};
	pthread_attr_t attr;
	sigset_t all, was;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return -r;
	(void)pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	(void)pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	(void)pthread_attr_setschedparam(&attr, &ordinary);

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &was);
	r = pthread_create(ret, &attr, main, arg);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
	(void)pthread_attr_destroy(&attr);
	return -r;
}
