/* mbox_update_test - what is marked goes, everything else stays as it was,
 * octet for octet: every way to mark six messages, in mailboxes of every form,
 * with new mail behind them; and whatever fails leaves the file alone. The
 * journal moves the octets, as in an UPDATE. */
#include "spool.h"
#include "store/copies.h"
#include "store/index.h"
#include "store/mbox.h"
#include "update.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FROM "From a@b Mon Jan  1 00:00:00 2024"

enum { MESSAGES = 6 };

/* Calls since they were made 0, for the mailbox alone. */
static unsigned pwrites, ftruncates, syncs;
static ino_t box_ino;

static unsigned
is_box(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == box_ino;
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	pwrites += is_box(fd);
	return syscall(SYS_pwrite64, fd, octets, n, at);
}

int
ftruncate(int fd, off_t size)
{
	ftruncates += is_box(fd);
	return (int)syscall(SYS_ftruncate, fd, size);
}

int
fdatasync(int fd)
{
	syncs += is_box(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

/* box - a mailbox and where its pieces begin. */
struct box {
	char text[2000];
	size_t at[MESSAGES + 1]; /* the last is the end */
};

enum last { LAST_WHOLE, LAST_WITHOUT_BLANK, LAST_WITHOUT_END };

static void
add(struct box *b, size_t *n, const char *text, unsigned crlf)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n' && crlf)
			b->text[(*n)++] = '\r';
		b->text[(*n)++] = *text;
	}
	b->text[*n] = '\0';
}

/* make - six messages of different lengths behind lead. */
static void
make(struct box *b, const char *lead, unsigned crlf, enum last last)
{
	size_t n = 0;

	add(b, &n, lead, crlf);
	for (size_t i = 0; i < MESSAGES; i++) {
		char message[300];

		snprintf(message, sizeof(message),
		    FROM "\nSubject: number %zu\n\n%.*s\n>From .\n.%s", i,
		    (int)(7 * i * i),
		    "a body that is as long as it need be to "
		    "make a difference between messages, and "
		    "a bit more for the longest of them, so "
		    "that all is told",
		    i + 1 < MESSAGES || last == LAST_WHOLE ? "\n\n"
		    : last == LAST_WITHOUT_BLANK           ? "\n"
							   : "");
		b->at[i] = n;
		add(b, &n, message, crlf);
	}
	b->at[MESSAGES] = n;
}

/* open_as_it_is - with an empty state file. */
static void
open_as_it_is(const struct spool *s, struct maildrop *d, int flags)
{
	struct stat st;

	assert_int_equal(stat(s->box, &st), 0);
	box_ino = st.st_ino;
	spool_put(s->state, "", 0);
	assert_int_equal(maildrop_open(d, &mbox_ops, spool_open(s->box, flags),
			     spool_open(s->state, O_RDWR)),
	    RC_OK);
}

static void
open_box(const struct spool *s, struct maildrop *d, const struct box *b)
{
	spool_put(s->box, b->text, b->at[MESSAGES]);
	open_as_it_is(s, d, O_RDWR);
	assert_int_equal(d->count, MESSAGES);
}

static void
mark(struct maildrop *d, unsigned pattern)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		if ((pattern >> i & 1) != 0)
			maildrop_delete(d, i);
	}
}

/* survivors - what of b and of new mail must be left, in out. */
static size_t
survivors(const struct box *b, unsigned pattern, const char *fresh, char *out)
{
	size_t n = b->at[0];

	memcpy(out, b->text, n);
	for (size_t i = 0; i < MESSAGES; i++) {
		size_t len = b->at[i + 1] - b->at[i];

		if ((pattern >> i & 1) != 0)
			continue;
		memcpy(out + n, b->text + b->at[i], len);
		n += len;
	}
	/* blank lines at the end of a message go with it */
	if ((pattern >> (MESSAGES - 1) & 1) != 0)
		fresh += strspn(fresh, "\r\n");
	memcpy(out + n, fresh, strlen(fresh) + 1);
	return n + strlen(fresh);
}

static void
every_pattern(void **state)
{
	static const char *const fresh[] = {"", FROM "\nnew\n\n",
	    "\n" FROM "\nnew\n\n" FROM "\r\nnewer", "\r\n\r\n" FROM "\n\n"};
	static const char *const leads[] = {"", "\n\n"};
	const struct spool *s = *state;
	struct box b;

	for (unsigned form = 0; form < 2 * 3 * 4 * 2; form++) {
		const char *more = fresh[form / 6 % 4];

		make(&b, leads[form / 24], form % 2, form / 2 % 3);
		for (unsigned pattern = 1; pattern < 1u << MESSAGES;
		     pattern += form / 24 == 0 ? 1 : 5) {
			struct maildrop d;
			char want[2000];
			size_t n = survivors(&b, pattern, more, want);

			open_box(s, &d, &b);
			spool_append(s->box, more, strlen(more));
			mark(&d, pattern);
			assert_int_equal(update(&d, d.state_fd), RC_OK);
			spool_holds(s->box, want, n);
			maildrop_close(&d);
		}
	}
}

/* The ids of what stays are the same in the next session, with mail that was
 * delivered in between, behind a blank line of its own. RFC 1939 section 7. */
static void
ids_stay(void **state)
{
	static const char more[] = "\n" FROM "\nSubject: new\n\n";
	char ids[MESSAGES][UID_TEXT_OCTETS + 1];
	const struct spool *s = *state;
	struct maildrop d;
	struct box b;

	for (enum last last = LAST_WITHOUT_BLANK; last <= LAST_WITHOUT_END;
	     last++) {
		for (unsigned pattern = 1; pattern < 1u << MESSAGES;
		     pattern++) {
			char id[UID_TEXT_OCTETS + 1];
			size_t left = 0;

			make(&b, "", 0, last);
			open_box(s, &d, &b);
			for (size_t i = 0; i < MESSAGES; i++)
				assert_int_equal(
				    maildrop_uid(&d, i, ids[i]), RC_OK);
			spool_append(s->box, more, sizeof(more) - 1);
			mark(&d, pattern);
			assert_int_equal(update(&d, d.state_fd), RC_OK);
			maildrop_close(&d);
			open_as_it_is(s, &d, O_RDWR);
			for (size_t i = 0; i < MESSAGES; i++) {
				if ((pattern >> i & 1) != 0)
					continue;
				assert_int_equal(
				    maildrop_uid(&d, left++, id), RC_OK);
				assert_string_equal(id, ids[i]);
			}
			assert_int_equal(d.count, left + 1);
			maildrop_close(&d);
		}
	}
}

/* Nothing marked: nothing is planned, and nothing is written. */
static void
nothing_marked(void **state)
{
	static char state_was[2 * STATE_BODY];
	const struct spool *s = *state;
	ssize_t was;
	struct maildrop d;
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	open_box(s, &d, &b);
	mark(&d, 7);
	maildrop_reset(&d);
	was = pread(d.state_fd, state_was, sizeof(state_was), 0);
	pwrites = ftruncates = 0;
	assert_int_equal(update(&d, d.state_fd), RC_STATE);
	assert_int_equal(pwrites + ftruncates, 0);
	spool_holds(s->box, b.text, b.at[MESSAGES]);
	assert_true(was > 0 && was < (ssize_t)sizeof(state_was));
	spool_holds(s->state, state_was, (size_t)was);
	maildrop_close(&d);
}

/* The plan alone touches nothing but the state file, and says what goes. */
static void
plan_touches_no_mail(void **state)
{
	const struct spool *s = *state;
	char want[2000];
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	for (unsigned pattern = 1; pattern < 1u << MESSAGES; pattern++) {
		size_t n = survivors(&b, pattern, "", want), first = 0;
		struct maildrop d;
		struct order order;

		while ((pattern >> first & 1) == 0)
			first++;
		open_box(s, &d, &b);
		mark(&d, pattern);
		syncs = 0;
		assert_int_equal(mbox_plan(&d, d.state_fd, &order), RC_OK);
		assert_int_equal(syncs, 0);
		assert_int_equal(order.from, b.at[first]);
		assert_int_equal(order.size, b.at[MESSAGES]);
		assert_int_equal(order.gap, b.at[MESSAGES] - n);
		assert_int_equal(order_check(&order, d.state_fd), RC_OK);
		spool_holds(s->box, b.text, b.at[MESSAGES]);
		assert_int_equal(
		    d.left, MESSAGES - (unsigned)__builtin_popcount(pattern));
		maildrop_close(&d);
	}
}

/* Where nothing stays behind the first that goes, no state file is needed;
 * where something does, nothing happens without one. */
static void
without_a_state_file(void **state)
{
	const struct spool *s = *state;
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	for (unsigned pattern = 1; pattern < 1u << MESSAGES; pattern++) {
		unsigned n = MESSAGES - (unsigned)__builtin_popcount(pattern);
		unsigned tail = (pattern & ((1u << n) - 1)) == 0;
		struct maildrop d;

		open_box(s, &d, &b);
		mark(&d, pattern);
		assert_int_equal(update(&d, -1), tail ? RC_OK : RC_LIMIT);
		spool_holds(s->box, b.text, b.at[tail ? n : MESSAGES]);
		maildrop_close(&d);
	}
}

/* recorded - how many copies the record in the state file holds. */
static size_t
recorded(int state_fd)
{
	struct maildrop d = {.fd = -1, .state_fd = state_fd};
	size_t n;

	assert_int_equal(index_load(&d), RC_OK);
	n = d.kept_count;
	d.state_fd = -1;
	maildrop_close(&d);
	return n;
}

/* The record of copies is written when the octets have gone, not before. */
static void
copies_are_kept_afterwards(void **state)
{
	static const char three[] =
	    FROM "\nSubject: a\n\none\n\n" FROM "\nSubject: a\n\none\n\n" FROM
		 "\nSubject: a\n\none\n\n";
	const struct spool *s = *state;
	struct order order;
	struct maildrop d;

	spool_put(s->box, three, strlen(three));
	open_as_it_is(s, &d, O_RDWR);
	maildrop_delete(&d, 0);
	assert_int_equal(mbox_plan(&d, d.state_fd, &order), RC_OK);
	assert_int_equal(recorded(d.state_fd), 0);
	assert_int_equal(journal_run(d.state_fd, d.fd, &order), RC_OK);
	assert_int_equal(recorded(d.state_fd), 0);
	mbox_removed(&d);
	assert_int_equal(recorded(d.state_fd), 2);
	maildrop_close(&d);
}

/* A tail is cut off the mailbox without a write, and durably, so that a full
 * disk does not matter. */
static void
tail_is_cut(void **state)
{
	static const unsigned tails[] = {0x20, 0x30, 0x38, 0x3c, 0x3e, 0x3f};
	const struct spool *s = *state;
	struct maildrop d;
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	for (size_t i = 0; i < MESSAGES; i++) {
		open_box(s, &d, &b);
		mark(&d, tails[i]);
		pwrites = ftruncates = syncs = 0;
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		assert_int_equal(pwrites, 0);
		assert_int_equal(ftruncates, 1);
		assert_int_equal(syncs, 1);
		spool_holds(s->box, b.text, b.at[MESSAGES - 1 - i]);
		maildrop_close(&d);
	}
}

/* The file is the same one, and whose and how it was. An emptied one stays. */
static void
owner_and_mode_stay(void **state)
{
	static const unsigned patterns[] = {0x01, 0x20, 0x3f};
	const struct spool *s = *state;
	struct stat before, after;
	struct maildrop d;
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	for (size_t i = 0; i < 3; i++) {
		open_box(s, &d, &b);
		assert_int_equal(fchmod(d.fd, 0660), 0);
		if (geteuid() == 0)
			assert_int_equal(fchown(d.fd, 65534, 8), 0);
		maildrop_close(&d);
		open_as_it_is(s, &d, O_RDWR);
		assert_int_equal(stat(s->box, &before), 0);
		mark(&d, patterns[i]);
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		assert_int_equal(stat(s->box, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		assert_int_equal(after.st_mode, before.st_mode);
		assert_int_equal(after.st_uid, before.st_uid);
		assert_int_equal(after.st_gid, before.st_gid);
		assert_int_equal(after.st_nlink, 1);
		maildrop_close(&d);
	}
	assert_int_equal(after.st_size, 0);
}

/* c-client's own message is neither seen nor lost. */
static void
pseudo_message_stays(void **state)
{
	static const char pseudo[] =
	    "From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
	    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	    "X-IMAP: 1 2\n\ntext\n\n";
	const struct spool *s = *state;
	char want[2000];
	struct box b;

	make(&b, pseudo, 0, LAST_WHOLE);
	for (unsigned pattern = 1; pattern < 1u << MESSAGES; pattern++) {
		struct maildrop d;
		size_t n = survivors(&b, pattern, "", want);

		open_box(s, &d, &b);
		mark(&d, pattern);
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		spool_holds(s->box, want, n);
		maildrop_close(&d);
	}
}

/* What another program did to the file stays as that program wanted it. */
static void
changed_by_others(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	struct box b, other;

	make(&b, "", 0, LAST_WHOLE);
	make(&other, "", 1, LAST_WHOLE);
	for (unsigned pattern = 1; pattern < 1u << MESSAGES; pattern += 6) {
		open_box(s, &d, &b);
		spool_put(s->box, other.text, other.at[MESSAGES]);
		mark(&d, pattern);
		pwrites = ftruncates = 0;
		assert_int_equal(update(&d, d.state_fd), RC_CHANGED);
		spool_holds(s->box, other.text, other.at[MESSAGES]);
		maildrop_close(&d);

		open_box(s, &d, &b);
		assert_int_equal(truncate(s->box, (off_t)b.at[5]), 0);
		mark(&d, pattern);
		assert_int_equal(update(&d, d.state_fd), RC_CHANGED);
		spool_holds(s->box, b.text, b.at[5]);
		maildrop_close(&d);

		/* longer, and the first messages as they were */
		open_box(s, &d, &b);
		spool_put(s->box, b.text, b.at[5]);
		spool_append(s->box, other.text, other.at[MESSAGES]);
		mark(&d, pattern);
		assert_int_equal(update(&d, d.state_fd), RC_CHANGED);
		assert_int_equal(pwrites + ftruncates, 0);
		maildrop_close(&d);
	}
}

static void
read_only_descriptor(void **state)
{
	static const unsigned patterns[] = {0x01, 0x20, 0x3f, 0x15};
	const struct spool *s = *state;
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	for (size_t i = 0; i < 4; i++) {
		struct maildrop d;

		spool_put(s->box, b.text, b.at[MESSAGES]);
		open_as_it_is(s, &d, O_RDONLY);
		mark(&d, patterns[i]);
		errno = 0;
		assert_int_equal(update(&d, d.state_fd), RC_IO);
		assert_true(errno == EBADF || errno == EINVAL);
		spool_holds(s->box, b.text, b.at[MESSAGES]);
		maildrop_close(&d);
	}
}

/* limited - marks and updates in a process that may write limit octets: the
 * result, or 100 when it went wrong otherwise. */
static int
limited(const struct spool *s, unsigned pattern, rlim_t limit)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit r = {limit, limit};
		struct maildrop d;
		enum rc rc;

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &r) != 0 ||
		    maildrop_open(&d, &mbox_ops, open(s->box, O_RDWR),
			open(s->state, O_RDWR)) != RC_OK)
			_exit(100);
		mark(&d, pattern);
		rc = update(&d, d.state_fd);
		_exit(rc == RC_IO && errno != EFBIG ? 100 : (int)rc);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Under any file-size limit either everything is as it should be, or there is
 * an error and everything as it was, for the next session too. */
static void
file_size_limit(void **state)
{
	static const rlim_t limits[] = {0, 1, 100, STATE_SLOT - 1, STATE_SLOT,
	    STATE_SLOT + 100, STATE_SLOT + STATE_BLOCK,
	    STATE_SLOT + STATE_BLOCK + 100, STATE_LIST, STATE_LIST + 1,
	    STATE_LIST + STATE_BLOCK, STATE_SAVED + 1, STATE_SAVED + 2000,
	    STATE_BODY};
	const struct spool *s = *state;
	char want[2000];
	struct box b;

	make(&b, "", 0, LAST_WHOLE);
	for (unsigned pattern = 1; pattern < 1u << MESSAGES; pattern += 3) {
		size_t n = survivors(&b, pattern, "", want);
		size_t first = 0;

		while ((pattern >> first & 1) == 0)
			first++;
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]);
		     i++) {
			/* a tail is only cut, and cutting has no limit */
			unsigned tail = n == b.at[first];
			int rc, fd;

			spool_put(s->box, b.text, b.at[MESSAGES]);
			spool_put(s->state, "", 0);
			fd = spool_open(s->state, O_RDWR);
			(void)recover(fd, -1);
			rc = limited(s, pattern, limits[i]);
			if (tail || limits[i] == STATE_BODY)
				assert_int_equal(rc, RC_OK);
			if (rc != RC_OK)
				assert_int_equal(rc, RC_IO);
			for (unsigned again = 0; again < 2; again++) {
				if (rc == RC_OK)
					spool_holds(s->box, want, n);
				else
					spool_holds(
					    s->box, b.text, b.at[MESSAGES]);
				assert_int_equal(journal_idle(fd), RC_OK);
				assert_int_equal(recover(fd, -1), 0);
			}
			close(fd);
		}
	}
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, spool_make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_pattern),
	    CASE(ids_stay),
	    CASE(nothing_marked),
	    CASE(plan_touches_no_mail),
	    CASE(without_a_state_file),
	    CASE(copies_are_kept_afterwards),
	    CASE(tail_is_cut),
	    CASE(owner_and_mode_stay),
	    CASE(pseudo_message_stays),
	    CASE(changed_by_others),
	    CASE(read_only_descriptor),
	    CASE(file_size_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
