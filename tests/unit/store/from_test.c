/* from_test - which lines from_is_valid takes for the begin of a message, and
 * which it leaves in the text. */
#include "store/from.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATE "Mon Jan  1 00:00:00 2024"

static const char *const valid[] = {
    "From a@b " DATE,
    "From a@b Mon Jan  1 00:00 2024",
    "From a@b Tue Feb 29 9:05:00 2024",
    "From a@b Sun Dec 31 23:59:60 1972",
    "From a@b Wed Mar 06 12:00:00 1996",
    "From a@b Thu Apr  4 01:02:03 MET 1996",
    "From a@b Fri May  3 01:02:03 MET DST 1996",
    "From a@b Sat Jun  1 01:02:03 +0100 1996",
    "From a@b Sat Jun  1 01:02 GMT 1996",
    "From a@b Mon Jul  1 01:02:03 1996 +0100",
    "From a@b Mon Jul  1 01:02:03 1996 -0800",
    "From a@b Thu Aug  1 01:02:03 1996 MET DST",
    "From a@b Sun Sep  1 01:02:03 UTC 1996 +0000 UTC",
    "From a@b Tue Oct  1 01:02:03 1996 remote from host",
    "From a@b Fri Nov  1 01:02:03 PST 1996 remote from host",
    "From a@b Fri Nov  1 01:02:03 1996 MET DST remote from host",
    "From " DATE,
    "From  \t a@b \t " DATE " ",
    "From a@b\t" DATE "\t",
    "From a b c " DATE,
    "From \"a b\"@c " DATE,
    "From \"From x " DATE "\"@c " DATE,
    "From \"" DATE "\"@c Tue Feb  6 12:13:14 2024",
    "From " DATE "@c Tue Feb  6 12:13:14 2024",
    "From Mon Jan Mon Jan  1 " DATE,
    "From Mon@Jan " DATE,
    "From \377\200@b " DATE,
    "From - " DATE,
};

static const char *const text[] = {
    "",
    "F",
    "From",
    "From ",
    "From a@b",
    "From now on we meet at noon",
    "From the Mon Jan meeting we learnt",
    ">From a@b " DATE,
    " From a@b " DATE,
    "\tFrom a@b " DATE,
    "from a@b " DATE,
    "FROM a@b " DATE,
    "From: a@b " DATE,
    "From\ta@b " DATE,
    "Froma@b " DATE,
    "From a@b Mon Jan  1 00:00:00",
    "From a@b Mon Jan  1 00:00:00 MET",
    "From a@b Mon Jan  1 2024",
    "From a@b Mon Jan 00:00:00 2024",
    "From a@b Mon  1 00:00:00 2024",
    "From a@b Jan  1 00:00:00 2024",
    "From a@b Mon Jan  1 00:00:00 24",
    "From a@b Mon Jan  1 00:00:00 20244",
    "From a@b Mon Jan  1 00:00:00 202x",
    "From a@b Mon Jan 111 00:00:00 2024",
    "From a@b Mon Jan  x 00:00:00 2024",
    "From a@b Mon Jan  1 00:00:0 2024",
    "From a@b Mon Jan  1 00:00: 2024",
    "From a@b Mon Jan  1 00:00:000 2024",
    "From a@b Mon Jan  1 00:0 2024",
    "From a@b Mon Jan  1 :00:00 2024",
    "From a@b Mon Jan  1 000:00:00 2024",
    "From a@b Mon Jan  1 00-00-00 2024",
    "From a@b Mon Jan  1 00.00 2024",
    "From a@b Mon Jan  1 x0:00:00 2024",
    "From a@b Mon Jan  1 00:x0:00 2024",
    "From a@b Mon Jan  1 00:00:x0 2024",
    "From a@b Mon Jan  1 00:00x00 2024",
    "From a@b mon Jan  1 00:00:00 2024",
    "From a@b Mon jan  1 00:00:00 2024",
    "From a@b Mox Jan  1 00:00:00 2024",
    "From a@b unM Jan  1 00:00:00 2024",
    "From a@b Mon anF  1 00:00:00 2024",
    "From a@b Monday Jan  1 00:00:00 2024",
    "From a@b Mon January 1 00:00:00 2024",
    "From a@b Mon, Jan  1 00:00:00 2024",
    "From a@b Mon, 1 Jan 2024 00:00:00 +0100",
    "From a@b 2024-01-01 00:00:00",
    "From a@b Mon Jan  1 00:00:00 A B C 2024",
    "From a@b Mon Jan  1 00:00:00 ZONEXX 2024",
    "From a@b Mon Jan  1 00:00:00 +010 2024",
    "From a@b Mon Jan  1 00:00:00 +01000 2024",
    "From a@b Mon Jan  1 00:00:00 + 2024",
    "From a@b " DATE " A B C",
    "From a@b " DATE " 2025",
    "From a@b " DATE ".",
    "From a@b " DATE " at noon, all of us",
    "From a@b " DATE " remote",
    "From a@b " DATE " remote to host",
    "From a@b " DATE " remote fromhost",
    "From a@b " DATE "\r\r",
    "From a@b " DATE "\n",
};

/* ask - from_is_valid on a copy that ends where the line does, so that a
 * reader beyond its end is noticed. */
static unsigned
ask(const char *line, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);
	unsigned answer;

	assert_non_null(copy);
	memcpy(copy, line, n);
	answer = from_is_valid(copy, n);
	free(copy);
	return answer;
}

static void
takes_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		if (!ask(valid[i], strlen(valid[i])))
			fail_msg("not taken: %s", valid[i]);
	}
}

static void
takes_a_cr_at_the_end(void **state)
{
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		size_t n = strlen(valid[i]);

		memcpy(line, valid[i], n);
		line[n] = '\r';
		if (!ask(line, n + 1))
			fail_msg("not taken with CR: %s", valid[i]);
	}
}

static void
leaves_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		if (ask(text[i], strlen(text[i])))
			fail_msg("taken: %s", text[i]);
	}
}

static void
knows_every_day_and_month(void **state)
{
	static const char names[] = "SunMonTueWedThuFriSat"
				    "JanFebMarAprMayJunJulAugSepOctNovDec";
	char line[] = "From a@b Xxx Yyy 12 10:11:12 2024";

	(void)state;
	for (size_t day = 0; day < 19; day++) {
		for (size_t month = 0; month < 19; month++) {
			memcpy(line + 9, names + 3 * day, 3);
			memcpy(line + 13, names + 3 * month, 3);
			assert_int_equal(
			    ask(line, sizeof(line) - 1), day < 7 && month >= 7);
		}
	}
}

/* A line that is cut anywhere has no date yet. */
static void
leaves_every_prefix(void **state)
{
	static const char line[] = "From a@b Mon Jan  1 00:00:00 MET 2024";

	(void)state;
	for (size_t n = 0; n < sizeof(line) - 1; n++)
		assert_false(ask(line, n));
	assert_true(ask(line, sizeof(line) - 1));
}

/* No octet of the date may become a NUL or a control character. */
static void
leaves_a_damaged_date(void **state)
{
	char line[] = "From a@b " DATE;

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		static const char bad[] = {'\0', '\n', '\r', '\200'};
		char was = line[i];

		if (i >= 5 && i < 8)
			continue; /* the address may be anything */
		for (size_t k = 0; k < sizeof(bad); k++) {
			line[i] = bad[k];
			assert_false(ask(line, sizeof(line) - 1));
		}
		line[i] = was;
	}
	assert_true(ask(line, sizeof(line) - 1));
}

/* What stands right before and behind the letters is none; and "remote" goes
 * before "from" alone. */
static void
leaves_what_is_almost_right(void **state)
{
	static const char *const lines[] = {
	    "From a@b Thu Jan  1 00:00:00 {ST 2026",
	    "From a@b Thu Jan  1 00:00:00 M[T 2026",
	    "From a@b " DATE " remote form host",
	    "From a@b " DATE " remote from1 host"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(ask(lines[i], strlen(lines[i])));
	assert_true(ask("From a@b " DATE " remote from host",
	    sizeof("From a@b " DATE " remote from host") - 1));
}

/* A long line is looked at in linear time: this one would take minutes
 * otherwise. */
static void
is_quick_on_long_lines(void **state)
{
	enum { N = 4 * 1024 * 1024 };
	char *line = malloc(N);

	(void)state;
	assert_non_null(line);
	memcpy(line, "From ", 5);
	for (size_t i = 5; i < N; i++)
		line[i] = "Mon Jan 1 00:00 A B "[i % 20];
	assert_false(from_is_valid(line, N));
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_dates),
	    cmocka_unit_test(takes_a_cr_at_the_end),
	    cmocka_unit_test(leaves_text),
	    cmocka_unit_test(knows_every_day_and_month),
	    cmocka_unit_test(leaves_every_prefix),
	    cmocka_unit_test(leaves_a_damaged_date),
	    cmocka_unit_test(leaves_what_is_almost_right),
	    cmocka_unit_test(is_quick_on_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
