#pragma once

#include "control/netlink_mirror.h"
#include "netlink_messages.h"

/* Messages into a mirror, by way of the parser; a failure ends the test. */

enum { EAST = 7, WEST = 8, OTHER = 9 }; // interfaces; east is port 0, west port 1
enum { UP = IFF_UP | IFF_LOWER_UP };

struct addr to_addr(const char *text);
void feed_link(struct nl_mirror *m, struct link_text text);
/* Main table and unicast unless said otherwise. */
void feed_route(struct nl_mirror *m, struct route_text text);
/* A unicast route; a NULL gateway: on link. */
void feed_way(
	struct nl_mirror *m, const char *to, uint32_t metric, int ifindex, const char *gateway);
void feed_blackhole(struct nl_mirror *m, const char *to);
void feed_neighbour(struct nl_mirror *m, struct neighbour_text text);
void feed_near(
	struct nl_mirror *m, int ifindex, const char *address, const char *mac, uint16_t state);
void feed_address(struct nl_mirror *m, struct address_text text);
/* What the mirror gathered since it was last taken. */
unsigned take_changes(struct nl_mirror *m);
unsigned take_wanted(struct nl_mirror *m);
/* A mirror with both links up, and nothing said about it. */
int set_up_mirror(void **state);
int tear_down_mirror(void **state);

#define WITH_MIRROR(test) cmocka_unit_test_setup_teardown(test, set_up_mirror, tear_down_mirror)
