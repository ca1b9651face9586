/* Addresses and prefixes: one shape for both families, text to and from it. Pure. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_MAPPED_BITS = 96 };

int addr_family(const struct addr *a)
{
	return addr_is_v4(a) ? 4 : 6;
}

bool addr_is_link_local(const struct addr *a)
{
	if (addr_is_v4(a))
		return a->bytes[12] == 169 && a->bytes[13] == 254;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool addr_is_multicast(const struct addr *a)
{
	if (addr_is_v4(a))
		return (a->bytes[12] & 0xf0) == 0xe0;
	return a->bytes[0] == 0xff;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int addr_parse(const char *text, struct addr *ret)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret = addr_from_v4(v4.s_addr);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
		*ret = addr_from_v6(&v6);
		return 0;
	}
	return -EINVAL;
}

char *addr_format(const struct addr *a, char *buf)
{
	if (addr_is_v4(a))
		(void)inet_ntop(AF_INET, &a->words[3], buf, ADDR_STR_LEN);
	else
		(void)inet_ntop(AF_INET6, a->bytes, buf, ADDR_STR_LEN);
	return buf;
}

char *addr_port_format(const struct addr *a, uint16_t port, char *buf)
{
	char text[ADDR_STR_LEN];
	const char *form = addr_is_v4(a) ? "%s:%u" : "[%s]:%u";

	(void)snprintf(buf, ADDR_PORT_STR_LEN, form, addr_format(a, text), port);
	return buf;
}

static struct addr mask_of(unsigned length_bits)
{
	struct addr mask = {.halves = {0, 0}};

	for (unsigned i = 0; i < length_bits; i++)
		mask.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	return mask;
}

static int parse_length(const char *text, unsigned max, unsigned *ret)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	value = strtoul(text, &end, 10);
	if (*end != '\0' || value > max)
		return -EINVAL;
	*ret = (unsigned)value;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char head[ADDR_STR_LEN];
	struct prefix p;
	unsigned max, bits;

	if (len >= sizeof(head))
		return -EINVAL;
	memcpy(head, text, len);
	head[len] = '\0';
	if (addr_parse(head, &p.addr) < 0)
		return -EINVAL;

	max = addr_is_v4(&p.addr) ? 32 : 128;
	bits = max;
	if (slash && parse_length(slash + 1, max, &bits) < 0)
		return -EINVAL;
	p.length_bits = (uint8_t)(bits + 128 - max);

	struct addr mask = mask_of(p.length_bits);

	for (int i = 0; i < 2; i++)
		if (p.addr.halves[i] & ~mask.halves[i])
			return -EINVAL;
	*ret = p;
	return 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	struct addr mask = mask_of(p->length_bits);

	return ((p->addr.halves[0] ^ a->halves[0]) & mask.halves[0]) == 0 &&
	       ((p->addr.halves[1] ^ a->halves[1]) & mask.halves[1]) == 0;
}

unsigned prefix_length(const struct prefix *p)
{
	return addr_is_v4(&p->addr) ? p->length_bits - V4_MAPPED_BITS : p->length_bits;
}

char *prefix_format(const struct prefix *p, char *buf)
{
	char text[ADDR_STR_LEN];

	(void)snprintf(buf, PREFIX_STR_LEN, "%s/%u", addr_format(&p->addr, text), prefix_length(p));
	return buf;
}
