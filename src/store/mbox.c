/* mbox - reading the messages that mbox_scan found, from a file that other
 * programs may have changed since. Knows the mbox format and no protocol. */
#include "store/mbox.h"
#include "store/copies.h"
#include "store/from.h"
#include "store/index.h"
#include "store/uid.h"
#include "sys/io.h"
#include <string.h>

enum { PAUSE_MS = 5, PAUSES = 20 }; /* for a write that is under way */

static void
span(const struct maildrop *d, size_t i, uint64_t *at, uint64_t *end)
{
	if (i == MAILDROP_WHOLE) {
		*end = (uint64_t)d->end;
		*at = d->count > 0 ? d->msg[0].at : *end;
	} else {
		*end = (uint64_t)mbox_next(d, i) - d->msg[i].tail;
		*at = d->msg[i].at + d->msg[i].from_len;
	}
}

static enum rc
read_at(const struct maildrop *d, uint64_t at, char *to, size_t n)
{
	size_t got;
	enum rc rc = io_pread(d->fd, to, n, (off_t)at, &got);

	return rc == RC_OK && got != n ? RC_CHANGED : rc;
}

static enum rc
prove(struct maildrop *d, size_t i, const struct window *seen)
{
	enum rc rc;

	if (i == MAILDROP_WHOLE)
		return mbox_prove(d, 0, d->count, seen);
	rc = mbox_prove(d, i + 1 == d->proved ? i + 1 : i, i + 2, seen);
	d->proved = rc == RC_OK ? i + 2 : 0;
	return rc;
}

const struct maildrop_ops mbox_ops = {
    .name = "mbox",
    .scan = mbox_scan,
    .identify = mbox_identify,
    .check = mbox_check,
    .prove = prove,
    .doubt = index_drop,
    .span = span,
    .read = read_at,
    .whole = mbox_whole,
    .plan = mbox_plan,
    .removed = mbox_removed,
};

off_t
mbox_next(const struct maildrop *d, size_t i)
{
	return i + 1 < d->count ? (off_t)d->msg[i + 1].at : d->end;
}

static unsigned
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

enum rc
mbox_is_at(const struct maildrop *d, size_t i)
{
	const struct message *m = &d->msg[i];
	char line[FROM_MAX_OCTETS];
	size_t got;
	enum rc rc = io_pread(d->fd, line, m->from_len, (off_t)m->at, &got);

	if (rc != RC_OK)
		return rc;
	return got == m->from_len && mbox_sum(line, got) == m->from_sum
		   ? RC_OK
		   : RC_CHANGED;
}

/* is_at - mbox_is_at; where one is not, an index that says so is not to be
 * believed. */
static enum rc
is_at(struct maildrop *d, size_t i)
{
	enum rc rc = mbox_is_at(d, i);

	if (rc == RC_CHANGED)
		index_drop(d);
	return rc;
}

/* was_seen_at - whether the From_ line of message i is where it is thought to
 * be, by what was seen alone. */
static unsigned
was_seen_at(const struct maildrop *d, size_t i, const struct window *seen)
{
	const struct message *m = &d->msg[i];
	uint64_t from = m->at - seen->at;

	return m->at >= seen->at && from < seen->n &&
	       m->from_len <= seen->n - from &&
	       mbox_sum(seen->octets + from, m->from_len) == m->from_sum;
}

enum rc
mbox_prove(
    struct maildrop *d, size_t first, size_t end, const struct window *seen)
{
	enum rc rc = RC_OK;

	for (size_t i = first; i < end && i < d->count && rc == RC_OK; i++) {
		if (d->msg[i].sampled && !was_seen_at(d, i, seen))
			rc = is_at(d, i);
	}
	return rc;
}

/* is_appended - RC_OK when what stands behind the scan's end is mail, as far as
 * it has been written: a From_ line, perhaps behind blank lines, which belong
 * to the message before. RC_CHANGED: the last message has grown. */
static enum rc
is_appended(struct maildrop *d)
{
	static const char from[] = "From ";
	char text[64];
	size_t got, i = 0, n = sizeof(from) - 1;
	enum rc rc = io_pread(d->fd, text, sizeof(text), d->end, &got);

	if (rc != RC_OK)
		return rc;
	while (i < got && (text[i] == '\n' || text[i] == '\r'))
		i++;
	d->fresh = d->end + (off_t)i;
	if (n > got - i)
		n = got - i;
	return memcmp(text + i, from, n) == 0 ? RC_OK : RC_CHANGED;
}

/* settled_mark - the file's mark now. A write(2) that is under way has already
 * moved the times and not yet the size, so a file whose times alone have
 * changed is looked at again for a moment. */
static enum rc
settled_mark(const struct maildrop *d, struct mark *now)
{
	const struct mark *was = &d->mark;

	for (unsigned pauses = 0;; pauses++) {
		enum rc rc = mbox_mark(d->fd, now);

		if (rc != RC_OK || now->size != was->size || pauses == PAUSES ||
		    same_time(&now->ctime, &was->ctime))
			return rc;
		io_pause(PAUSE_MS);
	}
}

/* mbox_check: the file is the one that was scanned when nothing about it has
 * changed, or when it has grown by mail and every message still begins where
 * it did. A change that stays without growth is never an append. */
enum rc
mbox_check(struct maildrop *d)
{
	const struct mark *was = &d->mark;
	struct mark now;
	enum rc rc;

	if (d->fd < 0)
		return RC_OK;
	rc = settled_mark(d, &now);
	if (rc != RC_OK)
		return rc;
	if (now.links == 0)
		return RC_CHANGED;
	if (now.size == was->size && same_time(&now.mtime, &was->mtime) &&
	    same_time(&now.ctime, &was->ctime))
		return RC_OK;
	if (now.size <= was->size)
		return RC_CHANGED;
	for (size_t i = 0; i < d->count && rc == RC_OK; i++)
		rc = is_at(d, i);
	if (rc == RC_OK)
		rc = is_appended(d);
	if (rc == RC_OK)
		d->mark = now;
	return rc;
}

enum rc
mbox_read(struct maildrop *d, size_t i, uint64_t from, char *to, size_t size,
    size_t *got)
{
	uint64_t at, end;

	span(d, i, &at, &end);
	*got = 0;
	if (from >= end - at)
		return RC_OK;
	if (size > end - at - from)
		size = (size_t)(end - at - from);
	*got = size;
	return read_at(d, at + from, to, size);
}

uint64_t
mbox_whole(const struct maildrop *d)
{
	uint64_t octets = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct message *m = &d->msg[i];

		octets += m->from_len + m->from_bare + m->octets;
		octets += m->tail != 0 ? 2 : 0;
	}
	return octets;
}

/* identify_one - the id of message i, from as much of it as is header. */
static enum rc
identify_one(struct maildrop *d, size_t i)
{
	char block[4096];
	struct uid_hash h;
	uint64_t from = 0;
	size_t got;

	uid_init(&h);
	do {
		enum rc rc = mbox_read(d, i, from, block, sizeof(block), &got);

		if (rc != RC_OK)
			return rc;
		from += got;
	} while (got > 0 && !uid_add(&h, block, got));
	uid_end(&h, d->msg[i].octets, d->msg[i].id);
	return RC_OK;
}

/* prove_rest - an id counts a message's octets: where those of one that has no
 * id yet are from the index of a mailbox that has grown since, all of it is
 * read. */
static enum rc
prove_rest(struct maildrop *d)
{
	size_t i = d->with_ids;
	enum rc rc;

	while (i < d->count && !d->msg[i].sampled)
		i++;
	if (i == d->count)
		return RC_OK;
	rc = mbox_compare(d);
	if (rc == RC_CHANGED)
		index_drop(d);
	return rc;
}

enum rc
mbox_identify(struct maildrop *d)
{
	unsigned made;
	enum rc rc;

	if (d->identified)
		return RC_OK;
	rc = prove_rest(d);
	made = d->with_ids < d->count;
	for (size_t i = d->with_ids; i < d->count && rc == RC_OK; i++)
		rc = identify_one(d, i);
	if (rc == RC_OK && made) /* then that was the mailbox's */
		rc = mbox_check(d);
	if (rc == RC_OK)
		rc = copies_find(d);
	if (rc != RC_OK)
		return rc;
	d->with_ids = d->count;
	d->identified = 1;
	if (made)
		index_save(d);
	return RC_OK;
}
