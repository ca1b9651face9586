#pragma once

#include "control/api.h"

#include <jansson.h>

/* Asks the daemon. */

/* What went wrong, in the client or in the daemon. `code` is one of API_ERROR_LIST, or a newer
 * daemon's. */
struct cli_error {
	char code[32];
	char message[API_MAX_MESSAGE];
};

/* Fills in *err; returns -1 for the caller to return. */
int cli_client_refuse(struct cli_error *err, enum api_error code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The exit status that belongs to an error's code (cli.md rule 6). */
int cli_client_exit_status(const char *code);

/* Sends one request on a connection of its own and waits for the answer, at most ten seconds
 * for each piece of it. The answer is a new reference, without an "error". -1 on failure, then
 * *err says why. */
int cli_client_ask(const char *socket_path, const char *cmd, json_t *args, struct cli_error *err,
	json_t **ret_answer);

/* A question that is answered again and again (`show events` that follows): one connection, which
 * lives until it is closed. -1 on failure as above, and then there is no client. */
struct cli_client;
int cli_client_open(const char *socket_path, const char *cmd, json_t *args, struct cli_error *err,
	struct cli_client **ret_client);
/* The next answer, as above. */
int cli_client_next(struct cli_client *client, struct cli_error *err, json_t **ret_answer);
/* NULL-safe. */
void cli_client_close(struct cli_client *client);
