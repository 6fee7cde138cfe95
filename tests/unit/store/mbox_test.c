/* mbox_test - reading messages, naming them, and noticing what other programs
 * did to the file in between. */
#include "spool.h"
#include "store/mbox.h"
#include <errno.h>
#include <sys/time.h>

#define FROM "From a@b Mon Jan  1 00:00:00 2024\n"
#define A FROM "Subject: a\n\none\n\n"
#define B FROM "Subject: b\nStatus: O\n\ntwo\n\n"
#define C FROM "Subject: c\n\nthree"

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

static void
absent_is_unchanged(void **state)
{
	struct maildrop d;

	(void)state;
	assert_int_equal(maildrop_open(&d, &mbox_ops, -1, -1), RC_OK);
	assert_int_equal(mbox_check(&d), RC_OK);
	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_int_equal(mbox_update(&d), RC_OK);
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
		assert_int_equal(mbox_update(&d), RC_CHANGED);
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
	assert_int_equal(mbox_update(&d), RC_CHANGED);
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
	assert_int_equal(mbox_update(&d), RC_CHANGED);
	spool_holds(s->box, A B, strlen(A B));
	maildrop_close(&d);
	open_box(s, &d, A B);
	assert_int_equal(unlink(s->box), 0);
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
	    CASE(absent_is_unchanged),
	    CASE(unchanged),
	    CASE(appended),
	    CASE(rewritten),
	    CASE(rewritten_in_disguise),
	    CASE(replaced),
	    CASE(check_that_fails),
	    CASE(identifies),
	    CASE(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
