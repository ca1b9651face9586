/* Events: who makes which, that log and ring say the same, and how they are shown and followed. */
#include "control/admin.h"
#include "control/events.h"
#include "tests/unit/admin/expect.h"
#include "tests/unit/admin/stage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TCP = 6 };

static int setup(void **state)
{
	struct fixture *f = fixture_new();

	fixture_add_vrrp(f);
	*state = f;
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

	(void)snprintf(line, sizeof(line), "{\"cmd\": \"show events\", \"args\": {%s}}", args);
	return fixture_ask(f, line, false, NULL);
}

static size_t n_events(const json_t *answer)
{
	return json_array_size(json_object_get(answer, "events"));
}

/* The one event there is: these fields, and the line that was logged. */
static void expect_event(struct fixture *f, const char *fields, const char *line)
{
	json_t *a = show(f, ""), *wanted = json_loads(fields, 0, NULL), *value;
	const json_t *event = json_array_get(json_object_get(a, "events"), 0);
	const char *key;

	assert_non_null(wanted);
	assert_int_equal(n_events(a), 1);
	json_object_foreach(wanted, key, value)
	{
		if (!json_equal(value, json_object_get(event, key)))
			fail_msg("%s of: %s", key, line);
	}
	assert_string_equal(json_string_value(json_object_get(event, "message")), line);
	assert_int_equal(fixture_log_count(), 1);
	assert_string_equal(fixture_log(0), line);
	json_decref(wanted);
	json_decref(a);
}

static void report(struct fixture *f, const char *path, enum hc_state state, const char *detail)
{
	unsigned id = fixture_server(f, path, CONF_V4, TCP);
	struct hc_report r = {.id = id,
		.state = state,
		.is_ok = state == HC_UP,
		.weight = HC_NO_WEIGHT,
		.at_ms = f->ctl.started_ms + 5000};

	(void)snprintf(r.detail, sizeof(r.detail), "%s", detail);
	ctl_server_set_health(&f->ctl, id, &r);
}

/* ---- who makes them -------------------------------------------------------------------------- */

static void a_verdict_is_an_event(void **state)
{
	struct fixture *f = *state;

	report(f, "imaps/slave-1", HC_DOWN, "connect: timed out");
	expect_event(f,
		"{\"event\": 1, \"kind\": \"server\", \"level\": \"notice\", "
		"\"object\": \"imaps/slave-1\", \"family\": 4, \"protocol\": \"tcp\", "
		"\"before\": \"up\", \"after\": \"down\", \"cause\": \"check\", \"peer\": null}",
		"server imaps/slave-1: down: connect: timed out family=4 protocol=tcp");
}

static void a_command_is_an_event_with_whoever_gave_it(void **state)
{
	struct fixture *f = *state;

	json_decref(fixture_ask(f,
		"{\"cmd\": \"set server\", \"args\": {\"target\": \"imaps/slave-1\", "
		"\"weight\": 5}}",
		true, NULL));
	expect_event(f,
		"{\"kind\": \"command\", \"object\": \"imaps/slave-1\", \"family\": null, "
		"\"protocol\": null, \"before\": \"640\", \"after\": \"5\", "
		"\"cause\": \"command\", \"peer\": {\"uid\": 1000, \"pid\": 4711}}",
		"imaps/slave-1: weight 640 -> 5: by command: uid=1000 pid=4711 "
		"command=\"set server imaps/slave-1 weight 5\"");
}

static void a_planned_failover_is_an_event(void **state)
{
	struct fixture *f = *state;

	json_decref(fixture_ask(f,
		"{\"cmd\": \"set vrrp\", \"args\": {\"group\": \"frontend\", \"release\": true}}",
		true, NULL));
	expect_event(f,
		"{\"kind\": \"command\", \"object\": \"frontend\", \"before\": null, "
		"\"after\": \"released\", \"peer\": {\"uid\": 1000, \"pid\": 4711}}",
		"vrrp frontend: released: by command: uid=1000 pid=4711 "
		"command=\"set vrrp frontend release\"");
}

static void a_dry_run_is_none(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	json_decref(fixture_ask(f,
		"{\"cmd\": \"set server\", \"args\": {\"target\": \"imaps/slave-1\", "
		"\"weight\": 5, \"dry_run\": true}}",
		true, NULL));
	a = show(f, "");
	assert_int_equal(n_events(a), 0);
	json_decref(a);
}

static void a_transition_of_vrrp_is_an_event(void **state)
{
	struct fixture *f = *state;

	ctl_event_vrrp(&f->ctl, &(struct vrrp_event){.group = 1,
					.before = VRRP_BACKUP,
					.state = VRRP_MASTER,
					.why = "nobody was heard"});
	expect_event(f,
		"{\"kind\": \"vrrp\", \"object\": \"storage\", \"before\": \"backup\", "
		"\"after\": \"master\", \"cause\": \"vrrp\"}",
		"vrrp storage: backup -> master: nobody was heard");
}

static void what_vrrp_has_to_say_besides_is_one_too(void **state)
{
	struct fixture *f = *state;

	ctl_event_vrrp(&f->ctl,
		&(struct vrrp_event){
			.state = VRRP_MASTER, .before = VRRP_MASTER, .why = "another master"});
	expect_event(f, "{\"kind\": \"vrrp\", \"before\": \"master\", \"after\": \"master\"}",
		"vrrp frontend: another master state=master");
}

/* At the start only what is wrong; then each change. */
static void a_link_is_told_where_it_changes(void **state)
{
	static const struct conf_interface interfaces[] = {
		{.name = "wan", .device = "eth0"}, {.name = "lan", .device = "eth1", .index = 1}};
	struct fixture *f = *state;
	json_t *a;

	f->conf.interfaces = interfaces;
	f->conf.n_interfaces = 2;
	ctl_event_link(&f->ctl, 0, true);
	ctl_event_link(&f->ctl, 0, true);
	ctl_event_link(&f->ctl, 1, false);
	expect_event(f,
		"{\"kind\": \"port\", \"level\": \"warn\", \"object\": \"lan\", "
		"\"before\": null, \"after\": \"down\", \"cause\": \"link\"}",
		"port lan: link is down: device=eth1");
	ctl_event_link(&f->ctl, 0, false);
	ctl_event_link(&f->ctl, 0, false);
	ctl_event_link(&f->ctl, 0, true);
	a = show(f, "");
	assert_int_equal(n_events(a), 3);
	expect(a, "events.1.before", "\"up\"");
	expect(a, "events.1.after", "\"down\"");
	expect(a, "events.2.message", "\"port wan: link is up: device=eth0\"");
	json_decref(a);
}

static void the_last_server_and_the_first_one_back_are_events(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	report(f, "imap/master", HC_DOWN, "x");
	report(f, "imap/slave-1", HC_DOWN, "x");
	report(f, "imap/slave-2", HC_DOWN, "x");
	report(f, "imap/slave-2", HC_UP, "connected");
	report(f, "imap/slave-1", HC_UP, "connected");
	a = show(f, "");
	assert_int_equal(n_events(a), 7);
	expect(a, "events.3.kind", "\"service\"");
	expect(a, "events.3.level", "\"error\"");
	expect(a, "events.3.after", "\"down\"");
	expect(a, "events.3.message", "\"service imap: no server left family=4\"");
	expect(a, "events.4.kind", "\"server\"");
	expect(a, "events.5.kind", "\"service\"");
	expect(a, "events.5.message", "\"service imap: a server is back family=4\"");
	json_decref(a);
}

static void a_quorum_is_an_event(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	((struct conf_pool *)(uintptr_t)f->conf.pools)->quorum = 700;
	report(f, "imaps/master", HC_DOWN, "x");
	report(f, "imaps/slave-1", HC_DOWN, "x");
	a = show(f, "");
	expect(a, "events.1.kind", "\"quorum\"");
	expect(a, "events.1.before", "\"unknown\"");
	expect(a, "events.1.after", "\"up\"");
	expect(a, "events.3.kind", "\"quorum\"");
	expect(a, "events.3.before", "\"up\"");
	expect(a, "events.3.after", "\"down\"");
	expect(a, "events.3.message",
		"\"service imaps: quorum lost: weight=640 quorum=700 family=4 protocol=tcp\"");
	json_decref(a);
}

/* ---- the log's limit ------------------------------------------------------------------------- */

static int64_t monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void a_flapping_server_fills_the_ring_and_not_the_log(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	for (unsigned i = 0; i < 25; i++)
		report(f, "imaps/slave-1", i % 2 ? HC_UP : HC_DOWN, "x");
	report(f, "imaps/slave-2", HC_DOWN, "x"); // another one has lines of its own
	a = show(f, "");
	assert_int_equal(n_events(a), 26);
	assert_int_equal(fixture_log_count(), CTL_EVENT_LINES + 1);
	json_decref(a);

	ctl_events_look(&f->ctl, monotonic_ms());
	assert_int_equal(fixture_log_count(), CTL_EVENT_LINES + 1);
	ctl_events_look(&f->ctl, monotonic_ms() + CTL_EVENT_WINDOW_MS);
	assert_int_equal(fixture_log_count(), CTL_EVENT_LINES + 2);
	assert_string_equal(fixture_log(CTL_EVENT_LINES + 1),
		"server imaps/slave-1: down: x family=4 protocol=tcp "
		"(and 14 lines before it that were not logged)");
	ctl_events_look(&f->ctl, monotonic_ms() + 10 * CTL_EVENT_WINDOW_MS);
	assert_int_equal(fixture_log_count(), CTL_EVENT_LINES + 2);
}

/* ---- show ------------------------------------------------------------------------------------ */

static void add_events(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ctl_event(&f->ctl, &(struct ctl_event_def){.kind = CTL_EVENT_START}, "event");
}

static void the_newest_come_last_and_are_kept_when_there_are_too_many(void **state)
{
	static const struct {
		const char *args;
		unsigned n, first;
	} rows[] = {
		{"", 1000, 9004},
		{"\"limit\": 1", 1, 10003},
		{"\"limit\": 65536", 10000, 4},
		{"\"since_seconds\": 3600, \"limit\": 20", 20, 9984},
		{"\"since_seconds\": 3600, \"limit\": 65536", 10000, 4},
	};
	struct fixture *f = *state;

	add_events(f, CTL_EVENTS_MAX + 3);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *a = show(f, rows[i].args);
		const json_t *events = json_object_get(a, "events");

		assert_int_equal(n_events(a), rows[i].n);
		for (unsigned k = 0; k < rows[i].n; k++)
			assert_int_equal(json_integer_value(json_object_get(
						 json_array_get(events, k), "event")),
				rows[i].first + k);
		json_decref(a);
	}
}

static void what_is_too_old_is_left_out(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	add_events(f, 3);
	// the ring is this test's alone
	((struct ctl_event *)(uintptr_t)ctl_event_ring_find(ctl_events_ring(&f->ctl), 1))->at_ms -=
		7200000;
	((struct ctl_event *)(uintptr_t)ctl_event_ring_find(ctl_events_ring(&f->ctl), 2))->at_ms -=
		1800000;
	a = show(f, "\"since_seconds\": 3600");
	assert_int_equal(n_events(a), 2);
	expect(a, "events.0.event", "2");
	json_decref(a);
}

static void arguments_out_of_range_are_refused(void **state)
{
	static const char *const rows[] = {"\"limit\": 0", "\"limit\": 65537",
		"\"since_seconds\": -1", "\"since_seconds\": 99999999999"};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *a = show(*state, rows[i]);

		assert_string_equal(fixture_code(a), "invalid_value");
		json_decref(a);
	}
}

/* ---- follow ---------------------------------------------------------------------------------- */

static json_t *next_line(struct stage *s, int fd)
{
	json_t *a;

	assert_true(stage_get_line(s, fd));
	a = json_loads(s->text, 0, NULL);
	assert_true(json_is_object(a));
	return a;
}

static int follow(const char *path, const char *args)
{
	char line[256];
	int fd = stage_connect(path);

	(void)snprintf(line, sizeof(line),
		"{\"cmd\": \"show events\", \"args\": {\"follow\": true%s}}\n", args);
	stage_put(fd, line);
	return fd;
}

static void who_follows_hears_of_what_comes(void **state)
{
	struct stage *s = *state;
	int fd;
	json_t *a;

	add_events(s->f, 15);
	fd = follow(s->path, "");
	a = next_line(s, fd);
	expect(a, "schema", "1");
	expect(a, "lost", "0");
	assert_int_equal(n_events(a), 10);
	expect(a, "events.0.event", "6");
	json_decref(a);

	for (unsigned i = 16; i < 20; i++) {
		add_events(s->f, 1);
		a = next_line(s, fd);
		assert_int_equal(n_events(a), 1);
		assert_int_equal(json_integer_value(json_object_get(
					 json_array_get(json_object_get(a, "events"), 0), "event")),
			i);
		json_decref(a);
	}
	(void)close(fd);
}

static void the_read_only_socket_may_follow(void **state)
{
	struct stage *s = *state;
	int fd = follow(s->read_only_path, ", \"limit\": 5");
	json_t *a = next_line(s, fd);

	assert_int_equal(n_events(a), 0);
	json_decref(a);
	(void)close(fd);
}

/* An empty line now and then: the daemon is there, and so is its client. */
static void silence_is_broken_and_who_went_is_noticed(void **state)
{
	struct stage *s = *state;
	int fd = follow(s->path, "");
	json_t *a = next_line(s, fd);

	json_decref(a);
	s->f->ctl.admin->shared.follow_beat_ms = 1; // not to wait API_FOLLOW_BEAT_SECONDS
	a = next_line(s, fd);
	assert_int_equal(n_events(a), 0);
	expect(a, "lost", "0");
	json_decref(a);
	(void)close(fd);
	stage_turn_until_gone(s);
	assert_int_equal(s->f->ctl.admin->shared.n_followers[true], 0);
}

static void sleeping_followers_cost_nothing(void **state)
{
	struct stage *s = *state;
	int fd = follow(s->path, "");
	double from_ms;

	json_decref(next_line(s, fd));
	from_ms = stage_cpu_ms();
	for (unsigned i = 0; i < 10000; i++)
		stage_turn(s);
	assert_true(stage_cpu_ms() - from_ms < 500);
	assert_true(TAILQ_EMPTY(&s->f->ctl.admin->waiting));
	(void)close(fd);
}

/* Everything is written while nobody reads: what does not fit is lost, counted, and not kept. */
static void a_slow_reader_loses_events_and_is_told_how_many(void **state)
{
	struct stage *s = *state;
	int fd = follow(s->path, "");
	uint64_t n = 0, lost = 0, next = 1;
	const uint64_t total = 5 * CTL_EVENTS_MAX;

	json_decref(next_line(s, fd));
	for (unsigned i = 0; i < 500; i++) {
		add_events(s->f, (unsigned)total / 500);
		for (unsigned k = 0; k < 10; k++)
			stage_turn(s);
	}
	stage_expect_alive(s);
	while (n + lost < total) {
		json_t *a = next_line(s, fd), *event;
		size_t i;

		lost += (uint64_t)json_integer_value(json_object_get(a, "lost"));
		next += (uint64_t)json_integer_value(json_object_get(a, "lost"));
		json_array_foreach(json_object_get(a, "events"), i, event) assert_int_equal(
			json_integer_value(json_object_get(event, "event")), next++);
		n += n_events(a);
		json_decref(a);
	}
	print_message("read %ju, lost %ju\n", (uintmax_t)n, (uintmax_t)lost);
	assert_int_equal(n + lost, total);
	assert_true(lost > 0);
	assert_true(n >= CTL_EVENTS_MAX);
	(void)close(fd);
}

static void followers_above_the_limit_are_told_so(void **state)
{
	struct stage *s = *state;
	int fds[API_MAX_FOLLOWERS], fd;

	for (unsigned i = 0; i < API_MAX_FOLLOWERS; i++) {
		fds[i] = follow(s->path, "");
		json_decref(next_line(s, fds[i]));
	}
	fd = follow(s->path, "");
	stage_expect_answer(s, fd, "busy");
	(void)close(fd);
	fd = follow(s->read_only_path, ""); // which has its own
	json_decref(next_line(s, fd));
	(void)close(fd);
	stage_expect_alive(s);

	(void)close(fds[0]);
	for (unsigned i = 1; i < 3; i++) { // the first write fails, at the latest the second
		add_events(s->f, 1);
		json_decref(next_line(s, fds[1]));
	}
	fd = follow(s->path, "");
	stage_expect_answer(s, fd, "events");
	(void)close(fd);
	for (unsigned i = 1; i < API_MAX_FOLLOWERS; i++)
		(void)close(fds[i]);
}

/* The teardown ends the daemon. */
static void the_daemon_may_end_while_somebody_follows(void **state)
{
	struct stage *s = *state;
	int fd = follow(s->path, "");

	json_decref(next_line(s, fd));
	add_events(s->f, 100);
	ctl_admin_stop(&s->f->ctl);
	assert_null(s->f->ctl.admin);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define STAGE(name) cmocka_unit_test_setup_teardown(name, stage_setup_started, stage_teardown)
		TEST(a_verdict_is_an_event),
		TEST(a_command_is_an_event_with_whoever_gave_it),
		TEST(a_planned_failover_is_an_event),
		TEST(a_dry_run_is_none),
		TEST(a_transition_of_vrrp_is_an_event),
		TEST(what_vrrp_has_to_say_besides_is_one_too),
		TEST(a_link_is_told_where_it_changes),
		TEST(the_last_server_and_the_first_one_back_are_events),
		TEST(a_quorum_is_an_event),
		TEST(a_flapping_server_fills_the_ring_and_not_the_log),
		TEST(the_newest_come_last_and_are_kept_when_there_are_too_many),
		TEST(what_is_too_old_is_left_out),
		TEST(arguments_out_of_range_are_refused),
		STAGE(who_follows_hears_of_what_comes),
		STAGE(the_read_only_socket_may_follow),
		STAGE(silence_is_broken_and_who_went_is_noticed),
		STAGE(sleeping_followers_cost_nothing),
		STAGE(a_slow_reader_loses_events_and_is_told_how_many),
		STAGE(followers_above_the_limit_are_told_so),
		STAGE(the_daemon_may_end_while_somebody_follows),
#undef STAGE
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
