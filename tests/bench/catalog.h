#pragma once

#include "base/addr.h"
#include "dataplane/dp.h"

/* What is configured in the bench: 200 services with 5 servers each, in both families; 70 % of
 * the connections go to TCP services. A service is named by its number in its family. */

enum {
	CATALOG_SERVICES = 200,
	CATALOG_SERVERS_EACH = 5,
	CATALOG_SERVICES_PER_VIP = 4,
	CATALOG_SERVERS = CATALOG_SERVICES * CATALOG_SERVERS_EACH,
};

struct catalog_service {
	struct addr vip;
	uint16_t port; // host order
	uint8_t protocol;
};

/* family 4 or 6. */
struct catalog_service catalog_service(unsigned family, unsigned service);
/* Server 0 .. CATALOG_SERVERS-1; all servers of service s are s * 5 and the next four. */
struct addr catalog_server(unsigned family, unsigned server);
uint16_t catalog_server_port(unsigned server);
/* A service of the given protocol, for any number. */
unsigned catalog_pick(uint8_t protocol, uint32_t number);

/* The address of a client, and whether that number has one. Different numbers give different
 * addresses, scattered over all that a client on the Internet can have. */
bool catalog_is_client(unsigned family, uint32_t number);
struct addr catalog_client(unsigned family, uint32_t number);

extern const uint8_t catalog_port_mac[6]; // ours
extern const uint8_t catalog_gateway_mac[6];
void catalog_server_mac(unsigned family, unsigned server, uint8_t *ret_mac);

/* Gives all of it to the data plane, and publishes. 0, or a negative errno. */
int catalog_publish(struct dp *dp, const struct conf_timeouts *timeouts);
