/* Written apart from the product's parser and rewriter on purpose: this judges them. */
#include "tests/bench/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { ETHER = 14, IP4 = 20, IP6 = 40, TCP = 20, UDP = 8, ID = 4, TTL = 64 };
enum { TCP_SUM_AT = 16, UDP_SUM_AT = 6, MIN_FRAME = 60 };

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* One's complement sum of 32-bit words; order of bytes does not matter to it (RFC 1071 §2). */
static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t word;

	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

static void put16(uint8_t *p, uint16_t host)
{
	p[0] = (uint8_t)(host >> 8);
	p[1] = (uint8_t)host;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint16_t transport_len(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? TCP : UDP;
}

uint16_t frame_min_len(unsigned family, uint8_t protocol)
{
	uint16_t len = (uint16_t)(ETHER + (family == 4 ? IP4 : IP6) + transport_len(protocol) + ID);

	return len < MIN_FRAME ? MIN_FRAME : len;
}

static void write_ip(uint8_t *l3, const struct frame_flow *f, bool is_out, uint16_t l4_len)
{
	const struct addr *src = is_out ? &f->server : &f->client;
	const struct addr *dst = is_out ? &f->client : &f->vip;

	if (f->family == 6) {
		l3[0] = 0x60;
		put16(l3 + 4, l4_len);
		l3[6] = f->protocol;
		l3[7] = TTL;
		memcpy(l3 + 8, src->bytes, 16);
		memcpy(l3 + 24, dst->bytes, 16);
		return;
	}
	l3[0] = 0x45;
	put16(l3 + 2, (uint16_t)(IP4 + l4_len));
	l3[6] = 0x40; // DF
	l3[8] = TTL;
	l3[9] = f->protocol;
	memcpy(l3 + 12, src->bytes + 12, 4);
	memcpy(l3 + 16, dst->bytes + 12, 4);
	{
		uint16_t sum = (uint16_t)~fold(sum_bytes(l3, IP4));

		memcpy(l3 + 10, &sum, 2);
	}
}

/* Pseudo-header and everything behind the IP header. */
static uint16_t transport_sum(
	const uint8_t *l3, unsigned family, uint8_t protocol, uint16_t l4_len, uint32_t summed)
{
	uint64_t sum = family == 4 ? sum_bytes(l3 + 12, 8) : sum_bytes(l3 + 8, 32);

	sum += htons(protocol);
	sum += htons(l4_len);
	sum += sum_bytes(l3 + (family == 4 ? IP4 : IP6), summed);
	return fold(sum);
}

void frame_write(uint8_t *data, const struct frame_flow *f, const struct frame_spec *s,
	const uint8_t *mac_to, const uint8_t *mac_from)
{
	unsigned ip_len = f->family == 4 ? IP4 : IP6;
	uint8_t *l3 = data + ETHER, *l4 = l3 + ip_len;
	uint16_t l4_len = (uint16_t)(s->frame_len - ETHER - ip_len), sum;
	bool is_tcp = f->protocol == IPPROTO_TCP;

	memset(data, 0, FRAME_CLEARED);
	memcpy(data, mac_to, 6);
	memcpy(data + 6, mac_from, 6);
	put16(data + 12, f->family == 4 ? 0x0800 : 0x86dd);
	write_ip(l3, f, s->is_out, l4_len);
	memcpy(l4, s->is_out ? &f->server_port : &f->client_port, 2);
	memcpy(l4 + 2, s->is_out ? &f->client_port : &f->vip_port, 2);
	if (is_tcp) {
		memcpy(l4 + 4, &s->id, ID);
		l4[12] = TCP / 4 << 4;
		l4[13] = s->tcp_flags;
		put16(l4 + 14, 0x4000);
	} else {
		put16(l4 + 4, l4_len);
		memcpy(l4 + UDP, &s->id, ID);
	}
	// the payload behind the id is 0 and adds nothing
	sum = (uint16_t)~transport_sum(
		l3, f->family, f->protocol, l4_len, is_tcp ? TCP : (uint32_t)UDP + ID);
	if (!is_tcp && sum == 0)
		sum = 0xffff;
	memcpy(l4 + (is_tcp ? TCP_SUM_AT : UDP_SUM_AT), &sum, 2);
}

static const char *check_ip(const uint8_t *data, uint16_t len, struct frame_read *r,
	uint16_t *ret_l4_at, uint16_t *ret_l4_len)
{
	const uint8_t *l3 = data + ETHER;

	if (r->family == 4) {
		be32 v4[2];

		if (len < ETHER + IP4 + UDP + ID || l3[0] != 0x45)
			return "bad IPv4 header";
		if (fold(sum_bytes(l3, IP4)) != 0xffff)
			return "wrong IPv4 checksum";
		memcpy(v4, l3 + 12, sizeof(v4));
		r->src = addr_from_v4(v4[0]);
		r->dst = addr_from_v4(v4[1]);
		r->ttl = l3[8];
		r->protocol = l3[9];
		*ret_l4_at = ETHER + IP4;
		*ret_l4_len = (uint16_t)(get16(l3 + 2) - IP4);
	} else {
		if (len < ETHER + IP6 + UDP + ID || l3[0] != 0x60)
			return "bad IPv6 header";
		r->src = addr_from_v6(l3 + 8);
		r->dst = addr_from_v6(l3 + 24);
		r->ttl = l3[7];
		r->protocol = l3[6];
		*ret_l4_at = ETHER + IP6;
		*ret_l4_len = get16(l3 + 4);
	}
	return *ret_l4_at + *ret_l4_len == len ? NULL : "wrong IP length";
}

const char *frame_check(const uint8_t *data, uint16_t len, struct frame_read *ret)
{
	uint16_t l4_at = 0, l4_len = 0;
	const uint8_t *l4;
	const char *why;

	*ret = (struct frame_read){.mac_to = data, .mac_from = data + 6};
	if (get16(data + 12) == 0x0800)
		ret->family = 4;
	else if (get16(data + 12) == 0x86dd)
		ret->family = 6;
	else
		return "wrong Ethernet type";
	why = check_ip(data, len, ret, &l4_at, &l4_len);
	if (why)
		return why;
	if (ret->protocol != IPPROTO_TCP && ret->protocol != IPPROTO_UDP)
		return "neither TCP nor UDP";
	if (l4_len < transport_len(ret->protocol) + (ret->protocol == IPPROTO_UDP ? ID : 0))
		return "cut transport header";
	l4 = data + l4_at;
	memcpy(&ret->src_port, l4, 2);
	memcpy(&ret->dst_port, l4 + 2, 2);
	memcpy(&ret->id, l4 + (ret->protocol == IPPROTO_TCP ? 4 : UDP), ID);
	ret->tcp_flags = ret->protocol == IPPROTO_TCP ? l4[13] : 0;
	if (ret->protocol == IPPROTO_UDP && get16(l4 + 4) != l4_len)
		return "wrong UDP length";
	if (transport_sum(data + ETHER, ret->family, ret->protocol, l4_len, l4_len) != 0xffff)
		return "wrong transport checksum";
	return NULL;
}
