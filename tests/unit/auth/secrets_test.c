/* secrets - which lines of the file are secrets of whom, and what APOP makes of
 * them; and that they let nobody in who may not with a password. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/auth.h"
#include "sys/digest.h"
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct secrets s = {
    .fd = -1, .stamp = "<1896.697170952@dbc.mtview.ca.us>"};

/* file - the secrets are these lines. */
static void
file(const char *lines)
{
	if (s.fd >= 0)
		close(s.fd);
	s.fd = memfd_create("secrets", MFD_CLOEXEC);
	assert_true(s.fd >= 0);
	assert_int_equal(
	    write(s.fd, lines, strlen(lines)), (ssize_t)strlen(lines));
}

/* is - what is said of the secret itself, and of its digest. */
static void
is(const char *user, const char *secret, enum rc rc)
{
	char digest[DIGEST_MD5_CHARS + 1];

	digest_md5(s.stamp, secret, digest);
	assert_int_equal(secrets_know(&s, user, secret, 0), rc);
	assert_int_equal(secrets_know(&s, user, digest, 1), rc);
	/* The one is not taken for the other. */
	assert_int_not_equal(secrets_know(&s, user, secret, 1), RC_OK);
	assert_int_not_equal(secrets_know(&s, user, digest, 0), RC_OK);
}

/* RFC 1939 section 7. */
static void
the_example_of_the_standard(void **state)
{
	(void)state;
	file("mrose:example:tanstaaf\n");
	assert_int_equal(
	    secrets_know(&s, "mrose", "c4c9334bac560ecc979e58001b3e22fb", 1),
	    RC_OK);
	assert_int_equal(
	    secrets_know(&s, "mrose", "c4c9334bac560ecc979e58001b3e22fa", 1),
	    RC_DENIED);
	/* "lower-case ASCII characters", and all of them */
	assert_int_equal(
	    secrets_know(&s, "mrose", "C4C9334BAC560ECC979E58001B3E22FB", 1),
	    RC_DENIED);
	assert_int_equal(
	    secrets_know(&s, "mrose", "c4c9334bac560ecc979e58001b3e22f", 1),
	    RC_DENIED);
	assert_int_equal(
	    secrets_know(&s, "mrose", "c4c9334bac560ecc979e58001b3e22fb0", 1),
	    RC_DENIED);
	assert_int_equal(secrets_know(&s, "mrose", "", 1), RC_DENIED);
}

static void
everybody_has_his_own_and_several(void **state)
{
	(void)state;
	file("# secrets\nanna:phone:one\nbea:phone:two\nanna:printer:three\n"
	     "\nanna:old:one\nann:x:four");
	is("anna", "one", RC_OK);
	is("anna", "three", RC_OK);
	is("anna", "two", RC_DENIED);
	is("anna", "four", RC_DENIED);
	is("anna", "on", RC_DENIED);
	is("anna", "onee", RC_DENIED);
	is("bea", "two", RC_OK);
	is("bea", "one", RC_DENIED);
	is("ann", "four", RC_OK); /* the last line needs no end */
	is("ann", "one", RC_DENIED);
	is("an", "one", RC_NOSUCH);
	is("", "one", RC_NOSUCH);
	is("Anna", "one", RC_NOSUCH);
}

static void
a_secret_is_everything_behind_the_label(void **state)
{
	(void)state;
	file("anna:a label: with blanks: and:colons# \nbea:x:\303\274\t\n"
	     "cora:x:y\r\n");
	is("anna", " with blanks: and:colons# ", RC_OK);
	is("anna", "with blanks: and:colons#", RC_DENIED);
	is("bea", "\303\274\t", RC_OK);
	is("cora", "y\r", RC_OK);
}

static void
malformed_lines_are_no_secrets(void **state)
{
	(void)state;
	file("anna\nanna:\nanna:x\nanna:x:\nanna::one\n#anna:x:one\n"
	     " anna:x:one\n:x:one\n");
	is("anna", "one", RC_NOSUCH);
	is("anna", "x", RC_NOSUCH);
	is("anna", "", RC_NOSUCH);
	is("#anna", "one", RC_NOSUCH);
	file("");
	is("anna", "one", RC_NOSUCH);
	is("anna", "", RC_NOSUCH);
	/* Nothing is never a secret, where there is one either. */
	file("anna:x:\nanna:x:one\n");
	is("anna", "", RC_DENIED);
	is("anna", "one", RC_OK);
}

/* A line that is too long is none, and what stands behind it is not lost. */
static void
long_lines_are_no_secrets(void **state)
{
	static char lines[6000];
	char longest[2049];

	(void)state;
	memset(longest, 's', sizeof(longest));
	longest[2047 - 7] = '\0';
	snprintf(lines, sizeof(lines), "anna:x:%s\nanna:y:two\n", longest);
	file(lines);
	is("anna", longest, RC_OK);
	is("anna", "two", RC_OK);
	longest[2047 - 7] = 's';
	longest[2048 - 7] = '\0';
	snprintf(lines, sizeof(lines), "anna:x:%s\nanna:y:two\n", longest);
	file(lines);
	is("anna", longest, RC_DENIED);
	is("anna", "two", RC_OK);
}

static void
a_file_that_cannot_be_read_says_so(void **state)
{
	(void)state;
	close(s.fd);
	s.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(secrets_know(&s, "anna", "one", 0), RC_IO);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(secrets_know(&s, "anna", "one", 1), RC_IO);
}

/* -- the verdict -- */

/* verdict - APOP's and PASS's, with the right secret or a wrong one, for
 * accounts in which anna's line ends so; the reasons must be these. */
static void
verdict(const char *user, const char *hash, unsigned uid, const char *secret,
    const char *apop_why, const char *pass_why)
{
	struct auth_policy p = {.min_uid = 100, .secrets = &s};
	char digest[DIGEST_MD5_CHARS + 1];
	struct account who;
	const char *why = NULL;
	enum rc rc;

	p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(p.passwd_fd >= 0);
	assert_true(
	    dprintf(p.passwd_fd, "anna:%s:%u:1234::/home:\n", hash, uid) > 0);
	digest_md5(s.stamp, secret, digest);
	rc = auth_apop(&p, user, digest, &who, &why);
	assert_int_equal(rc, apop_why == NULL ? RC_OK : RC_DENIED);
	if (apop_why != NULL)
		assert_string_equal(why, apop_why);
	else
		assert_int_equal(who.uid, uid);
	rc = auth_password(&p, user, secret, &who, &why);
	assert_int_equal(rc, pass_why == NULL ? RC_OK : RC_DENIED);
	if (pass_why != NULL)
		assert_string_equal(why, pass_why);
	else
		assert_int_equal(who.uid, uid);
	close(p.passwd_fd);
}

static void
who_may_in_with_a_secret(void **state)
{
	char hash[CRYPT_OUTPUT_SIZE], locked[CRYPT_OUTPUT_SIZE + 1];

	(void)state;
	snprintf(hash, sizeof(hash), "%s",
	    crypt("geheim", "$5$rounds=1000$abcdefgh"));
	snprintf(locked, sizeof(locked), "!%s", hash);
	file("anna:phone:one\nbea:phone:two\n");
	verdict("anna", hash, 1234, "one", NULL, NULL);
	verdict("anna", hash, 1234, "two", "bad-digest", "bad-password");
	/* Her own password is no secret of APOP's. */
	verdict("anna", hash, 1234, "geheim", "bad-digest", NULL);
	verdict("anna", hash, 1234, "", "bad-digest", "empty-password");
	/* Whom the policy does not admit, no secret admits. */
	verdict("anna", locked, 1234, "one", "locked", "locked");
	verdict("anna", "*", 1234, "one", "locked", "locked");
	verdict("anna", "", 1234, "one", "empty-password", "empty-password");
	verdict("anna", "x", 1234, "one", "unusable-hash", "unusable-hash");
	verdict("anna", hash, 99, "one", "below-min-uid", "below-min-uid");
	verdict("anna", hash, 0, "one", "root", "root");
	verdict("bea", hash, 1234, "two", "unknown-user", "unknown-user");
	verdict("../anna", hash, 1234, "one", "unsafe-name", "unsafe-name");
	file("bea:phone:two\n");
	verdict("anna", hash, 1234, "one", "no-secret", "bad-password");
	verdict("anna", hash, 1234, "geheim", "no-secret", NULL);
}

static void
without_secrets_there_is_no_apop(void **state)
{
	struct auth_policy p = {.min_uid = 100};
	struct account who;
	const char *why;

	(void)state;
	p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(p.passwd_fd >= 0);
	assert_true(dprintf(p.passwd_fd, "anna:%s:1234:1234::/home:\n",
			crypt("geheim", "$5$rounds=1000$abcdefgh")) > 0);
	assert_int_equal(auth_apop(&p, "anna", "", &who, &why), RC_DENIED);
	assert_string_equal(why, "no-secret");
	close(p.passwd_fd);
}

/* The system's databases fail; or the secrets do, which keeps nobody out who
 * has a password. */
static void
what_cannot_be_read_is_no_refusal(void **state)
{
	struct auth_policy p = {.min_uid = 100, .secrets = &s};
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct account who;
	const char *why;

	(void)state;
	file("anna:phone:one\n");
	p.passwd_fd = dir;
	assert_int_equal(auth_apop(&p, "anna", "x", &who, &why), RC_IO);
	assert_string_equal(why, "databases-unreadable");
	assert_int_equal(auth_password(&p, "anna", "one", &who, &why), RC_IO);
	p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(dprintf(p.passwd_fd, "anna:%s:1234:1234::/home:\n",
			crypt("geheim", "$5$rounds=1000$abcdefgh")) > 0);
	close(s.fd);
	s.fd = dir;
	assert_int_equal(auth_apop(&p, "anna", "x", &who, &why), RC_IO);
	assert_string_equal(why, "databases-unreadable");
	assert_int_equal(
	    auth_password(&p, "anna", "one", &who, &why), RC_DENIED);
	assert_int_equal(
	    auth_password(&p, "anna", "geheim", &who, &why), RC_OK);
	close(p.passwd_fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_of_the_standard),
	    cmocka_unit_test(everybody_has_his_own_and_several),
	    cmocka_unit_test(a_secret_is_everything_behind_the_label),
	    cmocka_unit_test(malformed_lines_are_no_secrets),
	    cmocka_unit_test(long_lines_are_no_secrets),
	    cmocka_unit_test(a_file_that_cannot_be_read_says_so),
	    cmocka_unit_test(who_may_in_with_a_secret),
	    cmocka_unit_test(without_secrets_there_is_no_apop),
	    cmocka_unit_test(what_cannot_be_read_is_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
