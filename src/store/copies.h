/* copies - messages that would have the same unique-id, told apart for good.
 *
 * The first of a kind keeps the id, the n-th gets one made from it and n. Once
 * a copy is deleted the others can no longer be counted, so their ordinals are
 * kept in the state file: the only thing about ids that the mailbox itself
 * does not say. Losing the record renumbers such copies and nothing else. */
#ifndef STORE_COPIES_H
#define STORE_COPIES_H

#include "store/maildrop.h"

enum {
	COPIES_KEPT_MAX = 65536,              /* records */
	COPIES_RECORD_OCTETS = UID_OCTETS + 4 /* base id, 32-bit ordinal */
};

struct copies;

/* copies_find - tells the messages of d apart: their ids, all just made, may
 * be alike and are distinct afterwards; d->copies remembers how. The records in
 * d->kept are heeded. RC_NOMEM. */
enum rc copies_find(struct maildrop *d) MUST_CHECK;

/* copies_keep - makes d->kept the ordinals of the copies that are not marked as
 * deleted, where they no longer count 1, 2, 3 by themselves. RC_NOMEM. */
enum rc copies_keep(struct maildrop *d) MUST_CHECK;

/* copies_as_bases, copies_as_ids - give copies the id that they had before they
 * were told apart, and back. */
void copies_as_bases(struct maildrop *d);
void copies_as_ids(struct maildrop *d);

/* copies_free - what copies_find made; NULL is allowed. */
void copies_free(struct copies *c);

#endif
