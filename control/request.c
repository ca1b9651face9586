/* Requests: JSON text checked for its shape, and the table of commands.
 *
 * What comes in is from anybody who may open the socket. After this file an argument has the
 * type that the table says; what its value means, and whether that exists, is the command's. */
#include "control/request.h"

#include "control/show.h"

#include <errno.h>
#include <string.h>

enum { MAX_ARGS = 6 };

enum arg_type { ARG_NONE, ARG_TEXT, ARG_INTEGER, ARG_BOOL, ARG_TEXT_OR_INTEGER };

struct arg {
	const char *name;
	enum arg_type type;
};

struct command {
	const char *name;
	bool is_change;
	ctl_job_open *open;
	struct arg args[MAX_ARGS];
};

// clang-format off
static const struct command commands[] = {
	{API_SHOW_STATUS, false, ctl_show_status_open, {{0}}},
	{API_SHOW_SERVICES, false, ctl_show_services_open,
		{{"service", ARG_TEXT}, {"family", ARG_INTEGER}}},
	{API_SHOW_SERVERS, false, ctl_show_servers_open,
		{{"target", ARG_TEXT}, {"down", ARG_BOOL}}},
	{API_SHOW_CONNECTIONS, false, ctl_show_connections_open,
		{{"client", ARG_TEXT}, {"service", ARG_TEXT}, {"server", ARG_TEXT},
		 {"count", ARG_BOOL}, {"limit", ARG_INTEGER}}},
	{API_SHOW_WORKERS, false, ctl_show_workers_open, {{0}}},
	{API_SHOW_PORTS, false, ctl_show_ports_open, {{0}}},
	{API_SHOW_ERRORS, false, ctl_show_errors_open, {{0}}},
	{API_SHOW_HEALTH, false, ctl_show_health_open, {{"fail", ARG_BOOL}}},
	{API_SHOW_VRRP, false, ctl_show_vrrp_open, {{"group", ARG_TEXT}}},
	{API_SHOW_EVENTS, false, ctl_show_events_open,
		{{"follow", ARG_BOOL}, {"since_seconds", ARG_INTEGER}, {"limit", ARG_INTEGER}}},
	// what is in packets is not for everybody
	{API_CAPTURE, true, ctl_capture_open,
		{{"filter", ARG_TEXT}, {"port", ARG_TEXT}, {"direction", ARG_TEXT},
		 {"snaplen", ARG_INTEGER}, {"count", ARG_INTEGER}}},
	{API_TRACE_ADD, true, ctl_trace_add_open,
		{{"filter", ARG_TEXT}, {"count", ARG_INTEGER}}},
	{API_TRACE_SHOW, false, ctl_trace_show_open, {{0}}},
	// it sends packets: not for everybody
	{API_CHECK_RUN, true, ctl_check_run_open, {{"target", ARG_TEXT}, {"verbose", ARG_BOOL}}},
	{API_SET_SERVER, true, ctl_set_server_open,
		{{"target", ARG_TEXT}, {"weight", ARG_TEXT_OR_INTEGER}, {"state", ARG_TEXT},
		 {"dry_run", ARG_BOOL}}},
	{API_SET_VRRP, true, ctl_set_vrrp_open,
		{{"group", ARG_TEXT}, {"priority", ARG_TEXT_OR_INTEGER}, {"release", ARG_BOOL},
		 {"dry_run", ARG_BOOL}}},
};
// clang-format on

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const char *const type_names[] = {
	[ARG_TEXT] = "a string",
	[ARG_INTEGER] = "an integer",
	[ARG_BOOL] = "true or false",
	[ARG_TEXT_OR_INTEGER] = "an integer or a string",
};

static bool has_type(const json_t *value, enum arg_type type)
{
	switch (type) {
	case ARG_TEXT:
		return json_is_string(value);
	case ARG_INTEGER:
		return json_is_integer(value);
	case ARG_BOOL:
		return json_is_boolean(value);
	case ARG_TEXT_OR_INTEGER:
		return json_is_string(value) || json_is_integer(value);
	default:
		return false;
	}
}

static const struct arg *find_arg(const struct command *command, const char *name)
{
	for (unsigned i = 0; i < MAX_ARGS && command->args[i].name; i++)
		if (strcmp(command->args[i].name, name) == 0)
			return &command->args[i];
	return NULL;
}

static int check_args(const struct command *command, json_t *args, struct ctl_error *err)
{
	const char *key;
	json_t *value;

	if (args && !json_is_object(args))
		return ctl_job_refuse(err, API_ERROR_BAD_REQUEST, "\"args\" is not an object");
	json_object_foreach(args, key, value)
	{
		const struct arg *arg = find_arg(command, key);

		if (!arg)
			return ctl_job_refuse(err, API_ERROR_BAD_REQUEST,
				"%s has no argument \"%.100s\"", command->name, key);
		if (!has_type(value, arg->type))
			return ctl_job_refuse(err, API_ERROR_BAD_REQUEST, "%s: \"%s\" is not %s",
				command->name, key, type_names[arg->type]);
	}
	return 0;
}

/* The keys around the arguments. */
static int check_frame(json_t *request, struct ctl_error *err)
{
	const char *format = "json", *key;
	json_t *value;

	json_object_foreach(request, key, value)
	{
		if (strcmp(key, "format") == 0)
			format = json_string_value(value);
		else if (strcmp(key, "cmd") != 0 && strcmp(key, "args") != 0)
			return ctl_job_refuse(err, API_ERROR_BAD_REQUEST,
				"unknown key \"%.100s\" (cmd, args, format)", key);
	}
	if (!format || strcmp(format, "json") != 0)
		return ctl_job_refuse(
			err, API_ERROR_BAD_REQUEST, "\"format\" can only be \"json\"");
	if (!json_is_string(json_object_get(request, "cmd")))
		return ctl_job_refuse(err, API_ERROR_BAD_REQUEST, "\"cmd\" is not a string");
	return 0;
}

static const struct command *find_command(const char *name, struct ctl_error *err)
{
	for (unsigned i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	(void)ctl_job_refuse(
		err, API_ERROR_UNKNOWN_COMMAND, "the daemon knows no command \"%.100s\"", name);
	return NULL;
}

static int open_request(const struct ctl_call *caller, json_t *request, struct ctl_error *err,
	struct ctl_job **ret_job) ON_CONTROL;
static int open_request(const struct ctl_call *caller, json_t *request, struct ctl_error *err,
	struct ctl_job **ret_job)
{
	json_t *args = json_object_get(request, "args");
	struct ctl_call call = *caller;
	const struct command *command;
	int r;

	r = check_frame(request, err);
	if (r < 0)
		return r;
	command = find_command(json_string_value(json_object_get(request, "cmd")), err);
	if (!command)
		return -EINVAL;
	if (command->is_change && !caller->peer.may_change)
		return ctl_job_refuse(err, API_ERROR_NOT_PERMITTED,
			"%s: this is the read-only socket", command->name);
	r = check_args(command, args, err);
	if (r < 0)
		return r;
	call.args = args;
	return command->open(&call, err, ret_job);
}

int ctl_request_open(const struct ctl_call *caller, const char *line, size_t len,
	struct ctl_error *err, struct ctl_job **ret_job)
{
	json_error_t reason;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &reason);
	int r;

	if (!request)
		return ctl_job_refuse(err, API_ERROR_BAD_REQUEST, "not JSON: %s (column %d)",
			reason.text, reason.column);
	if (json_is_object(request))
		r = open_request(caller, request, err, ret_job);
	else
		r = ctl_job_refuse(err, API_ERROR_BAD_REQUEST, "not a JSON object");
	json_decref(request);
	return r;
}
