/* Frames for tests. Plain bytes and plain sums, so that the packet path is compared with
 * something that shares no code with it. */
#include "packet.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

struct addr packet_addr(const char *text)
{
	struct addr a;
	int r = addr_parse(text, &a);

	assert(r == 0);
	(void)r;
	return a;
}

uint16_t packet_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t packet_get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

void packet_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void packet_put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, (uint16_t)(value >> 16));
	packet_put16(at + 2, (uint16_t)value);
}

/* Two bytes at a time, as RFC 1071 §1 says it. */
static uint32_t add_bytes(uint32_t sum, const uint8_t *p, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static bool is_v4(const uint8_t *frame)
{
	return frame[PACKET_ETHER] >> 4 == 4;
}

/* Sum of the transport part with its pseudo-header; l4 tells where it begins. */
static uint16_t transport_sum(const uint8_t *frame, unsigned l4, unsigned end, uint8_t protocol)
{
	const uint8_t *ip = frame + PACKET_ETHER;
	uint32_t sum = 0;

	if (protocol != IPPROTO_ICMP) {
		sum = is_v4(frame) ? add_bytes(0, ip + 12, 8) : add_bytes(0, ip + 8, 32);
		sum += protocol + (end - l4);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)add_bytes(sum, frame + l4, end - l4);
}

static int sum_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return -1;
	}
}

/* Finds the transport; false where there is none to check (fragment, other protocol). */
static bool find_transport(const uint8_t *frame, unsigned *ret_l4, uint8_t *ret_protocol)
{
	const uint8_t *ip = frame + PACKET_ETHER;
	unsigned at = PACKET_ETHER + 40;
	uint8_t next = ip[6];

	if (is_v4(frame)) {
		*ret_l4 = PACKET_ETHER + (ip[0] & 15u) * 4;
		*ret_protocol = ip[9];
		return (packet_get16(ip + 6) & 0x3fff) == 0 && sum_offset(ip[9]) >= 0;
	}
	while (next == 0 || next == 43 || next == 60 || next == 44) {
		if (next == 44 && (packet_get16(frame + at + 2) & 0xfff9))
			return false;
		next = frame[at];
		at += frame[at + 1] * 8u + 8;
	}
	*ret_l4 = at;
	*ret_protocol = next;
	return sum_offset(next) >= 0;
}

static unsigned ip_end(const uint8_t *frame)
{
	const uint8_t *ip = frame + PACKET_ETHER;

	return PACKET_ETHER + (is_v4(frame) ? packet_get16(ip + 2) : 40u + packet_get16(ip + 4));
}

bool packet_has_right_sums(const uint8_t *frame, unsigned len)
{
	const uint8_t *ip = frame + PACKET_ETHER;
	unsigned l4, end = ip_end(frame);
	uint8_t protocol;

	if (end > len)
		return false;
	if (is_v4(frame) && add_bytes(0, ip, (ip[0] & 15u) * 4) != 0xffff)
		return false;
	if (!find_transport(frame, &l4, &protocol))
		return true;
	if (protocol == IPPROTO_UDP && packet_get16(frame + l4 + 6) == 0)
		return is_v4(frame);
	return transport_sum(frame, l4, end, protocol) == 0xffff;
}

void packet_fix_sums(struct packet *p)
{
	uint8_t *ip = p->bytes + PACKET_ETHER, *at;
	uint8_t protocol;
	unsigned l4;

	if (is_v4(p->bytes)) {
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, (uint16_t)~add_bytes(0, ip, (ip[0] & 15u) * 4));
	}
	if (!find_transport(p->bytes, &l4, &protocol))
		return;
	at = p->bytes + l4 + sum_offset(protocol);
	packet_put16(at, 0);
	packet_put16(at, (uint16_t)~transport_sum(p->bytes, l4, ip_end(p->bytes), protocol));
	if (protocol == IPPROTO_UDP && packet_get16(at) == 0)
		packet_put16(at, 0xffff);
}

static unsigned write_v4(uint8_t *ip, const struct packet_spec *s, struct seeded *random)
{
	struct addr src = packet_addr(s->src), dst = packet_addr(s->dst);

	ip[0] = (uint8_t)(0x45 + s->option_words);
	ip[1] = (uint8_t)seeded_below(random, 256);
	packet_put16(ip + 4, (uint16_t)seeded_below(random, 65536));
	packet_put16(ip + 6, s->fragment);
	ip[8] = s->ttl ? s->ttl : 64;
	ip[9] = s->protocol;
	memcpy(ip + 12, src.bytes + 12, 4);
	memcpy(ip + 16, dst.bytes + 12, 4);
	memset(ip + 20, 1, s->option_words * 4); // no operation
	return 20 + s->option_words * 4;
}

static unsigned write_v6(uint8_t *ip, const struct packet_spec *s, struct seeded *random)
{
	struct addr src = packet_addr(s->src), dst = packet_addr(s->dst);
	uint8_t *next = ip + 6;
	unsigned at = 40;

	packet_put32(ip, 6u << 28 | seeded_below(random, 1u << 28));
	ip[7] = s->ttl ? s->ttl : 64;
	memcpy(ip + 8, src.bytes, 16);
	memcpy(ip + 24, dst.bytes, 16);
	for (unsigned i = 0; i < s->n_extensions; i++) {
		*next = s->extensions[i];
		next = ip + at;
		ip[at + 1] = (uint8_t)seeded_below(random, 3);
		at += ip[at + 1] * 8u + 8;
	}
	if (s->has_fragment_header) {
		*next = 44;
		next = ip + at;
		packet_put16(ip + at + 2,
			(uint16_t)((s->fragment & 0x1fff) << 3 | !!(s->fragment & PACKET_MF)));
		packet_put32(ip + at + 4, (uint32_t)seeded_u64(random));
		at += 8;
	}
	*next = s->protocol;
	return at;
}

static unsigned write_l4(uint8_t *l4, const struct packet_spec *s)
{
	unsigned tcp_len = 20 + s->tcp_option_words * 4;

	switch (s->protocol) {
	case IPPROTO_TCP:
		packet_put16(l4, s->src_port);
		packet_put16(l4 + 2, s->dst_port);
		packet_put32(l4 + 4, s->seq);
		packet_put32(l4 + 8, s->ack);
		l4[12] = (uint8_t)(tcp_len / 4 << 4);
		l4[13] = s->tcp_flags;
		packet_put16(l4 + 14, 65535);
		memset(l4 + 20, 1, s->tcp_option_words * 4);
		return tcp_len;
	case IPPROTO_UDP:
		packet_put16(l4, s->src_port);
		packet_put16(l4 + 2, s->dst_port);
		packet_put16(l4 + 4, (uint16_t)(8 + s->payload_len));
		return 8;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		l4[0] = s->icmp_type;
		return 8;
	default:
		return 0;
	}
}

void packet_build(struct packet *p, const struct packet_spec *s, struct seeded *random)
{
	uint8_t *ip = p->bytes + PACKET_ETHER;
	struct addr src = packet_addr(s->src);
	bool v4 = addr_is_v4(&src);
	unsigned at;

	memset(p->bytes, 0, sizeof(p->bytes));
	memcpy(p->bytes, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	packet_put16(p->bytes + 12, v4 ? 0x0800 : 0x86dd);
	at = v4 ? write_v4(ip, s, random) : write_v6(ip, s, random);
	p->l4_offset = PACKET_ETHER + at;
	at += write_l4(ip + at, s);
	assert(PACKET_ETHER + at + s->payload_len + s->padding <= PACKET_ROOM);
	for (unsigned i = 0; i < s->payload_len; i++)
		ip[at + i] = (uint8_t)seeded_below(random, 256);
	at += s->payload_len;
	if (v4)
		packet_put16(ip + 2, (uint16_t)at);
	else
		packet_put16(ip + 4, (uint16_t)(at - 40));
	p->ip_len = at;
	p->len = PACKET_ETHER + at + s->padding;
	packet_fix_sums(p);
	if (s->protocol == IPPROTO_UDP && s->has_no_udp_sum)
		packet_put16(p->bytes + p->l4_offset + 6, 0);
	memset(ip + at, 0xee, s->padding);
}

void packet_quote(struct packet *error, const uint8_t *quoted, unsigned len)
{
	unsigned at = error->l4_offset + 8;

	assert(at + len <= PACKET_ROOM);
	memcpy(error->bytes + at, quoted, len);
	error->len = at + len;
	error->ip_len = at + len - PACKET_ETHER;
	if (is_v4(error->bytes))
		packet_put16(error->bytes + PACKET_ETHER + 2, (uint16_t)error->ip_len);
	else
		packet_put16(error->bytes + PACKET_ETHER + 4, (uint16_t)(error->ip_len - 40));
	packet_fix_sums(error);
}
