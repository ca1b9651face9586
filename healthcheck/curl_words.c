/* What libcurl says about a failure, in words for a person and with our rules of what counts
 * against the server. Pure but for reading the call's handle. */
#include "healthcheck/curl.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* What CURLINFO_SSL_VERIFYRESULT gives with OpenSSL: X509_V_ERR_ of X509_STORE_CTX_get_error(3). */
enum {
	UNSPECIFIED = 1,
	NO_ISSUER = 2,
	NOT_YET_VALID = 9,
	EXPIRED = 10,
	SELF_SIGNED = 18,
	SELF_SIGNED_IN_CHAIN = 19,
	NO_LOCAL_ISSUER = 20,
	NO_FIRST_CERTIFICATE = 21,
	REVOKED = 23,
	WRONG_PURPOSE = 26,
};

static const char *verify_words(long result)
{
	switch (result) {
	case NOT_YET_VALID:
		return "certificate not yet valid";
	case EXPIRED:
		return "certificate expired";
	case SELF_SIGNED:
	case SELF_SIGNED_IN_CHAIN:
		return "self-signed certificate";
	case NO_ISSUER:
	case NO_LOCAL_ISSUER:
	case NO_FIRST_CERTIFICATE:
		return "unknown authority";
	case REVOKED:
		return "certificate revoked";
	case WRONG_PURPOSE:
		return "certificate not meant for servers";
	default:
		return NULL;
	}
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* "error:0A00010B:SSL routines::wrong version number" -> "wrong version number";
 * "OpenSSL SSL_connect: Connection reset by peer in connection to 192.0.2.1:443 " ->
 * "connection reset by peer". */
void hc_curl_tls_reason(const char *message, char *buf, size_t size)
{
	const char *start = message, *end, *found;

	found = strstr(message, "error:");
	if (found)
		start = found;
	found = found ? strstr(found, "::") : NULL; // else it is of an IPv6 address
	if (found)
		start = found + 2;
	else if (starts_with(start, "OpenSSL SSL_connect: "))
		start += strlen("OpenSSL SSL_connect: ");
	if (starts_with(start, "Recv failure: "))
		start += strlen("Recv failure: ");
	end = strstr(start, " in connection to ");
	if (!end)
		end = start + strlen(start);
	if (starts_with(start, "SSL_ERROR_SYSCALL") || starts_with(start, "unexpected eof")) {
		start = "closed by the server";
		end = start + strlen(start);
	}
	(void)snprintf(buf, size, "%.*s", (int)(end - start), start);
	// "Connection reset", but not "SSL ..."
	if (size > 1 && isupper((unsigned char)buf[0]) && islower((unsigned char)buf[1]))
		buf[0] = (char)tolower((unsigned char)buf[0]);
}

static struct hc_outcome tls_outcome(const struct hc_curl_call *call, CURLcode code)
{
	char reason[HC_DETAIL_LEN];
	const char *words;
	long result = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &result);
	words = call->job->check->own.verify ? verify_words(result) : NULL;
	if (words)
		return hc_probe_failed("tls: %s", words);
	// libcurl's own comparison of names
	if (code == CURLE_PEER_FAILED_VERIFICATION && result <= UNSPECIFIED)
		return hc_probe_failed("tls: certificate is for other names");
	hc_curl_tls_reason(
		call->error[0] ? call->error : curl_easy_strerror(code), reason, sizeof(reason));
	return hc_probe_failed("tls: handshake failed: %s", reason);
}

static struct hc_outcome not_made(const char *why)
{
	struct hc_outcome outcome = hc_probe_failed("not probed: %s", why);

	outcome.result = HC_NOT_MADE;
	return outcome;
}

static struct hc_outcome socket_outcome(
	const struct hc_curl_call *call, const char *step, CURLcode code)
{
	long error = call->socket_error;

	if (error == 0)
		(void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &error);
	if (error != 0)
		return hc_probe_error(step, (int)error);
	if (starts_with(call->error, "Too large response headers"))
		return hc_probe_failed("%s: the answer is too long", step);
	return hc_probe_failed(
		"%s: %s", step, code == CURLE_COULDNT_CONNECT ? "failed" : "closed by the server");
}

struct hc_outcome hc_curl_outcome(const struct hc_curl_call *call, const char *step, CURLcode code)
{
	switch (code) {
	case CURLE_OUT_OF_MEMORY:
		return hc_probe_error(step, ENOMEM);
	case CURLE_COULDNT_CONNECT:
		return socket_outcome(call, "connect", code);
	case CURLE_OPERATION_TIMEDOUT: // so late is this thread that the target's was not first
		return hc_probe_timeout(hc_curl_step(call, step), call->job->check->timeout_ms);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return socket_outcome(call, hc_curl_step(call, step), code);
	case CURLE_URL_MALFORMAT:
	case CURLE_LDAP_INVALID_URL:
		return not_made("the check makes no valid URL");
	case CURLE_SSL_CACERT_BADFILE:
		return not_made("the ca_file cannot be read");
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return tls_outcome(call, code);
	case CURLE_USE_SSL_FAILED:
		return hc_probe_failed("tls: STARTTLS refused");
	default:
		return hc_probe_failed(
			"%s: %s", step, call->error[0] ? call->error : curl_easy_strerror(code));
	}
}

/* The answer to the SYN is still out. */
static bool is_connecting(const struct hc_curl_call *call)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (!call->was_opened)
		return true;
	return call->fd >= 0 && getsockopt(call->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == TCP_SYN_SENT;
}

const char *hc_curl_step(const struct hc_curl_call *call, const char *after)
{
	curl_off_t secured_us = 0;

	// not CURLINFO_CONNECT_TIME: libcurl 7.88 has it only after the handshake of TLS
	if (is_connecting(call))
		return "connect";
	(void)curl_easy_getinfo(call->easy, CURLINFO_APPCONNECT_TIME_T, &secured_us);
	if (call->job->check->own.tls == CONF_TLS_IMPLICIT && secured_us == 0)
		return "tls";
	return after;
}
