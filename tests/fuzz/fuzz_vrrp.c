/* Any bytes as a VRRP message: no crash, no read behind the end; and what is believed is what we
 * would have written, but for reserved bits and padding. The first byte says which family, and
 * whether the checksum is put right before (bits 1 and 2: without, with a pseudo-header), since
 * few inputs would get past it. */
#include "vrrp/election.h"

#include "base/checksum.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	IS_V6 = 1 << 0,
	MEND_MESSAGE = 1 << 1,
	MEND_PSEUDO_HEADER = 1 << 2,
	AT_CHECKSUM = 6,
	RESERVED = 0xf0,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vrrp_envelope envelope_of(bool is_v6)
{
	struct vrrp_envelope envelope = {.ttl = VRRP_TTL};

	(void)addr_parse(is_v6 ? "fe80::2" : "192.0.2.2", &envelope.source);
	(void)addr_parse(is_v6 ? "ff02::12" : "224.0.0.18", &envelope.destination);
	return envelope;
}

static size_t said_len(const uint8_t *bytes, bool is_v6)
{
	return VRRP_HEADER_LEN + bytes[3] * (is_v6 ? sizeof(struct addr) : sizeof(be32)) +
	       (bytes[0] >> 4 == 2 ? VRRP_AUTH_LEN : 0);
}

static void mend(uint8_t *bytes, size_t size, uint8_t flags, const struct vrrp_envelope *envelope)
{
	uint16_t sum = 0;
	size_t len;

	if (size < VRRP_HEADER_LEN || !(flags & (MEND_MESSAGE | MEND_PSEUDO_HEADER)))
		return;
	len = said_len(bytes, flags & IS_V6);
	if (len > size)
		return;
	if (flags & MEND_PSEUDO_HEADER) {
		sum = checksum_sum(&envelope->source, sizeof(envelope->source), 0);
		sum = checksum_sum(&envelope->destination, sizeof(envelope->destination), sum);
		sum = checksum_add(sum, htons((uint16_t)(len + VRRP_PROTOCOL)));
	}
	memset(bytes + AT_CHECKSUM, 0, sizeof(sum));
	sum = (uint16_t)~checksum_sum(bytes, len, sum);
	memcpy(bytes + AT_CHECKSUM, &sum, sizeof(sum));
}

static bool has_reserved_bits(const uint8_t *bytes)
{
	return bytes[0] >> 4 == 3 && (bytes[4] & RESERVED);
}

/* Where the checksum could be 0 or ffff, both are right and we write one. */
static void assert_written_the_same(const struct vrrp_advert *advert,
	const struct vrrp_envelope *envelope, const uint8_t *bytes, size_t size)
{
	uint8_t ours[VRRP_MAX_LEN];
	size_t len = vrrp_packet_encode(advert, &envelope->source, &envelope->destination, ours);

	assert(len <= size);
	if (has_reserved_bits(bytes))
		return;
	assert(memcmp(ours, bytes, AT_CHECKSUM) == 0);
	assert(memcmp(ours + VRRP_HEADER_LEN, bytes + VRRP_HEADER_LEN, len - VRRP_HEADER_LEN) == 0);
	assert(memcmp(ours + AT_CHECKSUM, bytes + AT_CHECKSUM, 2) == 0 ||
		(ours[AT_CHECKSUM] == 0 && ours[AT_CHECKSUM + 1] == 0));
}

static void judge(const struct vrrp_advert *advert, const struct vrrp_envelope *envelope)
{
	const struct conf_vrrp_instance conf = {.addresses = advert->addresses,
		.n_addresses = advert->n_addresses,
		.auth_pass = advert->auth_type == VRRP_AUTH_SIMPLE ? "secret" : NULL};
	const struct vrrp_judge us = {
		.conf = &conf, .version = advert->version, .advert_ms = 1000, .priority = 100};
	bool differs = true;
	enum vrrp_error error = vrrp_election_check(&us, advert, envelope, &differs);

	assert(error == VRRP_OK || error == VRRP_ERROR_AUTHENTICATION ||
		error == VRRP_ERROR_INTERVAL);
	assert(error != VRRP_OK || !differs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrrp_advert advert;
	struct vrrp_envelope envelope;
	enum vrrp_error error;
	uint8_t *bytes;

	if (size < 2) // none, and nothing behind the first
		return 0;
	size--;
	bytes = malloc(size); // exactly, so that a read behind the end is found
	if (!bytes)
		return 0;
	envelope = envelope_of(data[0] & IS_V6);
	memcpy(bytes, data + 1, size);
	mend(bytes, size, data[0], &envelope);
	memset(&advert, 0x55, sizeof(advert));
	error = vrrp_packet_decode(bytes, size, &envelope, &advert);
	assert(error < VRRP_N_ERRORS);
	assert(advert.version == bytes[0] >> 4);
	assert(advert.vrid == (size > 1 ? bytes[1] : 0));
	if (error == VRRP_OK) {
		assert(advert.interval_ms > 0 && advert.n_addresses > 0);
		assert_written_the_same(&advert, &envelope, bytes, size);
		judge(&advert, &envelope);
	}
	free(bytes);
	return 0;
}
