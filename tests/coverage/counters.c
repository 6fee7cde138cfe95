/* counters - linked into the programs of "make coverage" alone: gcov's counters
 * lie in a file that all processes of a program share, from its start. So it
 * counts what they do however they end, and wherever they are shut in: by
 * _exit, by SIGKILL, as nobody, in an empty root directory, under seccomp and
 * Landlock. With COUNTERS_WANTED in its environment a program does nothing but
 * hand its counters to gcov, as it would do at its end. */
#include <fcntl.h>
#include <gcov.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* counters.ld has them. */
extern char counters_begin[], counters_end[];

void __wrap___gcov_exit(void);

/* Called by each object file's destructor: not at every end of a program. */
void
__wrap___gcov_exit(void)
{
}

/* share - before main, and behind gcov's own constructors. By system calls, as
 * a test may have a function of its own for one of them. */
static void __attribute__((constructor)) share(void)
{
	char path[4096] = COUNTERS "/", program[4096];
	const long size = counters_end - counters_begin;
	long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program,
	    sizeof(program) - 1);
	size_t at = strlen(path);
	struct stat st;
	long fd;

	if (n < 0)
		return;
	program[n] = '\0';
	if (at + (size_t)n >= sizeof(path))
		return;
	memcpy(path + at, program, (size_t)n + 1);
	for (char *c = path + at; *c != '\0'; c++) {
		if (*c == '/')
			*c = '-';
	}
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fd = syscall(SYS_openat, AT_FDCWD, path,
		    O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fd >= 0)
			syscall(SYS_fchmod, fd, 0666);
	}
	if (fd < 0)
		return;
	if (syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0 &&
	    (st.st_size == size || syscall(SYS_ftruncate, fd, size) == 0))
		syscall(SYS_mmap, counters_begin, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0);
	syscall(SYS_close, fd);
	if (getenv("COUNTERS_WANTED") != NULL) {
		__gcov_dump();
		syscall(SYS_exit_group, 0);
	}
}
