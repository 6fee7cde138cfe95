/* shadow - the system's accounts: files that the test writes, and name services
 * that it plays. The real ones are the shell tests'. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/entry.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* crypt(3) of "geheim". */
#define HASH "$5$abcdefgh$azU9PNNJw9essBuwq5yihWY9lFXM0dF54Ph4sAxX.YB"

/* What the name services say, "" for nothing; and what was asked. */
static const char *passwd_says, *shadow_says;
static enum rc fails;
static char asked[256];

static enum rc
ask(void *whom, enum auth_database what, const char *user,
    char line[PASSWD_LINE_OCTETS + 1])
{
	const char *says = what == AUTH_SHADOW ? shadow_says : passwd_says;

	assert_ptr_equal(whom, asked);
	snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%s %s;",
	    what == AUTH_SHADOW ? "shadow" : "passwd", user);
	if (fails != RC_OK)
		return fails;
	snprintf(line, PASSWD_LINE_OCTETS + 1, "%s", says);
	return says[0] != '\0' ? RC_OK : RC_NOSUCH;
}

/* host - with files of these contents; NULL: no such file. */
static struct auth_host
host(const char *passwd, const char *shadow)
{
	const char *const text[2] = {passwd, shadow};
	int fds[2] = {-1, -1};

	for (unsigned i = 0; i < 2; i++) {
		if (text[i] == NULL)
			continue;
		fds[i] = memfd_create("file", MFD_CLOEXEC);
		assert_true(fds[i] >= 0);
		assert_int_equal(write(fds[i], text[i], strlen(text[i])),
		    (ssize_t)strlen(text[i]));
	}
	passwd_says = shadow_says = "";
	fails = RC_OK;
	asked[0] = '\0';
	return (struct auth_host){fds[0], fds[1], ask, asked};
}

static void
leave(const struct auth_host *h)
{
	if (h->passwd_fd >= 0)
		close(h->passwd_fd);
	if (h->shadow_fd >= 0)
		close(h->shadow_fd);
}

static const char accounts[] = "root:x:0:0:root:/root:/bin/sh\n"
			       "anna:x:1000:100:Anna:/home/anna:/bin/sh\n"
			       "old:" HASH ":1001:100::/home/old:/bin/sh\n"
			       "bad:x:1002:100\n";

static void
an_account_is_found_with_its_hash(void **state)
{
	struct auth_host h = host(accounts, "anna:" HASH ":19000:0:99999:7:::");
	struct entry e;

	(void)state;
	assert_int_equal(shadow_find(&h, "anna", &e), RC_OK);
	assert_string_equal(e.who.name, "anna");
	assert_string_equal(e.who.home, "/home/anna");
	assert_string_equal(e.hash, HASH);
	assert_int_equal(e.who.uid, 1000);
	assert_int_equal(e.who.gid, 100);
	assert_int_equal(e.expired, 0);
	/* nobody was asked who is in the files */
	assert_string_equal(asked, "");
	/* Where passwd itself has the hash, shadow does not count. */
	assert_int_equal(shadow_find(&h, "old", &e), RC_OK);
	assert_string_equal(e.hash, HASH);
	assert_string_equal(asked, "");
	leave(&h);
}

/* is_expired - with shadow's fields behind the hash; * is today's day. */
static unsigned
is_expired(const char *fields, long offset)
{
	char line[256];
	int at = snprintf(line, sizeof(line), "anna:%s:", HASH);
	struct auth_host h;
	struct entry e;

	for (; *fields != '\0'; fields++) {
		if (*fields != '*')
			line[at++] = *fields;
		else
			at += snprintf(line + at, sizeof(line) - (size_t)at,
			    "%ld", (long)(time(NULL) / 86400) + offset);
	}
	memcpy(line + at, "\n", 2);
	h = host(accounts, line);
	assert_int_equal(shadow_find(&h, "anna", &e), RC_OK);
	leave(&h);
	return e.expired;
}

/* shadow(5) */
static void
an_account_expires(void **state)
{
	(void)state;
	assert_false(is_expired("19000:0:99999:7::*:", 1));
	assert_true(is_expired("19000:0:99999:7::*:", 0));
	assert_true(is_expired("19000:0:99999:7::*:", -1));
	assert_true(is_expired("19000:0:99999:7::1:", 0));
	assert_true(is_expired("19000:0:99999:7::0:", 0));
	assert_false(is_expired("19000:0:99999:7:::", 0));
}

static void
a_password_expires(void **state)
{
	(void)state;
	assert_false(is_expired("*:0:10:7:::", -10));
	assert_true(is_expired("*:0:10:7:::", -11));
	assert_false(is_expired("*:0::7:::", -11));
	assert_true(is_expired("0:0::7:::", 0)); /* must be changed at once */
	assert_false(is_expired("*:0:99999:7:::", 0));
	assert_false(is_expired(":0:10:7:::", 0));
}

static void
who_is_in_no_file_is_asked_for(void **state)
{
	struct auth_host h = host(accounts, "anna:x:1::::::\n");
	struct entry e;

	(void)state;
	assert_int_equal(shadow_find(&h, "berta", &e), RC_NOSUCH);
	assert_string_equal(asked, "passwd berta;");
	asked[0] = '\0';
	passwd_says = "berta:x:2000:200:B:/home/berta:/bin/sh";
	assert_int_equal(shadow_find(&h, "berta", &e), RC_NOSUCH);
	assert_string_equal(asked, "passwd berta;shadow berta;");
	asked[0] = '\0';
	shadow_says = "berta:" HASH ":19000:0:99999:7:::";
	assert_int_equal(shadow_find(&h, "berta", &e), RC_OK);
	assert_string_equal(asked, "passwd berta;shadow berta;");
	assert_int_equal(e.who.uid, 2000);
	assert_string_equal(e.hash, HASH);
	leave(&h);
	/* in passwd and in no shadow file */
	h = host(accounts, "");
	assert_int_equal(shadow_find(&h, "anna", &e), RC_NOSUCH);
	assert_string_equal(asked, "shadow anna;");
	shadow_says = "anna:" HASH ":19000:0:99999:7:::";
	assert_int_equal(shadow_find(&h, "anna", &e), RC_OK);
	assert_string_equal(e.hash, HASH);
	leave(&h);
	/* a host without files; and passwd has the hash, as with NIS */
	h = host(NULL, NULL);
	passwd_says = "anna:" HASH ":1234:567::/home/anna:";
	assert_int_equal(shadow_find(&h, "anna", &e), RC_OK);
	assert_string_equal(e.hash, HASH);
	assert_string_equal(asked, "passwd anna;");
}

/* A name service that takes names in any case, or numbers for names, gives
 * nobody another's mail. */
static void
another_name_is_not_his(void **state)
{
	static const char *const odd[] = {"Anna", "1234", "", "anna:x", "ann"};
	struct auth_policy p = {
	    .min_uid = 100, .passwd_fd = -1, .host = host("", NULL)};
	struct account who = {.uid = 4711};
	const char *why = NULL;
	struct entry e;

	(void)state;
	passwd_says = "anna:" HASH ":1234:567::/home/anna:";
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(shadow_find(&p.host, odd[i], &e), RC_NOSUCH);
	assert_int_equal(
	    auth_password(&p, "Anna", "geheim", &who, &why), RC_DENIED);
	assert_string_equal(why, "unknown-user");
	assert_int_equal(who.uid, 4711);
	assert_int_equal(
	    auth_password(&p, "anna", "geheim", &who, &why), RC_OK);
	assert_int_equal(who.uid, 1234);
	leave(&p.host);
}

static void
what_is_malformed_is_no_account(void **state)
{
	static const char *const lines[] = {"anna", "anna:x", "anna:" HASH,
	    "anna:" HASH ":x:0:99999:7:::", "anna:" HASH ":19000:0:9:7:::::"};
	struct entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct auth_host h = host(accounts, lines[i]);

		assert_int_equal(shadow_find(&h, "anna", &e), RC_NOSUCH);
		assert_int_equal(shadow_find(&h, "bad", &e), RC_NOSUCH);
		passwd_says = lines[i];
		assert_int_equal(shadow_find(&h, "berta", &e), RC_NOSUCH);
		leave(&h);
	}
}

/* verdict - on anna's right password. */
static enum rc
verdict(const struct auth_host *h, const char **why)
{
	struct auth_policy p = {.min_uid = 100, .passwd_fd = -1, .host = *h};
	struct account who;

	return auth_password(&p, "anna", "geheim", &who, why);
}

/* The right password of an account that has expired, whose hash fits no entry,
 * or whose line is none; or where nobody may read it. */
static void
the_right_password_does_not_always_do(void **state)
{
	char line[ENTRY_HASH_OCTETS + 100];
	const char *why = NULL;
	struct auth_host h;

	(void)state;
	h = host(accounts, "anna:" HASH ":19000:0:99999:7::1:");
	assert_int_equal(verdict(&h, &why), RC_DENIED);
	assert_string_equal(why, "expired");
	leave(&h);
	snprintf(line, sizeof(line),
	    "anna:%0*d:19000:0:99999:7:::", ENTRY_HASH_OCTETS + 1, 0);
	h = host(accounts, line);
	assert_int_equal(verdict(&h, &why), RC_DENIED);
	assert_string_equal(why, "unknown-user");
	leave(&h);
	h = host("", NULL);
	passwd_says = "anna:" HASH ":1000:100";
	assert_int_equal(verdict(&h, &why), RC_DENIED);
	assert_string_equal(why, "unknown-user");
	leave(&h);
	h = host(accounts, NULL);
	assert_int_equal(verdict(&h, &why), RC_DENIED);
	assert_string_equal(why, "shadow-unreadable");
	leave(&h);
	h = host(accounts, "anna:" HASH ":19000:0:99999:7:::");
	assert_int_equal(verdict(&h, &why), RC_OK);
	leave(&h);
}

/* Only root may read shadow, and the log shall say so. */
static void
without_root_shadow_is_denied(void **state)
{
	struct auth_host h = host(accounts, NULL);
	struct entry e;

	(void)state;
	assert_int_equal(shadow_find(&h, "anna", &e), RC_DENIED);
	assert_string_equal(asked, "shadow anna;");
	leave(&h);
}

static void
files_and_services_that_fail_are_told_apart(void **state)
{
	struct auth_host h = host("", "");
	struct entry e;

	(void)state;
	fails = RC_IO;
	assert_int_equal(shadow_find(&h, "anna", &e), RC_IO);
	leave(&h);
	h = host(accounts, "");
	fails = RC_IO;
	assert_int_equal(shadow_find(&h, "anna", &e), RC_IO);
	close(h.shadow_fd);
	h.shadow_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fails = RC_OK;
	asked[0] = '\0';
	assert_int_equal(shadow_find(&h, "anna", &e), RC_IO);
	assert_string_equal(asked, "");
	leave(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_account_is_found_with_its_hash),
	    cmocka_unit_test(an_account_expires),
	    cmocka_unit_test(a_password_expires),
	    cmocka_unit_test(who_is_in_no_file_is_asked_for),
	    cmocka_unit_test(another_name_is_not_his),
	    cmocka_unit_test(what_is_malformed_is_no_account),
	    cmocka_unit_test(the_right_password_does_not_always_do),
	    cmocka_unit_test(without_root_shadow_is_denied),
	    cmocka_unit_test(files_and_services_that_fail_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
