/* Any bytes as an answer of a DNS server: no crash, no read behind the end, and never more records
 * than bytes could hold. The first byte is the type that is looked for. */
#include "healthcheck/dns_answer.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_dns_answer answer;
	char rcode[HC_DNS_RCODE_LEN];

	if (size == 0 || hc_dns_answer_parse(data + 1, size - 1, data[0], &answer) < 0)
		return 0;
	assert(answer.n_wanted <= answer.n_records);
	assert(answer.n_records <= size / 11); // the shortest: name of the root, and the tail
	assert(hc_dns_rcode_name(answer.rcode, rcode)[0] != '\0');
	return 0;
}
