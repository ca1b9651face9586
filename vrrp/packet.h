#pragma once

#include "vrrp/vrrp.h"

/* Advertisements as bytes: RFC 3768 §5 (version 2), RFC 9568 §5 (version 3). Pure. */

enum {
	VRRP_PROTOCOL = 112,
	VRRP_TTL = 255,
	VRRP_HEADER_LEN = 8,
	VRRP_AUTH_LEN = 8,
	VRRP_MAX_LEN = VRRP_HEADER_LEN + 16 * 255 + VRRP_AUTH_LEN,
	VRRP_TYPE_ADVERT = 1,
	VRRP_PRIORITY_RELEASE = 0, // RFC 9568 §5.2.4: the master gives up
	VRRP_PRIORITY_OWNER = 255,
	VRRP_AUTH_NONE = 0,   // version 2
	VRRP_AUTH_SIMPLE = 1, // RFC 2338 §5.3.6.2: a password of 8 bytes, padded with NUL
	VRRP_MAX_LISTED = 255,
};

/* A checksum's form: which one was right when read, which one to write. Version 2 and IPv6 have one
 * form only. */
enum vrrp_checksum_form { VRRP_SUM_MESSAGE, VRRP_SUM_PSEUDO_HEADER };

struct vrrp_advert {
	uint8_t version; // 2, 3
	uint8_t vrid;
	uint8_t priority;
	uint8_t n_addresses;
	uint32_t interval_ms;
	enum vrrp_checksum_form form;
	uint8_t auth_type;                // version 2
	uint8_t auth_data[VRRP_AUTH_LEN]; // version 2
	struct addr addresses[VRRP_MAX_LISTED];
};

/* Where a packet came from, as the kernel told. */
struct vrrp_envelope {
	struct addr source, destination;
	int ttl; // -1: not known
};

/* Reads the VRRP message of `len` bytes (no IP header). Version, type, lengths, count, interval and
 * checksum are judged here (of version 3 over IPv4 either form of checksum is right, see
 * docs/vrrp.md; where both are at once, form says pseudo-header); what depends on the configuration
 * is election.h's. An IPv6 envelope makes addresses of 16 bytes, and version 2 an error (VERSION).
 * Bytes behind the message: TRAILING, but zero bytes up to an Ethernet frame's least payload of 46
 * bytes with its IPv4 header are padding. Reserved bits are ignored. On error *ret holds version
 * and vrid (0: not there to read), and is unspecified otherwise. */
enum vrrp_error vrrp_packet_decode(const uint8_t *bytes, size_t len,
	const struct vrrp_envelope *envelope, struct vrrp_advert *ret) ANY_THREAD;

/* Writes the message; returns its length. `bytes` has VRRP_MAX_LEN bytes. The family is the
 * source's. `form` counts for version 3 over IPv4 only. */
size_t vrrp_packet_encode(const struct vrrp_advert *advert, const struct addr *source,
	const struct addr *destination, uint8_t *bytes) ANY_THREAD;
