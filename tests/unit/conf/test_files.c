/* Files that a configuration names: passwords that nobody else may read, certificates, programs
 * that another user can execute. */
#include "conf/program.h"
#include "conf/secret.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STRANGER = 54321, STRANGERS_GROUP = 54322 };

static int set_up(void **state)
{
	char *dir = strdup("/tmp/poise-files-XXXXXX");

	if (!dir || !mkdtemp(dir) || chmod(dir, 0755) < 0 || chdir(dir) < 0)
		return -1;
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", (const char *)*state);
	free(*state);
	return chdir("/") < 0 || system(command) != 0 ? -1 : 0;
}

static void put(const char *path, mode_t mode, const void *bytes, size_t len)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void put_text(const char *path, mode_t mode, const char *text)
{
	put(path, mode, text, strlen(text));
}

/* ---- passwords ------------------------------------------------------------------------------ */

static void assert_secret(const char *expected)
{
	char secret[CONF_MAX_SECRET + 1], why[256];

	assert_int_equal(conf_secret_read("p", secret, why, sizeof(why)), 0);
	assert_string_equal(secret, expected);
}

static void assert_no_secret(const char *expected)
{
	char secret[CONF_MAX_SECRET + 1] = "untouched", why[256] = "";

	assert_int_equal(conf_secret_read("p", secret, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, expected);
	assert_string_equal(secret, "untouched");
}

static void a_password_is_the_first_line_without_its_end(void **state)
{
	(void)state;
	put_text("p", 0600, "a b\xc3\xbc\"\\");
	assert_secret("a b\xc3\xbc\"\\");
	put_text("p", 0400, "secret\n");
	assert_secret("secret");
	assert_int_equal(unlink("p"), 0);
	put_text("p", 0600, "secret\r\nmore\n");
	assert_secret("secret");
}

static void a_password_that_others_could_touch_is_refused(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0620, 0604, 0602, 0601, 0610, 0777};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char expected[128];

		put_text("p", modes[i], "secret");
		(void)snprintf(expected, sizeof(expected),
			"\"p\" is open to others than its owner: mode %04o (0600 or 0400 is right)",
			modes[i]);
		assert_no_secret(expected);
	}
}

static void a_password_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); // only root can give a file away
	put_text("p", 0600, "secret");
	assert_int_equal(chown("p", STRANGER, 0), 0);
	assert_no_secret("\"p\" belongs to user 54321, not to root or the daemon's user");
}

static void what_is_no_password_is_refused_without_quoting_it(void **state)
{
	char large[CONF_MAX_SECRET + 1];

	(void)state;
	assert_no_secret("\"p\": No such file or directory");
	put_text("p", 0600, "");
	assert_no_secret("\"p\": its first line is empty");
	put_text("p", 0600, "\nsecret\n");
	assert_no_secret("\"p\": its first line is empty");
	put("p", 0600, "sec\0ret", 7);
	assert_no_secret("\"p\" holds a NUL byte");
	memset(large, 'x', sizeof(large));
	put("p", 0600, large, sizeof(large));
	assert_no_secret("\"p\" is larger than 1024 bytes");
	assert_int_equal(unlink("p"), 0);
	assert_int_equal(mkdir("p", 0700), 0);
	assert_no_secret("\"p\" is a directory");
	assert_int_equal(rmdir("p"), 0);
	assert_int_equal(mkfifo("p", 0600), 0);
	assert_no_secret("\"p\" is not a regular file");
}

static void a_password_of_1024_bytes_is_read(void **state)
{
	char text[CONF_MAX_SECRET + 1];

	(void)state;
	memset(text, 'x', CONF_MAX_SECRET);
	text[CONF_MAX_SECRET] = '\0';
	put_text("p", 0600, text);
	assert_secret(text);
}

/* ---- certificates --------------------------------------------------------------------------- */

static const char mark[] = "-----BEGIN CERTIFICATE-----\n";

static void a_certificate_is_found_wherever_it_stands(void **state)
{
	char why[256];

	(void)state;
	// Across the edges of what is read at once, too.
	for (unsigned before = 0; before < 9000;
		before += before < 4000 || before > 4200 ? 97 : 1) {
		FILE *out = fopen("ca", "we");

		assert_non_null(out);
		for (unsigned i = 0; i < before; i++)
			(void)fputc(i % 64 == 63 ? '\n' : '-', out);
		(void)fputs(mark, out);
		assert_int_equal(fclose(out), 0);
		assert_int_equal(conf_secret_check_certificates("ca", why, sizeof(why)), 0);
	}
}

static void what_holds_no_certificate_is_refused(void **state)
{
	char why[256];

	(void)state;
	put_text("ca", 0644, "-----BEGIN PRIVATE KEY-----\n");
	assert_int_equal(conf_secret_check_certificates("ca", why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "\"ca\" holds no certificate in PEM");
	put_text("ca", 0644, "");
	assert_int_equal(conf_secret_check_certificates("ca", why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "\"ca\" holds no certificate in PEM");
	assert_int_equal(conf_secret_check_certificates("no", why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "\"no\": No such file or directory");
	assert_int_equal(conf_secret_check_certificates("/", why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "\"/\" is a directory");
}

/* ---- programs ------------------------------------------------------------------------------- */

static const struct conf_user stranger = {
	.name = "stranger", .uid = STRANGER, .groups = {STRANGERS_GROUP}, .n_groups = 1};

/* The path of a file beside, as the configuration has it. */
static const char *absolute(const char *dir, const char *name, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", dir, name);
	return path;
}

static bool is_fine(const char *dir, const char *name, const struct conf_user *user)
{
	char path[128], why[CONF_FAULT_LEN];

	return !conf_program_has_fault(absolute(dir, name, path), user, why);
}

/* `expected` has a %s where the directory stands. */
__attribute__((format(printf, 4, 0))) static void assert_fault(
	const char *dir, const char *name, const struct conf_user *user, const char *expected)
{
	char path[128], why[CONF_FAULT_LEN] = "", text[CONF_FAULT_LEN];

	(void)snprintf(text, sizeof(text), expected, dir, geteuid(), getegid());
	assert_true(conf_program_has_fault(absolute(dir, name, path), user, why));
	assert_string_equal(why, text);
}

static void the_mode_says_who_may_execute(void **state)
{
	struct conf_user owner = stranger, member = stranger, root = stranger;
	static const struct {
		mode_t mode;
		bool owner, member, other, root;
	} rows[] = {
		{0755, true, true, true, true},
		{0700, true, false, false, true},
		{0070, false, true, false, true},
		{0007, false, false, true, true},
		{0777, true, true, true, true},
		{0707, true, false, true, true}, // the first class that fits decides
		{0666, false, false, false, false},
	};

	owner.uid = geteuid() == 0 ? STRANGER + 1 : geteuid();
	member.groups[1] = getegid(); // not the first: a supplementary one
	member.n_groups = 2;
	root.uid = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_text("x", rows[i].mode, "#!/bin/sh\n");
		if (geteuid() == 0) // root owns nothing that its mode could close to it
			assert_int_equal(chown("x", owner.uid, getegid()), 0);
		assert_int_equal(is_fine(*state, "x", &owner), rows[i].owner);
		assert_int_equal(is_fine(*state, "x", &member), rows[i].member);
		assert_int_equal(is_fine(*state, "x", &stranger), rows[i].other);
		assert_int_equal(is_fine(*state, "x", &root), rows[i].root);
		assert_int_equal(unlink("x"), 0);
	}
}

static void a_refused_program_is_told_with_its_mode(void **state)
{
	const char *dir = *state;

	put_text("x", 0750, "#!/bin/sh\n");
	assert_fault(dir, "x", &stranger,
		"\"%s/x\" cannot be executed by user \"stranger\": mode 0750, owner %u, group %u");
	put_text("y", 0711, "#!/bin/sh\n");
	assert_fault(dir, "y", &stranger,
		"\"%s/y\" cannot be read by user \"stranger\": mode 0711, owner %u, group %u");
	assert_fault(dir, "no", &stranger, "\"%s/no\": No such file or directory");
	assert_fault(dir, "x/y", &stranger, "\"%s/x/y\": Not a directory");
	assert_fault(dir, "", &stranger, "\"%s/\" is a directory");
	assert_int_equal(mkfifo("f", 0777), 0);
	assert_fault(dir, "f", &stranger, "\"%s/f\" is not a regular file");
}

static void every_directory_on_the_way_must_be_open(void **state)
{
	const char *dir = *state;

	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(chmod("d", 0755), 0); // whatever the umask
	put_text("d/x", 0755, "#!/bin/sh\n");
	assert_int_equal(symlink("d/x", "link"), 0);
	assert_true(is_fine(dir, "d/x", &stranger));
	assert_true(is_fine(dir, "link", &stranger));
	assert_int_equal(chmod("d", 0754), 0);
	assert_fault(dir, "d/x", &stranger,
		"\"%s/d\" cannot be searched by user \"stranger\": mode 0754, owner %u, group %u");
	assert_false(is_fine(dir, "link", &stranger)); // where it leads counts
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_fault(dir, "loop", &stranger, "\"%s/loop\": Too many levels of symbolic links");
}

static void a_script_needs_its_interpreter(void **state)
{
	const char *dir = *state;
	char line[128];

	put_text("x", 0755, "#! /bin/sh -e\n");
	assert_true(is_fine(dir, "x", &stranger));
	put_text("x", 0755, "#!/no/such/shell\n");
	assert_fault(dir, "x", &stranger,
		"\"%s/x\": its interpreter \"/no/such/shell\": No such file or directory");
	put_text("x", 0755, "#!sh\n");
	assert_fault(dir, "x", &stranger, "\"%s/x\": its interpreter has no absolute path");
	put_text("i", 0700,
		"\x7f"
		"ELF");
	(void)snprintf(line, sizeof(line), "#!%s/i\n", dir);
	put_text("x", 0755, line);
	assert_false(is_fine(dir, "x", &stranger));
}

static void a_text_without_an_interpreter_is_no_program(void **state)
{
	const char *dir = *state;

	put_text("x", 0755, "exit 0\n");
	assert_fault(dir, "x", &stranger, "\"%s/x\" is neither a program nor begins with \"#!\"");
	put_text("x", 0755, "");
	assert_fault(dir, "x", &stranger, "\"%s/x\" is neither a program nor begins with \"#!\"");
	put("x", 0755,
		"\x7f"
		"ELF\2\1\1\0\0",
		9);
	assert_true(is_fine(dir, "x", &stranger));
	assert_false(conf_program_has_fault("/bin/true", &stranger, NULL));
}

static void a_user_is_found_with_the_groups_it_has(void **state)
{
	struct conf_user user = {.name = "untouched"};

	(void)state;
	assert_int_equal(conf_user_find("no-such-user", &user), -ENOENT);
	assert_string_equal(user.name, "untouched");
	assert_int_equal(conf_user_find("root", &user), 0);
	assert_int_equal(user.uid, 0);
	assert_true(user.n_groups >= 1);
	assert_int_equal(user.groups[0], 0);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_DIR(a_password_is_the_first_line_without_its_end),
		IN_DIR(a_password_that_others_could_touch_is_refused),
		IN_DIR(a_password_of_another_user_is_refused),
		IN_DIR(what_is_no_password_is_refused_without_quoting_it),
		IN_DIR(a_password_of_1024_bytes_is_read),
		IN_DIR(a_certificate_is_found_wherever_it_stands),
		IN_DIR(what_holds_no_certificate_is_refused),
		IN_DIR(the_mode_says_who_may_execute),
		IN_DIR(a_refused_program_is_told_with_its_mode),
		IN_DIR(every_directory_on_the_way_must_be_open),
		IN_DIR(a_script_needs_its_interpreter),
		IN_DIR(a_text_without_an_interpreter_is_no_program),
		IN_DIR(a_user_is_found_with_the_groups_it_has),
	};
#undef IN_DIR

	return cmocka_run_group_tests(tests, NULL, NULL);
}
