/* Tests of sys/log: foreign text that cannot forge a line, lines that say when
 * they were cut, and errno that survives it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/log.h"
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* stderr_of - what log_event writes to descriptor 2 for n octets of text. */
static size_t
stderr_of(const char *text, int n, char *out, size_t size)
{
	int ends[2], was = dup(2);
	ssize_t got;

	assert_true(was >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], 2), 2);
	errno = ENOTTY;
	log_event(LOG_DEBUG, "%.*s", n, text);
	if (errno != ENOTTY)
		out = NULL;
	dup2(was, 2);
	close(was);
	close(ends[1]);
	assert_non_null(out); /* errno is kept */
	got = read(ends[0], out, size - 1);
	close(ends[0]);
	assert_true(got >= 0);
	out[got] = '\0';
	return (size_t)got;
}

static void
nothing_goes_to_stderr_unless_wanted(void **state)
{
	char got[64];

	(void)state;
	log_open(0);
	assert_int_equal(stderr_of("event=test", 10, got, sizeof(got)), 0);
}

static void
every_line_goes_to_stderr_when_wanted(void **state)
{
	char got[64];

	(void)state;
	log_open(1);
	stderr_of("event=test", 10, got, sizeof(got));
	assert_string_equal(got, "in.popd: event=test\n");
	stderr_of("", 0, got, sizeof(got));
	assert_string_equal(got, "in.popd: \n");
	log_open(0);
	assert_int_equal(stderr_of("event=test", 10, got, sizeof(got)), 0);
}

static void
a_long_line_is_cut_and_says_so(void **state)
{
	char text[3 * LOG_LINE_OCTETS], got[4 * LOG_LINE_OCTETS];
	const size_t prefix = strlen("in.popd: ");

	(void)state;
	memset(text, 'a', sizeof(text));
	log_open(1);
	for (size_t n = LOG_LINE_OCTETS - 5; n < sizeof(text); n++) {
		size_t len = n < LOG_LINE_OCTETS ? n : LOG_LINE_OCTETS;

		assert_int_equal(stderr_of(text, (int)n, got, sizeof(got)),
		    prefix + len + 1);
		assert_int_equal(got[prefix + len], '\n');
		got[prefix + len] = '\0';
		if (n > LOG_LINE_OCTETS) {
			assert_string_equal(got + prefix + len - 4, "a...");
			len -= 3;
		}
		assert_int_equal(strspn(got + prefix, "a"), len);
		if (n == LOG_LINE_OCTETS + 8)
			n = sizeof(text) - 2;
	}
	log_open(0);
}

/* A reader of descriptor 2 that is gone stops nobody. */
static void
errno_is_kept_when_stderr_fails(void **state)
{
	int ends[2], was = dup(2), after;

	(void)state;
	assert_true(was >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], 2), 2);
	close(ends[0]);
	close(ends[1]);
	log_open(1);
	errno = E2BIG;
	log_event(LOG_DEBUG, "event=test");
	after = errno;
	assert_int_equal(dup2(was, 2), 2);
	close(was);
	log_open(0);
	assert_int_equal(after, E2BIG);
}

/* datagram - what sendto was given last; it may go nowhere. */
static struct {
	unsigned count;
	int flags;
	char path[108], text[2 * LOG_LINE_OCTETS];
	ssize_t result; /* -1: as the kernel says; -2: ECONNREFUSED */
} datagram;

ssize_t
sendto(int fd, const void *text, size_t n, int flags, __CONST_SOCKADDR_ARG to,
    socklen_t len)
{
	const struct sockaddr_un *un = to.__sockaddr_un__;

	datagram.count++;
	datagram.flags = flags;
	datagram.path[0] = '\0';
	if (un != NULL) {
		assert_true(len == sizeof(*un) && un->sun_family == AF_UNIX);
		memcpy(datagram.path, un->sun_path, sizeof(datagram.path));
	}
	assert_true(n < sizeof(datagram.text));
	memcpy(datagram.text, text, n);
	datagram.text[n] = '\0';
	if (datagram.result == -2) {
		errno = ECONNREFUSED;
		return -1;
	}
	return syscall(SYS_sendto, fd, text, n, flags, un, len);
}

/* deaf - whether log_open finds no daemon, be there one or not. */
static unsigned deaf;

int
connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t len)
{
	if (deaf) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_connect, fd, to.__sockaddr_un__, len);
}

/* open_deaf - the log, before its daemon is there. */
static void
open_deaf(void)
{
	deaf = 1;
	log_open(0);
	deaf = 0;
}

/* A line goes out as RFC 3164 section 4.1 lets a program on the same host send
 * it: priority, name and process, and no time. */
static void
a_line_is_a_datagram(void **state)
{
	static const int priorities[] = {
	    LOG_EMERG, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
	char want[100];

	(void)state;
	open_deaf();
	for (size_t i = 0; i < 6; i++) {
		datagram.count = 0;
		log_event(priorities[i], "event=%s n=%d", "x", 5);
		snprintf(want, sizeof(want), "<%d>in.popd[%ld]: event=x n=5",
		    16 + priorities[i], (long)getpid());
		assert_int_equal(datagram.count, 1);
		assert_string_equal(datagram.path, "/dev/log");
		assert_string_equal(datagram.text, want);
		assert_true((datagram.flags & MSG_NOSIGNAL) != 0);
	}
}

/* A long line is cut and still goes out whole; nobody who listens is no error,
 * and errno is kept. */
static void
datagrams_that_are_long_or_fail(void **state)
{
	char text[3 * LOG_LINE_OCTETS];
	const char *line;

	(void)state;
	memset(text, 'a', sizeof(text));
	open_deaf();
	for (ssize_t result = -2; result < 0; result++) {
		datagram.result = result;
		for (int n = LOG_LINE_OCTETS - 2; n < LOG_LINE_OCTETS + 3;
		     n++) {
			datagram.count = 0;
			errno = E2BIG;
			log_event(LOG_INFO, "%.*s", n, text);
			assert_int_equal(errno, E2BIG);
			assert_int_equal(datagram.count, 1);
			line = strstr(datagram.text, "]: ");
			assert_non_null(line);
			assert_int_equal(strlen(line + 3),
			    n < LOG_LINE_OCTETS ? n : LOG_LINE_OCTETS);
			if (n > LOG_LINE_OCTETS)
				assert_string_equal(
				    line + 3 + LOG_LINE_OCTETS - 4, "a...");
		}
	}
	datagram.result = -1;
}

/* own_dev - a /dev of our own with a log daemon's socket in it, in a mount
 * namespace of our own; -1 where that is not allowed. */
static int
own_dev(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	struct timeval second = {.tv_sec = 5};
	int fd;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) !=
		0)
		return -1;
	return fd;
}

/* as_root - what heard says, in a process of its own, is 0; 77: it is not
 * allowed here. */
static void
as_root(int (*heard)(void))
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(heard());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* not allowed here */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* heard - logs and listens: 0 when all arrived, 77 where there can be no such
 * socket. The log is opened before its daemon is there, which then goes and
 * comes again. */
static int
heard(void)
{
	char got[2 * LOG_LINE_OCTETS], want[100];
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	ssize_t n;
	int fd;

	open_deaf();
	fd = own_dev();
	if (fd < 0)
		return 77;
	snprintf(want, sizeof(want), "<22>in.popd[%ld]: event=login",
	    (long)getpid());
	for (unsigned round = 0; round < 3; round++) {
		log_event(LOG_INFO, "event=login");
		n = recv(fd, got, sizeof(got) - 1, 0);
		if (n < 0)
			return 1;
		got[n] = '\0';
		if (strcmp(got, want) != 0)
			return 2;
		close(fd);
		unlink("/dev/log");
		errno = EDOM;
		log_event(LOG_INFO, "event=lost");
		if (errno != EDOM)
			return 3;
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
			return 4;
	}
	return 0;
}

static void
a_log_daemon_hears_it(void **state)
{
	(void)state;
	as_root(heard);
}

/* heard_by_another - log_open_as, once without a daemon and once with one whose
 * name then goes, as after a chroot: 0 when what should be heard was. */
static int
heard_by_another(void)
{
	char got[2 * LOG_LINE_OCTETS], want[100];
	ssize_t n;
	int fd = own_dev();

	if (fd < 0)
		return 77;
	close(fd);
	datagram.path[0] = '\0';
	log_open_as("another", 0); /* nobody listens any more */
	log_event(LOG_INFO, "event=lost");
	unlink("/dev/log");
	fd = own_dev();
	log_open_as("another", 0);
	unlink("/dev/log");
	log_event(LOG_INFO, "event=login");
	n = recv(fd, got, sizeof(got) - 1, 0);
	if (n < 0)
		return 1;
	got[n] = '\0';
	snprintf(want, sizeof(want), "<22>another[%ld]: event=login",
	    (long)getpid());
	return strcmp(got, want) != 0 ? 2 : datagram.path[0] != '\0' ? 3 : 0;
}

static void
another_program_has_its_own_name(void **state)
{
	(void)state;
	as_root(heard_by_another);
}

static void
every_octet_is_quoted_right(void **state)
{
	char got[8], wanted[8];

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char text = (char)(unsigned char)c;

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			snprintf(
			    wanted, sizeof(wanted), "\"\\x%02x\"", (unsigned)c);
		else
			snprintf(wanted, sizeof(wanted), "\"%c\"", c);
		assert_ptr_equal(log_quote(got, sizeof(got), &text, 1), got);
		assert_string_equal(got, wanted);
	}
}

static void
a_line_cannot_be_forged(void **state)
{
	static const char text[] = "x\" addr=1.2.3.4\nevent=login\0\x1b[2J\\x";
	char got[128];

	(void)state;
	log_quote(got, sizeof(got), text, sizeof(text) - 1);
	assert_string_equal(got, "\"x\\x22 addr=1.2.3.4\\x0aevent=login\\x00"
				 "\\x1b[2J\\x5cx\"");
	log_quote(got, sizeof(got), "", 0);
	assert_string_equal(got, "\"\"");
}

/* At every size: the quotes stand, nothing is cut inside an escape, and no
 * octet is written behind the end (which a sanitizer sees). */
static void
a_quoted_text_is_cut_at_any_size(void **state)
{
	static const char text[] = "ab\ncd\"\\\xff yz";
	static const char *const units[] = {"a", "b", "\\x0a", "c", "d",
	    "\\x22", "\\x5c", "\\xff", " ", "y", "z"};
	const size_t count = sizeof(units) / sizeof(units[0]);

	(void)state;
	assert_int_equal(sizeof(text) - 1, count);
	for (size_t size = 3; size < 48; size++) {
		char *got = malloc(size), wanted[64] = "\"";
		size_t len = 1;

		assert_non_null(got);
		for (size_t i = 0; i < count; i++) {
			size_t n = strlen(units[i]);

			if (len + n + 1 > size - 1)
				break;
			memcpy(wanted + len, units[i], n);
			len += n;
		}
		memcpy(wanted + len, "\"", 2);
		log_quote(got, size, text, count);
		assert_string_equal(got, wanted);
		free(got);
	}
}

static void
a_quoted_name_fits_four_times_over(void **state)
{
	char text[64], got[4 * sizeof(text) + 3];

	(void)state;
	memset(text, 1, sizeof(text));
	log_quote(got, sizeof(got), text, sizeof(text));
	assert_int_equal(strlen(got), sizeof(got) - 1);
	assert_true(isxdigit((unsigned char)got[sizeof(got) - 3]));
}

static void
why_is_errno_for_io_and_a_word_for_the_rest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RC_COUNT; i++) {
		errno = ENOSPC;
		if (i == RC_IO)
			assert_string_equal(
			    log_why(RC_IO), "No space left on device");
		else
			assert_string_equal(
			    log_why((enum rc)i), rc_name((enum rc)i));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_goes_to_stderr_unless_wanted),
	    cmocka_unit_test(every_line_goes_to_stderr_when_wanted),
	    cmocka_unit_test(a_long_line_is_cut_and_says_so),
	    cmocka_unit_test(errno_is_kept_when_stderr_fails),
	    cmocka_unit_test(a_line_is_a_datagram),
	    cmocka_unit_test(datagrams_that_are_long_or_fail),
	    cmocka_unit_test(a_log_daemon_hears_it),
	    cmocka_unit_test(another_program_has_its_own_name),
	    cmocka_unit_test(every_octet_is_quoted_right),
	    cmocka_unit_test(a_line_cannot_be_forged),
	    cmocka_unit_test(a_quoted_text_is_cut_at_any_size),
	    cmocka_unit_test(a_quoted_name_fits_four_times_over),
	    cmocka_unit_test(why_is_errno_for_io_and_a_word_for_the_rest),
	};

	datagram.result = -1;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
