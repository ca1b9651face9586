#pragma once

#include "tools/render.h"

#include <stdbool.h>
#include <stdio.h>

/* The commands and options there are: one table for the parser, the help and the output. */

enum cli_option {
	CLI_OPT_JSON,
	CLI_OPT_JSON_LINES,
	CLI_OPT_NO_NAMES,
	CLI_OPT_NO_HEADER,
	CLI_OPT_SOCKET,
	CLI_OPT_STRICT,
	CLI_OPT_HELP,
	CLI_OPT_VERSION,
	CLI_OPT_COMMAND,
	CLI_OPT_FILE,
	CLI_N_GLOBAL_OPTIONS, // those before hold for every command
	CLI_OPT_WATCH = CLI_N_GLOBAL_OPTIONS,
	CLI_OPT_QUIET,
	CLI_OPT_DRY_RUN,
	CLI_OPT_YES,
	CLI_OPT_FAMILY,
	CLI_OPT_STATS,
	CLI_OPT_RATE,
	CLI_OPT_DOWN,
	CLI_OPT_CLIENT,
	CLI_OPT_SERVICE,
	CLI_OPT_SERVER,
	CLI_OPT_COUNT,
	CLI_OPT_LIMIT,
	CLI_OPT_FAIL,
	CLI_OPT_VERBOSE,
	CLI_OPT_FOLLOW,
	CLI_OPT_SINCE,
	CLI_OPT_WRITE,
	CLI_OPT_PORT,
	CLI_OPT_DIR,
	CLI_OPT_SNAPLEN,
	CLI_N_OPTIONS
};

enum cli_value { CLI_VALUE_NONE, CLI_VALUE_TEXT, CLI_VALUE_MAYBE_NUMBER };

struct cli_option_def {
	const char *name; // without "--"
	char letter;      // 0: none
	enum cli_value value;
	const char *operand; // for the help: "PATH"
	const char *help;
};

const struct cli_option_def *cli_commands_option(enum cli_option option);

enum cli_positional {
	CLI_TAKES_NOTHING,
	CLI_MAY_TAKE,
	CLI_MUST_TAKE,
	CLI_MUST_TAKE_AND_SET,      // a server, and what to set of it
	CLI_MUST_TAKE_AND_SET_VRRP, // a group, and what to set of it
	CLI_MUST_TAKE_FILTER,       // of packets: all words together
};

/* Whether an answer tells of something that is wrong: exit status 6. */
typedef bool cli_judge(const json_t *args, const json_t *answer);

struct cli_command {
	const char *words[2]; // second may be NULL
	const char *usage;    // what follows the words
	const char *help;
	const char *cmd; // to the daemon
	enum cli_positional positional;
	const char *operand_key; // argument that the positional becomes
	const char *state;       // a synonym's fixed state, or NULL
	const char *list;        // key of the answer's list, or NULL
	unsigned options;        // bits 1 << CLI_OPT_…, beside the global ones
	bool samples_twice;      // its table shows rates
	cli_render *render;
	cli_judge *has_problem; // NULL: there are none to find
	bool asks_first;        // on a terminal: what it would do is shown, and asked about
};

/* NULL behind the last. */
const struct cli_command *cli_commands_get(unsigned index);

/* Help for the commands that begin with the words given (NULL: all). */
void cli_commands_print_help(const char *const words[2], FILE *out);
