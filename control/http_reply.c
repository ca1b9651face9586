/* Answers, with the headers that each has. */
#include "control/http.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void add_headers(struct evhttp_request *req, const char *type)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

	(void)evhttp_add_header(headers, "Content-Type", type);
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
}

/* To a HEAD the length only. */
static void send_body(struct evhttp_request *req, int status, struct evbuffer *body)
{
	char length[24];

	(void)snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
	(void)evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Length", length);
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD)
		(void)evbuffer_drain(body, evbuffer_get_length(body));
	evhttp_send_reply(req, status, NULL, body);
}

void ctl_http_send(struct evhttp_request *req, const char *type, struct evbuffer *body)
{
	add_headers(req, type);
	send_body(req, HTTP_OK, body);
}

void ctl_http_say(struct evhttp_request *req, int status, const char *sentence)
{
	struct evbuffer *body = evbuffer_new();

	add_headers(req, "text/plain; charset=utf-8");
	if (body && evbuffer_add_printf(body, "%s\n", sentence) >= 0)
		send_body(req, status, body);
	else
		evhttp_send_reply(req, status, NULL, NULL);
	if (body)
		evbuffer_free(body);
}

/* RFC 9110 §12.5.3, as far as clients go: "gzip" is named, and not with a weight of 0. */
bool ctl_http_accepts_gzip(struct evhttp_request *req)
{
	const char *at =
		evhttp_find_header(evhttp_request_get_input_headers(req), "Accept-Encoding");

	while (at && *at) {
		size_t name = strcspn(at, " \t;,"), item = strcspn(at, ",");
		const char *weight = memchr(at, '=', item);

		if (name == 4 && strncasecmp(at, "gzip", name) == 0)
			return !weight || strspn(weight, "=0. ") < item - (size_t)(weight - at);
		at += item;
		at += strspn(at, ", \t");
	}
	return false;
}
