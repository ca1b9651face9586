#pragma once

#include "base/addr.h"
#include "tests/unit/control/netlink_namespace.h"

#include <stdint.h>

/* The namespaces of netlink_namespace.h as the two ends of a LAN, with what passes on it seen from
 * the far end. A failure ends the test. */

enum { SKIPPED = 77, WAIT_MS = 5000, MAX_FRAME = 8192 };

struct lan {
	struct namespaces ns;
	int here, there;           // descriptors of the namespaces
	int p[2], q[2];            // interfaces
	uint8_t mac[6];            // p0's
	int capture;               // of all that arrives at q0
	struct addr link_local[2]; // p0's, q0's
};

int lan_set_up(void **state);
int lan_tear_down(void **state);
#define ON_LAN(test) cmocka_unit_test_setup_teardown(test, lan_set_up, lan_tear_down)

struct addr lan_addr(const char *text);
/* Moves the process: sockets stay where they were made. */
void lan_go_there(const struct lan *lan);
void lan_come_back(const struct lan *lan);

/* The next frame that arrives at q0 and begins with the `len` bytes, but for those where `mask` is
 * 0 (NULL: none); its length, 0 if none comes in time. */
size_t lan_await_frame(const struct lan *lan, const uint8_t *begin, const uint8_t *mask, size_t len,
	uint8_t *ret_frame);
