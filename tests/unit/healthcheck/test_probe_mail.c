/* The probes smtp, imap and pop3 over plain TCP: what goes over the wire, and every way in which a
 * server can go wrong. STARTTLS and TLS: test_probe_tls.c. */
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

static const struct conf_codes ready = {220, 220};

static const struct conf_check smtp = {.type = CONF_CHECK_SMTP,
	.timeout_ms = 3000,
	.own = {.helo = "lb.example.org", .expect = &ready, .n_expect = 1}};
static const struct conf_check imap = {.type = CONF_CHECK_IMAP, .timeout_ms = 3000};
static const struct conf_check pop3 = {.type = CONF_CHECK_POP3, .timeout_ms = 3000};

static const struct hc_probe_ops *ops_for(const struct conf_check *check)
{
	if (check->type == CONF_CHECK_SMTP)
		return hc_probe_smtp_ops();
	return check->type == CONF_CHECK_IMAP ? hc_probe_imap_ops() : hc_probe_pop3_ops();
}

static struct conf_check with_user(const struct conf_check *check)
{
	struct conf_check c = *check;

	c.own.user = "pro\"be";
	c.own.password = "se\\cret";
	return c;
}

/* What the server heard, if not NULL, must be exactly `heard`. */
static void expect_of(const struct conf_check *check, const struct scripted_step *steps, unsigned n,
	const char *detail, const char *heard)
{
	const bool is_up = heard != NULL;
	struct scripted server;
	struct probe_rig rig;

	scripted_start(&server, steps, n);
	rig_start(&rig, ops_for(check), check, server.port);
	rig_expect(&rig, is_up ? HC_OK : HC_FAILED, detail);
	if (is_up) {
		scripted_await_end(&server, 1);
		assert_string_equal(server.heard, heard);
		assert_false(server.is_reset);
	}
	rig_stop(&rig);
	scripted_stop(&server);
}

/* ---- smtp ------------------------------------------------------------------------------------ */

static void smtp_says_ehlo_and_quit(void **state)
{
	(void)state;
	expect_of(&smtp,
		STEPS({SAY, "220-mx.example.org ESMTP\r\n220 ready\r\n"}, {HEAR, "\r\n"},
			{SAY, "250-mx.example.org\r\n250 PIPELINING\r\n"}, {HEAR, "QUIT\r\n"},
			{SAY, "221 bye\r\n"}, {AWAIT_END, NULL}),
		"220-mx.example.org ESMTP", "EHLO lb.example.org\r\nQUIT\r\n");
}

static void smtp_is_up_if_quit_closes_the_connection(void **state)
{
	(void)state;
	expect_of(&smtp,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"},
			{HEAR, "QUIT\r\n"}),
		"220 ready", "EHLO lb.example.org\r\nQUIT\r\n");
}

static void a_helo_may_be_an_address_literal(void **state)
{
	struct conf_check check = smtp;

	(void)state;
	check.own.helo = "[192.0.2.1]";
	expect_of(&check,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"},
			{HEAR, "QUIT\r\n"}, {SAY, "221 bye\r\n"}, {AWAIT_END, NULL}),
		"220 ready", "EHLO [192.0.2.1]\r\nQUIT\r\n");
}

static void a_greeting_is_compared_with_what_is_expected(void **state)
{
	static const struct conf_codes codes[] = {{220, 220}, {250, 259}};
	struct conf_check check = smtp;

	(void)state;
	expect_of(&smtp, STEPS({SAY, "421 too busy\r\n"}, {HANG, NULL}),
		"smtp: got 421, expected 220", NULL);
	expect_of(&smtp, STEPS({SAY, "554 no service\r\n"}), "smtp: got 554, expected 220", NULL);
	check.own.expect = codes;
	check.own.n_expect = 2;
	expect_of(&check,
		STEPS({SAY, "240 hm\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"}, {HANG, NULL}),
		"smtp: got 240, expected 220, 250-259", NULL);
	expect_of(&check,
		STEPS({SAY, "255 hm\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"}, {HEAR, "QUIT\r\n"}),
		"255 hm", "EHLO lb.example.org\r\nQUIT\r\n");
}

static void smtp_without_ehlo_is_down(void **state)
{
	(void)state;
	expect_of(&smtp,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "502 what\r\n"}, {HEAR, "HELO"},
			{SAY, "250 ok\r\n"}, {HANG, NULL}),
		"smtp: EHLO refused", NULL);
	expect_of(&smtp,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "550 no\r\n"}, {HEAR, "HELO"},
			{SAY, "550 not you\r\n"}, {HANG, NULL}),
		"smtp: HELO: got \"550 not you\"", NULL);
}

static void starttls_must_be_offered_and_granted(void **state)
{
	struct conf_check check = smtp;

	(void)state;
	check.own.tls = CONF_TLS_STARTTLS;
	expect_of(&check,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"}, {HANG, NULL}),
		"smtp: no STARTTLS is offered", NULL);
	expect_of(&check,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "250 STARTTLS\r\n"},
			{HEAR, "STARTTLS\r\n"}, {SAY, "454 not now\r\n"}, {HANG, NULL}),
		"smtp: STARTTLS: got \"454 not now\"", NULL);
	check.timeout_ms = 300;
	expect_of(&check,
		STEPS({SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {SAY, "250 STARTTLS\r\n"},
			{HEAR, "STARTTLS\r\n"}, {SAY, "220 go\r\n"}, {HANG, NULL}),
		"tls: timed out after 300ms", NULL);
}

/* ---- imap ------------------------------------------------------------------------------------ */

#define IMAP_OPENING                                                                               \
	{SAY, "* OK ready\r\n"}, {HEAR, "CAPABILITY\r\n"},                                         \
	{                                                                                          \
		SAY, "* CAPABILITY IMAP4rev1 AUTH=GSSAPI AUTH=PLAIN\r\nA001 OK done\r\n"           \
	}

static void imap_logs_out(void **state)
{
	(void)state;
	expect_of(&imap,
		STEPS(IMAP_OPENING, {HEAR, "LOGOUT\r\n"}, {SAY, "* BYE bye\r\nP001 OK done\r\n"},
			{AWAIT_END, NULL}),
		"* OK ready", "A001 CAPABILITY\r\nP001 LOGOUT\r\n");
}

static void imap_logs_in_if_there_is_a_user(void **state)
{
	const struct conf_check check = with_user(&imap);

	(void)state;
	expect_of(&check,
		STEPS(IMAP_OPENING, {HEAR, "LOGIN"}, {HEAR, "\r\n"},
			{SAY, "* CAPABILITY X\r\nP001 OK in\r\n"}, {HEAR, "LOGOUT\r\n"},
			{SAY, "* BYE\r\nP001 OK out\r\n"}, {AWAIT_END, NULL}),
		"* OK ready",
		"A001 CAPABILITY\r\nP001 LOGIN \"pro\\\"be\" \"se\\\\cret\"\r\nP001 LOGOUT\r\n");
	expect_of(&check,
		STEPS(IMAP_OPENING, {HEAR, "LOGIN"}, {HEAR, "\r\n"},
			{SAY, "P001 NO [AUTHENTICATIONFAILED] no\r\n"}, {HANG, NULL}),
		"imap: LOGIN: got \"P001 NO\"", NULL);
}

/* ---- pop3 ------------------------------------------------------------------------------------ */

#define POP3_OPENING                                                                               \
	{SAY, "+OK ready\r\n"}, {HEAR, "CAPA\r\n"},                                                \
	{                                                                                          \
		SAY, "+OK\r\nUSER\r\nSASL GSSAPI PLAIN\r\n.\r\n"                                   \
	}

static void pop3_quits(void **state)
{
	(void)state;
	expect_of(&pop3,
		STEPS(POP3_OPENING, {HEAR, "QUIT\r\n"}, {SAY, "+OK bye\r\n"}, {AWAIT_END, NULL}),
		"+OK ready", "CAPA\r\nQUIT\r\n");
}

static void pop3_logs_in_if_there_is_a_user(void **state)
{
	const struct conf_check check = with_user(&pop3);

	(void)state;
	expect_of(&check,
		STEPS(POP3_OPENING, {HEAR, "USER"}, {SAY, "+OK\r\n"}, {HEAR, "PASS"},
			{SAY, "+OK in\r\n"}, {HEAR, "QUIT\r\n"}, {SAY, "+OK bye\r\n"},
			{AWAIT_END, NULL}),
		"+OK ready", "CAPA\r\nUSER pro\"be\r\nPASS se\\cret\r\nQUIT\r\n");
	expect_of(&check,
		STEPS(POP3_OPENING, {HEAR, "USER"}, {SAY, "+OK\r\n"}, {HEAR, "PASS"},
			{SAY, "-ERR no\r\n"}, {HANG, NULL}),
		"pop3: PASS: got \"-ERR\"", NULL);
}

static void secrets_do_not_go_into_the_dialogue(void **state)
{
	static const struct scripted_step imap_steps[] = {IMAP_OPENING, {HEAR, "LOGIN"},
		{HEAR, "\r\n"}, {SAY, "P001 OK in\r\n"}, {HEAR, "LOGOUT"}};
	static const struct scripted_step pop3_steps[] = {POP3_OPENING, {HEAR, "USER"},
		{SAY, "+OK\r\n"}, {HEAR, "PASS"}, {SAY, "+OK in\r\n"}, {HEAR, "QUIT\r\n"}};
	static const struct {
		const struct conf_check *check;
		const struct scripted_step *steps;
		unsigned n;
		const char *shown;
	} cells[] = {
		{&imap, imap_steps, sizeof(imap_steps) / sizeof(imap_steps[0]),
			"> P001 LOGIN \"pro\\\\\"be\" \n"},
		{&pop3, pop3_steps, sizeof(pop3_steps) / sizeof(pop3_steps[0]), "> PASS \n"},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct conf_check check = with_user(cells[i].check);
		struct scripted server;
		struct probe_rig rig;
		char *text;

		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, ops_for(&check), &check, server.port);
		text = rig_dialogue(&rig);
		assert_int_equal(rig.outcome.result, HC_OK);
		assert_non_null(strstr(text, cells[i].shown));
		assert_null(strstr(text, "cret"));
		free(text);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

/* Neither in words nor in the dialogue, in no line of the answer. */
static void a_server_that_repeats_the_secret_is_not_quoted(void **state)
{
	static const struct scripted_step imap_steps[] = {IMAP_OPENING, {HEAR, "LOGIN"},
		{HEAR, "\r\n"}, {SAY, "* BAD se\\cret\r\nP001 BAD LOGIN pro\"be se\\cret\r\n"},
		{HANG, NULL}};
	static const struct scripted_step pop3_steps[] = {POP3_OPENING, {HEAR, "USER"},
		{SAY, "+OK\r\n"}, {HEAR, "PASS"}, {SAY, "-ERR what: PASS se\\cret\r\n"},
		{HANG, NULL}};
	static const struct {
		const struct conf_check *check;
		const struct scripted_step *steps;
		unsigned n;
		const char *detail, *shown;
	} cells[] = {
		{&imap, imap_steps, sizeof(imap_steps) / sizeof(imap_steps[0]),
			"imap: LOGIN: got \"P001 BAD\"", "< * BAD\n< P001 BAD\n"},
		{&pop3, pop3_steps, sizeof(pop3_steps) / sizeof(pop3_steps[0]),
			"pop3: PASS: got \"-ERR\"", "< -ERR\n"},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct conf_check check = with_user(cells[i].check);
		struct scripted server;
		struct probe_rig rig;
		char *text;

		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, ops_for(&check), &check, server.port);
		text = rig_dialogue(&rig);
		assert_string_equal(rig.outcome.detail, cells[i].detail);
		assert_non_null(strstr(text, cells[i].shown));
		assert_null(strstr(text, "cret"));
		free(text);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

/* Every byte of them takes two in IMAP. */
static void the_longest_user_and_password_are_said_in_full(void **state)
{
	char user[CONF_MAX_USER + 1], password[CONF_MAX_SECRET + 1], heard[4096];
	char quoted_user[2 * sizeof(user)] = "", quoted_password[2 * sizeof(password)] = "";
	struct conf_check check = imap;

	(void)state;
	memset(user, '"', sizeof(user) - 1);
	memset(password, '\\', sizeof(password) - 1);
	user[sizeof(user) - 1] = password[sizeof(password) - 1] = '\0';
	for (unsigned i = 0; user[i]; i++)
		memcpy(quoted_user + 2 * (size_t)i, "\\\"", 2);
	memset(quoted_password, '\\', 2 * strlen(password));
	check.own.user = user;
	check.own.password = password;
	(void)snprintf(heard, sizeof(heard),
		"A001 CAPABILITY\r\nP001 LOGIN \"%s\" \"%s\"\r\nP001 LOGOUT\r\n", quoted_user,
		quoted_password);
	expect_of(&check,
		STEPS(IMAP_OPENING, {HEAR, "LOGIN"}, {HEAR, "\r\n"}, {SAY, "P001 OK in\r\n"},
			{HEAR, "LOGOUT\r\n"}, {SAY, "P001 OK out\r\n"}, {AWAIT_END, NULL}),
		"* OK ready", heard);
	check.type = CONF_CHECK_POP3;
	(void)snprintf(
		heard, sizeof(heard), "CAPA\r\nUSER %s\r\nPASS %s\r\nQUIT\r\n", user, password);
	expect_of(&check,
		STEPS(POP3_OPENING, {HEAR, "USER"}, {HEAR, "\r\n"}, {SAY, "+OK\r\n"},
			{HEAR, "PASS"}, {HEAR, "\r\n"}, {SAY, "+OK in\r\n"}, {HEAR, "QUIT\r\n"},
			{SAY, "+OK bye\r\n"}, {AWAIT_END, NULL}),
		"+OK ready", heard);
}

/* ---- all three ------------------------------------------------------------------------------- */

/* Short lines, as fast as they go: 64 KiB of them and not the check's time are the bound, whichever
 * command they are for. */
static void an_answer_of_lines_without_an_end_is_given_up_at_once(void **state)
{
	static char lines[49152 + 1], smtp_lines[49152 + 1];
	static const struct {
		const struct conf_check *check;
		bool has_user;
		struct scripted_step steps[6];
		unsigned n;
		const char *detail;
	} cells[] = {
		{&imap, false, {IMAP_OPENING, {HEAR, "LOGOUT"}, {SAY_EVER, lines}}, 5,
			"answer to LOGOUT: the answer is too long"},
		{&imap, true, {IMAP_OPENING, {HEAR, "LOGIN"}, {SAY_EVER, lines}}, 5,
			"answer to LOGIN: the answer is too long"},
		{&smtp, false,
			{{SAY, "220 r\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"}, {HEAR, "QUIT"},
				{SAY_EVER, smtp_lines}},
			5, "answer to QUIT: the answer is too long"},
	};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(lines); i++) {
		lines[i] = "* \n"[i % 3];
		smtp_lines[i] = "221-\r\n"[i % 6];
	}
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct conf_check check = *cells[i].check;
		const int64_t start_ms = now_ms();
		struct scripted server;
		struct probe_rig rig;

		check = cells[i].has_user ? with_user(&check) : check;
		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, ops_for(&check), &check, server.port);
		rig_expect(&rig, HC_FAILED, cells[i].detail);
		assert_true(now_ms() - start_ms < 1500);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

static void each_way_to_go_wrong_has_its_words(void **state)
{
	static const struct {
		const struct conf_check *check;
		struct scripted_step steps[5];
		unsigned n;
		const char *detail;
	} cells[] = {
		{&smtp, {{HANG, NULL}}, 1, "greeting: timed out after 300ms"},
		{&imap, {{HANG, NULL}}, 1, "greeting: timed out after 300ms"},
		{&pop3, {{HANG, NULL}}, 1, "greeting: timed out after 300ms"},
		{&smtp, {{HALF_CLOSE, NULL}, {HANG, NULL}}, 2, "greeting: closed by the server"},
		{&imap, {{HALF_CLOSE, NULL}, {HANG, NULL}}, 2, "greeting: closed by the server"},
		{&pop3, {{HALF_CLOSE, NULL}, {HANG, NULL}}, 2, "greeting: closed by the server"},
		// not before the greeting: a reset may be there before the connection is
		{&smtp, {{SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {RESET, NULL}}, 3,
			"answer to EHLO: reset by the server"},
		{&smtp, {{SAY, "HTTP/1.1 400 Bad Request\r\n\r\n"}, {HANG, NULL}}, 2,
			"greeting: timed out after 300ms"},
		{&imap, {{SAY, "* BYE go away\r\n"}}, 1, "imap: greeting: got \"* BYE go away\""},
		{&pop3, {{SAY, "-ERR go away\r\n"}}, 1, "pop3: greeting: got \"-ERR go away\""},
		{&smtp, {{SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {HANG, NULL}}, 3,
			"answer to EHLO: timed out after 300ms"},
		{&smtp, {{SAY, "220 ready\r\n"}, {HEAR, "\r\n"}}, 2,
			"answer to EHLO: closed by the server"},
		{&smtp, {{SAY, "220 r\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"}, {HANG, NULL}}, 4,
			"answer to QUIT: timed out after 300ms"},
		{&smtp, {{SAY, "220 r\r\n"}, {HEAR, "\r\n"}, {SAY_EVER, "250-ok\r\n"}}, 3,
			"answer to EHLO: the answer is too long"},
		{&smtp, {{SAY_EVER, "220-ready\r\n"}}, 1, NULL},
		{&smtp, {{SAY_EVER, "220"}}, 1, NULL},
		{&imap, {{SAY_EVER, "* spam\r\n"}}, 1, NULL},
		{&pop3, {{SAY_EVER, "spam"}}, 1, NULL},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct conf_check check = *cells[i].check;
		struct scripted server;
		struct probe_rig rig;

		check.timeout_ms = 300;
		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, ops_for(&check), &check, server.port);
		(void)rig_probe(&rig);
		assert_int_equal(rig.outcome.result, HC_FAILED);
		if (cells[i].detail)
			assert_string_equal(rig.outcome.detail, cells[i].detail);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

static void a_refused_connect_fails_as_it_does_for_tcp(void **state)
{
	const struct conf_check *const checks[] = {&smtp, &imap, &pop3};
	struct server server;

	(void)state;
	server_start(&server, "127.0.0.1");
	server_refuse(&server);
	for (unsigned i = 0; i < 3; i++) {
		struct probe_rig rig;

		rig_start(&rig, ops_for(checks[i]), checks[i], server.port);
		rig_expect(&rig, HC_FAILED, "connect: refused");
		rig_stop(&rig);
	}
}

/* A server that hangs after QUIT does not hold up the loop, nor does one that is cancelled there.
 */
static void a_cancelled_probe_leaves_nothing_wherever_it_is(void **state)
{
	static const struct {
		const char *step;
		struct scripted_step steps[4];
		unsigned n;
	} cells[] = {
		{"greeting", {{HANG, NULL}}, 1},
		{"answer to EHLO", {{SAY, "220 ready\r\n"}, {HEAR, "\r\n"}, {HANG, NULL}}, 3},
		{"answer to QUIT",
			{{SAY, "220 r\r\n"}, {HEAR, "\r\n"}, {SAY, "250 ok\r\n"}, {HANG, NULL}}, 4},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		unsigned n_descriptors[2];
		struct scripted server;
		struct probe_rig rig;

		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, hc_probe_smtp_ops(), &smtp, server.port);
		for (unsigned k = 0; k < 2; k++) {
			int64_t cancelled_ms;

			assert_true(rig_begin(&rig, 100));
			assert_string_equal(rig.ops->step(rig.state), cells[i].step);
			cancelled_ms = now_ms();
			rig_cancel(&rig);
			assert_true(now_ms() - cancelled_ms < 500);
			scripted_await_end(&server, k + 1);
			n_descriptors[k] = count_descriptors();
		}
		assert_int_equal(n_descriptors[0], n_descriptors[1]);
		rig_stop(&rig);
		scripted_stop(&server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smtp_says_ehlo_and_quit),
		cmocka_unit_test(smtp_is_up_if_quit_closes_the_connection),
		cmocka_unit_test(a_helo_may_be_an_address_literal),
		cmocka_unit_test(a_greeting_is_compared_with_what_is_expected),
		cmocka_unit_test(smtp_without_ehlo_is_down),
		cmocka_unit_test(starttls_must_be_offered_and_granted),
		cmocka_unit_test(imap_logs_out),
		cmocka_unit_test(imap_logs_in_if_there_is_a_user),
		cmocka_unit_test(pop3_quits),
		cmocka_unit_test(pop3_logs_in_if_there_is_a_user),
		cmocka_unit_test(secrets_do_not_go_into_the_dialogue),
		cmocka_unit_test(a_server_that_repeats_the_secret_is_not_quoted),
		cmocka_unit_test(the_longest_user_and_password_are_said_in_full),
		cmocka_unit_test(an_answer_of_lines_without_an_end_is_given_up_at_once),
		cmocka_unit_test(each_way_to_go_wrong_has_its_words),
		cmocka_unit_test(a_refused_connect_fails_as_it_does_for_tcp),
		cmocka_unit_test(a_cancelled_probe_leaves_nothing_wherever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
