/* Writes adverts of many kinds for other programs to read: a JSON object a line, of what the advert
 * says and the bytes in hexadecimal. For tests/e2e/60_vrrp_packets_test.sh. */
#include "vrrp/packet.h"

#include "tests/unit/dataplane/seeded.h"

#include <stdio.h>
#include <stdlib.h>

struct kind {
	unsigned version;
	bool is_v4;
	enum vrrp_checksum_form form;
	const char *password; // version 2; NULL: none
	uint32_t intervals_ms[3];
};

static const struct kind kinds[] = {
	{2, true, VRRP_SUM_MESSAGE, NULL, {1000, 3000, 255000}},
	{2, true, VRRP_SUM_MESSAGE, "eight888", {1000, 3000, 255000}},
	{2, true, VRRP_SUM_MESSAGE, "short", {1000, 3000, 255000}},
	{3, true, VRRP_SUM_MESSAGE, NULL, {10, 1000, 40950}},
	{3, true, VRRP_SUM_PSEUDO_HEADER, NULL, {10, 1000, 40950}},
	{3, false, VRRP_SUM_PSEUDO_HEADER, NULL, {10, 1000, 40950}},
};
static const uint8_t priorities[] = {0, 1, 100, 254, 255};
static const uint8_t counts[] = {1, 2, 20, 64};

enum {
	N_KINDS = sizeof(kinds) / sizeof(kinds[0]),
	N_PRIORITIES = sizeof(priorities),
	N_COUNTS = sizeof(counts),
	N_INTERVALS = 3,
};

static void print(const struct vrrp_advert *advert, const struct vrrp_envelope *envelope,
	const char *password)
{
	uint8_t bytes[VRRP_MAX_LEN];
	char text[ADDR_STR_LEN];
	size_t len = vrrp_packet_encode(advert, &envelope->source, &envelope->destination, bytes);

	(void)printf("{\"version\": %u, \"vrid\": %u, \"priority\": %u, \"interval_ms\": %u, ",
		advert->version, advert->vrid, advert->priority, advert->interval_ms);
	(void)printf("\"family\": %d, \"form\": \"%s\", \"password\": \"%s\", ",
		addr_family(&envelope->source),
		advert->form == VRRP_SUM_MESSAGE ? "message" : "pseudo_header",
		password ? password : "");
	(void)printf("\"source\": \"%s\", ", addr_format(&envelope->source, text));
	(void)printf("\"destination\": \"%s\", ", addr_format(&envelope->destination, text));
	(void)printf("\"addresses\": [");
	for (unsigned i = 0; i < advert->n_addresses; i++)
		(void)printf("%s\"%s\"", i ? ", " : "", addr_format(&advert->addresses[i], text));
	(void)printf("], \"bytes\": \"");
	for (size_t i = 0; i < len; i++)
		(void)printf("%02x", bytes[i]);
	(void)printf("\"}\n");
}

/* Every priority, count and interval of a kind occurs with every other. */
static void print_one(struct seeded *seed, const struct kind *kind, unsigned nth)
{
	struct vrrp_advert advert = {.version = (uint8_t)kind->version,
		.vrid = (uint8_t)(1 + seeded_below(seed, 255)),
		.priority = priorities[nth % N_PRIORITIES],
		.n_addresses = counts[nth / N_PRIORITIES % N_COUNTS],
		.interval_ms = kind->intervals_ms[nth / N_PRIORITIES / N_COUNTS],
		.form = kind->form};
	struct vrrp_envelope envelope = {.source = seeded_addr(seed, kind->is_v4)};

	(void)addr_parse(kind->is_v4 ? "224.0.0.18" : "ff02::12", &envelope.destination);
	for (unsigned i = 0; i < advert.n_addresses; i++)
		advert.addresses[i] = seeded_addr(seed, kind->is_v4);
	if (kind->password) {
		advert.auth_type = VRRP_AUTH_SIMPLE;
		memcpy(advert.auth_data, kind->password, strnlen(kind->password, VRRP_AUTH_LEN));
	}
	print(&advert, &envelope, kind->password);
}

int main(void)
{
	struct seeded seed = seeded_new("vrrp_packets");

	for (unsigned k = 0; k < N_KINDS; k++) {
		for (unsigned nth = 0; nth < N_PRIORITIES * N_COUNTS * N_INTERVALS; nth++)
			print_one(&seed, &kinds[k], nth);
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
