#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes as text and back (RFC 4648 §4). Pure. */

/* Of the text, with its final NUL. */
static inline size_t base64_space(size_t n_bytes)
{
	return (n_bytes + 2) / 3 * 4 + 1;
}

/* Returns `text`. */
char *base64_encode(const uint8_t *bytes, size_t n_bytes, char *text);
/* `bytes` has room for strlen(text) / 4 * 3. How many there are; -EINVAL: it is no such text. */
long base64_decode(const char *text, uint8_t *bytes);
