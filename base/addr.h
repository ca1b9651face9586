#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Network byte order, by name. Stays so until printed or computed with. */
typedef uint16_t be16;
typedef uint32_t be32;

/* An IPv4 or IPv6 address in one shape. IPv4 is held IPv4-mapped (::ffff:a.b.c.d,
 * RFC 4291 §2.5.5.2), so that one code path compares, hashes and stores both families.
 * The bytes are in network order. An IPv4-mapped IPv6 address never appears on the wire
 * (RFC 4942 §2.2): packets with one are dropped by the parser, so the two cannot be confused. */
struct addr {
	union {
		uint8_t bytes[16];
		be32 words[4];
		uint64_t halves[2];
	};
};

/* "[2001:db8::1]:65535" and "2001:.../128" with their final NUL. */
enum { ADDR_STR_LEN = 46, ADDR_PORT_STR_LEN = 56, PREFIX_STR_LEN = 50 };

/* A prefix; length_bits counts in the 128-bit form (an IPv4 /24 is 120). Host bits are 0. */
struct prefix {
	struct addr addr;
	uint8_t length_bits;
};

static inline struct addr addr_from_v4(be32 v4)
{
	return (struct addr){.words = {0, 0, htonl(0xffff), v4}};
}

static inline struct addr addr_from_v6(const void *sixteen_bytes)
{
	struct addr a;

	memcpy(a.bytes, sixteen_bytes, sizeof(a.bytes));
	return a;
}

/* The last four bytes; meaningful only for an IPv4 address. */
static inline be32 addr_v4(const struct addr *a)
{
	return a->words[3];
}

static inline bool addr_is_v4(const struct addr *a)
{
	return a->halves[0] == 0 && a->words[2] == htonl(0xffff);
}

/* 4 or 6. */
int addr_family(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_multicast(const struct addr *a);

/* :: or 0.0.0.0; without a branch, as it is asked of every slot that a look-up passes. */
static inline bool addr_is_unspecified(const struct addr *a)
{
	return ((a->halves[0] | a->words[3]) == 0) &
	       ((a->words[2] == 0) | (a->words[2] == htonl(0xffff)));
}

/* memcmp order: 0 when equal. */
int addr_compare(const struct addr *a, const struct addr *b);

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return ((a->halves[0] ^ b->halves[0]) | (a->halves[1] ^ b->halves[1])) == 0;
}

/* Reads "192.0.2.1" or "2001:db8::1" (no brackets, no zone). -EINVAL if it is neither,
 * or an IPv4-mapped IPv6 address; *ret untouched then. */
int addr_parse(const char *text, struct addr *ret);

/* Writes the RFC 5952 form into buf (ADDR_STR_LEN bytes) and returns buf. */
char *addr_format(const struct addr *a, char *buf);
/* "192.0.2.1:80" or "[2001:db8::1]:80"; port in host order; buf has ADDR_PORT_STR_LEN bytes. */
char *addr_port_format(const struct addr *a, uint16_t port, char *buf);

/* Reads "192.0.2.0/24", "2001:db8::/32", "default" is not known here; an address alone is a
 * host prefix. -EINVAL if malformed or if host bits are set; *ret untouched then. */
int prefix_parse(const char *text, struct prefix *ret);
bool prefix_contains(const struct prefix *p, const struct addr *a);
/* The length as people write it: 0-32 for IPv4, 0-128 for IPv6. */
unsigned prefix_length(const struct prefix *p);
char *prefix_format(const struct prefix *p, char *buf);
