/* The program `poise` as a script finds it: output, errors and exit status, against a daemon of
 * the test's that gives one answer and keeps the requests. */
#include "control/api.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_OUTPUT = 65536 };

struct stage {
	const char *poise; // the program
	char folder[64], path[96];
	int listener;
	pid_t daemon;
	char out[MAX_OUTPUT], err[MAX_OUTPUT];
};

static const char status_answer[] =
	"{\"schema\": 1, \"time\": \"2026-05-16T09:14:02.113Z\", \"node\": \"lb-1\"}\n";
static const char ports_answer[] =
	"{\"schema\": 1, \"ports\": [{\"port\": \"wan\"}, {\"port\": \"lan\"}]}\n";
static const char change_answer[] =
	"{\"schema\": 1, \"dry_run\": false, \"changes\": [{\"service\": \"imaps\", "
	"\"server\": \"slave-1\", \"families\": [4, 6], \"field\": \"weight\", \"old\": 640, "
	"\"new\": 320, \"configured\": 640, \"connections\": 1}]}\n";
static const char release_answer[] =
	"{\"schema\": 1, \"dry_run\": false, \"changes\": [{\"group\": \"frontend\", "
	"\"state\": \"master\", \"field\": \"is_released\", \"old\": false, \"new\": true, "
	"\"configured\": false}]}\n";
static const char events_answers[] =
	"{\"schema\": 1, \"lost\": 0, \"events\": [{\"event\": 1, \"at\": \"T1\", "
	"\"message\": \"one\"}]}\n{\"schema\": 1, \"lost\": 0, \"events\": []}\n"
	"{\"schema\": 1, \"lost\": 7, \"events\": [{\"event\": 9, \"at\": \"T9\", "
	"\"message\": \"nine\"}]}\n";
static const char not_found_answer[] = "{\"schema\": 1, \"error\": {\"code\": \"not_found\", "
				       "\"message\": \"no service \\\"x\\\"\"}}\n";
static const char not_permitted_answer[] =
	"{\"schema\": 1, \"error\": {\"code\": \"not_permitted\", \"message\": \"read-only\"}}\n";

static int setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_non_null(s);
	s->poise = *state;
	(void)strcpy(s->folder, "/tmp/poise-cli-test.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	(void)snprintf(s->path, sizeof(s->path), "%s/sock", s->folder);
	(void)strcpy(address.sun_path, s->path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	*state = s;
	return 0;
}

static void stop_daemon(struct stage *s)
{
	if (s->daemon <= 0)
		return;
	(void)kill(s->daemon, SIGKILL);
	(void)waitpid(s->daemon, NULL, 0);
	s->daemon = 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;

	stop_daemon(s);
	(void)close(s->listener);
	(void)unlink(s->path);
	(void)rmdir(s->folder);
	*state = (void *)s->poise;
	free(s);
	return 0;
}

/* A process that gives every client the same bytes for its first line. */
static void serve(struct stage *s, const char *answer)
{
	stop_daemon(s);
	s->daemon = fork();
	assert_true(s->daemon >= 0);
	if (s->daemon > 0)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(s->listener, NULL, NULL);
		char byte = 0;

		while (recv(fd, &byte, 1, 0) == 1 && byte != '\n')
			;
		(void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		(void)close(fd);
	}
}

static void read_all(FILE *in, char *text)
{
	size_t n;

	rewind(in);
	n = fread(text, 1, MAX_OUTPUT - 1, in);
	text[n] = '\0';
	(void)fclose(in);
}

/* Runs "poise -s SOCKET ARGS", split by a shell, with that standard input. Exit status. */
static int run_from(struct stage *s, const char *args, int in)
{
	FILE *out = tmpfile(), *err = tmpfile();
	char command[1024];
	int status;
	pid_t pid;

	assert_true(out && err);
	(void)snprintf(command, sizeof(command), "exec %s -s %s %s", s->poise, s->path, args);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(in, STDIN_FILENO);
		(void)dup2(fileno(out), STDOUT_FILENO);
		(void)dup2(fileno(err), STDERR_FILENO);
		(void)execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	read_all(out, s->out);
	read_all(err, s->err);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The same, reading `input` from a file. */
static int run(struct stage *s, const char *args, const char *input)
{
	FILE *in = tmpfile();
	int status;

	assert_non_null(in);
	(void)fputs(input, in);
	rewind(in);
	status = run_from(s, args, fileno(in));
	(void)fclose(in);
	return status;
}

/* The same, with what a person types on a terminal. */
static int run_typed(struct stage *s, const char *args, const char *typed)
{
	int person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int terminal, status;

	assert_true(person >= 0);
	assert_int_equal(grantpt(person), 0);
	assert_int_equal(unlockpt(person), 0);
	terminal = open(ptsname(person), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	assert_int_equal(write(person, typed, strlen(typed)), strlen(typed));
	status = run_from(s, args, terminal);
	(void)close(terminal);
	(void)close(person);
	return status;
}

static void an_answer_is_printed_and_the_status_is_0(void **state)
{
	struct stage *s = *state;

	serve(s, change_answer);
	assert_int_equal(run(s, "set server imaps/slave-1 weight 50%", ""), 0);
	assert_string_equal(s->out, "imaps/slave-1 (IPv4, IPv6): weight 640 -> 320 "
				    "(run-time only, until restart)\n");
	assert_string_equal(s->err, "");
	assert_int_equal(run(s, "-q set server imaps/slave-1 weight 50%", ""), 0);
	assert_string_equal(s->out, "");
}

static void json_is_one_document_or_one_object_a_line(void **state)
{
	struct stage *s = *state;
	json_t *doc, *wanted = json_loads(ports_answer, 0, NULL);

	serve(s, ports_answer);
	assert_int_equal(run(s, "-j show ports", ""), 0);
	doc = json_loads(s->out, 0, NULL);
	assert_true(json_equal(doc, wanted));
	assert_int_equal(run(s, "-J show ports", ""), 0);
	assert_string_equal(s->out, "{\"port\":\"wan\"}\n{\"port\":\"lan\"}\n");
	json_decref(doc);
	json_decref(wanted);
}

static void json_of_status_takes_no_second_sample(void **state)
{
	struct stage *s = *state;

	serve(s, status_answer);
	assert_int_equal(run(s, "-J show status", ""), 0);
	assert_string_equal(s->out, "{\"schema\":1,\"time\":\"2026-05-16T09:14:02.113Z\","
				    "\"node\":\"lb-1\"}\n");
}

static void errors_of_the_daemon_go_to_stderr_with_their_status(void **state)
{
	struct stage *s = *state;

	serve(s, not_found_answer);
	assert_int_equal(run(s, "show services x", ""), 4);
	assert_string_equal(s->out, "");
	assert_string_equal(s->err, "poise: error: no service \"x\"\n");
	assert_int_equal(run(s, "-j show services x", ""), 4);
	assert_string_equal(s->out, "");
	assert_string_equal(s->err, "{\"schema\":1,\"error\":{\"code\":\"not_found\","
				    "\"message\":\"no service \\\"x\\\"\"}}\n");
	serve(s, not_permitted_answer);
	assert_int_equal(run(s, "drain a/b", ""), 5);
}

static void no_daemon_is_status_3(void **state)
{
	struct stage *s = *state;

	(void)close(s->listener);
	s->listener = -1;
	assert_int_equal(run(s, "show status", ""), 3);
	assert_non_null(strstr(s->err, "poise: error: cannot reach the daemon: "));
	(void)unlink(s->path);
	assert_int_equal(run(s, "-j show status", ""), 3);
	assert_non_null(strstr(s->err, "\"code\":\"unreachable\""));
}

static void an_answer_that_breaks_off_is_a_failure(void **state)
{
	struct stage *s = *state;

	serve(s, "{\"schema\": 1, \"ports\": [");
	assert_int_equal(run(s, "show ports", ""), 1);
	assert_string_equal(s->err, "poise: error: the daemon's answer broke off\n");
	serve(s, "[1, 2]\n");
	assert_int_equal(run(s, "show ports", ""), 1);
	assert_string_equal(s->err, "poise: error: the daemon's answer is not a JSON object\n");
}

/* Standard input is no terminal here. */
static void words_are_not_abbreviated_in_scripts(void **state)
{
	struct stage *s = *state;

	assert_int_equal(run(s, "sh ports", ""), 2);
	assert_string_equal(s->err, "poise: error: unknown command \"sh\" (did you mean show?)\n");
	assert_int_equal(run(s, "-j show nonsense", ""), 2);
	assert_non_null(strstr(s->err, "{\"schema\":1,\"error\":{\"code\":\"usage\""));
}

static void several_commands_stop_at_the_first_that_fails(void **state)
{
	struct stage *s = *state;

	serve(s, ports_answer);
	assert_int_equal(run(s, "-J -c 'show ports' -c 'show nonsense' -c 'show ports'", ""), 2);
	assert_string_equal(s->out, "{\"port\":\"wan\"}\n{\"port\":\"lan\"}\n");
	assert_int_equal(
		run(s, "-J", "# twice\nshow ports\n\nshow ports # again\nshow 'nonsense"), 2);
	assert_string_equal(s->out, "{\"port\":\"wan\"}\n{\"port\":\"lan\"}\n"
				    "{\"port\":\"wan\"}\n{\"port\":\"lan\"}\n");
	assert_int_equal(run(s, "-J -f -", "show ports --watch x"), 2);
	assert_int_equal(run(s, "-f /nonexistent", ""), 1);
	assert_int_equal(run(s, "", ""), 0);
}

/* What it would do is shown on stderr with the question, what it did on stdout. */
static void a_dangerous_command_is_asked_about_on_a_terminal(void **state)
{
	static const char done[] =
		"frontend (MASTER): hands over, and does not preempt from then on\n";
	static const struct {
		const char *args, *typed;
		int status;
		bool asks;
	} rows[] = {
		{"set vrrp frontend release", "y\n", 0, true},
		{"set vrrp frontend release", "YES\n", 0, true},
		{"set vrrp frontend release", "\n", 1, true},
		{"set vrrp frontend release", "n\n", 1, true},
		{"set vrrp frontend release", "yesterday\n", 1, true},
		{"set vrrp frontend release", "\004", 1, true},
		{"set vrrp frontend release -y", "", 0, false},
		{"set vrrp frontend release --dry-run", "", 0, false},
	};
	struct stage *s = *state;

	serve(s, release_answer);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run_typed(s, rows[i].args, rows[i].typed), rows[i].status);
		assert_string_equal(s->out, rows[i].status == 0 ? done : "");
		assert_int_equal(strstr(s->err, "Go on? [y/N] ") != NULL, rows[i].asks);
		assert_int_equal(strstr(s->err, done) != NULL, rows[i].asks);
		assert_int_equal(strstr(s->err, "not confirmed: nothing was changed") != NULL,
			rows[i].status != 0);
	}
}

static void a_script_is_asked_nothing(void **state)
{
	struct stage *s = *state;

	serve(s, release_answer);
	assert_int_equal(run(s, "set vrrp frontend release", ""), 0);
	assert_string_equal(s->err, "");
	assert_int_equal(run(s, "-f -", "set vrrp frontend release"), 0);
	assert_string_equal(s->err, "");
}

static void a_question_follows_no_refusal(void **state)
{
	struct stage *s = *state;

	serve(s, not_found_answer);
	assert_int_equal(run_typed(s, "set vrrp x release", "y\n"), 4);
	assert_string_equal(s->err, "poise: error: no service \"x\"\n");
}

/* Until the daemon hangs up, here at once. */
static void answers_are_followed_one_after_the_other(void **state)
{
	struct stage *s = *state;

	serve(s, events_answers);
	assert_int_equal(run(s, "show events -f", ""), 1);
	assert_string_equal(s->out,
		"T1  one\n7 events were lost: they came faster than they were read\nT9  nine\n");
	assert_string_equal(s->err, "poise: error: the daemon's answer broke off\n");
	assert_int_equal(run(s, "-j show events --follow", ""), 1);
	assert_string_equal(s->out, "{\"event\":1,\"at\":\"T1\",\"message\":\"one\"}\n"
				    "{\"lost\":7}\n"
				    "{\"event\":9,\"at\":\"T9\",\"message\":\"nine\"}\n");
}

static void a_full_disk_is_a_failure(void **state)
{
	struct stage *s = *state;

	serve(s, ports_answer);
	assert_int_equal(run(s, "-j show ports >/dev/full", ""), 1);
	assert_string_equal(s->err, "{\"schema\":1,\"error\":{\"code\":\"failed\",\"message\":"
				    "\"cannot write the output\"}}\n");
}

static void help_and_version_need_no_daemon(void **state)
{
	struct stage *s = *state;

	assert_int_equal(run(s, "--version", ""), 0);
	assert_int_equal(strncmp(s->out, "poise ", 6), 0);
	assert_int_equal(run(s, "show --help", ""), 0);
	assert_non_null(strstr(s->out, "show services"));
}

int main(int argc, char **argv)
{
#define T(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, argv[1])
	const struct CMUnitTest tests[] = {
		T(an_answer_is_printed_and_the_status_is_0),
		T(json_is_one_document_or_one_object_a_line),
		T(json_of_status_takes_no_second_sample),
		T(errors_of_the_daemon_go_to_stderr_with_their_status),
		T(no_daemon_is_status_3),
		T(an_answer_that_breaks_off_is_a_failure),
		T(words_are_not_abbreviated_in_scripts),
		T(several_commands_stop_at_the_first_that_fails),
		T(a_dangerous_command_is_asked_about_on_a_terminal),
		T(a_script_is_asked_nothing),
		T(a_question_follows_no_refusal),
		T(answers_are_followed_one_after_the_other),
		T(a_full_disk_is_a_failure),
		T(help_and_version_need_no_daemon),
	};
#undef T

	if (argc != 2)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
