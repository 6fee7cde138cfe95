/* copies - see copies.h. Knows ids, and no file. */
#include "store/copies.h"
#include "store/uid.h"
#include <stdlib.h>
#include <string.h>

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

/* number - an ordinal for every copy. */
static void
number(struct copies *c)
{
	for (size_t n = 0; n < c->count; n++) {
		struct copy *copy = &c->list[n];

		if (copy->ordinal == 0)
			copy->ordinal = ++c->list[copy->head].highest;
	}
}

enum rc
copies_find(struct maildrop *d)
{
	struct copies *c = calloc(1, sizeof(*c));
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
	for (size_t n = 0; n < d->kept_count && rc == RC_OK; n++)
		rc = apply(c, d, d->kept + n * COPIES_RECORD_OCTETS);
	if (rc == RC_OK)
		number(c);
out:
	free(c->slots);
	c->slots = NULL;
	if (rc != RC_OK) {
		copies_free(c);
		c = NULL;
	}
	d->copies = c;
	d->alike = c != NULL ? c->count : 0;
	copies_as_ids(d);
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
	size_t count = 0;

	if (c == NULL)
		return RC_OK;
	data = malloc(c->count * COPIES_RECORD_OCTETS + 1);
	if (data == NULL)
		return RC_NOMEM;
	mark_gaps(c, d);
	for (size_t n = 0; n < c->count; n++) {
		const struct copy *copy = &c->list[n];
		unsigned char *record = data + count * COPIES_RECORD_OCTETS;

		if (d->msg[copy->i].deleted ||
		    c->list[copy->head].highest == 0 ||
		    count == COPIES_KEPT_MAX)
			continue;
		memcpy(record, copy->base, UID_OCTETS);
		for (unsigned i = 0; i < 4; i++)
			record[UID_OCTETS + i] =
			    (unsigned char)(copy->ordinal >> (8 * i));
		count++;
	}
	free(d->kept);
	d->kept = data;
	d->kept_count = count;
	return RC_OK;
}

void
copies_as_bases(struct maildrop *d)
{
	const struct copies *c = d->copies;

	for (size_t n = 0; c != NULL && n < c->count; n++)
		memcpy(d->msg[c->list[n].i].id, c->list[n].base, UID_OCTETS);
}

void
copies_as_ids(struct maildrop *d)
{
	const struct copies *c = d->copies;

	for (size_t n = 0; c != NULL && n < c->count; n++) {
		const struct copy *copy = &c->list[n];

		if (copy->ordinal > 1)
			uid_copy(copy->base, copy->ordinal, d->msg[copy->i].id);
	}
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
