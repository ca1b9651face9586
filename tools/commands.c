/* The table of commands and options, and the help that is made from it. */
#include "tools/commands.h"

#include "control/api.h"

#include <string.h>

// clang-format off
static const struct cli_option_def options_table[CLI_N_OPTIONS] = {
	[CLI_OPT_JSON] = {"json", 'j', CLI_VALUE_NONE, NULL, "one JSON document"},
	[CLI_OPT_JSON_LINES] = {"json-lines", 'J', CLI_VALUE_NONE, NULL, "one JSON object a line"},
	[CLI_OPT_NO_NAMES] = {"numeric", 'n', CLI_VALUE_NONE, NULL, "no host names (there never are any)"},
	[CLI_OPT_NO_HEADER] = {"no-header", 'H', CLI_VALUE_NONE, NULL, "no line of titles"},
	[CLI_OPT_SOCKET] = {"socket", 's', CLI_VALUE_TEXT, "PATH", "the daemon's socket (" API_DEFAULT_SOCKET ")"},
	[CLI_OPT_STRICT] = {"strict", 0, CLI_VALUE_NONE, NULL, "words in full only; implied off a terminal"},
	[CLI_OPT_HELP] = {"help", 'h', CLI_VALUE_NONE, NULL, "this help; also after any command"},
	[CLI_OPT_VERSION] = {"version", 'V', CLI_VALUE_NONE, NULL, "the version"},
	[CLI_OPT_COMMAND] = {"command", 'c', CLI_VALUE_TEXT, "'COMMAND'", "run this command; may be repeated"},
	[CLI_OPT_FILE] = {"file", 'f', CLI_VALUE_TEXT, "FILE", "run the commands in FILE, one a line (-: standard input)"},
	[CLI_OPT_WATCH] = {"watch", 0, CLI_VALUE_MAYBE_NUMBER, "[SEC]", "again every SEC seconds (1)"},
	[CLI_OPT_QUIET] = {"quiet", 'q', CLI_VALUE_NONE, NULL, "say nothing unless it fails"},
	[CLI_OPT_DRY_RUN] = {"dry-run", 0, CLI_VALUE_NONE, NULL, "say what would change, and change nothing"},
	[CLI_OPT_YES] = {"yes", 'y', CLI_VALUE_NONE, NULL, "do not ask first; off a terminal nothing is asked"},
	[CLI_OPT_FAMILY] = {"family", 0, CLI_VALUE_TEXT, "4|6", "only this half"},
	[CLI_OPT_STATS] = {"stats", 0, CLI_VALUE_NONE, NULL, "counters in full"},
	[CLI_OPT_RATE] = {"rate", 0, CLI_VALUE_NONE, NULL, "per second, from two samples a second apart"},
	[CLI_OPT_DOWN] = {"down", 0, CLI_VALUE_NONE, NULL, "only those whose check does not pass"},
	[CLI_OPT_CLIENT] = {"client", 0, CLI_VALUE_TEXT, "A[:PORT]", "only this client"},
	[CLI_OPT_SERVICE] = {"service", 0, CLI_VALUE_TEXT, "S", "only this service"},
	[CLI_OPT_SERVER] = {"server", 0, CLI_VALUE_TEXT, "B", "only this server, in any service, or SVC/SRV"},
	[CLI_OPT_COUNT] = {"count", 0, CLI_VALUE_MAYBE_NUMBER, "[N]", "only their number; of capture: so many packets"},
	[CLI_OPT_LIMIT] = {"limit", 0, CLI_VALUE_TEXT, "N", "at most so many (1000)"},
	[CLI_OPT_FAIL] = {"fail", 0, CLI_VALUE_NONE, NULL, "only checks that fail; exit status 6 if there are any"},
	[CLI_OPT_VERBOSE] = {"verbose", 'v', CLI_VALUE_NONE, NULL, "with all that was said"},
	[CLI_OPT_FOLLOW] = {"follow", 'f', CLI_VALUE_NONE, NULL, "also what comes, until interrupted"},
	[CLI_OPT_WRITE] = {"write", 'w', CLI_VALUE_TEXT, "FILE", "to this file (-: standard output)"},
	[CLI_OPT_PORT] = {"port", 0, CLI_VALUE_TEXT, "P", "only this interface"},
	[CLI_OPT_DIR] = {"dir", 0, CLI_VALUE_TEXT, "in|out|both", "as received, and dropped; or as sent"},
	[CLI_OPT_SNAPLEN] = {"snaplen", 0, CLI_VALUE_TEXT, "N", "at most so many bytes of a packet"},
	[CLI_OPT_SINCE] = {"since", 0, CLI_VALUE_TEXT, "N[s|m|h|d]", "not what is older than that"},
};

#define BIT(option) (1u << CLI_OPT_##option)
#define CHANGE (BIT(DRY_RUN) | BIT(QUIET))

static const struct cli_command commands[] = {
	{{"show", "status"}, "", "everything on one screen",
		API_SHOW_STATUS, CLI_TAKES_NOTHING, NULL, NULL, NULL,
		BIT(WATCH), true, cli_render_status, NULL, false},
	{{"show", "services"}, "[NAME]", "services with their servers and connections",
		API_SHOW_SERVICES, CLI_MAY_TAKE, "service", NULL, "services",
		BIT(WATCH) | BIT(FAMILY) | BIT(STATS) | BIT(RATE), false, cli_render_services, NULL, false},
	{{"show", "servers"}, "[SVC/SRV]", "servers with health, weight and last check",
		API_SHOW_SERVERS, CLI_MAY_TAKE, "target", NULL, "servers",
		BIT(WATCH) | BIT(DOWN), false, cli_render_servers, NULL, false},
	{{"show", "connections"}, "", "the connection table, filtered",
		API_SHOW_CONNECTIONS, CLI_TAKES_NOTHING, NULL, NULL, "connections",
		BIT(WATCH) | BIT(CLIENT) | BIT(SERVICE) | BIT(SERVER) | BIT(COUNT) | BIT(LIMIT),
		false, cli_render_connections, NULL, false},
	{{"show", "workers"}, "", "worker threads: load, account of packets, drops",
		API_SHOW_WORKERS, CLI_TAKES_NOTHING, NULL, NULL, "workers",
		BIT(WATCH), false, cli_render_workers, NULL, false},
	{{"show", "ports"}, "", "network ports and their counters",
		API_SHOW_PORTS, CLI_TAKES_NOTHING, NULL, NULL, "ports",
		BIT(WATCH), false, cli_render_ports, NULL, false},
	{{"show", "errors"}, "", "why packets were dropped, and how many",
		API_SHOW_ERRORS, CLI_TAKES_NOTHING, NULL, NULL, "errors",
		BIT(WATCH), false, cli_render_errors, NULL, false},
	{{"show", "health"}, "", "every check, and how it stands",
		API_SHOW_HEALTH, CLI_TAKES_NOTHING, NULL, NULL, "health",
		BIT(WATCH) | BIT(FAIL), false, cli_render_health, cli_health_has_problem, false},
	{{"show", "vrrp"}, "[GROUP]", "who is master, and why",
		API_SHOW_VRRP, CLI_MAY_TAKE, "group", NULL, "groups",
		BIT(WATCH), false, cli_render_vrrp, NULL, false},
	{{"show", "events"}, "", "changes of state, the newest last",
		API_SHOW_EVENTS, CLI_TAKES_NOTHING, NULL, NULL, "events",
		BIT(WATCH) | BIT(FOLLOW) | BIT(SINCE) | BIT(LIMIT), false, cli_render_events, NULL, false},
	{{"capture", NULL}, "FILTER", "packets as they come, go and are dropped, as pcapng; FILTER as tcpdump's",
		API_CAPTURE, CLI_MUST_TAKE_FILTER, "filter", NULL, "packets",
		BIT(WRITE) | BIT(COUNT) | BIT(PORT) | BIT(DIR) | BIT(SNAPLEN) | BIT(QUIET), false, NULL, NULL, false},
	{{"trace", "add"}, "FILTER [count N]", "follow the next packets through the stages; FILTER as tcpdump's",
		API_TRACE_ADD, CLI_MUST_TAKE_FILTER, "filter", NULL, NULL,
		BIT(QUIET), false, cli_render_trace_added, NULL, false},
	{{"trace", "show"}, "", "what became of them",
		API_TRACE_SHOW, CLI_TAKES_NOTHING, NULL, NULL, "traces",
		BIT(WATCH), false, cli_render_traces, NULL, false},
	{{"check", "run"}, "SVC/SRV", "one check now; exit status 6 if it fails",
		API_CHECK_RUN, CLI_MUST_TAKE, "target", NULL, "runs",
		BIT(VERBOSE), false, cli_render_runs, cli_runs_have_problem, false},
	{{"set", "server"}, "SVC/SRV weight N|N% | state ready|drain|maint",
		"change a server's weight or state until restart",
		API_SET_SERVER, CLI_MUST_TAKE_AND_SET, "target", NULL, "changes",
		CHANGE, false, cli_render_changes, NULL, false},
	{{"set", "vrrp"}, "GROUP release | priority N|default",
		"hand over to another node, or change the priority until restart",
		API_SET_VRRP, CLI_MUST_TAKE_AND_SET_VRRP, "group", NULL, "changes",
		CHANGE | BIT(YES), false, cli_render_vrrp_changes, NULL, true},
	{{"drain", NULL}, "SVC/SRV", "no new connections; those that are live on",
		API_SET_SERVER, CLI_MUST_TAKE, "target", "drain", "changes",
		CHANGE, false, cli_render_changes, NULL, false},
	{{"disable", "server"}, "SVC/SRV", "take a server out: state maint",
		API_SET_SERVER, CLI_MUST_TAKE, "target", "maint", "changes",
		CHANGE, false, cli_render_changes, NULL, false},
	{{"enable", "server"}, "SVC/SRV", "take it back in: state ready",
		API_SET_SERVER, CLI_MUST_TAKE, "target", "ready", "changes",
		CHANGE, false, cli_render_changes, NULL, false},
};
// clang-format on

const struct cli_option_def *cli_commands_option(enum cli_option option)
{
	return &options_table[option];
}

const struct cli_command *cli_commands_get(unsigned index)
{
	return index < sizeof(commands) / sizeof(commands[0]) ? &commands[index] : NULL;
}

static bool is_below(const struct cli_command *c, const char *const words[2])
{
	for (unsigned i = 0; i < 2; i++)
		if (words[i] && (!c->words[i] || strcmp(c->words[i], words[i]) != 0))
			return false;
	return true;
}

static void print_option(enum cli_option option, FILE *out)
{
	const struct cli_option_def *def = &options_table[option];
	char text[64];

	(void)snprintf(text, sizeof(text), "%c%c%s--%s%s%s", def->letter ? '-' : ' ',
		def->letter ? def->letter : ' ', def->letter ? ", " : "  ", def->name,
		def->operand ? " " : "", def->operand ? def->operand : "");
	(void)fprintf(out, "  %-26s  %s\n", text, def->help);
}

static void print_command(const struct cli_command *c, FILE *out)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "%s%s%s%s%s", c->words[0], c->words[1] ? " " : "",
		c->words[1] ? c->words[1] : "", c->usage[0] ? " " : "", c->usage);
	if (strlen(text) <= 26)
		(void)fprintf(out, "  %-26s  %s\n", text, c->help);
	else
		(void)fprintf(out, "  %s\n  %-26s  %s\n", text, "", c->help);
}

void cli_commands_print_help(const char *const words[2], FILE *out)
{
	const struct cli_command *c;
	unsigned options = 0;

	(void)fputs("usage: poise [OPTIONS] COMMAND\n\nCommands:\n", out);
	for (unsigned i = 0; (c = cli_commands_get(i)); i++) {
		if (!is_below(c, words))
			continue;
		print_command(c, out);
		options |= c->options;
	}
	(void)fputs("\nSVC/SRV is a server of a service; * may stand for either.\n", out);

	(void)fprintf(out, "\nOptions%s:\n", words[0] ? "" : " of some commands");
	for (unsigned i = CLI_N_GLOBAL_OPTIONS; i < CLI_N_OPTIONS; i++)
		if (options & (1u << i))
			print_option(i, out);
	(void)fputs("\nOptions of every command:\n", out);
	for (unsigned i = 0; i < CLI_N_GLOBAL_OPTIONS; i++)
		print_option(i, out);
	(void)fputs(
		"\nExit status: 0 done, 1 refused or failed, 2 usage, 3 daemon not reachable, "
		"4 no such\nobject, 5 not permitted, 6 a check found a problem. See poise(1).\n",
		out);
}
