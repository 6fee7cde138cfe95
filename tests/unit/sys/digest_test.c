/* Tests of sys/digest: the examples of FIPS 180-4, and that the pieces in
 * which octets are added do not matter. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_standard_examples),
	    cmocka_unit_test(a_million_octets),
	    cmocka_unit_test(pieces_do_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
