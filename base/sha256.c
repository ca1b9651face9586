/* SHA-256 as RFC 6234 §6.2 has it. No library on the project's list offers a digest. */
#include "base/sha256.h"

#include <string.h>

/* RFC 6234 §5.1. */
// clang-format off
static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
// clang-format on

static uint32_t rotate(uint32_t x, unsigned n)
{
	return (x >> n) | (x << (32 - n));
}

/* The message schedule W, RFC 6234 §6.2 step 1. */
static void expand(const uint8_t *block, uint32_t w[64])
{
	for (unsigned t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (unsigned t = 16; t < 64; t++) {
		const uint32_t x = w[t - 15], y = w[t - 2];

		w[t] = (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10) + w[t - 7] +
		       (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[t - 16];
	}
}

/* RFC 6234 §6.2 steps 2 to 4; v is a to h. */
static void add_block(struct sha256 *s, const uint8_t *block)
{
	uint32_t w[64], v[8];

	expand(block, w);
	memcpy(v, s->state, sizeof(v));
	for (unsigned t = 0; t < 64; t++) {
		const uint32_t a = v[0], e = v[4];
		const uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
				    ((e & v[5]) ^ (~e & v[6])) + round_constants[t] + w[t];
		const uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
				    ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(&v[1], &v[0], 7 * sizeof(v[0]));
		v[0] = t1 + t2;
		v[4] += t1;
	}
	for (unsigned i = 0; i < 8; i++)
		s->state[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
	// RFC 6234 §6.1
	*s = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
				     0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n > 0) {
		const size_t filled = s->n_bytes % SHA256_BLOCK_BYTES;
		const size_t room = SHA256_BLOCK_BYTES - filled;
		const size_t take = n < room ? n : room;

		memcpy(s->block + filled, at, take);
		s->n_bytes += take;
		at += take;
		n -= take;
		if (take == room)
			add_block(s, s->block);
	}
}

void sha256_finish(struct sha256 *s, char ret_hex[SHA256_HEX_LEN])
{
	static const char digits[] = "0123456789abcdef";
	static const uint8_t padding[SHA256_BLOCK_BYTES] = {0x80};
	const uint64_t n_bits = s->n_bytes * 8;
	const size_t filled = s->n_bytes % SHA256_BLOCK_BYTES;
	uint8_t length[8];

	for (unsigned i = 0; i < 8; i++)
		length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
	sha256_add(s, padding, (filled < 56 ? 56 : 56 + SHA256_BLOCK_BYTES) - filled);
	sha256_add(s, length, sizeof(length));
	for (unsigned i = 0; i < SHA256_HEX_LEN - 1; i++)
		ret_hex[i] = digits[s->state[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
	ret_hex[SHA256_HEX_LEN - 1] = '\0';
}
