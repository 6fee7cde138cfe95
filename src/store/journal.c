/* journal - moving the survivors of a deletion to the front of the file, in
 * place: deliverers may hold the inode open and wait for its lock, so another
 * file must never take its name. Knows octets and offsets, and no mail.
 *
 *            order, header SHIFTING              all moved, header TRUNCATING
 *    IDLE ------------------------> SHIFTING ---------------------> TRUNCATING
 *      ^                             |  ^  | a step: the header says which
 * octets |                             +--+--+ move next, then they move
 *      +----------------------------- cut, header IDLE ------------------+
 *
 * The header lies in two slots that are written in turn; the valid one with
 * the higher number counts. What must hold (J1 to J9, as in docs/update.md):
 *
 * J1 Until the first SHIFTING header is durable nothing of the mailbox is
 *    written, and from then on the deletion is decided.
 * J2 The mailbox's octets and size are durable before that header is written.
 * J3 A slot is written only while the other one is durable.
 * J4 Octets of the mailbox are written only when a durable header says so: a
 *    step that overlaps its own source has been saved in the state file, any
 *    other can be repeated from the mailbox.
 * J5 Saved octets are not overwritten before a durable header speaks of others.
 * J6 A step is durable before a header says that it is done.
 * J7 The mailbox is cut only when a durable TRUNCATING header says so, and a
 *    mark that this run made up stands where it ends: no mark, already cut.
 * J8 What was appended after a crash is one more survivor, written into the
 *    header before it moves; it never moves over what the anchors guard.
 * J9 A mailbox whose inode, size or anchors are not what the header says has
 *    been rewritten by somebody else: the journal is set aside. */
#include "store/journal.h"
#include "sys/buf.h"
#include "sys/digest.h"
#include "sys/io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum phase { IDLE, SHIFTING, TRUNCATING };

#ifndef JOURNAL_STEP_OCTETS /* smaller for the model that tests this file */
#define JOURNAL_STEP_OCTETS (4 * 1024 * 1024)
#endif

enum {
	MARK_OCTETS = 16,
	SAVED_MAX = JOURNAL_STEP_OCTETS,       /* octets of a saved step */
	DIRECT_MAX = 16 * JOURNAL_STEP_OCTETS, /* of any other */
	SAVED_SMALL = STATE_BLOCK / 2,         /* what the small room allows */
	ANCHOR_OCTETS = STATE_BLOCK,
	SLOT_OCTETS = 512
};

/* header - numbers only; a slot holds them little-endian, behind a magic
 * number and before a checksum. */
struct header {
	uint64_t seq;
	uint64_t phase;
	uint64_t ino;
	struct order order;
	uint64_t size; /* of the mailbox, what came after order included */
	uint64_t done; /* octets of the survivors that are in place */
	uint64_t step; /* octets saved, to be moved next; 0: none */
	uint64_t base; /* where the state file has room for us */
	uint64_t saved_at, saved_room, saved_sum; /* the step's octets */
	uint64_t state_size;    /* of the state file without us */
	uint64_t before, after; /* checksums of the anchors */
	uint64_t mark[2];
};

enum { HEADER_NUMBERS = sizeof(struct header) / sizeof(uint64_t) };

static const unsigned char magic[8] = {'p', 'o', 'p', 'd', 'j', 'r', 'n', '1'};
static const unsigned char zeroes[STATE_BLOCK];

struct journal {
	int state_fd, mbox_fd;
	struct header h;
	struct stream stream;
	uint64_t gathered; /* octets that the stream has passed */
	char *block;       /* SAVED_MAX octets, or what there is to move */
	size_t room;
	unsigned decided : 1; /* a SHIFTING header is durable */
};

static enum rc
sync_file(int fd)
{
	return fdatasync(fd) == 0 ? RC_OK : RC_IO;
}

/* read_all - n octets or RC_CHANGED. */
static enum rc
read_all(int fd, void *to, size_t n, uint64_t at)
{
	size_t got;
	enum rc rc = io_pread(fd, to, n, (off_t)at, &got);

	return rc == RC_OK && got != n ? RC_CHANGED : rc;
}

/* ---- the header ---- */

/* put_header - the next slot, not durable yet. */
static enum rc
put_header(struct journal *j)
{
	unsigned char slot[SLOT_OCTETS] = {0};
	uint64_t numbers[HEADER_NUMBERS];
	struct buf b;
	enum rc rc;

	j->h.seq++;
	memcpy(numbers, &j->h, sizeof(numbers));
	buf_init(&b, slot, sizeof(slot));
	rc = buf_put(&b, magic, sizeof(magic));
	for (size_t i = 0; i < HEADER_NUMBERS && rc == RC_OK; i++)
		rc = buf_put_u64(&b, numbers[i]);
	if (rc == RC_OK)
		rc = buf_put_u64(&b, digest_quick(0, slot, b.len));
	if (rc == RC_OK)
		rc = io_pwrite(j->state_fd, slot, sizeof(slot),
		    STATE_SLOT + (off_t)(j->h.seq & 1) * STATE_BLOCK);
	return rc;
}

/* commit - the header is durable, and what went into the state file before. */
static enum rc
commit(struct journal *j)
{
	enum rc rc = put_header(j);

	if (rc == RC_OK)
		rc = sync_file(j->state_fd);
	j->decided |= rc == RC_OK;
	return rc;
}

/* parse_slot - the header in a slot; 0 when it is none. */
static unsigned
parse_slot(unsigned char *slot, struct header *out)
{
	uint64_t numbers[HEADER_NUMBERS], sum;
	struct buf b;

	buf_init(&b, slot, SLOT_OCTETS);
	b.len = SLOT_OCTETS;
	b.pos = sizeof(magic);
	if (memcmp(slot, magic, sizeof(magic)) != 0)
		return 0;
	for (size_t i = 0; i < HEADER_NUMBERS; i++) {
		if (buf_get_u64(&b, &numbers[i]) != RC_OK)
			return 0;
	}
	if (buf_get_u64(&b, &sum) != RC_OK ||
	    sum != digest_quick(0, slot, b.pos - sizeof(sum)))
		return 0;
	memcpy(out, numbers, sizeof(*out));
	return 1;
}

/* is_newer - their numbers may have begun anew behind the last one. */
static unsigned
is_newer(const struct header *a, const struct header *b)
{
	return a->seq != b->seq && a->seq - b->seq <= INT64_MAX;
}

/* load - the header that counts. RC_NOSUCH: the file is new; RC_CHANGED: both
 * slots are damaged. */
static enum rc
load(struct journal *j)
{
	unsigned char slots[STATE_BLOCK + SLOT_OCTETS];
	unsigned char *second = slots + STATE_BLOCK;
	struct header other;
	size_t got;
	enum rc rc;

	memset(&j->h, 0, sizeof(j->h));
	rc = io_pread(j->state_fd, slots, sizeof(slots), STATE_SLOT, &got);
	if (rc != RC_OK)
		return rc;
	if (got < sizeof(slots))
		return RC_NOSUCH;
	if (parse_slot(slots, &j->h)) {
		if (parse_slot(second, &other) && is_newer(&other, &j->h))
			j->h = other;
		return RC_OK;
	}
	if (parse_slot(second, &j->h) ||
	    (memcmp(slots, zeroes, sizeof(magic)) == 0 &&
		memcmp(second, zeroes, sizeof(magic)) == 0))
		return RC_OK;
	return RC_CHANGED;
}

/* make_room - a new state file gets its blocks, so that the journal of a small
 * deletion needs no more when the disk is full. Without them it only may. */
static void
make_room(int state_fd)
{
	for (off_t at = STATE_SLOT; at < STATE_BODY; at += STATE_BLOCK) {
		if (io_pwrite(state_fd, zeroes, sizeof(zeroes), at) != RC_OK)
			return;
	}
}

/* ---- the mailbox as the header describes it ---- */

static uint64_t
total(const struct header *h)
{
	return h->size - h->order.from - h->order.gap;
}

/* anchors - checksums of octets that no step writes: those before the first
 * that goes, and the last ones, as far as the mark does not reach. */
static enum rc
anchors(const struct journal *j, uint64_t *before, uint64_t *after)
{
	unsigned char octets[ANCHOR_OCTETS];
	const struct order *o = &j->h.order;
	size_t n = o->from < sizeof(octets) ? (size_t)o->from : sizeof(octets);
	enum rc rc = read_all(j->mbox_fd, octets, n, o->from - n);

	if (rc != RC_OK)
		return rc;
	*before = digest_quick(0, octets, n);
	n = 0;
	if (o->gap > MARK_OCTETS)
		n = o->gap - MARK_OCTETS < sizeof(octets)
			? (size_t)o->gap - MARK_OCTETS
			: sizeof(octets);
	rc = read_all(j->mbox_fd, octets, n, j->h.size - n);
	*after = digest_quick(0, octets, n);
	return rc;
}

/* mark_len - of the mark: it must not reach beyond the gap. */
static size_t
mark_len(const struct header *h)
{
	return h->order.gap < MARK_OCTETS ? (size_t)h->order.gap : MARK_OCTETS;
}

static enum rc
write_mark(const struct journal *j)
{
	return io_pwrite(j->mbox_fd, j->h.mark, mark_len(&j->h),
	    (off_t)(j->h.size - j->h.order.gap));
}

/* new_mark - begins with a NUL, as no mail does, and is not met by chance. */
static enum rc
new_mark(struct header *h)
{
	if (getrandom(h->mark, sizeof(h->mark), 0) != sizeof(h->mark))
		return RC_IO;
	memset(h->mark, 0, 1);
	return RC_OK;
}

/* fits - whether the mailbox, of size octets, is the one of the header. */
static enum rc
fits(const struct journal *j, uint64_t size, uint64_t ino)
{
	uint64_t before, after;
	enum rc rc;

	if (ino != j->h.ino || size < j->h.size)
		return RC_CHANGED;
	rc = anchors(j, &before, &after);
	if (rc != RC_OK)
		return rc;
	return before == j->h.before && after == j->h.after ? RC_OK
							    : RC_CHANGED;
}

/* ---- moving ---- */

/* gather - the next n octets of the survivors into the block; n <= room. */
static enum rc
gather(struct journal *j, size_t n)
{
	size_t have = 0;

	while (have < n) {
		struct extent *e = &j->stream.now;
		size_t m = n - have;
		enum rc rc;

		if (e->len == 0) {
			rc = stream_next(&j->stream);
			if (rc != RC_OK)
				return rc == RC_EOF ? RC_CORRUPT : rc;
			continue;
		}
		if ((uint64_t)e->len < m)
			m = (size_t)e->len;
		rc =
		    read_all(j->mbox_fd, j->block + have, m, (uint64_t)e->from);
		if (rc != RC_OK)
			return rc;
		e->from += (off_t)m;
		e->len -= (off_t)m;
		have += m;
	}
	j->gathered += n;
	return RC_OK;
}

static uint64_t
place_of(const struct header *h, uint64_t done)
{
	return h->order.from + done;
}

/* rewind_to - puts the stream behind the first done octets. */
static enum rc
rewind_to(struct journal *j, uint64_t done)
{
	j->gathered = done;
	stream_begin(&j->stream, &j->h.order, j->state_fd, j->h.size);
	return stream_skip(&j->stream, done);
}

/* start - lets the disk begin with what a sync_file will wait for. Without it
 * that takes longer, and nothing else. */
static void
start(int fd, uint64_t at, uint64_t n)
{
	(void)sync_file_range(fd, (off_t)at, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

/* put - the first n octets of the block, as the survivors' from done on. */
static enum rc
put(const struct journal *j, size_t n, uint64_t done)
{
	uint64_t at = place_of(&j->h, done);
	enum rc rc = io_pwrite(j->mbox_fd, j->block, n, (off_t)at);

	start(j->mbox_fd, at, n);
	if (rc == RC_OK && done + n == total(&j->h))
		rc = write_mark(j);
	return rc;
}

/* put_direct - a step of n octets that do not reach their own source. */
static enum rc
put_direct(struct journal *j, uint64_t n)
{
	enum rc rc = RC_OK;

	for (uint64_t moved = 0; moved < n && rc == RC_OK;) {
		size_t m = n - moved < j->room ? (size_t)(n - moved) : j->room;

		rc = gather(j, m);
		if (rc == RC_OK)
			rc = put(j, m, j->h.done + moved);
		moved += m;
	}
	return rc;
}

/* end_step - the n octets that were put, and the mark, are durable. */
static enum rc
end_step(struct journal *j, uint64_t n)
{
	enum rc rc = sync_file(j->mbox_fd);

	j->h.done += n;
	return rc;
}

/* other_room - where the next saved octets go: not where this step's are. */
static uint64_t
other_room(const struct header *h, uint64_t base)
{
	return h->saved_at == base ? base + h->saved_room : base;
}

/* save - the first *n octets of the block into the state file; where it has no
 * room for so many, fewer into the blocks that it was made with. */
static enum rc
save(struct journal *j, size_t *n)
{
	struct header *h = &j->h;
	enum rc rc = RC_OK;

	h->saved_at =
	    other_room(h, h->saved_room > SAVED_SMALL ? h->base : STATE_SAVED);
	rc = io_pwrite(j->state_fd, j->block, *n, (off_t)h->saved_at);
	if (rc == RC_IO && h->saved_room > SAVED_SMALL &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
		h->saved_room = SAVED_SMALL;
		h->saved_at = STATE_SAVED;
		if (*n > SAVED_SMALL)
			*n = SAVED_SMALL;
		rc = io_pwrite(j->state_fd, j->block, *n, STATE_SAVED);
	}
	start(j->state_fd, h->saved_at, *n);
	h->step = *n;
	h->saved_sum = digest_quick(0, j->block, *n);
	return rc;
}

/* prepare - the step that begins at done: how long it is, and its octets in the
 * block and saved, if it would overwrite them. Writes nothing that the step
 * before it needs, which may not be durable yet. */
static enum rc
prepare(struct journal *j, uint64_t done, uint64_t *n)
{
	struct header *h = &j->h;
	uint64_t gap;
	size_t m;
	enum rc rc = RC_OK;

	if (j->gathered != done)
		rc = rewind_to(j, done);
	if (rc == RC_OK && j->stream.now.len == 0)
		rc = stream_next(&j->stream);
	if (rc != RC_OK)
		return rc == RC_EOF ? RC_CORRUPT : rc;
	gap = (uint64_t)j->stream.now.from - place_of(h, done);
	*n = total(h) - done;
	if (gap >= h->saved_room + MARK_OCTETS) {
		if (*n > gap - MARK_OCTETS)
			*n = gap - MARK_OCTETS;
		if (*n > DIRECT_MAX)
			*n = DIRECT_MAX;
		h->step = 0;
		return RC_OK;
	}
	if (*n > h->saved_room)
		*n = h->saved_room;
	m = (size_t)*n;
	rc = gather(j, m);
	if (rc == RC_OK)
		rc = save(j, &m);
	*n = m;
	return rc;
}

/* shift - all steps from where the header is. While the disk is busy with one,
 * the next is prepared. */
static enum rc
shift(struct journal *j)
{
	struct header *h = &j->h;
	uint64_t now, next = 0;
	enum rc rc = rewind_to(j, h->done);

	if (rc == RC_OK && h->done < total(h))
		rc = prepare(j, h->done, &next);
	while (rc == RC_OK && h->done < total(h)) {
		now = next;
		rc = commit(j);
		if (rc == RC_OK)
			rc = h->step > 0 ? put(j, (size_t)now, h->done)
					 : put_direct(j, now);
		if (rc == RC_OK && h->done + now < total(h))
			rc = prepare(j, h->done + now, &next);
		if (rc == RC_OK)
			rc = end_step(j, now);
	}
	return rc;
}

/* end_run - the header says that nothing is under way any more. The state file
 * gets back its size, or stays longer than it need be. */
static enum rc
end_run(struct journal *j)
{
	enum rc rc;

	j->h.phase = IDLE;
	rc = put_header(j);
	if (rc == RC_OK && j->h.state_size >= STATE_BODY &&
	    ftruncate(j->state_fd, (off_t)j->h.state_size) != 0)
		rc = RC_OK;
	return rc;
}

/* cut - the last thing of a run in TRUNCATING. */
static enum rc
cut(struct journal *j)
{
	enum rc rc;

	if (ftruncate(j->mbox_fd, (off_t)(j->h.size - j->h.order.gap)) != 0)
		return RC_IO;
	rc = sync_file(j->mbox_fd);
	if (rc == RC_OK && end_run(j) != RC_OK)
		rc = RC_OK; /* TRUNCATING without a mark says as much */
	return rc;
}

/* finish - what is left of a run in SHIFTING. */
static enum rc
finish(struct journal *j)
{
	enum rc rc = shift(j);

	if (rc != RC_OK)
		return rc;
	j->h.phase = TRUNCATING;
	j->h.step = 0;
	rc = commit(j);
	return rc == RC_OK ? cut(j) : rc;
}

/* get_block - memory for the moves. */
static enum rc
get_block(struct journal *j)
{
	uint64_t all = total(&j->h);

	j->room = all < SAVED_MAX ? (size_t)all : SAVED_MAX;
	if (j->room < SAVED_SMALL)
		j->room = SAVED_SMALL;
	j->block = malloc(j->room);
	return j->block == NULL ? RC_NOMEM : RC_OK;
}

/* find_room - what the run needs of the state file, which is state_size long:
 * behind what is there, the list included. */
static void
find_room(struct header *h, uint64_t state_size)
{
	const struct order *o = &h->order;
	uint64_t base = o->list_at + o->list_len;

	h->state_size = o->list_at >= STATE_BODY ? o->list_at : state_size;
	if (h->state_size < STATE_BODY)
		h->state_size = STATE_BODY;
	if (base < state_size)
		base = state_size;
	if (base < STATE_BODY)
		base = STATE_BODY;
	h->base = (base + STATE_BLOCK - 1) / STATE_BLOCK * STATE_BLOCK;
	h->saved_room = total(h) <= SAVED_SMALL ? SAVED_SMALL : SAVED_MAX;
}

/* probe - writes the last octet of those that will be written, as it is: a
 * file-size limit, or a descriptor that cannot write, shows before anything
 * is decided. */
static enum rc
probe(const struct journal *j)
{
	uint64_t at = j->h.size - j->h.order.gap + mark_len(&j->h) - 1;
	char octet;
	enum rc rc = read_all(j->mbox_fd, &octet, 1, at);

	return rc == RC_OK ? io_pwrite(j->mbox_fd, &octet, 1, (off_t)at) : rc;
}

/* begin - the header of a new run, in memory, and the mailbox durable. */
static enum rc
begin(struct journal *j, const struct order *order, const struct stat *mbox)
{
	struct header *h = &j->h;
	struct stat state;
	enum rc rc = load(j);

	if (rc != RC_OK)
		return rc;
	if (h->phase != IDLE)
		return RC_BUG;
	if (fstat(j->state_fd, &state) != 0)
		return RC_IO;
	*h = (struct header){.seq = h->seq,
	    .phase = SHIFTING,
	    .ino = (uint64_t)mbox->st_ino,
	    .order = *order,
	    .size = order->size};
	find_room(h, (uint64_t)state.st_size);
	rc = anchors(j, &h->before, &h->after);
	if (rc == RC_OK)
		rc = new_mark(h);
	if (rc == RC_OK)
		rc = get_block(j);
	if (rc == RC_OK)
		rc = probe(j);
	if (rc == RC_OK) /* what save falls back on must be there by then */
		rc =
		    io_pwrite(j->state_fd, zeroes, sizeof(zeroes), STATE_SAVED);
	if (rc == RC_OK)
		rc = sync_file(j->state_fd); /* J3: the last run's IDLE */
	if (rc == RC_OK)
		rc = sync_file(j->mbox_fd);
	return rc;
}

/* give_up - a run that failed with why before it was decided is none. Where
 * not even that can be written, its own header may not be there either. */
static enum rc
give_up(struct journal *j, enum rc why)
{
	int was = errno;
	enum rc rc;

	if (j->decided)
		return RC_UNFINISHED;
	rc = end_run(j);
	rc = rc == RC_OK ? sync_file(j->state_fd) : journal_idle(j->state_fd);
	errno = was;
	return rc == RC_OK ? why : RC_UNFINISHED;
}

/* ---- recovery ---- */

/* check_header - what a run would have written, whoever wrote it. */
static enum rc
check_header(const struct journal *j)
{
	const struct header *h = &j->h;
	uint64_t list_end = h->order.list_at + h->order.list_len,
		 base = h->base;
	unsigned small = h->saved_room == SAVED_SMALL;
	enum rc rc = order_check(&h->order, j->state_fd);

	if (rc != RC_OK)
		return rc;
	if (h->size < h->order.size || h->size > INT64_MAX ||
	    h->done > total(h) || h->step > total(h) - h->done ||
	    h->step > h->saved_room || base < STATE_BODY || base < list_end ||
	    base > INT64_MAX / 2 || base % STATE_BLOCK != 0 ||
	    h->state_size < STATE_BODY || h->state_size > base)
		return RC_CORRUPT;
	if (!small && h->saved_room != SAVED_MAX)
		return RC_CORRUPT;
	if (h->phase == TRUNCATING && h->done != total(h))
		return RC_CORRUPT;
	if (small)
		base = STATE_SAVED;
	if (h->saved_at != 0 && h->saved_at != base &&
	    h->saved_at != base + h->saved_room)
		return RC_CORRUPT;
	return h->step > 0 && h->saved_at == 0 ? RC_CORRUPT : RC_OK;
}

/* is_marked - whether the mark stands where the mailbox shall end. */
static enum rc
is_marked(const struct journal *j, unsigned *out)
{
	const struct header *h = &j->h;
	unsigned char octets[MARK_OCTETS];
	size_t n = mark_len(h);
	enum rc rc;

	*out = 0;
	if (h->size > INT64_MAX || h->order.gap > h->size)
		return RC_CORRUPT;
	rc = read_all(j->mbox_fd, octets, n, h->size - h->order.gap);
	if (rc == RC_OK)
		*out = memcmp(octets, h->mark, n) == 0;
	return rc == RC_CHANGED ? RC_OK : rc;
}

/* extend - the mailbox has size octets now, and what came is mail. J8 */
static enum rc
extend(struct journal *j, uint64_t size)
{
	uint64_t before;
	enum rc rc;

	if (size == j->h.size)
		return RC_OK;
	rc = sync_file(j->mbox_fd);
	j->h.size = size;
	if (rc == RC_OK)
		rc = anchors(j, &before, &j->h.after);
	if (j->h.phase == TRUNCATING) {
		j->h.phase = SHIFTING;
		j->h.step = 0;
	}
	return rc;
}

/* redo - the step that the header speaks of, once more. Saved octets that are
 * not what was saved never became durable, so the step had not begun, and the
 * mailbox has them still: else somebody has been at them. */
static enum rc
redo(struct journal *j)
{
	struct header *h = &j->h;
	size_t n = (size_t)h->step;
	enum rc rc;

	if (n == 0)
		return RC_OK;
	rc = read_all(j->state_fd, j->block, n, h->saved_at);
	if (rc == RC_OK && digest_quick(0, j->block, n) == h->saved_sum) {
		rc = put(j, n, h->done);
		return rc == RC_OK ? end_step(j, n) : rc;
	}
	if (rc == RC_OK || rc == RC_CHANGED)
		rc = rewind_to(j, h->done);
	if (rc == RC_OK)
		rc = gather(j, n);
	if (rc == RC_OK && digest_quick(0, j->block, n) != h->saved_sum)
		rc = RC_CHANGED;
	return rc;
}

/* resume - a header that is not IDLE. */
static enum rc
resume(struct journal *j)
{
	struct stat st;
	unsigned marked = 1;
	enum rc rc = j->mbox_fd >= 0 ? RC_OK : RC_CHANGED;

	if (rc == RC_OK && fstat(j->mbox_fd, &st) != 0)
		return RC_IO;
	if (rc == RC_OK)
		rc = sync_file(j->state_fd); /* J3: what was loaded */
	if (rc == RC_OK && j->h.phase == TRUNCATING) {
		rc = is_marked(j, &marked);
		if (rc == RC_OK && !marked) {
			rc = sync_file(j->mbox_fd);
			return rc == RC_OK ? end_run(j) : rc;
		}
	}
	if (rc == RC_OK)
		rc = check_header(j);
	if (rc == RC_OK)
		rc = fits(j, (uint64_t)st.st_size, (uint64_t)st.st_ino);
	if (rc == RC_OK)
		rc = extend(j, (uint64_t)st.st_size);
	if (rc == RC_OK)
		rc = get_block(j);
	if (rc != RC_OK)
		return rc;
	if (j->h.phase == TRUNCATING)
		return cut(j);
	rc = redo(j);
	return rc == RC_OK ? finish(j) : rc;
}

/* set_aside - the header is none any more; the other slot still has it. */
static enum rc
set_aside(struct journal *j)
{
	enum rc rc;

	j->h.phase = IDLE;
	rc = put_header(j);
	if (rc == RC_OK)
		rc = sync_file(j->state_fd);
	return rc == RC_OK ? RC_CHANGED : rc;
}

enum rc
journal_recover(int state_fd, int mbox_fd, unsigned *finished)
{
	struct journal j = {.state_fd = state_fd, .mbox_fd = mbox_fd};
	enum rc rc = load(&j);

	*finished = 0;
	if (rc == RC_NOSUCH) {
		make_room(state_fd);
		return RC_OK;
	}
	if (rc == RC_OK && j.h.phase == IDLE)
		return RC_OK;
	if (rc == RC_OK) {
		rc = j.h.phase <= TRUNCATING ? resume(&j) : RC_CORRUPT;
		free(j.block);
	}
	*finished = rc == RC_OK;
	return rc == RC_CHANGED || rc == RC_CORRUPT ? set_aside(&j) : rc;
}

enum rc
journal_run(int state_fd, int mbox_fd, const struct order *order)
{
	struct journal j = {.state_fd = state_fd, .mbox_fd = mbox_fd};
	struct stat mbox;
	unsigned finished;
	enum rc rc = order_check(order, state_fd);

	if (rc != RC_OK)
		return rc;
	if (fstat(mbox_fd, &mbox) != 0)
		return RC_IO;
	if ((uint64_t)mbox.st_size != order->size)
		return RC_CHANGED;
	if (order->gap == order->size - order->from) {
		if (ftruncate(mbox_fd, (off_t)order->from) != 0)
			return RC_IO;
		return fdatasync(mbox_fd) == 0 ? RC_OK : RC_UNFINISHED;
	}
	rc = journal_recover(state_fd, mbox_fd, &finished);
	if (rc == RC_OK)
		rc = begin(&j, order, &mbox);
	if (rc == RC_OK) {
		rc = finish(&j);
		if (rc != RC_OK)
			rc = give_up(&j, rc);
	}
	free(j.block);
	return rc;
}

enum rc
journal_idle(int state_fd)
{
	struct journal j = {.state_fd = state_fd, .mbox_fd = -1};
	enum rc rc = load(&j);

	if (rc == RC_NOSUCH || (rc == RC_OK && j.h.phase == IDLE))
		return RC_OK;
	return rc == RC_IO ? rc : RC_STATE;
}
