/* A daemon's admin socket, and its clients, in one thread. */
#include "tests/unit/admin/stage.h"

#include "control/admin.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int setup_with(void **state, struct fixture *f)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)strcpy(s->folder, "/tmp/poise-admin-test.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	(void)snprintf(s->path, sizeof(s->path), "%s/run/poise.sock", s->folder);
	(void)snprintf(s->read_only_path, sizeof(s->read_only_path), "%s/run/ro.sock", s->folder);
	s->f = f;
	f->ctl.base = event_base_new();
	f->conf.control = (struct conf_control){
		.socket = s->path, .read_only_socket = s->read_only_path, .mode = 0600};
	s->text = malloc(STAGE_ANSWER_LEN);
	assert_non_null(s->text);
	*state = s;
	return 0;
}

int stage_setup(void **state)
{
	return setup_with(state, fixture_new());
}

int stage_setup_started(void **state)
{
	(void)stage_setup(state);
	return ctl_admin_start(&((struct stage *)*state)->f->ctl);
}

int stage_setup_large(void **state)
{
	(void)setup_with(state, fixture_new_large(20, 100));
	return ctl_admin_start(&((struct stage *)*state)->f->ctl);
}

int stage_teardown(void **state)
{
	struct stage *s = *state;
	char folder[96];

	ctl_admin_stop(&s->f->ctl);
	event_base_free(s->f->ctl.base);
	fixture_free(s->f);
	(void)unlink(s->path);
	(void)unlink(s->read_only_path);
	(void)snprintf(folder, sizeof(folder), "%s/run", s->folder);
	(void)rmdir(folder);
	assert_int_equal(rmdir(s->folder), 0); // nothing else was left there
	free(s->text);
	free(s);
	return 0;
}

/* ---- turning the loop ------------------------------------------------------------------------ */

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Time of this thread's own: others on the machine do not count. */
double stage_cpu_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void stage_turn(struct stage *s)
{
	(void)event_base_loop(s->f->ctl.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

int stage_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void stage_put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads up to a newline, turning the loop meanwhile. False if the daemon hangs up first. */
bool stage_get_line(struct stage *s, int fd)
{
	double end_ms = now_ms() + STAGE_LIMIT_MS;
	size_t len = 0;

	while (now_ms() < end_ms) {
		ssize_t n = recv(fd, s->text + len, 1, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return false;
		if (n < 0) {
			stage_turn(s);
			continue;
		}
		if (s->text[len] == '\n') {
			s->text[len] = '\0';
			return true;
		}
		assert_true(++len < STAGE_ANSWER_LEN);
	}
	fail_msg("no answer in %d ms", STAGE_LIMIT_MS);
	return false;
}

static json_t *get(struct stage *s, int fd)
{
	json_t *answer;

	assert_true(stage_get_line(s, fd));
	answer = json_loads(s->text, 0, NULL);
	assert_true(json_is_object(answer));
	return answer;
}

void stage_expect_hang_up(struct stage *s, int fd)
{
	assert_false(stage_get_line(s, fd));
	(void)close(fd);
}

/* An answer with this list, or with an error of this code. */
void stage_expect_answer(struct stage *s, int fd, const char *list_or_code)
{
	json_t *a = get(s, fd);

	if (!json_object_get(a, list_or_code))
		assert_string_equal(fixture_code(a), list_or_code);
	json_decref(a);
}

/* The daemon serves a new client. */
void stage_expect_alive(struct stage *s)
{
	int fd = stage_connect(s->path);

	stage_put(fd, "{\"cmd\": \"show ports\"}\n");
	stage_expect_answer(s, fd, "ports");
	(void)close(fd);
}

void stage_turn_until_gone(struct stage *s)
{
	double end_ms = now_ms() + STAGE_LIMIT_MS;

	while (s->f->ctl.admin->listeners[0].n_clients > 0) {
		stage_turn(s);
		assert_true(now_ms() < end_ms);
	}
}
