/* update.h - a whole UPDATE in one process, for the tests of store/: the plan
 * of the session and the broker's part, as priv/ puts them together. */
#ifndef TESTS_UNIT_STORE_UPDATE_H
#define TESTS_UNIT_STORE_UPDATE_H

#include "store/journal.h"
#include "store/maildrop.h"

/* update - what is marked goes; journal_fd is the state file, or another one,
 * or -1. */
static inline enum rc
update(struct maildrop *d, int journal_fd)
{
	struct order order;
	enum rc rc = d->ops->plan(d, journal_fd, &order);

	if (rc == RC_OK)
		rc = journal_run(journal_fd, d->fd, &order);
	if (rc == RC_OK)
		d->ops->removed(d);
	return rc;
}

/* recover - as it is done before a mailbox is scanned. */
static inline unsigned
recover(int journal_fd, int fd)
{
	unsigned finished;

	assert_int_equal(journal_recover(journal_fd, fd, &finished), RC_OK);
	return finished;
}

#endif
