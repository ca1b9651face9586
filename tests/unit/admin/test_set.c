/* `set server`: what changes, what is said and logged, that nothing is changed by halves, and what
 * the data plane is told. */
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* args: the inside of the object. */
static json_t *set(struct fixture *f, const char *args)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "{\"cmd\": \"set server\", \"args\": {%s}}", args);
	return fixture_ask(f, line, true, NULL);
}

static struct ctl_server *server(struct fixture *f, const char *path, enum conf_family family)
{
	return &f->ctl.servers[fixture_server(f, path, family, 6)];
}

static void a_weight_in_percent_is_of_the_configured_one_in_both_families(void **state)
{
	struct fixture *f = *state;
	json_t *a = set(f, "\"target\": \"imaps/slave-1\", \"weight\": \"50%\"");

	expect(a, "dry_run", "false");
	expect(a, "changes.0",
		"{\"service\": \"imaps\", \"server\": \"slave-1\", \"families\": [4, 6], "
		"\"connections\": 77, \"field\": \"weight\", \"old\": 640, \"new\": 320, "
		"\"configured\": 640}");
	expect(a, "changes.1", "absent");
	assert_int_equal(server(f, "imaps/slave-1", CONF_V4)->weight, 320);
	assert_int_equal(server(f, "imaps/slave-1", CONF_V6)->weight, 320);
	assert_int_equal(server(f, "imap/slave-1", CONF_V4)->weight, 640);
	assert_true(f->ctl.is_dirty);
	assert_int_equal(f->dp.n_weight_calls, 2);
	json_decref(a);

	// again: still of the configured weight, so nothing changes
	a = set(f, "\"target\": \"imaps/slave-1\", \"weight\": \"50%\"");
	expect(a, "changes.0.old", "320");
	expect(a, "changes.0.new", "320");
	assert_int_equal(f->dp.n_weight_calls, 2);
	json_decref(a);

	a = fixture_ask(f,
		"{\"cmd\": \"show servers\", \"args\": {\"target\": "
		"\"imaps/slave-1\"}}",
		false, NULL);
	expect(a, "servers.0.weight", "320");
	expect(a, "servers.0.weight_configured", "640");
	json_decref(a);
}

static void weights_are_numbers_words_and_shares(void **state)
{
	static const struct {
		const char *weight;
		unsigned of_640, of_1;
	} rows[] = {
		{"0", 0, 0},
		{"65535", 65535, 65535},
		{"\"7\"", 7, 7},
		{"\"100%\"", 640, 1},
		{"\"50%\"", 320, 1},
		{"\"10%\"", 64, 1},
		{"\"1%\"", 6, 1},
		{"\"0%\"", 0, 0},
		{"\"150%\"", 960, 2},
		{"\"10000%\"", 64000, 100},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f = *state;
		char args[128];
		json_t *a;

		(void)snprintf(args, sizeof(args), "\"target\": \"imaps/*\", \"weight\": %s",
			rows[i].weight);
		a = set(f, args);
		assert_string_equal(fixture_code(a), "");
		assert_int_equal(server(f, "imaps/slave-1", CONF_V4)->weight, rows[i].of_640);
		assert_int_equal(server(f, "imaps/master", CONF_V6)->weight, rows[i].of_1);
		json_decref(a);
	}
}

static void a_refused_change_changes_nothing(void **state)
{
	static const struct {
		const char *args, *code;
	} rows[] = {
		{"\"target\": \"imaps/*\", \"weight\": 65536", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": -1", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": \"\"", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": \"%\"", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": \"5 %\"", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": \"+5\"", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": \"99999999999999999999\"", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": \"99999999999999999999%\"", "invalid_value"},
		// 640 * 200 is too much, although master's 1 * 200 is not
		{"\"target\": \"imaps/*\", \"weight\": \"20000%\"", "invalid_value"},
		{"\"target\": \"imaps/*\", \"weight\": 5.0", "bad_request"},
		{"\"target\": \"imaps/*\", \"weight\": true", "bad_request"},
		{"\"target\": \"imaps/*\"", "bad_request"},
		{"\"weight\": 5", "bad_request"},
		{"\"target\": \"imaps/*\", \"weight\": 5, \"state\": \"ready\"", "bad_request"},
		{"\"target\": \"imaps/*\", \"state\": \"asleep\"", "invalid_value"},
		{"\"target\": \"imaps\", \"weight\": 5", "invalid_value"},
		{"\"target\": \"imaps/slave-9\", \"weight\": 5", "not_found"},
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *a = set(f, rows[i].args);

		assert_string_equal(fixture_code(a), rows[i].code);
		json_decref(a);
	}
	assert_int_equal(f->dp.n_weight_calls, 0);
	assert_int_equal(fixture_log_count(), 0);
	assert_int_equal(server(f, "imaps/master", CONF_V4)->weight, 1);
}

static void a_share_too_large_is_told_with_the_server(void **state)
{
	json_t *a = set(*state, "\"target\": \"imaps/*\", \"weight\": \"20000%\"");

	assert_string_equal(fixture_message(a), "imaps/slave-1: 20000% of weight 640 is 128000, "
						"above 65535; nothing was changed");
	json_decref(a);
}

static void a_state_is_set_in_every_service_by_a_star(void **state)
{
	struct fixture *f = *state;
	json_t *a = set(f, "\"target\": \"*/slave-2\", \"state\": \"drain\"");

	assert_int_equal(json_array_size(json_object_get(a, "changes")), 3);
	expect(a, "changes.0.families", "[4]");
	expect(a, "changes.0.old", "\"ready\"");
	expect(a, "changes.0.new", "\"drain\"");
	expect(a, "changes.0.configured", "\"ready\"");
	expect(a, "changes.2.service", "\"dns\""); // one line for tcp and udp
	assert_int_equal(server(f, "imaps/slave-2", CONF_V4)->admin, CTL_DRAIN);
	assert_int_equal(
		f->ctl.servers[fixture_server(f, "dns/slave-2", CONF_V4, 17)].admin, CTL_DRAIN);
	assert_int_equal(server(f, "imaps/slave-1", CONF_V4)->admin, CTL_READY);
	assert_int_equal(server(f, "imaps/slave-2", CONF_V4)->weight, 640);
	json_decref(a);
}

/* Else "ready" would look as if it were. */
static void a_state_says_whether_a_file_holds_the_server(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	ctl_server_set_held(&f->ctl, fixture_server(f, "imaps/slave-2", CONF_V4, 6), true);
	a = set(f, "\"target\": \"imaps/slave-2\", \"state\": \"ready\"");
	expect(a, "changes.0.new", "\"ready\"");
	expect(a, "changes.0.held", "true");
	json_decref(a);
	a = set(f, "\"target\": \"imap/slave-2\", \"state\": \"ready\"");
	expect(a, "changes.0.held", "false");
	json_decref(a);
	a = set(f, "\"target\": \"imaps/slave-2\", \"weight\": 5");
	expect(a, "changes.0.held", "absent");
	json_decref(a);
}

static void a_dry_run_tells_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	json_t *a = set(f, "\"target\": \"*/*\", \"state\": \"maint\", \"dry_run\": true");

	expect(a, "dry_run", "true");
	assert_int_equal(json_array_size(json_object_get(a, "changes")), 8);
	expect(a, "changes.7.old", "\"ready\"");
	expect(a, "changes.7.new", "\"maint\"");
	assert_int_equal(f->dp.n_weight_calls, 0);
	assert_false(f->ctl.is_dirty);
	assert_int_equal(fixture_log_count(), 0);
	json_decref(a);
}

static void a_change_is_logged_with_who_asked_for_it(void **state)
{
	json_decref(set(*state, "\"target\": \"imaps/slave-1\", \"weight\": \"50%\""));
	assert_int_equal(fixture_log_count(), 1);
	assert_string_equal(fixture_log(0),
		"imaps/slave-1: weight 640 -> 320: by command: uid=1000 pid=4711 "
		"command=\"set server imaps/slave-1 weight 50%\"");
	json_decref(set(*state, "\"target\": \"*/slave-1\", \"state\": \"maint\""));
	// it was the only server of dns with IPv6
	assert_int_equal(fixture_log_count(), 6);
	assert_string_equal(fixture_log(4), "service dns: no server left family=6");
	assert_string_equal(fixture_log(5),
		"dns/slave-1: state ready -> maint: by command: uid=1000 pid=4711 "
		"command=\"set server */slave-1 state maint\"");
}

static void many_changes_are_logged_as_a_number(void **state)
{
	struct fixture *f = fixture_new_large(10, 30);

	(void)state;
	json_decref(set(f, "\"target\": \"*/*\", \"weight\": 5"));
	assert_int_equal(fixture_log_count(), 17);
	assert_string_equal(fixture_log(16),
		"admin: 300 servers changed: the first 16 are above: uid=1000 pid=4711 "
		"command=\"set server */* weight 5\"");
	assert_int_equal(f->ctl.servers[f->ctl.n_servers - 1].weight, 5);
	fixture_free(f);
}

static void the_read_only_socket_refuses_a_change(void **state)
{
	struct fixture *f = *state;
	json_t *a = fixture_ask(f,
		"{\"cmd\": \"set server\", \"args\": {\"target\": \"*/*\", "
		"\"weight\": 5}}",
		false, NULL);

	assert_string_equal(fixture_code(a), "not_permitted");
	assert_int_equal(f->dp.n_weight_calls, 0);
	json_decref(a);
}

/* Beside a weight of 0, which drained ones have too. */
static void only_what_its_check_found_down_is_down_to_the_data_plane(void **state)
{
	struct fixture *f = *state;
	unsigned sick = fixture_server(f, "dns/slave-1", CONF_V4, 17);
	unsigned drained = fixture_server(f, "dns/slave-2", CONF_V4, 17);
	struct hc_report report = {.state = HC_DOWN, .is_change = true, .weight = HC_NO_WEIGHT};

	ctl_server_set_admin(&f->ctl, drained, CTL_DRAIN);
	ctl_server_set_health(&f->ctl, sick, &report);
	assert_true(f->dp.is_down[sick]);
	assert_false(f->dp.is_down[drained]);
	ctl_server_set_admin(&f->ctl, sick, CTL_MAINT);
	assert_true(f->dp.is_down[sick]);
	report.state = HC_UP;
	ctl_server_set_health(&f->ctl, sick, &report);
	assert_false(f->dp.is_down[sick]);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_weight_in_percent_is_of_the_configured_one_in_both_families),
		T(weights_are_numbers_words_and_shares),
		T(a_refused_change_changes_nothing),
		T(a_share_too_large_is_told_with_the_server),
		T(a_state_is_set_in_every_service_by_a_star),
		T(a_dry_run_tells_and_changes_nothing),
		T(a_state_says_whether_a_file_holds_the_server),
		T(a_change_is_logged_with_who_asked_for_it),
		T(many_changes_are_logged_as_a_number),
		T(the_read_only_socket_refuses_a_change),
		T(only_what_its_check_found_down_is_down_to_the_data_plane),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
