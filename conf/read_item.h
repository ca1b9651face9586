#pragma once

#include "base/thread.h"
#include "conf/tree.h"

#include <stdbool.h>

/* Between read_value.c, which reads values of every kind, and read_probe.c, which knows those that
 * probes send and expect. */

struct conf_reader;
struct config_setting_t;

/* One value being read: a setting, or an element of its list. */
struct conf_item {
	struct conf_reader *reader;
	const struct conf_key *key;
	const char *path;
	const struct config_setting_t *setting;
	const char *name; // of the setting
};

/* Reads the item into the datum; what is wrong goes into the diag, and it returns false. */
typedef bool conf_read_kind(const struct conf_item *item, struct conf_datum *datum);

conf_read_kind conf_read_flag, conf_read_codes, conf_read_pattern, conf_read_bytes,
	conf_read_command;

/* Adds the error; false, so that readers can return it. */
bool conf_item_refuse(const struct conf_item *item, const char *format, ...)
	__attribute__((format(printf, 2, 3))) ANY_THREAD;
/* False, and told, if it is no string. */
bool conf_item_expect_text(const struct conf_item *item) ANY_THREAD;
/* The same, or if it holds what its form does not allow. */
bool conf_item_expect_string(const struct conf_item *item) ANY_THREAD;
const char *conf_item_string(const struct conf_item *item);
bool conf_item_is_integer(const struct conf_item *item);
/* `written` is the value in the file's words. */
bool conf_item_expect_in_range(
	const struct conf_item *item, int64_t number, const char *written) ANY_THREAD;
/* Between the key's bounds in bytes. */
bool conf_item_expect_length(const struct conf_item *item) ANY_THREAD;
