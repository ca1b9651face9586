/* `show connections`: the filter that goes to the data plane, the wait, and what comes back. */
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	struct fixture *f = fixture_new();

	f->dp.n_connections = 1500;
	for (unsigned i = 0; i < f->dp.n_connections; i++) {
		struct dp_conn_info *c = &f->dp.connections[i];

		(void)addr_parse("192.0.2.7", &c->client);
		(void)addr_parse("203.0.113.10", &c->vip);
		c->client_port = (uint16_t)(40000 + i);
		c->vip_port = 993;
		c->server_port = 993;
		c->protocol = 6;
		c->server = 1;
		c->worker = i % 2;
		c->state = "ESTABLISHED";
		c->age_ms = 1500;
		c->expires_ms = 898500;
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

/* args: the inside of the object. */
static json_t *ask(struct fixture *f, const char *args, struct fixture_effort *ret_effort)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "{\"cmd\": \"show connections\", \"args\": {%s}}", args);
	return fixture_ask(f, line, false, ret_effort);
}

static size_t n_listed(const json_t *a)
{
	return json_array_size(json_object_get(a, "connections"));
}

static void a_connection_has_the_promised_fields(void **state)
{
	json_t *a = ask(*state, "\"limit\": 2", NULL);

	expect(a, "count", "1500");
	assert_int_equal(n_listed(a), 2);
	expect(a, "connections.1",
		"{\"client\": \"192.0.2.7\", \"client_port\": 40001, \"vip\": \"203.0.113.10\", "
		"\"vip_port\": 993, \"protocol\": \"tcp\", \"family\": 4, \"service\": \"imaps\", "
		"\"server\": \"slave-1\", \"server_address\": \"198.51.100.11\", "
		"\"server_port\": 993, \"state\": \"ESTABLISHED\", \"worker\": 1, "
		"\"age_seconds\": 1.5, \"expires_seconds\": 898.5}");
	json_decref(a);
}

static void a_thousand_are_listed_unless_told_otherwise(void **state)
{
	struct fixture *f = *state;
	json_t *a = ask(f, "", NULL);

	assert_int_equal(n_listed(a), 1000);
	assert_int_equal(f->dp.limit, 1000);
	json_decref(a);
	a = ask(f, "\"limit\": 65536", NULL);
	assert_int_equal(n_listed(a), 1500);
	json_decref(a);
}

static void counting_lists_nothing(void **state)
{
	struct fixture *f = *state;
	json_t *a = ask(f, "\"count\": true", NULL);

	expect(a, "count", "1500");
	expect(a, "connections", "absent");
	assert_int_equal(f->dp.limit, 0);
	json_decref(a);
}

static void the_answer_waits_for_the_workers(void **state)
{
	struct fixture *f = *state;
	struct fixture_effort effort;

	f->dp.polls_needed = 7;
	json_decref(ask(f, "\"limit\": 1", &effort));
	assert_int_equal(effort.n_waits, 7);
	assert_int_equal(f->dp.n_queries, 1);
	assert_int_equal(f->dp.n_freed, 1);
}

static void filters_become_ids_of_all_halves(void **state)
{
	struct fixture *f = *state;

	json_decref(ask(f, "\"service\": \"dns\"", NULL));
	assert_int_equal(f->dp.filter.n_services, 4);
	assert_int_equal(f->dp.filter.n_servers, 0);
	assert_int_equal(f->dp.filter.service, DP_NO_ID);
	assert_int_equal(f->dp.filter.server, DP_NO_ID);
	assert_false(f->dp.filter.has_client);

	json_decref(ask(f, "\"server\": \"slave-1\"", NULL)); // in 3 services, 8 halves
	assert_int_equal(f->dp.filter.n_servers, 8);
	json_decref(ask(f, "\"server\": \"dns/slave-1\", \"service\": \"imap\"", NULL));
	assert_int_equal(f->dp.filter.n_servers, 4);
	assert_int_equal(f->dp.filter.n_services, 2);
}

static void clients_are_addresses_with_or_without_a_port(void **state)
{
	static const struct {
		const char *client, *address;
		unsigned port;
	} rows[] = {
		{"192.0.2.7", "192.0.2.7", 0},
		{"192.0.2.7:40001", "192.0.2.7", 40001},
		{"2001:db8::7", "2001:db8::7", 0},
		{"[2001:db8::7]", "2001:db8::7", 0},
		{"[2001:db8::7]:65535", "2001:db8::7", 65535},
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char args[128], text[ADDR_STR_LEN];

		(void)snprintf(args, sizeof(args), "\"client\": \"%s\"", rows[i].client);
		json_decref(ask(f, args, NULL));
		assert_true(f->dp.filter.has_client);
		assert_string_equal(addr_format(&f->dp.filter.client, text), rows[i].address);
		assert_int_equal(f->dp.filter.client_port, rows[i].port);
	}
}

static void malformed_values_are_refused(void **state)
{
	static const char *const bad[] = {"\"client\": \"192.0.2\"", "\"client\": \"192.0.2.7:\"",
		"\"client\": \"192.0.2.7:0\"", "\"client\": \"192.0.2.7:65536\"",
		"\"client\": \"192.0.2.7:-1\"", "\"client\": \"192.0.2.7:1x\"",
		"\"client\": \"[2001:db8::7\"", "\"client\": \"[2001:db8::7]1\"",
		"\"client\": \"[]:1\"", "\"client\": \"\"", "\"client\": \"[\"",
		"\"client\": \":\"", "\"limit\": 0", "\"limit\": 65537", "\"limit\": -1"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *a = ask(f, bad[i], NULL);

		if (strcmp(fixture_code(a), "invalid_value") != 0)
			fail_msg("%s: %s", bad[i], fixture_code(a));
		json_decref(a);
	}
	assert_int_equal(f->dp.n_queries, 0);
}

/* Ids that are none of ours must not crash. */
static void a_strange_id_is_shown_without_a_name(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->dp.connections[0].service = 70000;
	f->dp.connections[0].server = 70000;
	f->dp.connections[0].state = NULL;
	a = ask(f, "\"limit\": 1", NULL);
	expect(a, "connections.0.service", "\"\"");
	expect(a, "connections.0.server", "\"\"");
	expect(a, "connections.0.state", "\"\"");
	json_decref(a);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_connection_has_the_promised_fields),
		T(a_thousand_are_listed_unless_told_otherwise),
		T(counting_lists_nothing),
		T(the_answer_waits_for_the_workers),
		T(filters_become_ids_of_all_halves),
		T(clients_are_addresses_with_or_without_a_port),
		T(malformed_values_are_refused),
		T(a_strange_id_is_shown_without_a_name),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
