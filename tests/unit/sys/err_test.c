/* Tests of sys/err: every result has a word of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/err.h"
#include <string.h>

static void
every_result_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RC_COUNT; i++) {
		const char *name = rc_name((enum rc)i);

		assert_non_null(name);
		assert_true(name[0] != '\0');
		/* A word that may stand unquoted in a log line. */
		assert_int_equal(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(name, rc_name((enum rc)k));
	}
	assert_string_equal(rc_name(RC_OK), "ok");
	assert_string_equal(rc_name(RC_EOF), "eof");
	assert_string_equal(rc_name(RC_TIMEOUT), "timeout");
	assert_string_equal(rc_name(RC_DENIED), "denied");
	assert_string_equal(rc_name(RC_BUSY), "busy");
	assert_string_equal(rc_name(RC_UNFINISHED), "unfinished");
	assert_string_equal(rc_name(RC_BUG), "bug");
}

static void
a_foreign_value_is_a_question_mark(void **state)
{
	(void)state;
	assert_string_equal(rc_name(RC_COUNT), "?");
	assert_string_equal(rc_name((enum rc)(RC_COUNT + 1)), "?");
	assert_string_equal(rc_name((enum rc)0x7fffffff), "?");
	assert_string_equal(rc_name((enum rc)0xffffffffu), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_result_has_a_word_of_its_own),
	    cmocka_unit_test(a_foreign_value_is_a_question_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
