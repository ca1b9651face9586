/* poise: the command line. Asks the daemon, prints what it says, and exits with what that means.
 *
 * All knowledge of what runs is the daemon's; all forms that people read are made here. Reads
 * standard input only when it is told to, or has nothing else to do. */
#include "tools/args.h"
#include "tools/capture.h"
#include "tools/commands.h"
#include "tools/confirm.h"
#include "tools/rates.h"
#include "tools/watch.h"
#include "tools/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PROBLEM = 6,
	RATE_MS = 1000,   // between the samples of --rate
	STATUS_MS = 500,  // and of `show status`: a person waits for it
	MAX_LINE = 65536, // of a file of commands
};

/* One answer and when it came. */
struct sample {
	json_t *answer; // NULL: none yet
	double at_seconds;
};

static double now_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void sleep_seconds(double seconds)
{
	struct timespec rest = {.tv_sec = (time_t)seconds};

	rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int print_error(const struct cli_options *options, const struct cli_error *err)
{
	json_t *doc = NULL;

	if (options->format != CLI_TABLE)
		doc = json_pack("{s:i, s:{s:s, s:s}}", "schema", API_SCHEMA, "error", "code",
			err->code, "message", err->message);
	if (doc) {
		(void)json_dumpf(doc, stderr, JSON_COMPACT);
		(void)fputc('\n', stderr);
		json_decref(doc);
	} else {
		(void)fprintf(stderr, "poise: error: %s\n", err->message);
	}
	return cli_client_exit_status(err->code);
}

static int print_failure(const struct cli_options *options, const char *message)
{
	struct cli_error err;

	(void)cli_client_refuse(&err, API_ERROR_FAILED, "%s", message);
	return print_error(options, &err);
}

/* ---- output ---------------------------------------------------------------------------------- */

static const size_t dump_flags = JSON_REAL_PRECISION(15);

static int print_json(const json_t *doc, size_t flags, FILE *out)
{
	int r = json_dumpf(doc, out, dump_flags | flags);

	(void)fputc('\n', out);
	return r == 0 ? 0 : -ENOMEM;
}

/* A list's entries, one a line; an answer without a list, or one of several, as a whole. */
static int print_lines(const struct cli_run *run, const json_t *answer, FILE *out)
{
	const char *key = run->command->list;
	const json_t *list = key ? json_object_get(answer, key) : NULL, *entry;
	size_t i;
	int r = 0;

	if (!list || run->watch_seconds > 0)
		return print_json(answer, JSON_COMPACT, out);
	json_array_foreach(list, i, entry) r |= print_json(entry, JSON_COMPACT, out);
	return r == 0 ? 0 : -ENOMEM;
}

static int print_answer(const struct cli_run *run, const json_t *answer, FILE *out)
{
	const struct cli_render_options render = {
		.has_header = run->options.has_header,
		.has_stats = run->has_stats,
		.has_rates = run->has_rates,
	};

	if (run->options.is_quiet)
		return 0;
	switch (run->options.format) {
	case CLI_JSON:
		return print_json(answer, JSON_INDENT(2), out);
	case CLI_JSON_LINES:
		return print_lines(run, answer, out);
	default:
		return run->command->render(answer, &render, out);
	}
}

/* Many answers are no one document: as lines then. What was lost in between is a line too. */
static int print_followed(const struct cli_run *run, const json_t *answer, FILE *out)
{
	struct cli_run lines = *run;
	json_t *lost = json_object_get(answer, "lost");

	if (run->options.format == CLI_TABLE || run->options.is_quiet)
		return print_answer(run, answer, out);
	if (json_is_string(lost) || json_integer_value(lost) > 0) {
		json_t *note = json_pack("{s:O}", "lost", lost);
		int r = note ? print_json(note, JSON_COMPACT, out) : -ENOMEM;

		json_decref(note);
		if (r < 0)
			return r;
	}
	lines.options.format = CLI_JSON_LINES;
	return print_answer(&lines, answer, out);
}

/* What was printed has to have arrived: a full disk is a failure too. */
static int finish_output(const struct cli_run *run, int r)
{
	if (r < 0)
		return print_failure(&run->options, "out of memory");
	if (fflush(stdout) != 0 || ferror(stdout))
		return print_failure(&run->options, "cannot write the output");
	return 0;
}

/* ---- running a command ----------------------------------------------------------------------- */

/* Asks, and adds rates since the sample before, which it replaces. Exit status. */
static int take_sample(const struct cli_run *run, struct sample *sample)
{
	struct cli_error err;
	json_t *answer;
	double at;

	if (cli_client_ask(run->options.socket, run->command->cmd, run->args, &err, &answer) < 0)
		return print_error(&run->options, &err);
	at = now_seconds();
	if (sample->answer && cli_rates_add(answer, sample->answer, at - sample->at_seconds) < 0) {
		json_decref(answer);
		return print_failure(&run->options, "out of memory");
	}
	json_decref(sample->answer);
	*sample = (struct sample){answer, at};
	return 0;
}

/* One picture: a screen of its own on a terminal, with the changes marked. */
static int print_picture(const struct cli_run *run, const json_t *answer, char **before)
{
	bool is_screen = isatty(STDOUT_FILENO) && run->options.format == CLI_TABLE;
	char *text = NULL;
	size_t len;
	FILE *memory;
	int r;

	if (!is_screen) {
		r = print_answer(run, answer, stdout);
		if (run->options.format == CLI_TABLE)
			(void)fputc('\n', stdout);
		return finish_output(run, r);
	}
	memory = open_memstream(&text, &len);
	if (!memory)
		return print_failure(&run->options, "out of memory");
	r = print_answer(run, answer, memory);
	if (fclose(memory) != 0)
		r = -ENOMEM;
	if (r == 0) {
		(void)fprintf(stdout, "\033[H\033[2J%s\n\n",
			json_string_value(json_object_get(answer, "time")));
		cli_watch_print(*before, text, stdout);
	}
	free(*before);
	*before = text;
	return finish_output(run, r);
}

/* Until interrupted, or until something goes wrong. */
static int watch(const struct cli_run *run)
{
	struct sample sample = {NULL, 0};
	char *before = NULL;
	int status;

	for (;;) {
		status = take_sample(run, &sample);
		if (status == 0)
			status = print_picture(run, sample.answer, &before);
		if (status != 0)
			break;
		sleep_seconds(run->watch_seconds);
	}
	json_decref(sample.answer);
	free(before);
	return status;
}

/* One answer after the other, until interrupted, or until something goes wrong. */
static int follow(const struct cli_run *run)
{
	struct cli_client *client;
	struct cli_error err;
	json_t *answer;
	int status = 0;

	if (cli_client_open(run->options.socket, run->command->cmd, run->args, &err, &client) < 0)
		return print_error(&run->options, &err);
	while (status == 0) {
		if (cli_client_next(client, &err, &answer) < 0) {
			status = print_error(&run->options, &err);
			break;
		}
		status = finish_output(run, print_followed(run, answer, stdout));
		json_decref(answer);
	}
	cli_client_close(client);
	return status;
}

/* As a file, or the answers themselves. */
static int capture(const struct cli_run *run)
{
	struct cli_error err;

	if (run->options.format != CLI_TABLE)
		return follow(run);
	return cli_capture(run, &err) < 0 ? print_error(&run->options, &err) : 0;
}

static int run_once(const struct cli_run *run)
{
	bool is_screen = run->command->samples_twice && run->options.format == CLI_TABLE;
	struct sample sample = {NULL, 0};
	int status = take_sample(run, &sample);

	if (status == 0 && (run->has_rates || is_screen)) {
		sleep_seconds((run->has_rates ? RATE_MS : STATUS_MS) / 1e3);
		status = take_sample(run, &sample);
	}
	if (status == 0)
		status = finish_output(run, print_answer(run, sample.answer, stdout));
	if (status == 0 && run->command->has_problem &&
		run->command->has_problem(run->args, sample.answer))
		status = EXIT_PROBLEM;
	json_decref(sample.answer);
	return status;
}

/* Shows what the command would do, and asks. Exit status; 0: go on. */
static int ask_first(const struct cli_run *run)
{
	const struct cli_render_options render = {.has_header = true};
	struct cli_run trial = *run;
	struct sample sample = {NULL, 0};
	int status;

	trial.args = json_copy(run->args);
	if (!trial.args || json_object_set_new(trial.args, "dry_run", json_true()) < 0) {
		json_decref(trial.args);
		return print_failure(&run->options, "out of memory");
	}
	status = take_sample(&trial, &sample);
	json_decref(trial.args);
	if (status != 0)
		return status;
	(void)json_object_del(sample.answer, "dry_run"); // told as it will be
	(void)run->command->render(sample.answer, &render, stderr);
	json_decref(sample.answer);
	return cli_confirm(stdin, stderr)
		       ? 0
		       : print_failure(&run->options, "not confirmed: nothing was changed");
}

static int run_command(const struct cli_run *run)
{
	if (run->command->asks_first && run->options.may_ask) {
		int status = ask_first(run);

		if (status != 0)
			return status;
	}
	if (strcmp(run->command->cmd, API_CAPTURE) == 0)
		return capture(run);
	if (run->is_following)
		return follow(run);
	return run->watch_seconds > 0 ? watch(run) : run_once(run);
}

/* ---- several commands ------------------------------------------------------------------------ */

/* A line of a script: a command as it would stand behind "poise". */
static int run_line(const char *line, const struct cli_options *defaults)
{
	struct cli_run run = {.options = *defaults};
	char *copy = strdup(line);
	char *words[CLI_MAX_WORDS];
	struct cli_error err;
	int n, status = 0;

	if (!copy)
		return print_failure(defaults, "out of memory");
	n = cli_words_split(copy, words);
	if (n < 0) {
		(void)cli_client_refuse(
			&err, API_ERROR_USAGE, "open quote or too many words in: %s", line);
		status = print_error(defaults, &err);
	} else if (n > 0 && cli_args_parse(n, words, defaults, &err, &run) < 0) {
		status = print_error(&run.options, &err);
	} else if (n > 0) {
		if (run.command && !run.wants_help)
			status = run_command(&run);
		else
			cli_commands_print_help(run.help_words, stdout);
		cli_args_clear(&run);
	}
	free(copy);
	return status;
}

/* Stops at the first command that fails, like a script with `set -e`. */
static int run_stream(FILE *in, const struct cli_options *defaults)
{
	struct cli_options options = *defaults;
	char *line = NULL;
	size_t size = 0;
	int status = 0;

	options.may_abbreviate = false;
	options.may_ask = false;
	while (status == 0 && getline(&line, &size, in) >= 0)
		status = run_line(line, &options);
	free(line);
	return status;
}

static int run_file(const char *path, const struct cli_options *options)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct cli_error err;
	int status;

	if (!in) {
		(void)cli_client_refuse(&err, API_ERROR_FAILED, "%s: %s", path, strerror(errno));
		return print_error(options, &err);
	}
	status = run_stream(in, options);
	if (in != stdin)
		(void)fclose(in);
	return status;
}

static int run_script(const struct cli_run *run)
{
	int status = 0;

	for (unsigned i = 0; status == 0 && i < run->n_lines; i++)
		status = run_line(run->lines[i], &run->options);
	if (status == 0 && run->file)
		status = run_file(run->file, &run->options);
	return status;
}

static int run_nothing(const struct cli_run *run)
{
	if (!isatty(STDIN_FILENO))
		return run_stream(stdin, &run->options);
	cli_commands_print_help(run->help_words, stderr);
	return EXIT_USAGE;
}

static int dispatch(const struct cli_run *run)
{
	if (run->wants_version) {
		(void)printf("poise %s\n", POISE_VERSION);
		return 0;
	}
	if (run->wants_help) {
		cli_commands_print_help(run->help_words, stdout);
		return 0;
	}
	if (run->n_lines > 0 || run->file)
		return run_script(run);
	return run->command ? run_command(run) : run_nothing(run);
}

int main(int argc, char **argv)
{
	const struct cli_options defaults = {
		.socket = API_DEFAULT_SOCKET,
		.format = CLI_TABLE,
		.has_header = true,
		.may_abbreviate = isatty(STDIN_FILENO),
		.may_ask = isatty(STDIN_FILENO),
	};
	struct cli_error err;
	struct cli_run run;
	int status;

	if (argc > 0 && cli_args_parse(argc - 1, argv + 1, &defaults, &err, &run) < 0)
		return print_error(&run.options, &err);
	status = dispatch(&run);
	cli_args_clear(&run);
	return status;
}
