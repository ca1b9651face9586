#pragma once

#include "base/diag.h"
#include "base/thread.h"
#include "conf/model.h"

struct conf_source;
struct conf_tree;
struct conf_value;
struct config_setting_t;

/* A walk through one file's libconfig tree. */
struct conf_reader {
	struct conf_tree *tree;
	const struct conf_source *source;
};

/* Where a setting stands; an element without a line of its own, where its list does. */
struct conf_place conf_reader_line(
	const struct conf_reader *reader, const struct config_setting_t *setting);
/* The same, with the word to mark. */
struct diag_place conf_reader_place(const struct conf_reader *reader,
	const struct config_setting_t *setting, const char *token);
/* "an integer" */
const char *conf_reader_type(const struct config_setting_t *setting);

/* Reads the setting `path` into `value`, whose key says what it must be; what is wrong goes
 * into the diag, and the value becomes CONF_BAD. -ENOMEM. */
int conf_read_value(struct conf_reader *reader, const struct config_setting_t *setting,
	const char *path, struct conf_value *value) ANY_THREAD;
