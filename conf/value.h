#pragma once

#include "base/addr.h"
#include "conf/schema.h"

#include <stddef.h>
#include <stdint.h>

/* Values between text and number. Pure. */

enum { CONF_VALUE_STR_LEN = 32 };

/* "250ms" to microseconds; units us, ms, s, m, h. -EINVAL: not of that form, -ERANGE: too large;
 * *ret untouched then. */
int conf_value_duration(const char *text, int64_t *ret_us);
/* "64k" to entries; units k, M, G of 10^3, 10^6, 10^9, none for less than 1000. Errors as above. */
int conf_value_size(const char *text, int64_t *ret_entries);
/* Three octal digits, with or without a 0 before them. -EINVAL. */
int conf_value_mode(const char *text, int64_t *ret_mode);
/* "10000-10255", first <= last. -EINVAL: not of that form, or over 65535. */
int conf_value_ports(const char *text, int64_t *ret_first, int64_t *ret_last);

/* "200" or "200-399", first <= last. -EINVAL; -ERANGE: too large. */
int conf_value_codes(const char *text, int64_t *ret_first, int64_t *ret_last);

/* Bytes that a C string cannot hold or that mark such: what source.c makes of \x00 and \x1a.
 * CONF_VALUE_MARK is followed by one of the other two. */
enum { CONF_VALUE_MARK = 0x1a, CONF_VALUE_NUL = '0', CONF_VALUE_SELF = '1' };
/* The bytes meant by `text`, which come to not more than it has, into `out`, with a NUL after
 * them. Returns their number. */
size_t conf_value_bytes(const char *text, char *out);

/* "192.0.2.2/24": an address and the length of its network in the 128-bit form. -EINVAL. */
int conf_value_host_address(const char *text, struct addr *ret_addr, int64_t *ret_length_bits);

/* "192.0.2.1:80" or "[2001:db8::1]:80". -EINVAL. */
int conf_value_endpoint(const char *text, struct addr *ret_addr, int64_t *ret_port);

/* How a person writes it, in the largest unit that is exact. Returns buf, which has
 * CONF_VALUE_STR_LEN bytes. */
char *conf_value_format(enum conf_kind kind, int64_t value, char *buf);
