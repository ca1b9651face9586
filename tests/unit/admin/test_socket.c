/* The files behind the admin sockets: rights, leftovers, and other instances. */
#include "control/admin.h"
#include "tests/unit/admin/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void sockets_have_their_modes_in_a_folder_that_is_made(void **state)
{
	struct stage *s = *state;

	s->f->conf.control.mode = 0660;
	assert_int_equal(ctl_admin_start(&s->f->ctl), 0);
	assert_int_equal(mode_of(s->path), 0660);
	assert_int_equal(mode_of(s->read_only_path), 0666);
	ctl_admin_stop(&s->f->ctl);
	assert_int_equal(access(s->path, F_OK), -1);
	assert_int_equal(access(s->read_only_path, F_OK), -1);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct stage *s = *state;
	struct ctl_socket stale;

	assert_int_equal(ctl_admin_socket_open(s->path, NULL, 0600, &stale), 0);
	(void)close(stale.fd);
	assert_int_equal(access(s->path, F_OK), 0);
	assert_int_equal(ctl_admin_start(&s->f->ctl), 0);
	stage_expect_alive(s);
}

static void a_living_instance_keeps_its_socket(void **state)
{
	struct stage *s = *state;
	struct fixture *second = fixture_new();

	assert_int_equal(ctl_admin_start(&s->f->ctl), 0);
	second->ctl.base = s->f->ctl.base;
	second->conf.control = s->f->conf.control;
	assert_int_equal(ctl_admin_start(&second->ctl), -EADDRINUSE);
	assert_null(second->ctl.admin);
	fixture_free(second);
	stage_expect_alive(s);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct stage *s = *state;
	int fd;

	(void)snprintf(s->path, sizeof(s->path), "%s/poise.sock", s->folder);
	fd = open(s->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(ctl_admin_start(&s->f->ctl), -EADDRINUSE);
	assert_int_equal(access(s->path, F_OK), 0);
}

static void a_start_that_fails_leaves_nothing(void **state)
{
	struct stage *s = *state;
	char path[256];

	s->f->conf.control.group = "no-such-group-here";
	assert_int_equal(ctl_admin_start(&s->f->ctl), -ENOENT);
	assert_int_equal(access(s->path, F_OK), -1);

	s->f->conf.control.group = NULL;
	(void)snprintf(path, sizeof(path), "%s/%0150d", s->folder, 0);
	s->f->conf.control.read_only_socket = path;
	assert_int_equal(ctl_admin_start(&s->f->ctl), -ENAMETOOLONG);
	assert_int_equal(access(s->path, F_OK), -1);
	assert_null(s->f->ctl.admin);
}

/* Another instance may have replaced the file meanwhile. */
static void a_socket_that_is_no_longer_ours_is_not_removed(void **state)
{
	struct stage *s = *state;
	struct ctl_socket other;

	assert_int_equal(ctl_admin_start(&s->f->ctl), 0);
	assert_int_equal(unlink(s->path), 0);
	assert_int_equal(ctl_admin_socket_open(s->path, NULL, 0600, &other), 0);
	ctl_admin_stop(&s->f->ctl);
	assert_int_equal(access(s->path, F_OK), 0);
	(void)close(other.fd);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		T(sockets_have_their_modes_in_a_folder_that_is_made),
		T(a_stale_socket_is_replaced),
		T(a_living_instance_keeps_its_socket),
		T(a_file_that_is_no_socket_is_left_alone),
		T(a_start_that_fails_leaves_nothing),
		T(a_socket_that_is_no_longer_ours_is_not_removed),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
