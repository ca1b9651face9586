/* `show events`: each as its line in the log, behind its time; so what follows needs no table. */
#include "tools/render.h"

#include "tools/format.h"

int cli_render_events(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	uint64_t lost = cli_field_count(answer, "lost");
	char text[CLI_FORMAT_LEN];
	const json_t *event;
	size_t i;

	(void)options;
	if (lost > 0)
		(void)fprintf(out, "%s event%s lost: they came faster than they were read\n",
			cli_format_grouped(lost, text), lost == 1 ? " was" : "s were");
	json_array_foreach(json_object_get(answer, "events"), i, event)(void) fprintf(
		out, "%s  %s\n", cli_field_text(event, "at"), cli_field_text(event, "message"));
	return 0;
}
