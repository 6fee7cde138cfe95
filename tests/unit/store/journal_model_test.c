/* A model of a disk under the journal: kills and power cuts at every system
 * call and inside every write, with what was not made durable kept, torn or
 * lost in any order, sector by sector; failing calls, full disks, mail that is
 * delivered between two crashes, crashes inside the recovery, several
 * deletions one after the other. The real journal.c and survivors.c run on it.
 *
 *   journal_model_test [rounds [seed]]
 *
 * What must come out, each time: the mailbox before the deletion or the one
 * after it, and behind it all that was delivered. */
/* pread is defined below: the C library's must not be an inline function. */
#undef _FORTIFY_SOURCE
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#define JOURNAL_STEP_OCTETS 4096
#include "store/journal.c" /* NOLINT(bugprone-suspicious-include) */
#include <stdio.h>

enum {
	MBOX = 1000,
	STATE = 1001,
	FILE_MAX_OCTETS = 400 * 1024,
	OPS_MAX = 4096,
	SECTOR = 512,
	LETTERS_MAX = 40,
	DELIVERIES_MAX = 8
};

/* A killed run leaves its memory behind, as a killed process does not. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* ---- the disk ---- */

/* op - a write or (data NULL) a truncation that is not durable. */
struct op {
	size_t at, len;
	unsigned char *data;
};

/* model_file - what a process sees, and what a power cut leaves. */
struct model_file {
	unsigned char seen[FILE_MAX_OCTETS], kept[FILE_MAX_OCTETS];
	size_t seen_len, kept_len;
	struct op op[OPS_MAX];
	size_t ops;
	size_t limit; /* no octets beyond this: the disk is full */
};

static struct model_file files[2];
static uint64_t seed;

/* fault - what happens at the calls to come. */
static struct {
	unsigned calls;           /* so far */
	unsigned at;              /* the call that goes wrong; 0: none */
	enum { KILL, FAIL } kind; /* how */
	unsigned fired : 1;
	jmp_buf back; /* for KILL */
} fault;

static uint64_t
dice(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (seed >> 33) % n;
}

static struct model_file *
file_of(int fd)
{
	assert_true(fd == MBOX || fd == STATE);
	return &files[fd - MBOX];
}

static void
forget_ops(struct model_file *f)
{
	while (f->ops > 0)
		free(f->op[--f->ops].data);
}

/* Octets of the last letter, there or delivered, while it is not durable: a
 * power cut may take that letter then, and nothing else. */
static size_t risked, lost;
static unsigned risked_came; /* it was delivered since */

static void
durable(struct model_file *f)
{
	if (f == &files[0] && lost == 0)
		risked = 0;
	memcpy(f->kept, f->seen, f->seen_len);
	f->kept_len = f->seen_len;
	forget_ops(f);
}

static void
resize(unsigned char *octets, size_t *len, size_t to)
{
	if (to > *len)
		memset(octets + *len, 0, to - *len);
	*len = to;
}

/* put_sector - one piece of a write. */
static void
put_piece(
    unsigned char *octets, size_t *len, size_t at, const void *data, size_t n)
{
	if (at + n > *len)
		resize(octets, len, at + n);
	memcpy(octets + at, data, n);
}

/* spoil - the sector that was being written is neither old nor new. Only the
 * state file is guarded against that; in the mailbox one sector is written at
 * once or not. */
static void
spoil(struct model_file *f, size_t at)
{
	for (; at < f->kept_len && at % SECTOR != SECTOR - 1; at++)
		f->kept[at] = (unsigned char)dice(256);
}

/* power_cut - of what was not durable any part may have come to the disk. How
 * much of it is drawn first, so that all and nothing happen too. */
static void
power_cut(void)
{
	for (size_t i = 0; i < files[0].ops; i++) {
		if (risked > 0 && files[0].op[i].len == risked)
			lost = risked;
	}
	for (size_t i = 0; i < 2; i++) {
		struct model_file *f = &files[i];
		uint64_t odds = dice(5);

		for (size_t n = 0; n < f->ops; n++) {
			const struct op *op = &f->op[n];
			size_t end = op->at + op->len;

			if (op->data == NULL) {
				if (dice(4) < odds)
					resize(f->kept, &f->kept_len, op->at);
				continue;
			}
			for (size_t at = op->at; at < end;) {
				size_t m = SECTOR - at % SECTOR;

				if (m > end - at)
					m = end - at;
				if (dice(4) < odds)
					put_piece(f->kept, &f->kept_len, at,
					    op->data + (at - op->at), m);
				if (i == 1 && dice(40) == 0)
					spoil(f, at);
				at += m;
			}
		}
		forget_ops(f);
		memcpy(f->seen, f->kept, f->kept_len);
		f->seen_len = f->kept_len;
	}
}

/* wrong - whether this call is the one. */
static unsigned
wrong(void)
{
	if (++fault.calls != fault.at || fault.fired)
		return 0;
	fault.fired = 1;
	return 1;
}

static void
record(struct model_file *f, size_t at, const void *data, size_t len)
{
	struct op *op = &f->op[f->ops++];

	assert_true(f->ops < OPS_MAX);
	*op = (struct op){.at = at, .len = len};
	if (data != NULL) {
		op->data = malloc(len + 1);
		assert_non_null(op->data);
		memcpy(op->data, data, len);
	}
}

/* The calls of the code under test end here, and no other's. */
ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	const struct model_file *f = file_of(fd);

	if (wrong()) {
		if (fault.kind == KILL)
			longjmp(fault.back, 1);
		errno = EIO;
		return -1;
	}
	if ((size_t)at >= f->seen_len)
		return 0;
	if (n > f->seen_len - (size_t)at)
		n = f->seen_len - (size_t)at;
	if (n > 1 && dice(8) == 0)
		n = 1 + dice(n); /* short */
	memcpy(to, f->seen + at, n);
	return (ssize_t)n;
}

ssize_t
pwrite(int fd, const void *from, size_t n, off_t at)
{
	struct model_file *f = file_of(fd);
	unsigned now = wrong();

	assert_true((size_t)at + n <= FILE_MAX_OCTETS);
	if (now && fault.kind == FAIL) {
		errno = dice(2) == 0 ? EIO : ENOSPC;
		return -1;
	}
	if ((size_t)at + n > f->limit && (size_t)at + n > f->seen_len) {
		if ((size_t)at >= f->limit) {
			errno = ENOSPC;
			return -1;
		}
		n = f->limit - (size_t)at;
	}
	if (now)
		n = dice(n + 1);
	else if (n > 1 && dice(8) == 0)
		n = 1 + dice(n);
	if (n > 0) {
		record(f, (size_t)at, from, n);
		put_piece(f->seen, &f->seen_len, (size_t)at, from, n);
	}
	if (now)
		longjmp(fault.back, 1);
	return (ssize_t)n;
}

int
ftruncate(int fd, off_t size)
{
	struct model_file *f = file_of(fd);
	unsigned now = wrong();

	if (now && (fault.kind == FAIL || dice(2) == 0)) {
		if (fault.kind == KILL)
			longjmp(fault.back, 1);
		errno = EIO;
		return -1;
	}
	assert_true((size_t)size <= FILE_MAX_OCTETS);
	record(f, (size_t)size, NULL, 0);
	resize(f->seen, &f->seen_len, (size_t)size);
	if (now)
		longjmp(fault.back, 1);
	return 0;
}

int
fdatasync(int fd)
{
	unsigned now = wrong();

	if (now && (fault.kind == FAIL || dice(2) == 0)) {
		if (fault.kind == KILL)
			longjmp(fault.back, 1);
		errno = EIO;
		return -1;
	}
	durable(file_of(fd));
	if (now)
		longjmp(fault.back, 1);
	return 0;
}

/* What this hurries may be on the disk at any time anyway. */
int
sync_file_range(int fd, off_t at, off_t n, unsigned flags)
{
	assert_true(at >= 0 && n >= 0 && flags == SYNC_FILE_RANGE_WRITE);
	(void)file_of(fd);
	return 0;
}

int
fstat(int fd, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_size = (off_t)file_of(fd)->seen_len;
	st->st_ino = 7;
	return 0;
}

/* ---- the mail ---- */

/* mail - where each letter begins in the mailbox, and which are marked. */
static struct {
	size_t count;
	size_t at[LETTERS_MAX + 1];
	unsigned char marked[LETTERS_MAX];
	size_t i; /* of next */
	unsigned ended : 1;
} mail;

static unsigned char before[FILE_MAX_OCTETS], after[FILE_MAX_OCTETS];
static unsigned char came[FILE_MAX_OCTETS]; /* since the deletion began */
static size_t before_len, after_len, came_len;

static void
fill(unsigned char *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		octets[i] = (unsigned char)dice(256);
	if (n > 0 && octets[0] == 0)
		octets[0] = 'F'; /* no mail begins with a NUL */
}

static size_t
first_marked(void)
{
	size_t i = 0;

	while (i < mail.count && !mail.marked[i])
		i++;
	return i;
}

static enum rc
next_letter(void *context, struct extent *out)
{
	(void)context;
	while (mail.i < mail.count && mail.marked[mail.i])
		mail.i++;
	if (mail.i == mail.count)
		return RC_EOF;
	out->from = (off_t)mail.at[mail.i];
	while (mail.i < mail.count && !mail.marked[mail.i])
		mail.i++;
	out->len = (off_t)mail.at[mail.i] - out->from;
	return RC_OK;
}

static void
rewind_letters(void *context)
{
	(void)context;
	mail.i = first_marked();
}

/* new_mailbox - letters of all sizes, some of them marked. */
static void
new_mailbox(void)
{
	struct model_file *f = &files[0];
	size_t scale = dice(3) == 0 ? 12000 : dice(2) == 0 ? 2000 : 100;

	mail.count = 1 + dice(LETTERS_MAX);
	f->seen_len = 0;
	for (size_t i = 0; i < mail.count; i++) {
		size_t n = 20 + dice(scale);

		mail.at[i] = f->seen_len;
		fill(f->seen + f->seen_len, n);
		f->seen_len += n;
	}
	mail.at[mail.count] = f->seen_len;
	durable(f);
	risked = lost = risked_came = 0;
	if (mail.count > 1 && dice(4) == 0) {
		size_t at = mail.at[mail.count - 1];

		risked = f->kept_len - at;
		f->kept_len = at;
		record(f, at, f->seen + at, risked);
	}
}

/* mark_some - and say what shall come of it. */
static void
mark_some(void)
{
	const struct model_file *f = &files[0];
	uint64_t odds = 1 + dice(8);

	memset(mail.marked, 0, sizeof(mail.marked));
	for (size_t i = 0; i < mail.count; i++)
		mail.marked[i] = dice(8) < odds;
	mail.marked[dice(mail.count)] = 1;
	if (risked > 0) {
		mail.marked[mail.count - 1] = 0;
		mail.marked[0] = 1;
	}
	memcpy(before, f->seen, f->seen_len);
	before_len = f->seen_len;
	after_len = came_len = 0;
	for (size_t i = 0; i < mail.count; i++) {
		size_t n = mail.at[i + 1] - mail.at[i];

		if (mail.marked[i])
			continue;
		memcpy(after + after_len, f->seen + mail.at[i], n);
		after_len += n;
	}
}

/* deliver - a letter is appended, durably or not. Sometimes it is what was cut
 * off, once more: the same octets must not be taken for those. */
static void
deliver(void)
{
	struct model_file *f = &files[0];
	unsigned char letter[3000];
	size_t n = 20 + dice(sizeof(letter) - 20);

	fill(letter, n);
	if (dice(3) == 0 && before_len > after_len &&
	    before_len - after_len <= sizeof(letter)) {
		n = before_len - after_len;
		memcpy(letter, before + after_len, n);
	}
	if (f->seen_len + n > FILE_MAX_OCTETS / 2 || risked > 0)
		return;
	memcpy(came + came_len, letter, n);
	came_len += n;
	memcpy(f->seen + f->seen_len, letter, n);
	if (dice(4) == 0) {
		risked = n;
		risked_came = 1;
		record(f, f->seen_len, letter, n);
		f->seen_len += n;
	} else {
		f->seen_len += n;
		durable(f);
	}
}

static unsigned
holds(const unsigned char *wanted, size_t n)
{
	const struct model_file *f = &files[0];

	if (lost > 0 && !risked_came)
		return f->seen_len >= n - lost &&
		       memcmp(f->seen, wanted, n - lost) == 0;
	if (lost > 0)
		return f->seen_len >= n + came_len - lost &&
		       memcmp(f->seen, wanted, n) == 0 &&
		       memcmp(f->seen + n, came, came_len - lost) == 0;
	return f->seen_len == n + came_len && memcmp(f->seen, wanted, n) == 0 &&
	       memcmp(f->seen + n, came, came_len) == 0;
}

/* ---- the rounds ---- */

static void
set_fault(unsigned at, unsigned fails)
{
	fault.calls = 0;
	fault.at = at;
	fault.kind = fails ? FAIL : KILL;
	fault.fired = 0;
}

/* outcome - of one call: its result, or RC_COUNT: it was killed. */
static enum rc
attempt_run(void)
{
	struct survivors s = {.from = (off_t)mail.at[first_marked()],
	    .size = (off_t)mail.at[mail.count],
	    .next = next_letter,
	    .rewind = rewind_letters};
	struct order order;
	enum rc rc;

	if (setjmp(fault.back) != 0)
		return RC_COUNT;
	rc = survivors_list(&s, STATE, &order);
	return rc == RC_OK ? journal_run(STATE, MBOX, &order) : rc;
}

static enum rc
attempt_recover(void)
{
	unsigned finished;

	if (setjmp(fault.back) != 0)
		return RC_COUNT;
	return journal_recover(STATE, MBOX, &finished);
}

/* crash - what follows a kill: perhaps the power goes too; mail comes. */
static void
crash(unsigned only_kills)
{
	if (!only_kills && dice(2) == 0)
		power_cut();
	if (dice(3) == 0)
		deliver();
	if (!only_kills && dice(8) == 0)
		power_cut();
}

/* recover - until it comes through; more crashes and failures on the way. A
 * header may be durable and its list not: then nothing has been decided, the
 * journal is set aside, and judge sees whether that was right. */
static void
recover(unsigned calls)
{
	for (unsigned tries = 0;; tries++) {
		enum rc rc;

		set_fault(tries < 4 && dice(2) == 0
			      ? 1 + (unsigned)dice(calls + 8)
			      : 0,
		    dice(4) == 0);
		rc = attempt_recover();
		if (rc == RC_OK || rc == RC_CHANGED)
			return;
		if (rc == RC_COUNT)
			crash(0);
		else if (!fault.fired)
			fail_msg("recovery says %s", rc_name(rc));
	}
}

static unsigned long rounds = 6000, round_no;

/* judge - decided: the deletion must have happened; undecided: must not. */
static void
judge(unsigned decided, unsigned undecided)
{
	unsigned is_after = holds(after, after_len);
	unsigned is_before = holds(before, before_len);

	if (!(is_after && !undecided) && !(is_before && !decided))
		fail_msg("round %lu: %s%s: %zu octets, of %zu before, %zu "
			 "after, %zu new",
		    round_no, decided ? "must be gone" : "either way",
		    undecided ? " or rather not" : "", files[0].seen_len,
		    before_len, after_len, came_len);
}

/* next_mailbox - goes on with what is there: one letter per piece. */
static void
keep_mailbox(void)
{
	struct model_file *f = &files[0];

	mail.count = 0;
	for (size_t at = 0; at < f->seen_len && mail.count < LETTERS_MAX;) {
		mail.at[mail.count++] = at;
		at += 20 + dice(f->seen_len / 6 + 20);
	}
	mail.at[mail.count] = f->seen_len;
	while (mail.count > 0 && mail.at[mail.count - 1] >= f->seen_len)
		mail.at[--mail.count] = f->seen_len;
}

/* one_run - a deletion with one fault, and what comes of it. Returns how many
 * calls it made. */
static unsigned
one_run(unsigned at, unsigned fails)
{
	unsigned calls;
	enum rc rc;

	set_fault(at, fails);
	rc = attempt_run();
	calls = fault.calls;
	set_fault(0, 0);
	if (rc == RC_COUNT) {
		crash(0);
		recover(calls);
		judge(0, 0);
	} else if (rc == RC_OK) {
		judge(1, 0);
		crash(0);
		recover(calls);
		judge(1, 0);
	} else if (rc == RC_UNFINISHED) {
		crash(1);
		recover(calls);
		judge(0, 0);
	} else {
		if (!fault.fired && rc != RC_IO && rc != RC_NOMEM && at == 0)
			fail_msg("without a fault: %s", rc_name(rc));
		judge(0, 1);
		crash(1);
		recover(calls);
		judge(0, 1);
	}
	return calls;
}

static void
new_state(unsigned full)
{
	unsigned finished;

	for (size_t i = 0; i < 2; i++) {
		forget_ops(&files[i]);
		files[i].seen_len = files[i].kept_len = 0;
		files[i].limit = FILE_MAX_OCTETS;
	}
	set_fault(0, 0);
	assert_int_equal(journal_recover(STATE, MBOX, &finished), RC_OK);
	if (full)
		files[1].limit = STATE_BODY + dice(2) * dice(9000);
}

static void
crashes_and_failures(void **state)
{
	uint64_t base = seed;

	(void)state;
	for (unsigned long r = 0; r < rounds; r++) {
		unsigned calls, runs = 1 + (unsigned)(r % 3);

		seed = base + r * 7919;
		round_no = r;
		dice(2);
		new_state(dice(4) == 0);
		new_mailbox();
		mark_some();
		calls = 40;
		for (unsigned n = 0; n < runs; n++) {
			calls = one_run(
			    dice(10) == 0 ? 0 : 1 + (unsigned)dice(calls),
			    dice(4) == 0);
			if (calls < 12)
				calls = 60;
			if (dice(2) == 0)
				deliver();
			keep_mailbox();
			if (mail.count == 0 || lost > 0)
				break;
			durable(&files[0]);
			risked_came = 0;
			mark_some();
		}
	}
}

/* Every call of one run, by each kind of fault. */
static void
every_call(void **state)
{
	uint64_t base = seed;

	(void)state;
	for (unsigned m = 0; m < 12; m++) {
		unsigned calls = 1;

		for (unsigned at = 0; at <= calls; at++) {
			for (unsigned fails = 0; fails < 2; fails++) {
				unsigned made;

				seed = base + m;
				dice(2);
				new_state(m % 4 == 3);
				new_mailbox();
				mark_some();
				seed += at * 31;
				made = one_run(at, fails);
				if (at == 0)
					calls = made;
			}
		}
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_call),
	    cmocka_unit_test(crashes_and_failures),
	};

	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 918937;
	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	print_message(
	    "# %lu rounds, seed %llu\n", rounds, (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
