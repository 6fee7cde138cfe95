/* Tests of sys/num: digits and nothing else, and no overflow into another
 * number ("LIST 4294967297" is not message 1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/num.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UNTOUCHED = 77 };

static void
is(const char *text, uint64_t max, enum rc rc, uint64_t value)
{
	uint64_t out = UNTOUCHED;

	assert_int_equal(num_parse(text, max, &out), rc);
	assert_true(out == (rc == RC_OK ? value : UNTOUCHED));
}

static void
digits_are_a_number(void **state)
{
	(void)state;
	is("0", 9, RC_OK, 0);
	is("1", UINT64_MAX, RC_OK, 1);
	is("1234567890", UINT64_MAX, RC_OK, 1234567890);
}

static void
leading_zeros_are_taken(void **state)
{
	(void)state;
	is("007", 10, RC_OK, 7);
	is("0000000000000000000000000000000000000000012", 12, RC_OK, 12);
	is("000", 0, RC_OK, 0);
}

static void
anything_else_is_syntax(void **state)
{
	char text[4];

	(void)state;
	is("", 10, RC_SYNTAX, 0);
	is("0x10", 100, RC_SYNTAX, 0);
	is("1.0", 100, RC_SYNTAX, 0);
	for (int c = 1; c < 256; c++) {
		if (c >= '0' && c <= '9')
			continue;
		snprintf(text, sizeof(text), "%c", c);
		is(text, UINT64_MAX, RC_SYNTAX, 0);
		snprintf(text, sizeof(text), "%c1", c);
		is(text, UINT64_MAX, RC_SYNTAX, 0);
		snprintf(text, sizeof(text), "1%c", c);
		is(text, UINT64_MAX, RC_SYNTAX, 0);
		snprintf(text, sizeof(text), "1%c1", c);
		is(text, UINT64_MAX, RC_SYNTAX, 0);
	}
	/* Too large and malformed is malformed. */
	is("999x", 10, RC_SYNTAX, 0);
}

static void
above_max_is_limit(void **state)
{
	(void)state;
	is("1", 0, RC_LIMIT, 0);
	is("10", 9, RC_LIMIT, 0);
	is("4294967295", UINT32_MAX, RC_OK, UINT32_MAX);
	is("4294967296", UINT32_MAX, RC_LIMIT, 0);
	is("4294967297", UINT32_MAX, RC_LIMIT, 0);
	is("18446744073709551615", UINT64_MAX, RC_OK, UINT64_MAX);
	is("18446744073709551614", UINT64_MAX - 1, RC_OK, UINT64_MAX - 1);
	is("18446744073709551615", UINT64_MAX - 1, RC_LIMIT, 0);
	is("18446744073709551616", UINT64_MAX, RC_LIMIT, 0);
	is("18446744073709551617", UINT64_MAX, RC_LIMIT, 0);
	is("99999999999999999999999999999999999999", UINT64_MAX, RC_LIMIT, 0);
	/* An excess that a later digit must not hide. */
	is("900", 89, RC_LIMIT, 0);
}

static void
every_small_max_is_exact(void **state)
{
	char text[8];

	(void)state;
	for (unsigned max = 0; max <= 120; max++) {
		for (unsigned n = 0; n <= 130; n++) {
			snprintf(text, sizeof(text), "%u", n);
			is(text, max, n <= max ? RC_OK : RC_LIMIT, n);
		}
	}
}

/* printed - num_print's digits are printf's, and it touches nothing else. */
static void
printed(uint64_t value)
{
	char got[NUM_OCTETS + 2], want[NUM_OCTETS + 2];
	int n = snprintf(want, sizeof(want), "%" PRIu64, value);

	memset(got, '#', sizeof(got));
	assert_true(n > 0 && n <= NUM_OCTETS);
	assert_ptr_equal(num_print(got, value), got + n);
	assert_memory_equal(got, want, (size_t)n);
	for (size_t i = (size_t)n; i < sizeof(got); i++)
		assert_int_equal(got[i], '#');
}

static void
numbers_are_printed(void **state)
{
	uint64_t value = 1;

	(void)state;
	for (uint64_t n = 0; n < 20000; n++)
		printed(n);
	for (unsigned i = 0; i < NUM_OCTETS; i++) {
		printed(value - 1);
		printed(value);
		printed(value + 1);
		value *= 10;
	}
	for (unsigned i = 0; i < 64; i++) {
		printed(UINT64_C(1) << i);
		printed((UINT64_C(1) << i) - 1);
		printed(UINT64_C(0x9e3779b97f4a7c15) >> i);
	}
	printed(UINT64_MAX);
}

/* What was printed is read as what it was. */
static void
printed_numbers_are_read(void **state)
{
	char text[NUM_OCTETS + 1];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		uint64_t value = UINT64_MAX >> i;

		*num_print(text, value) = '\0';
		is(text, UINT64_MAX, RC_OK, value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digits_are_a_number),
	    cmocka_unit_test(leading_zeros_are_taken),
	    cmocka_unit_test(anything_else_is_syntax),
	    cmocka_unit_test(above_max_is_limit),
	    cmocka_unit_test(every_small_max_is_exact),
	    cmocka_unit_test(numbers_are_printed),
	    cmocka_unit_test(printed_numbers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
