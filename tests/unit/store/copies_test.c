/* copies_test - messages that are alike to the octet keep ids of their own,
 * whichever of them are deleted, and whatever became of the record of them. */
#include "spool.h"
#include "store/copies.h"
#include "store/mbox.h"
#include "store/uid.h"
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
	snprintf(journal, sizeof(journal), "%s/journal", s->dir);
	fd = spool_open(journal, O_RDWR | O_CREAT);
	assert_int_equal(update(&d, fd), RC_OK);
	close(fd);
	maildrop_close(&d);
	spool_holds(s->box, A LONE A, strlen(A LONE A));
	spool_holds(s->state, "", 0);
	assert_int_equal(look(s).count, 3);
}

/* recorded - how many copies the record in the state file holds. */
static size_t
recorded(const struct spool *s)
{
	struct maildrop d;
	size_t n;

	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
		spool_open(s->state, O_RDWR)),
	    RC_OK);
	n = d.kept_count;
	maildrop_close(&d);
	return n;
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
	assert_int_equal(recorded(s), 2); /* 2, 3 */
	assert_int_equal(remove_marked(s, 2, B, 0).count, 1);
	assert_int_equal(recorded(s), 1); /* 2 alone */
	assert_int_equal(remove_marked(s, 1, LONE, 0).count, 1);
	assert_int_equal(recorded(s), 0);
}

/* Of messages that are all gone nothing is kept, whether or not anybody asked
 * for their ids: the next of the kind is the first one. */
static void
record_goes_with_the_last(void **state)
{
	const struct spool *s = *state;
	struct ids first, ids;

	put_box(s, A);
	first = look(s);
	for (unsigned identified = 0; identified < 2; identified++) {
		struct maildrop d;

		put_box(s, A A);
		(void)remove_marked(s, 1, "", 0);
		assert_int_equal(recorded(s), 1);
		assert_int_equal(
		    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR),
			spool_open(s->state, O_RDWR)),
		    RC_OK);
		if (identified)
			assert_int_equal(mbox_identify(&d), RC_OK);
		maildrop_delete(&d, 0);
		assert_int_equal(update(&d, d.state_fd), RC_OK);
		maildrop_close(&d);
		spool_append(s->box, A, strlen(A));
		ids = look(s);
		assert_int_equal(ids.count, 1);
		assert_memory_equal(&ids, &first, sizeof(ids));
	}
}

/* put_record - the p-th record: a base id and an ordinal. */
static void
put_record(unsigned char *records, size_t p, const unsigned char *base,
    uint32_t ordinal)
{
	unsigned char *to = records + p * COPIES_RECORD_OCTETS;

	memcpy(to, base, UID_OCTETS);
	for (size_t i = 0; i < 4; i++)
		to[UID_OCTETS + i] = (unsigned char)(ordinal >> (8 * i));
}

/* look_with - the ids with count records instead of those in the state file. */
static struct ids
look_with(const struct spool *s, const unsigned char *records, size_t count)
{
	size_t n = count * COPIES_RECORD_OCTETS;
	struct ids ids = {0};
	struct maildrop d;

	assert_int_equal(
	    maildrop_open(&d, &mbox_ops, spool_open(s->box, O_RDWR), -1),
	    RC_OK);
	d.kept = malloc(n + 1);
	assert_non_null(d.kept);
	memcpy(d.kept, records, n);
	d.kept_count = count;
	assert_int_equal(mbox_identify(&d), RC_OK);
	assert_true(d.count <= MAX);
	ids.count = d.count;
	for (size_t i = 0; i < d.count; i++) {
		memcpy(ids.id[i], d.msg[i].id, UID_OCTETS);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(
			    ids.id[i], ids.id[k], UID_OCTETS);
	}
	maildrop_close(&d);
	return ids;
}

/* Records that lie: of messages that are not there, with ordinals that are
 * none, the same ones, falling ones, too many. The ids are distinct (look_with
 * sees to that) and the same each time, whatever they are. */
static void
lying_record(void **state)
{
	static const uint32_t ordinals[] = {
	    0, 1, 2, 3, 7, INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX};
	enum { KINDS = sizeof(ordinals) / sizeof(ordinals[0]), MOST = 12 };
	const struct spool *s = *state;
	unsigned char r[MOST * COPIES_RECORD_OCTETS], other[UID_OCTETS];
	struct ids plain, now, again;
	uint64_t seed = 3;

	put_box(s, A A A B);
	plain = look(s);
	for (unsigned round = 0; round < 3000; round++) {
		size_t count = dice(&seed, MOST);

		for (size_t i = 0; i < count; i++) {
			memset(other, (int)dice(&seed, 256), sizeof(other));
			put_record(r, i,
			    dice(&seed, 8) == 0   ? other
			    : dice(&seed, 3) == 0 ? plain.id[3]
						  : plain.id[0],
			    ordinals[dice(&seed, KINDS)]);
		}
		now = look_with(s, r, count);
		assert_int_equal(now.count, 4);
		again = look_with(s, r, count);
		assert_memory_equal(&now, &again, sizeof(now));
		if (count == 0)
			assert_memory_equal(&now, &plain, sizeof(now));
	}
}

/* kept_box - a mailbox whose copies have 2, 3, 5 and, of the other kind, 2, in
 * *kept, and without the record others, in *plain. */
static void
kept_box(const struct spool *s, struct ids *kept, struct ids *plain)
{
	struct maildrop d;

	put_box(s, A A A A A B B);
	(void)remove_marked(s, 0x29, "", 0);
	*kept = look(s);
	*plain = open_box(s, &d, 1);
	maildrop_close(&d);
	assert_memory_not_equal(kept, plain, sizeof(*kept));
}

/* The record means what it says. */
static void
records_are_heeded(void **state)
{
	const struct spool *s = *state;
	unsigned char r[4 * COPIES_RECORD_OCTETS], id[UID_OCTETS];
	struct ids kept, plain, now;

	kept_box(s, &kept, &plain);
	assert_int_equal(recorded(s), 4);
	put_record(r, 0, plain.id[0], 2);
	put_record(r, 1, plain.id[0], 3);
	put_record(r, 2, plain.id[0], 5);
	put_record(r, 3, plain.id[3], 2);
	now = look_with(s, r, 4);
	assert_memory_equal(&now, &kept, sizeof(now));
	uid_copy(plain.id[0], 5, id);
	assert_memory_equal(now.id[2], id, UID_OCTETS);
	now = look_with(s, r, 0);
	assert_memory_equal(&now, &plain, sizeof(now));
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
	struct ids kept, plain, now;

	kept_box(s, &kept, &plain);
	spool_put(s->box, A, strlen(A));
	now = look(s);
	assert_int_equal(now.count, 1);
	assert_memory_equal(now.id[0], kept.id[0], UID_OCTETS);
	spool_put(s->box, LONE, strlen(LONE));
	assert_int_equal(look(s).count, 1);
	spool_put(s->box, "", 0);
	assert_int_equal(look(s).count, 0);
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
		assert_int_equal(mbox_identify(&d), RC_OK);
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
	    CASE(record_goes_with_the_last),
	    CASE(records_are_heeded),
	    CASE(lying_record),
	    CASE(many_and_all_different),
	    CASE(record_without_its_messages),
	    CASE(more_than_are_kept),
	    CASE(nothing_to_keep_or_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
