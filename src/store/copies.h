/* copies - messages that would have the same unique-id, told apart for good.
 *
 * The first of a kind keeps the id, the n-th gets one made from it and n. Once
 * a copy is deleted the others can no longer be counted, so their ordinals are
 * kept in the state file: the only thing about ids that the mailbox itself
 * does not say. Losing the record renumbers such copies and nothing else. */
#ifndef STORE_COPIES_H
#define STORE_COPIES_H

#include "store/maildrop.h"

enum { COPIES_KEPT_MAX = 65536 }; /* records taken from a state file */

struct copies;

/* copies_find - tells the messages of d apart: their ids, all just made, may
 * be alike and are distinct afterwards; d->copies remembers how. An absent or
 * damaged record counts as none. RC_NOMEM. */
enum rc copies_find(struct maildrop *d) MUST_CHECK;

/* copies_keep - records the ordinals of the copies that are not marked as
 * deleted, where they no longer count 1, 2, 3 by themselves. RC_NOMEM, RC_IO:
 * the record may be damaged, which copies_find notices. */
enum rc copies_keep(struct maildrop *d) MUST_CHECK;

/* copies_recorded - whether the state file holds any record. */
unsigned copies_recorded(int state_fd);

/* copies_free - what copies_find made; NULL is allowed. */
void copies_free(struct copies *c);

#endif
