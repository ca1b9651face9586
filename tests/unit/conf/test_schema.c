/* The table of keys is whole, and what is printed from it is true. */
#include "base/diag.h"
#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/value.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void every_key_is_complete_and_in_order(void **state)
{
	enum conf_section section = CONF_IN_ROOT;

	(void)state;
	for (enum conf_key_id id = 0; id < CONF_N_KEYS; id++) {
		const struct conf_key *key = conf_schema_key(id);

		assert_non_null(key->name);
		assert_non_null(key->help);
		assert_true(key->section >= section);
		section = key->section;
		// Exactly one of: required, a default, words for its absence.
		assert_int_equal(
			key->is_required + (key->fallback != NULL) + (key->absent != NULL), 1);
		assert_true(key->fallback || key->example);
		assert_int_equal(
			key->words != NULL, key->kind == CONF_WORD || key->kind == CONF_CHOICE);
		assert_int_equal(key->grain_us != 0, key->kind == CONF_DURATION);
		assert_true(key->min <= key->max);
		// Only checks and tracks have types, and a type needs only what it has a use for.
		assert_true(
			key->used_by == 0 || section == CONF_IN_CHECK || section == CONF_IN_TRACK);
		assert_int_equal(key->needed_by & ~key->used_by, 0);
	}
}

static void assert_names(enum conf_section section, int n)
{
	for (int type = 0; type < n; type++)
		for (int other = 0; other < type; other++)
			assert_string_not_equal(conf_schema_type_name(section, type),
				conf_schema_type_name(section, other));
}

static void every_type_of_check_and_track_has_a_name(void **state)
{
	(void)state;
	assert_names(CONF_IN_CHECK, CONF_N_CHECK_TYPES);
	assert_names(CONF_IN_TRACK, CONF_N_TRACK_TYPES);
	assert_string_equal(conf_schema_type_name(CONF_IN_CHECK, CONF_CHECK_TEXT), "text");
	assert_string_equal(conf_schema_type_name(CONF_IN_TRACK, CONF_TRACK_POOL), "pool");
}

static void every_default_is_within_its_bounds(void **state)
{
	(void)state;
	for (enum conf_key_id id = 0; id < CONF_N_KEYS; id++) {
		const struct conf_key *key = conf_schema_key(id);
		int64_t value = -1;

		if (!key->fallback)
			continue;
		if (key->kind == CONF_DURATION)
			assert_int_equal(conf_value_duration(key->fallback, &value), 0);
		else if (key->kind == CONF_SIZE)
			assert_int_equal(conf_value_size(key->fallback, &value), 0);
		else if (key->kind == CONF_INTEGER)
			value = strtoll(key->fallback, NULL, 10);
		else
			continue;
		assert_true(value >= key->min && value <= key->max);
	}
}

static void every_key_is_found_by_its_path(void **state)
{
	(void)state;
	for (enum conf_key_id id = 0; id < CONF_N_KEYS; id++) {
		const struct conf_key *key = conf_schema_key(id);
		const char *dot = strchr(key->name, '.');
		enum conf_key_id found = CONF_N_KEYS;
		enum conf_section section;
		char prefix[32] = "";

		if (dot)
			(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)(dot - key->name + 1),
				key->name);
		assert_int_equal(conf_schema_find(key->section, prefix, dot ? dot + 1 : key->name,
					 &found, &section),
			CONF_FOUND_KEY);
		assert_int_equal(found, id);
	}
}

static char *print(void (*printer)(FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	printer(out);
	(void)fclose(out);
	return text;
}

static void printed_defaults_load_and_are_the_defaults(void **state)
{
	char path[] = "/tmp/poise-defaults-XXXXXX";
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	FILE *out = fdopen(mkstemp(path), "w");

	(void)state;
	assert_non_null(out);
	conf_print_defaults(out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(conf_load(path, diag, &conf), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(diag_warnings(diag), 0);
	assert_int_equal(conf->memory.connections, 1000000);
	assert_int_equal(conf->pools[0].timeouts.established_ms, 900000);
	assert_int_equal(conf->checks[0].timeout_ms, 3000);
	assert_int_equal(conf->control.mode, 0600);
	assert_int_equal(conf->services[0].n_servers, 1);
	conf_free(conf);
	diag_free(diag);
}

static void both_prints_name_every_key(void **state)
{
	char *defaults = print(conf_print_defaults), *manual = print(conf_print_manual);

	(void)state;
	for (enum conf_key_id id = 0; id < CONF_N_KEYS; id++) {
		const char *name = conf_schema_key(id)->name;
		const char *dot = strrchr(name, '.');
		char line[64];

		(void)snprintf(line, sizeof(line), "%s = ", dot ? dot + 1 : name);
		assert_non_null(strstr(defaults, line));
		// Underscores are escaped there: the part up to the first one must do.
		(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(name, "_"), name);
		assert_non_null(strstr(manual, line));
	}
	free(defaults);
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_complete_and_in_order),
		cmocka_unit_test(every_type_of_check_and_track_has_a_name),
		cmocka_unit_test(every_default_is_within_its_bounds),
		cmocka_unit_test(every_key_is_found_by_its_path),
		cmocka_unit_test(printed_defaults_load_and_are_the_defaults),
		cmocka_unit_test(both_prints_name_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
