/* index_test - what the index spares: an unchanged mailbox is not read, of a
 * grown one only what is new; what it must notice: every foreign change; and
 * that it is never believed: damaged, cut short, or made to lie, it costs time
 * and nothing else. Its life over many sessions is in index_model_test.c. */
/* pread is defined below: the C library's must not be an inline function. */
#undef _FORTIFY_SOURCE
#include "spool.h"
#include "store/copies.h"
#include "store/from.h"
#include "store/index.h"
#include "store/mbox.h"
#include "store/survivors.h"
#include "sys/buf.h"
#include "sys/digest.h"
#include "update.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define FROM "From a@b Mon Jan  1 00:00:00 2024\n"
#define A FROM "Subject: a\n\none\n\n"
#define B FROM "Subject: b\r\n\r\ntwo\r\n\r\n"
#define C FROM "Subject: c\n\none\n\n" /* as long as A */
#define LONE FROM "Subject: lone\n\nthree\n\n"

/* What was read of the mailbox since reads was made 0. */
static ino_t box_ino;
static unsigned reads;
static size_t octets_read;
static off_t lowest; /* where more than a From_ line was read */

/* Writes to anything until one fails, how much it takes before that, and
 * whether it alone fails. */
static int writes_left = -1;
static size_t last_write;
static unsigned once;

static unsigned reads_fail; /* those of the mailbox */

static unsigned
is_box(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == box_ino;
}

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	if (is_box(fd)) {
		if (reads_fail) {
			errno = EIO;
			return -1;
		}
		reads++;
		octets_read += n;
		if (n > sizeof(FROM) && at < lowest)
			lowest = at;
	}
	return syscall(SYS_pread64, fd, to, n, at);
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	if (writes_left == 0) {
		if (last_write == 0) {
			writes_left -= once ? 1 : 0;
			errno = ENOSPC;
			return -1;
		}
		n = n < last_write ? n : last_write;
		last_write = 0;
	} else if (writes_left > 0) {
		writes_left--;
	}
	return syscall(SYS_pwrite64, fd, octets, n, at);
}

static void
count_reads(const struct spool *s)
{
	struct stat st;

	assert_int_equal(stat(s->box, &st), 0);
	box_ino = st.st_ino;
	reads = 0;
	octets_read = 0;
	lowest = INT64_MAX;
}

static struct maildrop
open_with(const struct spool *s, int state_fd)
{
	struct maildrop d;

	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR), state_fd),
	    RC_OK);
	return d;
}

static struct maildrop
open_box(const struct spool *s)
{
	return open_with(s, spool_open(s->state, O_RDWR | O_CREAT));
}

/* visit - a session that looks; ids: at unique-ids too. */
static void
visit(const struct spool *s, unsigned ids)
{
	struct maildrop d = open_box(s);

	if (ids)
		assert_int_equal(mbox_identify(&d), RC_OK);
	maildrop_close(&d);
}

/* same - whether both have the same messages; ids: with the same ids. */
static unsigned
same(const struct maildrop *a, const struct maildrop *b, unsigned ids)
{
	if (a->count != b->count || a->end != b->end ||
	    a->left_octets != b->left_octets)
		return 0;
	for (size_t i = 0; i < a->count; i++) {
		struct message x = a->msg[i], y = b->msg[i];

		x.sampled = y.sampled = 0;
		if (!ids) {
			memset(x.id, 0, sizeof(x.id));
			memset(y.id, 0, sizeof(y.id));
		}
		if (memcmp(&x, &y, sizeof(x)) != 0)
			return 0;
	}
	return 1;
}

/* is_right - whether a session with the state file finds what a scan finds;
 * ids: the ids, too. */
static unsigned
is_right(const struct spool *s, unsigned ids)
{
	struct maildrop d = open_box(s), ref = open_with(s, -1);
	unsigned right;

	if (ids) {
		assert_int_equal(mbox_identify(&d), RC_OK);
		assert_int_equal(mbox_identify(&ref), RC_OK);
	}
	right = same(&d, &ref, ids);
	maildrop_close(&d);
	maildrop_close(&ref);
	return right;
}

static void
put_box(const struct spool *s, const char *text)
{
	spool_put(s->box, text, strlen(text));
}

/* put_large - a mailbox of count messages of about 1000 octets, of which no two
 * are alike. */
static void
put_large(const struct spool *s, unsigned count)
{
	char *text = malloc((size_t)count * 1100);
	size_t n = 0;

	assert_non_null(text);
	for (unsigned i = 0; i < count; i++) {
		n += (size_t)sprintf(text + n, FROM "Subject: %u\n\n", i);
		for (unsigned k = 0; k < 70; k++)
			n += (size_t)sprintf(text + n, "line %07u\n", k);
		text[n++] = '\n';
	}
	spool_put(s->box, text, n);
	free(text);
}

enum { LARGE = 2000 };

/* Neither STAT nor UIDL of a mailbox that is as it was reads an octet of it. */
static void
unchanged_is_not_read(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	put_large(s, LARGE);
	visit(s, 0);
	count_reads(s);
	visit(s, 0);
	visit(s, 0);
	assert_int_equal(reads, 0);
	visit(s, 1);
	assert_true(reads > 0);
	count_reads(s);
	visit(s, 1);
	d = open_box(s);
	assert_int_equal(d.count, LARGE);
	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_int_equal(mbox_check(&d), RC_OK);
	maildrop_close(&d);
	assert_int_equal(reads, 0);
	assert_true(is_right(s, 1));
}

/* Copies, and the record of them, need no look at the mailbox either. */
static void
nor_are_copies_read(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	put_box(s, A A B A LONE B);
	visit(s, 1);
	count_reads(s);
	visit(s, 1);
	d = open_box(s);
	assert_int_equal(reads, 0);
	maildrop_delete(&d, 0);
	assert_int_equal(update(&d, d.state_fd), RC_OK);
	maildrop_close(&d);
	count_reads(s);
	visit(s, 1);
	assert_int_equal(reads, 0);
}

/* Of a mailbox that has grown these are read: 4096 octets before its old end,
 * when it is found and when the index is written; some From_ lines; the last
 * message and what is new. For ids, the headers of those, by 4096. */
static void
of_a_grown_one_the_new_is_read(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	off_t last, old;

	put_large(s, LARGE);
	visit(s, 1);
	for (unsigned i = 0; i < 5; i++) {
		d = open_box(s);
		last = (off_t)d.msg[d.count - 1].at;
		old = d.end;
		maildrop_close(&d);
		spool_append(s->box, LONE A, strlen(LONE A));
		count_reads(s);
		d = open_box(s);
		assert_int_equal(d.count, LARGE + 2 * (i + 1));
		assert_true(lowest >= old - 4096);
		assert_true(
		    octets_read < (size_t)(d.end - last) + 3 * 4096 + 70 * 40);
		assert_int_equal(d.with_ids, LARGE - 1 + 2 * i);
		count_reads(s);
		assert_int_equal(mbox_identify(&d), RC_OK);
		assert_true(
		    lowest >= (last < d.end - 4096 ? last : d.end - 4096));
		assert_true(reads <= 8);
		maildrop_close(&d);
		count_reads(s);
		visit(s, 1);
		assert_int_equal(reads, 0);
		assert_true(is_right(s, 1));
	}
}

/* After our own UPDATE nothing is read, whatever was deleted, and mail that
 * came meanwhile is new. */
static void
after_an_update_nothing_is_read(void **state)
{
	static const struct {
		unsigned from, to;
	} gone[] = {{0, 1}, {0, 7}, {3, 4}, {5, 9}, {11, 12}, {6, 12}};
	const struct spool *s = *state;

	for (unsigned more = 0; more < 2; more++) {
		for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
			struct maildrop d;

			put_large(s, 12);
			visit(s, 1);
			d = open_box(s);
			for (unsigned k = gone[i].from; k < gone[i].to; k++)
				maildrop_delete(&d, k);
			if (more)
				spool_append(s->box, LONE, strlen(LONE));
			assert_int_equal(update(&d, d.state_fd), RC_OK);
			count_reads(s);
			assert_int_equal(mbox_identify(&d), RC_OK);
			maildrop_close(&d);
			visit(s, 1);
			if (!more)
				assert_int_equal(reads, 0);
			assert_true(is_right(s, 1));
		}
	}
}

/* The state file ends where the index ends, and is no longer than need be. */
static void
the_state_file_shrinks(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	struct stat was, is;

	put_large(s, LARGE);
	visit(s, 1);
	assert_int_equal(stat(s->state, &was), 0);
	assert_true(was.st_size <= STATE_BODY + 32 * LARGE + 200);
	d = open_box(s);
	for (size_t i = 1; i < LARGE; i++)
		maildrop_delete(&d, i);
	assert_int_equal(update(&d, d.state_fd), RC_OK);
	maildrop_close(&d);
	assert_int_equal(stat(s->state, &is), 0);
	assert_true(is.st_size <= STATE_BODY + 32 + 200);
	assert_true(is_right(s, 1));
}

/* put_back - changes octets of the mailbox without changing its size, and puts
 * its times back, as far as a program can. */
static void
put_back(const struct spool *s, const char *text)
{
	struct timespec times[2];
	struct stat st;
	int fd = spool_open(s->box, O_WRONLY);

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, strlen(text));
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(
	    pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

/* With the kernel's own clock and no pause: many changes of the same size, all
 * as soon after a session as can be, most within a tick of its end. */
static void
changes_of_the_same_size_are_noticed(void **state)
{
	static const char one[] = A LONE A, two[] = LONE A A;
	const struct spool *s = *state;

	put_box(s, one);
	for (unsigned i = 0; i < 100; i++) {
		struct maildrop d;

		visit(s, i % 3 > 0);
		put_back(s, i % 2 == 0 ? two : one);
		d = open_box(s);
		assert_int_equal(
		    d.msg[1].at, i % 2 == 0 ? strlen(LONE) : strlen(A));
		maildrop_close(&d);
		assert_true(is_right(s, 1));
	}
}

/* Likewise within a session, whose UPDATE must not take it for its own. */
static void
a_change_before_the_update_is_noticed(void **state)
{
	static const char one[] = A LONE A, two[] = LONE A A;
	const struct spool *s = *state;

	put_box(s, one);
	visit(s, 1);
	for (unsigned i = 0; i < 50; i++) {
		struct maildrop d = open_box(s);

		put_back(s, i % 2 == 0 ? two : one);
		maildrop_delete(&d, 1);
		assert_int_equal(update(&d, d.state_fd), RC_CHANGED);
		assert_int_equal(mbox_check(&d), RC_CHANGED);
		maildrop_close(&d);
		assert_true(is_right(s, 1));
	}
}

/* And what another program does right behind our UPDATE. */
static void
a_change_after_the_update_is_noticed(void **state)
{
	static const char one[] = LONE A, two[] = A LONE;
	const struct spool *s = *state;

	for (unsigned i = 0; i < 50; i++) {
		struct maildrop d;

		put_box(s, B LONE A);
		d = open_box(s);
		assert_int_equal(mbox_identify(&d), RC_OK);
		maildrop_delete(&d, 0);
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		maildrop_close(&d);
		spool_holds(s->box, one, strlen(one));
		put_back(s, two);
		assert_true(is_right(s, 1));
	}
}

/* A From_ line among many that is none any more, when the mailbox has grown
 * too. */
static void
a_from_line_that_has_gone_is_noticed(void **state)
{
	const struct spool *s = *state;

	for (size_t i = 0; i < 100; i += 7) {
		struct maildrop d;
		int fd;

		put_large(s, 100);
		visit(s, 1);
		d = open_box(s);
		fd = spool_open(s->box, O_WRONLY);
		assert_int_equal(
		    pwrite(fd, i == 0 ? "F" : "x", 1, (off_t)d.msg[i].at), 1);
		close(fd);
		maildrop_close(&d);
		spool_append(s->box, LONE, strlen(LONE));
		assert_true(is_right(s, 1));
	}
}

/* Larger, smaller, another file, with the same messages or others. */
static void
rewrites_are_noticed(void **state)
{
	static const char *const boxes[] = {"", A, LONE, C LONE A,
	    C A LONE LONE, B, A LONE, LONE A, A A, A LONE A, LONE A A, A LONE B,
	    A A LONE, LONE LONE LONE,
	    FROM "Status: RO\nSubject: a\n\none\n\n" LONE,
	    A LONE FROM "Subject: a\nStatus: RO\n\none\n\n" B, "\n\n" A LONE,
	    "\n" A LONE, A "\n" LONE, A LONE "more\n"};
	enum { N = sizeof(boxes) / sizeof(boxes[0]) };
	const struct spool *s = *state;
	char other[90];

	snprintf(other, sizeof(other), "%s/other", s->dir);
	for (size_t a = 0; a < N; a++) {
		for (size_t b = 0; b < N; b++) {
			unsigned in_place = (unsigned)(a + b) % 2;

			put_box(s, boxes[a]);
			visit(s, b % 2);
			spool_put(in_place ? s->box : other, boxes[b],
			    strlen(boxes[b]));
			if (!in_place)
				assert_int_equal(rename(other, s->box), 0);
			assert_true(is_right(s, 1));
		}
	}
}

/* What follows knows how an index lies in the file. */
enum {
	INO = 1,
	SIZE,
	CTIME_S,
	CTIME_NS,
	END,
	COUNT,
	IDENTIFIED,
	COPIES,
	KEPT,
	TAIL_SUM,
	MSG_SUM,
	KEPT_SUM,
	NUMBERS,
	HEAD_OCTETS = 8 + 8 * NUMBERS + 8
};

/* file - an index in memory. */
struct file {
	unsigned char octets[4096];
	size_t n;
};

static struct file
get_index(const struct spool *s)
{
	struct file f;
	int fd = spool_open(s->state, O_RDONLY);
	ssize_t n = pread(fd, f.octets, sizeof(f.octets), STATE_BODY);

	assert_true(n >= HEAD_OCTETS && n < (ssize_t)sizeof(f.octets));
	f.n = (size_t)n;
	close(fd);
	return f;
}

static void
put_index(const struct spool *s, const unsigned char *octets, size_t n)
{
	int fd = spool_open(s->state, O_WRONLY);

	assert_int_equal(ftruncate(fd, STATE_BODY), 0);
	assert_true(pwrite(fd, octets, n, STATE_BODY) == (ssize_t)n);
	close(fd);
}

static uint64_t
number(const struct file *f, size_t which)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 8; i++)
		value |= (uint64_t)f->octets[8 + 8 * which + i] << (8 * i);
	return value;
}

static void
set(struct file *f, size_t at, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		f->octets[at + i] = (unsigned char)(value >> (8 * i));
}

static void
set_number(struct file *f, size_t which, uint64_t value)
{
	set(f, 8 + 8 * which, value);
}

static struct message *
messages(struct file *f)
{
	static struct message msg[100];
	size_t at =
	    HEAD_OCTETS + (size_t)number(f, KEPT) * COPIES_RECORD_OCTETS;

	assert_true(f->n - at <= sizeof(msg));
	memcpy(msg, f->octets + at, f->n - at);
	return msg;
}

static void
set_messages(struct file *f, const struct message *msg)
{
	size_t at =
	    HEAD_OCTETS + (size_t)number(f, KEPT) * COPIES_RECORD_OCTETS;

	memcpy(f->octets + at, msg, f->n - at);
}

/* seal - right checksums for what there is, and the head's own. */
static void
seal(struct file *f)
{
	size_t kept = (size_t)number(f, KEPT) * COPIES_RECORD_OCTETS;
	size_t msg = (size_t)number(f, COUNT) * sizeof(struct message);

	if (number(f, KEPT) <= (f->n - HEAD_OCTETS) / COPIES_RECORD_OCTETS)
		set_number(f, KEPT_SUM,
		    digest_quick(0, f->octets + HEAD_OCTETS, kept));
	else
		kept = 0;
	if (number(f, COUNT) <=
	    (f->n - HEAD_OCTETS - kept) / sizeof(struct message))
		set_number(f, MSG_SUM,
		    digest_quick(0, f->octets + HEAD_OCTETS + kept, msg));
	set(f, HEAD_OCTETS - 8, digest_quick(0, f->octets, HEAD_OCTETS - 8));
}

/* kept_box - a mailbox with a record of three copies, of two kinds; a session
 * has seen it all. ref, for the caller to close, has the ids with it. */
static void
kept_box(const struct spool *s, struct maildrop *ref)
{
	struct maildrop d;

	put_box(s, A B A LONE A B);
	spool_put(s->state, "", 0);
	d = open_box(s);
	maildrop_delete(&d, 0);
	maildrop_delete(&d, 1);
	assert_int_equal(update(&d, d.state_fd), RC_OK);
	maildrop_close(&d);
	visit(s, 1);
	*ref = open_box(s);
	assert_int_equal(ref->kept_count, 3);
	assert_int_equal(mbox_identify(ref), RC_OK);
}

/* try - the index in the file as it is now: the messages are right; *kept says
 * whether the ids are those of ref, else they must be those without a state
 * file, or the record was another, which only other may say. */
static void
try(const struct spool *s, const struct maildrop *ref, unsigned *kept)
{
	struct maildrop d = open_box(s), bare = open_with(s, -1);

	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_int_equal(mbox_identify(&bare), RC_OK);
	assert_true(same(&d, ref, 0));
	*kept = same(&d, ref, 1);
	if (!*kept)
		assert_true(same(&d, &bare, 1));
	maildrop_close(&d);
	maildrop_close(&bare);
}

/* Any octet changed, the file cut anywhere: the messages are right all the
 * same, and the copies' ids too where the record itself is unhurt. */
static void
damage_costs_time(void **state)
{
	static const unsigned char changes[] = {0x01, 0x80, 0xff};
	const struct spool *s = *state;
	struct maildrop ref;
	struct file good;
	size_t safe;
	unsigned kept;

	kept_box(s, &ref);
	good = get_index(s);
	assert_int_equal(number(&good, KEPT), 3);
	safe = HEAD_OCTETS + 3 * (size_t)COPIES_RECORD_OCTETS;
	assert_int_equal(good.n, safe + 4 * sizeof(struct message));
	for (size_t i = 0; i < good.n; i++) {
		for (size_t k = 0; k < sizeof(changes); k++) {
			struct file f = good;

			f.octets[i] ^= changes[k];
			put_index(s, f.octets, f.n);
			try(s, &ref, &kept);
			assert_int_equal(kept, i >= safe);
		}
		put_index(s, good.octets, i);
		try(s, &ref, &kept);
		assert_int_equal(kept, i >= safe);
	}
	put_index(s, good.octets, good.n);
	count_reads(s);
	visit(s, 1);
	assert_int_equal(reads, 0); /* the undamaged one counts */
	maildrop_close(&ref);
}

/* sound - that the messages of d lie one behind the other within it, and none
 * claims what the rest of the program could not bear. */
static void
sound(const struct maildrop *d)
{
	uint64_t at = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct message *m = &d->msg[i];
		uint64_t next = (uint64_t)mbox_next(d, i), stored;

		assert_true(m->at >= at && m->at <= next);
		assert_true(m->from_len > 0 && m->from_len <= FROM_MAX_OCTETS);
		assert_true(m->tail <= 2);
		assert_true(next - m->at >= (uint64_t)m->from_len + m->tail);
		stored = next - m->at - m->from_len - m->tail;
		assert_true(m->octets >= stored);
		assert_true(m->octets <= 2 * stored + 2);
		assert_true(!m->deleted);
		at = next;
	}
	assert_true(d->end <= d->mark.size);
}

/* use - does with d what a session does, as far as it goes. */
static void
use(struct maildrop *d)
{
	char block[512];
	size_t got;
	enum rc rc;

	sound(d);
	rc = mbox_identify(d);
	assert_true(rc == RC_OK || rc == RC_CHANGED);
	for (size_t i = 0; i < d->count; i++) {
		uint64_t from = 0;

		do {
			rc = mbox_read(d, i, from, block, sizeof(block), &got);
			assert_true(rc == RC_OK || rc == RC_CHANGED);
			from += got;
		} while (rc == RC_OK && got > 0);
		assert_int_equal(rc, RC_OK);
	}
	rc = mbox_check(d);
	assert_true(rc == RC_OK || rc == RC_CHANGED);
}

static const uint64_t hostile[] = {0, 1, 2, 3, 4, 5, 16, 4095, 4096, 4097, 8191,
    65536, 65537, INT32_MAX, UINT32_MAX, UINT64_C(1) << 46, UINT64_C(1) << 40,
    INT64_MAX, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 1,
    UINT64_MAX / sizeof(struct message)};
enum { HOSTILE = sizeof(hostile) / sizeof(hostile[0]) };

/* Every number of the head in turn, with right checksums. A mailbox that the
 * index then speaks of wrongly is none that could not be used. */
static void
heads_that_lie(void **state)
{
	const struct spool *s = *state;
	struct maildrop ref;
	struct file good;

	kept_box(s, &ref);
	good = get_index(s);
	for (size_t n = 0; n < NUMBERS; n++) {
		for (size_t k = 0; k < 2 * (size_t)HOSTILE; k++) {
			struct file f = good;
			struct maildrop d;
			uint64_t value = hostile[k % HOSTILE];

			if (k >= HOSTILE)
				value += number(&good, n);
			set_number(&f, n, value);
			seal(&f);
			put_index(s, f.octets, f.n);
			d = open_box(s);
			use(&d);
			if (n != COPIES && n != KEPT && n != IDENTIFIED &&
			    n != END && n != TAIL_SUM)
				assert_true(same(&d, &ref, 0));
			maildrop_close(&d);
		}
	}
	maildrop_close(&ref);
}

/* Fields of messages by dice, in an index for the mailbox as it is, as it was
 * before it grew, or of nothing like it. */
static void
messages_that_lie(void **state)
{
	const struct spool *s = *state;
	uint64_t seed = 11;
	struct maildrop ref;
	struct file good;

	kept_box(s, &ref);
	good = get_index(s);
	for (unsigned round = 0; round < 6000; round++) {
		struct file f = good;
		struct message *msg = messages(&f);
		struct maildrop d;

		for (unsigned k = 1 + dice(&seed, 3); k > 0; k--) {
			struct message *m = &msg[dice(&seed, 4)];
			uint64_t value = hostile[dice(&seed, HOSTILE)];

			switch (dice(&seed, 7)) {
			case 0:
				m->at = (m->at + value) &
					((UINT64_C(1) << MESSAGE_AT_BITS) - 1);
				break;
			case 1:
				m->from_len =
				    value & ((1u << MESSAGE_FROM_BITS) - 1);
				break;
			case 2:
				m->tail = value & 3;
				break;
			case 3:
				m->octets =
				    value &
				    ((UINT64_C(1) << MESSAGE_OCTETS_BITS) - 1);
				break;
			case 4:
				m->from_sum =
				    value & ((1u << MESSAGE_SUM_BITS) - 1);
				break;
			case 5:
				m->sampled = 1;
				break;
			default:
				m->deleted = 1;
				break;
			}
		}
		set_messages(&f, msg);
		if (dice(&seed, 3) == 0) { /* the mailbox has grown */
			set_number(&f, SIZE, number(&f, SIZE) - 10);
			set_number(&f, END, number(&f, SIZE));
			set_number(&f, TAIL_SUM, dice(&seed, 100));
		} else if (dice(&seed, 3) == 0) { /* mail stands behind it */
			set_number(&f, END, number(&f, END) - dice(&seed, 30));
		}
		seal(&f);
		put_index(s, f.octets, f.n);
		d = open_box(s);
		use(&d);
		maildrop_close(&d);
	}
	maildrop_close(&ref);
}

/* A From_ line longer than any, where the mailbox has grown and so every one
 * is read: not even with all checksums right. */
static void
a_from_line_that_is_too_long(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	struct message *msg;
	struct file f;
	char *text;
	size_t n = strlen(A), all = 3 * 8191;

	text = malloc(all);
	assert_non_null(text);
	memset(text, 'x', all);
	memcpy(text, A, n);
	spool_put(s->box, text, all);
	for (size_t len = FROM_MAX_OCTETS + 1; len < 8192; len += 1023) {
		visit(s, 1);
		f = get_index(s);
		msg = messages(&f);
		msg[0].from_len = len & 8191;
		msg[0].octets = (all - len) & ((UINT64_C(1) << 40) - 1);
		msg[0].from_sum = mbox_sum(text, len) & 0xffffff;
		msg[0].tail = 0;
		set_messages(&f, msg);
		seal(&f);
		put_index(s, f.octets, f.n);
		/* unchanged, then grown */
		d = open_box(s);
		use(&d);
		maildrop_close(&d);
		put_index(s, f.octets, f.n);
		spool_append(s->box, A, n);
		d = open_box(s);
		assert_int_equal(d.msg[0].from_len, strlen(FROM));
		use(&d);
		maildrop_close(&d);
		assert_int_equal(truncate(s->box, (off_t)all), 0);
	}
	free(text);
}

/* An index that says that mail begins where none does: the mailbox is not taken
 * for something that is no mailbox. */
static void
the_last_message_is_none(void **state)
{
	const struct spool *s = *state;

	for (unsigned shift = 1; shift < 30; shift++) {
		struct message *msg;
		struct file f;

		put_box(s, A B LONE);
		visit(s, 1);
		f = get_index(s);
		msg = messages(&f);
		msg[2].at = (msg[2].at + shift) & 0xfffff;
		msg[1].octets = (msg[1].octets + shift) & 0xfffff;
		set_messages(&f, msg);
		set_number(&f, END, number(&f, END) - 1);
		seal(&f);
		put_index(s, f.octets, f.n);
		assert_true(is_right(s, 0));
	}
}

/* More messages than the mailbox could hold need no memory; a sanitizer needs
 * more than any limit. */
static void
a_count_beyond_reason(void **state)
{
	static const uint64_t counts[] = {
	    100, 1000000, INT32_MAX - 1, INT32_MAX, UINT64_C(1) << 59};
	const struct spool *s = *state;
	struct rlimit was, now;

	put_box(s, A B LONE);
	visit(s, 1);
	assert_int_equal(getrlimit(RLIMIT_DATA, &was), 0);
	now = was;
	if (!SANITIZED)
		now.rlim_cur = 256 * 1024 * 1024;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct file f = get_index(s);
		unsigned right;

		set_number(&f, COUNT, counts[i]);
		set_number(&f, IDENTIFIED, counts[i] / 2);
		seal(&f);
		put_index(s, f.octets, f.n);
		assert_int_equal(setrlimit(RLIMIT_DATA, &now), 0);
		right = is_right(s, 0);
		assert_int_equal(setrlimit(RLIMIT_DATA, &was), 0);
		assert_true(right);
		visit(s, 1);
	}
}

/* Whatever lies in its place. */
static void
rubbish(void **state)
{
	const struct spool *s = *state;
	unsigned char octets[600];
	uint64_t seed = 5;

	put_box(s, A B LONE A);
	visit(s, 1);
	for (unsigned round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(octets); i++)
			octets[i] = (unsigned char)dice(&seed, 256);
		if (round % 2 == 0)
			memcpy(octets, "popdidx2", 8);
		put_index(s, octets, dice(&seed, sizeof(octets) + 1));
		assert_true(is_right(s, 1));
	}
}

/* A reader rewrites the mailbox in place, and mail comes: of its From_ lines
 * the one of message MOVED stands somewhere else, and no other; nobody looks at
 * that one when the mailbox has grown. */
enum { MANY = 300, MOVED = 5 };

/* put_read - the mailbox; moved: as the reader leaves it. */
static void
put_read(const struct spool *s, unsigned moved)
{
	static char text[MANY * 100];
	size_t n = 0;

	for (unsigned i = 0; i < MANY; i++) {
		unsigned bare = i == (moved ? MOVED : MOVED - 1);

		n += (size_t)sprintf(text + n,
		    FROM "Subject: %03u\n%s\nbody of %03u\n\n", i,
		    bare ? "" : "Status: RO\n", i);
	}
	spool_put(s->box, text, n);
}

/* move - a session sees the mailbox, ids: its ids, too; then all that. */
static void
move(const struct spool *s, unsigned ids)
{
	put_read(s, 0);
	spool_put(s->state, "", 0);
	visit(s, ids);
	put_read(s, 1);
	spool_append(s->box, LONE, strlen(LONE));
}

/* open_moved - a session that believes the index. */
static struct maildrop
open_moved(const struct spool *s)
{
	struct maildrop d = open_box(s);

	assert_int_equal(d.count, MANY + 1);
	assert_int_equal(mbox_is_at(&d, MOVED), RC_CHANGED);
	return d;
}

static const struct window nothing;

/* Neither that message is read nor the one before it, nor all of them at once;
 * and the session that has seen it is the last one to be deceived. later: a
 * session that only looks comes in between, and its index is no better. */
static void
a_moved_message_is_not_read(void **state)
{
	static const struct {
		size_t i;
		enum rc rc;
	} tries[] = {{0, RC_OK}, {MOVED - 2, RC_OK}, {MOVED - 1, RC_CHANGED},
	    {MOVED, RC_CHANGED}, {MOVED + 1, RC_OK}, {MANY - 1, RC_OK},
	    {MANY, RC_OK}, {MAILDROP_WHOLE, RC_CHANGED}};
	const struct spool *s = *state;

	for (unsigned later = 0; later < 2; later++) {
		for (size_t t = 0; t < sizeof(tries) / sizeof(*tries); t++) {
			struct maildrop d;

			move(s, 1);
			if (later)
				visit(s, 1);
			d = open_moved(s);
			assert_int_equal(d.ops->prove(&d, tries[t].i, &nothing),
			    tries[t].rc);
			maildrop_close(&d);
			assert_int_equal(
			    is_right(s, 1), tries[t].rc == RC_CHANGED);
		}
	}
}

/* Message i is deleted where no cut is at the moved one, and then everything
 * else is octet for octet what it was; or nothing is. */
static void
a_moved_message_is_not_cut(void **state)
{
	static char was[MANY * 100], now[MANY * 100];
	const struct spool *s = *state;

	for (size_t i = MOVED - 3; i < MOVED + 3; i++) {
		struct maildrop d, ref;
		size_t n, at, end;
		int fd;

		move(s, 1);
		ref = open_with(s, -1);
		at = (size_t)ref.msg[i].at;
		end = (size_t)ref.msg[i + 1].at;
		fd = ref.fd;
		n = (size_t)ref.end;
		assert_true(pread(fd, was, n, 0) == (ssize_t)n);
		d = open_moved(s);
		maildrop_delete(&d, i);
		maildrop_delete(&d, MANY);
		assert_int_equal(update(&d, d.state_fd),
		    i == MOVED - 1 || i == MOVED ? RC_CHANGED : RC_OK);
		maildrop_close(&d);
		if (i == MOVED - 1 || i == MOVED) {
			spool_holds(s->box, was, n);
			assert_true(is_right(s, 1));
		} else {
			memcpy(now, was, at);
			n -= strlen(LONE);
			memcpy(now + at, was + end, n - end);
			spool_holds(s->box, now, n - (end - at));
			d = open_box(s); /* nor is it proved by that */
			assert_int_equal(d.count, MANY - 1);
			assert_int_equal(
			    d.ops->prove(&d, MAILDROP_WHOLE, &nothing),
			    RC_CHANGED);
			maildrop_close(&d);
			assert_true(is_right(s, 1));
		}
		maildrop_close(&ref);
	}
}

/* No id is made of octets that are not the message's. */
static void
a_moved_message_gets_no_id(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	for (unsigned later = 0; later < 2; later++) {
		move(s, 0);
		if (later)
			visit(s, 0);
		d = open_moved(s);
		assert_int_equal(mbox_identify(&d), RC_CHANGED);
		maildrop_close(&d);
		assert_true(is_right(s, 1));
	}
	move(s, 0); /* nor is one made for a deletion */
	d = open_moved(s);
	maildrop_delete(&d, MOVED + 3);
	assert_int_equal(update(&d, d.state_fd), RC_CHANGED);
	maildrop_close(&d);
	assert_true(is_right(s, 1));
}

/* It happens while a session lasts: the next one is not deceived. */
static void
a_message_that_moves_in_a_session(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	put_read(s, 0);
	visit(s, 1);
	d = open_box(s);
	put_read(s, 1);
	spool_append(s->box, LONE, strlen(LONE));
	assert_int_equal(mbox_check(&d), RC_CHANGED);
	maildrop_close(&d);
	assert_true(is_right(s, 1));
}

/* Where nobody has moved anything: what lacks an id is read, once, and from
 * then on nothing is in doubt; of a small mailbox nothing is that has one. */
static void
a_sample_that_is_right(void **state)
{
	const struct spool *s = *state;

	for (unsigned ids = 0; ids < 2; ids++) {
		for (unsigned count = 20; count <= MANY; count += 280) {
			struct maildrop d;
			size_t sampled = 0;

			put_large(s, count);
			spool_put(s->state, "", 0);
			visit(s, ids);
			spool_append(s->box, LONE, strlen(LONE));
			d = open_box(s);
			for (size_t i = 0; i < d.count; i++)
				sampled += d.msg[i].sampled;
			assert_int_equal(
			    sampled, ids && count == 20 ? 0 : count - 1);
			assert_int_equal(
			    d.ops->prove(&d, MAILDROP_WHOLE, &nothing), RC_OK);
			assert_int_equal(mbox_identify(&d), RC_OK);
			maildrop_close(&d);
			d = open_box(s);
			sampled = 0;
			for (size_t i = 0; i < d.count; i++)
				sampled += d.msg[i].sampled;
			assert_int_equal(
			    sampled, ids && count == MANY ? count - 1 : 0);
			maildrop_close(&d);
			assert_true(is_right(s, 1));
		}
	}
}

/* A From_ line that was seen whole is not read again; any other is. */
static void
what_was_seen_is_not_read(void **state)
{
	static char text[MANY * 100];
	const struct spool *s = *state;
	struct window seen = {.octets = text};
	struct maildrop d;
	const struct message *m;

	put_read(s, 0);
	spool_put(s->state, "", 0);
	visit(s, 1);
	spool_append(s->box, LONE, strlen(LONE));
	d = open_box(s);
	m = &d.msg[7];
	assert_true(m->sampled);
	assert_true(pread(d.fd, text, sizeof(text), 0) == (ssize_t)d.end);
	count_reads(s);
	reads_fail = 1;
	seen.n = (size_t)d.end;
	assert_int_equal(d.ops->prove(&d, MAILDROP_WHOLE, &seen), RC_OK);
	seen.n = (size_t)m->at + m->from_len;
	assert_int_equal(d.ops->prove(&d, 6, &seen), RC_OK);
	seen.n--;
	assert_int_equal(d.ops->prove(&d, 6, &seen), RC_IO);
	seen = (struct window){text + m->at, m->at, m->from_len};
	assert_int_equal(mbox_prove(&d, 7, 8, &seen), RC_OK);
	assert_int_equal(mbox_prove(&d, 6, 8, &seen), RC_IO);
	assert_int_equal(mbox_prove(&d, 7, 9, &seen), RC_IO);
	text[m->at + 9]++;
	assert_int_equal(mbox_prove(&d, 7, 8, &seen), RC_IO);
	reads_fail = 0;
	assert_int_equal(mbox_prove(&d, 7, 8, &seen), RC_OK);
	maildrop_close(&d);
}

/* compared - what a comparison says when the mailbox is text now. */
static enum rc
compared(const struct spool *s, const char *text)
{
	struct maildrop d;
	enum rc rc;

	put_box(s, A LONE B);
	d = open_with(s, -1);
	put_box(s, text);
	rc = mbox_compare(&d);
	maildrop_close(&d);
	return rc;
}

static void
what_a_comparison_sees(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	assert_int_equal(compared(s, A LONE B), RC_OK);
	assert_int_equal(compared(s, C LONE B), RC_OK);   /* the text is free */
	assert_int_equal(compared(s, A LONE B A), RC_OK); /* as is new mail */
	assert_int_equal(compared(s, LONE A B), RC_CHANGED);
	assert_int_equal(compared(s, "x" A LONE B), RC_CHANGED);
	assert_int_equal(compared(s, A LONE), RC_CHANGED);
	assert_int_equal(compared(s, "\n\n\n\n\n\n\n\n" A LONE B), RC_CHANGED);
	put_box(s, A LONE B);
	d = open_with(s, -1);
	count_reads(s);
	reads_fail = 1;
	assert_int_equal(mbox_compare(&d), RC_IO);
	d.msg[1].sampled = 1;
	assert_int_equal(mbox_identify(&d), RC_IO);
	assert_int_equal(mbox_prove(&d, 0, 3, &nothing), RC_IO);
	reads_fail = 0;
	assert_int_equal(mbox_identify(&d), RC_OK);
	maildrop_close(&d);
}

/* A reader keeps every From_ line and changes the number of line ends: then the
 * octets are wrong. An id would be, too; whoever finds out says so, and the
 * next session is right. */
#define PADDED FROM "Subject: a\nX-Keywords:               \n\none\n\n"
#define KEYED FROM "Subject: a\nX-Status: A\nX-Keywords:   \n\none\n\n"
_Static_assert(sizeof(PADDED) == sizeof(KEYED), "no From_ line moves");

static void
octets_that_are_wrong(void **state)
{
	static char was[8192], is[8192];
	const struct spool *s = *state;
	struct maildrop d;
	int far = 5000; /* what stands right before the end is compared */

	snprintf(was, sizeof(was), PADDED FROM "\n%0*d\n\n", far, 0);
	snprintf(is, sizeof(is), KEYED FROM "\n%0*d\n\n" LONE, far, 0);

	for (unsigned ids = 0; ids < 2; ids++) {
		put_box(s, was);
		spool_put(s->state, "", 0);
		visit(s, ids);
		put_box(s, is);
		d = open_box(s);
		assert_int_equal(d.msg[0].octets + strlen(FROM) + 1,
		    strlen(PADDED) + 4); /* and not 5 line ends */
		if (ids)
			d.ops->doubt(&d);
		for (unsigned tries = ids ? 2 : 0; tries < 2; tries++)
			assert_int_equal(mbox_identify(&d), RC_CHANGED);
		maildrop_close(&d);
		assert_true(is_right(s, 1));
	}
}

/* Nor is one made where there are more messages than the index knows of. */
static void
a_message_in_between(void **state)
{
	static const char more[] = "\n" FROM "\n";
	static char was[8192], is[8192];
	const struct spool *s = *state;
	struct maildrop d;
	int far = 5000, n = 200, rest = n - (int)strlen(more);

	snprintf(was, sizeof(was), FROM "\n%0*d\n\n" FROM "\n%0*d\n\n", n, 0,
	    far, 0);
	snprintf(is, sizeof(is), FROM "\n%s%0*d\n\n" FROM "\n%0*d\n\n" LONE,
	    more, rest, 0, far, 0);
	put_box(s, was);
	spool_put(s->state, "", 0);
	visit(s, 0);
	put_box(s, is);
	d = open_box(s);
	assert_int_equal(d.count, 3);
	assert_int_equal(mbox_identify(&d), RC_CHANGED);
	maildrop_close(&d);
	d = open_box(s);
	assert_int_equal(d.count, 4);
	maildrop_close(&d);
	assert_true(is_right(s, 1));
}

/* The index is dropped: not by the session's next ones is it made good again,
 * and the record of copies stays. Where the head cannot be written it is as it
 * was, and no worse. */
static void
what_is_dropped_stays_so(void **state)
{
	const struct spool *s = *state;

	for (unsigned how = 0; how < 5; how++) {
		struct maildrop d, ref;

		kept_box(s, &ref);
		d = open_box(s);
		if (how == 4)
			writes_left = 0;
		d.ops->doubt(&d);
		writes_left = -1;
		if (how == 1)
			index_save(&d);
		if (how == 2)
			assert_int_equal(mbox_identify(&d), RC_OK);
		if (how == 3) {
			maildrop_delete(&d, 3);
			assert_int_equal(update(&d, d.state_fd), RC_OK);
		}
		maildrop_close(&d);
		count_reads(s);
		d = open_box(s);
		assert_int_equal(reads > 0, how != 4);
		assert_int_equal(mbox_identify(&d), RC_OK);
		for (size_t i = 0; i < d.count; i++)
			assert_memory_equal(
			    d.msg[i].id, ref.msg[i].id, UID_OCTETS);
		assert_int_equal(d.count, how == 3 ? 3 : 4);
		maildrop_close(&d);
		maildrop_close(&ref);
		assert_true(is_right(s, 0));
	}
}

/* An index of the time when nobody noted what was sampled: it is not believed,
 * but the record of copies in it is. */
static void
an_index_of_old(void **state)
{
	const struct spool *s = *state;
	struct maildrop d, ref;
	struct message m;
	struct file f;

	kept_box(s, &ref);
	f = get_index(s);
	memset(&m, 0, sizeof(m));
	m.at = UINT64_C(0x123456789ab);
	m.from_len = 0x155;
	m.tail = 2;
	m.from_bare = 1;
	m.octets = UINT64_C(0x9876543210);
	m.from_sum = 0xabcdef;
	m.id[0] = 7;
	assert_true(number(&f, 0) != digest_quick(sizeof(m), &m, sizeof(m)));
	set_number(&f, 0, digest_quick(sizeof(m), &m, sizeof(m)));
	seal(&f);
	put_index(s, f.octets, f.n);
	count_reads(s);
	d = open_box(s);
	assert_true(reads > 0);
	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_true(same(&d, &ref, 1));
	maildrop_close(&d);
	maildrop_close(&ref);
}

/* Another kind of machine, whose messages in memory are others. */
static void
another_layout(void **state)
{
	const struct spool *s = *state;
	struct file f;

	put_box(s, A B LONE);
	visit(s, 1);
	f = get_index(s);
	set_number(&f, 0, number(&f, 0) ^ 1);
	seal(&f);
	put_index(s, f.octets, f.n);
	count_reads(s);
	visit(s, 0);
	assert_true(reads > 0);
	assert_true(is_right(s, 1));
}

/* What is in front of the index is the journal's, and the index leaves it. */
static void
it_keeps_to_its_place(void **state)
{
	static char was[STATE_BODY], is[STATE_BODY];
	const struct spool *s = *state;
	uint64_t seed = 9;
	int fd;

	put_box(s, A A LONE A);
	for (size_t i = 0; i < sizeof(was); i++)
		was[i] = (char)dice(&seed, 256);
	spool_put(s->state, was, sizeof(was));
	visit(s, 1);
	fd = spool_open(s->state, O_RDONLY);
	assert_true(pread(fd, is, sizeof(is), 0) == (ssize_t)sizeof(is));
	assert_memory_equal(is, was, sizeof(was));
	close(fd);
	count_reads(s);
	visit(s, 1);
	assert_int_equal(reads, 0);
}

/* No state file, one that is empty, one that takes no write. */
static void
without_a_place_for_it(void **state)
{
	const struct spool *s = *state;
	struct maildrop ref, d;

	put_box(s, A A LONE B A);
	ref = open_with(s, -1);
	assert_int_equal(mbox_identify(&ref), RC_OK);
	spool_put(s->state, "", 0);
	for (unsigned i = 0; i < 3; i++) {
		d = open_with(s, spool_open(s->state, O_RDONLY));
		assert_int_equal(mbox_identify(&d), RC_OK);
		assert_true(same(&d, &ref, 1));
		maildrop_close(&d);
		spool_holds(s->state, "", 0);
	}
	visit(s, 1);
	d = open_with(s, spool_open(s->state, O_RDONLY));
	count_reads(s);
	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_int_equal(reads, 0);
	assert_true(same(&d, &ref, 1));
	maildrop_close(&d);
	maildrop_close(&ref);
}

/* A mailbox that may only be read has an index like others. */
static void
a_mailbox_that_may_only_be_read(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	put_box(s, A A LONE B A);
	for (unsigned i = 0; i < 2; i++) {
		count_reads(s);
		assert_int_equal(
		    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDONLY),
			spool_open(s->state, O_RDWR | O_CREAT)),
		    RC_OK);
		d.read_only = 1;
		assert_int_equal(mbox_identify(&d), RC_OK);
		assert_int_equal(reads == 0, i);
		maildrop_close(&d);
	}
	assert_true(is_right(s, 1));
}

/* The disk is full at any of the writes of a session, or in the middle of one:
 * the session is none the worse, and the next one right, copies' ids too. */
static void
writes_that_fail(void **state)
{
	static const size_t parts[] = {0, 1, 8, 60, 100};
	const struct spool *s = *state;

	for (int fail = 0; fail < 6; fail++) {
		for (size_t p = 0; p < 5; p++) {
			struct maildrop ref, d;

			kept_box(s, &ref);
			spool_append(s->box, B LONE A, strlen(B LONE A));
			writes_left = fail;
			last_write = parts[p];
			d = open_box(s);
			assert_int_equal(mbox_identify(&d), RC_OK);
			for (size_t i = 0; i < ref.count; i++)
				assert_memory_equal(
				    d.msg[i].id, ref.msg[i].id, UID_OCTETS);
			maildrop_close(&d);
			writes_left = -1;
			assert_true(is_right(s, 0));
			d = open_box(s);
			assert_int_equal(mbox_identify(&d), RC_OK);
			for (size_t i = 0; i < ref.count; i++) {
				/* a head that is half written is none */
				if (d.kept_count > 0)
					assert_memory_equal(d.msg[i].id,
					    ref.msg[i].id, UID_OCTETS);
			}
			assert_true(d.kept_count == 3 || parts[p] > 0);
			maildrop_close(&d);
			maildrop_close(&ref);
		}
	}
}

/* The same in an UPDATE once the octets have gone: it has worked. */
static void
an_update_whose_index_fails(void **state)
{
	const struct spool *s = *state;

	for (int fail = 0; fail < 4; fail++) {
		struct maildrop d;
		struct order order;

		put_box(s, A B LONE A B);
		spool_put(s->state, "", 0);
		visit(s, 1);
		d = open_box(s);
		maildrop_delete(&d, 1);
		assert_int_equal(mbox_plan(&d, d.state_fd, &order), RC_OK);
		assert_int_equal(journal_run(d.state_fd, d.fd, &order), RC_OK);
		writes_left = fail;
		last_write = 0;
		mbox_removed(&d);
		writes_left = -1;
		maildrop_close(&d);
		spool_holds(s->box, A LONE A B, strlen(A LONE A B));
		assert_true(is_right(s, 0));
	}
}

/* There was no room for the messages, but there is for the record of copies:
 * they keep their ids. */
static void
an_update_with_room_for_the_record(void **state)
{
	const struct spool *s = *state;
	struct maildrop d, after;
	struct order order;

	put_box(s, A A LONE A);
	visit(s, 1);
	d = open_box(s);
	assert_int_equal(mbox_identify(&d), RC_OK);
	maildrop_delete(&d, 0);
	assert_int_equal(mbox_plan(&d, d.state_fd, &order), RC_OK);
	assert_int_equal(journal_run(d.state_fd, d.fd, &order), RC_OK);
	writes_left = 1;
	last_write = 0;
	once = 1;
	mbox_removed(&d);
	assert_int_equal(writes_left, -1);
	once = 0;
	assert_int_equal(mbox_identify(&d), RC_OK);
	count_reads(s);
	after = open_box(s);
	assert_true(reads > 0);
	assert_int_equal(after.kept_count, 2);
	assert_int_equal(mbox_identify(&after), RC_OK);
	assert_true(same(&after, &d, 1));
	maildrop_close(&d);
	maildrop_close(&after);
	assert_false(is_right(s, 1)); /* a scan alone has no record */
}

/* Somebody who heeds no lock rewrites the mailbox between our UPDATE and the
 * look at it for the index. Only another size can tell. */
static void
an_update_that_is_trodden_on(void **state)
{
	static const char *const others[] = {A LONE LONE A, LONE C LONE A, A,
	    LONE A B, A LONE B LONE, C LONE A A A, LONE "more\n" A, ""};
	const struct spool *s = *state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct maildrop d;
		struct order order;

		put_box(s, B LONE A LONE);
		d = open_box(s);
		maildrop_delete(&d, 0);
		assert_int_equal(mbox_plan(&d, d.state_fd, &order), RC_OK);
		assert_int_equal(journal_run(d.state_fd, d.fd, &order), RC_OK);
		put_box(s, others[i]);
		mbox_removed(&d);
		maildrop_close(&d);
		assert_true(is_right(s, 1));
	}
}

/* The state file is lost in the middle of it all. */
static void
lost_between_sessions(void **state)
{
	const struct spool *s = *state;

	put_box(s, A LONE);
	for (unsigned i = 0; i < 10; i++) {
		visit(s, i % 2);
		assert_int_equal(unlink(s->state), 0);
		assert_true(is_right(s, 1));
		spool_append(s->box, B, strlen(B));
	}
}

/* In any order of asking, deleting and appending, the ids of those that stay
 * are those they had, and what a scan alone gives, where none are copies. */
static void
ids_in_any_order(void **state)
{
	const struct spool *s = *state;

	for (unsigned order = 0; order < 64; order++) {
		struct maildrop d, ref;
		unsigned char was[12][UID_OCTETS];

		put_large(s, 12);
		spool_put(s->state, "", 0);
		ref = open_with(s, -1);
		assert_int_equal(mbox_identify(&ref), RC_OK);
		for (size_t i = 0; i < 12; i++)
			memcpy(was[i], ref.msg[i].id, UID_OCTETS);
		maildrop_close(&ref);
		if ((order & 1) != 0)
			visit(s, 1);
		d = open_box(s);
		if ((order & 2) != 0)
			assert_int_equal(mbox_identify(&d), RC_OK);
		if ((order & 4) != 0)
			spool_append(s->box, A B, strlen(A B));
		maildrop_delete(&d, 3);
		if ((order & 8) != 0)
			assert_int_equal(mbox_identify(&d), RC_OK);
		maildrop_delete(&d, 11);
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		if ((order & 16) != 0)
			assert_int_equal(mbox_identify(&d), RC_OK);
		maildrop_close(&d);
		if ((order & 32) != 0)
			visit(s, 0);
		d = open_box(s);
		assert_int_equal(mbox_identify(&d), RC_OK);
		for (size_t i = 0, k = 0; i < 11; i++) {
			if (i != 3)
				assert_memory_equal(
				    d.msg[k++].id, was[i], UID_OCTETS);
		}
		maildrop_close(&d);
		assert_true(is_right(s, 1));
	}
}

/* A state file that cannot be read is an error that says so: it may hold what
 * tells copies apart. */
static void
a_state_file_that_cannot_be_read(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	put_box(s, A LONE);
	visit(s, 1);
	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
		spool_open(s->state, O_WRONLY)),
	    RC_IO);
	assert_int_equal(errno, EBADF);
	assert_true(is_right(s, 1));
}

/* litter - what an uninitialised number on the stack would be. */
static void __attribute__((noinline)) litter(void)
{
	volatile unsigned char room[32768];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0x7f;
}

/* When the mailbox cannot be read for it, there is no new index; the old one is
 * still right. */
static void
a_mailbox_that_cannot_be_read(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	put_box(s, A A B A LONE B);
	visit(s, 1);
	d = open_box(s);
	count_reads(s);
	reads_fail = 1;
	litter();
	index_save(&d);
	reads_fail = 0;
	maildrop_close(&d);
	assert_true(is_right(s, 1));
	visit(s, 1);
	count_reads(s);
	visit(s, 1);
	assert_int_equal(reads, 0);
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, spool_make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(unchanged_is_not_read),
	    CASE(nor_are_copies_read),
	    CASE(of_a_grown_one_the_new_is_read),
	    CASE(after_an_update_nothing_is_read),
	    CASE(the_state_file_shrinks),
	    CASE(changes_of_the_same_size_are_noticed),
	    CASE(a_change_before_the_update_is_noticed),
	    CASE(a_change_after_the_update_is_noticed),
	    CASE(a_from_line_that_has_gone_is_noticed),
	    CASE(rewrites_are_noticed),
	    CASE(damage_costs_time),
	    CASE(heads_that_lie),
	    CASE(messages_that_lie),
	    CASE(a_from_line_that_is_too_long),
	    CASE(the_last_message_is_none),
	    CASE(a_count_beyond_reason),
	    CASE(rubbish),
	    CASE(a_moved_message_is_not_read),
	    CASE(a_moved_message_is_not_cut),
	    CASE(a_moved_message_gets_no_id),
	    CASE(a_message_that_moves_in_a_session),
	    CASE(a_sample_that_is_right),
	    CASE(what_was_seen_is_not_read),
	    CASE(what_a_comparison_sees),
	    CASE(octets_that_are_wrong),
	    CASE(a_message_in_between),
	    CASE(what_is_dropped_stays_so),
	    CASE(an_index_of_old),
	    CASE(another_layout),
	    CASE(it_keeps_to_its_place),
	    CASE(without_a_place_for_it),
	    CASE(a_mailbox_that_may_only_be_read),
	    CASE(writes_that_fail),
	    CASE(an_update_whose_index_fails),
	    CASE(an_update_with_room_for_the_record),
	    CASE(an_update_that_is_trodden_on),
	    CASE(lost_between_sessions),
	    CASE(ids_in_any_order),
	    CASE(a_state_file_that_cannot_be_read),
	    CASE(a_mailbox_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
