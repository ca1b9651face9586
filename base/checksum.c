/* RFC 1071 sums over buffers. Pure. */
#include "base/checksum.h"

#include <string.h>

static uint16_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t checksum_sum(const void *data, size_t len, uint16_t start)
{
	const uint8_t *p = data;
	uint64_t sum = start;

	for (; len >= 4; p += 4, len -= 4) {
		uint32_t word;

		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	if (len > 0) {
		uint32_t word = 0;

		memcpy(&word, p, len);
		sum += word;
	}
	return fold(sum);
}
