/* What `show` says: from a model and made-up counters to JSON, field by field. */
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

static size_t length(const json_t *answer, const char *key)
{
	return json_array_size(json_object_get(answer, key));
}

static json_t *ask(void **state, const char *line)
{
	return fixture_ask(*state, line, false, NULL);
}

/* ---- services -------------------------------------------------------------------------------- */

static void services_are_listed_by_half_with_sums_and_servers(void **state)
{
	json_t *a = ask(state, "{\"cmd\": \"show services\", \"format\": \"json\"}");

	assert_int_equal(length(a, "services"), 8);
	expect(a, "schema", "1");
	expect(a, "services.0.service", "\"imaps\"");
	expect(a, "services.0.family", "4");
	expect(a, "services.0.protocol", "\"tcp\"");
	expect(a, "services.0.vips", "[\"203.0.113.10\", \"203.0.113.11\"]");
	expect(a, "services.0.ports", "[{\"first\": 993, \"last\": 993}]");
	expect(a, "services.0.pool", "\"mail\"");
	expect(a, "services.0.scheduler", "\"wrr\"");
	expect(a, "services.0.forward", "\"nat\"");
	expect(a, "services.0.state", "\"up\"");
	expect(a, "services.0.servers_up", "3");
	// the fake gives server i what server 0 has, i + 1 times: 1 + 2 + 3 = 6
	expect(a, "services.0.connections", "{\"established\": 60, \"closing\": 6}");
	expect(a, "services.0.connections_total", "600");
	expect(a, "services.0.bytes_out_total", "18000000");
	expect(a, "services.0.servers.1.server", "\"slave-1\"");
	expect(a, "services.0.servers.1.packets_in_total", "2000");
	expect(a, "services.1.family", "6");
	expect(a, "services.1.vips", "[\"2001:db8:0:1::10\"]");
	expect(a, "services.1.servers.0.address", "\"2001:db8:0:2::10\"");
	expect(a, "services.1.servers.2", "absent"); // slave-2 has no IPv6
	expect(a, "services.5.protocol", "\"udp\"");
	expect(a, "services.5.ports",
		"[{\"first\": 53, \"last\": 53}, {\"first\": 8000, \"last\": 8010}]");
	expect(a, "services.5.servers.0.port", "0"); // several ports: the packet's own
	json_decref(a);
}

static void services_are_filtered_by_name_and_family(void **state)
{
	json_t *a = ask(state, "{\"cmd\": \"show services\", \"args\": {\"service\": \"imap\", "
			       "\"family\": 6}}");

	assert_int_equal(length(a, "services"), 1);
	expect(a, "services.0.service", "\"imap\"");
	expect(a, "services.0.family", "6");
	json_decref(a);
}

static void a_service_without_weight_left_is_down(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->ctl.servers[fixture_server(f, "imaps/master", CONF_V6, 6)].health = HC_DOWN;
	f->ctl.servers[fixture_server(f, "imaps/slave-1", CONF_V6, 6)].weight = 0;
	a = ask(state, "{\"cmd\": \"show services\", \"args\": {\"service\": \"imaps\"}}");
	expect(a, "services.0.state", "\"up\"");
	expect(a, "services.1.state", "\"down\"");
	expect(a, "services.1.servers_up", "1");
	json_decref(a);
}

static void an_unknown_service_is_not_found_and_the_nearest_are_named(void **state)
{
	json_t *a = ask(state, "{\"cmd\":\"show services\",\"args\":{\"service\":\"imapp\"}}");

	assert_string_equal(fixture_code(a), "not_found");
	assert_string_equal(
		fixture_message(a), "no service \"imapp\" (did you mean imaps or imap?)");
	json_decref(a);
}

/* ---- servers --------------------------------------------------------------------------------- */

static void a_server_has_the_promised_fields(void **state)
{
	json_t *a = ask(state, "{\"cmd\": \"show servers\", \"args\": {\"target\": "
			       "\"imaps/slave-1\"}}");

	assert_int_equal(length(a, "servers"), 2);
	expect(a, "servers.0.service", "\"imaps\"");
	expect(a, "servers.0.family", "4");
	expect(a, "servers.0.protocol", "\"tcp\"");
	expect(a, "servers.0.server", "\"slave-1\"");
	expect(a, "servers.0.address", "\"198.51.100.11\"");
	expect(a, "servers.0.port", "993");
	expect(a, "servers.0.state", "\"up\"");
	expect(a, "servers.0.admin", "\"ready\"");
	expect(a, "servers.0.weight", "640");
	expect(a, "servers.0.weight_set", "640");
	expect(a, "servers.0.weight_configured", "640");
	expect(a, "servers.0.connections", "{\"established\": 20, \"closing\": 2}");
	expect(a, "servers.0.handshake",
		"{\"count_total\": 4, \"seconds_sum\": 0.001, \"mean_seconds\": 0.00025}");
	expect(a, "servers.0.check",
		"{\"name\": \"tcp\", \"type\": \"tcp\", \"tls\": \"no\", \"verify\": null, "
		"\"ok\": true, \"duration_seconds\": 0.000412, "
		"\"last\": \"2026-05-15T10:12:07.123Z\", "
		"\"since\": \"2026-05-15T10:12:06.123Z\", \"detail\": \"connected\", "
		"\"weight\": null}");
	expect(a, "servers.1.family", "6");
	json_decref(a);
}

static void a_server_before_its_first_result_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct ctl_server *s = &f->ctl.servers[0];
	json_t *a;

	s->health = HC_UNKNOWN;
	s->last = (struct hc_report){0};
	a = ask(state, "{\"cmd\": \"show servers\"}");
	expect(a, "servers.0.state", "\"unknown\"");
	expect(a, "servers.0.weight", "0");
	expect(a, "servers.0.weight_set", "1");
	expect(a, "servers.0.check.ok", "null");
	expect(a, "servers.0.check.duration_seconds", "null");
	expect(a, "servers.0.check.last", "null");
	expect(a, "servers.0.check.detail", "\"\"");
	json_decref(a);
}

/* admin x verdict -> the word. */
static void the_state_of_a_server_is_one_word(void **state)
{
	static const char *const words[3][3] = {
		[CTL_READY] = {"unknown", "up", "down"},
		[CTL_DRAIN] = {"drain", "drain", "down"},
		[CTL_MAINT] = {"maint", "maint", "maint"},
	};
	struct fixture *f = *state;

	for (enum ctl_admin admin = CTL_READY; admin <= CTL_MAINT; admin++)
		for (enum hc_state health = HC_UNKNOWN; health <= HC_DOWN; health++) {
			char wanted[16];
			json_t *a;

			f->ctl.servers[0].admin = admin;
			f->ctl.servers[0].health = health;
			(void)snprintf(wanted, sizeof(wanted), "\"%s\"", words[admin][health]);
			a = ask(state, "{\"cmd\": \"show servers\"}");
			expect(a, "servers.0.state", wanted);
			expect(a, "servers.0.weight",
				admin == CTL_READY && health == HC_UP ? "1" : "0");
			json_decref(a);
		}
}

static void servers_can_be_narrowed_to_those_that_fail(void **state)
{
	struct fixture *f = *state;
	json_t *a = ask(state, "{\"cmd\": \"show servers\", \"args\": {\"down\": true}}");

	assert_int_equal(length(a, "servers"), 0);
	json_decref(a);
	f->ctl.servers[fixture_server(f, "dns/slave-2", CONF_V4, 17)].health = HC_DOWN;
	f->ctl.servers[fixture_server(f, "imaps/master", CONF_V4, 6)].health = HC_DOWN;
	f->ctl.servers[fixture_server(f, "imaps/master", CONF_V4, 6)].admin = CTL_MAINT;
	a = ask(state, "{\"cmd\": \"show servers\", \"args\": {\"down\": true}}");
	assert_int_equal(length(a, "servers"), 1);
	expect(a, "servers.0.service", "\"dns\"");
	expect(a, "servers.0.protocol", "\"udp\"");
	json_decref(a);
}

static void a_target_may_name_any_service_or_any_server(void **state)
{
	static const struct {
		const char *target;
		size_t n;
	} rows[] = {{"imaps", 5}, {"imaps/*", 5}, {"*/slave-2", 4}, {"*", 16}, {"*/*", 16},
		{"dns/slave-1", 4}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[128];
		json_t *a;

		(void)snprintf(line, sizeof(line),
			"{\"cmd\": \"show servers\", \"args\": {\"target\": \"%s\"}}",
			rows[i].target);
		a = ask(state, line);
		assert_int_equal(length(a, "servers"), rows[i].n);
		json_decref(a);
	}
}

static void targets_that_do_not_exist_are_told_apart(void **state)
{
	static const struct {
		const char *target, *code, *message;
	} rows[] = {
		{"imaps/slvae-1", "not_found",
			"no server \"slvae-1\" in service \"imaps\" (did you mean slave-1?)"},
		{"imapz/slave-1", "not_found",
			"no service \"imapz\" (did you mean imaps or imap?)"},
		{"dns/master", "not_found", "no server \"master\" in service \"dns\""},
		{"*/slave-9", "not_found",
			"no server \"slave-9\" in any service (did you mean slave-1 or slave-2?)"},
		{"*/x", "not_found", "no server \"x\" in any service"},
		{"a/b/c", "invalid_value",
			"\"a/b/c\" is not SERVICE/SERVER (\"*\" may stand for either)"},
		{"/x", "invalid_value",
			"\"/x\" is not SERVICE/SERVER (\"*\" may stand for either)"},
		{"imaps/", "invalid_value",
			"\"imaps/\" is not SERVICE/SERVER (\"*\" may stand for either)"},
		{"", "invalid_value", "\"\" is not SERVICE/SERVER (\"*\" may stand for either)"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[128];
		json_t *a;

		(void)snprintf(line, sizeof(line),
			"{\"cmd\": \"show servers\", \"args\": {\"target\": \"%s\"}}",
			rows[i].target);
		a = ask(state, line);
		assert_string_equal(fixture_code(a), rows[i].code);
		assert_string_equal(fixture_message(a), rows[i].message);
		json_decref(a);
	}
}

/* ---- status ---------------------------------------------------------------------------------- */

static void status_sums_everything(void **state)
{
	struct fixture *f = *state;
	unsigned down = fixture_server(f, "imaps/slave-2", CONF_V4, 6);
	json_t *a;

	f->ctl.servers[down].health = HC_DOWN;
	(void)strcpy(f->ctl.servers[down].last.detail, "connect: refused");
	f->ctl.servers[0].admin = CTL_DRAIN;
	f->ctl.servers[1].weight = 5;
	a = ask(state, "{\"cmd\": \"show status\"}");
	expect(a, "node", "\"lb-1\"");
	expect(a, "version", "\"" POISE_VERSION "\"");
	expect(a, "driver_version", "\"DPDK 22.11.11\"");
	expect(a, "start_time", "\"2026-05-15T10:12:06.123Z\"");
	expect(a, "config", "{\"path\": \"/etc/poise/poise.conf\", \"changes\": 2}");
	expect(a, "services", "{\"count\": 8, \"up\": 8, \"configured\": 3, \"families\": [4, 6]}");
	expect(a, "servers",
		"{\"count\": 16, \"up\": 14, \"down\": 1, \"drain\": 1, \"maint\": 0, "
		"\"unknown\": 0}");
	expect(a, "servers_down.0",
		"{\"service\": \"imaps\", \"family\": 4, \"protocol\": \"tcp\", "
		"\"server\": \"slave-2\", \"since\": \"2026-05-15T10:12:06.123Z\", "
		"\"detail\": \"connect: refused\"}");
	expect(a, "servers_down.1", "absent");
	// 1 + 2 + ... + 16 = 136
	expect(a, "connections",
		"{\"count\": 600, \"max\": 1048576, \"established\": 1360, \"closing\": 136}");
	expect(a, "connections_total", "13600");
	expect(a, "bytes_in_total", "8160000");
	expect(a, "receive_missed_total", "8");
	expect(a, "workers.1.cpu", "2");
	expect(a, "warnings", "[\"port lan (eth1) is down\"]");
	json_decref(a);
}

static void status_tells_whether_the_vips_answer(void **state)
{
	struct fixture *f = *state;
	json_t *a = ask(state, "{\"cmd\": \"show status\"}");

	expect(a, "vips", "{\"state\": \"starting\", \"lapses_total\": 0}");
	json_decref(a);
	f->ctl.is_held[CTL_OWNER_ALWAYS] = true;
	f->ctl.lapses = 3;
	a = ask(state, "{\"cmd\": \"show status\"}");
	expect(a, "vips", "{\"state\": \"serving\", \"lapses_total\": 3}");
	json_decref(a);
}

static void status_warns_of_an_ordinary_control_thread(void **state)
{
	struct fixture *f = *state;
	json_t *a = ask(state, "{\"cmd\": \"show status\"}");

	expect(a, "real_time", "true");
	assert_int_equal(length(a, "warnings"), 1);
	json_decref(a);
	f->ctl.has_real_time = false;
	a = ask(state, "{\"cmd\": \"show status\"}");
	expect(a, "real_time", "false");
	assert_int_equal(length(a, "warnings"), 2);
	json_decref(a);
}

static void status_warns_of_routes_left_out(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->dp.routes = (struct dp_route_status){.n_routes = 65535, .n_left_out = 7};
	a = ask(state, "{\"cmd\": \"show status\"}");
	expect(a, "routes", "{\"count\": 65535, \"left_out\": 7}");
	assert_int_equal(length(a, "warnings"), 2);
	json_decref(a);
}

static void without_a_data_plane_everything_still_answers(void **state)
{
	static const char *const lists[] = {
		"services", "servers", "workers", "ports", "errors", "connections", "status"};
	struct fixture *f = *state;

	f->ctl.dp = NULL;
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char line[64];
		json_t *a;

		(void)snprintf(line, sizeof(line), "{\"cmd\": \"show %s\"}", lists[i]);
		a = ask(state, line);
		assert_string_equal(fixture_code(a), "");
		if (i == 0)
			expect(a, "services.0.connections_total", "0");
		if (i == 6)
			expect(a, "warnings", "[\"no data plane: cpu.workers is empty\"]");
		json_decref(a);
	}
}

/* ---- data path ------------------------------------------------------------------------------- */

static void workers_give_the_whole_account(void **state)
{
	json_t *a = ask(state, "{\"cmd\": \"show workers\"}");
	const char *reason;
	json_t *value;
	unsigned n = 0;

	assert_int_equal(length(a, "workers"), 2);
	expect(a, "workers.1.worker", "1");
	expect(a, "workers.1.cpu", "2");
	expect(a, "workers.1.connections", "400");
	expect(a, "workers.1.half_open", "40");
	expect(a, "workers.0.half_open_evicted_total", "7");
	expect(a, "workers.0.connections_created_total", "500");
	expect(a, "workers.0.connections_expired_total", "300");
	expect(a, "workers.0.packets",
		"{\"rx_total\": 1000, \"injected_total\": 0, \"handoff_in_total\": 0, "
		"\"generated_total\": 5, \"tx_total\": 990, \"dropped_total\": 12, "
		"\"punted_total\": 0, \"handoff_out_total\": 0, \"held\": 3, "
		"\"consumed_total\": 0, \"balance\": 0}");
	expect(a, "workers.0.busy_ratio", "0.25");
	expect(a, "workers.0.drops_total.no_connection", "10");
	expect(a, "workers.0.drops_total.tx_full", "2");
	json_object_foreach(
		json_object_get(json_array_get(json_object_get(a, "workers"), 0), "drops_total"),
		reason, value) n += json_is_integer(value);
	assert_int_equal(n, DP_N_DROPS - 1);
	json_decref(a);
}

static void counters_above_2_53_are_strings(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->dp.workers[0].rx = API_MAX_SAFE_INTEGER;
	f->dp.workers[0].tx = API_MAX_SAFE_INTEGER + 1;
	f->dp.workers[0].loops = UINT64_MAX;
	a = ask(state, "{\"cmd\": \"show workers\"}");
	expect(a, "workers.0.packets.rx_total", "9007199254740992");
	expect(a, "workers.0.packets.tx_total", "\"9007199254740993\"");
	expect(a, "workers.0.loops_total", "\"18446744073709551615\"");
	json_decref(a);
}

static void ports_give_driver_link_and_verdicts(void **state)
{
	json_t *a = ask(state, "{\"cmd\": \"show ports\"}");

	assert_int_equal(length(a, "ports"), 2);
	expect(a, "ports.1.port", "\"lan\"");
	expect(a, "ports.1.device", "\"eth1\"");
	expect(a, "ports.1.driver", "\"net_af_xdp\"");
	expect(a, "ports.1.tap", "null");
	expect(a, "ports.1.mac", "\"02:00:00:00:00:01\"");
	expect(a, "ports.1.mtu", "1500");
	expect(a, "ports.1.up", "false");
	expect(a, "ports.1.queues", "1");
	expect(a, "ports.1.receive_packets_total", "7");
	expect(a, "ports.1.receive_missed_total", "4");
	expect(a, "ports.1.xdp",
		"{\"to_worker_total\": 0, \"to_kernel_total\": 0, \"vip_not_owned_total\": 6, "
		"\"no_socket_total\": 1}");
	json_decref(a);
}

static void health_is_what_the_checks_say_whatever_was_commanded(void **state)
{
	struct fixture *f = *state;
	unsigned id = fixture_server(f, "imaps/slave-1", CONF_V6, CONF_PROTO_TCP);
	json_t *a = ask(state, "{\"cmd\": \"show health\", \"args\": {\"fail\": true}}");

	expect(a, "health", "[]");
	json_decref(a);

	f->ctl.servers[id].health = HC_DOWN;
	f->ctl.servers[id].admin = CTL_MAINT;
	a = ask(state, "{\"cmd\": \"show health\", \"args\": {\"fail\": true}}");
	assert_int_equal(json_array_size(json_object_get(a, "health")), 1);
	expect(a, "health.0.service", "\"imaps\"");
	expect(a, "health.0.server", "\"slave-1\"");
	expect(a, "health.0.family", "6");
	expect(a, "health.0.address", "\"2001:db8:0:2::11\"");
	expect(a, "health.0.port", "993");
	expect(a, "health.0.verdict", "\"down\"");
	expect(a, "health.0.check.type", "\"tcp\"");
	json_decref(a);

	a = ask(state, "{\"cmd\": \"show health\"}");
	assert_int_equal(json_array_size(json_object_get(a, "health")), f->ctl.n_servers);
	json_decref(a);
}

/* Up with a failed probe; and where nothing can be probed, as without a spawner. */
static void what_does_not_pass_is_told_before_there_is_a_verdict(void **state)
{
	static const char line[] = "{\"cmd\": \"show health\", \"args\": {\"fail\": true}}";
	struct fixture *f = *state;
	struct ctl_server *s = &f->ctl.servers[fixture_server(f, "imaps/slave-1", CONF_V4, 6)];
	json_t *a;

	s->last.is_ok = false;
	(void)strcpy(s->last.detail, "not probed: the spawner has died");
	a = ask(state, line);
	assert_int_equal(length(a, "health"), 1);
	expect(a, "health.0.verdict", "\"up\"");
	expect(a, "health.0.check.ok", "false");
	expect(a, "health.0.check.detail", "\"not probed: the spawner has died\"");
	json_decref(a);

	s->health = HC_UNKNOWN;
	a = ask(state, line);
	assert_int_equal(length(a, "health"), 1);
	expect(a, "health.0.verdict", "\"unknown\"");
	json_decref(a);

	s->last = (struct hc_report){0}; // not probed yet
	a = ask(state, line);
	expect(a, "health", "[]");
	json_decref(a);
}

static void status_tells_how_long_the_loops_turns_were(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->ctl.turns = (struct ctl_turns){
		.n_by_bucket = {7, 0, 1}, .n = 8, .sum_us = 4200, .longest_us = 1700};
	a = ask(state, "{\"cmd\": \"show status\"}");
	expect(a, "control_loop.turns_total", "8");
	expect(a, "control_loop.seconds_sum", "0.0042");
	expect(a, "control_loop.longest_seconds", "0.0017");
	expect(a, "control_loop.buckets.0", "{\"le\": 0.0005, \"count\": 7}");
	expect(a, "control_loop.buckets.2", "{\"le\": 0.002, \"count\": 1}");
	expect(a, "control_loop.buckets.8", "{\"le\": null, \"count\": 0}");
	json_decref(a);
}

static void errors_list_every_reason_summed_over_workers_and_ports(void **state)
{
	json_t *a = ask(state, "{\"cmd\": \"show errors\"}"), *error;
	unsigned n_drops = 0;
	size_t i;

	json_array_foreach(json_object_get(a, "errors"), i, error)
	{
		const char *reason = json_string_value(json_object_get(error, "reason"));
		const char *where = json_string_value(json_object_get(error, "where"));
		json_int_t n = json_integer_value(json_object_get(error, "drops_total"));

		n_drops += (unsigned)n;
		if (strcmp(reason, "no_connection") == 0)
			assert_int_equal(n, 20);
		if (strcmp(reason, "vip_not_owned") == 0) // ports with a program, and without
			assert_int_equal(n, strcmp(where, "xdp") == 0 ? 12 : 0);
		assert_true(strlen(json_string_value(json_object_get(error, "help"))) > 8);
	}
	assert_int_equal(i, DP_N_DROPS - 1 + 4);
	assert_int_equal(n_drops, 20 + 4 + 12 + 2 + 8);
	json_decref(a);
}

/* A file's name may hold any bytes, and a detail is from a probe: neither may break JSON. */
static void text_that_is_not_utf8_is_shown_with_question_marks(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->conf.path = "/etc/\xff\xfe.conf";
	a = ask(state, "{\"cmd\": \"show status\"}");
	expect(a, "config.path", "\"/etc/?\?.conf\"");
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			services_are_listed_by_half_with_sums_and_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			services_are_filtered_by_name_and_family, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_service_without_weight_left_is_down, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unknown_service_is_not_found_and_the_nearest_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_has_the_promised_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_server_before_its_first_result_is_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(the_state_of_a_server_is_one_word, setup, teardown),
		cmocka_unit_test_setup_teardown(
			servers_can_be_narrowed_to_those_that_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_target_may_name_any_service_or_any_server, setup, teardown),
		cmocka_unit_test_setup_teardown(
			targets_that_do_not_exist_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(status_sums_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(
			status_warns_of_an_ordinary_control_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(status_warns_of_routes_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			status_tells_whether_the_vips_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_a_data_plane_everything_still_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(workers_give_the_whole_account, setup, teardown),
		cmocka_unit_test_setup_teardown(counters_above_2_53_are_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ports_give_driver_link_and_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			errors_list_every_reason_summed_over_workers_and_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(
			health_is_what_the_checks_say_whatever_was_commanded, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_does_not_pass_is_told_before_there_is_a_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(
			status_tells_how_long_the_loops_turns_were, setup, teardown),
		cmocka_unit_test_setup_teardown(
			text_that_is_not_utf8_is_shown_with_question_marks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
