#pragma once

#include "base/thread.h"
#include "conf/model.h"

#include <stddef.h>

/* Ranges of reply codes. */

bool hc_codes_has(const struct conf_codes *codes, unsigned n, long code) ANY_THREAD;
/* "200-299, 401", cut where buf ends; returns buf. */
const char *hc_codes_format(
	const struct conf_codes *codes, unsigned n, char *buf, size_t size) ANY_THREAD;
