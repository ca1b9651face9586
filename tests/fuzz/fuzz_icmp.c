/* Any bytes as a packet of a raw ICMP socket: no crash, no read behind the end, and an answer only
 * if the bytes hold one. The first byte says whether IPv4 or IPv6. */
#include "healthcheck/icmp.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct addr from = addr_from_v6("0123456789abcdef");
	struct hc_icmp_answer answer;
	int r;

	if (size == 0)
		return 0;
	memset(&answer, 0x55, sizeof(answer));
	if (data[0] & 1)
		r = hc_icmp_parse_v6(data + 1, size - 1, &from, &answer);
	else
		r = hc_icmp_parse_v4(data + 1, size - 1, &answer);
	if (r < 0)
		return 0;
	assert(answer.kind == HC_ICMP_ERROR || answer.has_token);
	assert((answer.kind == HC_ICMP_ERROR) == (answer.words != NULL));
	return 0;
}
