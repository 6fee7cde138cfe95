/* Tests of sys/file: what somebody else may have put under a name (links,
 * FIFOs, directories, foreign files), also at the worst moment, is not opened
 * and not harmed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/file.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { STRANGER = 4321 }; /* a uid and gid that is not ours */

static char top[] = "/tmp/in.popd-file_test.XXXXXX";
static int dir = -1; /* the directory of one test */

/* fstatat as file.c calls it: the hook runs once behind the real one, between
 * the look at a name and its opening. */
static void (*hook)(void);

int
fstatat(
    int dirfd, const char *restrict name, struct stat *restrict st, int flags)
{
	int (*real)(int, const char *, struct stat *, int);
	void *symbol = dlsym(RTLD_NEXT, "fstatat");
	void (*now)(void) = hook;
	int result, was;

	memcpy(&real, &symbol, sizeof(real));
	result = real(dirfd, name, st, flags);
	was = errno;
	hook = NULL;
	if (now != NULL)
		now();
	errno = was;
	return result;
}

static int
make_top(void **state)
{
	(void)state;
	umask(077);
	return mkdtemp(top) != NULL ? 0 : -1;
}

/* remove_all - what the tests make: files, and directories one in another. */
static void
remove_all(int dirfd, unsigned depth)
{
	static const char *const names[] = {"f", "other", "d", "x", "y", "z"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd;

		if (unlinkat(dirfd, names[i], 0) == 0 || depth == 0 ||
		    fchmodat(dirfd, names[i], 0700, 0) != 0)
			continue;
		fd = openat(dirfd, names[i],
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		remove_all(fd, depth - 1);
		close(fd);
		unlinkat(dirfd, names[i], AT_REMOVEDIR);
	}
}

static int
remove_top(void **state)
{
	(void)state;
	return rmdir(top);
}

static int
enter(void **state)
{
	(void)state;
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir >= 0 ? 0 : -1;
}

static int
leave(void **state)
{
	(void)state;
	hook = NULL;
	umask(077);
	remove_all(dir, 5);
	return close(dir);
}

static void
make_file(const char *name)
{
	int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, name, strlen(name)), strlen(name));
	close(fd);
}

static struct stat
stat_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

/* opens - file_open_own of "f" gives rc; where it opens, it is that file. */
static void
opens(int flags, enum rc rc)
{
	struct stat st;
	int fd = -7;

	assert_int_equal(file_open_own(dir, "f", flags, geteuid(), &fd), rc);
	if (rc != RC_OK) {
		assert_int_equal(fd, -7);
		return;
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_ino == stat_of("f").st_ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, flags & O_ACCMODE);
	close(fd);
}

/* opens_not - neither way of opening gives anything but rc. */
static void
opens_not(enum rc rc)
{
	opens(O_RDONLY, rc);
	opens(O_RDWR, rc);
	opens(O_RDWR | O_CREAT, rc);
}

static void
a_file_of_ones_own_is_opened(void **state)
{
	char got[4];
	int fd;

	(void)state;
	make_file("f");
	opens(O_RDONLY, RC_OK);
	opens(O_RDWR, RC_OK);
	opens(O_RDWR | O_CREAT, RC_OK);
	assert_int_equal(
	    file_open_own(dir, "f", O_RDWR | O_CREAT, geteuid(), &fd), RC_OK);
	assert_int_equal(read(fd, got, sizeof(got)), 1); /* not truncated */
	close(fd);
}

static void
an_absent_file_is_made_when_wanted(void **state)
{
	(void)state;
	opens(O_RDONLY, RC_NOSUCH);
	opens(O_RDWR, RC_NOSUCH);
	umask(0);
	opens(O_RDWR | O_CREAT, RC_OK);
	umask(077);
	assert_int_equal(stat_of("f").st_mode, S_IFREG | 0600);
	assert_int_equal(stat_of("f").st_size, 0);
}

static void
a_name_below_no_directory_is_absent(void **state)
{
	int fd;

	(void)state;
	make_file("f");
	assert_int_equal(
	    file_open_own(dir, "f/x", O_RDWR | O_CREAT, geteuid(), &fd),
	    RC_NOSUCH);
	assert_int_equal(
	    file_open_own(dir, "d/x", O_RDWR, geteuid(), &fd), RC_NOSUCH);
}

static void
a_symbolic_link_is_denied(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("other", dir, "f"), 0);
	opens_not(RC_DENIED); /* one that leads nowhere: nothing is made */
	assert_int_equal(faccessat(dir, "other", F_OK, 0), -1);
	make_file("other");
	opens_not(RC_DENIED);
}

static void
a_fifo_is_denied_at_once(void **state)
{
	(void)state;
	assert_int_equal(mkfifoat(dir, "f", 0600), 0);
	alarm(20); /* rather than to hang */
	opens_not(RC_DENIED);
	alarm(0);
}

static void
a_directory_is_denied(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dir, "f", 0700), 0);
	opens_not(RC_DENIED);
}

static void
a_device_is_denied(void **state)
{
	(void)state;
	if (mknodat(dir, "f", S_IFCHR | 0600, makedev(1, 3)) != 0)
		skip();
	opens_not(RC_DENIED);
}

static void
a_second_link_is_denied(void **state)
{
	(void)state;
	make_file("other");
	assert_int_equal(linkat(dir, "other", dir, "f", 0), 0);
	opens_not(RC_DENIED);
	assert_int_equal(unlinkat(dir, "other", 0), 0);
	opens(O_RDWR, RC_OK);
}

static void
a_foreign_file_is_denied(void **state)
{
	int fd = -7;

	(void)state;
	make_file("f");
	assert_int_equal(
	    file_open_own(dir, "f", O_RDWR, STRANGER, &fd), RC_DENIED);
	assert_int_equal(
	    file_open_own(dir, "f", O_RDWR | O_CREAT, STRANGER, &fd),
	    RC_DENIED);
	assert_int_equal(fd, -7);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(dir, "f", STRANGER, STRANGER, 0), 0);
	opens_not(RC_DENIED); /* though root may read it */
	assert_int_equal(file_open_own(dir, "f", O_RDWR, STRANGER, &fd), RC_OK);
	close(fd);
}

static void
no_permission_is_denied(void **state)
{
	(void)state;
	if (geteuid() == 0)
		skip();
	make_file("f");
	assert_int_equal(fchmodat(dir, "f", 0400, 0), 0);
	opens(O_RDONLY, RC_OK);
	opens(O_RDWR, RC_DENIED);
	assert_int_equal(unlinkat(dir, "f", 0), 0);
	assert_int_equal(chmod(top, 0500), 0);
	opens(O_RDWR | O_CREAT, RC_DENIED);
	assert_int_equal(chmod(top, 0700), 0);
}

static void
other_failures_are_io(void **state)
{
	char name[NAME_MAX + 2];
	int fd;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	errno = 0;
	assert_int_equal(
	    file_open_own(dir, name, O_RDWR, geteuid(), &fd), RC_IO);
	assert_int_equal(errno, ENAMETOOLONG);
	errno = 0;
	assert_int_equal(file_open_own(-1, "f", O_RDWR, geteuid(), &fd), RC_IO);
	assert_int_equal(errno, EBADF);
}

/* What happens between the look at the name and its opening. */
static void
hook_make(void)
{
	make_file("f");
}

static void
hook_remove(void)
{
	unlinkat(dir, "f", 0);
}

static void
hook_replace(void)
{
	make_file("other");
	renameat(dir, "other", dir, "f");
}

static void
hook_symlink(void)
{
	make_file("other");
	unlinkat(dir, "f", 0);
	assert_int_equal(symlinkat("other", dir, "f"), 0);
}

static void
hook_fifo(void)
{
	assert_int_equal(mkfifoat(dir, "other", 0600), 0);
	renameat(dir, "other", dir, "f");
}

static void
hook_link(void)
{
	assert_int_equal(linkat(dir, "f", dir, "other", 0), 0);
}

/* raced - like opens, with what happening in between. */
static void
raced(void (*what)(void), int flags, enum rc rc)
{
	int fd = -7;

	hook = what;
	alarm(20);
	assert_int_equal(file_open_own(dir, "f", flags, geteuid(), &fd), rc);
	alarm(0);
	assert_true(hook == NULL); /* it has run */
	assert_int_equal(fd, -7);
}

static void
a_name_that_changes_meanwhile_is_seen(void **state)
{
	(void)state;
	raced(hook_make, O_RDWR | O_CREAT, RC_CHANGED);
	raced(hook_replace, O_RDWR, RC_CHANGED);
	raced(hook_replace, O_RDWR | O_CREAT, RC_CHANGED);
	raced(hook_remove, O_RDWR, RC_CHANGED);
	make_file("f");
	raced(hook_remove, O_RDWR | O_CREAT, RC_CHANGED);
	assert_int_equal(faccessat(dir, "f", F_OK, 0), -1); /* not made anew */
}

static void
a_trap_that_is_laid_meanwhile_is_seen(void **state)
{
	(void)state;
	make_file("f");
	raced(hook_link, O_RDWR, RC_DENIED);
	assert_int_equal(unlinkat(dir, "other", 0), 0);
	raced(hook_symlink, O_RDWR, RC_DENIED);
	assert_int_equal(unlinkat(dir, "f", 0), 0);
	assert_int_equal(unlinkat(dir, "other", 0), 0);
	make_file("f");
	raced(hook_fifo, O_RDONLY, RC_CHANGED);
}

static void
a_file_is_still_the_one_that_is_open(void **state)
{
	int fd;

	(void)state;
	make_file("f");
	assert_int_equal(
	    file_open_own(dir, "f", O_RDWR, geteuid(), &fd), RC_OK);
	assert_int_equal(file_is_still(fd, dir, "f"), RC_OK);
	assert_int_equal(write(fd, "more", 4), 4);
	assert_int_equal(file_is_still(fd, dir, "f"), RC_OK);

	assert_int_equal(linkat(dir, "f", dir, "other", 0), 0);
	assert_int_equal(file_is_still(fd, dir, "f"), RC_CHANGED);
	assert_int_equal(unlinkat(dir, "f", 0), 0);
	assert_int_equal(file_is_still(fd, dir, "f"), RC_CHANGED);
	assert_int_equal(file_is_still(fd, dir, "other"), RC_OK);
	assert_int_equal(symlinkat("other", dir, "f"), 0);
	assert_int_equal(file_is_still(fd, dir, "f"), RC_CHANGED);
	assert_int_equal(unlinkat(dir, "f", 0), 0);
	make_file("f");
	assert_int_equal(file_is_still(fd, dir, "f"), RC_CHANGED);
	assert_int_equal(renameat(dir, "other", dir, "f"), 0);
	assert_int_equal(file_is_still(fd, dir, "f"), RC_OK);

	errno = 0;
	assert_int_equal(file_is_still(fd, -1, "f"), RC_IO);
	assert_int_equal(errno, EBADF);
	close(fd);
	errno = 0;
	assert_int_equal(file_is_still(fd, dir, "f"), RC_IO);
	assert_int_equal(errno, EBADF);
}

static void
a_directory_is_opened_for_names_in_it(void **state)
{
	char path[PATH_MAX], name[NAME_MAX + 2];
	int fd, f;

	(void)state;
	assert_int_equal(file_open_dir(top, &fd), RC_OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(
	    file_open_own(fd, "f", O_RDWR | O_CREAT, geteuid(), &f), RC_OK);
	close(f);
	close(fd);
	snprintf(path, sizeof(path), "%s/f", top);
	assert_int_equal(file_open_dir(path, &fd), RC_NOSUCH); /* a file */
	assert_int_equal(fd, -1);
	snprintf(path, sizeof(path), "%s/d", top);
	assert_int_equal(file_open_dir(path, &fd), RC_NOSUCH);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	errno = 0;
	assert_int_equal(file_open_dir(name, &fd), RC_IO);
	assert_int_equal(errno, ENAMETOOLONG);
	if (geteuid() == 0)
		return;
	assert_int_equal(mkdirat(dir, "d", 0), 0);
	snprintf(path, sizeof(path), "%s/d/x", top);
	assert_int_equal(file_open_dir(path, &fd), RC_DENIED);
}

/* makes - file_make_dir of "d" gives rc. */
static void
makes(mode_t mode, enum rc rc)
{
	int fd = -7;

	assert_int_equal(
	    file_make_dir(dir, "d", mode, geteuid(), getegid(), &fd), rc);
	if (rc != RC_OK) {
		assert_int_equal(fd, -7);
		return;
	}
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void
a_directory_is_made_with_its_mode(void **state)
{
	static const mode_t modes[] = {0700, 0711, 0755, 0555, 0500};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		umask(i % 2 == 0 ? 077 : 0);
		makes(modes[i], RC_OK);
		assert_int_equal(stat_of("d").st_mode, S_IFDIR | modes[i]);
		makes(0700, RC_OK); /* one that is there stays as it is */
		assert_int_equal(stat_of("d").st_mode, S_IFDIR | modes[i]);
		assert_int_equal(unlinkat(dir, "d", AT_REMOVEDIR), 0);
	}
}

/* A set-group-id directory gives that bit to what is made in it, as Debian's
 * /var/mail does. */
static void
a_directory_below_one_of_a_group(void **state)
{
	(void)state;
	assert_int_equal(fchmod(dir, 02755), 0);
	makes(0711, RC_OK);
	assert_int_equal(stat_of("d").st_mode, S_IFDIR | 0711);
	assert_int_equal(unlinkat(dir, "d", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(dir, "d", 0400), 0); /* a kill came */
	makes(0700, RC_OK);
	assert_int_equal(stat_of("d").st_mode, S_IFDIR | 0700);
	assert_int_equal(unlinkat(dir, "d", AT_REMOVEDIR), 0);
	assert_int_equal(fchmod(dir, 0755), 0);
}

static void
a_directory_is_made_for_its_owner(void **state)
{
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(
	    file_make_dir(dir, "d", 0700, STRANGER, STRANGER + 1, &fd), RC_OK);
	close(fd);
	assert_int_equal(stat_of("d").st_uid, STRANGER);
	assert_int_equal(stat_of("d").st_gid, STRANGER + 1);
	assert_int_equal(stat_of("d").st_mode, S_IFDIR | 0700);
	makes(0700, RC_DENIED); /* it is not root's */
}

static void
a_foreign_directory_is_denied(void **state)
{
	int fd = -7;

	(void)state;
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(fchmodat(dir, "d", 0755, 0), 0);
	assert_int_equal(
	    file_make_dir(dir, "d", 0700, STRANGER, STRANGER, &fd), RC_DENIED);
	assert_int_equal(fd, -7);
	assert_int_equal(stat_of("d").st_uid, geteuid());
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(dir, "d", STRANGER + 1, 0, 0), 0);
	assert_int_equal(fchmodat(dir, "d", 0700, 0), 0);
	assert_int_equal(
	    file_make_dir(dir, "d", 0700, STRANGER, STRANGER, &fd), RC_DENIED);
}

static void
a_directory_that_others_can_write_to_is_denied(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(fchmodat(dir, "d", 0720, 0), 0);
	makes(0700, RC_DENIED);
	assert_int_equal(fchmodat(dir, "d", 0702, 0), 0);
	makes(0700, RC_DENIED);
	assert_int_equal(fchmodat(dir, "d", 01777, 0), 0);
	makes(0700, RC_DENIED);
	assert_int_equal(fchmodat(dir, "d", 0755, 0), 0);
	makes(0700, RC_OK);
}

static void
what_is_no_directory_is_denied(void **state)
{
	(void)state;
	make_file("d");
	makes(0700, RC_DENIED);
	assert_int_equal(unlinkat(dir, "d", 0), 0);
	assert_int_equal(mkfifoat(dir, "d", 0600), 0);
	makes(0700, RC_DENIED);
	assert_int_equal(unlinkat(dir, "d", 0), 0);
	assert_int_equal(mkdirat(dir, "other", 0700), 0);
	assert_int_equal(symlinkat("other", dir, "d"), 0);
	makes(0700, RC_DENIED); /* a link to a good one */
	assert_int_equal(unlinkat(dir, "d", 0), 0);
	assert_int_equal(symlinkat("x", dir, "d"), 0);
	makes(0700, RC_DENIED); /* a link to nowhere */
	assert_int_equal(faccessat(dir, "x", F_OK, 0), -1);
}

static void
a_directory_below_nothing_is_absent(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(
	    file_make_dir(dir, "x/d", 0700, geteuid(), getegid(), &fd),
	    RC_NOSUCH);
	errno = 0;
	assert_int_equal(
	    file_make_dir(-1, "d", 0700, geteuid(), getegid(), &fd), RC_IO);
	assert_int_equal(errno, EBADF);
	if (geteuid() == 0)
		return;
	assert_int_equal(chmod(top, 0500), 0);
	makes(0700, RC_DENIED);
	assert_int_equal(chmod(top, 0700), 0);
}

/* A kill between the calls that make a directory must not lock its owner out
 * of it for ever: each state that it can leave is finished by the next. */
static void
a_directory_that_was_left_unfinished_is_finished(void **state)
{
	uid_t uid = geteuid() == 0 ? STRANGER : geteuid();
	gid_t gid = geteuid() == 0 ? STRANGER : getegid();

	(void)state;
	for (unsigned has_mode = 0; has_mode < 2; has_mode++) {
		int fd;

		assert_int_equal(mkdirat(dir, "d", has_mode ? 0700 : 0400), 0);
		assert_int_equal(
		    file_make_dir(dir, "d", 0700, uid, gid, &fd), RC_OK);
		close(fd);
		assert_int_equal(stat_of("d").st_uid, uid);
		assert_int_equal(stat_of("d").st_gid, gid);
		assert_int_equal(stat_of("d").st_mode, S_IFDIR | 0700);
		assert_int_equal(unlinkat(dir, "d", AT_REMOVEDIR), 0);
	}
}

/* But what another has left so is none of ours to finish. */
static void
anothers_unfinished_directory_stays(void **state)
{
	int fd = -7;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(dir, "d", 0400), 0);
	assert_int_equal(fchownat(dir, "d", STRANGER, STRANGER, 0), 0);
	assert_int_equal(
	    file_make_dir(dir, "d", 0700, STRANGER, STRANGER, &fd), RC_OK);
	close(fd);
	assert_int_equal(stat_of("d").st_mode, S_IFDIR | 0400);
}

static void
parents_are_made(void **state)
{
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/x/y//z/d", top);
	umask(077);
	file_make_parents(path);
	assert_int_equal(umask(077), 077);
	assert_int_equal(stat_of("x").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of("x/y").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of("x/y/z").st_mode, S_IFDIR | 0755);
	assert_int_equal(faccessat(dir, "x/y/z/d", F_OK, 0), -1);
	assert_int_equal(fchmodat(dir, "x", 0700, 0), 0);
	file_make_parents(path); /* those that are there stay as they are */
	assert_int_equal(stat_of("x").st_mode, S_IFDIR | 0700);
}

static void
relative_parents_are_made(void **state)
{
	int was = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(was >= 0);
	assert_int_equal(fchdir(dir), 0);
	file_make_parents("x/y/d");
	file_make_parents("d");
	assert_int_equal(fchdir(was), 0);
	close(was);
	assert_int_equal(stat_of("x/y").st_mode, S_IFDIR | 0755);
	assert_int_equal(faccessat(dir, "d", F_OK, 0), -1);
}

static void
parents_that_cannot_be_made_are_left(void **state)
{
	static char path[PATH_MAX + 8];

	(void)state;
	make_file("x");
	snprintf(path, sizeof(path), "%s/x/y/d", top);
	file_make_parents(path);
	assert_true(S_ISREG(stat_of("x").st_mode));
	assert_int_equal(umask(077), 077);
	memset(path, 'a', sizeof(path) - 1);
	path[0] = path[2] = '/';
	file_make_parents(path); /* longer than any path */
	file_make_parents("");
	file_make_parents("/");
}

static void
closing_forgets_the_descriptor_and_keeps_errno(void **state)
{
	int fd = dup(dir), was = fd;

	(void)state;
	assert_true(fd >= 0);
	errno = EFBIG;
	file_close(&fd);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
	errno = EFBIG;
	file_close(&fd); /* again is harmless */
	assert_int_equal(errno, EFBIG);
	assert_int_equal(fd, -1);
	fd = was; /* closed already: errno stays all the same */
	file_close(&fd);
	assert_int_equal(errno, EFBIG);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

static void
only_a_full_disk_says_that_nothing_is_there(void **state)
{
	(void)state;
	assert_true(file_may_be_there(RC_IO, EIO));
	assert_true(file_may_be_there(RC_IO, EINTR));
	assert_true(file_may_be_there(RC_IO, EMFILE));
	assert_true(file_may_be_there(RC_IO, ENOLCK));
	assert_false(file_may_be_there(RC_IO, ENOSPC));
	assert_false(file_may_be_there(RC_IO, EDQUOT));
	assert_false(file_may_be_there(RC_OK, EIO));
	assert_false(file_may_be_there(RC_DENIED, EIO));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_file_of_ones_own_is_opened),
	    CASE(an_absent_file_is_made_when_wanted),
	    CASE(a_name_below_no_directory_is_absent),
	    CASE(a_symbolic_link_is_denied),
	    CASE(a_fifo_is_denied_at_once),
	    CASE(a_directory_is_denied),
	    CASE(a_device_is_denied),
	    CASE(a_second_link_is_denied),
	    CASE(a_foreign_file_is_denied),
	    CASE(no_permission_is_denied),
	    CASE(other_failures_are_io),
	    CASE(a_name_that_changes_meanwhile_is_seen),
	    CASE(a_trap_that_is_laid_meanwhile_is_seen),
	    CASE(a_file_is_still_the_one_that_is_open),
	    CASE(a_directory_is_opened_for_names_in_it),
	    CASE(a_directory_is_made_with_its_mode),
	    CASE(a_directory_below_one_of_a_group),
	    CASE(a_directory_is_made_for_its_owner),
	    CASE(a_foreign_directory_is_denied),
	    CASE(a_directory_that_others_can_write_to_is_denied),
	    CASE(what_is_no_directory_is_denied),
	    CASE(a_directory_below_nothing_is_absent),
	    CASE(a_directory_that_was_left_unfinished_is_finished),
	    CASE(anothers_unfinished_directory_stays),
	    CASE(only_a_full_disk_says_that_nothing_is_there),
	    CASE(parents_are_made),
	    CASE(relative_parents_are_made),
	    CASE(parents_that_cannot_be_made_are_left),
	    CASE(closing_forgets_the_descriptor_and_keeps_errno),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
