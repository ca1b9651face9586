#pragma once

#include <jansson.h>

/* The state of a group of VRRP in capitals, as people write it: "MASTER". `buf` has
 * CLI_FORMAT_LEN bytes (tools/format.h). Returns buf. */
char *cli_format_role(const json_t *group, char *buf);
