#pragma once

#include "base/addr.h"

#include "seeded.h"

#include <stdbool.h>
#include <stdint.h>

/* Frames for tests, written and checked byte by byte: nothing here uses the code under test
 * but struct addr. */

enum { PACKET_ROOM = 4096, PACKET_ETHER = 14 };

struct packet {
	uint8_t bytes[PACKET_ROOM];
	unsigned len; // of the frame, padding included
	unsigned ip_len;
	unsigned l4_offset;
};

/* What is zero gets a sensible value, or is not there. Ports in host order. */
struct packet_spec {
	const char *src, *dst; // as text; their family is the packet's
	uint16_t src_port, dst_port;
	uint8_t protocol;
	uint8_t tcp_flags;
	uint8_t ttl; // 0: 64
	uint32_t seq, ack;
	unsigned payload_len;
	unsigned option_words;     // of the IPv4 header
	unsigned tcp_option_words; // of the TCP header
	const uint8_t *extensions; // IPv6: types, in order; each gets a random length
	unsigned n_extensions;
	uint16_t fragment; // IPv4: flags and offset; IPv6: the same bits in a fragment header
	bool has_fragment_header;
	bool has_no_udp_sum;
	uint8_t icmp_type;
	unsigned padding; // behind the IP packet
};

enum { PACKET_DF = 0x4000, PACKET_MF = 0x2000 };

/* A whole frame with right lengths and sums; payload at random. */
void packet_build(struct packet *p, const struct packet_spec *spec, struct seeded *random);

/* Writes the IPv4 header's and the transport's sums anew. */
void packet_fix_sums(struct packet *p);

/* All sums recomputed from nothing: IPv4 header, TCP, UDP (0 is right in IPv4), ICMP. */
bool packet_has_right_sums(const uint8_t *frame, unsigned len);

/* Replaces the payload of an ICMP message by a quoted packet, from its IP header on. */
void packet_quote(struct packet *error, const uint8_t *quoted, unsigned len);

struct addr packet_addr(const char *text);
uint16_t packet_get16(const uint8_t *at);
uint32_t packet_get32(const uint8_t *at);
void packet_put16(uint8_t *at, uint16_t value);
void packet_put32(uint8_t *at, uint32_t value);
