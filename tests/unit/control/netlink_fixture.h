#pragma once

#include "control/netlink.h"
#include "control/netlink_internal.h"
#include "netlink_namespace.h"

#include <stdbool.h>
#include <stdint.h>

/* A mirror of ports p0 and p1 in a namespace of its own, and claims that become true while it
 * follows the kernel. A failure ends the test. */

enum { SKIPPED = 77, WAIT_MS = 5000 };

extern const char *const port_names[2];

struct fixture {
	struct namespaces ns;
	struct netlink *nl;
	unsigned changes; // told since the test began
};

typedef bool claim(struct fixture *f, const void *arg);

int set_up_fixture(void **state);
int tear_down_fixture(void **state);
#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, set_up_fixture, tear_down_fixture)

int64_t now_us(void);
void note_changes(void *arg, unsigned changes);

/* Reads what comes until the claim holds; false after WAIT_MS. */
bool becomes(struct fixture *f, claim *holds, const void *arg);
/* Nothing to read and nothing planned. */
bool is_quiet(struct fixture *f, const void *arg);
void settle(struct fixture *f);

/* Claims. A line of routes reads "192.0.2.0/24 on link p0 metric 0\n"; a part of it will do. */
bool has_route(struct fixture *f, const void *line);
bool has_no_route(struct fixture *f, const void *line);
bool has_local(struct fixture *f, const void *prefix);
bool has_no_local(struct fixture *f, const void *prefix);

/* A mirror that has followed every change equals one that has just been made. */
void assert_equals_fresh_mirror(struct fixture *f);
