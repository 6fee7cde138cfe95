/* Tests of sys/io: whole reads and writes in spite of signals, short counts
 * and full buffers, and deadlines that hold. */
#undef _FORTIFY_SOURCE /* which has inline functions of its own for read */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/io.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SOON_MS = 10000, BIG = 1 << 20 };

static int a, b; /* two ends of a connection */

/* read, write, pread and pwrite as io.c calls them. While hard is not 0 they
 * are as hard to use as they may be: interrupted, then (where a descriptor
 * might not block) out of turn, then done with one octet; and so on. */
static unsigned hard;

static unsigned
fails(unsigned may_block, size_t *n)
{
	if (hard == 0 || *n == 0)
		return 0;
	*n = 1;
	switch (hard++ % 3) {
	case 1:
		errno = EINTR;
		return 1;
	case 2:
		errno = EAGAIN;
		return may_block;
	default:
		return 0;
	}
}

static void
real(const char *name, void *function, size_t size)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(function, &symbol, size);
}

ssize_t
read(int fd, void *to, size_t n)
{
	ssize_t (*call)(int, void *, size_t);

	real("read", &call, sizeof(call));
	return fails(1, &n) ? -1 : call(fd, to, n);
}

ssize_t
write(int fd, const void *from, size_t n)
{
	ssize_t (*call)(int, const void *, size_t);

	real("write", &call, sizeof(call));
	return fails(1, &n) ? -1 : call(fd, from, n);
}

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	ssize_t (*call)(int, void *, size_t, off_t);

	real("pread", &call, sizeof(call));
	return fails(0, &n) ? -1 : call(fd, to, n, at);
}

ssize_t
pwrite(int fd, const void *from, size_t n, off_t at)
{
	ssize_t (*call)(int, const void *, size_t, off_t);

	real("pwrite", &call, sizeof(call));
	return fails(0, &n) ? -1 : call(fd, from, n, at);
}

static int
connect_pair(void **state)
{
	int fds[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return -1;
	a = fds[0];
	b = fds[1];
	return 0;
}

static int
disconnect_pair(void **state)
{
	(void)state;
	hard = 0;
	close(a);
	if (b >= 0)
		close(b);
	return 0;
}

static void
nap_ms(long ms)
{
	struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* What was said to be ready and is not, and what ends by itself. */
static void
a_read_that_finds_nothing_says_so(void **state)
{
	const struct timeval soon = {.tv_usec = 60000};
	char octet;
	size_t got;
	int64_t ms;

	(void)state;
	assert_int_equal(
	    setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	ms = io_now_ms();
	assert_int_equal(io_read(a, &octet, 1, IO_READY, &got), RC_TIMEOUT);
	ms = io_now_ms() - ms;
	assert_in_range(ms, 50, 1000);
	assert_int_equal(write(b, "x", 1), 1);
	assert_int_equal(io_read(a, &octet, 1, IO_READY, &got), RC_OK);
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(io_read(a, &octet, 1, IO_READY, &got), RC_TIMEOUT);
	/* With a deadline it is the deadline that counts. */
	ms = io_now_ms();
	assert_int_equal(
	    io_read(a, &octet, 1, io_now_ms() + 200, &got), RC_TIMEOUT);
	assert_true(io_now_ms() - ms >= 200);
	close(b);
	b = -1;
	assert_int_equal(io_read(a, &octet, 1, IO_READY, &got), RC_EOF);
}

static volatile sig_atomic_t signals;

static void
count_signal(int number)
{
	(void)number;
	signals = signals + 1;
}

/* storm - a signal every few milliseconds, without SA_RESTART; 0 ends it. */
static void
storm(unsigned every_ms)
{
	const struct sigaction act = {.sa_handler = count_signal};
	const struct itimerval t = {.it_interval.tv_usec = every_ms * 1000,
	    .it_value.tv_usec = every_ms * 1000};

	if (every_ms > 0)
		signals = 0;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &t, NULL), 0);
}

static void
the_clock_runs_forward_in_milliseconds(void **state)
{
	int64_t before = io_now_ms(), after;

	(void)state;
	nap_ms(20);
	after = io_now_ms();
	assert_true(after - before >= 19);
	assert_true(after - before < 5000);
}

static void
waiting_ends_with_octets_or_with_the_end(void **state)
{
	(void)state;
	assert_int_equal(io_wait(a, io_now_ms()), RC_TIMEOUT);
	assert_int_equal(write(b, "x", 1), 1);
	assert_int_equal(io_wait(a, io_now_ms() + SOON_MS), RC_OK);
	assert_int_equal(io_wait(a, 0), RC_OK); /* it is there already */
	close(a);
	a = dup(b);
	close(b);
	b = -1;
	assert_int_equal(io_wait(a, io_now_ms() + SOON_MS), RC_OK);
}

static void
waiting_lasts_until_the_deadline(void **state)
{
	int64_t begin = io_now_ms();

	(void)state;
	storm(5); /* no signal moves it */
	assert_int_equal(io_wait(a, begin + 60), RC_TIMEOUT);
	assert_true(io_now_ms() >= begin + 60);
	assert_true(io_now_ms() < begin + 3000);
	assert_true(signals > 0);
	storm(0);
	assert_int_equal(io_wait(a, begin), RC_TIMEOUT);
	assert_int_equal(io_wait(a, INT64_MIN / 2), RC_TIMEOUT);
}

/* A deadline further away than poll can count is not a passed one. */
static void
a_far_deadline_is_taken(void **state)
{
	(void)state;
	assert_int_equal(write(b, "x", 1), 1);
	assert_int_equal(io_wait(a, INT64_MAX), RC_OK);
}

static void
waiting_on_no_descriptor_is_io(void **state)
{
	int fd = dup(a);

	(void)state;
	close(fd);
	errno = 0;
	assert_int_equal(io_wait(fd, io_now_ms() + SOON_MS), RC_IO);
	assert_int_equal(errno, EBADF);
}

static void
reading_gives_what_is_there(void **state)
{
	char got[8];
	size_t n = 0;

	(void)state;
	assert_int_equal(write(b, "hello", 5), 5);
	assert_int_equal(io_read(a, got, 3, io_now_ms() + SOON_MS, &n), RC_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "hel", 3);
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_OK);
	assert_int_equal(n, 2);
	assert_memory_equal(got, "lo", 2);
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + 20, &n), RC_TIMEOUT);
}

static void
reading_waits_through_signals(void **state)
{
	pid_t pid = fork();
	char got[8];
	size_t n = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		nap_ms(60);
		_exit(write(b, "late", 4) == 4 ? 0 : 1);
	}
	storm(5);
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_OK);
	storm(0);
	assert_int_equal(n, 4);
	assert_true(signals > 0);
	waitpid(pid, NULL, 0);
}

static void
the_end_is_eof_behind_the_last_octet(void **state)
{
	char got[8];
	size_t n = 0;

	(void)state;
	assert_int_equal(write(b, "x", 1), 1);
	close(b);
	b = -1;
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_EOF);
	assert_int_equal(io_read(a, got, sizeof(got), 0, &n), RC_EOF);
}

static void
a_reset_is_eof(void **state)
{
	char got[8];
	size_t n;

	(void)state;
	assert_int_equal(write(a, "unread", 6), 6);
	close(b);
	b = -1;
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_EOF);
}

/* Another reader may have been faster between poll and read. */
static void
a_read_that_would_block_waits_on(void **state)
{
	char got[8];
	size_t n;

	(void)state;
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
	    io_read(a, got, sizeof(got), io_now_ms() + 20, &n), RC_TIMEOUT);
	assert_int_equal(write(b, "x", 1), 1);
	assert_int_equal(io_read(a, got, sizeof(got), 0, &n), RC_OK);
}

static void
a_failed_read_is_io(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char got[8];
	size_t n;

	(void)state;
	assert_true(fd >= 0);
	errno = 0;
	assert_int_equal(
	    io_read(fd, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_IO);
	assert_int_equal(errno, EISDIR);
	close(fd);
	errno = 0;
	assert_int_equal(
	    io_read(fd, got, sizeof(got), io_now_ms() + SOON_MS, &n), RC_IO);
	assert_int_equal(errno, EBADF);
}

/* read_all - in a process of its own: reads b slowly to its end and says
 * whether all of BIG octets came as they were sent. */
static pid_t
read_all(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		static unsigned char got[BIG + 1];
		size_t n = 0;
		ssize_t part;

		close(a);
		while ((part = read(b, got + n, sizeof(got) - n)) > 0) {
			n += (size_t)part;
			nap_ms(1);
		}
		for (size_t i = 0; i < n; i++) {
			if (got[i] != (unsigned char)(i % 251))
				_exit(2);
		}
		_exit(n == BIG ? 0 : 1);
	}
	close(b);
	b = -1;
	return pid;
}

static void
writes_all(unsigned stall_ms)
{
	static unsigned char octets[BIG];
	pid_t pid = read_all();
	int status;

	for (size_t i = 0; i < BIG; i++)
		octets[i] = (unsigned char)(i % 251);
	storm(3);
	assert_int_equal(io_write(a, octets, BIG, stall_ms), RC_OK);
	storm(0);
	assert_int_equal(shutdown(a, SHUT_WR), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
writing_writes_all_through_signals(void **state)
{
	(void)state;
	writes_all(SOON_MS);
}

static void
writing_waits_where_it_would_block(void **state)
{
	(void)state;
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	writes_all(SOON_MS);
}

static void
writing_nothing_is_ok(void **state)
{
	(void)state;
	assert_int_equal(io_write(a, "", 0, SOON_MS), RC_OK);
	assert_int_equal(io_write(-1, "", 0, SOON_MS), RC_OK);
}

static void
writing_to_nobody_is_eof(void **state)
{
	int ends[2];

	(void)state;
	close(b);
	b = -1;
	assert_int_equal(io_write(a, "x", 1, SOON_MS), RC_EOF);
	assert_int_equal(io_write(a, "x", 1, SOON_MS), RC_EOF);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(io_write(ends[1], "x", 1, SOON_MS), RC_EOF);
	close(ends[1]);
}

static void
a_stalled_reader_is_a_timeout(void **state)
{
	static const char octets[BIG];
	const struct timeval t = {.tv_usec = 20000};
	int64_t begin = io_now_ms();

	(void)state;
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(io_write(a, octets, sizeof(octets), 60), RC_TIMEOUT);
	assert_true(io_now_ms() - begin >= 60);
	assert_true(io_now_ms() - begin < 5000);
	/* The same with a descriptor that blocks and has a send time-out. */
	assert_int_equal(fcntl(a, F_SETFL, 0), 0);
	assert_int_equal(
	    setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)), 0);
	begin = io_now_ms();
	assert_int_equal(io_write(a, octets, sizeof(octets), 60), RC_TIMEOUT);
	assert_true(io_now_ms() - begin >= 60);
	assert_true(io_now_ms() - begin < 5000);
}

/* Nor does a reader who takes a little now and then move the deadline. */
static void
a_slow_reader_does_not_move_the_deadline(void **state)
{
	static const char octets[BIG];
	int64_t begin = io_now_ms();
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		static char some[20000];

		close(a);
		while (read(b, some, sizeof(some)) > 0)
			usleep(10000);
		_exit(0);
	}
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
	    io_write_until(a, octets, sizeof(octets), 5000, io_now_ms() + 100),
	    RC_TIMEOUT);
	assert_true(io_now_ms() - begin >= 100);
	assert_true(io_now_ms() - begin < 1500);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It comes to the moment, whenever it was called: two calls within the same
 * millisecond end together. */
static void
sleep_ends_at_a_moment(void **state)
{
	struct timespec t;
	int64_t at, us;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		at = io_now_ms() + 3;
		for (unsigned n = 0; n < i * 1000; n++)
			(void)io_now_ms();
		io_sleep_until(at);
		clock_gettime(CLOCK_MONOTONIC, &t);
		us = (t.tv_sec * 1000 - at) * 1000 + t.tv_nsec / 1000;
		assert_true(us >= 0);
	}
	io_sleep_until(io_now_ms() - 1000);
	assert_true(io_now_ms() - at < 5000);
}

static void
who_can_write_is_known_at_once(void **state)
{
	static const char octets[BIG];
	int64_t begin = io_now_ms();

	(void)state;
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	assert_true(io_can_write(a));
	assert_int_equal(io_write(a, octets, sizeof(octets), 0), RC_TIMEOUT);
	assert_false(io_can_write(a));
	assert_false(io_can_write(-1));
	assert_true(io_now_ms() - begin < 5000);
}

/* Signals that come more often than stall_ms must not keep the wait alive. */
static void
a_stalled_reader_is_a_timeout_under_signals(void **state)
{
	static const char octets[BIG];
	int64_t begin = io_now_ms();

	(void)state;
	assert_int_equal(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	storm(20);
	assert_int_equal(io_write(a, octets, sizeof(octets), 100), RC_TIMEOUT);
	storm(0);
	assert_true(io_now_ms() - begin < 5000);
}

static void
a_failed_write_is_io(void **state)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);

	(void)state;
	errno = 0;
	assert_int_equal(io_write(-1, "x", 1, SOON_MS), RC_IO);
	assert_int_equal(errno, EBADF);
	if (full < 0)
		skip();
	errno = 0;
	assert_int_equal(io_write(full, "x", 1, SOON_MS), RC_IO);
	assert_int_equal(errno, ENOSPC);
	errno = 0;
	assert_int_equal(io_pwrite(full, "x", 1, 0), RC_IO);
	assert_int_equal(errno, ENOSPC);
	close(full);
}

static void
positions_are_read_to_the_files_end(void **state)
{
	int fd = memfd_create("io_test", MFD_CLOEXEC);
	char got[16];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, "0123456789", 10, 0), RC_OK);
	for (off_t at = 0; at <= 12; at++) {
		for (size_t size = 0; size <= sizeof(got); size++) {
			size_t left = at < 10 ? (size_t)(10 - at) : 0, n = 99;

			assert_int_equal(
			    io_pread(fd, got, size, at, &n), RC_OK);
			assert_int_equal(n, size < left ? size : left);
			assert_true(
			    memcmp(got, &"0123456789"[10 - left], n) == 0);
		}
	}
	assert_true(lseek(fd, 0, SEEK_CUR) == 0); /* moves no position */
	close(fd);
}

static void
positions_are_written_whole(void **state)
{
	int fd = memfd_create("io_test", MFD_CLOEXEC);
	const off_t far = (off_t)5 << 30; /* beyond 4 GiB */
	char got[4];
	size_t n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, "abcdef", 6, 0), RC_OK);
	assert_int_equal(io_pwrite(fd, "XY", 2, 2), RC_OK);
	assert_int_equal(io_pwrite(fd, "", 0, 0), RC_OK);
	assert_int_equal(io_pread(fd, got, 4, 1, &n), RC_OK);
	assert_int_equal(n, 4);
	assert_memory_equal(got, "bXYe", 4);
	assert_int_equal(io_pwrite(fd, "far", 3, far), RC_OK);
	assert_int_equal(io_pread(fd, got, 4, far, &n), RC_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "far", 3);
	close(fd);
}

static void
what_has_no_positions_is_io(void **state)
{
	char got[4];
	size_t n;

	(void)state;
	errno = 0;
	assert_int_equal(io_pread(a, got, sizeof(got), 0, &n), RC_IO);
	assert_int_equal(errno, ESPIPE);
	errno = 0;
	assert_int_equal(io_pwrite(a, "x", 1, 0), RC_IO);
	assert_int_equal(errno, ESPIPE);
	errno = 0;
	assert_int_equal(io_pread(-1, got, sizeof(got), 0, &n), RC_IO);
	assert_int_equal(errno, EBADF);
}

/* A file-size limit lets a part through and then fails: the part before it
 * must not count as success. */
static void
a_write_that_stops_half_way_is_io(void **state)
{
	char path[] = "/tmp/in.popd-io_test.XXXXXX";
	int fd = mkstemp(path), status;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit limit = {4, 4};
		enum rc rc;

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(2);
		rc = io_pwrite(fd, "123456", 6, 0);
		_exit(rc == RC_IO && errno == EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(lseek(fd, 0, SEEK_END) == 4);
	close(fd);
}

static void
interrupted_and_short_calls_are_gone_on_with(void **state)
{
	static const char octets[] = "0123456789";
	int fd = memfd_create("io_test", MFD_CLOEXEC);
	char got[16];
	size_t n = 0;

	(void)state;
	assert_true(fd >= 0);
	hard = 1;
	assert_int_equal(io_write(a, octets, 10, SOON_MS), RC_OK);
	assert_int_equal(io_pwrite(fd, octets, 10, 5), RC_OK);
	assert_int_equal(io_pread(fd, got, 15, 5, &n), RC_OK);
	assert_int_equal(n, 10);
	assert_memory_equal(got, octets, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(
		    io_read(b, got, sizeof(got), io_now_ms() + SOON_MS, &n),
		    RC_OK);
		assert_int_equal(n, 1);
		assert_int_equal(got[0], octets[i]);
	}
	assert_true(hard > 60); /* the calls came by here */
	close(fd);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, connect_pair, disconnect_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(the_clock_runs_forward_in_milliseconds),
	    CASE(waiting_ends_with_octets_or_with_the_end),
	    CASE(waiting_lasts_until_the_deadline),
	    CASE(a_far_deadline_is_taken),
	    CASE(waiting_on_no_descriptor_is_io),
	    CASE(reading_gives_what_is_there),
	    CASE(reading_waits_through_signals),
	    CASE(the_end_is_eof_behind_the_last_octet),
	    CASE(a_reset_is_eof),
	    CASE(a_read_that_would_block_waits_on),
	    CASE(a_read_that_finds_nothing_says_so),
	    CASE(a_failed_read_is_io),
	    CASE(writing_writes_all_through_signals),
	    CASE(writing_waits_where_it_would_block),
	    CASE(writing_nothing_is_ok),
	    CASE(writing_to_nobody_is_eof),
	    CASE(a_stalled_reader_is_a_timeout),
	    CASE(a_slow_reader_does_not_move_the_deadline),
	    CASE(sleep_ends_at_a_moment),
	    CASE(who_can_write_is_known_at_once),
	    CASE(a_stalled_reader_is_a_timeout_under_signals),
	    CASE(a_failed_write_is_io),
	    CASE(positions_are_read_to_the_files_end),
	    CASE(positions_are_written_whole),
	    CASE(what_has_no_positions_is_io),
	    CASE(a_write_that_stops_half_way_is_io),
	    CASE(interrupted_and_short_calls_are_gone_on_with),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
