/* The probe `ldap` over plain TCP, against servers that say bytes of RFC 4511 from a script. */
#include "bad_closes.h"
#include "healthcheck/curl.h"
#include "healthcheck/libldap.h"
#include "loopback.h"
#include "probe_rig.h"
#include "scripted.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <ldap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Message 1: BindResponse with a result code; message 2: an entry, the end of a search. */
#define BOUND "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
#define WRONG_PASSWORD "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00"
#define ENTRY "\x30\x0e\x02\x01\x02\x64\x09\x04\x05\x64\x63\x3d\x6f\x72\x30\x00"
#define SEARCHED "\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
#define NO_SUCH_OBJECT "\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x20\x04\x00\x04\x00"
#define BYTES(text) text, sizeof(text) - 1

/* What all requests have in common: LDAPMessage, its length below 128, messageID. */
#define BIND_REQUEST "\x02\x01\x01\x60"
#define SEARCH_REQUEST "\x02\x01\x02\x63"

/* libldap 2.5 loses 80 bytes when the first bytes of a server are no LDAP at all. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:ber_memcalloc_x";
}

static atomic_uint *n_performed(void)
{
	static atomic_uint n;

	return &n;
}

/* What curl.c calls. */
CURLMcode curl_multi_perform(CURLM *handle, int *ret_n_running)
{
	CURLMcode (*real)(CURLM *, int *);

	*(void **)&real = dlsym(RTLD_NEXT, "curl_multi_perform");
	(*n_performed())++;
	return real(handle, ret_n_running);
}

static const struct conf_check bind_only = {.type = CONF_CHECK_LDAP, .timeout_ms = 3000};
static const struct conf_check search = {
	.type = CONF_CHECK_LDAP, .timeout_ms = 3000, .own = {.base = "dc=or"}};
static const struct conf_check search_under = {.type = CONF_CHECK_LDAP,
	.timeout_ms = 3000,
	.own = {.base = "dc=or", .filter = "(uid=a b)"}};

static void expect_of(const struct conf_check *check, const struct scripted_step *steps, unsigned n,
	enum hc_result result, const char *detail)
{
	struct scripted server;
	struct probe_rig rig;

	scripted_start(&server, steps, n);
	rig_start(&rig, hc_probe_ldap_ops(), check, server.port);
	rig_expect(&rig, result, detail);
	rig_stop(&rig);
	assert_int_equal(count_bad_closes(), 0); // a number closed twice may be somebody else's
	scripted_stop(&server);
}

static bool has_heard(const struct scripted *s, const char *bytes, size_t n)
{
	return memmem(s->heard, s->n_heard, bytes, n);
}

static void a_bind_is_up(void **state)
{
	static const struct scripted_step steps[] = {{SAY, BYTES(BOUND)}, {AWAIT_END, NULL, 0}};
	struct conf_check check = bind_only;
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	expect_of(&check, steps, 2, HC_OK, "bound");
	check.own.user = "cn=probe";
	check.own.password = "secret";
	scripted_start(&server, steps, 2);
	rig_start(&rig, hc_probe_ldap_ops(), &check, server.port);
	rig_expect(&rig, HC_OK, "bound");
	scripted_await_end(&server, 1);
	assert_true(has_heard(&server, BYTES(BIND_REQUEST)));
	assert_true(has_heard(&server, BYTES("\x04\x08"
					     "cn=probe\x80\x06secret")));
	assert_true(has_heard(&server, BYTES("\x02\x01\x02\x42\x00"))); // unbind
	rig_stop(&rig);
	scripted_stop(&server);
}

/* libcurl watches no socket here: without the pulse, only the first 200 ms were looked at. */
static void a_server_may_take_its_time(void **state)
{
	(void)state;
	expect_of(&bind_only, STEPS({WAIT, NULL, 0}, {SAY, BYTES(BOUND)}, {AWAIT_END, NULL, 0}),
		HC_OK, "bound");
	expect_of(&search,
		STEPS({WAIT, NULL, 0}, {SAY, BYTES(BOUND)}, {WAIT, NULL, 0},
			{SAY, BYTES(ENTRY SEARCHED)}, {AWAIT_END, NULL, 0}),
		HC_OK, "found");
}

static void an_answer_may_come_in_pieces(void **state)
{
	(void)state;
	expect_of(&bind_only,
		STEPS({SAY, BOUND, 6}, {WAIT, NULL, 0}, {SAY, &BOUND[6], sizeof(BOUND) - 7},
			{AWAIT_END, NULL, 0}),
		HC_OK, "bound");
	expect_of(&bind_only,
		STEPS({SAY, BOUND, 1}, {WAIT, NULL, 0}, {SAY, &BOUND[1], sizeof(BOUND) - 2},
			{AWAIT_END, NULL, 0}),
		HC_OK, "bound");
}

static void a_search_must_find_an_entry(void **state)
{
	(void)state;
	expect_of(&search,
		STEPS({SAY, BYTES(BOUND)}, {WAIT, NULL, 0}, {SAY, BYTES(SEARCHED)},
			{AWAIT_END, NULL, 0}),
		HC_FAILED, "ldap: the search found nothing");
	expect_of(&search,
		STEPS({SAY, BYTES(BOUND)}, {WAIT, NULL, 0}, {SAY, BYTES(NO_SUCH_OBJECT)},
			{AWAIT_END, NULL, 0}),
		HC_FAILED, "ldap: search: No such object");
}

/* The first entry ends a search that could go on. */
static void a_filter_is_asked_for_as_written(void **state)
{
	static const struct scripted_step steps[] = {
		{SAY, BYTES(BOUND)}, {WAIT, NULL, 0}, {SAY, BYTES(ENTRY)}, {AWAIT_END, NULL, 0}};
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	scripted_start(&server, steps, 4);
	rig_start(&rig, hc_probe_ldap_ops(), &search_under, server.port);
	rig_expect(&rig, HC_OK, "found");
	scripted_await_end(&server, 1);
	assert_true(has_heard(&server, BYTES(SEARCH_REQUEST)));
	assert_true(has_heard(&server, BYTES("\x04\x05"
					     "dc=or\x0a\x01\x02"))); // whole subtree
	assert_true(has_heard(&server, BYTES("\xa3\x0a\x04\x03uid\x04\x03"
					     "a b")));
	rig_stop(&rig);
	scripted_stop(&server);
}

static void each_way_to_go_wrong_has_its_words(void **state)
{
	struct conf_check check = bind_only;

	(void)state;
	expect_of(&check, STEPS({SAY, BYTES(WRONG_PASSWORD)}, {AWAIT_END, NULL, 0}), HC_FAILED,
		"ldap: bind: wrong user or password");
	check.timeout_ms = 300;
	expect_of(&check, STEPS({HANG, NULL, 0}), HC_FAILED, "bind: timed out after 300ms");
}

#define HTTP "HTTP/1.1 400 Bad Request\r\n\r\n"
#define NO_LDAP "bind: closed by the server, or no LDAP"

static void a_server_that_is_none_is_down(void **state)
{
	static const struct {
		struct scripted_step steps[3];
		unsigned n;
		const char *detail; // NULL: depends on who is first
	} cells[] = {
		{{{RESET, NULL, 0}}, 1, NULL},
		{{{HALF_CLOSE, NULL, 0}, {HANG, NULL, 0}}, 2, NO_LDAP},
		{{{SAY, HTTP, 0}, {HALF_CLOSE, NULL, 0}, {HANG, NULL, 0}}, 3, NO_LDAP},
		// libldap takes it for the start of a longer message, and waits for the rest
		{{{SAY, HTTP, 0}, {HANG, NULL, 0}}, 2, "bind: timed out after 500ms"},
		{{{SAY_EVER, "spam and eggs", 0}}, 1, NULL},
	};
	struct conf_check check = bind_only;

	(void)state;
	check.timeout_ms = 500;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct scripted server;
		struct probe_rig rig;
		const struct hc_outcome *outcome;
		int64_t start_ms = now_ms();

		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, hc_probe_ldap_ops(), &check, server.port);
		outcome = rig_probe(&rig);
		assert_int_equal(outcome->result, HC_FAILED);
		if (cells[i].detail)
			assert_string_equal(outcome->detail, cells[i].detail);
		assert_true(now_ms() - start_ms < 2000);
		rig_stop(&rig);
		assert_int_equal(count_bad_closes(), 0);
		scripted_stop(&server);
	}
}

/* 255 bytes each, as many as a configuration may have, none of which a URL has as it is. */
static void a_long_base_and_filter_are_asked_for_whole(void **state)
{
	static const struct scripted_step steps[] = {
		{SAY, BYTES(BOUND)}, {WAIT, NULL, 0}, {SAY, BYTES(ENTRY)}, {AWAIT_END, NULL, 0}};
	char base[256], filter[256], value[250];
	const struct conf_check check = {.type = CONF_CHECK_LDAP,
		.timeout_ms = 3000,
		.own = {.base = base, .filter = filter}};
	struct scripted server;
	struct probe_rig rig;

	(void)state;
	memset(base, ' ', sizeof(base));
	memcpy(base, "dc=", 3);
	base[254] = '/';
	base[255] = '\0';
	memset(value, '&', sizeof(value));
	(void)snprintf(filter, sizeof(filter), "(cn=%.*s)", (int)sizeof(value), value);
	scripted_start(&server, steps, 4);
	rig_start(&rig, hc_probe_ldap_ops(), &check, server.port);
	rig_expect(&rig, HC_OK, "found");
	scripted_await_end(&server, 1);
	assert_true(has_heard(&server, base, 255));
	assert_true(has_heard(&server, value, sizeof(value)));
	rig_stop(&rig);
	scripted_stop(&server);
}

/* One look at all calls each HC_CURL_PULSE_MS, however many they are. */
static void probes_share_one_pulse(void **state)
{
	enum { N = 8, FOR_MS = 200 };
	static const struct scripted_step steps[] = {{HANG, NULL, 0}};
	struct hc_outcome outcome;
	struct scripted server;
	void *states[N];
	struct probe_rig rig;

	(void)state;
	scripted_start(&server, steps, 1);
	rig_start(&rig, hc_probe_ldap_ops(), &bind_only, server.port);
	for (unsigned i = 0; i < N; i++) {
		states[i] = calloc(1, rig.ops->state_bytes);
		assert_non_null(states[i]);
		assert_true(rig.ops->start(states[i], &rig.job, &outcome));
	}
	*n_performed() = 0;
	assert_true(rig_begin(&rig, FOR_MS));
	assert_true(*n_performed() > 0);
	assert_true(*n_performed() <= FOR_MS / HC_CURL_PULSE_MS + 1);
	for (unsigned i = 0; i < N; i++) {
		rig.ops->cancel(states[i]);
		free(states[i]);
	}
	rig_cancel(&rig);
	rig_stop(&rig);
	scripted_stop(&server);
}

/* main() has set LDAPSIZELIMIT. */
static void nobody_else_configures_libldap(void **state)
{
	int limit = -1;

	(void)state;
	assert_int_equal(ldap_get_option(NULL, LDAP_OPT_SIZELIMIT, &limit), 0);
	assert_int_equal(limit, 0);
	assert_null(getenv("LDAPNOINIT"));
	assert_int_equal(hc_libldap_prepare(), 0); // once more
}

static void a_refused_connect_fails_as_it_does_for_tcp(void **state)
{
	struct server server;
	struct probe_rig rig;

	(void)state;
	server_start(&server, "127.0.0.1");
	server_refuse(&server);
	rig_start(&rig, hc_probe_ldap_ops(), &bind_only, server.port);
	rig_expect(&rig, HC_FAILED, "connect: refused");
	rig_stop(&rig);
}

static void a_cancelled_probe_leaves_nothing_wherever_it_is(void **state)
{
	static const struct {
		const char *step;
		const struct conf_check *check;
		struct scripted_step steps[2];
		unsigned n;
	} cells[] = {
		{"bind", &bind_only, {{HANG, NULL, 0}}, 1},
		{"bind or search", &search, {{SAY, BYTES(BOUND)}, {HANG, NULL, 0}}, 2},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		unsigned n_descriptors[2];
		struct scripted server;
		struct probe_rig rig;

		scripted_start(&server, cells[i].steps, cells[i].n);
		rig_start(&rig, hc_probe_ldap_ops(), cells[i].check, server.port);
		for (unsigned k = 0; k < 2; k++) {
			assert_true(rig_begin(&rig, 100));
			assert_string_equal(rig.ops->step(rig.state), cells[i].step);
			rig_cancel(&rig);
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
		cmocka_unit_test(nobody_else_configures_libldap),
		cmocka_unit_test(a_bind_is_up),
		cmocka_unit_test(a_server_may_take_its_time),
		cmocka_unit_test(an_answer_may_come_in_pieces),
		cmocka_unit_test(a_search_must_find_an_entry),
		cmocka_unit_test(a_filter_is_asked_for_as_written),
		cmocka_unit_test(each_way_to_go_wrong_has_its_words),
		cmocka_unit_test(a_server_that_is_none_is_down),
		cmocka_unit_test(a_long_base_and_filter_are_asked_for_whole),
		cmocka_unit_test(probes_share_one_pulse),
		cmocka_unit_test(a_refused_connect_fails_as_it_does_for_tcp),
		cmocka_unit_test(a_cancelled_probe_leaves_nothing_wherever_it_is),
	};

	if (setenv("LDAPSIZELIMIT", "7", 1) < 0 || hc_libldap_prepare() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
