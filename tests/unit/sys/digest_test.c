/* Tests of sys/digest: the examples of FIPS 180-4, that the pieces in which
 * octets are added do not matter, and that the quick checksum sees what tears,
 * spoils and cuts off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/digest.h"
#include <stdio.h>
#include <string.h>

static void
hex(const unsigned char octets[DIGEST_OCTETS], char out[2 * DIGEST_OCTETS + 1])
{
	for (size_t i = 0; i < DIGEST_OCTETS; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static void
is(const char *text, const char *wanted)
{
	unsigned char got[DIGEST_OCTETS];
	char got_hex[2 * DIGEST_OCTETS + 1];
	struct digest d;

	digest_init(&d);
	digest_add(&d, text, strlen(text));
	digest_end(&d, got);
	hex(got, got_hex);
	assert_string_equal(got_hex, wanted);
}

static void
the_standard_examples(void **state)
{
	(void)state;
	is("", "e3b0c44298fc1c149afbf4c8996fb924"
	       "27ae41e4649b934ca495991b7852b855");
	is("abc", "ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad");
	is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
}

static void
a_million_octets(void **state)
{
	unsigned char got[DIGEST_OCTETS];
	char got_hex[2 * DIGEST_OCTETS + 1], a[1000];
	struct digest d;

	(void)state;
	memset(a, 'a', sizeof(a));
	digest_init(&d);
	for (unsigned i = 0; i < 1000; i++)
		digest_add(&d, a, sizeof(a));
	digest_end(&d, got);
	hex(got, got_hex);
	assert_string_equal(got_hex, "cdc76e5c9914fb9281a1c7e284d73e67"
				     "f1809a48a497200e046d39ccc7112cd0");
}

static void
pieces_do_not_matter(void **state)
{
	unsigned char octets[200], whole[DIGEST_OCTETS], got[DIGEST_OCTETS];
	struct digest d;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(i * 7);
	digest_init(&d);
	digest_add(&d, octets, sizeof(octets));
	digest_end(&d, whole);
	for (size_t cut = 0; cut <= sizeof(octets); cut++) {
		digest_init(&d);
		digest_add(&d, octets, cut);
		digest_add(&d, octets, 0);
		digest_add(&d, octets + cut, sizeof(octets) - cut);
		digest_end(&d, got);
		assert_memory_equal(got, whole, DIGEST_OCTETS);
	}
}

/* As the comment in digest.h has it; what one program wrote another one reads,
 * so these may not change. */
static void
quick_is_what_it_was(void **state)
{
	(void)state;
	assert_int_equal(digest_quick(0, "", 0), 1);
	assert_int_equal(digest_quick(7, "", 0), 8);
	assert_int_equal(digest_quick(0, "a", 1), UINT64_C(0x2f7412bc16b9eea3));
	assert_int_equal(
	    digest_quick(0, "abcdefgh", 8), UINT64_C(0x65de1aa50c3f682d));
	assert_int_equal(
	    digest_quick(0, "abcdefghi", 9), UINT64_C(0x480673214f8df04a));
	assert_int_equal(
	    digest_quick(0, "abcdefghijklmnopqrstuvwxyz0123456789", 36),
	    UINT64_C(0x0b1cbbf4a1b1979c));
}

/* Any octet changed, any length, zeroes among it: another sum. */
static void
quick_sees_every_change(void **state)
{
	unsigned char octets[300] = {0};
	uint64_t whole, sums[sizeof(octets) + 1];

	(void)state;
	for (size_t i = 0; i < 100; i++)
		octets[i] = (unsigned char)(i * 7);
	whole = digest_quick(0, octets, sizeof(octets));
	for (size_t i = 0; i < sizeof(octets); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			octets[i] ^= (unsigned char)(1u << bit);
			assert_true(
			    digest_quick(0, octets, sizeof(octets)) != whole);
			octets[i] ^= (unsigned char)(1u << bit);
		}
	}
	for (size_t n = 0; n <= sizeof(octets); n++) {
		sums[n] = digest_quick(0, octets, n);
		for (size_t k = 0; k < n; k++)
			assert_true(sums[k] != sums[n]);
	}
	for (size_t at = 0; at + 16 <= 100; at += 8) {
		unsigned char swapped[sizeof(octets)];

		memcpy(swapped, octets, sizeof(octets));
		memcpy(swapped + at, octets + at + 8, 8);
		memcpy(swapped + at + 8, octets + at, 8);
		assert_true(digest_quick(0, swapped, sizeof(swapped)) != whole);
	}
}

/* A sum goes on from the one before: what came before matters, and where the
 * octets lie in memory does not. */
static void
quick_goes_on(void **state)
{
	unsigned char octets[64 + 8];
	uint64_t sum = 0, again = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(i * 11 % 251);
	for (size_t at = 0; at < 64; at += 16)
		sum = digest_quick(sum, octets + at, 16);
	for (size_t shift = 1; shift < 8; shift++) {
		unsigned char moved[64 + 8];

		memcpy(moved + shift, octets, 64);
		again = 0;
		for (size_t at = 0; at < 64; at += 16)
			again = digest_quick(again, moved + shift + at, 16);
		assert_true(again == sum);
	}
	assert_true(digest_quick(1, octets, 16) != digest_quick(0, octets, 16));
	assert_true(digest_quick(digest_quick(0, octets, 16), octets, 16) !=
		    digest_quick(0, octets, 16));
}

/* RFC 1321, appendix A.5; the text in two parts at every place. */
static void
the_examples_of_md5(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {{"", "d41d8cd98f00b204e9800998ecf8427e"},
	    {"a", "0cc175b9c0f1b6a831c399e269772661"},
	    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
	    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
	    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
	    {"1234567890123456789012345678901234567890123456789012345678901234"
	     "5678901234567890",
		"57edf4a22be3c955ac49da2e2107b67a"}};
	char first[100], got[DIGEST_MD5_CHARS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t n = 0; n <= strlen(cases[i].text); n++) {
			memcpy(first, cases[i].text, n);
			first[n] = '\0';
			digest_md5(first, cases[i].text + n, got);
			assert_string_equal(got, cases[i].digest);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_standard_examples),
	    cmocka_unit_test(the_examples_of_md5),
	    cmocka_unit_test(a_million_octets),
	    cmocka_unit_test(pieces_do_not_matter),
	    cmocka_unit_test(quick_is_what_it_was),
	    cmocka_unit_test(quick_sees_every_change),
	    cmocka_unit_test(quick_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
