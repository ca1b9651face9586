#pragma once

#include "healthcheck/probe.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>

/* libcurl's multi interface on the health thread's event loop, for the probes that talk over TCP
 * or TLS.
 *
 * A call is one use of libcurl: a transfer, which libcurl carries through, or a connection, which
 * libcurl makes (with its TLS handshake, and for mail and LDAP its greeting and STARTTLS) and
 * the probe then talks over by hc_curl_send() and hc_curl_recv(). Every call is a new connection to
 * exactly job->address and job->port, whatever names are involved: no name is ever looked up.
 * Nothing is kept from one call to the next: no connection, no TLS session, no cookie; only the
 * certificates of authorities are, for HC_CURL_CA_S.
 *
 * Bounds of a call: libcurl's buffers of 16 KiB (in and out), a line of a header 100 KiB, a
 * certificate chain 100 KiB (OpenSSL's limit), some 60 KiB of OpenSSL for TLS. What a probe keeps
 * of bodies and answers is its own bound. */

enum { HC_CURL_CA_S = 60, HC_CURL_PULSE_MS = 20 };

struct hc_curl_call;
struct hc_curl_multi;

/* A transfer is over, or a connection made or failed. The call is to be closed, or talked over,
 * and may be closed from within. */
typedef void hc_curl_done(void *arg, CURLcode code);
/* What goes over the wire in clear, and libcurl's own words. */
typedef void hc_curl_wire(void *arg, curl_infotype kind, const char *bytes, size_t n);
/* hc_curl_await() saw it. */
typedef void hc_curl_ready(void *arg);

struct hc_curl_setup {
	const char *scheme; // "http"; the s of "https" comes from the check
	const char *path;   // of the URL, "/..."; not needed after hc_curl_open()
	bool is_connection;
	bool needs_pulse; // libcurl 7.88 watches no socket for LDAP: looked at each
			  // HC_CURL_PULSE_MS
	hc_curl_done *on_done;
	hc_curl_wire *on_wire; // NULL: not wanted
	void *arg;
};

/* All zero: closed. */
struct hc_curl_call {
	const struct hc_probe_job *job;
	struct hc_curl_setup setup;
	struct hc_curl_multi *multi; // that the call was given to
	CURL *easy;                  // NULL: closed
	CURLSH *own_connections;
	struct curl_slist *connect_to;
	struct event watch; // of the socket: for libcurl, then for hc_curl_await()
	bool is_watching;
	bool has_pulse;
	hc_curl_ready *on_ready;
	int fd;           // of the connection; -1: none, not yet or no more
	bool was_opened;  // fd
	int socket_error; // positive errno of a socket that could not be made
	char error[CURL_ERROR_SIZE];
};

/* Frees job->shared->curl, when no call is open. NULL is fine. */
void hc_curl_free(struct hc_curl *curl) ANY_THREAD;

/* Prepares a call; call->easy takes more options until hc_curl_start(). 0 or -ENOMEM, and the call
 * is closed then. */
int hc_curl_open(struct hc_curl_call *call, const struct hc_probe_job *job,
	const struct hc_curl_setup *setup) ON_HEALTH;
/* Then setup.on_done comes, from the loop, unless closed before. 0 or -ENOMEM; the call stays
 * open either way. */
int hc_curl_start(struct hc_curl_call *call) ON_HEALTH;
/* Ends whatever it does, without a word to the server but TLS's own. May be repeated. */
void hc_curl_close(struct hc_curl_call *call) ON_HEALTH;

/* Over a made connection. CURLE_AGAIN: not now, hc_curl_await() says when. A *ret_n of 0 from recv:
 * the server closed. */
CURLcode hc_curl_send(
	struct hc_curl_call *call, const void *bytes, size_t n, size_t *ret_n) ON_HEALTH;
CURLcode hc_curl_recv(struct hc_curl_call *call, void *buf, size_t size, size_t *ret_n) ON_HEALTH;
/* Calls on_ready once, with setup.arg, when the connection is readable (EV_READ) or writable
 * (EV_WRITE). */
void hc_curl_await(struct hc_curl_call *call, short what, hc_curl_ready *on_ready) ON_HEALTH;

/* ---- words (curl_words.c) ----------------------------------------------------------------- */

/* "connect" or "tls" while that is under way; then `after`. */
const char *hc_curl_step(const struct hc_curl_call *call, const char *after) ANY_THREAD;
/* Why the call failed in `step`: "connect: refused", "tls: certificate expired". */
struct hc_outcome hc_curl_outcome(
	const struct hc_curl_call *call, const char *step, CURLcode code) ANY_THREAD;
/* The part of libcurl's message about a failed handshake that says why, as a string in buf. */
void hc_curl_tls_reason(const char *message, char *buf, size_t size) ANY_THREAD;
