/* copies - see copies.h. Knows ids and the state file's record of copies.
 *
 * The record: "popdcopy", a 32-bit version, a 32-bit count, then for each
 * 16 octets of base id and a 32-bit ordinal, then the SHA-256 of all that. */
#include "store/copies.h"
#include "store/survivors.h"
#include "store/uid.h"
#include "sys/buf.h"
#include "sys/io.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_OCTETS = 16, RECORD_OCTETS = UID_OCTETS + 4, VERSION = 1 };

static const char magic[8] = {'p', 'o', 'p', 'd', 'c', 'o', 'p', 'y'};

/* copy - one message of a group with the same base id. */
struct copy {
	unsigned char base[UID_OCTETS];
	uint32_t i;       /* the message's index */
	uint32_t ordinal; /* 1 for the first of its kind */
	uint32_t head;    /* where the group's first stands in list */
	uint32_t highest; /* head only: the highest ordinal in use */
	uint32_t seek;    /* head only: before it every copy is numbered */
};

struct copies {
	struct copy *list; /* owned; groups interleaved, each in file order */
	size_t count, room;
	uint32_t *slots; /* owned: open addressing, 0 is empty, else 1 + */
	size_t mask;     /* a message's index or, with HEAD, one of list */
};

#define HEAD 0x80000000u

/* kept - the record of a state file. */
struct kept {
	unsigned char *data; /* owned; count records */
	size_t count;
};

static enum rc
add(struct copies *c, const unsigned char *base, size_t i, struct copy **out)
{
	if (c->count == c->room) {
		size_t room = 2 * c->room;
		struct copy *list = realloc(c->list, room * sizeof(*list));

		if (list == NULL)
			return RC_NOMEM;
		c->list = list;
		c->room = room;
	}
	*out = &c->list[c->count++];
	memset(*out, 0, sizeof(**out));
	memcpy((*out)->base, base, UID_OCTETS);
	(*out)->i = (uint32_t)i;
	return RC_OK;
}

/* slot_of - where base stands, or the empty slot where it belongs. */
static uint32_t *
slot_of(
    const struct copies *c, const struct maildrop *d, const unsigned char *base)
{
	uint64_t at;

	memcpy(&at, base, sizeof(at));
	for (;; at++) {
		uint32_t *slot = &c->slots[at & c->mask];
		uint32_t n = (*slot & ~HEAD) - 1;
		const unsigned char *id;

		if (*slot == 0)
			return slot;
		id = (*slot & HEAD) != 0 ? c->list[n].base : d->msg[n].id;
		if (memcmp(id, base, UID_OCTETS) == 0)
			return slot;
	}
}

/* begin_group - makes the message in slot the head of a group. */
static enum rc
begin_group(struct copies *c, const struct maildrop *d, uint32_t *slot)
{
	uint32_t i = *slot - 1;
	struct copy *copy;
	enum rc rc = add(c, d->msg[i].id, i, &copy);

	if (rc != RC_OK)
		return rc;
	copy->head = (uint32_t)(c->count - 1);
	*slot = HEAD | (uint32_t)c->count;
	return RC_OK;
}

static enum rc
find_groups(struct copies *c, const struct maildrop *d)
{
	for (size_t i = 0; i < d->count; i++) {
		uint32_t *slot = slot_of(c, d, d->msg[i].id);
		struct copy *copy;
		enum rc rc = RC_OK;

		if (*slot == 0) {
			*slot = (uint32_t)i + 1;
			continue;
		}
		if ((*slot & HEAD) == 0)
			rc = begin_group(c, d, slot);
		if (rc == RC_OK)
			rc = add(c, d->msg[i].id, i, &copy);
		if (rc != RC_OK)
			return rc;
		copy->head = (*slot & ~HEAD) - 1;
	}
	return RC_OK;
}

/* apply - gives the next message of a group without one its kept ordinal. */
static enum rc
apply(struct copies *c, const struct maildrop *d, const unsigned char *record)
{
	uint32_t *slot = slot_of(c, d, record);
	uint32_t ordinal, head;
	enum rc rc = RC_OK;
	size_t n;

	ordinal = (uint32_t)record[UID_OCTETS] |
		  (uint32_t)record[UID_OCTETS + 1] << 8 |
		  (uint32_t)record[UID_OCTETS + 2] << 16 |
		  (uint32_t)record[UID_OCTETS + 3] << 24;
	if (*slot == 0 || ordinal == 0 || ordinal > INT32_MAX)
		return RC_OK;
	if ((*slot & HEAD) == 0)
		rc = begin_group(c, d, slot);
	if (rc != RC_OK)
		return rc;
	head = (*slot & ~HEAD) - 1;
	if (ordinal <= c->list[head].highest)
		return RC_OK;
	n = c->list[head].seek > head ? c->list[head].seek : head;
	while (n < c->count && c->list[n].head != head)
		n++;
	if (n < c->count) {
		c->list[n].ordinal = ordinal;
		c->list[head].highest = ordinal;
	}
	c->list[head].seek = (uint32_t)n + 1;
	return RC_OK;
}

/* read_kept - the state file's record; none when it is not whole. */
static enum rc
read_kept(int state_fd, struct kept *k)
{
	unsigned char head[HEAD_OCTETS], sum[DIGEST_OCTETS];
	struct digest digest;
	struct buf b;
	uint32_t version, count;
	size_t got, size;

	memset(k, 0, sizeof(*k));
	if (state_fd < 0 ||
	    io_pread(state_fd, head, sizeof(head), STATE_BODY, &got) != RC_OK ||
	    got != sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
		return RC_OK;
	buf_init(&b, head, sizeof(head));
	b.len = sizeof(head);
	b.pos = sizeof(magic);
	if (buf_get_u32(&b, &version) != RC_OK ||
	    buf_get_u32(&b, &count) != RC_OK || version != VERSION ||
	    count > COPIES_KEPT_MAX)
		return RC_OK;
	size = (size_t)count * RECORD_OCTETS;
	k->data = malloc(size + DIGEST_OCTETS);
	if (k->data == NULL)
		return RC_NOMEM;
	if (io_pread(state_fd, k->data, size + DIGEST_OCTETS,
		STATE_BODY + HEAD_OCTETS, &got) != RC_OK ||
	    got != size + DIGEST_OCTETS)
		return RC_OK;
	digest_init(&digest);
	digest_add(&digest, head, sizeof(head));
	digest_add(&digest, k->data, size);
	digest_end(&digest, sum);
	if (memcmp(sum, k->data + size, DIGEST_OCTETS) == 0)
		k->count = count;
	return RC_OK;
}

/* number - an ordinal for every copy, and from it the id. */
static void
number(struct copies *c, struct maildrop *d)
{
	for (size_t n = 0; n < c->count; n++) {
		struct copy *copy = &c->list[n];

		if (copy->ordinal == 0)
			copy->ordinal = ++c->list[copy->head].highest;
		if (copy->ordinal > 1)
			uid_copy(copy->base, copy->ordinal, d->msg[copy->i].id);
	}
}

enum rc
copies_find(struct maildrop *d)
{
	struct copies *c = calloc(1, sizeof(*c));
	struct kept kept = {NULL, 0};
	size_t slots = 64;
	enum rc rc = RC_NOMEM;

	if (c == NULL)
		return RC_NOMEM;
	while (slots < 2 * d->count)
		slots *= 2;
	c->mask = slots - 1;
	c->slots = calloc(slots, sizeof(*c->slots));
	c->room = 16;
	c->list = calloc(c->room, sizeof(*c->list));
	if (c->slots == NULL || c->list == NULL)
		goto out;
	rc = find_groups(c, d);
	if (rc == RC_OK)
		rc = read_kept(d->state_fd, &kept);
	for (size_t n = 0; n < kept.count && rc == RC_OK; n++)
		rc = apply(c, d, kept.data + n * RECORD_OCTETS);
	if (rc == RC_OK)
		number(c, d);
out:
	free(kept.data);
	free(c->slots);
	c->slots = NULL;
	if (rc != RC_OK) {
		copies_free(c);
		c = NULL;
	}
	d->copies = c;
	return rc;
}

/* write_record - count records at data behind their head, with the digest. */
static enum rc
write_record(int state_fd, const unsigned char *data, uint32_t count)
{
	unsigned char head[HEAD_OCTETS], sum[DIGEST_OCTETS];
	size_t size = (size_t)count * RECORD_OCTETS;
	struct digest digest;
	struct buf b;
	enum rc rc;

	buf_init(&b, head, sizeof(head));
	rc = buf_put(&b, magic, sizeof(magic));
	if (rc == RC_OK)
		rc = buf_put_u32(&b, VERSION);
	if (rc == RC_OK)
		rc = buf_put_u32(&b, count);
	digest_init(&digest);
	digest_add(&digest, head, sizeof(head));
	digest_add(&digest, data, size);
	digest_end(&digest, sum);
	if (rc == RC_OK)
		rc = io_pwrite(state_fd, head, sizeof(head), STATE_BODY);
	if (rc == RC_OK)
		rc = io_pwrite(state_fd, data, size, STATE_BODY + HEAD_OCTETS);
	if (rc == RC_OK)
		rc = io_pwrite(state_fd, sum, sizeof(sum),
		    STATE_BODY + HEAD_OCTETS + (off_t)size);
	return rc;
}

/* mark_gaps - sets highest of every head to 0 where the ordinals of the copies
 * that stay are 1, 2, 3 by themselves, else to something else. */
static void
mark_gaps(struct copies *c, const struct maildrop *d)
{
	uint32_t *next = calloc(c->count + 1, sizeof(*next));

	for (size_t n = 0; n < c->count; n++)
		c->list[n].highest = next == NULL ? 1 : 0;
	for (size_t n = 0; n < c->count && next != NULL; n++) {
		const struct copy *copy = &c->list[n];

		if (d->msg[copy->i].deleted)
			continue;
		if (copy->ordinal != ++next[copy->head])
			c->list[copy->head].highest = 1;
	}
	free(next);
}

enum rc
copies_keep(struct maildrop *d)
{
	struct copies *c = d->copies;
	unsigned char *data;
	uint32_t count = 0;
	struct buf b;
	enum rc rc = RC_OK;

	if (c == NULL || d->state_fd < 0 ||
	    (c->count == 0 && !copies_recorded(d->state_fd)))
		return RC_OK;
	data = malloc(c->count * RECORD_OCTETS + 1);
	if (data == NULL)
		return RC_NOMEM;
	buf_init(&b, data, c->count * RECORD_OCTETS);
	mark_gaps(c, d);
	for (size_t n = 0; n < c->count && rc == RC_OK; n++) {
		const struct copy *copy = &c->list[n];

		if (d->msg[copy->i].deleted ||
		    c->list[copy->head].highest == 0 ||
		    count == COPIES_KEPT_MAX)
			continue;
		rc = buf_put(&b, copy->base, UID_OCTETS);
		if (rc == RC_OK)
			rc = buf_put_u32(&b, copy->ordinal);
		count++;
	}
	if (rc == RC_OK && (count > 0 || copies_recorded(d->state_fd)))
		rc = write_record(d->state_fd, data, count);
	free(data);
	return rc;
}

unsigned
copies_recorded(int state_fd)
{
	unsigned char head[HEAD_OCTETS];
	size_t got;

	if (state_fd < 0 ||
	    io_pread(state_fd, head, sizeof(head), STATE_BODY, &got) != RC_OK)
		return 0;
	return got == sizeof(head) && memcmp(head, magic, sizeof(magic)) == 0 &&
	       memcmp(head + 12, "\0\0\0\0", 4) != 0;
}

void
copies_free(struct copies *c)
{
	if (c == NULL)
		return;
	free(c->slots);
	free(c->list);
	free(c);
}
