/* `show health`, the answer to `check run`, and the cells of checks in other tables. */
#include "tools/render.h"

#include "tools/format.h"
#include "tools/render_check.h"

#include <errno.h>

enum { ENDPOINT_LEN = 80 };

void cli_check_add_age(struct cli_table *t, const json_t *answer, const json_t *o, const char *key)
{
	double then = cli_field_time(o, key), now = cli_field_time(answer, "time");
	char text[CLI_FORMAT_LEN];

	cli_table_add(t, "%s", then < 0 ? "-" : cli_format_duration(now - then, text));
}

void cli_check_add_result(struct cli_table *t, const json_t *check)
{
	const double seconds = cli_field_real(check, "duration_seconds", -1);
	const char *note = json_is_false(json_object_get(check, "verify"))
				   ? " (certificate not verified)"
				   : "";
	char text[CLI_FORMAT_LEN];

	if (seconds < 0)
		cli_table_add(t, "no result yet");
	else if (seconds == 0 || !json_is_true(json_object_get(check, "ok")))
		cli_table_add(t, "%s", cli_field_text(check, "detail"));
	else
		cli_table_add(t, "%s in %s%s", cli_field_text(check, "detail"),
			cli_format_latency(seconds, text), note);
}

static void add_check(struct cli_table *t, const json_t *answer, const json_t *item)
{
	const json_t *check = json_object_get(item, "check");
	char endpoint[ENDPOINT_LEN];

	cli_table_add(t, "%s/%s", cli_field_text(item, "service"), cli_field_text(item, "server"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(item, "family"));
	cli_table_add(t, "%s", cli_field_text(check, "name"));
	cli_table_add(t, "%s", cli_field_text(check, "type"));
	cli_table_add(t, "%s",
		cli_format_endpoint(cli_field_text(item, "address"), cli_field_int(item, "port"),
			endpoint, sizeof(endpoint)));
	cli_table_add(t, "%s", cli_field_text(item, "verdict"));
	cli_check_add_age(t, answer, check, "since");
	cli_check_add_age(t, answer, check, "last");
	cli_check_add_result(t, check);
}

int cli_render_health(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *list = json_object_get(answer, "health"), *item;
	struct cli_table *t;
	size_t i;
	int r;

	t = cli_table_new("llllllrrl", "SERVER|FAM|CHECK|TYPE|PROBED|VERDICT|SINCE|LAST|RESULT");
	if (!t)
		return -ENOMEM;
	json_array_foreach(list, i, item) add_check(t, answer, item);
	r = cli_table_print(t, options->has_header && json_array_size(list) > 0, out);
	cli_table_free(t);
	return r;
}

bool cli_health_has_problem(const json_t *args, const json_t *answer)
{
	return json_is_true(json_object_get(args, "fail")) &&
	       json_array_size(json_object_get(answer, "health")) > 0;
}

static void print_run(const json_t *run, FILE *out)
{
	const json_t *line;
	char text[CLI_FORMAT_LEN];
	size_t i;

	json_array_foreach(json_object_get(run, "dialogue"), i, line)(void)
		fprintf(out, "  %s\n", json_string_value(line));
	(void)fprintf(out, "%s/%s (IPv%" JSON_INTEGER_FORMAT "): %s: %s in %s",
		cli_field_text(run, "service"), cli_field_text(run, "server"),
		cli_field_int(run, "family"),
		json_is_true(json_object_get(run, "ok")) ? "passed" : "FAILED",
		cli_field_text(run, "detail"),
		cli_format_latency(cli_field_real(run, "duration_seconds", 0), text));
	if (json_object_get(run, "weight"))
		(void)fprintf(out, ", weight %" JSON_INTEGER_FORMAT, cli_field_int(run, "weight"));
	(void)fputc('\n', out);
}

int cli_render_runs(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *run;
	size_t i;

	(void)options;
	json_array_foreach(json_object_get(answer, "runs"), i, run) print_run(run, out);
	return 0;
}

bool cli_runs_have_problem(const json_t *args, const json_t *answer)
{
	const json_t *run;
	size_t i;

	(void)args;
	json_array_foreach(json_object_get(answer, "runs"), i,
		run) if (!json_is_true(json_object_get(run, "ok"))) return true;
	return false;
}
