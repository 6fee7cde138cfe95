/* mbox_update - removing the marked messages from the file. Decides what
 * stays; how the octets move is the journal's. Knows the mbox format. */
#include "store/copies.h"
#include "store/journal.h"
#include "store/mbox.h"
#include <unistd.h>

/* survivors - where journal_run has got to. */
struct survivors {
	const struct maildrop *d;
	size_t i;   /* the next message to look at */
	off_t size; /* of the file, new mail included */
	unsigned ended : 1;
};

/* next_survivor - the next run of octets that stay: messages that stand side
 * by side, and whatever was delivered behind them. */
static enum rc
next_survivor(void *context, struct extent *out)
{
	struct survivors *s = context;
	const struct maildrop *d = s->d;

	while (s->i < d->count && d->msg[s->i].deleted)
		s->i++;
	if (s->ended || (s->i == d->count && s->size == d->fresh))
		return RC_EOF;
	out->from = s->i < d->count ? (off_t)d->msg[s->i].at : d->fresh;
	while (s->i < d->count && !d->msg[s->i].deleted)
		s->i++;
	if (s->i < d->count) {
		out->len = (off_t)d->msg[s->i].at - out->from;
	} else {
		out->len = s->size - out->from;
		s->ended = 1;
	}
	return RC_OK;
}

/* cut - the file ends at size, on the disk. */
static enum rc
cut(int fd, off_t size)
{
	if (ftruncate(fd, size) != 0 || fdatasync(fd) != 0)
		return RC_IO;
	return RC_OK;
}

/* shrink - what the marks take away, when first is the first marked message. */
static enum rc
shrink(struct maildrop *d, size_t first)
{
	struct survivors s = {.d = d, .i = first, .size = d->mark.size};
	struct journal_plan plan = {
	    .from = (off_t)d->msg[first].at,
	    .old_size = d->mark.size,
	    .next = next_survivor,
	    .context = &s,
	};
	struct extent e;

	plan.new_size = plan.from;
	while (next_survivor(&s, &e) == RC_OK)
		plan.new_size += e.len;
	if (plan.new_size == plan.from)
		return cut(d->fd, plan.from);
	s = (struct survivors){.d = d, .i = first, .size = d->mark.size};
	return journal_run(d->state_fd, d->fd, &plan);
}

/* know_copies - ids must be known before a copy goes whose brothers stay. */
static enum rc
know_copies(struct maildrop *d, size_t first)
{
	size_t last = d->count;

	while (last > first && d->msg[last - 1].deleted)
		last--;
	if (d->left == 0 || (last == first && !copies_recorded(d->state_fd)))
		return RC_OK;
	return mbox_identify(d);
}

enum rc
mbox_update(struct maildrop *d)
{
	size_t first = 0;
	enum rc rc;

	if (d->left == d->count)
		return RC_OK;
	rc = mbox_check(d);
	if (rc != RC_OK)
		return rc;
	while (!d->msg[first].deleted)
		first++;
	rc = know_copies(d, first);
	if (rc == RC_OK)
		rc = shrink(d, first);
	if (rc == RC_OK && copies_keep(d) != RC_OK)
		return RC_OK; /* the mail is right; copies count anew */
	return rc;
}
