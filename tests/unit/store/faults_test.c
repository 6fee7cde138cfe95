/* faults_test - everything that a session and its broker do with a mailbox,
 * again and again, each time with another call that fails, once or from then
 * on for good: memory, reads, writes, names, clocks. What fails says so, and no
 * message is lost; the next session finds all of them, or all but those that
 * were to go. */
#include "spool.h"
#include "store/lock.h"
#include "store/mbox.h"
#include "sys/file.h"
#include "update.h"
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* ---- the calls that fail ---- */

enum kind {
	MEMORY = 1,
	READ = 2,
	WRITE = 4,
	STAT = 8,
	NAMES = 16,
	LOCK = 32,
	REST = 64
};

static struct {
	unsigned kinds;       /* that count; 0: none */
	unsigned calls;       /* of them so far */
	unsigned fail, until; /* from which on, and before which they fail */
	int error;            /* 0: a read finds the file's end */
	unsigned deliver_at;  /* a call, beside which */
	const char *deliver, *mail; /* to there this comes */
	unsigned updating;          /* then no mail can come: it is locked */
} fault;

unsigned fails(enum kind kind);

/* Not static: some of those below are inline functions of the C library. */
unsigned
fails(enum kind kind)
{
	if ((fault.kinds & (unsigned)kind) == 0)
		return 0;
	fault.calls++;
	if (fault.deliver != NULL && fault.calls == fault.deliver_at &&
	    !fault.updating) {
		int fd = (int)syscall(SYS_openat, AT_FDCWD, fault.deliver,
		    O_WRONLY | O_APPEND, 0);

		if (syscall(SYS_write, fd, fault.mail, strlen(fault.mail)) < 0)
			abort();
		close(fd);
		fault.deliver = NULL;
	}
	if (fault.calls < fault.fail || fault.calls >= fault.until)
		return 0;
	errno = fault.error;
	return 1;
}

/* Under a sanitizer memory is its own affair. */
#if defined(__SANITIZE_ADDRESS__)
#define OWN_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_MEMORY 0
#endif
#endif
#ifndef OWN_MEMORY
#define OWN_MEMORY 1
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *
malloc(size_t n)
{
	return fails(MEMORY) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails(MEMORY) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fails(MEMORY) ? NULL : __libc_realloc(p, n);
}

void *
reallocarray(void *p, size_t n, size_t size)
{
	return fails(MEMORY) ? NULL : __libc_realloc(p, n * size);
}

void *
mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	if (fails(MEMORY))
		return MAP_FAILED;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, from);
}
#endif

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	if (fails(READ))
		return errno == 0 ? 0 : -1;
	return syscall(SYS_pread64, fd, to, n, at);
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	return fails(WRITE) ? -1 : syscall(SYS_pwrite64, fd, octets, n, at);
}

int
ftruncate(int fd, off_t size)
{
	return fails(WRITE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

/* Nothing here outlives the machine, so nothing need be synced. */
int
fdatasync(int fd)
{
	(void)fd;
	return fails(WRITE) ? -1 : 0;
}

int
fstat(int fd, struct stat *st)
{
	return fails(STAT)
		   ? -1
		   : (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

int
fstatat(int fd, const char *restrict path, struct stat *restrict st, int flags)
{
	return fails(STAT) ? -1
			   : (int)syscall(SYS_newfstatat, fd, path, st, flags);
}

int
openat(int fd, const char *path, int flags, ...)
{
	unsigned mode = 0;
	va_list ap;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, unsigned);
		va_end(ap);
	}
	return fails(NAMES) ? -1
			    : (int)syscall(SYS_openat, fd, path, flags, mode);
}

int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return fails(NAMES)
		   ? -1
		   : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int
unlinkat(int fd, const char *path, int flags)
{
	return fails(NAMES) ? -1 : (int)syscall(SYS_unlinkat, fd, path, flags);
}

int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *p;

	va_start(ap, command);
	p = va_arg(ap, void *);
	va_end(ap);
	if ((command == F_SETLK || command == F_GETLK) && fails(LOCK))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, p);
}

ssize_t
getrandom(void *to, size_t n, unsigned flags)
{
	return fails(REST) ? -1 : syscall(SYS_getrandom, to, n, flags);
}

int
gethostname(char *name, size_t n)
{
	if (fails(REST))
		return -1;
	snprintf(name, n, "host");
	return 0;
}

int
futimens(int fd, const struct timespec times[2])
{
	return fails(REST) ? -1
			   : (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* The clock of files has always gone on, so that nobody waits for it. */
int
clock_gettime(clockid_t id, struct timespec *out)
{
	int rc;

	if (id == CLOCK_REALTIME_COARSE && fails(REST))
		return -1;
	rc = (int)syscall(SYS_clock_gettime, id, out);
	if (id == CLOCK_REALTIME_COARSE)
		out->tv_sec += 10;
	return rc;
}

/* ---- mailboxes ---- */

#define FROM(n) "From a@b.example Thu Jan  1 00:00:0" #n " 2026\n"
#define PSEUDO                                                                 \
	"From MAILER-DAEMON Thu Jan  1 00:00:00 2026\nSubject: "               \
	"DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\n"   \
	"text\n\n"
#define COPY FROM(1) "Subject: copy\n\nthe same\n\n"

enum { PIECES = 7, LONG = 9000 };

static char longest[LONG + 1];
static const char *pieces[PIECES] = {PSEUDO, COPY,
    FROM(2) "Subject: two\r\n\r\n2\r\n\r\n", COPY, longest, COPY,
    FROM(6) "Subject: six\n\n6\n"};

/* which - one bit for each piece. */
enum { ALL = (1 << PIECES) - 1, PSEUDO_ONLY = 1, GROWN = 1 << (PIECES - 1) };

static size_t
text_of(unsigned which, char *to)
{
	size_t n = 0;

	for (unsigned i = 0; i < PIECES; i++) {
		size_t len = strlen(pieces[i]);

		if ((which >> i & 1) == 0)
			continue;
		memcpy(to + n, pieces[i], len);
		n += len;
	}
	return n;
}

/* is_text_and - whether the mailbox is these pieces, and more behind them. */
static unsigned
is_text_and(const struct spool *s, unsigned which, const char *more)
{
	static char got[LONG * 2], want[LONG * 2];
	size_t n = text_of(which, want), have;
	FILE *f = fopen(s->box, "r");

	assert_non_null(f);
	memcpy(want + n, more, strlen(more));
	n += strlen(more);
	have = fread(got, 1, sizeof(got), f);
	fclose(f);
	return have == n && memcmp(got, want, n) == 0;
}

static unsigned
is_text(const struct spool *s, unsigned which)
{
	return is_text_and(s, which, "");
}

/* ---- a session ---- */

/* mark - what goes, of the messages that are there. */
static void
mark(struct maildrop *d, unsigned there, unsigned goes)
{
	size_t i = 0;

	for (unsigned bit = 2; bit <= ALL; bit <<= 1) {
		if ((there & bit) == 0)
			continue;
		assert_true(i < d->count);
		if ((goes & bit) != 0)
			maildrop_delete(d, i);
		i++;
	}
}

/* serve - all that is done with a mailbox that is open and locked. */
static enum rc
serve(struct maildrop *d, unsigned there, unsigned goes)
{
	char id[UID_TEXT_OCTETS + 1], block[512];
	enum rc rc = RC_OK;
	size_t got;

	for (size_t i = 0; i < d->count && rc == RC_OK; i++) {
		rc = maildrop_uid(d, i, id);
		if (rc == RC_OK)
			rc = mbox_read(d, i, 0, block, sizeof(block), &got);
	}
	if (rc == RC_OK)
		rc = d->ops->check(d);
	if (rc != RC_OK || goes == 0)
		return rc;
	mark(d, there, goes);
	fault.updating = 1;
	rc = update(d, d->state_fd);
	fault.updating = 0;
	return rc;
}

/* session - from the locks to the update. */
static enum rc
session(const struct spool *s, unsigned there, unsigned goes)
{
	int dirfd = open(s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = spool_open(s->box, O_RDWR);
	int state_fd = spool_open(s->state, O_RDWR | O_CREAT);
	unsigned finished;
	struct maildrop d;
	struct lock l;
	enum rc rc;

	assert_int_equal(lock_init(&l, dirfd, "box"), RC_OK);
	/* First with a dotlock that was made long ago, but for its name. */
	lock_prepare(&l);
	l.next_ms -= INT64_C(20000);
	rc = lock_try(&l, fd);
	file_close(&l.next_fd);
	if (rc == RC_OK) {
		lock_release(&l);
		rc = lock_try(&l, fd);
	}
	if (rc == RC_OK)
		rc = journal_recover(state_fd, fd, &finished);
	if (rc == RC_OK) {
		/* maildrop_open closes them if it fails */
		rc = maildrop_open(&d, &mbox_ops, dup(fd), dup(state_fd));
		if (rc == RC_OK) {
			rc = serve(&d, there, goes);
			maildrop_close(&d);
		}
	}
	lock_touch(&l);
	lock_release(&l);
	close(fd);
	close(state_fd);
	close(dirfd);
	return rc;
}

/* Where a session begins. */
enum world {
	NEW,
	INDEXED,
	LONGER,    /* by mail that is not in the index */
	KEPT,      /* the first of several copies is gone */
	CUT_SHORT, /* in the middle of its removal */
	CUT_LONGER,
	UNSAID, /* it is removed, and the journal does not say so */
	STALE,  /* a dead process has left its dotlock */
	WORLDS
};

/* cut_short - a session with all the first of these messages that is to remove
 * the first copy, and can write nothing any more once that is decided; or where
 * only the last word of it is missing. */
static void
cut_short(const struct spool *s, unsigned there, unsigned unsaid)
{
	static unsigned first[2][ALL + 1];
	static char text[2 * LONG];
	unsigned *at = &first[unsaid][there];
	enum rc rc;
	int fd;

	for (;; ++*at) {
		fault.calls = 0;
		fault.fail = *at;
		fault.until = unsaid ? *at + 1 : UINT32_MAX;
		fault.error = EIO;
		fault.kinds = WRITE;
		rc = session(s, there, 2);
		fault.kinds = 0;
		fd = spool_open(s->state, O_RDWR);
		if (unsaid && rc == RC_OK && journal_idle(fd) == RC_STATE)
			break;
		if (!unsaid && rc == RC_UNFINISHED && !is_text(s, there & ~2u))
			break;
		close(fd);
		spool_entries(s, 1);
		spool_put(s->box, text, text_of(there, text));
	}
	close(fd);
}

/* leave_dotlock - as a process of this host that is gone. */
static void
leave_dotlock(const struct spool *s)
{
	char dot[96], text[32];
	pid_t pid = fork();
	int n;

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(dot, sizeof(dot), "%s.lock", s->box);
	n = snprintf(text, sizeof(text), "%ld\nhost\n", (long)pid);
	spool_put(dot, text, (size_t)n);
}

/* prepare - the mailbox and its state file; what is in it then, or will be. */
static unsigned
prepare(const struct spool *s, enum world world)
{
	static char text[2 * LONG];
	unsigned longer = world == LONGER || world == CUT_LONGER;
	unsigned there = longer ? ALL & ~(unsigned)GROWN : ALL;

	spool_entries(s, 1);
	spool_put(s->box, text, text_of(there, text));
	switch (world) {
	case NEW:
		break;
	case STALE:
		spool_put(s->state, "", 0);
		leave_dotlock(s);
		break;
	case KEPT:
		assert_int_equal(session(s, there, 2), RC_OK);
		there &= ~2u;
		break;
	case CUT_SHORT:
	case CUT_LONGER:
	case UNSAID:
		cut_short(s, there, world == UNSAID);
		there &= ~2u;
		break;
	default:
		assert_int_equal(session(s, there, 0), RC_OK);
		break;
	}
	if (longer) {
		spool_append(
		    s->box, pieces[PIECES - 1], strlen(pieces[PIECES - 1]));
		there |= GROWN;
	}
	return there;
}

/* goes_wrong - one session in which the call number at fails, and the next
 * ones if for_good. Returns whether there was one. */
static unsigned
goes_wrong(const struct spool *s, enum world world, unsigned goes,
    unsigned kinds, unsigned at, unsigned for_good, int error)
{
	unsigned there = prepare(s, world), after, done;
	enum rc rc;

	goes &= there;
	after = there & ~goes;
	fault.calls = 0;
	fault.fail = at;
	fault.until = for_good ? UINT32_MAX : at + 1;
	fault.error = error;
	fault.kinds = kinds;
	rc = session(s, there, goes);
	done = fault.calls;
	fault.kinds = 0;

	/* A dotlock that could not be removed is ours to remove. */
	if (spool_entries(s, 0) != 2) {
		char dot[96];

		assert_true((kinds & (NAMES | STAT)) != 0 || world == STALE);
		snprintf(dot, sizeof(dot), "%s.lock", s->box);
		unlink(dot);
	}
	if (rc == RC_OK)
		assert_int_equal(session(s, after, 0), RC_OK);
	else
		assert_true(session(s, there, 0) != RC_CHANGED);
	assert_true(is_text(s, rc == RC_OK ? after : there) ||
		    (rc == RC_UNFINISHED && is_text(s, after)));
	there = is_text(s, there) ? there : after;
	assert_int_equal(session(s, there, there & goes), RC_OK);
	assert_true(is_text(s, after));
	return done >= at;
}

static void
every_call(const struct spool *s, unsigned kinds, int error)
{
	static const unsigned goes[] = {0, 2 | 16, GROWN, ALL & ~1u};

	for (enum world world = 0; world < WORLDS; world++) {
		for (size_t g = 0; g < sizeof(goes) / sizeof(goes[0]); g++) {
			for (unsigned for_good = 0; for_good < 2; for_good++) {
				unsigned at = 1;

				while (goes_wrong(s, world, goes[g], kinds, at,
				    for_good, error))
					at++;
			}
		}
	}
}

static void
memory_is_short(void **state)
{
	if (!OWN_MEMORY)
		skip();
	every_call(*state, MEMORY, ENOMEM);
}

static void
reads_fail(void **state)
{
	every_call(*state, READ, EIO);
}

/* Another program has cut the file off: whatever is made of that, it is not
 * written to. (A journal that is read so is another matter.) */
static void
reads_find_the_end(void **state)
{
	const struct spool *s = *state;

	for (enum world world = 0; world <= KEPT; world++) {
		unsigned at = 1;

		while (goes_wrong(s, world, 0, READ, at, 0, 0))
			at++;
	}
}

/* delivered - a session in which mail comes beside the read number at, and the
 * one that is gap later fails. Returns whether it came. */
static unsigned
delivered(const struct spool *s, unsigned at, unsigned gap)
{
	unsigned there = prepare(s, LONGER), came;
	enum rc rc;

	fault.calls = 0;
	fault.deliver_at = at;
	fault.fail = at + gap;
	fault.until = at + gap + 1;
	fault.error = EIO;
	fault.deliver = s->box;
	fault.mail = COPY;
	fault.kinds = READ;
	rc = session(s, there, 2);
	fault.kinds = 0;
	came = fault.deliver == NULL;
	fault.deliver = NULL;
	if (rc == RC_UNFINISHED)
		assert_int_equal(session(s, there, 0), RC_OK);
	if (rc == RC_OK || (rc == RC_UNFINISHED && !is_text(s, there)))
		there &= ~2u;
	assert_true(is_text_and(s, there, came ? COPY : ""));
	return came;
}

/* Mail comes in the middle of a session, and then a read fails. */
static void
mail_comes_before_a_read_fails(void **state)
{
	unsigned came = 0;

	for (unsigned gap = 1; gap < 12; gap++) {
		for (unsigned at = 1; delivered(*state, at, gap); at++)
			came++;
	}
	assert_true(came > 50);
}

/* The first message stands behind more blank lines than are read at once. */
static void
blank_lines_before_a_fault(void **state)
{
	enum { BLANK = 300000 };
	const struct spool *s = *state;
	char *text = calloc(1, BLANK + 200);
	unsigned at = 0;
	enum rc rc;

	assert_non_null(text);
	memset(text, '\n', BLANK);
	memcpy(text + BLANK, COPY, sizeof(COPY));
	spool_put(s->box, text, strlen(text));
	spool_put(s->state, "", 0);
	do {
		fault.calls = 0;
		fault.fail = ++at;
		fault.until = at + 1;
		fault.error = EIO;
		fault.kinds = READ;
		rc = session(s, 2, 0);
		fault.kinds = 0;
		assert_true(rc == RC_OK || (rc == RC_IO && errno == EIO));
	} while (fault.calls >= at);
	assert_true(at > 4);
	spool_holds(s->box, text, strlen(text));
	free(text);
}

/* many - a mailbox of its own for each: of count groups of so many alike. */
static size_t
many(char *text, unsigned count, unsigned alike)
{
	size_t n = 0;

	for (unsigned i = 0; i < count * alike; i++)
		n += (size_t)sprintf(
		    text + n, FROM(1) "Subject: %u\n\n\n", i / alike);
	return n;
}

/* open_many - and asks for the ids; every step-th of them from the first goes.
 */
static enum rc
open_many(const struct spool *s, size_t first, size_t step)
{
	char id[UID_TEXT_OCTETS + 1];
	struct maildrop d;
	enum rc rc = maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
	    spool_open(s->state, O_RDWR | O_CREAT));

	if (rc != RC_OK)
		return rc;
	rc = maildrop_uid(&d, 0, id);
	if (rc == RC_OK && step > 0) {
		for (size_t i = first; i < d.count; i += step)
			maildrop_delete(&d, i);
		rc = update(&d, d.state_fd);
	}
	maildrop_close(&d);
	return rc;
}

/* Lists of copies grow while memory is short. */
static void
many_copies_in_little_memory(void **state)
{
	static char text[60000];
	const struct spool *s = *state;

	if (!OWN_MEMORY)
		skip();
	for (unsigned alike = 1; alike <= 3; alike++) {
		enum rc rc;
		unsigned at = 0;

		/* those that are alone have lost a brother */
		spool_entries(s, 1);
		spool_put(s->box, text, many(text, 40, alike == 1 ? 2 : alike));
		if (alike == 1)
			assert_int_equal(open_many(s, 0, 2), RC_OK);
		do {
			fault.calls = 0;
			fault.fail = ++at;
			fault.until = at + 1;
			fault.error = ENOMEM;
			fault.kinds = MEMORY;
			rc = open_many(s, 0, 0);
			fault.kinds = 0;
			assert_true(rc == RC_OK || rc == RC_NOMEM);
		} while (fault.calls >= at);
		assert_int_equal(rc, RC_OK);
		assert_true(at > 4);
	}
}

/* A list of survivors that is longer than a block, and lies behind the body. */
static void
a_long_list(void **state)
{
	enum { COUNT = 9000 * 2 };
	static const unsigned kinds[] = {READ, WRITE, STAT};
	static char text[COUNT * 60], after[COUNT * 60];
	const struct spool *s = *state;
	size_t n = many(text, COUNT, 1), m = 0;
	char *line = text;

	for (unsigned i = 0; i < COUNT; i++) {
		size_t len = (size_t)(strstr(line, "\n\n\n") + 3 - line);

		if (i % 2 == 0) {
			memcpy(after + m, line, len);
			m += len;
		}
		line += len;
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned at = 0;

		do {
			struct stat st;
			enum rc rc;

			spool_entries(s, 1);
			spool_put(s->box, text, n);
			assert_int_equal(open_many(s, 0, 0), RC_OK);
			fault.calls = 0;
			at += 1 + at / 4;
			fault.fail = at;
			fault.until = at + 1;
			fault.error = EIO;
			fault.kinds = kinds[i];
			rc = open_many(s, 1, 2);
			fault.kinds = 0;
			assert_true(
			    rc == RC_OK || rc == RC_UNFINISHED || rc == RC_IO);
			if (rc == RC_UNFINISHED) {
				int fd = spool_open(s->box, O_RDWR);
				int state_fd = spool_open(s->state, O_RDWR);

				recover(state_fd, fd);
				close(fd);
				close(state_fd);
			}
			assert_int_equal(stat(s->box, &st), 0);
			if (rc == RC_OK ||
			    (rc == RC_UNFINISHED && (size_t)st.st_size == m))
				spool_holds(s->box, after, m);
			else
				spool_holds(s->box, text, n);
		} while (fault.calls >= at);
		assert_true(at > 2);
	}
}

static void
writes_fail(void **state)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EFBIG};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		every_call(*state, WRITE, errors[i]);
}

static void
files_cannot_be_looked_at(void **state)
{
	every_call(*state, STAT, EIO);
	every_call(*state, STAT, ENOENT);
}

/* Whatever link(2) and its like say, on whatever file system. */
static void
names_fail(void **state)
{
	static const int errors[] = {EIO, ENOENT, EACCES, EPERM, EROFS, EEXIST,
	    EOPNOTSUPP, EISDIR, EINVAL};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		every_call(*state, NAMES, errors[i]);
}

static void
locks_fail(void **state)
{
	every_call(*state, LOCK, EIO);
	every_call(*state, LOCK, EACCES);
}

static void
clocks_and_chance_fail(void **state)
{
	every_call(*state, REST, EIO);
	every_call(*state, REST | NAMES, EOPNOTSUPP);
}

static void
all_of_it_fails(void **state)
{
	every_call(*state, READ | WRITE | STAT | NAMES | LOCK | REST, EIO);
}

static int
begin(void **state)
{
	memset(longest, 'x', LONG);
	memcpy(longest, FROM(4) "\n", sizeof(FROM(4)));
	longest[LONG - 2] = longest[LONG - 1] = '\n';
	return spool_make(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(memory_is_short),
	    CASE(many_copies_in_little_memory),
	    CASE(reads_fail),
	    CASE(reads_find_the_end),
	    CASE(mail_comes_before_a_read_fails),
	    CASE(blank_lines_before_a_fault),
	    CASE(a_long_list),
	    CASE(writes_fail),
	    CASE(files_cannot_be_looked_at),
	    CASE(names_fail),
	    CASE(locks_fail),
	    CASE(clocks_and_chance_fail),
	    CASE(all_of_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
