/* See tls_server.h. */
#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_LEN = 128 };

struct files {
	const char *script;
	char directory[32];
};

/* What tls_setup() fills; all tests of a program use one server script and one set of files. */
static struct files *files(void)
{
	static struct files all = {.directory = "/tmp/poise-tls-XXXXXX"};

	return &all;
}

static int run(const char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	return status;
}

void tls_setup(const char *server_script, const char *make_certificates)
{
	const char *const argv[] = {make_certificates, files()->directory, NULL};

	files()->script = server_script;
	if (!mkdtemp(files()->directory) || run(argv) != 0)
		abort();
}

const char *tls_file(const char *name)
{
	static char paths[4][PATH_LEN];
	static unsigned i;
	char *path = paths[i++ % 4];

	(void)snprintf(path, PATH_LEN, "%s/%s", files()->directory, name);
	return path;
}

void tls_teardown(void)
{
	const char *const argv[] = {"rm", "-r", files()->directory, NULL};

	(void)run(argv);
}

static void read_line(struct tls_server *s, char *line, size_t size)
{
	assert_non_null(fgets(line, (int)size, s->log));
	(void)strncat(s->heard, line, sizeof(s->heard) - strlen(s->heard) - 1);
}

void tls_server_start(struct tls_server *s, const char *certificate, const char *protocol)
{
	char name[64], line[256];
	int in[2], out[2];
	unsigned port;

	(void)snprintf(name, sizeof(name), "%s.pem", certificate);
	*s = (struct tls_server){0};
	assert_int_equal(pipe2(in, 0), 0);
	assert_int_equal(pipe2(out, 0), 0);
	s->pid = fork();
	if (s->pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)close(in[1]);
		(void)execlp("python3", "python3", files()->script, tls_file(name),
			tls_file("good.key"), protocol, NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	s->stop_fd = in[1];
	s->log = fdopen(out[0], "r");
	assert_non_null(s->log);
	read_line(s, line, sizeof(line));
	assert_int_equal(sscanf(line, "port %u", &port), 1);
	s->port = (uint16_t)port;
}

void tls_server_await_end(struct tls_server *s)
{
	char line[256];

	do
		read_line(s, line, sizeof(line));
	while (strncmp(line, "end ", 4) != 0);
}

void tls_server_stop(struct tls_server *s)
{
	int status;

	(void)close(s->stop_fd);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	(void)fclose(s->log);
}
