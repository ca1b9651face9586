/* `show status`: one screen in words. */
#include "tools/render.h"

#include "tools/format.h"
#include "tools/render_role.h"

#include <string.h>

/* "MASTER for 3d 04h   "; of several groups "MASTER of frontend, BACKUP of storage   ". */
static void print_role(const json_t *a, FILE *out)
{
	const json_t *groups = json_object_get(a, "vrrp"), *group;
	size_t i, n = json_array_size(groups);
	char text[CLI_FORMAT_LEN];
	double seconds;

	json_array_foreach(groups, i, group)
	{
		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", cli_format_role(group, text));
		seconds = cli_field_time(a, "time") - cli_field_time(group, "since");
		if (n > 1)
			(void)fprintf(out, " of %s", cli_field_text(group, "group"));
		else
			(void)fprintf(out, " for %s", cli_format_duration(seconds, text));
	}
	if (n > 0)
		(void)fputs("   ", out);
}

static void print_head(const json_t *a, FILE *out)
{
	const json_t *config = json_object_get(a, "config");
	const char *driver = cli_field_text(a, "driver_version");
	json_int_t changes = cli_field_int(config, "changes");
	char uptime[CLI_FORMAT_LEN];

	(void)fprintf(out, "%s  ", cli_field_text(a, "node"));
	print_role(a, out);
	(void)fprintf(out, "poised %s%s%s, up %s, config %s (", cli_field_text(a, "version"),
		driver[0] ? ", " : "", driver,
		cli_format_duration(cli_field_real(a, "uptime_seconds", 0), uptime),
		cli_field_text(config, "path"));
	if (changes == 0)
		(void)fputs("no run-time changes)\n", out);
	else
		(void)fprintf(out, "%" JSON_INTEGER_FORMAT " run-time change%s)\n", changes,
			changes == 1 ? "" : "s");
}

static const char *vips_words(const char *state)
{
	if (strcmp(state, "serving") == 0)
		return "serving";
	if (strcmp(state, "standby") == 0)
		return "standing by: this node answers for none";
	return "starting: not answering until every check has its first verdict";
}

static void print_vips(const json_t *a, FILE *out)
{
	const json_t *vips = json_object_get(a, "vips");
	uint64_t lapses = cli_field_count(vips, "lapses_total");
	char text[CLI_FORMAT_LEN];

	if (!json_is_object(vips)) // an older daemon
		return;
	(void)fprintf(out, "vips        %s", vips_words(cli_field_text(vips, "state")));
	if (lapses > 0)
		(void)fprintf(out, ", fell silent %s time%s", cli_format_grouped(lapses, text),
			lapses == 1 ? "" : "s");
	(void)fputc('\n', out);
}

static void print_services(const json_t *a, FILE *out)
{
	const json_t *services = json_object_get(a, "services"), *family;
	size_t i;

	(void)fprintf(out,
		"services    %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		" up      (%" JSON_INTEGER_FORMAT " service%s",
		cli_field_int(services, "up"), cli_field_int(services, "count"),
		cli_field_int(services, "configured"),
		cli_field_int(services, "configured") == 1 ? "" : "s");
	json_array_foreach(json_object_get(services, "families"), i, family)(void) fprintf(out,
		"%sIPv%" JSON_INTEGER_FORMAT, i > 0 ? " and " : ", ", json_integer_value(family));
	(void)fputs(")\n", out);
}

static void print_down(const json_t *a, const json_t *down, FILE *out)
{
	char since[CLI_FORMAT_LEN];
	double seconds = cli_field_time(a, "time") - cli_field_time(down, "since");

	(void)fprintf(out, "%s/%s (IPv%" JSON_INTEGER_FORMAT "/%s) down for %s: %s",
		cli_field_text(down, "service"), cli_field_text(down, "server"),
		cli_field_int(down, "family"), cli_field_text(down, "protocol"),
		cli_format_duration(seconds, since), cli_field_text(down, "detail"));
}

static void print_servers(const json_t *a, FILE *out)
{
	static const char *const others[] = {"drain", "maint", "unknown"};
	const json_t *servers = json_object_get(a, "servers"), *down;
	json_int_t n_down = cli_field_int(servers, "down");
	size_t i, listed = json_array_size(json_object_get(a, "servers_down"));

	(void)fprintf(out, "servers     %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " up",
		cli_field_int(servers, "up"), cli_field_int(servers, "count"));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (cli_field_int(servers, others[i]) > 0)
			(void)fprintf(out, ", %" JSON_INTEGER_FORMAT " %s",
				cli_field_int(servers, others[i]), others[i]);
	json_array_foreach(json_object_get(a, "servers_down"), i, down)
	{
		(void)fputs(i == 0 ? "    " : "\n            ", out);
		print_down(a, down, out);
	}
	if (n_down > (json_int_t)listed)
		(void)fprintf(out, "\n            and %" JSON_INTEGER_FORMAT " more",
			n_down - (json_int_t)listed);
	(void)fputc('\n', out);
}

/* One direction; rates where there are two samples, totals else. */
static void print_direction(const json_t *a, const char *name, FILE *out)
{
	char packets[32], bytes[32], text[CLI_FORMAT_LEN];
	double rate;

	(void)snprintf(packets, sizeof(packets), "packets_%s_per_second", name);
	(void)snprintf(bytes, sizeof(bytes), "bytes_%s_per_second", name);
	rate = cli_field_real(a, packets, -1);
	if (rate >= 0) {
		(void)fprintf(out, "%s %spps ", name, cli_format_si(rate, text));
		rate = 8 * cli_field_real(a, bytes, 0);
		(void)fprintf(out, "%sb/s   ", cli_format_si(rate, text));
		return;
	}
	(void)snprintf(packets, sizeof(packets), "packets_%s_total", name);
	(void)snprintf(bytes, sizeof(bytes), "bytes_%s_total", name);
	(void)fprintf(out, "%s %spackets ", name,
		cli_format_si((double)cli_field_count(a, packets), text));
	(void)fprintf(out, "%sB   ", cli_format_si((double)cli_field_count(a, bytes), text));
}

static void print_traffic(const json_t *a, FILE *out)
{
	double rate = cli_field_real(a, "connections_per_second", -1);
	char text[CLI_FORMAT_LEN];

	(void)fputs("traffic     ", out);
	print_direction(a, "in", out);
	print_direction(a, "out", out);
	if (rate >= 0)
		(void)fprintf(out, "new %s/s\n", cli_format_grouped((uint64_t)(rate + 0.5), text));
	else
		(void)fprintf(out, "connections %s\n",
			cli_format_grouped(cli_field_count(a, "connections_total"), text));
}

static void print_connections(const json_t *a, FILE *out)
{
	const json_t *connections = json_object_get(a, "connections");
	uint64_t count = cli_field_count(connections, "count");
	uint64_t max = cli_field_count(connections, "max");
	char text[CLI_FORMAT_LEN], limit[CLI_FORMAT_LEN];

	(void)fprintf(out, "connections %s of %s (%.0f %%)\n", cli_format_grouped(count, text),
		cli_format_grouped(max, limit),
		max > 0 ? 100.0 * (double)count / (double)max : 0.0);
}

static void print_memory(const json_t *a, FILE *out)
{
	const json_t *memory = json_object_get(a, "memory");
	bool is_huge = strcmp(cli_field_text(memory, "packets"), "huge") == 0;
	bool has_huge_tables = strcmp(cli_field_text(memory, "tables"), "huge") == 0;

	if (!json_is_object(memory))
		return;
	(void)fprintf(out, "memory      packets on %s, connections on %s (hugepages = \"%s\")\n",
		is_huge ? "huge pages" : "small pages",
		has_huge_tables ? "huge pages" : "transparent huge pages",
		cli_field_text(memory, "hugepages"));
}

/* Of the time between two samples, or else of all time. */
static double busy_ratio(const json_t *worker)
{
	double busy = cli_field_real(worker, "busy_cycles_per_second", -1);
	double idle = cli_field_real(worker, "idle_cycles_per_second", -1);

	if (busy < 0 || idle < 0) {
		busy = (double)cli_field_count(worker, "busy_cycles_total");
		idle = (double)cli_field_count(worker, "idle_cycles_total");
	}
	return busy + idle > 0 ? busy / (busy + idle) : 0;
}

static void print_workers(const json_t *a, FILE *out)
{
	const json_t *workers = json_object_get(a, "workers"), *worker;
	char missed[CLI_FORMAT_LEN];
	double busiest = -1;
	size_t i, which = 0;

	json_array_foreach(workers, i, worker) if (busy_ratio(worker) > busiest)
	{
		busiest = busy_ratio(worker);
		which = i;
	}
	(void)fprintf(out, "workers     %zu", json_array_size(workers));
	if (busiest >= 0)
		(void)fprintf(out, ", busiest w%zu %.0f %%", which, 100 * busiest);
	(void)fprintf(out, "    missed packets %s\n",
		cli_format_grouped(cli_field_count(a, "receive_missed_total"), missed));
}

int cli_render_status(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *warning;
	size_t i;

	(void)options;
	print_head(answer, out);
	print_vips(answer, out);
	print_services(answer, out);
	print_servers(answer, out);
	print_traffic(answer, out);
	print_connections(answer, out);
	print_memory(answer, out);
	print_workers(answer, out);
	json_array_foreach(json_object_get(answer, "warnings"), i, warning)(void)
		fprintf(out, "warning     %s\n", json_string_value(warning));
	return 0;
}
