/* entry - the bounds of an account's fields. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/entry.h"
#include <string.h>

static void
fields_are_copied(void **state)
{
	struct entry e = {0};

	(void)state;
	assert_int_equal(entry_set(&e, "anna", 7, 8, "/home/anna"), RC_OK);
	assert_string_equal(e.who.name, "anna");
	assert_string_equal(e.who.home, "/home/anna");
	assert_int_equal(e.who.uid, 7);
	assert_int_equal(e.who.gid, 8);
	assert_int_equal(entry_set_hash(&e, "hash"), RC_OK);
	assert_string_equal(e.hash, "hash");
	assert_int_equal(entry_set(&e, "", 0, 0, ""), RC_OK);
	assert_string_equal(e.who.name, "");
}

/* longest - a text of n octets that is NUL-terminated. */
static const char *
longest(char *room, size_t n)
{
	memset(room, 'a', n);
	room[n] = '\0';
	return room;
}

static void
what_just_fits_fits(void **state)
{
	char room[HOME_OCTETS + 2];
	struct entry e;

	(void)state;
	assert_int_equal(
	    entry_set(&e, longest(room, NAME_OCTETS), 1, 1, "/"), RC_OK);
	assert_int_equal(strlen(e.who.name), NAME_OCTETS);
	assert_int_equal(
	    entry_set(&e, "a", 1, 1, longest(room, HOME_OCTETS)), RC_OK);
	assert_int_equal(strlen(e.who.home), HOME_OCTETS);
	assert_int_equal(
	    entry_set_hash(&e, longest(room, ENTRY_HASH_OCTETS)), RC_OK);
	assert_int_equal(strlen(e.hash), ENTRY_HASH_OCTETS);
}

static void
one_octet_more_is_too_long(void **state)
{
	char room[HOME_OCTETS + 2];
	struct entry e;

	(void)state;
	assert_int_equal(
	    entry_set(&e, longest(room, NAME_OCTETS + 1), 1, 1, "/"),
	    RC_TOOLONG);
	assert_int_equal(
	    entry_set(&e, "a", 1, 1, longest(room, HOME_OCTETS + 1)),
	    RC_TOOLONG);
	assert_int_equal(
	    entry_set_hash(&e, longest(room, ENTRY_HASH_OCTETS + 1)),
	    RC_TOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_copied),
	    cmocka_unit_test(what_just_fits_fits),
	    cmocka_unit_test(one_octet_more_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
