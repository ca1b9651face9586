#pragma once

#include <stdio.h>

/* Prints `now`, with what differs from `before` (NULL: nothing to compare) in reverse video:
 * line by line, and within a line word by word. Pure. */
void cli_watch_print(const char *before, const char *now, FILE *out);
