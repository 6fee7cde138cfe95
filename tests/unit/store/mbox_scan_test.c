/* mbox_scan_test - the scan against a slow parser that was written apart from
 * it, over mailboxes made by dice and by hand; and that what is read back and
 * sent has the octets that the scan counted: LIST equals RETR. */
#include "spool.h"
#include "store/from.h"
#include "store/mbox.h"
#include "wire/reply.h"
#include <errno.h>
#include <sys/mman.h>

enum { BLOCK = 128 * 1024 }; /* of the scan */

#define FROM "From a@b Mon Jan  1 00:00:00 2024"

static off_t lie; /* what fstat adds to a size */

/* fstat - the real one, but for the lie: a file that shrinks while it is
 * scanned. */
int
fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (rc == 0)
		st->st_size += lie;
	return rc;
}

/* ref - what the slow parser says of a message. */
struct ref {
	size_t at, from_len, tail, octets;
};

struct refs {
	struct ref *list;
	size_t count;
	enum rc rc;
};

/* line_end - behind the LF of the line at i; 0 when it has none. */
static size_t
line_end(const char *data, size_t n, size_t i)
{
	while (i < n) {
		if (data[i++] == '\n')
			return i;
	}
	return 0;
}

/* from_at - octets of the From_ line at i, 0 when there is none. */
static size_t
from_at(const char *data, size_t n, size_t i)
{
	size_t end = n - i >= 5 && memcmp(data + i, "From ", 5) == 0
			 ? line_end(data, n, i)
			 : 0;

	if (end == 0 || end - i > FROM_MAX_OCTETS ||
	    !from_is_valid(data + i, end - i - 1))
		return 0;
	return end - i;
}

/* measure - tail and octets of a message whose content is from i to end. */
static void
measure(const char *data, size_t i, size_t end, struct ref *m)
{
	char before = '\n';

	m->tail = m->octets = 0;
	if (end - i >= 1 && data[end - 1] == '\n' && data[end - 2] == '\n')
		m->tail = 1;
	else if (end - i >= 2 && memcmp(data + end - 3, "\n\r\n", 3) == 0)
		m->tail = 2;
	for (end -= m->tail; i < end; i++) {
		if (data[i] == '\n' && before != '\r')
			m->octets++;
		m->octets++;
		before = data[i];
	}
	if (before != '\n')
		m->octets += before == '\r' ? 1 : 2;
}

/* content - where the last message's content begins. */
static size_t
content(const struct refs *r)
{
	return r->list[r->count - 1].at + r->list[r->count - 1].from_len;
}

static struct refs
parse(const char *data, size_t n)
{
	struct refs r = {NULL, 0, RC_OK};
	size_t i = 0;

	while (i < n && (data[i] == '\n' || data[i] == '\r'))
		i++;
	if (i == n)
		return r;
	if ((i > 0 && data[i - 1] != '\n') || from_at(data, n, i) == 0) {
		r.rc = RC_CORRUPT;
		return r;
	}
	do {
		size_t len = from_at(data, n, i);

		if (len > 0) {
			if (r.count % 64 == 0)
				r.list = realloc(
				    r.list, (r.count + 64) * sizeof(*r.list));
			assert_non_null(r.list);
			if (r.count > 0)
				measure(
				    data, content(&r), i, &r.list[r.count - 1]);
			r.list[r.count++] = (struct ref){i, len, 0, 0};
		}
		i = line_end(data, n, i);
	} while (i != 0 && i < n);
	measure(data, content(&r), n, &r.list[r.count - 1]);
	return r;
}

/* opened - a maildrop over a nameless file with n octets. */
static enum rc
opened(struct maildrop *d, const char *data, size_t n)
{
	int fd = memfd_create("box", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, data + done, n - done);

		assert_true(w > 0);
		done += (size_t)w;
	}
	return maildrop_open(d, &mbox_ops, fd, -1);
}

static struct reply reply; /* too large for the stack */
static char wire[4 * 1024 * 1024];

/* sends - whether message i, read in pieces of up to max octets and sent,
 * arrives as its octets say. */
static void
sends(struct maildrop *d, size_t i, size_t max, uint64_t *seed)
{
	uint64_t from = 0, octets = 0;
	int out = memfd_create("wire", MFD_CLOEXEC);
	char *block = malloc(max);
	size_t got, n;

	assert_non_null(block);
	reply_init(&reply, out, 1000);
	do {
		size_t size = 1 + dice(seed, (uint32_t)max);

		assert_int_equal(
		    mbox_read(d, i, from, block, size, &got), RC_OK);
		assert_int_equal(reply_stuffed(&reply, block, got), RC_OK);
		from += got;
	} while (got > 0);
	assert_int_equal(from, (uint64_t)mbox_next(d, i) - d->msg[i].at -
				   d->msg[i].from_len - d->msg[i].tail);
	assert_int_equal(reply_end_multiline(&reply), RC_OK);
	assert_int_equal(reply_flush(&reply), RC_OK);
	n = (size_t)reply.written;
	assert_int_equal(pread(out, wire, sizeof(wire), 0), n);
	for (size_t at = 0; at < n;) {
		size_t end = line_end(wire, n, at);

		assert_true(end - at >= 2 && wire[end - 2] == '\r');
		if (end == n)
			assert_true(end - at == 3 && wire[at] == '.');
		else
			octets += end - at - (wire[at] == '.');
		assert_false(end == n - 3 && octets == 0 && n > 5);
		at = end;
	}
	assert_int_equal(octets, d->msg[i].octets);
	reply_rest(&reply);
	free(block);
	close(out);
}

/* agrees - compares the scan of n octets with the slow parser; all: sends each
 * message as well. Returns the number of messages. */
static size_t
agrees(const char *data, size_t n, uint64_t *seed, unsigned all)
{
	struct refs r = parse(data, n);
	struct maildrop d;
	enum rc rc = opened(&d, data, n);
	uint64_t total = 0;

	assert_int_equal(rc, r.rc);
	if (rc != RC_OK)
		return 0;
	assert_int_equal(d.count, r.count);
	assert_int_equal(d.end, n);
	for (size_t i = 0; i < r.count; i++) {
		const struct message *m = &d.msg[i];

		assert_int_equal(m->at, r.list[i].at);
		assert_int_equal(m->from_len, r.list[i].from_len);
		assert_int_equal(m->tail, r.list[i].tail);
		assert_int_equal(m->octets, r.list[i].octets);
		assert_int_equal(
		    m->from_sum, mbox_sum(data + m->at, m->from_len));
		total += m->octets;
		if (all)
			sends(&d, i, 100, seed);
	}
	assert_int_equal(d.left, d.count);
	assert_int_equal(d.left_octets, total);
	maildrop_close(&d);
	free(r.list);
	return r.count;
}

/* add - one or a few octets by dice; the room behind n is 100. */
static size_t
add(char *data, size_t n, uint64_t *seed)
{
	static const char *const words[] = {FROM "\n", FROM "\r\n", FROM,
	    "From ", "\nFrom ", "\n\n", "\r\n", "\r\n\r\n", "From: x\n", ".\n",
	    "..\r\n", "From me to you\n", "\n" FROM "\n"};
	static const char octets[] = {
	    '\n', '\r', 'F', 'r', 'o', 'm', ' ', '.', '\0', '\200', '\n', 'x'};
	uint32_t k = dice(seed, 40);

	if (k < sizeof(words) / sizeof(words[0])) {
		memcpy(data + n, words[k], strlen(words[k]));
		return n + strlen(words[k]);
	}
	data[n] = octets[k % sizeof(octets)];
	return n + 1;
}

static void
small_by_dice(void **state)
{
	uint64_t seed = 20240101;
	char data[1000];
	size_t messages = 0, boxes = 0;

	(void)state;
	for (unsigned round = 0; round < 6000; round++) {
		size_t n = 0, size = dice(&seed, 800), m;

		if (round % 8 == 1)
			data[n++] = '\n';
		if (round % 8 != 0) {
			memcpy(data + n, FROM "\n", sizeof(FROM));
			n += sizeof(FROM);
		}
		while (n < size)
			n = add(data, n, &seed);
		m = agrees(data, n, &seed, round % 2);
		messages += m;
		boxes += m > 0;
	}
	assert_true(boxes > 4000 && messages > 20000);
}

/* Mailboxes of several blocks: text, and by dice what matters, mostly where a
 * block ends. */
static void
large_by_dice(void **state)
{
	enum { SIZE = 3 * BLOCK };
	char *data = malloc(SIZE + 100);
	uint64_t seed = 77;

	(void)state;
	assert_non_null(data);
	for (unsigned round = 0; round < 60; round++) {
		size_t n = sizeof(FROM);

		memcpy(data, FROM "\n", n);
		while (n < SIZE) {
			size_t to_end = BLOCK - n % BLOCK;

			if (to_end < 200 || to_end > BLOCK - 200 ||
			    dice(&seed, 100) == 0)
				n = add(data, n, &seed);
			else
				data[n++] = 'y';
		}
		agrees(data, n, &seed, round % 8 == 0);
	}
	free(data);
}

/* Behind so much the blocks are larger: by dice again, and with no text. */
static void
huge_by_dice(void **state)
{
	enum { LARGE_FROM = 32 << 20, MORE = 5 << 20 };
	size_t n = sizeof(FROM), size = LARGE_FROM - 3 * BLOCK + MORE;
	char *data = malloc(size + 100);
	uint64_t seed = 11;

	(void)state;
	assert_non_null(data);
	memset(data, 'y', size);
	memcpy(data, FROM "\n", n);
	n = size - MORE;
	while (n < size)
		n = add(data, n, &seed);
	assert_true(agrees(data, n, &seed, 0) > MORE / 2000);
	free(data);
}

/* Everything that the scan looks for, at every offset around the ends of the
 * first two blocks. */
static void
slid_over_block_ends(void **state)
{
	static const char *const words[] = {"\n" FROM "\n", "\n\n" FROM "\nx",
	    "\r\n\r\n" FROM "\r\n\r\n", "\n" FROM "\n\n\n" FROM "\n\n",
	    "\r\n\n\r\n\r\r\n.\r\n", "\nFrom no\n\nFrom \n" FROM "\n"};
	enum { SIZE = 2 * BLOCK + 300, NEAR = 130 };
	char *data = malloc(SIZE);
	uint64_t seed = 5;

	(void)state;
	assert_non_null(data);
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t len = strlen(words[w]);

		for (size_t back = 0; back < NEAR; back++) {
			memset(data, 'y', SIZE);
			memcpy(data, FROM "\n", sizeof(FROM));
			memcpy(data + BLOCK + 5 - back, words[w], len);
			memcpy(data + 2 * BLOCK - back, words[w], len);
			agrees(data, 2 * BLOCK - back + len + back % 2, &seed,
			    back % 32 == 0);
		}
	}
	free(data);
}

/* A block that ends with a From_ line's end, or in its middle, whatever lies
 * before it: also at the very beginning, behind blank lines. */
static void
from_line_ends_a_block(void **state)
{
	enum { SIZE = 2 * BLOCK };
	char *data = malloc(SIZE);
	uint64_t seed = 6;
	size_t n = sizeof(FROM);

	(void)state;
	assert_non_null(data);
	for (size_t at = BLOCK - n - 8; at <= BLOCK + 1; at++) {
		memset(data, 'z', SIZE);
		memcpy(data, FROM "\n", n);
		data[at - 1] = '\n';
		memcpy(data + at, FROM "\n", n);
		assert_int_equal(agrees(data, SIZE, &seed, 1), 2);
		memset(data, '\n', at);
		assert_int_equal(agrees(data, SIZE, &seed, 1), 1);
	}
	memset(data, '\n', SIZE);
	assert_int_equal(agrees(data, SIZE, &seed, 1), 0);
	memcpy(data + SIZE - n, FROM "\n", n);
	assert_int_equal(agrees(data, SIZE, &seed, 1), 1);
	data[SIZE - 1] = '\r';
	assert_int_equal(agrees(data, SIZE, &seed, 1), 0);
	free(data);
}

/* From_ lines of the longest length and one octet more, also over a block's
 * end. */
static void
long_from_lines(void **state)
{
	enum { SIZE = BLOCK + 3 * FROM_MAX_OCTETS };
	char *data = malloc(SIZE), line[FROM_MAX_OCTETS + 1];
	uint64_t seed = 7;

	(void)state;
	assert_non_null(data);
	for (size_t over = 0; over < 2; over++) {
		size_t len = FROM_MAX_OCTETS + over;

		memset(line, 'a', len);
		memcpy(line, "From ", 5);
		memcpy(line + len - sizeof(" Mon Jan  1 00:00:00 2024"),
		    " Mon Jan  1 00:00:00 2024\n",
		    sizeof(" Mon Jan  1 00:00:00 2024"));
		for (size_t back = 0;
		     back<FROM_MAX_OCTETS + 300; back += back> 200 &&
			     back < FROM_MAX_OCTETS
			 ? 97
			 : 7) {
			memset(data, 'y', SIZE);
			memcpy(data, FROM "\n", sizeof(FROM));
			data[BLOCK - back] = '\n';
			memcpy(data + BLOCK - back + 1, line, len);
			assert_int_equal(
			    agrees(data, SIZE, &seed, 0), 2 - over);
		}
		memset(data, 'y', SIZE);
		memcpy(data, line, len);
		assert_int_equal(agrees(data, SIZE, &seed, 0), 1 - over);
	}
	free(data);
}

/* odd - a mailbox by hand. */
struct odd {
	const char *text;
	size_t n, messages;
	uint64_t octets; /* of all messages */
	enum rc rc;
};

#define ODD(text, messages, octets, rc)                                        \
	{                                                                      \
		text, sizeof(text) - 1, messages, octets, rc                   \
	}

static const struct odd odds[] = {
    ODD("", 0, 0, RC_OK),
    ODD("\n", 0, 0, RC_OK),
    ODD("\r\n\r\n\n\n", 0, 0, RC_OK),
    ODD("\r", 0, 0, RC_OK),
    ODD(FROM "\n", 1, 0, RC_OK),
    ODD(FROM "\r\n", 1, 0, RC_OK),
    ODD(FROM "\n\n", 1, 0, RC_OK),
    ODD(FROM "\r\n\r\n", 1, 0, RC_OK),
    ODD(FROM "\n\n\n", 1, 2, RC_OK),
    ODD(FROM "\n\r", 1, 2, RC_OK),
    ODD(FROM "\n\r\r\n", 1, 3, RC_OK),
    ODD(FROM "\nx", 1, 3, RC_OK),
    ODD(FROM "\nx\r", 1, 3, RC_OK),
    ODD(FROM "\nx\n", 1, 3, RC_OK),
    ODD(FROM "\nx\r\n", 1, 3, RC_OK),
    ODD(FROM "\nx\n\n", 1, 3, RC_OK),
    ODD(FROM "\nx\r\n\r\n", 1, 3, RC_OK),
    ODD(FROM "\nx\n\r\n", 1, 3, RC_OK),
    ODD(FROM "\nx\r\n\n", 1, 3, RC_OK),
    ODD(FROM "\n\0\n\0\n", 1, 6, RC_OK),
    ODD(FROM "\n\377\200\n", 1, 4, RC_OK),
    ODD(FROM "\na\rb\n", 1, 5, RC_OK),
    ODD(FROM "\n.\n..\n", 1, 7, RC_OK),
    ODD("\n\r\n" FROM "\nx\n", 1, 3, RC_OK),
    ODD(FROM "\nx\n" FROM "\ny\n", 2, 6, RC_OK),
    ODD(FROM "\nx\n\n" FROM "\ny\n\n", 2, 6, RC_OK),
    ODD(FROM "\r\nx\r\n\r\n" FROM "\ny\n\n", 2, 6, RC_OK),
    ODD(FROM "\n" FROM "\n" FROM "\n", 3, 0, RC_OK),
    ODD(FROM "\nx\n>" FROM "\n", 1, 3 + sizeof(FROM) + 2, RC_OK),
    ODD(FROM "\nx\nFrom here on\n", 1, 3 + 14, RC_OK),
    ODD(FROM "\nx\r" FROM "\n", 1, 2 + sizeof(FROM) + 1, RC_OK),
    /* A From_ line without its end: a delivery that was cut short. */
    ODD(FROM "\nx\n\n" FROM, 1, 3 + 2 + sizeof(FROM) + 1, RC_OK),
    ODD(FROM "\nx\n\nFrom ", 1, 3 + 2 + 7, RC_OK),
    ODD(FROM, 0, 0, RC_CORRUPT),
    ODD(FROM "\r", 0, 0, RC_CORRUPT),
    ODD("x", 0, 0, RC_CORRUPT),
    ODD("\0", 0, 0, RC_CORRUPT),
    ODD("Subject: x\n\nbody\n", 0, 0, RC_CORRUPT),
    ODD("\n\nx\n" FROM "\n", 0, 0, RC_CORRUPT),
    ODD("\r" FROM "\n", 0, 0, RC_CORRUPT),
    ODD("\n\r" FROM "\n", 0, 0, RC_CORRUPT),
    ODD(" " FROM "\n", 0, 0, RC_CORRUPT),
    ODD("From here on\n", 0, 0, RC_CORRUPT),
    ODD("\177ELF\2\1\1", 0, 0, RC_CORRUPT),
};

static void
odd_by_hand(void **state)
{
	uint64_t seed = 8;

	(void)state;
	for (size_t i = 0; i < sizeof(odds) / sizeof(odds[0]); i++) {
		const struct odd *o = &odds[i];
		struct maildrop d;
		enum rc rc = opened(&d, o->text, o->n);

		if (rc != o->rc || d.count != o->messages ||
		    d.left_octets != o->octets)
			fail_msg("number %zu: %s, %zu messages, %llu octets", i,
			    rc_name(rc), d.count,
			    (unsigned long long)d.left_octets);
		maildrop_close(&d);
		agrees(o->text, o->n, &seed, 1);
	}
}

/* What is no mailbox is not touched, and both descriptors are closed. */
static void
leaves_what_is_no_mbox(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	int fd, state_fd;

	spool_put(s->box, "no mailbox\n" FROM "\n", 11 + sizeof(FROM));
	spool_put(s->state, "", 0);
	fd = spool_open(s->box, O_RDWR);
	state_fd = spool_open(s->state, O_RDWR);
	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, fd, state_fd), RC_CORRUPT);
	spool_holds(s->box, "no mailbox\n" FROM "\n", 11 + sizeof(FROM));
	assert_int_equal(d.fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fcntl(state_fd, F_GETFD), -1);
	assert_null(d.msg);
}

static void
lines_of_ten_million_octets(void **state)
{
	enum { N = 10 * 1024 * 1024 };
	char *data = malloc(2 * N + 200);
	uint64_t seed = 9;
	size_t n = sizeof(FROM);

	(void)state;
	assert_non_null(data);
	memset(data, 'a', 2 * N + 200);
	memcpy(data, FROM "\n", n);
	memcpy(data + N, "\n\n" FROM "\n", n + 2);
	assert_int_equal(agrees(data, 2 * N, &seed, 0), 2);
	memcpy(data + N, "\r\r" FROM "\n", n + 2);
	assert_int_equal(agrees(data, 2 * N, &seed, 0), 1);
	free(data);
}

/* A file whose last message lies behind 4 GiB, most of it a hole. */
static void
beyond_four_gib(void **state)
{
	static const char begin[] = FROM "\nSubject: a hole\n\n";
	static const char end[] = "\n\n" FROM "\nS: x\n\nbody\n";
	const off_t at = (INT64_C(1) << 32) + 12345;
	int fd = memfd_create("box", MFD_CLOEXEC);
	uint64_t seed = 10;
	struct maildrop d;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, begin, sizeof(begin) - 1), sizeof(begin) - 1);
	if (pwrite(fd, end, sizeof(end) - 1, at) != sizeof(end) - 1) {
		close(fd);
		skip();
	}
	assert_int_equal(maildrop_open(&d, &mbox_ops, fd, -1), RC_OK);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.msg[0].at, 0);
	assert_int_equal(d.msg[0].tail, 1);
	assert_int_equal(d.msg[0].octets, (uint64_t)at - sizeof(FROM) + 1 + 3);
	assert_int_equal(d.msg[1].at, at + 2);
	assert_int_equal(d.msg[1].octets, 6 + 2 + 6);
	sends(&d, 1, 10, &seed);
	maildrop_close(&d);
}

/* Offsets have 46 bits: larger files are refused before anything is read. */
static void
beyond_sixty_four_tib(void **state)
{
	int fd = memfd_create("box", MFD_CLOEXEC);
	struct maildrop d;

	(void)state;
	assert_true(fd >= 0);
	if (ftruncate(fd, INT64_C(1) << MESSAGE_AT_BITS) != 0) {
		close(fd);
		skip();
	}
	assert_int_equal(maildrop_open(&d, &mbox_ops, fd, -1), RC_LIMIT);
}

static void
says_what_failed(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	errno = 0;
	assert_int_equal(maildrop_open(&d, &mbox_ops, 99, -1), RC_IO);
	assert_int_equal(errno, EBADF);
	spool_put(s->box, FROM "\n", sizeof(FROM));
	errno = 0;
	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_WRONLY), -1),
	    RC_IO);
	assert_int_equal(errno, EBADF);
	lie = 1;
	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR), -1),
	    RC_CHANGED);
	lie = 0;
}

#define PSEUDO_FROM "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
#define PSEUDO_SUBJECT                                                         \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
#define PSEUDO                                                                 \
	PSEUDO_FROM "Date: 01 Jan 2024 00:00:00 +0000\n"                       \
		    "From: Mail System Internal Data "                         \
		    "<MAILER-DAEMON@host>\n" PSEUDO_SUBJECT                    \
		    "Message-ID: <1@host>\nX-IMAP: 1 2\n"                      \
		    "Status: RO\n\nThis text is part of the internal "         \
		    "format.\n\n"
#define MAIL FROM "\nSubject: mail\n\nbody\n\n"

/* messages_in - how many a client sees. */
static size_t
messages_in(const char *text)
{
	struct maildrop d;
	size_t count;

	assert_int_equal(opened(&d, text, strlen(text)), RC_OK);
	count = d.count;
	if (count == 1)
		assert_memory_equal(text + d.msg[0].at, "From ", 5);
	maildrop_close(&d);
	return count;
}

/* crlf - text with CRLF line ends, in static storage. */
static const char *
crlf(const char *text)
{
	static char out[4096];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\n')
			out[n++] = '\r';
		out[n++] = *text;
	}
	out[n] = '\0';
	return out;
}

/* Which From_ lines get an octet more on the wire. */
static void
knows_bare_from_lines(void **state)
{
	static const char text[] =
	    FROM "\nx\n\n" FROM "\r\nx\r\n\r\n" FROM "\r\n" FROM "\n";
	static const unsigned bare[] = {1, 0, 0, 1};
	struct maildrop d;

	(void)state;
	assert_int_equal(opened(&d, text, sizeof(text) - 1), RC_OK);
	assert_int_equal(d.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(d.msg[i].from_bare, bare[i]);
	maildrop_close(&d);
}

static void
hides_the_pseudo_message(void **state)
{
	struct maildrop d;

	(void)state;
	assert_int_equal(messages_in(PSEUDO), 0);
	assert_int_equal(messages_in(PSEUDO MAIL), 1);
	assert_int_equal(messages_in(crlf(PSEUDO MAIL)), 1);
	assert_int_equal(messages_in("\n" PSEUDO MAIL MAIL), 2);
	assert_int_equal(
	    messages_in(PSEUDO_FROM PSEUDO_SUBJECT "X-IMAPbase: 1 2\n\n" MAIL),
	    1);
	assert_int_equal(
	    opened(&d, PSEUDO MAIL, sizeof(PSEUDO MAIL) - 1), RC_OK);
	assert_int_equal(d.msg[0].at, sizeof(PSEUDO) - 1);
	assert_int_equal(d.left, 1);
	assert_int_equal(d.left_octets, d.msg[0].octets);
	maildrop_close(&d);
}

static void
hides_nothing_else(void **state)
{
	(void)state;
	/* not the first message */
	assert_int_equal(messages_in(MAIL PSEUDO), 2);
	/* from somebody else */
	assert_int_equal(
	    messages_in(FROM "\n" PSEUDO_SUBJECT "X-IMAP: 1 2\n\n" MAIL), 2);
	/* without X-IMAP */
	assert_int_equal(messages_in(PSEUDO_FROM PSEUDO_SUBJECT "\n" MAIL), 2);
	/* another subject */
	assert_int_equal(
	    messages_in(PSEUDO_FROM "Subject: x\nX-IMAP: 1 2\n\n" MAIL), 2);
	/* X-IMAP, or both, in the body: a bounce that quotes them */
	assert_int_equal(
	    messages_in(PSEUDO_FROM PSEUDO_SUBJECT "\nX-IMAP: 1 2\n\n" MAIL),
	    2);
	assert_int_equal(messages_in(PSEUDO_FROM "Subject: x\n\n" PSEUDO_SUBJECT
						 "X-IMAP: 1 2\n\n" MAIL),
	    2);
	assert_int_equal(
	    messages_in(crlf(PSEUDO_FROM "Subject: x\n\n" PSEUDO_SUBJECT
					 "X-IMAP: 1 2\n\n" MAIL)),
	    2);
	/* in the next message, when the first has no header end */
	assert_int_equal(
	    messages_in(PSEUDO_FROM "Subject: x\n" FROM "\n" PSEUDO_SUBJECT
				    "X-IMAP: 1 2\n\n"),
	    2);
	/* a subject that only begins so */
	assert_int_equal(messages_in(PSEUDO_FROM
			     "X-Subject: DON'T DELETE THIS MESSAGE -- "
			     "FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\n" MAIL),
	    2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(odd_by_hand),
	    cmocka_unit_test(small_by_dice),
	    cmocka_unit_test(large_by_dice),
	    cmocka_unit_test(huge_by_dice),
	    cmocka_unit_test(slid_over_block_ends),
	    cmocka_unit_test(from_line_ends_a_block),
	    cmocka_unit_test(long_from_lines),
	    cmocka_unit_test_setup_teardown(
		leaves_what_is_no_mbox, spool_make, spool_remove),
	    cmocka_unit_test(lines_of_ten_million_octets),
	    cmocka_unit_test(beyond_four_gib),
	    cmocka_unit_test(beyond_sixty_four_tib),
	    cmocka_unit_test_setup_teardown(
		says_what_failed, spool_make, spool_remove),
	    cmocka_unit_test(knows_bare_from_lines),
	    cmocka_unit_test(hides_the_pseudo_message),
	    cmocka_unit_test(hides_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
