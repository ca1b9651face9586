/* The probe of check type `ldap`: up means a bind (anonymous, or simple with user and password),
 * and if a base is given a search that finds an entry. The search is of the base object itself, or
 * with a filter of everything under it; the first entry ends it, and none of its attributes is
 * asked for. libcurl does it all through libldap, which ends every connection with an unbind.
 *
 * Memory is bounded by time only: libldap reserves as much as a server announces for a message,
 * up to 4 GiB, and fills it as bytes come, until the target's timeout; its own bound is out of
 * reach below libcurl. And libldap 2.5 loses 80 bytes when a server's first bytes are no LDAP. */
#include "healthcheck/curl.h"
#include "healthcheck/probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ldap_probe {
	const struct hc_probe_job *job;
	struct hc_curl_call call;
	bool has_entry;
};

static bool start(
	void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;
static void cancel(void *state) ON_HEALTH;
static void on_done(void *arg, CURLcode code) ON_HEALTH;

static void cancel(void *state)
{
	struct ldap_probe *p = state;

	hc_curl_close(&p->call);
}

static const char *step(const void *state)
{
	const struct ldap_probe *p = state;

	return hc_curl_step(&p->call, p->job->check->own.base ? "bind or search" : "bind");
}

/* CURLOPT_WRITEFUNCTION: LDIF, which begins with the entry's name. */
static size_t on_entry(char *bytes, size_t one, size_t n, void *arg)
{
	struct ldap_probe *p = arg;

	(void)bytes;
	(void)one;
	p->has_entry = true;
	// a search of the base alone ends by itself
	return p->job->check->own.filter ? 0 : n;
}

/* "LDAP remote: search failed No such object " -> "No such object". */
static struct hc_outcome search_failed(const char *message)
{
	static const char *const starts[] = {
		"LDAP remote: search failed ", "LDAP local: ldap_search_ext "};
	size_t n;

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (strncmp(message, starts[i], strlen(starts[i])) == 0)
			message += strlen(starts[i]);
	}
	n = strlen(message);
	while (n > 0 && isspace((unsigned char)message[n - 1]))
		n--;
	return hc_probe_failed("ldap: search: %.*s", (int)n, message);
}

static bool has_socket_error(const struct ldap_probe *p)
{
	long error = p->call.socket_error;

	if (error == 0)
		(void)curl_easy_getinfo(p->call.easy, CURLINFO_OS_ERRNO, &error);
	return error != 0;
}

static struct hc_outcome judge(const struct ldap_probe *p, CURLcode code)
{
	if (p->has_entry)
		return hc_probe_ok("found");
	switch (code) {
	case CURLE_OK:
		if (p->job->check->own.base)
			return hc_probe_failed("ldap: the search found nothing");
		return hc_probe_ok("bound");
	case CURLE_LOGIN_DENIED:
		return hc_probe_failed("ldap: bind: wrong user or password");
	case CURLE_REMOTE_ACCESS_DENIED:
		return hc_probe_failed("ldap: insufficient access rights");
	case CURLE_REMOTE_FILE_NOT_FOUND:
		return hc_probe_failed("ldap: the base is not there");
	case CURLE_LDAP_SEARCH_FAILED:
		return search_failed(p->call.error);
	default:
		// also what libldap makes of a server that speaks no LDAP
		if (code == CURLE_COULDNT_CONNECT && !has_socket_error(p))
			return hc_probe_failed("bind: closed by the server, or no LDAP");
		return hc_curl_outcome(&p->call, "ldap", code);
	}
}

static void on_done(void *arg, CURLcode code)
{
	struct ldap_probe *p = arg;
	const struct hc_probe_job *job = p->job;
	struct hc_outcome outcome = judge(p, code);

	cancel(p);
	job->on_done(job->arg, &outcome);
}

/* As %xx but for what a URL has no meaning for; three bytes at most for each, and a NUL. */
static char *escape(const char *text, char *to)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || *text == '=' || *text == '-')
			*to++ = *text;
		else
			to += sprintf(to, "%%%02x", (unsigned char)*text);
	}
	*to = '\0';
	return to;
}

/* "/BASE?1.1?sub?FILTER", RFC 4516 §2; 1.1 is no attribute (RFC 4511 §4.5.1.8). To be freed; NULL
 * if memory is short. */
static char *make_path(const struct conf_check_own *own)
{
	static const char attributes[] = "?1.1?", under[] = "sub?", itself[] = "base";
	const size_t n_base = own->base ? strlen(own->base) : 0;
	const size_t n_filter = own->filter ? strlen(own->filter) : 0;
	char *path = malloc(1 + 3 * n_base + strlen(attributes) + strlen(under) + 3 * n_filter + 1);
	char *to = path;

	if (!path)
		return NULL;
	to = stpcpy(to, "/");
	if (!own->base)
		return path;
	to = stpcpy(escape(own->base, to), attributes);
	to = stpcpy(to, own->filter ? under : itself);
	if (own->filter)
		(void)escape(own->filter, to);
	return path;
}

static bool set_request(struct ldap_probe *p)
{
	const struct conf_check_own *own = &p->job->check->own;
	CURL *e = p->call.easy;

	if (own->user && (curl_easy_setopt(e, CURLOPT_USERNAME, own->user) != CURLE_OK ||
				 curl_easy_setopt(e, CURLOPT_PASSWORD, own->password) != CURLE_OK))
		return false;
	return curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_entry) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, p) == CURLE_OK;
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct ldap_probe *p = state;
	char *path = make_path(&job->check->own);
	const struct hc_curl_setup setup = {
		.scheme = "ldap",
		.path = path,
		.is_connection = !job->check->own.base,
		.needs_pulse = true,
		.on_done = on_done,
		.arg = p,
	};
	int r;

	*p = (struct ldap_probe){.job = job};
	r = path ? hc_curl_open(&p->call, job, &setup) : -ENOMEM;
	free(path);
	if (r == 0)
		r = set_request(p) ? hc_curl_start(&p->call) : -ENOMEM;
	if (r == 0)
		return true;
	cancel(p);
	*ret_outcome = hc_probe_error("ldap", -r);
	return false;
}

const struct hc_probe_ops *hc_probe_ldap_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct ldap_probe),
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
