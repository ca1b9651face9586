#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A network namespace of the test's own, with a second one beyond two veth pairs:
 *
 *   here:   p0  192.0.2.1/24    2001:db8:1::1/64    MTU 1500
 *           p1  198.51.100.1/24 2001:db8:2::1/64
 *   there:  q0  192.0.2.10/24   2001:db8:1::10/64
 *           q1  198.51.100.10/24 2001:db8:2::10/64
 *
 * Both vanish with their processes. */

struct namespaces {
	pid_t there; // the process that holds the other one
};

/* False, with the reason on stdout, where a test cannot have a namespace of its own. */
bool namespaces_permitted(void);
/* Moves the process into a new one each time. */
bool namespaces_open(struct namespaces *ret);
void namespaces_close(struct namespaces *ns);

/* Runs a shell command here, or there. Ends the test when it fails. */
void run_here(const char *format, ...) __attribute__((format(printf, 1, 2)));
void run_there(const struct namespaces *ns, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What the command prints, in a static buffer, without the last newline. */
const char *output_here(const char *format, ...) __attribute__((format(printf, 1, 2)));
