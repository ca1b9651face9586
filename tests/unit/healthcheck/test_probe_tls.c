/* TLS of the probes that libcurl carries: what makes a certificate good, the words for one that is
 * not, the name asked for, STARTTLS, and servers that speak something else. */
#include "bad_closes.h"
#include "healthcheck/curl.h"
#include "healthcheck/libldap.h"
#include "loopback.h"
#include "probe_rig.h"
#include "scripted.h"
#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct conf_codes success = {200, 299}, ready = {220, 220};
static const struct conf_http_request request = {
	.method = "GET", .path = "/", .expect = &success, .n_expect = 1};
static const struct conf_text_step steps[] = {
	{.is_send = true, .send = {"hello\r\n", 7}}, {.expect = "you said hello"}};

/* All types at once: each looks at its own part only. */
static struct conf_check check_of(enum conf_check_type type, enum conf_tls tls)
{
	return (struct conf_check){
		.type = type,
		.timeout_ms = 3000,
		.own = {.tls = tls,
			.sni = "probe.example.org",
			.verify = true,
			.ca_file = tls_file("ca.pem"),
			.requests = &request,
			.n_requests = 1,
			.helo = "lb.example.org",
			.expect = &ready,
			.n_expect = 1,
			.steps = steps,
			.n_steps = 2},
	};
}

static void expect_of(const struct conf_check *check, const char *certificate,
	enum hc_result result, const char *detail)
{
	struct tls_server server;
	struct probe_rig rig;

	tls_server_start(&server, certificate, "http");
	rig_start(&rig, hc_probe_http_ops(), check, server.port);
	rig_expect(&rig, result, detail);
	rig_expect(&rig, result, detail); // again, with what is kept of authorities
	rig_stop(&rig);
	tls_server_stop(&server);
}

static void a_certificate_is_good_for_its_name_and_authority(void **state)
{
	const struct conf_check check = check_of(CONF_CHECK_HTTP, CONF_TLS_IMPLICIT);

	(void)state;
	expect_of(&check, "good", HC_OK, "status 200");
}

static void each_bad_certificate_has_its_words(void **state)
{
	static const struct {
		const char *certificate, *detail;
	} cells[] = {
		{"expired", "tls: certificate expired"},
		{"self", "tls: self-signed certificate"},
		{"stranger", "tls: unknown authority"},
	};
	struct conf_check check = check_of(CONF_CHECK_HTTP, CONF_TLS_IMPLICIT);

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		check.own.verify = true;
		expect_of(&check, cells[i].certificate, HC_FAILED, cells[i].detail);
		check.own.verify = false;
		expect_of(&check, cells[i].certificate, HC_OK, "status 200");
	}
	check.own.verify = true;
	check.own.sni = "www.example.org";
	expect_of(&check, "good", HC_FAILED, "tls: certificate is for other names");
	check.own.sni = NULL;
	expect_of(&check, "good", HC_OK, "status 200");
	check.own.ca_file = NULL; // the system's
	expect_of(&check, "good", HC_FAILED, "tls: unknown authority");
	check.own.ca_file = tls_file("not-there.pem");
	expect_of(&check, "good", HC_NOT_MADE, "not probed: the ca_file cannot be read");
}

static void the_server_is_asked_for_the_name(void **state)
{
	struct conf_check check = check_of(CONF_CHECK_HTTP, CONF_TLS_IMPLICIT);
	struct tls_server server;
	struct probe_rig rig;
	char host[64];

	(void)state;
	check.own.verify = false;
	tls_server_start(&server, "good", "http");
	rig_start(&rig, hc_probe_http_ops(), &check, server.port);
	rig_expect(&rig, HC_OK, "status 200");
	tls_server_await_end(&server);
	(void)snprintf(host, sizeof(host), "line Host: 127.0.0.1:%u\n", server.port);
	assert_non_null(strstr(server.heard, "sni probe.example.org\n"));
	assert_non_null(strstr(server.heard, host));
	rig_stop(&rig);
	tls_server_stop(&server);
}

static void text_and_mail_go_over_tls_and_starttls(void **state)
{
	static const struct {
		enum conf_check_type type;
		enum conf_tls tls;
		const char *protocol, *detail, *last;
	} cells[] = {
		{CONF_CHECK_TEXT, CONF_TLS_IMPLICIT, "text", "2 steps as expected", "line hello\n"},
		{CONF_CHECK_SMTP, CONF_TLS_IMPLICIT, "smtps", "220 mail.example.org ESMTP",
			"line EHLO lb.example.org\nline QUIT\nend clean\n"},
		{CONF_CHECK_SMTP, CONF_TLS_STARTTLS, "smtp", "220 mail.example.org ESMTP",
			"line EHLO lb.example.org\nline STARTTLS\nsni probe.example.org\n"
			"line EHLO lb.example.org\nline QUIT\nend clean\n"},
		{CONF_CHECK_IMAP, CONF_TLS_IMPLICIT, "imaps", "* OK hello",
			"line P001 LOGOUT\nend clean\n"},
		{CONF_CHECK_IMAP, CONF_TLS_STARTTLS, "imap", "* OK hello",
			"line P001 LOGOUT\nend clean\n"},
		{CONF_CHECK_POP3, CONF_TLS_IMPLICIT, "pop3s", "+OK hello",
			"line QUIT\nend clean\n"},
		{CONF_CHECK_POP3, CONF_TLS_STARTTLS, "pop3", "+OK hello", "line QUIT\nend clean\n"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct conf_check check = check_of(cells[i].type, cells[i].tls);
		struct tls_server server;
		struct probe_rig rig;

		tls_server_start(&server, "good", cells[i].protocol);
		rig_start(&rig, hc_probe_ops_for(check.type), &check, server.port);
		rig_expect(&rig, HC_OK, cells[i].detail);
		tls_server_await_end(&server);
		assert_non_null(strstr(server.heard, cells[i].last));
		rig_stop(&rig);
		// the wrong name is seen there, too
		check.own.sni = "www.example.org";
		rig_start(&rig, hc_probe_ops_for(check.type), &check, server.port);
		rig_expect(&rig, HC_FAILED, "tls: certificate is for other names");
		rig_stop(&rig);
		tls_server_stop(&server);
	}
}

static void a_server_without_tls_fails_in_words(void **state)
{
	static const struct {
		struct scripted_step steps[2];
		unsigned n;
		const char *detail;
	} cells[] = {
		{{{SAY, "HTTP/1.1 400 Bad Request\r\n\r\n"}, {HANG, NULL}}, 2,
			"tls: handshake failed: wrong version number"},
		{{{SAY, "220 ready\r\n"}, {HANG, NULL}}, 2,
			"tls: handshake failed: wrong version number"},
		{{{HANG, NULL}}, 1, "tls: timed out after 300ms"},
		{{{HALF_CLOSE, NULL}, {HANG, NULL}}, 2,
			"tls: handshake failed: closed by the server"},
		{{{HEAR, "\x16"}, {RESET, NULL}}, 2,
			"tls: handshake failed: connection reset by peer"},
		// an alert: handshake_failure
		{{{SAY, "\x15\x03\x01\x01\x02\x02\x28"}, {HANG, NULL}}, 2, NULL},
		{{{SAY_EVER, "\x16\x03\x03\x3f\xff\x01\x02\x03\x04"}}, 1, NULL},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct conf_check check = check_of(CONF_CHECK_HTTP, CONF_TLS_IMPLICIT);
		struct scripted server;
		struct probe_rig rig;

		check.timeout_ms = 300;
		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, hc_probe_http_ops(), &check, server.port);
		(void)rig_probe(&rig);
		assert_int_equal(rig.outcome.result, HC_FAILED);
		assert_memory_equal(rig.outcome.detail, "tls: ", 5);
		if (cells[i].detail)
			assert_string_equal(rig.outcome.detail, cells[i].detail);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

static void the_reason_is_found_in_libcurls_message(void **state)
{
	static const char *const cells[][2] = {
		{"error:0A00010B:SSL routines::wrong version number", "wrong version number"},
		{"OpenSSL SSL_connect: Connection reset by peer in connection to 192.0.2.1:443 ",
			"connection reset by peer"},
		{"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to 192.0.2.1:443 ",
			"closed by the server"},
		{"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to 2001:db8::1:443 ",
			"closed by the server"},
		{"error:0A000126:SSL routines::unexpected eof while reading",
			"closed by the server"},
		{"SSL connect error", "SSL connect error"},
		{"", ""},
		{"error:", "error:"},
		{"error:::", ":"},
	};
	char buf[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		hc_curl_tls_reason(cells[i][0], buf, sizeof(buf));
		assert_string_equal(buf, cells[i][1]);
	}
	hc_curl_tls_reason(cells[0][0], buf, 6);
	assert_string_equal(buf, "wrong");
}

static void a_cancelled_handshake_leaves_nothing(void **state)
{
	static const struct scripted_step silence[] = {{HANG, NULL}};
	const struct conf_check check = check_of(CONF_CHECK_HTTP, CONF_TLS_IMPLICIT);
	unsigned n_descriptors[2];
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	scripted_start(&server, silence, 1);
	rig_start(&rig, hc_probe_http_ops(), &check, server.port);
	for (unsigned k = 0; k < 2; k++) {
		assert_true(rig_begin(&rig, 100));
		assert_string_equal(rig.ops->step(rig.state), "tls");
		rig_cancel(&rig);
		scripted_await_end(&server, k + 1);
		n_descriptors[k] = count_descriptors();
	}
	assert_int_equal(n_descriptors[0], n_descriptors[1]);
	rig_stop(&rig);
	scripted_stop(&server);
}

/* libldap ends the connection below libcurl, which ends TLS over it after that. */
static void ldaps_ends_in_order(void **state)
{
	const struct conf_check check = check_of(CONF_CHECK_LDAP, CONF_TLS_IMPLICIT);
	struct tls_server server;
	struct probe_rig rig;

	(void)state;
	tls_server_start(&server, "good", "ldap");
	rig_start(&rig, hc_probe_ldap_ops(), &check, server.port);
	rig_expect(&rig, HC_OK, "bound");
	tls_server_await_end(&server);
	assert_non_null(strstr(server.heard, "line unbind\nend clean\n"));
	assert_int_equal(count_bad_closes(), 0);
	rig_stop(&rig);
	tls_server_stop(&server);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_good_for_its_name_and_authority),
		cmocka_unit_test(each_bad_certificate_has_its_words),
		cmocka_unit_test(the_server_is_asked_for_the_name),
		cmocka_unit_test(text_and_mail_go_over_tls_and_starttls),
		cmocka_unit_test(a_server_without_tls_fails_in_words),
		cmocka_unit_test(the_reason_is_found_in_libcurls_message),
		cmocka_unit_test(a_cancelled_handshake_leaves_nothing),
		cmocka_unit_test(ldaps_ends_in_order),
	};
	int failed;

	if (argc != 3 || hc_libldap_prepare() < 0)
		return 2;
	tls_setup(argv[1], argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tls_teardown();
	return failed;
}
