/* mbox_update - which octets of the file stay when the marked messages go. How
 * they move is the journal's. Knows the mbox format. */
#include "store/copies.h"
#include "store/index.h"
#include "store/mbox.h"
#include "store/survivors.h"

/* walk - where next_survivor has got to. */
struct walk {
	const struct maildrop *d;
	size_t first; /* the first marked message */
	size_t i;     /* the next one to look at */
	unsigned ended : 1;
};

/* next_survivor - the next run of octets that stay: messages that stand side
 * by side, and whatever was delivered behind them. */
static enum rc
next_survivor(void *context, struct extent *out)
{
	struct walk *w = context;
	const struct maildrop *d = w->d;
	off_t size = d->mark.size; /* new mail included */

	while (w->i < d->count && d->msg[w->i].deleted)
		w->i++;
	if (w->ended || (w->i == d->count && size == d->fresh))
		return RC_EOF;
	out->from = w->i < d->count ? (off_t)d->msg[w->i].at : d->fresh;
	while (w->i < d->count && !d->msg[w->i].deleted)
		w->i++;
	if (w->i < d->count) {
		out->len = (off_t)d->msg[w->i].at - out->from;
	} else {
		out->len = size - out->from;
		w->ended = 1;
	}
	return RC_OK;
}

static void
rewind_walk(void *context)
{
	struct walk *w = context;

	w->i = w->first;
	w->ended = 0;
}

/* know_copies - ids must be known before a copy goes whose brothers stay. */
static enum rc
know_copies(struct maildrop *d, size_t first)
{
	size_t last = d->count;

	while (last > first && d->msg[last - 1].deleted)
		last--;
	if (d->left == 0 || (last == first && d->kept_count == 0))
		return RC_OK;
	return mbox_identify(d);
}

/* prove_cuts - RC_OK when mail begins wherever something is cut. */
static enum rc
prove_cuts(struct maildrop *d)
{
	unsigned cut = 0; /* behind the message before */
	enum rc rc = RC_OK;

	for (size_t i = d->first; i < d->count && rc == RC_OK; i++) {
		if (cut || d->msg[i].deleted)
			rc = mbox_prove(d, i, i + 1, &(struct window){.n = 0});
		cut = d->msg[i].deleted;
	}
	return rc;
}

enum rc
mbox_plan(struct maildrop *d, int journal_fd, struct order *out)
{
	struct walk w = {.d = d, .first = d->first, .i = d->first};
	struct survivors s = {
	    .next = next_survivor, .rewind = rewind_walk, .context = &w};
	struct extent e;
	enum rc rc = mbox_check(d);

	if (rc == RC_OK && w.first == d->count)
		rc = RC_STATE;
	if (rc == RC_OK && journal_fd < 0 && next_survivor(&w, &e) == RC_OK)
		rc = RC_LIMIT; /* nobody need know more */
	if (rc == RC_OK)
		rc = prove_cuts(d);
	if (rc == RC_OK)
		rc = know_copies(d, w.first);
	if (rc != RC_OK)
		return rc;
	s.from = (off_t)d->msg[w.first].at;
	s.size = d->mark.size;
	return survivors_list(&s, journal_fd, out);
}

void
mbox_removed(struct maildrop *d)
{
	unsigned tail = d->msg[d->count - 1].deleted;
	off_t gone = 0, behind = d->mark.size - (tail ? d->fresh : d->end);
	size_t n = d->first, ids = n < d->with_ids ? n : d->with_ids;

	if (d->left == 0 || copies_keep(d) != RC_OK)
		d->kept_count = 0; /* copies count anew */
	copies_as_bases(d);
	copies_free(d->copies);
	d->copies = NULL;
	for (size_t i = n; i < d->count; i++) {
		struct message m = d->msg[i];
		off_t next = mbox_next(d, i);

		if (m.deleted) {
			gone += next - (off_t)m.at;
			continue;
		}
		m.at = (m.at - (uint64_t)gone) &
		       ((UINT64_C(1) << MESSAGE_AT_BITS) - 1);
		d->msg[n++] = m;
		ids += i < d->with_ids;
	}
	d->end -= gone;
	d->fresh = d->end;
	d->count = d->left = d->first = n;
	d->proved = 0;
	d->with_ids = ids;
	d->identified = ids == n && d->alike == 0 && d->kept_count == 0;
	if (mbox_quiet_mark(d->fd, &d->mark) != RC_OK)
		return;
	if (d->mark.size != d->end + behind)
		d->mark.quiet = 0; /* then the next session scans */
	index_save(d);
	index_trim(d);
}
