/* Frames from descriptions. Checksums are left 0: the program under test does not look at
 * them. */
#include "tests/unit/dataplane/xdp/frame.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

static const char *const addresses[N_WHO][2] = {
	[CLIENT] = {"203.0.113.10", "2001:db8:3::10"},
	[STRANGER] = {"203.0.113.77", "2001:db8:3::77"},
	[SERVER] = {"198.51.100.11", "2001:db8:2::11"},
	[SERVER2] = {"198.51.100.12", "2001:db8:2::12"},
	[LOCAL] = {"192.0.2.1", "2001:db8:1::1"},
	[LOCAL_NET] = {"203.0.113.200", "2001:db8:ff::5"},
	[VIP] = {"192.0.2.100", "2001:db8:1::100"},
	[BARE_VIP] = {"192.0.2.101", "2001:db8:1::101"},
	[LOST_VIP] = {"192.0.2.200", "2001:db8:1::200"},
	[LINK_LOCAL] = {"169.254.3.4", "fe80::1234"},
	[MULTICAST] = {"224.0.0.18", "ff02::12"},
	[BROADCAST] = {"255.255.255.255", "ff02::1"},
	[LOOPBACK] = {"127.0.0.1", "::1"},
};

const char *who_text(enum who who, int family)
{
	return addresses[who][family == 6];
}

static void put(struct frame *f, const void *bytes, unsigned len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void put8(struct frame *f, unsigned value)
{
	f->bytes[f->len++] = (uint8_t)value;
}

static void put16(struct frame *f, unsigned value)
{
	put8(f, value >> 8);
	put8(f, value);
}

static void put_zero(struct frame *f, unsigned len)
{
	memset(f->bytes + f->len, 0, len);
	f->len += len;
}

static void put_who(struct frame *f, enum who who, int family)
{
	uint8_t bytes[16];

	(void)inet_pton(family == 6 ? AF_INET6 : AF_INET, who_text(who, family), bytes);
	put(f, bytes, family == 6 ? 16 : 4);
}

static void set16(struct frame *f, unsigned at, unsigned value)
{
	f->bytes[at] = (uint8_t)(value >> 8);
	f->bytes[at + 1] = (uint8_t)value;
}

static void put_ethernet(struct frame *f, unsigned type)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	f->len = 0;
	put(f, macs, sizeof(macs));
	put16(f, type);
}

static void put_packet(struct frame *f, const struct packet *p, int family, unsigned max_transport);

static unsigned icmp_number(enum icmp_type type, int family)
{
	static const uint8_t numbers[][2] = {
		[ECHO] = {8, 128},
		[UNREACHABLE] = {3, 1},
		[TOO_BIG] = {3, 2},
		[SOLICITATION] = {8, 135},
		[ADVERTISEMENT] = {0, 136},
	};

	return numbers[type][family == 6];
}

static void put_icmp(struct frame *f, const struct packet *p, int family)
{
	put8(f, icmp_number(p->icmp, family));
	put_zero(f, 7);
	if (family == 6 && (p->icmp == SOLICITATION || p->icmp == ADVERTISEMENT))
		put_who(f, p->target, 6);
	else if (p->quote)
		put_packet(f, p->quote, family, 8);
	else
		put_zero(f, 24);
}

static void put_transport(struct frame *f, const struct packet *p, int family)
{
	if (p->fragment == LATER) {
		put_zero(f, 40); // ports that would say 0
		return;
	}
	switch (p->protocol) {
	case TCP:
	case UDP:
		put16(f, p->src_port);
		put16(f, p->dst_port);
		put_zero(f, p->protocol == TCP ? 16 : 4);
		break;
	case ICMP:
		put_icmp(f, p, family);
		break;
	default:
		put_zero(f, 24);
	}
}

static void put_v4(struct frame *f, const struct packet *p)
{
	static const unsigned fragments[] = {
		[WHOLE] = 0x4000, [FIRST] = 0x2000, [LATER] = 0x2005, [ATOMIC] = 0};

	put8(f, 0x40 | (5 + p->options));
	put_zero(f, 5);
	put16(f, fragments[p->fragment]);
	put8(f, 64);
	put8(f, p->protocol);
	put16(f, 0);
	put_who(f, p->src, 4);
	put_who(f, p->dst, 4);
	put_zero(f, p->options * 4);
}

static unsigned v6_protocol(const struct packet *p)
{
	return p->protocol == ICMP ? 58 : p->protocol;
}

/* The type of the n-th extension header; of the one behind the last: what follows them. */
static unsigned v6_next(const struct packet *p, unsigned n)
{
	static const uint8_t types[] = {0, 60, 43};

	if (n < p->options)
		return types[n % 3];
	return p->fragment != WHOLE && n == p->options ? 44 : v6_protocol(p);
}

static void put_v6(struct frame *f, const struct packet *p)
{
	static const unsigned fragments[] = {[FIRST] = 0x0001, [LATER] = 0x0029, [ATOMIC] = 0};

	put8(f, 0x60);
	put_zero(f, 5);
	put8(f, v6_next(p, 0));
	put8(f, 64);
	put_who(f, p->src, 6);
	put_who(f, p->dst, 6);
	for (unsigned i = 0; i < p->options; i++) {
		put8(f, v6_next(p, i + 1));
		put_zero(f, 7);
	}
	if (p->fragment != WHOLE) {
		put8(f, v6_protocol(p));
		put8(f, 0);
		put16(f, fragments[p->fragment]);
		put_zero(f, 4);
	}
}

static void put_packet(struct frame *f, const struct packet *p, int family, unsigned max_transport)
{
	unsigned start = f->len, transport;

	if (family == 6)
		put_v6(f, p);
	else
		put_v4(f, p);
	transport = f->len;
	put_transport(f, p, family);
	f->len -= p->short_by;
	if (family == 6)
		set16(f, start + 4, f->len - start - 40);
	else
		set16(f, start + 2, f->len - start);
	if (f->len > transport + max_transport)
		f->len = transport + max_transport;
}

void frame_build(const struct packet *p, int family, struct frame *ret)
{
	memset(ret, 0, sizeof(*ret));
	put_ethernet(ret, family == 6 ? 0x86dd : 0x0800);
	put_packet(ret, p, family, sizeof(ret->bytes));
	ret->len -= p->cut;
	frame_tag(ret, p->tags);
}

void frame_build_arp(uint16_t operation, enum who sender, enum who target, struct frame *ret)
{
	memset(ret, 0, sizeof(*ret));
	put_ethernet(ret, 0x0806);
	put16(ret, 1);
	put16(ret, 0x0800);
	put8(ret, 6);
	put8(ret, 4);
	put16(ret, operation);
	put_zero(ret, 6);
	put_who(ret, sender, 4);
	put_zero(ret, 6);
	put_who(ret, target, 4);
}

void frame_tag(struct frame *f, enum tags tags)
{
	static const uint16_t lists[N_TAGS][3][2] = {
		[PRIORITY] = {{0x8100, 0xa000}},
		[PRIORITY_AD] = {{0x88a8, 0x0000}},
		[PRIORITY_TWICE] = {{0x88a8, 0x7000}, {0x8100, 0x0000}},
		[PRIORITY_THRICE] = {{0x8100, 0x0000}, {0x8100, 0xe000}, {0x8100, 0x0000}},
		[VLAN] = {{0x8100, 0x0007}},
		[VLAN_AD] = {{0x88a8, 0xe800}},
		[PRIORITY_VLAN] = {{0x8100, 0x2000}, {0x8100, 0x0001}},
		[VLAN_PRIORITY] = {{0x88a8, 0x0fff}, {0x8100, 0x0000}},
	};

	for (unsigned i = 3; i-- > 0;) {
		if (lists[tags][i][0] == 0)
			continue;
		memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
		set16(f, 12, lists[tags][i][0]);
		set16(f, 14, lists[tags][i][1]);
		f->len += 4;
	}
}
