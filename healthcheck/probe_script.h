#pragma once

#include "base/thread.h"

/* Runs of scripts under way, for the probes of one loop (probe_script.c). */

struct hc_scripts;

/* No probe runs. NULL is fine. */
void hc_scripts_free(struct hc_scripts *scripts) ANY_THREAD;
