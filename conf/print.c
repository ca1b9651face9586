/* The schema for people: a commented file with every key, and the section "Keys" of
 * poise.conf(5). Two walks over the table; nothing about a single key is said here. */
#include "conf/conf.h"
#include "conf/model.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 92, PREFIX_LEN = 32 };

static void indent(FILE *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		(void)fputs("  ", out);
}

/* A comment, broken at spaces. */
static void print_comment(FILE *out, unsigned depth, const char *text)
{
	while (*text) {
		size_t room = WIDTH - 2 * depth, len = strlen(text);

		if (len > room)
			for (len = room; len > 0 && text[len] != ' ';)
				len--;
		if (len == 0)
			len = strcspn(text, " ");
		indent(out, depth);
		(void)fprintf(out, "# %.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

static const char *kind_words(const struct conf_key *key)
{
	static const char *const one[CONF_N_KINDS] = {
		[CONF_INTEGER] = "integer",
		[CONF_CHOICE] = "integer",
		[CONF_TEXT] = "text",
		[CONF_WORD] = "word",
		[CONF_NAME] = "name",
		[CONF_DURATION] = "duration",
		[CONF_SIZE] = "size",
		[CONF_MODE] = "file mode",
		[CONF_ADDRESS] = "address",
		[CONF_HOST_ADDRESS] = "address/length",
		[CONF_ENDPOINT] = "address:port",
		[CONF_PREFIX] = "prefix",
		[CONF_DESTINATION] = "prefix",
		[CONF_PORTS] = "port or range of ports",
		[CONF_FLAG] = "true or false",
		[CONF_CODES] = "code or range of codes",
		[CONF_PATTERN] = "pattern",
		[CONF_BYTES] = "text",
		[CONF_COMMAND] = "command",
	};
	static const char *const many[CONF_N_KINDS] = {
		[CONF_INTEGER] = "list of integers",
		[CONF_CHOICE] = "list of integers",
		[CONF_TEXT] = "list of texts",
		[CONF_WORD] = "list of words",
		[CONF_NAME] = "list of names",
		[CONF_DURATION] = "list of durations",
		[CONF_SIZE] = "list of sizes",
		[CONF_MODE] = "list of file modes",
		[CONF_ADDRESS] = "list of addresses",
		[CONF_HOST_ADDRESS] = "list of address/length",
		[CONF_ENDPOINT] = "list of address:port",
		[CONF_PREFIX] = "list of prefixes",
		[CONF_DESTINATION] = "list of prefixes",
		[CONF_PORTS] = "port, range of ports, or list of them",
		[CONF_FLAG] = "list of true or false",
		[CONF_CODES] = "code, range of codes, or list of them",
		[CONF_PATTERN] = "list of patterns",
		[CONF_BYTES] = "list of texts",
		[CONF_COMMAND] = "command, as a text or a list of texts",
	};

	return key->shape == CONF_ONE || key->shape == CONF_BY_NODE ? one[key->kind]
								    : many[key->kind];
}

/* Whether it stands without quotes. */
static bool is_bare(enum conf_kind kind)
{
	return kind == CONF_INTEGER || kind == CONF_CHOICE || kind == CONF_PORTS ||
	       kind == CONF_FLAG;
}

static bool is_textual(enum conf_kind kind)
{
	return kind == CONF_TEXT || kind == CONF_PATTERN || kind == CONF_BYTES ||
	       kind == CONF_COMMAND;
}

static int n_types(enum conf_section section)
{
	const struct conf_word *types = conf_schema_types(section);
	int n = 0;

	while (types[n].text)
		n++;
	return n;
}

/* "; for type "http", "smtp"", or "; not for type "ping"", whichever is shorter. */
static void print_types(FILE *out, enum conf_section section, unsigned types)
{
	int n = n_types(section);
	unsigned all = (1U << n) - 1;
	bool is_short = __builtin_popcount(types) <= n / 2;
	unsigned listed = is_short ? types : all & ~types;
	const char *before = is_short ? "; for type " : "; not for type ";

	for (int type = 0; type < n && types != 0; type++) {
		if (!(listed >> type & 1))
			continue;
		(void)fprintf(out, "%s\"%s\"", before, conf_schema_type_name(section, type));
		before = ", ";
	}
}

/* "integer 1-100" */
static void print_type(FILE *out, const struct conf_key *key)
{
	char min[CONF_VALUE_STR_LEN], max[CONF_VALUE_STR_LEN];

	(void)fputs(kind_words(key), out);
	if (key->kind == CONF_NAME)
		(void)fprintf(out, " in %s", conf_schema_section(key->refers_to)->path);
	for (const struct conf_word *w = key->words; w && w->text; w++)
		(void)fprintf(out, is_bare(key->kind) ? "%s%s" : "%s\"%s\"",
			w == key->words ? ": " : ", ", w->text);
	if (key->max == 0)
		return;
	conf_value_format(key->kind, key->min, min);
	conf_value_format(key->kind, key->max, max);
	if (is_textual(key->kind))
		(void)fprintf(out, ", up to %s bytes", max);
	else if (key->min == key->max)
		(void)fprintf(out, ", %s", min);
	else
		(void)fprintf(out, ", %s%s%s", min, key->min < 0 ? " to " : "-", max);
	if (key->shape == CONF_BY_NODE)
		(void)fputs(", or a group of them by node", out);
}

/* As it stands in the file. */
static void print_value(FILE *out, const struct conf_key *key, const char *text)
{
	bool is_list = key->shape == CONF_LIST;
	const char *quote = is_bare(key->kind) ? "" : "\"";

	(void)fprintf(
		out, "%s%s%s%s%s", is_list ? "[" : "", quote, text, quote, is_list ? "]" : "");
}

static void print_default(FILE *out, const struct conf_key *key)
{
	if (key->is_required) {
		(void)fputs("required", out);
		return;
	}
	if (key->is_group_required) {
		(void)fprintf(out, "required in %.*s; default: %s", (int)strcspn(key->name, "."),
			key->name, key->absent);
		return;
	}
	if (key->used_by && key->needed_by == key->used_by) {
		(void)fputs("required", out);
	} else {
		(void)fputs("default: ", out);
		if (key->fallback)
			print_value(out, key, key->fallback);
		else
			(void)fputs(key->absent, out);
	}
	print_types(out, key->section, key->used_by);
}

/* ---- poised --print-defaults ------------------------------------------------------------ */

/* Keys without a default, unless required, are commented out: the line shows their form. So are
 * those that not every type of check takes. */
static void print_key(FILE *out, unsigned depth, const struct conf_key *key, const char *name)
{
	bool is_set = key->is_required || (key->fallback && !key->used_by);

	print_comment(out, depth, key->help);
	indent(out, depth);
	(void)fputs("# (", out);
	print_type(out, key);
	(void)fputs("; ", out);
	print_default(out, key);
	(void)fputs(")\n", out);
	indent(out, depth);
	(void)fprintf(out, "%s%s = ", is_set ? "" : "# ", name);
	print_value(out, key, key->fallback ? key->fallback : key->example);
	(void)fputs(";\n", out);
}

/* What is written to `out` here appears as comments when it is put elsewhere. */
struct draft {
	FILE *out;
	char *text;
	size_t size;
};

static bool open_draft(struct draft *d)
{
	*d = (struct draft){0};
	d->out = open_memstream(&d->text, &d->size);
	return d->out != NULL;
}

static void put_draft(struct draft *d, FILE *out, unsigned depth)
{
	char *line, *rest;

	(void)fclose(d->out);
	for (rest = d->text; (line = strsep(&rest, "\n")) && rest;) {
		indent(out, depth);
		(void)fprintf(out, "#%s%s\n", *line ? " " : "", line);
	}
	free(d->text);
}

static void print_objects(FILE *out, unsigned depth, enum conf_section section);

static bool is_within(enum conf_section child, enum conf_section section, const char *prefix)
{
	const struct conf_section_def *def = conf_schema_section(child);

	return def->parent == section && strcmp(def->group ? def->group : "", prefix) == 0;
}

/* The objects that stand among the section's keys of that prefix. */
static void print_members(FILE *out, unsigned depth, enum conf_section section, const char *prefix)
{
	for (enum conf_section s = CONF_IN_ROOT + 1; s < CONF_N_SECTIONS; s++)
		if (is_within(s, section, prefix))
			print_objects(out, depth, s);
}

/* Bytes of a key's name that are its group's, with the dot. */
static size_t prefix_len(const struct conf_key *key)
{
	const char *dot = strchr(key->name, '.');

	return dot ? (size_t)(dot - key->name) + 1 : 0;
}

/* Keys from `first` on that have the same group. */
static unsigned count_group(enum conf_key_id first, unsigned n)
{
	const struct conf_key *key = conf_schema_key(first);
	size_t len = prefix_len(key);
	unsigned k = 1;

	while (len > 0 && k < n && strncmp(conf_schema_key(first + k)->name, key->name, len) == 0)
		k++;
	return k;
}

static void print_group(FILE *out, unsigned depth, enum conf_key_id first, unsigned n)
{
	const struct conf_key *key = conf_schema_key(first);
	size_t len = prefix_len(key);
	char prefix[PREFIX_LEN];

	(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)len, key->name);
	indent(out, depth);
	(void)fprintf(out, "%.*s = {\n", (int)len - 1, key->name);
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			(void)fputc('\n', out);
		key = conf_schema_key(first + i);
		print_key(out, depth + 1, key, key->name + len);
	}
	print_members(out, depth + 1, key->section, prefix);
	indent(out, depth);
	(void)fputs("};\n", out);
}

/* A group that must not be there without some key is an example as that key is. */
static void print_group_or_draft(FILE *out, unsigned depth, enum conf_key_id first, unsigned n)
{
	bool is_optional = false;
	struct draft d;

	for (unsigned i = 0; i < n; i++)
		is_optional |= conf_schema_key(first + i)->is_group_required;
	if (!is_optional) {
		print_group(out, depth, first, n);
	} else if (open_draft(&d)) {
		print_group(d.out, 0, first, n);
		put_draft(&d, out, depth);
	}
}

static void print_keys(FILE *out, unsigned depth, enum conf_section section)
{
	enum conf_key_id first = conf_schema_first(section);
	unsigned n = conf_schema_count(section);

	for (unsigned i = 0, k; i < n; i += k) {
		const struct conf_key *key = conf_schema_key(first + i);

		k = count_group(first + i, n - i);
		if (i > 0 || section == CONF_IN_ROOT)
			(void)fputc('\n', out);
		if (prefix_len(key) == 0)
			print_key(out, depth, key, key->name);
		else
			print_group_or_draft(out, depth, first + i, k);
	}
}

/* A list of objects without names: one of them as an example, commented out. */
static void print_list(
	FILE *out, unsigned depth, const struct conf_section_def *def, enum conf_section section)
{
	struct draft d;

	print_comment(out, depth, def->help);
	if (!open_draft(&d))
		return;
	(void)fprintf(d.out, "%s = ( {\n", def->container);
	print_keys(d.out, 1, section);
	(void)fputs("} );\n", d.out);
	put_draft(&d, out, depth);
}

static void print_example(
	FILE *out, unsigned depth, const struct conf_section_def *def, enum conf_section section)
{
	indent(out, depth);
	(void)fprintf(out, "%s = {\n", def->container);
	indent(out, depth + 1);
	(void)fprintf(out, "%s = {\n", def->example);
	print_keys(out, depth + 2, section);
	print_members(out, depth + 2, section, "");
	indent(out, depth + 1);
	(void)fputs("};\n", out);
	indent(out, depth);
	(void)fputs("};\n", out);
}

static void print_objects(FILE *out, unsigned depth, enum conf_section section)
{
	const struct conf_section_def *def = conf_schema_section(section);
	struct draft d;

	(void)fputc('\n', out);
	if (def->is_list) {
		print_list(out, depth, def, section);
		return;
	}
	if (def->defaults) {
		indent(out, depth);
		(void)fprintf(
			out, "# What holds for every %s that does not say it itself.\n", def->one);
		indent(out, depth);
		(void)fprintf(out, "%s = { };\n\n", def->defaults);
	}
	print_comment(out, depth, def->help);
	if (!def->is_optional) {
		print_example(out, depth, def, section);
	} else if (open_draft(&d)) {
		print_example(d.out, 0, def, section);
		put_draft(&d, out, depth);
	}
}

void conf_print_defaults(FILE *out)
{
	print_comment(out, 0,
		"Every setting of poise.conf with its default. Lines that are commented out have "
		"none. The objects with names of their own are examples. See poise.conf(5).");
	print_keys(out, 0, CONF_IN_ROOT);
	print_members(out, 0, CONF_IN_ROOT, "");
}

/* ---- poise.conf(5) ------------------------------------------------------------------------ */

/* With what scdoc would take for markup escaped. */
static void print_scdoc(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("*_\\[]<>#", *text))
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

/* What print() writes, escaped. */
static void print_escaped(
	FILE *out, const struct conf_key *key, void (*print)(FILE *, const struct conf_key *))
{
	char text[512] = "";
	FILE *memory = fmemopen(text, sizeof(text), "w");

	if (!memory)
		return;
	print(memory, key);
	(void)fclose(memory);
	print_scdoc(out, text);
}

static void print_manual_key(
	FILE *out, const struct conf_section_def *def, const struct conf_key *key)
{
	(void)fputc('*', out);
	print_scdoc(out, def->path);
	if (*def->path)
		(void)fprintf(out, def->is_list ? "\\[%s\\]." : ".%s.", def->placeholder);
	print_scdoc(out, key->name);
	(void)fputs("* (", out);
	print_escaped(out, key, print_type);
	(void)fputs("; ", out);
	print_escaped(out, key, print_default);
	(void)fputs(")\n\t", out);
	print_scdoc(out, key->help);
	(void)fputs("\n\n", out);
}

static void print_manual_section(FILE *out, enum conf_section section)
{
	const struct conf_section_def *def = conf_schema_section(section);
	enum conf_key_id first = conf_schema_first(section);

	(void)fprintf(out, "## %s\n\n", section == CONF_IN_ROOT ? "The node" : def->path);
	if (def->help) {
		print_scdoc(out, def->help);
		(void)fputs("\n\n", out);
	}
	if (def->defaults) {
		(void)fputs("What holds for all of them can be said once, in *", out);
		print_scdoc(out, def->defaults);
		(void)fputs("*, which takes the same keys.\n\n", out);
	}
	for (unsigned i = 0; i < conf_schema_count(section); i++)
		print_manual_key(out, def, conf_schema_key(first + i));
}

void conf_print_manual(FILE *out)
{
	(void)fputs("# KEYS\n\n", out);
	for (enum conf_section s = 0; s < CONF_N_SECTIONS; s++)
		print_manual_section(out, s);
}
