/* faults_test - sys/ where the kernel says no: each call that it makes fails
 * once, and what it was for does not happen, is said, and leaves nothing open.
 * Each case is a process of its own. */
#undef _FORTIFY_SOURCE /* which has inline functions of its own for some */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "sys/buf.h"
#include "sys/cred.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/sandbox.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UID = 4321, GID = 4322, OTHER = 4324 };

/* ---- the calls that fail ---- */

static struct {
	const char *call; /* NULL: none */
	unsigned nth;     /* of them, from 1 */
	int why;          /* errno; 0: see the call */
} fault;

/* A syscall(2) that fails is named by its number. */
static long fault_number = -1;

static unsigned
fails(const char *call)
{
	if (fault.call == NULL || strcmp(fault.call, call) != 0 ||
	    --fault.nth != 0)
		return 0;
	fault.call = NULL;
	errno = fault.why;
	return 1;
}

static long
kernel(long number, long a, long b, long c, long d, long e)
{
	long (*real)(long, ...);
	void *symbol = dlsym(RTLD_NEXT, "syscall");

	memcpy(&real, &symbol, sizeof(real));
	return real(number, a, b, c, d, e, 0);
}

long
syscall(long number, ...)
{
	long a[5];
	va_list ap;

	va_start(ap, number);
	for (size_t i = 0; i < 5; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == fault_number && fails("syscall"))
		return -1;
	return kernel(number, a[0], a[1], a[2], a[3], a[4]);
}

int
prctl(int option, ...)
{
	unsigned long a[2];
	va_list ap;

	va_start(ap, option);
	a[0] = va_arg(ap, unsigned long);
	a[1] = option == PR_SET_SECCOMP ? va_arg(ap, unsigned long) : 0;
	va_end(ap);
	return fails("prctl") ? -1
			      : (int)kernel(SYS_prctl, option, (long)a[0],
				    (long)a[1], 0, 0);
}

int
setrlimit(__rlimit_resource_t which, const struct rlimit *to)
{
	return fails("setrlimit")
		   ? -1
		   : (int)kernel(SYS_prlimit64, 0, (long)which, (long)to, 0, 0);
}

int
setgroups(size_t n, const gid_t *list)
{
	return fails("setgroups")
		   ? -1
		   : (int)kernel(SYS_setgroups, (long)n, (long)list, 0, 0, 0);
}

int
setresgid(gid_t r, gid_t e, gid_t s)
{
	return fails("setresgid") ? -1
				  : (int)kernel(SYS_setresgid, r, e, s, 0, 0);
}

int
setresuid(uid_t r, uid_t e, uid_t s)
{
	return fails("setresuid") ? -1
				  : (int)kernel(SYS_setresuid, r, e, s, 0, 0);
}

int
getresuid(uid_t *r, uid_t *e, uid_t *s)
{
	return fails("getresuid") ? -1
				  : (int)kernel(SYS_getresuid, (long)r, (long)e,
					(long)s, 0, 0);
}

int
fchdir(int fd)
{
	return fails("fchdir") ? -1 : (int)kernel(SYS_fchdir, fd, 0, 0, 0, 0);
}

int
chroot(const char *path)
{
	return fails("chroot")
		   ? -1
		   : (int)kernel(SYS_chroot, (long)path, 0, 0, 0, 0);
}

/* With why 0 it is a file of another device. */
int
fstat(int fd, struct stat *st)
{
	unsigned now = fails("fstat");
	int rc;

	if (now && errno != 0)
		return -1;
	rc = (int)kernel(
	    SYS_newfstatat, fd, (long)"", (long)st, AT_EMPTY_PATH, 0);
	if (now)
		st->st_dev++;
	return rc;
}

int
fchmod(int fd, mode_t mode)
{
	return fails("fchmod") ? -1
			       : (int)kernel(SYS_fchmod, fd, mode, 0, 0, 0);
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	return fails("fchown") ? -1
			       : (int)kernel(SYS_fchown, fd, uid, gid, 0, 0);
}

int
mkdirat(int dirfd, const char *name, mode_t mode)
{
	return fails("mkdirat")
		   ? -1
		   : (int)kernel(SYS_mkdirat, dirfd, (long)name, mode, 0, 0);
}

ssize_t
read(int fd, void *to, size_t n)
{
	return fails("read") ? -1
			     : kernel(SYS_read, fd, (long)to, (long)n, 0, 0);
}

ssize_t
write(int fd, const void *from, size_t n)
{
	return fails("write")
		   ? -1
		   : kernel(SYS_write, fd, (long)from, (long)n, 0, 0);
}

/* With why 0 it writes nothing. */
ssize_t
pwrite(int fd, const void *from, size_t n, off_t at)
{
	if (fails("pwrite"))
		return errno == 0 ? 0 : -1;
	return kernel(SYS_pwrite64, fd, (long)from, (long)n, at, 0);
}

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	return fails("poll") ? -1
			     : (int)kernel(SYS_ppoll, (long)p, (long)n,
				   ms < 0 ? 0 : (long)&t, 0, 0);
}

/* What poll is in a library that was compiled with _FORTIFY_SOURCE. */
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size);

int
__poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	(void)size;
	return poll(p, n, ms);
}

int
clock_nanosleep(clockid_t clock, int flags, const struct timespec *for_how_long,
    struct timespec *rest)
{
	if (fails("clock_nanosleep"))
		return fault.why;
	return kernel(SYS_clock_nanosleep, clock, flags, (long)for_how_long,
		   (long)rest, 0) == 0
		   ? 0
		   : errno;
}

/* ---- cases ---- */

/* CHECK - in the child: what is not so is said and ends it with 1. */
#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,       \
			    __LINE__, #what);                                  \
			_exit(1);                                              \
		}                                                              \
	} while (0)

/* with - body in a process of its own, where the nth call fails, which then has
 * been made. */
static void
with(const char *call, unsigned nth, int why, void (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		fault.call = call;
		fault.nth = nth;
		fault.why = why;
		body();
		CHECK(fault.call == NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s, %u: status %#x", call, nth, (unsigned)status);
}

static const struct account who = {.name = "someone", .uid = UID, .gid = GID};

static void
become(void)
{
	CHECK(cred_become(&who, CRED_NO_GROUP) == RC_IO && errno == EPERM);
}

static void
enter_the_jail(void)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK(cred_jail(UID, GID, fd) == RC_IO && errno == EPERM);
	CHECK(geteuid() == 0); /* who goes on now would be seen */
}

static void
be_oneself(void)
{
	struct account me = {.uid = UID};

	CHECK(kernel(SYS_setresuid, UID, UID, UID, 0, 0) == 0);
	CHECK(cred_become(&me, CRED_NO_GROUP) == RC_IO && errno == EFAULT);
}

/* Half a step towards being somebody is none. */
static void
rights_that_are_not_given_up(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	with("setgroups", 1, EPERM, become);
	with("setresgid", 1, EPERM, become);
	with("setresuid", 1, EPERM, become);
	with("fchdir", 1, EPERM, enter_the_jail);
	with("chroot", 1, EPERM, enter_the_jail);
	with("getresuid", 1, EFAULT, be_oneself);
}

static char top[] = "/tmp/in.popd-sys_faults.XXXXXX";
static int dir = -1;

static int
make_top(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

static int
remove_top(void **state)
{
	(void)state;
	unlinkat(dir, "file", 0);
	unlinkat(dir, "new", AT_REMOVEDIR);
	close(dir);
	return rmdir(top);
}

/* next_fd - which it would be; to see that nothing stays open. */
static int
next_fd(void)
{
	int fd = dup(0);

	CHECK(fd >= 0 && close(fd) == 0);
	return fd;
}

static void
open_it(enum rc wanted, int why)
{
	int fd = -7, next = next_fd();

	CHECK(file_open_own(dir, "file", O_RDWR, geteuid(), &fd) == wanted);
	CHECK(fd == -7 && next_fd() == next);
	CHECK(why == 0 || errno == why);
}

static void
open_is_io(void)
{
	open_it(RC_IO, EIO);
}

static void
open_is_changed(void)
{
	open_it(RC_CHANGED, 0);
}

static void
make_it(enum rc wanted)
{
	int fd = -7, next = next_fd();

	CHECK(file_make_dir(dir, "new", 0700, geteuid(), getegid(), &fd) ==
	      wanted);
	CHECK(fd == -7 && next_fd() == next);
	unlinkat(dir, "new", AT_REMOVEDIR);
}

static void
make_is_io(void)
{
	make_it(RC_IO);
}

static void
make_is_denied(void)
{
	make_it(RC_DENIED);
}

/* Others have made it just now, and it is gone again. */
static void
make_is_late(void)
{
	int fd;

	CHECK(file_make_dir(dir, "new", 0700, geteuid(), getegid(), &fd) ==
	      RC_NOSUCH);
}

static void
files_and_directories(void **state)
{
	(void)state;
	with("fstat", 1, EIO, open_is_io);
	with("fstat", 1, 0, open_is_changed);
	with("mkdirat", 1, EROFS, make_is_denied);
	with("mkdirat", 1, ENOSPC, make_is_io);
	with("mkdirat", 1, EEXIST, make_is_late);
	with("fstat", 1, EIO, make_is_io);
	with("fchmod", 1, EIO, make_is_io);
	with("fchown", 1, EPERM, make_is_denied);
	with("fstat", 2, EIO, make_is_io);
}

static void
write_nothing(void)
{
	int fd = openat(dir, "file", O_RDWR | O_CLOEXEC);

	CHECK(io_pwrite(fd, "x", 1, 0) == RC_IO && errno == EIO);
}

/* What is said, and what the other end does not hear. */
static void
talk(void)
{
	int ends[2];
	char got[8];
	size_t n = 0;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(io_write(ends[1], "x", 1, 1000) == RC_EOF);
	CHECK(io_write(ends[1], "y", 1, 1000) == RC_OK);
	CHECK(io_read(ends[0], got, sizeof(got), INT64_MAX, &n) == RC_OK);
	CHECK(n == 1 && got[0] == 'y');
}

static void
listen_in_vain(void)
{
	int ends[2];
	char got[8];
	size_t n = 7;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(io_write(ends[1], "x", 1, 1000) == RC_OK);
	CHECK(io_read(ends[0], got, sizeof(got), INT64_MAX, &n) == RC_EOF);
	CHECK(n == 7);
}

static void
wait_in_vain(void)
{
	int ends[2];

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(io_wait(ends[0], io_now_ms() + 20000) == RC_IO);
	CHECK(errno == ENOMEM);
}

static void
wait_again(void)
{
	int ends[2];

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(io_wait(ends[0], io_now_ms() + 30) == RC_TIMEOUT);
}

static void
sleep_on(void)
{
	int64_t t = io_now_ms() + 60;

	io_sleep_until(t);
	CHECK(io_now_ms() >= t);
}

static void
connections_and_clocks(void **state)
{
	(void)state;
	with("pwrite", 1, 0, write_nothing);
	/* A client's network that is gone is a client that is gone. */
	with("write", 1, ETIMEDOUT, talk);
	with("write", 1, ECONNRESET, talk);
	with("read", 1, ETIMEDOUT, listen_in_vain);
	with("read", 1, ECONNRESET, listen_in_vain);
	with("poll", 1, ENOMEM, wait_in_vain);
	with("poll", 1, EINTR, wait_again);
	with("clock_nanosleep", 1, EINTR, sleep_on);
}

static void
begin_sandbox(void)
{
	CHECK(sandbox_begin() == RC_IO && errno == EPERM);
}

static void
shut_session_in(void)
{
	CHECK(sandbox_session() == RC_IO && errno == EPERM);
	CHECK(getppid() > 0); /* which the filter would not let through */
}

static void
shut_relay_in(void)
{
	CHECK(sandbox_relay() == RC_IO && errno == EPERM);
	CHECK(getppid() > 0);
}

/* There is no filter under a sanitizer. */
#if SANITIZED
enum { PRCTLS = 1 };
#else
enum { PRCTLS = 2 };
#endif

/* A process that cannot be shut in says so. */
static void
filters_that_are_refused(void **state)
{
	(void)state;
	with("prctl", 1, EPERM, begin_sandbox);
	with("setrlimit", 1, EPERM, shut_session_in);
	with("setrlimit", 2, EPERM, shut_session_in);
	for (unsigned nth = 1; nth <= PRCTLS; nth++) {
		with("prctl", nth, EPERM, shut_session_in);
		with("prctl", nth, EPERM, shut_relay_in);
	}
}

static void
has_no_filter(void)
{
	fault_number = SYS_seccomp;
	CHECK(sandbox_has_filter() == RC_IO);
}

static void
has_no_landlock(void)
{
	fault_number = SYS_landlock_create_ruleset;
	CHECK(sandbox_has_landlock() == RC_NOSUCH);
}

static void
files_without_landlock(void)
{
	fault_number = SYS_landlock_create_ruleset;
	CHECK(sandbox_files(&dir, 1) == RC_NOSUCH);
}

static void
files_are_io(void)
{
	int was = errno;

	CHECK(sandbox_begin() == RC_OK);
	errno = was;
	CHECK(sandbox_files(&dir, 1) == RC_IO && errno == fault.why);
}

static void
no_ruleset(void)
{
	fault_number = SYS_landlock_create_ruleset;
	files_are_io();
}

static void
no_rule(void)
{
	fault_number = SYS_landlock_add_rule;
	files_are_io();
}

static void
no_restriction(void)
{
	fault_number = SYS_landlock_restrict_self;
	files_are_io();
}

/* Where the kernel has no Landlock one does without; a kernel that has it and
 * says no is an error. */
static void
kernels_without(void **state)
{
	(void)state;
	if (sandbox_has_filter() == RC_OK)
		with("syscall", 1, ENOSYS, has_no_filter);
	with("syscall", 1, ENOSYS, has_no_landlock);
	with("syscall", 1, ENOSYS, files_without_landlock);
	with("syscall", 1, EOPNOTSUPP, files_without_landlock);
	with("syscall", 1, EMFILE, no_ruleset);
	if (sandbox_has_landlock() != RC_OK)
		skip();
	with("syscall", 1, EBADFD, no_rule);
	with("syscall", 1, E2BIG, no_restriction);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rights_that_are_not_given_up),
	    cmocka_unit_test(files_and_directories),
	    cmocka_unit_test(connections_and_clocks),
	    cmocka_unit_test(filters_that_are_refused),
	    cmocka_unit_test(kernels_without),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
