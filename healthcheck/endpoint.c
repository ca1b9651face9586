/* Socket addresses of probes. */
#include "healthcheck/endpoint.h"

#include "healthcheck/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

socklen_t hc_endpoint_fill(const struct addr *address, uint16_t port, union hc_endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (addr_is_v4(address)) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		ret->v4.sin_addr.s_addr = addr_v4(address);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	memcpy(&ret->v6.sin6_addr, address->bytes, sizeof(address->bytes));
	return sizeof(ret->v6);
}

int hc_endpoint_family(const struct hc_probe_job *job)
{
	return addr_is_v4(&job->address) ? AF_INET : AF_INET6;
}

const struct addr *hc_endpoint_source(const struct hc_probe_job *job)
{
	const enum conf_family family = addr_is_v4(&job->address) ? CONF_V4 : CONF_V6;

	return job->check->has_source[family] ? &job->check->source[family] : NULL;
}

int hc_endpoint_bind(int fd, const struct hc_probe_job *job)
{
	const struct addr *source = hc_endpoint_source(job);
	const int on = 1;
	union hc_endpoint from;
	socklen_t len;

	if (!source)
		return 0;
	len = hc_endpoint_fill(source, 0, &from);
	// with a port chosen here already, as many probes as there are ports could be under way,
	// whatever their targets
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
		bind(fd, &from.any, len) < 0)
		return errno;
	return 0;
}

int hc_endpoint_want_icmp_errors(int fd, int family)
{
	const bool is_v4 = family == AF_INET;
	const int on = 1;

	return setsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_RECVERR : IPV6_RECVERR,
		       &on, sizeof(on)) < 0
		       ? errno
		       : 0;
}
