/* holding - one mailbox that the broker has open for the session: its file,
 * its state file, its locks. Everything here runs as the user. */
#ifndef PRIV_HOLDING_H
#define PRIV_HOLDING_H

#include "priv/place.h"
#include "store/lock.h"
#include "store/survivors.h"

struct holding {
	struct place place;
	int mbox_fd;    /* -1: the maildrop is absent, or nothing is held */
	int read_fd;    /* the same to read only, for the session; or -1 */
	int state_fd;   /* -1: no state */
	int journal_fd; /* in its place, beside the mailbox; or -1 */
	struct lock lock;
	const struct account *who;
	gid_t spool_gid;     /* raised for the maildrop, or CRED_NO_GROUP */
	unsigned raised : 1; /* it could not be lowered: serve nobody more */
};

/* holding_init - nothing is held. */
void holding_init(struct holding *h);

/* holding_begin - makes h ready for place, which it takes over. RC_TOOLONG: no
 * dotlock of that name can be; RC_NOSUCH: nor of that folder's. */
enum rc holding_begin(struct holding *h, const struct place *place,
    const struct account *who, gid_t spool_gid) MUST_CHECK;

/* holding_open_state - opens the state file in dirfd. What fails leaves h
 * without one. */
enum rc holding_open_state(struct holding *h, int dirfd) MUST_CHECK;

/* holding_claim - takes the session lock, which is on the state file, and notes
 * the time in it. RC_BUSY: another session has it. RC_IO leaves h without a
 * state file. */
enum rc holding_claim(struct holding *h) MUST_CHECK;

/* holding_rival - the broker of the session that has the session lock, or 0;
 * and for how many seconds it has had it, at least 1. */
pid_t holding_rival(const struct holding *h, unsigned *busy_s);

/* holding_try - opens the file, unless it is open, and takes its locks, as
 * lock_try does. A folder that cannot be changed or locked against changes is
 * opened for reading. RC_NOSUCH: absent; for a folder also whatever the user
 * may not read. RC_BUSY; RC_CHANGED: another file has the name; RC_DENIED;
 * RC_IO. */
enum rc holding_try(struct holding *h) MUST_CHECK;

/* holding_prepare - makes the next holding_try quicker. As holding_unlock. */
enum rc holding_prepare(struct holding *h) MUST_CHECK;

/* holding_recover - finishes a deletion that was cut short, as journal_recover
 * does. The locks are held. RC_BUSY: somebody plays with the journal. */
enum rc holding_recover(struct holding *h, unsigned *finished) MUST_CHECK;

/* holding_journal - where no state is kept, makes a journal beside the mailbox
 * for what comes; holding_unlock removes it. RC_OK: there is a place for one,
 * or none is possible, which only matters when octets must move. */
void holding_journal(struct holding *h);

/* holding_update - removes what order says, as journal_run does. */
enum rc holding_update(struct holding *h, const struct order *order) MUST_CHECK;

/* holding_remove - holding_try and holding_update in one, if the mailbox was
 * changed last when seen says and no deletion is to be finished first. Anything
 * but RC_OK and RC_UNFINISHED: nothing has gone, and the locks may be held. */
enum rc holding_remove(struct holding *h, const struct order *order,
    const struct seen *seen) MUST_CHECK;

/* holding_reopen - the next holding_try opens the file anew. */
void holding_reopen(struct holding *h);

/* holding_unlock - gives up the spool locks. RC_IO: the group that was raised
 * for it cannot be lowered again, the process must end. */
enum rc holding_unlock(struct holding *h) MUST_CHECK;

/* holding_close - gives up everything; nothing is held. As holding_unlock. */
enum rc holding_close(struct holding *h) MUST_CHECK;

/* holding_is - whether h is at that place. */
unsigned holding_is(const struct holding *h, const struct place *place);

#endif
