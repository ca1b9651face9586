#pragma once

#include "healthcheck/curl.h"

#include <stddef.h>

/* A dialogue over a connection that libcurl made: bytes out, bytes in, nothing blocks. What came
 * and is not used yet is kept, up to TALK_BYTES. */

enum { HC_TALK_BYTES = 65536 };

/* All zero: nothing said. The call is the owner's. */
struct hc_talk {
	struct hc_curl_call *call;
	hc_curl_ready *on_ready; // with call->setup.arg: go on with what said -EAGAIN
	const char *unsent;      // must stay until sent
	size_t n_unsent;
	char *room;  // HC_TALK_BYTES, or NULL
	char *heard; // in it: what came and is not used; NULL until the first hc_talk_hear()
	size_t n_heard;
};

/* Lets go of what came; the call is not touched. */
void hc_talk_reset(struct hc_talk *talk) ANY_THREAD;

/* What hc_talk_flush() sends next; only when all is sent. */
void hc_talk_say(struct hc_talk *talk, const void *bytes, size_t n) ON_HEALTH;
/* 0: all is sent; -EAGAIN: not yet, on_ready comes; else a negative errno of the connection. */
int hc_talk_flush(struct hc_talk *talk) ON_HEALTH;
/* Takes what has come. 0: something; -EAGAIN: nothing yet, on_ready comes; -EPIPE: the server
 * closed; -ENOBUFS: no room; -ENOMEM; else a negative errno of the connection. */
int hc_talk_hear(struct hc_talk *talk) ON_HEALTH;
/* The first n bytes of what came are done with. */
void hc_talk_use(struct hc_talk *talk, size_t n) ON_HEALTH;

/* "the server closed", "reset by the server", ... in `step`. */
struct hc_outcome hc_talk_failed(const char *step, int error) ANY_THREAD;
