/* The client's end of the admin socket (control/api.h): one connection, one question.
 *
 * A new connection for each question costs little on a Unix socket, and lets `--watch` go on
 * after the daemon has been restarted. Only what is followed has several answers on one. */
#include "tools/client.h"

#include "tools/format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	TIMEOUT_SECONDS = 10,
	FIRST_BYTES = 65536,
	MAX_ANSWER_BYTES = 512 * 1024 * 1024, // a daemon out of its mind
};

struct cli_client {
	int fd;
	char *buffer;
	size_t capacity, len;
	size_t line_len; // of the last line, at the start of the buffer, with its newline
};

static const struct {
	const char *code;
	int exit_status;
} errors[API_N_ERRORS] = {
#define X(id, code, status) [API_ERROR_##id] = {code, status},
	API_ERROR_LIST(X)
#undef X
};

int cli_client_refuse(struct cli_error *err, enum api_error code, const char *format, ...)
{
	va_list args;

	(void)snprintf(err->code, sizeof(err->code), "%s", errors[code].code);
	va_start(args, format);
	(void)vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	return -1;
}

int cli_client_exit_status(const char *code)
{
	for (unsigned i = 0; i < API_N_ERRORS; i++)
		if (strcmp(errors[i].code, code) == 0)
			return errors[i].exit_status;
	return errors[API_ERROR_FAILED].exit_status;
}

static int refuse_connect(const char *path, int error, struct cli_error *err)
{
	if (error == EACCES || error == EPERM)
		return cli_client_refuse(err, API_ERROR_NO_ACCESS, "%s: %s", path, strerror(error));
	return cli_client_refuse(err, API_ERROR_UNREACHABLE,
		"cannot reach the daemon: %s: %s (is poised running?)", path, strerror(error));
}

/* A connected descriptor, or -1. */
static int connect_to(const char *path, struct cli_error *err)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return refuse_connect(path, ENAMETOOLONG, err);
	(void)strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse_connect(path, errno, err);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)refuse_connect(path, errno, err);
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The request as a line, to be freed; NULL when out of memory. */
static char *request_line(const char *cmd, json_t *args)
{
	json_t *request = json_pack("{s:s, s:O, s:s}", "cmd", cmd, "args", args, "format", "json");
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	json_decref(request);
	if (!line) {
		free(text);
		return NULL;
	}
	(void)strcpy(line + len, "\n");
	return line;
}

/* Failing to send is not the last word: a daemon that refuses may have said why before. */
static void send_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Room for more behind what is there. -1: there is none. */
static int grow(struct cli_client *c)
{
	char *larger;

	if (c->len < c->capacity)
		return 0;
	if (c->capacity >= MAX_ANSWER_BYTES) {
		errno = EMSGSIZE;
		return -1;
	}
	larger = realloc(c->buffer, 2 * c->capacity);
	if (!larger)
		return -1;
	c->buffer = larger;
	c->capacity *= 2;
	return 0;
}

/* The next line at the start of the buffer, what came behind it still there. -1: no whole line
 * came, errno says why (0: the daemon hung up). */
static int receive_line(struct cli_client *c)
{
	size_t searched = 0;

	memmove(c->buffer, c->buffer + c->line_len, c->len - c->line_len);
	c->len -= c->line_len;
	c->line_len = 0;
	for (;;) {
		char *end = memchr(c->buffer + searched, '\n', c->len - searched);
		ssize_t n;

		if (end) {
			c->line_len = (size_t)(end - c->buffer) + 1;
			return 0;
		}
		searched = c->len;
		if (grow(c) < 0)
			return -1;
		n = recv(c->fd, c->buffer + c->len, c->capacity - c->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : 0;
			return -1;
		}
		c->len += (size_t)n;
	}
}

static int refuse_silence(struct cli_error *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return cli_client_refuse(err, API_ERROR_UNREACHABLE,
			"no answer from the daemon in %d s", TIMEOUT_SECONDS);
	return cli_client_refuse(err, API_ERROR_FAILED, "the daemon's answer broke off%s%s",
		errno ? ": " : "", errno ? strerror(errno) : "");
}

static int read_answer(const char *line, size_t len, struct cli_error *err, json_t **ret_answer)
{
	json_error_t reason;
	json_t *answer = json_loadb(line, len, 0, &reason);
	const json_t *error = json_object_get(answer, "error");

	if (!json_is_object(answer)) {
		json_decref(answer);
		return cli_client_refuse(
			err, API_ERROR_FAILED, "the daemon's answer is not a JSON object");
	}
	if (error) {
		(void)snprintf(err->code, sizeof(err->code), "%s", cli_field_text(error, "code"));
		(void)snprintf(
			err->message, sizeof(err->message), "%s", cli_field_text(error, "message"));
		json_decref(answer);
		return -1;
	}
	*ret_answer = answer;
	return 0;
}

int cli_client_open(const char *socket_path, const char *cmd, json_t *args, struct cli_error *err,
	struct cli_client **ret_client)
{
	struct cli_client *c = calloc(1, sizeof(*c));
	char *request = request_line(cmd, args);

	if (c)
		c->fd = -1;
	if (c && request)
		c->buffer = malloc(c->capacity = FIRST_BYTES);
	if (!c || !c->buffer) {
		(void)cli_client_refuse(err, API_ERROR_FAILED, "out of memory");
		goto free_all;
	}
	c->fd = connect_to(socket_path, err);
	if (c->fd < 0)
		goto free_all;
	send_all(c->fd, request);
	free(request);
	*ret_client = c;
	return 0;

free_all:
	cli_client_close(c);
	free(request);
	return -1;
}

int cli_client_next(struct cli_client *client, struct cli_error *err, json_t **ret_answer)
{
	if (receive_line(client) < 0)
		return refuse_silence(err);
	return read_answer(client->buffer, client->line_len - 1, err, ret_answer);
}

void cli_client_close(struct cli_client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		(void)close(client->fd);
	free(client->buffer);
	free(client);
}

int cli_client_ask(const char *socket_path, const char *cmd, json_t *args, struct cli_error *err,
	json_t **ret_answer)
{
	struct cli_client *client;
	int r;

	if (cli_client_open(socket_path, cmd, args, err, &client) < 0)
		return -1;
	r = cli_client_next(client, err, ret_answer);
	cli_client_close(client);
	return r;
}
