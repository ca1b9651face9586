/* From words to a request.
 *
 * Options may stand anywhere, before, between and behind the words; whether a command takes
 * them is looked at when the command is known. Values that only the daemon can judge (names,
 * addresses, weights) are passed on as they are. */
#include "tools/args.h"

#include "tools/commands.h"
#include "tools/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_WATCH_MS = 100, MAX_WATCH_SECONDS = 86400, DEFAULT_WATCH_SECONDS = 1 };
enum {
	MAX_SINCE_DIGITS = 4, // of any unit
	MAX_FILTER = 1024,
	MAX_PACKETS = 1000000000,
};

/* The command line, taken apart but not yet understood. */
struct parser {
	int argc;
	char *const *argv;
	int next;
	bool has_only_words; // after "--"
	const char *words[CLI_MAX_WORDS];
	unsigned n_words;
	unsigned seen; // options, as bits
	const char *values[CLI_N_OPTIONS];
	struct cli_error *err;
	struct cli_run run;
};

static int usage(struct parser *p, const char *what, const char *text)
{
	return cli_client_refuse(p->err, API_ERROR_USAGE, "%s \"%s\"", what, text);
}

/* ---- taking apart ---------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
	return text && strspn(text, "0123456789.") == strlen(text) && text[0] != '\0';
}

/* Takes the option's operand: the rest of the same word, or the next word. */
static int take_value(struct parser *p, enum cli_option option, const char *attached)
{
	const struct cli_option_def *def = cli_commands_option(option);
	const char *next = p->next < p->argc ? p->argv[p->next] : NULL;
	bool is_optional = def->value == CLI_VALUE_MAYBE_NUMBER;

	if (attached && def->value == CLI_VALUE_NONE)
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "option --%s takes no value", def->name);
	p->seen |= 1u << option;
	if (attached || def->value == CLI_VALUE_NONE) {
		p->values[option] = attached;
		return 0;
	}
	if (is_optional && !is_number(next))
		return 0;
	if (!next)
		return cli_client_refuse(p->err, API_ERROR_USAGE, "option --%s needs a value (%s)",
			def->name, def->operand);
	p->values[option] = next;
	p->next++;
	return 0;
}

/* Options that may be given more than once. */
static int take_option(struct parser *p, enum cli_option option, const char *attached)
{
	int r = take_value(p, option, attached);

	if (r < 0 || option != CLI_OPT_COMMAND)
		return r;
	if (p->run.n_lines >= CLI_MAX_COMMANDS)
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "more than %d commands", CLI_MAX_COMMANDS);
	p->run.lines[p->run.n_lines++] = p->values[option];
	return 0;
}

static int refuse_option(struct parser *p, const char *name)
{
	struct cli_words words = {.n = 0};

	for (unsigned i = 0; i < CLI_N_OPTIONS; i++)
		cli_words_add(&words, cli_commands_option(i)->name);
	(void)cli_words_find(&words, name, false, "option", p->err);
	return -1;
}

static int take_long(struct parser *p, const char *text)
{
	size_t len = strcspn(text, "=");
	char name[64];

	for (unsigned i = 0; i < CLI_N_OPTIONS; i++) {
		const char *known = cli_commands_option(i)->name;

		if (strlen(known) == len && memcmp(known, text, len) == 0)
			return take_option(p, i, text[len] ? text + len + 1 : NULL);
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
	return refuse_option(p, name);
}

/* Whether the words so far may name a command that has the option. */
static bool is_of_command(const struct parser *p, enum cli_option option)
{
	const struct cli_command *c;

	for (unsigned i = 0; p->n_words >= 2 && (c = cli_commands_get(i)); i++) {
		bool is_named = c->words[1] && (c->options & (1u << option));

		for (unsigned k = 0; k < 2 && is_named; k++)
			is_named = strncmp(c->words[k], p->words[k], strlen(p->words[k])) == 0;
		if (is_named)
			return true;
	}
	return false;
}

/* CLI_N_OPTIONS: there is none. A command's own letter goes before one of every command: the
 * -f of `show events -f` is as tail's. */
static enum cli_option find_letter(const struct parser *p, char letter)
{
	enum cli_option found = CLI_N_OPTIONS;

	for (unsigned i = 0; i < CLI_N_OPTIONS; i++)
		if (cli_commands_option(i)->letter == letter &&
			(found == CLI_N_OPTIONS || is_of_command(p, i)))
			found = i;
	return found;
}

/* "-jH", "-s PATH", "-sPATH" */
static int take_short(struct parser *p, const char *letters)
{
	for (; *letters; letters++) {
		enum cli_option i = find_letter(p, *letters);
		int r;

		if (i == CLI_N_OPTIONS)
			return cli_client_refuse(
				p->err, API_ERROR_USAGE, "unknown option \"-%c\"", *letters);
		if (cli_commands_option(i)->value != CLI_VALUE_NONE)
			return take_option(p, i, letters[1] ? letters + 1 : NULL);
		r = take_option(p, i, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_word(struct parser *p, const char *word)
{
	if (p->n_words == CLI_MAX_WORDS)
		return usage(p, "too many words at", word);
	p->words[p->n_words++] = word;
	return 0;
}

static int take_all(struct parser *p)
{
	int r = 0;

	while (r == 0 && p->next < p->argc) {
		const char *text = p->argv[p->next++];

		if (p->has_only_words || text[0] != '-' || text[1] == '\0')
			r = take_word(p, text);
		else if (strcmp(text, "--") == 0)
			p->has_only_words = true;
		else if (text[1] == '-')
			r = take_long(p, text + 2);
		else
			r = take_short(p, text + 1);
	}
	return r;
}

static bool has(const struct parser *p, enum cli_option option)
{
	return p->seen & (1u << option);
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool fits(const struct cli_command *c, const char *const *found, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!c->words[i] || strcmp(c->words[i], found[i]) != 0)
			return false;
	return true;
}

/* The words that may follow the n found so far; none if a command is complete. */
static struct cli_words words_after(const char *const *found, unsigned n)
{
	struct cli_words words = {.n = 0};
	const struct cli_command *c;

	for (unsigned i = 0; n < 2 && (c = cli_commands_get(i)); i++)
		if (fits(c, found, n) && c->words[n])
			cli_words_add(&words, c->words[n]);
	return words;
}

static const struct cli_command *command_of(const char *const *found, unsigned n)
{
	const struct cli_command *c;

	for (unsigned i = 0; (c = cli_commands_get(i)); i++)
		if (fits(c, found, n) && (n == 2 || !c->words[n]))
			return c;
	return NULL;
}

/* Finds the command; *ret_n words were its own. */
static int find_command(struct parser *p, unsigned *ret_n)
{
	const char **found = p->run.help_words;
	unsigned n = 0;
	struct cli_words words = words_after(found, 0);

	while (words.n > 0) {
		char what[64] = "command";

		if (n == p->n_words && p->run.wants_help)
			return 0;
		if (n > 0)
			(void)snprintf(what, sizeof(what), "object of \"%s\":", found[0]);
		if (n == p->n_words)
			return cli_client_refuse(p->err, API_ERROR_USAGE,
				"\"%s\" needs a word more; poise %s --help lists them", found[0],
				found[0]);
		found[n] = cli_words_find(
			&words, p->words[n], p->run.options.may_abbreviate, what, p->err);
		if (!found[n])
			return -1;
		n++;
		words = words_after(found, n);
	}
	p->run.command = command_of(found, n);
	*ret_n = n;
	return 0;
}

/* ---- meaning --------------------------------------------------------------------------------- */

static int set_arg(struct parser *p, const char *key, json_t *value)
{
	if (json_object_set_new(p->run.args, key, value) == 0)
		return 0;
	return cli_client_refuse(
		p->err, API_ERROR_USAGE, "the value of \"%s\" is not valid UTF-8", key);
}

static int set_integer(struct parser *p, enum cli_option option, long min, long max)
{
	const char *text = p->values[option];
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (*end != '\0' || end == text || errno != 0 || n < min || n > max)
		return cli_client_refuse(p->err, API_ERROR_USAGE, "--%s is %s%ld, not \"%s\"",
			cli_commands_option(option)->name,
			option == CLI_OPT_FAMILY ? "4 or " : "1 to ", max, text);
	return set_arg(p, cli_commands_option(option)->name, json_integer(n));
}

/* "90", "90s", "10m", "1h", "2d" */
static int set_since(struct parser *p)
{
	static const struct {
		const char *unit;
		long seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	const char *text = p->values[CLI_OPT_SINCE];
	size_t digits = strspn(text, "0123456789");

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (digits > 0 && digits <= MAX_SINCE_DIGITS &&
			strcmp(text + digits, units[i].unit) == 0)
			return set_arg(p, "since_seconds",
				json_integer(strtol(text, NULL, 10) * units[i].seconds));
	return usage(p, "--since is a time as 90s, 10m, 1h or 2d, not", text);
}

/* Alone it asks for a number, of a capture it gives one. */
static int set_count(struct parser *p)
{
	bool is_given = p->run.command->positional == CLI_MUST_TAKE_FILTER;

	if (is_given && !p->values[CLI_OPT_COUNT])
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "option --count needs a value (N)");
	if (is_given)
		return set_integer(p, CLI_OPT_COUNT, 1, MAX_PACKETS);
	if (p->values[CLI_OPT_COUNT])
		return usage(p, "unexpected word", p->values[CLI_OPT_COUNT]);
	return set_arg(p, "count", json_true());
}

static int set_capture(struct parser *p)
{
	int r = 0;

	if (has(p, CLI_OPT_PORT))
		r = set_arg(p, "port", json_string(p->values[CLI_OPT_PORT]));
	if (r == 0 && has(p, CLI_OPT_DIR))
		r = set_arg(p, "direction", json_string(p->values[CLI_OPT_DIR]));
	return r == 0 && has(p, CLI_OPT_SNAPLEN) ? set_integer(p, CLI_OPT_SNAPLEN, 1, 16384) : r;
}

static int set_filters(struct parser *p)
{
	static const enum cli_option texts[] = {CLI_OPT_CLIENT, CLI_OPT_SERVICE, CLI_OPT_SERVER};
	static const struct {
		enum cli_option option;
		const char *arg;
	} flags[] = {{CLI_OPT_DOWN, "down"}, {CLI_OPT_DRY_RUN, "dry_run"}, {CLI_OPT_FAIL, "fail"},
		{CLI_OPT_VERBOSE, "verbose"}, {CLI_OPT_FOLLOW, "follow"}};
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (has(p, texts[i]))
			r = set_arg(p, cli_commands_option(texts[i])->name,
				json_string(p->values[texts[i]]));
	for (unsigned i = 0; r == 0 && i < sizeof(flags) / sizeof(flags[0]); i++)
		if (has(p, flags[i].option))
			r = set_arg(p, flags[i].arg, json_true());
	if (r == 0 && has(p, CLI_OPT_COUNT))
		r = set_count(p);
	if (r == 0 && p->run.command->positional == CLI_MUST_TAKE_FILTER)
		r = set_capture(p);
	if (r == 0 && has(p, CLI_OPT_FAMILY))
		r = set_integer(p, CLI_OPT_FAMILY, 4, 6);
	if (r == 0 && has(p, CLI_OPT_LIMIT))
		r = set_integer(p, CLI_OPT_LIMIT, 1, API_MAX_LIMIT);
	if (r == 0 && has(p, CLI_OPT_FAMILY) && strcmp(p->values[CLI_OPT_FAMILY], "5") == 0)
		r = usage(p, "--family is 4 or 6, not", "5");
	if (r == 0 && has(p, CLI_OPT_SINCE))
		r = set_since(p);
	return r;
}

/* "weight N|N%" or "state S", behind the server of `set server`. */
static int set_change(struct parser *p, const char *const *words, unsigned n)
{
	static const struct cli_words fields = {{"weight", "state"}, 2};
	static const struct cli_words states = {{"ready", "drain", "maint"}, 3};
	bool may_abbreviate = p->run.options.may_abbreviate;
	const char *field, *value;

	if (n == 0)
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "set server SVC/SRV needs weight or state");
	field = cli_words_find(&fields, words[0], may_abbreviate, "setting", p->err);
	if (!field)
		return -1;
	if (n < 2)
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "set server SVC/SRV %s needs a value", field);
	if (n > 2)
		return usage(p, "unexpected word", words[2]);
	value = words[1];
	if (strcmp(field, "state") == 0)
		value = cli_words_find(&states, value, may_abbreviate, "state", p->err);
	return value ? set_arg(p, field, json_string(value)) : -1;
}

/* "release" or "priority N|default", behind the group of `set vrrp`. */
static int set_vrrp(struct parser *p, const char *const *words, unsigned n)
{
	static const struct cli_words fields = {{"release", "priority"}, 2};
	bool is_release;
	const char *field;

	if (n == 0)
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "set vrrp GROUP needs release or priority");
	field = cli_words_find(&fields, words[0], p->run.options.may_abbreviate, "setting", p->err);
	if (!field)
		return -1;
	is_release = strcmp(field, "release") == 0;
	if (!is_release && n < 2)
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "set vrrp GROUP priority needs a value");
	if (n > (is_release ? 1 : 2))
		return usage(p, "unexpected word", words[is_release ? 1 : 2]);
	return set_arg(p, field, is_release ? json_true() : json_string(words[1]));
}

static int refuse_missing(struct parser *p)
{
	return cli_client_refuse(p->err, API_ERROR_USAGE,
		p->run.command->positional == CLI_MUST_TAKE_FILTER
			? "which packets? FILTER is missing (as tcpdump takes it; '' is all)"
		: p->run.command->positional == CLI_MUST_TAKE_AND_SET_VRRP
			? "which group? GROUP is missing"
			: "which server? SVC/SRV is missing (* may stand for either)");
}

/* All words together, as tcpdump takes them; behind those of `trace add`, "count N" may stand. */
static int set_packet_filter(struct parser *p, const char *const *words, unsigned n)
{
	char filter[MAX_FILTER + 1];
	size_t len = 0;

	if (strcmp(p->run.command->words[0], "trace") == 0 && n > 2 &&
		strcmp(words[n - 2], "count") == 0 && is_number(words[n - 1])) {
		if (set_arg(p, "count", json_integer(strtol(words[n - 1], NULL, 10))) < 0)
			return -1;
		n -= 2;
	}
	for (unsigned i = 0; i < n && len < sizeof(filter); i++)
		len += (size_t)snprintf(
			filter + len, sizeof(filter) - len, "%s%s", i > 0 ? " " : "", words[i]);
	if (len >= sizeof(filter))
		return usage(p, "a filter is too long at", words[n - 1]);
	return set_arg(p, p->run.command->operand_key, json_string(filter));
}

static int set_operands(struct parser *p, const char *const *words, unsigned n)
{
	const struct cli_command *c = p->run.command;
	int r;

	if (c->positional == CLI_TAKES_NOTHING)
		return n > 0 ? usage(p, "unexpected word", words[0]) : 0;
	if (n == 0 && c->positional == CLI_MAY_TAKE)
		return 0;
	if (n == 0)
		return refuse_missing(p);
	if (c->positional == CLI_MUST_TAKE_FILTER)
		return set_packet_filter(p, words, n);
	r = set_arg(p, c->operand_key, json_string(words[0]));
	if (r == 0 && c->state)
		r = set_arg(p, "state", json_string(c->state));
	if (r == 0 && c->positional == CLI_MUST_TAKE_AND_SET)
		return set_change(p, words + 1, n - 1);
	if (r == 0 && c->positional == CLI_MUST_TAKE_AND_SET_VRRP)
		return set_vrrp(p, words + 1, n - 1);
	if (r == 0 && n > 1)
		return usage(p, "unexpected word", words[1]);
	return r;
}

static int set_watch(struct parser *p)
{
	const char *text = p->values[CLI_OPT_WATCH];
	double seconds = DEFAULT_WATCH_SECONDS;
	char *end;

	if (!has(p, CLI_OPT_WATCH))
		return 0;
	if (text) {
		seconds = strtod(text, &end);
		if (!is_number(text) || *end != '\0' || seconds < MIN_WATCH_MS / 1e3 ||
			seconds > MAX_WATCH_SECONDS)
			return usage(p, "--watch takes 0.1 to 86400 seconds, not", text);
	}
	p->run.watch_seconds = seconds;
	return 0;
}

static int check_options(struct parser *p)
{
	const struct cli_command *c = p->run.command;

	for (unsigned i = CLI_N_GLOBAL_OPTIONS; i < CLI_N_OPTIONS; i++)
		if (has(p, i) && !(c->options & (1u << i)))
			return cli_client_refuse(p->err, API_ERROR_USAGE,
				"\"%s%s%s\" has no option --%s", c->words[0],
				c->words[1] ? " " : "", c->words[1] ? c->words[1] : "",
				cli_commands_option(i)->name);
	if (has(p, CLI_OPT_STATS) && has(p, CLI_OPT_RATE))
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "--stats and --rate exclude each other");
	if (has(p, CLI_OPT_FOLLOW) && has(p, CLI_OPT_WATCH))
		return cli_client_refuse(
			p->err, API_ERROR_USAGE, "--follow and --watch exclude each other");
	return 0;
}

static void set_globals(struct parser *p)
{
	struct cli_options *o = &p->run.options;

	if (has(p, CLI_OPT_JSON))
		o->format = CLI_JSON;
	if (has(p, CLI_OPT_JSON_LINES))
		o->format = CLI_JSON_LINES;
	if (has(p, CLI_OPT_NO_HEADER))
		o->has_header = false;
	if (has(p, CLI_OPT_SOCKET))
		o->socket = p->values[CLI_OPT_SOCKET];
	if (has(p, CLI_OPT_STRICT))
		o->may_abbreviate = false;
	if (has(p, CLI_OPT_QUIET))
		o->is_quiet = true;
	if (has(p, CLI_OPT_YES) || has(p, CLI_OPT_DRY_RUN))
		o->may_ask = false;
	p->run.wants_help = has(p, CLI_OPT_HELP);
	p->run.wants_version = has(p, CLI_OPT_VERSION);
	p->run.has_rates = has(p, CLI_OPT_RATE);
	p->run.has_stats = has(p, CLI_OPT_STATS);
	p->run.is_following = has(p, CLI_OPT_FOLLOW);
	p->run.file = p->values[CLI_OPT_FILE];
	p->run.write_path = p->values[CLI_OPT_WRITE];
}

static int understand(struct parser *p)
{
	bool has_script = p->run.n_lines > 0 || p->run.file;
	unsigned n = 0;
	int r;

	if (has_script && p->n_words > 0)
		return usage(p, "with -c or -f there is no other command:", p->words[0]);
	if (p->n_words > 0 && strcmp(p->words[0], "help") == 0) {
		p->run.wants_help = true;
		memmove(p->words, p->words + 1, --p->n_words * sizeof(p->words[0]));
	}
	if (p->n_words == 0)
		return 0;
	r = find_command(p, &n);
	if (r < 0 || !p->run.command || p->run.wants_help)
		return r;
	r = check_options(p);
	if (r == 0)
		r = set_operands(p, p->words + n, p->n_words - n);
	if (r == 0)
		r = set_filters(p);
	return r == 0 ? set_watch(p) : r;
}

int cli_args_parse(int argc, char *const *argv, const struct cli_options *defaults,
	struct cli_error *err, struct cli_run *ret)
{
	struct parser p = {.argc = argc, .argv = argv, .err = err};
	int r;

	p.run.options = *defaults;
	p.run.args = json_object();
	if (!p.run.args)
		return cli_client_refuse(err, API_ERROR_FAILED, "out of memory");
	r = take_all(&p);
	set_globals(&p);
	// --version is answered whatever else stands there
	if (r == 0 && !p.run.wants_version)
		r = understand(&p);
	if (r < 0) {
		json_decref(p.run.args);
		ret->options = p.run.options;
		return r;
	}
	*ret = p.run;
	return 0;
}

void cli_args_clear(struct cli_run *run)
{
	json_decref(run->args);
	run->args = NULL;
}
