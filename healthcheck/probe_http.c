/* The probe of check type `http`: up means that each request in turn got a status and a body as
 * expected, all within the one time of the check.
 *
 * Every request has a connection of its own (HTTP/1.1, Connection: close). Redirects are a status
 * like any other. A body that nothing is expected of is not read: the connection is closed after
 * the header. Kept are at most BODY_BYTES of a body, for its pattern; its digest is taken as it
 * comes, to its end. Headers may have HEADER_BYTES. A server that never ends is ended by
 * the target's timeout. */
#include "base/sha256.h"
#include "healthcheck/codes.h"
#include "healthcheck/curl.h"
#include "healthcheck/probe.h"
#include "healthcheck/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 65536, HEADER_BYTES = 131072, HOST_LEN = 512 };

struct http_probe {
	const struct hc_probe_job *job;
	struct hc_curl_call call;
	unsigned i_request;
	struct curl_slist *headers;
	/* Of the request under way. */
	size_t n_header;
	bool has_answer;    // a status line came
	bool is_body_begun; // and all of the header
	bool is_enough;     // no more bytes are wanted
	char *body;         // BODY_BYTES; NULL: not kept
	size_t n_body;      // kept
	struct sha256 digest;
	/* For good: of each request, NULL where there is no pattern. */
	struct hc_regex **patterns;
};

static int begin_request(struct http_probe *p) ON_HEALTH;
static void cancel(void *state) ON_HEALTH;
static bool start(
	void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome) ON_HEALTH;
static void on_done(void *arg, CURLcode code) ON_HEALTH;

static const struct conf_http_request *request_of(const struct http_probe *p)
{
	return &p->job->check->own.requests[p->i_request];
}

/* ---- the answer ------------------------------------------------------------------------------ */

static long status_of(const struct http_probe *p)
{
	long status = 0;

	(void)curl_easy_getinfo(p->call.easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_expected(const struct conf_http_request *r, long status)
{
	return hc_codes_has(r->expect, r->n_expect, status);
}

/* CURLOPT_HEADERFUNCTION. */
static size_t on_header(char *bytes, size_t one, size_t n, void *arg)
{
	struct http_probe *p = arg;

	(void)bytes;
	(void)one;
	p->has_answer = true;
	p->n_header += n;
	return p->n_header <= HEADER_BYTES ? n : 0;
}

/* CURLOPT_WRITEFUNCTION. */
static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct http_probe *p = arg;
	const struct conf_http_request *r = request_of(p);
	const size_t room = p->body ? BODY_BYTES - p->n_body : 0;

	(void)one;
	p->is_body_begun = true;
	if (p->body)
		memcpy(p->body + p->n_body, bytes, n < room ? n : room);
	p->n_body += n < room ? n : room;
	if (r->body_sha256)
		sha256_add(&p->digest, bytes, n);
	p->is_enough =
		!is_expected(r, status_of(p)) || (!r->body_sha256 && p->n_body >= BODY_BYTES);
	return p->is_enough ? 0 : n;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* "http: ", and which request if there are several. */
static void name_request(const struct http_probe *p, char *buf, size_t size)
{
	if (p->job->check->own.n_requests > 1)
		(void)snprintf(buf, size, "http: %.60s", request_of(p)->path);
	else
		(void)snprintf(buf, size, "http");
}

static struct hc_outcome judge_pattern(struct http_probe *p, const char *name)
{
	const struct conf_http_request *r = request_of(p);
	const int found = hc_regex_match(p->patterns[p->i_request], p->body, p->n_body, NULL);

	if (found == 1)
		return hc_probe_ok("status %ld", status_of(p));
	if (found == -ENOMEM)
		return hc_probe_error(name, ENOMEM);
	if (found < 0)
		return hc_probe_failed("%s: body: /%.60s/ takes too long", name, r->body);
	return hc_probe_failed("%s: body does not match /%.60s/%s", name, r->body,
		p->n_body >= BODY_BYTES ? " in its first 64 KiB" : "");
}

static struct hc_outcome judge_body(struct http_probe *p, const char *name)
{
	const struct conf_http_request *r = request_of(p);
	char hex[SHA256_HEX_LEN];

	if (r->body_sha256) {
		sha256_finish(&p->digest, hex);
		if (strcmp(hex, r->body_sha256) != 0)
			return hc_probe_failed("%s: body has sha256 %s", name, hex);
	}
	if (p->body)
		return judge_pattern(p, name);
	return hc_probe_ok("status %ld", status_of(p));
}

static const char *step(const void *state)
{
	const struct http_probe *p = state;

	return hc_curl_step(&p->call, p->is_body_begun ? "body"
				      : p->has_answer  ? "header"
						       : "answer");
}

static struct hc_outcome judge_failure(struct http_probe *p, const char *name, CURLcode code)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL: // HTTP/0.9
	case CURLE_WEIRD_SERVER_REPLY:
		return hc_probe_failed("%s: the answer is not HTTP/1", name);
	case CURLE_OUT_OF_MEMORY: // so libcurl calls a line of more than 100 KiB
	case CURLE_WRITE_ERROR:
		if (p->n_header > HEADER_BYTES || code == CURLE_OUT_OF_MEMORY)
			return hc_probe_failed("%s: the header is too long", name);
		break;
	default:
		break;
	}
	return hc_curl_outcome(&p->call, step(p), code);
}

static struct hc_outcome judge(struct http_probe *p, CURLcode code)
{
	const struct conf_http_request *r = request_of(p);
	const long status = status_of(p);
	char name[80], codes[80];

	name_request(p, name, sizeof(name));
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && p->is_enough))
		return judge_failure(p, name, code);
	if (is_expected(r, status))
		return judge_body(p, name);
	return hc_probe_failed("%s: status %ld, expected %s", name, status,
		hc_codes_format(r->expect, r->n_expect, codes, sizeof(codes)));
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool add_header(struct http_probe *p, const char *name, const char *value)
{
	char line[HOST_LEN];
	struct curl_slist *longer;

	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(p->headers, line);
	if (longer)
		p->headers = longer;
	return longer;
}

static bool add_headers(struct http_probe *p)
{
	const struct conf_http_request *r = request_of(p);
	const struct hc_probe_job *job = p->job;
	const bool may_have_body = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0;
	char host[ADDR_PORT_STR_LEN];

	(void)addr_port_format(&job->address, job->port, host);
	return add_header(p, "Host", r->host ? r->host : host) &&
	       add_header(p, "Connection", "close") &&
	       (!may_have_body || add_header(p, "Content-Length", "0"));
}

static bool set_request(struct http_probe *p)
{
	const struct conf_http_request *r = request_of(p);
	const bool has_no_body = strcmp(r->method, "HEAD") == 0;
	const bool wants_body = !has_no_body && (r->body || r->body_sha256);
	CURL *e = p->call.easy;

	return curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_NOBODY, wants_body ? 0L : 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, r->path) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_USERAGENT, "poise") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HTTPHEADER, p->headers) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERDATA, p) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, p) == CURLE_OK;
}

static void cancel(void *state)
{
	struct http_probe *p = state;

	hc_curl_close(&p->call);
	curl_slist_free_all(p->headers);
	free(p->body);
	p->headers = NULL;
	p->body = NULL;
}

/* 0 or a negative errno, and nothing is held then. */
static int begin_request(struct http_probe *p)
{
	const struct hc_curl_setup setup = {
		.scheme = "http", .path = "/", .on_done = on_done, .arg = p};
	int r;

	p->n_header = 0;
	p->n_body = 0;
	p->has_answer = false;
	p->is_body_begun = false;
	p->is_enough = false;
	sha256_init(&p->digest);

	r = hc_curl_open(&p->call, p->job, &setup);
	if (r < 0)
		return r;
	if (request_of(p)->body)
		p->body = malloc(BODY_BYTES);
	r = -ENOMEM;
	if ((p->body || !request_of(p)->body) && add_headers(p) && set_request(p))
		r = hc_curl_start(&p->call);
	if (r < 0)
		cancel(p);
	return r;
}

static void on_done(void *arg, CURLcode code)
{
	struct http_probe *p = arg;
	const struct hc_probe_job *job = p->job;
	struct hc_outcome outcome = judge(p, code);
	int r;

	cancel(p);
	if (outcome.result == HC_OK && p->i_request + 1 < job->check->own.n_requests) {
		p->i_request++;
		r = begin_request(p);
		if (r == 0)
			return;
		outcome = hc_probe_error("http", -r);
	}
	job->on_done(job->arg, &outcome);
}

static bool start(void *state, const struct hc_probe_job *job, struct hc_outcome *ret_outcome)
{
	struct http_probe *p = state;
	int r;

	p->job = job;
	p->i_request = 0;
	r = begin_request(p);
	if (r < 0)
		*ret_outcome = hc_probe_error("http", -r);
	return r == 0;
}

/* ---- patterns -------------------------------------------------------------------------------- */

static void free_patterns(struct hc_regex **patterns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hc_regex_free(patterns[i]);
	free(patterns);
}

static int init(void *state, const struct hc_probe_job *job)
{
	const struct conf_check_own *own = &job->check->own;
	struct http_probe *p = state;
	struct hc_regex **patterns = calloc(own->n_requests, sizeof(*patterns));
	int r = 0;

	if (!patterns)
		return -ENOMEM;
	for (unsigned i = 0; i < own->n_requests && r == 0; i++) {
		if (own->requests[i].body)
			r = hc_regex_new(own->requests[i].body, &patterns[i]);
	}
	if (r < 0) {
		free_patterns(patterns, own->n_requests);
		return r;
	}
	p->job = job;
	p->patterns = patterns;
	return 0;
}

static void fini(void *state)
{
	struct http_probe *p = state;

	free_patterns(p->patterns, p->job->check->own.n_requests);
}

const struct hc_probe_ops *hc_probe_http_ops(void)
{
	static const struct hc_probe_ops ops = {
		.state_bytes = sizeof(struct http_probe),
		.init = init,
		.fini = fini,
		.start = start,
		.step = step,
		.cancel = cancel,
	};

	return &ops;
}
