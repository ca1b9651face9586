/* The table of probe kinds, and the words that they share. Pure. */
#include "healthcheck/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct hc_probe_ops *hc_probe_ops_for(enum conf_check_type type)
{
	switch (type) {
	case CONF_CHECK_NONE:
		return hc_probe_none_ops();
	case CONF_CHECK_TCP:
		return hc_probe_tcp_ops();
	case CONF_CHECK_MYSQL:
		return hc_probe_mysql_ops();
	case CONF_CHECK_DNS:
		return hc_probe_dns_ops();
	case CONF_CHECK_UDP:
		return hc_probe_udp_ops();
	case CONF_CHECK_PING:
		return hc_probe_ping_ops();
	case CONF_CHECK_SCRIPT:
		return hc_probe_script_ops();
	case CONF_CHECK_HTTP:
		return hc_probe_http_ops();
	case CONF_CHECK_SMTP:
		return hc_probe_smtp_ops();
	case CONF_CHECK_IMAP:
		return hc_probe_imap_ops();
	case CONF_CHECK_POP3:
		return hc_probe_pop3_ops();
	case CONF_CHECK_LDAP:
		return hc_probe_ldap_ops();
	case CONF_CHECK_TEXT:
		return hc_probe_text_ops();
	default:
		assert(false); // the configuration has no other types
		return NULL;
	}
}

struct words {
	int error;
	enum hc_result result;
	const char *text;
};

// clang-format off
static const struct words known_errors[] = {
	{ECONNREFUSED,  HC_FAILED,   "refused"},
	{ECONNRESET,    HC_FAILED,   "reset by the server"},
	{EPIPE,         HC_FAILED,   "closed by the server"},
	{ETIMEDOUT,     HC_FAILED,   "timed out"},
	{EHOSTUNREACH,  HC_FAILED,   "no route to host"},
	{ENETUNREACH,   HC_FAILED,   "network unreachable"},
	{ENETDOWN,      HC_FAILED,   "network down"},
	{EACCES,        HC_FAILED,   "prohibited by a route"},
	{EMFILE,        HC_NOT_MADE, "out of descriptors"},
	{ENFILE,        HC_NOT_MADE, "out of descriptors (whole system)"},
	{ENOMEM,        HC_NOT_MADE, "out of memory"},
	{ENOBUFS,       HC_NOT_MADE, "out of network buffers"},
	{EADDRNOTAVAIL, HC_NOT_MADE, "no local address or port is free"},
	{EAGAIN,        HC_NOT_MADE, "no local port is free"},
	{EAFNOSUPPORT,  HC_NOT_MADE, "address family is off on this machine"},
	{EPERM,         HC_NOT_MADE, "forbidden by a firewall on this machine"},
};
// clang-format on

struct hc_outcome hc_probe_ok(const char *format, ...)
{
	struct hc_outcome outcome = {.result = HC_OK, .weight = HC_NO_WEIGHT};
	va_list args;

	va_start(args, format);
	(void)vsnprintf(outcome.detail, sizeof(outcome.detail), format, args);
	va_end(args);
	return outcome;
}

struct hc_outcome hc_probe_failed(const char *format, ...)
{
	struct hc_outcome outcome = {.result = HC_FAILED, .weight = HC_NO_WEIGHT};
	va_list args;

	va_start(args, format);
	(void)vsnprintf(outcome.detail, sizeof(outcome.detail), format, args);
	va_end(args);
	return outcome;
}

struct hc_outcome hc_probe_error(const char *step, int error)
{
	struct hc_outcome outcome = {.result = HC_FAILED, .weight = HC_NO_WEIGHT};
	const char *text = NULL;
	char unknown[64];

	for (size_t i = 0; i < sizeof(known_errors) / sizeof(known_errors[0]); i++) {
		if (known_errors[i].error != error)
			continue;
		outcome.result = known_errors[i].result;
		text = known_errors[i].text;
	}
	if (!text)
		text = strerror_r(error, unknown, sizeof(unknown));
	(void)snprintf(outcome.detail, sizeof(outcome.detail), "%s: %s",
		outcome.result == HC_NOT_MADE ? "not probed" : step, text);
	return outcome;
}

struct hc_outcome hc_probe_timeout(const char *step, uint32_t timeout_ms)
{
	struct hc_outcome outcome = {.result = HC_FAILED, .weight = HC_NO_WEIGHT};
	const bool in_ms = timeout_ms < 1000;

	(void)snprintf(outcome.detail, sizeof(outcome.detail), "%s: timed out after %g%s", step,
		in_ms ? timeout_ms : timeout_ms / 1000.0, in_ms ? "ms" : "s");
	return outcome;
}

struct hc_outcome hc_probe_end_of_time(
	const struct hc_probe_ops *ops, const void *state, const struct conf_check *check)
{
	if (ops->on_timeout)
		return ops->on_timeout(state);
	return hc_probe_timeout(ops->step(state), check->timeout_ms);
}
