/* counters - linked into the programs of "make coverage" alone: gcov's counters
 * lie in a file, one a process, from its start. So it counts what a process
 * does however it ends, and wherever it is shut in: by _exit, by SIGKILL, as
 * nobody, in an empty root directory, under seccomp and Landlock. With
 * COUNTERS_WANTED in its environment a program reads the files of all its
 * processes from descriptor 0, one behind the other, and hands their sum to
 * gcov. */
#include <fcntl.h>
#include <gcov.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* counters.ld has them. */
extern char counters_begin[], counters_end[];

void __wrap___gcov_exit(void);
pid_t __wrap_fork(void);
pid_t __real_fork(void);

/* Called by each object file's destructor: not at every end of a program. */
void
__wrap___gcov_exit(void)
{
}

/* open_file - a new file with the counters as they are, or -1. By system calls,
 * here as below: a test may have a function of its own in the place of one. */
static int
open_file(void)
{
	char path[4096], program[2048];
	const long size = counters_end - counters_begin;
	struct timespec now = {0};
	struct rlimit room = {0};
	long n, fd;

	n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program,
	    sizeof(program) - 1);
	syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &room);
	if (n < 0 || room.rlim_cur < (rlim_t)size)
		return -1;
	program[n] = '\0';
	for (char *c = program; *c != '\0'; c++) {
		if (*c == '/')
			*c = '-';
	}
	n = snprintf(path, sizeof(path), "%s/%s", COUNTERS, program);
	if (syscall(SYS_mkdirat, AT_FDCWD, path, 0777) == 0)
		syscall(SYS_fchmodat, AT_FDCWD, path, 0777);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	snprintf(path + n, sizeof(path) - (size_t)n, "/%ld.%ld.%ld",
	    (long)syscall(SYS_getpid), (long)now.tv_sec, now.tv_nsec);
	fd = syscall(SYS_openat, AT_FDCWD, path,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 &&
	    syscall(SYS_pwrite64, fd, counters_begin, size, 0L) != size) {
		syscall(SYS_ftruncate, fd, 0L);
		syscall(SYS_close, fd);
		fd = -1;
	}
	return (int)fd;
}

/* take - the counters lie there from now on. */
static void
take(int fd)
{
	if (fd >= 0)
		syscall(SYS_mmap, counters_begin, counters_end - counters_begin,
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0L);
}

/* The child goes on with a file of its own, from where the parent is: so each
 * has entered the functions that it leaves, as gcov has it. */
pid_t
__wrap_fork(void)
{
	int fd = open_file();
	pid_t pid = __real_fork();

	if (pid == 0)
		take(fd);
	if (fd >= 0)
		syscall(SYS_close, fd);
	return pid;
}

/* add_up - the files on descriptor 0. */
static void
add_up(void)
{
	const size_t count =
	    (size_t)(counters_end - counters_begin) / sizeof(uint64_t);
	static uint64_t block[512]; /* which is a part of any file's length */
	uint64_t *sum = (uint64_t *)(void *)counters_begin;
	size_t at = 0, have = 0;
	long n;

	while ((n = syscall(SYS_read, 0, (char *)block + have,
		    sizeof(block) - have)) > 0) {
		have += (size_t)n;
		if (have < sizeof(block))
			continue;
		for (size_t i = 0; i < 512; i++)
			sum[at++ % count] += block[i];
		have = 0;
	}
}

/* begin - before main, and behind gcov's own constructors. */
static void __attribute__((constructor)) begin(void)
{
	int fd;

	if (getenv("COUNTERS_WANTED") != NULL) {
		add_up();
		__gcov_dump();
		syscall(SYS_exit_group, 0);
	}
	fd = open_file();
	take(fd);
	if (fd >= 0)
		syscall(SYS_close, fd);
}
