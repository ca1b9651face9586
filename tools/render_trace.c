/* `trace add` and `trace show`: the path of each packet, a line a stage. */
#include "tools/render.h"

#include "tools/format.h"

int cli_render_trace_added(
	const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	(void)options;
	(void)fprintf(out, "traces the next %" JSON_INTEGER_FORMAT " packet%s: poise trace show\n",
		cli_field_int(answer, "count"), cli_field_int(answer, "count") == 1 ? "" : "s");
	return 0;
}

static void print_trace(const json_t *trace, FILE *out)
{
	const json_t *step;
	size_t i;

	(void)fprintf(out,
		"#%" JSON_INTEGER_FORMAT " %.15s %s worker %" JSON_INTEGER_FORMAT
		", %" JSON_INTEGER_FORMAT " bytes\n",
		cli_field_int(trace, "trace"),
		*cli_field_text(trace, "at") ? cli_field_text(trace, "at") + 11 : "",
		cli_field_text(trace, "port"), cli_field_int(trace, "worker"),
		cli_field_int(trace, "length"));
	json_array_foreach(json_object_get(trace, "steps"), i, step)(void) fprintf(
		out, "  %-8s  %s\n", cli_field_text(step, "stage"), cli_field_text(step, "text"));
}

int cli_render_traces(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *traces = json_object_get(answer, "traces"), *trace;
	char text[CLI_FORMAT_LEN];
	size_t i;

	(void)options;
	json_array_foreach(traces, i, trace) if (json_is_object(trace)) print_trace(trace, out);
	if (json_array_size(traces) == 0)
		(void)fputs(json_is_true(json_object_get(answer, "is_on"))
				    ? "no packet has come yet\n"
				    : "nothing is traced: poise trace add FILTER\n",
			out);
	if (cli_field_count(answer, "lost_total") > 0)
		(void)fprintf(out, "%s lost\n",
			cli_format_grouped(cli_field_count(answer, "lost_total"), text));
	return 0;
}
