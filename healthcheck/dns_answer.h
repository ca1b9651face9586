#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an answer of a DNS server says about one type of record (RFC 1035 §4). Pure. */
struct hc_dns_answer {
	unsigned rcode; // 0: no error
	bool is_truncated;
	unsigned n_records; // of the answer section
	unsigned n_wanted;  // of them: of class IN and the wanted type
};

/* `type` in host order, as in enum conf_dns_record. Names are skipped, not followed. -EBADMSG: not
 * an answer, or its sections do not hold what its header says. What truncation cut off is no error
 * if the header says that it was cut. */
int hc_dns_answer_parse(const uint8_t *bytes, size_t n, unsigned type, struct hc_dns_answer *ret);

/* "NXDOMAIN", "SERVFAIL"; "error 23" goes into `buf` (HC_DNS_RCODE_LEN bytes). */
enum { HC_DNS_RCODE_LEN = 20 };
const char *hc_dns_rcode_name(unsigned rcode, char *buf);
/* "A", "AAAA"; NULL: not known here. */
const char *hc_dns_type_name(unsigned type);
