/* Ranges of reply codes. Pure. */
#include "healthcheck/codes.h"

#include <stdio.h>

bool hc_codes_has(const struct conf_codes *codes, unsigned n, long code)
{
	for (unsigned i = 0; i < n; i++) {
		if (code >= codes[i].first && code <= codes[i].last)
			return true;
	}
	return false;
}

const char *hc_codes_format(const struct conf_codes *codes, unsigned n, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < n && at < size; i++) {
		at += (size_t)snprintf(buf + at, size - at, "%s%u", i ? ", " : "", codes[i].first);
		if (codes[i].first != codes[i].last && at < size)
			at += (size_t)snprintf(buf + at, size - at, "-%u", codes[i].last);
	}
	return buf;
}
