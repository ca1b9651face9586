#pragma once

/* In place of libc's close(), for the libraries too: counts the calls that fail. A number that is
 * closed twice may be somebody else's by then. */
int close(int fd);

/* So far in this process. */
unsigned count_bad_closes(void);
