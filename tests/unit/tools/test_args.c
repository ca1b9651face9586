/* Command lines: what they ask of the daemon, and what is refused. */
#include "control/api.h"
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_options defaults = {.socket = API_DEFAULT_SOCKET, .has_header = true};

/* Parses a line as a shell would split it. The words live in `copy`. */
static int parse_line(const char *line, bool may_abbreviate, char copy[512], struct cli_error *err,
	struct cli_run *run)
{
	struct cli_options options = defaults;
	char *words[CLI_MAX_WORDS];
	int n;

	options.may_abbreviate = may_abbreviate;
	(void)strcpy(copy, line);
	n = cli_words_split(copy, words);
	assert_true(n >= 0);
	return cli_args_parse(n, words, &options, err, run);
}

/* Line -> command and arguments for the daemon. */
static void a_command_line_becomes_a_request(void **state)
{
	static const struct {
		const char *line, *cmd, *args;
	} rows[] = {
		{"show status", "show status", "{}"},
		{"show services", "show services", "{}"},
		{"show services imaps", "show services", "{\"service\": \"imaps\"}"},
		{"show services imaps --family 4", "show services",
			"{\"service\": \"imaps\", \"family\": 4}"},
		{"show services --family=6", "show services", "{\"family\": 6}"},
		{"show servers", "show servers", "{}"},
		{"show servers imaps/slave-1 --down", "show servers",
			"{\"target\": \"imaps/slave-1\", \"down\": true}"},
		{"show connections --count", "show connections", "{\"count\": true}"},
		{"show connections --client [2001:db8::1]:443 --service s --server b --limit 5",
			"show connections",
			"{\"client\": \"[2001:db8::1]:443\", \"service\": \"s\", "
			"\"server\": \"b\", \"limit\": 5}"},
		{"show workers", "show workers", "{}"},
		{"show ports", "show ports", "{}"},
		{"show errors", "show errors", "{}"},
		{"set server imaps/slave-1 weight 50%", "set server",
			"{\"target\": \"imaps/slave-1\", \"weight\": \"50%\"}"},
		{"set server */* state maint --dry-run", "set server",
			"{\"target\": \"*/*\", \"state\": \"maint\", \"dry_run\": true}"},
		{"show events", "show events", "{}"},
		{"show events -f", "show events", "{\"follow\": true}"},
		{"show events -jf", "show events", "{\"follow\": true}"},
		{"--follow show events --since 1h --limit 5", "show events",
			"{\"follow\": true, \"since_seconds\": 3600, \"limit\": 5}"},
		{"show events --since 90", "show events", "{\"since_seconds\": 90}"},
		{"show events --since 90s", "show events", "{\"since_seconds\": 90}"},
		{"show events --since 10m", "show events", "{\"since_seconds\": 600}"},
		{"show events --since=9999d", "show events", "{\"since_seconds\": 863913600}"},
		{"show vrrp", "show vrrp", "{}"},
		{"show vrrp frontend", "show vrrp", "{\"group\": \"frontend\"}"},
		{"set vrrp frontend release", "set vrrp",
			"{\"group\": \"frontend\", \"release\": true}"},
		{"set vrrp frontend priority 90 -y", "set vrrp",
			"{\"group\": \"frontend\", \"priority\": \"90\"}"},
		{"set vrrp frontend priority default --dry-run", "set vrrp",
			"{\"group\": \"frontend\", \"priority\": \"default\", "
			"\"dry_run\": true}"},
		{"drain */slave-2 -q", "set server",
			"{\"target\": \"*/slave-2\", \"state\": \"drain\"}"},
		{"disable server a/b", "set server", "{\"target\": \"a/b\", \"state\": \"maint\"}"},
		{"enable server a/b", "set server", "{\"target\": \"a/b\", \"state\": \"ready\"}"},
		{"-j show -H services -n -s /x imaps", "show services", "{\"service\": \"imaps\"}"},
		{"show services -- --odd", "show services", "{\"service\": \"--odd\"}"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *args = json_loads(rows[i].args, 0, NULL);
		struct cli_error err;
		struct cli_run run;
		char copy[512];

		if (parse_line(rows[i].line, false, copy, &err, &run) < 0)
			fail_msg("%s: %s", rows[i].line, err.message);
		assert_string_equal(run.command->cmd, rows[i].cmd);
		if (!json_equal(run.args, args))
			fail_msg("%s: other arguments", rows[i].line);
		cli_args_clear(&run);
		json_decref(args);
	}
}

/* A filter is all words together; "" is one too. */
static void packets_are_asked_for_by_a_filter(void **state)
{
	static const struct {
		const char *line, *args, *message;
	} rows[] = {
		{"capture 'port 25'", "{\"filter\": \"port 25\"}", NULL},
		{"capture port 25 --count 9 --dir in --port wan --snaplen 64 -w x",
			"{\"filter\": \"port 25\", \"count\": 9, \"direction\": \"in\", "
			"\"port\": \"wan\", \"snaplen\": 64}",
			NULL},
		{"capture ''", "{\"filter\": \"\"}", NULL},
		{"trace add src 192.0.2.1 count 3", "{\"filter\": \"src 192.0.2.1\", \"count\": 3}",
			NULL},
		{"trace add 'tcp port 80'", "{\"filter\": \"tcp port 80\"}", NULL},
		{"trace show", "{}", NULL},
		{"show connections --count 5", NULL, "unexpected word \"5\""},
		{"capture ip --count", NULL, "option --count needs a value (N)"},
		{"capture ip --snaplen 5x", NULL, "--snaplen is 1 to 16384, not \"5x\""},
		{"capture ip --snaplen 0", NULL, "--snaplen is 1 to 16384, not \"0\""},
		{"capture", NULL,
			"which packets? FILTER is missing (as tcpdump takes it; '' is all)"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *args = rows[i].args ? json_loads(rows[i].args, 0, NULL) : NULL;
		struct cli_error err;
		struct cli_run run;
		char copy[512];
		int r = parse_line(rows[i].line, false, copy, &err, &run);

		assert_int_equal(r, rows[i].message ? -1 : 0);
		if (r < 0) {
			assert_string_equal(err.message, rows[i].message);
			continue;
		}
		if (!json_equal(run.args, args))
			fail_msg("%s: other arguments", rows[i].line);
		cli_args_clear(&run);
		json_decref(args);
	}
}

/* All are usage errors: exit status 2. */
static void what_makes_no_sense_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{"shwo", "unknown command \"shwo\" (did you mean show?)"},
		{"show servces", "unknown object of \"show\": \"servces\" "
				 "(did you mean services or servers?)"},
		{"show nonsense",
			"unknown object of \"show\": \"nonsense\" (status, services, "
			"servers, connections, workers, ports, errors, health, vrrp or events)"},
		{"sh status", "unknown command \"sh\" (did you mean show?)"},
		{"show", "\"show\" needs a word more; poise show --help lists them"},
		{"top", "unknown command \"top\" (show, capture, trace, check, set, drain, disable "
			"or enable)"},
		{"show status x", "unexpected word \"x\""},
		{"show services a b", "unexpected word \"b\""},
		{"show status --down", "\"show status\" has no option --down"},
		{"show services --dwon", "unknown option \"dwon\" (did you mean down or json?)"},
		{"show services -x", "unknown option \"-x\""},
		{"show services --family 5", "--family is 4 or 6, not \"5\""},
		{"show services --family", "option --family needs a value (4|6)"},
		{"show services --stats --rate", "--stats and --rate exclude each other"},
		{"show services --stats=1", "option --stats takes no value"},
		{"show connections --limit 0", "--limit is 1 to 65536, not \"0\""},
		{"show connections --limit 99999999999999999999",
			"--limit is 1 to 65536, not \"99999999999999999999\""},
		{"show status --watch 0", "--watch takes 0.1 to 86400 seconds, not \"0\""},
		{"show status --watch=x", "--watch takes 0.1 to 86400 seconds, not \"x\""},
		{"show status --watch 1.2.3", "--watch takes 0.1 to 86400 seconds, not \"1.2.3\""},
		{"set server", "which server? SVC/SRV is missing (* may stand for either)"},
		{"drain", "which server? SVC/SRV is missing (* may stand for either)"},
		{"drain a/b c", "unexpected word \"c\""},
		{"set server a/b", "set server SVC/SRV needs weight or state"},
		{"set server a/b weight", "set server SVC/SRV weight needs a value"},
		{"set server a/b wieght 5", "unknown setting \"wieght\" (did you mean weight?)"},
		{"set server a/b state asleep", "unknown state \"asleep\" (ready, drain or maint)"},
		{"set server a/b weight 5 6", "unexpected word \"6\""},
		{"show events --since", "option --since needs a value (N[s|m|h|d])"},
		{"show events --since h", "--since is a time as 90s, 10m, 1h or 2d, not \"h\""},
		{"show events --since 1w", "--since is a time as 90s, 10m, 1h or 2d, not \"1w\""},
		{"show events --since 10000",
			"--since is a time as 90s, 10m, 1h or 2d, not \"10000\""},
		{"show events -f --watch", "--follow and --watch exclude each other"},
		{"show ports --follow", "\"show ports\" has no option --follow"},
		{"show ports -f x", "with -c or -f there is no other command: \"show\""},
		{"-f show events", "with -c or -f there is no other command: \"events\""},
		{"set vrrp", "which group? GROUP is missing"},
		{"set vrrp a", "set vrrp GROUP needs release or priority"},
		{"set vrrp a relaese", "unknown setting \"relaese\" (did you mean release?)"},
		{"set vrrp a priority", "set vrrp GROUP priority needs a value"},
		{"set vrrp a priority 5 6", "unexpected word \"6\""},
		{"set vrrp a release 5", "unexpected word \"5\""},
		{"set server a/b weight 5 -y", "\"set server\" has no option --yes"},
		{"-c 'show status' show ports",
			"with -c or -f there is no other command: \"show\""},
		{"-s", "option --socket needs a value (PATH)"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_error err;
		struct cli_run run;
		char copy[512];

		assert_int_equal(parse_line(rows[i].line, false, copy, &err, &run), -1);
		assert_string_equal(err.message, rows[i].message);
		assert_int_equal(cli_client_exit_status(err.code), 2);
	}
}

static void unique_prefixes_work_where_a_person_types(void **state)
{
	static const struct {
		const char *line, *cmd, *message;
	} rows[] = {
		{"sh st", "show status", NULL},
		{"sh servi", "show services", NULL},
		{"sh ev -f", "show events", NULL},
		{"se s a/b w 5", "set server", NULL},
		{"se s a/b st d", "set server", NULL},
		{"se v a r", "set vrrp", NULL},
		{"en s a/b", "set server", NULL},
		{"s st", NULL, "command \"s\" is not unique (show or set)"},
		{"sh serv", NULL,
			"object of \"show\": \"serv\" is not unique (services or servers)"},
		{"d a/b", NULL, "command \"d\" is not unique (drain or disable)"},
		{"--strict sh st", NULL, "unknown command \"sh\" (did you mean show?)"},
		{"\"\" st", NULL,
			"unknown command \"\" (did you mean show, capture, trace, check, set, "
			"drain, disable or "
			"enable?)"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_error err;
		struct cli_run run;
		char copy[512];
		int r = parse_line(rows[i].line, true, copy, &err, &run);

		if (rows[i].message) {
			assert_int_equal(r, -1);
			assert_string_equal(err.message, rows[i].message);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(run.command->cmd, rows[i].cmd);
		cli_args_clear(&run);
	}
}

static struct cli_run parse_good(const char *line, char copy[512])
{
	struct cli_error err;
	struct cli_run run;

	if (parse_line(line, false, copy, &err, &run) < 0)
		fail_msg("%s: %s", line, err.message);
	return run;
}

static void options_may_stand_anywhere(void **state)
{
	static const char *const lines[] = {"-jqH -s /x drain a/b",
		"drain -j -q a/b -H --socket=/x", "drain a/b -Hqj -s/x",
		"--json --quiet --no-header --socket /x drain a/b"};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char copy[512];
		struct cli_run run = parse_good(lines[i], copy);

		assert_int_equal(run.options.format, CLI_JSON);
		assert_true(run.options.is_quiet);
		assert_false(run.options.has_header);
		assert_string_equal(run.options.socket, "/x");
		cli_args_clear(&run);
	}
}

static void watching_takes_seconds_or_not(void **state)
{
	static const struct {
		const char *line;
		double seconds;
	} rows[] = {{"show status", 0}, {"show status --watch", 1},
		{"show status --watch 0.5", 0.5}, {"show status --watch=3", 3},
		{"show --watch status", 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char copy[512];
		struct cli_run run = parse_good(rows[i].line, copy);

		assert_true(run.watch_seconds == rows[i].seconds);
		cli_args_clear(&run);
	}
}

static void help_is_there_at_each_level(void **state)
{
	static const struct {
		const char *line, *first, *second;
	} rows[] = {{"--help", NULL, NULL}, {"help", NULL, NULL}, {"show --help", "show", NULL},
		{"help show services", "show", "services"}, {"-h set server", "set", "server"},
		{"show services imaps --help", "show", "services"}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char copy[512], *text = NULL;
		struct cli_run run = parse_good(rows[i].line, copy);
		size_t len;
		FILE *out = open_memstream(&text, &len);

		assert_true(run.wants_help);
		for (unsigned k = 0; k < 2; k++) {
			const char *wanted = k ? rows[i].second : rows[i].first;

			assert_int_equal(!wanted, !run.help_words[k]);
			if (wanted)
				assert_string_equal(run.help_words[k], wanted);
		}
		cli_commands_print_help(run.help_words, out);
		(void)fclose(out);
		assert_non_null(strstr(text, rows[i].second ? rows[i].second : "show status"));
		assert_int_equal(!strstr(text, "drain SVC/SRV"), rows[i].first != NULL);
		free(text);
		cli_args_clear(&run);
	}
}

static void commands_come_from_options_too(void **state)
{
	char copy[512];
	struct cli_run run = parse_good("-c 'show status' -c \"drain a/b\" -f x.txt -j", copy);

	(void)state;
	assert_int_equal(run.n_lines, 2);
	assert_string_equal(run.lines[0], "show status");
	assert_string_equal(run.lines[1], "drain a/b");
	assert_string_equal(run.file, "x.txt");
	cli_args_clear(&run);
}

/* The error has to come in the form that was asked for. */
static void the_format_is_known_even_if_the_rest_is_wrong(void **state)
{
	struct cli_error err;
	struct cli_run run;
	char copy[512];

	(void)state;
	assert_int_equal(parse_line("-j show nonsense", false, copy, &err, &run), -1);
	assert_int_equal(run.options.format, CLI_JSON);
	assert_int_equal(parse_line("show -J --nonsense", false, copy, &err, &run), -1);
	assert_int_equal(run.options.format, CLI_JSON_LINES);
}

/* Nothing is asked for a trial, or where the answer was given before. */
static void a_person_is_asked_unless_it_was_answered(void **state)
{
	static const struct {
		const char *line;
		bool asks;
	} rows[] = {{"set vrrp a release", true}, {"set vrrp a release -y", false},
		{"set vrrp a release --yes", false}, {"set vrrp a release --dry-run", false}};
	struct cli_options options = defaults;

	(void)state;
	options.may_ask = true;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char copy[512], *words[CLI_MAX_WORDS];
		struct cli_error err;
		struct cli_run run;
		int n;

		(void)strcpy(copy, rows[i].line);
		n = cli_words_split(copy, words);
		assert_int_equal(cli_args_parse(n, words, &options, &err, &run), 0);
		assert_true(run.command->asks_first);
		assert_int_equal(run.options.may_ask, rows[i].asks);
		cli_args_clear(&run);
	}
}

static void version_needs_no_command(void **state)
{
	char copy[512];
	struct cli_run run = parse_good("-V", copy);

	(void)state;
	assert_true(run.wants_version);
	cli_args_clear(&run);
}

static void lines_are_split_into_words(void **state)
{
	static const struct {
		const char *line;
		int n;
		const char *words[4];
	} rows[] = {
		{"", 0, {0}},
		{"  \t\n", 0, {0}},
		{"a b\n", 2, {"a", "b"}},
		{" a  'b c' \"d\" ", 3, {"a", "b c", "d"}},
		{"a'b c'd", 1, {"ab cd"}},
		{"a '' b", 3, {"a", "", "b"}},
		{"a # b", 1, {"a"}},
		{"# b", 0, {0}},
		{"a#b '#'", 2, {"a#b", "#"}},
		{"'\"' \"'\"", 2, {"\"", "'"}},
		{"'open", -1, {0}},
		{"a \"open b", -1, {0}},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char copy[64], *words[CLI_MAX_WORDS];

		(void)strcpy(copy, rows[i].line);
		assert_int_equal(cli_words_split(copy, words), rows[i].n);
		for (int k = 0; k < rows[i].n; k++)
			assert_string_equal(words[k], rows[i].words[k]);
	}
}

static void error_codes_have_the_exit_status_of_the_manual(void **state)
{
	static const struct {
		const char *code;
		int status;
	} rows[] = {{"failed", 1}, {"busy", 1}, {"bad_request", 2}, {"invalid_value", 2},
		{"usage", 2}, {"unreachable", 3}, {"not_found", 4}, {"not_permitted", 5},
		{"no_access", 5}, {"refused", 1}, {"of a newer daemon", 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cli_client_exit_status(rows[i].code), rows[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_line_becomes_a_request),
		cmocka_unit_test(packets_are_asked_for_by_a_filter),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
		cmocka_unit_test(unique_prefixes_work_where_a_person_types),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(watching_takes_seconds_or_not),
		cmocka_unit_test(help_is_there_at_each_level),
		cmocka_unit_test(commands_come_from_options_too),
		cmocka_unit_test(the_format_is_known_even_if_the_rest_is_wrong),
		cmocka_unit_test(a_person_is_asked_unless_it_was_answered),
		cmocka_unit_test(version_needs_no_command),
		cmocka_unit_test(lines_are_split_into_words),
		cmocka_unit_test(error_codes_have_the_exit_status_of_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
