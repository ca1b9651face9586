#pragma once

#include "tools/table.h"

#include <jansson.h>

/* Cells of tables that tell of checks; `check` as `show servers` has it. */

/* How long before the answer the time `key` of `o` was. */
void cli_check_add_age(struct cli_table *t, const json_t *answer, const json_t *o, const char *key);
/* What the last probe said, and how long it took; also that a certificate is not verified. */
void cli_check_add_result(struct cli_table *t, const json_t *check);
