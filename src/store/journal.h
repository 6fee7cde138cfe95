/* journal - takes octets out of the middle of a file so that a kill or a power
 * cut at any moment leaves all of them or none, and every other octet.
 *
 * One side writes down what stays (survivors.h); the other, which holds the
 * locks and is alone in writing to the mailbox, does it. The numbered
 * invariants stand in journal.c, and with their reasons in docs/update.md. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/survivors.h"

/* journal_run - makes mbox_fd hold what order says, and that on the disk when
 * it returns. The spool locks are held; state_fd may be -1 when nothing has to
 * move. order may come from anybody.
 * RC_CORRUPT: it does not hold together; RC_CHANGED: the mailbox has another
 * size; RC_NOMEM; RC_IO with errno: the mailbox is as it was.
 * RC_UNFINISHED: what is to go will go, by the next journal_recover. */
enum rc journal_run(
    int state_fd, int mbox_fd, const struct order *order) MUST_CHECK;

/* journal_recover - finishes what was begun, if anything was; the spool locks
 * are held. Makes room in a new state file. *finished is set when it did
 * something. RC_CHANGED: the journal is damaged, or the mailbox is not the one
 * it speaks of; it is set aside and the mailbox is untouched. RC_NOMEM; RC_IO
 * with errno: the mailbox must not be read, nor written. */
enum rc journal_recover(
    int state_fd, int mbox_fd, unsigned *finished) MUST_CHECK;

/* journal_idle - RC_OK when the state file says that nothing is under way, so
 * that it could be removed. RC_STATE: something is; RC_IO. */
enum rc journal_idle(int state_fd) MUST_CHECK;

#endif
