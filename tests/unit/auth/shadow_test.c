/* shadow - the system's own accounts. What needs an account of a known shape
 * makes one, as root, and takes it away again. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/entry.h"
#include <dlfcn.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* crypt(3) of "geheim". */
#define HASH "$5$abcdefgh$azU9PNNJw9essBuwq5yihWY9lFXM0dF54Ph4sAxX.YB"

static char name[32]; /* the account that we made, or "" */

static struct passwd *given; /* what getpwnam finds, if it is not NULL */

/* getpwnam - the real one, unless something is given. */
struct passwd *
getpwnam(const char *user)
{
	union {
		void *found;
		struct passwd *(*call)(const char *);
	} real = {.found = dlsym(RTLD_NEXT, "getpwnam")};

	assert_non_null(real.found);
	return given != NULL ? given : real.call(user);
}

/* run - a program with its arguments; 1 when it ended well. */
static unsigned
run(const char *const argv[])
{
	/* execvp(3) takes it without const, and keeps it all the same. */
	union {
		const char *const *given;
		char *const *taken;
	} args = {.given = argv};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) != NULL)
			execvp(argv[0], args.taken);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int
make_user(void **state)
{
	const char *const argv[] = {"useradd", "-M", "-N", "-g", "nogroup",
	    "-d", "/nonexistent", "-s", "/usr/sbin/nologin", "-p", HASH, name,
	    NULL};

	(void)state;
	if (geteuid() != 0)
		return 0;
	snprintf(name, sizeof(name), "popd-test-%d", (int)getpid() % 100000);
	if (!run(argv))
		name[0] = '\0';
	return 0;
}

static int
remove_user(void **state)
{
	const char *const argv[] = {"userdel", name, NULL};
	unsigned gone = name[0] == '\0';

	(void)state;
	/* Somebody else may have the files locked just now. */
	for (unsigned tries = 0; tries < 20 && !gone; tries++) {
		gone = run(argv);
		if (!gone)
			sleep(1);
	}
	return gone ? 0 : -1;
}

/* chage - sets the account's days; look - and what is found then. */
static void
chage(const char *option, const char *value)
{
	const char *const argv[] = {"chage", option, value, name, NULL};

	assert_true(run(argv));
}

static const char *
day(long offset)
{
	static char text[24];

	snprintf(
	    text, sizeof(text), "%ld", (long)(time(NULL) / 86400) + offset);
	return text;
}

static unsigned
is_expired(void)
{
	struct entry e;

	assert_int_equal(shadow_find(name, &e), RC_OK);
	return e.expired;
}

static void
an_account_is_found_with_its_hash(void **state)
{
	struct entry e;

	(void)state;
	if (name[0] == '\0')
		skip();
	assert_int_equal(shadow_find(name, &e), RC_OK);
	assert_string_equal(e.who.name, name);
	assert_string_equal(e.who.home, "/nonexistent");
	assert_string_equal(e.hash, HASH);
	assert_true(e.who.uid != 0);
	assert_int_equal(e.expired, 0);
}

static void
an_account_expires(void **state)
{
	(void)state;
	if (name[0] == '\0')
		skip();
	chage("-E", day(1));
	assert_false(is_expired());
	chage("-E", day(0));
	assert_true(is_expired());
	chage("-E", day(-1));
	assert_true(is_expired());
	chage("-E", "1");
	assert_true(is_expired());
	chage("-E", "0");
	assert_true(is_expired());
	chage("-E", "-1");
	assert_false(is_expired());
}

static void
a_password_expires(void **state)
{
	(void)state;
	if (name[0] == '\0')
		skip();
	chage("-M", "10");
	chage("-d", day(-10));
	assert_false(is_expired());
	chage("-d", day(-11));
	assert_true(is_expired());
	chage("-M", "-1");
	assert_false(is_expired());
	chage("-d", "0"); /* must be changed at once, which POP cannot */
	assert_true(is_expired());
	chage("-d", day(0));
	chage("-M", "99999");
	assert_false(is_expired());
}

/* The whole way: right and wrong password, locked, expired. */
static void
the_verdict_on_a_system_account(void **state)
{
	const struct auth_policy p = {.min_uid = 1, .passwd_fd = -1};
	const char *const lock[] = {"usermod", "-L", name, NULL};
	const char *const unlock[] = {"usermod", "-U", name, NULL};
	struct account who = {.uid = 4711};
	const char *why = NULL;

	(void)state;
	if (name[0] == '\0')
		skip();
	assert_int_equal(
	    auth_password(&p, name, "falsch", &who, &why), RC_DENIED);
	assert_string_equal(why, "bad-password");
	assert_int_equal(auth_password(&p, name, "x", &who, &why), RC_DENIED);
	chage("-E", "1");
	assert_int_equal(
	    auth_password(&p, name, "geheim", &who, &why), RC_DENIED);
	assert_string_equal(why, "expired");
	chage("-E", "-1");
	assert_true(run(lock));
	assert_int_equal(
	    auth_password(&p, name, "geheim", &who, &why), RC_DENIED);
	assert_string_equal(why, "locked");
	assert_int_equal(who.uid, 4711);
	assert_true(run(unlock));
	assert_int_equal(auth_password(&p, name, "geheim", &who, &why), RC_OK);
	assert_string_equal(who.name, name);
}

static void
unknown_names_are_not_found(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(shadow_find("nobody-of-this-name", &e), RC_NOSUCH);
	assert_int_equal(shadow_find("", &e), RC_NOSUCH);
	assert_int_equal(shadow_find("root:x", &e), RC_NOSUCH);
}

/* Where passwd itself has the hash (NIS, old systems), shadow is not asked; and
 * a name service that takes names in any case gives nobody another's mail. */
static void
what_passwd_says_counts_but_for_another_name(void **state)
{
	static char anna[] = "anna", hash[] = HASH, home[] = "/home/anna";
	const struct auth_policy p = {.min_uid = 100, .passwd_fd = -1};
	struct passwd pw = {.pw_name = anna,
	    .pw_passwd = hash,
	    .pw_uid = 1234,
	    .pw_gid = 567,
	    .pw_dir = home};
	struct account who = {.uid = 4711};
	const char *why = NULL;
	struct entry e;

	(void)state;
	given = &pw;
	assert_int_equal(shadow_find("anna", &e), RC_OK);
	assert_string_equal(e.hash, HASH);
	assert_int_equal(e.expired, 0);
	assert_int_equal(
	    auth_password(&p, "Anna", "geheim", &who, &why), RC_DENIED);
	assert_string_equal(why, "unknown-user");
	assert_int_equal(who.uid, 4711);
	assert_int_equal(
	    auth_password(&p, "anna", "geheim", &who, &why), RC_OK);
	assert_int_equal(who.uid, 1234);
	given = NULL;
}

/* Only root may read shadow, and the log shall say so. (Not asked of root: NSS
 * modules make that one up for everybody.) */
static void
without_root_shadow_is_denied(void **state)
{
	struct entry e;

	(void)state;
	if (geteuid() == 0)
		skip();
	assert_int_equal(shadow_find("daemon", &e), RC_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_account_is_found_with_its_hash),
	    cmocka_unit_test(an_account_expires),
	    cmocka_unit_test(a_password_expires),
	    cmocka_unit_test(the_verdict_on_a_system_account),
	    cmocka_unit_test(unknown_names_are_not_found),
	    cmocka_unit_test(what_passwd_says_counts_but_for_another_name),
	    cmocka_unit_test(without_root_shadow_is_denied),
	};

	return cmocka_run_group_tests(tests, make_user, remove_user);
}
