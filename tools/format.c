/* Numbers, times and fields of an answer as people read them. Pure; never fails: what is absent
 * or malformed reads as nothing. */
#include "tools/format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char *cli_format_grouped(uint64_t n, char *buf)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *out = buf;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*out++ = ' ';
		*out++ = digits[i];
	}
	*out = '\0';
	return buf;
}

/* Divides n down below 1000 as it would be printed, and gives the prefix that takes. */
static const char *scale(double *n)
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	unsigned i = 0;

	while (*n >= 999.5 && i + 1 < sizeof(prefixes) / sizeof(prefixes[0])) {
		*n /= 1000;
		i++;
	}
	return prefixes[i];
}

char *cli_format_size(double n, char *buf)
{
	const char *prefix = scale(&n);
	bool has_tenths = *prefix && n < 9.95 && (unsigned)(n * 10 + 0.5) % 10 != 0;

	(void)snprintf(buf, CLI_FORMAT_LEN, "%.*f%s", has_tenths ? 1 : 0, n, prefix);
	return buf;
}

char *cli_format_si(double n, char *buf)
{
	const char *prefix = scale(&n);
	int decimals = n >= 99.95 || !*prefix ? 0 : n >= 9.995 ? 1 : 2;

	(void)snprintf(buf, CLI_FORMAT_LEN, "%.*f %s", decimals, n, prefix);
	return buf;
}

char *cli_format_duration(double seconds, char *buf)
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;
	uint64_t minutes = s / 60, hours = s / 3600, days = s / 86400;

	if (s < 60)
		(void)snprintf(buf, CLI_FORMAT_LEN, "%" PRIu64 "s", s);
	else if (hours == 0)
		(void)snprintf(buf, CLI_FORMAT_LEN, "%" PRIu64 "m%02" PRIu64 "s", minutes, s % 60);
	else if (days == 0)
		(void)snprintf(
			buf, CLI_FORMAT_LEN, "%" PRIu64 "h%02" PRIu64 "m", hours, minutes % 60);
	else
		(void)snprintf(
			buf, CLI_FORMAT_LEN, "%" PRIu64 "d %02" PRIu64 "h", days, hours % 24);
	return buf;
}

char *cli_format_latency(double seconds, char *buf)
{
	if (seconds < 1)
		(void)snprintf(buf, CLI_FORMAT_LEN, "%.1f ms", seconds * 1e3);
	else
		(void)snprintf(buf, CLI_FORMAT_LEN, "%.1f s", seconds);
	return buf;
}

char *cli_format_endpoint(const char *address, json_int_t port, char *buf, size_t size)
{
	bool is_v6 = strchr(address, ':');

	if (port == 0)
		(void)snprintf(buf, size, "%s", address);
	else
		(void)snprintf(buf, size, "%s%s%s:%" JSON_INTEGER_FORMAT, is_v6 ? "[" : "", address,
			is_v6 ? "]" : "", port);
	return buf;
}

uint64_t cli_field_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 10);
	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

json_int_t cli_field_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double cli_field_real(const json_t *object, const char *key, double absent)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : absent;
}

const char *cli_field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

double cli_field_time(const json_t *object, const char *key)
{
	struct tm tm = {0};
	const char *rest = strptime(cli_field_text(object, key), "%Y-%m-%dT%H:%M:%S", &tm);

	return rest ? (double)timegm(&tm) + strtod(*rest == '.' ? rest : "0", NULL) : -1;
}
