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
		[CONF_TEXT] = "text",
		[CONF_WORD] = "word",
		[CONF_NAME] = "name",
		[CONF_DURATION] = "duration",
		[CONF_SIZE] = "size",
		[CONF_MODE] = "file mode",
		[CONF_ADDRESS] = "address",
		[CONF_HOST_ADDRESS] = "address/length",
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
		[CONF_TEXT] = "list of texts",
		[CONF_WORD] = "list of words",
		[CONF_NAME] = "list of names",
		[CONF_DURATION] = "list of durations",
		[CONF_SIZE] = "list of sizes",
		[CONF_MODE] = "list of file modes",
		[CONF_ADDRESS] = "list of addresses",
		[CONF_HOST_ADDRESS] = "list of address/length",
		[CONF_DESTINATION] = "list of prefixes",
		[CONF_PORTS] = "port, range of ports, or list of them",
		[CONF_FLAG] = "list of true or false",
		[CONF_CODES] = "code, range of codes, or list of them",
		[CONF_PATTERN] = "list of patterns",
		[CONF_BYTES] = "list of texts",
		[CONF_COMMAND] = "command, as a text or a list of texts",
	};

	return key->shape == CONF_ONE ? one[key->kind] : many[key->kind];
}

static bool is_textual(enum conf_kind kind)
{
	return kind == CONF_TEXT || kind == CONF_PATTERN || kind == CONF_BYTES ||
	       kind == CONF_COMMAND;
}

/* "; for type "http", "smtp"", or "; not for type "ping"", whichever is shorter. */
static void print_types(FILE *out, unsigned types)
{
	unsigned all = (1U << CONF_N_CHECK_TYPES) - 1;
	bool is_short = __builtin_popcount(types) <= CONF_N_CHECK_TYPES / 2;
	unsigned listed = is_short ? types : all & ~types;
	const char *before = is_short ? "; for type " : "; not for type ";

	for (int type = 0; type < CONF_N_CHECK_TYPES && types != 0; type++) {
		if (!(listed >> type & 1))
			continue;
		(void)fprintf(out, "%s\"%s\"", before, conf_schema_type_name(type));
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
		(void)fprintf(out, "%s\"%s\"", w == key->words ? ": " : ", ", w->text);
	if (key->max == 0)
		return;
	conf_value_format(key->kind, key->min, min);
	conf_value_format(key->kind, key->max, max);
	if (is_textual(key->kind))
		(void)fprintf(out, ", up to %s bytes", max);
	else if (key->min == key->max)
		(void)fprintf(out, ", %s", min);
	else
		(void)fprintf(out, ", %s-%s", min, max);
}

/* As it stands in the file. */
static void print_value(FILE *out, const struct conf_key *key, const char *text)
{
	bool is_list = key->shape == CONF_LIST;
	bool is_bare =
		key->kind == CONF_INTEGER || key->kind == CONF_PORTS || key->kind == CONF_FLAG;

	(void)fprintf(out, "%s%s%s%s%s", is_list ? "[" : "", is_bare ? "" : "\"", text,
		is_bare ? "" : "\"", is_list ? "]" : "");
}

static void print_default(FILE *out, const struct conf_key *key)
{
	if (key->is_required) {
		(void)fputs("required", out);
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
	print_types(out, key->used_by);
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

static void print_keys(FILE *out, unsigned depth, enum conf_section section)
{
	enum conf_key_id first = conf_schema_first(section);
	char group[PREFIX_LEN] = "";

	for (unsigned i = 0; i < conf_schema_count(section); i++) {
		const struct conf_key *key = conf_schema_key(first + i);
		const char *dot = strchr(key->name, '.');
		size_t len = dot ? (size_t)(dot - key->name) : 0;
		bool is_same = strlen(group) == len && strncmp(group, key->name, len) == 0;

		if (!is_same && *group) {
			indent(out, depth);
			(void)fputs("};\n", out);
		}
		if (i > 0 || section == CONF_IN_ROOT)
			(void)fputc('\n', out);
		if (!is_same && len > 0) {
			indent(out, depth);
			(void)fprintf(out, "%.*s = {\n", (int)len, key->name);
		}
		(void)snprintf(group, sizeof(group), "%.*s", (int)len, key->name);
		print_key(out, depth + (len > 0), key, dot ? dot + 1 : key->name);
	}
	if (*group) {
		indent(out, depth);
		(void)fputs("};\n", out);
	}
}

/* A list of objects without names: one of them as an example, commented out. */
static void print_list(
	FILE *out, unsigned depth, const struct conf_section_def *def, enum conf_section section)
{
	char *text = NULL, *line, *rest;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return;
	print_keys(memory, 1, section);
	(void)fclose(memory);
	print_comment(out, depth, def->help);
	indent(out, depth);
	(void)fprintf(out, "# %s = ( {\n", def->container);
	for (rest = text; (line = strsep(&rest, "\n")) && rest;) {
		indent(out, depth);
		(void)fprintf(out, "#%s%s\n", *line ? " " : "", line);
	}
	indent(out, depth);
	(void)fputs("# } );\n", out);
	free(text);
}

static void print_objects(FILE *out, unsigned depth, enum conf_section section)
{
	const struct conf_section_def *def = conf_schema_section(section);

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
	indent(out, depth);
	(void)fprintf(out, "%s = {\n", def->container);
	indent(out, depth + 1);
	(void)fprintf(out, "%s = {\n", def->example);
	print_keys(out, depth + 2, section);
	for (enum conf_section s = CONF_IN_ROOT + 1; s < CONF_N_SECTIONS; s++)
		if (conf_schema_section(s)->parent == section)
			print_objects(out, depth + 2, s);
	indent(out, depth + 1);
	(void)fputs("};\n", out);
	indent(out, depth);
	(void)fputs("};\n", out);
}

void conf_print_defaults(FILE *out)
{
	print_comment(out, 0,
		"Every setting of poise.conf with its default. Lines that are commented out have "
		"none. The objects with names of their own are examples. See poise.conf(5).");
	print_keys(out, 0, CONF_IN_ROOT);
	for (enum conf_section s = CONF_IN_ROOT + 1; s < CONF_N_SECTIONS; s++)
		if (conf_schema_section(s)->parent == CONF_IN_ROOT)
			print_objects(out, 0, s);
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
