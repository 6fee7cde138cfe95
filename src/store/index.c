/* index - see index.h. Knows the mbox format as far as message records go.
 *
 * In the state file, from STATE_BODY: a head of 64-bit numbers, little-endian;
 * the record of copies, first since it cannot be made anew; then the messages
 * as they lie in memory (the head says how that is on this kind of machine).
 * The head has checksums of both and of itself. Ids are those before copies
 * were told apart.
 *
 * An unchanged inode, size and ctime is an unchanged mailbox where the clock
 * had gone on when the mark was taken (mark.quiet). A mailbox that has
 * grown is the old one with mail behind it when the octets before the old end
 * are the old ones and From_ lines stand where they stood: all of them in a
 * small mailbox, some of them in a large one. Some prove nothing of the others,
 * nor do From_ lines of the octets between them: such messages are sampled, in
 * the index that is written next as well, and proved when they are used. */
#include "store/index.h"
#include "store/copies.h"
#include "store/from.h"
#include "store/mbox.h"
#include "store/survivors.h"
#include "sys/buf.h"
#include "sys/digest.h"
#include "sys/io.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TAIL_OCTETS = 4096,
	PROBES = 64,            /* From_ lines that are looked at */
	MESSAGE_MIN_OCTETS = 16 /* a From_ line has more */
};

/* head - numbers only. */
struct head {
	uint64_t layout; /* of struct message in memory */
	uint64_t ino, size, ctime_s, ctime_ns;
	uint64_t end;        /* of the messages */
	uint64_t count;      /* of them */
	uint64_t identified; /* so many have ids */
	uint64_t copies;     /* how many messages share an id */
	uint64_t kept;       /* records of copies */
	uint64_t tail_sum;   /* of the octets before end */
	uint64_t msg_sum, kept_sum;
};

enum {
	HEAD_NUMBERS = sizeof(struct head) / sizeof(uint64_t),
	HEAD_OCTETS = 8 + 8 * HEAD_NUMBERS + 8
};

static const char magic[8] = {'p', 'o', 'p', 'd', 'i', 'd', 'x', '2'};

/* layout - tells machines apart that would read each other's messages wrong. */
static uint64_t
layout(void)
{
	struct message m;

	memset(&m, 0, sizeof(m));
	m.at = UINT64_C(0x123456789ab);
	m.from_len = 0x155;
	m.tail = 2;
	m.from_bare = 1;
	m.sampled = 1;
	m.octets = UINT64_C(0x9876543210);
	m.from_sum = 0xabcdef;
	m.id[0] = 7;
	return digest_quick(sizeof(m), &m, sizeof(m));
}

/* parse - the head in octets, or 0. */
static unsigned
parse(unsigned char octets[HEAD_OCTETS], struct head *out)
{
	uint64_t numbers[HEAD_NUMBERS], sum;
	struct buf b;

	buf_init(&b, octets, HEAD_OCTETS);
	b.len = HEAD_OCTETS;
	b.pos = sizeof(magic);
	if (memcmp(octets, magic, sizeof(magic)) != 0)
		return 0;
	for (size_t i = 0; i < HEAD_NUMBERS; i++) {
		if (buf_get_u64(&b, &numbers[i]) != RC_OK)
			return 0;
	}
	memcpy(out, numbers, sizeof(*out));
	return buf_get_u64(&b, &sum) == RC_OK &&
	       sum == digest_quick(0, octets, HEAD_OCTETS - 8) &&
	       out->count < INT32_MAX && out->kept <= COPIES_KEPT_MAX &&
	       out->identified <= out->count && out->size <= INT64_MAX &&
	       out->end <= out->size &&
	       out->count <= out->end / MESSAGE_MIN_OCTETS;
}

/* messages_at - where they are, behind so many records of copies. */
static uint64_t
messages_at(uint64_t kept)
{
	return STATE_BODY + HEAD_OCTETS + kept * COPIES_RECORD_OCTETS;
}

/* tail_sum - of the octets before end. */
static enum rc
tail_sum(const struct maildrop *d, off_t end, uint64_t *out)
{
	unsigned char octets[TAIL_OCTETS];
	size_t n = end < TAIL_OCTETS ? (size_t)end : TAIL_OCTETS, got = 0;
	enum rc rc = io_pread(d->fd, octets, n, end - (off_t)n, &got);

	if (rc == RC_OK)
		*out = digest_quick(0, octets, got);
	return rc;
}

/* is_sound - whether the messages could be those of a mailbox: one behind the
 * other, none with more octets than its place can make. */
static unsigned
is_sound(const struct message *msg, const struct head *h)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct message *m = &msg[i];
		uint64_t next = i + 1 < h->count ? msg[i + 1].at : h->end;
		uint64_t stored = next - m->at - m->from_len - m->tail;

		if (next < m->at ||
		    next - m->at < (uint64_t)m->from_len + m->tail ||
		    m->from_len == 0 || m->from_len > FROM_MAX_OCTETS ||
		    m->tail > 2 || m->octets < stored ||
		    m->octets > 2 * stored + 2)
			return 0;
	}
	return 1;
}

/* has_grown - whether d is the mailbox of h, with more behind it. Sampled are
 * the messages whose From_ line is not compared, or whose id, which counts
 * their octets, is still to be made. */
static enum rc
has_grown(struct maildrop *d, const struct head *h, unsigned *out)
{
	size_t step = d->count > PROBES ? d->count / PROBES : 1;
	uint64_t sum = 0;
	enum rc rc = tail_sum(d, (off_t)h->end, &sum);

	*out = 0;
	if (rc != RC_OK || sum != h->tail_sum)
		return rc;
	for (size_t i = 0; i < d->count; i++)
		d->msg[i].sampled = step > 1 || i >= h->identified;
	for (size_t i = 0; i < d->count && rc == RC_OK; i += step)
		rc = mbox_is_at(d, i);
	if (rc == RC_OK)
		rc = mbox_is_at(d, d->count - 1);
	*out = rc == RC_OK;
	return rc == RC_CHANGED ? RC_OK : rc;
}

/* read_part - n octets at the offset at, into new memory. *out is NULL when
 * they are not those of sum, or there is nothing to read. */
static enum rc
read_part(
    const struct maildrop *d, uint64_t at, size_t n, uint64_t sum, void **out)
{
	size_t got = 0;
	enum rc rc;

	*out = NULL;
	if (n == 0)
		return RC_OK;
	*out = malloc(n);
	if (*out == NULL)
		return RC_NOMEM;
	rc = io_pread(d->state_fd, *out, n, (off_t)at, &got);
	if (rc == RC_OK && got == n && digest_quick(0, *out, n) == sum)
		return RC_OK;
	free(*out);
	*out = NULL;
	return rc;
}

/* take - the messages of h, as far as they are still those of the mailbox. */
static enum rc
take(struct maildrop *d, const struct head *h)
{
	unsigned same = (uint64_t)d->mark.size == h->size &&
			(uint64_t)d->mark.ctime.tv_sec == h->ctime_s &&
			(uint64_t)d->mark.ctime.tv_nsec == h->ctime_ns;
	unsigned grown = 0;
	void *msg;
	enum rc rc;

	if (h->layout != layout() || (uint64_t)d->mark.ino != h->ino ||
	    h->count == 0 || (!same && (uint64_t)d->mark.size <= h->size))
		return RC_OK;
	rc = read_part(d, messages_at(h->kept),
	    h->count * sizeof(struct message), h->msg_sum, &msg);
	if (msg == NULL)
		return rc;
	d->msg = msg;
	d->count = d->room = is_sound(msg, h) ? (size_t)h->count : 0;
	if (!same && d->count > 0)
		rc = has_grown(d, h, &grown);
	if (!same && !grown)
		d->count = 0;
	d->with_ids = h->identified < d->count ? h->identified : d->count;
	if (d->count > 0)
		d->end = (off_t)h->end;
	d->alike = (size_t)h->copies;
	d->identified = d->count > 0 && same && d->with_ids == d->count &&
			h->copies == 0 && h->kept == 0;
	return rc;
}

enum rc
index_load(struct maildrop *d)
{
	unsigned char octets[HEAD_OCTETS];
	struct head h;
	void *kept;
	size_t got;
	enum rc rc;

	d->with_ids = 0;
	if (d->state_fd < 0)
		return RC_OK;
	rc = io_pread(d->state_fd, octets, sizeof(octets), STATE_BODY, &got);
	if (rc != RC_OK || got != sizeof(octets) || !parse(octets, &h))
		return rc;
	rc = read_part(d, STATE_BODY + HEAD_OCTETS,
	    (size_t)h.kept * COPIES_RECORD_OCTETS, h.kept_sum, &kept);
	d->kept = kept;
	d->kept_count = kept != NULL ? (size_t)h.kept : 0;
	return rc == RC_OK ? take(d, &h) : rc;
}

/* write_head - makes what was written an index. */
static enum rc
write_head(const struct maildrop *d, const struct head *h)
{
	unsigned char octets[HEAD_OCTETS];
	uint64_t numbers[HEAD_NUMBERS];
	struct buf b;
	enum rc rc;

	memcpy(numbers, h, sizeof(numbers));
	buf_init(&b, octets, sizeof(octets));
	rc = buf_put(&b, magic, sizeof(magic));
	for (size_t i = 0; i < HEAD_NUMBERS && rc == RC_OK; i++)
		rc = buf_put_u64(&b, numbers[i]);
	if (rc == RC_OK)
		rc = buf_put_u64(&b, digest_quick(0, octets, b.len));
	return rc == RC_OK ? io_pwrite(d->state_fd, octets, b.len, STATE_BODY)
			   : rc;
}

/* write_parts - the record of copies and the messages, then the head. Where
 * there is no room for the messages, or they are in doubt, an index of none:
 * the record stays. */
static enum rc
write_parts(const struct maildrop *d, struct head *h)
{
	size_t msg = d->count * sizeof(struct message);
	size_t kept = d->kept_count * COPIES_RECORD_OCTETS;
	enum rc rc = RC_OK;

	h->msg_sum = digest_quick(0, d->msg, msg);
	h->kept_sum = digest_quick(0, d->kept, kept);
	if (kept > 0)
		rc = io_pwrite(
		    d->state_fd, d->kept, kept, STATE_BODY + HEAD_OCTETS);
	if (rc != RC_OK)
		return rc;
	if (d->doubted || io_pwrite(d->state_fd, d->msg, msg,
			      (off_t)messages_at(d->kept_count)) != RC_OK)
		h->count = h->identified = 0;
	return write_head(d, h);
}

void
index_save(struct maildrop *d)
{
	struct head h = {.layout = layout(),
	    .ino = (uint64_t)d->mark.ino,
	    .size = (uint64_t)d->mark.size,
	    .ctime_s = (uint64_t)d->mark.ctime.tv_sec,
	    .ctime_ns = (uint64_t)d->mark.ctime.tv_nsec,
	    .end = (uint64_t)d->end,
	    .count = d->count,
	    .identified = d->with_ids,
	    .kept = d->kept_count};
	enum rc rc;

	if (d->state_fd < 0)
		return;
	if (!d->mark.quiet)
		h.ctime_ns = UINT64_MAX; /* as no file has it */
	rc = tail_sum(d, d->end, &h.tail_sum);
	h.copies = d->alike;
	copies_as_bases(d);
	if (rc == RC_OK)
		rc = write_parts(d, &h);
	copies_as_ids(d);
	if (rc != RC_OK)
		return; /* no index, or one whose sums are wrong */
}

void
index_drop(struct maildrop *d)
{
	struct head h = {.layout = layout(), .kept = d->kept_count};

	d->doubted = 1;
	if (d->state_fd >= 0 && write_parts(d, &h) != RC_OK)
		return; /* what it says is proved again when it is used */
}

void
index_trim(const struct maildrop *d)
{
	off_t size = (off_t)(messages_at(d->kept_count) +
			     d->count * sizeof(struct message));

	if (d->state_fd >= 0 && ftruncate(d->state_fd, size) != 0)
		return;
}
