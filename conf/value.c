/* Numbers with units, modes and port ranges: text to number and back. Pure; bounds of keys are
 * the reader's business. */
#include "conf/value.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *text; // NULL ends the list
	int64_t factor;
};

/* Smallest first. */
static const struct unit durations[] = {
	{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000LL}, {NULL, 0}};
static const struct unit sizes[] = {
	{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};

/* Digits from *text on; moves it behind them. */
static int parse_digits(const char **text, int64_t *ret)
{
	const char *p = *text;
	int64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *p - '0', &value))
			return -ERANGE;
	*text = p;
	*ret = value;
	return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, int64_t *ret)
{
	int64_t value;
	int err = parse_digits(&text, &value);

	if (err < 0)
		return err;
	for (const struct unit *u = units; u->text; u++) {
		if (strcmp(text, u->text) != 0)
			continue;
		if (__builtin_mul_overflow(value, u->factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int conf_value_duration(const char *text, int64_t *ret_us)
{
	return parse_with_unit(text, durations, ret_us);
}

int conf_value_size(const char *text, int64_t *ret_entries)
{
	int64_t entries;
	int err = parse_with_unit(text, sizes, &entries);

	if (err < 0)
		return err;
	// Below the smallest unit there is none to write; above it a missing one is a mistake.
	if (entries >= 1000 && text[strlen(text) - 1] <= '9')
		return -EINVAL;
	*ret_entries = entries;
	return 0;
}

int conf_value_mode(const char *text, int64_t *ret_mode)
{
	int64_t mode = 0;

	if (strlen(text) == 4 && *text == '0')
		text++;
	if (strlen(text) != 3)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '7')
			return -EINVAL;
		mode = mode * 8 + (*text - '0');
	}
	*ret_mode = mode;
	return 0;
}

int conf_value_ports(const char *text, int64_t *ret_first, int64_t *ret_last)
{
	int64_t first, last;

	if (parse_digits(&text, &first) < 0 || *text++ != '-' || parse_digits(&text, &last) < 0)
		return -EINVAL;
	if (*text != '\0' || first < 1 || first > last || last > UINT16_MAX)
		return -EINVAL;
	*ret_first = first;
	*ret_last = last;
	return 0;
}

int conf_value_codes(const char *text, int64_t *ret_first, int64_t *ret_last)
{
	int64_t first, last;
	int err = parse_digits(&text, &first);

	if (err < 0)
		return err;
	last = first;
	if (*text == '-') {
		text++;
		err = parse_digits(&text, &last);
	}
	if (err < 0)
		return err;
	if (*text != '\0' || first > last)
		return -EINVAL;
	*ret_first = first;
	*ret_last = last;
	return 0;
}

size_t conf_value_bytes(const char *text, char *out)
{
	char *to = out;

	for (; *text; text++) {
		if (*text == CONF_VALUE_MARK && text[1] != '\0')
			*to++ = *++text == CONF_VALUE_NUL ? '\0' : CONF_VALUE_MARK;
		else
			*to++ = *text;
	}
	*to = '\0';
	return (size_t)(to - out);
}

int conf_value_host_address(const char *text, struct addr *ret_addr, int64_t *ret_length_bits)
{
	const char *slash = strchr(text, '/');
	char head[ADDR_STR_LEN];
	struct addr a;
	int64_t length;
	int max;

	if (!slash || (size_t)(slash - text) >= sizeof(head))
		return -EINVAL;
	(void)snprintf(head, sizeof(head), "%.*s", (int)(slash - text), text);
	text = slash + 1;
	if (addr_parse(head, &a) < 0 || parse_digits(&text, &length) < 0 || *text != '\0')
		return -EINVAL;
	max = addr_is_v4(&a) ? 32 : 128;
	if (length > max)
		return -EINVAL;
	*ret_addr = a;
	*ret_length_bits = length + 128 - max;
	return 0;
}

int conf_value_endpoint(const char *text, struct addr *ret_addr, int64_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool is_v6 = *text == '[' && len > 1 && text[len - 1] == ']';
	char head[ADDR_STR_LEN];
	struct addr a;
	int64_t port;

	if (is_v6) {
		text++;
		len -= 2;
	}
	if (!colon || len >= sizeof(head))
		return -EINVAL;
	(void)snprintf(head, sizeof(head), "%.*s", (int)len, text);
	text = colon + 1;
	if (addr_parse(head, &a) < 0 || addr_is_v4(&a) == is_v6)
		return -EINVAL;
	if (parse_digits(&text, &port) < 0 || *text != '\0' || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	*ret_addr = a;
	*ret_port = port;
	return 0;
}

char *conf_value_format(enum conf_kind kind, int64_t value, char *buf)
{
	const struct unit *units = kind == CONF_DURATION ? durations : sizes;
	const struct unit *best = units;

	if (kind != CONF_DURATION && kind != CONF_SIZE) {
		(void)snprintf(buf, CONF_VALUE_STR_LEN, "%lld", (long long)value);
		return buf;
	}
	for (const struct unit *u = units; u->text; u++)
		if (value % u->factor == 0 && value != 0)
			best = u;
	(void)snprintf(
		buf, CONF_VALUE_STR_LEN, "%lld%s", (long long)(value / best->factor), best->text);
	return buf;
}
