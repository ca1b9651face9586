#pragma once

#include "base/thread.h"

#include <stdio.h>

/* docs/metrics.md: every family, from the table of them. */
void ctl_metrics_print_doc(FILE *out) ANY_THREAD;
