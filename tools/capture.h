#pragma once

#include "tools/args.h"

/* `capture`: what the daemon tells of packets, as a capture file. */

/* Until the number of packets is reached, the reader has gone, or a signal. Exit status; *err says
 * why it failed. */
int cli_capture(const struct cli_run *run, struct cli_error *err);
