/* See base64.h. Four letters for three bytes; what is missing at the end is '='. */
#include "base/base64.h"

#include <errno.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const uint8_t *bytes, size_t n_bytes, char *text)
{
	char *out = text;

	for (size_t i = 0; i < n_bytes; i += 3) {
		size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (n > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (n > 2)
			group |= bytes[i + 2];
		*out++ = letters[group >> 18];
		*out++ = letters[group >> 12 & 63];
		*out++ = n > 1 ? letters[group >> 6 & 63] : '=';
		*out++ = n > 2 ? letters[group & 63] : '=';
	}
	*out = '\0';
	return text;
}

/* Four letters; how many bytes they are, or -EINVAL. */
static long decode_group(const char *text, uint8_t *bytes)
{
	uint32_t group = 0;
	long n = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;

	for (unsigned i = 0; i < 4; i++) {
		const char *at = i <= (unsigned)n ? strchr(letters, text[i]) : letters;

		if (!at || *at == '\0')
			return -EINVAL;
		group = group << 6 | (uint32_t)(at - letters);
	}
	for (long i = 0; i < n; i++)
		bytes[i] = (uint8_t)(group >> (16 - 8 * i));
	return n;
}

long base64_decode(const char *text, uint8_t *bytes)
{
	size_t len = strlen(text);
	long total = 0;

	if (len % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		long n = decode_group(text + i, bytes + total);

		if (n < 0 || (n < 3 && i + 4 < len))
			return -EINVAL;
		total += n;
	}
	return total;
}
