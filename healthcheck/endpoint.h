#pragma once

#include "base/addr.h"

#include <netinet/in.h>
#include <stdint.h>

struct hc_probe_job;

/* Socket addresses of a probe: to where, and from where. */
union hc_endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills all of *ret; the bytes of it that count. `port` in host order. */
socklen_t hc_endpoint_fill(const struct addr *address, uint16_t port, union hc_endpoint *ret);

/* AF_INET or AF_INET6, as job->address is. */
int hc_endpoint_family(const struct hc_probe_job *job);
/* The local address that the check asks for, or NULL: the kernel's choice. */
const struct addr *hc_endpoint_source(const struct hc_probe_job *job);
/* Binds a new socket to it, the port left to connect(). 0 or a positive errno. */
int hc_endpoint_bind(int fd, const struct hc_probe_job *job);
/* Makes a UDP socket hear of errors that may pass, too: host unreachable, and not only that nobody
 * listens on the port. Each ends a read with its errno. 0 or a positive errno. */
int hc_endpoint_want_icmp_errors(int fd, int family);
