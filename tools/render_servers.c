/* `show servers` and the answer to `set server`. */
#include "tools/render.h"

#include "tools/format.h"
#include "tools/render_check.h"
#include "tools/table.h"

#include <errno.h>
#include <string.h>

enum { ENDPOINT_LEN = 80, FAMILIES_LEN = 32 };

/* "320 (640)" where the weight is not the file's. */
static void add_weight(struct cli_table *t, const json_t *server)
{
	json_int_t set = cli_field_int(server, "weight_set");
	json_int_t configured = cli_field_int(server, "weight_configured");

	if (set == configured)
		cli_table_add(t, "%" JSON_INTEGER_FORMAT, set);
	else
		cli_table_add(
			t, "%" JSON_INTEGER_FORMAT " (%" JSON_INTEGER_FORMAT ")", set, configured);
}

/* "drain (file)"; who has taken it out is not said of a command, which is what one expects. */
static void add_admin(struct cli_table *t, const json_t *server)
{
	const char *admin = cli_field_text(server, "admin"),
		   *reason = cli_field_text(server, "admin_reason");

	if (*reason && strcmp(reason, "command") != 0)
		cli_table_add(t, "%s (%s)", admin, reason);
	else
		cli_table_add(t, "%s", admin);
}

/* "-" of one that has answered no SYN yet. */
static void add_handshake(struct cli_table *t, const json_t *server)
{
	double seconds = cli_field_real(json_object_get(server, "handshake"), "mean_seconds", -1);
	char text[CLI_FORMAT_LEN];

	cli_table_add(t, "%s", seconds < 0 ? "-" : cli_format_latency(seconds, text));
}

static void add_server(struct cli_table *t, const json_t *answer, const json_t *server)
{
	const json_t *check = json_object_get(server, "check");
	const json_t *now = json_object_get(server, "connections");
	char endpoint[ENDPOINT_LEN], count[CLI_FORMAT_LEN];

	cli_table_add(
		t, "%s/%s", cli_field_text(server, "service"), cli_field_text(server, "server"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(server, "family"));
	cli_table_add(t, "%s/%s",
		cli_format_endpoint(cli_field_text(server, "address"),
			cli_field_int(server, "port"), endpoint, sizeof(endpoint)),
		cli_field_text(server, "protocol"));
	cli_table_add(t, "%s", cli_field_text(server, "state"));
	add_admin(t, server);
	add_weight(t, server);
	cli_table_add(t, "%s", cli_format_grouped(cli_field_count(now, "established"), count));
	cli_table_add(t, "%s", cli_format_grouped(cli_field_count(now, "closing"), count));
	add_handshake(t, server);
	cli_table_add(t, "%s", cli_field_text(check, "name"));
	cli_check_add_age(t, answer, check, "since");
	cli_check_add_age(t, answer, check, "last");
	cli_check_add_result(t, check);
}

int cli_render_servers(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	struct cli_table *t =
		cli_table_new("lllllrrrrlrrl", "SERVER|FAM|ADDRESS|STATE|ADMIN|WEIGHT|ACTIVE|"
					       "CLOSING|HANDSHAKE|CHECK|SINCE|LAST|RESULT");
	const json_t *server;
	size_t i;
	int r;

	if (!t)
		return -ENOMEM;
	json_array_foreach(json_object_get(answer, "servers"), i, server)
		add_server(t, answer, server);
	r = cli_table_print(t, options->has_header, out);
	cli_table_free(t);
	return r;
}

/* ---- changes --------------------------------------------------------------------------------- */

static void format_families(const json_t *families, char *buf, size_t size)
{
	const json_t *family;
	size_t i, len = 0;

	buf[0] = '\0';
	json_array_foreach(families, i, family) if (len < size) len +=
		(size_t)snprintf(buf + len, size - len, "%sIPv%" JSON_INTEGER_FORMAT,
			i > 0 ? ", " : "", json_integer_value(family));
}

/* A value is a weight or a word. */
static void print_value(const json_t *value, FILE *out)
{
	if (json_is_string(value))
		(void)fputs(json_string_value(value), out);
	else
		(void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static void print_change(const json_t *change, bool is_dry_run, FILE *out)
{
	const json_t *old = json_object_get(change, "old"), *new = json_object_get(change, "new");
	bool is_state = strcmp(cli_field_text(change, "field"), "state") == 0;
	uint64_t n = cli_field_count(change, "connections");
	char text[CLI_FORMAT_LEN], families[FAMILIES_LEN];

	format_families(json_object_get(change, "families"), families, sizeof(families));
	(void)fprintf(out, "%s/%s (%s): ", cli_field_text(change, "service"),
		cli_field_text(change, "server"), families);
	if (!is_state)
		(void)fputs("weight ", out);
	print_value(old, out);
	if (!json_equal(old, new)) {
		(void)fputs(" -> ", out);
		print_value(new, out);
	}
	if (is_state && strcmp(cli_field_text(change, "new"), "ready") != 0)
		(void)fprintf(out, ", %s connection%s left", cli_format_grouped(n, text),
			n == 1 ? "" : "s");
	else if (json_is_true(json_object_get(change, "held")))
		(void)fputs(", but drained as long as a maintenance file holds it", out);

	if (json_equal(old, new))
		(void)fputs(" (was so before)\n", out);
	else if (is_dry_run)
		(void)fputs(" (dry run: nothing changed)\n", out);
	else if (json_equal(new, json_object_get(change, "configured")))
		(void)fputs(" (as configured)\n", out);
	else
		(void)fputs(" (run-time only, until restart)\n", out);
}

int cli_render_changes(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	bool is_dry_run = json_is_true(json_object_get(answer, "dry_run"));
	const json_t *change;
	size_t i;

	(void)options;
	json_array_foreach(json_object_get(answer, "changes"), i,
		change) if (json_is_object(change)) print_change(change, is_dry_run, out);
	return 0;
}
