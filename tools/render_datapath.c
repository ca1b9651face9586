/* `show connections`, `workers`, `ports` and `errors` as tables. */
#include "tools/render.h"

#include "tools/format.h"
#include "tools/table.h"

#include <errno.h>
#include <string.h>

enum { ENDPOINT_LEN = 80 };

static void add_count(struct cli_table *t, const json_t *o, const char *key)
{
	char text[CLI_FORMAT_LEN];

	cli_table_add(t, "%s", cli_format_grouped(cli_field_count(o, key), text));
}

static int print_and_free(struct cli_table *t, const struct cli_render_options *o, FILE *out)
{
	int r = t ? cli_table_print(t, o->has_header, out) : -ENOMEM;

	cli_table_free(t);
	return r;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void add_endpoint(
	struct cli_table *t, const json_t *o, const char *address_key, const char *port_key)
{
	char text[ENDPOINT_LEN];

	cli_table_add(t, "%s",
		cli_format_endpoint(cli_field_text(o, address_key), cli_field_int(o, port_key),
			text, sizeof(text)));
}

static void add_connection(struct cli_table *t, const json_t *c)
{
	char age[CLI_FORMAT_LEN], expires[CLI_FORMAT_LEN];

	cli_table_add(t, "%s", cli_field_text(c, "protocol"));
	add_endpoint(t, c, "client", "client_port");
	add_endpoint(t, c, "vip", "vip_port");
	cli_table_add(t, "%s/%s", cli_field_text(c, "service"), cli_field_text(c, "server"));
	add_endpoint(t, c, "server_address", "server_port");
	cli_table_add(t, "%s", cli_field_text(c, "state"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(c, "worker"));
	cli_table_add(t, "%s", cli_format_duration(cli_field_real(c, "age_seconds", 0), age));
	cli_table_add(
		t, "%s", cli_format_duration(cli_field_real(c, "expires_seconds", 0), expires));
}

int cli_render_connections(
	const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *connections = json_object_get(answer, "connections"), *c;
	uint64_t count = cli_field_count(answer, "count");
	char text[CLI_FORMAT_LEN];
	struct cli_table *t;
	size_t i;
	int r;

	if (!connections) {
		(void)fprintf(out, "%s\n", cli_format_grouped(count, text));
		return 0;
	}
	t = cli_table_new("llllllrrr", "PROTO|CLIENT|VIP|SERVER|ADDRESS|STATE|WORKER|AGE|EXPIRES");
	if (!t)
		return -ENOMEM;
	json_array_foreach(connections, i, c) add_connection(t, c);
	r = print_and_free(t, options, out);
	if (count > json_array_size(connections) && options->has_header)
		(void)fprintf(out, "%zu shown of %s (--limit N shows more)\n",
			json_array_size(connections), cli_format_grouped(count, text));
	return r;
}

/* ---- workers --------------------------------------------------------------------------------- */

/* Between two samples, or else of all time. */
static double busy_percent(const json_t *worker)
{
	double busy = cli_field_real(worker, "busy_cycles_per_second", -1);
	double idle = cli_field_real(worker, "idle_cycles_per_second", -1);

	if (busy >= 0 && busy + idle > 0)
		return 100 * busy / (busy + idle);
	return 100 * cli_field_real(worker, "busy_ratio", 0);
}

/* "NAME N" for each, joined by commas; the keys are NAME_total, or NAME for a gauge. */
static void print_terms(const json_t *o, const char *const *keys, unsigned n, FILE *out)
{
	char text[CLI_FORMAT_LEN];

	for (unsigned i = 0; i < n; i++) {
		const char *end = strstr(keys[i], "_total");
		int len = end ? (int)(end - keys[i]) : (int)strlen(keys[i]);

		(void)fprintf(out, "%s%.*s %s", i > 0 ? ", " : "", len, keys[i],
			cli_format_grouped(cli_field_count(o, keys[i]), text));
	}
}

static void print_account(const json_t *packets, FILE *out)
{
	static const char *const in[] = {
		"rx_total", "injected_total", "handoff_in_total", "generated_total"};
	static const char *const gone[] = {"tx_total", "dropped_total", "punted_total",
		"handoff_out_total", "held", "consumed_total"};

	(void)fputs("    in     ", out);
	print_terms(packets, in, sizeof(in) / sizeof(in[0]), out);
	(void)fputs("\n    out    ", out);
	print_terms(packets, gone, sizeof(gone) / sizeof(gone[0]), out);
	(void)fprintf(
		out, "; balance %" JSON_INTEGER_FORMAT "\n", cli_field_int(packets, "balance"));
}

/* With one worker there is nobody to hand anything to. */
static void print_handoff(const json_t *worker, size_t n_workers, FILE *out)
{
	if (n_workers > 1 && json_object_get(worker, "handoff_ratio"))
		(void)fprintf(out, "    handed over to other workers: %.1f %% of what came\n",
			100 * cli_field_real(worker, "handoff_ratio", 0));
}

/* Only the reasons that occurred. */
static void print_drops(const json_t *drops, FILE *out)
{
	const char *reason, *before = "    drops  ";
	char text[CLI_FORMAT_LEN];
	const json_t *value;

	json_object_foreach((json_t *)drops, reason, value)
	{
		uint64_t n = cli_field_count(drops, reason);

		if (n == 0)
			continue;
		(void)fprintf(out, "%s%s %s", before, reason, cli_format_grouped(n, text));
		before = ", ";
	}
	if (strcmp(before, ", ") == 0)
		(void)fputc('\n', out);
}

int cli_render_workers(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *workers = json_object_get(answer, "workers"), *worker;
	char text[CLI_FORMAT_LEN];
	size_t i;

	(void)options;
	json_array_foreach(workers, i, worker)
	{
		(void)fprintf(out,
			"w%" JSON_INTEGER_FORMAT "  cpu %" JSON_INTEGER_FORMAT ", %sbusy %.1f %%",
			cli_field_int(worker, "worker"), cli_field_int(worker, "cpu"),
			json_is_true(json_object_get(worker, "is_stuck"))
				? "STUCK (its loop stands still), "
				: "",
			busy_percent(worker));
		(void)fprintf(out, ", connections %s",
			cli_format_grouped(cli_field_count(worker, "connections"), text));
		(void)fprintf(out, ", half-open %s",
			cli_format_grouped(cli_field_count(worker, "half_open"), text));
		(void)fprintf(out, " (created %s, ",
			cli_format_grouped(
				cli_field_count(worker, "connections_created_total"), text));
		(void)fprintf(out, "expired %s, ",
			cli_format_grouped(
				cli_field_count(worker, "connections_expired_total"), text));
		(void)fprintf(out, "evicted %s)\n",
			cli_format_grouped(
				cli_field_count(worker, "half_open_evicted_total"), text));
		print_account(json_object_get(worker, "packets"), out);
		print_handoff(worker, json_array_size(workers), out);
		print_drops(json_object_get(worker, "drops_total"), out);
	}
	return 0;
}

/* ---- ports ----------------------------------------------------------------------------------- */

static void print_direction(const json_t *port, const char *name, const char *loss, FILE *out)
{
	char key[64], text[CLI_FORMAT_LEN];

	(void)snprintf(key, sizeof(key), "%s_packets_total", name);
	(void)fprintf(out, "    %-8s  packets %s", name,
		cli_format_grouped(cli_field_count(port, key), text));
	(void)snprintf(key, sizeof(key), "%s_bytes_total", name);
	(void)fprintf(out, ", bytes %s", cli_format_grouped(cli_field_count(port, key), text));
	(void)snprintf(key, sizeof(key), "%s_%s_total", name, loss);
	(void)fprintf(out, ", %s %s\n", loss, cli_format_grouped(cli_field_count(port, key), text));
}

/* Only where several workers share the port. */
static void print_rss(const json_t *port, FILE *out)
{
	const json_t *has_owner_rss = json_object_get(port, "has_owner_rss");

	if (!json_is_boolean(has_owner_rss))
		return;
	if (json_is_true(has_owner_rss))
		(void)fputs("    spread    by owner: the device puts each flow on its worker's "
			    "queue\n",
			out);
	else
		(void)fprintf(out,
			"    spread    not by owner (%s): workers hand over what is not theirs\n",
			cli_field_text(port, "owner_rss_why_not"));
}

static void print_kernel_side(const json_t *port, FILE *out)
{
	static const char *const verdicts[] = {
		"to_worker_total", "to_kernel_total", "vip_not_owned_total", "no_socket_total"};

	if (json_is_string(json_object_get(port, "tap"))) {
		(void)fprintf(out, "    kernel    TAP %s\n", cli_field_text(port, "tap"));
		return;
	}
	(void)fputs("    xdp       ", out);
	print_terms(json_object_get(port, "xdp"), verdicts, sizeof(verdicts) / sizeof(verdicts[0]),
		out);
	(void)fputc('\n', out);
}

int cli_render_ports(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *port;
	size_t i;

	(void)options;
	json_array_foreach(json_object_get(answer, "ports"), i, port)
	{
		json_int_t queues = cli_field_int(port, "queues");

		(void)fprintf(out,
			"%s  %s (%s), %s, MTU %" JSON_INTEGER_FORMAT ", %s, %" JSON_INTEGER_FORMAT
			" queue%s\n",
			cli_field_text(port, "port"), cli_field_text(port, "device"),
			cli_field_text(port, "driver"), cli_field_text(port, "mac"),
			cli_field_int(port, "mtu"),
			json_is_true(json_object_get(port, "up")) ? "up" : "down", queues,
			queues == 1 ? "" : "s");
		print_rss(port, out);
		print_direction(port, "receive", "missed", out);
		print_direction(port, "transmit", "errors", out);
		print_kernel_side(port, out);
	}
	return 0;
}

/* ---- errors ---------------------------------------------------------------------------------- */

int cli_render_errors(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	struct cli_table *t = cli_table_new("llrl", "REASON|WHERE|COUNT|MEANING");
	const json_t *error;
	size_t i;

	if (!t)
		return -ENOMEM;
	json_array_foreach(json_object_get(answer, "errors"), i, error)
	{
		cli_table_add(t, "%s", cli_field_text(error, "reason"));
		cli_table_add(t, "%s", cli_field_text(error, "where"));
		add_count(t, error, "drops_total");
		cli_table_add(t, "%s", cli_field_text(error, "help"));
	}
	return print_and_free(t, options, out);
}
