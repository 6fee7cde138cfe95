/* Tests of sys/cred: after giving up root there is no way back, and what is
 * kept is the spool's group alone. Each case is a process of its own, since
 * what it does cannot be undone; those that begin as root need root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/cred.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UID = 4321, GID = 4322, SPOOL = 4323, OTHER = 4324 };

/* CHECK - in the child: what is not so is said and ends it with 1. */
#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,       \
			    __LINE__, #what);                                  \
			_exit(1);                                              \
		}                                                              \
	} while (0)

/* in_child - body in a process of its own, which must end well. */
static void
in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
as_root(void (*body)(void))
{
	if (geteuid() != 0)
		skip();
	in_child(body);
}

static struct account
account_of(uid_t uid, gid_t gid)
{
	struct account who = {.name = "someone", .uid = uid, .gid = gid};

	return who;
}

/* crowd - what a superserver may leave: supplementary groups, root's too. */
static void
crowd(void)
{
	const gid_t groups[] = {0, SPOOL, OTHER};

	CHECK(setgroups(3, groups) == 0);
}

/* is - the process is uid, gid and saved, and can be nothing else. */
static void
is(uid_t uid, gid_t gid, gid_t effective, gid_t saved)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	CHECK(getresuid(&r, &e, &s) == 0);
	CHECK(r == uid && e == uid && s == uid);
	CHECK(getresgid(&rg, &eg, &sg) == 0);
	CHECK(rg == gid && eg == effective && sg == saved);
	CHECK(getgroups(0, NULL) == 0);
}

static void
no_way_back(void)
{
	const gid_t root_group = 0;

	CHECK(setuid(0) != 0 && seteuid(0) != 0);
	CHECK(setresuid((uid_t)-1, (uid_t)-1, 0) != 0);
	CHECK(setresuid(OTHER, OTHER, OTHER) != 0);
	CHECK(setgid(0) != 0 && setegid(0) != 0);
	CHECK(setresgid((gid_t)-1, (gid_t)-1, 0) != 0);
	CHECK(setresgid(OTHER, OTHER, OTHER) != 0);
	CHECK(setgroups(1, &root_group) != 0);
	CHECK(chroot("/") != 0);
}

static void
becomes(void)
{
	struct account who = account_of(UID, GID);

	crowd();
	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_OK);
	is(UID, GID, GID, GID);
	no_way_back();
	CHECK(setegid(SPOOL) != 0);
}

static void
becoming_somebody_is_for_good(void **state)
{
	(void)state;
	as_root(becomes);
}

static void
becomes_with_group(void)
{
	struct account who = account_of(UID, GID);

	crowd();
	CHECK(cred_become(&who, SPOOL) == RC_OK);
	is(UID, GID, GID, SPOOL); /* saved, not effective */
	no_way_back();
	for (unsigned i = 0; i < 3; i++) {
		CHECK(cred_raise(SPOOL) == RC_OK);
		is(UID, GID, SPOOL, SPOOL);
		no_way_back();
		errno = EBUSY;
		CHECK(cred_lower(GID) == RC_OK);
		CHECK(errno == EBUSY); /* what the work in between left */
		is(UID, GID, GID, SPOOL);
	}
	CHECK(cred_raise(CRED_NO_GROUP) == RC_OK);
	is(UID, GID, GID, SPOOL);
	errno = 0;
	CHECK(cred_raise(OTHER) == RC_IO && errno == EPERM);
	CHECK(cred_raise(0) == RC_IO && errno == EPERM);
	CHECK(cred_lower(OTHER) == RC_IO && errno == EPERM);
	is(UID, GID, GID, SPOOL);
}

static void
the_spools_group_is_raised_and_lowered(void **state)
{
	(void)state;
	as_root(becomes_with_group);
}

static void
the_raised_group_opens(void)
{
	struct account who = account_of(UID, GID);
	char path[] = "/tmp/in.popd-cred_test.XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	/* No early end from here on, or the file stays. */
	if (fchown(fd, 0, SPOOL) == 0 && fchmod(fd, 0060) == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			CHECK(cred_become(&who, SPOOL) == RC_OK);
			CHECK(open(path, O_RDWR) == -1 && errno == EACCES);
			CHECK(cred_raise(SPOOL) == RC_OK);
			CHECK(open(path, O_RDWR) >= 0);
			CHECK(cred_lower(GID) == RC_OK);
			CHECK(open(path, O_RDWR) == -1 && errno == EACCES);
			_exit(0);
		}
		if (pid > 0 && waitpid(pid, &fd, 0) != pid)
			fd = -1;
	}
	unlink(path);
	CHECK(fd == 0);
}

static void
only_while_raised_the_group_counts(void **state)
{
	(void)state;
	as_root(the_raised_group_opens);
}

/* refused - cred_become says DENIED, and has not begun to change anything. */
static void
refused(uid_t uid, gid_t gid, gid_t spool)
{
	struct account who = account_of(uid, gid);
	uid_t r, e, s;

	CHECK(cred_become(&who, spool) == RC_DENIED);
	CHECK(getresuid(&r, &e, &s) == 0);
	CHECK(r == 0 && e == 0 && s == 0);
}

static void
refuses_root(void)
{
	refused(0, GID, CRED_NO_GROUP);
	refused(UID, 0, CRED_NO_GROUP);
	refused(0, 0, CRED_NO_GROUP);
	refused(UID, 0, SPOOL);
	refused(UID, GID, 0);
}

static void
nobody_becomes_root(void **state)
{
	(void)state;
	as_root(refuses_root);
}

/* -1 means "leave as it is" to the kernel. */
static void
refuses_no_uid(void)
{
	struct account who = account_of((uid_t)-1, GID);

	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_DENIED);
}

static void
refuses_no_gid(void)
{
	struct account who = account_of(UID, (gid_t)-1);

	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_DENIED);
}

static void
minus_one_is_nobody(void **state)
{
	(void)state;
	as_root(refuses_no_uid);
	as_root(refuses_no_gid);
}

static void
is_itself_already(void)
{
	struct account who = account_of(getuid(), getgid());
	struct account other = account_of(getuid() + 1, getgid());
	struct account root = account_of(0, 0);

	if (geteuid() == 0) {
		CHECK(setgroups(0, NULL) == 0);
		CHECK(setresgid(GID, GID, GID) == 0);
		CHECK(setresuid(UID, UID, UID) == 0);
		who = account_of(UID, GID);
		other = account_of(OTHER, GID);
	}
	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_OK);
	CHECK(cred_become(&other, CRED_NO_GROUP) == RC_DENIED);
	CHECK(cred_become(&root, CRED_NO_GROUP) == RC_DENIED);
	CHECK(geteuid() == who.uid);
	CHECK(cred_raise(CRED_NO_GROUP) == RC_OK);
	errno = 0;
	CHECK(cred_raise(0) == RC_IO && errno == EPERM);
	errno = 0;
	CHECK(cred_jail(OTHER, OTHER, AT_FDCWD) == RC_IO);
}

static void
without_root_one_is_oneself_or_nobody(void **state)
{
	(void)state;
	in_child(is_itself_already);
}

/* A set-user-id start: root may be saved though it is not effective. */
static void
saved_root(void)
{
	struct account who = account_of(UID, GID);

	CHECK(setresuid(UID, UID, 0) == 0);
	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_DENIED);
}

static void
real_root(void)
{
	struct account who = account_of(UID, GID);

	CHECK(setresuid(0, UID, UID) == 0);
	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_DENIED);
}

static void
effective_other(void)
{
	struct account who = account_of(UID, GID);

	CHECK(setresuid(UID, OTHER, UID) == 0);
	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_DENIED);
}

static void
root_in_reserve_is_denied(void **state)
{
	(void)state;
	as_root(saved_root);
	as_root(real_root);
	as_root(effective_other);
}

/* entries - how many names are in the directory path, "." and ".." apart. */
static unsigned
entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			n++;
	}
	closedir(d);
	return n;
}

static char jail[] = "/tmp/in.popd-cred_test.XXXXXX";
static int jail_fd;

static void
is_jailed(void)
{
	char path[64];

	crowd();
	CHECK(cred_jail(UID, GID, jail_fd) == RC_OK);
	close(jail_fd);
	is(UID, GID, GID, GID);
	no_way_back();
	CHECK(getcwd(path, sizeof(path)) != NULL);
	CHECK(strcmp(path, "/") == 0);
	CHECK(entries("/") == 0 && entries("..") == 0 && entries("../..") == 0);
	CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(open("x", O_RDWR | O_CREAT, 0600) == -1 && errno == EACCES);
}

static void
jail_of_root(void)
{
	CHECK(cred_jail(0, GID, jail_fd) == RC_DENIED);
}

static void
jail_of_roots_group(void)
{
	CHECK(cred_jail(UID, 0, jail_fd) == RC_DENIED);
}

static void
jail_of_nothing(void)
{
	errno = 0;
	CHECK(cred_jail(UID, GID, -1) == RC_IO && errno == EBADF);
	CHECK(entries("/") > 0);
	errno = 0;
	CHECK(cred_jail(UID, GID, open("/dev/null", O_RDONLY)) == RC_IO);
	CHECK(errno == ENOTDIR);
}

static int
make_jail(void **state)
{
	(void)state;
	if (mkdtemp(jail) == NULL || chmod(jail, 0555) != 0)
		return -1;
	jail_fd = open(jail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return jail_fd >= 0 ? 0 : -1;
}

static int
remove_jail(void **state)
{
	(void)state;
	close(jail_fd);
	return rmdir(jail);
}

static void
the_jail_is_empty_and_for_good(void **state)
{
	(void)state;
	as_root(is_jailed);
}

static void
the_jail_is_not_for_root(void **state)
{
	(void)state;
	as_root(jail_of_root);
	as_root(jail_of_roots_group);
}

static void
a_jail_that_cannot_be_entered_is_io(void **state)
{
	(void)state;
	as_root(jail_of_nothing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(becoming_somebody_is_for_good),
	    cmocka_unit_test(the_spools_group_is_raised_and_lowered),
	    cmocka_unit_test(only_while_raised_the_group_counts),
	    cmocka_unit_test(nobody_becomes_root),
	    cmocka_unit_test(minus_one_is_nobody),
	    cmocka_unit_test(without_root_one_is_oneself_or_nobody),
	    cmocka_unit_test(root_in_reserve_is_denied),
	    cmocka_unit_test(the_jail_is_empty_and_for_good),
	    cmocka_unit_test(the_jail_is_not_for_root),
	    cmocka_unit_test(a_jail_that_cannot_be_entered_is_io),
	};

	return cmocka_run_group_tests(tests, make_jail, remove_jail);
}
