#pragma once

#include "healthcheck/verdict.h"

#include <stddef.h>

/* The kinds of probes: one probe_*.c each, behind a small table of operations.
 *
 * target.c owns the whole-check timeout, the pauses and the verdict; a probe only talks to the
 * server, on the health thread's event loop, and never blocks. */

struct event_base;
struct hc_shared;
struct hc_trace;

struct hc_outcome {
	enum hc_result result;
	int weight;                 // that a script gave; else HC_NO_WEIGHT
	char detail[HC_DETAIL_LEN]; // words for a person: "connected", "connect: refused"
};

typedef void hc_probe_done(void *arg, const struct hc_outcome *outcome);

/* What to probe. The target's; the same for all of its probes. */
struct hc_probe_job {
	struct hc_shared *shared; // what the probes of one loop have in common
	struct addr address;
	uint16_t port; // host order
	const struct conf_check *check;
	struct hc_trace *trace; // where the dialogue goes; NULL, mostly: nobody wants it
	hc_probe_done *on_done;
	void *arg; // of on_done
};

struct hc_probe_ops {
	size_t state_bytes; // of `state` below, zeroed when made, one for each target
	bool is_once;       // one result is enough for ever
	/* Once for each target, before its first probe: compiles patterns, and the like. NULL:
	 * nothing to do. -ENOMEM, -EINVAL; then fini is not called. */
	int (*init)(void *state, const struct hc_probe_job *job);
	/* What init made. No probe runs. NULL: nothing to do. */
	void (*fini)(void *state);
	/* Starts one probe. True: it runs, and calls job->on_done once, later, unless cancelled;
	 * from within on_done the next may be started. False: it is over already, with
	 * *ret_outcome; on_done is not called. `job` lives on. */
	bool (*start)(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome);
	/* What a running probe waits for: "connect", "tls", "greeting". */
	const char *(*step)(const void *state);
	/* What the end of the check's time means for a running probe, which is cancelled next.
	 * NULL: a failure, with the words of step(). */
	struct hc_outcome (*on_timeout)(const void *state);
	/* Ends a running probe: descriptors and memory are given back, on_done is not called. */
	void (*cancel)(void *state);
};

const struct hc_probe_ops *hc_probe_ops_for(enum conf_check_type type);
const struct hc_probe_ops *hc_probe_none_ops(void);
const struct hc_probe_ops *hc_probe_tcp_ops(void);
const struct hc_probe_ops *hc_probe_http_ops(void);
const struct hc_probe_ops *hc_probe_smtp_ops(void);
const struct hc_probe_ops *hc_probe_imap_ops(void);
const struct hc_probe_ops *hc_probe_pop3_ops(void);
const struct hc_probe_ops *hc_probe_ldap_ops(void);
const struct hc_probe_ops *hc_probe_mysql_ops(void);
const struct hc_probe_ops *hc_probe_dns_ops(void);
const struct hc_probe_ops *hc_probe_udp_ops(void);
const struct hc_probe_ops *hc_probe_text_ops(void);
const struct hc_probe_ops *hc_probe_ping_ops(void);
const struct hc_probe_ops *hc_probe_script_ops(void);

/* ---- what the probes of one loop share ---------------------------------------------------------
 */

struct hc_curl;       // curl.h: libcurl's multi handle on the loop
struct hc_ping;       // ping.h: the two ICMP sockets
struct hc_scripts;    // probe_script.c: runs under way
struct spawn_channel; // base/spawn.h

/* Each part is made when the first probe needs it, by the file that owns it, and is freed by
 * hc_shared_free(). */
struct hc_shared {
	struct event_base *base;
	struct spawn_channel *spawner; // NULL: none, and no script checks
	struct hc_curl *curl;
	struct hc_ping *ping;
	struct hc_scripts *scripts;
};

/* `base` and `spawner` must outlive it. -ENOMEM. */
int hc_shared_new(
	struct event_base *base, struct spawn_channel *spawner, struct hc_shared **ret) ANY_THREAD;
/* No probe runs. NULL is fine. */
void hc_shared_free(struct hc_shared *shared) ANY_THREAD;

/* ---- outcomes
 * ------------------------------------------------------------------------------------ */

struct hc_outcome hc_probe_ok(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct hc_outcome hc_probe_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* `error`, a positive errno, came up in `step`: "connect: refused". Errors that are ours and
 * not the server's give HC_NOT_MADE: "not probed: out of descriptors". */
struct hc_outcome hc_probe_error(const char *step, int error);
/* "connect: timed out after 5s". */
struct hc_outcome hc_probe_timeout(const char *step, uint32_t timeout_ms);
/* That of a running probe at the end of its time. */
struct hc_outcome hc_probe_end_of_time(
	const struct hc_probe_ops *ops, const void *state, const struct conf_check *check);
