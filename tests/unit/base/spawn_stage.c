/* The spawner of a test: made for each, asked by shell scripts, and waited for. */
#include "spawn_stage.h"

#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

int64_t spawn_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

const char *spawn_own_user(void)
{
	return geteuid() == 0 ? "nobody" : getpwuid(geteuid())->pw_name;
}

int spawn_set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/poise-spawn.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	assert_int_equal(chmod(s->folder, 0777), 0);
	assert_int_equal(spawner_start(spawn_own_user(), 2, &s->spawner), 0);
	s->channel = spawner_channel(s->spawner, 0);
	*state = s;
	return 0;
}

int spawn_tear_down(void **state)
{
	struct stage *s = *state;
	char command[128];

	spawner_stop(s->spawner);
	(void)snprintf(command, sizeof(command), "rm -r %s", s->folder);
	assert_int_equal(system(command), 0);
	free(s);
	return 0;
}

int spawn_try(struct stage *s, uint64_t id, const char *script, uint32_t timeout_ms)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	char folder[96];
	const char *const env[] = {folder, "POISE_TEST=a b", NULL};
	const struct spawn_request request = {id, argv, env, timeout_ms};

	(void)snprintf(folder, sizeof(folder), "FOLDER=%s", s->folder);
	return spawn_run(s->channel, &request);
}

void spawn_start(struct stage *s, uint64_t id, const char *script, uint32_t timeout_ms)
{
	assert_int_equal(spawn_try(s, id, script, timeout_ms), 0);
}

/* 1, -EPIPE, or 0 after the time. */
int spawn_await(struct spawn_channel *c, int timeout_ms, struct spawn_result *ret)
{
	struct pollfd p = {.fd = spawn_fd(c), .events = POLLIN};

	if (poll(&p, 1, timeout_ms) != 1)
		return 0;
	return spawn_take(c, ret);
}

struct spawn_result spawn_result_of(struct stage *s, const char *script, uint32_t timeout_ms)
{
	static const uint64_t id = UINT64_C(0x123456789abcdef0);
	struct spawn_result r;

	spawn_start(s, id, script, timeout_ms);
	assert_int_equal(spawn_await(s->channel, HANG_MS, &r), 1);
	assert_true(r.id == id);
	return r;
}

void spawn_assert_end(const struct spawn_result *r, enum spawn_end end, int value)
{
	if (r->end != end || r->value != value)
		fail_msg("end %d value %d, output \"%s\"", r->end, r->value, r->output);
}

/* Reads what a program wrote into the folder. */
bool spawn_read_file(const struct stage *s, const char *name, char *buf, size_t size)
{
	char path[128];
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", s->folder, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(buf, 1, size - 1, file);
	(void)fclose(file);
	buf[n] = '\0';
	return n > 0;
}

/* The process whose number a program wrote there. */
pid_t spawn_await_pid(const struct stage *s, const char *name)
{
	const int64_t end = spawn_now_ms() + HANG_MS;
	char text[32];

	while (spawn_now_ms() < end) {
		if (spawn_read_file(s, name, text, sizeof(text)) && strchr(text, '\n'))
			return (pid_t)strtol(text, NULL, 10);
		(void)usleep(2000);
	}
	fail_msg("no pid in %s", name);
	return 0;
}

/* Gone, or dead and not waited for by whoever inherited it. */
bool spawn_is_gone(pid_t pid)
{
	char path[64], line[256] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	(void)!fread(line, 1, sizeof(line) - 1, file);
	(void)fclose(file);
	return strstr(line, ") Z ") != NULL || line[0] == '\0';
}

void spawn_assert_goes(pid_t pid)
{
	const int64_t end = spawn_now_ms() + HANG_MS;

	while (!spawn_is_gone(pid) && spawn_now_ms() < end)
		(void)usleep(2000);
	assert_true(spawn_is_gone(pid));
}
