/* The vectors of RFC 6234 §8.5, as they are and cut into pieces at every place that matters. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void expect_digest(const void *bytes, size_t n, size_t piece, const char *digest)
{
	struct sha256 s;
	char hex[SHA256_HEX_LEN];

	sha256_init(&s);
	for (size_t at = 0; at < n; at += piece)
		sha256_add(&s, (const char *)bytes + at, n - at < piece ? n - at : piece);
	sha256_finish(&s, hex);
	assert_string_equal(hex, digest);
}

static void short_messages_have_their_digests(void **state)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	(void)state;
	expect_digest("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_digest("abc", 3, 3, abc);
	expect_digest(two_blocks, 56, 56,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	// RFC 6234 §8.5, test 8 of SHA-256
	expect_digest(
		"\x19", 1, 1, "68aa2e2ee5dff96e3355e6c7ee373e3d6a4e17f75f9518d843709c0c9bc3e3d4");
}

static void a_million_a_has_its_digest_however_it_comes(void **state)
{
	static const size_t pieces[] = {1, 55, 56, 63, 64, 65, 1000000};
	static char many[1000000];

	(void)state;
	memset(many, 'a', sizeof(many));
	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		expect_digest(many, sizeof(many), pieces[i],
			"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The padding changes shape at 55 and 56 bytes of a block. */
static void every_length_around_a_block_is_padded_alone(void **state)
{
	char message[130], seen[130][SHA256_HEX_LEN];
	struct sha256 s;

	(void)state;
	memset(message, 'x', sizeof(message));
	for (size_t n = 0; n < sizeof(message); n++) {
		sha256_init(&s);
		sha256_add(&s, message, n);
		sha256_finish(&s, seen[n]);
		for (size_t k = 0; k < n; k++)
			assert_string_not_equal(seen[n], seen[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_messages_have_their_digests),
		cmocka_unit_test(a_million_a_has_its_digest_however_it_comes),
		cmocka_unit_test(every_length_around_a_block_is_padded_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
