/* Adverts as bytes: what is written, what is read, and what is refused for which reason. */
#include "vrrp/packet.h"

#include "base/checksum.h"
#include "tests/unit/dataplane/seeded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_ROUNDS = 3000, BUFFER_LEN = VRRP_MAX_LEN + 64, LEAST_PAYLOAD = 26 };

struct message {
	struct vrrp_envelope envelope;
	size_t len;
	uint8_t bytes[BUFFER_LEN];
};

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct vrrp_envelope envelope_of(unsigned family)
{
	if (family == 4)
		return (struct vrrp_envelope){address("192.0.2.2"), address("224.0.0.18"), 255};
	return (struct vrrp_envelope){address("fe80::2"), address("ff02::12"), 255};
}

/* From the heap and exactly as long, so that a read behind the end is found. */
static enum vrrp_error decode(const struct message *m, struct vrrp_advert *ret)
{
	uint8_t *copy = malloc(m->len ? m->len : 1);
	enum vrrp_error error;

	assert_non_null(copy);
	memcpy(copy, m->bytes, m->len);
	error = vrrp_packet_decode(copy, m->len, &m->envelope, ret);
	free(copy);
	return error;
}

static void assert_refused(const struct message *m, enum vrrp_error error)
{
	struct vrrp_advert advert;

	assert_int_equal(decode(m, &advert), error);
}

/* One address, version 3 or 2, of the envelope's family. */
static struct message message(unsigned version, unsigned family, unsigned n_addresses)
{
	struct message m = {.envelope = envelope_of(family)};
	struct vrrp_advert advert = {.version = (uint8_t)version,
		.vrid = 51,
		.priority = 100,
		.n_addresses = (uint8_t)n_addresses,
		.interval_ms = 1000,
		.form = VRRP_SUM_PSEUDO_HEADER};

	for (unsigned i = 0; i < n_addresses; i++) {
		advert.addresses[i] = address(family == 4 ? "192.0.2.100" : "fe80::64");
		advert.addresses[i].bytes[15] = (uint8_t)(100 + i);
	}
	m.len = vrrp_packet_encode(&advert, &m.envelope.source, &m.envelope.destination, m.bytes);
	return m;
}

/* The sum made right again after a change, written down anew: RFC 9568 §5.2.8, RFC 3768 §5.3.8. */
static void mend(struct message *m, size_t len, bool with_pseudo_header)
{
	bool is_v4 = addr_is_v4(&m->envelope.source);
	size_t skip = is_v4 ? 12 : 0;
	uint8_t pseudo[40] = {0};
	uint16_t sum = 0;

	memcpy(pseudo, m->envelope.source.bytes + skip, 16 - skip);
	memcpy(pseudo + 16 - skip, m->envelope.destination.bytes + skip, 16 - skip);
	pseudo[32 - 2 * skip + (is_v4 ? 1 : 7)] = 112;
	pseudo[32 - 2 * skip + 2] = (uint8_t)(len >> 8);
	pseudo[32 - 2 * skip + 3] = (uint8_t)len;
	if (with_pseudo_header)
		sum = checksum_sum(pseudo, is_v4 ? 12 : 40, 0);
	m->bytes[6] = m->bytes[7] = 0;
	sum = (uint16_t)~checksum_sum(m->bytes, len, sum);
	memcpy(m->bytes + 6, &sum, sizeof(sum));
}

/* ---- layout ---------------------------------------------------------------------------------- */

static void the_layout_of_version_3_is_that_of_rfc_9568(void **state)
{
	const struct message m = message(3, 4, 2);

	(void)state;
	assert_int_equal(m.len, 16);
	assert_memory_equal(m.bytes, "\x31\x33\x64\x02\x00\x64", 6);
	assert_memory_equal(m.bytes + 8, "\xc0\x00\x02\x64\xc0\x00\x02\x65", 8);
}

static void the_layout_of_version_2_is_that_of_rfc_3768(void **state)
{
	const struct message m = message(2, 4, 1);

	(void)state;
	assert_int_equal(m.len, 20);
	assert_memory_equal(m.bytes, "\x21\x33\x64\x01\x00\x01", 6);
	assert_memory_equal(m.bytes + 8, "\xc0\x00\x02\x64\0\0\0\0\0\0\0\0", 12);
}

static void the_layout_over_ipv6_has_addresses_of_sixteen_bytes(void **state)
{
	const struct message m = message(3, 6, 1);

	(void)state;
	assert_int_equal(m.len, 24);
	assert_memory_equal(m.bytes, "\x31\x33\x64\x01\x00\x64", 6);
	assert_memory_equal(m.bytes + 8, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x64", 16);
}

/* ---- there and back -------------------------------------------------------------------------- */

static struct vrrp_advert random_advert(struct seeded *seed, unsigned version, bool is_v4)
{
	struct vrrp_advert a = {.version = (uint8_t)version,
		.vrid = (uint8_t)(1 + seeded_below(seed, 255)),
		.priority = (uint8_t)seeded_below(seed, 256),
		.n_addresses = (uint8_t)(1 + seeded_below(seed, 255))};

	a.interval_ms = version == 2 ? 1000 * (1 + seeded_below(seed, 255))
				     : 10 * (1 + seeded_below(seed, 4095));
	a.form = is_v4 && version == 3 ? seeded_below(seed, 2)
		 : is_v4               ? VRRP_SUM_MESSAGE
				       : VRRP_SUM_PSEUDO_HEADER;
	for (unsigned i = 0; i < a.n_addresses; i++)
		a.addresses[i] = seeded_addr(seed, is_v4);
	for (unsigned i = 0; version == 2 && i < VRRP_AUTH_LEN; i++)
		a.auth_data[i] = (uint8_t)seeded_below(seed, 256);
	a.auth_type = version == 2 ? (uint8_t)seeded_below(seed, 3) : 0;
	return a;
}

static void assert_same(const struct vrrp_advert *a, const struct vrrp_advert *b)
{
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->vrid, b->vrid);
	assert_int_equal(a->priority, b->priority);
	assert_int_equal(a->n_addresses, b->n_addresses);
	assert_int_equal(a->interval_ms, b->interval_ms);
	assert_int_equal(a->form, b->form);
	assert_int_equal(a->auth_type, b->auth_type);
	assert_memory_equal(a->auth_data, b->auth_data, VRRP_AUTH_LEN);
	assert_memory_equal(a->addresses, b->addresses, a->n_addresses * sizeof(struct addr));
}

static void what_is_written_is_read_back(void **state)
{
	struct seeded seed = seeded_new("what_is_written_is_read_back");

	(void)state;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned version = 2 + seeded_below(&seed, 2);
		bool is_v4 = version == 2 || seeded_below(&seed, 2);
		struct vrrp_advert advert = random_advert(&seed, version, is_v4), back;
		struct message m = {
			.envelope = {seeded_addr(&seed, is_v4), seeded_addr(&seed, is_v4), 255}};

		memset(&back, 0x55, sizeof(back));
		m.len = vrrp_packet_encode(
			&advert, &m.envelope.source, &m.envelope.destination, m.bytes);
		assert_true(m.len <= VRRP_MAX_LEN);
		assert_int_equal(decode(&m, &back), VRRP_OK);
		assert_same(&advert, &back);
	}
}

/* Any one bit that is neither reserved nor undone by its neighbours. */
static void a_damaged_bit_is_never_believed(void **state)
{
	static const unsigned kinds[][2] = {{3, 4}, {2, 4}, {3, 6}};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct message good = message(kinds[k][0], kinds[k][1], 3);

		for (size_t bit = 0; bit < good.len * 8; bit++) {
			struct message m = good;
			struct vrrp_advert advert;

			m.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(decode(&m, &advert), VRRP_OK);
		}
	}
}

/* ---- checksums ------------------------------------------------------------------------------- */

static void both_forms_are_right_for_version_3_over_ipv4_and_told_apart(void **state)
{
	struct message m = message(3, 4, 1);
	struct vrrp_advert advert;

	(void)state;
	mend(&m, m.len, true);
	assert_int_equal(decode(&m, &advert), VRRP_OK);
	assert_int_equal(advert.form, VRRP_SUM_PSEUDO_HEADER);
	mend(&m, m.len, false);
	assert_int_equal(decode(&m, &advert), VRRP_OK);
	assert_int_equal(advert.form, VRRP_SUM_MESSAGE);
	m.bytes[7] ^= 1;
	assert_refused(&m, VRRP_ERROR_CHECKSUM);
}

static void one_form_only_is_right_for_version_2_and_for_ipv6(void **state)
{
	struct message two = message(2, 4, 1), six = message(3, 6, 1);
	struct vrrp_advert advert;

	(void)state;
	mend(&two, two.len, true);
	assert_refused(&two, VRRP_ERROR_CHECKSUM);
	mend(&two, two.len, false);
	assert_int_equal(decode(&two, &advert), VRRP_OK);
	assert_int_equal(advert.form, VRRP_SUM_MESSAGE);
	mend(&six, six.len, false);
	assert_refused(&six, VRRP_ERROR_CHECKSUM);
	mend(&six, six.len, true);
	assert_int_equal(decode(&six, &advert), VRRP_OK);
	assert_int_equal(advert.form, VRRP_SUM_PSEUDO_HEADER);
}

/* A source that makes the pseudo-header's sum 0, so that both forms are the same bytes. */
static void forms_that_cannot_be_told_apart_count_as_the_one_in_use(void **state)
{
	struct message m = message(3, 4, 1);
	uint16_t sum = checksum_add(checksum_add(htons(224 << 8), htons(18)), htons(112 + 12));
	uint16_t rest = (uint16_t)~checksum_add(sum, htons(192 << 8));
	uint8_t source[4] = {192, 0};
	struct vrrp_advert advert;
	be32 v4;

	(void)state;
	memcpy(source + 2, &rest, sizeof(rest));
	memcpy(&v4, source, sizeof(v4));
	m.envelope.source = addr_from_v4(v4);
	mend(&m, m.len, false);
	assert_int_equal(decode(&m, &advert), VRRP_OK);
	assert_int_equal(advert.form, VRRP_SUM_PSEUDO_HEADER);
}

static void the_checksum_of_version_2_covers_the_password(void **state)
{
	struct message m = message(2, 4, 1);

	(void)state;
	m.bytes[m.len - 1] ^= 1;
	assert_refused(&m, VRRP_ERROR_CHECKSUM);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void every_shorter_message_is_truncated(void **state)
{
	static const unsigned kinds[][2] = {{3, 4}, {2, 4}, {3, 6}};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct message m = message(kinds[k][0], kinds[k][1], 2);

		while (m.len-- > 0)
			assert_refused(&m, VRRP_ERROR_TRUNCATED);
	}
}

static void what_could_be_read_is_told_also_of_a_refused_message(void **state)
{
	struct message m = message(3, 4, 1);
	struct vrrp_advert advert;

	(void)state;
	for (m.len = 0; m.len < 12; m.len++) {
		memset(&advert, 0x55, sizeof(advert));
		assert_int_equal(decode(&m, &advert), VRRP_ERROR_TRUNCATED);
		assert_int_equal(advert.version, m.len > 0 ? 3 : 0);
		assert_int_equal(advert.vrid, m.len > 1 ? 51 : 0);
	}
}

static void bytes_behind_the_message_are_refused_unless_ethernet_pads(void **state)
{
	struct message m = message(3, 4, 1);
	const size_t said = m.len;

	(void)state;
	for (m.len = said + 1; m.len <= LEAST_PAYLOAD; m.len++) {
		struct vrrp_advert advert;

		assert_int_equal(decode(&m, &advert), VRRP_OK);
		m.bytes[m.len - 1] = 1;
		assert_refused(&m, VRRP_ERROR_TRAILING);
		m.bytes[m.len - 1] = 0;
	}
	assert_refused(&m, VRRP_ERROR_TRAILING);
	m = message(3, 4, 5); // longer than the least frame
	m.len++;
	assert_refused(&m, VRRP_ERROR_TRAILING);
	m = message(3, 6, 1);
	m.len++;
	assert_refused(&m, VRRP_ERROR_TRAILING);
	m = message(2, 4, 1);
	m.len = LEAST_PAYLOAD + 1;
	assert_refused(&m, VRRP_ERROR_TRAILING);
}

static void every_version_and_type_but_ours_is_refused(void **state)
{
	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		for (unsigned type = 0; type < 16; type++) {
			bool is_ours = version == 2 || version == 3;
			struct message m = message(is_ours ? version : 3, 4, 1);
			struct vrrp_advert advert;

			m.bytes[0] = (uint8_t)(version << 4 | type);
			mend(&m, m.len, version == 3);
			assert_int_equal(decode(&m, &advert), !is_ours    ? VRRP_ERROR_VERSION
							      : type != 1 ? VRRP_ERROR_TYPE
									  : VRRP_OK);
		}
	}
}

static void version_2_does_not_exist_over_ipv6(void **state)
{
	struct message m = message(3, 6, 1);

	(void)state;
	m.bytes[0] = 0x21;
	mend(&m, m.len, true);
	assert_refused(&m, VRRP_ERROR_VERSION);
}

static void a_message_without_addresses_is_refused(void **state)
{
	static const unsigned kinds[][2] = {{3, 4}, {2, 4}, {3, 6}};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct message m = message(kinds[k][0], kinds[k][1], 0);

		assert_refused(&m, VRRP_ERROR_NO_ADDRESSES);
	}
}

/* RFC 9568 §7.1, erratum 8301 */
static void an_interval_of_0_is_refused(void **state)
{
	struct message two = message(2, 4, 1), three = message(3, 4, 1);

	(void)state;
	two.bytes[5] = 0;
	mend(&two, two.len, false);
	assert_refused(&two, VRRP_ERROR_INTERVAL_ZERO);
	three.bytes[4] = 0xf0; // the reserved bits are not part of it
	three.bytes[5] = 0;
	mend(&three, three.len, true);
	assert_refused(&three, VRRP_ERROR_INTERVAL_ZERO);
}

static void reserved_bits_are_ignored(void **state)
{
	struct message m = message(3, 4, 1);
	struct vrrp_advert advert;

	(void)state;
	m.bytes[4] |= 0xf0;
	mend(&m, m.len, true);
	assert_int_equal(decode(&m, &advert), VRRP_OK);
	assert_int_equal(advert.interval_ms, 1000);
}

static void the_longest_interval_and_the_longest_list_fit(void **state)
{
	struct message m = message(3, 6, 255);
	struct vrrp_advert advert;

	(void)state;
	assert_int_equal(m.len, VRRP_MAX_LEN - VRRP_AUTH_LEN);
	m.bytes[4] = 0x0f;
	m.bytes[5] = 0xff;
	mend(&m, m.len, true);
	assert_int_equal(decode(&m, &advert), VRRP_OK);
	assert_int_equal(advert.interval_ms, 40950);
	assert_int_equal(advert.n_addresses, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_layout_of_version_3_is_that_of_rfc_9568),
		cmocka_unit_test(the_layout_of_version_2_is_that_of_rfc_3768),
		cmocka_unit_test(the_layout_over_ipv6_has_addresses_of_sixteen_bytes),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_damaged_bit_is_never_believed),
		cmocka_unit_test(both_forms_are_right_for_version_3_over_ipv4_and_told_apart),
		cmocka_unit_test(one_form_only_is_right_for_version_2_and_for_ipv6),
		cmocka_unit_test(forms_that_cannot_be_told_apart_count_as_the_one_in_use),
		cmocka_unit_test(the_checksum_of_version_2_covers_the_password),
		cmocka_unit_test(every_shorter_message_is_truncated),
		cmocka_unit_test(what_could_be_read_is_told_also_of_a_refused_message),
		cmocka_unit_test(bytes_behind_the_message_are_refused_unless_ethernet_pads),
		cmocka_unit_test(every_version_and_type_but_ours_is_refused),
		cmocka_unit_test(version_2_does_not_exist_over_ipv6),
		cmocka_unit_test(a_message_without_addresses_is_refused),
		cmocka_unit_test(an_interval_of_0_is_refused),
		cmocka_unit_test(reserved_bits_are_ignored),
		cmocka_unit_test(the_longest_interval_and_the_longest_list_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
