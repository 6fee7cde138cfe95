/* passwd_file - well-formed lines are found, and nothing else is believed. */
#undef _FORTIFY_SOURCE /* which has an inline function of its own for pread */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/entry.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* find_n - user in a file of those n octets. */
static enum rc
find_n(const char *text, size_t n, const char *user, struct entry *out)
{
	int fd = memfd_create("passwd", MFD_CLOEXEC);
	enum rc rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	rc = passwd_file_find(fd, user, out);
	close(fd);
	return rc;
}

static enum rc
find(const char *text, const char *user, struct entry *out)
{
	return find_n(text, strlen(text), user, out);
}

static const char three[] = "# accounts\n"
			    "\n"
			    "anna:hash1:1001:1002:Anna A.:/home/anna:/bin/sh\n"
			    "bea:hash2:0:0:::\n"
			    "anna2:hash3:4294967294:07::/:";

static void
well_formed_lines_are_found(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(find(three, "anna", &e), RC_OK);
	assert_string_equal(e.who.name, "anna");
	assert_string_equal(e.hash, "hash1");
	assert_int_equal(e.who.uid, 1001);
	assert_int_equal(e.who.gid, 1002);
	assert_string_equal(e.who.home, "/home/anna");
	assert_int_equal(e.expired, 0);
	assert_int_equal(find(three, "bea", &e), RC_OK);
	assert_string_equal(e.hash, "hash2");
	assert_int_equal(e.who.uid, 0);
	assert_string_equal(e.who.home, "");
}

static void
the_last_line_may_lack_its_end(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(find(three, "anna2", &e), RC_OK);
	assert_int_equal(e.who.uid, 4294967294u);
	assert_int_equal(e.who.gid, 7);
	assert_string_equal(e.who.home, "/");
}

static void
names_are_whole_and_case_counts(void **state)
{
	static const char *const others[] = {"ann", "anna22", "Anna", "nna",
	    "anna:hash1", "", " anna", "anna ", "a", "1001"};
	struct entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(find(three, others[i], &e), RC_NOSUCH);
	/* A longer name before it does not hide one. */
	assert_int_equal(find("anna2:hash3:1:1::/:\n"
			      "anna:hash1:1001:1002::/:\n",
			     "anna", &e),
	    RC_OK);
	assert_string_equal(e.hash, "hash1");
}

/* An account behind a "#" was switched off, not renamed. */
static void
remarks_are_nobodys(void **state)
{
	static const char text[] = "#anna:hash:1:1::/:\n# bea:hash:1:1::/:\n";
	struct entry e;

	(void)state;
	assert_int_equal(find(text, "anna", &e), RC_NOSUCH);
	assert_int_equal(find(text, "#anna", &e), RC_NOSUCH);
	assert_int_equal(find(text, "# bea", &e), RC_NOSUCH);
}

static void
malformed_lines_are_no_account(void **state)
{
	static const char *const lines[] = {
	    "anna\n",
	    "anna:\n",
	    "anna:hash:1:1::/\n",
	    "anna:hash:1:1::/::\n",
	    "anna:hash:1:1::/:sh:more\n",
	    "anna:hash::1::/:\n",
	    "anna:hash:1:::/:\n",
	    "anna:hash:-1:1::/:\n",
	    "anna:hash:+1:1::/:\n",
	    "anna:hash: 1:1::/:\n",
	    "anna:hash:1x:1::/:\n",
	    "anna:hash:0x1:1::/:\n",
	    "anna:hash:4294967295:1::/:\n",
	    "anna:hash:4294967296:1::/:\n",
	    "anna:hash:4294968297:1::/:\n",
	    "anna:hash:1:4294967295::/:\n",
	    "anna:hash:18446744073709551617:1::/:\n",
	    " anna:hash:1:1::/:\n",
	    "anna :hash:1:1::/:\n",
	    "\n",
	    "",
	    ":\n",
	};
	struct entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(find(lines[i], "anna", &e), RC_NOSUCH);
}

static void
the_first_line_for_a_name_counts(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(
	    find("anna:first:1:1::/:\nanna:second:2:2::/:\n", "anna", &e),
	    RC_OK);
	assert_string_equal(e.hash, "first");
	assert_int_equal(
	    find("anna:first:bad\nanna:second:2:2::/:\n", "anna", &e),
	    RC_NOSUCH);
}

static void
a_nul_spoils_its_line_alone(void **state)
{
	static const char text[] = "anna\0:hash:1:1::/:\n"
				   "bea:ha\0sh:1:1::/:\n"
				   "\0cleo:hash:1:1::/:\n"
				   "dora:hash:1:1::/:\n"
				   "elsa:hash:1:1::/:\0\n"
				   "anna:later:1:1::/:\n";
	struct entry e;

	(void)state;
	assert_int_equal(find_n(text, sizeof(text) - 1, "bea", &e), RC_NOSUCH);
	assert_int_equal(find_n(text, sizeof(text) - 1, "cleo", &e), RC_NOSUCH);
	assert_int_equal(find_n(text, sizeof(text) - 1, "dora", &e), RC_OK);
	assert_int_equal(find_n(text, sizeof(text) - 1, "elsa", &e), RC_NOSUCH);
	assert_int_equal(find_n(text, sizeof(text) - 1, "anna", &e), RC_OK);
	assert_string_equal(e.hash, "later");
}

/* of_length - a line for user of n octets without its LF, in front of one for
 * "bea". */
static size_t
of_length(char *text, size_t n)
{
	static const char head[] = "anna:hash:1:1:", tail[] = ":/:";
	static const char bea[] = "\nbea:hash:1:1::/:\n";
	size_t fill = n - (sizeof(head) - 1) - (sizeof(tail) - 1);

	memcpy(text, head, sizeof(head) - 1);
	memset(text + sizeof(head) - 1, 'g', fill);
	memcpy(text + sizeof(head) - 1 + fill, tail, sizeof(tail) - 1);
	memcpy(text + n, bea, sizeof(bea) - 1);
	return n + sizeof(bea) - 1;
}

static void
long_lines_are_no_account_and_hide_none(void **state)
{
	static const struct {
		size_t n;
		enum rc rc;
	} cases[] = {{PASSWD_LINE_OCTETS - 1, RC_OK},
	    {PASSWD_LINE_OCTETS + 1, RC_NOSUCH},
	    {PASSWD_LINE_OCTETS * 2, RC_NOSUCH},
	    {PASSWD_LINE_OCTETS * 3 + 7, RC_NOSUCH}};
	char text[4 * PASSWD_LINE_OCTETS];
	struct entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = of_length(text, cases[i].n);

		assert_int_equal(find_n(text, n, "anna", &e), cases[i].rc);
		assert_int_equal(find_n(text, n, "bea", &e), RC_OK);
	}
}

/* What stands in the middle of a long line is not the start of another. */
static void
the_rest_of_a_long_line_is_no_line(void **state)
{
	char text[3 * PASSWD_LINE_OCTETS];
	const char hidden[] = "anna:hash:1:1::/:\n";
	struct entry e;

	(void)state;
	for (size_t at = PASSWD_LINE_OCTETS - 1; at < PASSWD_LINE_OCTETS + 2;
	     at++) {
		memset(text, 'x', at);
		memcpy(text + at, hidden, sizeof(hidden) - 1);
		assert_int_equal(
		    find_n(text, at + sizeof(hidden) - 1, "anna", &e),
		    RC_NOSUCH);
	}
}

/* filled - n octets of lines that are nobody's, each at most most long with its
 * end. */
static void
filled(char *text, size_t n, size_t most)
{
	memset(text, '#', n);
	for (size_t at = n; at > 0; at -= at < most ? at : most)
		text[at - 1] = '\n';
}

/* A line that begins at every place of the first blocks that are read, behind
 * short lines, long ones and too long ones, with another behind it that is the
 * last and has an end or none. */
static void
lines_are_found_wherever_they_begin(void **state)
{
	enum { MOST = 5 * PASSWD_LINE_OCTETS };
	static const char line[] = "anna:hash1:1001:7:gecos:/home/anna:/sh\n";
	static const char last[] = "bea:hash2:1002:8::/home/bea:\n";
	static const size_t lengths[] = {1, 50, PASSWD_LINE_OCTETS - 1,
	    PASSWD_LINE_OCTETS, PASSWD_LINE_OCTETS + 1, 2 * PASSWD_LINE_OCTETS,
	    2 * PASSWD_LINE_OCTETS + 1, 2 * MOST};
	static char text[MOST + sizeof(line) + sizeof(last)];
	struct entry e;

	(void)state;
	for (size_t at = 0; at <= MOST; at++) {
		size_t most = lengths[at % 8], n = at;

		filled(text, n, most);
		memcpy(text + n, line, sizeof(line) - 1);
		n += sizeof(line) - 1;
		memcpy(text + n, last, sizeof(last) - 1);
		n += sizeof(last) - 1 - at / 8 % 2;
		assert_int_equal(find_n(text, n, "anna", &e), RC_OK);
		assert_string_equal(e.hash, "hash1");
		assert_string_equal(e.who.home, "/home/anna");
		assert_int_equal(e.who.uid, 1001);
		assert_int_equal(find_n(text, n, "bea", &e), RC_OK);
		assert_string_equal(e.hash, "hash2");
		assert_string_equal(e.who.home, "/home/bea");
		assert_int_equal(find_n(text, n, "#", &e), RC_NOSUCH);
		assert_int_equal(find_n(text, n, "", &e), RC_NOSUCH);
	}
}

/* A line of every length near those of the buffer, at the file's end and
 * before others: as long as is allowed it is an account, else nothing, and
 * what it hides in its middle neither. */
static void
lines_of_every_length(void **state)
{
	enum { MOST = 5 * PASSWD_LINE_OCTETS };
	static char text[MOST + 100];
	struct entry e;

	(void)state;
	for (size_t n = 60; n < MOST; n++) {
		size_t all = of_length(text, n), near = n % PASSWD_LINE_OCTETS;
		enum rc rc = n < PASSWD_LINE_OCTETS ? RC_OK : RC_NOSUCH;

		if (near > 60 && near < PASSWD_LINE_OCTETS - 60)
			continue;
		assert_int_equal(find_n(text, all, "anna", &e), rc);
		assert_int_equal(find_n(text, all, "bea", &e), RC_OK);
		assert_int_equal(find_n(text, n, "anna", &e), rc);
		assert_int_equal(find_n(text, n, "bea", &e), RC_NOSUCH);
		memcpy(text + n - 25, "\0bea:x:1:1::/:", 14);
		assert_int_equal(find_n(text, n, "bea", &e), RC_NOSUCH);
	}
}

static void
fields_that_do_not_fit_are_no_account(void **state)
{
	char text[HOME_OCTETS + 100];
	size_t n = 0;
	struct entry e;

	(void)state;
	memcpy(text, "anna:", 5);
	memset(text + 5, 'h', ENTRY_HASH_OCTETS + 1);
	n = 5 + ENTRY_HASH_OCTETS + 1;
	memcpy(text + n, ":1:1::/:\n", 10);
	assert_int_equal(find(text, "anna", &e), RC_NOSUCH);
	memcpy(text + n - 1, ":1:1::/:\n", 10);
	assert_int_equal(find(text, "anna", &e), RC_OK);
	n = (size_t)snprintf(
	    text, sizeof(text), "anna:x:1:1::/%0*d:\n", HOME_OCTETS, 0);
	assert_true(n < sizeof(text));
	assert_int_equal(find(text, "anna", &e), RC_NOSUCH);
	snprintf(
	    text, sizeof(text), "anna:x:1:1::/%0*d:\n", HOME_OCTETS - 1, 0);
	assert_int_equal(find(text, "anna", &e), RC_OK);
}

/* A read that is interrupted is repeated. */
static unsigned interruptions;

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_pread64, fd, to, n, at);
}

static void
a_signal_ends_no_read(void **state)
{
	struct entry e;

	(void)state;
	interruptions = 2;
	assert_int_equal(find("anna:x:1:1::/:\n", "anna", &e), RC_OK);
	assert_int_equal(interruptions, 0);
}

static void
a_file_that_cannot_be_read_says_so(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct entry e;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(passwd_file_find(fd, "anna", &e), RC_IO);
	assert_int_equal(errno, EISDIR);
	close(fd);
	assert_int_equal(passwd_file_find(fd, "anna", &e), RC_IO);
	assert_int_equal(errno, EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(well_formed_lines_are_found),
	    cmocka_unit_test(the_last_line_may_lack_its_end),
	    cmocka_unit_test(names_are_whole_and_case_counts),
	    cmocka_unit_test(remarks_are_nobodys),
	    cmocka_unit_test(malformed_lines_are_no_account),
	    cmocka_unit_test(the_first_line_for_a_name_counts),
	    cmocka_unit_test(a_nul_spoils_its_line_alone),
	    cmocka_unit_test(long_lines_are_no_account_and_hide_none),
	    cmocka_unit_test(the_rest_of_a_long_line_is_no_line),
	    cmocka_unit_test(lines_are_found_wherever_they_begin),
	    cmocka_unit_test(lines_of_every_length),
	    cmocka_unit_test(fields_that_do_not_fit_are_no_account),
	    cmocka_unit_test(a_signal_ends_no_read),
	    cmocka_unit_test(a_file_that_cannot_be_read_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
