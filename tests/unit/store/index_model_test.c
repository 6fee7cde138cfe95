/* index_model_test - the index against a plain model, over thousands of steps
 * of a mailbox's life by dice: mail comes, in sessions and between them;
 * sessions ask for ids or do not, delete, update or break off; other programs
 * rewrite the file; the state file is damaged, lost, or finds the disk full.
 * After each step a session with the index must find just what one without a
 * state file finds, and the ids that the model says.
 *
 * The clock is the test's own, so that most changes fall into one tick of it,
 * which a session must allow for: it is fstat's, and it moves by pauses and by
 * dice. */
/* poll is defined below: the C library's must not be an inline function. */
#undef _FORTIFY_SOURCE
#include "spool.h"
#include "store/copies.h"
#include "store/mbox.h"
#include "store/survivors.h"
#include "store/uid.h"
#include "update.h"
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>

enum {
	MAX = 60,         /* messages, at which the mailbox is made smaller */
	HEAD_OCTETS = 120 /* of an index */
};

#define FROM "From a@b Mon Jan  1 00:00:00 2024\n"
#define PSEUDO                                                                 \
	"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"                        \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"         \
	"X-IMAP: 1 2\n\ntext\n\n"

/* The clock, in nanoseconds; that of files moves in ticks. */
static int64_t now_ns, box_changed_ns, tick_ns, ahead_ns;
static ino_t box_ino;
static unsigned full; /* the state file cannot grow */

static struct timespec
ticked(int64_t ns, int64_t tick)
{
	ns -= ns % tick;
	return (struct timespec){
	    .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

int
clock_gettime(clockid_t id, struct timespec *out)
{
	(void)id;
	*out = ticked(now_ns, 4000000);
	return 0;
}

int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	(void)fds;
	(void)n;
	now_ns += (int64_t)ms * 1000000;
	return 0;
}

int
fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (rc == 0 && st->st_ino == box_ino)
		st->st_mtim = st->st_ctim =
		    ticked(box_changed_ns + ahead_ns, tick_ns);
	return rc;
}

static unsigned
is_box(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == box_ino;
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	struct stat st;

	if (is_box(fd)) {
		box_changed_ns = now_ns;
	} else if (full && at >= STATE_BODY && fstat(fd, &st) == 0) {
		if (at >= st.st_size) {
			errno = ENOSPC;
			return -1;
		}
		if (n > (size_t)(st.st_size - at))
			n = (size_t)(st.st_size - at);
	}
	return syscall(SYS_pwrite64, fd, octets, n, at);
}

int
ftruncate(int fd, off_t size)
{
	if (is_box(fd))
		box_changed_ns = now_ns;
	return (int)syscall(SYS_ftruncate, fd, size);
}

/* record - an ordinal that an UPDATE left behind. */
struct record {
	unsigned char base[UID_OCTETS];
	uint32_t ordinal;
};

/* world - the mailbox, and what the model knows of it. */
struct world {
	const struct spool *s;
	uint64_t seed;
	unsigned serial;
	char *text;
	size_t n;
	struct maildrop scanned; /* without a state file */
	struct record now[2 * MAX], kept[2 * MAX];
	size_t nkept;
	unsigned char was[2 * MAX][UID_OCTETS]; /* ids that a client has seen */
	size_t nwas;
	unsigned flipped;
};

static uint32_t
roll(struct world *w, uint32_t n)
{
	return dice(&w->seed, n);
}

static struct maildrop
opened(const struct world *w, unsigned bare)
{
	struct maildrop d;

	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(w->s->box, O_RDWR),
		bare ? -1 : spool_open(w->s->state, O_RDWR | O_CREAT)),
	    RC_OK);
	return d;
}

/* base_of - the id of message i before copies are told apart. */
static void
base_of(const struct world *w, size_t i, unsigned char *out)
{
	const struct maildrop *d = &w->scanned;
	size_t at = (size_t)d->msg[i].at + d->msg[i].from_len;
	size_t end = (size_t)mbox_next(d, i) - d->msg[i].tail;
	struct uid_hash h;

	uid_init(&h);
	(void)uid_add(&h, w->text + at, end - at);
	uid_end(&h, d->msg[i].octets, out);
}

/* ordinal_of - the next of base: the first kept one above those given to the
 * first i messages while there is one, else one more than the highest. */
static uint32_t
ordinal_of(const struct world *w, size_t i, const unsigned char *base)
{
	uint32_t highest = 0;
	size_t nth = 0;

	for (size_t k = 0; k < i; k++) {
		if (memcmp(w->now[k].base, base, UID_OCTETS) == 0) {
			highest = w->now[k].ordinal;
			nth++;
		}
	}
	for (size_t k = 0; k < w->nkept; k++) {
		if (memcmp(w->kept[k].base, base, UID_OCTETS) == 0 && nth-- < 1)
			return w->kept[k].ordinal;
	}
	return highest + 1;
}

/* learn - reads the mailbox, as it is now, into the model. */
static void
learn(struct world *w)
{
	struct stat st;
	int fd = spool_open(w->s->box, O_RDONLY);

	maildrop_close(&w->scanned);
	free(w->text);
	assert_int_equal(fstat(fd, &st), 0);
	w->n = (size_t)st.st_size;
	w->text = malloc(w->n + 1);
	assert_non_null(w->text);
	assert_true(read(fd, w->text, w->n) == (ssize_t)w->n);
	close(fd);
	w->scanned = opened(w, 1);
	assert_true(w->scanned.count <= 2 * (size_t)MAX);
	for (size_t i = 0; i < w->scanned.count; i++) {
		base_of(w, i, w->now[i].base);
		w->now[i].ordinal = ordinal_of(w, i, w->now[i].base);
	}
}

static void
id_of(const struct record *r, unsigned char *id)
{
	if (r->ordinal == 1)
		memcpy(id, r->base, UID_OCTETS);
	else
		uid_copy(r->base, r->ordinal, id);
}

/* ids_are - the messages of d have the ids that the model says. */
static void
ids_are(const struct world *w, struct maildrop *d)
{
	assert_int_equal(mbox_identify(d), RC_OK);
	for (size_t i = 0; i < d->count; i++) {
		unsigned char id[UID_OCTETS];

		id_of(&w->now[i], id);
		assert_memory_equal(d->msg[i].id, id, UID_OCTETS);
	}
}

/* is_as_scanned - d, which a session found or an UPDATE left, is what a scan
 * finds, but for what has come behind it. */
static void
is_as_scanned(const struct world *w, const struct maildrop *d, size_t behind)
{
	const struct maildrop *ref = &w->scanned;

	assert_int_equal(d->count + behind, ref->count);
	if (behind > 0) /* blank lines may stand between */
		assert_in_range(ref->msg[d->count].at - (uint64_t)d->end, 0, 2);
	else
		assert_int_equal(d->end, ref->end);
	for (size_t i = 0; i < d->count; i++) {
		struct message a = d->msg[i], b = ref->msg[i];

		memset(a.id, 0, sizeof(a.id));
		memset(b.id, 0, sizeof(b.id));
		a.sampled = 0;
		if (behind > 0 && i + 1 == d->count)
			a.tail = b.tail; /* that blank line */
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

/* check - a session finds what a scan finds; ids: asks for them, and those
 * that were seen before are still the same. */
static void
check(struct world *w, unsigned ids)
{
	struct maildrop d = opened(w, 0);

	is_as_scanned(w, &d, 0);
	assert_int_equal(d.left, d.count);
	assert_true(d.left_octets == w->scanned.left_octets);
	assert_int_equal(d.fresh, w->scanned.fresh);
	if (ids) {
		ids_are(w, &d);
		assert_true(w->nwas <= d.count);
		for (size_t i = 0; i < d.count; i++) {
			if (i < w->nwas)
				assert_memory_equal(
				    d.msg[i].id, w->was[i], UID_OCTETS);
			memcpy(w->was[i], d.msg[i].id, UID_OCTETS);
		}
		w->nwas = d.count;
	}
	maildrop_close(&d);
}

/* put - makes the mailbox hold n octets, in place or as another file. */
static void
put(struct world *w, const char *text, size_t n, unsigned in_place)
{
	char other[90];
	struct stat st;

	snprintf(other, sizeof(other), "%s/other", w->s->dir);
	spool_put(in_place ? w->s->box : other, text, n);
	if (!in_place)
		assert_int_equal(rename(other, w->s->box), 0);
	assert_int_equal(stat(w->s->box, &st), 0);
	box_ino = st.st_ino;
	box_changed_ns = now_ns;
}

/* mail - a new message at to, or one of a few that come again and again. */
static size_t
mail(struct world *w, char *to)
{
	static const char *const known[] = {FROM "Subject: a\n\none\n\n",
	    FROM "Subject: b\n\ntwo\n>From me\n.\n\n", FROM "\n",
	    FROM "Subject: a\nStatus: RO\n\none\n\n", FROM,
	    FROM "Subject: c\r\n\r\nthree\r\n\r\n", FROM "no header\n"};
	size_t n;

	if (roll(w, 2) == 0) {
		const char *text = known[roll(w, 7)];

		n = strlen(text);
		memcpy(to, text, n);
		return n;
	}
	n = (size_t)sprintf(to, FROM "Subject: %u\n\n", w->serial++);
	for (size_t i = roll(w, 30) == 0 ? roll(w, 9000) : roll(w, 40); i > 0;
	     i--)
		to[n++] = "abc\n\r .F"[roll(w, 8)];
	if (roll(w, 8) > 0)
		n += (size_t)sprintf(to + n, "\n\n");
	return n;
}

static void
add(struct world *w, const char *text, size_t n)
{
	spool_append(w->s->box, text, n);
	box_changed_ns = now_ns;
}

/* ends_blank - whether a blank line ends the mailbox. */
static unsigned
ends_blank(const struct world *w)
{
	const char *end = w->text + w->n;

	return (w->n > 1 && memcmp(end - 2, "\n\n", 2) == 0) ||
	       (w->n > 2 && memcmp(end - 3, "\n\r\n", 3) == 0);
}

/* deliver - up to most messages, as a deliverer does it: behind a blank line
 * where there is none; between sessions perhaps behind one more, which belongs
 * to the last message. */
static void
deliver(struct world *w, unsigned most, unsigned between)
{
	char *to = malloc(10000);
	unsigned count = 1 + roll(w, most);

	assert_non_null(to);
	if (w->n > 0 && w->text[w->n - 1] != '\n')
		add(w, "\n\n", 2);
	else if (w->n > 0 && !ends_blank(w))
		add(w, "\n", roll(w, 2));
	else if (between && roll(w, 4) == 0) {
		add(w, "\n", 1);
		w->nwas -= w->nwas > 0 && w->nwas == w->scanned.count;
	}
	while (count-- > 0) {
		size_t n = mail(w, to);

		add(w, to, n);
		if (to[n - 1] != '\n')
			add(w, "\n\n", 2);
	}
	if (roll(w, 10) == 0)
		add(w, FROM "X: y\n\nno end", strlen(FROM) + 12);
	free(to);
}

/* what_stays - the survivors of the messages marked in gone, and what stands
 * behind the scan of d, in out. */
static size_t
what_stays(const struct world *w, const unsigned char *gone, size_t count,
    size_t end, char *out)
{
	const struct maildrop *d = &w->scanned;
	size_t n = count > 0 ? (size_t)d->msg[0].at : end;

	memcpy(out, w->text, n);
	for (size_t i = 0; i < count; i++) {
		size_t next = i + 1 < count ? (size_t)d->msg[i + 1].at : end;
		size_t len = next - (size_t)d->msg[i].at;

		if (gone[i])
			continue;
		memcpy(out + n, w->text + d->msg[i].at, len);
		n += len;
	}
	while (count > 0 && gone[count - 1] && end < w->n &&
	       (w->text[end] == '\n' || w->text[end] == '\r'))
		end++;
	memcpy(out + n, w->text + end, w->n - end);
	return n + w->n - end;
}

/* keep - what an UPDATE remembers of the messages that stay. */
static void
keep(struct world *w, const unsigned char *gone, size_t count)
{
	struct record kept[2 * MAX];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t next = 1;
		unsigned gap = 0;

		if (gone[i])
			continue;
		for (size_t k = 0; k < count; k++) {
			if (gone[k] || memcmp(w->now[k].base, w->now[i].base,
					   UID_OCTETS) != 0)
				continue;
			gap |= w->now[k].ordinal != next++;
		}
		if (gap)
			kept[n++] = w->now[i];
	}
	memcpy(w->kept, kept, n * sizeof(*kept));
	w->nkept = n;
}

/* choose - which of count messages go: some, the last, the first, all. */
static size_t
choose(struct world *w, struct maildrop *d, unsigned char *gone)
{
	size_t count = d->count, n = 0;
	uint32_t how = roll(w, 6), from = roll(w, (uint32_t)count);

	for (size_t i = 0; i < count; i++) {
		gone[i] = how == 0   ? 1
			  : how == 1 ? i >= from
			  : how == 2 ? i <= from
				     : roll(w, how) == 0;
		if (gone[i])
			maildrop_delete(d, i);
		n += gone[i];
	}
	return n;
}

/* recorded - the record in the state file in place of the model's. */
static void
recorded(struct world *w)
{
	struct maildrop d = opened(w, 0);

	assert_true(d.kept_count <= 2 * (size_t)MAX);
	w->nkept = d.kept_count;
	for (size_t i = 0; i < d.kept_count; i++) {
		const unsigned char *p = d.kept + i * COPIES_RECORD_OCTETS;

		memcpy(w->kept[i].base, p, UID_OCTETS);
		w->kept[i].ordinal = p[UID_OCTETS];
	}
	maildrop_close(&d);
}

/* updated - after an UPDATE of d: the file, the model, and d itself. */
static void
updated(struct world *w, struct maildrop *d, const unsigned char *gone,
    size_t count, size_t end)
{
	char *want = malloc(w->n + 1);
	size_t n, seen = 0, was = w->nwas;

	assert_non_null(want);
	n = what_stays(w, gone, count, end, want);
	spool_holds(w->s->box, want, n);
	free(want);
	keep(w, gone, count);
	for (size_t i = 0; i < was && i < count; i++) {
		if (!gone[i])
			memcpy(w->was[seen++], w->was[i], UID_OCTETS);
	}
	w->nwas = seen;
	if (full) {
		learn(w);
		recorded(w);
		w->nwas = 0; /* ids of copies may be others */
	}
	learn(w);
	if (roll(w, 2) == 0 && !full) {
		is_as_scanned(w, d, w->scanned.count - d->count);
		ids_are(w, d);
	}
}

/* session - one that may ask for ids, see mail come, delete, and update. */
static void
session(struct world *w)
{
	struct maildrop d = opened(w, 0);
	unsigned char gone[2 * MAX] = {0};
	size_t count = d.count, end = (size_t)d.end;

	if (roll(w, 2) == 0)
		ids_are(w, &d);
	if (roll(w, 3) == 0) {
		deliver(w, 3, 0);
		learn(w);
	}
	if (roll(w, 3) == 0)
		ids_are(w, &d);
	if (count > 0 && choose(w, &d, gone) > 0 && roll(w, 4) > 0) {
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		updated(w, &d, gone, count, end);
	}
	maildrop_close(&d);
}

/* rewrite - what a mail reader does: takes messages out, marks some, sorts
 * them; in place or as another file. */
static void
rewrite(struct world *w)
{
	const struct maildrop *d = &w->scanned;
	char *to = malloc(2 * w->n + 20 * d->count + 1);
	uint32_t how = roll(w, 3);
	size_t n = d->count > 0 ? (size_t)d->msg[0].at : w->n;

	assert_non_null(to);
	memcpy(to, w->text, n);
	for (size_t i = 0; i < d->count; i++) {
		size_t k = how == 2 ? d->count - 1 - i : i;
		size_t at = (size_t)d->msg[k].at, from = d->msg[k].from_len;
		size_t len = (size_t)mbox_next(d, k) - at;

		if (how == 0 && roll(w, 4) == 0)
			continue;
		memcpy(to + n, w->text + at, from);
		n += from;
		if (how == 1 && roll(w, 3) == 0)
			n += (size_t)sprintf(to + n, "Status: RO\n");
		memcpy(to + n, w->text + at + from, len - from);
		n += len - from;
		if (how == 2 && to[n - 1] != '\n')
			to[n++] = '\n';
	}
	put(w, to, n, roll(w, 2));
	free(to);
	w->nwas = 0;
}

/* flip - another program changes an octet of a message's text, and no size.
 * Mail that came is seen before: with both at once a mailbox has grown, and not
 * every octet of such a one is looked at. */
static void
flip(struct world *w)
{
	const struct maildrop *d = &w->scanned;
	size_t i = d->count > 0 ? roll(w, (uint32_t)d->count) : 0;
	size_t at, end;
	int fd;

	if (d->count == 0)
		return;
	check(w, 0);
	at = (size_t)d->msg[i].at + d->msg[i].from_len;
	end = (size_t)mbox_next(d, i) - d->msg[i].tail;
	if (at >= end)
		return;
	at += roll(w, (uint32_t)(end - at));
	fd = spool_open(w->s->box, O_WRONLY);
	assert_int_equal(pwrite(fd, &"\nx:"[roll(w, 3)], 1, (off_t)at), 1);
	close(fd);
	w->nwas = 0;
	w->flipped = 1;
}

/* damage - an octet of the index is another, or it ends too soon. */
static void
damage(struct world *w)
{
	off_t kept_end = STATE_BODY + HEAD_OCTETS;
	int fd = spool_open(w->s->state, O_RDWR | O_CREAT);
	struct stat st;
	unsigned char c;
	off_t at;

	kept_end += (off_t)w->nkept * COPIES_RECORD_OCTETS;
	assert_int_equal(fstat(fd, &st), 0);
	if (st.st_size > STATE_BODY) {
		at = STATE_BODY + roll(w, (uint32_t)(st.st_size - STATE_BODY));
		if (roll(w, 2) == 0) {
			assert_int_equal(ftruncate(fd, at), 0);
		} else {
			assert_int_equal(pread(fd, &c, 1, at), 1);
			c ^= (unsigned char)(1 + roll(w, 255));
			assert_int_equal(
			    syscall(SYS_pwrite64, fd, &c, 1, at), 1);
		}
		if (at < kept_end) {
			w->nkept = 0;
			w->nwas = 0;
		}
	}
	close(fd);
}

static void
step(struct world *w)
{
	switch (roll(w, 12)) {
	case 0:
	case 1:
		deliver(w, 4, 1);
		break;
	case 2:
		rewrite(w);
		break;
	case 3:
		flip(w);
		break;
	case 4:
		damage(w);
		break;
	case 5: /* the last message grows */
		if (w->scanned.count > 0 && roll(w, 3) == 0) {
			add(w, "more\n", 5);
			w->nwas = 0;
		}
		break;
	case 6: /* it is cut short, which only its owner's tools do */
		if (roll(w, 6) == 0) {
			put(w, w->text,
			    w->scanned.count > 0 ? (size_t)w->scanned.msg[0].at
						 : 0,
			    1);
			w->nwas = 0;
		}
		break;
	case 7:
		now_ns += roll(w, 2000000000);
		break;
	default:
		full = roll(w, 8) == 0;
		session(w);
		full = 0;
		break;
	}
	now_ns += roll(w, 3) * 1000000;
}

/* live - a life of that many steps, with ticks so long and the clock of files
 * so far ahead. */
static void
live(const struct spool *s, unsigned steps, int64_t tick, int64_t ahead)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.s = s;
	w.seed = (uint64_t)(tick + ahead + 1);
	w.scanned.fd = w.scanned.state_fd = -1;
	now_ns = 1700000000 * INT64_C(1000000000) + 123456789;
	tick_ns = tick;
	ahead_ns = ahead;
	put(&w, "", 0, 1);
	learn(&w);
	for (unsigned i = 0; i < steps; i++) {
		if (w.scanned.count >= MAX || i % 500 == 0) {
			const char *first = roll(&w, 2) == 0 ? "\n\n" : PSEUDO;

			put(&w, first, roll(&w, 2) * strlen(first), 0);
			learn(&w);
			w.nwas = 0;
		}
		step(&w);
		learn(&w);
		/* What neither moves a message nor is near the end may not be
		 * seen behind an append, so it is seen before. */
		if (w.flipped || roll(&w, 8) > 0)
			check(&w, roll(&w, 3) == 0);
		if (roll(&w, 8) == 0)
			check(&w, 1);
		w.flipped = 0;
	}
	maildrop_close(&w.scanned);
	free(w.text);
}

enum { STEPS = 4000 };

static void
ticks_of_four_milliseconds(void **state)
{
	live(*state, STEPS, 4000000, 0);
}

static void
ticks_of_a_nanosecond(void **state)
{
	live(*state, STEPS, 1, 0);
}

/* As old file systems have it. */
static void
ticks_of_a_second(void **state)
{
	live(*state, STEPS, 1000000000, 0);
}

/* As a file server may have it. */
static void
a_clock_that_is_ahead(void **state)
{
	live(*state, STEPS, 4000000, INT64_C(5000000000));
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, spool_make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(ticks_of_four_milliseconds),
	    CASE(ticks_of_a_nanosecond),
	    CASE(ticks_of_a_second),
	    CASE(a_clock_that_is_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
