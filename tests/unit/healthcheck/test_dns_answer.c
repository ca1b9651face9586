/* DNS answers as bytes: what a check sees in them, and that no length leads astray. */
#include "healthcheck/dns_answer.h"

#include "conf/model.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "www.example.net" asked for A: a CNAME and an A record, with pointers to the question. */
// clang-format off
static const uint8_t cname_and_a[] = {
	0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'n', 'e', 't', 0, 0, 1, 0, 1,
	0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'a', 0xc0, 16,
	1, 'a', 0xc0, 16, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1,
};
// clang-format on

static void records_of_the_wanted_type_are_counted(void **state)
{
	static const struct {
		unsigned type, n_wanted;
	} cells[] = {{CONF_DNS_A, 1}, {CONF_DNS_CNAME, 1}, {CONF_DNS_AAAA, 0}};
	struct hc_dns_answer answer;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(hc_dns_answer_parse(
					 cname_and_a, sizeof(cname_and_a), cells[i].type, &answer),
			0);
		assert_int_equal(answer.n_records, 2);
		assert_int_equal(answer.n_wanted, cells[i].n_wanted);
		assert_int_equal(answer.rcode, 0);
		assert_false(answer.is_truncated);
	}
}

static void record_of_another_class_is_not_wanted(void **state)
{
	uint8_t bytes[sizeof(cname_and_a)];
	struct hc_dns_answer answer;

	(void)state;
	memcpy(bytes, cname_and_a, sizeof(bytes));
	bytes[sizeof(bytes) - 11] = 3; // CH
	assert_int_equal(hc_dns_answer_parse(bytes, sizeof(bytes), CONF_DNS_A, &answer), 0);
	assert_int_equal(answer.n_wanted, 0);
}

/* On the heap and exactly as long, so that a read behind the end is found. */
static int parse_first(const uint8_t *bytes, size_t n, struct hc_dns_answer *ret)
{
	uint8_t *copy = malloc(n ? n : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	r = hc_dns_answer_parse(copy, n, CONF_DNS_A, ret);
	free(copy);
	return r;
}

static void every_beginning_of_an_answer_is_malformed(void **state)
{
	struct hc_dns_answer answer;

	(void)state;
	for (size_t n = 0; n < sizeof(cname_and_a); n++)
		assert_int_equal(parse_first(cname_and_a, n, &answer), -EBADMSG);
	assert_int_equal(parse_first(cname_and_a, sizeof(cname_and_a), &answer), 0);
}

static void beginning_is_fine_if_the_header_says_truncated(void **state)
{
	uint8_t bytes[sizeof(cname_and_a)];
	struct hc_dns_answer answer;

	(void)state;
	memcpy(bytes, cname_and_a, sizeof(bytes));
	bytes[2] |= 0x02;
	for (size_t n = 12; n < sizeof(bytes); n++) {
		assert_int_equal(parse_first(bytes, n, &answer), 0);
		assert_true(answer.is_truncated);
		assert_int_equal(answer.n_wanted, 0);
	}
}

static void queries_and_odd_labels_are_malformed(void **state)
{
	uint8_t bytes[sizeof(cname_and_a)];
	struct hc_dns_answer answer;

	(void)state;
	memcpy(bytes, cname_and_a, sizeof(bytes));
	bytes[2] = 0x01;
	assert_int_equal(parse_first(bytes, sizeof(bytes), &answer), -EBADMSG);
	memcpy(bytes, cname_and_a, sizeof(bytes));
	bytes[12] = 0x43; // neither label nor pointer
	assert_int_equal(parse_first(bytes, sizeof(bytes), &answer), -EBADMSG);
}

static void codes_and_types_have_names(void **state)
{
	char buf[HC_DNS_RCODE_LEN];

	(void)state;
	assert_string_equal(hc_dns_rcode_name(3, buf), "NXDOMAIN");
	assert_string_equal(hc_dns_rcode_name(2, buf), "SERVFAIL");
	assert_string_equal(hc_dns_rcode_name(5, buf), "REFUSED");
	assert_string_equal(hc_dns_rcode_name(15, buf), "error 15");
	assert_string_equal(hc_dns_type_name(CONF_DNS_AAAA), "AAAA");
	assert_string_equal(hc_dns_type_name(CONF_DNS_SRV), "SRV");
	assert_null(hc_dns_type_name(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_the_wanted_type_are_counted),
		cmocka_unit_test(record_of_another_class_is_not_wanted),
		cmocka_unit_test(every_beginning_of_an_answer_is_malformed),
		cmocka_unit_test(beginning_is_fine_if_the_header_says_truncated),
		cmocka_unit_test(queries_and_odd_labels_are_malformed),
		cmocka_unit_test(codes_and_types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
