/* args - every parser with every kind of text that may follow a verb. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "pop/args.h"
#include <stdio.h>
#include <string.h>

typedef enum rc parser(char *rest, struct args *out);

/* parse - a copy of text by the parser, as command.c calls it. */
static enum rc
parse(parser *p, const char *text, struct args *out)
{
	static char room[256];

	assert_true(strlen(text) < sizeof(room));
	memcpy(room, text, strlen(text) + 1);
	memset(out, 0, sizeof(*out));
	return p(room, out);
}

static void
none_takes_blanks_alone(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(parse(args_none, "", &a), RC_OK);
	assert_int_equal(parse(args_none, " ", &a), RC_OK);
	assert_int_equal(parse(args_none, "     ", &a), RC_OK);
	assert_int_equal(parse(args_none, " x", &a), RC_SYNTAX);
	assert_int_equal(parse(args_none, " 1", &a), RC_SYNTAX);
	assert_int_equal(parse(args_none, " \t", &a), RC_SYNTAX);
	assert_int_equal(parse(args_none, "  x ", &a), RC_SYNTAX);
}

static const struct {
	const char *text;
	enum rc rc;
	uint32_t value;
} numbers[] = {
    {" 1", RC_OK, 1},
    {" 0", RC_OK, 0},
    {"  1", RC_OK, 1},
    {"     27   ", RC_OK, 27},
    {" 1 ", RC_OK, 1},
    {" 001", RC_OK, 1},
    {" 00000000000000000000000000000000000042", RC_OK, 42},
    {" 4294967295", RC_OK, 4294967295u},
    {" 4294967296", RC_NOSUCH, 0},
    {" 4294967297", RC_NOSUCH, 0},
    {" 18446744073709551617", RC_NOSUCH, 0},
    {" 99999999999999999999999999999999999999999", RC_NOSUCH, 0},
    {" 4294967297 ", RC_NOSUCH, 0},
    {" 4294967297 1", RC_SYNTAX, 0},
    {" -1", RC_SYNTAX, 0},
    {" +1", RC_SYNTAX, 0},
    {" -0", RC_SYNTAX, 0},
    {" 1x", RC_SYNTAX, 0},
    {" x1", RC_SYNTAX, 0},
    {" 1.0", RC_SYNTAX, 0},
    {" 1,2", RC_SYNTAX, 0},
    {" 1:2", RC_SYNTAX, 0},
    {" 0x1", RC_SYNTAX, 0},
    {" 1e1", RC_SYNTAX, 0},
    {" \t1", RC_SYNTAX, 0},
    {" 1\t", RC_SYNTAX, 0},
    {" 1 2", RC_SYNTAX, 0},
    {" 1 x", RC_SYNTAX, 0},
    {" 1\r", RC_SYNTAX, 0},
    {" \302\262", RC_SYNTAX, 0},
    {" %d", RC_SYNTAX, 0},
    {" 4294967296x", RC_SYNTAX, 0},
};

/* check_numbers - all of the above behind a parser for one number. */
static void
check_numbers(parser *p)
{
	struct args a;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(parse(p, numbers[i].text, &a), numbers[i].rc);
		if (numbers[i].rc != RC_OK)
			continue;
		assert_int_equal(a.msgno, numbers[i].value);
		assert_true(a.has_msgno);
	}
}

static void
a_message_number_is_digits(void **state)
{
	struct args a;

	(void)state;
	check_numbers(args_msgno);
	assert_int_equal(parse(args_msgno, "", &a), RC_SYNTAX);
	assert_int_equal(parse(args_msgno, "   ", &a), RC_SYNTAX);
}

static void
an_optional_one_may_lack(void **state)
{
	struct args a;

	(void)state;
	check_numbers(args_opt_msgno);
	assert_int_equal(parse(args_opt_msgno, "", &a), RC_OK);
	assert_false(a.has_msgno);
	assert_int_equal(parse(args_opt_msgno, "   ", &a), RC_OK);
	assert_false(a.has_msgno);
}

static void
top_takes_two_numbers(void **state)
{
	static const struct {
		const char *text;
		enum rc rc;
		uint32_t msgno, lines;
	} cases[] = {
	    {" 1 0", RC_OK, 1, 0},
	    {"  2   10  ", RC_OK, 2, 10},
	    {" 03 007", RC_OK, 3, 7},
	    {" 1 4294967295", RC_OK, 1, UINT32_MAX},
	    {" 1 4294967296", RC_OK, 1, UINT32_MAX},
	    {" 1 99999999999999999999999", RC_OK, 1, UINT32_MAX},
	    {" 4294967297 0", RC_NOSUCH, 0, 0},
	    {" 4294967297 99999999999999", RC_NOSUCH, 0, 0},
	    {"", RC_SYNTAX, 0, 0},
	    {" ", RC_SYNTAX, 0, 0},
	    {" 1", RC_SYNTAX, 0, 0},
	    {" 1 ", RC_SYNTAX, 0, 0},
	    {" 4294967297", RC_SYNTAX, 0, 0},
	    {" 1 2 3", RC_SYNTAX, 0, 0},
	    {" 1 x", RC_SYNTAX, 0, 0},
	    {" x 1", RC_SYNTAX, 0, 0},
	    {" 1 -1", RC_SYNTAX, 0, 0},
	    {" -1 1", RC_SYNTAX, 0, 0},
	    {" 1 +1", RC_SYNTAX, 0, 0},
	    {" 1\t1", RC_SYNTAX, 0, 0},
	    {" 1,1", RC_SYNTAX, 0, 0},
	};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    parse(args_msgno_lines, cases[i].text, &a), cases[i].rc);
		if (cases[i].rc != RC_OK)
			continue;
		assert_int_equal(a.msgno, cases[i].msgno);
		assert_int_equal(a.lines, cases[i].lines);
	}
}

static void
a_name_has_no_blanks_around_it(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {{" anna", "anna"}, {"   anna", "anna"},
	    {" anna   ", "anna"}, {" a b ", "a b"}, {" \tanna", "\tanna"},
	    {" \303\274", "\303\274"}, {" %s%n", "%s%n"}};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(args_name, cases[i].text, &a), RC_OK);
		assert_string_equal(a.text, cases[i].name);
	}
	assert_int_equal(parse(args_name, "", &a), RC_SYNTAX);
	assert_int_equal(parse(args_name, " ", &a), RC_SYNTAX);
	assert_int_equal(parse(args_name, "    ", &a), RC_SYNTAX);
}

/* RFC 1939 section 7: "a server may treat spaces in the argument as part of
 * the password". */
static void
a_secret_is_everything_behind_one_blank(void **state)
{
	static const struct {
		const char *text, *secret;
	} cases[] = {{" geheim", "geheim"}, {"  geheim", " geheim"},
	    {" geheim ", "geheim "}, {" a b  c", "a b  c"}, {"  ", " "},
	    {" \t", "\t"}, {" \377\001", "\377\001"}};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(args_secret, cases[i].text, &a), RC_OK);
		assert_string_equal(a.text, cases[i].secret);
	}
	assert_int_equal(parse(args_secret, "", &a), RC_SYNTAX);
	assert_int_equal(parse(args_secret, " ", &a), RC_SYNTAX);
}

/* RFC 5034 section 5, with blanks as elsewhere. */
static void
words_are_two_at_most(void **state)
{
	static const struct {
		const char *text, *first, *second;
	} cases[] = {{"", NULL, NULL}, {"  ", NULL, NULL}, {" a", "a", NULL},
	    {"  a ", "a", NULL}, {" PLAIN AGE=", "PLAIN", "AGE="},
	    {"  a   b  ", "a", "b"}, {" \\a b\t", "\\a", "b\t"}};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(args_words, cases[i].text, &a), RC_OK);
		if (cases[i].first == NULL)
			assert_null(a.text);
		else
			assert_string_equal(a.text, cases[i].first);
		if (cases[i].second == NULL)
			assert_null(a.secret);
		else
			assert_string_equal(a.secret, cases[i].second);
	}
	assert_int_equal(parse(args_words, " a b c", &a), RC_SYNTAX);
	assert_int_equal(parse(args_words, " a  b  c ", &a), RC_SYNTAX);
}

/* RFC 937, Quoting (page 6). */
static void
quoting_is_undone(void **state)
{
	static const struct {
		const char *text, *plain;
	} cases[] = {{"", ""}, {"a b", "a b"}, {"a\\ b", "a b"},
	    {"a\\\\b", "a\\b"}, {"\\a\\b", "ab"}, {"\\\\\\\\", "\\\\"},
	    {"\\\377", "\377"}};
	static const char *const odd[] = {"\\", "a\\", "\\\\\\", "a\\ \\"};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "%s", cases[i].text);
		assert_int_equal(args_unquote(text), RC_OK);
		assert_string_equal(text, cases[i].plain);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(text, sizeof(text), "%s", odd[i]);
		assert_int_equal(args_unquote(text), RC_SYNTAX);
	}
}

/* RFC 937: <helo> = HELO <SP> <user> <SP> <password>, both <word>. */
static void
helo_takes_two_words(void **state)
{
	static const struct {
		const char *text, *user, *secret;
	} cases[] = {{" anna geheim", "anna", "geheim"},
	    {"  anna   geheim  ", "anna", "geheim"},
	    {" a\\ b c\\ d", "a b", "c d"}, {" a\\\\ b", "a\\", "b"},
	    {" a \\ ", "a", " "}, {" \\ \\  \\\\", "  ", "\\"},
	    {" \\a\\b c", "ab", "c"}, {" \303\274 \377", "\303\274", "\377"}};
	static const char *const odd[] = {"", " ", " anna", " anna ",
	    " anna geheim x", " anna geheim \\", " anna geheim\\", " anna\\",
	    " anna\\ geheim", " \\", "\\"};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    parse(args_user_secret, cases[i].text, &a), RC_OK);
		assert_string_equal(a.text, cases[i].user);
		assert_string_equal(a.secret, cases[i].secret);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(
		    parse(args_user_secret, odd[i], &a), RC_SYNTAX);
}

/* <mailbox> is a <string>: with blanks and all. */
static void
a_mailbox_is_everything_behind_the_blanks(void **state)
{
	static const struct {
		const char *text, *mailbox;
	} cases[] = {{" INBOX", "INBOX"}, {"   a b", "a b"}, {" a ", "a "},
	    {" a\\ b", "a\\ b"}, {" \\", "\\"}};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(args_mailbox, cases[i].text, &a), RC_OK);
		assert_string_equal(a.text, cases[i].mailbox);
	}
	assert_int_equal(parse(args_mailbox, "", &a), RC_SYNTAX);
	assert_int_equal(parse(args_mailbox, "   ", &a), RC_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(none_takes_blanks_alone),
	    cmocka_unit_test(a_message_number_is_digits),
	    cmocka_unit_test(an_optional_one_may_lack),
	    cmocka_unit_test(top_takes_two_numbers),
	    cmocka_unit_test(a_name_has_no_blanks_around_it),
	    cmocka_unit_test(a_secret_is_everything_behind_one_blank),
	    cmocka_unit_test(words_are_two_at_most),
	    cmocka_unit_test(quoting_is_undone),
	    cmocka_unit_test(helo_takes_two_words),
	    cmocka_unit_test(a_mailbox_is_everything_behind_the_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
