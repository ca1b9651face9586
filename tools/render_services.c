/* `show services` as a table: each half of a service, its servers below it. */
#include "tools/render.h"

#include "tools/format.h"
#include "tools/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS_LEN = 256, ENDPOINT_LEN = 80 };

/* What the columns on the right show. */
enum view { VIEW_TOTALS, VIEW_LIVE_RATES, VIEW_STATS, VIEW_RATES, N_VIEWS };

static const char alignment[] = "lllllrrrrrr";

#define LEFT_TITLES "SERVICE|FAM|VIP|SCHED|STATE|SERVERS|"

static const char *const titles[N_VIEWS] = {
	[VIEW_TOTALS] = LEFT_TITLES "ACTIVE|CLOSING|TOTAL|IN|OUT",
	[VIEW_LIVE_RATES] = LEFT_TITLES "ACTIVE|CLOSING|NEW/S|IN/S|OUT/S",
	[VIEW_STATS] = LEFT_TITLES "CONNECTIONS|IN PACKETS|OUT PACKETS|IN BYTES|OUT BYTES",
	[VIEW_RATES] = LEFT_TITLES "NEW/S|IN PACKETS/S|OUT PACKETS/S|IN BYTES/S|OUT BYTES/S",
};

static void add_count(struct cli_table *t, uint64_t n)
{
	char text[CLI_FORMAT_LEN];

	cli_table_add(t, "%s", cli_format_grouped(n, text));
}

/* "-" where there is no rate: the entry was not in the first sample. */
static void add_rate(struct cli_table *t, const json_t *o, const char *key, bool is_short)
{
	double rate = cli_field_real(o, key, -1);
	char text[CLI_FORMAT_LEN];

	if (rate < 0)
		cli_table_add(t, "-");
	else if (is_short)
		cli_table_add(t, "%s", cli_format_size(rate, text));
	else
		cli_table_add(t, "%s", cli_format_grouped((uint64_t)(rate + 0.5), text));
}

static void add_size(struct cli_table *t, const json_t *o, const char *key)
{
	char text[CLI_FORMAT_LEN];

	cli_table_add(t, "%s", cli_format_size((double)cli_field_count(o, key), text));
}

static void add_counters(struct cli_table *t, const json_t *o, enum view view)
{
	static const char *const counters[] = {"connections_total", "packets_in_total",
		"packets_out_total", "bytes_in_total", "bytes_out_total"};
	static const char *const rates[] = {"connections_per_second", "packets_in_per_second",
		"packets_out_per_second", "bytes_in_per_second", "bytes_out_per_second"};
	const json_t *now = json_object_get(o, "connections");

	for (unsigned i = 0; view == VIEW_STATS && i < 5; i++)
		add_count(t, cli_field_count(o, counters[i]));
	for (unsigned i = 0; view == VIEW_RATES && i < 5; i++)
		add_rate(t, o, rates[i], false);
	if (view == VIEW_STATS || view == VIEW_RATES)
		return;

	add_count(t, cli_field_count(now, "established"));
	add_count(t, cli_field_count(now, "closing"));
	if (view == VIEW_LIVE_RATES) {
		add_rate(t, o, rates[0], false);
		add_rate(t, o, rates[3], true);
		add_rate(t, o, rates[4], true);
	} else {
		add_count(t, cli_field_count(o, counters[0]));
		add_size(t, o, counters[3]);
		add_size(t, o, counters[4]);
	}
}

/* "993", "80,443", "8000-8010" */
static void format_ports(const json_t *ports, char *buf, size_t size)
{
	const json_t *range;
	size_t i, len = 0;

	buf[0] = '\0';
	json_array_foreach(ports, i, range)
	{
		json_int_t first = cli_field_int(range, "first"),
			   last = cli_field_int(range, "last");

		if (len >= size - 1)
			return;
		len += (size_t)snprintf(
			buf + len, size - len, "%s%" JSON_INTEGER_FORMAT, i > 0 ? "," : "", first);
		if (last != first && len < size)
			len += (size_t)snprintf(
				buf + len, size - len, "-%" JSON_INTEGER_FORMAT, last);
	}
}

static void add_way_in(struct cli_table *t, const json_t *service, size_t index)
{
	const char *vip =
		json_string_value(json_array_get(json_object_get(service, "vips"), index));
	bool is_v6 = vip && strchr(vip, ':');
	char ports[WAYS_LEN];

	format_ports(json_object_get(service, "ports"), ports, sizeof(ports));
	cli_table_add(t, "%s%s%s:%s/%s", is_v6 ? "[" : "", vip ? vip : "", is_v6 ? "]" : "", ports,
		cli_field_text(service, "protocol"));
}

static void add_service(struct cli_table *t, const json_t *service, enum view view)
{
	size_t n_vips = json_array_size(json_object_get(service, "vips"));

	cli_table_add(t, "%s", cli_field_text(service, "service"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(service, "family"));
	add_way_in(t, service, 0);
	cli_table_add(t, "%s", cli_field_text(service, "scheduler"));
	cli_table_add(t, "%s", cli_field_text(service, "state"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT "/%zu", cli_field_int(service, "servers_up"),
		json_array_size(json_object_get(service, "servers")));
	add_counters(t, service, view);
	for (size_t i = 1; i < n_vips; i++) {
		cli_table_add(t, "%s", "");
		cli_table_add(t, "%s", "");
		add_way_in(t, service, i);
		cli_table_end_row(t);
	}
}

static void add_server(struct cli_table *t, const json_t *server, int digits, enum view view)
{
	char endpoint[ENDPOINT_LEN];

	cli_table_add(t, "  -> %s", cli_field_text(server, "server"));
	cli_table_add(t, "%s", "");
	cli_table_add(t, "%s",
		cli_format_endpoint(cli_field_text(server, "address"),
			cli_field_int(server, "port"), endpoint, sizeof(endpoint)));
	cli_table_add(
		t, "weight %*" JSON_INTEGER_FORMAT, digits, cli_field_int(server, "weight_set"));
	cli_table_add(t, "%s", cli_field_text(server, "state"));
	cli_table_add(t, "%s", "");
	add_counters(t, server, view);
}

/* Digits of the largest weight, so that weights line up. */
static int weight_digits(const json_t *services)
{
	const json_t *service, *server;
	size_t i, k;
	int digits = 1;

	json_array_foreach(services, i, service)
	{
		json_array_foreach(json_object_get(service, "servers"), k, server)
		{
			int n = snprintf(NULL, 0, "%" JSON_INTEGER_FORMAT,
				cli_field_int(server, "weight_set"));

			digits = n > digits ? n : digits;
		}
	}
	return digits;
}

static enum view choose_view(const json_t *services, const struct cli_render_options *options)
{
	const json_t *first = json_array_get(services, 0);

	if (options->has_stats)
		return VIEW_STATS;
	if (options->has_rates)
		return VIEW_RATES;
	return json_object_get(first, "connections_per_second") ? VIEW_LIVE_RATES : VIEW_TOTALS;
}

int cli_render_services(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *services = json_object_get(answer, "services"), *service, *server;
	enum view view = choose_view(services, options);
	struct cli_table *t = cli_table_new(alignment, titles[view]);
	int digits = weight_digits(services), r;
	size_t i, k;

	if (!t)
		return -ENOMEM;
	json_array_foreach(services, i, service)
	{
		add_service(t, service, view);
		json_array_foreach(json_object_get(service, "servers"), k, server)
			add_server(t, server, digits, view);
	}
	r = cli_table_print(t, options->has_header, out);
	cli_table_free(t);
	return r;
}
