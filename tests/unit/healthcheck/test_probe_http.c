/* The probe `http` over plain TCP, against servers that follow a script: what is sent, what counts
 * as up, and every way in which a server can go wrong. TLS: test_probe_tls.c. */
#include "loopback.h"
#include "probe_rig.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct conf_codes success = {200, 299};

struct fixture {
	struct conf_http_request requests[2];
	struct conf_check check;
	struct scripted server;
	struct probe_rig rig;
};

/* One request for "/", to be changed before up(). */
static struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	for (unsigned i = 0; i < 2; i++)
		f->requests[i] = (struct conf_http_request){
			.method = "GET", .path = "/", .expect = &success, .n_expect = 1};
	f->check = (struct conf_check){
		.type = CONF_CHECK_HTTP,
		.timeout_ms = 3000,
		.own = {.requests = f->requests, .n_requests = 1},
	};
	return f;
}

static void up(struct fixture *f, const struct scripted_step *steps, unsigned n)
{
	scripted_start(&f->server, steps, n);
	rig_start(&f->rig, hc_probe_http_ops(), &f->check, f->server.port);
}

static void down(struct fixture *f)
{
	rig_stop(&f->rig);
	scripted_stop(&f->server);
	free(f);
}

static void expect_one(struct fixture *f, const struct scripted_step *steps, unsigned n,
	enum hc_result result, const char *detail)
{
	up(f, steps, n);
	rig_expect(&f->rig, result, detail);
	down(f);
}

/* ---- up -------------------------------------------------------------------------------------- */

static void the_request_is_as_configured(void **state)
{
	struct fixture *f = fixture_new();
	char expected[256];

	(void)state;
	f->requests[0].method = "OPTIONS";
	f->requests[0].path = "/a/../b?x=%20y";
	up(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 204 No Content\r\n\r\n"},
		      {AWAIT_END, NULL}));
	rig_expect(&f->rig, HC_OK, "status 204");
	scripted_await_end(&f->server, 1);
	(void)snprintf(expected, sizeof(expected),
		"OPTIONS /a/../b?x=%%20y HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: poise\r\n"
		"Accept: */*\r\nConnection: close\r\n\r\n",
		f->server.port);
	assert_string_equal(f->server.heard, expected);
	down(f);
}

static void the_host_is_as_configured(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].host = "www.example.org";
	up(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n\r\n"}, {AWAIT_END, NULL}));
	rig_expect(&f->rig, HC_OK, "status 200");
	scripted_await_end(&f->server, 1);
	assert_non_null(strstr(f->server.heard, "\r\nHost: www.example.org\r\n"));
	assert_null(strstr(f->server.heard, "127.0.0.1"));
	down(f);
}

/* No proxy, whatever the environment says. */
static void the_environment_is_not_asked(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	expect_one(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n\r\n"}), HC_OK,
		"status 200");
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
}

/* A server without end is up as soon as its header is there. */
static void a_body_that_is_not_needed_is_not_awaited(void **state)
{
	(void)state;
	expect_one(fixture_new(),
		STEPS({HEAR, "\r\n\r\n"},
			{SAY, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"},
			{SAY_SLOWLY, "x"}),
		HC_OK, "status 200");
	expect_one(fixture_new(),
		STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n\r\n"},
			{SAY_EVER, "0123456789"}),
		HC_OK, "status 200");
}

static void interim_answers_are_passed_over(void **state)
{
	(void)state;
	expect_one(fixture_new(),
		STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 103 Early Hints\r\nLink: "
						"</x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}),
		HC_OK, "status 200");
}

static void a_redirect_is_a_status_like_any_other(void **state)
{
	static const struct scripted_step steps[] = {{HEAR, "\r\n\r\n"},
		{SAY, "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n"}};
	static const struct conf_codes codes[] = {{200, 299}, {302, 302}};
	struct fixture *f = fixture_new();

	(void)state;
	expect_one(f, steps, 2, HC_FAILED, "http: status 302, expected 200-299");
	f = fixture_new();
	f->requests[0].expect = codes;
	f->requests[0].n_expect = 2;
	expect_one(f, steps, 2, HC_OK, "status 302");
}

static void a_status_is_compared_with_all_that_is_expected(void **state)
{
	static const struct conf_codes codes[] = {{200, 204}, {401, 401}};
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].expect = codes;
	f->requests[0].n_expect = 2;
	expect_one(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 503 Busy\r\n\r\n"}), HC_FAILED,
		"http: status 503, expected 200-204, 401");
}

static void requests_follow_each_other_until_one_fails(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->check.own.n_requests = 2;
	f->requests[1].path = "/second";
	up(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n\r\n"}, {AWAIT_END, NULL}));
	rig_expect(&f->rig, HC_OK, "status 200");
	scripted_await_end(&f->server, 2);
	assert_non_null(strstr(f->server.heard, "GET /second "));
	down(f);

	f = fixture_new();
	f->check.own.n_requests = 2;
	f->requests[0].path = "/first";
	up(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 500 Oops\r\n\r\n"}));
	rig_expect(&f->rig, HC_FAILED, "http: /first: status 500, expected 200-299");
	scripted_await_end(&f->server, 1);
	assert_int_equal(f->server.n_opened, 1);
	down(f);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";

static void a_body_must_match(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].body = "^ab?c$";
	expect_one(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, chunked}), HC_OK, "status 200");
	f = fixture_new();
	f->requests[0].body = "^abcd";
	expect_one(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, chunked}), HC_FAILED,
		"http: body does not match /^abcd/");
}

static void a_body_must_have_its_digest(void **state)
{
	static const char abc[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].body_sha256 = abc;
	expect_one(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, chunked}), HC_OK, "status 200");
	f = fixture_new();
	f->requests[0].body_sha256 = abc;
	expect_one(f,
		STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}),
		HC_FAILED,
		"http: body has sha256 "
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_body_without_end_is_matched_by_its_beginning(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].body = "needle";
	expect_one(f,
		STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n\r\n"}, {SAY_EVER, "hay"}),
		HC_FAILED, "http: body does not match /needle/ in its first 64 KiB");
}

static void a_body_of_a_wrong_status_is_not_awaited(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].body = "x";
	expect_one(f,
		STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 500 Oops\r\n\r\n"}, {SAY_SLOWLY, "x"}),
		HC_FAILED, "http: status 500, expected 200-299");
}

static void an_endless_pattern_gives_up(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->requests[0].body = "(a+)+[xy]";
	expect_one(f,
		STEPS({HEAR, "\r\n\r\n"},
			{SAY, "HTTP/1.1 200 "
			      "OK\r\n\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"}),
		HC_FAILED, "http: body: /(a+)+[xy]/ takes too long");
}

/* ---- servers that go wrong ------------------------------------------------------------------- */

static void a_refused_connect_fails_as_it_does_for_tcp(void **state)
{
	struct fixture *f = fixture_new();
	struct server server;

	(void)state;
	server_start(&server, "127.0.0.1");
	server_refuse(&server);
	rig_start(&f->rig, hc_probe_http_ops(), &f->check, server.port);
	rig_expect(&f->rig, HC_FAILED, "connect: refused");
	rig_stop(&f->rig);
	free(f);
}

static void each_way_to_go_wrong_has_its_words(void **state)
{
	static const struct {
		struct scripted_step steps[4];
		unsigned n;
		const char *detail;
	} cells[] = {
		{{{HEAR, "\r\n\r\n"}}, 1, "answer: closed by the server"},
		{{{HEAR, "\r\n\r\n"}, {RESET, NULL}}, 2, "answer: reset by the server"},
		{{{HEAR, "\r\n\r\n"}, {HALF_CLOSE, NULL}, {HANG, NULL}}, 3,
			"answer: closed by the server"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "220 mail.example.org ESMTP\r\n"}}, 2,
			"http: the answer is not HTTP/1"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "\x16\x03\x01\x02"}, {HANG, NULL}}, 3,
			"http: the answer is not HTTP/1"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 2"}, {HANG, NULL}}, 3,
			"answer: timed out after 300ms"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\nA: b\r\n"}, {HANG, NULL}}, 3,
			"header: timed out after 300ms"},
		{{{HANG, NULL}}, 1, "answer: timed out after 300ms"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"},
			 {HANG, NULL}},
			3, "body: timed out after 300ms"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}}, 2,
			"body: closed by the server"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n"}, {SAY_SLOWLY, "x"}}, 3,
			"header: timed out after 300ms"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n"}, {SAY_EVER, "A: b\r\n"}}, 3,
			"http: the header is too long"},
		{{{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\nA: "}, {SAY_EVER, "bbbbbb"}}, 3,
			"http: the header is too long"},
		{{{HEAR, "\r\n\r\n"}, {SAY_EVER, "HTTP/1.1 100 Continue\r\n\r\n"}}, 2,
			"http: the header is too long"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct fixture *f = fixture_new();

		f->requests[0].body = "x";
		f->check.timeout_ms = strstr(cells[i].detail, "300ms") ? 300 : 3000;
		expect_one(f, cells[i].steps, cells[i].n, HC_FAILED, cells[i].detail);
	}
}

static void a_swallowed_connect_times_out_in_words(void **state)
{
	struct fixture *f = fixture_new();
	struct server server;

	(void)state;
	f->check.timeout_ms = 200;
	server_start(&server, "127.0.0.1");
	server_swallow(&server);
	rig_start(&f->rig, hc_probe_http_ops(), &f->check, server.port);
	rig_expect(&f->rig, HC_FAILED, "connect: timed out after 200ms");
	rig_stop(&f->rig);
	server_stop(&server);
	free(f);
}

/* ---- local trouble, and ends ----------------------------------------------------------------- */

static void a_source_that_is_not_ours_is_no_failure_of_the_server(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->check.has_source[CONF_V4] = true;
	f->check.source[CONF_V4] = loopback_addr("192.0.2.1");
	expect_one(f, STEPS({HANG, NULL}), HC_NOT_MADE,
		"not probed: no local address or port is free");
}

static void a_cancelled_probe_leaves_nothing_wherever_it_is(void **state)
{
	static const struct {
		const char *step;
		struct scripted_step steps[3];
		unsigned n;
	} cells[] = {
		{"answer", {{HANG, NULL}}, 1},
		{"header", {{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n"}, {HANG, NULL}}, 3},
		{"body", {{HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\n\r\nabc"}, {HANG, NULL}},
			3},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct fixture *f = fixture_new();
		unsigned n_descriptors[2];

		f->requests[0].body = "x";
		up(f, cells[i].steps, cells[i].n);
		// the first time makes what all probes share
		for (unsigned k = 0; k < 2; k++) {
			assert_true(rig_begin(&f->rig, 100));
			assert_string_equal(f->rig.ops->step(f->rig.state), cells[i].step);
			rig_cancel(&f->rig);
			scripted_await_end(&f->server, k + 1);
			n_descriptors[k] = count_descriptors();
		}
		assert_int_equal(n_descriptors[0], n_descriptors[1]);
		down(f);
	}
}

static void the_dialogue_is_kept_if_wanted(void **state)
{
	struct fixture *f = fixture_new();
	char *text;

	(void)state;
	up(f, STEPS({HEAR, "\r\n\r\n"}, {SAY, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"}));
	text = rig_dialogue(&f->rig);
	assert_non_null(strstr(text, "> GET / HTTP/1.1\n"));
	assert_non_null(strstr(text, "< HTTP/1.1 200 OK\n"));
	assert_non_null(strstr(text, "< X: y\n"));
	free(text);
	down(f);
}

/* A name for TLS that is an IPv6 address makes a URL, and one that is none is our fault. */
static void what_makes_no_url_does_not_count(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	f->check.own.tls = CONF_TLS_IMPLICIT;
	f->check.own.sni = "2001:db8::1";
	up(f, STEPS({SAY, "this is no TLS, not at all", 0}, {HANG, NULL, 0}));
	assert_int_equal(rig_probe(&f->rig)->result, HC_FAILED);
	assert_memory_equal(f->rig.outcome.detail, "tls: ", 5);
	f->check.own.sni = "2001:db8::1 and more";
	rig_expect(&f->rig, HC_NOT_MADE, "not probed: the check makes no valid URL");
	down(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_is_as_configured),
		cmocka_unit_test(the_host_is_as_configured),
		cmocka_unit_test(the_environment_is_not_asked),
		cmocka_unit_test(a_body_that_is_not_needed_is_not_awaited),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(a_redirect_is_a_status_like_any_other),
		cmocka_unit_test(a_status_is_compared_with_all_that_is_expected),
		cmocka_unit_test(requests_follow_each_other_until_one_fails),
		cmocka_unit_test(a_body_must_match),
		cmocka_unit_test(a_body_must_have_its_digest),
		cmocka_unit_test(a_body_without_end_is_matched_by_its_beginning),
		cmocka_unit_test(a_body_of_a_wrong_status_is_not_awaited),
		cmocka_unit_test(an_endless_pattern_gives_up),
		cmocka_unit_test(a_refused_connect_fails_as_it_does_for_tcp),
		cmocka_unit_test(each_way_to_go_wrong_has_its_words),
		cmocka_unit_test(a_swallowed_connect_times_out_in_words),
		cmocka_unit_test(a_source_that_is_not_ours_is_no_failure_of_the_server),
		cmocka_unit_test(a_cancelled_probe_leaves_nothing_wherever_it_is),
		cmocka_unit_test(the_dialogue_is_kept_if_wanted),
		cmocka_unit_test(what_makes_no_url_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
