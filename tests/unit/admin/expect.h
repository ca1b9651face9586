#pragma once

#include <jansson.h>

/* Fails the cmocka test unless the value at `path` ("services.0.servers.1.weight") equals
 * `json` ("640", "\"up\"", "null"); "absent" means that there must be none. */
void expect(const json_t *answer, const char *path, const char *json);
