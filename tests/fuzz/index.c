/* index - a mailbox's index with any octets in it, its checksums right or not:
 * what a session makes of it is sound and can be used. */
#include "fuzz.h"
#include "store/from.h"
#include "store/journal.h"
#include "store/maildrop.h"
#include "store/mbox.h"
#include "sys/digest.h"

FUZZ_FILES

#define A "From a@b Mon Jan  1 00:00:00 2024\nSubject: a\n\none\n\n"
#define B "From b@a Mon Jan  1 00:00:00 2024\r\nSubject: b\r\n\r\ntwo\r\n\r\n"

/* The index as it lies in the file. */
enum {
	SIZE = 2,
	COUNT = 6,
	KEPT = 9,
	MSG_SUM = 11,
	KEPT_SUM,
	HEAD_OCTETS = 120
};

static struct maildrop
opened(int fd, int state)
{
	struct maildrop d;

	must(maildrop_open(&d, &mbox_ops, dup(fd), dup(state)) == RC_OK);
	return d;
}

static uint64_t
get(const unsigned char *octets, size_t which)
{
	uint64_t value;

	memcpy(&value, octets + 8 + 8 * which, sizeof(value));
	return le64toh(value);
}

static void
set(unsigned char *octets, size_t which, uint64_t value)
{
	value = htole64(value);
	memcpy(octets + 8 + 8 * which, &value, sizeof(value));
}

/* seal - the checksums of what lies within the n octets. */
static void
seal(unsigned char *octets, size_t n)
{
	uint64_t kept = get(octets, KEPT), count = get(octets, COUNT);

	if (kept <= (n - HEAD_OCTETS) / 20)
		set(octets, KEPT_SUM,
		    digest_quick(0, octets + HEAD_OCTETS, (size_t)kept * 20));
	else
		kept = 0;
	if (count <= (n - HEAD_OCTETS - kept * 20) / sizeof(struct message))
		set(octets, MSG_SUM,
		    digest_quick(0, octets + HEAD_OCTETS + kept * 20,
			(size_t)count * sizeof(struct message)));
	set(octets, HEAD_OCTETS / 8 - 2,
	    digest_quick(0, octets, HEAD_OCTETS - 8));
}

static void
sound(const struct maildrop *d)
{
	uint64_t at = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct message *m = &d->msg[i];
		uint64_t next = (uint64_t)mbox_next(d, i);

		must(m->at >= at && m->at <= next && !m->deleted);
		must(m->from_len > 0 && m->from_len <= FROM_MAX_OCTETS);
		must(m->tail <= 2);
		must(next - m->at >= (uint64_t)m->from_len + m->tail);
		at = next;
	}
	must(d->end <= d->mark.size);
}

/* use - ids, texts, a deletion. */
static void
use(struct maildrop *d, unsigned gone, int state)
{
	struct order order;
	char block[100];
	enum rc rc;

	sound(d);
	rc = mbox_identify(d);
	must(rc == RC_OK || rc == RC_CHANGED);
	for (size_t i = 0; i < d->count; i++) {
		uint64_t from = 0;
		size_t got;

		do {
			rc = mbox_read(d, i, from, block, sizeof(block), &got);
			must(rc == RC_OK || rc == RC_CHANGED);
			from += got;
		} while (rc == RC_OK && got > 0);
	}
	for (size_t i = 0; i < d->count && i < 8; i++) {
		if ((gone >> i & 1) != 0)
			maildrop_delete(d, i);
	}
	rc = d->ops->prove(d, MAILDROP_WHOLE, &(struct window){.n = 0});
	must(rc == RC_OK || rc == RC_CHANGED);
	rc = mbox_plan(d, state, &order);
	must(rc == RC_OK || rc == RC_CHANGED || rc == RC_STATE);
	if (rc == RC_OK) {
		must(journal_run(state, d->fd, &order) == RC_OK);
		mbox_removed(d);
		sound(d);
		rc = mbox_identify(d);
		must(rc == RC_OK || rc == RC_CHANGED);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static const char box[] = A B A A B;
	struct input in = {octets, n};
	unsigned mode = input_octet(&in), gone = input_octet(&in);
	unsigned char index[HEAD_OCTETS + 40 * 32 + 100] = {0};
	int fd = fuzz_file(box, sizeof(box) - 1), state = fuzz_file("", 0);
	struct maildrop d = opened(fd, state);
	size_t have;

	must(mbox_identify(&d) == RC_OK);
	maildrop_delete(&d, 0);
	{
		struct order order;

		must(mbox_plan(&d, state, &order) == RC_OK);
		must(journal_run(state, fd, &order) == RC_OK);
		mbox_removed(&d);
	}
	maildrop_close(&d);
	have = (size_t)pread(state, index, sizeof(index), STATE_BODY);
	must(have > HEAD_OCTETS);
	if ((mode & 4) != 0) /* the mailbox has grown */
		must(pwrite(fd, A B, sizeof(A B) - 1, (off_t)get(index, SIZE)) >
		     0);
	for (size_t at = mode & 8 ? HEAD_OCTETS : 8; in.left > 0; at++) {
		unsigned c = input_octet(&in);

		if (c == 0xff) /* some octets stay */
			at += input_octet(&in);
		else if (at < sizeof(index))
			index[at] ^= (unsigned char)c;
		if (at >= have && at < sizeof(index))
			have = at + 1;
	}
	if ((mode & 3) != 0)
		seal(index, have);
	must(pwrite(state, index, have, STATE_BODY) == (ssize_t)have);
	d = opened(fd, state);
	use(&d, gone, state);
	maildrop_close(&d);
	close(fd);
	close(state);
	return 0;
}
