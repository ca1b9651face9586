/* Reads DNS answers as far as a check wants to know. c-ares has matched the answer with the query
 * before; it reads records by type and not all types, so the walk over them is here. What comes is
 * anybody's: every length is checked, compressed names are not followed, and the walk is as long
 * as the message at most. */
#include "healthcheck/dns_answer.h"

#include "conf/model.h"

#include <errno.h>
#include <stdio.h>

enum {
	HEADER_BYTES = 12,
	QR_BIT = 0x80, // of byte 2
	TC_BIT = 0x02,
	RCODE_BITS = 0x0f, // of byte 3
	QUESTION_TAIL = 4, // type and class
	RECORD_TAIL = 10,  // type, class, TTL, length
	LABEL_BITS = 0xc0, // 0: a label, both: a pointer, RFC 1035 §4.1.4
	MAX_LABEL = 63,
	CLASS_IN = 1,
};

struct reader {
	const uint8_t *at, *end;
};

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool skip(struct reader *r, size_t n)
{
	if ((size_t)(r->end - r->at) < n)
		return false;
	r->at += n;
	return true;
}

static bool skip_name(struct reader *r)
{
	while (r->at < r->end) {
		const uint8_t length = *r->at;

		if ((length & LABEL_BITS) == LABEL_BITS)
			return skip(r, 2);
		if (length > MAX_LABEL || !skip(r, 1u + length))
			return false;
		if (length == 0)
			return true;
	}
	return false;
}

static bool read_record(struct reader *r, unsigned type, struct hc_dns_answer *answer)
{
	const uint8_t *tail;

	if (!skip_name(r))
		return false;
	tail = r->at;
	if (!skip(r, RECORD_TAIL) || !skip(r, read16(tail + 8)))
		return false;
	answer->n_records++;
	if (read16(tail) == type && read16(tail + 2) == CLASS_IN)
		answer->n_wanted++;
	return true;
}

static bool read_records(const uint8_t *bytes, size_t n, unsigned type, struct hc_dns_answer *ret)
{
	struct reader r = {.at = bytes + HEADER_BYTES, .end = bytes + n};
	const unsigned n_questions = read16(bytes + 4), n_answers = read16(bytes + 6);

	for (unsigned i = 0; i < n_questions; i++)
		if (!skip_name(&r) || !skip(&r, QUESTION_TAIL))
			return false;
	for (unsigned i = 0; i < n_answers; i++)
		if (!read_record(&r, type, ret))
			return false;
	return true;
}

int hc_dns_answer_parse(const uint8_t *bytes, size_t n, unsigned type, struct hc_dns_answer *ret)
{
	struct hc_dns_answer answer;

	if (n < HEADER_BYTES || !(bytes[2] & QR_BIT))
		return -EBADMSG;
	answer = (struct hc_dns_answer){
		.rcode = bytes[3] & RCODE_BITS,
		.is_truncated = bytes[2] & TC_BIT,
	};
	if (!read_records(bytes, n, type, &answer) && !answer.is_truncated)
		return -EBADMSG;
	*ret = answer;
	return 0;
}

const char *hc_dns_rcode_name(unsigned rcode, char *buf)
{
	// RFC 1035 §4.1.1, RFC 2136 §2.2
	static const char *const names[] = {"no error", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	(void)snprintf(buf, HC_DNS_RCODE_LEN, "error %u", rcode);
	return buf;
}

const char *hc_dns_type_name(unsigned type)
{
	static const struct {
		enum conf_dns_record type;
		const char *name;
	} names[] = {{CONF_DNS_A, "A"}, {CONF_DNS_NS, "NS"}, {CONF_DNS_CNAME, "CNAME"},
		{CONF_DNS_SOA, "SOA"}, {CONF_DNS_PTR, "PTR"}, {CONF_DNS_MX, "MX"},
		{CONF_DNS_TXT, "TXT"}, {CONF_DNS_AAAA, "AAAA"}, {CONF_DNS_SRV, "SRV"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}
