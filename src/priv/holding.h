/* holding - one mailbox that the broker has open for the session: its file,
 * its state file, its locks. Everything here runs as the user. */
#ifndef PRIV_HOLDING_H
#define PRIV_HOLDING_H

#include "priv/place.h"
#include "store/lock.h"

struct holding {
	struct place place;
	int mbox_fd;  /* -1: the maildrop is absent, or nothing is held */
	int state_fd; /* -1: no state */
	struct lock lock;
	const struct account *who;
	gid_t spool_gid; /* raised for the maildrop, or CRED_NO_GROUP */
};

/* holding_init - nothing is held. */
void holding_init(struct holding *h);

/* holding_begin - makes h ready for place, which it takes over. RC_TOOLONG: no
 * dotlock of that name can be; RC_NOSUCH: nor of that folder's. */
enum rc holding_begin(struct holding *h, const struct place *place,
    const struct account *who, gid_t spool_gid) MUST_CHECK;

/* holding_open_state - opens and locks the state file in dirfd. RC_BUSY:
 * another session has it; other results leave h without one. */
enum rc holding_open_state(struct holding *h, int dirfd) MUST_CHECK;

/* holding_try - opens the file, unless it is open, and takes its locks, as
 * lock_try does. A folder that cannot be changed or locked against changes is
 * opened for reading. RC_NOSUCH: absent; for a folder also whatever the user
 * may not read. RC_BUSY; RC_CHANGED: another file has the name; RC_DENIED;
 * RC_IO. */
enum rc holding_try(struct holding *h) MUST_CHECK;

/* holding_unlock - gives up the spool locks. RC_IO: the group that was raised
 * for it cannot be lowered again, the process must end. */
enum rc holding_unlock(struct holding *h) MUST_CHECK;

/* holding_close - gives up everything; nothing is held. As holding_unlock. */
enum rc holding_close(struct holding *h) MUST_CHECK;

/* holding_is - whether h is at that place. */
unsigned holding_is(const struct holding *h, const struct place *place);

#endif
