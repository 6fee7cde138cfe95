/* mbox_test - reading messages, naming them, and noticing what other programs
 * did to the file in between. */
#undef _FORTIFY_SOURCE /* it makes poll an inline function, see below */
#include "spool.h"
#include "store/mbox.h"
#include "update.h"
#include <errno.h>
#include <poll.h>
#include <sys/time.h>

#define FROM "From a@b Mon Jan  1 00:00:00 2024\n"
#define A FROM "Subject: a\n\none\n\n"
#define B FROM "Subject: b\nStatus: O\n\ntwo\n\n"
#define C FROM "Subject: c\n\nthree"

static const char *grows; /* the file that grows in the next pause, or NULL */

/* poll - with which io_pause waits; here time is what is written meanwhile. */
int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	(void)fds;
	(void)n;
	(void)ms;
	if (grows != NULL)
		spool_append(grows, A, strlen(A));
	grows = NULL;
	return 0;
}

static void
open_box(const struct spool *s, struct maildrop *d, const char *text)
{
	spool_put(s->box, text, strlen(text));
	assert_int_equal(
	    maildrop_open(d, &mbox_ops, spool_open(s->box, O_RDWR), -1), RC_OK);
}

/* read_is - message i from its octet from on, in pieces of size. */
static void
read_is(
    struct maildrop *d, size_t i, uint64_t from, size_t size, const char *want)
{
	char out[256];
	size_t n = 0, got;

	do {
		assert_int_equal(
		    mbox_read(d, i, from + n, out + n, size, &got), RC_OK);
		assert_true(got <= size);
		n += got;
	} while (got > 0);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
}

static void
reads_in_any_pieces(void **state)
{
	static const char *const want[] = {"Subject: a\n\none\n",
	    "Subject: b\nStatus: O\n\ntwo\n", "Subject: c\n\nthree"};
	struct maildrop d;

	open_box(*state, &d, A B C);
	for (size_t i = 0; i < 3; i++) {
		for (size_t size = 1; size < 40; size++) {
			for (uint64_t from = 0; from <= strlen(want[i]); from++)
				read_is(&d, i, from, size, want[i] + from);
		}
		read_is(&d, i, strlen(want[i]) + 1, 9, "");
		read_is(&d, i, UINT32_MAX, 9, "");
	}
	assert_int_equal(mbox_next(&d, 0), strlen(A));
	assert_int_equal(mbox_next(&d, 1), strlen(A B));
	assert_int_equal(mbox_next(&d, 2), strlen(A B C));
	maildrop_close(&d);
}

/* A message is never read beyond where it ended when it was scanned. */
static void
does_not_read_new_mail(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	open_box(s, &d, A C);
	spool_append(s->box, "more\n\n" B, strlen("more\n\n" B));
	read_is(&d, 1, 0, 50, "Subject: c\n\nthree");
	maildrop_close(&d);
}

static void
read_that_fails(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	char block[100];
	size_t got;

	open_box(s, &d, A B);
	assert_int_equal(truncate(s->box, (off_t)strlen(A) + 40), 0);
	assert_int_equal(
	    mbox_read(&d, 1, 0, block, sizeof(block), &got), RC_CHANGED);
	assert_int_equal(truncate(s->box, 0), 0);
	assert_int_equal(
	    mbox_read(&d, 0, 0, block, sizeof(block), &got), RC_CHANGED);
	close(d.fd);
	d.fd = spool_open(s->box, O_WRONLY);
	errno = 0;
	assert_int_equal(
	    mbox_read(&d, 0, 0, block, sizeof(block), &got), RC_IO);
	assert_int_equal(errno, EBADF);
	maildrop_close(&d);
}

/* whole_is - what MAILDROP_WHOLE reads, in pieces of size, and how many octets
 * it is as it is sent. */
static void
whole_is(const struct spool *s, const char *stored, const char *want,
    uint64_t octets)
{
	struct maildrop d;

	open_box(s, &d, stored);
	for (size_t size = 1; size < 200; size += 7)
		read_is(&d, MAILDROP_WHOLE, 0, size, want);
	for (uint64_t from = 0; from <= strlen(want); from++)
		read_is(&d, MAILDROP_WHOLE, from, 200, want + from);
	read_is(&d, MAILDROP_WHOLE, strlen(want) + 1, 9, "");
	assert_int_equal(mbox_whole(&d), octets);
	/* Neither marks nor new mail make a difference. */
	if (d.count > 0)
		maildrop_delete(&d, 0);
	spool_append(s->box, "\n\n" B, strlen("\n\n" B));
	read_is(&d, MAILDROP_WHOLE, 0, 99, want);
	assert_int_equal(mbox_whole(&d), octets);
	maildrop_close(&d);
}

#define PSEUDO                                                                 \
	"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"                        \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"         \
	"X-IMAP: 1 2\n\ntext\n\n"

/* RFC 918: the mailbox as one text, From_ lines and all. */
static void
whole(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	whole_is(s, "", "", 0);
	whole_is(s, FROM, FROM, 35);
	whole_is(s, FROM FROM "\n", FROM FROM "\n", 72);
	whole_is(s, A, A, strlen(A) + 5);
	whole_is(s, A B C, A B C, strlen(A B C) + 5 + 6 + 3 + 2);
	whole_is(s, PSEUDO A C, A C, strlen(A C) + 5 + 3 + 2);
	whole_is(s, PSEUDO, "", 0);
	whole_is(s, "\n\n" A, A, strlen(A) + 5);
	assert_int_equal(maildrop_open(&d, &mbox_ops, -1, -1), RC_OK);
	assert_int_equal(mbox_whole(&d), 0);
	read_is(&d, MAILDROP_WHOLE, 0, 9, "");
	maildrop_close(&d);
}

/* sent - octets of the n at text when LF goes out as CRLF, and the last line is
 * ended. */
static uint64_t
sent(const char *text, size_t n)
{
	uint64_t octets = n;

	for (size_t i = 0; i < n; i++)
		octets += text[i] == '\n' && (i == 0 || text[i - 1] != '\r');
	if (n > 0 && text[n - 1] != '\n')
		octets += text[n - 1] == '\r' ? 1 : 2;
	return octets;
}

/* Whatever the mailbox is like, what is counted is what is sent. */
static void
whole_by_dice(void **state)
{
	static const char *const words[] = {FROM, FROM "\n", ("\n" FROM),
	    "From a@b Mon Jan  1 00:00:00 2024\r\n", "\n", "\r\n", "\r", "x",
	    "\n\n", "\r\n\r\n", "\r\r\n", "F", "\nFrom me\n", "a: b\n\n"};
	const struct spool *s = *state;
	uint64_t seed = 918;
	size_t messages = 0;

	for (unsigned round = 0; round < 3000; round++) {
		char text[900], out[900];
		size_t n, got;
		struct maildrop d;

		n = strlen(words[round % 4]);
		memcpy(text, words[round % 4], n + 1);
		while (n < 700) {
			const char *w = words[dice(&seed, 14)];

			memcpy(text + n, w, strlen(w) + 1);
			n += strlen(w);
			if (dice(&seed, 40) == 0)
				break;
		}
		open_box(s, &d, text);
		assert_int_equal(
		    mbox_read(&d, MAILDROP_WHOLE, 0, out, sizeof(out), &got),
		    RC_OK);
		assert_int_equal(mbox_whole(&d), sent(out, got));
		messages += d.count;
		maildrop_close(&d);
	}
	assert_true(messages > 5000);
}

static void
absent_is_unchanged(void **state)
{
	struct maildrop d;

	(void)state;
	assert_int_equal(maildrop_open(&d, &mbox_ops, -1, -1), RC_OK);
	assert_int_equal(mbox_check(&d), RC_OK);
	assert_int_equal(mbox_identify(&d), RC_OK);
	maildrop_close(&d);
}

static void
unchanged(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	char block[500];
	int fd;

	open_box(s, &d, A B C);
	assert_int_equal(mbox_check(&d), RC_OK);
	fd = spool_open(s->box, O_RDONLY);
	assert_true(read(fd, block, sizeof(block)) > 0);
	close(fd);
	assert_int_equal(mbox_check(&d), RC_OK);
	maildrop_close(&d);
}

/* New mail behind the scan, whole or still being written, with a blank line
 * before it or not, is no change. */
static void
appended(void **state)
{
	static const char *const more[] = {A, "\n" A, "\n\n" A B, "\r\n" A, "F",
	    "From", "From ", "\nFrom a", "\n", "\r\n\r\n"};
	static const char *const boxes[] = {A B, A C, A B C, ""};
	struct maildrop d;

	for (size_t b = 0; b < sizeof(boxes) / sizeof(boxes[0]); b++) {
		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
			const struct spool *s = *state;
			size_t count;

			open_box(s, &d, boxes[b]);
			count = d.count;
			spool_append(s->box, more[i], strlen(more[i]));
			assert_int_equal(mbox_check(&d), RC_OK);
			assert_int_equal(mbox_check(&d), RC_OK);
			assert_int_equal(d.count, count);
			maildrop_close(&d);
		}
	}
}

/* A write(2) that is under way: the times have changed, the size not yet. */
static void
growing(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;

	open_box(s, &d, A B);
	usleep(20000); /* a clock tick, where times are that coarse */
	assert_int_equal(utimensat(AT_FDCWD, s->box, NULL, 0), 0);
	grows = s->box;
	assert_int_equal(mbox_check(&d), RC_OK);
	assert_null(grows);
	usleep(20000);
	assert_int_equal(utimensat(AT_FDCWD, s->box, NULL, 0), 0);
	assert_int_equal(mbox_check(&d), RC_CHANGED);
	maildrop_close(&d);
}

/* changed - what mbox_check says when a mailbox was scanned as was and is now
 * become, in place. */
static enum rc
changed(const struct spool *s, const char *was, const char *become)
{
	struct maildrop d;
	enum rc rc;
	int fd;

	open_box(s, &d, was);
	fd = spool_open(s->box, O_WRONLY);
	assert_true(
	    pwrite(fd, become, strlen(become), 0) == (ssize_t)strlen(become));
	assert_int_equal(ftruncate(fd, (off_t)strlen(become)), 0);
	close(fd);
	rc = mbox_check(&d);
	if (rc == RC_CHANGED) {
		assert_int_equal(mbox_identify(&d), RC_CHANGED);
		maildrop_delete(&d, 0);
		assert_int_equal(update(&d, -1), RC_CHANGED);
	}
	spool_holds(s->box, become, strlen(become));
	maildrop_close(&d);
	return rc;
}

static void
rewritten(void **state)
{
	const struct spool *s = *state;

	/* shorter, empty, as long */
	assert_int_equal(changed(s, A B C, B C), RC_CHANGED);
	assert_int_equal(changed(s, A B, A), RC_CHANGED);
	assert_int_equal(changed(s, A, ""), RC_CHANGED);
	assert_int_equal(changed(s, A C B, B C A), RC_CHANGED);
	/* as long, and every From_ line where it was */
	assert_int_equal(
	    changed(s, A B, FROM "Subject: a\n\nuno\n\n" B), RC_CHANGED);
	/* longer: a reader marks the first, one in the middle, the last */
	assert_int_equal(
	    changed(s, A B C, FROM "Subject: a\nStatus: RO\n\none\n\n" B C),
	    RC_CHANGED);
	assert_int_equal(
	    changed(s, A A C, A FROM "Subject: a\nStatus: RO\n\none\n\n" C),
	    RC_CHANGED);
	assert_int_equal(
	    changed(s, A A, A FROM "Subject: a\nStatus: RO\n\none\n\n"),
	    RC_CHANGED);
	assert_int_equal(
	    changed(s, A, FROM "Subject: a\nStatus: RO\n\none\n\n"),
	    RC_CHANGED);
	assert_int_equal(
	    changed(s, A, FROM "Subject: a\nStatus: RO\n\none\n\n" B),
	    RC_CHANGED);
	/* longer: one removed, others delivered */
	assert_int_equal(changed(s, A B, B A A), RC_CHANGED);
	assert_int_equal(changed(s, A B C, C "\n\n" A B A B), RC_CHANGED);
}

/* As long as before, and the time put back. */
static void
rewritten_in_disguise(void **state)
{
	const struct spool *s = *state;
	struct timespec times[2];
	struct maildrop d;
	struct stat st;

	open_box(s, &d, A B);
	usleep(20000); /* a clock tick, where times are that coarse */
	assert_int_equal(stat(s->box, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	spool_put(s->box, B A, strlen(A B));
	assert_int_equal(utimensat(AT_FDCWD, s->box, times, 0), 0);
	assert_int_equal(mbox_check(&d), RC_CHANGED);
	maildrop_delete(&d, 0);
	assert_int_equal(update(&d, -1), RC_CHANGED);
	spool_holds(s->box, B A, strlen(A B));
	maildrop_close(&d);
}

/* Another file has the name: ours is an orphan that nobody will see. */
static void
replaced(void **state)
{
	const struct spool *s = *state;
	char other[100];
	struct maildrop d;

	open_box(s, &d, A B);
	snprintf(other, sizeof(other), "%s/other", s->dir);
	spool_put(other, A B, strlen(A B));
	assert_int_equal(rename(other, s->box), 0);
	assert_int_equal(mbox_check(&d), RC_CHANGED);
	maildrop_delete(&d, 0);
	assert_int_equal(update(&d, -1), RC_CHANGED);
	spool_holds(s->box, A B, strlen(A B));
	maildrop_close(&d);
	open_box(s, &d, A B);
	assert_int_equal(unlink(s->box), 0);
	assert_int_equal(mbox_check(&d), RC_CHANGED);
	maildrop_close(&d);
	/* A deliverer that had the orphan open has written to it. */
	open_box(s, &d, A B);
	snprintf(other, sizeof(other), "/proc/self/fd/%d", d.fd);
	assert_int_equal(unlink(s->box), 0);
	spool_append(other, A, strlen(A));
	assert_int_equal(mbox_check(&d), RC_CHANGED);
	maildrop_close(&d);
}

static void
check_that_fails(void **state)
{
	struct maildrop d;

	open_box(*state, &d, A B);
	close(d.fd);
	errno = 0;
	assert_int_equal(mbox_check(&d), RC_IO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(mbox_identify(&d), RC_IO);
	maildrop_close(&d);
}

/* ids - the unique-ids of a mailbox, in a row. */
static size_t
ids(const struct spool *s, const char *text, char out[][UID_TEXT_OCTETS + 1])
{
	struct maildrop d;
	size_t count;

	open_box(s, &d, text);
	count = d.count;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(maildrop_uid(&d, i, out[i]), RC_OK);
	assert_true(d.identified);
	maildrop_close(&d);
	return count;
}

/* RFC 1939 section 7: unique in the maildrop, and the same in every session,
 * wherever the message stands and whatever a reader did to its Status. */
static void
identifies(void **state)
{
	char one[4][UID_TEXT_OCTETS + 1], two[4][UID_TEXT_OCTETS + 1];
	const struct spool *s = *state;

	assert_int_equal(ids(s, A B C, one), 3);
	assert_string_not_equal(one[0], one[1]);
	assert_string_not_equal(one[1], one[2]);
	assert_string_not_equal(one[0], one[2]);
	assert_int_equal(ids(s, A B C, two), 3);
	assert_memory_equal(one, two, sizeof(one[0]) * 3);
	assert_int_equal(ids(s,
			     B FROM "Status: RO\nSubject: a\nX-UID: 7\n\n"
				    "one\n\n" C "\n\n" A,
			     two),
	    4);
	assert_string_equal(two[0], one[1]);
	assert_string_equal(two[1], one[0]);
	assert_string_equal(two[2], one[2]);
	assert_string_not_equal(two[3], one[0]);
	/* a header that goes over several of the blocks it is read in */
	{
		static char text[20000];

		memset(text, 'x', sizeof(text) - 1);
		memcpy(text, FROM, strlen(FROM));
		memcpy(text + 9000, "\nStatus: RO\nX: y\n\nbody\n", 23);
		assert_int_equal(ids(s, text, one), 1);
		memcpy(text + 9000, "\nStatus: OO\nX: y\n\nBODY\n", 23);
		assert_int_equal(ids(s, text, two), 1);
		assert_string_equal(one[0], two[0]);
		memcpy(text + 9000, "\nStatus: OO\nX: z\n\nBODY\n", 23);
		assert_int_equal(ids(s, text, two), 1);
		assert_string_not_equal(one[0], two[0]);
	}
}

/* Once made they stay for the session, whatever becomes of the file. */
static void
identifies_once(void **state)
{
	char before[UID_TEXT_OCTETS + 1], after[UID_TEXT_OCTETS + 1];
	const struct spool *s = *state;
	struct maildrop d;

	open_box(s, &d, A A B);
	assert_int_equal(maildrop_uid(&d, 1, before), RC_OK);
	spool_put(s->box, "", 0);
	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_int_equal(maildrop_uid(&d, 1, after), RC_OK);
	assert_string_equal(before, after);
	maildrop_close(&d);
}

/* The checksum tells From_ lines apart, and fits its field. */
static void
sums(void **state)
{
	char line[] = FROM;
	uint32_t sum = mbox_sum(line, sizeof(line) - 1);

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			uint32_t other;

			line[i] = (char)(line[i] ^ 1 << bit);
			other = mbox_sum(line, sizeof(line) - 1);
			assert_int_not_equal(other, sum);
			assert_int_equal(other >> MESSAGE_SUM_BITS, 0);
			line[i] = (char)(line[i] ^ 1 << bit);
		}
	}
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, spool_make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(reads_in_any_pieces),
	    CASE(does_not_read_new_mail),
	    CASE(read_that_fails),
	    CASE(whole),
	    CASE(whole_by_dice),
	    CASE(absent_is_unchanged),
	    CASE(unchanged),
	    CASE(appended),
	    CASE(growing),
	    CASE(rewritten),
	    CASE(rewritten_in_disguise),
	    CASE(replaced),
	    CASE(check_that_fails),
	    CASE(identifies),
	    CASE(identifies_once),
	    CASE(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
