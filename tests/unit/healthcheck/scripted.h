#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* A server on loopback with a thread of its own, which follows a script with each connection, one
 * after the other: for probes to talk to, well or badly. */

enum scripted_kind {
	SAY,        // text
	WAIT,       // 400 ms
	SAY_SLOWLY, // text, over and over, a byte each 20 ms, until the client has gone
	SAY_EVER,   // text, over and over, as fast as it goes, until the client has gone
	HEAR,       // reads until text has come
	HALF_CLOSE, // no more to say
	RESET,      // and the script is over
	HANG,       // until the client has gone
	AWAIT_END,  // the same, and what still comes is kept
};

struct scripted_step {
	enum scripted_kind kind;
	const char *text;
	unsigned n; // bytes of it; 0: up to its NUL
};

/* The two arguments `steps` and `n_steps`. */
#define STEPS(...)                                                                                 \
	(const struct scripted_step[]){__VA_ARGS__},                                               \
		sizeof((const struct scripted_step[]){__VA_ARGS__}) / sizeof(struct scripted_step)

enum { SCRIPTED_HEARD = 4096 };

struct scripted {
	uint16_t port;
	int fd;
	int stop_fd;
	pthread_t thread;
	const struct scripted_step *steps; // the connection is closed after the last
	unsigned n_steps;
	atomic_uint n_connections; // that are over
	atomic_uint n_opened;
	atomic_int is_reset; // the last one was ended by a reset of the client's
	/* Of the last connection; to be read after scripted_stop() or when it is over. */
	char heard[SCRIPTED_HEARD];
	unsigned n_heard;
};

/* Listens on a free port of 127.0.0.1. `steps` must stay. */
void scripted_start(struct scripted *s, const struct scripted_step *steps, unsigned n_steps);
/* Waits until the connection under way is over; 5 s at most, else the test fails. */
void scripted_await_end(struct scripted *s, unsigned n_connections);
void scripted_stop(struct scripted *s);
