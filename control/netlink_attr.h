#pragma once

#include "base/addr.h"
#include "base/thread.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading netlink attributes without trusting their lengths. Pure. */

enum { NL_N_ATTRS = 32 }; // more than the highest type that is read, RTA_VIA

/* The attributes of one message or next hop, by type; the last one of a type counts. */
struct nl_attrs {
	const struct nlattr *by_type[NL_N_ATTRS];
};

/* The attributes that lie in `len` bytes, up to the first broken one. */
void nl_attr_read_all(const void *bytes, size_t len, struct nl_attrs *ret) ANY_THREAD;
/* The fixed header of at least `size` bytes, and what follows it as attributes. NULL, and
 * nothing read, if the message is shorter than that. */
const void *nl_attr_read_message(
	const struct nlmsghdr *message, size_t size, struct nl_attrs *ret) ANY_THREAD;

/* 0 and *ret untouched when the attribute is absent; -EBADMSG for a wrong length. */
int nl_attr_read_u32(const struct nl_attrs *attrs, unsigned type, uint32_t *ret) ANY_THREAD;
int nl_attr_read_addr(
	const struct nl_attrs *attrs, unsigned type, int family, struct addr *ret) ANY_THREAD;
/* `family` is AF_INET or AF_INET6 and `len` its size, else -EBADMSG. */
int nl_attr_addr_from_bytes(int family, const void *bytes, size_t len, struct addr *ret) ANY_THREAD;
/* Neither family, or an IPv4-mapped IPv6 address: that one would read as IPv4 in our form. */
bool nl_attr_is_foreign(int family, const struct addr *address) ANY_THREAD;
