/* Tests of wire/reply: line ends, byte-stuffing and the buffer, for every way
 * to divide a body, and what is said when the client does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/io.h"
#include "wire/reply.h"
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

enum {
	FULL = REPLY_BUFFER_OCTETS,
	LARGE = REPLY_LARGE_OCTETS,
	STALL_MS = 10000
};

static struct reply r;
static char sent[8 * LARGE]; /* what begin's descriptor has got */

/* begin - replies that are written into a file in memory. */
static int
begin(void **state)
{
	int fd = memfd_create("reply_test", MFD_CLOEXEC);

	(void)state;
	reply_init(&r, fd, STALL_MS);
	return fd >= 0 ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	reply_rest(&r);
	return close(r.fd);
}

/* collect - what was sent so far. */
static size_t
collect(void)
{
	size_t n;

	assert_int_equal(io_pread(r.fd, sent, sizeof(sent), 0, &n), RC_OK);
	assert_true(n < sizeof(sent));
	sent[n] = '\0';
	return n;
}

/* again - empties the file, for a body of its own. */
static void
again(void)
{
	assert_int_equal(ftruncate(r.fd, 0), 0);
	assert_true(lseek(r.fd, 0, SEEK_SET) == 0);
	reply_rest(&r);
	reply_init(&r, r.fd, STALL_MS);
}

/* body_is - the body that was put in goes out as n octets at wire. */
static void
body_is(const char *wire, size_t n)
{
	assert_int_equal(reply_end_multiline(&r), RC_OK);
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(collect(), n);
	assert_true(memcmp(sent, wire, n) == 0);
	assert_true(r.written == n);
	again();
}

static void
put(const char *octets, size_t n)
{
	assert_int_equal(reply_stuffed(&r, octets, n), RC_OK);
}

/* A body as it is stored, and as RFC 1939 section 3 has it on the wire. */
static const struct body {
	const char *stored, *wire;
} bodies[] = {
    {"", ".\r\n"},
    {"abc\n", "abc\r\n.\r\n"},
    {"abc\r\n", "abc\r\n.\r\n"},
    {"a\nb\r\nc\n", "a\r\nb\r\nc\r\n.\r\n"},
    {"\n", "\r\n.\r\n"},
    {"\n\n\r\n\n", "\r\n\r\n\r\n\r\n.\r\n"},
    /* A CR that ends no line is an octet like others. */
    {"a\rb\n", "a\rb\r\n.\r\n"},
    {"\ra\r\rb\r\n", "\ra\r\rb\r\n.\r\n"},
    /* CRCRLF is sent when it is stored, and only then. */
    {"a\r\r\n", "a\r\r\n.\r\n"},
    {"\r\r\n\r\n", "\r\r\n\r\n.\r\n"},
    /* The last line end, when it is missing. */
    {"abc", "abc\r\n.\r\n"},
    {"abc\r", "abc\r\n.\r\n"},
    {"\r", "\r\n.\r\n"},
    {"abc\r\r", "abc\r\r\n.\r\n"},
    {"a\n\r", "a\r\n\r\n.\r\n"},
    /* Dots at the begin of a line, and elsewhere. */
    {".", "..\r\n.\r\n"},
    {".\n", "..\r\n.\r\n"},
    {".\r\n", "..\r\n.\r\n"},
    {"..\n", "...\r\n.\r\n"},
    {".\n.\n.\n", "..\r\n..\r\n..\r\n.\r\n"},
    {"...\n..\r\n.", "....\r\n...\r\n..\r\n.\r\n"},
    {".a\na.\n.a.\n", "..a\r\na.\r\n..a.\r\n.\r\n"},
    {"\n.\n", "\r\n..\r\n.\r\n"},
    {".\r.\n", "..\r.\r\n.\r\n"}, /* no line begins behind a lone CR */
    {"a\r.\n", "a\r.\r\n.\r\n"},
    {"\r.\r\n.\r\r\n.", "\r.\r\n..\r\r\n..\r\n.\r\n"},
    {"\xff\x80\xc3\n", "\xff\x80\xc3\r\n.\r\n"},
};

static void
bodies_go_out_as_the_standard_has_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		put(bodies[i].stored, strlen(bodies[i].stored));
		body_is(bodies[i].wire, strlen(bodies[i].wire));
	}
}

static void
no_split_makes_a_difference(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *stored = bodies[i].stored, *wire = bodies[i].wire;
		size_t n = strlen(stored);

		for (size_t cut = 0; cut <= n; cut++) {
			put(stored, cut);
			put(stored, 0);
			put(stored + cut, n - cut);
			body_is(wire, strlen(wire));
		}
		for (size_t k = 0; k < n; k++)
			put(stored + k, 1);
		body_is(wire, strlen(wire));
	}
}

static void
a_nul_is_an_octet(void **state)
{
	static const char stored[] = "\0\n.\0\n\0",
			  wire[] = "\0\r\n..\0\r\n\0\r\n.\r\n";

	(void)state;
	put(stored, sizeof(stored) - 1);
	body_is(wire, sizeof(wire) - 1);
}

/* model - the rule, an octet at a time, as plainly as it can be said. */
static size_t
model(const char *stored, size_t n, char *wire)
{
	char before = '\n';
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (before == '\n' && stored[i] == '.')
			wire[at++] = '.';
		if (before != '\r' && stored[i] == '\n')
			wire[at++] = '\r';
		wire[at++] = before = stored[i];
	}
	if (before != '\n') {
		if (before != '\r')
			wire[at++] = '\r';
		wire[at++] = '\n';
	}
	memcpy(wire + at, ".\r\n", 3);
	return at + 3;
}

/* Whatever comes where the buffer is full: each place of the sample once at
 * the boundary, whole and an octet at a time. */
static void
the_full_buffer_makes_no_difference(void **state)
{
	static const char sample[] = "\n.\n..\r\n.\r\r\n\n\r\n.a\rb\r.\n.";
	static char stored[FULL + 2 * sizeof(sample)], wire[2 * sizeof(stored)];
	size_t tail = sizeof(sample) - 1;

	(void)state;
	memset(stored, 'x', sizeof(stored));
	for (size_t lead = FULL - 2 * tail; lead <= FULL + 2; lead++) {
		size_t n = lead + tail, wire_n;

		memset(stored, 'x', lead);
		memcpy(stored + lead, sample, tail);
		wire_n = model(stored, n, wire);
		put(stored, n);
		body_is(wire, wire_n);
		put(stored, lead);
		for (size_t i = lead; i < n; i++)
			put(stored + i, 1);
		body_is(wire, wire_n);
	}
}

/* The same for the larger one of a long answer. */
static void
the_large_buffer_makes_no_difference(void **state)
{
	static const char sample[] = "\n.\n..\r\n.\r\r\n\n\r\n.a\rb\r.\n.";
	static char stored[FULL + LARGE + 2 * sizeof(sample)];
	static char wire[2 * sizeof(stored)];
	size_t tail = sizeof(sample) - 1;

	(void)state;
	memset(stored, 'x', sizeof(stored));
	for (size_t lead = FULL + LARGE - 2 * tail; lead <= FULL + LARGE + 2;
	     lead++) {
		size_t n = lead + tail;

		memset(stored, 'x', lead);
		memcpy(stored + lead, sample, tail);
		put(stored, n);
		body_is(wire, model(stored, n, wire));
	}
}

/* counted - the same rule for a body that the client counts: no dots, and no
 * line behind the last. */
static size_t
counted(const char *stored, size_t n, char *wire)
{
	char before = '\n';
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (before != '\r' && stored[i] == '\n')
			wire[at++] = '\r';
		wire[at++] = before = stored[i];
	}
	if (before != '\n') {
		if (before != '\r')
			wire[at++] = '\r';
		wire[at++] = '\n';
	}
	return at;
}

/* count - stored goes out as counted() says, in two parts and by octets. */
static void
count(const char *stored, size_t n, size_t cut)
{
	static char wire[4 * FULL];
	size_t wire_n = counted(stored, n, wire);

	for (unsigned singly = 0; singly < 2; singly++) {
		assert_int_equal(reply_counted(&r, stored, cut), RC_OK);
		for (size_t i = cut; singly && i < n; i++)
			assert_int_equal(
			    reply_counted(&r, stored + i, 1), RC_OK);
		if (!singly)
			assert_int_equal(
			    reply_counted(&r, stored + cut, n - cut), RC_OK);
		assert_int_equal(reply_end_line(&r), RC_OK);
		assert_int_equal(reply_octets(&r), wire_n);
		assert_int_equal(reply_plain(&r), wire_n);
		assert_int_equal(reply_flush(&r), RC_OK);
		assert_int_equal(reply_octets(&r), wire_n);
		assert_int_equal(collect(), wire_n);
		assert_true(memcmp(sent, wire, wire_n) == 0);
		again();
	}
	/* byte-stuffing makes no difference to it */
	assert_int_equal(reply_stuffed(&r, stored, cut), RC_OK);
	assert_int_equal(reply_stuffed(&r, stored + cut, n - cut), RC_OK);
	assert_int_equal(reply_end_line(&r), RC_OK);
	assert_int_equal(reply_plain(&r), wire_n);
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(reply_plain(&r), wire_n);
	(void)collect();
	again();
}

/* Lines of many lengths, with each sort of end and beginning, at every place of
 * what is converted in one step. */
static void
no_place_makes_a_difference(void **state)
{
	static const char *const samples[] = {"\n", "\n.", "\r\n", "\r\n.",
	    "\n\n", "\n.\n", "\r\r\n", "\n..\r\n.\n", "\r.\n\r\n"};
	char stored[400], wire[2 * sizeof(stored) + 5];

	(void)state;
	for (size_t s = 0; s < sizeof(samples) / sizeof(samples[0]); s++) {
		size_t len = strlen(samples[s]);

		for (size_t at = 0; at <= 140; at++) {
			for (size_t every = len; every <= 70; every++) {
				memset(stored, 'x', sizeof(stored));
				for (size_t i = at; i + len <= sizeof(stored);
				     i += every)
					memcpy(stored + i, samples[s], len);
				put(stored, sizeof(stored));
				body_is(
				    wire, model(stored, sizeof(stored), wire));
				if (every % 16 == at % 16)
					count(stored, sizeof(stored), at);
			}
		}
	}
}

/* RFC 937, Message Length: "all the characters in the data transmitted. CRLF
 * counts as two characters." */
static void
counted_bodies_are_not_stuffed(void **state)
{
	static const char nul[] = "\0\n.\0\n\0";
	static const char sample[] = "\n.\n..\r\n.\r\r\n\n\r\n.a\rb\r.\n.";
	static char stored[FULL + sizeof(sample)];
	size_t tail = sizeof(sample) - 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		size_t n = strlen(bodies[i].stored);

		for (size_t cut = 0; cut <= n; cut++)
			count(bodies[i].stored, n, cut);
	}
	count(nul, sizeof(nul) - 1, 2);
	memset(stored, 'x', sizeof(stored));
	for (size_t lead = FULL - 2 * tail; lead <= FULL; lead++) {
		memset(stored, 'x', lead);
		memcpy(stored + lead, sample, tail);
		count(stored, lead + tail, lead);
	}
}

/* A body without a line before it: what the one before left open is not its
 * business. */
/* Bodies by dice in pieces by dice, up to several of the parts that are
 * converted at once: stuffed, and counted. */
static void
pieces_by_dice(void **state)
{
	static const char octets[] = "\n\n\n\r\r..x\0\377";
	enum { MOST = 3 * REPLY_PART_OCTETS };
	static char stored[MOST], wire[2 * MOST + 8];
	uint32_t seed = 12345;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		size_t n, cut = 0;

		seed = seed * 1103515245u + 12345u;
		n = seed >> 8 & (round % 16 == 0 ? 0xffff : 0xff);
		n = n < MOST ? n : MOST;
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245u + 12345u;
			stored[i] = octets[(seed >> 16) % (sizeof(octets) + 3) %
					   sizeof(octets)];
		}
		while (cut < n) {
			size_t part;

			seed = seed * 1103515245u + 12345u;
			part = seed >> 16 & (n > 1000 ? 0x3fff : 0x1f);
			part = part < n - cut ? part : n - cut;
			put(stored + cut, part);
			cut += part;
		}
		body_is(wire, model(stored, n, wire));
		count(stored, n, n > 0 ? (seed >> 16) % n : 0);
	}
}

/* A body's octets at every distance from the end of a part. */
static void
no_part_makes_a_difference(void **state)
{
	static const char sample[] = "\n.\n..\r\n.\r\r\n\n\r\n.a\rb\r.\n.";
	static char stored[REPLY_PART_OCTETS + 2 * sizeof(sample)];
	static char wire[2 * sizeof(stored)];
	size_t tail = sizeof(sample) - 1;

	(void)state;
	for (size_t lead = REPLY_PART_OCTETS - tail - 1;
	     lead <= REPLY_PART_OCTETS + 1; lead++) {
		memset(stored, 'x', lead);
		memcpy(stored + lead, sample, tail);
		put(stored, lead + tail);
		body_is(wire, model(stored, lead + tail, wire));
	}
}

/* The lines of a listing are not looked at, and the line behind them is the
 * last: whatever is in the buffer already. */
static void
listed_lines_get_their_ends(void **state)
{
	static char wire[3 * LARGE];
	char text[40];
	size_t n = 0;

	(void)state;
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	memcpy(wire, "+OK\r\n", 5);
	n = 5;
	for (size_t i = 0; n < FULL + 2 * LARGE + 1000; i++) {
		size_t len = i % sizeof(text);

		memset(text, '0' + (int)(i % 10), sizeof(text));
		assert_int_equal(reply_listed(&r, text, len), RC_OK);
		memcpy(wire + n, text, len);
		memcpy(wire + n + len, "\r\n", 2);
		n += len + 2;
		assert_true(reply_octets(&r) == n);
		assert_true(r.len < (n < FULL ? FULL : LARGE));
	}
	memcpy(wire + n, ".\r\n", 3);
	body_is(wire, n + 3);
}

static void
listed_lines_to_nobody_say_so(void **state)
{
	enum rc rc = RC_OK;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	reply_init(&r, ends[1], STALL_MS);
	for (unsigned i = 0; i < 2 * FULL && rc == RC_OK; i++)
		rc = reply_listed(&r, "1 2", 3);
	assert_int_equal(rc, RC_EOF);
	assert_int_equal(reply_listed(&r, "1 2", 3), RC_EOF);
	close(ends[1]);
	r.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void
a_body_begins_anew(void **state)
{
	(void)state;
	assert_int_equal(reply_counted(&r, "a\r", 2), RC_OK);
	reply_body(&r);
	assert_int_equal(reply_counted(&r, "\nb", 2), RC_OK);
	reply_body(&r);
	assert_int_equal(reply_end_line(&r), RC_OK);
	put(".", 1);
	assert_int_equal(reply_flush(&r), RC_OK);
	collect();
	assert_string_equal(sent, "a\r\r\nb..");
}

/* All that was given, lines and bodies, written or not yet. */
static void
octets_are_counted_as_given(void **state)
{
	static char much[FULL + 3 * LARGE];

	(void)state;
	assert_int_equal(reply_octets(&r), 0);
	assert_int_equal(reply_line(&r, "=%d", 12), RC_OK);
	assert_int_equal(reply_octets(&r), 5);
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(reply_octets(&r), 5);
	memset(much, 'x', sizeof(much));
	assert_int_equal(reply_counted(&r, much, sizeof(much)), RC_OK);
	assert_int_equal(reply_octets(&r), 5 + sizeof(much));
	assert_int_equal(reply_end_line(&r), RC_OK);
	assert_int_equal(reply_octets(&r), 7 + sizeof(much));
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(reply_octets(&r), 7 + sizeof(much));
}

static void
bodies_of_many_buffers_come_through(void **state)
{
	static char stored[FULL + LARGE + 77], wire[2 * sizeof(stored) + 5];
	static const char *const patterns[] = {"\n", ".\n", ".", "\r", "\r\n",
	    ".\r\n", "a\n", "abc.\n.\r\r\n", "\r\r\n"};
	unsigned long seed = 20250101;

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		size_t len = strlen(patterns[p]);

		for (size_t i = 0; i < sizeof(stored); i++)
			stored[i] = patterns[p][i % len];
		put(stored, sizeof(stored));
		body_is(wire, model(stored, sizeof(stored), wire));
	}
	/* And octets at random, in pieces at random. */
	for (size_t i = 0; i < sizeof(stored); i++) {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff;
		stored[i] = "\r\n.x\n\r.."[seed >> 16 & 7];
	}
	for (size_t at = 0, n; at < sizeof(stored); at += n) {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff;
		n = seed >> 16 & 4095;
		if (n > sizeof(stored) - at)
			n = sizeof(stored) - at;
		put(stored + at, n);
	}
	body_is(wire, model(stored, sizeof(stored), wire));
}

static void
a_line_gets_its_end(void **state)
{
	(void)state;
	assert_int_equal(reply_line(&r, "+OK %u %s", 42u, "octets"), RC_OK);
	assert_int_equal(reply_line(&r, "%s", ""), RC_OK);
	assert_int_equal(reply_line(&r, "."), RC_OK); /* not stuffed */
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(collect(), 20);
	assert_string_equal(sent, "+OK 42 octets\r\n\r\n.\r\n");
}

/* Foreign text in a reply must not begin a line of its own. */
static void
line_ends_inside_a_line_become_question_marks(void **state)
{
	(void)state;
	assert_int_equal(reply_line(&r, "-ERR %s\n", "a\r\n+OK\rb\n"), RC_OK);
	assert_int_equal(reply_flush(&r), RC_OK);
	collect();
	assert_string_equal(sent, "-ERR a??+OK?b??\r\n");
}

/* RFC 1939 section 3: 512 octets with CRLF. */
static void
a_line_is_cut_at_512_octets(void **state)
{
	char text[1200];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (int n = 500; n < 1200; n++) {
		size_t wanted = n < 510 ? (size_t)n + 2 : 512;

		assert_int_equal(reply_line(&r, "%.*s", n, text), RC_OK);
		assert_int_equal(reply_flush(&r), RC_OK);
		assert_int_equal(collect(), wanted);
		assert_int_equal(strspn(sent, "a"), wanted - 2);
		assert_string_equal(sent + wanted - 2, "\r\n");
		again();
	}
	/* A line end where it is cut. */
	text[509] = '\r';
	text[510] = '\n';
	assert_int_equal(reply_line(&r, "%.*s", 600, text), RC_OK);
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(collect(), 512);
	assert_string_equal(sent + 508, "a?\r\n");
}

static void
a_line_begins_a_body(void **state)
{
	(void)state;
	put("left open\r", 10);
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	put("\n.\n", 3); /* neither the CR nor the open line counts any more */
	assert_int_equal(reply_end_multiline(&r), RC_OK);
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	put(".", 1);
	assert_int_equal(reply_end_multiline(&r), RC_OK);
	assert_int_equal(reply_flush(&r), RC_OK);
	collect();
	assert_string_equal(
	    sent, "left open\r+OK\r\n\r\n..\r\n.\r\n+OK\r\n..\r\n.\r\n");
}

/* TOP ends the header's last line, and goes on. */
static void
an_open_line_is_ended_once(void **state)
{
	(void)state;
	assert_int_equal(reply_end_line(&r), RC_OK);
	put("a", 1);
	assert_int_equal(reply_end_line(&r), RC_OK);
	assert_int_equal(reply_end_line(&r), RC_OK);
	put(".b\r", 3);
	assert_int_equal(reply_end_line(&r), RC_OK);
	assert_int_equal(reply_end_line(&r), RC_OK);
	put("\nc\n", 3);
	assert_int_equal(reply_end_line(&r), RC_OK);
	assert_int_equal(reply_flush(&r), RC_OK);
	collect();
	assert_string_equal(sent, "a\r\n..b\r\n\r\nc\r\n");
}

static void
the_first_line_is_kept_for_the_log(void **state)
{
	char text[600];

	(void)state;
	assert_string_equal(r.first, "");
	assert_int_equal(reply_line(&r, "+OK %s", "one\n"), RC_OK);
	assert_int_equal(reply_line(&r, "two"), RC_OK);
	put("three\n", 6);
	assert_string_equal(r.first, "+OK one?");
	r.first[0] = '\0';
	put("four\n", 5);
	assert_string_equal(r.first, "");
	memset(text, 'a', sizeof(text));
	assert_int_equal(reply_line(&r, "%.*s", 600, text), RC_OK);
	assert_int_equal(strlen(r.first), REPLY_LINE_OCTETS - 2);
}

/* Packets keep the borders between writes. */
static void
replies_leave_together(void **state)
{
	char got[256];
	int fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	close(r.fd);
	reply_init(&r, fds[0], STALL_MS);
	assert_int_equal(reply_flush(&r), RC_OK); /* of nothing */
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	put(".a", 2);
	assert_int_equal(reply_end_multiline(&r), RC_OK);
	assert_int_equal(reply_line(&r, "+OK bye"), RC_OK);
	assert_int_equal(read(fds[1], got, sizeof(got)), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(r.written == 0);
	assert_int_equal(reply_flush(&r), RC_OK);
	n = read(fds[1], got, sizeof(got));
	assert_int_equal(n, 22);
	assert_memory_equal(got, "+OK\r\n..a\r\n.\r\n+OK bye\r\n", 22);
	assert_true(r.written == 22);
	assert_int_equal(reply_flush(&r), RC_OK); /* of nothing again */
	assert_int_equal(read(fds[1], got, sizeof(got)), -1);
	close(fds[1]);
}

static void
a_full_buffer_leaves_by_itself(void **state)
{
	static char octets[FULL];

	(void)state;
	memset(octets, 'a', sizeof(octets));
	put(octets, FULL - 1);
	assert_int_equal(collect(), 0);
	put(octets, 1);
	assert_int_equal(collect(), FULL);
	put(octets, 1);
	assert_int_equal(collect(), FULL);
	assert_true(r.written == FULL);
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(collect(), FULL + 1);
	assert_true(r.written == FULL + 1);
}

/* Behind that, more of it leaves together; and what that takes is given back.
 */
static void
a_long_answer_leaves_in_larger_parts(void **state)
{
	static char octets[LARGE];

	(void)state;
	memset(octets, 'a', sizeof(octets));
	for (unsigned i = 0; i < 2; i++) {
		put(octets, FULL);
		assert_int_equal(collect(), FULL);
		assert_true(r.data != r.few);
		put(octets, LARGE - 1);
		assert_int_equal(collect(), FULL);
		put(octets, 1);
		assert_int_equal(collect(), FULL + LARGE);
		put(octets, 3);
		assert_int_equal(reply_flush(&r), RC_OK);
		assert_int_equal(collect(), FULL + LARGE + 3);
		assert_true(r.data != r.few);
		reply_rest(&r);
		assert_true(r.data == r.few && r.full == FULL);
		assert_true(r.written == FULL + LARGE + 3);
		again();
	}
	reply_rest(&r); /* of nothing */
}

/* Where there is no memory it goes on in parts of the old size. */
static void
a_long_answer_needs_no_memory(void **state)
{
	static char octets[FULL];
	int status;
	pid_t pid;

	(void)state;
#if SANITIZED
	skip();
#endif
	memset(octets, 'a', sizeof(octets));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = {0, 0};
		unsigned good = setrlimit(RLIMIT_AS, &none) == 0;

		for (unsigned i = 0; i < 3; i++)
			good &= reply_stuffed(&r, octets, FULL) == RC_OK;
		_exit(good && r.written == 3 * FULL && r.data == r.few ? 7 : 8);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(collect(), 3 * FULL);
}

/* all_say - every call gives rc, however much is tried. */
static void
all_say(enum rc rc)
{
	static char octets[3 * FULL];
	uint64_t written = r.written;

	memset(octets, '\n', sizeof(octets));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(reply_flush(&r), rc);
		assert_int_equal(reply_line(&r, "+OK"), rc);
		assert_int_equal(reply_stuffed(&r, "", 0), rc);
		assert_int_equal(reply_end_line(&r), rc); /* nothing to end */
		assert_int_equal(reply_stuffed(&r, ".", 1), rc);
		assert_int_equal(reply_end_line(&r), rc);
		assert_int_equal(reply_end_multiline(&r), rc);
		assert_int_equal(reply_stuffed(&r, octets, sizeof(octets)), rc);
	}
	assert_true(r.written == written);
}

/* to_socket - replies to fds[0], read from fds[1]. */
static void
to_socket(int fds[2], unsigned stall_ms)
{
	const int small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(
	    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
	    0);
	close(r.fd);
	reply_init(&r, fds[0], stall_ms);
}

/* reply_fits: then a line of any length leaves nothing. */
static void
a_line_that_fits_stays(void **state)
{
	static char octets[FULL], longest[REPLY_LINE_OCTETS];
	int fds[2];

	(void)state;
	memset(octets, 'a', sizeof(octets));
	memset(longest, 'b', sizeof(longest) - 1);
	to_socket(fds, 60000);
	put(octets, FULL - REPLY_LINE_OCTETS);
	assert_false(reply_fits(&r));
	r.len--;
	assert_true(reply_fits(&r));
	assert_int_equal(reply_line(&r, "%s", longest), RC_OK);
	assert_true(r.written == 0 && r.len == FULL - 1);
	assert_false(reply_fits(&r));
}

/* reply_try: a little leaves at once where there is room; nothing waits. */
static void
a_try_does_not_wait(void **state)
{
	static char octets[FULL / 2];
	char got[16];
	int fds[2];

	(void)state;
	to_socket(fds, 60000);
	assert_int_equal(reply_try(&r), RC_OK); /* of nothing */
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	assert_int_equal(reply_try(&r), RC_OK);
	assert_true(r.written == 5 && r.len == 0);
	assert_int_equal(read(fds[1], got, sizeof(got)), 5);
	put(octets, sizeof(octets)); /* could block */
	assert_int_equal(reply_try(&r), RC_OK);
	assert_true(r.written == 5 && r.len == sizeof(octets));
	r.len = 0;
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[0], octets, sizeof(octets)) > 0)
		;
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	assert_int_equal(reply_try(&r), RC_OK); /* would block */
	assert_true(r.written == 5 && r.len == 5);
	close(fds[1]);
	assert_int_equal(reply_try(&r), RC_EOF);
	all_say(RC_EOF);
}

static void
a_client_that_is_gone_is_eof(void **state)
{
	int fds[2];

	(void)state;
	to_socket(fds, STALL_MS);
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	assert_int_equal(reply_flush(&r), RC_OK);
	close(fds[1]);
	assert_int_equal(reply_line(&r, "+OK"), RC_OK); /* not yet known */
	assert_int_equal(reply_flush(&r), RC_EOF);
	assert_true(r.written == 5);
	all_say(RC_EOF);
}

/* It shows in the middle of a body too, when the buffer is full. */
static void
a_client_that_goes_away_inside_a_body_is_eof(void **state)
{
	static char body[3 * FULL];
	int fds[2];

	(void)state;
	memset(body, 'a', sizeof(body));
	to_socket(fds, STALL_MS);
	close(fds[1]);
	put(body, FULL - 1);
	assert_int_equal(reply_stuffed(&r, body, sizeof(body)), RC_EOF);
	all_say(RC_EOF);
}

static void
a_failed_write_is_io(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	close(r.fd);
	reply_init(&r, fd, STALL_MS);
	assert_int_equal(reply_line(&r, "+OK"), RC_OK);
	errno = 0;
	assert_int_equal(reply_flush(&r), RC_IO);
	assert_int_equal(errno, ENOSPC);
	all_say(RC_IO);
}

/* times_out - a client that reads nothing is given up after stall_ms. */
static void
times_out(int64_t stall_ms)
{
	static char body[3 * FULL];
	int64_t started = io_now_ms();

	memset(body, 'a', sizeof(body));
	assert_int_equal(reply_stuffed(&r, body, sizeof(body)), RC_TIMEOUT);
	assert_true(io_now_ms() - started >= stall_ms);
	assert_true(io_now_ms() - started < stall_ms + 5000);
	started = io_now_ms();
	all_say(RC_TIMEOUT);
	assert_true(
	    io_now_ms() - started < 5000); /* and not waited for again */
}

static void
a_client_that_reads_nothing_is_a_timeout(void **state)
{
	int fds[2];

	(void)state;
	to_socket(fds, 50);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	times_out(50);
	close(fds[1]);
}

static void
so_it_is_with_a_send_timeout(void **state)
{
	const struct timeval t = {.tv_usec = 30000};
	int fds[2];

	(void)state;
	to_socket(fds, 50);
	assert_int_equal(
	    setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)), 0);
	times_out(50);
	close(fds[1]);
}

/* The time is for taking nothing, not for the whole of a message: a slow line
 * gets all of it. */
static void
a_slow_client_is_no_timeout(void **state)
{
	static char body[4 * FULL];
	size_t total = 0;
	int fds[2], status;
	pid_t pid;

	(void)state;
	memset(body, 'a', sizeof(body));
	to_socket(fds, 200);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct timespec nap = {.tv_nsec = 20000000};
		ssize_t n;

		close(fds[0]);
		while ((n = read(fds[1], sent, 12000)) > 0) {
			total += (size_t)n;
			nanosleep(&nap, NULL);
		}
		_exit(total == sizeof(body) ? 0 : 1);
	}
	close(fds[1]);
	put(body, sizeof(body));
	assert_int_equal(reply_flush(&r), RC_OK);
	assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(bodies_go_out_as_the_standard_has_them),
	    CASE(no_split_makes_a_difference),
	    CASE(a_nul_is_an_octet),
	    CASE(the_full_buffer_makes_no_difference),
	    CASE(the_large_buffer_makes_no_difference),
	    CASE(no_place_makes_a_difference),
	    CASE(counted_bodies_are_not_stuffed),
	    CASE(pieces_by_dice),
	    CASE(no_part_makes_a_difference),
	    CASE(listed_lines_get_their_ends),
	    CASE(listed_lines_to_nobody_say_so),
	    CASE(a_body_begins_anew),
	    CASE(octets_are_counted_as_given),
	    CASE(bodies_of_many_buffers_come_through),
	    CASE(a_line_gets_its_end),
	    CASE(line_ends_inside_a_line_become_question_marks),
	    CASE(a_line_is_cut_at_512_octets),
	    CASE(a_line_begins_a_body),
	    CASE(an_open_line_is_ended_once),
	    CASE(the_first_line_is_kept_for_the_log),
	    CASE(replies_leave_together),
	    CASE(a_full_buffer_leaves_by_itself),
	    CASE(a_long_answer_leaves_in_larger_parts),
	    CASE(a_long_answer_needs_no_memory),
	    CASE(a_line_that_fits_stays),
	    CASE(a_try_does_not_wait),
	    CASE(a_client_that_is_gone_is_eof),
	    CASE(a_client_that_goes_away_inside_a_body_is_eof),
	    CASE(a_failed_write_is_io),
	    CASE(a_client_that_reads_nothing_is_a_timeout),
	    CASE(so_it_is_with_a_send_timeout),
	    CASE(a_slow_client_is_no_timeout),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
