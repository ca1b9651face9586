#pragma once

#include "base/thread.h"

#include <stddef.h>
#include <stdint.h>

/* SHA-256 (RFC 6234), for comparing contents; as fast as plain C is, some 200 MB/s. */

enum { SHA256_BYTES = 32, SHA256_HEX_LEN = 65, SHA256_BLOCK_BYTES = 64 };

struct sha256 {
	uint32_t state[8];
	uint64_t n_bytes; // so far
	uint8_t block[SHA256_BLOCK_BYTES];
};

void sha256_init(struct sha256 *s) ANY_THREAD;
void sha256_add(struct sha256 *s, const void *bytes, size_t n) ANY_THREAD;
/* The digest in lower case with its NUL. Afterwards only sha256_init() is of use. */
void sha256_finish(struct sha256 *s, char ret_hex[SHA256_HEX_LEN]) ANY_THREAD;
