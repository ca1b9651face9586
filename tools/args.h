#pragma once

#include "tools/client.h"

#include <jansson.h>
#include <stdbool.h>

/* The words and options of one command line, and what they ask for. Pure.
 *
 * Words may be abbreviated to unique prefixes where a person types them (cli.md rule 1). */

enum cli_format { CLI_TABLE, CLI_JSON, CLI_JSON_LINES };

enum { CLI_MAX_COMMANDS = 64 };

/* What holds for every command of one call of the program. */
struct cli_options {
	const char *socket; // never NULL
	enum cli_format format;
	bool has_header;
	bool is_quiet;
	bool may_abbreviate;
	bool may_ask; // before a dangerous command
};

struct cli_command;

struct cli_run {
	struct cli_options options;
	const struct cli_command *command; // NULL: none was given
	json_t *args;                      // for the daemon; owned
	bool wants_help, wants_version;
	bool has_rates, has_stats;
	bool is_following;                   // one answer after the other
	double watch_seconds;                // 0: once
	const char *help_words[2];           // how far the words went, for --help
	const char *lines[CLI_MAX_COMMANDS]; // -c
	unsigned n_lines;
	const char *file;       // -f
	const char *write_path; // of a capture; NULL: none was given
};

/* Reads the words after the program's name, which must outlive *ret. -1 with a reason in *err
 * on failure; of *ret only the options are set then, so that the reason can be given in the
 * form that was asked for. To be cleared with cli_args_clear(). */
int cli_args_parse(int argc, char *const *argv, const struct cli_options *defaults,
	struct cli_error *err, struct cli_run *ret);
void cli_args_clear(struct cli_run *run);
