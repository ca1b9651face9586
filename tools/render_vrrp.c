/* `show vrrp` and the answer to `set vrrp`: the state first, which is what one asks for. */
#include "tools/render.h"

#include "tools/format.h"
#include "tools/render_check.h"
#include "tools/render_role.h"
#include "tools/table.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { LIST_LEN = 256 };

char *cli_format_role(const json_t *group, char *buf)
{
	(void)snprintf(buf, CLI_FORMAT_LEN, "%s", cli_field_text(group, "state"));
	for (char *c = buf; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return buf;
}

/* ---- a group --------------------------------------------------------------------------------- */

static void print_role(const json_t *answer, const json_t *group, FILE *out)
{
	double then = cli_field_time(group, "since"), now = cli_field_time(answer, "time");
	const char *why = cli_field_text(group, "why");
	char role[CLI_FORMAT_LEN], age[CLI_FORMAT_LEN];

	(void)fprintf(out, "%s  %s", cli_field_text(group, "group"), cli_format_role(group, role));
	if (then >= 0)
		(void)fprintf(out, " for %s", cli_format_duration(now - then, age));
	(void)fprintf(out, "%s%s\n", *why ? ": " : "", why);
}

/* "priority 100 (150, by tracks -50)": what is in use, and what makes it so. */
static void print_priority(const json_t *group, FILE *out)
{
	json_int_t priority = cli_field_int(group, "priority");
	json_int_t base = cli_field_int(group, "priority_base");
	json_int_t configured = cli_field_int(group, "priority_configured");

	(void)fprintf(out, "  priority %" JSON_INTEGER_FORMAT, priority);
	if (priority != base)
		(void)fprintf(out,
			" (%" JSON_INTEGER_FORMAT ", by tracks %+" JSON_INTEGER_FORMAT ")", base,
			priority - base);
	if (base != configured)
		(void)fprintf(out, " set by command, %" JSON_INTEGER_FORMAT " in the configuration",
			configured);
}

static void print_notes(const json_t *group, FILE *out)
{
	static const struct {
		const char *key, *text;
	} notes[] = {
		{"is_released", "released: does not preempt"},
		{"is_gate_running", "the gate's program runs"},
		{"is_waiting_to_preempt", "waits to preempt"},
	};
	uint64_t n = cli_field_count(json_object_get(group, "transitions_total"), "master");
	double lease = cli_field_real(group, "lease_seconds", 0);
	char text[CLI_FORMAT_LEN];

	for (unsigned i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (json_is_true(json_object_get(group, notes[i].key)))
			(void)fprintf(out, ", %s", notes[i].text);
	if (lease > 0)
		(void)fprintf(out, ", lease of %s", cli_format_latency(lease, text));
	(void)fprintf(
		out, ", became master %s time%s\n", cli_format_grouped(n, text), n == 1 ? "" : "s");
}

/* ---- its instances --------------------------------------------------------------------------- */

/* "ttl 3, checksum 1", "0" if there are none. */
static void add_errors(struct cli_table *t, const json_t *instance)
{
	json_t *errors = json_object_get(instance, "errors_total");
	char list[LIST_LEN] = "0", text[CLI_FORMAT_LEN];
	const char *reason;
	json_t *value;
	size_t len = 0;

	json_object_foreach(errors, reason, value)
	{
		uint64_t n = cli_field_count(errors, reason);

		(void)value;
		if (n > 0 && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s %s",
				len > 0 ? ", " : "", reason, cli_format_grouped(n, text));
	}
	cli_table_add(t, "%s", list);
}

static void add_addresses(struct cli_table *t, const json_t *addresses)
{
	const json_t *address;
	char list[LIST_LEN] = "";
	size_t i, len = 0;

	json_array_foreach(addresses, i, address) if (len < sizeof(list)) len +=
		(size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? " " : "",
			json_string_value(address) ? json_string_value(address) : "");
	cli_table_add(t, "%s", list);
}

/* "2001:db8::2 (120)"; who is master is not said of ourselves. */
static void add_master(struct cli_table *t, const json_t *answer, const json_t *instance)
{
	const json_t *master = json_object_get(instance, "master");

	if (json_is_object(master))
		cli_table_add(t, "%s (%" JSON_INTEGER_FORMAT ")", cli_field_text(master, "address"),
			cli_field_int(master, "priority"));
	else
		cli_table_add(t, "-");
	cli_check_add_age(t, answer, master, "heard");
}

static void add_instance(struct cli_table *t, const json_t *answer, const json_t *instance)
{
	const json_t *adverts = json_object_get(instance, "advertisements_total");
	char text[CLI_FORMAT_LEN];

	cli_table_add(t, "  %s", cli_field_text(instance, "vrrp"));
	cli_table_add(t, "%s", cli_field_text(instance, "interface"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(instance, "family"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(instance, "vrid"));
	cli_table_add(t, "%" JSON_INTEGER_FORMAT, cli_field_int(instance, "version"));
	cli_table_add(
		t, "%s", cli_format_latency(cli_field_real(instance, "advert_seconds", 0), text));
	if (json_is_true(json_object_get(instance, "is_open")))
		cli_table_add(t, "%s", cli_field_text(instance, "source"));
	else
		cli_table_add(t, "NOT OPEN");
	add_master(t, answer, instance);
	cli_table_add(t, "%s", cli_format_grouped(cli_field_count(adverts, "sent"), text));
	cli_table_add(t, "%s", cli_format_grouped(cli_field_count(adverts, "received"), text));
	add_errors(t, instance);
	add_addresses(t, json_object_get(instance, "addresses"));
}

static int print_instances(const json_t *answer, const json_t *group,
	const struct cli_render_options *options, FILE *out)
{
	struct cli_table *t = cli_table_new("lllrrrllrrrll",
		"  INSTANCE|INTERFACE|FAM|VRID|VER|ADVERT|SOURCE|LAST MASTER|HEARD|SENT|RECEIVED|"
		"REFUSED|ADDRESSES");
	const json_t *instance;
	size_t i;
	int r;

	if (!t)
		return -ENOMEM;
	json_array_foreach(json_object_get(group, "instances"), i, instance)
		add_instance(t, answer, instance);
	r = cli_table_print(t, options->has_header, out);
	cli_table_free(t);
	return r;
}

/* ---- its tracks ------------------------------------------------------------------------------ */

/* What being down costs stands beside what it does now. */
static void add_track(struct cli_table *t, const json_t *track)
{
	bool is_down = strcmp(cli_field_text(track, "state"), "down") == 0;
	bool is_known = json_is_true(json_object_get(track, "is_known"));
	json_int_t weight = cli_field_int(track, "weight");
	json_int_t adjustment = cli_field_int(track, "adjustment");
	char now[CLI_FORMAT_LEN];

	cli_table_add(t, "  %s%s", cli_field_text(track, "track"),
		json_is_true(json_object_get(track, "reverse")) ? " (reverse)" : "");
	cli_table_add(t, "%s", cli_field_text(track, "type"));
	cli_table_add(t, "%s%s", is_down ? "DOWN" : cli_field_text(track, "state"),
		is_known ? "" : " (no result yet)");
	if (weight == 0)
		cli_table_add(t, "fault");
	else
		cli_table_add(t, "%+" JSON_INTEGER_FORMAT, weight);
	(void)snprintf(now, sizeof(now), "%+" JSON_INTEGER_FORMAT, adjustment);
	if (weight == 0 && is_down)
		cli_table_add(t, "FAULT");
	else
		cli_table_add(t, "%s", adjustment == 0 ? "0" : now);
	cli_table_add(t, "%s", cli_field_text(track, "why"));
}

static int print_tracks(const json_t *group, const struct cli_render_options *options, FILE *out)
{
	const json_t *tracks = json_object_get(group, "tracks"), *track;
	struct cli_table *t;
	size_t i;
	int r;

	if (json_array_size(tracks) == 0)
		return 0;
	t = cli_table_new("lllrrl", "  TRACK|TYPE|STATE|WEIGHT|NOW|WHY");
	if (!t)
		return -ENOMEM;
	json_array_foreach(tracks, i, track) add_track(t, track);
	r = cli_table_print(t, options->has_header, out);
	cli_table_free(t);
	return r;
}

int cli_render_vrrp(const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	const json_t *groups = json_object_get(answer, "groups"), *group;
	size_t i;
	int r = 0;

	if (json_array_size(groups) == 0)
		(void)fputs("no groups of VRRP are configured\n", out);
	json_array_foreach(groups, i, group)
	{
		if (i > 0)
			(void)fputc('\n', out);
		print_role(answer, group, out);
		print_priority(group, out);
		print_notes(group, out);
		r |= print_instances(answer, group, options, out);
		r |= print_tracks(group, options, out);
	}
	return r == 0 ? 0 : -ENOMEM;
}

/* ---- changes --------------------------------------------------------------------------------- */

static void print_change(const json_t *change, bool is_dry_run, FILE *out)
{
	const json_t *old = json_object_get(change, "old"), *new = json_object_get(change, "new");
	bool is_priority = strcmp(cli_field_text(change, "field"), "priority") == 0;
	char role[CLI_FORMAT_LEN];

	(void)fprintf(
		out, "%s (%s): ", cli_field_text(change, "group"), cli_format_role(change, role));
	if (!is_priority) {
		(void)fputs("hands over, and does not preempt from then on", out);
	} else {
		(void)fprintf(out, "priority %" JSON_INTEGER_FORMAT, json_integer_value(old));
		if (!json_equal(old, new))
			(void)fprintf(out, " -> %" JSON_INTEGER_FORMAT, json_integer_value(new));
	}
	if (json_equal(old, new))
		(void)fputs(" (was so before)\n", out);
	else if (is_dry_run)
		(void)fputs(" (dry run: nothing changed)\n", out);
	else if (json_equal(new, json_object_get(change, "configured")))
		(void)fputs(" (as configured)\n", out);
	else
		(void)fputs(is_priority ? " (run-time only, until restart)\n" : "\n", out);
}

int cli_render_vrrp_changes(
	const json_t *answer, const struct cli_render_options *options, FILE *out)
{
	bool is_dry_run = json_is_true(json_object_get(answer, "dry_run"));
	const json_t *change;
	size_t i;

	(void)options;
	json_array_foreach(json_object_get(answer, "changes"), i, change)
		print_change(change, is_dry_run, out);
	return 0;
}
