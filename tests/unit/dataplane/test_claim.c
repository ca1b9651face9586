/* The claim of a kernel interface: one process has it, loses it with its life, and nobody else can
 * take it in its place. */
#include "dataplane/claim.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { INDEX = 7, CONTENDERS = 8, ROUNDS = 200 };

static int setup(void **state)
{
	char *folder = calloc(1, 64);

	(void)snprintf(folder, 64, "/tmp/poise-claim-XXXXXX");
	*state = folder;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
	free(*state);
	return system(command) == 0 ? 0 : -1;
}

static void a_second_claim_is_refused_until_the_first_is_given_back(void **state)
{
	struct dp_claim first = {.fd = -1}, second = {.fd = -1};

	assert_int_equal(dp_claim_take(*state, INDEX, &first), 0);
	assert_int_equal(dp_claim_take(*state, INDEX, &second), -EADDRINUSE);
	assert_int_equal(second.fd, -1);
	dp_claim_give_back(&second);
	dp_claim_give_back(&first);
	assert_int_equal(first.fd, -1);
	assert_int_equal(access(first.path, F_OK), -1); // it leaves nothing
	assert_int_equal(dp_claim_take(*state, INDEX, &second), 0);
	dp_claim_give_back(&second);
}

static void claims_of_other_interfaces_do_not_meet(void **state)
{
	struct dp_claim first, other;

	assert_int_equal(dp_claim_take(*state, INDEX, &first), 0);
	assert_int_equal(dp_claim_take(*state, INDEX + 1, &other), 0);
	dp_claim_give_back(&first);
	dp_claim_give_back(&other);
}

static void a_folder_that_is_not_there_is_made_and_removed(void **state)
{
	char folder[80];
	struct dp_claim claim;
	struct stat st;

	(void)snprintf(folder, sizeof(folder), "%s/run", (char *)*state);
	assert_int_equal(dp_claim_take(folder, INDEX, &claim), 0);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & (S_IWGRP | S_IWOTH), 0);
	assert_int_equal(stat(claim.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); // a lock needs no more than reading
	dp_claim_give_back(&claim);
	assert_int_equal(access(folder, F_OK), -1); // and goes again
}

static void a_folder_that_others_write_into_is_not_trusted(void **state)
{
	struct dp_claim claim;

	assert_int_equal(chmod(*state, 0775), 0);
	assert_int_equal(dp_claim_take(*state, INDEX, &claim), -EPERM);
	assert_int_equal(chmod(*state, 01777), 0);
	assert_int_equal(dp_claim_take(*state, INDEX, &claim), -EPERM);
	assert_int_equal(chmod(*state, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(*state, 65534, 65534), 0);
		assert_int_equal(dp_claim_take(*state, INDEX, &claim), -EPERM);
	}
}

/* The child claims, says so, and waits to be killed. */
static pid_t claim_in_a_child(const char *folder)
{
	struct dp_claim claim;
	int said[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(said), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		byte = dp_claim_take(folder, INDEX, &claim) == 0 ? 'y' : 'n';
		(void)!write(said[1], &byte, 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(said[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(close(said[0]), 0);
	assert_int_equal(close(said[1]), 0);
	return child;
}

static void a_killed_process_claims_nothing(void **state)
{
	pid_t child = claim_in_a_child(*state);
	struct dp_claim claim;

	assert_int_equal(dp_claim_take(*state, INDEX, &claim), -EADDRINUSE);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(dp_claim_take(*state, INDEX, &claim), 0);
	dp_claim_give_back(&claim);
}

/* Takes and gives back; the marker file exists only while one of them has the claim. Returns how
 * often two had it. */
static int contend(const char *folder)
{
	char marker[80], run[80];
	int n_twice = 0;

	(void)snprintf(run, sizeof(run), "%s/run", folder);
	(void)snprintf(marker, sizeof(marker), "%s/marker", folder);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct dp_claim claim;

		if (dp_claim_take(run, INDEX, &claim) < 0)
			continue;
		n_twice += mkdir(marker, 0700) < 0;
		(void)usleep(50);
		n_twice += rmdir(marker) < 0;
		dp_claim_give_back(&claim);
	}
	return n_twice;
}

static void never_do_two_have_it(void **state)
{
	pid_t children[CONTENDERS];
	int status;

	for (unsigned i = 0; i < CONTENDERS; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(contend(*state) ? 1 : 0);
	}
	for (unsigned i = 0; i < CONTENDERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_second_claim_is_refused_until_the_first_is_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			claims_of_other_interfaces_do_not_meet, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_folder_that_is_not_there_is_made_and_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_folder_that_others_write_into_is_not_trusted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_process_claims_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(never_do_two_have_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
