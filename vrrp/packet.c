/* Advertisements as bytes, and back. Sums are taken over what the message's own header says its
 * length is, never over padding. Nothing here knows the configuration. */
#include "vrrp/packet.h"

#include "base/checksum.h"

#include <assert.h>

/* RFC 3768 §5.1, RFC 9568 §5.1. */
enum {
	AT_VERSION_TYPE = 0,
	AT_VRID = 1,
	AT_PRIORITY = 2,
	AT_COUNT = 3,
	AT_AUTH_TYPE = 4,    // version 2
	AT_SECONDS = 5,      // version 2
	AT_CENTISECONDS = 4, // version 3: four reserved bits, then twelve of these
	AT_CHECKSUM = 6,
	CENTISECONDS_MASK = 0x0fff,
	RIGHT_SUM = 0xffff,
	// An Ethernet frame carries at least 46 bytes, of which 20 are the IPv4 header.
	LEAST_IPV4_PAYLOAD = 46 - 20,
};

static size_t address_len(bool is_v4)
{
	return is_v4 ? sizeof(be32) : sizeof(struct addr);
}

static size_t message_len(unsigned version, bool is_v4, unsigned n_addresses)
{
	return VRRP_HEADER_LEN + n_addresses * address_len(is_v4) +
	       (version == 2 ? VRRP_AUTH_LEN : 0);
}

/* RFC 1071 over source, destination, length and protocol: what IPv4's pseudo-header (RFC 9293
 * §3.1) and IPv6's (RFC 8200 §8.1) both come to. The ffff before a mapped IPv4 address is a zero
 * of one's complement. */
static uint16_t pseudo_header_sum(
	const struct addr *source, const struct addr *destination, size_t len)
{
	uint16_t sum = checksum_sum(source, sizeof(*source), 0);

	sum = checksum_sum(destination, sizeof(*destination), sum);
	sum = checksum_add(sum, htons((uint16_t)len));
	return checksum_add(sum, htons(VRRP_PROTOCOL));
}

/* Only version 3 over IPv4 leaves a choice. */
static enum vrrp_checksum_form form_of(unsigned version, bool is_v4, enum vrrp_checksum_form chosen)
{
	if (version == 2)
		return VRRP_SUM_MESSAGE;
	return is_v4 ? chosen : VRRP_SUM_PSEUDO_HEADER;
}

/* What a message's sum begins with. */
static uint16_t first_sum(enum vrrp_checksum_form form, const struct addr *source,
	const struct addr *destination, size_t len)
{
	return form == VRRP_SUM_MESSAGE ? 0 : pseudo_header_sum(source, destination, len);
}

static bool is_sum_right(const uint8_t *bytes, size_t len, const struct vrrp_envelope *envelope,
	enum vrrp_checksum_form form)
{
	uint16_t first = first_sum(form, &envelope->source, &envelope->destination, len);

	return checksum_sum(bytes, len, first) == RIGHT_SUM;
}

/* Where both are right (the pseudo-header's sum is 0) they cannot be told apart: taken for the
 * form that is in use. False: neither is right. */
static bool find_form(const uint8_t *bytes, size_t len, const struct vrrp_envelope *envelope,
	struct vrrp_advert *ret)
{
	bool is_v4 = addr_is_v4(&envelope->source);

	ret->form = form_of(ret->version, is_v4, VRRP_SUM_PSEUDO_HEADER);
	if (is_sum_right(bytes, len, envelope, ret->form))
		return true;
	ret->form = form_of(ret->version, is_v4, VRRP_SUM_MESSAGE);
	return is_sum_right(bytes, len, envelope, ret->form);
}

static bool is_padding(const uint8_t *bytes, size_t from, size_t to, bool is_v4)
{
	if (!is_v4 || to > LEAST_IPV4_PAYLOAD)
		return false;
	for (size_t i = from; i < to; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

static uint32_t read_interval_ms(unsigned version, const uint8_t *bytes)
{
	unsigned field = bytes[AT_CENTISECONDS] * 256u + bytes[AT_CENTISECONDS + 1];

	return version == 2 ? bytes[AT_SECONDS] * 1000u : (field & CENTISECONDS_MASK) * 10u;
}

static void read_addresses(const uint8_t *at, bool is_v4, struct vrrp_advert *ret)
{
	for (unsigned i = 0; i < ret->n_addresses; i++, at += address_len(is_v4)) {
		be32 v4;

		memcpy(&v4, at, sizeof(v4));
		ret->addresses[i] = is_v4 ? addr_from_v4(v4) : addr_from_v6(at);
	}
}

/* The fixed part, as far as it can be judged without what follows. */
static enum vrrp_error read_header(
	const uint8_t *bytes, size_t len, bool is_v4, struct vrrp_advert *ret)
{
	ret->version = len > AT_VERSION_TYPE ? bytes[AT_VERSION_TYPE] >> 4 : 0;
	ret->vrid = len > AT_VRID ? bytes[AT_VRID] : 0;
	if (len < VRRP_HEADER_LEN)
		return VRRP_ERROR_TRUNCATED;
	if (ret->version != 3 && !(ret->version == 2 && is_v4))
		return VRRP_ERROR_VERSION;
	if ((bytes[AT_VERSION_TYPE] & 0xf) != VRRP_TYPE_ADVERT)
		return VRRP_ERROR_TYPE;
	ret->priority = bytes[AT_PRIORITY];
	ret->n_addresses = bytes[AT_COUNT];
	ret->interval_ms = read_interval_ms(ret->version, bytes);
	return VRRP_OK;
}

static void read_auth(const uint8_t *bytes, size_t len, struct vrrp_advert *ret)
{
	ret->auth_type = 0;
	memset(ret->auth_data, 0, sizeof(ret->auth_data));
	if (ret->version != 2)
		return;
	ret->auth_type = bytes[AT_AUTH_TYPE];
	memcpy(ret->auth_data, bytes + len - VRRP_AUTH_LEN, VRRP_AUTH_LEN);
}

enum vrrp_error vrrp_packet_decode(const uint8_t *bytes, size_t len,
	const struct vrrp_envelope *envelope, struct vrrp_advert *ret)
{
	bool is_v4 = addr_is_v4(&envelope->source);
	enum vrrp_error error = read_header(bytes, len, is_v4, ret);
	size_t said;

	if (error != VRRP_OK)
		return error;
	said = message_len(ret->version, is_v4, ret->n_addresses);
	if (len < said)
		return VRRP_ERROR_TRUNCATED;
	if (len > said && !is_padding(bytes, said, len, is_v4))
		return VRRP_ERROR_TRAILING;
	// Before the values are judged: those of a damaged message say nothing about its sender.
	if (!find_form(bytes, said, envelope, ret))
		return VRRP_ERROR_CHECKSUM;
	if (ret->n_addresses == 0)
		return VRRP_ERROR_NO_ADDRESSES;
	if (ret->interval_ms == 0)
		return VRRP_ERROR_INTERVAL_ZERO;
	read_addresses(bytes + VRRP_HEADER_LEN, is_v4, ret);
	read_auth(bytes, said, ret);
	return VRRP_OK;
}

static void write_interval(const struct vrrp_advert *advert, uint8_t *bytes)
{
	unsigned centiseconds = advert->interval_ms / 10;

	if (advert->version == 2) {
		assert(advert->interval_ms / 1000 <= UINT8_MAX);
		bytes[AT_AUTH_TYPE] = advert->auth_type;
		bytes[AT_SECONDS] = (uint8_t)(advert->interval_ms / 1000);
		return;
	}
	assert(centiseconds <= CENTISECONDS_MASK);
	bytes[AT_CENTISECONDS] = (uint8_t)(centiseconds >> 8);
	bytes[AT_CENTISECONDS + 1] = (uint8_t)(centiseconds & 0xff);
}

static void write_checksum(const struct vrrp_advert *advert, const struct addr *source,
	const struct addr *destination, uint8_t *bytes, size_t len)
{
	enum vrrp_checksum_form form = form_of(advert->version, addr_is_v4(source), advert->form);
	uint16_t sum = first_sum(form, source, destination, len);

	memset(bytes + AT_CHECKSUM, 0, sizeof(sum));
	sum = (uint16_t)~checksum_sum(bytes, len, sum);
	memcpy(bytes + AT_CHECKSUM, &sum, sizeof(sum));
}

size_t vrrp_packet_encode(const struct vrrp_advert *advert, const struct addr *source,
	const struct addr *destination, uint8_t *bytes)
{
	bool is_v4 = addr_is_v4(source);
	size_t each = address_len(is_v4);
	size_t len = message_len(advert->version, is_v4, advert->n_addresses);

	assert(advert->version == 3 || (advert->version == 2 && is_v4));
	assert(addr_is_v4(destination) == is_v4);
	bytes[AT_VERSION_TYPE] = (uint8_t)(advert->version << 4 | VRRP_TYPE_ADVERT);
	bytes[AT_VRID] = advert->vrid;
	bytes[AT_PRIORITY] = advert->priority;
	bytes[AT_COUNT] = advert->n_addresses;
	write_interval(advert, bytes);
	for (unsigned i = 0; i < advert->n_addresses; i++) {
		const struct addr *a = &advert->addresses[i];

		// IPv4's bytes are the last ones
		memcpy(bytes + VRRP_HEADER_LEN + i * each, a->bytes + sizeof(*a) - each, each);
	}
	if (advert->version == 2)
		memcpy(bytes + len - VRRP_AUTH_LEN, advert->auth_data, VRRP_AUTH_LEN);
	write_checksum(advert, source, destination, bytes, len);
	return len;
}
