/* sandbox_test - every system call there is, from inside: what the session, the
 * judge or in.popd-tls may not do kills it, and it may do no more than 25
 * things. And what the broker can still open once it is shut in. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "sys/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS_END = 600, CALLS_MAX = 25 };

typedef enum rc sandbox(void);

/* within - what becomes of a process that makes one call in the sandbox: its
 * exit status, or minus the signal that ended it. */
static int
within(sandbox *shut_in, long number, long a, long b, long c, long d, long e)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(5);
		if (sandbox_begin() != RC_OK || shut_in() != RC_OK)
			_exit(99);
		syscall(number, a, b, c, d, e, 0);
		syscall(SYS_exit_group, 7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static unsigned
is_filtered(void)
{
#if SANITIZED
	return 0;
#else
	return within(sandbox_session, SYS_getuid, 0, 0, 0, 0, 0) == -SIGSYS;
#endif
}

/* What neither may do, by the names that this kind of machine has. */
static const long never[] = {SYS_openat, SYS_openat2, SYS_socket, SYS_connect,
    SYS_bind, SYS_execve, SYS_execveat, SYS_clone, SYS_clone3, SYS_ptrace,
    SYS_kill, SYS_tgkill, SYS_unlinkat, SYS_renameat2, SYS_linkat,
    SYS_symlinkat, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat,
    SYS_mprotect, SYS_pkey_mprotect, SYS_memfd_create, SYS_io_uring_setup,
    SYS_bpf, SYS_perf_event_open, SYS_setuid, SYS_setresuid, SYS_setns,
    SYS_unshare, SYS_mount, SYS_chroot, SYS_ioctl, SYS_dup, SYS_dup3, SYS_prctl,
    SYS_seccomp, SYS_process_vm_readv, SYS_process_vm_writev, SYS_splice,
    SYS_sendfile, SYS_shmget, SYS_userfaultfd, SYS_keyctl,
#ifdef SYS_open
    SYS_open, SYS_creat, SYS_fork, SYS_vfork, SYS_unlink, SYS_rename, SYS_link,
    SYS_symlink, SYS_chmod, SYS_chown, SYS_dup2,
#endif
    -1};

/* allowed_by - how many calls do not kill; each is tried with descriptors that
 * are none, so that what is allowed does no harm. What counts with some
 * arguments alone, or goes nowhere from here, has to be among them. */
static unsigned
allowed_by(sandbox *shut_in, const long *some)
{
	unsigned allowed = 0;

	for (long n = 0; n < CALLS_END; n++) {
		const long *at;
		int became;

		/* the end, and what would wait for ever */
		if (n == SYS_exit_group || n == SYS_restart_syscall ||
		    n == SYS_ppoll) {
			allowed++;
			continue;
		}
		for (at = some; *at >= 0 && *at != n; at++)
			;
		if (*at == n) {
			allowed++; /* see below */
			continue;
		}
		became = within(
		    shut_in, n, -1, 0, 0, n == SYS_mmap ? MAP_PRIVATE : 0, 0);
		if (became == -SIGSYS)
			continue;
		if (became != 7)
			fail_msg("system call %ld: %d", n, became);
		allowed++;
		for (at = never; *at >= 0; at++)
			assert_int_not_equal(n, *at);
	}
	print_message("# %u system calls are allowed\n", allowed);
	return allowed;
}

static void
every_call(void **state)
{
	static const long some[] = {SYS_newfstatat, SYS_setsockopt, -1};

	(void)state;
	if (!is_filtered())
		skip();
	assert_in_range(allowed_by(sandbox_session, some), 10, CALLS_MAX);
}

/* memory_without_code - what both allow of mmap. */
static void
memory_without_code(sandbox *shut_in)
{
	assert_int_equal(
	    within(shut_in, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, 0, 0),
	    7);
	assert_int_equal(
	    within(shut_in, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, 0, 0),
	    -SIGSYS);
#ifdef __x86_64__
	/* the x32 names of allowed calls */
	assert_int_equal(
	    within(shut_in, 0x40000000 | SYS_read, -1, 0, 0, 0, 0), -SIGSYS);
#endif
}

static void
arguments(void **state)
{
	(void)state;
	if (!is_filtered())
		skip();
	/* fstat(2) by its new name, and no path */
	assert_int_equal(within(sandbox_session, SYS_newfstatat, -1, (long)"",
			     0, AT_EMPTY_PATH, 0),
	    7);
	assert_int_equal(within(sandbox_session, SYS_newfstatat, AT_FDCWD,
			     (long)"/", 0, 0, 0),
	    -SIGSYS);
	/* how long a read waits, and no other option */
	assert_int_equal(within(sandbox_session, SYS_setsockopt, -1, SOL_SOCKET,
			     SO_RCVTIMEO, 0, 0),
	    7);
	assert_int_equal(within(sandbox_session, SYS_setsockopt, -1, SOL_SOCKET,
			     SO_SNDTIMEO, 0, 0),
	    -SIGSYS);
	assert_int_equal(within(sandbox_session, SYS_setsockopt, -1, SOL_SOCKET,
			     SO_ATTACH_FILTER, 0, 0),
	    -SIGSYS);
	assert_int_equal(within(sandbox_session, SYS_setsockopt, -1,
			     IPPROTO_TCP, SO_RCVTIMEO, 0, 0),
	    -SIGSYS);
	memory_without_code(sandbox_session);
}

static void
every_call_of_the_judge(void **state)
{
	static const long some[] = {SYS_rt_sigreturn, -1};
	const long high = (long)((unsigned long)1 << 32);

	(void)state;
	if (!is_filtered())
		skip();
	assert_in_range(allowed_by(sandbox_judge, some), 10, CALLS_MAX);
	/* He writes no file, and to no address. */
	assert_int_equal(
	    within(sandbox_judge, SYS_pwrite64, -1, 0, 0, 0, 0), -SIGSYS);
	assert_int_equal(
	    within(sandbox_judge, SYS_ftruncate, -1, 0, 0, 0, 0), -SIGSYS);
	assert_int_equal(within(sandbox_judge, SYS_sendto, -1, 0, 0, 0, 0), 7);
	assert_int_equal(
	    within(sandbox_judge, SYS_sendto, -1, 0, 0, 0, 1), -SIGSYS);
	assert_int_equal(
	    within(sandbox_judge, SYS_sendto, -1, 0, 0, 0, high), -SIGSYS);
	memory_without_code(sandbox_judge);
}

static void
every_call_of_the_relay(void **state)
{
	static const long some[] = {SYS_fcntl, -1};

	(void)state;
	if (!is_filtered())
		skip();
	assert_in_range(allowed_by(sandbox_relay, some), 10, CALLS_MAX);
	/* It has no files, and takes no descriptors. */
	assert_int_equal(
	    within(sandbox_relay, SYS_pread64, -1, 0, 0, 0, 0), -SIGSYS);
	assert_int_equal(
	    within(sandbox_relay, SYS_pwrite64, -1, 0, 0, 0, 0), -SIGSYS);
	assert_int_equal(
	    within(sandbox_relay, SYS_recvmsg, -1, 0, 0, 0, 0), -SIGSYS);
	assert_int_equal(
	    within(sandbox_relay, SYS_sendmsg, -1, 0, 0, 0, 0), -SIGSYS);
}

static void
arguments_of_the_relay(void **state)
{
	static const int flags[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_SETOWN,
	    F_SETSIG, F_SETLK, F_SETPIPE_SZ, F_SETLEASE};
	const long low = 1, high = (long)((unsigned long)1 << 32);

	(void)state;
	if (!is_filtered())
		skip();
	assert_int_equal(
	    within(sandbox_relay, SYS_fcntl, -1, F_GETFL, 0, 0, 0), 7);
	assert_int_equal(
	    within(sandbox_relay, SYS_fcntl, -1, F_SETFL, 0, 0, 0), 7);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		assert_int_equal(
		    within(sandbox_relay, SYS_fcntl, 0, flags[i], 0, 0, 0),
		    -SIGSYS);
	/* To no address: the whole of the pointer counts. */
	assert_int_equal(within(sandbox_relay, SYS_sendto, -1, 0, 0, 0, 0), 7);
	assert_int_equal(
	    within(sandbox_relay, SYS_sendto, -1, 0, 0, 0, low), -SIGSYS);
	assert_int_equal(
	    within(sandbox_relay, SYS_sendto, -1, 0, 0, 0, high), -SIGSYS);
	memory_without_code(sandbox_relay);
}

static void
limits_and_dumps(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct rlimit r;
		unsigned good = 1;

		/* before the filter, which knows no getrlimit(2) */
		if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur < 33)
			_exit(98);
		if (dup2(0, 31) < 0 || sandbox_begin() != RC_OK ||
		    sandbox_session() != RC_OK)
			_exit(99);
#if SANITIZED
		good = getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0;
#endif
		_exit(good ? 7 : 8);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* ---- files ---- */

static char top[64];

static int
make_top(void **state)
{
	char path[96];

	(void)state;
	memcpy(top, "/tmp/in.popd-sandbox.XXXXXX", 28);
	if (mkdtemp(top) == NULL)
		return -1;
	for (char c = 'a'; c <= 'c'; c++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%c", top, c);
		if (mkdir(path, 0700) != 0)
			return -1;
		snprintf(path, sizeof(path), "%s/%c/file", top, c);
		f = fopen(path, "we");
		if (f == NULL || fputs("x", f) < 0 || fclose(f) != 0)
			return -1;
	}
	return 0;
}

static int
remove_top(void **state)
{
	static const char *const names[] = {
	    "file", "new", "linked", "new.lock", ""};
	char path[96];

	(void)state;
	for (char c = 'a'; c <= 'c'; c++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			snprintf(
			    path, sizeof(path), "%s/%c/%s", top, c, names[i]);
			if (names[i][0] != '\0')
				unlink(path);
			else
				rmdir(path);
		}
	}
	return rmdir(top);
}

static int
dir_of(char c)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%c", top, c);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* opens - whether the file can be opened. */
static unsigned
opens(char c, const char *name, int flags)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%c/%s", top, c, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A dotlock as lock.c makes it. */
static unsigned
links(char c)
{
	char path[64];
	int dir = dir_of(c);
	int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EOPNOTSUPP;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir, "new.lock", AT_SYMLINK_FOLLOW) == 0;
}

static void
only_below(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		const int dirs[] = {dir_of('a'), -1, dir_of('b')};
		enum rc rc = sandbox_begin();

		if (rc == RC_OK)
			rc = sandbox_files(dirs, 3);

		if (rc == RC_NOSUCH)
			_exit(77);
		if (rc != RC_OK)
			_exit(1);
		if (!opens('a', "file", O_RDWR) ||
		    !opens('b', "file", O_RDONLY) ||
		    !opens('b', "new", O_RDWR | O_CREAT) || !links('a'))
			_exit(2);
		if (opens('c', "file", O_RDONLY) ||
		    opens('c', "new", O_WRONLY | O_CREAT))
			_exit(3);
		if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
			_exit(4);
		execl("/bin/true", "true", (char *)NULL);
		_exit(errno == EACCES ? 7 : 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* What is foretold is what then happens; and to ask shuts nobody in. */
static void
what_the_kernel_has(void **state)
{
	enum rc filter = sandbox_has_filter();
	enum rc landlock = sandbox_has_landlock();
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		enum rc rc = sandbox_begin();

		if (rc == RC_OK && sandbox_files(NULL, 0) != landlock)
			_exit(1);
		_exit(rc == RC_OK && sandbox_session() == RC_OK ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, filter == RC_IO ? 2 << 8 : 0);
	assert_int_equal(filter == RC_OK, is_filtered());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_the_kernel_has),
	    cmocka_unit_test(every_call),
	    cmocka_unit_test(arguments),
	    cmocka_unit_test(every_call_of_the_judge),
	    cmocka_unit_test(every_call_of_the_relay),
	    cmocka_unit_test(arguments_of_the_relay),
	    cmocka_unit_test(limits_and_dumps),
	    cmocka_unit_test_setup_teardown(only_below, make_top, remove_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
