#pragma once

/* The wire contract of the admin socket, shared by the daemon and its clients.
 *
 * Both ways one JSON object a line (UTF-8, no newline inside, ended by '\n'). Several requests
 * may be sent one after the other; each is answered in turn, in the order of asking.
 * Only `show events` that follows has no end: one answer after the other, each a line.
 *
 *   request   {"cmd": "show services", "args": {"service": "imaps"}, "format": "json"}
 *   answer    {"schema": 1, "time": "2026-05-16T09:14:02.113Z", "services": [...]}
 *   refusal   {"schema": 1, "error": {"code": "not_found", "message": "..."}}
 *
 * "args" may be left out, "format" too; data are always JSON, tables are the client's work.
 * docs/api.md lists every field. Fields are only ever added: a reader skips those that it does
 * not know. Counters are integers, or strings of digits above API_MAX_SAFE_INTEGER; their
 * names end in "_total". Durations are in seconds, sizes in bytes, times as in RFC 3339, UTC. */

#include <stdint.h>

enum {
	API_SCHEMA = 1,
	API_MAX_REQUEST_BYTES = 65536, // a longer line is refused, and its connection closed
	API_MAX_CLIENTS = 64,          // at a time, of each socket; further ones are told so
	API_IDLE_SECONDS = 60,         // a client that asks nothing for so long is closed
	API_DEFAULT_LIMIT = 1000,      // connections that are listed unless told otherwise
	API_MAX_LIMIT = 65536,
	API_MAX_FOLLOWERS = 16,      // of events, of each socket
	API_FOLLOW_BEAT_SECONDS = 5, // between two lines to one of them, at most
	API_MAX_MESSAGE = 512,       // bytes of an error's message, with the final NUL
};

#define API_DEFAULT_SOCKET "/run/poise/poise.sock"

/* Integers above 2^53 are not exact in every reader (RFC 8259 §6). */
#define API_MAX_SAFE_INTEGER (UINT64_C(1) << 53)

/* Commands. In the comment: arguments, all optional unless said otherwise.
 *
 * A target is "SERVICE/SERVER" with "*" for either part; in `show` also "SERVICE" alone. */
#define API_SHOW_STATUS "show status"
#define API_SHOW_SERVICES "show services"       // service: string, family: 4 or 6
#define API_SHOW_SERVERS "show servers"         // target: string, down: bool
#define API_SHOW_CONNECTIONS "show connections" // see below
#define API_SHOW_WORKERS "show workers"
#define API_SHOW_PORTS "show ports"
#define API_SHOW_ERRORS "show errors"
#define API_SHOW_HEALTH "show health" // fail: bool, only those that are down
#define API_SHOW_VRRP "show vrrp"     // group: string
#define API_SHOW_EVENTS "show events" // follow: bool, since_seconds: integer, limit: as below
#define API_SET_SERVER "set server"   // see below
#define API_SET_VRRP "set vrrp"       // see below
#define API_CAPTURE "capture"         // see below
#define API_TRACE_ADD "trace add"     // filter: string, count: 1 .. 500
#define API_TRACE_SHOW "trace show"
#define API_CHECK_RUN "check run" // target: string, required; verbose: bool, with the dialogue

/* capture: filter, port: strings; direction: "in", "out", "both"; snaplen, count: integers. One
 *   answer after the other until the last.
 * show connections: client: "ADDRESS", "IPv4:PORT" or "[IPv6]:PORT"; service: a name;
 *   server: a name or a target; count: bool, only count; limit: 1 .. API_MAX_LIMIT.
 * set server: target: string, required; one of
 *   weight: integer 0 .. 65535, or the same as a string, or "N%" of the configured weight
 *   state: "ready", "drain", "maint";
 *   dry_run: bool.
 * set vrrp: group: string, required; one of
 *   priority: integer 1 .. 254, or the same as a string, or "default": the configuration's
 *   release: true, a planned failover;
 *   dry_run: bool. */

/* Error codes, with the exit status that the command line gives for each (cli.md rule 6). */
#define API_ERROR_LIST(X)                                                                          \
	X(FAILED, "failed", 1)                   /* something went wrong in the daemon */          \
	X(BUSY, "busy", 1)                       /* too many clients */                            \
	X(REFUSED, "refused", 1)                 /* not possible as things stand */                \
	X(BAD_REQUEST, "bad_request", 2)         /* not JSON, or not shaped as above */            \
	X(TOO_LARGE, "too_large", 2)             /* line above API_MAX_REQUEST_BYTES */            \
	X(UNKNOWN_COMMAND, "unknown_command", 2) /* */                                             \
	X(INVALID_VALUE, "invalid_value", 2)     /* an argument's value makes no sense */          \
	X(NOT_FOUND, "not_found", 4)             /* no such service, server or group */            \
	X(NOT_PERMITTED, "not_permitted", 5)     /* a change on the read-only socket */            \
	X(USAGE, "usage", 2)                     /* from the client: words it does not know */     \
	X(UNREACHABLE, "unreachable", 3)         /* from the client: no daemon there */            \
	X(NO_ACCESS, "no_access", 5)             /* from the client: socket's rights */

enum api_error {
#define X(id, code, status) API_ERROR_##id,
	API_ERROR_LIST(X)
#undef X
		API_N_ERRORS
};
