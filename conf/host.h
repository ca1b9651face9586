#pragma once

#include "base/thread.h"

/* What a default takes from this machine. */

/* The host name, cut to CONF_MAX_NAME bytes; buf has CONF_MAX_NAME + 1. Returns buf. */
char *conf_host_name(char *buf) ANY_THREAD;
/* The highest CPU that this process may run on. */
unsigned conf_host_last_cpu(void) ANY_THREAD;
