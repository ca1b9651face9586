/* Clients of the admin socket: in pieces, in a hurry, mute, deaf, many, gone, and without rights.
 */
#include "control/admin.h"
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
#include <unistd.h>

#include <cmocka.h>

static const char show_ports[] = "{\"cmd\": \"show ports\"}\n";

/* ---- lines ----------------------------------------------------------------------------------- */

static void a_request_may_come_in_pieces(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);

	for (const char *c = show_ports; *c; c++) {
		char piece[2] = {*c, '\0'};

		stage_put(fd, piece);
		stage_turn(s);
		stage_turn(s);
	}
	stage_expect_answer(s, fd, "ports");
	(void)close(fd);
}

static void several_requests_are_answered_in_order(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);

	stage_put(fd, "{\"cmd\": \"show ports\"}\n\n{\"cmd\": \"show workers\"}\nrubbish\n"
		      "{\"cmd\": \"show connections\"}\r\n{\"cmd\": \"show errors\"}\n");
	stage_expect_answer(s, fd, "ports");
	stage_expect_answer(s, fd, "workers");
	stage_expect_answer(s, fd, "bad_request");
	stage_expect_answer(s, fd, "connections");
	stage_expect_answer(s, fd, "errors");
	(void)close(fd);
}

/* `echo -n '{...}' | socat - UNIX:...` */
static void the_last_line_needs_no_newline_when_the_sender_is_done(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);

	s->f->dp.polls_needed = 3;
	stage_put(fd, "{\"cmd\": \"show ports\"}\n{\"cmd\": \"show connections\"}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	stage_expect_answer(s, fd, "ports");
	stage_expect_answer(s, fd, "connections");
	stage_expect_hang_up(s, fd);
}

static void put_padded(struct stage *s, int fd, size_t len)
{
	size_t sent = 0;
	char *line = malloc(len + 1);

	assert_non_null(line);
	memset(line, ' ', len);
	memcpy(line, show_ports, strlen(show_ports) - 1);
	line[len] = '\n';
	while (sent < len + 1) {
		ssize_t n = send(fd, line + sent, len + 1 - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN)
			break;
		stage_turn(s);
	}
	free(line);
}

static void a_line_has_a_largest_length(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);

	put_padded(s, fd, API_MAX_REQUEST_BYTES);
	stage_expect_answer(s, fd, "ports");
	put_padded(s, fd, API_MAX_REQUEST_BYTES + 1);
	stage_expect_answer(s, fd, "too_large");
	stage_expect_hang_up(s, fd);
	fd = stage_connect(s->path);
	put_padded(s, fd, 20 * API_MAX_REQUEST_BYTES);
	stage_expect_answer(s, fd, "too_large");
	stage_expect_hang_up(s, fd);
	stage_expect_alive(s);
}

static void random_bytes_do_no_harm(void **state)
{
	struct stage *s = *state;
	unsigned seed = 4711;

	print_message("seed %u\n", seed);
	for (unsigned round = 0; round < 50; round++) {
		int fd = stage_connect(s->path);
		char bytes[2000];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(rand_r(&seed) >> 8);
		(void)!send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		for (unsigned i = 0; i < 10; i++)
			stage_turn(s);
		(void)close(fd);
	}
	stage_turn_until_gone(s);
	stage_expect_alive(s);
}

/* ---- many and bad clients -------------------------------------------------------------------- */

static void clients_above_the_limit_are_told_so(void **state)
{
	struct stage *s = *state;
	int fds[API_MAX_CLIENTS], fd;

	for (unsigned i = 0; i < API_MAX_CLIENTS; i++) {
		fds[i] = stage_connect(s->path);
		stage_put(fds[i], show_ports);
		stage_expect_answer(s, fds[i], "ports");
	}
	fd = stage_connect(s->path);
	stage_expect_answer(s, fd, "busy");
	stage_expect_hang_up(s, fd);

	// the other socket has its own places
	fd = stage_connect(s->read_only_path);
	stage_put(fd, show_ports);
	stage_expect_answer(s, fd, "ports");
	(void)close(fd);

	(void)close(fds[0]);
	while (s->f->ctl.admin->listeners[0].n_clients == API_MAX_CLIENTS)
		stage_turn(s);
	stage_expect_alive(s);
	for (unsigned i = 1; i < API_MAX_CLIENTS; i++)
		(void)close(fds[i]);
}

static void a_client_that_does_not_read_holds_up_nobody(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);
	double from_ms;
	unsigned n = 0;

	// until neither the daemon reads nor the kernel takes more
	for (unsigned idle = 0; idle < 100;) {
		if (send(fd, show_ports, strlen(show_ports), MSG_NOSIGNAL) > 0) {
			idle = 0;
			n++;
		} else {
			idle++;
		}
		stage_turn(s);
	}
	assert_in_range(n, 100, 100000);
	from_ms = stage_cpu_ms();
	for (unsigned i = 0; i < 1000; i++)
		stage_turn(s);
	assert_true(stage_cpu_ms() - from_ms < 500); // nor does it keep the loop busy
	stage_expect_alive(s);
	// and it gets all its answers when it reads at last
	stage_expect_answer(s, fd, "ports");
	stage_expect_answer(s, fd, "ports");
	(void)close(fd);
	stage_turn_until_gone(s);
}

static void a_large_answer_is_complete(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);
	json_t *a;

	stage_put(fd, "{\"cmd\": \"show services\", \"args\": {\"family\": 4}}\n");
	free(s->text);
	s->text = malloc(16 * STAGE_ANSWER_LEN);
	assert_non_null(s->text);
	for (size_t len = 0, n; s->text[len ? len - 1 : 0] != '\n' || len == 0; len += n) {
		ssize_t r = recv(fd, s->text + len, 15 * STAGE_ANSWER_LEN - len, 0);

		n = r > 0 ? (size_t)r : 0;
		s->text[len + n] = '\0';
		stage_turn(s);
	}
	a = json_loads(s->text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(a, "services")), 20);
	expect(a, "services.19.servers.99.server", "\"server-99\"");
	json_decref(a);
	(void)close(fd);
}

/* Everything that asks at once gets its turn, and the loop goes round meanwhile. */
static void no_turn_of_the_loop_is_long_under_load(void **state)
{
	struct stage *s = *state;
	int fds[12];
	double longest_ms = 0;
	unsigned n_done = 0;

	for (unsigned i = 0; i < 12; i++) {
		fds[i] = stage_connect(s->path);
		stage_put(fds[i], "{\"cmd\": \"show services\"}\n");
	}
	for (unsigned k = 0; n_done < 12; k++) {
		double from_ms = stage_cpu_ms(), took_ms;
		ssize_t n;

		stage_turn(s);
		took_ms = stage_cpu_ms() - from_ms;
		longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
		n = recv(fds[k % 12], s->text, STAGE_ANSWER_LEN, 0);
		n_done += n > 0 && s->text[n - 1] == '\n';
	}
	print_message("longest turn %.2f ms\n", longest_ms);
	assert_true(longest_ms < 100); // 2 ms are meant; sanitizers take more
	for (unsigned i = 0; i < 12; i++)
		(void)close(fds[i]);
}

/* ---- clients that leave ---------------------------------------------------------------------- */

static void a_change_is_carried_through_when_its_client_leaves(void **state)
{
	struct stage *s = *state;
	struct ctl *ctl = &s->f->ctl;
	int fd = stage_connect(s->path);

	stage_put(
		fd, "{\"cmd\": \"set server\", \"args\": {\"target\": \"*/*\", \"weight\": 9}}\n");
	while (s->f->dp.n_weight_calls == 0)
		stage_turn(s);
	assert_int_not_equal(ctl->servers[ctl->n_servers - 1].weight, 9);
	(void)close(fd);
	stage_turn_until_gone(s);
	for (unsigned i = 0; i < ctl->n_servers; i++)
		assert_int_equal(ctl->servers[i].weight, 9);
}

static void a_query_whose_client_left_is_ended_and_freed(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);

	s->f->dp.polls_needed = 5;
	stage_put(fd, "{\"cmd\": \"show connections\"}\n");
	while (s->f->dp.n_queries == 0)
		stage_turn(s);
	(void)close(fd);
	stage_turn_until_gone(s);
	assert_int_equal(s->f->dp.n_freed, 1);
	assert_null(s->f->dp.query);
}

static void queries_wait_for_each_other(void **state)
{
	struct stage *s = *state;
	int fds[8];

	s->f->dp.polls_needed = 2;
	for (unsigned i = 0; i < 8; i++) {
		fds[i] = stage_connect(s->path);
		stage_put(fds[i], "{\"cmd\": \"show connections\"}\n");
	}
	for (unsigned i = 0; i < 8; i++) {
		stage_expect_answer(s, fds[i], "connections");
		(void)close(fds[i]);
	}
	assert_int_equal(s->f->dp.n_queries, 8);
	assert_int_equal(s->f->dp.n_freed, 8);
}

static void stopping_ends_clients_in_the_middle_of_things(void **state)
{
	struct stage *s = *state;
	int fds[4];

	s->f->dp.polls_needed = 1000000;
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = stage_connect(s->path);
		stage_put(fds[i], i % 2 ? "{\"cmd\": \"show connections\"}\n"
					: "{\"cmd\": \"show servers\"}\n");
	}
	while (s->f->dp.n_queries == 0)
		stage_turn(s);
	ctl_admin_stop(&s->f->ctl);
	assert_int_equal(s->f->dp.n_freed, 1);
	for (unsigned i = 0; i < 4; i++)
		(void)close(fds[i]);
}

/* ---- rights ---------------------------------------------------------------------------------- */

static void the_read_only_socket_shows_and_changes_nothing(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->read_only_path);

	stage_put(
		fd, "{\"cmd\": \"set server\", \"args\": {\"target\": \"*/*\", \"weight\": 1}}\n");
	stage_expect_answer(s, fd, "not_permitted");
	stage_put(fd, show_ports);
	stage_expect_answer(s, fd, "ports");
	assert_int_equal(s->f->dp.n_weight_calls, 0);
	(void)close(fd);
}

static void the_log_names_user_and_process_of_the_peer(void **state)
{
	struct stage *s = *state;
	int fd = stage_connect(s->path);
	char who[64];

	stage_put(fd, "{\"cmd\": \"set server\", \"args\": {\"target\": \"imaps/master\", "
		      "\"weight\": 7}}\n");
	stage_expect_answer(s, fd, "changes");
	(void)snprintf(who, sizeof(who), "uid=%u pid=%d ", (unsigned)getuid(), (int)getpid());
	assert_non_null(strstr(fixture_log(fixture_log_count() - 1), who));
	(void)close(fd);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, stage_setup_started, stage_teardown)
#define LARGE(test) cmocka_unit_test_setup_teardown(test, stage_setup_large, stage_teardown)
	const struct CMUnitTest tests[] = {
		T(a_request_may_come_in_pieces),
		T(several_requests_are_answered_in_order),
		T(the_last_line_needs_no_newline_when_the_sender_is_done),
		T(a_line_has_a_largest_length),
		T(random_bytes_do_no_harm),
		T(clients_above_the_limit_are_told_so),
		T(a_client_that_does_not_read_holds_up_nobody),
		LARGE(a_large_answer_is_complete),
		LARGE(no_turn_of_the_loop_is_long_under_load),
		LARGE(a_change_is_carried_through_when_its_client_leaves),
		T(a_query_whose_client_left_is_ended_and_freed),
		T(queries_wait_for_each_other),
		T(stopping_ends_clients_in_the_middle_of_things),
		T(the_read_only_socket_shows_and_changes_nothing),
		T(the_log_names_user_and_process_of_the_peer),
	};
#undef T
#undef LARGE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
