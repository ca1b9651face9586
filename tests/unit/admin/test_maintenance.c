/* The maintenance directory, in a folder of the test's own: files come and go in every way there
 * is, and so does the directory. */
#include "control/maintenance.h"
#include "tests/unit/admin/fixture.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_LEN = 256, HANG_MS = 10000 };

struct stage {
	struct fixture *f;
	char folder[64];
	char dir[96]; // in it: the maintenance directory
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static int setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/poise-maint.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	(void)snprintf(s->dir, sizeof(s->dir), "%s/maintenance", s->folder);
	assert_int_equal(mkdir(s->dir, 0755), 0);
	s->f = fixture_new();
	s->f->ctl.base = event_base_new();
	s->f->conf.health.maintenance_dir = s->dir;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;
	char command[PATH_LEN];

	ctl_maintenance_stop(&s->f->ctl);
	event_base_free(s->f->ctl.base);
	s->f->ctl.base = NULL;
	fixture_free(s->f);
	(void)snprintf(command, sizeof(command), "rm -r %s", s->folder);
	assert_int_equal(system(command), 0);
	free(s);
	return 0;
}

static void start(struct stage *s)
{
	assert_int_equal(ctl_maintenance_start(&s->f->ctl), 0);
}

static void in_dir(const struct stage *s, const char *name, char path[PATH_LEN])
{
	(void)snprintf(path, PATH_LEN, "%s/%s", s->dir, name);
}

static void touch(const struct stage *s, const char *name)
{
	char path[PATH_LEN];
	int fd;

	in_dir(s, name, path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	(void)close(fd);
}

static void drop(const struct stage *s, const char *name)
{
	char path[PATH_LEN];

	in_dir(s, name, path);
	assert_int_equal(unlink(path), 0);
}

static void move(const struct stage *s, const char *from, const char *to)
{
	char a[PATH_LEN], b[PATH_LEN];

	in_dir(s, from, a);
	in_dir(s, to, b);
	assert_int_equal(rename(a, b), 0);
}

/* What is pending, and nothing more. */
static void turn(struct stage *s)
{
	while (event_base_loop(s->f->ctl.base, EVLOOP_NONBLOCK) == 0 &&
		event_base_get_num_events(s->f->ctl.base, EVENT_BASE_COUNT_ACTIVE) > 0)
		;
}

/* How many of the server's halves are held; all or none, in every service. */
static bool is_held(const struct stage *s, const char *name)
{
	unsigned n = 0, n_held = 0;

	for (unsigned i = 0; i < s->f->ctl.n_servers; i++) {
		const struct ctl_server *server = &s->f->ctl.servers[i];

		if (strcmp(server->conf->name, name) != 0)
			continue;
		n++;
		n_held += server->is_held;
		assert_true(!server->is_held || ctl_server_effective_weight(server) == 0);
	}
	assert_true(n > 1 && (n_held == 0 || n_held == n));
	return n_held > 0;
}

static void files_that_are_there_already_count(void **state)
{
	struct stage *s = *state;

	touch(s, "slave-1");
	start(s);
	assert_true(is_held(s, "slave-1"));
	assert_false(is_held(s, "slave-2"));
	assert_false(is_held(s, "master"));
}

static void a_file_takes_a_server_out_of_every_service_until_it_goes(void **state)
{
	struct stage *s = *state;

	start(s);
	assert_false(is_held(s, "slave-1"));
	touch(s, "slave-1");
	turn(s);
	assert_true(is_held(s, "slave-1"));
	assert_false(is_held(s, "slave-2"));
	touch(s, "slave-2");
	drop(s, "slave-1");
	turn(s);
	assert_false(is_held(s, "slave-1"));
	assert_true(is_held(s, "slave-2"));
}

static void workers_are_told_once_for_each_half(void **state)
{
	struct stage *s = *state;
	unsigned calls;

	start(s);
	calls = s->f->dp.n_weight_calls;
	touch(s, "slave-1");
	turn(s);
	assert_int_equal(s->f->dp.n_weight_calls - calls, 2 + 2 + 4); // imaps, imap, dns
	calls = s->f->dp.n_weight_calls;
	touch(s, "slave-1"); // again: nothing changes
	touch(s, ".slave-1.swp");
	turn(s);
	ctl_maintenance_look(&s->f->ctl);
	assert_int_equal(s->f->dp.n_weight_calls, calls);
}

static void renames_in_and_out_and_within_count(void **state)
{
	struct stage *s = *state;

	start(s);
	touch(s, "../slave-1");
	move(s, "../slave-1", "slave-1");
	turn(s);
	assert_true(is_held(s, "slave-1"));
	move(s, "slave-1", "slave-2");
	turn(s);
	assert_false(is_held(s, "slave-1"));
	assert_true(is_held(s, "slave-2"));
	move(s, "slave-2", "../slave-2");
	turn(s);
	assert_false(is_held(s, "slave-2"));
	// as an editor writes: a file of another name, renamed over the old one
	touch(s, "slave-1");
	touch(s, ".slave-1.tmp");
	move(s, ".slave-1.tmp", "slave-1");
	turn(s);
	assert_true(is_held(s, "slave-1"));
}

static unsigned count_logs(const char *part)
{
	unsigned n = 0;

	for (unsigned i = 0; i < fixture_log_count(); i++)
		n += strstr(fixture_log(i), part) != NULL;
	return n;
}

static void names_of_no_server_are_told_once_and_those_of_editors_never(void **state)
{
	struct stage *s = *state;

	start(s);
	touch(s, "slave-9");
	touch(s, ".slave-1.swp");
	touch(s, "slave-1~");
	touch(s, "#slave-1#");
	turn(s);
	touch(s, "master");
	turn(s);
	assert_true(is_held(s, "master"));
	assert_int_equal(count_logs("slave-9: no server has that name"), 1);
	assert_int_equal(count_logs("no server has that name"), 1);
	drop(s, "slave-9");
	turn(s);
	touch(s, "slave-9");
	turn(s);
	assert_int_equal(count_logs("no server has that name"), 2);
}

static void many_strays_are_told_up_to_a_bound(void **state)
{
	struct stage *s = *state;

	for (unsigned i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "stray-%u", i);
		touch(s, name);
	}
	touch(s, "slave-1");
	start(s);
	assert_true(is_held(s, "slave-1"));
	assert_true(fixture_log_count() <= LOG_LINES + 8);
}

static void a_directory_that_goes_holds_nobody_and_counts_when_it_is_back(void **state)
{
	struct stage *s = *state;

	start(s);
	touch(s, "slave-1");
	turn(s);
	drop(s, "slave-1");
	touch(s, "slave-2");
	drop(s, "slave-2");
	assert_int_equal(rmdir(s->dir), 0);
	turn(s);
	assert_false(is_held(s, "slave-1"));
	assert_int_equal(count_logs("no file holds a server"), 1);
	ctl_maintenance_look(&s->f->ctl);
	ctl_maintenance_look(&s->f->ctl);
	assert_int_equal(count_logs("no file holds a server"), 1);

	assert_int_equal(mkdir(s->dir, 0755), 0);
	touch(s, "slave-1");
	ctl_maintenance_look(&s->f->ctl);
	assert_true(is_held(s, "slave-1"));
	assert_int_equal(count_logs("can be read again"), 1);
	touch(s, "slave-2"); // it is watched again
	turn(s);
	assert_true(is_held(s, "slave-2"));
}

static void another_directory_in_its_place_is_the_one(void **state)
{
	struct stage *s = *state;
	char away[PATH_LEN];

	start(s);
	touch(s, "slave-1");
	turn(s);
	(void)snprintf(away, sizeof(away), "%s/away", s->folder);
	assert_int_equal(rename(s->dir, away), 0);
	assert_int_equal(mkdir(s->dir, 0755), 0);
	touch(s, "slave-2");
	turn(s);
	ctl_maintenance_look(&s->f->ctl);
	assert_false(is_held(s, "slave-1"));
	assert_true(is_held(s, "slave-2"));
}

static void a_directory_that_comes_later_is_found(void **state)
{
	struct stage *s = *state;

	assert_int_equal(rmdir(s->dir), 0);
	start(s);
	assert_int_equal(count_logs("no file holds a server"), 1);
	assert_int_equal(mkdir(s->dir, 0755), 0);
	touch(s, "master");
	ctl_maintenance_look(&s->f->ctl);
	assert_true(is_held(s, "master"));
}

static void something_else_than_a_directory_holds_nobody(void **state)
{
	struct stage *s = *state;
	char file[PATH_LEN];

	touch(s, "../file");
	assert_int_equal(rmdir(s->dir), 0);
	(void)snprintf(file, sizeof(file), "%s/file", s->folder);
	assert_int_equal(rename(file, s->dir), 0);
	start(s);
	ctl_maintenance_look(&s->f->ctl);
	turn(s);
	assert_false(is_held(s, "master"));
	assert_int_equal(count_logs("maintenance"), 1);
}

/* More events than the queue holds: what counts is what is there. */
static void a_queue_that_overflows_loses_nothing(void **state)
{
	struct stage *s = *state;
	const int64_t end = now_ms() + HANG_MS;
	long limit = 16384;
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	if (file) {
		(void)!fscanf(file, "%ld", &limit);
		(void)fclose(file);
	}
	start(s);
	for (long i = 0; i < limit; i++) {
		touch(s, ".x");
		drop(s, ".x");
	}
	touch(s, "slave-1");
	while (!is_held(s, "slave-1") && now_ms() < end)
		turn(s);
	assert_true(is_held(s, "slave-1"));
}

#define maintenance_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		maintenance_test(files_that_are_there_already_count),
		maintenance_test(a_file_takes_a_server_out_of_every_service_until_it_goes),
		maintenance_test(workers_are_told_once_for_each_half),
		maintenance_test(renames_in_and_out_and_within_count),
		maintenance_test(names_of_no_server_are_told_once_and_those_of_editors_never),
		maintenance_test(many_strays_are_told_up_to_a_bound),
		maintenance_test(a_directory_that_goes_holds_nobody_and_counts_when_it_is_back),
		maintenance_test(another_directory_in_its_place_is_the_one),
		maintenance_test(a_directory_that_comes_later_is_found),
		maintenance_test(something_else_than_a_directory_holds_nobody),
		maintenance_test(a_queue_that_overflows_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
