/* One field of an answer against what it should be. */
#include "tests/unit/admin/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const json_t *find(const json_t *value, const char *path)
{
	char copy[256], *rest = copy;
	const char *part;

	(void)strncpy(copy, path, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	while (value && (part = strsep(&rest, ".")))
		value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
					     : json_object_get(value, part);
	return value;
}

void expect(const json_t *answer, const char *path, const char *json)
{
	const json_t *found = find(answer, path);
	json_t *wanted = json_loads(json, JSON_DECODE_ANY, NULL);
	char *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("absent");
	int is_right;

	if (strcmp(json, "absent") == 0)
		is_right = found == NULL;
	else
		is_right = found && json_equal(found, wanted);
	if (!is_right)
		fail_msg("%s is %s, not %s", path, text, json);
	json_decref(wanted);
	free(text);
}
