#pragma once

#include "base/thread.h"

#include <stddef.h>

/* The status page, control/page/, as one file: made by tools/embed-page when Poise is built. It is
 * the same in both, and lives as long as the process. */
struct ctl_page {
	const unsigned char *plain;
	size_t plain_len;
	const unsigned char *gzip;
	size_t gzip_len;
	const char *csp; // value of Content-Security-Policy: exactly its own scripts may run
};

const struct ctl_page *ctl_page(void) ANY_THREAD;
