/* Tests of sys/base64: what an encoder makes is decoded, and nothing else is,
 * so that each text has one meaning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/base64.h"
#include <stdio.h>
#include <string.h>

static void
is(const char *text, const char *octets, size_t n)
{
	char room[128];
	size_t got = 77;

	memset(room, '#', sizeof(room));
	memcpy(room, text, strlen(text) + 1);
	assert_int_equal(base64_decode(room, &got), RC_OK);
	assert_int_equal(got, n);
	assert_memory_equal(room, octets, n);
	assert_int_equal(room[n], '\0');
	assert_int_equal(room[strlen(text) + 1], '#');
}

static void
is_none(const char *text)
{
	char room[128];
	size_t got = 77;

	memset(room, '#', sizeof(room));
	memcpy(room, text, strlen(text) + 1);
	if (base64_decode(room, &got) != RC_SYNTAX)
		fail_msg("%s was taken", text);
	assert_int_equal(got, 77);
	assert_int_equal(room[strlen(text) + 1], '#');
}

/* RFC 4648 section 10. */
static void
the_test_vectors(void **state)
{
	(void)state;
	is("", "", 0);
	is("Zg==", "f", 1);
	is("Zm8=", "fo", 2);
	is("Zm9v", "foo", 3);
	is("Zm9vYg==", "foob", 4);
	is("Zm9vYmE=", "fooba", 5);
	is("Zm9vYmFy", "foobar", 6);
}

static void
any_octets_come_back(void **state)
{
	(void)state;
	is("AAAA", "\0\0\0", 3);
	is("AAA=", "\0\0", 2);
	is("AA==", "\0", 1);
	is("/////w==", "\377\377\377\377", 4);
	is("+/+/", "\373\377\277", 3);
	is("AHRlc3QAdGVzdA==", "\0test\0test", 10);
}

/* Every four characters that there are, of a few that matter: taken just when
 * printing the octets gives them again. */
static void
there_is_one_text_for_each_octets(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char some[] = "ABQgwZ9+/=- \n*";
	const size_t n = sizeof(some) - 1;
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		const char text[] = {some[i % n], some[i / n % n],
		    some[i / n / n % n], some[i / n / n / n], '\0'};
		char room[5], again[5] = "====";
		size_t got;

		memcpy(room, text, sizeof(room));
		if (base64_decode(room, &got) != RC_OK)
			continue;
		taken++;
		for (size_t k = 0; k <= got; k++) {
			const unsigned char *o = (unsigned char *)room;
			unsigned bits =
			    (unsigned)(o[0] << 16 | (got > 1 ? o[1] << 8 : 0) |
				       (got > 2 ? o[2] : 0));

			again[k] = alphabet[bits >> (18 - 6 * k) & 63];
		}
		assert_string_equal(again, text);
	}
	/* of nine digits: all; with one pad, those of two bits; with two, of
	 * four: A B Q g w Z 9 + / are 0 1 16 32 48 25 61 62 63 */
	assert_int_equal(taken, 9 * 9 * 9 * 9 + 9 * 9 * 4 + 9 * 4);
}

/* RFC 5034 section 4: MUST reject, and not ignore. */
static void
anything_else_is_refused(void **state)
{
	static const char *const texts[] = {"A", "AA", "AAA", "AAAAA", "=",
	    "==", "===", "====", "A===", "=AAA", "AA=A", "A=AA", "AAA=BBB",
	    "AAA=AAAA", "AA==AAAA", "AAAA=", "AAAA==", "AAAA====", "Zg=", "Zg",
	    "Zm9v ", " Zm9v", "Zm 9v", "Zm9v\r", "Zm9v\n", "Zm9v\nZm9v", "Zm9-",
	    "Zm9_", "Zm9.", "Zm9*", "*", "Zm9\200", "Zm9\377",
	    "Zh==", "Zn==", "Zm9=", "Zm+=", "/x=="};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is_none(texts[i]);
	for (int c = 1; c < 256; c++) {
		char text[5];

		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy"
			   "z0123456789+/=",
			c) != NULL)
			continue;
		for (size_t at = 0; at < 4; at++) {
			memcpy(text, "AAAA", 5);
			text[at] = (char)c;
			is_none(text);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_test_vectors),
	    cmocka_unit_test(any_octets_come_back),
	    cmocka_unit_test(there_is_one_text_for_each_octets),
	    cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
