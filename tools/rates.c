/* Rates from two samples of the same answer (cli.md rule 5). Pure. */
#include "tools/rates.h"

#include "tools/format.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KEY = 64 };

static const char suffix[] = "_total";

static bool is_counter(const char *key, const json_t *value)
{
	size_t len = strlen(key);

	return len > sizeof(suffix) - 1 && len < MAX_KEY &&
	       strcmp(key + len - (sizeof(suffix) - 1), suffix) == 0 &&
	       (json_is_integer(value) || json_is_string(value));
}

static bool is_same_entry(const json_t *a, const json_t *b)
{
	static const char *const names[] = {
		"service", "family", "protocol", "server", "worker", "port", "reason", "where"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *x = json_object_get(a, names[i]), *y = json_object_get(b, names[i]);

		if ((x || y) && !json_equal(x, y))
			return false;
	}
	return true;
}

/* The rates of one object's own counters, as an object to be merged. NULL: out of memory. */
static json_t *own_rates(json_t *now, const json_t *before, double seconds)
{
	json_t *rates = json_object(), *value;
	const char *key;

	json_object_foreach(now, key, value)
	{
		uint64_t new = cli_field_count(now, key), old = cli_field_count(before, key);
		char name[MAX_KEY + sizeof("_per_second")];

		if (!is_counter(key, value) || !json_object_get(before, key))
			continue;
		(void)snprintf(name, sizeof(name), "%.*s_per_second",
			(int)(strlen(key) - (sizeof(suffix) - 1)), key);
		(void)json_object_set_new(
			rates, name, json_real(new > old ? (double)(new - old) / seconds : 0.0));
	}
	return rates;
}

static int add_to_list(json_t *now, const json_t *before, double seconds)
{
	json_t *entry;
	size_t i;
	int r = 0;

	json_array_foreach(now, i, entry)
	{
		const json_t *was = json_array_get(before, i);

		if (json_is_object(entry) && json_is_object(was) && is_same_entry(entry, was))
			r |= cli_rates_add(entry, was, seconds);
	}
	return r == 0 ? 0 : -ENOMEM;
}

int cli_rates_add(json_t *now, const json_t *before, double seconds)
{
	json_t *rates, *value;
	const char *key;
	int r = 0;

	if (seconds <= 0)
		return 0;
	json_object_foreach(now, key, value)
	{
		const json_t *was = json_object_get(before, key);

		if (json_is_object(value) && json_is_object(was))
			r |= cli_rates_add(value, was, seconds);
		else if (json_is_array(value) && json_is_array(was))
			r |= add_to_list(value, was, seconds);
	}
	rates = own_rates(now, before, seconds);
	r |= json_object_update(now, rates);
	json_decref(rates);
	return r == 0 ? 0 : -ENOMEM;
}
