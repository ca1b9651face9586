/* Values that probes send and expect: flags, reply codes, patterns, bytes, commands.
 *
 * A pattern is compiled to see whether it can be; whoever uses it compiles it again, as here.
 * Whether a command can be executed is bind_check.c's question. */
#include "base/arena.h"
#include "conf/read_item.h"
#include "conf/read_value.h"
#include "conf/value.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <libconfig.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

bool conf_read_flag(const struct conf_item *item, struct conf_datum *datum)
{
	if (config_setting_type(item->setting) != CONFIG_TYPE_BOOL)
		return conf_item_refuse(
			item, "expected true or false, not %s", conf_reader_type(item->setting));
	datum->number = config_setting_get_bool(item->setting) != 0;
	return true;
}

static bool expect_codes(
	const struct conf_item *item, const struct conf_datum *datum, const char *written)
{
	return conf_item_expect_in_range(item, datum->number, written) &&
	       conf_item_expect_in_range(item, datum->last, written);
}

bool conf_read_codes(const struct conf_item *item, struct conf_datum *datum)
{
	char written[96];
	int err;

	if (conf_item_is_integer(item)) {
		datum->number = datum->last = config_setting_get_int64(item->setting);
		(void)snprintf(written, sizeof(written), "%lld", (long long)datum->number);
		return expect_codes(item, datum, written);
	}
	if (config_setting_type(item->setting) != CONFIG_TYPE_STRING)
		return conf_item_refuse(item,
			"expected a code as an integer or codes as in \"200-399\", not %s",
			conf_reader_type(item->setting));
	if (!conf_item_expect_string(item))
		return false;
	(void)snprintf(written, sizeof(written), "\"%.64s\"", conf_item_string(item));
	err = conf_value_codes(conf_item_string(item), &datum->number, &datum->last);
	if (err == -ERANGE)
		datum->number = datum->last = INT64_MAX;
	else if (err < 0)
		return conf_item_refuse(
			item, "%s is neither a code nor a range of codes (a-b)", written);
	return expect_codes(item, datum, written);
}

bool conf_read_pattern(const struct conf_item *item, struct conf_datum *datum)
{
	char what[128];
	size_t offset;
	pcre2_code *code;
	int number;

	if (!conf_item_expect_text(item) || !conf_item_expect_length(item))
		return false;
	datum->text = conf_item_string(item);
	if (strchr(datum->text, CONF_VALUE_MARK))
		return conf_item_refuse(
			item, "a byte 00 or 1a stands in a pattern as \"\\\\x00\" or \"\\\\x1a\"");
	code = pcre2_compile((PCRE2_SPTR)datum->text, PCRE2_ZERO_TERMINATED, PCRE2_AUTO_CALLOUT,
		&number, &offset, NULL);
	pcre2_code_free(code);
	if (code)
		return true;
	(void)pcre2_get_error_message(number, (PCRE2_UCHAR *)what, sizeof(what));
	return conf_item_refuse(item, "not a pattern: %s (at character %zu)", what, offset + 1);
}

bool conf_read_bytes(const struct conf_item *item, struct conf_datum *datum)
{
	if (!conf_item_expect_text(item) || !conf_item_expect_length(item))
		return false;
	datum->text = conf_item_string(item);
	return true;
}

bool conf_read_command(const struct conf_item *item, struct conf_datum *datum)
{
	if (!conf_item_expect_string(item) || !conf_item_expect_length(item))
		return false;
	datum->text = conf_item_string(item);
	return true;
}
