/* Texts that go into a protocol's line: what stands for something there, and what does not. */
#include "conf/form.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct sample {
	enum conf_form form;
	const char *text;
	bool is_good;
};

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz01234567890"
#define SHA256_63 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"

static const struct sample samples[] = {
	{CONF_FORM_ANY, "any thing", true},
	{CONF_FORM_FREE, "any thing", true},
	{CONF_FORM_HOST, "www.example.com", true},
	{CONF_FORM_HOST, "xn--bcher-kva.example", true},
	{CONF_FORM_HOST, "_a.example", true},
	{CONF_FORM_HOST, "192.0.2.1", true},
	{CONF_FORM_HOST, "2001:db8::1", true},
	{CONF_FORM_HOST, LABEL_63, true},
	{CONF_FORM_HOST, LABEL_63 "x", false},
	{CONF_FORM_HOST, LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, false},
	{CONF_FORM_HOST, "-a.example", false},
	{CONF_FORM_HOST, ".example", false},
	{CONF_FORM_HOST, "example.", false},
	{CONF_FORM_HOST, "a..b", false},
	{CONF_FORM_HOST, "a b", false},
	{CONF_FORM_HOST, "a:443", false},
	{CONF_FORM_HOST, "a/b", false},
	{CONF_FORM_AUTHORITY, "www.example.com", true},
	{CONF_FORM_AUTHORITY, "www.example.com:8080", true},
	{CONF_FORM_AUTHORITY, "192.0.2.1:1", true},
	{CONF_FORM_AUTHORITY, "[2001:db8::1]", true},
	{CONF_FORM_AUTHORITY, "[2001:db8::1]:65535", true},
	{CONF_FORM_AUTHORITY, "2001:db8::1", false},
	{CONF_FORM_AUTHORITY, "[2001:db8::1", false},
	{CONF_FORM_AUTHORITY, "[192.0.2.1]", false},
	{CONF_FORM_AUTHORITY, "[2001:db8::1]8080", false},
	{CONF_FORM_AUTHORITY, "a:", false},
	{CONF_FORM_AUTHORITY, "a:0", false},
	{CONF_FORM_AUTHORITY, "a:65536", false},
	{CONF_FORM_AUTHORITY, "a:80x", false},
	{CONF_FORM_AUTHORITY, ":80", false},
	{CONF_FORM_AUTHORITY, "a b", false},
	{CONF_FORM_HELO, "lb.example.com", true},
	{CONF_FORM_HELO, "[192.0.2.1]", true},
	{CONF_FORM_HELO, "[IPv6:2001:db8::1]", true},
	{CONF_FORM_HELO, "[2001:db8::1]", false},
	{CONF_FORM_HELO, "[IPv6:192.0.2.1]", false},
	{CONF_FORM_HELO, "[192.0.2.1", false},
	{CONF_FORM_HELO, "[", false},
	{CONF_FORM_HELO, "[]", false},
	{CONF_FORM_HELO, "lb example", false},
	{CONF_FORM_DOMAIN, "example.com", true},
	{CONF_FORM_DOMAIN, "example.com.", true},
	{CONF_FORM_DOMAIN, "_sip._udp.example.com", true},
	{CONF_FORM_DOMAIN, ".", true},
	{CONF_FORM_DOMAIN, "..", false},
	{CONF_FORM_DOMAIN, "example..com", false},
	{CONF_FORM_METHOD, "GET", true},
	{CONF_FORM_METHOD, "M-SEARCH", true},
	{CONF_FORM_METHOD, "get", false},
	{CONF_FORM_METHOD, "GET /", false},
	{CONF_FORM_TARGET, "/", true},
	{CONF_FORM_TARGET, "/a%20b?c=d&e", true},
	{CONF_FORM_TARGET, "a", false},
	{CONF_FORM_TARGET, "/a b", false},
	{CONF_FORM_TARGET, "/a#b", false},
	{CONF_FORM_SHA256, SHA256_63 "5", true},
	{CONF_FORM_SHA256, SHA256_63 "F", true},
	{CONF_FORM_SHA256, SHA256_63 "g", false},
	{CONF_FORM_SHA256, SHA256_63, false},
	{CONF_FORM_SHA256, SHA256_63 "55", false},
	{CONF_FORM_PROCESS, "nginx", true},
	{CONF_FORM_PROCESS, "Web Content", true},
	{CONF_FORM_PROCESS, "/usr/sbin/nginx", false},
};

static void each_form_takes_its_own_and_nothing_else(void **state)
{
	bool is_seen[CONF_N_FORMS] = {false};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const char *fault = conf_form_fault(samples[i].form, samples[i].text);

		is_seen[samples[i].form] = true;
		if ((fault == NULL) == samples[i].is_good)
			continue;
		fail_msg("\"%s\" in form %d: %s", samples[i].text, samples[i].form,
			fault ? fault : "taken");
	}
	for (unsigned i = 0; i < CONF_N_FORMS; i++)
		assert_true(is_seen[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_takes_its_own_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
