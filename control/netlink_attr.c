/* Reading netlink attributes without trusting their lengths. Pure.
 *
 * Every length is checked against the bytes that are there before one is read, so that any
 * bytes at all are safe to parse (tests/fuzz/fuzz_netlink.c). */
#include "control/netlink_attr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static int keep_attr(const struct nlattr *attr, void *data)
{
	struct nl_attrs *attrs = data;
	uint16_t type = mnl_attr_get_type(attr);

	if (type < NL_N_ATTRS)
		attrs->by_type[type] = attr;
	return MNL_CB_OK;
}

void nl_attr_read_all(const void *bytes, size_t len, struct nl_attrs *ret)
{
	memset(ret, 0, sizeof(*ret));
	(void)mnl_attr_parse_payload(bytes, len, keep_attr, ret);
}

const void *nl_attr_read_message(const struct nlmsghdr *message, size_t size, struct nl_attrs *ret)
{
	const char *payload = mnl_nlmsg_get_payload(message);
	size_t aligned = MNL_ALIGN(size);
	size_t len;

	if (message->nlmsg_len < MNL_NLMSG_HDRLEN)
		return NULL;
	len = mnl_nlmsg_get_payload_len(message);
	if (len < size)
		return NULL;
	if (len > aligned)
		nl_attr_read_all(payload + aligned, len - aligned, ret);
	else
		memset(ret, 0, sizeof(*ret));
	return payload;
}

int nl_attr_read_u32(const struct nl_attrs *attrs, unsigned type, uint32_t *ret)
{
	const struct nlattr *attr = attrs->by_type[type];

	if (!attr)
		return 0;
	if (mnl_attr_get_payload_len(attr) != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
	return 0;
}

int nl_attr_addr_from_bytes(int family, const void *bytes, size_t len, struct addr *ret)
{
	be32 v4;

	if (family == AF_INET && len == sizeof(v4)) {
		memcpy(&v4, bytes, sizeof(v4));
		*ret = addr_from_v4(v4);
		return 0;
	}
	if (family == AF_INET6 && len == sizeof(struct in6_addr)) {
		*ret = addr_from_v6(bytes);
		return 0;
	}
	return -EBADMSG;
}

int nl_attr_read_addr(const struct nl_attrs *attrs, unsigned type, int family, struct addr *ret)
{
	const struct nlattr *attr = attrs->by_type[type];

	if (!attr)
		return 0;
	return nl_attr_addr_from_bytes(
		family, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), ret);
}

bool nl_attr_is_foreign(int family, const struct addr *address)
{
	if (family == AF_INET6)
		return addr_is_v4(address);
	return family != AF_INET;
}
