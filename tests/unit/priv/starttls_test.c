/* starttls - what the environment may say, and how the connection is handed
 * over. The other side is the test's. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "priv/starttls.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 40 };

static const char *const names[] = {"SSLCTLFD", "SSLREADFD", "SSLWRITEFD"};

static int
set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		unsetenv(names[i]);
	unsetenv("PROTO");
	unsetenv("SSL_PROTOCOL");
	return 0;
}

static void
put(unsigned i, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	assert_int_equal(setenv(names[i], text, 1), 0);
}

static unsigned
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static unsigned
same(int a, int b)
{
	struct stat x, y;

	assert_int_equal(fstat(a, &x), 0);
	assert_int_equal(fstat(b, &y), 0);
	return x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* three - control, reading, writing; each another pipe's end. */
static void
three(int fds[3])
{
	int p[2];

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		fds[i] = i == 1 ? p[0] : p[1];
		close(i == 1 ? p[1] : p[0]);
		put(i, fds[i]);
	}
}

static void
close_three(const int fds[3])
{
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

static void
three_descriptors_are_taken(void **state)
{
	struct starttls t;
	int fds[3];

	(void)state;
	three(fds);
	assert_int_equal(starttls_take(&t, FIRST), 1);
	assert_int_equal(t.ctl_fd, FIRST);
	assert_int_equal(t.read_fd, FIRST + 1);
	assert_int_equal(t.write_fd, FIRST + 2);
	assert_true(same(t.ctl_fd, fds[0]));
	assert_true(same(t.read_fd, fds[1]));
	assert_true(same(t.write_fd, fds[2]));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fcntl(FIRST + i, F_GETFD), FD_CLOEXEC);
		assert_true(is_open(fds[i]));
	}
	assert_true((fcntl(t.write_fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_false(is_open(FIRST + 3)); /* nothing is left over */
	starttls_close(&t);
	for (int i = 0; i < 3; i++)
		assert_false(is_open(FIRST + i));
	close_three(fds);
}

/* The specification allows it. */
static void
they_may_be_one(void **state)
{
	struct starttls t;
	int pair[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (unsigned i = 0; i < 3; i++)
		put(i, pair[0]);
	assert_int_equal(starttls_take(&t, FIRST), 1);
	for (int i = 0; i < 3; i++)
		assert_true(same(FIRST + i, pair[0]));
	starttls_close(&t);
	close(pair[0]);
	close(pair[1]);
}

/* They stand where they are wanted already, in each order. */
static void
places_may_overlap(void **state)
{
	static const int order[6][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct starttls t;
	int fds[3];

	(void)state;
	for (unsigned o = 0; o < 6; o++) {
		three(fds);
		for (unsigned i = 0; i < 3; i++) {
			assert_true(dup2(fds[i], FIRST + order[o][i]) >= 0);
			put(i, FIRST + order[o][i]);
		}
		assert_int_equal(starttls_take(&t, FIRST), 1);
		for (int i = 0; i < 3; i++)
			assert_true(same(FIRST + i, fds[i]));
		starttls_close(&t);
		close_three(fds);
	}
}

static void
anything_else_is_none(void **state)
{
	static const char *const bad[] = {"", "x", "-1", "+7", " 7", "7 ", "0",
	    "1", "2", "900", "4294967303", "2147483648",
	    "99999999999999999999"};
	struct starttls t;
	int fds[3];

	(void)state;
	assert_int_equal(starttls_take(&t, FIRST), 0);
	for (unsigned i = 0; i < 3; i++) {
		three(fds);
		unsetenv(names[i]);
		assert_int_equal(starttls_take(&t, FIRST), 0);
		for (unsigned j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
			assert_int_equal(setenv(names[i], bad[j], 1), 0);
			assert_int_equal(starttls_take(&t, FIRST), 0);
		}
		close_three(fds);
	}
}

static void
the_environment_says_whether_tls_is_on(void **state)
{
	(void)state;
	assert_false(starttls_is_on());
	assert_int_equal(setenv("PROTO", "TCP", 1), 0);
	assert_false(starttls_is_on());
	assert_int_equal(setenv("SSL_PROTOCOL", "", 1), 0);
	assert_false(starttls_is_on());
	assert_int_equal(setenv("SSL_PROTOCOL", "TLSv1.3", 1), 0);
	assert_true(starttls_is_on());
	unsetenv("SSL_PROTOCOL");
	assert_int_equal(setenv("PROTO", "SSL", 1), 0);
	assert_true(starttls_is_on());
	assert_int_equal(setenv("PROTO", "SSL6", 1), 0); /* ucspi-ssl, IPv6 */
	assert_true(starttls_is_on());
}

static void
the_connection_is_handed_over(void **state)
{
	struct starttls t = {-1, -1, -1};
	int ctl[2], in, out;
	char c[2];

	(void)state;
	for (unsigned one = 0; one < 2; one++) {
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
		t.ctl_fd = ctl[1];
		in = open("/dev/null", O_RDWR | O_CLOEXEC);
		out = one ? in : open("/dev/null", O_RDWR | O_CLOEXEC);
		assert_int_equal(starttls_begin(&t, in, out), RC_OK);
		assert_int_equal(read(ctl[0], c, 2), 1);
		assert_int_equal(c[0], 'y');
		assert_false(is_open(in));
		assert_false(is_open(out));
		assert_false(is_open(ctl[1]));
		assert_int_equal(read(ctl[0], c, 1), 0);
		close(ctl[0]);
	}
}

static void
nobody_may_be_there_to_take_it(void **state)
{
	struct starttls t = {-1, -1, -1};
	int ctl[2], in = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
	close(ctl[0]);
	t.ctl_fd = ctl[1];
	assert_int_equal(starttls_begin(&t, in, in), RC_EOF);
	assert_false(is_open(in));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup(f, set_up)
	    CASE(three_descriptors_are_taken),
	    CASE(they_may_be_one),
	    CASE(places_may_overlap),
	    CASE(anything_else_is_none),
	    CASE(the_environment_says_whether_tls_is_on),
	    CASE(the_connection_is_handed_over),
	    CASE(nobody_may_be_there_to_take_it),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
