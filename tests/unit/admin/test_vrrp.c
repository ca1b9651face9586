/* `show vrrp`, `set vrrp` and the role in `show status`, over an engine of made-up states. */
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	struct fixture *f = fixture_new();

	fixture_add_vrrp(f);
	*state = f;
	return 0;
}

static int setup_without(void **state)
{
	*state = fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

static json_t *show(struct fixture *f, const char *args)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "{\"cmd\": \"show vrrp\", \"args\": {%s}}", args);
	return fixture_ask(f, line, false, NULL);
}

static json_t *set(struct fixture *f, const char *args)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "{\"cmd\": \"set vrrp\", \"args\": {%s}}", args);
	return fixture_ask(f, line, true, NULL);
}

static size_t length(const json_t *answer, const char *key)
{
	return json_array_size(json_object_get(answer, key));
}

/* ---- show ------------------------------------------------------------------------------------ */

static void a_group_is_shown_with_state_and_priority(void **state)
{
	json_t *a = show(*state, "");

	assert_int_equal(length(a, "groups"), 2);
	expect(a, "groups.0.group", "\"frontend\"");
	expect(a, "groups.0.state", "\"master\"");
	expect(a, "groups.0.since", "\"2026-05-15T10:12:10.123Z\"");
	expect(a, "groups.0.why", "\"priority 100 is the highest here\"");
	expect(a, "groups.0.priority", "100");
	expect(a, "groups.0.priority_base", "150");
	expect(a, "groups.0.priority_configured", "150");
	expect(a, "groups.0.preempt", "true");
	expect(a, "groups.0.is_released", "false");
	expect(a, "groups.0.is_gate_running", "false");
	expect(a, "groups.0.is_waiting_to_preempt", "false");
	expect(a, "groups.0.lease_seconds", "0.5");
	expect(a, "groups.0.transitions_total",
		"{\"init\": 0, \"backup\": 1, \"master\": 1, \"fault\": 0}");
	expect(a, "groups.1.group", "\"storage\"");
	expect(a, "groups.1.state", "\"backup\"");
	expect(a, "groups.1.tracks", "[]");
	json_decref(a);
}

static void tracks_tell_what_they_do_to_the_priority(void **state)
{
	json_t *a = show(*state, "");

	expect(a, "groups.0.tracks",
		"[{\"track\": \"interface wan\", \"type\": \"interface\", \"state\": \"up\", "
		"\"is_known\": true, \"weight\": 0, \"reverse\": false, \"adjustment\": 0, "
		"\"why\": \"\"}, "
		"{\"track\": \"probe\", \"type\": \"script\", \"state\": \"down\", "
		"\"is_known\": true, \"weight\": -50, \"reverse\": true, \"adjustment\": -50, "
		"\"why\": \"exit 1\"}]");
	json_decref(a);
}

static void an_instance_is_shown_with_what_it_heard_and_counted(void **state)
{
	json_t *a = show(*state, "");

	expect(a, "groups.0.instances.0.vrrp", "\"wan4\"");
	expect(a, "groups.0.instances.0.state", "\"master\"");
	expect(a, "groups.0.instances.0.interface", "\"wan\"");
	expect(a, "groups.0.instances.0.device", "\"eth0\"");
	expect(a, "groups.0.instances.0.family", "4");
	expect(a, "groups.0.instances.0.vrid", "10");
	expect(a, "groups.0.instances.0.version", "2");
	expect(a, "groups.0.instances.0.addresses", "[\"203.0.113.10\"]");
	expect(a, "groups.0.instances.0.unicast", "false");
	expect(a, "groups.0.instances.0.is_open", "true");
	expect(a, "groups.0.instances.0.source", "\"203.0.113.10\"");
	expect(a, "groups.0.instances.0.advert_seconds", "1.0");
	expect(a, "groups.0.instances.0.advert_seconds_configured", "1.0");
	expect(a, "groups.0.instances.0.master", "null");
	expect(a, "groups.0.instances.0.advertisements_total",
		"{\"sent\": 9000, \"received\": 12}");
	expect(a, "groups.0.instances.0.releases_total", "{\"sent\": 0, \"received\": 1}");
	expect(a, "groups.0.instances.0.errors_total.ttl", "3");
	expect(a, "groups.0.instances.0.errors_total.checksum", "0");
	expect(a, "groups.0.instances.0.errors_total.unknown_vrid", "0");
	expect(a, "groups.0.instances.0.address_list_differs_total", "0");
	expect(a, "groups.0.instances.0.learned_intervals_total", "0");
	expect(a, "groups.0.instances.0.conflicts_total", "0");
	expect(a, "groups.0.instances.0.masters_heard_total", "2");
	expect(a, "groups.0.instances.0.announcements_total", "10");
	json_decref(a);
}

/* Family 6 knows version 3 only; its master was heard, and its interval taken over. */
static void an_instance_of_family_6_is_of_version_3(void **state)
{
	json_t *a = show(*state, "");

	expect(a, "groups.0.instances.1.family", "6");
	expect(a, "groups.0.instances.1.version", "3");
	expect(a, "groups.0.instances.1.addresses", "[\"fe80::10\", \"2001:db8::10\"]");
	expect(a, "groups.0.instances.1.unicast", "true");
	expect(a, "groups.0.instances.1.is_open", "false");
	expect(a, "groups.0.instances.1.source", "null");
	expect(a, "groups.0.instances.1.advert_seconds", "0.01");
	expect(a, "groups.0.instances.1.master",
		"{\"address\": \"fe80::10\", \"priority\": 120, "
		"\"heard\": \"2026-05-15T10:12:06.123Z\"}");
	expect(a, "groups.0.instances.2", "absent");
	json_decref(a);
}

static void one_group_can_be_asked_for(void **state)
{
	json_t *a = show(*state, "\"group\": \"storage\"");

	assert_int_equal(length(a, "groups"), 1);
	expect(a, "groups.0.group", "\"storage\"");
	expect(a, "groups.0.instances.0.vrrp", "\"lan4\"");
	expect(a, "groups.0.instances.1", "absent");
	json_decref(a);

	a = show(*state, "\"group\": \"frontned\"");
	assert_string_equal(fixture_code(a), "not_found");
	assert_string_equal(fixture_message(a), "no group \"frontned\" (did you mean frontend?)");
	json_decref(a);
}

static void without_groups_nothing_is_listed(void **state)
{
	json_t *a = show(*state, "");

	expect(a, "groups", "[]");
	json_decref(a);
	a = fixture_ask(*state, "{\"cmd\": \"show status\"}", false, NULL);
	expect(a, "vrrp", "[]");
	json_decref(a);
	a = set(*state, "\"group\": \"frontend\", \"release\": true");
	assert_string_equal(fixture_code(a), "not_found");
	json_decref(a);
}

static void status_tells_the_role_in_each_group(void **state)
{
	json_t *a = fixture_ask(*state, "{\"cmd\": \"show status\"}", false, NULL);

	expect(a, "vrrp",
		"[{\"group\": \"frontend\", \"state\": \"master\", "
		"\"since\": \"2026-05-15T10:12:10.123Z\"}, "
		"{\"group\": \"storage\", \"state\": \"backup\", "
		"\"since\": \"2026-05-15T10:12:06.123Z\"}]");
	json_decref(a);
}

/* ---- set ------------------------------------------------------------------------------------- */

static void a_priority_is_set_and_the_old_one_told(void **state)
{
	struct fixture *f = *state;
	json_t *a = set(f, "\"group\": \"frontend\", \"priority\": \"90\"");

	expect(a, "dry_run", "false");
	expect(a, "changes",
		"[{\"group\": \"frontend\", \"state\": \"master\", \"field\": \"priority\", "
		"\"old\": 150, \"new\": 90, \"configured\": 150}]");
	assert_int_equal(f->vrrp.n_calls, 1);
	assert_int_equal(f->vrrp.group, 0);
	assert_int_equal(f->vrrp.priority, 90);
	assert_int_equal(fixture_log_count(), 1);
	assert_string_equal(fixture_log(0),
		"vrrp frontend: priority 150 -> 90: by command: uid=1000 pid=4711 "
		"command=\"set vrrp frontend priority 90\"");
	json_decref(a);
}

static void default_is_the_priority_of_the_file(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->vrrp.groups[0].priority_base = 90;
	f->vrrp.priority = 90;
	a = set(f, "\"group\": \"frontend\", \"priority\": \"default\"");
	expect(a, "changes.0.old", "90");
	expect(a, "changes.0.new", "150");
	assert_int_equal(f->vrrp.n_calls, 1);
	assert_int_equal(f->vrrp.priority, VRRP_PRIORITY_OF_FILE);
	json_decref(a);
}

/* It ends what a release began, so the engine is told even where the number is the same. */
static void a_priority_that_is_so_already_is_set_all_the_same(void **state)
{
	struct fixture *f = *state;
	json_t *a = set(f, "\"group\": \"frontend\", \"priority\": 150");

	assert_int_equal(f->vrrp.n_calls, 1);
	assert_int_equal(fixture_log_count(), 0);
	json_decref(a);
}

static void a_master_can_be_released(void **state)
{
	struct fixture *f = *state;
	json_t *a = set(f, "\"group\": \"frontend\", \"release\": true");

	expect(a, "changes",
		"[{\"group\": \"frontend\", \"state\": \"master\", \"field\": \"is_released\", "
		"\"old\": false, \"new\": true, \"configured\": false}]");
	assert_true(f->vrrp.is_released);
	assert_string_equal(fixture_log(0),
		"vrrp frontend: released: by command: uid=1000 pid=4711 "
		"command=\"set vrrp frontend release\"");
	json_decref(a);
}

static void a_dry_run_changes_nothing_and_says_the_same(void **state)
{
	static const char *const rows[] = {"\"group\": \"frontend\", \"priority\": 90",
		"\"group\": \"frontend\", \"release\": true"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		char args[128];
		json_t *dry, *wet;

		(void)snprintf(args, sizeof(args), "%s, \"dry_run\": true", rows[i]);
		dry = set(f, args);
		expect(dry, "dry_run", "true");
		assert_int_equal(f->vrrp.n_calls, i);
		assert_int_equal(fixture_log_count(), i);
		wet = set(f, rows[i]);
		assert_true(json_equal(
			json_object_get(dry, "changes"), json_object_get(wet, "changes")));
		json_decref(dry);
		json_decref(wet);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *args, *code;
	} rows[] = {
		{"\"group\": \"frontned\", \"priority\": 90", "not_found"},
		{"\"group\": \"frontend\"", "bad_request"},
		{"\"priority\": 90", "bad_request"},
		{"\"group\": \"frontend\", \"priority\": 90, \"release\": true", "bad_request"},
		{"\"group\": \"frontend\", \"release\": false", "bad_request"},
		{"\"group\": \"frontend\", \"release\": 1", "bad_request"},
		{"\"group\": \"frontend\", \"priority\": 0", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": 255", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": -1", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": 4294967386", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": \"\"", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": \"0\"", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": \"255\"", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": \"9o\"", "invalid_value"},
		{"\"group\": \"frontend\", \"priority\": \"99999999999\"", "invalid_value"},
		{"\"group\": \"storage\", \"release\": true", "refused"},
		{"\"group\": \"storage\", \"priority\": 90", "refused"},
		{"\"group\": \"storage\", \"priority\": \"default\"", "refused"},
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *a = set(f, rows[i].args);

		assert_string_equal(fixture_code(a), rows[i].code);
		json_decref(a);
	}
	assert_int_equal(f->vrrp.n_calls, 0);
	assert_int_equal(fixture_log_count(), 0);
}

static void what_the_engine_refuses_is_told(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	f->vrrp.result = -EALREADY;
	a = set(f, "\"group\": \"frontend\", \"release\": true");
	assert_string_equal(fixture_code(a), "refused");
	json_decref(a);
}

static void the_read_only_socket_shows_and_does_not_set(void **state)
{
	struct fixture *f = *state;
	json_t *a = fixture_ask(f,
		"{\"cmd\": \"set vrrp\", \"args\": {\"group\": \"frontend\", \"release\": true}}",
		false, NULL);

	assert_string_equal(fixture_code(a), "not_permitted");
	assert_int_equal(f->vrrp.n_calls, 0);
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_group_is_shown_with_state_and_priority),
		TEST(tracks_tell_what_they_do_to_the_priority),
		TEST(an_instance_is_shown_with_what_it_heard_and_counted),
		TEST(an_instance_of_family_6_is_of_version_3),
		TEST(one_group_can_be_asked_for),
		cmocka_unit_test_setup_teardown(
			without_groups_nothing_is_listed, setup_without, teardown),
		TEST(status_tells_the_role_in_each_group),
		TEST(a_priority_is_set_and_the_old_one_told),
		TEST(default_is_the_priority_of_the_file),
		TEST(a_priority_that_is_so_already_is_set_all_the_same),
		TEST(a_master_can_be_released),
		TEST(a_dry_run_changes_nothing_and_says_the_same),
		TEST(what_cannot_be_is_refused),
		TEST(what_the_engine_refuses_is_told),
		TEST(the_read_only_socket_shows_and_does_not_set),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
