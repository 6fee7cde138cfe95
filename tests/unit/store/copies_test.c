/* copies_test - messages that are alike to the octet keep ids of their own,
 * whichever of them are deleted, and whatever became of the record of them. */
#include "spool.h"
#include "store/copies.h"
#include "store/mbox.h"
#include "store/survivors.h"
#include "store/uid.h"
#include "sys/digest.h"
#include "update.h"

#define FROM "From a@b Mon Jan  1 00:00:00 2024\n"
#define A FROM "Subject: a\n\none\n\n"
#define B FROM "Subject: b\n\ntwo\n\n"
#define LONE FROM "Subject: lone\n\nthree\n\n"

enum { MAX = 16 };

struct ids {
	size_t count;
	unsigned char id[MAX][UID_OCTETS];
};

/* open_box - the mailbox as it is, its state file unless bare, its ids. */
static struct ids
open_box(const struct spool *s, struct maildrop *d, unsigned bare)
{
	struct ids ids = {0};

	assert_int_equal(
	    maildrop_open(d, &mbox_ops, spool_open(s->box, O_RDWR),
		bare ? -1 : spool_open(s->state, O_RDWR | O_CREAT)),
	    RC_OK);
	assert_int_equal(mbox_identify(d), RC_OK);
	assert_true(d->count <= MAX);
	ids.count = d->count;
	for (size_t i = 0; i < d->count; i++) {
		memcpy(ids.id[i], d->msg[i].id, UID_OCTETS);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(
			    ids.id[i], ids.id[k], UID_OCTETS);
	}
	return ids;
}

static struct ids
look(const struct spool *s)
{
	struct maildrop d;
	struct ids ids = open_box(s, &d, 0);

	maildrop_close(&d);
	return ids;
}

/* remove_marked - deletes by pattern, after more was delivered. Returns the
 * ids of what stays, without the new mail. identified: the ids are asked for
 * in the same session. */
static struct ids
remove_marked(const struct spool *s, unsigned pattern, const char *more,
    unsigned identified)
{
	struct ids before = look(s), left = {0};
	struct maildrop d;

	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
		spool_open(s->state, O_RDWR)),
	    RC_OK);
	if (identified)
		assert_int_equal(mbox_identify(&d), RC_OK);
	spool_append(s->box, more, strlen(more));
	for (size_t i = 0; i < d.count; i++) {
		if ((pattern >> i & 1) != 0)
			maildrop_delete(&d, i);
		else
			memcpy(left.id[left.count++], before.id[i], UID_OCTETS);
	}
	if (pattern != 0)
		assert_int_equal(update(&d, d.state_fd), RC_OK);
	maildrop_close(&d);
	return left;
}

/* begins_with - whether now are the same ids, and others behind them. */
static void
begins_with(const struct ids *now, const struct ids *was, size_t more)
{
	assert_int_equal(now->count, was->count + more);
	assert_memory_equal(now->id, was->id, was->count * UID_OCTETS);
}

static int
compare(const void *a, const void *b)
{
	return memcmp(((const struct message *)a)->id,
	    ((const struct message *)b)->id, UID_OCTETS);
}

static void
put_box(const struct spool *s, const char *text)
{
	spool_put(s->box, text, strlen(text));
	spool_put(s->state, "", 0);
}

/* Every subset of six copies is deleted, then every subset of the rest, with a
 * new copy delivered during the second UPDATE. */
static void
every_subset_twice(void **state)
{
	const struct spool *s = *state;

	for (unsigned one = 0; one < 64; one++) {
		unsigned left = 6 - (unsigned)__builtin_popcount(one);

		for (unsigned two = 0; two < 1u << left; two++) {
			struct ids ids, now;

			put_box(s, A A A A A A);
			ids = remove_marked(s, one, "", two % 2);
			now = look(s);
			begins_with(&now, &ids, 0);
			ids = remove_marked(s, two, A, one % 2);
			now = look(s);
			begins_with(&now, &ids, 1);
			now = look(s);
			begins_with(&now, &ids, 1);
		}
	}
}

/* Two kinds of copies among each other and a lone message. */
static void
every_subset_of_kinds(void **state)
{
	const struct spool *s = *state;

	for (unsigned pattern = 0; pattern < 128; pattern++) {
		struct ids ids, now, later;

		put_box(s, A B LONE B A B A);
		ids = remove_marked(s, pattern, "", pattern % 2);
		now = look(s);
		begins_with(&now, &ids, 0);
		spool_append(s->box, B A LONE, strlen(B A LONE));
		now = look(s);
		begins_with(&now, &ids, 3);
		later = look(s);
		assert_memory_equal(&now, &later, sizeof(now));
	}
}

/* The first of its kind has the plain id, others those that uid_copy makes. */
static void
numbers(void **state)
{
	const struct spool *s = *state;
	unsigned char id[UID_OCTETS];
	struct ids ids, lone;

	put_box(s, A);
	lone = look(s);
	put_box(s, A LONE A A);
	ids = look(s);
	assert_memory_equal(ids.id[0], lone.id[0], UID_OCTETS);
	uid_copy(lone.id[0], 2, id);
	assert_memory_equal(ids.id[2], id, UID_OCTETS);
	uid_copy(lone.id[0], 3, id);
	assert_memory_equal(ids.id[3], id, UID_OCTETS);
}

/* No state file, and the journal in another: distinct all the same, and an
 * UPDATE is none the worse. */
static void
without_state(void **state)
{
	const struct spool *s = *state;
	int fd = spool_open(s->state, O_RDWR | O_CREAT);
	struct maildrop d;
	struct ids with, without;

	put_box(s, A A LONE A);
	with = look(s);
	without = open_box(s, &d, 1);
	assert_memory_equal(&with, &without, sizeof(with));
	maildrop_delete(&d, 0);
	assert_int_equal(update(&d, fd), RC_OK);
	maildrop_close(&d);
	spool_holds(s->box, A LONE A, strlen(A LONE A));
	assert_int_equal(copies_recorded(-1), 0);
	assert_int_equal(copies_recorded(fd), 0);
	close(fd);
}

/* A state file that takes no write costs the record and nothing else, where
 * the journal has another one. */
static void
state_that_fails(void **state)
{
	const struct spool *s = *state;
	struct maildrop d;
	char journal[90];
	int fd;

	put_box(s, A A LONE A);
	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
		spool_open(s->state, O_RDONLY)),
	    RC_OK);
	assert_int_equal(mbox_identify(&d), RC_OK);
	maildrop_delete(&d, 0);
	assert_int_equal(copies_keep(&d), RC_IO);
	snprintf(journal, sizeof(journal), "%s/journal", s->dir);
	fd = spool_open(journal, O_RDWR | O_CREAT);
	assert_int_equal(update(&d, fd), RC_OK);
	close(fd);
	maildrop_close(&d);
	spool_holds(s->box, A LONE A, strlen(A LONE A));
	spool_holds(s->state, "", 0);
	assert_int_equal(look(s).count, 3);
}

/* recorded - copies_recorded of the state file. */
static unsigned
recorded(const struct spool *s)
{
	int fd = spool_open(s->state, O_RDONLY);
	unsigned answer = copies_recorded(fd);

	close(fd);
	return answer;
}

/* kept_count - how many copies the record says it holds. */
static uint32_t
kept_count(const struct spool *s)
{
	unsigned char head[16];
	int fd = spool_open(s->state, O_RDONLY);

	assert_int_equal(
	    pread(fd, head, sizeof(head), STATE_BODY), sizeof(head));
	close(fd);
	return head[12] | (uint32_t)head[13] << 8 | (uint32_t)head[14] << 16 |
	       (uint32_t)head[15] << 24;
}

/* The record is there where it is needed, and only there. */
static void
record_comes_and_goes(void **state)
{
	const struct spool *s = *state;

	put_box(s, A B A A);
	assert_int_equal(remove_marked(s, 2, "", 1).count, 3);
	assert_int_equal(recorded(s), 0); /* 1, 2, 3 by themselves */
	assert_int_equal(remove_marked(s, 1, "", 0).count, 2);
	assert_int_equal(recorded(s), 1); /* 2, 3 */
	assert_int_equal(kept_count(s), 2);
	assert_int_equal(remove_marked(s, 2, B, 0).count, 1);
	assert_int_equal(recorded(s), 1); /* 2 alone */
	assert_int_equal(kept_count(s), 1);
	assert_int_equal(remove_marked(s, 1, "", 0).count, 1);
	assert_int_equal(recorded(s), 0);
}

/* kept_box - a mailbox whose copies have 2, 3, 5 and, of the other kind, 2, in
 * *kept, and without the record others, in *plain; the record itself in out.
 */
static size_t
kept_box(const struct spool *s, struct ids *kept, struct ids *plain,
    unsigned char *out, size_t size)
{
	ssize_t n;
	int fd;

	put_box(s, A A A A A B B);
	(void)remove_marked(s, 0x29, "", 0);
	*kept = look(s);
	fd = spool_open(s->state, O_RDWR);
	n = pread(fd, out, size, STATE_BODY);
	assert_true(n > 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	*plain = look(s);
	assert_memory_not_equal(kept, plain, sizeof(*kept));
	return (size_t)n;
}

/* look_with - the ids with a record of n octets in the state file. */
static struct ids
look_with(const struct spool *s, const unsigned char *octets, size_t n)
{
	int fd = spool_open(s->state, O_WRONLY);

	assert_int_equal(ftruncate(fd, STATE_BODY), 0);
	assert_true(pwrite(fd, octets, n, STATE_BODY) == (ssize_t)n);
	close(fd);
	return look(s);
}

/* The record leaves alone what lies before it, which is the journal's. */
static void
record_keeps_to_its_place(void **state)
{
	const struct spool *s = *state;
	char was[STATE_BODY], is[STATE_BODY];
	uint64_t seed = 9;
	struct maildrop d;

	put_box(s, A A A);
	for (size_t i = 0; i < sizeof(was); i++)
		was[i] = (char)dice(&seed, 256);
	spool_put(s->state, was, sizeof(was));
	(void)open_box(s, &d, 0);
	maildrop_delete(&d, 0);
	assert_int_equal(copies_keep(&d), RC_OK);
	assert_int_equal(copies_recorded(d.state_fd), 1);
	assert_true(
	    pread(d.state_fd, is, sizeof(is), 0) == (ssize_t)sizeof(is));
	assert_memory_equal(is, was, sizeof(was));
	maildrop_close(&d);
	/* and nothing that stands there is taken for one */
	assert_int_equal(truncate(s->state, STATE_BODY), 0);
	(void)open_box(s, &d, 0);
	assert_int_equal(copies_recorded(d.state_fd), 0);
	maildrop_close(&d);
}

/* A record with any octet changed, or cut short, counts as none. */
static void
damaged_record(void **state)
{
	static const unsigned char changes[] = {0x01, 0x80, 0xff, 0x20};
	const struct spool *s = *state;
	unsigned char r[400];
	struct ids kept, plain, now;
	size_t n = kept_box(s, &kept, &plain, r, sizeof(r));

	now = look_with(s, r, n);
	assert_memory_equal(&now, &kept, sizeof(now));
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(changes); k++) {
			r[i] ^= changes[k];
			now = look_with(s, r, n);
			assert_memory_equal(&now, &plain, sizeof(now));
			r[i] ^= changes[k];
		}
		now = look_with(s, r, i);
		assert_memory_equal(&now, &plain, sizeof(now));
	}
	memset(r + n, 0xee, 40); /* what lies behind it does not matter */
	now = look_with(s, r, n + 40);
	assert_memory_equal(&now, &kept, sizeof(now));
}

static void
put_u32(unsigned char *to, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

/* seal - gives a record of count the digest it needs; returns its size. */
static size_t
seal(unsigned char *r, uint32_t count)
{
	size_t n = 16 + 20 * (size_t)count;
	struct digest d;

	put_u32(r + 12, count);
	digest_init(&d);
	digest_add(&d, r, n);
	digest_end(&d, r + n);
	return n + DIGEST_OCTETS;
}

/* Records that are whole and lie: of messages that are not there, with ordinals
 * that are none, the same ones, falling ones, too many. The ids are distinct
 * (look sees to that), whatever they are. */
static void
lying_record(void **state)
{
	static const uint32_t ordinals[] = {
	    0, 1, 2, 3, 7, INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX};
	enum { KINDS = sizeof(ordinals) / sizeof(ordinals[0]) };
	const struct spool *s = *state;
	unsigned char r[400], a[UID_OCTETS], b[UID_OCTETS];
	struct ids kept, plain, now, again;
	uint64_t seed = 3;

	(void)kept_box(s, &kept, &plain, r, sizeof(r));
	memcpy(a, plain.id[0], UID_OCTETS);
	memcpy(b, plain.id[3], UID_OCTETS);
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t count = dice(&seed, 12);

		for (size_t i = 0; i < count; i++) {
			unsigned char *p = r + 16 + 20 * i;

			if (dice(&seed, 8) == 0)
				memset(p, (int)dice(&seed, 256), UID_OCTETS);
			else
				memcpy(p, dice(&seed, 3) ? a : b, UID_OCTETS);
			put_u32(p + UID_OCTETS, ordinals[dice(&seed, KINDS)]);
		}
		now = look_with(s, r, seal(r, count));
		assert_int_equal(now.count, 4);
		again = look(s);
		assert_memory_equal(&now, &again, sizeof(now));
	}
	/* a count that the file does not bear out */
	for (uint32_t count = 1; count != 0; count *= 2) {
		put_u32(r + 12, count - 1);
		now = look_with(s, r, 16);
		assert_memory_equal(&now, &plain, sizeof(now));
	}
	for (size_t i = 0; i < sizeof(r); i++)
		r[i] = (unsigned char)dice(&seed, 256);
	now = look_with(s, r, sizeof(r));
	assert_memory_equal(&now, &plain, sizeof(now));
}

/* What is whole but not ours counts as none: another beginning, another
 * version, more than we would have written. */
static void
foreign_record(void **state)
{
	enum { MANY = COPIES_KEPT_MAX + 1 };
	const struct spool *s = *state;
	unsigned char r[400], *many = malloc(16 + 20 * MANY + DIGEST_OCTETS);
	struct ids kept, plain, now;
	size_t n;

	assert_non_null(many);
	(void)kept_box(s, &kept, &plain, r, sizeof(r));
	n = seal(r, 4);
	now = look_with(s, r, n);
	assert_memory_equal(&now, &kept, sizeof(now));
	put_u32(r + 8, 2); /* the version */
	now = look_with(s, r, seal(r, 4));
	assert_memory_equal(&now, &plain, sizeof(now));
	put_u32(r + 8, 1);
	r[7] ^= 1; /* the last octet of "popdcopy" */
	now = look_with(s, r, seal(r, 4));
	assert_memory_equal(&now, &plain, sizeof(now));
	r[7] ^= 1;
	memcpy(many, r, 16 + 80);
	memset(many + 96, 0xee, 20 * (size_t)(MANY - 4));
	now = look_with(s, many, seal(many, MANY - 1));
	assert_memory_equal(&now, &kept, sizeof(now));
	now = look_with(s, many, seal(many, MANY));
	assert_memory_equal(&now, &plain, sizeof(now));
	free(many);
}

/* Many messages of which no two are alike: the table has room for them. */
static void
many_and_all_different(void **state)
{
	enum { N = 3000, LEN = 64 };
	const struct spool *s = *state;
	char *text = malloc(N * LEN);
	struct maildrop d;
	size_t n = 0;

	assert_non_null(text);
	for (unsigned i = 0; i < N; i++)
		n += (size_t)snprintf(
		    text + n, LEN, FROM "Subject: %u\n\nx\n\n", i);
	assert_true(n < N * LEN);
	spool_put(s->box, text, n);
	free(text);
	alarm(60); /* rather than for ever */
	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR), -1),
	    RC_OK);
	assert_int_equal(d.count, N);
	assert_int_equal(mbox_identify(&d), RC_OK);
	alarm(0);
	qsort(d.msg, d.count, sizeof(*d.msg), compare);
	for (size_t i = 1; i < d.count; i++)
		assert_true(compare(&d.msg[i - 1], &d.msg[i]) < 0);
	maildrop_close(&d);
}

/* Another program took copies away without our record: what is left has ids
 * from it, and they are distinct. */
static void
record_without_its_messages(void **state)
{
	const struct spool *s = *state;
	unsigned char r[400];
	struct ids kept, plain, now;
	size_t n = kept_box(s, &kept, &plain, r, sizeof(r));

	spool_put(s->box, A, strlen(A));
	now = look_with(s, r, n);
	assert_int_equal(now.count, 1);
	assert_memory_equal(now.id[0], kept.id[0], UID_OCTETS);
	spool_put(s->box, LONE, strlen(LONE));
	assert_int_equal(look_with(s, r, n).count, 1);
	spool_put(s->box, "", 0);
	assert_int_equal(look_with(s, r, n).count, 0);
}

/* More copies than the record holds: those beyond it may change their ids, but
 * all are distinct, and it takes no time to speak of. */
static void
more_than_are_kept(void **state)
{
	enum { N = COPIES_KEPT_MAX + 3000 };
	const size_t len = strlen(A);
	const struct spool *s = *state;
	char *text = malloc(N * len);
	unsigned char second[UID_OCTETS];
	struct maildrop d;

	assert_non_null(text);
	for (size_t i = 0; i < N; i++)
		memcpy(text + i * len, A, len);
	spool_put(s->box, text, N * len);
	free(text);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(
		    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
			spool_open(s->state, O_RDWR | O_CREAT)),
		    RC_OK);
		assert_int_equal(d.count, N - round);
		assert_int_equal(mbox_identify(&d), RC_OK);
		if (round == 1)
			assert_memory_equal(d.msg[0].id, second, UID_OCTETS);
		memcpy(second, d.msg[1].id, UID_OCTETS);
		maildrop_delete(&d, 0);
		if (round == 0)
			assert_int_equal(update(&d, d.state_fd), RC_OK);
		qsort(d.msg, d.count, sizeof(*d.msg), compare);
		for (size_t i = 1; i < d.count; i++)
			assert_true(compare(&d.msg[i - 1], &d.msg[i]) < 0);
		maildrop_close(&d);
	}
}

static void
nothing_to_keep_or_free(void **state)
{
	struct maildrop d = {.fd = -1, .state_fd = -1};

	(void)state;
	copies_free(NULL);
	assert_int_equal(copies_keep(&d), RC_OK);
	assert_int_equal(copies_find(&d), RC_OK);
	assert_int_equal(copies_keep(&d), RC_OK);
	maildrop_close(&d);
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, spool_make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_subset_twice),
	    CASE(every_subset_of_kinds),
	    CASE(numbers),
	    CASE(without_state),
	    CASE(state_that_fails),
	    CASE(record_comes_and_goes),
	    CASE(record_keeps_to_its_place),
	    CASE(damaged_record),
	    CASE(lying_record),
	    CASE(foreign_record),
	    CASE(many_and_all_different),
	    CASE(record_without_its_messages),
	    CASE(more_than_are_kept),
	    CASE(nothing_to_keep_or_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
