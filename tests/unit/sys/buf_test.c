/* Tests of sys/buf: what was put comes back, and nothing is ever put or taken
 * in part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/buf.h"
#include <stdlib.h>
#include <string.h>

/* On the heap, so that a sanitizer sees an octet too far. */
static unsigned char *
storage(size_t n)
{
	unsigned char *p = malloc(n > 0 ? n : 1);

	if (p == NULL)
		abort();
	memset(p, 0xaa, n > 0 ? n : 1);
	return p;
}

static void
everything_comes_back_in_order(void **state)
{
	unsigned char room[128];
	struct buf b;
	uint32_t u32;
	uint64_t u64;
	char text[16];

	(void)state;
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_get_end(&b), RC_OK);
	assert_int_equal(buf_put_u32(&b, 0), RC_OK);
	assert_int_equal(buf_put_u32(&b, UINT32_MAX), RC_OK);
	assert_int_equal(buf_put_text(&b, "hello"), RC_OK);
	assert_int_equal(buf_put_u64(&b, UINT64_MAX), RC_OK);
	assert_int_equal(buf_put_text(&b, ""), RC_OK);
	assert_int_equal(buf_put_u64(&b, 0x0123456789abcdef), RC_OK);
	assert_int_equal(buf_get_end(&b), RC_CORRUPT);

	assert_int_equal(buf_get_u32(&b, &u32), RC_OK);
	assert_int_equal(u32, 0);
	assert_int_equal(buf_get_u32(&b, &u32), RC_OK);
	assert_int_equal(u32, UINT32_MAX);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "hello");
	assert_int_equal(buf_get_u64(&b, &u64), RC_OK);
	assert_true(u64 == UINT64_MAX);
	assert_int_equal(buf_get_text(&b, text, sizeof(text)), RC_OK);
	assert_string_equal(text, "");
	assert_int_equal(buf_get_u64(&b, &u64), RC_OK);
	assert_true(u64 == 0x0123456789abcdef);
	assert_int_equal(buf_get_end(&b), RC_OK);
}

static void
numbers_are_little_endian(void **state)
{
	static const unsigned char wanted[] = {
	    4, 3, 2, 1,                     /* 0x01020304 */
	    0x88, 0x77, 0x66, 5, 4, 3, 2, 1 /* 0x0102030405667788 */
	};
	unsigned char room[sizeof(wanted)];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_put_u32(&b, 0x01020304), RC_OK);
	assert_int_equal(buf_put_u64(&b, 0x0102030405667788), RC_OK);
	assert_memory_equal(room, wanted, sizeof(wanted));
}

static void
text_is_a_count_and_its_octets(void **state)
{
	static const unsigned char wanted[] = {3, 0, 0, 0, 'a', 'b', 0xff};
	unsigned char room[sizeof(wanted)];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_put_text(&b, "ab\xff"), RC_OK);
	assert_int_equal(b.len, sizeof(wanted));
	assert_memory_equal(room, wanted, sizeof(wanted));
}

/* What does not fit adds nothing, whatever room is left; what fits exactly
 * does. */
static void
puts_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 12; room++) {
		unsigned char *s = storage(room);
		struct buf b;

		buf_init(&b, s, room);
		assert_int_equal(buf_put(&b, "123456789012", room), RC_OK);
		assert_int_equal(b.len, room);
		assert_int_equal(buf_put(&b, "x", 1), RC_TOOLONG);
		assert_int_equal(buf_put(&b, "x", 0), RC_OK);
		assert_int_equal(buf_put(&b, NULL, 0), RC_OK);
		assert_int_equal(b.len, room);
		assert_memory_equal(s, "123456789012", room);

		buf_init(&b, s, room);
		assert_int_equal(
		    buf_put(&b, "1234567890123", room + 1), RC_TOOLONG);
		assert_int_equal(buf_put(&b, "", SIZE_MAX), RC_TOOLONG);
		assert_int_equal(b.len, 0);

		assert_int_equal(
		    buf_put_u32(&b, 1), room >= 4 ? RC_OK : RC_TOOLONG);
		assert_int_equal(b.len, room >= 4 ? 4 : 0);

		buf_init(&b, s, room);
		assert_int_equal(
		    buf_put_u64(&b, 1), room >= 8 ? RC_OK : RC_TOOLONG);
		assert_int_equal(b.len, room >= 8 ? 8 : 0);

		buf_init(&b, s, room);
		assert_int_equal(
		    buf_put_text(&b, "abc"), room >= 7 ? RC_OK : RC_TOOLONG);
		assert_int_equal(b.len, room >= 7 ? 7 : 0);
		free(s);
	}
}

/* What is cut short takes nothing and leaves the out-parameter alone. */
static void
takes_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t have = 0; have <= 9; have++) {
		unsigned char *s = storage(have);
		struct buf b;
		uint32_t u32 = 7;
		uint64_t u64 = 7;

		buf_init(&b, s, have);
		b.len = have;
		assert_int_equal(
		    buf_get_u32(&b, &u32), have >= 4 ? RC_OK : RC_CORRUPT);
		assert_int_equal(u32, have >= 4 ? 0xaaaaaaaa : 7);
		assert_int_equal(b.pos, have >= 4 ? 4 : 0);

		b.pos = 0;
		assert_int_equal(
		    buf_get_u64(&b, &u64), have >= 8 ? RC_OK : RC_CORRUPT);
		assert_true(u64 == (have >= 8 ? 0xaaaaaaaaaaaaaaaa : 7));
		assert_int_equal(b.pos, have >= 8 ? 8 : 0);
		assert_int_equal(
		    buf_get_end(&b), b.pos == have ? RC_OK : RC_CORRUPT);
		free(s);
	}
}

/* text_case - a text of n octets, announced as count, taken into size. */
static void
text_case(const void *octets, size_t n, uint32_t count, size_t size, enum rc rc)
{
	unsigned char *s = storage(4 + n);
	char *out = (char *)storage(size);
	struct buf b;

	buf_init(&b, s, 4 + n);
	assert_int_equal(buf_put_u32(&b, count), RC_OK);
	assert_int_equal(buf_put(&b, octets, n), RC_OK);
	assert_int_equal(buf_get_text(&b, out, size), rc);
	assert_int_equal(b.pos, rc == RC_OK ? 4 + count : 0);
	if (rc == RC_OK) {
		assert_int_equal(strlen(out), count);
		assert_memory_equal(out, octets, count);
	}
	free(out);
	free(s);
}

static void
texts_that_lie_are_corrupt(void **state)
{
	unsigned char three[3] = {1, 0, 0};
	char out[8];
	struct buf b;

	(void)state;
	text_case("abc", 3, 3, 4, RC_OK);
	text_case("abcdef", 6, 3, 4, RC_OK); /* the rest stays */
	text_case("", 0, 0, 1, RC_OK);
	text_case("", 0, 0, 0, RC_CORRUPT); /* no room for the NUL */
	text_case("abc", 3, 3, 3, RC_CORRUPT);
	text_case("abc", 3, 4, 8, RC_CORRUPT); /* cut short */
	text_case("abc", 3, UINT32_MAX, 8, RC_CORRUPT);
	text_case("\0bc", 3, 3, 8, RC_CORRUPT);
	text_case("a\0c", 3, 3, 8, RC_CORRUPT);
	text_case("ab\0", 3, 3, 8, RC_CORRUPT);
	text_case("ab\0", 3, 2, 8, RC_OK); /* a NUL behind it is not in it */

	buf_init(&b, three, sizeof(three)); /* the count itself is cut short */
	b.len = sizeof(three);
	assert_int_equal(buf_get_text(&b, out, sizeof(out)), RC_CORRUPT);
	assert_int_equal(b.pos, 0);
}

static void
wiping_leaves_nothing(void **state)
{
	unsigned char room[64], zero[64] = {0};
	struct buf b;
	uint32_t n;

	(void)state;
	memset(room, 0xaa, sizeof(room));
	buf_init(&b, room, sizeof(room));
	assert_int_equal(buf_put_text(&b, "secret"), RC_OK);
	assert_int_equal(buf_get_u32(&b, &n), RC_OK);
	buf_wipe(&b);
	/* All of the storage: octets may lie behind len as well. */
	assert_memory_equal(room, zero, sizeof(room));
	assert_int_equal(b.len, 0);
	assert_int_equal(b.pos, 0);
	assert_int_equal(buf_get_end(&b), RC_OK);
	assert_int_equal(buf_put_text(&b, "again"), RC_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_comes_back_in_order),
	    cmocka_unit_test(numbers_are_little_endian),
	    cmocka_unit_test(text_is_a_count_and_its_octets),
	    cmocka_unit_test(puts_whole_or_not_at_all),
	    cmocka_unit_test(takes_whole_or_not_at_all),
	    cmocka_unit_test(texts_that_lie_are_corrupt),
	    cmocka_unit_test(wiping_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
