/* What stands before any socket: which targets are one probe, and the words of outcomes. */
#include "healthcheck/plan.h"
#include "healthcheck/probe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void identical_targets_are_one_probe(void **state)
{
	const struct conf_check a = {.name = "a", .type = CONF_CHECK_TCP, .interval_ms = 1000};
	const struct conf_check same = {.name = "b", .type = CONF_CHECK_TCP, .interval_ms = 1000};
	const struct addr v4 = address("192.0.2.1"), v6 = address("2001:db8::1");
	const struct hc_target targets[] = {
		{.id = 0, .address = v4, .port = 80, .check = &a},
		{.id = 1, .address = v6, .port = 80, .check = &a},
		{.id = 2, .address = v4, .port = 81, .check = &a},
		{.id = 3, .address = v4, .port = 80, .check = &same},
		{.id = 4, .address = v6, .port = 80, .check = &same},
		{.id = 5, .address = v4, .port = 80, .check = &a},
	};
	struct hc_plan plan;

	(void)state;
	assert_int_equal(hc_plan_init(targets, 6, &plan), 0);
	assert_int_equal(plan.n_probes, 3);
	assert_int_equal(plan.n_sorted, 6);
	for (unsigned i = 0; i < plan.n_probes; i++) {
		const struct hc_target *first = plan.sorted[plan.first[i]];
		unsigned n = plan.first[i + 1] - plan.first[i];

		// 0 3 5 are one, in the caller's order; 1 4 are one; 2 is alone
		assert_int_equal(n, first->id == 0 ? 3 : first->id == 1 ? 2 : 1);
		for (unsigned k = 1; k < n; k++)
			assert_true(plan.sorted[plan.first[i] + k]->id > first->id);
	}
	hc_plan_fini(&plan);
}

/* What a check may say, all of it different from nothing. */
static const struct conf_codes codes[] = {{200, 299}, {200, 299}, {200, 399}};
static const struct conf_http_request requests[] = {
	{.method = "GET", .path = "/", .expect = codes, .n_expect = 1},
	{.method = "HEAD", .path = "/", .expect = codes, .n_expect = 1},
	{.method = "GET", .path = "/x", .expect = codes, .n_expect = 1},
	{.method = "GET", .path = "/", .host = "h", .expect = codes, .n_expect = 1},
	{.method = "GET", .path = "/", .expect = codes + 2, .n_expect = 1},
	{.method = "GET", .path = "/", .expect = codes, .n_expect = 1, .body = "b"},
	{.method = "GET", .path = "/", .expect = codes, .n_expect = 1, .body_sha256 = "00"},
};
static const struct conf_text_step steps[] = {
	{.is_send = true, .send = {"a", 1}}, {.is_send = true, .send = {"b", 1}}, {.expect = "a"}};
static const char *const words[] = {"/bin/true", "-x"};

/* Each parameter alone makes another probe. */
static void checks_that_differ_are_not_shared(void **state)
{
	const struct conf_check different[] = {
		{.type = CONF_CHECK_NONE},
		{.type = CONF_CHECK_TCP},
		{.interval_ms = 1},
		{.timeout_ms = 1},
		{.retry_ms = 1},
		{.fall = 1},
		{.rise = 1},
		{.has_source = {true, false}},
		{.has_source = {false, true}},
		{.has_source = {true, false}, .source = {address("192.0.2.9")}},
		{.own.tls = CONF_TLS_IMPLICIT},
		{.own.tls = CONF_TLS_STARTTLS},
		{.own.verify = true},
		{.own.sni = "s"},
		{.own.ca_file = "s"},
		{.own.user = "s"},
		{.own.password = "s"},
		{.own.password = "t"},
		{.own.requests = requests, .own.n_requests = 1},
		{.own.requests = requests + 1, .own.n_requests = 1},
		{.own.requests = requests + 2, .own.n_requests = 1},
		{.own.requests = requests + 3, .own.n_requests = 1},
		{.own.requests = requests + 4, .own.n_requests = 1},
		{.own.requests = requests + 5, .own.n_requests = 1},
		{.own.requests = requests + 6, .own.n_requests = 1},
		{.own.requests = requests, .own.n_requests = 2},
		{.own.helo = "s"},
		{.own.expect = codes, .own.n_expect = 1},
		{.own.expect = codes, .own.n_expect = 2},
		{.own.expect = codes + 2, .own.n_expect = 1},
		{.own.base = "s"},
		{.own.filter = "s"},
		{.own.database = "s"},
		{.own.query = "s"},
		{.own.name = "s"},
		{.own.record = CONF_DNS_A},
		{.own.transport = CONF_PROTO_UDP},
		{.own.send = {"s", 1}},
		{.own.send = {"t", 1}},
		{.own.receive = "s"},
		{.own.steps = steps, .own.n_steps = 1},
		{.own.steps = steps + 1, .own.n_steps = 1},
		{.own.steps = steps + 2, .own.n_steps = 1},
		{.own.steps = steps, .own.n_steps = 2},
		{.own.command = words, .own.n_command = 1},
		{.own.command = words, .own.n_command = 2},
		{.own.dynamic_weight = true},
	};
	enum { N = sizeof(different) / sizeof(different[0]) };
	struct conf_check copies[N];
	struct hc_target targets[2 * N];
	struct hc_plan plan;

	(void)state;
	memcpy(copies, different, sizeof(copies));
	for (unsigned i = 0; i < 2 * N; i++)
		targets[i] = (struct hc_target){.id = i,
			.address = address("192.0.2.1"),
			.check = i < N ? &different[i] : &copies[i - N]};
	// the first one's type is 0, and so is that of all but the second
	assert_int_equal(hc_plan_init(targets, 2 * N, &plan), 0);
	assert_int_equal(plan.n_probes, N);
	hc_plan_fini(&plan);
}

static void no_target_is_no_probe(void **state)
{
	struct hc_plan plan;

	(void)state;
	assert_int_equal(hc_plan_init(NULL, 0, &plan), 0);
	assert_int_equal(plan.n_probes, 0);
	hc_plan_fini(&plan);
}

static void a_ping_is_one_probe_whatever_the_port(void **state)
{
	const struct conf_check ping = {.type = CONF_CHECK_PING};
	const struct addr v4 = address("192.0.2.1");
	const struct hc_target targets[] = {
		{.id = 0, .address = v4, .port = 80, .check = &ping},
		{.id = 1, .address = v4, .port = 81, .check = &ping},
	};
	struct hc_plan plan;

	(void)state;
	assert_int_equal(hc_plan_init(targets, 2, &plan), 0);
	assert_int_equal(plan.n_probes, 1);
	hc_plan_fini(&plan);
}

static void errors_are_told_in_words_and_local_ones_do_not_count(void **state)
{
	static const struct {
		int error;
		enum hc_result result;
		const char *detail;
	} cells[] = {
		{ECONNREFUSED, HC_FAILED, "connect: refused"},
		{EHOSTUNREACH, HC_FAILED, "connect: no route to host"},
		{ENETUNREACH, HC_FAILED, "connect: network unreachable"},
		{ECONNRESET, HC_FAILED, "connect: reset by the server"},
		{ETIMEDOUT, HC_FAILED, "connect: timed out"},
		{EMFILE, HC_NOT_MADE, "not probed: out of descriptors"},
		{ENFILE, HC_NOT_MADE, "not probed: out of descriptors (whole system)"},
		{ENOBUFS, HC_NOT_MADE, "not probed: out of network buffers"},
		{ENOMEM, HC_NOT_MADE, "not probed: out of memory"},
		{EADDRNOTAVAIL, HC_NOT_MADE, "not probed: no local address or port is free"},
		{EPROTO, HC_FAILED, "connect: Protocol error"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct hc_outcome got = hc_probe_error("connect", cells[i].error);

		assert_string_equal(got.detail, cells[i].detail);
		assert_int_equal(got.result, cells[i].result);
	}
}

static void timeouts_are_told_as_they_are_written(void **state)
{
	(void)state;
	assert_string_equal(
		hc_probe_timeout("connect", 5000).detail, "connect: timed out after 5s");
	assert_string_equal(
		hc_probe_timeout("connect", 1500).detail, "connect: timed out after 1.5s");
	assert_string_equal(
		hc_probe_timeout("connect", 250).detail, "connect: timed out after 250ms");
	assert_string_equal(
		hc_probe_timeout("connect", 3600000).detail, "connect: timed out after 3600s");
	assert_int_equal(hc_probe_timeout("connect", 250).result, HC_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identical_targets_are_one_probe),
		cmocka_unit_test(checks_that_differ_are_not_shared),
		cmocka_unit_test(no_target_is_no_probe),
		cmocka_unit_test(a_ping_is_one_probe_whatever_the_port),
		cmocka_unit_test(errors_are_told_in_words_and_local_ones_do_not_count),
		cmocka_unit_test(timeouts_are_told_as_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
