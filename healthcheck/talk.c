/* Dialogues over libcurl's connections. The trace of what goes over the wire is the caller's: only
 * it knows what is secret. */
#include "healthcheck/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hc_talk_reset(struct hc_talk *talk)
{
	free(talk->room);
	*talk = (struct hc_talk){0};
}

/* A negative errno for what libcurl says of a connection that is up. */
static int error_of(const struct hc_talk *talk, CURLcode code)
{
	long error = 0;

	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	(void)curl_easy_getinfo(talk->call->easy, CURLINFO_OS_ERRNO, &error);
	return error > 0 ? -(int)error : -EPIPE;
}

void hc_talk_say(struct hc_talk *talk, const void *bytes, size_t n)
{
	talk->unsent = bytes;
	talk->n_unsent = n;
}

int hc_talk_flush(struct hc_talk *talk)
{
	while (talk->n_unsent > 0) {
		size_t n = 0;
		CURLcode code = hc_curl_send(talk->call, talk->unsent, talk->n_unsent, &n);

		if (code == CURLE_AGAIN) {
			hc_curl_await(talk->call, EV_WRITE, talk->on_ready);
			return -EAGAIN;
		}
		if (code != CURLE_OK)
			return error_of(talk, code);
		talk->unsent += n;
		talk->n_unsent -= n;
	}
	return 0;
}

int hc_talk_hear(struct hc_talk *talk)
{
	size_t n = 0;
	CURLcode code;

	if (!talk->room)
		talk->heard = talk->room = malloc(HC_TALK_BYTES);
	if (!talk->room)
		return -ENOMEM;
	if (talk->n_heard == HC_TALK_BYTES)
		return -ENOBUFS;
	// here and not with each use: there may be thousands of lines in what came at once
	if (talk->heard != talk->room)
		memmove(talk->room, talk->heard, talk->n_heard);
	talk->heard = talk->room;
	code = hc_curl_recv(
		talk->call, talk->heard + talk->n_heard, HC_TALK_BYTES - talk->n_heard, &n);
	if (code == CURLE_AGAIN) {
		hc_curl_await(talk->call, EV_READ, talk->on_ready);
		return -EAGAIN;
	}
	if (code != CURLE_OK)
		return error_of(talk, code);
	talk->n_heard += n;
	return n > 0 ? 0 : -EPIPE;
}

void hc_talk_use(struct hc_talk *talk, size_t n)
{
	talk->n_heard -= n;
	talk->heard += n;
}

struct hc_outcome hc_talk_failed(const char *step, int error)
{
	if (error == -EPIPE)
		return hc_probe_failed("%s: closed by the server", step);
	if (error == -ENOBUFS)
		return hc_probe_failed("%s: the answer is too long", step);
	return hc_probe_error(step, -error);
}
