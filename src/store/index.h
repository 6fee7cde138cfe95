/* index - what the last session knew of a mailbox, kept in the state file:
 * where its messages are, and what tells copies apart. Safe to lose: a mailbox
 * without one is scanned. Never believed: it is checked against itself and the
 * mailbox, and memory is safe whatever it says. */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "store/maildrop.h"

/* index_load - the messages of d as the index has them, for d->mark, which is
 * the mailbox now: all of them when it has not changed since, the first ones
 * when it has only grown; d->end is where they end. Else none. The record of
 * copies is taken from it in any case. RC_NOMEM; RC_IO with errno. */
enum rc index_load(struct maildrop *d) MUST_CHECK;

/* index_save - writes what d knows, its marked messages too, for d->mark. What
 * fails costs the next session time and nothing else. */
void index_save(struct maildrop *d);

/* index_drop - what the index says of the messages of d is wrong, and so is
 * what d says: the next session scans. The record of copies stays. */
void index_drop(struct maildrop *d);

/* index_trim - cuts off what is in the state file behind the index of d. Only
 * where no journal can be there. */
void index_trim(const struct maildrop *d);

#endif
