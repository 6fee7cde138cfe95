/* Tests of wire/line: limits to the octet, lines that are thrown away whole,
 * the ends of input, deadlines, and that it does not matter how the octets are
 * divided on their way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/io.h"
#include "wire/line.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = LINE_COMMAND_OCTETS, SOON_MS = 10000 };

/* One connection: the test writes to client, the reader reads server. */
static struct connection {
	int client, server;
	struct line_reader in;
	struct line line;
} c;

static int
connect_pair(void **state)
{
	int fds[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return -1;
	c.client = fds[0];
	c.server = fds[1];
	line_init(&c.in, c.server);
	return 0;
}

static int
disconnect_pair(void **state)
{
	(void)state;
	if (c.client >= 0)
		close(c.client);
	if (c.server >= 0)
		close(c.server);
	return 0;
}

static void
say_octets(const char *octets, size_t n)
{
	assert_int_equal(io_write(c.client, octets, n, SOON_MS), RC_OK);
}

static void
say(const char *text)
{
	say_octets(text, strlen(text));
}

/* say_many - one octet n times. */
static void
say_many(char octet, size_t n)
{
	char *octets = malloc(n + 1);

	assert_non_null(octets);
	memset(octets, octet, n);
	say_octets(octets, n);
	free(octets);
}

static enum rc
next(size_t limit)
{
	return line_read(&c.in, limit, io_now_ms() + SOON_MS, &c.line);
}

/* next_now - without waiting. */
static enum rc
next_now(void)
{
	return line_read(&c.in, LIMIT, io_now_ms(), &c.line);
}

static void
expect_line(const char *text)
{
	assert_int_equal(next(LIMIT), RC_OK);
	assert_string_equal(c.line.text, text);
	assert_int_equal(c.line.len, strlen(text));
}

static void
nap_ms(long ms)
{
	struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* start - runs a client in a process of its own. */
static pid_t
start(void (*client)(int fd))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close(c.server);
		signal(SIGPIPE, SIG_DFL);
		client(c.client);
		_exit(0);
	}
	return pid;
}

static void
stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
lines_come_without_their_ends(void **state)
{
	(void)state;
	say("NOOP\r\nSTAT\n\r\n\nLIST 1\r\n");
	expect_line("NOOP");
	expect_line("STAT"); /* a bare LF ends a command too */
	expect_line("");
	expect_line("");
	expect_line("LIST 1");
	assert_int_equal(next_now(), RC_TIMEOUT);
}

static void
a_cr_inside_is_text(void **state)
{
	(void)state;
	say("A\rB\r\n\rC\n\r\r\nD\r\r\n\n");
	expect_line("A\rB");
	expect_line("\rC");
	expect_line("\r");
	expect_line("D\r");
	expect_line("");
}

static void
eight_bit_octets_are_text(void **state)
{
	(void)state;
	say("USER \xc3\xa4\xff\x01\x7f\r\n");
	expect_line("USER \xc3\xa4\xff\x01\x7f");
}

/* out->octets is what came, whichever line end it had. */
static void
octets_count_the_line_end(void **state)
{
	static const size_t octets[] = {6, 5, 2, 1, 3, 5};

	(void)state;
	say("NOOP\r\nSTAT\n\r\n\n\r\r\n\303\274x\r\n");
	for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++) {
		assert_int_equal(next(LIMIT), RC_OK);
		assert_int_equal(c.line.octets, octets[i]);
	}
	say_many('x', LIMIT - 2);
	say("\r\n");
	assert_int_equal(next(LIMIT), RC_OK);
	assert_int_equal(c.line.octets, LIMIT);
}

static void
the_text_is_the_callers_to_change(void **state)
{
	(void)state;
	say("PASS secret\r\nNOOP\r\n");
	expect_line("PASS secret");
	memset(c.line.text, 'x', c.line.len);
	expect_line("NOOP");
}

/* limit_case - a line of n octets with its end under limit, and one after it
 * in the same read. */
static void
limit_case(size_t n, const char *end, size_t limit)
{
	size_t len = n - strlen(end);
	char *all = malloc(n + 1);

	assert_non_null(all);
	memset(all, 'a', len);
	memcpy(all + len, end, strlen(end));
	all[n] = '\n'; /* the line after it: empty, so that it fits always */
	say_octets(all, n + 1);
	if (n <= limit) {
		assert_int_equal(next(limit), RC_OK);
		assert_int_equal(c.line.len, len);
		assert_int_equal(strlen(c.line.text), len);
		assert_true(memcmp(c.line.text, all, len) == 0);
	} else {
		assert_int_equal(next(limit), RC_TOOLONG);
	}
	assert_int_equal(next(limit), RC_OK);
	assert_int_equal(c.line.len, 0);
	free(all);
}

/* RFC 2449 section 4: 255 octets with CRLF. RFC 937: 512. */
static void
the_limit_counts_the_line_end(void **state)
{
	static const size_t limits[] = {
	    2, 3, 254, LIMIT, 256, 512, 4096, LINE_BUFFER_OCTETS};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t limit = limits[i];

		for (size_t n = limit > 4 ? limit - 2 : 2; n <= limit + 3;
		     n++) {
			limit_case(n, "\r\n", limit);
			limit_case(n, "\n", limit);
		}
	}
	limit_case(1, "\n", 1);
	limit_case(2, "\n", 1);
	limit_case(2, "\r\n", 1);
}

static void
an_overlong_line_is_refused_once(void **state)
{
	(void)state;
	say_many('a', LIMIT - 1);
	say("\r\nNOOP\r\n"); /* 256 octets with its end, NOOP in the same read
			      */
	assert_int_equal(next(LIMIT), RC_TOOLONG);
	expect_line("NOOP");
	assert_int_equal(next_now(), RC_TIMEOUT);
}

/* No part of it may be taken for a command, wherever a buffer or a limit ends
 * inside it. */
static void
no_part_of_an_overlong_line_is_a_command(void **state)
{
	static const char piece[] = "\rDELE 1\r";

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		say_octets(piece, sizeof(piece) - 1);
		if (i % 100 == 0)
			assert_int_equal(next_now(), RC_TIMEOUT);
	}
	say("\nNOOP\r\n");
	assert_int_equal(next(LIMIT), RC_TOOLONG);
	expect_line("NOOP");
}

static void
ten_megabytes(int fd)
{
	static char block[1 << 16];

	memset(block, 'a', sizeof(block));
	for (unsigned i = 0; i < 160; i++) {
		if (write(fd, block, sizeof(block)) < 0)
			_exit(1);
	}
	if (write(fd, "\r\nNOOP\r\n", 8) < 0)
		_exit(1);
}

static void
an_endless_line_is_thrown_away_as_it_comes(void **state)
{
	pid_t pid = start(ten_megabytes);
	int status;

	(void)state;
	assert_int_equal(next(LIMIT), RC_TOOLONG);
	expect_line("NOOP");
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void
a_line_with_a_nul_is_thrown_away(void **state)
{
	static const char lines[] = "A\0B\r\n\0\n\0NOOP\r\nNOOP\0\r\nNOOP\r\n";

	(void)state;
	say_octets(lines, sizeof(lines) - 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(next(LIMIT), RC_SYNTAX);
	expect_line("NOOP");
}

static void
an_overlong_line_with_a_nul_is_overlong_once(void **state)
{
	(void)state;
	say_many('\0', 300);
	say("\r\nNOOP\r\n");
	assert_int_equal(next(LIMIT), RC_TOOLONG);
	expect_line("NOOP");
}

/* Who has closed its sending side still gets answers to what it sent. */
static void
whole_lines_before_the_end_are_lines(void **state)
{
	(void)state;
	say("STAT\r\nQUIT\nDELE 1");
	assert_int_equal(shutdown(c.client, SHUT_WR), 0);
	expect_line("STAT");
	expect_line("QUIT");
	assert_int_equal(next(LIMIT), RC_EOF); /* DELE 1 is no command */
	assert_int_equal(next(LIMIT), RC_EOF);
}

static void
an_end_inside_an_overlong_line_is_the_end(void **state)
{
	(void)state;
	say_many('a', 100000);
	assert_int_equal(shutdown(c.client, SHUT_WR), 0);
	assert_int_equal(next(LIMIT), RC_EOF);
	assert_int_equal(next(LIMIT), RC_EOF);
}

static void
an_end_at_once_is_the_end(void **state)
{
	(void)state;
	close(c.client);
	c.client = -1;
	assert_int_equal(next(LIMIT), RC_EOF);
}

static void
a_reset_connection_is_the_end(void **state)
{
	(void)state;
	assert_int_equal(write(c.server, "unread", 6), 6);
	close(c.client);
	c.client = -1;
	assert_int_equal(next(LIMIT), RC_EOF);
	assert_int_equal(next(LIMIT), RC_EOF);
}

static void
a_failed_read_is_io(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_true(fd >= 0);
	line_init(&c.in, fd);
	errno = 0;
	assert_int_equal(next(LIMIT), RC_IO);
	assert_int_equal(errno, EISDIR);
	close(fd);
	errno = 0;
	assert_int_equal(next(LIMIT), RC_IO);
	assert_int_equal(errno, EBADF);
}

static void
what_came_before_a_timeout_is_kept(void **state)
{
	(void)state;
	assert_int_equal(next_now(), RC_TIMEOUT);
	say("NO");
	assert_int_equal(next_now(), RC_TIMEOUT);
	say("OP\r");
	assert_int_equal(next_now(), RC_TIMEOUT);
	say("\n");
	expect_line("NOOP");
	say_many('a', 300); /* an overlong line, in three parts */
	assert_int_equal(next_now(), RC_TIMEOUT);
	say_many('a', 300);
	assert_int_equal(next_now(), RC_TIMEOUT);
	say("\nNOOP\n");
	assert_int_equal(next(LIMIT), RC_TOOLONG);
	expect_line("NOOP");
}

/* timed_out - line_read gives up after ms, and not much later. */
static void
timed_out(unsigned ms)
{
	int64_t begin = io_now_ms(), took;

	assert_int_equal(
	    line_read(&c.in, LIMIT, begin + ms, &c.line), RC_TIMEOUT);
	took = io_now_ms() - begin;
	assert_true(took >= ms);
	assert_true(took < ms + 3000);
}

static void
silence_is_a_timeout(void **state)
{
	(void)state;
	timed_out(50);
}

static void
drip(int fd)
{
	for (;;) {
		if (write(fd, "a", 1) < 0)
			_exit(0);
		nap_ms(5);
	}
}

/* RFC 1939 section 3: the autologout timer; a client that sends an octet now
 * and then must not hold a line open for ever. */
static void
a_slow_drip_moves_no_deadline(void **state)
{
	pid_t pid = start(drip);

	(void)state;
	timed_out(100);
	stop(pid);
}

/* Nor may one that always has more, however fast it is read. */
static void
a_flood_moves_no_deadline(void **state)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	line_init(&c.in, fd);
	alarm(20); /* rather than to hang */
	timed_out(100);
	alarm(0);
	close(fd);
}

static void
a_passed_deadline_still_gives_what_is_there(void **state)
{
	(void)state;
	say("NOOP\r\nSTAT\r\n");
	assert_int_equal(
	    line_read(&c.in, LIMIT, io_now_ms() - 1000, &c.line), RC_OK);
	assert_string_equal(c.line.text, "NOOP");
	assert_int_equal(line_read(&c.in, LIMIT, 0, &c.line), RC_OK);
	assert_string_equal(c.line.text, "STAT");
	assert_int_equal(line_read(&c.in, LIMIT, 0, &c.line), RC_TIMEOUT);
}

/* RFC 2449 section 6.6: with a whole command read ahead its reply may wait for
 * the next one's. */
static void
waiting_is_a_whole_line_read_ahead(void **state)
{
	(void)state;
	assert_false(line_waiting(&c.in));
	say("NOOP\r\nSTAT\r\nQU");
	assert_false(line_waiting(&c.in)); /* it reads nothing itself */
	expect_line("NOOP");
	assert_true(line_waiting(&c.in));
	assert_true(line_waiting(&c.in));
	assert_string_equal(c.line.text, "NOOP"); /* and spoils nothing */
	expect_line("STAT");
	assert_false(line_waiting(&c.in)); /* QU is no whole line */
	say("IT\r\n");
	expect_line("QUIT");
	assert_false(line_waiting(&c.in));
}

static void
an_overlong_line_waits_when_its_end_is_here(void **state)
{
	(void)state;
	say("NOOP\r\n");
	say_many('a', 300);
	expect_line("NOOP");
	assert_false(line_waiting(&c.in)); /* needs its end from outside */
	say("\nSTAT\r\n");
	assert_int_equal(next(LIMIT), RC_TOOLONG);
	assert_true(line_waiting(&c.in));
	expect_line("STAT");
	say("NOOP\r\n");
	say_many('a', 300);
	say("\n");
	expect_line("NOOP");
	assert_true(line_waiting(&c.in));
	assert_int_equal(next_now(), RC_TOOLONG);
}

static void
after_the_end_nothing_is_needed(void **state)
{
	(void)state;
	say("NOOP\r\n");
	assert_int_equal(shutdown(c.client, SHUT_WR), 0);
	expect_line("NOOP");
	assert_int_equal(next(LIMIT), RC_EOF);
	assert_true(line_waiting(&c.in));
	assert_int_equal(next_now(), RC_EOF);
}

/* RFC 2595 section 4: what was sent in plain text behind STLS must not be
 * taken as sent under TLS. */
static void
dropping_forgets_what_was_read_ahead(void **state)
{
	(void)state;
	say("STLS\r\nUSER evil\r\nPASS e");
	expect_line("STLS");
	line_drop(&c.in);
	assert_false(line_waiting(&c.in));
	assert_int_equal(next_now(), RC_TIMEOUT);
	say("NOOP\r\n");
	expect_line("NOOP");
	line_drop(&c.in); /* of nothing */
	say_many('a', 300);
	assert_int_equal(next_now(), RC_TIMEOUT);
	line_drop(&c.in); /* inside a line that is thrown away */
	say("STAT\r\n");
	expect_line("STAT");
}

static void
draining_forgets_what_has_come_as_well(void **state)
{
	char much[70000];

	(void)state;
	say("STLS\r\nUSER evil\r\n");
	expect_line("STLS");
	say("PASS evil\r\n");
	memset(much, 'a', sizeof(much));
	say_octets(much, sizeof(much)); /* more than one read takes */
	say("\r\nSTAT\r\n");
	assert_int_equal(line_drain(&c.in), RC_OK);
	assert_false(line_waiting(&c.in));
	assert_int_equal(next_now(), RC_TIMEOUT);
	assert_int_equal(line_drain(&c.in), RC_OK); /* of nothing */
	say("NOOP\r\n");
	expect_line("NOOP");
	say("USER e");
	assert_int_equal(shutdown(c.client, SHUT_WR), 0);
	assert_int_equal(line_drain(&c.in), RC_OK);
	assert_int_equal(next(LIMIT), RC_EOF);
}

static void
a_flood_cannot_be_drained(void **state)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(zero >= 0);
	line_init(&c.in, zero);
	assert_int_equal(line_drain(&c.in), RC_LIMIT);
	close(zero);
}

static void
what_cannot_be_read_cannot_be_drained(void **state)
{
	int directory = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(directory >= 0);
	line_init(&c.in, directory);
	assert_int_equal(line_drain(&c.in), RC_IO);
	assert_int_equal(errno, EISDIR);
	close(directory);
}

/* The rest of a line may come later, as long as the deadline is not there. */
static void
half_a_line_is_waited_for(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	say("NO");
	assert_int_equal(
	    line_read(&c.in, LIMIT, IO_READY, &c.line), RC_TIMEOUT);
	pid = fork();
	if (pid == 0) {
		usleep(50000);
		_exit(write(c.client, "OP\r\n", 4) == 4 ? 0 : 1);
	}
	assert_int_equal(
	    line_read(&c.in, LIMIT, io_now_ms() + SOON_MS, &c.line), RC_OK);
	assert_string_equal(c.line.text, "NOOP");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* gather - results until the end, or until nothing has come for wait_ms, as
 * text behind *at. */
static void
gather(size_t limit, int64_t wait_ms, char **at, const char *end)
{
	for (;;) {
		unsigned waiting = line_waiting(&c.in);
		enum rc rc =
		    line_read(&c.in, limit, io_now_ms() + wait_ms, &c.line);

		assert_true(end - *at > (ptrdiff_t)limit + 4);
		if (waiting)
			assert_int_not_equal(rc, RC_TIMEOUT);
		if (rc == RC_TIMEOUT)
			return;
		*(*at)++ = (char)('a' + (int)rc);
		if (rc == RC_OK) {
			assert_int_equal(strlen(c.line.text), c.line.len);
			memcpy(*at, c.line.text, c.line.len);
			*at += c.line.len;
		}
		*(*at)++ = '|';
		**at = '\0';
		if (rc == RC_EOF)
			return;
	}
}

/* every_split - n octets in two parts, divided at every octet, give wanted;
 * and so they do octet by octet. A result is 'a' + rc, the text, and '|'. */
static void
every_split(const char *octets, size_t n, size_t limit, const char *wanted)
{
	char got[4096], *at;

	for (size_t cut = 0; cut <= n; cut++) {
		disconnect_pair(NULL);
		assert_int_equal(connect_pair(NULL), 0);
		at = got;
		say_octets(octets, cut);
		gather(limit, 0, &at, got + sizeof(got));
		say_octets(octets + cut, n - cut);
		assert_int_equal(shutdown(c.client, SHUT_WR), 0);
		gather(limit, SOON_MS, &at, got + sizeof(got));
		/* Once more, for the end stays. */
		gather(limit, SOON_MS, &at, got + sizeof(got));
		assert_string_equal(got, wanted);
	}
	disconnect_pair(NULL);
	assert_int_equal(connect_pair(NULL), 0);
	at = got;
	for (size_t i = 0; i < n; i++) {
		say_octets(octets + i, 1);
		gather(limit, 0, &at, got + sizeof(got));
	}
	assert_int_equal(shutdown(c.client, SHUT_WR), 0);
	gather(limit, SOON_MS, &at, got + sizeof(got));
	gather(limit, SOON_MS, &at, got + sizeof(got));
	assert_string_equal(got, wanted);
}

static void
no_split_makes_a_difference(void **state)
{
	/* Limit 8: six octets and CRLF, or seven and LF. */
	static const char in[] = "NOOP\r\nSTAT\n\r\n\n"
				 "A\rB\r\n\r\r\n"
				 "123456\r\n1234567\n1234567\r\n12345678\n"
				 "A\0B\r\nNOOP\r\n\0\n"
				 "1234567890123456789012\r\r\nLAST\r\n"
				 "\0\0\0\0\0\0\0\0\0\r\n\r\nQUI";

	(void)state;
	assert_int_equal('a' + RC_EOF, 'b');
	assert_int_equal('a' + RC_TOOLONG, 'd');
	assert_int_equal('a' + RC_SYNTAX, 'e');
	every_split(in, sizeof(in) - 1, 8,
	    "aNOOP|aSTAT|a|a|"
	    "aA\rB|a\r|"
	    "a123456|a1234567|d|d|"
	    "e|aNOOP|e|"
	    "d|aLAST|"
	    "d|a|b|b|");
}

/* The same at the limit of POP3, RFC 2449 section 4. */
static void
no_split_of_a_limit_makes_a_difference(void **state)
{
	char in[LIMIT + LIMIT + 1 + 6 + 1], wanted[LIMIT + 64];

	(void)state;
	memset(in, 'x', sizeof(in));
	memcpy(in + LIMIT - 2, "\r\n", 2);
	memcpy(in + 2 * LIMIT - 1, "\r\n", 2);
	memcpy(in + 2 * LIMIT + 1, "QUIT\r\n", 7);
	wanted[0] = 'a';
	memset(wanted + 1, 'x', LIMIT - 2);
	memcpy(wanted + LIMIT - 1, "|d|aQUIT|b|b|", 14);
	every_split(in, sizeof(in) - 1, LIMIT, wanted);
}

/* More than the buffer holds, in pieces that end anywhere: nothing gets lost
 * where what is left moves to the buffer's front. */
static void
a_long_batch_comes_through(void **state)
{
	static char in[6 * LINE_BUFFER_OCTETS];
	size_t n = 0, count = 0, said = 0, seen = 0;

	(void)state;
	while (n + LIMIT < sizeof(in)) {
		size_t len = count * 37 % (LIMIT - 1);

		memset(in + n, 'a' + (int)(count++ % 26), len);
		memcpy(in + n + len, "\r\n", 2);
		n += len + 2;
	}
	while (seen < count) {
		size_t part = n - said < 9973 ? n - said : 9973;

		say_octets(in + said, part);
		said += part;
		while (next_now() == RC_OK) {
			size_t len = seen * 37 % (LIMIT - 1);

			assert_int_equal(c.line.len, len);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(
				    c.line.text[i], 'a' + (int)(seen % 26));
			seen++;
		}
		assert_true(part > 0 || seen == count);
	}
}

/* A header before the first line: looked at, and skipped, in one read with what
 * follows it. */
static void
who_looks_himself_may_skip(void **state)
{
	(void)state;
	say("HEADER\n\nCAPA\r\nQU");
	assert_int_equal(line_fill(&c.in, io_now_ms() + SOON_MS), RC_OK);
	assert_int_equal(c.in.end - c.in.pos, 16);
	assert_memory_equal(c.in.data + c.in.pos, "HEADER\n\nCAPA", 12);
	assert_int_equal(line_fill(&c.in, io_now_ms()), RC_TIMEOUT);
	line_skip(&c.in, 8);
	expect_line("CAPA");
	assert_int_equal(next_now(), RC_TIMEOUT);
	say("IT\r\nmore");
	assert_int_equal(line_fill(&c.in, io_now_ms() + SOON_MS), RC_OK);
	line_skip(&c.in, 3); /* in the middle of what was searched for a LF */
	expect_line("T");
	assert_int_equal(shutdown(c.client, SHUT_WR), 0);
	assert_int_equal(line_fill(&c.in, io_now_ms() + SOON_MS), RC_EOF);
	assert_int_equal(c.in.end - c.in.pos, 4);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, connect_pair, disconnect_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(lines_come_without_their_ends),
	    CASE(a_cr_inside_is_text),
	    CASE(eight_bit_octets_are_text),
	    CASE(octets_count_the_line_end),
	    CASE(the_text_is_the_callers_to_change),
	    CASE(the_limit_counts_the_line_end),
	    CASE(an_overlong_line_is_refused_once),
	    CASE(no_part_of_an_overlong_line_is_a_command),
	    CASE(an_endless_line_is_thrown_away_as_it_comes),
	    CASE(a_line_with_a_nul_is_thrown_away),
	    CASE(an_overlong_line_with_a_nul_is_overlong_once),
	    CASE(whole_lines_before_the_end_are_lines),
	    CASE(an_end_inside_an_overlong_line_is_the_end),
	    CASE(an_end_at_once_is_the_end),
	    CASE(a_reset_connection_is_the_end),
	    CASE(a_failed_read_is_io),
	    CASE(what_came_before_a_timeout_is_kept),
	    CASE(silence_is_a_timeout),
	    CASE(a_slow_drip_moves_no_deadline),
	    CASE(a_flood_moves_no_deadline),
	    CASE(a_passed_deadline_still_gives_what_is_there),
	    CASE(waiting_is_a_whole_line_read_ahead),
	    CASE(an_overlong_line_waits_when_its_end_is_here),
	    CASE(after_the_end_nothing_is_needed),
	    CASE(dropping_forgets_what_was_read_ahead),
	    CASE(draining_forgets_what_has_come_as_well),
	    CASE(a_flood_cannot_be_drained),
	    CASE(what_cannot_be_read_cannot_be_drained),
	    CASE(half_a_line_is_waited_for),
	    CASE(no_split_makes_a_difference),
	    CASE(no_split_of_a_limit_makes_a_difference),
	    CASE(a_long_batch_comes_through),
	    CASE(who_looks_himself_may_skip),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
