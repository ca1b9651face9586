/* Whose name a request may go to. */
#include "control/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void host_is_ours_or_not(void **state)
{
	static const char *const hosts[] = {"lb-1.example.com"};
	static const struct {
		const char *listen, *host;
		bool is_ours;
	} cells[] = {
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.1:9477", true},
		{"192.0.2.1", "192.0.2.2:9477", false},
		{"192.0.2.1", "localhost", false},
		{"192.0.2.1", "lb-1.example.com", true},
		{"192.0.2.1", "LB-1.Example.COM:80", true},
		{"192.0.2.1", "lb-1.example.com.", true},
		{"192.0.2.1", "node-7", true},
		{"192.0.2.1", "evil.example.net", false},
		{"192.0.2.1", "lb-1.example.com.evil.example.net", false},
		{"192.0.2.1", "lb-1.example.co", false},
		{"192.0.2.1", NULL, false},
		{"192.0.2.1", "", false},
		{"192.0.2.1", ":9477", false},
		{"192.0.2.1", "192.0.2.1:9477x", false},
		{"192.0.2.1", "192.0.2.1@evil.example.net", false},
		{"127.0.0.1", "localhost:9477", true},
		{"127.0.0.1", "127.0.0.1:9477", true},
		{"::1", "[::1]:9477", true},
		{"::1", "[::1]", true},
		{"::1", "localhost", true},
		{"::1", "[::1", false},
		{"::1", "[]", false},
		{"::1", "[::1]x", false},
		{"2001:db8::1", "[2001:db8::1]:80", true},
		{"2001:db8::1", "[2001:DB8:0::1]:80", true},
		{"2001:db8::1", "[2001:db8::2]:80", false},
		// all addresses: any address, since no name leads there
		{"0.0.0.0", "198.51.100.7:9477", true},
		{"0.0.0.0", "localhost", true},
		{"0.0.0.0", "evil.example.net", false},
		{"::", "[2001:db8::2]:80", true},
		{"::", "evil.example.net:80", false},
	};
	const struct conf conf = {.node = "node-7", .http = {.hosts = hosts, .n_hosts = 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct addr listen;

		assert_int_equal(addr_parse(cells[i].listen, &listen), 0);
		if (ctl_http_host_is_ours(&conf, &listen, cells[i].host) != cells[i].is_ours)
			fail_msg("%s, listening on %s", cells[i].host ? cells[i].host : "(none)",
				cells[i].listen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_is_ours_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
