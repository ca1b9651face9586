#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443 §4) as bytes. Pure.
 *
 * A request carries eight random bytes, the token, that an answer must bring back: who does not
 * see the request cannot answer for the server. */

enum { HC_ICMP_REQUEST_BYTES = 16 };

struct hc_icmp_echo {
	uint16_t identifier; // host order
	uint16_t sequence;
	uint64_t token; // as it lies in the packet
};

enum hc_icmp_kind {
	HC_ICMP_REPLY, // by the server itself
	HC_ICMP_ERROR, // by the server, a router, or this machine, about a request of ours
};

struct hc_icmp_answer {
	enum hc_icmp_kind kind;
	struct addr server;       // whom the request went to
	struct hc_icmp_echo echo; // of the request
	bool has_token;           // routers need not quote it
	const char *words;        // of an error: "host unreachable"
};

/* Writes a request. The checksum of ICMPv6 is left to the kernel, which knows the addresses. */
void hc_icmp_request(bool is_v4, const struct hc_icmp_echo *echo, uint8_t *ret);

/* Reads an IPv4 packet as a raw socket delivers it, IP header and all. -EBADMSG: neither a reply
 * to an echo of this form nor an error about one, or its checksum is wrong. */
int hc_icmp_parse_v4(const uint8_t *bytes, size_t n, struct hc_icmp_answer *ret);
/* The same for ICMPv6: without its IP header, checksum checked by the kernel. */
int hc_icmp_parse_v6(
	const uint8_t *bytes, size_t n, const struct addr *from, struct hc_icmp_answer *ret);
